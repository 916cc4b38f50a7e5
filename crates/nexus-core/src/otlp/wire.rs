//! The protobuf wire format: a reader over borrowed bytes that knows no schema.
//!
//! Reads never pass the end of their message. What a caller does not know it skips, groups included.

use std::fmt;

/// Deepest nesting of unknown groups that is skipped.
const MAX_GROUPS: usize = 64;

/// Varint.
pub const VARINT: u32 = 0;
/// Eight bytes, little-endian.
pub const FIXED64: u32 = 1;
/// Length and bytes.
pub const LEN: u32 = 2;
const GROUP: u32 = 3;
const END_GROUP: u32 = 4;
/// Four bytes, little-endian.
pub const FIXED32: u32 = 5;

/// The tag of a field: its number and wire type in one.
pub const fn tag(field: u32, wire_type: u32) -> u32 {
    field << 3 | wire_type
}

/// Bytes that are not protobuf: where, and what is wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireError {
    /// Byte of the request body.
    pub offset: usize,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    Truncated { expected: &'static str },
    LongVarint,
    BadTag(u64),
    BadWireType { field: u32, wire_type: u32 },
    TooLong { wanted: u64, left: usize },
    EndGroup { found: u32, open: Option<u32> },
    DeepGroup,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: ", self.offset)?;
        match self.problem {
            Problem::Truncated { expected } => write!(f, "expected {expected}, but the message ends here"),
            Problem::LongVarint => f.write_str("expected a varint of at most 10 bytes"),
            Problem::BadTag(tag) => write!(f, "expected a field tag, found {tag}"),
            Problem::BadWireType { field, wire_type } => {
                write!(f, "field {field} has wire type {wire_type}, expected 0, 1, 2, 3 or 5")
            }
            Problem::TooLong { wanted, left } => {
                write!(f, "expected {wanted} bytes as the length before them says, but the message ends after {left}")
            }
            Problem::EndGroup { found, open: None } => write!(f, "end of group {found}, but no group is open"),
            Problem::EndGroup { found, open: Some(open) } => {
                write!(f, "end of group {found}, expected the end of group {open}")
            }
            Problem::DeepGroup => write!(f, "groups are nested more than {MAX_GROUPS} deep"),
        }
    }
}

impl std::error::Error for WireError {}

/// What is left of a message. Copies are cheap and independent.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Offset in the request body of the end of the message.
    end: usize,
}

impl<'a> Reader<'a> {
    /// A message without fields.
    pub const EMPTY: Self = Self { rest: &[], end: 0 };

