//! Zipkin's spans in JSON, version 2 and version 1, which are told apart span by span: an array of objects.
//!
//! Version 1 has annotations of endpoints (`cs`, `cr`, `sr`, `ss`, ...) instead of a kind; a span of both sides becomes two.
//! In Zipkin the two sides of a call may share an id; they stay two spans with one id, told apart by their kind.

use super::batch::SpanBatch;
use super::tagged::{Process, TaggedSpans, kind_of, nanos};
use crate::decode::{DecodeError, Decoded};
use crate::json::reader::{Number, Text, Token, number};
use crate::limits::{MAX_ATTRIBUTES, MAX_EVENTS};
use crate::otlp::fault::{Fault, Stop};
use crate::otlp::json_input::{Input, Members, Walk, unexpected};
use crate::otlp::records::{check_size, utf8};
use crate::otlp::text::Scalar;
use std::borrow::Cow;

/// Decode spans of Zipkin in JSON. `now_ns` stands in for missing times.
///
/// # Errors
/// When the body is no JSON array of objects.
pub fn decode_zipkin_json(body: &[u8], now_ns: i64) -> Result<Decoded<SpanBatch>, DecodeError> {
    check_size(body)?;
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut decoder = Decoder { input: Input::new(body), spans: TaggedSpans::new(now_ns) };
    let problem = match decoder.request() {
        Ok(()) => return Ok(decoder.spans.finish()),
        Err(Stop::Request(error)) => format!("at byte {}: {}", error.offset, error.what),
        Err(Stop::Part(fault)) => fault.to_string(),
    };
    Err(DecodeError(format!("not an array of Zipkin spans in JSON: {problem}")))
}

type Bytes<'a> = Cow<'a, [u8]>;

/// A span as it was read, of either version.
#[derive(Default)]
struct Span<'a> {
    trace_id: [u8; 16],
    id: [u8; 8],
    parent: [u8; 8],
    name: Bytes<'a>,
    kind: Bytes<'a>,
    timestamp: i64,
    duration: i64,
    debug: bool,
    local: Option<Endpoint<'a>>,
    remote: Option<Endpoint<'a>>,
    annotations: Vec<Annotation<'a>>,
    more_annotations: u32,
    tags: Vec<Tag<'a>>,
    more_tags: u32,
    /// Far sides that version 1 names by `sa`, `ca` or `ma`.
    addresses: Vec<(Bytes<'a>, Endpoint<'a>)>,
    /// It has what only version 1 has.
    first_version: bool,
}

#[derive(Default, Clone)]
struct Endpoint<'a> {
    service: Bytes<'a>,
    address: Bytes<'a>,
    port: i64,
}

struct Annotation<'a> {
    timestamp: i64,
    value: Bytes<'a>,
    endpoint: Option<Endpoint<'a>>,
}

struct Tag<'a> {
    key: Bytes<'a>,
    value: TagValue<'a>,
    endpoint: Option<Endpoint<'a>>,
}

enum TagValue<'a> {
    Text(Bytes<'a>),
    Bool(bool),
    Int(i64),
    Float(f64),
}

impl TagValue<'_> {
    fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Text(text) => Scalar::Text(text),
            Self::Bool(value) => Scalar::Bool(*value),
            Self::Int(value) => Scalar::Int(*value),
            Self::Float(value) => Scalar::Double(*value),
        }
    }
}

/// One side of a call in version 1: its annotations of begin and end, and how others name the far side.
struct Side {
    begin: &'static [u8],
    end: &'static [u8],
    remote: &'static [u8],
    kind: &'static [u8],
}

const CLIENT: Side = Side { begin: b"cs", end: b"cr", remote: b"sa", kind: b"CLIENT" };
const SERVER: Side = Side { begin: b"sr", end: b"ss", remote: b"ca", kind: b"SERVER" };
const PRODUCER: Side = Side { begin: b"ms", end: b"ws", remote: b"ma", kind: b"PRODUCER" };
const CONSUMER: Side = Side { begin: b"wr", end: b"mr", remote: b"ma", kind: b"CONSUMER" };
const SIDES: [Side; 4] = [CLIENT, SERVER, PRODUCER, CONSUMER];

struct Decoder<'a> {
    input: Input<'a>,
    spans: TaggedSpans,
}

impl<'a> Decoder<'a> {
    fn request(&mut self) -> Walk<()> {
        match self.input.token()? {
            (Token::Array, _) => {}
            (_, offset) => return unexpected("request", "an array of spans", offset),
        }
        let mut first = true;
        while self.input.reader.element(std::mem::take(&mut first))? {
            let start = self.input.reader.position;
            match read_span(&mut self.input) {
                Ok(span) => self.take(&span),
                Err(Stop::Request(error)) => return Err(error.into()),
                Err(Stop::Part(fault)) => {
                    self.input.skip_at(start)?;
                    self.reject(fault);
                }
            }
        }
        if self.input.reader.at_end() { Ok(()) } else { Err(self.input.reader.error("expected the end").into()) }
    }

