//! Reading OTLP/JSON: members, elements and scalars.
//!
//! 64-bit integers are strings or numbers, bytes are base64, enums are integers; keys are lowerCamelCase; `null` is
//! absence; unknown members are passed over.

use super::base64;
use super::fault::{Fault, Stop};
use crate::json::reader::{JsonError, Number, Reader, Text, Token, number};

/// Walks through JSON end with a value, a fault of the part walked through, or an error of the request.
pub type Walk<T> = Result<T, Stop<JsonError>>;

/// A request being read.
#[derive(Clone)]
pub struct Input<'a> {
    /// Position in the request.
    pub reader: Reader<'a>,
    /// Is all of it valid UTF-8?
    trusted: bool,
}

/// The members of an object whose `{` has been read.
pub struct Members {
    first: bool,
    unescaped: Vec<u8>,
}

impl Members {
    /// Before the first member.
    pub fn new() -> Self {
        Self { first: true, unescaped: Vec::new() }
    }

    /// The next member's key; its value is to be read then. None after the last.
    #[inline]
    pub fn next<'s, 'a: 's>(&'s mut self, input: &mut Input<'a>) -> Result<Option<&'s [u8]>, JsonError> {
        let key = input.reader.key(std::mem::take(&mut self.first))?;
        Ok(key.map(|key| key.resolve(&mut self.unescaped)))
    }
}

impl<'a> Input<'a> {
    /// The start of a request body.
    pub fn new(body: &'a [u8]) -> Self {
        Self { reader: Reader::new(body), trusted: simdutf8::basic::from_utf8(body).is_ok() }
    }

    /// First token of the next value, and where it begins.
    #[inline]
    pub fn token(&mut self) -> Result<(Token<'a>, usize), JsonError> {
        self.reader.peek();
        let offset = self.reader.position;
        Ok((self.reader.value()?, offset))
    }

    /// Pass over a value.
    pub fn skip(&mut self) -> Result<(), JsonError> {
        let token = self.reader.value()?;
        self.reader.skip_rest(token)
    }

    /// Pass over the value at `position`.
    pub fn skip_at(&mut self, position: usize) -> Result<(), JsonError> {
        self.reader.position = position;
        self.skip()
    }

    /// Open the array of a repeated field; false for `null`.
    pub fn open_array(&mut self, field: &'static str) -> Walk<bool> {
        match self.token()? {
            (Token::Array, _) => Ok(true),
            (Token::Null, _) => Ok(false),
            (_, offset) => unexpected(field, "an array", offset),
        }
    }

    /// Open an object; false for `null`.
    pub fn open_object(&mut self, field: &'static str) -> Walk<bool> {
        match self.token()? {
            (Token::Object, _) => Ok(true),
            (Token::Null, _) => Ok(false),
            (_, offset) => unexpected(field, "an object", offset),
        }
    }

