//! The tree of an expression, its value and its text.

use std::fmt;
use std::ops::RangeInclusive;

use super::Expression;
use super::evaluate::truth;
use crate::city::Value;

/// A node. Names carry their slot in the expression's list of names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Constant(Value),
    Name(usize, String),
    Not(Box<Node>),
    Negative(Box<Node>),
    IsNull(Box<Node>),
    Binary(Binary, Box<[Node; 2]>),
    Between(Box<[Node; 3]>),
    In(Box<Node>, Vec<Node>),
    Case(Vec<(Node, Node)>, Box<Node>),
    Call(Function, Vec<Node>),
    /// The value of an aggregate, by its place in the list of aggregates.
    Aggregate(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    Add,
    Subtract,
    Concat,
    Multiply,
    Divide,
    Remainder,
}

impl Binary {
    /// Comparison symbols, longer ones first.
    pub const COMPARISONS: [(&'static str, Self); 8] = [
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<>", Self::NotEqual),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("=", Self::Equal),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    /// Whether it is one of [`Self::COMPARISONS`].
    pub fn compares(self) -> bool {
        Self::COMPARISONS.iter().any(|(_, comparison)| *comparison == self)
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Like => "like",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Concat => "||",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// What an aggregate computes over the members' values. Values that are not known do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateKind {
    /// The sum of the numbers; not known of none, as in SQL.
    Sum,
    /// The arithmetic mean of the numbers.
    Mean,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The latest value.
    Last,
    /// How many values there are that are not false.
    Count,
    /// What part of the conditions is true, 0 to 1.
    Share,
}

impl AggregateKind {
    pub(super) const ALL: [(&'static str, Self); 7] = [
        ("sum", Self::Sum),
        ("mean", Self::Mean),
        ("min", Self::Min),
        ("max", Self::Max),
        ("last", Self::Last),
        ("count", Self::Count),
        ("share", Self::Share),
    ];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Whether it takes conditions.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::Count | Self::Share)
    }

    /// What a member's value adds, as a number; `None` where it does not count. A count is the number of contributions, a
    /// share their mean.
    pub fn contribution(self, value: &Value) -> Option<f64> {
        match self {
            Self::Count => (!value.is_null() && truth(value) != Some(false)).then_some(1.0),
            Self::Share => truth(value).map(|truth| f64::from(u8::from(truth))),
            _ => value.number(),
        }
    }
}

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal $most:literal),* $(,)?) => {
        /// The functions of the language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Function { $($variant),* }

        impl Function {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// How many values it takes.
            pub fn takes(self) -> RangeInclusive<usize> {
                match self { $(Self::$variant => $least..=$most),* }
            }
        }
    };
}

functions! {
    Min "min" 1 64, Max "max" 1 64, Abs "abs" 1 1, Round "round" 1 2, Floor "floor" 1 1, Ceil "ceil" 1 1,
    Sqrt "sqrt" 1 1, Pow "pow" 2 2, Log "log" 1 1, Exp "exp" 1 1, Clamp "clamp" 3 3, Coalesce "coalesce" 1 64,
    Lower "lower" 1 1, Upper "upper" 1 1, Length "length" 1 1, Contains "contains" 2 2,
    StartsWith "starts_with" 2 2, Concat "concat" 1 64, Format "format" 1 2,
}

impl Function {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|function| function.name() == name).copied()
    }
}

impl Node {
    pub fn binary(operation: Binary, left: Self, right: Self) -> Self {
        Self::Binary(operation, Box::new([left, right]))
    }

    /// The same tree with its names looked up anew.
    pub fn renamed(self, name: &mut dyn FnMut(String) -> Node) -> Self {
        let mut each = |node: Self| node.renamed(name);
        match self {
            Self::Name(_, text) => name(text),
            Self::Not(node) => Self::Not(Box::new(each(*node))),
            Self::Negative(node) => Self::Negative(Box::new(each(*node))),
            Self::IsNull(node) => Self::IsNull(Box::new(each(*node))),
            Self::Binary(operation, sides) => Self::Binary(operation, Box::new(sides.map(each))),
            Self::Between(three) => Self::Between(Box::new(three.map(each))),
            Self::In(node, choices) => Self::In(Box::new(each(*node)), choices.into_iter().map(each).collect()),
            Self::Case(branches, otherwise) => {
                let branches = branches.into_iter().map(|(when, then)| (each(when), each(then))).collect();
                Self::Case(branches, Box::new(each(*otherwise)))
            }
            Self::Call(function, arguments) => Self::Call(function, arguments.into_iter().map(each).collect()),
            constant @ (Self::Constant(_) | Self::Aggregate(_)) => constant,
        }
    }

    /// Shows the node and all below it, each before what is below it.
    pub fn visit<'n>(&'n self, see: &mut dyn FnMut(&'n Self)) {
        see(self);
        let mut each = |node: &'n Self| node.visit(see);
        match self {
            Self::Not(node) | Self::Negative(node) | Self::IsNull(node) => each(node),
            Self::Binary(_, sides) => sides.iter().for_each(each),
            Self::Between(three) => three.iter().for_each(each),
            Self::In(node, choices) => {
                each(node);
                choices.iter().for_each(each);
            }
            Self::Case(branches, otherwise) => {
                for (when, then) in branches {
                    each(when);
                    each(then);
                }
                each(otherwise);
            }
            Self::Call(_, arguments) => arguments.iter().for_each(each),
            Self::Constant(_) | Self::Name(..) | Self::Aggregate(_) => {}
        }
    }

