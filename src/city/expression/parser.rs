//! Tokens to a tree, by recursive descent with a bounded depth.

use super::node::{AggregateKind, Binary, Function, Node};
use super::token::{Kind, Token, tokens};
use super::{Expression, ExpressionError};
use crate::city::{Value, did_you_mean};

/// Deeper nesting is nobody's intention and would exhaust the stack.
const DEEPEST: usize = 64;
/// A longer text is nobody's expression.
const LONGEST: usize = 8 << 10;

const KEYWORDS: [&str; 15] =
    ["or", "and", "not", "in", "between", "like", "is", "null", "true", "false", "case", "when", "then", "else", "end"];

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    names: Vec<String>,
    /// Whether `sum(p)` and its like are aggregates over members, and what was found of them.
    aggregates: Option<Vec<(AggregateKind, Expression)>>,
}

pub(super) struct Parsed {
    pub root: Node,
    pub names: Vec<String>,
    pub aggregates: Vec<(AggregateKind, Expression)>,
}

type Parse = Result<Node, ExpressionError>;

pub(super) fn parse(text: &str, with_aggregates: bool) -> Result<Parsed, ExpressionError> {
    if text.len() > LONGEST {
        return Err(ExpressionError::new(1, format!("longer than {LONGEST} bytes")));
    }
    let aggregates = with_aggregates.then(Vec::new);
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, names: Vec::new(), aggregates };
    let root = parser.any()?;
    match parser.kind() {
        Kind::End => Ok(Parsed { root, names: parser.names, aggregates: parser.aggregates.unwrap_or_default() }),
        _ => Err(parser.expected("an operator or the end")),
    }
}

impl Parser {
    fn kind(&self) -> &Kind {
        self.tokens.get(self.at).map_or(&Kind::End, |token| &token.kind)
    }

    fn column(&self) -> usize {
        self.tokens.get(self.at).map_or(1, |token| token.column)
    }

    fn expected(&self, what: &str) -> ExpressionError {
        let found = match self.kind() {
            Kind::End => "the end".to_owned(),
            Kind::Number(n) => format!("'{n}'"),
            Kind::Whole(n) => format!("'{n}'"),
            Kind::Text(t) => format!("text '{t}'"),
            Kind::Word(w) | Kind::Quoted(w) => format!("'{w}'"),
            Kind::Symbol(s) => format!("'{s}'"),
        };
        ExpressionError::new(self.column(), format!("expected {what}, found {found}"))
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let fits = matches!(self.kind(), Kind::Symbol(s) if *s == symbol);
        self.at += usize::from(fits);
        fits
    }

