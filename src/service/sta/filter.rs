//! `$filter` (18-088, 9.3.3.5): comparisons by `eq ne gt ge lt le`, joined by `and`, `or`, `not`.
//!
//! What is compared with something of another kind, or is not there, is neither equal nor unequal: it is not known, `not` of
//! it neither, and only what is known to hold passes.

use std::cmp::Ordering;

use super::entity::{Entity, Kind};
use super::id::Id;
use crate::city::Value;
use crate::quantity::Timestamp;

/// Longest filter, bytes, and deepest nesting.
const LONGEST: usize = 8 << 10;
const DEEPEST: usize = 64;

/// A filter, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Compare(Field, Comparison, Literal),
}

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Name,
    Result,
    PhenomenonTime,
}

/// How two are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// With what.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Number(f64),
    Text(String),
    Time(Timestamp),
    Truth(bool),
}

impl Comparison {
    const WORDS: [(&'static str, Self); 6] = [
        ("eq", Self::Equal),
        ("ne", Self::NotEqual),
        ("gt", Self::Greater),
        ("ge", Self::GreaterOrEqual),
        ("lt", Self::Less),
        ("le", Self::LessOrEqual),
    ];

    fn called(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, comparison)| comparison)
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }

    /// The same with the sides changed.
    fn turned(self) -> Self {
        match self {
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            same => same,
        }
    }
}

impl Field {
    fn called(word: &str, kind: Kind) -> Result<Self, String> {
        let observation = kind == Kind::Observations;
        match word {
            "id" | "@iot.id" => Ok(Self::Id),
            "name" if !observation => Ok(Self::Name),
            "result" if observation => Ok(Self::Result),
            "phenomenonTime" if observation => Ok(Self::PhenomenonTime),
            _ => Err(format!("'{word}' of {} cannot be compared here", kind.set())),
        }
    }
}

impl Filter {
    /// Reads a filter for entities of a kind; the error says what is wrong with it.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("longer than {LONGEST} bytes"));
        }
        let mut parser = Parser { tokens: tokens(text)?, at: 0, kind };
        let filter = parser.either(0)?;
        match parser.next() {
            None => Ok(filter),
            Some(token) => Err(format!("'{}' cannot stand where it does", token.text())),
        }
    }

    /// Whether an entity is known to pass.
    pub fn passes(&self, entity: &Entity<'_>) -> bool {
        self.truth(entity) == Some(true)
    }

    fn truth(&self, entity: &Entity<'_>) -> Option<bool> {
        match self {
            Self::And(left, right) => match (left.truth(entity), right.truth(entity)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (left, right) => left.and(right),
            },
            Self::Or(left, right) => match (left.truth(entity), right.truth(entity)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (left, right) => left.and(right),
            },
            Self::Not(filter) => filter.truth(entity).map(|truth| !truth),
            Self::Compare(field, comparison, literal) => {
                let order = match field {
                    Field::Id => literal.order_of_text(&Id::of(entity).to_string()),
                    Field::Name => literal.order_of_text(&entity.name()),
                    Field::Result => literal.order_of(&entity.observation.as_ref()?.1),
                    Field::PhenomenonTime => literal.order_of_time(entity.observation.as_ref()?.0),
                };
                order.map(|order| comparison.holds(order))
            }
        }
    }

    /// The instants, from and before, outside of which no observation passes.
    pub fn instants(&self) -> (Timestamp, Timestamp) {
        let (mut from, mut before) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        match self {
            Self::And(left, right) => {
                let (left, right) = (left.instants(), right.instants());
                (from, before) = (left.0.max(right.0), left.1.min(right.1));
            }
            Self::Compare(Field::PhenomenonTime, comparison, Literal::Time(time)) => {
                let next = Timestamp(time.0.saturating_add(1));
                match comparison {
                    Comparison::Equal => (from, before) = (*time, next),
                    Comparison::Greater => from = next,
                    Comparison::GreaterOrEqual => from = *time,
                    Comparison::Less => before = *time,
                    Comparison::LessOrEqual => before = next,
                    Comparison::NotEqual => {}
                }
            }
            Self::Or(..) | Self::Not(_) | Self::Compare(..) => {}
        }
        (from, before)
    }
}

