//! Loki's push request, as protobuf (`logproto.PushRequest`) and as JSON, to a batch.
//!
//! Labels are the resource, as in Loki they are the stream; the service is found among them as Loki finds it. Structured
//! metadata becomes attributes, but for severity and trace context. Source: Loki's HTTP API and `push.proto`.

use super::labels::{self, Labels};
use super::{check_size, mended, settle, skip_value};
use crate::decode::{DecodeError, Decoded, Rejections};
use crate::json::fields::{Class, FieldMapping, Kind, Vocabulary};
use crate::json::lines::{Decoder, Reject, Slots, open_object};
use crate::json::reader::{JsonError, Reader, Token};
use crate::otlp::wire::{self, LEN, VARINT, WireError, tag};
use crate::time;
use std::borrow::Cow;

const VOCABULARY: Vocabulary = Vocabulary {
    names: [
        (Kind::Time, &[]),
        (Kind::Message, &[]),
        (
            Kind::Level,
            &[
                "level",
                "detected_level",
                "severity",
                "severity_text",
                "lvl",
                "LEVEL",
                "Level",
                "SEVERITY",
                "Severity",
                "SeverityText",
                "log.level",
                "log_level",
            ],
        ),
        (Kind::SeverityNumber, &["severity_number", "SeverityNumber"]),
        (Kind::SyslogSeverity, &[]),
        (Kind::Service, &[]),
        (Kind::TraceId, &["trace_id", "traceID", "traceId", "TraceID", "traceid", "trace.id"]),
        (Kind::SpanId, &["span_id", "spanID", "spanId", "SpanID", "spanid", "span.id"]),
    ],
    stream: &[],
    lenient_time: true,
};

/// Labels that name the service, best first: Loki's `discover_service_name`.
const SERVICE_LABELS: [&str; 15] = [
    "service_name",
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
    "service.name",
];
const UNKNOWN_SERVICE: &[u8] = b"unknown_service";
const NO_LABELS: &str = "at least one label pair is required per stream";

const STREAMS: u32 = tag(1, LEN);
const LABELS: u32 = tag(1, LEN);
const ENTRIES: u32 = tag(2, LEN);
const TIMESTAMP: u32 = tag(1, LEN);
const LINE: u32 = tag(2, LEN);
const METADATA: u32 = tag(3, LEN);
const SECONDS: u32 = tag(1, VARINT);
const NANOS: u32 = tag(2, VARINT);
const NAME: u32 = tag(1, LEN);
const VALUE: u32 = tag(2, LEN);

/// Decode a push request in protobuf, without its snappy encoding. Of the mapping `ignore_fields`, `extra_fields` and
/// `level_fields` hold.
pub fn decode_loki_protobuf(body: &[u8], now_ns: i64, mapping: &FieldMapping) -> Result<Decoded, DecodeError> {
    check_size(body)?;
    let mapping = own_mapping(mapping);
    let mut push = Push::new(now_ns, &mapping);
    match push.protobuf(wire::Reader::new(body, 0)) {
        Ok(()) => Ok(push.finish()),
        Err(error) => Err(DecodeError(format!("not a Loki push request in protobuf: {error}"))),
    }
}

/// Decode a push request in JSON: `streams` of `stream` and `values`, or of `labels` and `entries` as the first version of
/// the API had them. Mapping as [`decode_loki_protobuf`].
pub fn decode_loki_json(body: &[u8], now_ns: i64, mapping: &FieldMapping) -> Result<Decoded, DecodeError> {
    check_size(body)?;
    let body = mended(body);
    let mapping = own_mapping(mapping);
    let mut push = Push::new(now_ns, &mapping);
    match push.json(&mut Reader::new(&body)) {
        Ok(()) => Ok(push.finish()),
        Err(error) => Err(DecodeError(format!("not a Loki push request in JSON: {error}"))),
    }
}

/// The part of a mapping that makes sense here: the line is the message, its time is its time, labels are the stream.
fn own_mapping(mapping: &FieldMapping) -> FieldMapping {
    FieldMapping { time_fields: None, message_fields: None, stream_fields: Vec::new(), ..mapping.clone() }
}

