//! The builder that decoders fill span by span.

use super::batch::SpanBatch;
use super::weight::weight_of;
use crate::attributes::{AttributesBuilder, KeyId};
use crate::limits::{MAX_EVENTS, MAX_LINKS, MAX_RECORDS};
use crate::origins::OriginsBuilder;
use crate::rows::{RecordError, RowBuilder};

/// Boolean attribute of spans whose sender says that they ended before they began.
pub const END_BEFORE_START: &str = "nexus.end_before_start";

/// Builds a [`SpanBatch`] span by span; see [`RowBuilder`]. Texts must be valid UTF-8.
///
/// Fields not given are empty or zero. A span without a start begins when it ends, one without both now.
#[derive(Debug)]
pub struct SpanBatchBuilder {
    batch: SpanBatch,
    origins: OriginsBuilder,
    attributes: AttributesBuilder,
    now_ns: i64,
    span: Scalars,
    /// Bytes of its events and links.
    list_bytes: u64,
    last_text: [u32; 3],
    last_weight: (u32, f32),
    end_before_start: Option<KeyId>,
}

/// Scalars of the span being built.
#[derive(Debug, Default)]
struct Scalars {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    parent_span_id: [u8; 8],
    start: i64,
    end: i64,
    name: u32,
    kind: u8,
    status: u8,
    status_message: u32,
    trace_state: u32,
    flags: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
}

/// Kinds of texts whose last one is remembered: the next is often the same.
#[derive(Clone, Copy)]
enum Last {
    StatusMessage,
    TraceState,
    EventName,
}

impl SpanBatchBuilder {
    /// An empty batch; `now_ns` stands in for missing times.
    pub fn new(now_ns: i64) -> Self {
        Self {
            batch: SpanBatch::empty(),
            origins: OriginsBuilder::default(),
            attributes: AttributesBuilder::new(false),
            now_ns: now_ns.max(0),
            span: Scalars::default(),
            list_bytes: 0,
            last_text: [0; 3],
            last_weight: (0, 1.0),
            end_before_start: None,
        }
    }

    /// Make room for the spans of a body of so many bytes, at a guess.
    pub fn reserve(&mut self, body_bytes: usize) {
        let rows = body_bytes / 256;
        self.batch.reserve(rows);
        self.origins.columns.reserve(rows);
        self.attributes.columns.strings.values.reserve(4 * rows, body_bytes / 8);
    }

    /// What stands in for missing times.
    pub fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// Which trace the span belongs to. A span of a trace of zeros is refused.
    #[inline]
    pub fn trace_id(&mut self, id: [u8; 16]) {
        self.span.trace_id = id;
    }

    /// Id of the span. One of zeros is refused.
    #[inline]
    pub fn span_id(&mut self, id: [u8; 8]) {
        self.span.span_id = id;
    }

    /// Id of the span that caused it; zeros mean none.
    #[inline]
    pub fn parent_span_id(&mut self, id: [u8; 8]) {
        self.span.parent_span_id = id;
    }

    /// When it began and ended, ns since the epoch; 0 when that is not known. Negative times are refused.
    #[inline]
    pub fn times(&mut self, start: i64, end: i64) {
        (self.span.start, self.span.end) = (start, end);
    }

    /// What it does.
    #[inline]
    pub fn name(&mut self, name: &str) {
        self.span.name = self.batch.texts.intern([name.as_bytes()]);
    }

    /// OpenTelemetry's `SpanKind`; numbers it does not have are unspecified (0).
    #[inline]
    pub fn kind(&mut self, kind: u64) {
        self.span.kind = if kind <= 5 { kind as u8 } else { 0 };
    }

    /// OpenTelemetry's `StatusCode`; numbers it does not have are unset (0).
    #[inline]
    pub fn status(&mut self, status: u64) {
        self.span.status = if status <= 2 { status as u8 } else { 0 };
    }

    /// What is to be said about the status.
    pub fn status_message(&mut self, message: &str) {
        self.span.status_message = self.text(Last::StatusMessage, message.as_bytes());
    }

    /// W3C trace state.
    pub fn trace_state(&mut self, state: &str) {
        self.span.trace_state = self.text(Last::TraceState, state.as_bytes());
    }

    /// W3C trace flags and what OpenTelemetry keeps above them.
    #[inline]
    pub fn flags(&mut self, flags: u32) {
        self.span.flags = flags;
    }

    /// What the sender left out of the span: attributes, events, links. Once a span.
    pub fn dropped(&mut self, attributes: u32, events: u32, links: u32) {
        self.span.dropped_attributes = attributes;
        self.span.dropped_events = self.span.dropped_events.saturating_add(events);
        self.span.dropped_links = self.span.dropped_links.saturating_add(links);
    }

    /// Is there room for another event of the span? If not, count one that is left out.
    pub fn admits_event(&mut self) -> bool {
        let events = &self.batch.events;
        let admitted = events.open_entries() < MAX_EVENTS && (events.timestamps.len() as u64) < MAX_RECORDS;
        self.span.dropped_events = self.span.dropped_events.saturating_add(u32::from(!admitted));
        admitted
    }

    /// An event, once it is admitted. `attributes`: nothing, or a JSON object with sorted keys. Without a time (0) it happened
    /// when the span began.
    pub fn event(&mut self, timestamp: i64, name: &str, attributes: &[u8]) {
        let id = self.text(Last::EventName, name.as_bytes());
        self.batch.events.push(timestamp, id, attributes);
        self.list_bytes += (name.len() + attributes.len()) as u64;
    }

