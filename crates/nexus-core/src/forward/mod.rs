//! The forward protocol of Fluentd and Fluent Bit (version 1.5): messages to a [`LogBatch`](crate::batch::LogBatch).
//!
//! A message is `[tag, time, record, option?]`, `[tag, [[time, record], ...], option?]` or the latter's entries end to end in
//! a str or bin, perhaps compressed. Records mean what JSON lines with their fields mean (see [`crate::json::lines`]); the tag
//! becomes `fluent.tag`, what Fluent's Kubernetes filter adds becomes the resource's `k8s.*`. The time is that of the entry,
//! unless the record itself has one that makes sense. A bad record costs that record.

mod lines;
pub mod msgpack;
pub mod stream;

use crate::decode::{DecodeError, Decoded, Rejections};
use crate::decompress::{Encoding, decompress};
use crate::json::fields::FieldMapping;
use crate::json::lines::decode_json_lines;
use crate::limits::MAX_INPUT_BYTES;
use lines::{Lines, RESOURCE_FIELDS, TIME_FIELD};
use msgpack::{MsgpackError, Reader, Value};

/// Decode messages, end to end. Compressed entries may have `limit` bytes when they are not compressed any more.
pub fn decode_forward(body: &[u8], now_ns: i64, limit: usize) -> Result<Decoded, DecodeError> {
    if body.len() > MAX_INPUT_BYTES {
        return Err(DecodeError(format!("body of {} bytes is larger than {MAX_INPUT_BYTES}", body.len())));
    }
    let mut decoder = Decoder { lines: Lines::new(now_ns), rejections: Rejections::default(), limit };
    let mut reader = Reader::new(body);
    while !reader.at_end() {
        let start = reader.position;
        if let Err(error) = reader.skip() {
            decoder.reject(format!("{error}; the rest was not read"));
            break;
        }
        if let Err(message) = decoder.message(&body[start..reader.position]) {
            decoder.reject(message);
        }
    }
    let mapping = FieldMapping {
        time_fields: Some(vec![TIME_FIELD.to_owned()]),
        stream_fields: RESOURCE_FIELDS.map(str::to_owned).to_vec(),
        ..FieldMapping::default()
    };
    let decoded = decode_json_lines(decoder.lines.text(), now_ns, &mapping)?;
    decoder.rejections.absorb(decoded.rejections);
    Ok(Decoded { batch: decoded.batch, rejections: decoder.rejections })
}

/// Strings of a handshake message: an array of them; other values are given as empty ones.
pub fn strings(message: &[u8]) -> Result<Vec<Vec<u8>>, MsgpackError> {
    let mut reader = Reader::new(message);
    let Value::Array(count) = reader.value()? else {
        return Err(MsgpackError { at: 0, what: "something else than an array" });
    };
    let mut texts = Vec::new();
    for _ in 0..count {
        let text = match reader.clone().value()? {
            Value::Text(text) | Value::Bytes(text) => text.to_vec(),
            _ => Vec::new(),
        };
        reader.skip()?;
        texts.push(text);
    }
    Ok(texts)
}

/// How a message holds its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One: time and record are values of the message.
    Single,
    /// An array of entries.
    Entries,
    /// Entries end to end in a str or bin.
    Packed,
}

impl Mode {
    /// By the value after the tag.
    fn of(reader: &Reader<'_>) -> Result<Self, MsgpackError> {
        let mut ahead = reader.clone();
        Ok(match ahead.value()? {
            Value::Text(_) | Value::Bytes(_) => Self::Packed,
            Value::Array(0) => Self::Entries,
            // Times of Fluent Bit may be arrays too: [time, metadata].
            Value::Array(_) if matches!(ahead.value()?, Value::Array(_)) => Self::Entries,
            _ => Self::Single,
        })
    }
}

struct Decoder {
    lines: Lines,
    rejections: Rejections,
    limit: usize,
}

impl Decoder {
    fn reject(&mut self, message: String) {
        let number = self.lines.reject();
        self.rejections.push(number, || message);
    }