/// Name and value of structured metadata.
type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

struct Push<'m> {
    decoder: Decoder<'m>,
    rejections: Rejections,
    number: u64,
    labels: Labels,
    /// Labels with a meaning for each record, such as a level.
    meant: Vec<usize>,
    fault: Option<String>,
}

/// A JSON body that cannot be read on.
enum Broken {
    Json(JsonError),
    Shape(&'static str),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::Shape(message) => f.write_str(message),
        }
    }
}

impl From<JsonError> for Broken {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl<'m> Push<'m> {
    fn new(now_ns: i64, mapping: &'m FieldMapping) -> Self {
        Self {
            decoder: Decoder::new(now_ns, mapping, &VOCABULARY),
            rejections: Rejections::default(),
            number: 0,
            labels: Labels::new(),
            meant: Vec::new(),
            fault: None,
        }
    }

    fn finish(self) -> Decoded {
        Decoded { batch: self.decoder.builder.finish(), rejections: self.rejections }
    }

    /// Labels of the entries that follow.
    fn enter(&mut self, labels: Result<Labels, String>) {
        self.meant.clear();
        self.fault = None;
        match labels {
            Ok(labels) if labels.is_empty() => self.fault = Some(NO_LABELS.to_owned()),
            Ok(labels) => self.labels = labels,
            Err(error) => self.fault = Some(error),
        }
        if self.fault.is_some() {
            return;
        }
        let service = SERVICE_LABELS
            .iter()
            .find_map(|name| self.labels.iter().find(|label| label.0 == name.as_bytes() && !label.1.is_empty()))
            .map_or(UNKNOWN_SERVICE.to_vec(), |label| label.1.clone());
        let decoder = &mut self.decoder;
        self.labels.retain(|(name, value)| !value.is_empty() && decoder.class(name) != Class::Ignored);
        for (index, (name, _)) in self.labels.iter().enumerate() {
            if matches!(decoder.class(name), Class::Special { .. }) {
                self.meant.push(index);
            }
        }
        self.decoder.resources.set_base(&service, self.labels.iter().map(|(name, value)| (&name[..], &value[..])));
    }

    /// Take an entry: its time, its line, and what `fill` adds to it.
    fn entry<'a>(
        &mut self,
        time: Result<i64, Reject>,
        line: &[u8],
        fill: impl FnOnce(&mut Decoder<'m>, &mut Slots<'a>) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        self.decoder.begin();
        let time = time?;
        let mut slots = Slots::EMPTY;
        fill(&mut self.decoder, &mut slots)?;
        self.decoder.builder.timestamp(time);
        self.decoder.builder.body_bytes(line);
        self.complete(slots)
    }

    fn complete(&mut self, slots: Slots<'_>) -> Result<(), Reject> {
        let mut slots = slots;
        let Self { decoder, labels, meant, .. } = self;
        for (name, value) in meant.iter().map(|&index| &labels[index]) {
            decoder.fallback(name, value, &mut slots)?;
        }
        decoder.finish(&mut slots)
    }

    // --------------------------------------------------------------------------------------------------- protobuf

    fn protobuf(&mut self, mut request: wire::Reader<'_>) -> Result<(), WireError> {
        while let Some(tag) = request.tag()? {
            match tag {
                STREAMS => self.protobuf_stream(request.message()?)?,
                _ => request.skip(tag)?,
            }
        }
        Ok(())
    }

