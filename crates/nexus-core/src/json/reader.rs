//! A pull reader of JSON: tokens borrow from the input, nothing is allocated but unescaped strings into a buffer given.
//!
//! The input is expected to be valid UTF-8 (the caller has checked it); then every slice given out is too. The grammar is
//! RFC 8259 with two freedoms that real senders take: control characters inside strings, and the numbers `NaN`,
//! `Infinity` and `-Infinity`.

// Measured: the reader's smallest steps cost a third more as calls.
#![allow(clippy::inline_always)]

use std::fmt;

/// Where and why the input is not JSON. `offset` counts bytes from the start of the reader's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at column {}", self.what, self.offset + 1)
    }
}

impl std::error::Error for JsonError {}

/// What kind of value a raw token begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)] // A whole word, so that tokens have no padding.
pub(crate) enum TokenKind {
    /// `null`
    Null,
    /// `false`
    False,
    /// `true`
    True,
    /// A number without fraction and exponent.
    Integer,
    /// Any other number.
    Decimal,
    /// A string without backslashes.
    Text,
    /// A string with backslashes; its escapes have been checked.
    EscapedText,
    /// `{` has been read.
    Object,
    /// `[` has been read.
    Array,
}

/// The first token of a value, or a key, as three words: in hot loops an enum with payloads is copied byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawToken<'a> {
    /// Its kind.
    pub kind: TokenKind,
    /// As written; of a string what is between its quotes.
    pub raw: &'a [u8],
}

impl<'a> RawToken<'a> {
    /// A string that needs no escapes.
    pub(crate) fn text(raw: &'a [u8]) -> Self {
        Self { kind: TokenKind::Text, raw }
    }

    /// Is it a string?
    pub(crate) fn is_text(self) -> bool {
        matches!(self.kind, TokenKind::Text | TokenKind::EscapedText)
    }

    /// Is it a number?
    pub(crate) fn is_number(self) -> bool {
        matches!(self.kind, TokenKind::Integer | TokenKind::Decimal)
    }

    /// The string itself, or a scalar as written; `scratch` is overwritten when there are escapes.
    ///
    /// Lone surrogates become U+FFFD.
    #[inline]
    pub(crate) fn resolve<'s>(self, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'a: 's,
    {
        if self.kind != TokenKind::EscapedText {
            return self.raw;
        }
        scratch.clear();
        unescape(self.raw, scratch);
        scratch
    }
}

/// A string token: the bytes between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// As written.
    pub raw: &'a [u8],
    /// Does `raw` hold backslashes?
    pub escaped: bool,
}

impl<'a> Text<'a> {
    fn of(token: RawToken<'a>) -> Self {
        Self { raw: token.raw, escaped: token.kind == TokenKind::EscapedText }
    }

    /// The string itself; `scratch` is overwritten when there are escapes.
    ///
    /// Lone surrogates become U+FFFD. Escapes were checked when the token was read.
    pub fn resolve<'s>(self, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'a: 's,
    {
        let kind = if self.escaped { TokenKind::EscapedText } else { TokenKind::Text };
        RawToken { kind, raw: self.raw }.resolve(scratch)
    }
}

/// The first token of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number as written, without fraction or exponent when `integer`.
    Number {
        /// As written.
        raw: &'a [u8],
        /// No fraction, no exponent.
        integer: bool,
    },
    /// A string.
    Text(Text<'a>),
    /// `{` has been read.
    Object,
    /// `[` has been read.
    Array,
}

impl<'a> From<RawToken<'a>> for Token<'a> {
    fn from(token: RawToken<'a>) -> Self {
        match token.kind {
            TokenKind::Null => Self::Null,
            TokenKind::False => Self::Bool(false),
            TokenKind::True => Self::Bool(true),
            TokenKind::Integer => Self::Number { raw: token.raw, integer: true },
            TokenKind::Decimal => Self::Number { raw: token.raw, integer: false },
            TokenKind::Text | TokenKind::EscapedText => Self::Text(Text::of(token)),
            TokenKind::Object => Self::Object,
            TokenKind::Array => Self::Array,
        }
    }
}

