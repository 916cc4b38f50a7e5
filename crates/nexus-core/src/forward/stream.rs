//! Messages of the forward protocol out of a TCP stream.

use super::Mode;
use super::msgpack::{self, Reader, Value};
use std::fmt;

/// Nesting within a message: the records' own, and what is around them.
const MAX_OPEN: usize = crate::limits::MAX_DEPTH + 8;

/// The stream is none of the protocol; there is no going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamError {
    /// A message is larger than this.
    TooLarge(usize),
    /// Not MessagePack, or something else than arrays.
    Foreign(&'static str),
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "the message is larger than {limit} bytes"),
            Self::Foreign(what) => write!(f, "this is not the forward protocol: {what}"),
        }
    }
}

impl std::error::Error for StreamError {}

/// Whole messages to deliver together: several that ask for no acknowledgement, or one that does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Messages, end to end.
    pub body: Vec<u8>,
    /// The chunk to acknowledge, empty when there is none.
    pub chunk: Vec<u8>,
}

/// Splits one connection's stream. Every byte is looked at once, however it comes in.
#[derive(Debug)]
pub struct Stream {
    max_message: usize,
    buffer: Vec<u8>,
    /// Ends of the whole messages in the buffer.
    ends: Vec<usize>,
    /// Up to where the message after them has been looked at.
    scanned: usize,
    /// Bytes to pass over there.
    skip: usize,
    /// Values that are still to come of each open array or map.
    open: Vec<u64>,
}

impl Stream {
    /// A connection whose messages have at most so many bytes.
    pub fn new(max_message: usize) -> Self {
        Self { max_message, buffer: Vec::new(), ends: Vec::new(), scanned: 0, skip: 0, open: Vec::new() }
    }

    /// Messages from now on may have so many bytes.
    pub fn set_limit(&mut self, max_message: usize) {
        self.max_message = max_message;
    }

    /// Read a piece of the stream.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), StreamError> {
        self.buffer.extend_from_slice(chunk);
        while self.step()? {}
        Ok(())
    }

    /// Look at one value more; false when it is not there yet.
    fn step(&mut self) -> Result<bool, StreamError> {
        let start = self.ends.last().copied().unwrap_or(0);
        let there = self.skip.min(self.buffer.len() - self.scanned);
        self.scanned += there;
        self.skip -= there;
        if self.skip > 0 {
            return Ok(false);
        }
        if self.scanned > start && self.open.is_empty() {
            // Passed over the last bytes of a message that was no array: nil.
            self.ends.push(self.scanned);
            return Ok(true);
        }
        let rest = &self.buffer[self.scanned..];
        if self.scanned == start && rest.first().is_some_and(|&byte| !begins_message(byte)) {
            return Err(StreamError::Foreign("a message begins with an array"));
        }
        let head = match msgpack::head(rest) {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(false),
            Err(()) => return Err(StreamError::Foreign("a byte that MessagePack does not use")),
        };
        let length = self.scanned - start;
        let least = head.bytes.max(usize::try_from(head.values).unwrap_or(usize::MAX));
        if length.saturating_add(head.length).saturating_add(least) > self.max_message {
            return Err(StreamError::TooLarge(self.max_message));
        }
        self.scanned += head.length;
        if head.values > 0 {
            if self.open.len() >= MAX_OPEN {
                return Err(StreamError::Foreign("values are nested too deeply"));
            }
            self.open.push(head.values);
            return Ok(true);
        }
        self.skip = head.bytes;
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return Ok(true);
            }
            self.open.pop();
        }
        if self.skip == 0 {
            self.ends.push(self.scanned);
        }
        Ok(true)
    }

    /// Take the first whole message, as it is.
    pub fn take_message(&mut self) -> Option<Vec<u8>> {
        let end = *self.ends.first()?;
        let message = self.buffer[..end].to_vec();
        self.forget(1);
        Some(message)
    }

    /// Take all whole messages, in order.
    pub fn take(&mut self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let mut start = 0;
        for &end in &self.ends {
            let message = &self.buffer[start..end];
            start = end;
            let chunk = chunk_of(message);
            match parts.last_mut() {
                _ if message == b"\xc0" => {}
                Some(last) if last.chunk.is_empty() && chunk.is_empty() => last.body.extend_from_slice(message),
                _ => parts.push(Part { body: message.to_vec(), chunk: chunk.to_vec() }),
            }
        }
        self.forget(self.ends.len());
        parts
    }

    fn forget(&mut self, messages: usize) {
        let Some(&end) = messages.checked_sub(1).and_then(|last| self.ends.get(last)) else { return };
        self.buffer.drain(..end);
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
        self.scanned -= end;
        self.ends.drain(..messages);
        self.ends.iter_mut().for_each(|other| *other -= end);
    }

    /// Bytes held.
    pub fn num_bytes(&self) -> usize {
        self.buffer.len()
    }
}