    /// Is there room for another link of the span? If not, count one that is left out.
    pub fn admits_link(&mut self) -> bool {
        let links = &self.batch.links;
        let admitted = links.open_entries() < MAX_LINKS && (links.trace_ids.len() as u64) < MAX_RECORDS;
        if !admitted {
            self.drop_link();
        }
        admitted
    }

    /// Count a link that cannot be kept.
    pub fn drop_link(&mut self) {
        self.span.dropped_links = self.span.dropped_links.saturating_add(1);
    }

    /// A link, once it is admitted. `attributes` as those of events.
    pub fn link(&mut self, trace_id: [u8; 16], span_id: [u8; 8], trace_state: &str, attributes: &[u8]) {
        let state = self.text(Last::TraceState, trace_state.as_bytes());
        self.batch.links.push(trace_id, span_id, state, attributes);
        self.list_bytes += 24 + attributes.len() as u64;
    }

    /// Id of a text.
    #[inline]
    fn text(&mut self, kind: Last, text: &[u8]) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let last = &mut self.last_text[kind as usize];
        if self.batch.texts.get(*last, 0) != text {
            *last = self.batch.texts.intern([text]);
        }
        *last
    }

    /// Index of the span's day, when the span is acceptable.
    fn checked_day(&mut self) -> Result<usize, RecordError> {
        if self.span.trace_id == [0; 16] {
            return Err(RecordError::NoId("trace id"));
        }
        if self.span.span_id == [0; 8] {
            return Err(RecordError::NoId("span id"));
        }
        if self.span.start == 0 {
            self.span.start = if self.span.end > 0 { self.span.end } else { self.now_ns };
            self.span.end = self.span.start;
        }
        if self.span.end < 0 {
            return Err(RecordError::TimeOutOfRange(self.span.end));
        }
        let batch = &self.batch;
        let column = self
            .attributes
            .columns
            .text_bytes()
            .max(batch.events.attributes.data().len())
            .max(batch.links.attributes.data().len())
            .max(batch.texts.num_bytes());
        self.origins.admit(self.span.start, column)
    }

    #[cold]
    fn note_end_before_start(&mut self) {
        let key = self.end_before_start.or_else(|| self.attributes.key_id(END_BEFORE_START.as_bytes()));
        if let Some(key) = key {
            self.end_before_start = Some(key);
            self.attributes.bool(key, true);
        }
    }

    /// Events without a time get the span's start.
    fn fill_event_times(&mut self) {
        let open = self.batch.events.timestamps.len() - self.batch.events.open_entries();
        for timestamp in &mut self.batch.events.timestamps[open..] {
            if *timestamp == 0 {
                *timestamp = self.span.start;
            }
        }
    }

    fn commit_to_day(&mut self, day: usize) {
        if self.span.end < self.span.start {
            self.note_end_before_start();
        }
        self.fill_event_times();
        let dropped = u32::try_from(self.attributes.dropped()).unwrap_or(u32::MAX);
        let attribute_bytes = self.attributes.commit();
        let span = &self.span;
        let batch = &mut self.batch;
        let text_bytes = batch.texts.get(span.name, 0).len() + batch.texts.get(span.status_message, 0).len();
        if self.last_weight.0 != span.trace_state {
            self.last_weight = (span.trace_state, weight_of(batch.texts.get(span.trace_state, 0)));
        }
        batch.trace_ids.push(span.trace_id);
        batch.span_ids.push(span.span_id);
        batch.parent_span_ids.push(span.parent_span_id);
        batch.timestamps.push(span.start);
        batch.durations.push((span.end - span.start).max(0) as u64);
        batch.names.push(span.name);
        batch.kinds.push(span.kind);
        batch.statuses.push(span.status);
        batch.status_messages.push(span.status_message);
        batch.trace_states.push(span.trace_state);
        batch.flags.push(span.flags);
        batch.weights.push(self.last_weight.1);
        batch.dropped_attributes.push(span.dropped_attributes.saturating_add(dropped));
        batch.dropped_events.push(span.dropped_events);
        batch.dropped_links.push(span.dropped_links);
        batch.events.end_row();
        batch.links.end_row();
        self.origins.commit(day, attribute_bytes + self.list_bytes + text_bytes as u64);
    }
}

impl RowBuilder for SpanBatchBuilder {
    type Batch = SpanBatch;

    fn set_resource(&mut self, service: &str, resource_json: &str) {
        self.origins.set_resource(service, resource_json);
    }

    fn set_scope(&mut self, name: &str, version: &str, attributes_json: &str) {
        self.origins.set_scope(name, version, attributes_json);
    }

    #[inline]
    fn begin(&mut self) {
        self.batch.events.abort_row();
        self.batch.links.abort_row();
        self.attributes.begin();
        self.span = Scalars::default();
        self.list_bytes = 0;
    }

    #[inline]
    fn attributes(&mut self) -> &mut AttributesBuilder {
        &mut self.attributes
    }

    fn commit(&mut self) -> Result<(), RecordError> {
        match self.checked_day() {
            Ok(day) => {
                self.commit_to_day(day);
                Ok(())
            }
            Err(error) => {
                self.abort();
                Err(error)
            }
        }
    }

    fn abort(&mut self) {
        self.batch.events.abort_row();
        self.batch.links.abort_row();
        self.attributes.abort();
    }

    fn finish(mut self) -> SpanBatch {
        self.abort();
        SpanBatch { origins: self.origins.columns, attributes: self.attributes.finish(), ..self.batch }
    }
}
