//! `LogBatch`, the columnar batch of log records, and the builder that decoders fill record by record.

use crate::attributes::{Attributes, AttributesBuilder, KeyId};
use crate::columns::Strings;
use crate::dictionary::Dictionary;
use crate::limits::MAX_BODY_BYTES;
use crate::origins::{Origins, OriginsBuilder};
use crate::rows::{RecordError, RowBuilder, Rows};
use crate::severity;
use crate::template::{Skeletons, Templater};

/// Nanoseconds of an hour.
pub const HOUR_NS: i64 = 3_600_000_000_000;

/// Log records in columns. Times are nanoseconds since the Unix epoch, never negative.
///
/// Rows of one batch belong to one tenant. What repeats is kept once: resource, scope and text ids are indices into the
/// dictionaries beside them, attribute keys are ids of `attributes.keys`.
#[derive(Debug, Clone, Default)]
pub struct LogBatch {
    /// When it happened.
    pub timestamps: Vec<i64>,
    /// When it was seen.
    pub observed_timestamps: Vec<i64>,
    /// Resources and scopes. Its usage counts the bytes of bodies, attribute keys and attribute values.
    pub origins: Origins,
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
    /// Attributes.
    pub attributes: Attributes,
    /// Severity texts and event names. Id 0 is the empty text.
    pub texts: Dictionary<1>,
    /// Skeletons of the bodies.
    pub skeletons: Skeletons,
}

impl Rows for LogBatch {
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

impl LogBatch {
    /// Number of records.
    pub fn num_rows(&self) -> usize {
        self.timestamps.len()
    }

    /// Make room for rows with bodies of so many bytes together.
    pub(crate) fn reserve(&mut self, rows: usize, body_bytes: usize) {
        self.timestamps.reserve(rows);
        self.observed_timestamps.reserve(rows);
        self.origins.reserve(rows);
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
        per_row * self.num_rows()
            + self.bodies.num_bytes()
            + self.attributes.num_bytes()
            + self.origins.dictionary_bytes()
            + self.texts.num_bytes()
            + self.skeletons.num_bytes()
    }

    /// (UTC day since the epoch, rows), by day.
    pub fn days(&self) -> Vec<(u32, u64)> {
        self.origins.days()
    }

    /// (service, rows, bytes) by service; bytes are those of bodies, attribute keys and attribute values.
    pub fn services(&self) -> Vec<(String, u64, u64)> {
        self.origins.services()
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
    origins: OriginsBuilder,
    attributes: AttributesBuilder,
    now_ns: i64,
    record: Record,
    last_text: [u32; 2],
    templater: Templater,
}

/// Scalars of the record being built.
#[derive(Debug, Default)]
struct Record {
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
}

impl LogBatchBuilder {
    /// An empty batch; `now_ns` stands in for missing times.
    pub fn new(now_ns: i64) -> Self {
        let mut batch = LogBatch::default();
        batch.texts.intern([b""]);
        Self {
            batch,
            origins: OriginsBuilder::default(),
            attributes: AttributesBuilder::new(false),
            now_ns: now_ns.max(0),
            record: Record::default(),
            last_text: [0; 2],
            templater: Templater::default(),
        }
    }

    /// Make room for the records of a body of so many bytes, at a guess.
    pub fn reserve(&mut self, body_bytes: usize) {
        let rows = body_bytes / 256;
        self.batch.reserve(rows, body_bytes / 4);
        self.origins.columns.reserve(rows);
        self.attributes.columns.strings.values.reserve(4 * rows, body_bytes / 8);
    }

    /// A builder for records that were in a batch before.
    pub(crate) fn for_envelope() -> Self {
        Self { attributes: AttributesBuilder::new(true), ..Self::new(0) }
    }

    /// Resource of the records that follow. `resource_json`: its attributes as a JSON object with sorted keys.
    pub fn set_resource(&mut self, service: &str, resource_json: &str) {
        self.origins.set_resource(service, resource_json);
    }

    /// Instrumentation scope of the records that follow. `attributes_json`: empty, or a JSON object with sorted keys.
    pub fn set_scope(&mut self, name: &str, version: &str, attributes_json: &str) {
        self.origins.set_scope(name, version, attributes_json);
    }

    /// Id of a resource, for [`Self::use_resource`]. Both texts must be valid UTF-8.
    pub(crate) fn resource_of(&mut self, service: &[u8], resource_json: &[u8]) -> u32 {
        self.origins.resource_of(service, resource_json)
    }

    /// Resource of the records that follow, by id.
    pub(crate) fn use_resource(&mut self, id: u32) {
        self.origins.use_resource(id);
    }

    /// Start a record; an uncommitted one is forgotten.
    pub fn begin_record(&mut self) {
        self.batch.bodies.truncate(self.batch.timestamps.len());
        self.attributes.begin();
        self.record = Record { timestamp: self.now_ns, observed: self.now_ns, ..Record::default() };
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
        self.attributes.key_id(key)
    }

