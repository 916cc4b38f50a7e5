//! Amazon Data Firehose's HTTP endpoint delivery: records in base64, which hold CloudWatch Logs' subscription payloads
//! (gzip), JSON objects one after the other, or lines of text.

use super::{check_size, elements, mended, skip_value, text_lines};
use crate::decode::{DecodeError, Decoded, Rejections};
use crate::decompress::{Encoding, decompress};
use crate::json::fields::{FieldMapping, Kind, Vocabulary};
use crate::json::lines::{Decoder, Reject, Slots, open_object};
use crate::json::reader::{JsonError, Reader, Token};
use crate::otlp::base64;
use crate::time;
use std::borrow::Cow;

const MESSAGE: &str = "message";
const GZIP: &[u8] = b"\x1f\x8b";
const UNKNOWN: Reject = Reject::Protocol("expected an object with \"data\", a string in base64");

const VOCABULARY: Vocabulary = Vocabulary {
    names: [
        (Kind::Time, &["_time", "@timestamp", "timestamp", "time", "eventTime"]),
        (Kind::Message, &[MESSAGE, "msg", "log", "body"]),
        (Kind::Level, &["level", "severity", "log.level"]),
        (Kind::SeverityNumber, &["severity_number"]),
        (Kind::SyslogSeverity, &[]),
        (Kind::Service, &["service", "service.name", "app"]),
        (Kind::TraceId, &["trace_id", "traceId", "trace.id"]),
        (Kind::SpanId, &["span_id", "spanId", "span.id"]),
    ],
    stream: &[],
    lenient_time: true,
};

/// Decode a delivery. `common` are its common attributes: resource attributes of every record. Firehose's records are
/// counted from 1; unpacked they may have `limit` bytes together.
pub fn decode_firehose(
    body: &[u8],
    now_ns: i64,
    mapping: &FieldMapping,
    common: &[(String, String)],
    limit: usize,
) -> Result<Decoded, DecodeError> {
    check_size(body)?;
    let body = mended(body);
    let mut delivery = Delivery { common, rejections: Rejections::default(), left: limit, limit };
    let mut decoder = Decoder::new(now_ns, mapping, &VOCABULARY);
    // A delivery that was cut is sent again as a whole.
    skip_value(&mut Reader::new(&body)).map_err(|error| DecodeError(format!("not a Firehose delivery: {error}")))?;
    let mut reader = Reader::new(&body);
    match delivery.read(&mut decoder, &mut reader) {
        Ok(true) => Ok(Decoded { batch: decoder.builder.finish(), rejections: delivery.rejections }),
        Ok(false) => Err(DecodeError("not a Firehose delivery: expected an object with \"records\"".to_owned())),
        Err(error) => Err(DecodeError(format!("not a Firehose delivery: {error}"))),
    }
}

struct Delivery<'c> {
    common: &'c [(String, String)],
    rejections: Rejections,
    left: usize,
    limit: usize,
}

impl Delivery<'_> {
    fn read(&mut self, decoder: &mut Decoder<'_>, reader: &mut Reader<'_>) -> Result<bool, JsonError> {
        if reader.value()? != Token::Object {
            return Ok(false);
        }
        let (mut found, mut first, mut scratch) = (false, true, Vec::new());
        while let Some(key) = reader.key(first)? {
            first = false;
            if key.resolve(&mut scratch) == b"records" && !found {
                if reader.value()? != Token::Array {
                    return Ok(false);
                }
                found = true;
                let mut rejections = std::mem::take(&mut self.rejections);
                let mut number = 0;
                let mut inner = Rejections::default();
                elements(decoder, reader, &mut rejections, |decoder, reader| {
                    number += 1;
                    self.record(decoder, reader, number, &mut inner)
                });
                for (number, message) in inner.first() {
                    rejections.push(*number, || message.clone());
                }
                for _ in inner.first().len() as u64..inner.count() {
                    rejections.push(1, String::new);
                }
                self.rejections = rejections;
            } else {
                skip_value(reader)?;
            }
        }
        if reader.at_end() { Ok(found) } else { Err(reader.error("text after the object")) }
    }

    fn record(
        &mut self,
        decoder: &mut Decoder<'_>,
        reader: &mut Reader<'_>,
        number: u64,
        inner: &mut Rejections,
    ) -> Result<(), Reject> {
        let (mut scratch, mut data, mut first) = (Vec::new(), None, true);
        open_object(reader)?;
        while let Some(key) = reader.key(first)? {
            first = false;
            if key.resolve(&mut scratch) == b"data" {
                match reader.value()? {
                    Token::Text(text) => data = Some(text.resolve(&mut scratch).to_vec()),
                    _ => return Err(UNKNOWN),
                }
            } else {
                skip_value(reader)?;
            }
        }
        let data = self.unpacked(&data.ok_or(UNKNOWN)?)?;
        let data = mended(&data);
        self.base(decoder, &[]);
        if self.cloud_watch(decoder, &data, number, inner) {
            return Ok(());
        }
        contents(decoder, &data, number, inner);
        Ok(())
    }

    fn unpacked(&mut self, text: &[u8]) -> Result<Vec<u8>, Reject> {
        let mut data = Vec::new();
        base64::decode(text, &mut data).ok_or(Reject::Protocol("the data is not base64"))?;
        if data.starts_with(GZIP) {
            data = decompress(&data, Encoding::Gzip, self.left).map_err(|error| Reject::Message(error.to_string()))?;
        }
        let Some(left) = self.left.checked_sub(data.len()) else {
            return Err(Reject::Message(format!("the records are larger than {} bytes together", self.limit)));
        };
        self.left = left;
        Ok(data)
    }

    fn base(&self, decoder: &mut Decoder<'_>, more: &[(&str, &[u8])]) {
        let common = self.common.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let more = more.iter().map(|&(name, value)| (name.as_bytes(), value));
        decoder.resources.set_base(b"", common.chain(more.filter(|(_, value)| !value.is_empty())));
    }

    /// Take a payload of CloudWatch Logs; false when it is none.
    fn cloud_watch(&self, decoder: &mut Decoder<'_>, data: &[u8], number: u64, inner: &mut Rejections) -> bool {
        let Some(payload) = Payload::read(data) else { return false };
        if *payload.kind == *b"CONTROL_MESSAGE" {
            return true;
        }
        let Some(mut events) = payload.events else { return false };
        self.base(
            decoder,
            &[
                ("cloud.provider", b"aws"),
                ("cloud.account.id", &payload.owner),
                ("cloudwatch.log.group.name", &payload.group),
                ("cloudwatch.log.stream", &payload.stream),
            ],
        );
        let mut rejected = Rejections::default();
        elements(decoder, &mut events, &mut rejected, event);
        pass(&rejected, inner, |event, message| (number, format!("log event {event}: {message}")));
        true
    }
}

