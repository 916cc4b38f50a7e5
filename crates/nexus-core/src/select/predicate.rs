//! Encoded predicates: JSON arrays that begin with the name of a node.
//!
//! `["all"]`, `["word", text]`, `["phrase", text]`, `["compare", kind, name, operator, text, number or null]`,
//! `["wildcard", kind, name, piece, piece, ...]`, `["regex", kind, name, expression]`, `["exists", kind, name]`,
//! `["and", node, ...]`, `["or", node, ...]`, `["not", node]`. Kinds are `column`, `attribute`, `resource`, `anywhere`.

use super::number::Number;
use super::regex::Pattern;
use super::text::{BodyWildcard, Bounded, Pieces, is_word};
use super::{FilterError, MAX_FILTER_BYTES};
use crate::json::reader::{JsonError, Reader, Token};
use std::cmp::Ordering;

/// Nodes of a predicate.
const MAX_NODES: usize = 10_000;
/// Nesting of a predicate.
const MAX_DEPTH: usize = 300;
/// Bytes that all compiled expressions of a filter may take together, and one of them.
const PATTERN_BYTES: usize = 64 << 20;
const LARGEST_PATTERN_BYTES: usize = 4 << 20;
/// What an expression of ordinary size gets, however many there are.
const SMALLEST_PATTERN_BYTES: usize = 64 << 10;

/// A node of a predicate.
#[derive(Debug)]
pub(super) enum Node {
    All,
    /// Over the body; `masked` when skeletons cannot tell.
    Body {
        text: Box<Bounded>,
        masked: bool,
    },
    BodyWildcard(BodyWildcard),
    Compare(Field, Comparison),
    Text(Field, TextTest),
    Exists(Field),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
}

/// A test of a field's text.
#[derive(Debug)]
pub(super) enum TextTest {
    Regex(Pattern),
    /// The whole text. Of a column that has a value, in lower case.
    Wildcard(Pieces),
}

/// Where a field lives; see `FieldKind` in `query/plan.py`.
#[derive(Debug)]
pub(super) enum Field {
    Column(Column),
    Attribute(Vec<u8>),
    Resource(Vec<u8>),
    Anywhere(Vec<u8>),
}

/// Columns of records that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Timestamp,
    ObservedTimestamp,
    Service,
    Severity,
    SeverityNumber,
    Body,
    TraceId,
    SpanId,
    EventName,
    TemplateId,
    ScopeName,
    ScopeVersion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Op {
    /// Does it hold for values in this order? None: they have none, as NaN has none.
    pub(super) fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Eq => order == Some(Ordering::Equal),
            Self::Ne => order != Some(Ordering::Equal),
            Self::Lt => order == Some(Ordering::Less),
            Self::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Gt => order == Some(Ordering::Greater),
            Self::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// An operator and what stands behind it: as text, and as the number that it reads as.
#[derive(Debug)]
pub struct Comparison {
    pub op: Op,
    pub text: Vec<u8>,
    pub number: Option<Number>,
}

impl Node {
    /// What to ask first: the cheaper tests leave fewer rows to the others.
    fn cost(&self) -> u32 {
        match self {
            Self::All => 0,
            Self::Compare(field, _) | Self::Exists(field) => match field {
                Field::Column(Column::Body) => 4,
                Field::Column(_) => 1,
                _ => 2,
            },
            Self::Text(Field::Column(Column::Body), _) => 6,
            Self::Text(..) => 3,
            Self::Body { .. } => 4,
            Self::BodyWildcard(_) => 5,
            Self::Not(part) => part.cost(),
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Node::cost).max().unwrap_or(0),
        }
    }
}

/// The predicate that bytes encode.
pub(super) fn parse(encoded: &[u8]) -> Result<Node, FilterError> {
    if encoded.len() > MAX_FILTER_BYTES {
        return Err(FilterError(format!("a filter of {} bytes is larger than {MAX_FILTER_BYTES}", encoded.len())));
    }
    if std::str::from_utf8(encoded).is_err() {
        return Err(FilterError("the filter is not UTF-8".to_owned()));
    }
    // Expressions share their memory evenly; an encoding begins at least as many lists as it has expressions.
    let lists = memchr::memchr_iter(b'[', encoded).count().max(1);
    let pattern_bytes = (PATTERN_BYTES / lists).clamp(SMALLEST_PATTERN_BYTES, LARGEST_PATTERN_BYTES);
    let mut parser = Parser { reader: Reader::new(encoded), scratch: Vec::new(), pattern_bytes, nodes: 0 };
    let node = parser.node(0)?;
    if !parser.reader.at_end() {
        return Err(parser.reader.error("more than one node").into());
    }
    Ok(node)
}

