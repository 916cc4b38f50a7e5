//! Events and links of spans: lists of rows of their own.

use crate::columns::Strings;
use crate::concat::extend_ids;
use crate::dictionary::{Dictionary, Renumbered};
use std::ops::Range;

/// Events of spans, end to end.
#[derive(Debug, Clone)]
pub struct Events {
    /// Where the spans' events end: one more than there are spans, the first is 0.
    pub offsets: Vec<u32>,
    /// When they happened, ns since the epoch.
    pub timestamps: Vec<i64>,
    /// Ids in the batch's texts.
    pub names: Vec<u32>,
    /// JSON objects with sorted keys, empty for no attributes.
    pub attributes: Strings,
}

/// Links of spans, end to end.
#[derive(Debug, Clone)]
pub struct Links {
    /// Where the spans' links end: one more than there are spans, the first is 0.
    pub offsets: Vec<u32>,
    /// Traces of the spans linked to.
    pub trace_ids: Vec<[u8; 16]>,
    /// The spans linked to.
    pub span_ids: Vec<[u8; 8]>,
    /// Ids in the batch's texts.
    pub trace_states: Vec<u32>,
    /// JSON objects with sorted keys, empty for no attributes.
    pub attributes: Strings,
}

impl Default for Events {
    fn default() -> Self {
        Self { offsets: vec![0], timestamps: Vec::new(), names: Vec::new(), attributes: Strings::default() }
    }
}

impl Default for Links {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            trace_ids: Vec::new(),
            span_ids: Vec::new(),
            trace_states: Vec::new(),
            attributes: Strings::default(),
        }
    }
}

/// Entries of a row.
fn entries(offsets: &[u32], row: usize) -> Range<usize> {
    offsets[row] as usize..offsets[row + 1] as usize
}

/// First entry of the row being built.
fn open(offsets: &[u32]) -> usize {
    offsets[offsets.len() - 1] as usize
}

impl Events {
    /// Events of a span.
    pub fn row(&self, row: usize) -> Range<usize> {
        entries(&self.offsets, row)
    }

    /// Bytes held in memory.
    pub fn num_bytes(&self) -> usize {
        4 * self.offsets.len() + 12 * self.timestamps.len() + self.attributes.num_bytes()
    }

    /// Events of the row being built.
    pub(super) fn open_entries(&self) -> usize {
        self.timestamps.len() - open(&self.offsets)
    }

    pub(super) fn push(&mut self, timestamp: i64, name: u32, attributes: &[u8]) {
        self.timestamps.push(timestamp);
        self.names.push(name);
        self.attributes.push(attributes);
    }

    pub(super) fn end_row(&mut self) {
        self.offsets.push(self.timestamps.len() as u32);
    }

    pub(super) fn abort_row(&mut self) {
        let open = open(&self.offsets);
        self.timestamps.truncate(open);
        self.names.truncate(open);
        self.attributes.truncate(open);
    }

    pub(super) fn append(&mut self, part: &Self, texts: &[u32]) {
        let start = self.timestamps.len() as u32;
        self.offsets.extend(part.offsets[1..].iter().map(|offset| start + offset));
        self.timestamps.extend_from_slice(&part.timestamps);
        extend_ids(&mut self.names, &part.names, texts);
        self.attributes.extend(&part.attributes);
    }

    pub(super) fn take(&self, rows: &[usize], texts: &mut Renumbered<'_, 1>, into: &mut Dictionary<1>) -> Self {
        let mut taken = Self::default();
        for &row in rows {
            for entry in self.row(row) {
                let name = texts.id(into, self.names[entry]);
                taken.push(self.timestamps[entry], name, self.attributes.get(entry));
            }
            taken.end_row();
        }
        taken
    }
}

impl Links {
    /// Links of a span.
    pub fn row(&self, row: usize) -> Range<usize> {
        entries(&self.offsets, row)
    }

    /// Bytes held in memory.
    pub fn num_bytes(&self) -> usize {
        4 * self.offsets.len() + 28 * self.trace_ids.len() + self.attributes.num_bytes()
    }

    /// Links of the row being built.
    pub(super) fn open_entries(&self) -> usize {
        self.trace_ids.len() - open(&self.offsets)
    }

    pub(super) fn push(&mut self, trace_id: [u8; 16], span_id: [u8; 8], trace_state: u32, attributes: &[u8]) {
        self.trace_ids.push(trace_id);
        self.span_ids.push(span_id);
        self.trace_states.push(trace_state);
        self.attributes.push(attributes);
    }

    pub(super) fn end_row(&mut self) {
        self.offsets.push(self.trace_ids.len() as u32);
    }

    pub(super) fn abort_row(&mut self) {
        let open = open(&self.offsets);
        self.trace_ids.truncate(open);
        self.span_ids.truncate(open);
        self.trace_states.truncate(open);
        self.attributes.truncate(open);
    }

    pub(super) fn append(&mut self, part: &Self, texts: &[u32]) {
        let start = self.trace_ids.len() as u32;
        self.offsets.extend(part.offsets[1..].iter().map(|offset| start + offset));
        self.trace_ids.extend_from_slice(&part.trace_ids);
        self.span_ids.extend_from_slice(&part.span_ids);
        extend_ids(&mut self.trace_states, &part.trace_states, texts);
        self.attributes.extend(&part.attributes);
    }

    pub(super) fn take(&self, rows: &[usize], texts: &mut Renumbered<'_, 1>, into: &mut Dictionary<1>) -> Self {
        let mut taken = Self::default();
        for &row in rows {
            for entry in self.row(row) {
                let state = texts.id(into, self.trace_states[entry]);
                taken.push(self.trace_ids[entry], self.span_ids[entry], state, self.attributes.get(entry));
            }
            taken.end_row();
        }
        taken
    }
}