/// The reader; `position` is the offset of the next byte.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    input: &'a [u8],
    /// Offset of the next byte to read.
    pub position: usize,
}

/// A key in its quotes, of up to 16 bytes, ready to be compared at once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeyGuess {
    word: u128,
    mask: u128,
    length: usize,
}

impl KeyGuess {
    /// A guess that matches nothing when the key is too long or needs escapes.
    pub(crate) fn new(key: &[u8]) -> Self {
        let length = key.len() + 2;
        if length > 16 || key.iter().any(|byte| matches!(byte, b'"' | b'\\')) {
            return Self::default();
        }
        let mut quoted = [0; 16];
        quoted[0] = b'"';
        quoted[1..length - 1].copy_from_slice(key);
        quoted[length - 1] = b'"';
        Self { word: u128::from_le_bytes(quoted), mask: u128::MAX >> (8 * (16 - length)), length }
    }

    #[inline]
    fn matches(&self, text: &[u8]) -> bool {
        match text.first_chunk::<16>() {
            Some(chunk) => self.length > 0 && u128::from_le_bytes(*chunk) & self.mask == self.word,
            None => false,
        }
    }
}

type Result<T> = std::result::Result<T, JsonError>;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// High bit set in the bytes of `word` that equal the repeated `pattern`; exact up to the first of them.
#[inline]
fn matches(word: u64, pattern: u64) -> u64 {
    let x = word ^ pattern;
    x.wrapping_sub(ONES) & !x & HIGHS
}

/// Distance to the first quote or backslash.
#[inline(always)]
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    const QUOTES: u64 = ONES * b'"' as u64;
    const BACKSLASHES: u64 = ONES * b'\\' as u64;
    let mut at = 0;
    while let Some((chunk, _)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let found = matches(word, QUOTES) | matches(word, BACKSLASHES);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
        if at == 64 {
            return memchr::memchr2(b'"', b'\\', &bytes[at..]).map(|found| at + found);
        }
    }
    bytes[at..].iter().position(|&byte| matches!(byte, b'"' | b'\\')).map(|found| at + found)
}

impl<'a> Reader<'a> {
    /// A reader at the start of `input`.
    pub fn new(input: &'a [u8]) -> Self {
        Self { input, position: 0 }
    }

