//! Writing JSON into a byte buffer.

use super::reader::{JsonError, RawToken, Reader, Text, Token, TokenKind, unicode_escape};
use crate::limits::MAX_DEPTH;

/// Append a JSON string. `text` must be valid UTF-8; control characters are escaped.
pub fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut done = 0;
    for (at, &byte) in text.iter().enumerate() {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..=31 => b'u',
            _ => continue,
        };
        out.extend_from_slice(&text[done..at]);
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            out.extend_from_slice(&[b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        done = at + 1;
    }
    out.extend_from_slice(&text[done..]);
    out.push(b'"');
}

/// Append an integer.
pub fn write_int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Append a float in its shortest form; what JSON cannot hold (NaN, infinities) becomes `null`.
pub fn write_float(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Why a value was not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyError {
    /// Not JSON.
    Json(JsonError),
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl From<JsonError> for CopyError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

/// Append the rest of a value whose first token has been read: compact, strings with lone surrogates mended, and `NaN`
/// and infinities as `null`. `depth` is how deep the value itself lies.
pub fn copy_rest(reader: &mut Reader<'_>, token: Token<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), CopyError> {
    let (kind, raw) = match token {
        Token::Null => (TokenKind::Null, &b"null"[..]),
        Token::Bool(false) => (TokenKind::False, &b"false"[..]),
        Token::Bool(true) => (TokenKind::True, &b"true"[..]),
        Token::Number { raw, .. } => (TokenKind::Decimal, raw),
        Token::Text(Text { raw, escaped: false }) => (TokenKind::Text, raw),
        Token::Text(Text { raw, escaped: true }) => (TokenKind::EscapedText, raw),
        Token::Object => (TokenKind::Object, &b"{"[..]),
        Token::Array => (TokenKind::Array, &b"["[..]),
    };
    copy_raw(reader, RawToken { kind, raw }, depth, out)
}

/// As [`copy_rest`].
pub(crate) fn copy_raw(
    reader: &mut Reader<'_>,
    token: RawToken<'_>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), CopyError> {
    match token.kind {
        TokenKind::Decimal if is_no_json_number(token.raw) => out.extend_from_slice(b"null"),
        TokenKind::Text | TokenKind::EscapedText => write_token(out, token),
        TokenKind::Object | TokenKind::Array if depth >= MAX_DEPTH => return Err(CopyError::TooDeep),
        TokenKind::Object => {
            out.push(b'{');
            let mut first = true;
            while let Some(key) = reader.raw_key(first)? {
                if !first {
                    out.push(b',');
                }
                first = false;
                write_token(out, key);
                out.push(b':');
                let value = reader.raw_value()?;
                copy_raw(reader, value, depth + 1, out)?;
            }
            out.push(b'}');
        }
        TokenKind::Array => {
            out.push(b'[');
            let mut first = true;
            while reader.element(first)? {
                if !first {
                    out.push(b',');
                }
                first = false;
                let value = reader.raw_value()?;
                copy_raw(reader, value, depth + 1, out)?;
            }
            out.push(b']');
        }
        _ => out.extend_from_slice(token.raw),
    }
    Ok(())
}

/// `NaN` and the infinities, which the reader takes for numbers.
pub(crate) fn is_no_json_number(raw: &[u8]) -> bool {
    raw.ends_with(b"N") || raw.ends_with(b"y")
}

/// Append a string token as a JSON string.
fn write_token(out: &mut Vec<u8>, token: RawToken<'_>) {
    let escaped = token.kind == TokenKind::EscapedText;
    if token.raw.iter().any(|&byte| byte < 32) || (escaped && has_surrogate_escape(token.raw)) {
        write_string(out, token.resolve(&mut Vec::new()));
    } else {
        out.push(b'"');
        out.extend_from_slice(token.raw);
        out.push(b'"');
    }
}

/// May `raw` hold `\ud800` to `\udfff`?
fn has_surrogate_escape(raw: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', raw).any(|at| {
        raw.get(at + 1) == Some(&b'u') && matches!(unicode_escape(&raw[at..]), (character, _) if character > '\u{d7ff}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(text: &str) -> Result<String, CopyError> {
        let mut reader = Reader::new(text.as_bytes());
        let token = reader.value()?;
        let mut out = Vec::new();
        copy_rest(&mut reader, token, 0, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn copies_are_compact_and_valid() {
        assert_eq!(
            copy(r#" [ 1 , { "a" : [ ] , "b\n" : NaN } , -Infinity ]"#).unwrap(),
            r#"[1,{"a":[],"b\n":null},null]"#
        );
        assert_eq!(copy("[\"a\tb\", \"\\ud800\", \"\\u00e9\"]").unwrap(), "[\"a\\tb\",\"\u{fffd}\",\"\\u00e9\"]");
    }

    #[test]
    fn depth_is_bounded() {
        let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(copy(&nest(MAX_DEPTH)).is_ok());
        assert_eq!(copy(&nest(MAX_DEPTH + 1)), Err(CopyError::TooDeep));
    }

    #[test]
    fn strings_are_escaped() {
        let mut out = Vec::new();
        write_string(&mut out, "a\"\\\n\u{1}é".as_bytes());
        assert_eq!(out, "\"a\\\"\\\\\\n\\u0001é\"".as_bytes());
    }
}
