//! `LogBatch`, the columnar batch of log records, and the builder that decoders fill record by record.

use crate::columns::{MapColumn, REPLACED, Strings};
use crate::dictionary::Dictionary;
use crate::limits::{
    DROPPED_ATTRIBUTES, MAX_ATTRIBUTES, MAX_BATCH_DAYS, MAX_BATCH_KEYS, MAX_BODY_BYTES, MAX_COLUMN_BYTES,
    MAX_KEY_BYTES, MAX_RECORDS,
};
use crate::severity;
use crate::template::{Skeletons, Templater};
use std::fmt;

/// Nanoseconds of a day.
pub const DAY_NS: i64 = 86_400_000_000_000;
/// Nanoseconds of an hour.
pub const HOUR_NS: i64 = 3_600_000_000_000;

/// Log records in columns. Times are nanoseconds since the Unix epoch, never negative.
///
/// Rows of one batch belong to one tenant. What repeats is kept once: `resource_ids`, `scope_ids` and the text ids are
/// indices into the dictionaries beside them, attribute keys are ids of `keys`.
#[derive(Debug, Clone, Default)]
pub struct LogBatch {
    /// When it happened.
    pub timestamps: Vec<i64>,
    /// When it was seen.
    pub observed_timestamps: Vec<i64>,
    /// Ids in `resources`.
    pub resource_ids: Vec<u32>,
    /// Ids in `scopes`.
    pub scope_ids: Vec<u32>,
    /// OpenTelemetry severity numbers, 0 when unset.
    pub severity_numbers: Vec<u8>,
    /// Ids in `texts`.
    pub severity_texts: Vec<u32>,
    /// Messages.
    pub bodies: Strings,
    /// Zero when absent.
    pub trace_ids: Vec<[u8; 16]>,
    /// Zero when absent.
    pub span_ids: Vec<[u8; 8]>,
    /// W3C trace flags.
    pub trace_flags: Vec<u8>,
    /// Ids in `texts`.
    pub event_names: Vec<u32>,
    /// See [`crate::template`].
    pub template_ids: Vec<u64>,
    /// Ids in `skeletons`, derived from the bodies.
    pub skeleton_ids: Vec<u32>,
    /// Text attributes.
    pub strings: MapColumn<Strings>,
    /// Integer attributes.
    pub ints: MapColumn<Vec<i64>>,
    /// Floating point attributes.
    pub floats: MapColumn<Vec<f64>>,
    /// Boolean attributes.
    pub bools: MapColumn<Vec<bool>>,
    /// Arrays, objects and the like, as JSON text.
    pub jsons: MapColumn<Strings>,
    /// (service name, resource attributes as JSON with sorted keys).
    pub resources: Dictionary<2>,
    /// (name, version, attributes as JSON with sorted keys).
    pub scopes: Dictionary<3>,
    /// Severity texts and event names. Id 0 is the empty text.
    pub texts: Dictionary<1>,
    /// Attribute keys.
    pub keys: Dictionary<1>,
    /// Skeletons of the bodies.
    pub skeletons: Skeletons,
    /// (day since the epoch, rows), in order of appearance.
    pub days: Vec<(u32, u64)>,
    /// Per resource id: rows, and bytes of their bodies, attribute keys and attribute values.
    pub usage: Vec<(u64, u64)>,
}

impl LogBatch {
    /// Number of records.
    pub fn num_rows(&self) -> usize {
        self.timestamps.len()
    }

    /// Make room for rows with bodies of so many bytes together.
    pub(crate) fn reserve(&mut self, rows: usize, body_bytes: usize) {
        self.timestamps.reserve(rows);
        self.observed_timestamps.reserve(rows);
        self.resource_ids.reserve(rows);
        self.scope_ids.reserve(rows);
        self.severity_numbers.reserve(rows);
        self.severity_texts.reserve(rows);
        self.trace_ids.reserve(rows);
        self.span_ids.reserve(rows);
        self.trace_flags.reserve(rows);
        self.event_names.reserve(rows);
        self.template_ids.reserve(rows);
        self.skeleton_ids.reserve(rows);
        self.bodies.reserve(rows, body_bytes);
    }

