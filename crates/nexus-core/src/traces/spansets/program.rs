//! Encoded programs, as `query/traces/program.py` writes them: JSON arrays that begin with the name of a node.

use super::SpansetError;
use crate::json::reader::{JsonError, Reader, Token};

/// Size of an encoded program.
const MAX_BYTES: usize = 1 << 20;
/// Nesting of a program.
const MAX_DEPTH: usize = 400;
/// Values and keys of a row.
const MAX_COLUMNS: usize = 64;
const LEAVES: usize = 64;

/// What is asked of the spans of a trace.
#[derive(Debug, Clone)]
pub struct Program {
    pub(super) values: usize,
    pub(super) keys: usize,
    pub(super) numbering: bool,
    pub(super) root: Node,
}

/// Takes spansets and gives others.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// Spans that meet any condition.
    AnyLeaf,
    Leaf(u32),
    Where(Condition),
    Set(SetOp, Box<Node>, Box<Node>),
    By {
        key: usize,
        label: u32,
    },
    Coalesce,
    Scalar(Comparison, Scalar, Scalar),
    Pipeline(Vec<Node>),
}

/// Holds for a span or not.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Leaf(u32),
    /// Of the parent; what holds when there is none.
    Parent(u32, bool),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetOp {
    And,
    Or,
    Related(Relation, Manner),
}

/// What the right side is to the left one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Child,
    Descendant,
    Parent,
    Ancestor,
    Sibling,
}

impl Relation {
    /// What the left side is to the right one then.
    pub fn inverse(self) -> Self {
        match self {
            Self::Child => Self::Parent,
            Self::Descendant => Self::Ancestor,
            Self::Parent => Self::Child,
            Self::Ancestor => Self::Descendant,
            Self::Sibling => Self::Sibling,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Of the right side, those of which it holds.
    Right,
    /// Of the right side, the others.
    Negated,
    /// Of both sides, those of which it holds.
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    #[allow(clippy::float_cmp)] // What is equal is what the query says.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterEqual => left >= right,
        }
    }
}

/// A number of a spanset.
#[derive(Debug, Clone)]
pub(super) enum Scalar {
    Number(f64),
    Count { label: u32 },
    Aggregate { function: Aggregate, value: usize, label: u32 },
    Arithmetic(Arithmetic, Box<Scalar>, Box<Scalar>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Avg,
    Min,
    Max,
    Sum,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

impl Program {
    /// The program that bytes encode; no bytes are the program that takes every span that meets a condition.
    pub fn parse(encoded: &[u8]) -> Result<Self, SpansetError> {
        if encoded.is_empty() {
            return Ok(Self { values: 0, keys: 0, numbering: false, root: Node::AnyLeaf });
        }
        if encoded.len() > MAX_BYTES {
            return Err(SpansetError(format!("a program of {} bytes is larger than {MAX_BYTES}", encoded.len())));
        }
        let mut parser = Parser { reader: Reader::new(encoded), scratch: Vec::new(), values: 0, keys: 0 };
        if parser.name()? != "program" {
            return parser.error("expected a program");
        }
        parser.values = parser.bounded(MAX_COLUMNS + 1)?;
        parser.keys = parser.bounded(MAX_COLUMNS + 1)?;
        let numbering = parser.flag()?;
        parser.more()?;
        let root = parser.node(0)?;
        let program = parser.end(root)?;
        if !parser.reader.at_end() {
            return parser.error("more than one program");
        }
        Ok(Self { values: parser.values, keys: parser.keys, numbering, root: program })
    }

    /// Does it ask how spans lie in their trace?
    pub(super) fn is_structural(&self) -> bool {
        self.numbering || structural(&self.root)
    }
}

fn structural(node: &Node) -> bool {
    match node {
        Node::Where(condition) => about_parents(condition),
        Node::Set(op, left, right) => matches!(op, SetOp::Related(..)) || structural(left) || structural(right),
        Node::Pipeline(nodes) => nodes.iter().any(structural),
        _ => false,
    }
}

fn about_parents(condition: &Condition) -> bool {
    match condition {
        Condition::Leaf(_) => false,
        Condition::Parent(..) => true,
        Condition::And(parts) | Condition::Or(parts) => parts.iter().any(about_parents),
        Condition::Not(part) => about_parents(part),
    }
}

impl From<JsonError> for SpansetError {
    fn from(error: JsonError) -> Self {
        Self(format!("the program of spansets is not understood: {error}"))
    }
}

type Result<T, E = SpansetError> = std::result::Result<T, E>;

struct Parser<'a> {
    reader: Reader<'a>,
    scratch: Vec<u8>,
    values: usize,
    keys: usize,
}

impl Parser<'_> {
    fn error<T>(&self, what: &'static str) -> Result<T> {
        Err(self.reader.error(what).into())
    }

    /// There is another part in the list.
    fn more(&mut self) -> Result<()> {
        if self.reader.element(false)? { Ok(()) } else { self.error("the node has too few parts") }
    }

    /// The list ends here.
    fn end<T>(&mut self, node: T) -> Result<T> {
        if self.reader.element(false)? { self.error("the node has too many parts") } else { Ok(node) }
    }

    /// A list begins with its name.
    fn name(&mut self) -> Result<String> {
        if self.reader.value()? != Token::Array {
            return self.error("expected a node");
        }
        if !self.reader.element(true)? {
            return self.error("expected the name of a node");
        }
        self.text()
    }