    /// The whole input.
    pub fn input(&self) -> &'a [u8] {
        self.input
    }

    /// An error here.
    #[cold]
    pub fn error(&self, what: &'static str) -> JsonError {
        JsonError { offset: self.position, what }
    }

    /// Next byte after white space, not consumed; None at the end.
    #[inline(always)]
    pub fn peek(&mut self) -> Option<u8> {
        match self.input.get(self.position) {
            Some(&byte) if byte > b' ' => Some(byte),
            _ => self.peek_far(),
        }
    }

    fn peek_far(&mut self) -> Option<u8> {
        loop {
            match self.input.get(self.position) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.position += 1,
                Some(&byte) => return Some(byte),
                None => return None,
            }
        }
    }

    /// Only white space left?
    pub fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// First token of the next value.
    #[inline]
    pub fn value(&mut self) -> Result<Token<'a>> {
        self.raw_value().map(Token::from)
    }

    /// First token of the next value.
    #[inline(always)]
    pub(crate) fn raw_value(&mut self) -> Result<RawToken<'a>> {
        match self.peek() {
            Some(b'"') => {
                self.position += 1;
                self.text_rest()
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(byte) => self.other_value(byte),
            None => Err(self.error("input ends where a value was expected")),
        }
    }

    fn other_value(&mut self, byte: u8) -> Result<RawToken<'a>> {
        match byte {
            b'{' => self.literal(b"{", TokenKind::Object),
            b'[' => self.literal(b"[", TokenKind::Array),
            b't' => self.literal(b"true", TokenKind::True),
            b'f' => self.literal(b"false", TokenKind::False),
            b'n' => self.literal(b"null", TokenKind::Null),
            b'N' => self.literal(b"NaN", TokenKind::Decimal),
            b'I' => self.literal(b"Infinity", TokenKind::Decimal),
            _ => Err(self.error("expected a value")),
        }
    }

    fn literal(&mut self, word: &[u8], kind: TokenKind) -> Result<RawToken<'a>> {
        let rest = &self.input[self.position..];
        if !rest.starts_with(word) {
            return Err(self.error("expected a value"));
        }
        self.position += word.len();
        Ok(RawToken { kind, raw: &rest[..word.len()] })
    }

    /// After `{` (`first`) or a member's value: the next key, its colon consumed; None after `}`.
    #[inline]
    pub fn key(&mut self, first: bool) -> Result<Option<Text<'a>>> {
        Ok(self.raw_key(first)?.map(Text::of))
    }

    /// As [`Self::key`].
    #[inline]
    pub(crate) fn raw_key(&mut self, first: bool) -> Result<Option<RawToken<'a>>> {
        let mut next = self.peek();
        if next == Some(b'}') {
            self.position += 1;
            return Ok(None);
        }
        if !first {
            if next != Some(b',') {
                return Err(self.unexpected("expected ',' or '}'"));
            }
            self.position += 1;
            next = self.peek();
        }
        if next != Some(b'"') {
            return Err(self.unexpected("expected a key in quotes"));
        }
        self.position += 1;
        let key = self.text_rest()?;
        if self.peek() != Some(b':') {
            return Err(self.unexpected("expected ':'"));
        }
        self.position += 1;
        Ok(Some(key))
    }

    /// After `[` (`first`) or an element: is there another element? Consumes the comma or the `]`.
    #[inline]
    pub fn element(&mut self, first: bool) -> Result<bool> {
        match self.peek() {
            Some(b']') => {
                self.position += 1;
                Ok(false)
            }
            Some(_) if first => Ok(true),
            Some(b',') => {
                self.position += 1;
                if self.peek() == Some(b']') { Err(self.error("expected a value")) } else { Ok(true) }
            }
            _ => Err(self.unexpected("expected ',' or ']'")),
        }
    }

    /// As [`Self::key`] when the next key is the one guessed; false, and nothing read, when it is another one.
    #[inline]
    pub(crate) fn guessed_key(&mut self, first: bool, guess: &KeyGuess) -> bool {
        let start = self.position;
        if !first {
            if self.peek() != Some(b',') {
                return false;
            }
            self.position += 1;
        }
        self.peek();
        if guess.matches(&self.input[self.position..]) {
            self.position += guess.length;
            if self.peek() == Some(b':') {
                self.position += 1;
                return true;
            }
        }
        self.position = start;
        false
    }

    #[cold]
    fn unexpected(&self, what: &'static str) -> JsonError {
        if self.position >= self.input.len() { self.error("input ends inside of a value") } else { self.error(what) }
    }

    /// A string whose opening quote has been read.
    #[inline(always)]
    fn text_rest(&mut self) -> Result<RawToken<'a>> {
        let start = self.position;
        let rest = &self.input[start..];
        match quote_or_backslash(rest) {
            Some(end) if rest[end] == b'"' => {
                self.position = start + end + 1;
                Ok(RawToken { kind: TokenKind::Text, raw: &rest[..end] })
            }
            Some(end) => self.escaped_rest(start, start + end),
            None => Err(JsonError { offset: start - 1, what: "string is not closed" }),
        }
    }

    /// A string with a backslash at `at`.
    fn escaped_rest(&mut self, start: usize, mut at: usize) -> Result<RawToken<'a>> {
        let unclosed = JsonError { offset: start - 1, what: "string is not closed" };
        loop {
            match self.input[at] {
                b'"' => {
                    self.position = at + 1;
                    return Ok(RawToken { kind: TokenKind::EscapedText, raw: &self.input[start..at] });
                }
                _ => match self.input.get(at + 1) {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                    Some(b'u') => match self.input.get(at + 2..at + 6) {
                        Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => at += 6,
                        Some(_) => return Err(JsonError { offset: at, what: "\\u needs four hex digits" }),
                        None => return Err(unclosed),
                    },
                    Some(_) => return Err(JsonError { offset: at, what: "unknown escape" }),
                    None => return Err(unclosed),
                },
            }
            at += quote_or_backslash(&self.input[at..]).ok_or(unclosed)?;
        }
    }

    #[inline]
    fn number(&mut self) -> Result<RawToken<'a>> {
        let start = self.position;
        let rest = &self.input[start..];
        let mut at = usize::from(rest[0] == b'-');
        let digits = |at: usize| rest[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let whole = digits(at);
        if whole == 0 {
            if rest[at..].starts_with(b"Infinity") {
                self.position += at + 8;
                return Ok(RawToken { kind: TokenKind::Decimal, raw: &rest[..at + 8] });
            }
            return Err(self.error("expected a value"));
        }
        if whole > 1 && rest[at] == b'0' {
            return Err(self.error("number with a leading zero"));
        }
        at += whole;
        let mut kind = TokenKind::Integer;
        if rest.get(at) == Some(&b'.') {
            kind = TokenKind::Decimal;
            let fraction = digits(at + 1);
            if fraction == 0 {
                return Err(self.error("number without digits after its point"));
            }
            at += 1 + fraction;
        }
        if let Some(b'e' | b'E') = rest.get(at) {
            kind = TokenKind::Decimal;
            at += 1;
            at += usize::from(matches!(rest.get(at), Some(b'+' | b'-')));
            let exponent = digits(at);
            if exponent == 0 {
                return Err(self.error("number without digits in its exponent"));
            }
            at += exponent;
        }
        self.position = start + at;
        Ok(RawToken { kind, raw: &rest[..at] })
    }

    /// Pass over the rest of a value whose first token has been read, at any depth, without recursion.
    pub fn skip_rest(&mut self, token: Token<'_>) -> Result<()> {
        let mut open = match token {
            Token::Object => vec![true],
            Token::Array => vec![false],
            _ => return Ok(()),
        };
        let mut first = true;
        while let Some(&object) = open.last() {
            let more = if object { self.raw_key(first)?.is_some() } else { self.element(first)? };
            first = false;
            if more {
                match self.raw_value()?.kind {
                    TokenKind::Object => open.push(true),
                    TokenKind::Array => open.push(false),
                    _ => continue,
                }
                first = true;
            } else {
                open.pop();
            }
        }
        Ok(())
    }
}

