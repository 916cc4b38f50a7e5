//! RFC 6587: messages out of a TCP stream, whichever way the sender frames them.
//!
//! Octet counting is `length SP message`; otherwise a message ends with a line feed or, with senders that put NUL there, with
//! NUL (or a line feed before the next `<PRI>`), so that such messages may have several lines. Which of them it is is found
//! out from the first bytes of a connection; an octet count that is none costs the text up to the next line feed.

use super::frames::{push_message, push_source, without_trailer};

/// Digits of an octet count.
const MAX_COUNT_DIGITS: usize = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Unknown,
    Octets,
    Lines,
    Nuls,
}

/// What is left of the message being read, when it is not searched for its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Nothing is known of the next message.
    Head,
    /// So many bytes of it are to come; those beyond the limit are cut off.
    Octets(usize),
    /// An octet count was expected and did not come: up to the next line feed it is one message.
    Line,
}

/// Splits one connection's stream. Holds at most one message of the largest size, and what was not taken.
#[derive(Debug)]
pub struct Framer {
    max_message: usize,
    source: Vec<u8>,
    mode: Mode,
    /// Has the piece being read a NUL?
    nul_seen: bool,
    expected: Expected,
    /// The message being read, as far as it is kept.
    partial: Vec<u8>,
    /// Bytes of it that were not kept.
    cut: usize,
    /// Whole messages, see [`super::frames`].
    whole: Vec<u8>,
    messages: u64,
    truncated: u64,
}

impl Framer {
    /// A connection from `source` (an address) whose messages are kept up to `max_message` bytes each, at least 1.
    pub fn new(source: &[u8], max_message: usize) -> Self {
        Self {
            max_message: max_message.clamp(1, u32::MAX as usize),
            source: source.to_vec(),
            mode: Mode::Unknown,
            nul_seen: false,
            expected: Expected::Head,
            partial: Vec::new(),
            cut: 0,
            whole: Vec::new(),
            messages: 0,
            truncated: 0,
        }
    }

    /// Read a piece of the stream.
    pub fn feed(&mut self, mut chunk: &[u8]) {
        // Once for all lines of the piece.
        self.nul_seen = self.mode != Mode::Octets && memchr::memchr(0, chunk).is_some();
        while !chunk.is_empty() {
            chunk = match self.expected {
                Expected::Octets(left) => self.octets(chunk, left),
                Expected::Line => self.stray_line(chunk),
                Expected::Head => match self.mode {
                    Mode::Unknown | Mode::Octets => self.head(chunk),
                    Mode::Lines | Mode::Nuls => self.line(chunk),
                },
            };
        }
    }

    /// The stream has ended: what is left of a message is one.
    pub fn finish(&mut self) {
        if !self.partial.is_empty() || self.cut > 0 {
            self.end_message();
        }
        self.expected = Expected::Head;
    }

    /// Take the whole messages: a body for [`super::decode_syslog`], their number, and how many of them were cut.
    pub fn take(&mut self) -> (Vec<u8>, u64, u64) {
        (std::mem::take(&mut self.whole), std::mem::take(&mut self.messages), std::mem::take(&mut self.truncated))
    }

    /// Bytes of whole messages that wait to be taken.
    pub fn ready(&self) -> usize {
        self.whole.len()
    }

    /// Bytes held.
    pub fn num_bytes(&self) -> usize {
        self.whole.len() + self.partial.len()
    }