    /// A message that begins at byte `offset` of the request body.
    pub fn new(message: &'a [u8], offset: usize) -> Self {
        Self { rest: message, end: offset + message.len() }
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Where the reader stands in the request body.
    pub fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    #[cold]
    fn error(&self, problem: Problem) -> WireError {
        WireError { offset: self.offset(), problem }
    }

    /// The next field's tag, None at the end of the message.
    #[inline]
    pub fn tag(&mut self) -> Result<Option<u32>, WireError> {
        match self.rest {
            [] => Ok(None),
            // One byte: fields 1 to 15 of a wire type that exists.
            [byte @ 8..=0x7f, rest @ ..] if u32::from(byte & 7) <= FIXED32 => {
                self.rest = rest;
                Ok(Some(u32::from(*byte)))
            }
            _ => self.long_tag().map(Some),
        }
    }

    #[cold]
    fn long_tag(&mut self) -> Result<u32, WireError> {
        let start = *self;
        let value = self.varint()?;
        let read = start.rest.len() - self.rest.len();
        let tag = u32::try_from(value).ok().filter(|tag| tag >> 3 != 0 && read <= 5);
        let tag = tag.ok_or_else(|| start.error(Problem::BadTag(value)))?;
        if tag & 7 > FIXED32 {
            return Err(start.error(Problem::BadWireType { field: tag >> 3, wire_type: tag & 7 }));
        }
        Ok(tag)
    }

    /// A varint of up to 64 bits; bits beyond are dropped, as protobuf does.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        match self.rest {
            [byte @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        let problem =
            if self.rest.len() < 10 { Problem::Truncated { expected: "a varint" } } else { Problem::LongVarint };
        Err(self.error(problem))
    }

    /// Eight little-endian bytes.
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, WireError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(self.error(Problem::Truncated { expected: "8 bytes" }));
        };
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// Four little-endian bytes.
    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, WireError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(self.error(Problem::Truncated { expected: "4 bytes" }));
        };
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// A length and that many bytes: a string, bytes or a message.
    #[inline]
    pub fn message(&mut self) -> Result<Self, WireError> {
        let wanted = self.varint()?;
        if wanted > self.rest.len() as u64 {
            return Err(self.error(Problem::TooLong { wanted, left: self.rest.len() }));
        }
        let (inner, rest) = self.rest.split_at(wanted as usize);
        self.rest = rest;
        Ok(Self { rest: inner, end: self.end - rest.len() })
    }

    /// Skip the value of a field whose tag was just read.
    pub fn skip(&mut self, tag: u32) -> Result<(), WireError> {
        match tag & 7 {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            LEN => self.message().map(drop),
            FIXED32 => self.fixed32().map(drop),
            GROUP => self.skip_group(tag >> 3),
            _ => Err(self.error(Problem::EndGroup { found: tag >> 3, open: None })),
        }
    }

    /// Skip all fields that are left.
    fn skip_all(mut self) -> Result<(), WireError> {
        while let Some(tag) = self.tag()? {
            self.skip(tag)?;
        }
        Ok(())
    }

    /// Skip to the end of an unknown group, without recursion.
    #[cold]
    fn skip_group(&mut self, field: u32) -> Result<(), WireError> {
        let mut open = [0_u32; MAX_GROUPS];
        open[0] = field;
        let mut depth = 1;
        while depth > 0 {
            let Some(tag) = self.tag()? else {
                return Err(self.error(Problem::Truncated { expected: "the end of a group" }));
            };
            let field = tag >> 3;
            match tag & 7 {
                GROUP if depth == MAX_GROUPS => return Err(self.error(Problem::DeepGroup)),
                GROUP => {
                    open[depth] = field;
                    depth += 1;
                }
                END_GROUP if open[depth - 1] == field => depth -= 1,
                END_GROUP => return Err(self.error(Problem::EndGroup { found: field, open: Some(open[depth - 1]) })),
                _ => self.skip(tag)?,
            }
        }
        Ok(())
    }
}

/// A message field that should occur once. Protobuf merges further occurrences, which is to read them end to end.
pub struct Singular<'a> {
    first: Option<Reader<'a>>,
    joined: Vec<u8>,
}

impl<'a> Singular<'a> {
    /// Not seen yet.
    pub const ABSENT: Self = Self { first: None, joined: Vec::new() };

    /// The field with this tag, wherever it stands in the message.
    pub fn find(mut message: Reader<'a>, wanted: u32) -> Result<Self, WireError> {
        let mut found = Self::ABSENT;
        while let Some(tag) = message.tag()? {
            if tag == wanted {
                found.push(message.message()?)?;
            } else {
                message.skip(tag)?;
            }
        }
        Ok(found)
    }

    /// Take an occurrence.
    #[inline]
    pub fn push(&mut self, occurrence: Reader<'a>) -> Result<(), WireError> {
        match self.first {
            None => self.first = Some(occurrence),
            Some(first) => self.join(first, occurrence)?,
        }
        Ok(())
    }

    #[cold]
    fn join(&mut self, first: Reader<'a>, occurrence: Reader<'a>) -> Result<(), WireError> {
        // Each must be a message by itself: end to end, two halves of a field would pass for one.
        first.skip_all()?;
        occurrence.skip_all()?;
        if self.joined.is_empty() {
            self.joined.extend_from_slice(first.rest);
        }
        self.joined.extend_from_slice(occurrence.rest);
        Ok(())
    }

