//! Attributes of resources: a JSON object a resource, read once for all rows that have it.

use super::number::{read_float, write_float_text};
use super::predicate::{Comparison, Op};
use crate::json::reader::{JsonError, Reader, Token};
use crate::json::writer::{write_int, write_string};
use crate::limits::MAX_DEPTH;

/// A resource's attributes: keys, and values as JSON.
#[derive(Debug, Default)]
pub(super) struct Resource<'a> {
    members: Vec<(Vec<u8>, &'a [u8])>,
}

impl<'a> Resource<'a> {
    /// From a JSON object. Whatever is none has no attributes.
    pub(super) fn new(json: &'a [u8]) -> Self {
        Self { members: members(json).unwrap_or_default() }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<Value> {
        // The path that names a key to the engine cannot name the empty one.
        let (_, json) = self.members.iter().find(|(name, _)| name == key && !key.is_empty())?;
        Value::new(json)
    }
}

fn members(json: &[u8]) -> Result<Vec<(Vec<u8>, &[u8])>, JsonError> {
    let mut reader = Reader::new(json);
    let mut members = Vec::new();
    let mut scratch = Vec::new();
    if reader.value()? != Token::Object {
        return Ok(members);
    }
    while let Some(key) = reader.key(members.is_empty())? {
        let key = key.resolve(&mut scratch).to_vec();
        let start = reader.position;
        let token = reader.value()?;
        reader.skip_rest(token)?;
        members.push((key, &json[start..reader.position]));
    }
    Ok(members)
}

/// One value, as text.
#[derive(Debug)]
pub(super) struct Value {
    /// Texts as they are, numbers as they print, lists and objects as compact JSON, null as nothing.
    pub text: Vec<u8>,
    null: bool,
}

impl Value {
    fn new(json: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(json);
        let token = reader.value().ok()?;
        let mut text = Vec::with_capacity(json.len());
        match token {
            Token::Null => {}
            Token::Text(value) => text.extend_from_slice(value.resolve(&mut Vec::new())),
            token => write_compact(&mut reader, token, 0, &mut text).ok()?,
        }
        Some(Self { text, null: token == Token::Null })
    }

    /// Does the comparison hold?
    pub(super) fn compares(&self, wanted: &Comparison) -> bool {
        match (wanted.op, wanted.number) {
            (Op::Eq, _) => self.equals(wanted),
            (Op::Ne, _) => !self.equals(wanted),
            (op, Some(number)) => read_float(&self.text).is_some_and(|value| op.holds(number.order_float(value))),
            (op, None) => op.holds(Some(self.text[..].cmp(&wanted.text))),
        }
    }

    fn equals(&self, wanted: &Comparison) -> bool {
        !self.null && self.text == wanted.text
    }
}

/// Append the rest of a value whose first token has been read.
fn write_compact(reader: &mut Reader<'_>, token: Token<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), JsonError> {
    if depth > MAX_DEPTH {
        return Err(reader.error("nested too deep"));
    }
    match token {
        Token::Null => out.extend_from_slice(b"null"),
        Token::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Token::Number { raw, integer } => write_number(raw, integer, out),
        Token::Text(text) => write_string(out, text.resolve(&mut Vec::new())),
        Token::Object => {
            out.push(b'{');
            let mut first = true;
            while let Some(key) = reader.key(first)? {
                out.extend_from_slice(if first { b"" } else { b"," });
                first = false;
                write_string(out, key.resolve(&mut Vec::new()));
                out.push(b':');
                let value = reader.value()?;
                write_compact(reader, value, depth + 1, out)?;
            }
            out.push(b'}');
        }
        Token::Array => {
            out.push(b'[');
            let mut first = true;
            while reader.element(first)? {
                out.extend_from_slice(if first { b"" } else { b"," });
                first = false;
                let value = reader.value()?;
                write_compact(reader, value, depth + 1, out)?;
            }
            out.push(b']');
        }
    }
    Ok(())
}

/// Integers of 64 bits as they are, other numbers as floats.
fn write_number(raw: &[u8], integer: bool, out: &mut Vec<u8>) {
    let text = std::str::from_utf8(raw).unwrap_or_default();
    if integer {
        if let Ok(value) = text.parse::<i64>() {
            return write_int(out, value);
        }
        if text.parse::<u64>().is_ok() {
            return out.extend_from_slice(raw);
        }
    }
    match text.parse::<f64>() {
        Ok(value) => write_float_text(out, if value == 0.0 { 0.0 } else { value }),
        Err(_) => out.extend_from_slice(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_text() {
        let json = br#"{"a":500.0,"b":"x\n","c":18446744073709551615,"d":[1, 2.0,{"z":"\u0001","a":null}],"e":true,"f":null,"q\"k":1,"":2,"g":-0.0}"#;
        let resource = Resource::new(json);
        for (key, text) in [
            ("a", "500"),
            ("b", "x\n"),
            ("c", "18446744073709551615"),
            ("d", r#"[1,2,{"z":"\u0001","a":null}]"#),
            ("e", "true"),
            ("f", ""),
            ("q\"k", "1"),
            ("g", "0"),
        ] {
            assert_eq!(String::from_utf8(resource.get(key.as_bytes()).unwrap().text).unwrap(), text, "{key}");
        }
        assert!(resource.get(b"").is_none());
        assert!(resource.get(b"x").is_none());
        for json in [&b""[..], b"[]", b"{\"a\"", b"{\"a\":}", b"5"] {
            assert!(Resource::new(json).get(b"a").is_none());
        }
    }
}