    fn message(&mut self, message: &[u8]) -> Result<(), String> {
        let mut reader = Reader::new(message);
        let count = match reader.value().map_err(text)? {
            Value::Array(count @ 2..=4) => count,
            Value::Nil => return Ok(()),
            _ => return Err("expected a message [tag, entries, option] or [tag, time, record, option]".to_owned()),
        };
        let (Value::Text(tag) | Value::Bytes(tag)) = reader.value().map_err(text)? else {
            return Err("the tag is not a string".to_owned());
        };
        self.lines.tag(tag);
        match Mode::of(&reader).map_err(text)? {
            Mode::Single if count >= 3 => self.entry(&mut reader),
            Mode::Single => Err("the message has a time, but no record".to_owned()),
            Mode::Entries => {
                let Value::Array(entries) = reader.value().map_err(text)? else { return Ok(()) };
                for _ in 0..entries {
                    self.wrapped_entry(&mut reader)?;
                }
                Ok(())
            }
            Mode::Packed => {
                let (Value::Text(packed) | Value::Bytes(packed)) = reader.value().map_err(text)? else { return Ok(()) };
                match compression(&mut reader, count == 3).map_err(text)? {
                    None => self.packed(packed),
                    Some(name) => {
                        let name = String::from_utf8_lossy(name).into_owned();
                        let encoding = Encoding::from_name(&name)
                            .ok_or_else(|| format!("the entries are compressed with {:?}", shortened(&name)))?;
                        let plain = decompress(packed, encoding, self.limit).map_err(|error| error.to_string())?;
                        self.packed(&plain)
                    }
                }
            }
        }
    }

    fn packed(&mut self, entries: &[u8]) -> Result<(), String> {
        let mut reader = Reader::new(entries);
        while !reader.at_end() {
            self.wrapped_entry(&mut reader)?;
        }
        Ok(())
    }

    /// `[time, record]`; an error when the entries cannot be read on.
    fn wrapped_entry(&mut self, reader: &mut Reader<'_>) -> Result<(), String> {
        let mut end = reader.clone();
        end.skip().map_err(|error| format!("{error}; the rest of the entries was not read"))?;
        let result = match reader.value().map_err(text)? {
            Value::Array(2) => self.entry(reader),
            _ => Err("expected an entry [time, record]".to_owned()),
        };
        if let Err(message) = result {
            self.reject(message);
        }
        *reader = end;
        Ok(())
    }

    /// Time and record.
    fn entry(&mut self, reader: &mut Reader<'_>) -> Result<(), String> {
        if self.lines.text().len() > MAX_INPUT_BYTES / 2 {
            return Err("there are too many records at once".to_owned());
        }
        self.lines.record(reader)
    }
}

/// The compression that a message's option names.
fn compression<'a>(reader: &mut Reader<'a>, has_option: bool) -> Result<Option<&'a [u8]>, MsgpackError> {
    let pairs = match if has_option { reader.value()? } else { Value::Nil } {
        Value::Map(pairs) => pairs,
        _ => 0,
    };
    for _ in 0..pairs {
        let wanted = matches!(reader.clone().value()?, Value::Text(b"compressed") | Value::Bytes(b"compressed"));
        reader.skip()?;
        if wanted {
            return Ok(match reader.value()? {
                Value::Text(b"" | b"text") => None,
                Value::Text(name) | Value::Bytes(name) => Some(name),
                _ => None,
            });
        }
        reader.skip()?;
    }
    Ok(None)
}

