//! Expressions of indicators: arithmetic over aggregates of the members' properties.
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = factor { ("*" | "/") factor }
//! factor  = number | "-" factor | "(" sum ")" | aggregate "(" argument ")" | name of another indicator
//! aggregate = "sum" | "mean" | "min" | "max" | "last"     argument: property
//!           | "count"                                     argument: property or condition
//!           | "share"                                     argument: condition
//! condition = property [ (">" | ">=" | "<" | "<=" | "=" | "==" | "!=") number ]       without a comparison: not 0
//! ```

use super::Aggregate;

/// Where an expression cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}, column {column}")]
pub struct FormulaError {
    /// What is wrong.
    pub cause: String,
    /// Characters from 1.
    pub column: usize,
}

/// A property to be aggregated, or whether it fulfils a condition (1 or 0).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    pub property: String,
    condition: Option<(Comparison, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Different,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Sum,
    Mean,
    Min,
    Max,
    Last,
    Count,
}

#[derive(Debug, Clone)]
enum Node {
    Number(f64),
    Aggregate(Function, usize),
    Reference(usize),
    Negative(Box<Node>),
    Binary(char, Box<Node>, Box<Node>),
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Formula {
    root: Node,
    terms: Vec<Term>,
    references: Vec<String>,
}

impl Term {
    /// What a member's value contributes.
    pub fn contribution(&self, value: f64) -> f64 {
        let Some((comparison, bound)) = self.condition else { return value };
        f64::from(u8::from(match comparison {
            Comparison::Above => value > bound,
            Comparison::AtLeast => value >= bound,
            Comparison::Below => value < bound,
            Comparison::AtMost => value <= bound,
            Comparison::Equal => value == bound,
            Comparison::Different => value != bound,
        }))
    }
}

impl Formula {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        let (terms, references) = (Vec::new(), Vec::new());
        let mut parser = Parser { characters: text.chars().collect(), at: 0, depth: 0, terms, references };
        let root = parser.sum()?;
        parser.space();
        match parser.characters.get(parser.at) {
            Some(other) => Err(parser.refuse(format!("'{other}' is not expected here"))),
            None => Ok(Self { root, terms: parser.terms, references: parser.references }),
        }
    }

    pub(super) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The names of the other indicators that it needs.
    pub fn references(&self) -> &[String] {
        &self.references
    }

    /// Its value from the aggregate of each term and the value of each reference; `None` where there is none: no member
    /// has a value, a division by 0, a number too large.
    pub(super) fn value(
        &self,
        aggregate: &mut dyn FnMut(usize) -> Aggregate,
        reference: &dyn Fn(usize) -> Option<f64>,
    ) -> Option<f64> {
        self.root.value(aggregate, reference).filter(|value| value.is_finite())
    }
}

impl Node {
    fn value(
        &self,
        aggregate: &mut dyn FnMut(usize) -> Aggregate,
        reference: &dyn Fn(usize) -> Option<f64>,
    ) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Reference(index) => reference(*index),
            Self::Negative(of) => of.value(aggregate, reference).map(|value| -value),
            Self::Aggregate(function, term) => {
                let all = aggregate(*term);
                let some = (all.count > 0).then_some(all);
                match function {
                    Function::Count => Some(f64::from(all.count)),
                    Function::Sum => some.map(|all| all.sum),
                    Function::Mean => all.mean(),
                    Function::Min => some.map(|all| all.min),
                    Function::Max => some.map(|all| all.max),
                    Function::Last => some.map(|all| all.last.1),
                }
            }
            Self::Binary(operator, left, right) => {
                let (left, right) = (left.value(aggregate, reference)?, right.value(aggregate, reference)?);
                match operator {
                    '+' => Some(left + right),
                    '-' => Some(left - right),
                    '*' => Some(left * right),
                    _ => (right != 0.0).then(|| left / right),
                }
            }
        }
    }
}