/// JSON objects, and from where they end lines of text.
fn contents(decoder: &mut Decoder<'_>, data: &[u8], number: u64, inner: &mut Rejections) {
    let mut reader = Reader::new(data);
    let mut text = data;
    while reader.peek() == Some(b'{') {
        let start = reader.position;
        if skip_value(&mut reader).is_err() {
            break;
        }
        let end = reader.position;
        text = &data[end..];
        let mut object = Reader::new(&data[start..end]);
        if let Err(reject) = decoder.record(&mut object, |_| Ok(())) {
            decoder.builder.abort_record();
            inner.push(number, || reject.message());
        }
    }
    text_lines(decoder, text, MESSAGE, &[], |decoder, line, result| {
        if let Err(reject) = result {
            decoder.builder.abort_record();
            inner.push(number, || format!("line {line}: {}", reject.message()));
        }
    });
}

/// Count rejections on, the kept ones with a place of their own.
fn pass(from: &Rejections, to: &mut Rejections, place: impl Fn(u64, &str) -> (u64, String)) {
    for (number, message) in from.first() {
        let (number, message) = place(*number, message);
        to.push(number, || message);
    }
    for _ in from.first().len() as u64..from.count() {
        to.push(1, || "rejected as those before it".to_owned());
    }
}

/// A subscription payload of CloudWatch Logs.
struct Payload<'a> {
    kind: Cow<'a, [u8]>,
    owner: Vec<u8>,
    group: Vec<u8>,
    stream: Vec<u8>,
    /// After the bracket.
    events: Option<Reader<'a>>,
}

impl<'a> Payload<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        if reader.value().ok()? != Token::Object {
            return None;
        }
        let mut payload =
            Self { kind: Cow::Borrowed(b""), owner: Vec::new(), group: Vec::new(), stream: Vec::new(), events: None };
        let (mut first, mut scratch, mut value) = (true, Vec::new(), Vec::new());
        while let Some(key) = reader.key(first).ok()? {
            first = false;
            let token = reader.value().ok()?;
            match (key.resolve(&mut scratch), token) {
                (b"messageType", Token::Text(text)) => {
                    payload.kind = Cow::Owned(text.resolve(&mut value).to_vec());
                }
                (b"owner", Token::Text(text)) => payload.owner = text.resolve(&mut value).to_vec(),
                (b"logGroup", Token::Text(text)) => payload.group = text.resolve(&mut value).to_vec(),
                (b"logStream", Token::Text(text)) => payload.stream = text.resolve(&mut value).to_vec(),
                (b"logEvents", Token::Array) => {
                    payload.events = Some(reader.clone());
                    reader.skip_rest(token).ok()?;
                }
                _ => reader.skip_rest(token).ok()?,
            }
        }
        (!payload.kind.is_empty() && reader.at_end()).then_some(payload)
    }
}

/// `{"id": "...", "timestamp": <ms>, "message": "..."}`
fn event(decoder: &mut Decoder<'_>, reader: &mut Reader<'_>) -> Result<(), Reject> {
    open_object(reader)?;
    decoder.begin();
    let (mut slots, mut scratch, mut value) = (Slots::EMPTY, Vec::new(), Vec::new());
    let (mut any, mut first) = (false, true);
    while let Some(key) = reader.raw_key(first)? {
        first = false;
        let token = reader.raw_value()?;
        match (key.resolve(&mut scratch), Token::from(token)) {
            (b"message", Token::Text(text)) => {
                any = true;
                decoder.builder.body_bytes(text.resolve(&mut value));
            }
            (b"timestamp", Token::Number { raw, .. }) => {
                decoder.builder.timestamp(time::epoch(raw).map_err(|error| Reject::time(raw, error))?);
            }
            (b"id", Token::Text(text)) => decoder.plain_text(b"cloudwatch.log.event.id", text.resolve(&mut value)),
            (name, _) => decoder.field(reader, name, token, &mut slots)?,
        }
    }
    if any { super::finish(decoder, slots) } else { Err(Reject::Protocol("the log event has no \"message\"")) }
}
