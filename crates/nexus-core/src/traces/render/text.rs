//! What the JSON renderers share.

pub use crate::json::writer::write_int;
use crate::json::writer::write_string;
use std::borrow::Cow;

/// A JSON string of bytes that should be UTF-8.
pub fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    if simdutf8::basic::from_utf8(text).is_ok() {
        write_string(out, text);
    } else {
        write_string(out, String::from_utf8_lossy(text).as_bytes());
    }
}

/// Bytes that should be UTF-8, mended where they are not.
pub fn mended(text: &[u8]) -> Cow<'_, [u8]> {
    if simdutf8::basic::from_utf8(text).is_ok() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(String::from_utf8_lossy(text).into_owned().into_bytes())
    }
}

/// An unsigned number.
pub fn write_unsigned(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Hexadecimal digits in quotes.
pub fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    out.extend(bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
    out.push(b'"');
}

/// A number in quotes, as JSON has those of 64 bits.
pub fn write_quoted(out: &mut Vec<u8>, value: i64) {
    out.push(b'"');
    write_int(out, value);
    out.push(b'"');
}

/// Elements between commas.
pub fn list<T>(out: &mut Vec<u8>, elements: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    for (number, element) in elements.into_iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(out, element);
    }
}

/// A JSON array.
pub fn array<T>(out: &mut Vec<u8>, elements: impl IntoIterator<Item = T>, write: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    list(out, elements, write);
    out.push(b']');
}

/// Does an id name something?
pub fn is_set(id: &[u8]) -> bool {
    id.iter().any(|&byte| byte != 0)
}