    fn reject(&mut self, fault: Fault) {
        let first = self.spans.begin();
        self.spans.end(Err(first.unwrap_or(fault)));
    }

    fn take(&mut self, span: &Span<'a>) {
        if !span.first_version {
            let local = span.local.as_ref();
            self.emit(span, &span.kind, local, span.remote.as_ref(), (span.timestamp, span.duration));
            return;
        }
        let sides: Vec<&Side> = SIDES.iter().filter(|side| side.times(span).is_some()).collect();
        if sides.is_empty() {
            let local = span.any_endpoint();
            self.emit(span, b"", local.as_ref(), None, (span.timestamp, span.duration));
        }
        for (number, side) in sides.iter().enumerate() {
            let local = side.endpoint(span).or_else(|| span.any_endpoint());
            let remote = span.remote_of(side, &sides);
            let times = match side.times(span) {
                // The whole span has times of its own; those of the second side are its annotations'.
                Some(_) if number == 0 && span.timestamp != 0 => (span.timestamp, span.duration),
                Some(times) => times,
                None => (span.timestamp, span.duration),
            };
            self.emit(span, side.kind, local.as_ref(), remote.as_ref(), times);
        }
    }

    fn emit(
        &mut self,
        span: &Span<'_>,
        kind: &[u8],
        local: Option<&Endpoint<'_>>,
        remote: Option<&Endpoint<'_>>,
        (timestamp, duration): (i64, i64),
    ) {
        let service = local.map_or(&b""[..], |endpoint| &endpoint.service);
        self.spans.set_process(&Process::new(service, std::iter::empty()));
        let fields = match self.spans.begin() {
            Some(fault) => Err(fault),
            None => self.fields(span, kind, local, remote).and_then(|()| self.spans.times(timestamp, duration)),
        };
        self.spans.end(fields);
    }

    fn fields(
        &mut self,
        span: &Span<'_>,
        kind: &[u8],
        local: Option<&Endpoint<'_>>,
        remote: Option<&Endpoint<'_>>,
    ) -> Result<(), Fault> {
        let builder = self.spans.builder();
        builder.trace_id(span.trace_id);
        builder.name(utf8(&span.name));
        builder.kind(kind_of(kind).unwrap_or(0));
        builder.flags(u32::from(span.debug));
        builder.span_id(span.id);
        builder.parent_span_id(span.parent);
        for (endpoint, names) in [
            (local, ["", "network.local.address", "network.local.port"]),
            (remote, ["peer.service", "network.peer.address", "network.peer.port"]),
        ] {
            let Some(endpoint) = endpoint else { continue };
            for (name, text) in [(names[0], &endpoint.service), (names[1], &endpoint.address)] {
                if !name.is_empty() && !text.is_empty() {
                    self.spans.attribute(name.as_bytes(), Scalar::Text(text));
                }
            }
            if endpoint.port != 0 {
                self.spans.attribute(names[2].as_bytes(), Scalar::Int(endpoint.port));
            }
        }
        for tag in &span.tags {
            self.spans.tag(&tag.key, tag.value.scalar());
        }
        for annotation in span.annotations.iter().filter(|annotation| !annotation.is_side(span)) {
            let time = nanos("timestamp of an annotation", annotation.timestamp)?;
            if self.spans.builder().admits_event() {
                self.spans.builder().event(time, utf8(&annotation.value), b"");
            }
        }
        self.spans.builder().dropped(span.more_tags, span.more_annotations, 0);
        Ok(())
    }
}

impl Side {
    fn find<'s, 'a>(span: &'s Span<'a>, value: &[u8]) -> Option<&'s Annotation<'a>> {
        span.annotations.iter().find(|annotation| *annotation.value == *value)
    }

    /// When this side began, and for how long, when the span tells of it.
    fn times(&self, span: &Span<'_>) -> Option<(i64, i64)> {
        let (begin, end) = (Self::find(span, self.begin), Self::find(span, self.end));
        match (begin, end) {
            (None, None) => None,
            (Some(begin), Some(end)) => Some((begin.timestamp, end.timestamp.saturating_sub(begin.timestamp))),
            (Some(one), None) | (None, Some(one)) => Some((one.timestamp, 0)),
        }
    }