    /// A string in UTF-8, None for `null`.
    pub fn text(&mut self, field: &'static str) -> Walk<Option<Text<'a>>> {
        match self.token()? {
            (Token::Text(text), _) if self.trusted || simdutf8::basic::from_utf8(text.raw).is_ok() => Ok(Some(text)),
            (Token::Text(_), offset) => Err(Fault::Utf8 { field, offset }.into()),
            (Token::Null, _) => Ok(None),
            (_, offset) => unexpected(field, "a string", offset),
        }
    }

    /// An integer from 0 to 2^64 - 1, as a number or in a string; 0 for `null`.
    pub fn unsigned(&mut self, field: &'static str) -> Walk<u64> {
        let (token, offset) = self.token()?;
        let value = match token {
            Token::Null => Some(0),
            Token::Number { raw, integer: true } | Token::Text(Text { raw, .. }) => parse(raw),
            Token::Number { raw, .. } => whole(raw, 0.0, 18_446_744_073_709_551_616.0).map(|value| value as u64),
            _ => None,
        };
        value.map_or_else(|| unexpected(field, "an integer from 0 to 18446744073709551615", offset), Ok)
    }

    /// A 64-bit integer with sign, as a number or in a string; None for `null`.
    pub fn int(&mut self, field: &'static str) -> Walk<Option<i64>> {
        let (token, offset) = self.token()?;
        let value = match token {
            Token::Null => return Ok(None),
            Token::Number { raw, integer: true } => match number(raw, true) {
                Number::Int(value) => Some(value),
                Number::Float(_) => None,
            },
            Token::Text(Text { raw, .. }) => parse(raw),
            Token::Number { raw, .. } => {
                whole(raw, -9_223_372_036_854_775_808.0, 9_223_372_036_854_775_808.0).map(|value| value as i64)
            }
            _ => None,
        };
        value.map_or_else(|| unexpected(field, "an integer of 64 bits", offset), |value| Ok(Some(value)))
    }

    /// An enum's number, 0 when it is beyond 8 bits or `null`.
    pub fn small_enum(&mut self, field: &'static str) -> Walk<u8> {
        match self.token()? {
            (Token::Null, _) => Ok(0),
            (Token::Number { raw, integer: true }, _) => Ok(parse(raw).unwrap_or_default()),
            (_, offset) => unexpected(field, "an integer", offset),
        }
    }

    /// A double, as a number or in a string; None for `null`.
    pub fn double(&mut self, field: &'static str) -> Walk<Option<f64>> {
        let (token, offset) = self.token()?;
        let value = match token {
            Token::Null => return Ok(None),
            Token::Number { raw, .. } | Token::Text(Text { raw: raw @ (b"NaN" | b"Infinity" | b"-Infinity"), .. }) => {
                parse(raw)
            }
            // Rust reads other spellings of these too.
            Token::Text(Text { raw, .. }) => parse(raw).filter(|value: &f64| value.is_finite()),
            _ => None,
        };
        value.map_or_else(|| unexpected(field, "a number", offset), |value| Ok(Some(value)))
    }

    /// A bool; None for `null`.
    pub fn bool(&mut self, field: &'static str) -> Walk<Option<bool>> {
        match self.token()? {
            (Token::Null, _) => Ok(None),
            (Token::Bool(value), _) => Ok(Some(value)),
            (_, offset) => unexpected(field, "true or false", offset),
        }
    }

    /// The bytes that a base64 string stands for; None for `null`.
    pub fn bytes(&mut self, field: &'static str) -> Walk<Option<Vec<u8>>> {
        let (token, offset) = self.token()?;
        let mut bytes = Vec::new();
        match token {
            Token::Null => Ok(None),
            Token::Text(text) if base64::decode(text.resolve(&mut Vec::new()), &mut bytes).is_some() => Ok(Some(bytes)),
            _ => unexpected(field, "a string in base64", offset),
        }
    }

    /// An id of `N` bytes in hex, or in base64 as some write it; zero, which means absent, for `null` and nothing.
    pub fn exact_id<const N: usize>(&mut self, field: &'static str) -> Walk<[u8; N]> {
        self.reader.peek();
        let offset = self.reader.position;
        let Some(text) = self.text(field)?.filter(|text| !text.raw.is_empty()) else { return Ok([0; N]) };
        let expected = if N == 16 { "32 hex digits" } else { "16 hex digits" };
        id_of(text.raw).map_or_else(|| unexpected(field, expected, offset), Ok)
    }

    /// As [`Self::exact_id`], but zero for anything else too.
    pub fn lenient_id<const N: usize>(&mut self, field: &'static str) -> Walk<[u8; N]> {
        Ok(self.text(field)?.and_then(|text| id_of(text.raw)).unwrap_or([0; N]))
    }

    /// An enum: its number (0 when it is beyond 8 bits or `null`), or its name without `prefix`.
    pub fn named_enum(&mut self, field: &'static str, prefix: &str, names: &[&str]) -> Walk<u64> {
        match self.token()? {
            (Token::Null, _) => Ok(0),
            (Token::Number { raw, integer: true }, _) => Ok(u64::from(parse::<u8>(raw).unwrap_or_default())),
            (Token::Text(text), _) => {
                let name = text.raw.strip_prefix(prefix.as_bytes()).unwrap_or(text.raw);
                Ok(names.iter().position(|known| known.as_bytes() == name).unwrap_or(0) as u64)
            }
            (_, offset) => unexpected(field, "an integer", offset),
        }
    }

    /// The bytes of an id in hex; zero, which means absent, when it is not `N` bytes in hex.
    pub fn id<const N: usize>(&mut self, field: &'static str) -> Walk<[u8; N]> {
        Ok(self.text(field)?.and_then(|text| hex(text.raw)).unwrap_or([0; N]))
    }
}

/// The fault that the value at byte `offset` is something else than expected.
#[cold]
pub fn unexpected<T>(field: &'static str, expected: &'static str, offset: usize) -> Walk<T> {
    Err(Fault::Unexpected { field, expected, offset }.into())
}

fn parse<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A number with fraction or exponent that is whole all the same, and in the range.
fn whole(raw: &[u8], least: f64, beyond: f64) -> Option<f64> {
    parse(raw).filter(|&value: &f64| value >= least && value < beyond && value.fract() == 0.0)
}

/// An id in hex or in base64.
fn id_of<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    hex(text).or_else(|| {
        let mut bytes = Vec::new();
        // Padded: without, hex digits could pass for it.
        base64::decode(Some(text).filter(|text| text.ends_with(b"="))?, &mut bytes)?;
        bytes.try_into().ok()
    })
}

