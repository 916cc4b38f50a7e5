//! Spans of Zipkin and Jaeger: tags that say what OpenTelemetry has fields for.
//!
//! OpenTelemetry's exporters to both write kind, status, scope and trace state as tags, OpenTracing's clients `span.kind` and
//! `error`; these become fields again. Everything else is an attribute.

use super::batch::SpanBatch;
use super::builder::SpanBatchBuilder;
use crate::decode::Decoded;
use crate::otlp::fault::Fault;
use crate::otlp::records::{Extras, Records, UNKNOWN_SERVICE, utf8};
use crate::otlp::text::{Object, Scalar, write_scalar};
use crate::rows::RowBuilder;
use std::borrow::Cow;

/// OpenTelemetry's `StatusCode`.
const OK: u64 = 1;
const ERROR: u64 = 2;

/// The spans on their way into a batch.
pub(super) struct TaggedSpans {
    records: Records<SpanBatchBuilder>,
    status: u64,
    message: Vec<u8>,
    scope: [Vec<u8>; 2],
    text: Vec<u8>,
}

impl TaggedSpans {
    /// No spans yet; `now_ns` stands in for missing times.
    pub fn new(now_ns: i64) -> Self {
        Self {
            records: Records::new(SpanBatchBuilder::new(now_ns)),
            status: 0,
            message: Vec::new(),
            scope: [Vec::new(), Vec::new()],
            text: Vec::new(),
        }
    }

    /// The answer.
    pub fn finish(self) -> Decoded<SpanBatch> {
        self.records.finish()
    }

    /// Process of the spans that follow.
    pub fn set_process(&mut self, process: &Process) {
        let service = if process.service.is_empty() { UNKNOWN_SERVICE } else { &process.service };
        self.builder().set_resource(utf8(service), utf8(&process.json));
    }

    /// Fields of the span being read.
    pub fn builder(&mut self) -> &mut SpanBatchBuilder {
        &mut self.records.builder
    }

    /// Start the next span. Some when it is rejected without a look at it; it ends with [`Self::end`] too.
    pub fn begin(&mut self) -> Option<Fault> {
        self.status = 0;
        self.message.clear();
        self.scope.iter_mut().for_each(Vec::clear);
        self.records.begin()
    }

    /// Take the span, or reject it.
    pub fn end(&mut self, span: Result<(), Fault>) {
        let builder = &mut self.records.builder;
        builder.status(self.status);
        builder.status_message(utf8(&self.message));
        builder.set_scope(utf8(&self.scope[0]), utf8(&self.scope[1]), "");
        self.records.end(span);
    }

    /// Count something that is no span.
    pub fn reject(&mut self, message: impl FnOnce() -> String) {
        self.records.reject(message);
    }

    /// When it began, in µs since the epoch, 0 when that is not known, and how long it took.
    pub fn times(&mut self, start: i64, duration: i64) -> Result<(), Fault> {
        let start = nanos("start", start)?;
        let duration = duration.checked_mul(1000).ok_or(Fault::Micros { field: "duration", value: duration })?;
        self.times_ns(start, duration)
    }

    /// The same in ns. A negative duration is an end before the start, which the builder marks.
    pub fn times_ns(&mut self, start: i64, duration: i64) -> Result<(), Fault> {
        let start = if start == 0 { self.builder().now_ns() } else { start };
        let end = start.checked_add(duration).ok_or(Fault::Micros { field: "end", value: i64::MAX })?;
        self.builder().times(start, end.max(0));
        Ok(())
    }