    fn endpoint<'a>(&self, span: &Span<'a>) -> Option<Endpoint<'a>> {
        let found = Self::find(span, self.begin).or_else(|| Self::find(span, self.end));
        found.and_then(|annotation| annotation.endpoint.clone())
    }
}

impl Annotation<'_> {
    /// Is it one of those that stand for a kind?
    fn is_side(&self, span: &Span<'_>) -> bool {
        span.first_version && SIDES.iter().any(|side| *self.value == *side.begin || *self.value == *side.end)
    }
}

impl<'a> Span<'a> {
    /// The endpoint that anything of the span was noted at.
    fn any_endpoint(&self) -> Option<Endpoint<'a>> {
        let annotations = self.annotations.iter().filter_map(|annotation| annotation.endpoint.as_ref());
        let tags = self.tags.iter().filter_map(|tag| tag.endpoint.as_ref());
        annotations.chain(tags).find(|endpoint| !endpoint.service.is_empty()).cloned()
    }

    /// The far side of a call: named by an address, or the other of two sides.
    fn remote_of(&self, side: &Side, sides: &[&Side]) -> Option<Endpoint<'a>> {
        let address = self.addresses.iter().find(|(key, _)| **key == *side.remote);
        address
            .map(|(_, endpoint)| endpoint.clone())
            .or_else(|| sides.iter().find(|other| other.kind != side.kind).and_then(|other| other.endpoint(self)))
    }
}

fn read_span<'a>(input: &mut Input<'a>) -> Walk<Span<'a>> {
    let mut span = Span::default();
    match input.token()? {
        (Token::Object, _) => {}
        (_, offset) => return unexpected("span", "an object", offset),
    }
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        match member {
            b"traceId" => span.trace_id = id(input, "traceId")?,
            b"id" => span.id = id(input, "id")?,
            b"parentId" => span.parent = id(input, "parentId")?,
            b"name" => span.name = text(input, "name")?,
            b"kind" => span.kind = text(input, "kind")?,
            b"timestamp" => span.timestamp = micros(input, "timestamp")?,
            b"duration" => span.duration = micros(input, "duration")?,
            b"debug" => span.debug = input.bool("debug")?.unwrap_or(false),
            b"localEndpoint" => span.local = endpoint(input, "localEndpoint")?,
            b"remoteEndpoint" => span.remote = endpoint(input, "remoteEndpoint")?,
            b"annotations" => annotations(input, &mut span)?,
            b"tags" => tags(input, &mut span)?,
            b"binaryAnnotations" => {
                span.first_version = true;
                binary_annotations(input, &mut span)?;
            }
            _ => input.skip()?,
        }
    }
    if span.local.is_some() || !span.kind.is_empty() {
        span.first_version = false;
    }
    Ok(span)
}

/// An id of up to `2 * N` hex digits, zero when there is none.
fn id<const N: usize>(input: &mut Input<'_>, field: &'static str) -> Walk<[u8; N]> {
    input.reader.peek();
    let offset = input.reader.position;
    let text = input.text(field)?.map_or(&b""[..], |text| text.raw);
    let digits = (text.len() <= 2 * N)
        .then(|| text.iter().try_fold(0_u128, |id, &byte| Some(id << 4 | u128::from(char::from(byte).to_digit(16)?))));
    match digits.flatten() {
        Some(value) => {
            let mut id = [0; N];
            id.copy_from_slice(&value.to_be_bytes()[16 - N..]);
            Ok(id)
        }
        None => unexpected(field, if N == 16 { "up to 32 hex digits" } else { "up to 16 hex digits" }, offset),
    }
}

fn text<'a>(input: &mut Input<'a>, field: &'static str) -> Walk<Bytes<'a>> {
    Ok(input.text(field)?.map_or(Cow::Borrowed(&b""[..]), resolved))
}

fn resolved(text: Text<'_>) -> Bytes<'_> {
    if text.escaped { Cow::Owned(text.resolve(&mut Vec::new()).to_vec()) } else { Cow::Borrowed(text.raw) }
}

/// A number of µs, fractions cut off.
fn micros(input: &mut Input<'_>, field: &'static str) -> Walk<i64> {
    let (token, offset) = input.token()?;
    match token {
        Token::Null => Ok(0),
        Token::Number { raw, integer } => match number(raw, integer) {
            Number::Int(value) => Ok(value),
            Number::Float(value) => Ok(value as i64),
        },
        Token::Text(text) => match std::str::from_utf8(text.raw).ok().and_then(|text| text.parse().ok()) {
            Some(value) => Ok(value),
            None => unexpected(field, "a number of µs", offset),
        },
        _ => unexpected(field, "a number of µs", offset),
    }
}

fn endpoint<'a>(input: &mut Input<'a>, field: &'static str) -> Walk<Option<Endpoint<'a>>> {
    if !input.open_object(field)? {
        return Ok(None);
    }
    let mut found = Endpoint::default();
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        match member {
            b"serviceName" => found.service = text(input, "serviceName")?,
            b"ipv4" => found.address = text(input, "ipv4")?,
            b"ipv6" => {
                let address = text(input, "ipv6")?;
                if found.address.is_empty() {
                    found.address = address;
                }
            }
            b"port" => found.port = micros(input, "port")?,
            _ => input.skip()?,
        }
    }
    Ok(Some(found))
}

