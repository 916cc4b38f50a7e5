//! Specifications of pipelines: JSON in memory, and options read with errors that name them.

use crate::json::reader::{Number, Reader, Token, number};
use crate::limits::MAX_DEPTH;
use crate::process::field::Field;
use crate::select::Filter;
use nexus_series::pattern::check_size;
use regex::bytes::{Regex, RegexBuilder};
use std::cell::RefCell;
use std::fmt;

/// Bytes that a compiled expression may take.
const REGEX_BYTES: usize = 4 << 20;
/// Characters of an expression as written.
const REGEX_TEXT: usize = 16 << 10;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number without fraction that fits 64 bits.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, in the order in which it was written.
    Map(Vec<(String, Json)>),
}

/// What is wrong with a specification. Displays as `option: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// Name of the option, empty when it is no single one.
    pub option: String,
    /// A sentence without capital and full stop.
    pub message: String,
}

impl SpecError {
    /// An error of one option.
    pub fn new(option: &str, message: impl Into<String>) -> Self {
        Self { option: option.to_owned(), message: message.into() }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.option.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "`{}` {}", self.option, self.message)
        }
    }
}

impl std::error::Error for SpecError {}

type Result<T> = std::result::Result<T, SpecError>;

impl Json {
    /// Read a text.
    pub fn parse(text: &[u8]) -> Result<Self> {
        if simdutf8::basic::from_utf8(text).is_err() {
            return Err(SpecError::new("", "the specification is not UTF-8"));
        }
        let mut reader = Reader::new(text);
        let value = read(&mut reader, 0)?;
        if reader.at_end() { Ok(value) } else { Err(SpecError::new("", "text follows the specification")) }
    }

    /// The member of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

fn read(reader: &mut Reader<'_>, depth: usize) -> Result<Json> {
    if depth > MAX_DEPTH {
        return Err(SpecError::new("", "the specification is nested too deeply"));
    }
    let bad =
        |error: crate::json::reader::JsonError| SpecError::new("", format!("the specification is no JSON: {error}"));
    let mut scratch = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(match reader.value().map_err(bad)? {
        Token::Null => Json::Null,
        Token::Bool(value) => Json::Bool(value),
        Token::Number { raw, integer } => match number(raw, integer) {
            Number::Int(value) => Json::Int(value),
            Number::Float(value) => Json::Float(value),
        },
        Token::Text(value) => Json::Text(text(value.resolve(&mut scratch))),
        Token::Array => {
            let mut items = Vec::new();
            while reader.element(items.is_empty()).map_err(bad)? {
                items.push(read(reader, depth + 1)?);
            }
            Json::List(items)
        }
        Token::Object => {
            let mut members = Vec::new();
            while let Some(key) = reader.key(members.is_empty()).map_err(bad)? {
                let key = text(key.resolve(&mut scratch));
                members.push((key, read(reader, depth + 1)?));
            }
            Json::Map(members)
        }
    })
}

/// The options of a step. Each is asked for by name; [`Options::finish`] refuses those that nobody asked for.
#[derive(Debug)]
pub struct Options<'a> {
    members: &'a [(String, Json)],
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Options<'a> {
    /// Options from an object.
    pub fn new(members: &'a [(String, Json)]) -> Self {
        Self { members, asked: RefCell::new(vec!["on_failure"]) }
    }

    /// An option as it is; None when it is missing or null.
    pub fn get(&self, name: &'static str) -> Option<&'a Json> {
        self.asked.borrow_mut().push(name);
        self.members.iter().find(|(key, _)| key == name).map(|(_, value)| value).filter(|value| **value != Json::Null)
    }

    /// A text.
    pub fn text(&self, name: &'static str) -> Result<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(SpecError::new(name, "must be a text")),
        }
    }

    /// A text that must be there.
    pub fn required_text(&self, name: &'static str) -> Result<&'a str> {
        match self.text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(SpecError::new(name, "is missing")),
        }
    }

