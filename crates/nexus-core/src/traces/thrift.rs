//! Apache Thrift's two binary protocols: readers over borrowed bytes that know no schema.
//!
//! What a caller does not know it skips, to a bounded depth. Sizes that are announced are checked against what is left
//! before anything is done with them: each element takes a byte at least.

use std::fmt;

/// Deepest nesting of what is skipped.
const MAX_SKIP: usize = 64;

/// Bytes that are not Thrift: where, and what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThriftError {
    /// Byte of the request body.
    pub offset: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for ThriftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: expected {}", self.offset, self.expected)
    }
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A bool; in a field of the compact protocol it has been read already.
    Bool(Option<bool>),
    /// 8 bits.
    Byte,
    /// 16 bits.
    I16,
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// A float of 64 bits.
    Double,
    /// Bytes or text.
    Binary,
    /// A struct.
    Struct,
    /// A map.
    Map,
    /// A set or list.
    List,
}

type Result<T> = std::result::Result<T, ThriftError>;

/// A protocol.
pub trait Protocol: Copy {
    /// The next field of a struct: its type and number. `last` is the number of the one before it, 0 at first. None after the
    /// last.
    fn field(&self, input: &mut Bytes<'_>, last: i16) -> Result<Option<(Kind, i16)>>;
    /// A bool that is no field.
    fn bool(&self, input: &mut Bytes<'_>) -> Result<bool>;
    /// 16 bits.
    fn i16(&self, input: &mut Bytes<'_>) -> Result<i16>;
    /// 32 bits.
    fn i32(&self, input: &mut Bytes<'_>) -> Result<i32>;
    /// 64 bits.
    fn i64(&self, input: &mut Bytes<'_>) -> Result<i64>;
    /// A float.
    fn double(&self, input: &mut Bytes<'_>) -> Result<f64>;
    /// A number of bytes.
    fn size(&self, input: &mut Bytes<'_>) -> Result<u32>;
    /// Type and number of the elements of a set or list.
    fn list(&self, input: &mut Bytes<'_>) -> Result<(Kind, u32)>;
    /// Types of keys and values, and the number of pairs, of a map.
    fn map(&self, input: &mut Bytes<'_>) -> Result<(Kind, Kind, u32)>;
    /// The head of a call: its name.
    fn call<'a>(&self, input: &mut Bytes<'a>) -> Result<&'a [u8]>;
}

/// What is left of a body.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'a> {
    rest: &'a [u8],
    end: usize,
}

impl<'a> Bytes<'a> {
    /// A whole body.
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body, end: body.len() }
    }

    /// Where the reader stands in the body.
    pub fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The fault that something else was expected here.
    #[cold]
    pub fn error<T>(&self, expected: &'static str) -> Result<T> {
        Err(ThriftError { offset: self.offset(), expected })
    }

    fn take<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N]> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else { return self.error(expected) };
        self.rest = rest;
        Ok(*bytes)
    }

    fn byte(&mut self, expected: &'static str) -> Result<u8> {
        self.take::<1>(expected).map(|[byte]| byte)
    }

    /// So many bytes.
    fn bytes(&mut self, count: u32) -> Result<&'a [u8]> {
        if count as usize > self.rest.len() {
            return self.error("as many bytes as the length before says");
        }
        let (bytes, rest) = self.rest.split_at(count as usize);
        self.rest = rest;
        Ok(bytes)
    }

    /// A number of elements that may be there.
    fn elements(&self, count: i64) -> Result<u32> {
        match u32::try_from(count) {
            Ok(count) if count as usize <= self.rest.len() => Ok(count),
            _ => self.error("no more elements than bytes that are left"),
        }
    }

    fn varint(&mut self) -> Result<u64> {
        let start = *self;
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte("a varint")?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        start.error("a varint of at most 10 bytes")
    }
}

/// The fields of a struct, one after the other.
pub struct Fields {
    last: i16,
}

impl Fields {
    /// Before the first.
    pub fn new() -> Self {
        Self { last: 0 }
    }

    /// The next field; its value is to be read or skipped then. None after the last.
    pub fn next<P: Protocol>(&mut self, protocol: P, input: &mut Bytes<'_>) -> Result<Option<(Kind, i16)>> {
        let field = protocol.field(input, self.last)?;
        if let Some((_, number)) = field {
            self.last = number;
        }
        Ok(field)
    }
}

/// Bytes or text.
pub fn binary<'a, P: Protocol>(protocol: P, input: &mut Bytes<'a>) -> Result<&'a [u8]> {
    let size = protocol.size(input)?;
    input.bytes(size)
}

