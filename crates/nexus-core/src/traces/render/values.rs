//! Attribute values on their way out: those of columns, and those that lie in JSON objects, in one shape.
//!
//! Objects were written by our decoders (`otlp/text.rs`), so bytes are base64 texts and numbers without a fraction are
//! integers. Text that is no JSON, which nobody should have stored, reads as nothing.

use crate::columns::AttributeValue;
use crate::json::reader::{JsonError, Number, Reader, Text, Token, number};
use crate::limits::MAX_DEPTH;
use std::borrow::Cow;

/// How deep values are followed: a value in an object of attributes lies one deeper than the decoders count.
pub const DEEPEST: usize = MAX_DEPTH + 2;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf<'a> {
    /// No value.
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number with a fraction or exponent.
    Float(f64),
    /// A text.
    Text(Cow<'a, [u8]>),
    /// A JSON array.
    Array(&'a [u8]),
    /// A JSON object.
    Object(&'a [u8]),
}

impl<'a> Leaf<'a> {
    /// The value of an attribute.
    pub(crate) fn of(value: AttributeValue<'a>) -> Self {
        match value {
            AttributeValue::String(text) => Self::Text(Cow::Borrowed(text)),
            AttributeValue::Int(value) => Self::Int(value),
            AttributeValue::Float(value) => Self::Float(value),
            AttributeValue::Bool(value) => Self::Bool(value),
            AttributeValue::Json(json) => {
                let mut reader = Reader::new(json);
                leaf(&mut reader).unwrap_or(Self::Null)
            }
        }
    }

    /// The value as text: texts as they are, everything else as JSON.
    pub fn text(&self) -> Cow<'a, [u8]> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Array(json) | Self::Object(json) => Cow::Borrowed(json),
            Self::Null => Cow::Borrowed(b""),
            Self::Bool(value) => Cow::Borrowed(if *value { b"true" } else { b"false" }),
            Self::Int(value) => Cow::Owned(itoa::Buffer::new().format(*value).as_bytes().to_vec()),
            Self::Float(value) => Cow::Owned(float_text(*value).into_bytes()),
        }
    }
}

/// A float as JSON names it, `NaN` and infinities by their names.
pub fn float_text(value: f64) -> String {
    match value {
        _ if value.is_finite() => zmij::Buffer::new().format_finite(value).to_owned(),
        _ if value.is_nan() => "NaN".to_owned(),
        _ if value > 0.0 => "Infinity".to_owned(),
        _ => "-Infinity".to_owned(),
    }
}

/// Members of a JSON object in order.
pub fn members(json: &[u8]) -> Vec<(Cow<'_, [u8]>, Leaf<'_>)> {
    let mut found = Vec::new();
    if !json.is_empty() {
        let _ = read_members(json, &mut found);
    }
    found
}

fn read_members<'a>(json: &'a [u8], found: &mut Vec<(Cow<'a, [u8]>, Leaf<'a>)>) -> Result<(), JsonError> {
    let mut reader = Reader::new(json);
    if reader.value()? != Token::Object {
        return Ok(());
    }
    let mut first = true;
    while let Some(key) = reader.key(first)? {
        first = false;
        let value = leaf(&mut reader)?;
        found.push((resolved(key), value));
    }
    Ok(())
}

/// Elements of a JSON array in order.
pub fn elements(json: &[u8]) -> Vec<Leaf<'_>> {
    let mut found = Vec::new();
    let _ = read_elements(json, &mut found);
    found
}

fn read_elements<'a>(json: &'a [u8], found: &mut Vec<Leaf<'a>>) -> Result<(), JsonError> {
    let mut reader = Reader::new(json);
    if reader.value()? != Token::Array {
        return Ok(());
    }
    let mut first = true;
    while reader.element(first)? {
        first = false;
        found.push(leaf(&mut reader)?);
    }
    Ok(())
}

fn leaf<'a>(reader: &mut Reader<'a>) -> Result<Leaf<'a>, JsonError> {
    reader.peek();
    let start = reader.position;
    let token = reader.value()?;
    Ok(match token {
        Token::Null => Leaf::Null,
        Token::Bool(value) => Leaf::Bool(value),
        Token::Number { raw, integer } => match number(raw, integer) {
            Number::Int(value) => Leaf::Int(value),
            Number::Float(value) => Leaf::Float(value),
        },
        Token::Text(text) => Leaf::Text(resolved(text)),
        Token::Object | Token::Array => {
            reader.skip_rest(token)?;
            let json = &reader.input()[start..reader.position];
            if token == Token::Object { Leaf::Object(json) } else { Leaf::Array(json) }
        }
    })
}

fn resolved(text: Text<'_>) -> Cow<'_, [u8]> {
    if !text.escaped {
        return Cow::Borrowed(text.raw);
    }
    let mut scratch = Vec::new();
    Cow::Owned(text.resolve(&mut scratch).to_vec())
}

/// The text of a member, empty when it is not there or something else.
pub fn member_text<'a>(members: &'a [(Cow<'_, [u8]>, Leaf<'_>)], key: &str) -> &'a [u8] {
    members
        .iter()
        .find(|(name, _)| **name == *key.as_bytes())
        .map_or(&[], |(_, value)| if let Leaf::Text(text) = value { text } else { &[] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_an_object() {
        let found = members(br#"{"a":"x\n","b\"":1,"c":-1.5,"d":[1,{"e":2}],"f":{},"g":true,"h":null}"#);
        let expected: Vec<(&[u8], Leaf<'_>)> = vec![
            (b"a", Leaf::Text(Cow::Borrowed(b"x\n"))),
            (b"b\"", Leaf::Int(1)),
            (b"c", Leaf::Float(-1.5)),
            (b"d", Leaf::Array(br#"[1,{"e":2}]"#)),
            (b"f", Leaf::Object(b"{}")),
            (b"g", Leaf::Bool(true)),
            (b"h", Leaf::Null),
        ];
        assert_eq!(found.iter().map(|(key, value)| (&**key, value.clone())).collect::<Vec<_>>(), expected);
        assert_eq!(elements(br#"[1,{"e":2}]"#), [Leaf::Int(1), Leaf::Object(br#"{"e":2}"#)]);
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for json in [&b""[..], b"x", b"[1]", b"{", b"\"a\"", b"{\"a\"}"] {
            assert!(members(json).is_empty());
        }
        // What could be read stays.
        assert_eq!(members(b"{\"a\":1,\"b\":").len(), 1);
    }

    #[test]
    fn values_as_text() {
        assert_eq!(&*Leaf::Float(2.0).text(), b"2.0");
        assert_eq!(&*Leaf::Float(f64::NEG_INFINITY).text(), b"-Infinity");
        assert_eq!(&*Leaf::of(AttributeValue::Json(b"[1]")).text(), b"[1]");
        assert_eq!(&*Leaf::of(AttributeValue::Json(b"\"a\\u0041\"")).text(), b"aA");
        assert_eq!(&*Leaf::Int(-7).text(), b"-7");
    }
}
