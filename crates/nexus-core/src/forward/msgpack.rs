//! MessagePack: one value after the other out of a slice, without recursion and without copies.

use std::fmt;

/// What is wrong, and where (bytes from 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MsgpackError {
    /// Byte at which reading stopped.
    pub at: usize,
    /// What was found or missing there.
    pub what: &'static str,
}

impl fmt::Display for MsgpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for MsgpackError {}

/// A value; of arrays and maps only the head, their values follow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// nil
    Nil,
    /// true, false
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// One that is larger.
    Large(u64),
    /// float 32 or 64
    Float(f64),
    /// str, not necessarily UTF-8
    Text(&'a [u8]),
    /// bin
    Bytes(&'a [u8]),
    /// Number of values.
    Array(u32),
    /// Number of pairs.
    Map(u32),
    /// Type and content.
    Ext(i8, &'a [u8]),
}

/// The head of a value: how long it is, how many bytes follow it, how many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub length: usize,
    pub bytes: usize,
    pub values: u64,
}

/// The head at the beginning of a slice. None when it is not all there; an error for the byte that is never used.
pub(crate) fn head(input: &[u8]) -> Result<Option<Head>, ()> {
    let Some(&first) = input.first() else { return Ok(None) };
    let number = |width: usize| {
        let digits = input.get(1..=width)?;
        Some(digits.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let fixed = |bytes| Some(Head { length: 1, bytes, values: 0 });
    let sized = |width, extra: usize| {
        number(width).map(|size| Head { length: 1 + width, bytes: size as usize + extra, values: 0 })
    };
    let holding =
        |width, factor| number(width).map(|count| Head { length: 1 + width, bytes: 0, values: count * factor });
    Ok(match first {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => fixed(0),
        0x80..=0x8f => Some(Head { length: 1, bytes: 0, values: 2 * u64::from(first & 15) }),
        0x90..=0x9f => Some(Head { length: 1, bytes: 0, values: u64::from(first & 15) }),
        0xa0..=0xbf => fixed(usize::from(first & 31)),
        0xc1 => return Err(()),
        0xc4 | 0xd9 => sized(1, 0),
        0xc5 | 0xda => sized(2, 0),
        0xc6 | 0xdb => sized(4, 0),
        0xc7 => sized(1, 1),
        0xc8 => sized(2, 1),
        0xc9 => sized(4, 1),
        0xcc | 0xd0 => fixed(1),
        0xcd | 0xd1 => fixed(2),
        0xca | 0xce | 0xd2 => fixed(4),
        0xcb | 0xcf | 0xd3 => fixed(8),
        0xd4..=0xd8 => fixed(1 + (1 << (first - 0xd4))),
        0xdc => holding(2, 1),
        0xdd => holding(4, 1),
        0xde => holding(2, 2),
        0xdf => holding(4, 2),
    })
}

/// Reads values in order.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    input: &'a [u8],
    /// Byte of the next value.
    pub position: usize,
}

impl<'a> Reader<'a> {
    /// Read a slice from its beginning.
    pub fn new(input: &'a [u8]) -> Self {
        Self { input, position: 0 }
    }

    /// Nothing left?
    pub fn at_end(&self) -> bool {
        self.position >= self.input.len()
    }

    fn error<T>(&self, what: &'static str) -> Result<T, MsgpackError> {
        Err(MsgpackError { at: self.position, what })
    }

    /// The next value, or the head of the next array or map.
    pub fn value(&mut self) -> Result<Value<'a>, MsgpackError> {
        let rest = &self.input[self.position.min(self.input.len())..];
        let head = match head(rest) {
            Ok(Some(head)) => head,
            Ok(None) => return self.error("the end of the data within a value"),
            Err(()) => return self.error("a byte that MessagePack does not use"),
        };
        let Some(content) = rest.get(head.length..head.length.saturating_add(head.bytes)) else {
            return self.error("the end of the data within a value");
        };
        self.position += head.length + head.bytes;
        let first = rest[0];
        let unsigned = || content.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let signed = || (unsigned() << (64 - 8 * content.len())) as i64 >> (64 - 8 * content.len());
        Ok(match first {
            0x00..=0x7f => Value::Int(i64::from(first)),
            0xe0..=0xff => Value::Int(i64::from(first as i8)),
            0xc0 | 0xc1 => Value::Nil,
            0xc2 | 0xc3 => Value::Bool(first == 0xc3),
            0x80..=0x8f | 0xde | 0xdf => Value::Map((head.values / 2) as u32),
            0x90..=0x9f | 0xdc | 0xdd => Value::Array(head.values as u32),
            0xa0..=0xbf | 0xd9..=0xdb => Value::Text(content),
            0xc4..=0xc6 => Value::Bytes(content),
            0xc7..=0xc9 | 0xd4..=0xd8 => Value::Ext(content[0] as i8, &content[1..]),
            0xca => Value::Float(f64::from(f32::from_bits(unsigned() as u32))),
            0xcb => Value::Float(f64::from_bits(unsigned())),
            0xcc..=0xcf => i64::try_from(unsigned()).map_or_else(|_| Value::Large(unsigned()), Value::Int),
            0xd0..=0xd3 => Value::Int(signed()),
        })
    }

    /// Pass over a value with all it holds.
    pub fn skip(&mut self) -> Result<(), MsgpackError> {
        let mut left = 1_u64;
        while left > 0 {
            left -= 1;
            left += match self.value()? {
                Value::Array(count) => u64::from(count),
                Value::Map(count) => 2 * u64::from(count),
                _ => 0,
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Value<'_>, MsgpackError> {
        Reader::new(bytes).value()
    }

    #[test]
    fn every_form() {
        for (bytes, value) in [
            (&b"\x05"[..], Value::Int(5)),
            (b"\xff", Value::Int(-1)),
            (b"\xc0", Value::Nil),
            (b"\xc3", Value::Bool(true)),
            (b"\x82", Value::Map(2)),
            (b"\x93", Value::Array(3)),
            (b"\xa2hi", Value::Text(b"hi")),
            (b"\xd9\x02hi", Value::Text(b"hi")),
            (b"\xda\x00\x02hi", Value::Text(b"hi")),
            (b"\xdb\x00\x00\x00\x02hi", Value::Text(b"hi")),
            (b"\xc4\x01x", Value::Bytes(b"x")),
            (b"\xc5\x00\x01x", Value::Bytes(b"x")),
            (b"\xc7\x02\x05ab", Value::Ext(5, b"ab")),
            (b"\xd6\xff\x01\x02\x03\x04", Value::Ext(-1, b"\x01\x02\x03\x04")),
            (b"\xca\x3f\xc0\x00\x00", Value::Float(1.5)),
            (b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", Value::Float(1.5)),
            (b"\xcc\xff", Value::Int(255)),
            (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", Value::Large(u64::MAX)),
            (b"\xd0\x80", Value::Int(-128)),
            (b"\xd1\xff\xfe", Value::Int(-2)),
            (b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", Value::Int(i64::MIN)),
            (b"\xdc\x00\x02", Value::Array(2)),
            (b"\xdf\x00\x01\x00\x00", Value::Map(65_536)),
        ] {
            assert_eq!(read(bytes), Ok(value), "{bytes:x?}");
            for end in 0..bytes.len() {
                assert!(read(&bytes[..end]).is_err(), "{bytes:x?} to {end}");
            }
        }
        assert_eq!(read(b"\xc1").unwrap_err().what, "a byte that MessagePack does not use");
        assert!(read(b"\xdb\xff\xff\xff\xff").is_err());
    }

    #[test]
    fn skipping() {
        let mut reader = Reader::new(b"\x92\x81\xa1a\x92\x01\x02\xc0\x07");
        reader.skip().unwrap();
        assert_eq!(reader.value(), Ok(Value::Int(7)));
        assert!(Reader::new(b"\xdd\xff\xff\xff\xff\x01").skip().is_err());
    }
}