/// The number of elements of a list of structs.
pub fn structs<P: Protocol>(protocol: P, input: &mut Bytes<'_>) -> Result<u32> {
    let start = *input;
    match protocol.list(input)? {
        (Kind::Struct, count) => Ok(count),
        (_, 0) => Ok(0),
        _ => start.error("a list of structs"),
    }
}

/// Pass over a value.
pub fn skip<P: Protocol>(protocol: P, input: &mut Bytes<'_>, kind: Kind) -> Result<()> {
    skip_nested(protocol, input, kind, 0)
}

fn skip_nested<P: Protocol>(protocol: P, input: &mut Bytes<'_>, kind: Kind, depth: usize) -> Result<()> {
    if depth > MAX_SKIP {
        return input.error("no deeper nesting");
    }
    match kind {
        Kind::Bool(Some(_)) => {}
        Kind::Bool(None) => drop(protocol.bool(input)?),
        Kind::Byte => drop(input.byte("a byte")?),
        Kind::I16 => drop(protocol.i16(input)?),
        Kind::I32 => drop(protocol.i32(input)?),
        Kind::I64 => drop(protocol.i64(input)?),
        Kind::Double => drop(protocol.double(input)?),
        Kind::Binary => drop(binary(protocol, input)?),
        Kind::Struct => {
            let mut fields = Fields::new();
            while let Some((kind, _)) = fields.next(protocol, input)? {
                skip_nested(protocol, input, kind, depth + 1)?;
            }
        }
        Kind::Map => {
            let (key, value, count) = protocol.map(input)?;
            for _ in 0..count {
                skip_nested(protocol, input, key, depth + 1)?;
                skip_nested(protocol, input, value, depth + 1)?;
            }
        }
        Kind::List => {
            let (element, count) = protocol.list(input)?;
            for _ in 0..count {
                skip_nested(protocol, input, element, depth + 1)?;
            }
        }
    }
    Ok(())
}

/// The binary protocol: everything big-endian, in full width.
#[derive(Debug, Clone, Copy)]
pub struct Binary;

impl Binary {
    fn kind(byte: u8) -> Option<Kind> {
        Some(match byte {
            2 => Kind::Bool(None),
            3 => Kind::Byte,
            4 => Kind::Double,
            6 => Kind::I16,
            8 => Kind::I32,
            10 => Kind::I64,
            11 => Kind::Binary,
            12 => Kind::Struct,
            13 => Kind::Map,
            14 | 15 => Kind::List,
            _ => return None,
        })
    }

    fn read_kind(input: &mut Bytes<'_>) -> Result<Kind> {
        let start = *input;
        let byte = input.byte("a type")?;
        Self::kind(byte).map_or_else(|| start.error("a type of the binary protocol"), Ok)
    }
}

impl Protocol for Binary {
    fn field(&self, input: &mut Bytes<'_>, _: i16) -> Result<Option<(Kind, i16)>> {
        if input.rest.first() == Some(&0) {
            input.rest = &input.rest[1..];
            return Ok(None);
        }
        let kind = Self::read_kind(input)?;
        Ok(Some((kind, self.i16(input)?)))
    }

    fn bool(&self, input: &mut Bytes<'_>) -> Result<bool> {
        Ok(input.byte("a bool")? != 0)
    }

    fn i16(&self, input: &mut Bytes<'_>) -> Result<i16> {
        input.take("2 bytes").map(i16::from_be_bytes)
    }

    fn i32(&self, input: &mut Bytes<'_>) -> Result<i32> {
        input.take("4 bytes").map(i32::from_be_bytes)
    }

    fn i64(&self, input: &mut Bytes<'_>) -> Result<i64> {
        input.take("8 bytes").map(i64::from_be_bytes)
    }

    fn double(&self, input: &mut Bytes<'_>) -> Result<f64> {
        input.take("8 bytes").map(f64::from_be_bytes)
    }

    fn size(&self, input: &mut Bytes<'_>) -> Result<u32> {
        let start = *input;
        u32::try_from(self.i32(input)?).or_else(|_| start.error("a length"))
    }

    fn list(&self, input: &mut Bytes<'_>) -> Result<(Kind, u32)> {
        let byte = *input;
        let kind = Self::read_kind(input);
        let count = self.i32(input)?;
        if count == 0 {
            // Some write no type for nothing.
            return Ok((kind.unwrap_or(Kind::Byte), 0));
        }
        Ok((kind.or_else(|_| byte.error("a type of the binary protocol"))?, input.elements(i64::from(count))?))
    }

