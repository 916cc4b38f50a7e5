//! Many messages in one body: what a receiver of sockets hands to the decoder.
//!
//! A body is a sequence of entries. `0`, a length byte and so many bytes name the sender (its address) of the messages that
//! follow. `1`, two little-endian 32-bit numbers and the message: its length, and how many bytes were cut off its end.
//! Bodies can be joined. The format never leaves the process.

/// Entry that names the sender.
pub const SOURCE: u8 = 0;
/// Entry that holds a message.
pub const MESSAGE: u8 = 1;
/// Bytes before a message's text.
pub const MESSAGE_HEAD: usize = 9;

/// One message and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Address of the sender, empty when not named.
    pub source: &'a [u8],
    /// The message without framing.
    pub text: &'a [u8],
    /// Bytes that were cut off.
    pub cut: u32,
}

/// The body is no sequence of entries from here on.
struct Broken;

/// The messages of a body, in order.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    rest: &'a [u8],
    source: &'a [u8],
    broken: bool,
}

impl<'a> Frames<'a> {
    /// Read a body.
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body, source: b"", broken: false }
    }

    /// Did the body end within an entry, or hold something else?
    pub fn broken(&self) -> bool {
        self.broken
    }

    /// The next entry, when it is a message.
    fn entry(&mut self) -> Result<Option<Frame<'a>>, Broken> {
        match *self.rest {
            [SOURCE, length, ref tail @ ..] => {
                let (source, rest) = tail.split_at_checked(usize::from(length)).ok_or(Broken)?;
                (self.source, self.rest) = (source, rest);
                Ok(None)
            }
            [MESSAGE, ref tail @ ..] => {
                let (length, tail) = number(tail)?;
                let (cut, tail) = number(tail)?;
                let (text, rest) = tail.split_at_checked(length as usize).ok_or(Broken)?;
                self.rest = rest;
                Ok(Some(Frame { source: self.source, text, cut }))
            }
            _ => Err(Broken),
        }
    }
}

/// A number of four bytes, and what follows it.
fn number(bytes: &[u8]) -> Result<(u32, &[u8]), Broken> {
    let (number, rest) = bytes.split_first_chunk().ok_or(Broken)?;
    Ok((u32::from_le_bytes(*number), rest))
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        while !self.rest.is_empty() {
            match self.entry() {
                Ok(Some(frame)) => return Some(frame),
                Ok(None) => {}
                Err(Broken) => {
                    self.broken = true;
                    self.rest = b"";
                }
            }
        }
        None
    }
}

/// Append an entry that names the sender; beyond 255 bytes it is cut.
pub fn push_source(out: &mut Vec<u8>, source: &[u8]) {
    let length = source.len().min(255);
    out.extend_from_slice(&[SOURCE, length as u8]);
    out.extend_from_slice(&source[..length]);
}

/// Append a message.
pub fn push_message(out: &mut Vec<u8>, text: &[u8], cut: u32) {
    out.push(MESSAGE);
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(&cut.to_le_bytes());
    out.extend_from_slice(text);
}

/// A message without the white space and NULs at its end, which senders put there for framing.
pub fn without_trailer(text: &[u8]) -> &[u8] {
    let trailer = text.iter().rev().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0).count();
    &text[..text.len() - trailer]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut body = Vec::new();
        push_message(&mut body, b"first", 0);
        push_source(&mut body, b"10.0.0.1");
        push_message(&mut body, b"", 7);
        push_message(&mut body, b"third", 0);
        let mut frames = Frames::new(&body);
        let read: Vec<_> = frames.by_ref().map(|frame| (frame.source, frame.text, frame.cut)).collect();
        assert_eq!(read, [(&b""[..], &b"first"[..], 0), (b"10.0.0.1", b"", 7), (b"10.0.0.1", b"third", 0)]);
        assert!(!frames.broken());
    }

    #[test]
    fn a_broken_body_ends_where_it_breaks() {
        let mut body = Vec::new();
        push_message(&mut body, b"whole", 0);
        push_message(&mut body, b"not whole", 0);
        for end in [body.len() - 1, body.len() - 10] {
            let mut frames = Frames::new(&body[..end]);
            assert_eq!(frames.by_ref().count(), 1);
            assert!(frames.broken());
        }
        let mut frames = Frames::new(b"\x07");
        assert_eq!(frames.by_ref().count(), 0);
        assert!(frames.broken());
    }
}
