//! The value of a tree: three-valued logic as in SQL, numbers as f64 unless both are whole.

use std::cmp::Ordering;

use super::node::{Binary, Function, Node};
use crate::city::Value;

/// What names and aggregates mean.
pub(super) struct Meaning<'a> {
    pub name: &'a dyn Fn(usize, &str) -> Value,
    pub aggregate: &'a dyn Fn(usize) -> Value,
}

impl Meaning<'_> {
    pub fn of(&self, node: &Node) -> Value {
        match node {
            Node::Constant(value) => value.clone(),
            Node::Name(slot, name) => (self.name)(*slot, name),
            Node::Aggregate(index) => (self.aggregate)(*index),
            Node::Not(inner) => truth(&self.of(inner)).map_or(Value::Null, |t| Value::Bool(!t)),
            Node::Negative(inner) => match self.of(inner) {
                Value::Int(i) => i.checked_neg().map_or(Value::Null, Value::Int),
                Value::Float(f) => Value::Float(-f),
                _ => Value::Null,
            },
            Node::IsNull(inner) => Value::Bool(self.of(inner).is_null()),
            Node::Binary(Binary::And, sides) => self.logic(sides, false),
            Node::Binary(Binary::Or, sides) => self.logic(sides, true),
            Node::Binary(operation, sides) => binary(*operation, &self.of(&sides[0]), &self.of(&sides[1])),
            Node::Between(three) => {
                let [value, low, high] = [0, 1, 2].map(|i| self.of(&three[i]));
                let above = binary(Binary::GreaterOrEqual, &value, &low);
                both(truth(&above), truth(&binary(Binary::LessOrEqual, &value, &high)))
            }
            Node::In(inner, choices) => self.is_in(inner, choices),
            Node::Case(branches, otherwise) => {
                let taken = branches.iter().find(|(when, _)| truth(&self.of(when)) == Some(true));
                self.of(taken.map_or(otherwise, |(_, then)| then))
            }
            Node::Call(function, arguments) => {
                let values: Vec<Value> = arguments.iter().map(|argument| self.of(argument)).collect();
                call(*function, &values)
            }
        }
    }

    /// `and` (`decisive` false) or `or` (true): the decisive value wins over not known.
    fn logic(&self, sides: &[Node; 2], decisive: bool) -> Value {
        let left = truth(&self.of(&sides[0]));
        if left == Some(decisive) {
            return Value::Bool(decisive);
        }
        match (left, truth(&self.of(&sides[1]))) {
            (_, Some(right)) if right == decisive => Value::Bool(decisive),
            (Some(_), Some(_)) => Value::Bool(!decisive),
            _ => Value::Null,
        }
    }

    fn is_in(&self, inner: &Node, choices: &[Node]) -> Value {
        let value = self.of(inner);
        let mut unknown = value.is_null();
        for choice in choices {
            match truth(&binary(Binary::Equal, &value, &self.of(choice))) {
                Some(true) => return Value::Bool(true),
                Some(false) => {}
                None => unknown = true,
            }
        }
        if unknown { Value::Null } else { Value::Bool(false) }
    }
}

fn both(a: Option<bool>, b: Option<bool>) -> Value {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Value::Bool(false),
        (Some(true), Some(true)) => Value::Bool(true),
        _ => Value::Null,
    }
}

/// Whether a value is true; `None` where it is not a truth value.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        _ => None,
    }
}

fn binary(operation: Binary, left: &Value, right: &Value) -> Value {
    let ordered = |fits: &dyn Fn(Ordering) -> bool| compare(left, right).map_or(Value::Null, |o| Value::Bool(fits(o)));
    match operation {
        Binary::Equal => equal(left, right).map_or(Value::Null, Value::Bool),
        Binary::NotEqual => equal(left, right).map_or(Value::Null, |same| Value::Bool(!same)),
        Binary::Less => ordered(&|o| o == Ordering::Less),
        Binary::LessOrEqual => ordered(&|o| o != Ordering::Greater),
        Binary::Greater => ordered(&|o| o == Ordering::Greater),
        Binary::GreaterOrEqual => ordered(&|o| o != Ordering::Less),
        Binary::Like => match (left, right) {
            (Value::Text(text), Value::Text(pattern)) => Value::Bool(like(text, pattern)),
            _ => Value::Null,
        },
        Binary::Concat => {
            if left.is_null() || right.is_null() {
                Value::Null
            } else {
                Value::Text(format!("{left}{right}"))
            }
        }
        _ => arithmetic(operation, left, right),
    }
}

fn equal(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        // Values of different kinds are known to differ.
        _ => Some(compare(left, right) == Some(Ordering::Equal)),
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => left.number()?.partial_cmp(&right.number()?),
    }
}