    fn protobuf_stream<'a>(&mut self, stream: wire::Reader<'a>) -> Result<(), WireError> {
        let (mut labels, mut ahead) = (&b""[..], stream);
        while let Some(tag) = ahead.tag()? {
            match tag {
                LABELS => labels = ahead.message()?.rest(),
                _ => ahead.skip(tag)?,
            }
        }
        self.enter(labels::parse(&mended(labels)));
        let mut metadata: Vec<Pair<'a>> = Vec::new();
        let mut stream = stream;
        while let Some(tag) = stream.tag()? {
            match tag {
                ENTRIES => {
                    metadata.clear();
                    self.protobuf_entry(stream.message()?, &mut metadata)?;
                }
                _ => stream.skip(tag)?,
            }
        }
        Ok(())
    }

    fn protobuf_entry<'a>(
        &mut self,
        mut entry: wire::Reader<'a>,
        metadata: &mut Vec<Pair<'a>>,
    ) -> Result<(), WireError> {
        let (mut seconds, mut nanos, mut line) = (0_i64, 0_i32, &b""[..]);
        while let Some(tag) = entry.tag()? {
            match tag {
                TIMESTAMP => {
                    let mut time = entry.message()?;
                    while let Some(tag) = time.tag()? {
                        match tag {
                            SECONDS => seconds = time.varint()? as i64,
                            NANOS => nanos = time.varint()? as i32,
                            _ => time.skip(tag)?,
                        }
                    }
                }
                LINE => line = entry.message()?.rest(),
                METADATA => metadata.push(pair(entry.message()?)?),
                _ => entry.skip(tag)?,
            }
        }
        self.number += 1;
        let result = if let Some(fault) = self.fault.clone() {
            Err(Reject::Message(fault))
        } else {
            let time = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
            let time = i64::try_from(time)
                .map_err(|_| Reject::Message(format!("the time {seconds} s is outside of 1970-01-01 to 2262-04-11")));
            let metadata = &*metadata;
            self.entry(time, &mended(line), |decoder, slots| {
                metadata.iter().try_for_each(|(name, value)| decoder.text_field(name, value, slots))
            })
        };
        settle(&mut self.decoder, &mut self.rejections, self.number, result);
        Ok(())
    }

    // ------------------------------------------------------------------------------------------------------- JSON

    fn json(&mut self, reader: &mut Reader<'_>) -> Result<(), Broken> {
        open(reader, true, "expected an object with \"streams\"")?;
        let mut scratch = Vec::new();
        let mut first = true;
        while let Some(key) = reader.key(first)? {
            first = false;
            if key.resolve(&mut scratch) != b"streams" {
                skip_value(reader)?;
                continue;
            }
            open(reader, false, "expected an array of streams")?;
            let mut first = true;
            while reader.element(first)? {
                first = false;
                open(reader, true, "expected a stream, an object with \"stream\" and \"values\"")?;
                self.json_stream(reader)?;
            }
        }
        if reader.at_end() { Ok(()) } else { Err(reader.error("text after the object").into()) }
    }

    fn json_stream(&mut self, reader: &mut Reader<'_>) -> Result<(), Broken> {
        let mut scratch = Vec::new();
        let mut labels = Err("the stream has no labels".to_owned());
        let mut values: Vec<(usize, bool)> = Vec::new();
        let mut first = true;
        while let Some(key) = reader.key(first)? {
            first = false;
            match key.resolve(&mut scratch) {
                b"stream" => labels = json_labels(reader)?,
                b"labels" => {
                    labels = match reader.value()? {
                        Token::Text(text) => labels::parse(text.resolve(&mut scratch)),
                        token => {
                            reader.skip_rest(token)?;
                            Err("labels must be a string such as {app=\"shop\"}".to_owned())
                        }
                    };
                }
                key @ (b"values" | b"entries") => {
                    values.push((reader.position, key == b"entries"));
                    skip_value(reader)?;
                }
                _ => skip_value(reader)?,
            }
        }
        self.enter(labels);
        let end = reader.position;
        for (position, entries) in values {
            reader.position = position;
            open(reader, false, "expected an array of entries")?;
            let mut first = true;
            while reader.element(first)? {
                first = false;
                reader.peek();
                let start = reader.position;
                skip_value(reader)?;
                let text = &reader.input()[start..reader.position];
                self.number += 1;
                let result = match self.fault.clone() {
                    Some(fault) => Err(Reject::Message(fault)),
                    None if entries => self.old_json_entry(&mut Reader::new(text)),
                    None => self.json_entry(&mut Reader::new(text)),
                };
                settle(&mut self.decoder, &mut self.rejections, self.number, result);
            }
        }
        reader.position = end;
        Ok(())
    }

    /// `["<ns>", "line", {metadata}]`
    fn json_entry(&mut self, reader: &mut Reader<'_>) -> Result<(), Reject> {
        const SHAPE: Reject =
            Reject::Protocol("expected an entry as [\"<time in ns>\", \"<line>\", {<structured metadata>}]");
        let (mut time, mut line) = (Vec::new(), Vec::new());
        let Token::Array = reader.value()? else { return Err(SHAPE) };
        if !reader.element(true)? {
            return Err(SHAPE);
        }
        let Token::Text(text) = reader.value()? else {
            return Err(Reject::Protocol("the time must be a string of nanoseconds"));
        };
        let time = nanoseconds(text.resolve(&mut time));
        if !reader.element(false)? {
            return Err(SHAPE);
        }
        let Token::Text(text) = reader.value()? else { return Err(Reject::Protocol("the line must be a string")) };
        let line = text.resolve(&mut line);
        let metadata = reader.element(false)?;
        self.entry(time, line, |decoder, slots| {
            if metadata {
                open_object(reader)?;
                decoder.members(reader, slots)?;
                if reader.element(false)? {
                    return Err(SHAPE);
                }
            }
            Ok(())
        })
    }

    /// `{"ts": "<RFC 3339>", "line": "..."}`
    fn old_json_entry(&mut self, reader: &mut Reader<'_>) -> Result<(), Reject> {
        let mut scratch = Vec::new();
        let (mut time, mut line) = (Err(Reject::Protocol("the entry has no \"ts\"")), Vec::new());
        open_object(reader)?;
        let mut first = true;
        while let Some(key) = reader.key(first)? {
            first = false;
            match key.resolve(&mut scratch) {
                key @ (b"ts" | b"timestamp" | b"line") => {
                    let is_line = key == b"line";
                    let Token::Text(text) = reader.value()? else {
                        return Err(Reject::Protocol("\"ts\" and \"line\" must be strings"));
                    };
                    let text = text.resolve(&mut scratch);
                    if is_line {
                        line = text.to_vec();
                    } else {
                        time = time::parse(text).map_err(|error| Reject::time(text, error));
                    }
                }
                _ => skip_value(reader)?,
            }
        }
        self.entry(time, &line, |_, _| Ok(()))
    }
}