    fn map(&self, input: &mut Bytes<'_>) -> Result<(Kind, Kind, u32)> {
        let types: [u8; 2] = input.take("the types of a map")?;
        let count = self.i32(input)?;
        let count = input.elements(i64::from(count))?;
        match types.map(Self::kind) {
            _ if count == 0 => Ok((Kind::Byte, Kind::Byte, 0)),
            [Some(key), Some(value)] => Ok((key, value, count)),
            _ => input.error("types of the binary protocol before this map"),
        }
    }

    fn call<'a>(&self, input: &mut Bytes<'a>) -> Result<&'a [u8]> {
        let start = *input;
        let size = self.i32(input)?;
        // Strict messages begin with their version, old ones with the length of the name.
        let name = if size < 0 {
            if size as u32 >> 16 != 0x8001 {
                return start.error("version 1 of the binary protocol");
            }
            binary(*self, input)?
        } else {
            let name = input.bytes(size as u32)?;
            input.byte("the type of a message")?;
            name
        };
        self.i32(input)?;
        Ok(name)
    }
}

/// The compact protocol: varints, and fields by their distance.
#[derive(Debug, Clone, Copy)]
pub struct Compact;

impl Compact {
    fn kind(nibble: u8) -> Option<Kind> {
        Some(match nibble {
            1 | 2 => Kind::Bool(None),
            3 => Kind::Byte,
            4 => Kind::I16,
            5 => Kind::I32,
            6 => Kind::I64,
            7 => Kind::Double,
            8 => Kind::Binary,
            9 | 10 => Kind::List,
            11 => Kind::Map,
            12 => Kind::Struct,
            _ => return None,
        })
    }

    fn zigzag(input: &mut Bytes<'_>) -> Result<i64> {
        let value = input.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

impl Protocol for Compact {
    fn field(&self, input: &mut Bytes<'_>, last: i16) -> Result<Option<(Kind, i16)>> {
        let start = *input;
        let byte = input.byte("a field")?;
        if byte == 0 {
            return Ok(None);
        }
        let kind = match byte & 0x0f {
            1 => Kind::Bool(Some(true)),
            2 => Kind::Bool(Some(false)),
            nibble => match Self::kind(nibble) {
                Some(kind) => kind,
                None => return start.error("a type of the compact protocol"),
            },
        };
        let number = match byte >> 4 {
            0 => self.i16(input)?,
            distance => last.wrapping_add(i16::from(distance)),
        };
        Ok(Some((kind, number)))
    }

    fn bool(&self, input: &mut Bytes<'_>) -> Result<bool> {
        Ok(input.byte("a bool")? == 1)
    }

    fn i16(&self, input: &mut Bytes<'_>) -> Result<i16> {
        Self::zigzag(input).map(|value| value as i16)
    }

    fn i32(&self, input: &mut Bytes<'_>) -> Result<i32> {
        Self::zigzag(input).map(|value| value as i32)
    }

    fn i64(&self, input: &mut Bytes<'_>) -> Result<i64> {
        Self::zigzag(input)
    }

    fn double(&self, input: &mut Bytes<'_>) -> Result<f64> {
        input.take("8 bytes").map(f64::from_le_bytes)
    }

    fn size(&self, input: &mut Bytes<'_>) -> Result<u32> {
        let start = *input;
        u32::try_from(input.varint()?).or_else(|_| start.error("a length"))
    }

    fn list(&self, input: &mut Bytes<'_>) -> Result<(Kind, u32)> {
        let start = *input;
        let byte = input.byte("a list")?;
        let count = match byte >> 4 {
            15 => self.size(input)?,
            count => u32::from(count),
        };
        match Self::kind(byte & 0x0f) {
            _ if count == 0 => Ok((Kind::Byte, 0)),
            Some(kind) => Ok((kind, input.elements(i64::from(count))?)),
            None => start.error("a type of the compact protocol"),
        }
    }

    fn map(&self, input: &mut Bytes<'_>) -> Result<(Kind, Kind, u32)> {
        let count = self.size(input)?;
        if count == 0 {
            return Ok((Kind::Byte, Kind::Byte, 0));
        }
        let start = *input;
        let types = input.byte("the types of a map")?;
        let count = input.elements(i64::from(count))?;
        match (Self::kind(types >> 4), Self::kind(types & 0x0f)) {
            (Some(key), Some(value)) => Ok((key, value, count)),
            _ => start.error("types of the compact protocol"),
        }
    }

    fn call<'a>(&self, input: &mut Bytes<'a>) -> Result<&'a [u8]> {
        let start = *input;
        if input.byte("a message")? != 0x82 || input.byte("a message")? & 0x1f != 1 {
            return start.error("version 1 of the compact protocol");
        }
        input.varint()?;
        binary(*self, input)
    }
}