pub(crate) fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut id = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault<T: std::fmt::Debug>(walk: Walk<T>) -> String {
        match walk {
            Err(Stop::Part(fault)) => fault.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn integers_are_numbers_or_strings() {
        for (text, value) in [
            ("7", 7),
            ("\"7\"", 7),
            ("-9223372036854775808", i64::MIN),
            ("\"9223372036854775807\"", i64::MAX),
            ("1e3", 1000),
            ("-2.0", -2),
        ] {
            assert_eq!(Input::new(text.as_bytes()).int("n"), Ok(Some(value)), "{text}");
        }
        for text in ["9223372036854775808", "-9223372036854775809", "1.5", "\"\"", "\"1.0\"", "true", "1e30", "NaN"] {
            let message = fault(Input::new(text.as_bytes()).int("n"));
            assert_eq!(message, "n at byte 0: expected an integer of 64 bits", "{text}");
        }
        assert_eq!(Input::new(b"18446744073709551615").unsigned("n"), Ok(u64::MAX));
        assert_eq!(Input::new(b" 1.7e18").unsigned("n"), Ok(1_700_000_000_000_000_000));
        for text in ["18446744073709551616", "-1", "1.8446744073709552e19", "[]"] {
            assert!(Input::new(text.as_bytes()).unsigned("n").is_err(), "{text}");
        }
    }

    #[test]
    fn doubles() {
        for (text, value) in [("1", 1.0), ("\"-1.5e3\"", -1500.0), ("\"Infinity\"", f64::INFINITY), ("-0.0", 0.0)] {
            assert_eq!(Input::new(text.as_bytes()).double("x"), Ok(Some(value)), "{text}");
        }
        for text in ["\"inf\"", "\"nan\"", "\"\"", "{}"] {
            assert_eq!(fault(Input::new(text.as_bytes()).double("x")), "x at byte 0: expected a number", "{text}");
        }
    }

    #[test]
    fn ids_that_are_none_are_absent() {
        assert_eq!(Input::new(br#""00fFa1""#).id("id"), Ok([0, 255, 0xa1]));
        for text in [&br#""00ff""#[..], b"\"00ffa1a2\"", b"\"00ffag\"", b"\"\"", b"null"] {
            assert_eq!(Input::new(text).id("id"), Ok([0; 3]));
        }
    }

    #[test]
    fn text_must_be_utf8() {
        assert_eq!(fault(Input::new(b" \"\xff\"").text("body")), "body at byte 1 is not valid UTF-8");
    }
}