    fn text(&mut self) -> Result<String> {
        let Token::Text(text) = self.reader.value()? else { return self.error("expected a text") };
        match std::str::from_utf8(text.resolve(&mut self.scratch)) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => self.error("the text is not UTF-8"),
        }
    }

    fn flag(&mut self) -> Result<bool> {
        self.more()?;
        let Token::Bool(flag) = self.reader.value()? else { return self.error("expected true or false") };
        Ok(flag)
    }

    fn number(&mut self) -> Result<f64> {
        self.more()?;
        let Token::Number { raw, .. } = self.reader.value()? else { return self.error("expected a number") };
        match std::str::from_utf8(raw).ok().and_then(|text| text.parse::<f64>().ok()) {
            Some(number) if number.is_finite() => Ok(number),
            _ => self.error("the number is out of range"),
        }
    }

    /// A whole number below a bound.
    fn bounded(&mut self, bound: usize) -> Result<usize> {
        let number = self.number()?;
        if number >= 0.0 && number < bound as f64 && number.fract() == 0.0 {
            return Ok(number as usize);
        }
        self.error("the index is out of range")
    }

    fn label(&mut self) -> Result<u32> {
        Ok(self.bounded(1 << 16)? as u32)
    }

    fn leaf(&mut self) -> Result<u32> {
        Ok(self.bounded(LEAVES)? as u32)
    }

    fn node(&mut self, depth: usize) -> Result<Node> {
        if depth > MAX_DEPTH {
            return self.error("the program is nested too deep");
        }
        let node = match self.name()?.as_str() {
            "leaf" => Node::Leaf(self.leaf()?),
            "where" => {
                self.more()?;
                Node::Where(self.condition(depth + 1)?)
            }
            "set" => {
                self.more()?;
                let name = self.text()?;
                let Some(op) = set_op(&name) else { return self.error("unknown operator of spansets") };
                self.more()?;
                let left = self.node(depth + 1)?;
                self.more()?;
                Node::Set(op, Box::new(left), Box::new(self.node(depth + 1)?))
            }
            "by" => Node::By { key: self.bounded(self.keys)?, label: self.label()? },
            "coalesce" => Node::Coalesce,
            "scalar" => {
                self.more()?;
                let name = self.text()?;
                let Some(op) = comparison(&name) else { return self.error("unknown comparison") };
                self.more()?;
                let left = self.scalar(depth + 1)?;
                self.more()?;
                Node::Scalar(op, left, self.scalar(depth + 1)?)
            }
            "pipeline" => {
                let mut nodes = Vec::new();
                while self.reader.element(false)? {
                    nodes.push(self.node(depth + 1)?);
                }
                return Ok(Node::Pipeline(nodes));
            }
            _ => return self.error("unknown node"),
        };
        self.end(node)
    }

    fn condition(&mut self, depth: usize) -> Result<Condition> {
        if depth > MAX_DEPTH {
            return self.error("the condition is nested too deep");
        }
        let condition = match self.name()?.as_str() {
            "leaf" => Condition::Leaf(self.leaf()?),
            "parent" => Condition::Parent(self.leaf()?, self.flag()?),
            "and" => return Ok(Condition::And(self.conditions(depth)?)),
            "or" => return Ok(Condition::Or(self.conditions(depth)?)),
            "not" => {
                self.more()?;
                Condition::Not(Box::new(self.condition(depth + 1)?))
            }
            _ => return self.error("unknown condition"),
        };
        self.end(condition)
    }

    fn conditions(&mut self, depth: usize) -> Result<Vec<Condition>> {
        let mut parts = Vec::new();
        while self.reader.element(false)? {
            parts.push(self.condition(depth + 1)?);
        }
        Ok(parts)
    }

    fn scalar(&mut self, depth: usize) -> Result<Scalar> {
        if depth > MAX_DEPTH {
            return self.error("the number is nested too deep");
        }
        let name = self.name()?;
        let scalar = match name.as_str() {
            "number" => Scalar::Number(self.number()?),
            "count" => Scalar::Count { label: self.label()? },
            _ => {
                if let Some(function) = aggregate(&name) {
                    Scalar::Aggregate { function, value: self.bounded(self.values)?, label: self.label()? }
                } else {
                    let Some(op) = arithmetic(&name) else { return self.error("unknown number") };
                    self.more()?;
                    let left = self.scalar(depth + 1)?;
                    self.more()?;
                    Scalar::Arithmetic(op, Box::new(left), Box::new(self.scalar(depth + 1)?))
                }
            }
        };
        self.end(scalar)
    }
}

fn set_op(name: &str) -> Option<SetOp> {
    let (manner, relation) = match name.as_bytes() {
        b"&&" => return Some(SetOp::And),
        b"||" => return Some(SetOp::Or),
        [b'!', ..] => (Manner::Negated, &name[1..]),
        [b'&', ..] => (Manner::Both, &name[1..]),
        _ => (Manner::Right, name),
    };
    let relation = match relation {
        ">" => Relation::Child,
        ">>" => Relation::Descendant,
        "<" => Relation::Parent,
        "<<" => Relation::Ancestor,
        "~" => Relation::Sibling,
        _ => return None,
    };
    Some(SetOp::Related(relation, manner))
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        "=" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterEqual,
        _ => return None,
    })
}

fn aggregate(name: &str) -> Option<Aggregate> {
    Some(match name {
        "avg" => Aggregate::Avg,
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        "sum" => Aggregate::Sum,
        _ => return None,
    })
}

fn arithmetic(name: &str) -> Option<Arithmetic> {
    Some(match name {
        "+" => Arithmetic::Add,
        "-" => Arithmetic::Subtract,
        "*" => Arithmetic::Multiply,
        "/" => Arithmetic::Divide,
        "%" => Arithmetic::Remainder,
        "^" => Arithmetic::Power,
        _ => return None,
    })
}
