//! Values that are no scalars, as JSON text: compact, keys sorted by their bytes, the last of equal keys kept. Bytes are
//! base64 strings; `NaN`, `Infinity` and `-Infinity` are strings of that name.

use crate::json::writer::{write_int, write_string};
use std::borrow::Cow;
use std::ops::Range;

/// Append a float.
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    let mut digits = zmij::Buffer::new();
    out.extend_from_slice(match value {
        _ if value.is_finite() => digits.format_finite(value).as_bytes(),
        _ if value.is_nan() => b"\"NaN\"",
        _ if value > 0.0 => b"\"Infinity\"",
        _ => b"\"-Infinity\"",
    });
}

/// Append bytes as a base64 string.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    super::base64::encode(bytes, out);
    out.push(b'"');
}

/// Append a scalar.
pub fn write_scalar(out: &mut Vec<u8>, scalar: Scalar<'_>) {
    match scalar {
        Scalar::Empty => out.extend_from_slice(b"null"),
        Scalar::Text(text) => write_string(out, text),
        Scalar::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Scalar::Int(value) => write_int(out, value),
        Scalar::Double(value) => write_double(out, value),
        Scalar::Bytes(bytes) => write_bytes(out, bytes),
    }
}

/// An `AnyValue` that holds no others. Text is valid UTF-8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// Nothing is set.
    Empty,
    /// `string_value`
    Text(&'a [u8]),
    /// `bool_value`
    Bool(bool),
    /// `int_value`
    Int(i64),
    /// `double_value`
    Double(f64),
    /// `bytes_value`
    Bytes(&'a [u8]),
}

/// A JSON object being appended to a buffer, its members in any order.
pub struct Object<'a> {
    start: usize,
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    key: Cow<'a, [u8]>,
    start: usize,
}

impl<'a> Object<'a> {
    /// Open an object at the end of the buffer.
    pub fn open(out: &mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { start: out.len(), members: Vec::new() }
    }

    /// Make the value that the buffer holds from `start` on, its end, a member with this key.
    pub fn member(&mut self, out: &mut Vec<u8>, start: usize, key: Cow<'a, [u8]>) {
        let end = out.len();
        let comma = !self.members.is_empty();
        if comma {
            out.push(b',');
        }
        write_string(out, &key);
        out.push(b':');
        let prefix = out.len() - end;
        out[start..].rotate_right(prefix);
        self.members.push(Member { key, start: start + usize::from(comma) });
    }

    /// Close the object, its members in order.
    pub fn close(self, out: &mut Vec<u8>) {
        if !self.members.is_sorted_by(|a, b| a.key < b.key) {
            self.sort(out);
        }
        out.push(b'}');
    }

    #[cold]
    fn sort(self, out: &mut Vec<u8>) {
        let text = out.split_off(self.start);
        let ends = self.members.iter().skip(1).map(|member| member.start - 1).chain([self.start + text.len()]);
        let mut members: Vec<(&[u8], Range<usize>)> = self
            .members
            .iter()
            .zip(ends)
            .map(|(member, end)| (&*member.key, member.start - self.start..end - self.start))
            .collect();
        members.sort_by_key(|(key, _)| *key);
        for (index, (key, range)) in members.iter().enumerate() {
            let replaced = members.get(index + 1).is_some_and(|(next, _)| next == key);
            if !replaced {
                if out.len() > self.start {
                    out.push(b',');
                }
                out.extend_from_slice(&text[range.clone()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(keys: &[&'static str]) -> String {
        let mut out = b"[".to_vec();
        let mut object = Object::open(&mut out);
        for (index, key) in keys.iter().enumerate() {
            let start = out.len();
            write_int(&mut out, index as i64);
            object.member(&mut out, start, Cow::Borrowed(key.as_bytes()));
        }
        object.close(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn members_are_sorted_and_the_last_of_equal_keys_stays() {
        assert_eq!(object(&[]), "[{}");
        assert_eq!(object(&["a", "b"]), r#"[{"a":0,"b":1}"#);
        assert_eq!(object(&["b", "a", "c", "a"]), r#"[{"a":3,"b":0,"c":2}"#);
        assert_eq!(object(&["x", "x"]), r#"[{"x":1}"#);
        // By bytes, not by their escapes: '"' sorts before 'Z'.
        assert_eq!(object(&["Z", "\"", "é"]), r#"[{"\"":1,"Z":0,"é":2}"#);
    }

    #[test]
    fn scalars() {
        let mut out = Vec::new();
        for scalar in [
            Scalar::Empty,
            Scalar::Text(b"a\"b"),
            Scalar::Bool(true),
            Scalar::Int(i64::MIN),
            Scalar::Double(2.0),
            Scalar::Double(1e300),
            Scalar::Double(f64::NAN),
            Scalar::Double(f64::NEG_INFINITY),
            Scalar::Bytes(b"hello"),
        ] {
            write_scalar(&mut out, scalar);
            out.push(b' ');
        }
        let expected = r#"null "a\"b" true -9223372036854775808 2.0 1e+300 "NaN" "-Infinity" "aGVsbG8=" "#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
