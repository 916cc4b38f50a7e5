//! Filters of lines and of labels, and patterns (`<_>` and `<name>` between literals).

use super::entry::Entry;
use super::json::Json;
use super::regex;
use super::units::{self, IpMatcher};
use std::borrow::Cow;
use std::collections::HashSet;

/// A pattern: literals with captures between them.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// `None` is a literal's place taken by a capture without a name.
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Capture(String),
}

impl Pattern {
    /// Read a pattern; `filter` says that captures have no names.
    pub fn parse(text: &str, filter: bool) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut names = HashSet::new();
        let mut rest = text;
        while !rest.is_empty() {
            let capture = capture_at(rest);
            if let Some((name, length)) = capture {
                if matches!(parts.last(), Some(Part::Capture(_))) {
                    return Err(format!("found consecutive capture: '<{name}>' follows another capture"));
                }
                if filter && name != "_" {
                    return Err("named captures are not allowed in pattern filters".to_owned());
                }
                if name != "_" && !names.insert(name) {
                    return Err(format!("duplicate capture name: {name}"));
                }
                parts.push(Part::Capture(name.to_owned()));
                rest = &rest[length..];
            } else {
                let end = rest.char_indices().skip(1).find(|(at, _)| capture_at(&rest[*at..]).is_some());
                let end = end.map_or(rest.len(), |(at, _)| at);
                parts.push(Part::Literal(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
        if !filter && names.is_empty() {
            return Err("at least one capture is required".to_owned());
        }
        Ok(Self { parts })
    }

    /// Does the whole line look like this?
    pub fn is_match(&self, line: &str) -> bool {
        let mut rest = line;
        let mut free = false;
        for (number, part) in self.parts.iter().enumerate() {
            match part {
                Part::Capture(_) => free = true,
                Part::Literal(literal) => {
                    let last = number + 1 == self.parts.len();
                    let at = match (free, last) {
                        (true, true) => rest.ends_with(literal.as_str()).then(|| rest.len() - literal.len()),
                        (true, false) => after_one(rest, literal),
                        (false, _) => rest.starts_with(literal.as_str()).then_some(0),
                    };
                    // A capture between two literals holds at least one character.
                    let Some(at) = at.filter(|&at| !free || at > 0) else { return false };
                    rest = &rest[at + literal.len()..];
                    free = false;
                }
            }
        }
        if free { !rest.is_empty() } else { rest.is_empty() }
    }

    /// Hand out (name, text) of the captures as far as the line follows the pattern.
    pub fn captures<'a>(&self, line: &'a str, mut found: impl FnMut(&str, &'a str)) {
        let mut rest = line;
        let mut open: Option<&str> = None;
        for part in &self.parts {
            match part {
                Part::Capture(name) => open = Some(name),
                Part::Literal(literal) => match open.take() {
                    None => match rest.strip_prefix(literal.as_str()) {
                        Some(after) => rest = after,
                        None => return,
                    },
                    Some(name) => {
                        let at = rest.find(literal.as_str());
                        if name != "_" {
                            found(name, at.map_or(rest, |at| &rest[..at]));
                        }
                        let Some(at) = at else { return };
                        rest = &rest[at + literal.len()..];
                    }
                },
            }
        }
        if let Some(name) = open.filter(|name| *name != "_") {
            found(name, rest);
        }
    }
}

/// Where a literal is found behind at least one character.
fn after_one(text: &str, literal: &str) -> Option<usize> {
    let skip = text.chars().next()?.len_utf8();
    text[skip..].find(literal).map(|at| at + skip)
}

fn capture_at(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix('<')?;
    let end = inner.bytes().position(|b| !b.is_ascii_alphanumeric() && b != b'_')?;
    let name = &inner[..end];
    let valid = inner.as_bytes()[end] == b'>' && name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    valid.then_some((name, end + 2))
}

#[derive(Debug, Clone)]
enum Needle {
    Text(String),
    Regex(::regex::Regex),
    Pattern(Pattern),
    Ip(IpMatcher),
}

/// A filter of lines: some needle is found, or (negated) none.
#[derive(Debug, Clone)]
pub(crate) struct LineFilter {
    negated: bool,
    needles: Vec<Needle>,
}

impl LineFilter {
    /// From `{"op", "any": [{"text"} | {"ip"}]}`.
    pub fn read(json: &Json) -> Result<Self, String> {
        let op = json.get("op").text();
        let mut needles = Vec::new();
        for one in json.get("any").list() {
            let (text, ip) = (one.get("text").text(), one.get("ip").text());
            needles.push(match op {
                _ if !ip.is_empty() => Needle::Ip(IpMatcher::parse(ip)?),
                "|=" | "!=" => Needle::Text(text.to_owned()),
                "|~" | "!~" => Needle::Regex(regex::compile(text, false)?),
                _ => Needle::Pattern(Pattern::parse(text, true)?),
            });
        }
        Ok(Self { negated: op.starts_with('!'), needles })
    }

    /// Does the line pass?
    pub fn passes(&self, line: &str) -> bool {
        let found = self.needles.iter().any(|needle| match needle {
            Needle::Text(text) => memchr::memmem::find(line.as_bytes(), text.as_bytes()).is_some(),
            Needle::Regex(regex) => regex.is_match(line),
            Needle::Pattern(pattern) => pattern.is_match(line),
            Needle::Ip(matcher) => matcher.is_found(line),
        });
        found != self.negated
    }
}

/// How a text is compared.
#[derive(Debug, Clone)]
pub(crate) enum TextMatcher {
    Equal(String),
    NotEqual(String),
    Match(::regex::Regex),
    NotMatch(::regex::Regex),
}

impl TextMatcher {
    /// From an operator and a value.
    pub fn new(op: &str, value: &str) -> Result<Self, String> {
        Ok(match op {
            "=" => Self::Equal(value.to_owned()),
            "!=" => Self::NotEqual(value.to_owned()),
            "=~" => Self::Match(regex::compile(value, true)?),
            "!~" => Self::NotMatch(regex::compile(value, true)?),
            _ => return Err(format!("unknown operator {op:?}")),
        })
    }

    /// Does a value match? A label that is not there is empty.
    pub fn is_match(&self, value: &str) -> bool {
        match self {
            Self::Equal(wanted) => value == wanted,
            Self::NotEqual(other) => value != other,
            Self::Match(regex) => regex.is_match(value),
            Self::NotMatch(regex) => !regex.is_match(value),
        }
    }
}

/// A matcher of a named label: `{"name", "op", "value"}`.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    pub name: String,
    pub text: TextMatcher,
}

impl Matcher {
    /// From JSON.
    pub fn read(json: &Json) -> Result<Self, String> {
        let name = json.get("name").text().to_owned();
        Ok(Self { name, text: TextMatcher::new(json.get("op").text(), json.get("value").text())? })
    }
}

/// Do a stream's labels match every matcher?
pub(crate) fn selects(matchers: &[Matcher], labels: &[(String, String)]) -> bool {
    matchers.iter().all(|matcher| {
        let value = labels.iter().find(|(name, _)| *name == matcher.name).map_or("", |(_, value)| value);
        matcher.text.is_match(value)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Number,
    Duration,
    Bytes,
}

/// A filter of labels.
#[derive(Debug, Clone)]
pub(crate) enum LabelFilter {
    Text(Matcher),
    Compare { name: String, op: Cow<'static, str>, value: f64, unit: LabelUnit },
    Ip { name: String, negated: bool, matcher: IpMatcher },
    And(Box<LabelFilter>, Box<LabelFilter>),
    Or(Box<LabelFilter>, Box<LabelFilter>),
}

/// What the value of a label is read as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LabelUnit(Unit);

impl LabelFilter {
    /// From `{"t": "text" | "number" | "duration" | "bytes" | "ip" | "and" | "or", ...}`.
    pub fn read(json: &Json) -> Result<Self, String> {
        let kind = json.get("t").text();
        let name = || json.get("name").text().to_owned();
        let unit = match kind {
            "text" => return Ok(Self::Text(Matcher::read(json)?)),
            "ip" => {
                let negated = json.get("op").text() == "!=";
                return Ok(Self::Ip { name: name(), negated, matcher: IpMatcher::parse(json.get("value").text())? });
            }
            "and" | "or" => {
                let (left, right) = (Box::new(Self::read(json.get("l"))?), Box::new(Self::read(json.get("r"))?));
                return Ok(if kind == "and" { Self::And(left, right) } else { Self::Or(left, right) });
            }
            "number" => Unit::Number,
            "duration" => Unit::Duration,
            "bytes" => Unit::Bytes,
            _ => return Err(format!("unknown label filter {kind:?}")),
        };
        let value = json.get("value").float().ok_or("a label filter without a value")?;
        Ok(Self::Compare { name: name(), op: json.get("op").text().to_owned().into(), value, unit: LabelUnit(unit) })
    }

    /// Does the entry pass? A value that cannot be read passes with an error.
    pub fn passes(&self, entry: &mut Entry<'_>) -> bool {
        match self {
            Self::Text(matcher) => matcher.text.is_match(entry.get(&matcher.name)),
            Self::And(left, right) => left.passes(entry) && right.passes(entry),
            Self::Or(left, right) => left.passes(entry) || right.passes(entry),
            Self::Ip { name, negated, matcher } => {
                if entry.error.is_some() {
                    return true;
                }
                let Some(value) = entry.find(name) else { return false };
                matcher.is_match(value).unwrap_or(false) != *negated
            }
            Self::Compare { name, op, value, unit } => {
                // Only text can tell entries with an error apart.
                if entry.error.is_some() {
                    return true;
                }
                let Some(text) = entry.find(name) else { return false };
                let read = match unit.0 {
                    Unit::Number => units::number(text),
                    Unit::Duration => units::duration(text),
                    Unit::Bytes => units::bytes(text),
                };
                let Some(number) = read else {
                    let what = match unit.0 {
                        Unit::Number => "a number",
                        Unit::Duration => "a duration",
                        Unit::Bytes => "a size",
                    };
                    let details = format!("label {name:?}: {text:?} is not {what}");
                    entry.fail("LabelFilterErr", details);
                    return true;
                };
                compare(op, number, *value)
            }
        }
    }
}

/// Compare two numbers with one of the six operators.
#[allow(clippy::float_cmp)] // That is what was asked.
pub(crate) fn compare(op: &str, left: f64, right: f64) -> bool {
    match op {
        "=" | "==" => left == right,
        "!=" => left != right,
        ">" => left > right,
        ">=" => left >= right,
        "<" => left < right,
        "<=" => left <= right,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_capture() {
        let pattern = Pattern::parse("<ip> - <user> [<_>] \"<method> <path> <_>\" <status>", false).unwrap();
        let mut found = Vec::new();
        pattern.captures("10.0.0.1 - bob [today] \"GET /x HTTP/1.1\" 200", |name, text| {
            found.push(format!("{name}={text}"));
        });
        assert_eq!(found, ["ip=10.0.0.1", "user=bob", "method=GET", "path=/x", "status=200"]);
        assert!(Pattern::parse("<a><b>", false).is_err());
        assert!(Pattern::parse("<_>", false).is_err());
        assert!(Pattern::parse("<a> <a>", false).is_err());
        assert!(Pattern::parse("<a> x", true).is_err());
    }

    #[test]
    fn patterns_filter() {
        let matches = |pattern: &str, line: &str| Pattern::parse(pattern, true).unwrap().is_match(line);
        assert!(matches("<_> failed <_>", "job failed twice"));
        assert!(!matches("<_> failed <_>", "job succeeded"));
        assert!(!matches("failed <_>", "job failed twice"));
        assert!(matches("<_>twice", "job failed twice"));
        assert!(!matches("<_> failed", "job failed twice"));
        assert!(matches("exact", "exact"));
        assert!(!matches("exact", "exactly"));
        assert!(matches("<_>", "anything"));
    }
}