    /// Whether its value is a truth value or not known.
    pub fn is_condition(&self) -> bool {
        match self {
            Self::Not(_) | Self::IsNull(_) | Self::Between(_) | Self::In(..) => true,
            Self::Binary(Binary::Or | Binary::And | Binary::Like, _) => true,
            Self::Binary(operation, _) => operation.compares(),
            _ => false,
        }
    }

    /// How tightly the node's text binds; a looser one inside a tighter one needs brackets.
    fn tightness(&self) -> u8 {
        match self {
            Self::Binary(Binary::Or, _) => 1,
            Self::Binary(Binary::And, _) => 2,
            Self::Not(_) => 3,
            Self::IsNull(_) | Self::Between(_) | Self::In(..) => 4,
            Self::Binary(operation, _) => match operation {
                Binary::Add | Binary::Subtract | Binary::Concat => 5,
                Binary::Multiply | Binary::Divide | Binary::Remainder => 6,
                _ => 4,
            },
            Self::Negative(_) => 7,
            _ => 9,
        }
    }

    /// Writes the node; `least` is how tightly it has to bind where it stands.
    pub fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        least: u8,
        aggregates: &[(AggregateKind, Expression)],
    ) -> fmt::Result {
        if self.tightness() < least {
            f.write_str("(")?;
            self.write(f, 0, aggregates)?;
            return f.write_str(")");
        }
        match self {
            Self::Constant(value) => write_constant(f, value),
            Self::Name(_, name) => write_name(f, name),
            Self::Not(node) => {
                f.write_str("not ")?;
                node.write(f, 4, aggregates)
            }
            Self::Negative(node) => {
                f.write_str("-")?;
                // A number after the sign would be read as one negative number.
                let least = if matches!(**node, Self::Constant(_)) { 10 } else { 8 };
                node.write(f, least, aggregates)
            }
            Self::IsNull(node) => {
                node.write(f, 5, aggregates)?;
                f.write_str(" is null")
            }
            Self::Binary(operation, sides) => {
                let own = self.tightness();
                // Comparisons do not chain; the others lean to the left.
                sides[0].write(f, if own == 4 { 5 } else { own }, aggregates)?;
                write!(f, " {} ", operation.symbol())?;
                sides[1].write(f, own + 1, aggregates)
            }
            Self::Between(three) => {
                for (word, part) in ["", " between ", " and "].iter().zip(three.iter()) {
                    f.write_str(word)?;
                    part.write(f, 5, aggregates)?;
                }
                Ok(())
            }
            Self::In(node, choices) => {
                node.write(f, 5, aggregates)?;
                f.write_str(" in ")?;
                write_list(f, choices, aggregates)
            }
            Self::Case(branches, otherwise) => write_case(f, branches, otherwise, aggregates),
            Self::Call(function, arguments) => {
                f.write_str(function.name())?;
                write_list(f, arguments, aggregates)
            }
            Self::Aggregate(index) => match aggregates.get(*index) {
                Some((kind, inner)) => write!(f, "{}({inner})", kind.name()),
                None => Err(fmt::Error),
            },
        }
    }
}

fn write_case(
    f: &mut fmt::Formatter<'_>,
    branches: &[(Node, Node)],
    otherwise: &Node,
    aggregates: &[(AggregateKind, Expression)],
) -> fmt::Result {
    f.write_str("case")?;
    for (when, then) in branches {
        f.write_str(" when ")?;
        when.write(f, 0, aggregates)?;
        f.write_str(" then ")?;
        then.write(f, 0, aggregates)?;
    }
    f.write_str(" else ")?;
    otherwise.write(f, 0, aggregates)?;
    f.write_str(" end")
}

fn write_list(f: &mut fmt::Formatter<'_>, list: &[Node], aggregates: &[(AggregateKind, Expression)]) -> fmt::Result {
    for (i, node) in list.iter().enumerate() {
        f.write_str(if i == 0 { "(" } else { ", " })?;
        node.write(f, 0, aggregates)?;
    }
    f.write_str(if list.is_empty() { "()" } else { ")" })
}

fn write_constant(f: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Null => f.write_str("null"),
        Value::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
        // Debug keeps the point, so that a float is read as a float again.
        Value::Float(number) => write!(f, "{number:?}"),
        other => write!(f, "{other}"),
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let plain = name
        .chars()
        .enumerate()
        .all(|(i, c)| c == '_' || c.is_alphabetic() || i > 0 && (c == '.' || c.is_alphanumeric()));
    if plain && !name.is_empty() && !super::parser::is_keyword(name) {
        f.write_str(name)
    } else {
        write!(f, "\"{}\"", name.replace('"', "\"\""))
    }
}
