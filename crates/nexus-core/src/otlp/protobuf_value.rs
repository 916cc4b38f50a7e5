//! `KeyValue` and `AnyValue` in protobuf.

use super::fault::{Fault, Stop};
use super::schema::{Message, VALUES, any, pair};
use super::text::{Object, Scalar, write_scalar};
use super::wire::{Reader, Singular, WireError};
use crate::limits::MAX_DEPTH;
use std::borrow::Cow;

/// An `AnyValue`, not looked into.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// Nothing, a bool, a number or bytes.
    Scalar(Scalar<'a>),
    /// Text, not checked yet.
    Text(Reader<'a>),
    /// The `AnyValue` from its array on. Protobuf merges fields that are given twice, so more of it may follow.
    Array(Reader<'a>),
    /// The `AnyValue` from its map on.
    Map(Reader<'a>),
}

/// The text of a field, when it is UTF-8.
#[inline]
pub fn utf8<'a>(text: Reader<'a>, field: &'static str) -> Result<&'a str, Fault> {
    simdutf8::basic::from_utf8(text.rest()).map_err(|_| Fault::Utf8 { field, offset: text.offset() })
}

/// Key, not checked yet, and value of a `KeyValue`.
#[inline]
pub fn key_value(mut pair: Reader<'_>) -> Result<(Reader<'_>, Singular<'_>), WireError> {
    let mut key = Reader::EMPTY;
    let mut value = Singular::ABSENT;
    while let Some(tag) = pair.tag()? {
        match tag {
            pair::KEY => key = pair.message()?,
            pair::VALUE => value.push(pair.message()?)?,
            _ => pair.skip(tag)?,
        }
    }
    Ok((key, value))
}

/// The value that an `AnyValue` holds: the last of its alternatives that is set.
#[inline]
pub fn value(any: Option<Reader<'_>>) -> Result<Value<'_>, WireError> {
    let mut found = Value::Scalar(Scalar::Empty);
    let Some(mut any) = any else {
        return Ok(found);
    };
    loop {
        let before = any;
        let Some(tag) = any.tag()? else {
            return Ok(found);
        };
        let next = match tag {
            any::STRING => Value::Text(any.message()?),
            any::BOOL => Value::Scalar(Scalar::Bool(any.varint()? != 0)),
            any::INT => Value::Scalar(Scalar::Int(any.varint()? as i64)),
            any::DOUBLE => Value::Scalar(Scalar::Double(f64::from_bits(any.fixed64()?))),
            any::BYTES => Value::Scalar(Scalar::Bytes(any.message()?.rest())),
            any::ARRAY | any::MAP => {
                any.message()?;
                match (tag, found) {
                    (any::ARRAY, Value::Array(_)) | (any::MAP, Value::Map(_)) => continue,
                    (any::ARRAY, _) => Value::Array(before),
                    _ => Value::Map(before),
                }
            }
            _ => {
                any.skip(tag)?;
                continue;
            }
        };
        if let Value::Array(replaced) | Value::Map(replaced) = found {
            check(replaced, Message::Value)?;
        }
        found = next;
    }
}

/// Append a value as JSON text, see [`super::text`]. `depth` is the number of values around it.
pub fn write_value(out: &mut Vec<u8>, value: Value<'_>, depth: usize) -> Result<(), Stop<WireError>> {
    match value {
        Value::Scalar(scalar) => write_scalar(out, scalar),
        Value::Text(text) => write_scalar(out, Scalar::Text(utf8(text, "text")?.as_bytes())),
        Value::Array(nested) | Value::Map(nested) if depth >= MAX_DEPTH => {
            return Err(Fault::TooDeep { offset: nested.offset() }.into());
        }
        Value::Array(any) => write_array(out, any, depth + 1)?,
        Value::Map(any) => write_map(out, any, depth + 1)?,
    }
    Ok(())
}

fn write_array(out: &mut Vec<u8>, any: Reader<'_>, depth: usize) -> Result<(), Stop<WireError>> {
    out.push(b'[');
    let mut first = true;
    let mut values = Values { any, wanted: any::ARRAY, list: Reader::EMPTY };
    while let Some(element) = values.next()? {
        if !first {
            out.push(b',');
        }
        first = false;
        write_value(out, value(Some(element))?, depth)?;
    }
    out.push(b']');
    Ok(())
}

fn write_map(out: &mut Vec<u8>, any: Reader<'_>, depth: usize) -> Result<(), Stop<WireError>> {
    let mut object = Object::open(out);
    let mut values = Values { any, wanted: any::MAP, list: Reader::EMPTY };
    while let Some(pair) = values.next()? {
        let (key, found) = key_value(pair)?;
        let start = out.len();
        write_value(out, value(found.reader())?, depth)?;
        object.member(out, start, Cow::Borrowed(utf8(key, "key of a map")?.as_bytes()));
    }
    object.close(out);
    Ok(())
}

/// The elements of all lists with tag `wanted` in an `AnyValue`, in order.
struct Values<'a> {
    any: Reader<'a>,
    wanted: u32,
    list: Reader<'a>,
}

impl<'a> Values<'a> {
    fn next(&mut self) -> Result<Option<Reader<'a>>, WireError> {
        loop {
            while let Some(tag) = self.list.tag()? {
                if tag == VALUES {
                    return self.list.message().map(Some);
                }
                self.list.skip(tag)?;
            }
            match self.any.tag()? {
                None => return Ok(None),
                Some(tag) if tag == self.wanted => self.list = self.any.message()?,
                // Whatever alternative was set after this one would have replaced it: the rest is unknown.
                Some(tag) => self.any.skip(tag)?,
            }
        }
    }
}

/// Is this well-formed, values included? Those nested deeper than any that is kept are not looked into.
#[cold]
pub fn check(message: Reader<'_>, kind: Message) -> Result<(), WireError> {
    check_nested(message, kind, 0)
}

fn check_nested(mut message: Reader<'_>, kind: Message, depth: usize) -> Result<(), WireError> {
    while let Some(found) = message.tag()? {
        let Some(inner) = kind.field(found) else {
            message.skip(found)?;
            continue;
        };
        let field = message.message()?;
        if depth < 4 * MAX_DEPTH {
            check_nested(field, inner, depth + 1)?;
        }
    }
    Ok(())
}