    /// Bytes held in memory by the columns.
    pub fn num_bytes(&self) -> usize {
        let per_row = 8 + 8 + 4 + 4 + 1 + 4 + 16 + 8 + 1 + 4 + 8 + 4 + 4 * 5;
        let entries = 4
            * (self.strings.keys.len()
                + self.ints.keys.len()
                + self.floats.keys.len()
                + self.bools.keys.len()
                + self.jsons.keys.len());
        per_row * self.num_rows()
            + entries
            + self.bodies.num_bytes()
            + self.strings.values.num_bytes()
            + self.jsons.values.num_bytes()
            + 8 * (self.ints.values.len() + self.floats.values.len())
            + self.bools.values.len()
            + self.resources.num_bytes()
            + self.scopes.num_bytes()
            + self.texts.num_bytes()
            + self.keys.num_bytes()
            + self.skeletons.num_bytes()
    }

    /// (UTC day since the epoch, rows), by day.
    pub fn days(&self) -> Vec<(u32, u64)> {
        let mut days = self.days.clone();
        days.sort_unstable();
        days
    }

    /// (service, rows, bytes) by service; bytes are those of bodies, attribute keys and attribute values.
    pub fn services(&self) -> Vec<(String, u64, u64)> {
        let mut services = std::collections::BTreeMap::<&[u8], (u64, u64)>::new();
        for (id, &(rows, bytes)) in self.usage.iter().enumerate().filter(|(_, usage)| usage.0 > 0) {
            let sum = services.entry(self.resources.get(id as u32, 0)).or_default();
            sum.0 += rows;
            sum.1 += bytes;
        }
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        services.into_iter().map(|(name, (rows, bytes))| (text(name), rows, bytes)).collect()
    }
}

/// Why a record was not taken into the batch. Displays as a sentence for the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordError {
    /// The timestamp lies before 1970.
    TimeOutOfRange(i64),
    /// The batch already spans [`MAX_BATCH_DAYS`] days.
    TooManyDays,
    /// Bytes of the body.
    BodyTooLarge(usize),
    /// A column of the batch would exceed [`MAX_COLUMN_BYTES`].
    BatchFull,
    /// The batch has [`MAX_RECORDS`] already.
    TooManyRecords,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeOutOfRange(time) => {
                write!(f, "timestamp {time} ns is outside of 1970-01-01 to 2262-04-11")
            }
            Self::TooManyDays => {
                write!(f, "the batch spans more than {MAX_BATCH_DAYS} days: send older and newer records apart")
            }
            Self::BodyTooLarge(bytes) => write!(f, "body of {bytes} bytes is larger than {MAX_BODY_BYTES}"),
            Self::BatchFull => write!(f, "the batch is larger than {MAX_COLUMN_BYTES} bytes: send smaller batches"),
            Self::TooManyRecords => write!(f, "the request has more than {MAX_RECORDS} records: send smaller batches"),
        }
    }
}

impl std::error::Error for RecordError {}

/// Attribute type of a key's entry within the record being built.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Text,
    Int,
    Float,
    Bool,
    Json,
}

/// What the builder knows of a key: the last record that had it, and where that entry is.
#[derive(Debug, Clone, Copy)]
struct KeyUse {
    record: u32,
    slot: Slot,
    index: u32,
}

/// An interned attribute key, valid for the builder that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyId(u32);

