//! journald's export format: entries of fields, text or binary, with an empty line between them, to a batch.
//!
//! Fields keep their names; `_HOSTNAME` is the resource attribute `host.name`. Of the address fields (`__CURSOR` and the
//! like) only the time is kept. Values that are not UTF-8 are base64. Source: systemd's JOURNAL_EXPORT_FORMATS.

use super::{check_size, finish, settle};
use crate::decode::{DecodeError, Decoded, Rejections};
use crate::json::fields::{FieldMapping, Kind, Vocabulary};
use crate::json::lines::{Decoder, Reject, Slots};
use crate::otlp::base64;
use std::borrow::Cow;

const TIME: &[u8] = b"__REALTIME_TIMESTAMP";
const MESSAGE: &[u8] = b"MESSAGE";
const IDENTIFIER: &[u8] = b"SYSLOG_IDENTIFIER";

const VOCABULARY: Vocabulary = Vocabulary {
    names: [
        (Kind::Time, &["__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP"]),
        (Kind::Message, &["MESSAGE"]),
        (Kind::Level, &[]),
        (Kind::SeverityNumber, &[]),
        (Kind::SyslogSeverity, &["PRIORITY"]),
        (Kind::Service, &["SYSLOG_IDENTIFIER"]),
        (Kind::TraceId, &["TRACE_ID", "OTEL_TRACE_ID"]),
        (Kind::SpanId, &["SPAN_ID", "OTEL_SPAN_ID"]),
    ],
    stream: &["host.name", "_MACHINE_ID", "_SYSTEMD_UNIT"],
    lenient_time: false,
};

/// Fields of one entry.
const MAX_FIELDS: usize = 4096;

/// Decode entries. They are counted from 1.
pub fn decode_journald(body: &[u8], now_ns: i64, mapping: &FieldMapping) -> Result<Decoded, DecodeError> {
    check_size(body)?;
    let mut decoder = Decoder::new(now_ns, mapping, &VOCABULARY);
    let mut rejections = Rejections::default();
    let mut export = Export { rest: body, offset: 0 };
    let mut fields = Vec::new();
    for number in 1.. {
        fields.clear();
        match export.entry(&mut fields) {
            Ok(false) => break,
            Ok(true) => {
                let result = entry(&mut decoder, &fields);
                settle(&mut decoder, &mut rejections, number, result);
            }
            Err(Broken { message, lost }) => {
                rejections.push(number, || message);
                if lost {
                    break;
                }
            }
        }
    }
    Ok(Decoded { batch: decoder.builder.finish(), rejections })
}

type Field<'a> = (&'a [u8], &'a [u8]);

struct Export<'a> {
    rest: &'a [u8],
    offset: usize,
}

/// What is wrong with an entry; `lost`: nothing after it can be read.
struct Broken {
    message: String,
    lost: bool,
}

impl<'a> Export<'a> {
    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
        self.offset += bytes;
    }

    /// Collect the next entry's fields; false at the end. An entry with a fault is passed over.
    fn entry(&mut self, fields: &mut Vec<Field<'a>>) -> Result<bool, Broken> {
        while self.rest.first() == Some(&b'\n') {
            self.skip(1);
        }
        let mut fault = None;
        let mut any = false;
        while !self.rest.is_empty() {
            if self.rest[0] == b'\n' {
                break;
            }
            any = true;
            let field = self.field()?;
            if fields.len() == MAX_FIELDS {
                fault.get_or_insert_with(|| format!("the entry has more than {MAX_FIELDS} fields"));
            } else if field.0.is_empty() || simdutf8::basic::from_utf8(field.0).is_err() {
                fault.get_or_insert_with(|| format!("the field before byte {} has no name", self.offset));
            } else {
                fields.push(field);
            }
        }
        match fault {
            Some(message) => Err(Broken { message, lost: false }),
            None => Ok(any),
        }
    }

    /// `NAME=text\n`, or `NAME\n`, eight bytes of length, data, `\n`.
    fn field(&mut self) -> Result<Field<'a>, Broken> {
        let start = self.offset;
        let lost =
            |message: String| Broken { message: format!("{message}; the rest of the body was not read"), lost: true };
        let line = match memchr::memchr(b'\n', self.rest) {
            Some(end) => &self.rest[..end],
            None if memchr::memchr(b'=', self.rest).is_some() => self.rest,
            None => return Err(lost(format!("the body ends within the field at byte {start}"))),
        };
        if let Some(at) = memchr::memchr(b'=', line) {
            self.skip((line.len() + 1).min(self.rest.len()));
            return Ok((&line[..at], &line[at + 1..]));
        }
        self.skip(line.len() + 1);
        let Some((length, data)) = self.rest.split_first_chunk::<8>() else {
            return Err(lost(format!("the body ends within the length of the field at byte {start}")));
        };
        let length = u64::from_le_bytes(*length);
        if length >= data.len() as u64 {
            return Err(lost(format!(
                "the field at byte {start} should have {length} bytes and a line feed, but the body ends after {}",
                data.len()
            )));
        }
        let value = &data[..length as usize];
        if data[value.len()] != b'\n' {
            return Err(lost(format!("no line feed after the {length} bytes of the field at byte {start}")));
        }
        self.skip(8 + value.len() + 1);
        Ok((line, value))
    }
}

fn entry(decoder: &mut Decoder<'_>, fields: &[Field<'_>]) -> Result<(), Reject> {
    let texts: Vec<(&[u8], Cow<'_, [u8]>)> = fields
        .iter()
        .filter(|(name, _)| *name == TIME || !name.starts_with(b"__"))
        .map(|&(name, value)| (name, text(name, value)))
        .collect();
    decoder.begin();
    let mut slots = Slots::EMPTY;
    let value_of = |wanted: &[u8]| texts.iter().find(|(name, value)| *name == wanted && !value.is_empty());
    if value_of(IDENTIFIER).is_none()
        && let Some((_, value)) = value_of(b"_SYSTEMD_UNIT").or_else(|| value_of(b"_COMM"))
    {
        decoder.text_field(IDENTIFIER, value, &mut slots)?;
    }
    for (name, value) in &texts {
        let name = if *name == b"_HOSTNAME" { &b"host.name"[..] } else { *name };
        decoder.text_field(name, value, &mut slots)?;
    }
    if texts.is_empty() {
        return Err(Reject::Protocol("the entry has no fields besides its address"));
    }
    if let Some((_, binary)) = fields.iter().rfind(|(name, value)| *name == MESSAGE && !is_text(value)) {
        let mut encoded = Vec::new();
        base64::encode(binary, &mut encoded);
        decoder.plain_text(b"MESSAGE.base64", &encoded);
    }
    finish(decoder, slots)
}

fn is_text(value: &[u8]) -> bool {
    simdutf8::basic::from_utf8(value).is_ok()
}

/// A value as text: a message with U+FFFD for what is not UTF-8, any other value as base64 then.
fn text<'a>(name: &[u8], value: &'a [u8]) -> Cow<'a, [u8]> {
    if is_text(value) {
        return Cow::Borrowed(value);
    }
    if name == MESSAGE {
        return super::mended(value);
    }
    let mut encoded = Vec::new();
    base64::encode(value, &mut encoded);
    Cow::Owned(encoded)
}