/// Append the string that `raw` (checked escapes) stands for.
fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let plain = match rest[at + 1] {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (character, length) = unicode_escape(&rest[at..]);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[at + length..];
                continue;
            }
            other => other,
        };
        out.push(plain);
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
}

/// The character of `\uXXXX` or of a surrogate pair at the start of `text`, and how long that is. A lone surrogate is
/// U+FFFD.
pub(crate) fn unicode_escape(text: &[u8]) -> (char, usize) {
    let unit = |at: usize| -> Option<u32> {
        match text.get(at..at + 6)? {
            [b'\\', b'u', digits @ ..] => {
                Some(digits.iter().fold(0, |sum, &digit| sum * 16 + char::from(digit).to_digit(16).unwrap_or(0)))
            }
            _ => None,
        }
    };
    let high = unit(0).unwrap_or(0xFFFD);
    if let 0xD800..0xDC00 = high
        && let Some(low @ 0xDC00..0xE000) = unit(6)
    {
        let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

/// The number that a number token's text stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Fits into 64 bits with sign and was written without fraction or exponent.
    Int(i64),
    /// Any other, nearest double.
    Float(f64),
}

/// Value of a number token.
#[inline]
pub fn number(raw: &[u8], integer: bool) -> Number {
    if integer {
        if let Some(value) = small_integer(raw) {
            return Number::Int(value);
        }
        if let Some(value) = std::str::from_utf8(raw).ok().and_then(|text| text.parse::<i64>().ok()) {
            return Number::Int(value);
        }
    }
    if let Some(value) = small_decimal(raw) {
        return Number::Float(value);
    }
    Number::Float(std::str::from_utf8(raw).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN))
}

