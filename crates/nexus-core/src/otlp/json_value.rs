//! `KeyValue` and `AnyValue` in OTLP/JSON.

use super::fault::Fault;
use super::json_input::{Input, Members, Walk, unexpected};
use super::text::{Object, Scalar, write_scalar};
use crate::json::reader::{Text, Token};
use crate::limits::MAX_DEPTH;
use std::borrow::Cow;

/// An `AnyValue`.
#[derive(Debug)]
pub enum Value<'a> {
    /// Nothing, a bool or a number.
    Scalar(Scalar<'a>),
    /// Text in UTF-8.
    Text(Text<'a>),
    /// Bytes, decoded.
    Bytes(Vec<u8>),
    /// An array or a map. Its JSON text has been appended to the buffer.
    Written,
}

impl Value<'_> {
    /// Hand on the value as a scalar. None when it is written already.
    pub fn with_scalar<R>(&self, take: impl FnOnce(Scalar<'_>) -> R) -> Option<R> {
        match self {
            Self::Scalar(scalar) => Some(take(*scalar)),
            Self::Text(text) => Some(take(Scalar::Text(text.resolve(&mut Vec::new())))),
            Self::Bytes(bytes) => Some(take(Scalar::Bytes(bytes))),
            Self::Written => None,
        }
    }
}

/// Read a `KeyValue`: key and value. `out` and `depth` as for [`read_value`].
pub fn read_pair<'a>(input: &mut Input<'a>, out: &mut Vec<u8>, depth: usize) -> Walk<(Cow<'a, [u8]>, Value<'a>)> {
    let mut key = Cow::Borrowed(&b""[..]);
    let mut value = Value::Scalar(Scalar::Empty);
    let start = out.len();
    match input.token()? {
        (Token::Object, _) => {}
        (_, offset) => return unexpected("attribute", "an object of key and value", offset),
    }
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        match member {
            b"key" => key = input.text("attribute key")?.map(unescaped).unwrap_or_default(),
            b"value" => {
                out.truncate(start);
                value = read_value(input, out, "attribute value", depth)?;
            }
            _ => input.skip()?,
        }
    }
    Ok((key, value))
}

fn unescaped(text: Text<'_>) -> Cow<'_, [u8]> {
    if text.escaped { Cow::Owned(text.resolve(&mut Vec::new()).to_vec()) } else { Cow::Borrowed(text.raw) }
}

/// Read an `AnyValue`: the last of its alternatives that is set. `depth` is the number of values around it.
pub fn read_value<'a>(input: &mut Input<'a>, out: &mut Vec<u8>, field: &'static str, depth: usize) -> Walk<Value<'a>> {
    let mut value = Value::Scalar(Scalar::Empty);
    let start = out.len();
    match input.token()? {
        (Token::Object, _) => {}
        (Token::Null, _) => return Ok(value),
        (_, offset) => return unexpected(field, "an object such as {\"stringValue\": \"text\"}", offset),
    }
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        let next = match member {
            b"stringValue" => input.text("stringValue")?.map(Value::Text),
            b"boolValue" => input.bool("boolValue")?.map(|value| Value::Scalar(Scalar::Bool(value))),
            b"intValue" => input.int("intValue")?.map(|value| Value::Scalar(Scalar::Int(value))),
            b"doubleValue" => input.double("doubleValue")?.map(|value| Value::Scalar(Scalar::Double(value))),
            b"bytesValue" => input.bytes("bytesValue")?.map(Value::Bytes),
            b"arrayValue" => open_values(input, "arrayValue", depth)?.then_some(Value::Written),
            b"kvlistValue" => open_values(input, "kvlistValue", depth)?.then_some(Value::Written),
            _ => {
                input.skip()?;
                None
            }
        };
        let Some(next) = next else { continue };
        out.truncate(start);
        if let Value::Written = next {
            write_values(input, out, member == b"arrayValue", depth + 1)?;
        }
        value = next;
    }
    Ok(value)
}

/// Open an `ArrayValue` or a `KeyValueList`; false for `null`.
fn open_values(input: &mut Input<'_>, field: &'static str, depth: usize) -> Walk<bool> {
    input.reader.peek();
    let offset = input.reader.position;
    let open = input.open_object(field)?;
    if open && depth >= MAX_DEPTH {
        return Err(Fault::TooDeep { offset }.into());
    }
    Ok(open)
}

/// Append the JSON text of an `ArrayValue` or a `KeyValueList` whose `{` has been read.
fn write_values(input: &mut Input<'_>, out: &mut Vec<u8>, array: bool, depth: usize) -> Walk<()> {
    let start = out.len();
    let empty: &[u8] = if array { b"[]" } else { b"{}" };
    out.extend_from_slice(empty);
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        if member != b"values" {
            input.skip()?;
        } else if input.open_array("values")? {
            out.truncate(start);
            if array { write_array(input, out, depth)? } else { write_map(input, out, depth)? }
        }
    }
    Ok(())
}

fn write_array(input: &mut Input<'_>, out: &mut Vec<u8>, depth: usize) -> Walk<()> {
    out.push(b'[');
    let mut first = true;
    while input.reader.element(first)? {
        if !first {
            out.push(b',');
        }
        first = false;
        let value = read_value(input, out, "value of an array", depth)?;
        value.with_scalar(|scalar| write_scalar(out, scalar));
    }
    out.push(b']');
    Ok(())
}

fn write_map(input: &mut Input<'_>, out: &mut Vec<u8>, depth: usize) -> Walk<()> {
    let mut object = Object::open(out);
    let mut first = true;
    while input.reader.element(std::mem::take(&mut first))? {
        let start = out.len();
        let (key, value) = read_pair(input, out, depth)?;
        value.with_scalar(|scalar| write_scalar(out, scalar));
        object.member(out, start, key);
    }
    object.close(out);
    Ok(())
}
