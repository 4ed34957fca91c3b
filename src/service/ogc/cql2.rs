//! CQL2 Text (OGC 21-065r2) to the expression language.
//!
//! The two share grammar and three-valued logic, so the text is rewritten token by token and [`Expression`] reads the result:
//! names are quoted, `CASEI` is `lower`, dates are text, and each `S_INTERSECTS` becomes a name that means its area. What the
//! expression language knows and CQL2 does not is refused, and so is what CQL2 knows and this does not.

use std::fmt::Write;

use crate::city::Expression;
use crate::quantity::Timestamp;

/// A longer text is nobody's filter. The expression language has its own limits to the result: 8 KiB, 64 levels of nesting.
const LONGEST: usize = 8 << 10;

/// Spatial predicates in a filter; each is a search of its own.
const MOST_AREAS: usize = 16;

/// What the name of the geometry is in filters.
pub(super) const GEOMETRY: &str = "geometry";

/// A filter: an expression, and the places that names in it stand for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    pub expression: Expression,
    pub places: Vec<(String, Place)>,
}

/// A place to intersect; longitude and latitude, degrees (CRS84).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    Point([f64; 2]),
    Ring(Vec<[f64; 2]>),
    /// West, south, east, north.
    Box([f64; 4]),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(String),
    Text(String),
    Word(String),
    Quoted(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 13] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-", "*", "/"];
const KEYWORDS: [&str; 9] = ["and", "or", "not", "between", "in", "like", "is", "null", "true"];

/// Reads a filter; the error says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Filter, String> {
    if text.len() > LONGEST {
        return Err(format!("longer than {LONGEST} bytes"));
    }
    let mut translator = Translator { tokens: tokens(text)?, at: 0, expression: String::new(), places: Vec::new() };
    translator.all()?;
    let expression = Expression::parse(&translator.expression).map_err(|error| error.message)?;
    Ok(Filter { expression, places: translator.places })
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut rest = text.trim_start();
    let mut found = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' => quoted(rest, first)?,
            '0'..='9' | '.' => {
                let length = number_length(rest);
                (Token::Number(rest[..length].to_owned()), length)
            }
            _ if first.is_alphabetic() || first == '_' || first == ':' => {
                let part = |c: char| c.is_alphanumeric() || "_:.".contains(c);
                let length = rest.find(|c| !part(c)).unwrap_or(rest.len());
                (Token::Word(rest[..length].to_owned()), length)
            }
            _ => {
                let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
                let symbol = symbol.ok_or_else(|| format!("'{first}' means nothing in CQL2 here"))?;
                (Token::Symbol(symbol), symbol.len())
            }
        };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// Digits, a point, digits, an exponent with its sign; what is wrong in it the expression's parser tells.
fn number_length(text: &str) -> usize {
    let mut before = ' ';
    let mut part = |c: char| {
        let fits = c.is_ascii_digit() || c == '.' || "eE".contains(c) || "+-".contains(c) && "eE".contains(before);
        before = c;
        fits
    };
    text.find(|c| !part(c)).unwrap_or(text.len()).max(1)
}

/// Text up to the closing quote; a doubled one stands for itself, and so does `\'`.
fn quoted(text: &str, quote: char) -> Result<(Token, usize), String> {
    let mut content = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        if (letter == quote || letter == '\\' && quote == '\'') && next == Some(quote) {
            content.push(quote);
            letters.next();
        } else if letter == quote {
            let token = if quote == '"' { Token::Quoted(content) } else { Token::Text(content) };
            return Ok((token, at + 1));
        } else {
            content.push(letter);
        }
    }
    Err(format!("the closing {quote} is missing"))
}

struct Translator {
    tokens: Vec<Token>,
    at: usize,
    expression: String,
    places: Vec<(String, Place)>,
}