    /// The message, None when it did not occur. Offsets in a merged one count from its first occurrence.
    #[inline]
    pub fn reader(&self) -> Option<Reader<'_>> {
        match self.first {
            Some(first) if !self.joined.is_empty() => Some(Reader::new(&self.joined, first.offset())),
            first => first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip_all(bytes: &[u8]) -> Result<usize, String> {
        let mut reader = Reader::new(bytes, 100);
        let mut fields = 0;
        while let Some(tag) = reader.tag().map_err(|error| error.to_string())? {
            reader.skip(tag).map_err(|error| error.to_string())?;
            fields += 1;
        }
        Ok(fields)
    }

    #[test]
    fn every_wire_type_is_skipped() {
        let message = [
            &[0x08, 0x96, 0x01][..],
            &[0x11, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x1a, 2, 9, 9],
            &[0x23, 0x2b, 0x08, 1, 0x2c, 0x24],
            &[0x35, 1, 2, 3, 4],
            &[0x80, 0x80, 0x80, 0x80, 0x08, 0],
        ]
        .concat();
        assert_eq!(skip_all(&message), Ok(6));
        assert_eq!(skip_all(b""), Ok(0));
    }

    #[test]
    fn errors_say_where_and_what() {
        for (bytes, message) in [
            (&[0x08][..], "at byte 101: expected a varint, but the message ends here"),
            (&[0x08, 0xff, 0xff], "at byte 101: expected a varint, but the message ends here"),
            (
                &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
                "at byte 101: expected a varint of at most 10 bytes",
            ),
            (&[0x09, 1], "at byte 101: expected 8 bytes, but the message ends here"),
            (&[0x0d], "at byte 101: expected 4 bytes, but the message ends here"),
            (
                &[0x0a, 5, 1, 2],
                "at byte 102: expected 5 bytes as the length before them says, but the message ends after 2",
            ),
            (&[0x00], "at byte 100: expected a field tag, found 0"),
            (&[0x0e], "at byte 100: field 1 has wire type 6, expected 0, 1, 2, 3 or 5"),
            (&[0x08, 1, 0x80, 0x80, 0x80, 0x80, 0x10], "at byte 102: expected a field tag, found 4294967296"),
            (&[0x0c], "at byte 101: end of group 1, but no group is open"),
            (&[0x0b, 0x14], "at byte 102: end of group 2, expected the end of group 1"),
            (&[0x0b], "at byte 101: expected the end of a group, but the message ends here"),
            (&[0x0b; 65], "at byte 165: groups are nested more than 64 deep"),
        ] {
            assert_eq!(skip_all(bytes), Err(message.to_owned()));
        }
    }

    #[test]
    fn varints_keep_64_bits() {
        let mut reader = Reader::new(&[255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0x80, 0], 0);
        assert_eq!(reader.varint(), Ok(u64::MAX));
        assert_eq!(reader.varint(), Ok(0));
        assert_eq!(reader.tag(), Ok(None));
    }

    #[test]
    fn occurrences_are_merged() {
        let body = [0x0a, 2, 8, 7, 0x12, 0, 0x0a, 2, 16, 9];
        let found = Singular::find(Reader::new(&body, 0), tag(1, LEN)).unwrap();
        assert_eq!(found.reader().unwrap().rest(), [8, 7, 16, 9]);
        assert_eq!(found.reader().unwrap().offset(), 2);
        // Two halves of a field are no two messages.
        assert!(Singular::find(Reader::new(&[0x0a, 1, 8, 0x0a, 1, 7], 0), tag(1, LEN)).is_err());
        assert!(Singular::find(Reader::new(&body, 0), tag(3, LEN)).unwrap().reader().is_none());
    }
}