impl KeyId {
    /// Dense index, from 0 in order of first appearance.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Builds a [`LogBatch`] record by record.
///
/// `set_resource` and `set_scope` hold until set again. A record is `begin_record`, its fields in any order, then
/// `commit_record`, which checks it and may refuse it, or `abort_record`; a record not committed leaves no trace.
/// Fields not given: both times are `now_ns`, the rest is empty. A key given twice keeps its last value.
#[derive(Debug)]
pub struct LogBatchBuilder {
    batch: LogBatch,
    now_ns: i64,
    resource: u32,
    scope: u32,
    record: Record,
    key_uses: Vec<KeyUse>,
    dropped_key: Option<KeyId>,
    last_text: [u32; 2],
    last_day: usize,
    max_attributes: usize,
    templater: Templater,
}

/// Scalars of the record being built.
#[derive(Debug, Default)]
struct Record {
    ordinal: u32,
    timestamp: i64,
    observed: i64,
    severity: u8,
    severity_text: u32,
    event_name: u32,
    trace_id: [u8; 16],
    span_id: [u8; 8],
    trace_flags: u8,
    has_body: bool,
    body_bytes: usize,
    attributes: usize,
    dropped: i64,
    replaced: bool,
    bytes: u64,
}

impl LogBatchBuilder {
    /// An empty batch; `now_ns` stands in for missing times.
    pub fn new(now_ns: i64) -> Self {
        let mut batch = LogBatch::default();
        batch.texts.intern([b""]);
        let resource = batch.resources.intern([b"", b"{}"]);
        let scope = batch.scopes.intern([b"", b"", b""]);
        Self {
            batch,
            now_ns: now_ns.max(0),
            resource,
            scope,
            record: Record::default(),
            key_uses: Vec::new(),
            dropped_key: None,
            last_text: [0; 2],
            last_day: 0,
            max_attributes: MAX_ATTRIBUTES,
            templater: Templater::default(),
        }
    }

    /// Make room for the records of a body of so many bytes, at a guess.
    pub fn reserve(&mut self, body_bytes: usize) {
        let rows = body_bytes / 256;
        self.batch.reserve(rows, body_bytes / 4);
        self.batch.strings.values.reserve(4 * rows, body_bytes / 8);
    }

    /// A builder for records that were in a batch before: they may have [`DROPPED_ATTRIBUTES`] besides the most
    /// attributes there can be.
    pub(crate) fn for_envelope() -> Self {
        Self { max_attributes: MAX_ATTRIBUTES + 1, ..Self::new(0) }
    }

    /// Resource of the records that follow. `resource_json`: its attributes as a JSON object with sorted keys.
    pub fn set_resource(&mut self, service: &str, resource_json: &str) {
        self.resource = self.batch.resources.intern([service.as_bytes(), resource_json.as_bytes()]);
    }

    /// Instrumentation scope of the records that follow. `attributes_json`: empty, or a JSON object with sorted keys.
    pub fn set_scope(&mut self, name: &str, version: &str, attributes_json: &str) {
        self.scope = self.batch.scopes.intern([name.as_bytes(), version.as_bytes(), attributes_json.as_bytes()]);
    }

    /// Id of a resource, for [`Self::use_resource`]. Both texts must be valid UTF-8.
    pub(crate) fn resource_of(&mut self, service: &[u8], resource_json: &[u8]) -> u32 {
        self.batch.resources.intern([service, resource_json])
    }

    /// Resource of the records that follow, by id.
    pub(crate) fn use_resource(&mut self, id: u32) {
        self.resource = id;
    }

    /// Start a record; an uncommitted one is forgotten.
    pub fn begin_record(&mut self) {
        self.abort_record();
        let ordinal = self.record.ordinal.checked_add(1).expect("fewer records than bytes of a body");
        self.record = Record { ordinal, timestamp: self.now_ns, observed: self.now_ns, ..Record::default() };
    }

    /// When it happened, ns since the epoch. Checked on commit.
    pub fn timestamp(&mut self, ns: i64) {
        self.record.timestamp = ns;
    }