#[allow(clippy::needless_pass_by_value)] // Given to map_err.
fn text(error: MsgpackError) -> String {
    error.to_string()
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::LogBatch;

    const NOW: i64 = 1_795_000_000_000_000_000;

    fn decode(body: &[u8]) -> Decoded {
        decode_forward(body, NOW, 1 << 20).unwrap()
    }

    fn bodies(batch: &LogBatch) -> Vec<String> {
        (0..batch.num_rows()).map(|row| String::from_utf8_lossy(batch.bodies.get(row)).into_owned()).collect()
    }

    fn record(text: &str) -> Vec<u8> {
        let mut out = b"\x81\xa3log".to_vec();
        out.push(0xa0 | text.len() as u8);
        out.extend_from_slice(text.as_bytes());
        out
    }

    fn entry(seconds: u32, text: &str) -> Vec<u8> {
        let mut out = b"\x92\xd7\x00".to_vec();
        out.extend_from_slice(&seconds.to_be_bytes());
        out.extend_from_slice(&500_000_000_u32.to_be_bytes());
        out.extend(record(text));
        out
    }

    fn message(middle: &[u8], option: &[u8]) -> Vec<u8> {
        [if option.is_empty() { &b"\x92"[..] } else { b"\x93" }, b"\xa3t.a", middle, option].concat()
    }

    fn bin(bytes: &[u8]) -> Vec<u8> {
        [&[0xc5, (bytes.len() >> 8) as u8, bytes.len() as u8], bytes].concat()
    }

    #[test]
    fn every_mode() {
        let entries = [entry(1_795_000_001, "one\n"), entry(1_795_000_002, "two")].concat();
        let gzip = {
            use std::io::Write;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&entries).unwrap();
            encoder.finish().unwrap()
        };
        let times = [1_795_000_001_500_000_000, 1_795_000_002_500_000_000];
        for body in [
            message(&[&b"\x92"[..], &entries].concat(), b""),
            message(&[&b"\x92"[..], &entries].concat(), b"\x81\xa4size\x02"),
            message(&bin(&entries), b"\x81\xa5chunk\xa2id"),
            message(&bin(&gzip), b"\x82\xa5chunk\xa2id\xaacompressed\xa4gzip"),
            [entry(1_795_000_001, "one\n"), entry(1_795_000_002, "two")]
                .map(|entry| [b"\x93\xa3t.a", &entry[1..]].concat())
                .concat(),
        ] {
            let decoded = decode(&body);
            assert_eq!(decoded.rejections.count(), 0, "{:?}", decoded.rejections.first());
            assert_eq!(bodies(&decoded.batch), ["one", "two"]);
            assert_eq!(decoded.batch.timestamps, times);
            let key = decoded.batch.attributes.keys.get(decoded.batch.attributes.strings.keys[0], 0);
            assert_eq!((key, decoded.batch.attributes.strings.values.get(0)), (&b"fluent.tag"[..], &b"t.a"[..]));
        }
    }

    #[test]
    fn a_bad_record_costs_that_record() {
        let good = entry(1_795_000_001, "good");
        let entries = [&good[..], b"\x92\x05\x07", b"\x93\x01\x02\x03", &good].concat();
        let decoded = decode(&message(&bin(&entries), b""));
        assert_eq!(bodies(&decoded.batch), ["good", "good"]);
        let errors: Vec<_> = decoded.rejections.first().iter().map(|(number, text)| (*number, text.as_str())).collect();
        assert_eq!(errors, [(2, "the record is not a map"), (3, "expected an entry [time, record]")]);

        let decoded = decode(&message(&bin(&[&good[..], b"\x92\x05"].concat()), b""));
        assert_eq!((decoded.accepted(), decoded.rejections.count()), (1, 1));

        let bomb = message(&bin(b"not gzip"), b"\x81\xaacompressed\xa4gzip");
        assert_eq!(decode(&[bomb, message(&bin(&good), b"")].concat()).accepted(), 1);
        for nonsense in [&b"\x91\x01"[..], b"\x07", b"\x93\x01\x02\x03", b"\x92\xa1t\x05", b"\x92\xa1t\xdb\x00"] {
            let decoded = decode(nonsense);
            assert_eq!((decoded.accepted(), decoded.rejections.count()), (0, 1), "{nonsense:x?}");
        }
    }

    #[test]
    fn the_size_of_decompressed_entries_is_limited() {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 4 << 20]).unwrap();
        let body = message(&bin(&encoder.finish().unwrap()), b"\x81\xaacompressed\xa4gzip");
        let decoded = decode(&body);
        assert!(decoded.rejections.first()[0].1.contains("larger than"), "{:?}", decoded.rejections.first());
    }

    #[test]
    fn handshakes_are_strings() {
        assert_eq!(strings(b"\x93\xa4PING\xc4\x01x\x05").unwrap(), [&b"PING"[..], b"x", b""]);
        assert!(strings(b"\x81").is_err());
        assert!(strings(b"\x92\xa1a").is_err());
    }
}