impl Literal {
    fn order_of(&self, value: &Value) -> Option<Ordering> {
        match self {
            Self::Number(number) => value.number()?.partial_cmp(number),
            Self::Text(_) => self.order_of_text(value.text()?),
            Self::Truth(truth) => match value {
                Value::Bool(value) => Some(value.cmp(truth)),
                _ => None,
            },
            Self::Time(_) => None,
        }
    }

    fn order_of_text(&self, text: &str) -> Option<Ordering> {
        match self {
            Self::Text(literal) => Some(text.cmp(literal)),
            _ => None,
        }
    }

    fn order_of_time(&self, time: Timestamp) -> Option<Ordering> {
        match self {
            Self::Time(literal) => Some(time.cmp(literal)),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Text(String),
    Word(String),
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Open => "(",
            Self::Close => ")",
            Self::Text(text) | Self::Word(text) => text,
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' => {
                found.push(if first == '(' { Token::Open } else { Token::Close });
                1
            }
            '\'' => {
                let (text, length) = quoted(rest)?;
                found.push(Token::Text(text));
                length
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || "()'".contains(c);
                let length = rest.find(ends).unwrap_or(rest.len());
                found.push(Token::Word(rest.get(..length).unwrap_or_default().to_owned()));
                length
            }
        };
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(found)
}

/// Text up to the closing quote, and its length with the quotes; a doubled quote stands for itself.
fn quoted(text: &str) -> Result<(String, usize), String> {
    let mut content = String::new();
    let mut signs = text.char_indices().skip(1).peekable();
    while let Some((at, sign)) = signs.next() {
        if sign == '\'' && signs.next_if(|(_, next)| *next == '\'').is_none() {
            return Ok((content, at + 1));
        }
        content.push(sign);
    }
    Err("the closing ' is missing".to_owned())
}