    /// Count an attribute that the decoder could not take.
    pub fn drop_attribute(&mut self) {
        self.attributes.drop_attribute();
    }

    /// The bytes of an interned key.
    pub fn key(&self, id: KeyId) -> &[u8] {
        self.attributes.key(id)
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
        self.attributes.string(key, value);
    }

    /// As [`Self::attr_int`] with an interned key.
    #[inline]
    pub(crate) fn add_int(&mut self, key: KeyId, value: i64) {
        self.attributes.int(key, value);
    }

    /// As [`Self::attr_float`] with an interned key.
    #[inline]
    pub(crate) fn add_float(&mut self, key: KeyId, value: f64) {
        self.attributes.float(key, value);
    }

    /// As [`Self::attr_bool`] with an interned key.
    #[inline]
    pub(crate) fn add_bool(&mut self, key: KeyId, value: bool) {
        self.attributes.bool(key, value);
    }

    /// As [`Self::attr_json`] with an interned key; the value must be valid UTF-8.
    #[inline]
    pub(crate) fn add_json(&mut self, key: KeyId, value: &[u8]) {
        self.attributes.json(key, value);
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

    /// Index of the record's day, when the record is acceptable.
    fn checked_day(&mut self) -> Result<usize, RecordError> {
        if self.record.body_bytes > MAX_BODY_BYTES {
            return Err(RecordError::BodyTooLarge(self.record.body_bytes));
        }
        let column = self.batch.bodies.data().len().max(self.attributes.columns.text_bytes());
        self.origins.admit(self.record.timestamp, column)
    }

    fn commit_to_day(&mut self, day: usize) {
        if self.attributes.dropped() > 0 {
            self.attributes.note_dropped();
        }
        let attribute_bytes = self.attributes.commit();
        let record = &self.record;
        let batch = &mut self.batch;
        if !record.has_body {
            batch.bodies.push(b"");
        }
        let row = batch.timestamps.len();
        let (skeleton, template) = self.templater.add(batch.bodies.get(row), &mut batch.skeletons);
        batch.skeleton_ids.push(skeleton);
        batch.template_ids.push(template);
        batch.timestamps.push(record.timestamp);
        batch.observed_timestamps.push(record.observed);
        batch.severity_numbers.push(record.severity);
        batch.severity_texts.push(record.severity_text);
        batch.trace_ids.push(record.trace_id);
        batch.span_ids.push(record.span_id);
        batch.trace_flags.push(record.trace_flags);
        batch.event_names.push(record.event_name);
        self.origins.commit(day, attribute_bytes + record.body_bytes as u64);
    }

    /// Forget the record being built.
    pub fn abort_record(&mut self) {
        self.batch.bodies.truncate(self.batch.timestamps.len());
        self.attributes.abort();
    }

    /// The batch, without a record that was not committed.
    pub fn finish(mut self) -> LogBatch {
        self.abort_record();
        LogBatch { origins: self.origins.columns, attributes: self.attributes.finish(), ..self.batch }
    }
}

impl RowBuilder for LogBatchBuilder {
    type Batch = LogBatch;

    fn set_resource(&mut self, service: &str, resource_json: &str) {
        self.set_resource(service, resource_json);
    }
    fn set_scope(&mut self, name: &str, version: &str, attributes_json: &str) {
        self.set_scope(name, version, attributes_json);
    }
    fn begin(&mut self) {
        self.begin_record();
    }
    fn attributes(&mut self) -> &mut AttributesBuilder {
        &mut self.attributes
    }
    fn commit(&mut self) -> Result<(), RecordError> {
        self.commit_record()
    }
    fn abort(&mut self) {
        self.abort_record();
    }
    fn finish(self) -> LogBatch {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DROPPED_ATTRIBUTES, MAX_ATTRIBUTES, MAX_KEY_BYTES};
    use crate::origins::DAY_NS;

    fn strings(batch: &LogBatch, row: usize) -> Vec<(&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        let map = &batch.attributes.strings;
        map.row(row).map(|i| (text(batch.attributes.keys.get(map.keys[i], 0)), text(map.values.get(i)))).collect()
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
        assert!(batch.attributes.bools.keys.is_empty());
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
            assert!(batch.attributes.ints.row(row).is_empty());
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
        assert_eq!(batch.attributes.ints.row(0).len(), MAX_ATTRIBUTES + 1);
        let last = batch.attributes.ints.keys.len() - 1;
        assert_eq!(batch.attributes.keys.get(batch.attributes.ints.keys[last], 0), DROPPED_ATTRIBUTES.as_bytes());
        assert_eq!(batch.attributes.ints.values[last], 2000 - 1024 + 1);
        assert_eq!(batch.attributes.ints.values[last - 1], 7);
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