    /// When it was seen, ns since the epoch. Negative means unknown, which is now.
    pub fn observed_timestamp(&mut self, ns: i64) {
        if ns >= 0 {
            self.record.observed = ns;
        }
    }

    /// OpenTelemetry severity number (0 unset; above 24 is unset) and the text it came from. When the number is unset,
    /// it is taken from the text where that is a known name.
    pub fn severity(&mut self, number: u8, text: &str) {
        self.severity_bytes(number, text.as_bytes());
    }

    pub(crate) fn severity_bytes(&mut self, number: u8, text: &[u8]) {
        self.record.severity = match number {
            1..=24 => number,
            _ => severity::number_of_text(text),
        };
        self.record.severity_text = self.text(0, text);
    }

    /// Severity as it was in a batch: nothing is inferred from the text.
    pub(crate) fn stored_severity(&mut self, number: u8, text: &str) {
        self.record.severity = number;
        self.record.severity_text = self.text(0, text.as_bytes());
    }

    /// The message. A second one replaces the first.
    pub fn body(&mut self, body: &str) {
        self.body_bytes(body.as_bytes());
    }

    pub(crate) fn body_bytes(&mut self, body: &[u8]) {
        self.batch.bodies.truncate(self.batch.num_rows());
        self.record.body_bytes = body.len();
        if body.len() <= MAX_BODY_BYTES {
            self.batch.bodies.push(body);
            self.record.has_body = true;
        }
    }

    /// Trace id; all zero means none.
    pub fn trace_id(&mut self, id: [u8; 16]) {
        self.record.trace_id = id;
    }

    /// Span id; all zero means none.
    pub fn span_id(&mut self, id: [u8; 8]) {
        self.record.span_id = id;
    }

    /// W3C trace flags.
    pub fn trace_flags(&mut self, flags: u8) {
        self.record.trace_flags = flags;
    }

    /// Event name.
    pub fn event_name(&mut self, name: &str) {
        self.record.event_name = self.text(1, name.as_bytes());
    }

    /// Id of a text, with a memory of the last one of its `kind`.
    fn text(&mut self, kind: usize, text: &[u8]) -> u32 {
        if self.batch.texts.get(self.last_text[kind], 0) == text {
            return self.last_text[kind];
        }
        let id = self.batch.texts.intern([text]);
        self.last_text[kind] = id;
        id
    }

    /// Intern an attribute key. None, and counted as a dropped attribute, when it breaks the limits of [`crate::limits`].
    pub fn key_id(&mut self, key: &[u8]) -> Option<KeyId> {
        if key.len() <= MAX_KEY_BYTES {
            if self.record.attributes < self.max_attributes && self.batch.keys.len() < MAX_BATCH_KEYS {
                return Some(self.intern_key(key));
            }
            if let Some(id) = self.batch.keys.find([key]) {
                return Some(KeyId(id));
            }
        }
        self.record.dropped += 1;
        None
    }

    /// Count an attribute that the decoder could not take.
    pub fn drop_attribute(&mut self) {
        self.record.dropped += 1;
    }

    fn intern_key(&mut self, key: &[u8]) -> KeyId {
        let id = self.batch.keys.intern([key]);
        if id as usize == self.key_uses.len() {
            self.key_uses.push(KeyUse { record: 0, slot: Slot::Text, index: 0 });
        }
        KeyId(id)
    }

    /// The bytes of an interned key.
    pub fn key(&self, id: KeyId) -> &[u8] {
        self.batch.keys.get(id.0, 0)
    }

    /// Note the key for this record and say whether there is room for its value.
    #[inline]
    fn admit(&mut self, key: KeyId, slot: Slot, index: usize, bytes: usize) -> bool {
        let known = self.key_uses[key.index()];
        if known.record == self.record.ordinal {
            self.record.bytes += bytes as u64;
            self.record.bytes -= self.replace(known);
        } else if self.record.attributes < self.max_attributes {
            self.record.attributes += 1;
            self.record.bytes += (self.batch.keys.get(key.0, 0).len() + bytes) as u64;
        } else {
            self.record.dropped += 1;
            return false;
        }
        self.key_uses[key.index()] = KeyUse { record: self.record.ordinal, slot, index: index as u32 };
        true
    }