/// One side of a comparison.
enum Side {
    Field(Field),
    Literal(Literal),
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    kind: Kind,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += usize::from(token.is_some());
        token
    }

    fn takes(&mut self, wanted: &Token) -> bool {
        let is_there = self.tokens.get(self.at) == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.takes(&Token::Word(word.to_owned()))
    }

    fn either(&mut self, depth: usize) -> Result<Filter, String> {
        let mut filter = self.both(depth)?;
        while self.takes_word("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.both(depth)?));
        }
        Ok(filter)
    }

    fn both(&mut self, depth: usize) -> Result<Filter, String> {
        let mut filter = self.single(depth)?;
        while self.takes_word("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.single(depth)?));
        }
        Ok(filter)
    }

    fn single(&mut self, depth: usize) -> Result<Filter, String> {
        if depth > DEEPEST {
            return Err(format!("nested deeper than {DEEPEST}"));
        }
        if self.takes_word("not") {
            return Ok(Filter::Not(Box::new(self.single(depth + 1)?)));
        }
        if self.takes(&Token::Open) {
            let filter = self.either(depth + 1)?;
            return if self.takes(&Token::Close) { Ok(filter) } else { Err("a ')' is missing".to_owned()) };
        }
        let left = self.side()?;
        let Some(Token::Word(word)) = self.next() else { return Err("a comparison is missing".to_owned()) };
        let comparison = Comparison::called(&word);
        let comparison = comparison.ok_or_else(|| format!("'{word}' is no comparison: eq ne gt ge lt le are"))?;
        match (left, self.side()?) {
            (Side::Field(field), Side::Literal(literal)) => self.compared(field, comparison, literal),
            (Side::Literal(literal), Side::Field(field)) => self.compared(field, comparison.turned(), literal),
            _ => Err("a property is compared with a value".to_owned()),
        }
    }

    fn compared(&self, field: Field, comparison: Comparison, literal: Literal) -> Result<Filter, String> {
        let fits = match field {
            Field::Id | Field::Name => matches!(literal, Literal::Text(_)),
            Field::PhenomenonTime => matches!(literal, Literal::Time(_)),
            Field::Result => !matches!(literal, Literal::Time(_)),
        };
        let kinds = "texts stand between ', times are like 2026-07-01T06:00:00Z";
        if fits { Ok(Filter::Compare(field, comparison, literal)) } else { Err(format!("{field:?}: {kinds}")) }
    }

    fn side(&mut self) -> Result<Side, String> {
        let word = match self.next() {
            Some(Token::Text(text)) => return Ok(Side::Literal(Literal::Text(text))),
            Some(Token::Word(word)) => word,
            _ => return Err("a property or a value is missing".to_owned()),
        };
        if self.tokens.get(self.at) == Some(&Token::Open) {
            return Err(format!("functions as '{word}' are not known here"));
        }
        if let Ok(truth) = word.parse() {
            return Ok(Side::Literal(Literal::Truth(truth)));
        }
        // Words that Rust takes for numbers ("inf", "nan") are none here.
        let numeric = |sign: char| sign.is_ascii_digit() || "+-.eE".contains(sign);
        if let Some(number) = word.parse::<f64>().ok().filter(|n| n.is_finite() && word.chars().all(numeric)) {
            return Ok(Side::Literal(Literal::Number(number)));
        }
        match Timestamp::parse(&word) {
            Ok(time) if word.contains(['T', 't']) => Ok(Side::Literal(Literal::Time(time))),
            _ => Field::called(&word, self.kind).map(Side::Field),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn not_binds_closest_then_and_then_or() {
        let named = |name: &str| Box::new(Filter::Compare(Field::Name, Comparison::Equal, Literal::Text(name.into())));
        let read = Filter::parse("not name eq 'a' and name eq 'b''s' or name eq 'c'", Kind::Things).unwrap();
        assert_eq!(
            read,
            Filter::Or(Box::new(Filter::And(Box::new(Filter::Not(named("a"))), named("b's"))), named("c"))
        );
        let turned = Filter::parse("5e0 lt result", Kind::Observations).unwrap();
        assert_eq!(turned, Filter::Compare(Field::Result, Comparison::Greater, Literal::Number(5.0)));
    }

    #[test]
    fn instants_are_those_that_can_pass() {
        let instants = |text: &str| Filter::parse(text, Kind::Observations).unwrap().instants();
        let (first, last) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        let time = "1970-01-01T00:00:01Z";
        let at = Timestamp(1_000_000);
        assert_eq!(instants(&format!("phenomenonTime eq {time}")), (at, Timestamp(1_000_001)));
        assert_eq!(instants(&format!("result gt 1 and (phenomenonTime ge {time} and id ne 'x')")), (at, last));
        assert_eq!(instants(&format!("{time} gt phenomenonTime")), (first, at));
        assert_eq!(instants(&format!("not (phenomenonTime ge {time}) or phenomenonTime lt {time}")), (first, last));
    }

    #[test]
    fn what_is_no_filter_is_told() {
        let deep = format!("{}id eq 'a'{}", "(".repeat(100), ")".repeat(100));
        for (text, part) in [
            ("", "missing"),
            ("id", "comparison is missing"),
            ("id eq", "missing"),
            ("id eq 'a", "closing '"),
            ("id eq 'a')", "cannot stand"),
            ("(id eq 'a'", "')' is missing"),
            ("id = 'a'", "no comparison"),
            ("id eq name", "with a value"),
            ("result eq 'a'", "'result' of Things"),
            ("name eq inf", "'inf' of Things"),
            ("name eq 2020-01-01T00:00:00Z", "texts stand between"),
            ("contains(name,'a')", "'contains'"),
            (deep.as_str(), "deeper"),
        ] {
            let cause = Filter::parse(text, Kind::Things).unwrap_err();
            assert!(cause.contains(part), "{text:.60}: {cause}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_an_error(text in ".{0,200}") {
            let _ = Filter::parse(&text, Kind::Observations);
        }

        #[test]
        fn any_mix_of_words_is_a_filter_or_an_error(words in prop::collection::vec(prop::sample::select(vec![
            "id", "result", "phenomenonTime", "name", "'t'", "1", "-2.5e3", "(", ")", "eq", "ne", "gt", "and", "or", "not",
            "true", "2020-01-01T00:00:00Z", "''", "'",
        ]), 0..40)) {
            let text = words.join(" ");
            if let Ok(filter) = Filter::parse(&text, Kind::Observations) {
                let twice = Filter::parse(&format!("({text}) and ({text})"), Kind::Observations).unwrap();
                prop_assert_eq!(twice.instants(), filter.instants());
                prop_assert_eq!(twice, Filter::And(Box::new(filter.clone()), Box::new(filter)));
            }
        }
    }
}