fn open(reader: &mut Reader<'_>, object: bool, expected: &'static str) -> Result<(), Broken> {
    match reader.value()? {
        Token::Object if object => Ok(()),
        Token::Array if !object => Ok(()),
        _ => Err(Broken::Shape(expected)),
    }
}

fn json_labels(reader: &mut Reader<'_>) -> Result<Result<Labels, String>, JsonError> {
    let token = reader.value()?;
    if token != Token::Object {
        reader.skip_rest(token)?;
        return Ok(Err("\"stream\" must be an object of labels".to_owned()));
    }
    let mut labels = Ok(Labels::new());
    let mut scratch = Vec::new();
    let mut first = true;
    while let Some(key) = reader.key(first)? {
        first = false;
        let name = key.resolve(&mut scratch).to_vec();
        match reader.value()? {
            Token::Text(value) => {
                if let Ok(labels) = &mut labels {
                    labels.push((name, value.resolve(&mut scratch).to_vec()));
                }
            }
            token => {
                reader.skip_rest(token)?;
                let short: String = String::from_utf8_lossy(&name).chars().take(64).collect();
                labels = labels.and_then(|_| Err(format!("the label {short:?} must be a string")));
            }
        }
    }
    Ok(labels)
}

fn pair(mut message: wire::Reader<'_>) -> Result<Pair<'_>, WireError> {
    let (mut name, mut value) = (&b""[..], &b""[..]);
    while let Some(tag) = message.tag()? {
        match tag {
            NAME => name = message.message()?.rest(),
            VALUE => value = message.message()?.rest(),
            _ => message.skip(tag)?,
        }
    }
    Ok((mended(name), mended(value)))
}

fn nanoseconds(text: &[u8]) -> Result<i64, Reject> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
    number.ok_or_else(|| {
        let short: String = String::from_utf8_lossy(text).chars().take(40).collect();
        Reject::Message(format!("cannot read the time {short:?}: expected nanoseconds since 1970-01-01 as a string"))
    })
}