impl Translator {
    fn all(&mut self) -> Result<(), String> {
        while let Some(token) = self.next() {
            match token {
                Token::Number(number) => self.write(&number),
                Token::Symbol(symbol) => self.write(symbol),
                Token::Text(text) => self.write(&format!("'{}'", text.replace('\'', "''"))),
                Token::Quoted(name) => self.name(&name),
                Token::Word(word) => self.word(&word)?,
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += usize::from(token.is_some());
        token
    }

    fn write(&mut self, part: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.expression, "{part} ");
    }

    fn name(&mut self, name: &str) {
        self.write(&format!("\"{}\"", name.replace('"', "\"\"")));
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        let lower = word.to_ascii_lowercase();
        if KEYWORDS.contains(&lower.as_str()) || lower == "false" {
            self.write(&lower);
            return Ok(());
        }
        if self.tokens.get(self.at) != Some(&Token::Symbol("(")) {
            self.name(word);
            return Ok(());
        }
        self.at += 1;
        match lower.as_str() {
            "casei" => self.write("lower("),
            "date" | "timestamp" => self.instant(lower == "date")?,
            "s_intersects" => self.intersects()?,
            _ => {
                let known = "CASEI, DATE, TIMESTAMP and S_INTERSECTS are";
                return Err(format!("there is no function '{word}' here: {known}"));
            }
        }
        Ok(())
    }

    /// After `DATE(` or `TIMESTAMP(`: attributes hold them as text, whose order is that of time.
    fn instant(&mut self, date: bool) -> Result<(), String> {
        let Some(Token::Text(text)) = self.next() else { return Err("a date is text in single quotes".to_owned()) };
        let time = if date { Timestamp::parse(&format!("{text}T00:00:00Z")) } else { Timestamp::parse(&text) };
        if time.is_err() {
            return Err(format!("'{text}' is no date (2020-12-31) or time (2020-12-31T23:59:59Z)"));
        }
        self.require(")")?;
        self.write(&format!("'{}'", text.replace('\'', "''")));
        Ok(())
    }

    fn require(&mut self, symbol: &'static str) -> Result<(), String> {
        if self.next() == Some(Token::Symbol(symbol)) { Ok(()) } else { Err(format!("expected '{symbol}'")) }
    }

    /// After `S_INTERSECTS(`: the geometry and a place, in either order.
    fn intersects(&mut self) -> Result<(), String> {
        let first = self.side()?;
        self.require(",")?;
        let second = self.side()?;
        self.require(")")?;
        let place = match (first, second) {
            (Some(place), None) | (None, Some(place)) => place,
            _ => return Err(format!("S_INTERSECTS compares {GEOMETRY} with POINT, POLYGON or BBOX")),
        };
        if self.places.len() == MOST_AREAS {
            return Err(format!("more than {MOST_AREAS} spatial predicates"));
        }
        let name = format!("S_INTERSECTS {}", self.places.len() + 1);
        self.name(&name);
        self.places.push((name, place));
        Ok(())
    }

    /// A place, or `None` for the name of the geometry.
    fn side(&mut self) -> Result<Option<Place>, String> {
        let (word, quoted) = match self.next() {
            Some(Token::Word(word)) => (word, false),
            Some(Token::Quoted(word)) => (word, true),
            _ => return Err(format!("expected {GEOMETRY}, POINT, POLYGON or BBOX")),
        };
        if word == GEOMETRY {
            return Ok(None);
        }
        if quoted || self.next() != Some(Token::Symbol("(")) {
            return Err(format!("'{word}' is no geometry: the objects' is called {GEOMETRY}"));
        }
        let place = match word.to_ascii_lowercase().as_str() {
            "point" => Place::Point(self.position()?),
            "polygon" => Place::Ring(self.ring()?),
            "bbox" => Place::Box(self.corners()?),
            _ => return Err(format!("'{word}' is not taken here: POINT, POLYGON and BBOX are")),
        };
        self.require(")")?;
        Ok(Some(place))
    }

    fn number(&mut self) -> Result<f64, String> {
        let negative = self.tokens.get(self.at) == Some(&Token::Symbol("-"));
        self.at += usize::from(negative);
        let Some(Token::Number(text)) = self.next() else { return Err("expected a number".to_owned()) };
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let number = number.ok_or_else(|| format!("'{text}' is not a number"))?;
        Ok(if negative { -number } else { number })
    }

    /// Longitude and latitude; a height may follow and does not count.
    fn position(&mut self) -> Result<[f64; 2], String> {
        let position = [self.number()?, self.number()?];
        if matches!(self.tokens.get(self.at), Some(Token::Number(_)) | Some(Token::Symbol("-"))) {
            self.number()?;
        }
        on_earth(position)
    }

    /// After `POLYGON(`: one ring.
    fn ring(&mut self) -> Result<Vec<[f64; 2]>, String> {
        self.require("(")?;
        let mut ring = vec![self.position()?];
        while self.tokens.get(self.at) == Some(&Token::Symbol(",")) {
            self.at += 1;
            ring.push(self.position()?);
        }
        self.require(")")?;
        if self.tokens.get(self.at) == Some(&Token::Symbol(",")) {
            return Err("polygons with holes are not taken here".to_owned());
        }
        if ring.len() < 4 || ring.first() != ring.last() {
            return Err("a polygon's ring has four positions or more and ends where it begins".to_owned());
        }
        Ok(ring)
    }

    /// After `BBOX(`.
    fn corners(&mut self) -> Result<[f64; 4], String> {
        let west = self.number()?;
        self.require(",")?;
        let south = self.number()?;
        self.require(",")?;
        let east = self.number()?;
        self.require(",")?;
        let north = self.number()?;
        on_earth([west, south])?;
        on_earth([east, north])?;
        if south > north { Err("BBOX: south is north of north".to_owned()) } else { Ok([west, south, east, north]) }
    }
}

fn on_earth(position: [f64; 2]) -> Result<[f64; 2], String> {
    let [longitude, latitude] = position;
    if longitude.abs() > 180.0 || latitude.abs() > 90.0 {
        return Err(format!("{longitude} {latitude} is not on the earth: longitude comes first, in degrees"));
    }
    Ok(position)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::city::Value;

    fn expression(text: &str) -> String {
        parse(text).unwrap_or_else(|cause| panic!("{text}: {cause}")).expression.to_string()
    }

    #[test]
    fn filters_become_expressions() {
        for (filter, expected) in [
            ("height > 30", "height > 30"),
            ("NOT (a = 1 AND b <> 'x''y') OR c IS NOT NULL", "not (a = 1 and b <> 'x''y') or not c is null"),
            ("a BETWEEN -1.5 AND 1e3 and b In ('x', 'y')", "a between -1.5 and 1000.0 and b in ('x', 'y')"),
            ("\"name\" LIKE '東%' AND flag = TRUE", "name like '東%' and flag = true"),
            ("CASEI(name) = casei('Ä')", "lower(name) = lower('Ä')"),
            ("built >= DATE('2019-02-28')", "built >= '2019-02-28'"),
            ("seen < TIMESTAMP('2019-02-28T10:00:00Z')", "seen < '2019-02-28T10:00:00Z'"),
            ("case = 1", "\"case\" = 1"),
            ("a = 'it\\'s'", "a = 'it''s'"),
            ("ns:height * 2 > 1 + b", "\"ns:height\" * 2 > 1 + b"),
        ] {
            assert_eq!(expression(filter), expected, "{filter}");
        }
    }

    #[test]
    fn places_are_names_that_mean_areas() {
        let text = "S_INTERSECTS(geometry, BBOX(139.7,35.6,139.8,35.7)) AND NOT s_intersects(POINT(-1 -2.5), geometry) \
                    OR S_INTERSECTS(geometry,POLYGON((0 0,1 0,1 1,0 0)))";
        let filter = parse(text).unwrap();
        let names: Vec<&str> = filter.places.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(filter.expression.names(), names);
        assert_eq!(filter.places[0].1, Place::Box([139.7, 35.6, 139.8, 35.7]));
        assert_eq!(filter.places[1].1, Place::Point([-1.0, -2.5]));
        assert_eq!(filter.places[2].1, Place::Ring(vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]));
        let inside = |name: &str| Value::Bool(name.ends_with('1'));
        assert!(filter.expression.is_true(&inside));
    }