fn arithmetic(operation: Binary, left: &Value, right: &Value) -> Value {
    if let (Value::Int(a), Value::Int(b)) = (left, right) {
        let whole = match operation {
            Binary::Add => a.checked_add(*b),
            Binary::Subtract => a.checked_sub(*b),
            Binary::Multiply => a.checked_mul(*b),
            Binary::Remainder => a.checked_rem_euclid(*b),
            _ => None,
        };
        if let Some(whole) = whole {
            return Value::Int(whole);
        }
    }
    let (Some(a), Some(b)) = (left.number(), right.number()) else { return Value::Null };
    Value::from(match operation {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        _ => a.rem_euclid(b),
    })
}

/// A piece of a pattern.
#[derive(Clone, Copy, PartialEq)]
enum Piece {
    Any,
    One,
    Just(char),
}

/// `%` is any letters, `_` one letter; `\` takes the letter after it as it is.
fn pieces(pattern: &str) -> Vec<Piece> {
    let mut letters = pattern.chars();
    let mut pieces = Vec::new();
    while let Some(letter) = letters.next() {
        pieces.push(match letter {
            '%' => Piece::Any,
            '_' => Piece::One,
            '\\' => Piece::Just(letters.next().unwrap_or(letter)),
            _ => Piece::Just(letter),
        });
    }
    pieces
}

/// SQL `like`. Linear in the text for each `%`: the last one is where to try again.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.chars().collect::<Vec<_>>(), pieces(pattern));
    let (mut t, mut p) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Any) => {
                again = Some((p + 1, t));
                p += 1;
            }
            Some(piece) if [Piece::One, Piece::Just(text[t])].contains(piece) => {
                t += 1;
                p += 1;
            }
            _ => {
                let Some((after, from)) = again else { return false };
                again = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|piece| *piece == Piece::Any)
}

fn call(function: Function, values: &[Value]) -> Value {
    let number = |i: usize| values.get(i).and_then(Value::number);
    let one = |f: &dyn Fn(f64) -> f64| number(0).map_or(Value::Null, |x| Value::from(f(x)));
    let text = |f: &dyn Fn(&str) -> Value| values.first().and_then(Value::text).map_or(Value::Null, f);
    let texts = |f: &dyn Fn(&str, &str) -> bool| match values {
        [Value::Text(a), Value::Text(b)] => Value::Bool(f(a, b)),
        _ => Value::Null,
    };
    match function {
        Function::Min => extreme(values, Ordering::Less),
        Function::Max => extreme(values, Ordering::Greater),
        Function::Abs => match values {
            [Value::Int(i)] => i.checked_abs().map_or(Value::Null, Value::Int),
            _ => one(&f64::abs),
        },
        Function::Round => {
            let scale = 10_f64.powf(number(1).unwrap_or(0.0).round());
            one(&|x| (x * scale).round() / scale)
        }
        Function::Floor => one(&f64::floor),
        Function::Ceil => one(&f64::ceil),
        Function::Sqrt => one(&f64::sqrt),
        Function::Log => one(&f64::ln),
        Function::Exp => one(&f64::exp),
        Function::Pow => number(0).zip(number(1)).map_or(Value::Null, |(a, b)| Value::from(a.powf(b))),
        Function::Clamp => match (number(0), number(1), number(2)) {
            (Some(x), Some(low), Some(high)) => Value::from(x.max(low).min(high)),
            _ => Value::Null,
        },
        Function::Coalesce => values.iter().find(|value| !value.is_null()).cloned().unwrap_or_default(),
        Function::Lower => text(&|t| Value::Text(t.to_lowercase())),
        Function::Upper => text(&|t| Value::Text(t.to_uppercase())),
        Function::Length => text(&|t| Value::Int(t.chars().count() as i64)),
        Function::Contains => texts(&|a, b| a.contains(b)),
        Function::StartsWith => texts(&|a, b| a.starts_with(b)),
        Function::Concat => Value::Text(values.iter().map(ToString::to_string).collect()),
        Function::Format => {
            let decimals = number(1).unwrap_or(0.0).clamp(0.0, 12.0) as usize;
            number(0).map_or(Value::Null, |x| Value::Text(format!("{x:.decimals$}")))
        }
    }
}

/// The least or greatest of the values that are known.
pub(super) fn extreme(values: &[Value], wanted: Ordering) -> Value {
    let known = values.iter().filter(|value| !value.is_null());
    let better = |best: &Value, value: &Value| compare(value, best) == Some(wanted);
    known.fold(Value::Null, |best, value| if best.is_null() || better(&best, value) { value.clone() } else { best })
}
