//! Splunk's HTTP Event Collector: concatenated event objects, and raw lines, to a batch.
//!
//! Where an event came from is the resource, under OpenTelemetry's names for it: `host.name`, `com.splunk.source`,
//! `com.splunk.sourcetype`, `com.splunk.index`. An event that is an object becomes attributes, any other is the message.

use super::{Defaults, add_defaults, check_size, concatenated, finish, mended, settle, text_lines};
use crate::decode::{DecodeError, Decoded, Rejections};
use crate::json::fields::{FieldMapping, Kind, Vocabulary};
use crate::json::lines::{Decoder, Reject, Slots, open_object};
use crate::json::reader::{RawToken, Reader, TokenKind};
use crate::json::writer::copy_raw;

const EVENT: &str = "splunk.event";

const VOCABULARY: Vocabulary = Vocabulary {
    names: [
        (Kind::Time, &["splunk.time"]),
        (Kind::Message, &[EVENT, "message", "msg", "_raw", "log", "body", "line"]),
        (Kind::Level, &["level", "severity", "log_level", "severity_text", "log.level", "loglevel"]),
        (Kind::SeverityNumber, &["severity_number", "otel.log.severity.number"]),
        (Kind::SyslogSeverity, &[]),
        (Kind::Service, &["service.name", "service", "app"]),
        (Kind::TraceId, &["trace_id", "traceId", "trace.id"]),
        (Kind::SpanId, &["span_id", "spanId", "span.id"]),
    ],
    stream: &["host.name", "com.splunk.source", "com.splunk.sourcetype", "com.splunk.index"],
    lenient_time: false,
};

/// What the protocol's answers are made from; the receiver knows these texts.
const NO_EVENT: Reject = Reject::Protocol("Event field is required");
const BLANK_EVENT: Reject = Reject::Protocol("Event field cannot be blank");
const BAD_FIELDS: Reject = Reject::Protocol("Error in handling indexed fields");

/// Decode concatenated events. Records are counted from 1.
pub fn decode_splunk_events(
    body: &[u8],
    now_ns: i64,
    mapping: &FieldMapping,
    defaults: &Defaults,
) -> Result<Decoded, DecodeError> {
    check_size(body)?;
    let body = mended(body);
    let mut decoder = Decoder::new(now_ns, mapping, &VOCABULARY);
    let mut rejections = Rejections::default();
    concatenated(&mut decoder, &body, &mut rejections, |decoder, reader| event(decoder, reader, defaults));
    Ok(Decoded { batch: decoder.builder.finish(), rejections })
}

/// Decode raw text: each line that is not blank is an event.
pub fn decode_splunk_raw(
    body: &[u8],
    now_ns: i64,
    mapping: &FieldMapping,
    defaults: &Defaults,
) -> Result<Decoded, DecodeError> {
    check_size(body)?;
    let mut decoder = Decoder::new(now_ns, mapping, &VOCABULARY);
    let mut rejections = Rejections::default();
    text_lines(&mut decoder, &mended(body), EVENT, defaults, |decoder, number, result| {
        settle(decoder, &mut rejections, number, result);
    });
    Ok(Decoded { batch: decoder.builder.finish(), rejections })
}

fn event(decoder: &mut Decoder<'_>, reader: &mut Reader<'_>, defaults: &Defaults) -> Result<(), Reject> {
    open_object(reader)?;
    decoder.begin();
    let (mut scratch, mut array) = (Vec::new(), Vec::new());
    let mut slots = Slots::EMPTY;
    let mut found = Event::Missing;
    add_defaults(decoder, defaults, &mut slots)?;
    let mut first = true;
    while let Some(key) = reader.raw_key(first)? {
        first = false;
        let token = reader.raw_value()?;
        match key.resolve(&mut scratch) {
            b"event" => found = content(decoder, reader, token, &mut slots, &mut array)?,
            b"fields" => match token.kind {
                TokenKind::Object => {
                    let start = reader.position;
                    flat(reader)?;
                    reader.position = start;
                    decoder.members(reader, &mut slots)?;
                }
                TokenKind::Null => {}
                _ => return Err(BAD_FIELDS),
            },
            name => {
                let name = match name {
                    b"time" => &b"splunk.time"[..],
                    b"host" => &b"host.name"[..],
                    b"source" => &b"com.splunk.source"[..],
                    b"sourcetype" => &b"com.splunk.sourcetype"[..],
                    b"index" => &b"com.splunk.index"[..],
                    other => other,
                };
                decoder.field(reader, name, token, &mut slots)?;
            }
        }
    }
    match found {
        Event::Missing => Err(NO_EVENT),
        Event::Blank => Err(BLANK_EVENT),
        Event::Given => {
            if !array.is_empty() {
                decoder.text_field(EVENT.as_bytes(), &array, &mut slots)?;
            }
            finish(decoder, slots)
        }
    }
}

enum Event {
    Missing,
    Blank,
    Given,
}

fn content<'a, 'r: 'a>(
    decoder: &mut Decoder<'_>,
    reader: &mut Reader<'r>,
    token: RawToken<'r>,
    slots: &mut Slots<'a>,
    array: &mut Vec<u8>,
) -> Result<Event, Reject> {
    match token.kind {
        TokenKind::Null => return Ok(Event::Missing),
        TokenKind::Text | TokenKind::EscapedText if token.raw.trim_ascii().is_empty() => return Ok(Event::Blank),
        TokenKind::Object => {
            if reader.peek() == Some(b'}') {
                decoder.members(reader, slots)?;
                return Ok(Event::Blank);
            }
            decoder.members(reader, slots)?;
        }
        TokenKind::Array => {
            array.clear();
            copy_raw(reader, token, 1, array)?;
        }
        _ => decoder.field(reader, EVENT.as_bytes(), token, slots)?,
    }
    Ok(Event::Given)
}

/// Indexed fields are flat.
fn flat(reader: &mut Reader<'_>) -> Result<(), Reject> {
    let mut first = true;
    while let Some(_key) = reader.raw_key(first)? {
        first = false;
        let token = reader.value()?;
        if token == crate::json::reader::Token::Object {
            return Err(BAD_FIELDS);
        }
        reader.skip_rest(token)?;
    }
    Ok(())
}