/// Integers of up to 18 digits.
#[inline]
fn small_integer(raw: &[u8]) -> Option<i64> {
    let (negative, digits) = match raw {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 18 {
        return None;
    }
    let value = digits.iter().fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some(if negative { -value } else { value })
}

/// Decimals that are exact in one step: digits below 2^53, divided by a power of ten that a double holds exactly.
#[inline]
fn small_decimal(raw: &[u8]) -> Option<f64> {
    const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (negative, digits) = match raw {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 16 {
        return None;
    }
    let (mut mantissa, mut point) = (0_u64, digits.len());
    for (at, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa * 10 + u64::from(byte - b'0'),
            b'.' => point = at + 1,
            _ => return None,
        }
    }
    let value = mantissa as f64 / POWERS[digits.len() - point];
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<()> {
        let mut reader = Reader::new(text.as_bytes());
        let token = reader.value()?;
        reader.skip_rest(token)?;
        if reader.at_end() { Ok(()) } else { Err(reader.error("more")) }
    }

    #[test]
    fn accepts_json() {
        for text in [
            "{}",
            "[]",
            " [1, -2.5e+3, {\"a\": [true, false, null]}, \"x\\u00e9\\n\"] ",
            "0",
            "-0.0",
            "\"\u{0}\"",
            "NaN",
            "[-Infinity]",
            r#"{"a":"","b":{}}"#,
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        assert_eq!(check(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))), Ok(()));
    }

    #[test]
    fn refuses_with_the_place() {
        for (text, offset) in [
            ("", 0),
            ("{", 1),
            ("{\"a\"", 4),
            ("{\"a\" 1}", 5),
            ("{\"a\":}", 5),
            ("{\"a\":1,}", 7),
            ("[1,]", 3),
            ("[1 2]", 3),
            ("\"abc", 0),
            ("\"\\x\"", 1),
            ("\"\\u12g4\"", 1),
            ("01", 0),
            ("1.", 0),
            ("-", 0),
            ("1e", 0),
            ("tru", 0),
            ("{1:2}", 1),
            ("\"\\", 0),
            ("\"\\u12", 0),
            ("[1", 2),
            ("]", 0),
        ] {
            assert_eq!(check(text).unwrap_err().offset, offset, "{text}");
        }
    }

    #[test]
    fn strings_are_resolved() {
        let long = "a".repeat(200);
        for (text, expected) in [
            (r#""plain""#, "plain"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u00e9\ud83d\ude00""#, "é😀"),
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\ude00\ud83d\u0041""#, "\u{fffd}\u{fffd}A"),
            (r#""\u0000""#, "\0"),
            (&format!("\"{long}\\n{long}\""), &format!("{long}\n{long}")),
        ] {
            let token = Reader::new(text.as_bytes()).raw_value().unwrap();
            assert_eq!(token.resolve(&mut Vec::new()), expected.as_bytes(), "{text}");
        }
    }

    #[test]
    fn numbers_keep_their_kind() {
        for (text, expected) in [
            ("0", Number::Int(0)),
            ("-17", Number::Int(-17)),
            ("9223372036854775807", Number::Int(i64::MAX)),
            ("-9223372036854775808", Number::Int(i64::MIN)),
            ("9223372036854775808", Number::Float(9_223_372_036_854_775_808.0)),
            ("1.5", Number::Float(1.5)),
            ("-0.1", Number::Float(-0.1)),
            ("123456789.012345", Number::Float(123_456_789.012_345)),
            ("9007199254740993.0", Number::Float(9_007_199_254_740_992.0)),
            ("1e3", Number::Float(1000.0)),
        ] {
            let Ok(Token::Number { raw, integer }) = Reader::new(text.as_bytes()).value() else { panic!("{text}") };
            assert_eq!(number(raw, integer), expected, "{text}");
        }
    }
}
