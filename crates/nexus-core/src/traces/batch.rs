//! `SpanBatch`, the columnar batch of spans.

use super::links::{Events, Links};
use crate::attributes::Attributes;
use crate::concat::{TooMuch, check_sizes, extend_ids};
use crate::dictionary::{Dictionary, Renumbered};
use crate::origins::Origins;
use crate::rows::Rows;
use crate::select::take::marked;
use std::collections::HashSet;

/// Spans in columns. Times are nanoseconds since the Unix epoch, never negative.
///
/// Rows of one batch belong to one tenant. What repeats is kept once: resource, scope and text ids are indices into the
/// dictionaries beside them, attribute keys are ids of `attributes.keys`.
#[derive(Debug, Clone, Default)]
pub struct SpanBatch {
    /// Resources and scopes. Its usage counts the bytes of names, status messages, attributes, events and links.
    pub origins: Origins,
    /// Never zero.
    pub trace_ids: Vec<[u8; 16]>,
    /// Never zero.
    pub span_ids: Vec<[u8; 8]>,
    /// Zero for a root.
    pub parent_span_ids: Vec<[u8; 8]>,
    /// When they began.
    pub timestamps: Vec<i64>,
    /// How long they took, ns.
    pub durations: Vec<u64>,
    /// Ids in `texts`.
    pub names: Vec<u32>,
    /// OpenTelemetry's `SpanKind`, 0 to 5.
    pub kinds: Vec<u8>,
    /// OpenTelemetry's `StatusCode`, 0 to 2.
    pub statuses: Vec<u8>,
    /// Ids in `texts`.
    pub status_messages: Vec<u32>,
    /// Ids in `texts`.
    pub trace_states: Vec<u32>,
    /// W3C trace flags and OpenTelemetry's bits above them.
    pub flags: Vec<u32>,
    /// How many spans each stands for, see [`super::weight`].
    pub weights: Vec<f32>,
    /// Attributes that the sender or we left out.
    pub dropped_attributes: Vec<u32>,
    /// Events that the sender or we left out.
    pub dropped_events: Vec<u32>,
    /// Links that the sender or we left out.
    pub dropped_links: Vec<u32>,
    /// Attributes.
    pub attributes: Attributes,
    /// Events.
    pub events: Events,
    /// Links.
    pub links: Links,
    /// Names, status messages, trace states. Id 0 is the empty text.
    pub texts: Dictionary<1>,
}

impl Rows for SpanBatch {
    fn origins(&self) -> &Origins {
        &self.origins
    }
    fn attributes(&self) -> &Attributes {
        &self.attributes
    }
    fn timestamps(&self) -> &[i64] {
        &self.timestamps
    }
}

impl SpanBatch {
    /// No spans yet.
    pub(super) fn empty() -> Self {
        let mut batch = Self::default();
        batch.texts.intern([b""]);
        batch
    }

    /// Number of spans.
    pub fn num_rows(&self) -> usize {
        self.timestamps.len()
    }