    #[test]
    fn what_is_no_filter_is_told() {
        let deep = format!("{}a = 1{}", "(".repeat(200), ")".repeat(200));
        let long = format!("a = '{}'", "x".repeat(1 << 20));
        for (filter, part) in [
            ("", "expected a value"),
            ("a = ", "expected a value"),
            ("a = 1; DROP TABLE objects", "';' means nothing"),
            ("a = 'x' --", "expected a value"),
            ("a || b = 'x'", "'|' means nothing"),
            ("a = 'x", "closing '"),
            ("a = 1e999", "not a number"),
            ("upper(a) = 'X'", "no function 'upper'"),
            ("S_TOUCHES(geometry, POINT(0 0))", "no function 'S_TOUCHES'"),
            ("S_INTERSECTS(geometry, LINESTRING(0 0, 1 1))", "'LINESTRING' is not taken"),
            ("S_INTERSECTS(name, POINT(0 0))", "'name' is no geometry"),
            ("S_INTERSECTS(geometry, geometry)", "compares geometry"),
            ("S_INTERSECTS(geometry, POINT(0 95))", "not on the earth"),
            ("S_INTERSECTS(geometry, POINT(NaN 0))", "expected a number"),
            ("S_INTERSECTS(geometry, POLYGON((0 0, 1 0, 0 0)))", "four positions"),
            ("S_INTERSECTS(geometry, BBOX(0,1,1,0))", "south is north"),
            ("DATE('yesterday') < a", "no date"),
            (deep.as_str(), "deeper"),
            (long.as_str(), "longer"),
        ] {
            let cause = parse(filter).unwrap_err();
            assert!(cause.contains(part), "{filter:.60}: {cause}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_an_error(text in ".{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_mix_of_words_is_a_filter_or_an_error(words in prop::collection::vec(prop::sample::select(vec![
            "a", "\"b\"", "'t'", "1", "-2.5e3", "(", ")", ",", "=", "<>", "and", "OR", "not", "between", "in", "like", "is",
            "null", "true", "casei(", "date(", "'2020-01-01'", "s_intersects(", "geometry", "point(", "polygon((", "bbox(", "1 2",
        ]), 0..40)) {
            if let Ok(filter) = parse(&words.join(" ")) {
                filter.expression.evaluate(&|_: &str| Value::Int(1));
            }
        }
    }
}