fn annotations<'a>(input: &mut Input<'a>, span: &mut Span<'a>) -> Walk<()> {
    let mut first = true;
    if input.open_array("annotations")? {
        while input.reader.element(std::mem::take(&mut first))? {
            if span.annotations.len() >= MAX_EVENTS {
                input.skip()?;
                span.more_annotations = span.more_annotations.saturating_add(1);
                continue;
            }
            match input.token()? {
                (Token::Object, _) => {}
                (_, offset) => return unexpected("annotation", "an object", offset),
            }
            let mut found = Annotation { timestamp: 0, value: Cow::Borrowed(b""), endpoint: None };
            let mut members = Members::new();
            while let Some(member) = members.next(input)? {
                match member {
                    b"timestamp" => found.timestamp = micros(input, "timestamp of an annotation")?,
                    b"value" => found.value = text(input, "value of an annotation")?,
                    b"endpoint" => {
                        found.endpoint = endpoint(input, "endpoint of an annotation")?;
                        span.first_version = true;
                    }
                    _ => input.skip()?,
                }
            }
            span.annotations.push(found);
        }
    }
    Ok(())
}

fn tags<'a>(input: &mut Input<'a>, span: &mut Span<'a>) -> Walk<()> {
    if !input.open_object("tags")? {
        return Ok(());
    }
    let mut first = true;
    while let Some(key) = input.reader.key(std::mem::take(&mut first))? {
        if simdutf8::basic::from_utf8(key.raw).is_err() {
            return Err(Fault::Utf8 { field: "key of a tag", offset: input.reader.position }.into());
        }
        let key = resolved(key);
        let value = tag_value(input, "value of a tag")?;
        push_tag(span, key, value, None);
    }
    Ok(())
}

fn tag_value<'a>(input: &mut Input<'a>, field: &'static str) -> Walk<TagValue<'a>> {
    input.reader.peek();
    let start = input.reader.position;
    let (token, offset) = input.token()?;
    Ok(match token {
        Token::Text(_) => {
            input.reader.position = start;
            TagValue::Text(text(input, field)?)
        }
        Token::Bool(value) => TagValue::Bool(value),
        Token::Number { raw, integer } => match number(raw, integer) {
            Number::Int(value) => TagValue::Int(value),
            Number::Float(value) => TagValue::Float(value),
        },
        Token::Null => TagValue::Text(Cow::Borrowed(b"")),
        Token::Object | Token::Array => return unexpected(field, "a text", offset),
    })
}

fn push_tag<'a>(span: &mut Span<'a>, key: Bytes<'a>, value: TagValue<'a>, endpoint: Option<Endpoint<'a>>) {
    if span.tags.len() < MAX_ATTRIBUTES {
        span.tags.push(Tag { key, value, endpoint });
    } else {
        span.more_tags = span.more_tags.saturating_add(1);
    }
}

fn binary_annotations<'a>(input: &mut Input<'a>, span: &mut Span<'a>) -> Walk<()> {
    let mut first = true;
    if !input.open_array("binaryAnnotations")? {
        return Ok(());
    }
    while input.reader.element(std::mem::take(&mut first))? {
        match input.token()? {
            (Token::Object, _) => {}
            (_, offset) => return unexpected("binary annotation", "an object", offset),
        }
        let (mut key, mut value, mut found) = (Cow::Borrowed(&b""[..]), TagValue::Text(Cow::Borrowed(b"")), None);
        let mut members = Members::new();
        while let Some(member) = members.next(input)? {
            match member {
                b"key" => key = text(input, "key of a binary annotation")?,
                b"value" => value = tag_value(input, "value of a binary annotation")?,
                b"endpoint" => found = endpoint(input, "endpoint of a binary annotation")?,
                _ => input.skip()?,
            }
        }
        match (&*key, &value, found) {
            (b"sa" | b"ca" | b"ma", TagValue::Bool(true), Some(endpoint)) => {
                if span.addresses.len() < 4 {
                    span.addresses.push((key, endpoint));
                }
            }
            (_, _, found) => push_tag(span, key, value, found),
        }
    }
    Ok(())
}