    /// A tag of the span. Keys and texts are valid UTF-8.
    pub fn tag(&mut self, key: &[u8], value: Scalar<'_>) {
        match (key, value) {
            (b"", _) => self.builder().attributes().drop_attribute(),
            (b"span.kind", Scalar::Text(kind)) => match kind_of(kind) {
                Some(kind) => self.builder().kind(kind),
                None => self.attribute(key, value),
            },
            (b"error", Scalar::Bool(error)) => self.error(error),
            (b"error", Scalar::Text(b"true" | b"1")) => self.error(true),
            (b"error", Scalar::Text(b"false" | b"0")) | (b"otel.status_code", Scalar::Text(b"UNSET")) => {}
            (b"error", Scalar::Text(message)) => {
                self.error(true);
                if self.message.is_empty() {
                    self.message.extend_from_slice(message);
                }
            }
            (b"otel.status_code", Scalar::Text(b"OK")) => self.status = OK,
            (b"otel.status_code", Scalar::Text(b"ERROR")) => self.status = ERROR,
            (b"otel.status_description", Scalar::Text(message)) => set(&mut self.message, message),
            (b"otel.scope.name" | b"otel.library.name", Scalar::Text(name)) => set(&mut self.scope[0], name),
            (b"otel.scope.version" | b"otel.library.version", Scalar::Text(version)) => {
                set(&mut self.scope[1], version);
            }
            (b"w3c.tracestate", Scalar::Text(state)) => self.builder().trace_state(utf8(state)),
            _ => self.attribute(key, value),
        }
    }

    fn error(&mut self, error: bool) {
        if error {
            self.status = ERROR;
        }
    }

    /// An attribute, whatever its key says.
    pub fn attribute(&mut self, key: &[u8], value: Scalar<'_>) {
        if let Some(key) = self.builder().attributes().key_id(key) {
            self.records.attribute(key, value);
        }
    }

    /// An event at a time in ns, named by its field `event`.
    pub fn event<'f>(&mut self, timestamp: i64, fields: impl Iterator<Item = (&'f [u8], Scalar<'f>)>) {
        if !self.builder().admits_event() {
            return;
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let mut name = &b"log"[..];
        let mut extras = Extras::default();
        for (key, value) in fields {
            match (key, value) {
                (b"event", Scalar::Text(event)) => name = event,
                _ if extras.admits() => add(&mut text, &mut extras, key, value),
                _ => {}
            }
        }
        extras.close(&mut text);
        self.builder().event(timestamp, utf8(name), &text);
        self.text = text;
    }

    /// A link to a span that is not the parent.
    pub fn link(&mut self, trace_id: [u8; 16], span_id: [u8; 8], attributes: &[u8]) {
        if trace_id == [0; 16] || span_id == [0; 8] {
            self.builder().drop_link();
        } else if self.builder().admits_link() {
            self.builder().link(trace_id, span_id, "", attributes);
        }
    }
}

fn add<'a>(out: &mut Vec<u8>, extras: &mut Extras<'a>, key: &'a [u8], value: Scalar<'_>) {
    let object = extras.object(out);
    let start = out.len();
    write_scalar(out, value);
    object.member(out, start, Cow::Borrowed(key));
}

fn set(text: &mut Vec<u8>, value: &[u8]) {
    text.clear();
    text.extend_from_slice(value);
}

/// The number of a kind by its name in lower or upper case.
pub(super) fn kind_of(name: &[u8]) -> Option<u64> {
    let names = ["internal", "server", "client", "producer", "consumer"];
    names.iter().position(|known| name.eq_ignore_ascii_case(known.as_bytes())).map(|index| index as u64 + 1)
}

/// Nanoseconds of a time in µs.
pub(super) fn nanos(field: &'static str, micros: i64) -> Result<i64, Fault> {
    micros.checked_mul(1000).filter(|&ns| ns >= 0).ok_or(Fault::Micros { field, value: micros })
}

/// What spans come from: a service and what else is known of it.
#[derive(Debug, Default)]
pub(super) struct Process {
    service: Vec<u8>,
    json: Vec<u8>,
}

impl Process {
    /// From its name and tags, in any order.
    pub fn new<'t>(service: &[u8], tags: impl Iterator<Item = (&'t [u8], Scalar<'t>)>) -> Self {
        let mut json = Vec::new();
        let mut object = Object::open(&mut json);
        for (key, value) in tags.filter(|(key, _)| !key.is_empty()) {
            let start = json.len();
            write_scalar(&mut json, value);
            object.member(&mut json, start, Cow::Borrowed(key));
        }
        if !service.is_empty() {
            let start = json.len();
            write_scalar(&mut json, Scalar::Text(service));
            object.member(&mut json, start, Cow::Borrowed(b"service.name"));
        }
        object.close(&mut json);
        Self { service: service.to_vec(), json }
    }
}
