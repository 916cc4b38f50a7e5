//! Datadog's logs intake: an array of objects, objects one after the other, or lines of text, to a batch.
//!
//! A message that is a JSON object is parsed, as Datadog does; tags become attributes.

use super::{
    Defaults, add_defaults, check_size, concatenated, elements, finish, mended, settle, skip_value, text_lines,
};
use crate::decode::{DecodeError, Decoded, Rejections};
use crate::json::fields::{Class, FieldMapping, Kind, Vocabulary};
use crate::json::lines::{Decoder, Reject, Slots, open_object};
use crate::json::reader::{RawToken, Reader, TokenKind};
use crate::json::writer::write_string;

const MESSAGE: &str = "datadog.message";
const STATUS: &str = "datadog.status";

const VOCABULARY: Vocabulary = Vocabulary {
    names: [
        (Kind::Time, &["timestamp", "@timestamp", "date"]),
        (Kind::Message, &["message", "msg", "log", MESSAGE]),
        (Kind::Level, &[STATUS, "level", "severity", "log.level"]),
        (Kind::SeverityNumber, &[]),
        (Kind::SyslogSeverity, &["syslog.severity"]),
        (Kind::Service, &["service", "service.name"]),
        (Kind::TraceId, &["trace_id", "dd.trace_id", "traceId", "trace.id"]),
        (Kind::SpanId, &["span_id", "dd.span_id", "spanId", "span.id"]),
    ],
    stream: &["host.name", "datadog.log.source"],
    lenient_time: true,
};

/// Decode a request of the logs intake. Records are counted from 1; of text, lines.
pub fn decode_datadog(
    body: &[u8],
    now_ns: i64,
    mapping: &FieldMapping,
    defaults: &Defaults,
) -> Result<Decoded, DecodeError> {
    check_size(body)?;
    let body = mended(body);
    let mut decoder = Decoder::new(now_ns, mapping, &VOCABULARY);
    let mut rejections = Rejections::default();
    let mut reader = Reader::new(&body);
    match reader.peek() {
        Some(b'[') => {
            reader.position += 1;
            elements(&mut decoder, &mut reader, &mut rejections, |decoder, reader| record(decoder, reader, defaults));
        }
        Some(b'{') => {
            concatenated(&mut decoder, &body, &mut rejections, |decoder, reader| {
                // The agent sends `{}` to see whether somebody is there.
                if skip_empty(reader) { Ok(()) } else { record(decoder, reader, defaults) }
            });
        }
        _ => text_lines(&mut decoder, &body, MESSAGE, defaults, |decoder, number, result| {
            settle(decoder, &mut rejections, number, result);
        }),
    }
    Ok(Decoded { batch: decoder.builder.finish(), rejections })
}

/// Pass over an object without members; false, and nothing read, when something else comes.
fn skip_empty(reader: &mut Reader<'_>) -> bool {
    let mut ahead = reader.clone();
    let empty = open_object(&mut ahead).is_ok() && ahead.peek() == Some(b'}');
    if empty {
        ahead.position += 1;
        *reader = ahead;
    }
    empty
}