    fn require(&mut self, symbol: &str) -> Result<(), ExpressionError> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.expected(&format!("'{symbol}'"))) }
    }

    fn word(&mut self, word: &str) -> bool {
        let fits = matches!(self.kind(), Kind::Word(w) if w.eq_ignore_ascii_case(word));
        self.at += usize::from(fits);
        fits
    }

    fn require_word(&mut self, word: &str) -> Result<(), ExpressionError> {
        if self.word(word) { Ok(()) } else { Err(self.expected(&format!("'{word}'"))) }
    }

    fn any(&mut self) -> Parse {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(ExpressionError::new(self.column(), format!("nested deeper than {DEEPEST}")));
        }
        let mut left = self.conjunction()?;
        while self.word("or") {
            left = Node::binary(Binary::Or, left, self.conjunction()?);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn conjunction(&mut self) -> Parse {
        let mut left = self.negation()?;
        while self.word("and") {
            left = Node::binary(Binary::And, left, self.negation()?);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Parse {
        let mut times = 0;
        while self.word("not") || self.symbol("!") {
            times += 1;
        }
        let node = self.comparison()?;
        Ok((0..times % 2 + 2 * usize::from(times > 1 && times % 2 == 0))
            .fold(node, |node, _| Node::Not(Box::new(node))))
    }

    fn comparison(&mut self) -> Parse {
        let left = self.sum()?;
        for (symbol, operation) in Binary::COMPARISONS {
            if self.symbol(symbol) {
                return Ok(Node::binary(operation, left, self.sum()?));
            }
        }
        if self.word("is") {
            let not = self.word("not");
            self.require_word("null")?;
            return Ok(negated(not, Node::IsNull(Box::new(left))));
        }
        let not = self.word("not");
        if self.word("in") {
            self.require("(")?;
            let choices = self.arguments()?;
            return Ok(negated(not, Node::In(Box::new(left), choices)));
        }
        if self.word("between") {
            let low = self.sum()?;
            self.require_word("and")?;
            return Ok(negated(not, Node::Between(Box::new([left, low, self.sum()?]))));
        }
        if self.word("like") {
            return Ok(negated(not, Node::binary(Binary::Like, left, self.sum()?)));
        }
        if not { Err(self.expected("'in', 'between' or 'like'")) } else { Ok(left) }
    }

    fn sum(&mut self) -> Parse {
        let mut left = self.product()?;
        loop {
            let operation = if self.symbol("+") {
                Binary::Add
            } else if self.symbol("-") {
                Binary::Subtract
            } else if self.symbol("||") {
                Binary::Concat
            } else {
                return Ok(left);
            };
            left = Node::binary(operation, left, self.product()?);
        }
    }

    fn product(&mut self) -> Parse {
        let mut left = self.sign()?;
        loop {
            let operation = if self.symbol("*") {
                Binary::Multiply
            } else if self.symbol("/") {
                Binary::Divide
            } else if self.symbol("%") {
                Binary::Remainder
            } else {
                return Ok(left);
            };
            left = Node::binary(operation, left, self.sign()?);
        }
    }

    fn sign(&mut self) -> Parse {
        let mut negative = false;
        loop {
            if self.symbol("-") {
                negative = !negative;
            } else if !self.symbol("+") {
                break;
            }
        }
        let node = self.primary()?;
        Ok(match (negative, node) {
            (false, node) => node,
            (true, Node::Constant(Value::Int(i))) => Node::Constant(Value::Int(-i)),
            (true, Node::Constant(Value::Float(f))) => Node::Constant(Value::Float(-f)),
            (true, node) => Node::Negative(Box::new(node)),
        })
    }

    fn primary(&mut self) -> Parse {
        let kind = self.kind().clone();
        match kind {
            Kind::Number(number) => self.constant(Value::Float(number)),
            Kind::Whole(number) => self.constant(Value::Int(number)),
            Kind::Text(text) => self.constant(Value::Text(text)),
            Kind::Quoted(name) => {
                self.at += 1;
                Ok(self.name(name))
            }
            Kind::Symbol("(") => {
                self.at += 1;
                let node = self.any()?;
                self.require(")")?;
                Ok(node)
            }
            Kind::Word(word) => self.word_value(&word),
            _ => Err(self.expected("a value")),
        }
    }

    fn constant(&mut self, value: Value) -> Parse {
        self.at += 1;
        Ok(Node::Constant(value))
    }

    fn word_value(&mut self, word: &str) -> Parse {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "true" => self.constant(Value::Bool(true)),
            "false" => self.constant(Value::Bool(false)),
            "null" => self.constant(Value::Null),
            "case" => {
                self.at += 1;
                self.case()
            }
            _ if KEYWORDS.contains(&lower.as_str()) => Err(self.expected("a value")),
            _ => {
                let column = self.column();
                self.at += 1;
                if self.symbol("(") { self.call(&lower, column) } else { Ok(self.name(word.to_owned())) }
            }
        }
    }

    fn name(&mut self, name: String) -> Node {
        slot_of(&mut self.names, name)
    }

    /// An aggregate over the members: the names in it are the members', not the whole's.
    fn aggregate(&mut self, kind: AggregateKind, root: Node, names: usize, aggregates: usize, column: usize) -> Parse {
        let found = self.aggregates.get_or_insert_default();
        if found.len() > aggregates {
            return Err(ExpressionError::new(column, format!("{} cannot run over another aggregate", kind.name())));
        }
        if !kind.counts() && root.is_condition() {
            let cause = format!("{} takes a number, not a condition; count and share take conditions", kind.name());
            return Err(ExpressionError::new(column, cause));
        }
        let mut inner = Vec::new();
        let root = root.renamed(&mut |name| slot_of(&mut inner, name));
        found.push((kind, Expression::from_parts(root, inner)));
        self.names.truncate(names);
        Ok(Node::Aggregate(aggregates))
    }

    /// After `case`.
    fn case(&mut self) -> Parse {
        let mut branches = Vec::new();
        while self.word("when") {
            let condition = self.any()?;
            self.require_word("then")?;
            branches.push((condition, self.any()?));
        }
        if branches.is_empty() {
            return Err(self.expected("'when'"));
        }
        let otherwise = if self.word("else") { self.any()? } else { Node::Constant(Value::Null) };
        self.require_word("end")?;
        Ok(Node::Case(branches, Box::new(otherwise)))
    }

    /// After `(`, up to and with `)`.
    fn arguments(&mut self) -> Result<Vec<Node>, ExpressionError> {
        let mut arguments = Vec::new();
        if self.symbol(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.any()?);
            if self.symbol(")") {
                return Ok(arguments);
            }
            if !self.symbol(",") {
                return Err(self.expected("',' or ')'"));
            }
        }
    }

    /// After `name(`.
    fn call(&mut self, name: &str, column: usize) -> Parse {
        let names_before = self.names.len();
        let aggregates_before = self.aggregates.as_ref().map_or(0, Vec::len);
        let mut arguments = self.arguments()?;
        let aggregate = AggregateKind::from_name(name).filter(|_| self.aggregates.is_some());
        if let Some(kind) =
            aggregate.filter(|kind| arguments.len() == 1 || arguments.is_empty() && *kind == AggregateKind::Count)
        {
            let root = arguments.pop().unwrap_or(Node::Constant(Value::Bool(true)));
            return self.aggregate(kind, root, names_before, aggregates_before, column);
        }
        if name == "if" {
            let [condition, then, otherwise] = <[Node; 3]>::try_from(arguments)
                .map_err(|_| ExpressionError::new(column, "if takes a condition and two values".to_owned()))?;
            return Ok(Node::Case(vec![(condition, then)], Box::new(otherwise)));
        }
        let Some(function) = Function::from_name(name) else {
            let aggregates = AggregateKind::ALL.iter().map(|(name, _)| *name).filter(|_| self.aggregates.is_some());
            let known: Vec<&str> = Function::ALL.iter().map(|f| f.name()).chain(["if"]).chain(aggregates).collect();
            let message = format!("there is no function '{name}'{}", did_you_mean(name, &known));
            return Err(ExpressionError::new(column, message));
        };
        if !function.takes().contains(&arguments.len()) {
            let (least, most) = function.takes().into_inner();
            let many = if least == most { format!("{least}") } else { format!("{least} to {most}") };
            return Err(ExpressionError::new(column, format!("{name} takes {many} values, not {}", arguments.len())));
        }
        Ok(Node::Call(function, arguments))
    }
}

fn slot_of(names: &mut Vec<String>, name: String) -> Node {
    let slot = names.iter().position(|known| *known == name).unwrap_or_else(|| {
        names.push(name.clone());
        names.len() - 1
    });
    Node::Name(slot, name)
}

fn negated(not: bool, node: Node) -> Node {
    if not { Node::Not(Box::new(node)) } else { node }
}

/// Whether a bare word would not be read as a name.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word.to_ascii_lowercase().as_str())
}
