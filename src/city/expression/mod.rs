//! The expression language of Veduta: `--where`, layers, ramps, labels, indicators and alarms all speak it.
//!
//! Text becomes tokens (`token`), tokens a tree (`parser`), and the tree's value follows from a [`Scope`] that knows what
//! names mean (`evaluate`). Logic is three-valued as in SQL: a comparison with what is not known is not known. Names are
//! Unicode words, dotted or not, or anything in double quotes or backticks; text is in single quotes.

mod evaluate;
mod node;
mod parser;
mod token;

use std::cmp::Ordering;
use std::fmt;

use crate::city::Value;
use evaluate::{Meaning, extreme, truth};
pub use node::AggregateKind;
use node::Node;

/// What names mean: an object's attributes, a live value, other indicators.
pub trait Scope {
    /// The value of a name; `Null` where it is not known.
    fn value(&self, name: &str) -> Value;
}

impl<F: Fn(&str) -> Value> Scope for F {
    fn value(&self, name: &str) -> Value {
        self(name)
    }
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at column {column}")]
pub struct ExpressionError {
    /// Characters from 1.
    pub column: usize,
    /// What is wrong and, where it can be told, what was meant.
    pub message: String,
}

impl ExpressionError {
    fn new(column: usize, message: String) -> Self {
        Self { column, message }
    }
}

/// An expression over the names of one object.
///
/// ```
/// use veduta::city::{Expression, Value};
/// let tall = Expression::parse("height > 100 and \"建物用途\" like '業務%'").unwrap();
/// assert_eq!(tall.names(), ["height", "建物用途"]);
/// let tower = |name: &str| match name {
///     "height" => Value::Float(120.0),
///     _ => Value::from("業務施設"),
/// };
/// assert!(tall.is_true(&tower));
/// let error = Expression::parse("height >").unwrap_err();
/// assert_eq!(error.to_string(), "expected a value, found the end, at column 9");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    root: Node,
    names: Vec<String>,
}

impl Expression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let parsed = parser::parse(text, false)?;
        Ok(Self { root: parsed.root, names: parsed.names })
    }

    fn from_parts(root: Node, names: Vec<String>) -> Self {
        Self { root, names }
    }

    /// The names it uses, in the order of their first use: the slots of [`Self::evaluate_slots`].
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The names that it compares with constants, and what with.
    pub fn compared(&self) -> Vec<(&str, &Value)> {
        let mut found = Vec::new();
        self.root.visit(&mut |node| match node {
            Node::Binary(operation, sides) if operation.compares() => match &**sides {
                [Node::Name(_, name), Node::Constant(value)] | [Node::Constant(value), Node::Name(_, name)] => {
                    found.push((name.as_str(), value));
                }
                _ => {}
            },
            Node::In(node, choices) => {
                if let Node::Name(_, name) = &**node {
                    let constants = choices.iter().filter_map(|choice| match choice {
                        Node::Constant(value) => Some((name.as_str(), value)),
                        _ => None,
                    });
                    found.extend(constants);
                }
            }
            _ => {}
        });
        found
    }

    /// Its value where names mean what `scope` says.
    pub fn evaluate(&self, scope: &dyn Scope) -> Value {
        Meaning { name: &|_, name| scope.value(name), aggregate: &|_| Value::Null }.of(&self.root)
    }

    /// Its value where the names, in the order of [`Self::names`], have the values of `slot`: for scans over columns.
    pub fn evaluate_slots(&self, slot: &dyn Fn(usize) -> Value) -> Value {
        Meaning { name: &|index, _| slot(index), aggregate: &|_| Value::Null }.of(&self.root)
    }

    /// Whether it is true; not known is not true.
    pub fn is_true(&self, scope: &dyn Scope) -> bool {
        truth(&self.evaluate(scope)) == Some(true)
    }

    /// As [`Self::is_true`], over slots.
    pub fn is_true_slots(&self, slot: &dyn Fn(usize) -> Value) -> bool {
        truth(&self.evaluate_slots(slot)) == Some(true)
    }
}

impl fmt::Display for Expression {
    /// Text that reads back as the same expression.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.write(f, 0, &[])
    }
}