impl From<JsonError> for FilterError {
    fn from(error: JsonError) -> Self {
        Self(format!("the filter is not understood: {error}"))
    }
}

struct Parser<'a> {
    reader: Reader<'a>,
    scratch: Vec<u8>,
    pattern_bytes: usize,
    nodes: usize,
}

type Result<T, E = FilterError> = std::result::Result<T, E>;

impl Parser<'_> {
    fn error<T>(&self, what: &'static str) -> Result<T> {
        Err(self.reader.error(what).into())
    }

    fn node(&mut self, depth: usize) -> Result<Node> {
        if depth > MAX_DEPTH {
            return self.error("the predicate is nested too deep");
        }
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return self.error("the predicate has too many nodes");
        }
        if self.reader.value()? != Token::Array {
            return self.error("expected a node");
        }
        if !self.reader.element(true)? {
            return self.error("expected the name of a node");
        }
        let name = self.string()?;
        match name.as_str() {
            "all" => self.end(Node::All),
            "word" => {
                let text = self.text()?;
                if text.is_empty() || !text.bytes().all(is_word) {
                    return self.error("a word is letters and digits");
                }
                self.end(body(&text))
            }
            "phrase" => {
                let text = self.text()?;
                self.end(body(&text))
            }
            "compare" => {
                let (field, comparison) = (self.field()?, self.comparison()?);
                self.end(Node::Compare(field, comparison))
            }
            "wildcard" => self.wildcard(),
            "regex" => {
                let (field, expression) = (self.field()?, self.text()?);
                let pattern = Pattern::new(&expression, self.pattern_bytes)?;
                self.end(Node::Text(field, TextTest::Regex(pattern)))
            }
            "exists" => {
                let field = self.field()?;
                self.end(Node::Exists(field))
            }
            "and" => Ok(Node::And(self.parts(depth)?)),
            "or" => Ok(Node::Or(self.parts(depth)?)),
            "not" => {
                if !self.reader.element(false)? {
                    return self.error("expected a node");
                }
                let part = self.node(depth + 1)?;
                self.end(Node::Not(Box::new(part)))
            }
            _ => self.error("unknown node"),
        }
    }

    fn wildcard(&mut self) -> Result<Node> {
        let field = self.field()?;
        let mut pieces = Vec::new();
        while self.reader.element(false)? {
            pieces.push(self.string()?);
        }
        if pieces.len() < 2 {
            return self.error("a wildcard has two pieces");
        }
        Ok(match field {
            Field::Column(Column::Body) => Node::BodyWildcard(BodyWildcard::new(&pieces)),
            Field::Column(_) => {
                for piece in &mut pieces {
                    piece.make_ascii_lowercase();
                }
                Node::Text(field, TextTest::Wildcard(Pieces::new(&pieces)))
            }
            _ => Node::Text(field, TextTest::Wildcard(Pieces::new(&pieces))),
        })
    }

    fn parts(&mut self, depth: usize) -> Result<Vec<Node>> {
        let mut parts = Vec::new();
        while self.reader.element(false)? {
            parts.push(self.node(depth + 1)?);
        }
        parts.sort_by_key(Node::cost);
        Ok(parts)
    }

    /// The list ends here.
    fn end(&mut self, node: Node) -> Result<Node> {
        if self.reader.element(false)? { self.error("the node has too many parts") } else { Ok(node) }
    }

    fn string(&mut self) -> Result<String> {
        let Token::Text(text) = self.reader.value()? else { return self.error("expected a text") };
        match std::str::from_utf8(text.resolve(&mut self.scratch)) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => self.error("expected UTF-8"),
        }
    }

    /// The next element of the node, a text.
    fn text(&mut self) -> Result<String> {
        if self.reader.element(false)? { self.string() } else { self.error("the node has too few parts") }
    }

    fn field(&mut self) -> Result<Field> {
        let (kind, name) = (self.text()?, self.text()?);
        Ok(match kind.as_str() {
            "column" => Field::Column(self.column(&name)?),
            "attribute" => Field::Attribute(name.into_bytes()),
            "resource" => Field::Resource(name.into_bytes()),
            "anywhere" => Field::Anywhere(name.into_bytes()),
            _ => return self.error("unknown kind of field"),
        })
    }

    fn column(&self, name: &str) -> Result<Column> {
        Ok(match name {
            "timestamp" => Column::Timestamp,
            "observed_timestamp" => Column::ObservedTimestamp,
            "service" => Column::Service,
            "severity" => Column::Severity,
            "severity_number" => Column::SeverityNumber,
            "body" => Column::Body,
            "trace_id" => Column::TraceId,
            "span_id" => Column::SpanId,
            "event_name" => Column::EventName,
            "template_id" => Column::TemplateId,
            "scope_name" => Column::ScopeName,
            "scope_version" => Column::ScopeVersion,
            _ => return self.error("unknown column"),
        })
    }

    fn comparison(&mut self) -> Result<Comparison> {
        let op = match self.text()?.as_str() {
            "=" => Op::Eq,
            "!=" => Op::Ne,
            "<" => Op::Lt,
            "<=" => Op::Le,
            ">" => Op::Gt,
            ">=" => Op::Ge,
            _ => return self.error("unknown operator"),
        };
        let text = self.text()?.into_bytes();
        if !self.reader.element(false)? {
            return self.error("the node has too few parts");
        }
        let number = match self.reader.value()? {
            Token::Null => None,
            Token::Number { raw, integer } => Some(self.number(raw, integer)?),
            _ => return self.error("expected a number"),
        };
        Ok(Comparison { op, text, number })
    }

    fn number(&self, raw: &[u8], integer: bool) -> Result<Number> {
        let text = std::str::from_utf8(raw).unwrap_or_default();
        if integer {
            match text.parse::<i128>() {
                Ok(number) if (-(1 << 63)..1 << 64).contains(&number) => return Ok(Number::Int(number)),
                _ => return self.error("the integer is too large"),
            }
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Number::Float(number)),
            _ => self.error("expected a finite number"),
        }
    }
}