    /// Make room.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.origins.reserve(rows);
        self.trace_ids.reserve(rows);
        self.span_ids.reserve(rows);
        self.parent_span_ids.reserve(rows);
        self.timestamps.reserve(rows);
        self.durations.reserve(rows);
        self.names.reserve(rows);
        self.kinds.reserve(rows);
        self.statuses.reserve(rows);
        self.status_messages.reserve(rows);
        self.trace_states.reserve(rows);
        self.flags.reserve(rows);
        self.weights.reserve(rows);
        self.dropped_attributes.reserve(rows);
        self.dropped_events.reserve(rows);
        self.dropped_links.reserve(rows);
        self.events.offsets.reserve(rows);
        self.links.offsets.reserve(rows);
    }

    /// Bytes held in memory by the columns.
    pub fn num_bytes(&self) -> usize {
        let per_row = 8 + 16 + 8 + 8 + 8 + 8 + 4 + 1 + 1 + 4 + 4 + 4 + 4 + 12 + 4 * 5;
        per_row * self.num_rows()
            + self.attributes.num_bytes()
            + self.origins.dictionary_bytes()
            + self.events.num_bytes()
            + self.links.num_bytes()
            + self.texts.num_bytes()
    }

    /// (UTC day since the epoch, spans that began on it), by day.
    pub fn days(&self) -> Vec<(u32, u64)> {
        self.origins.days()
    }

    /// (service, spans, bytes) by service; bytes are those of names, status messages, attributes, events and links.
    pub fn services(&self) -> Vec<(String, u64, u64)> {
        self.origins.services()
    }

    /// Bytes of a span as [`Self::services`] counts them.
    pub(super) fn row_bytes(&self, row: usize) -> usize {
        let text = |id: u32| self.texts.get(id, 0).len();
        let events = self.events.row(row).map(|at| text(self.events.names[at]) + self.events.attributes.get(at).len());
        let links = self.links.row(row).map(|at| 24 + self.links.attributes.get(at).len());
        text(self.names[row])
            + text(self.status_messages[row])
            + self.attributes.row_bytes(row)
            + events.sum::<usize>()
            + links.sum::<usize>()
    }

    /// The spans that `mask` marks, in order; what the mask does not reach is left out.
    #[must_use]
    pub fn take(&self, mask: &[bool]) -> Self {
        let rows = marked(mask, self.num_rows());
        let mut taken = Self::empty();
        taken.reserve(rows.len());
        let mut texts = Renumbered::new(&self.texts);
        for &row in &rows {
            taken.trace_ids.push(self.trace_ids[row]);
            taken.span_ids.push(self.span_ids[row]);
            taken.parent_span_ids.push(self.parent_span_ids[row]);
            taken.timestamps.push(self.timestamps[row]);
            taken.durations.push(self.durations[row]);
            taken.names.push(texts.id(&mut taken.texts, self.names[row]));
            taken.kinds.push(self.kinds[row]);
            taken.statuses.push(self.statuses[row]);
            taken.status_messages.push(texts.id(&mut taken.texts, self.status_messages[row]));
            taken.trace_states.push(texts.id(&mut taken.texts, self.trace_states[row]));
            taken.flags.push(self.flags[row]);
            taken.weights.push(self.weights[row]);
            taken.dropped_attributes.push(self.dropped_attributes[row]);
            taken.dropped_events.push(self.dropped_events[row]);
            taken.dropped_links.push(self.dropped_links[row]);
        }
        taken.attributes = self.attributes.take(&rows);
        taken.events = self.events.take(&rows, &mut texts, &mut taken.texts);
        taken.links = self.links.take(&rows, &mut texts, &mut taken.texts);
        taken.origins = self.origins.take(&rows, |row| (self.timestamps[row], self.row_bytes(row)));
        taken
    }

    /// Each span once: the first of those with one trace id, span id and kind.
    #[must_use]
    pub fn distinct(&self) -> Self {
        let mut seen = HashSet::with_capacity_and_hasher(self.num_rows(), foldhash::fast::RandomState::default());
        let mask: Vec<bool> = (0..self.num_rows())
            .map(|row| seen.insert((self.trace_ids[row], self.span_ids[row], self.kinds[row])))
            .collect();
        self.take(&mask)
    }

    fn append(&mut self, part: &Self) {
        let texts = self.texts.absorb(&part.texts);
        self.origins.append(&part.origins);
        self.attributes.append(&part.attributes);
        self.trace_ids.extend_from_slice(&part.trace_ids);
        self.span_ids.extend_from_slice(&part.span_ids);
        self.parent_span_ids.extend_from_slice(&part.parent_span_ids);
        self.timestamps.extend_from_slice(&part.timestamps);
        self.durations.extend_from_slice(&part.durations);
        extend_ids(&mut self.names, &part.names, &texts);
        self.kinds.extend_from_slice(&part.kinds);
        self.statuses.extend_from_slice(&part.statuses);
        extend_ids(&mut self.status_messages, &part.status_messages, &texts);
        extend_ids(&mut self.trace_states, &part.trace_states, &texts);
        self.flags.extend_from_slice(&part.flags);
        self.weights.extend_from_slice(&part.weights);
        self.dropped_attributes.extend_from_slice(&part.dropped_attributes);
        self.dropped_events.extend_from_slice(&part.dropped_events);
        self.dropped_links.extend_from_slice(&part.dropped_links);
        self.events.append(&part.events, &texts);
        self.links.append(&part.links, &texts);
    }
}

/// The spans of all parts, in order.
pub fn concat(parts: &[&SpanBatch]) -> Result<SpanBatch, TooMuch> {
    check_sizes(
        parts,
        &[
            |part| part.texts.num_bytes(),
            |part| part.events.attributes.data().len(),
            |part| part.links.attributes.data().len(),
            |part| part.events.timestamps.len(),
        ],
    )?;
    let mut whole = SpanBatch::empty();
    whole.reserve(parts.iter().map(|part| part.num_rows()).sum());
    for part in parts {
        whole.append(part);
    }
    Ok(whole)
}