    /// A boolean.
    pub fn flag(&self, name: &'static str, otherwise: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(otherwise),
            Some(Json::Bool(value)) => Ok(*value),
            Some(_) => Err(SpecError::new(name, "must be true or false")),
        }
    }

    /// A number within bounds, both included.
    pub fn number(&self, name: &'static str, otherwise: Option<f64>, low: f64, high: f64) -> Result<f64> {
        let value = match self.get(name) {
            None => otherwise.ok_or_else(|| SpecError::new(name, "is missing"))?,
            Some(Json::Int(value)) => *value as f64,
            Some(Json::Float(value)) => *value,
            Some(_) => return Err(SpecError::new(name, "must be a number")),
        };
        if (low..=high).contains(&value) {
            return Ok(value);
        }
        Err(SpecError::new(name, format!("must lie between {low} and {high}")))
    }

    /// An integer within bounds, both included.
    pub fn integer(&self, name: &'static str, otherwise: usize, low: usize, high: usize) -> Result<usize> {
        let value = self.number(name, Some(otherwise as f64), low as f64, high as f64)?;
        if value.fract() == 0.0 { Ok(value as usize) } else { Err(SpecError::new(name, "must be an integer")) }
    }

    /// One of several words.
    pub fn choice(&self, name: &'static str, words: &[&'static str], otherwise: &'static str) -> Result<&'static str> {
        let Some(text) = self.text(name)? else { return Ok(otherwise) };
        let found = words.iter().copied().find(|word| *word == text);
        found.ok_or_else(|| SpecError::new(name, format!("is {text:?}: use one of {}", words.join(", "))))
    }

    /// Texts: a list of them, or one. Empty when missing.
    pub fn texts(&self, name: &'static str) -> Result<Vec<&'a str>> {
        let wrong = || SpecError::new(name, "must be a list of texts");
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Json::Text(text)) => Ok(vec![text]),
            Some(Json::List(items)) => items.iter().map(|item| item.text().ok_or_else(wrong)).collect(),
            Some(_) => Err(wrong()),
        }
    }

    /// Members of a map. Empty when missing.
    pub fn map(&self, name: &'static str) -> Result<&'a [(String, Json)]> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Json::Map(members)) => Ok(members),
            Some(_) => Err(SpecError::new(name, "must be a map")),
        }
    }

    /// A map from texts to texts. Empty when missing.
    pub fn text_map(&self, name: &'static str) -> Result<Vec<(&'a str, &'a str)>> {
        let wrong = || SpecError::new(name, "must be a map from texts to texts");
        self.map(name)?.iter().map(|(key, value)| Ok((key.as_str(), value.text().ok_or_else(wrong)?))).collect()
    }

    /// A field.
    pub fn field(&self, name: &'static str, otherwise: &str) -> Result<Field> {
        field(name, self.text(name)?.unwrap_or(otherwise))
    }

    /// Fields.
    pub fn fields(&self, name: &'static str) -> Result<Vec<Field>> {
        self.texts(name)?.into_iter().map(|text| field(name, text)).collect()
    }

    /// A predicate, as `encode_predicate` writes it.
    pub fn filter(&self, name: &'static str) -> Result<Option<Filter>> {
        match self.text(name)? {
            None | Some("") => Ok(None),
            Some(text) => match Filter::parse(text.as_bytes()) {
                Ok(filter) => Ok(Some(filter)),
                Err(error) => Err(SpecError::new(name, format!("cannot be used: {error}"))),
            },
        }
    }

    /// An error when there is an option that nobody asked for.
    pub fn finish(&self) -> Result<()> {
        let asked = self.asked.borrow();
        match self.members.iter().find(|(key, _)| !asked.contains(&key.as_str())) {
            None => Ok(()),
            Some((key, _)) => {
                let mut known: Vec<&str> = asked.clone();
                known.sort_unstable();
                known.dedup();
                Err(SpecError::new(key, format!("is not an option here: there are {}", known.join(", "))))
            }
        }
    }
}

/// A field by name.
pub fn field(option: &str, name: &str) -> Result<Field> {
    Field::parse(name).map_err(|message| SpecError::new(option, message))
}

/// Compile an expression within limits.
pub fn regex(option: &str, pattern: &str) -> Result<Regex> {
    if pattern.len() > REGEX_TEXT {
        return Err(SpecError::new(option, format!("is longer than {REGEX_TEXT} bytes")));
    }
    check_size(pattern).map_err(|error| SpecError::new(option, format!("is too large: {error}")))?;
    let built = RegexBuilder::new(pattern).size_limit(REGEX_BYTES).dfa_size_limit(REGEX_BYTES).build();
    built.map_err(|error| {
        let text = error.to_string();
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        SpecError::new(option, format!("is no expression: {}", last.trim().trim_start_matches("error: ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Vec<(String, Json)> {
        match Json::parse(text.as_bytes()).unwrap() {
            Json::Map(members) => members,
            _ => panic!("no map"),
        }
    }

    #[test]
    fn options_are_checked_by_name() {
        let given = members(r#"{"a":"x","n":3,"l":["u","v"],"m":{"k":"w"},"flag":true,"odd":1}"#);
        let options = Options::new(&given);
        assert_eq!(options.required_text("a").unwrap(), "x");
        assert_eq!(options.integer("n", 1, 0, 5).unwrap(), 3);
        assert_eq!(options.texts("l").unwrap(), ["u", "v"]);
        assert_eq!(options.text_map("m").unwrap(), [("k", "w")]);
        assert!(options.flag("flag", false).unwrap());
        let error = options.finish().unwrap_err();
        assert_eq!(error.option, "odd");
        assert!(error.message.contains("a, flag, l, m, n"), "{error}");
        assert_eq!(Options::new(&given).integer("n", 1, 4, 5).unwrap_err().to_string(), "`n` must lie between 4 and 5");
        assert_eq!(Options::new(&given).required_text("b").unwrap_err().to_string(), "`b` is missing");
    }

    #[test]
    fn expressions_are_bounded() {
        assert!(regex("pattern", "(a+)+b").is_ok());
        assert!(regex("pattern", "(").unwrap_err().message.contains("unclosed group"));
        assert!(regex("pattern", "(?:a{1000}){1000}").is_err());
        assert!(regex("pattern", &"a".repeat(REGEX_TEXT + 1)).is_err());
    }

    #[test]
    fn hostile_specifications_are_errors() {
        for text in [&b""[..], b"{", b"{} x", b"\xff", "[".repeat(1000).as_bytes()] {
            assert!(Json::parse(text).is_err());
        }
    }
}