fn record(decoder: &mut Decoder<'_>, reader: &mut Reader<'_>, defaults: &Defaults) -> Result<(), Reject> {
    // The message first, wherever it stands: what the envelope says goes before what its message says.
    let message = find(&mut reader.clone(), b"message")?;
    let (mut scratch, mut text, mut tags) = (Vec::new(), Vec::new(), Vec::new());
    let message = message.filter(|token| token.is_text());
    let text = message.as_ref().map(|token| token.resolve(&mut text));
    decoder.begin();
    let mut slots = Slots::EMPTY;
    add_defaults(decoder, defaults, &mut slots)?;
    if let Some(text) = text
        && !parsed(decoder, text, &mut slots)?
    {
        decoder.text_field(MESSAGE.as_bytes(), text, &mut slots)?;
    }
    open_object(reader)?;
    let mut first = true;
    let mut any = false;
    while let Some(key) = reader.raw_key(first)? {
        first = false;
        let token = reader.raw_value()?;
        any |= token.kind != TokenKind::Null;
        match key.resolve(&mut scratch) {
            b"message" if token.is_text() => {}
            b"message" => decoder.field(reader, MESSAGE.as_bytes(), token, &mut slots)?,
            b"ddtags" if token.is_text() => tags.push(token),
            name => {
                let name = match name {
                    b"status" => STATUS.as_bytes(),
                    b"hostname" => b"host.name",
                    b"ddsource" => b"datadog.log.source",
                    other => other,
                };
                decoder.field(reader, name, token, &mut slots)?;
            }
        }
    }
    if !any {
        return Err(Reject::Empty);
    }
    for token in tags {
        add_tags(decoder, token.resolve(&mut scratch));
    }
    if let Some((_, tags)) = defaults.iter().find(|(name, _)| name == "ddtags") {
        add_tags(decoder, tags.as_bytes());
    }
    finish(decoder, slots)
}

/// The last value of this name in an object, if it is there.
fn find<'a>(reader: &mut Reader<'a>, wanted: &[u8]) -> Result<Option<RawToken<'a>>, Reject> {
    open_object(reader)?;
    let (mut found, mut scratch, mut first) = (None, Vec::new(), true);
    while let Some(key) = reader.raw_key(first)? {
        first = false;
        if key.resolve(&mut scratch) == wanted {
            let start = reader.position;
            found = Some(reader.raw_value()?);
            reader.position = start;
        }
        skip_value(reader)?;
    }
    Ok(found)
}

/// Take the members of a message that is a JSON object. Whether it is one; the text stays the message when the object has
/// none.
fn parsed<'a>(decoder: &mut Decoder<'_>, text: &'a [u8], slots: &mut Slots<'a>) -> Result<bool, Reject> {
    let mut reader = Reader::new(text);
    if reader.peek() != Some(b'{') || skip_value(&mut reader).is_err() || !reader.at_end() {
        return Ok(false);
    }
    let mut reader = Reader::new(text);
    open_object(&mut reader)?;
    match decoder.members(&mut reader, slots) {
        Ok(()) => {}
        // It stays a text.
        Err(Reject::TooDeep) => return Ok(false),
        Err(reject) => return Err(reject),
    }
    if slots.message().is_none() {
        decoder.text_field(MESSAGE.as_bytes(), text, slots)?;
    }
    Ok(true)
}

/// `env:prod,team:a,team:b,canary` as attributes: text, JSON arrays of keys that come more than once, and true.
fn add_tags(decoder: &mut Decoder<'_>, tags: &[u8]) {
    let mut pairs: Vec<(&[u8], Option<&[u8]>)> = tags
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|tag| !tag.is_empty())
        .map(|tag| match memchr::memchr(b':', tag) {
            Some(at) if at > 0 => (&tag[..at], Some(&tag[at + 1..])),
            _ => (tag, None),
        })
        .collect();
    pairs.sort_by_key(|pair| pair.0);
    let mut json = Vec::new();
    for group in pairs.chunk_by(|a, b| a.0 == b.0) {
        let (key, value) = group[0];
        if decoder.class(key) == Class::Ignored {
            continue;
        }
        let Some(id) = decoder.builder.key_id(key) else { continue };
        match value {
            _ if group.len() > 1 => {
                json.clear();
                json.push(b'[');
                for (_, value) in group {
                    if json.len() > 1 {
                        json.push(b',');
                    }
                    match value {
                        Some(value) => write_string(&mut json, value),
                        None => json.extend_from_slice(b"true"),
                    }
                }
                json.push(b']');
                decoder.builder.add_json(id, &json);
            }
            Some(value) => decoder.builder.add_string(id, value),
            None => decoder.builder.add_bool(id, true),
        }
    }
}