/// An array, or nil, which some clients send to keep a connection open.
fn begins_message(byte: u8) -> bool {
    matches!(byte, 0x90..=0x9f | 0xdc | 0xdd | 0xc0)
}

/// The chunk that a message's option names; empty when it has none.
fn chunk_of(message: &[u8]) -> &[u8] {
    find_chunk(message).unwrap_or_default()
}

fn find_chunk(message: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(message);
    let Value::Array(count) = reader.value().ok()? else { return None };
    reader.skip().ok()?;
    let before = if Mode::of(&reader).ok()? == Mode::Single { 2 } else { 1 };
    if count != before + 2 {
        return None;
    }
    for _ in 0..before {
        reader.skip().ok()?;
    }
    let Value::Map(pairs) = reader.value().ok()? else { return None };
    for _ in 0..pairs {
        let is_chunk = matches!(reader.clone().value().ok()?, Value::Text(b"chunk") | Value::Bytes(b"chunk"));
        reader.skip().ok()?;
        if is_chunk {
            return match reader.value().ok()? {
                Value::Text(chunk) | Value::Bytes(chunk) => Some(chunk),
                _ => None,
            };
        }
        reader.skip().ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"\x93\xa1t\x05\x81\xa1a\x01";
    const PACKED: &[u8] = b"\x93\xa1t\xc4\x05\x92\x05\x81\xa1a\x81\xa5chunk\xa2id";

    fn parts(stream: &[u8], pieces: usize) -> Vec<(usize, Vec<u8>)> {
        let mut splitter = Stream::new(1000);
        let mut found: Vec<(usize, Vec<u8>)> = Vec::new();
        for piece in stream.chunks(pieces) {
            splitter.feed(piece).unwrap();
            for part in splitter.take() {
                match found.last_mut() {
                    Some(last) if last.1.is_empty() && part.chunk.is_empty() => last.0 += part.body.len(),
                    _ => found.push((part.body.len(), part.chunk)),
                }
            }
        }
        assert_eq!(splitter.num_bytes(), 0);
        found
    }

    #[test]
    fn any_split_gives_the_same_messages() {
        let stream = [MESSAGE, MESSAGE, PACKED, b"\xc0", MESSAGE, PACKED, PACKED].concat();
        let expected = [
            (2 * MESSAGE.len(), vec![]),
            (PACKED.len(), b"id".to_vec()),
            (MESSAGE.len(), vec![]),
            (PACKED.len(), b"id".to_vec()),
            (PACKED.len(), b"id".to_vec()),
        ];
        for pieces in 1..=stream.len() {
            assert_eq!(parts(&stream, pieces), expected, "in pieces of {pieces}");
        }
    }

    #[test]
    fn what_is_foreign_is_refused() {
        let mut stream = Stream::new(100);
        assert_eq!(stream.feed(b"GET / HTTP/1.1"), Err(StreamError::Foreign("a message begins with an array")));
        assert_eq!(Stream::new(100).feed(b"\x93\xa1t\xdb\x00\x00\x01\x00"), Err(StreamError::TooLarge(100)));
        assert_eq!(Stream::new(100).feed(b"\xdd\xff\xff\xff\xff"), Err(StreamError::TooLarge(100)));
        assert!(Stream::new(1000).feed(&[0x91; 100]).is_err());
        assert!(Stream::new(1000).feed(b"\x92\xc1").is_err());
    }

    #[test]
    fn messages_one_by_one() {
        let mut stream = Stream::new(100);
        stream.feed(&[MESSAGE, PACKED, b"\x93"].concat()).unwrap();
        assert_eq!(stream.take_message().as_deref(), Some(MESSAGE));
        assert_eq!(stream.take()[0].chunk, b"id");
        assert_eq!((stream.take_message(), stream.num_bytes()), (None, 1));
    }
}