const MOST_DEPTH: usize = 64;

struct Parser {
    characters: Vec<char>,
    at: usize,
    depth: usize,
    terms: Vec<Term>,
    references: Vec<String>,
}

impl Parser {
    fn refuse(&self, cause: impl Into<String>) -> FormulaError {
        FormulaError { cause: cause.into(), column: self.at + 1 }
    }

    fn space(&mut self) {
        while self.characters.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.space();
        self.characters.get(self.at).copied()
    }

    fn accept(&mut self, any: &[char]) -> Option<char> {
        let found = self.peek().filter(|c| any.contains(c))?;
        self.at += 1;
        Some(found)
    }

    fn expect(&mut self, wanted: char) -> Result<(), FormulaError> {
        self.accept(&[wanted]).map(|_| ()).ok_or_else(|| self.refuse(format!("'{wanted}' is expected here")))
    }

    fn sum(&mut self) -> Result<Node, FormulaError> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(self.refuse("too deep"));
        }
        let mut node = self.product()?;
        while let Some(operator) = self.accept(&['+', '-']) {
            node = Node::Binary(operator, Box::new(node), Box::new(self.product()?));
        }
        self.depth -= 1;
        Ok(node)
    }

    fn product(&mut self) -> Result<Node, FormulaError> {
        let mut node = self.factor()?;
        while let Some(operator) = self.accept(&['*', '/']) {
            node = Node::Binary(operator, Box::new(node), Box::new(self.factor()?));
        }
        Ok(node)
    }

    fn factor(&mut self) -> Result<Node, FormulaError> {
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let node = self.sum()?;
                self.expect(')')?;
                Ok(node)
            }
            Some('-') => {
                self.at += 1;
                self.depth += 1;
                if self.depth > MOST_DEPTH {
                    return Err(self.refuse("too deep"));
                }
                let node = self.factor()?;
                self.depth -= 1;
                Ok(Node::Negative(Box::new(node)))
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number().map(Node::Number),
            Some(c) if c.is_alphabetic() || c == '_' => self.named(),
            Some(c) => Err(self.refuse(format!("'{c}' is not expected here"))),
            None => Err(self.refuse("the expression ends too early")),
        }
    }

    fn number(&mut self) -> Result<f64, FormulaError> {
        self.space();
        let start = self.at;
        while let Some(c) = self.characters.get(self.at) {
            let exponent = self.at > start && matches!(self.characters[self.at - 1], 'e' | 'E');
            if !(c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') || (matches!(c, '+' | '-') && exponent)) {
                break;
            }
            self.at += 1;
        }
        let text: String = self.characters[start..self.at].iter().collect();
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| FormulaError { cause: format!("'{text}' is no number"), column: start + 1 })
    }

    fn name(&mut self) -> Result<String, FormulaError> {
        self.space();
        let start = self.at;
        while self.characters.get(self.at).is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.')) {
            self.at += 1;
        }
        match start == self.at {
            true => Err(self.refuse("a name is expected here")),
            false => Ok(self.characters[start..self.at].iter().collect()),
        }
    }

    fn named(&mut self) -> Result<Node, FormulaError> {
        let start = self.at;
        let name = self.name()?;
        if self.peek() != Some('(') {
            let known = self.references.iter().position(|known| *known == name);
            return Ok(Node::Reference(known.unwrap_or_else(|| {
                self.references.push(name);
                self.references.len() - 1
            })));
        }
        let (function, takes_condition) = match name.as_str() {
            "sum" => (Function::Sum, false),
            "mean" => (Function::Mean, false),
            "min" => (Function::Min, false),
            "max" => (Function::Max, false),
            "last" => (Function::Last, false),
            "count" => (Function::Count, true),
            "share" => (Function::Mean, true),
            _ => {
                let cause = format!("'{name}' is no aggregate; there are sum, mean, min, max, last, count, share");
                return Err(FormulaError { cause, column: start + 1 });
            }
        };
        self.expect('(')?;
        let property = self.name()?;
        let before = self.at;
        let mut condition = self.comparison()?;
        if condition.is_some() && !takes_condition {
            self.at = before;
            return Err(self.refuse(format!("'{name}' takes a property, not a condition")));
        }
        self.expect(')')?;
        if name == "share" {
            condition = condition.or(Some((Comparison::Different, 0.0)));
        }
        // A count of what fulfils a condition is the sum of ones and zeros.
        let function = if name == "count" && condition.is_some() { Function::Sum } else { function };
        self.terms.push(Term { property, condition });
        Ok(Node::Aggregate(function, self.terms.len() - 1))
    }

    fn comparison(&mut self) -> Result<Option<(Comparison, f64)>, FormulaError> {
        let Some(first) = self.accept(&['>', '<', '=', '!']) else { return Ok(None) };
        let or_equal = self.characters.get(self.at) == Some(&'=');
        self.at += usize::from(or_equal);
        let comparison = match (first, or_equal) {
            ('>', false) => Comparison::Above,
            ('>', true) => Comparison::AtLeast,
            ('<', false) => Comparison::Below,
            ('<', true) => Comparison::AtMost,
            ('=', _) => Comparison::Equal,
            ('!', true) => Comparison::Different,
            _ => return Err(self.refuse("'!=' is expected here")),
        };
        let negative = self.accept(&['-']).is_some();
        let number = self.number()?;
        Ok(Some((comparison, if negative { -number } else { number })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Timestamp;

    fn value(text: &str) -> Option<f64> {
        let all = Aggregate { count: 4, sum: 10.0, min: 1.0, max: 4.0, last: (Timestamp(0), 3.0) };
        Formula::parse(text).unwrap().value(&mut |_| all, &|_| Some(100.0))
    }

    #[test]
    fn arithmetic_over_aggregates() {
        for (text, expected) in [
            ("sum(power)", Some(10.0)),
            ("mean(p) + max(p) * 2 - -min(p)", Some(11.5)),
            ("(1 + 2) * 3e-1", Some(0.9)),
            ("sum(a) / (count(a) - 4)", None),
            ("other / 8 / 2", Some(6.25)),
            ("share(p > -5.5)", Some(2.5)),
            ("count(p >= 3)", Some(10.0)),
            ("last(温度)", Some(3.0)),
        ] {
            let got = value(text);
            assert!(got.zip(expected).map_or(got == expected, |(a, b)| (a - b).abs() < 1e-12), "{text}: {got:?}");
        }
        assert_eq!(Formula::parse("a + b * a").unwrap().references(), ["a", "b"]);
    }

    #[test]
    fn conditions_count() {
        let formula = Formula::parse("share(p >= 3)").unwrap();
        let term = &formula.terms()[0];
        assert_eq!([2.9, 3.0, 3.1].map(|v| term.contribution(v)), [0.0, 1.0, 1.0]);
    }

    #[test]
    fn errors_name_the_column() {
        for (text, column, part) in [
            ("", 1, "ends too early"),
            ("sum(power", 10, "')' is expected"),
            ("sum()", 5, "a name is expected"),
            ("1 + avg(x)", 5, "'avg' is no aggregate"),
            ("sum(p > 3)", 6, "takes a property"),
            ("1 2", 3, "'2' is not expected"),
            ("1.2.3", 1, "is no number"),
            ("share(p ! 3)", 10, "'!='"),
        ] {
            let error = Formula::parse(text).unwrap_err();
            assert!(error.column == column && error.cause.contains(part), "{text}: {error}");
        }
        assert!(Formula::parse(&"(".repeat(10_000)).is_err());
        assert!(Formula::parse(&"-".repeat(10_000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends(text in "[-+*/()a-z0-9.<>=! ]{0,60}") {
            let _ = Formula::parse(&text);
        }
    }
}