    /// Mark an earlier value of the record as replaced; returns its bytes.
    #[cold]
    fn replace(&mut self, known: KeyUse) -> u64 {
        self.record.replaced = true;
        let index = known.index as usize;
        let batch = &mut self.batch;
        let (keys, bytes) = match known.slot {
            Slot::Text => (&mut batch.strings.keys, batch.strings.values.get(index).len()),
            Slot::Int => (&mut batch.ints.keys, 8),
            Slot::Float => (&mut batch.floats.keys, 8),
            Slot::Bool => (&mut batch.bools.keys, 1),
            Slot::Json => (&mut batch.jsons.keys, batch.jsons.values.get(index).len()),
        };
        keys[index] = REPLACED;
        bytes as u64
    }

    /// Text attribute.
    pub fn attr_string(&mut self, key: &str, value: &str) {
        if let Some(key) = self.key_id(key.as_bytes()) {
            self.add_string(key, value.as_bytes());
        }
    }

    /// Integer attribute.
    pub fn attr_int(&mut self, key: &str, value: i64) {
        if let Some(key) = self.key_id(key.as_bytes()) {
            self.add_int(key, value);
        }
    }

    /// Floating point attribute.
    pub fn attr_float(&mut self, key: &str, value: f64) {
        if let Some(key) = self.key_id(key.as_bytes()) {
            self.add_float(key, value);
        }
    }

    /// Boolean attribute.
    pub fn attr_bool(&mut self, key: &str, value: bool) {
        if let Some(key) = self.key_id(key.as_bytes()) {
            self.add_bool(key, value);
        }
    }

    /// Attribute of any other type as JSON text: arrays, objects, bytes in base64.
    pub fn attr_json(&mut self, key: &str, value: &str) {
        if let Some(key) = self.key_id(key.as_bytes()) {
            self.add_json(key, value.as_bytes());
        }
    }

    /// As [`Self::attr_string`] with an interned key; the value must be valid UTF-8.
    #[inline]
    pub(crate) fn add_string(&mut self, key: KeyId, value: &[u8]) {
        if self.admit(key, Slot::Text, self.batch.strings.keys.len(), value.len()) {
            self.batch.strings.push(key.0, value);
        }
    }

    /// As [`Self::attr_int`] with an interned key.
    #[inline]
    pub(crate) fn add_int(&mut self, key: KeyId, value: i64) {
        if self.admit(key, Slot::Int, self.batch.ints.keys.len(), 8) {
            self.batch.ints.push(key.0, value);
        }
    }

    /// As [`Self::attr_float`] with an interned key.
    #[inline]
    pub(crate) fn add_float(&mut self, key: KeyId, value: f64) {
        if self.admit(key, Slot::Float, self.batch.floats.keys.len(), 8) {
            self.batch.floats.push(key.0, value);
        }
    }

    /// As [`Self::attr_bool`] with an interned key.
    #[inline]
    pub(crate) fn add_bool(&mut self, key: KeyId, value: bool) {
        if self.admit(key, Slot::Bool, self.batch.bools.keys.len(), 1) {
            self.batch.bools.push(key.0, value);
        }
    }

    /// As [`Self::attr_json`] with an interned key; the value must be valid UTF-8.
    #[inline]
    pub(crate) fn add_json(&mut self, key: KeyId, value: &[u8]) {
        if self.admit(key, Slot::Json, self.batch.jsons.keys.len(), value.len()) {
            self.batch.jsons.push(key.0, value);
        }
    }