fn body(text: &str) -> Node {
    let masked = text.bytes().any(|byte| byte.is_ascii_digit() || byte == b'*');
    Node::Body { text: Box::new(Bounded::new(text)), masked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_node() {
        let text = r#"["and",["all"],["word","a"],["phrase","a b"],["compare","column","service","!=","x",null],
            ["compare","attribute","status",">=","500",500],["compare","anywhere","k","<","1.5",1.5],
            ["wildcard","column","body","a","b"],["wildcard","resource","k","a",""],["regex","column","body","a+"],
            ["exists","attribute","k"],["or"],["not",["all"]]]"#;
        let Node::And(parts) = parse(text.as_bytes()).unwrap() else { panic!() };
        assert_eq!(parts.len(), 12);
        assert!(parts.windows(2).all(|pair| pair[0].cost() <= pair[1].cost()));
    }

    #[test]
    fn anything_else_is_an_error() {
        for text in [
            "",
            "[]",
            "{}",
            "null",
            r#"["nope"]"#,
            r#"["all",1]"#,
            r#"["word"]"#,
            r#"["word","a b"]"#,
            r#"["word",""]"#,
            r#"["compare","column","nope","=","x",null]"#,
            r#"["compare","column","service","~","x",null]"#,
            r#"["compare","column","service","=","x"]"#,
            r#"["compare","column","service","=","x",1e999]"#,
            r#"["compare","column","service","=","x",99999999999999999999999]"#,
            r#"["wildcard","column","body","a"]"#,
            r#"["exists","where","a"]"#,
            r#"["not"]"#,
            r#"["not",["all"],["all"]]"#,
            r#"["all"] ["all"]"#,
            r#"["regex","column","body","("]"#,
            "[\"word\",\"\u{1}",
            r#"["and",["#,
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"[\"word\",\"\xff\"]").is_err());
        let deep = |depth: usize| format!("{}[\"all\"]{}", "[\"not\",".repeat(depth), "]".repeat(depth));
        assert!(parse(deep(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(deep(MAX_DEPTH + 1).as_bytes()).is_err());
    }

    #[test]
    fn all_expressions_share_their_memory() {
        let one = r#"["regex","column","body","(\\pL{20}){20}"]"#;
        let many = format!("[\"or\"{}]", format!(",{one}").repeat(1000));
        assert!(parse(many.as_bytes()).is_err());
        let plain = format!("[\"or\"{}]", r#",["regex","column","body","(?i)error|time-?out"]"#.repeat(1000));
        assert!(parse(plain.as_bytes()).is_ok());
        let words = |count: usize| format!("[\"or\"{}]", r#",["word","timeout"]"#.repeat(count));
        assert!(parse(words(MAX_NODES - 1).as_bytes()).is_ok());
        assert!(parse(words(MAX_NODES).as_bytes()).is_err());
    }
}