/// An expression over the members of something: `sum(p)`, `mean(p)`, `min(p)`, `max(p)`, `last(p)`, `count(p)`, `count()`
/// and `share(condition)` run over the members; names outside of them belong to the whole.
///
/// ```
/// use veduta::city::{AggregateExpression, Scope, Value};
/// let load = AggregateExpression::parse("100 * sum(power) / capacity").unwrap();
/// let members = [30.0, 12.0].map(|p| move |name: &str| if name == "power" { Value::Float(p) } else { Value::Null });
/// let whole = |name: &str| if name == "capacity" { Value::Float(84.0) } else { Value::Null };
/// assert_eq!(load.evaluate(members.iter().map(|m| m as &dyn Scope), &whole), Value::Float(50.0));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateExpression {
    root: Node,
    names: Vec<String>,
    aggregates: Vec<(AggregateKind, Expression)>,
}

impl AggregateExpression {
    /// Reads an expression with aggregates.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let parsed = parser::parse(text, true)?;
        Ok(Self { root: parsed.root, names: parsed.names, aggregates: parsed.aggregates })
    }

    /// The names that belong to the whole.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The names that belong to the members, each once.
    pub fn member_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.aggregates.iter().flat_map(|(_, inner)| inner.names.iter().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The aggregates, in the order in which they are written: what is computed, and over what of each member.
    pub fn aggregates(&self) -> impl ExactSizeIterator<Item = (AggregateKind, &Expression)> {
        self.aggregates.iter().map(|(kind, inner)| (*kind, inner))
    }

    /// Its value for the `whole` where the aggregates, in their order, have the values of `aggregate`: for those who keep
    /// aggregates up to date.
    pub fn evaluate_aggregated(&self, aggregate: &dyn Fn(usize) -> Value, whole: &dyn Scope) -> Value {
        Meaning { name: &|_, name| whole.value(name), aggregate }.of(&self.root)
    }

    /// Its value over `members`, each read once, the latest last, for the `whole`. Values that are not known do not count;
    /// a count of nothing is 0, any other aggregate of nothing is not known.
    pub fn evaluate<'a>(&self, members: impl Iterator<Item = &'a dyn Scope>, whole: &dyn Scope) -> Value {
        let mut running: Vec<Running> = self.aggregates.iter().map(|_| Running::default()).collect();
        for member in members {
            for ((_, inner), so_far) in self.aggregates.iter().zip(&mut running) {
                so_far.add(inner.evaluate(member));
            }
        }
        let results: Vec<Value> =
            self.aggregates.iter().zip(&running).map(|((kind, _), all)| all.result(*kind)).collect();
        self.evaluate_aggregated(&|index| results.get(index).cloned().unwrap_or_default(), whole)
    }
}

impl fmt::Display for AggregateExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.write(f, 0, &self.aggregates)
    }
}

/// An aggregate on its way. The sum is Neumaier's, so that a hundred thousand small values do not drift.
#[derive(Debug, Clone, Default)]
struct Running {
    known: u64,
    numbers: u64,
    truths: u64,
    yes: u64,
    sum: f64,
    lost: f64,
    least: Value,
    greatest: Value,
    last: Value,
}

impl Running {
    fn add(&mut self, value: Value) {
        if value.is_null() {
            return;
        }
        self.known += u64::from(truth(&value) != Some(false));
        if let Some(truth) = truth(&value) {
            self.truths += 1;
            self.yes += u64::from(truth);
        }
        if let Some(number) = value.number() {
            self.numbers += 1;
            let sum = self.sum + number;
            self.lost +=
                if self.sum.abs() >= number.abs() { (self.sum - sum) + number } else { (number - sum) + self.sum };
            self.sum = sum;
        }
        self.last = value.clone();
        self.least = extreme(&[std::mem::take(&mut self.least), value.clone()], Ordering::Less);
        self.greatest = extreme(&[std::mem::take(&mut self.greatest), value], Ordering::Greater);
    }

    fn result(&self, kind: AggregateKind) -> Value {
        let over = |part: f64, of: u64| if of == 0 { Value::Null } else { Value::from(part / of as f64) };
        match kind {
            AggregateKind::Sum => over(self.sum + self.lost, self.numbers.min(1)),
            AggregateKind::Last => self.last.clone(),
            AggregateKind::Mean => over(self.sum + self.lost, self.numbers),
            AggregateKind::Min => self.least.clone(),
            AggregateKind::Max => self.greatest.clone(),
            AggregateKind::Count => Value::Int(self.known as i64),
            AggregateKind::Share => over(self.yes as f64, self.truths),
        }
    }
}

#[cfg(test)]
mod tests;