    /// Take the record into the batch. On an error it is left out and leaves no trace.
    pub fn commit_record(&mut self) -> Result<(), RecordError> {
        match self.checked_day() {
            Ok(day) => {
                self.commit_to_day(day);
                Ok(())
            }
            Err(error) => {
                self.abort_record();
                Err(error)
            }
        }
    }

    /// Index into `days` of the record's day, when the record is acceptable.
    fn checked_day(&mut self) -> Result<usize, RecordError> {
        let record = &self.record;
        if record.body_bytes > MAX_BODY_BYTES {
            return Err(RecordError::BodyTooLarge(record.body_bytes));
        }
        let batch = &mut self.batch;
        let column =
            batch.bodies.data().len().max(batch.strings.values.data().len()).max(batch.jsons.values.data().len());
        if column > MAX_COLUMN_BYTES {
            return Err(RecordError::BatchFull);
        }
        if batch.timestamps.len() as u64 >= MAX_RECORDS {
            return Err(RecordError::TooManyRecords);
        }
        if record.timestamp < 0 {
            return Err(RecordError::TimeOutOfRange(record.timestamp));
        }
        let day = (record.timestamp / DAY_NS) as u32;
        if let Some(&(last, _)) = batch.days.get(self.last_day)
            && last == day
        {
            return Ok(self.last_day);
        }
        self.last_day = match batch.days.iter().position(|&(known, _)| known == day) {
            Some(index) => index,
            None if batch.days.len() == MAX_BATCH_DAYS => return Err(RecordError::TooManyDays),
            None => {
                batch.days.push((day, 0));
                batch.days.len() - 1
            }
        };
        Ok(self.last_day)
    }

    fn commit_to_day(&mut self, day: usize) {
        if self.record.dropped > 0 {
            self.note_dropped();
        }
        let record = &self.record;
        let batch = &mut self.batch;
        if record.replaced {
            batch.strings.compact_row();
            batch.ints.compact_row();
            batch.floats.compact_row();
            batch.bools.compact_row();
            batch.jsons.compact_row();
        }
        if !record.has_body {
            batch.bodies.push(b"");
        }
        let row = batch.timestamps.len();
        let (skeleton, template) = self.templater.add(batch.bodies.get(row), &mut batch.skeletons);
        batch.skeleton_ids.push(skeleton);
        batch.template_ids.push(template);
        batch.timestamps.push(record.timestamp);
        batch.observed_timestamps.push(record.observed);
        batch.resource_ids.push(self.resource);
        batch.scope_ids.push(self.scope);
        batch.severity_numbers.push(record.severity);
        batch.severity_texts.push(record.severity_text);
        batch.trace_ids.push(record.trace_id);
        batch.span_ids.push(record.span_id);
        batch.trace_flags.push(record.trace_flags);
        batch.event_names.push(record.event_name);
        batch.strings.end_row();
        batch.ints.end_row();
        batch.floats.end_row();
        batch.bools.end_row();
        batch.jsons.end_row();
        batch.days[day].1 += 1;
        if batch.usage.len() <= self.resource as usize {
            batch.usage.resize(self.resource as usize + 1, (0, 0));
        }
        let usage = &mut batch.usage[self.resource as usize];
        usage.0 += 1;
        usage.1 += record.bytes + record.body_bytes as u64;
    }

    #[cold]
    fn note_dropped(&mut self) {
        let key = match self.dropped_key {
            Some(key) => key,
            None => self.intern_key(DROPPED_ATTRIBUTES.as_bytes()),
        };
        self.dropped_key = Some(key);
        // One more than MAX_ATTRIBUTES, unless the sender uses the same key.
        self.record.attributes = self.record.attributes.min(self.max_attributes - 1);
        self.add_int(key, self.record.dropped);
    }

    /// Forget the record being built.
    pub fn abort_record(&mut self) {
        self.batch.bodies.truncate(self.batch.timestamps.len());
        self.batch.strings.abort_row();
        self.batch.ints.abort_row();
        self.batch.floats.abort_row();
        self.batch.bools.abort_row();
        self.batch.jsons.abort_row();
    }