    /// The beginning of a message, of which `partial` holds what came so far: is it an octet count?
    fn head<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        for (at, &byte) in chunk.iter().enumerate() {
            let counted = self.partial.len();
            match byte {
                // Some senders end counted messages with a line feed besides.
                b'\n' | b'\r' | 0 if counted == 0 => {}
                b'1'..=b'9' if counted == 0 => self.partial.push(byte),
                b'0'..=b'9' if (1..MAX_COUNT_DIGITS).contains(&counted) => self.partial.push(byte),
                b' ' if counted > 0 && self.partial.last() != Some(&b' ') => {
                    if self.mode == Mode::Octets {
                        let octets = self.take_count();
                        self.expected = Expected::Octets(octets);
                        return &chunk[at + 1..];
                    }
                    self.partial.push(byte);
                }
                // Text may begin with a number too; a counted message begins with its PRI.
                b'<' if self.partial.last() == Some(&b' ') => {
                    self.mode = Mode::Octets;
                    let octets = self.take_count();
                    self.expected = Expected::Octets(octets);
                    return &chunk[at..];
                }
                _ => return self.no_count(&chunk[at..]),
            }
        }
        &[]
    }

    fn take_count(&mut self) -> usize {
        let octets = self
            .partial
            .iter()
            .filter(|byte| byte.is_ascii_digit())
            .fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
        self.partial.clear();
        octets
    }

    /// What came does not begin with an octet count: it is a line.
    fn no_count<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        if self.mode == Mode::Unknown {
            self.mode = Mode::Lines;
            return chunk;
        }
        self.expected = Expected::Line;
        chunk
    }

    fn stray_line<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let Some(end) = memchr::memchr2(b'\n', 0, chunk) else {
            self.keep(chunk);
            return &[];
        };
        self.keep(&chunk[..end]);
        self.expected = Expected::Head;
        self.end_message();
        &chunk[end + 1..]
    }

    fn octets<'a>(&mut self, chunk: &'a [u8], left: usize) -> &'a [u8] {
        let (own, rest) = chunk.split_at(left.min(chunk.len()));
        self.keep(own);
        if own.len() == left {
            self.expected = Expected::Head;
            self.end_message();
        } else {
            self.expected = Expected::Octets(left - own.len());
        }
        rest
    }

    fn line<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        if self.mode == Mode::Lines && self.nul_seen {
            self.mode = Mode::Nuls;
        }
        if self.mode == Mode::Nuls {
            return self.nul_line(chunk);
        }
        let Some(end) = memchr::memchr(b'\n', chunk) else {
            self.keep(chunk);
            return &[];
        };
        self.keep(&chunk[..end]);
        self.end_message();
        &chunk[end + 1..]
    }

    fn nul_line<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        // A line feed at the end of what came before, and the next message: it belongs to the former.
        if self.partial.last() == Some(&b'\n') && chunk.first() == Some(&b'<') {
            self.end_message();
        }
        let next = memchr::memchr2_iter(0, b'\n', chunk).find(|&at| chunk[at] == 0 || chunk.get(at + 1) == Some(&b'<'));
        let Some(end) = next else {
            self.keep(chunk);
            return &[];
        };
        self.keep(&chunk[..end]);
        self.end_message();
        &chunk[end + 1..]
    }

    fn keep(&mut self, text: &[u8]) {
        let room = self.max_message - self.partial.len().min(self.max_message);
        let kept = &text[..text.len().min(room)];
        self.partial.extend_from_slice(kept);
        self.cut += text.len() - kept.len();
    }

    fn end_message(&mut self) {
        let text = without_trailer(&self.partial);
        if !text.is_empty() || self.cut > 0 {
            if self.messages == 0 {
                push_source(&mut self.whole, &self.source);
            }
            let cut = u32::try_from(self.cut).unwrap_or(u32::MAX);
            push_message(&mut self.whole, text, cut);
            self.messages += 1;
            self.truncated += u64::from(cut > 0);
        }
        self.partial.clear();
        if self.partial.capacity() > 64 << 10 {
            self.partial = Vec::new();
        }
        self.cut = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::frames::Frames;
    use super::*;

    fn split(stream: &[u8], pieces: usize, max: usize) -> Vec<(String, u32)> {
        let mut framer = Framer::new(b"peer", max);
        let mut body = Vec::new();
        for piece in stream.chunks(pieces) {
            framer.feed(piece);
            body.extend(framer.take().0);
        }
        framer.finish();
        body.extend(framer.take().0);
        Frames::new(&body).map(|frame| (String::from_utf8_lossy(frame.text).into_owned(), frame.cut)).collect()
    }

    fn check(stream: &[u8], expected: &[&str]) {
        for pieces in 1..=stream.len() {
            let texts: Vec<_> = split(stream, pieces, 1000).into_iter().map(|(text, _)| text).collect();
            assert_eq!(texts, expected, "in pieces of {pieces}");
        }
    }

    #[test]
    fn octet_counting() {
        check(b"5 <1>ab7 <2>c\nde4 <3>f", &["<1>ab", "<2>c\nde", "<3>f"]);
        check(b"5 <1>ab\n6 <2>cde\n", &["<1>ab", "<2>cde"]);
        check(b"5 <1>ab3 raw4 <3>f", &["<1>ab", "raw", "<3>f"]);
    }

    #[test]
    fn lines() {
        check(b"<1>ab\n<2>c\r\n\n<3>d", &["<1>ab", "<2>c", "<3>d"]);
        check(b"no pri\n10 not a count\n7 <2>x\n", &["no pri", "10 not a count", "7 <2>x"]);
        check(b"2026 Nov 25\nx\n", &["2026 Nov 25", "x"]);
    }

    #[test]
    fn nuls() {
        for pieces in [1000, 20] {
            let texts: Vec<_> =
                split(b"<1>a\n at b\n at c\0<2>d\0<3>e\n<4>f\0", pieces, 1000).into_iter().map(|(t, _)| t).collect();
            assert_eq!(texts, ["<1>a\n at b\n at c", "<2>d", "<3>e", "<4>f"]);
        }
        check(b"<1>a\0<2>b\0", &["<1>a", "<2>b"]);
    }

    #[test]
    fn a_count_that_is_none_costs_a_line() {
        check(b"5 <1>abgarbage here\n5 <2>cd", &["<1>ab", "garbage here", "<2>cd"]);
        check(b"5 <1>ab12x garbage\n5 <2>cd", &["<1>ab", "12x garbage", "<2>cd"]);
    }

    #[test]
    fn long_messages_are_cut() {
        for pieces in [1, 7, 100] {
            assert_eq!(split(b"14 <1>0123456789a5 <2>xy", pieces, 8), [("<1>01234".into(), 6), ("<2>xy".into(), 0)]);
            assert_eq!(split(b"<1>0123456789a\n<2>xy\n", pieces, 8), [("<1>01234".into(), 6), ("<2>xy".into(), 0)]);
        }
    }

    #[test]
    fn many_lines_at_once_are_read_once() {
        let stream = b"<1>x\n".repeat(1 << 20);
        let mut framer = Framer::new(b"peer", 1000);
        framer.feed(&stream);
        assert_eq!(framer.take().1, 1 << 20);
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut framer = Framer::new(b"peer", 1000);
        for _ in 0..100 {
            framer.feed(&[b'x'; 4096]);
            assert!(framer.num_bytes() <= 1000);
        }
        framer.feed(b"\n");
        assert_eq!((framer.take().1, framer.num_bytes()), (1, 0));
    }
}