    /// The batch, without a record that was not committed.
    pub fn finish(mut self) -> LogBatch {
        self.abort_record();
        self.batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(batch: &LogBatch, row: usize) -> Vec<(&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        let map = &batch.strings;
        map.row(row).map(|i| (text(batch.keys.get(map.keys[i], 0)), text(map.values.get(i)))).collect()
    }

    #[test]
    fn an_aborted_record_leaves_no_trace() {
        let mut builder = LogBatchBuilder::new(5);
        builder.set_resource("shop", r#"{"service.name":"shop"}"#);
        for (body, keep) in [("one", true), ("two", false), ("three", true)] {
            builder.begin_record();
            builder.body(body);
            builder.attr_string("k", body);
            builder.attr_int("n", 1);
            if keep {
                builder.commit_record().unwrap();
            } else {
                builder.abort_record();
            }
        }
        builder.begin_record();
        builder.attr_bool("left", true);
        let batch = builder.finish();
        assert_eq!(batch.num_rows(), 2);
        assert_eq!((batch.bodies.get(0), batch.bodies.get(1)), (&b"one"[..], &b"three"[..]));
        assert_eq!((strings(&batch, 0), strings(&batch, 1)), (vec![("k", "one")], vec![("k", "three")]));
        assert!(batch.bools.keys.is_empty());
        assert_eq!(batch.timestamps, [5, 5]);
        assert_eq!(batch.services(), [("shop".to_owned(), 2, 3 + 5 + 2 * (1 + 1 + 8) + 3 + 5)]);
    }

    #[test]
    fn the_last_value_of_a_key_wins_across_types() {
        let mut builder = LogBatchBuilder::new(0);
        for _ in 0..2 {
            builder.begin_record();
            builder.attr_string("a", "first");
            builder.attr_string("b", "kept");
            builder.attr_int("a", 1);
            builder.attr_string("a", "last");
            builder.commit_record().unwrap();
        }
        let batch = builder.finish();
        for row in 0..2 {
            assert_eq!(strings(&batch, row), [("b", "kept"), ("a", "last")]);
            assert!(batch.ints.row(row).is_empty());
        }
    }

    #[test]
    fn attributes_beyond_the_limit_are_counted() {
        let mut builder = LogBatchBuilder::new(0);
        builder.begin_record();
        for i in 0..2000 {
            builder.attr_int(&format!("k{i}"), i);
        }
        builder.attr_int("k0", 7);
        builder.attr_bool(&"x".repeat(MAX_KEY_BYTES + 1), true);
        builder.commit_record().unwrap();
        let batch = builder.finish();
        assert_eq!(batch.ints.row(0).len(), MAX_ATTRIBUTES + 1);
        let last = batch.ints.keys.len() - 1;
        assert_eq!(batch.keys.get(batch.ints.keys[last], 0), DROPPED_ATTRIBUTES.as_bytes());
        assert_eq!(batch.ints.values[last], 2000 - 1024 + 1);
        assert_eq!(batch.ints.values[last - 1], 7);
    }

    #[test]
    fn time_and_days_are_bounded() {
        let mut builder = LogBatchBuilder::new(0);
        builder.begin_record();
        builder.timestamp(-1);
        assert_eq!(builder.commit_record(), Err(RecordError::TimeOutOfRange(-1)));
        for day in 0..367 {
            builder.begin_record();
            builder.timestamp(day * DAY_NS);
            assert_eq!(builder.commit_record().is_ok(), day < 366);
        }
        builder.begin_record();
        builder.timestamp(3 * DAY_NS);
        builder.commit_record().unwrap();
        let batch = builder.finish();
        assert_eq!(batch.days()[3], (3, 2));
        assert_eq!(batch.days().len(), 366);
    }
}
