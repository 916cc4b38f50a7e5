//! A batch in the making: labels in any order become packed ones, what is wrong is refused with its reason.
//!
//! Labels that come sorted, as most do, are copied once and checked as a whole.
//!
//! What a batch takes is counted before it is taken, and lists grow by half, to no more than the bound: so while one of them
//! is moved, all of it is in memory a little over twice at most.

use super::{Decoded, MAX_BATCH_BYTES, MAX_HELP_BYTES, MAX_LABEL_BYTES};
use crate::decode::Rejections;
use nexus_series::NAME;
use nexus_series::batch::{BatchSeries, Exemplar, Metadata, MetricBatch, MetricKind};
use nexus_series::histogram::{Histogram, Span};
use nexus_series::labels::{pack, push_label, unpack};
use std::fmt;
use std::ops::Range;

/// Most bytes of the length of a label's text.
const MOST_VARINT: usize = 3;

/// What is wrong with the labels of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelFault {
    /// Text that is not UTF-8.
    Utf8,
    /// A label without a name.
    EmptyName,
    /// A name that comes twice.
    Twice(String),
    /// No `__name__`.
    NoMetricName,
    /// More packed bytes than [`MAX_LABEL_BYTES`].
    TooLong(usize),
}

impl fmt::Display for LabelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf8 => f.write_str("a label is not valid UTF-8"),
            Self::EmptyName => f.write_str("a label has no name"),
            Self::Twice(name) => write!(f, "the label {name:?} comes twice"),
            Self::NoMetricName => f.write_str("there is no metric name (label __name__)"),
            Self::TooLong(bytes) => write!(f, "the labels have {bytes} bytes, {MAX_LABEL_BYTES} are allowed"),
        }
    }
}

/// Labels of the series that is being read, at the end of the packed ones.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // Independent facts, each noticed once.
struct Open {
    start: usize,
    previous: Range<usize>,
    unsorted: bool,
    named: bool,
    long: bool,
    empty_name: bool,
    /// Bytes of labels with the first that was left out.
    too_long: usize,
    /// Samples that were left out.
    skipped: usize,
    /// Bytes of its float samples.
    floats: usize,
    /// Something of it was left out, because the batch is as large as it may be.
    beyond: bool,
}

/// See the module text.
pub struct BatchBuilder {
    batch: MetricBatch,
    rejections: Rejections,
    bytes: usize,
    most: usize,
    open: Open,
    series: BatchSeries,
    sorted: Vec<u8>,
    last_metadata: hashbrown::HashMap<String, usize, foldhash::fast::RandomState>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new(0)
    }
}

impl BatchBuilder {
    /// Nothing yet. `body` is the size of what will be read, for a first guess of what is needed.
    pub fn new(body: usize) -> Self {
        let batch = MetricBatch { labels: Vec::with_capacity(body.min(64 << 20)), ..MetricBatch::default() };
        Self {
            batch,
            rejections: Rejections::default(),
            bytes: 0,
            most: MAX_BATCH_BYTES,
            open: Open::default(),
            series: BatchSeries::default(),
            sorted: Vec::new(),
            last_metadata: hashbrown::HashMap::default(),
        }
    }

    /// Keeps the batch in proportion to a body of little that may stand for much, as references to labels and histograms
    /// without buckets do: a small one must not become a large batch.
    #[must_use]
    pub fn in_proportion(mut self, body: usize) -> Self {
        self.most = MAX_BATCH_BYTES.min((16 << 20) + 32 * body);
        self
    }

    /// The answer.
    pub fn finish(mut self) -> Decoded {
        self.batch.labels.shrink_to_fit();
        Decoded { batch: self.batch, rejections: self.rejections }
    }

    /// Has it neither series nor rejections?
    pub fn is_unused(&self) -> bool {
        self.batch.series.is_empty() && self.rejections.count() == 0
    }

    /// Begin a series. `position`: its number in what was sent, from 0.
    #[inline]
    pub fn begin(&mut self, position: usize) {
        let at = self.batch.labels.len();
        self.open = Open { start: at, previous: at..at, ..Open::default() };
        let (floats, histograms) = (self.batch.values.len(), self.batch.histograms.len());
        let exemplars = self.batch.exemplars.len();
        self.series = BatchSeries {
            labels: at..at,
            floats: floats..floats,
            histograms: histograms..histograms,
            exemplars: exemplars..exemplars,
            position,
        };
    }

    /// A label of the open series. One with an empty value is none.
    #[inline]
    pub fn label(&mut self, name: &[u8], value: &[u8]) {
        if value.is_empty() {
            self.open.empty_name |= name.is_empty();
            return;
        }
        let packed = &mut self.batch.labels;
        let length = packed.len() - self.open.start + name.len() + value.len();
        // It is refused at its end: labels that are references must cost neither memory nor time before that.
        if length > MAX_LABEL_BYTES {
            self.open.too_long = self.open.too_long.max(length);
            return;
        }
        if self.bytes + self.open.floats + length > self.most {
            self.open.beyond = true;
            return;
        }
        let short = (name.len() | value.len()) < 128;
        room(packed, name.len() + value.len() + if short { 2 } else { 2 * MOST_VARINT }, self.most);
        let name_at = if short {
            packed.push(name.len() as u8);
            let at = packed.len();
            packed.extend_from_slice(name);
            packed.push(value.len() as u8);
            packed.extend_from_slice(value);
            at
        } else {
            self.open.long = true;
            push_long(packed, name, value)
        };
        let previous = &packed[self.open.previous.clone()];
        // Mostly the first letters tell already.
        let follows = match (previous.first(), name.first()) {
            (Some(before), Some(now)) if before != now => before < now,
            _ => previous < name,
        };
        // The first label follows nothing, which an empty name would equal.
        if !follows && name_at > self.open.start + 3 {
            self.open.unsorted = true;
        }
        self.open.named |= name == NAME.as_bytes();
        self.open.previous = name_at..name_at + name.len();
    }

    /// A float sample of the open series; the time in ms.
    #[inline]
    pub fn float(&mut self, timestamp: i64, value: f64) {
        self.float_from(0, timestamp, value);
    }

    /// The same of one that says when what it counts began (ms); 0: it does not.
    #[inline]
    pub fn float_from(&mut self, start: i64, timestamp: i64, value: f64) {
        let samples = self.batch.values.len();
        let starts = if start == 0 { 0 } else { 8 * (samples + 1 - self.batch.starts.as_slice().len()) };
        if self.bytes + self.open.floats + 16 + starts > self.most {
            self.open.skipped += 1;
            return;
        }
        self.open.floats += 16 + starts;
        room(&mut self.batch.timestamps, 1, self.most);
        room(&mut self.batch.values, 1, self.most);
        self.batch.timestamps.push(timestamp);
        self.batch.values.push(value);
        self.batch.say_start(start);
    }

    /// A histogram of the open series.
    pub fn histogram(&mut self, timestamp: i64, histogram: Histogram) {
        self.histogram_from(0, timestamp, histogram);
    }

    /// The same of one that says when what it counts began (ms); 0: it does not.
    pub fn histogram_from(&mut self, start: i64, timestamp: i64, histogram: Histogram) {
        let buckets =
            histogram.positive.capacity() + histogram.negative.capacity() + histogram.custom_values.capacity();
        let spans = histogram.positive_spans.capacity() + histogram.negative_spans.capacity();
        let starts = if start == 0 { 0 } else { size_of::<i64>() };
        let bytes = size_of::<(i64, Histogram)>() + 8 * buckets + size_of::<Span>() * spans + starts;
        if self.bytes + self.open.floats + bytes > self.most {
            self.open.skipped += 1;
            return;
        }
        self.bytes += bytes;
        room(&mut self.batch.histograms, 1, self.most);
        self.batch.histograms.push((timestamp, histogram));
        self.batch.say_histogram_start(start);
    }

    /// An exemplar of the open series.
    pub fn exemplar(&mut self, exemplar: Exemplar) {
        let bytes = size_of::<Exemplar>() + exemplar.labels.capacity();
        if self.bytes + self.open.floats + bytes > self.most {
            self.open.beyond = true;
            return;
        }
        self.bytes += bytes;
        room(&mut self.batch.exemplars, 1, self.most);
        self.batch.exemplars.push(exemplar);
    }

    /// Refuse one sample of the open series.
    #[cold]
    pub fn reject(&mut self, message: impl FnOnce() -> String) {
        self.rejections.push(self.series.position as u64 + 1, message);
    }

    /// Refuse `samples` of a record that never became a series. `number` counts from 1.
    #[cold]
    pub fn reject_record(&mut self, number: usize, samples: usize, message: impl FnOnce() -> String) {
        self.rejections.push_many(number as u64, samples as u64, message);
    }

    /// End the series: take it, or refuse its samples.
    #[inline]
    pub fn end(&mut self) {
        let batch = &self.batch;
        let floats = batch.values.len() - self.series.floats.start;
        let rest =
            batch.histograms.len() + batch.exemplars.len() - self.series.histograms.start - self.series.exemplars.start;
        if floats + rest + self.open.skipped == 0 {
            self.batch.labels.truncate(self.open.start);
            return;
        }
        if self.open.beyond || self.open.skipped > 0 {
            self.refuse(&format!("the request needs more than {} bytes of memory: send smaller ones", self.most));
            return;
        }
        if let Err(fault) = self.check_labels() {
            self.refuse(&fault.to_string());
            return;
        }
        let bytes = self.open.floats + size_of::<BatchSeries>() + self.batch.labels.len() - self.open.start;
        if self.bytes + bytes > self.most {
            self.refuse(&format!("the request needs more than {} bytes of memory: send smaller ones", self.most));
            return;
        }
        self.bytes += bytes;
        self.series.labels.end = self.batch.labels.len();
        self.series.floats.end = self.batch.values.len();
        self.series.histograms.end = self.batch.histograms.len();
        self.series.exemplars.end = self.batch.exemplars.len();
        room(&mut self.batch.series, 1, self.most);
        self.batch.series.push(self.series.clone());
    }

    /// End the series by refusing its samples.
    #[cold]
    pub fn abandon(&mut self, message: impl FnOnce() -> String) {
        self.refuse(&message());
    }

    /// What a sender says about a family. Said again, the last counts. Names that are no text are passed over.
    pub fn metadata(&mut self, name: &[u8], kind: MetricKind, help: &[u8], unit: &[u8]) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        if name.is_empty() || name.len() > MAX_HELP_BYTES {
            return;
        }
        let known = self.last_metadata.get(name).copied();
        let (help, unit) = (text(help), text(unit));
        let mut bytes = help.len() + unit.len();
        if known.is_none() {
            bytes += 2 * size_of::<Metadata>() + 2 * name.len();
        }
        if self.bytes + bytes > self.most {
            return;
        }
        self.bytes += bytes;
        let metadata = Metadata { name: name.to_owned(), kind, help, unit };
        if let Some(at) = known {
            let before = std::mem::replace(&mut self.batch.metadata[at], metadata);
            self.bytes -= before.help.len() + before.unit.len();
        } else {
            self.last_metadata.insert(name.to_owned(), self.batch.metadata.len());
            room(&mut self.batch.metadata, 1, self.most);
            self.batch.metadata.push(metadata);
        }
    }

    #[inline]
    fn check_labels(&mut self) -> Result<(), LabelFault> {
        let packed = &self.batch.labels[self.open.start..];
        if self.open.too_long > 0 {
            return Err(LabelFault::TooLong(self.open.too_long));
        }
        // Lengths below 128 are characters, too: then all of it is text, or some label is none.
        if self.open.long {
            check_long(packed)?;
        } else if simdutf8::basic::from_utf8(packed).is_err() {
            return Err(LabelFault::Utf8);
        }
        if self.open.unsorted {
            self.sort()?;
        }
        if self.open.empty_name || self.batch.labels.get(self.open.start) == Some(&0) {
            return Err(LabelFault::EmptyName);
        }
        if self.open.named { Ok(()) } else { Err(LabelFault::NoMetricName) }
    }

    #[cold]
    fn sort(&mut self) -> Result<(), LabelFault> {
        let mut labels: Vec<(&str, &str)> = unpack(&self.batch.labels[self.open.start..]).collect();
        labels.sort_unstable_by_key(|(name, _)| *name);
        if let Some(twice) = labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(LabelFault::Twice(shortened(twice[0].0)));
        }
        self.sorted.clear();
        for (name, value) in labels {
            push_label(&mut self.sorted, name, value);
        }
        self.batch.labels.truncate(self.open.start);
        self.batch.labels.extend_from_slice(&self.sorted);
        Ok(())
    }

    #[cold]
    fn refuse(&mut self, why: &str) {
        let batch = &mut self.batch;
        let samples =
            batch.values.len() + batch.histograms.len() - self.series.floats.start - self.series.histograms.start
                + self.open.skipped;
        // What was read of it counts, so that many of them cost no more than what is kept does.
        self.bytes = (self.bytes + batch.labels.len() - self.open.start).min(self.most);
        let name = metric_name(&batch.labels[self.open.start..]);
        let named = if name.is_empty() { String::new() } else { format!("{name:?}: ") };
        self.rejections.push_many(self.series.position as u64 + 1, samples as u64, || format!("{named}{why}"));
        batch.labels.truncate(self.open.start);
        batch.timestamps.truncate(self.series.floats.start);
        batch.values.truncate(self.series.floats.start);
        batch.starts.truncate(self.series.floats.start);
        batch.histograms.truncate(self.series.histograms.start);
        batch.histogram_starts.truncate(self.series.histograms.start);
        batch.exemplars.truncate(self.series.exemplars.start);
    }
}

/// Packed labels of an exemplar; None when they are no text, or longer than those of a series may be.
pub fn exemplar_labels(labels: &[(&[u8], &[u8])]) -> Option<Vec<u8>> {
    if labels.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_LABEL_BYTES {
        return None;
    }
    let mut texts = Vec::with_capacity(labels.len());
    for (name, value) in labels {
        texts.push((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?));
    }
    Some(pack(texts))
}

/// Makes room for `more` elements in a list of at most `most` bytes.
#[inline]
fn room<T>(list: &mut Vec<T>, more: usize, most: usize) {
    if list.capacity() - list.len() < more {
        grow(list, more, most);
    }
}

#[cold]
fn grow<T>(list: &mut Vec<T>, more: usize, most: usize) {
    let half_more = (list.capacity() + list.capacity() / 2).max(256 / size_of::<T>());
    let capacity = half_more.min(most / size_of::<T>()).max(list.len() + more);
    list.reserve_exact(capacity - list.len());
}

#[cold]
fn push_long(packed: &mut Vec<u8>, name: &[u8], value: &[u8]) -> usize {
    fn push(packed: &mut Vec<u8>, text: &[u8]) -> usize {
        let mut number = text.len();
        while number >= 0x80 {
            packed.push(number as u8 | 0x80);
            number >>= 7;
        }
        packed.push(number as u8);
        let at = packed.len();
        packed.extend_from_slice(text);
        at
    }
    let at = push(packed, name);
    push(packed, value);
    at
}

/// Every text of packed labels is UTF-8, if reading them as such does not end early.
#[cold]
fn check_long(packed: &[u8]) -> Result<(), LabelFault> {
    let mut read = Vec::with_capacity(packed.len());
    for (name, value) in unpack(packed) {
        push_label(&mut read, name, value);
    }
    if read.len() == packed.len() { Ok(()) } else { Err(LabelFault::Utf8) }
}

/// The name in packed labels whose texts may be none, shortened; empty when it is not there.
fn metric_name(packed: &[u8]) -> String {
    unpack(packed).find(|(name, _)| *name == NAME).map(|(_, value)| shortened(value)).unwrap_or_default()
}

fn shortened(text: &str) -> String {
    if text.len() <= 200 {
        return text.to_owned();
    }
    format!("{}...", &text[..floor_char(text, 200)])
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text[..floor_char(&text, MAX_HELP_BYTES)].to_owned()
}

/// The last boundary of characters that is not beyond `at`.
fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(labels: &[(&str, &str)]) -> (Decoded, Vec<(String, String)>) {
        let mut builder = BatchBuilder::default();
        builder.begin(4);
        for (name, value) in labels {
            builder.label(name.as_bytes(), value.as_bytes());
        }
        builder.float(1, 2.0);
        builder.end();
        let decoded = builder.finish();
        let read = decoded.batch.series.first().map(|series| {
            unpack(decoded.batch.labels_of(series)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        });
        (decoded, read.unwrap_or_default())
    }

    fn fault(labels: &[(&str, &str)]) -> String {
        let (decoded, _) = built(labels);
        assert!(decoded.batch.series.is_empty() && decoded.batch.values.is_empty() && decoded.batch.labels.is_empty());
        assert_eq!(decoded.rejections.count(), 1);
        let (number, message) = decoded.rejections.first()[0].clone();
        assert_eq!(number, 5);
        message
    }

    #[test]
    fn labels_come_out_packed() {
        let long = "x".repeat(200);
        for labels in [
            &[("__name__", "up"), ("job", "a")][..],
            &[("job", "a"), ("__name__", "up")],
            &[("A", "1"), ("__name__", "up"), ("zone", "")],
            &[("zone", "é"), ("__name__", "ü"), ("a.b", "1")],
            &[("zone", &long), ("__name__", "up"), ("b", &long)],
            &[("__name__", "up"), ("zone", &long)],
        ] {
            let (decoded, read) = built(labels);
            let expected = pack(labels.iter().copied());
            assert_eq!(decoded.batch.labels, expected, "{labels:?}");
            assert_eq!(read.len(), labels.iter().filter(|(_, value)| !value.is_empty()).count());
        }
    }

    #[test]
    fn wrong_labels_cost_their_series() {
        let huge = "x".repeat(MAX_LABEL_BYTES);
        for (labels, message) in [
            (&[("job", "a")][..], "there is no metric name (label __name__)"),
            (&[("__name__", "")], "there is no metric name (label __name__)"),
            (&[("__name__", "up"), ("a", "1"), ("a", "1")], "\"up\": the label \"a\" comes twice"),
            (&[("a", "1"), ("__name__", "up"), ("a", "2")], "\"up\": the label \"a\" comes twice"),
            (&[("", "1"), ("__name__", "up")], "\"up\": a label has no name"),
            (&[("__name__", "up"), ("", "1")], "\"up\": a label has no name"),
            (&[("__name__", "up"), ("", "")], "\"up\": a label has no name"),
            (&[("__name__", "up"), ("a", &huge)], "\"up\": the labels have 65549 bytes, 65536 are allowed"),
        ] {
            assert_eq!(fault(labels), message, "{labels:?}");
        }
    }

    #[test]
    fn text_must_be_utf8_wherever_its_bytes_fall() {
        for (name, value) in [(&b"a\xc3"[..], &b"\xa9b"[..]), (b"a", b"\xff"), (b"\xa9", b"x"), (b"a", b"b\xc3")] {
            for filler in [1, 150] {
                let mut builder = BatchBuilder::default();
                builder.begin(0);
                builder.label(b"__name__", b"up");
                builder.label(name, value);
                builder.label(b"z", "y".repeat(filler).as_bytes());
                builder.float(1, 1.0);
                builder.end();
                let decoded = builder.finish();
                assert_eq!(decoded.rejections.first(), [(1, "\"up\": a label is not valid UTF-8".to_owned())]);
            }
        }
    }

    #[test]
    fn what_refers_to_little_does_not_become_much() {
        let mut builder = BatchBuilder::new(1000).in_proportion(1000);
        let value = "x".repeat(60_000);
        for position in 0..2000 {
            builder.begin(position);
            builder.label(b"__name__", b"up");
            builder.label(b"a", value.as_bytes());
            builder.float(1, 1.0);
            builder.end();
        }
        let decoded = builder.finish();
        assert!(decoded.batch.labels.len() < 17 << 20, "{}", decoded.batch.labels.len());
        let message = "the request needs more than 16809216 bytes of memory: send smaller ones";
        assert!(decoded.rejections.first()[0].1.contains(message), "{:?}", decoded.rejections.first());
        assert_eq!(decoded.batch.series.len() as u64 + decoded.rejections.count(), 2000);
    }

    /// Bytes that the lists of a batch have taken, full or not.
    fn taken(batch: &MetricBatch) -> usize {
        batch.labels.capacity()
            + batch.series.capacity() * size_of::<BatchSeries>()
            + (batch.timestamps.capacity() + batch.values.capacity()) * 8
            + batch.starts.bytes()
            + batch.histograms.capacity() * size_of::<(i64, Histogram)>()
            + batch.exemplars.capacity() * size_of::<Exemplar>()
            + batch.exemplars.iter().map(|one| one.labels.capacity()).sum::<usize>()
            + batch.metadata.capacity() * size_of::<Metadata>()
            + batch.metadata.iter().map(|one| one.name.len() + one.help.len() + one.unit.len()).sum::<usize>()
    }

    #[test]
    fn memory_is_bounded_whatever_fills_it() {
        type Fill = fn(&mut BatchBuilder, usize);
        let fills: [(&str, Fill); 6] = [
            ("labels", |builder, round| {
                builder.label(b"a", format!("{round}{}", "x".repeat(900)).as_bytes());
                builder.float(1, 1.0);
            }),
            ("floats", |builder, _| (0..100).for_each(|at| builder.float(at, 1.0))),
            ("floats with starts", |builder, _| (1..100).for_each(|at| builder.float_from(at, at, 1.0))),
            ("histograms", |builder, _| (0..100).for_each(|at| builder.histogram(at, Histogram::default()))),
            ("exemplars", |builder, _| {
                builder.float(1, 1.0);
                for _ in 0..10 {
                    builder.exemplar(Exemplar { labels: vec![0; 100], timestamp: 0, value: 0.0 });
                }
            }),
            ("help said again", |builder, round| {
                let name = format!("n{}", round / 2);
                builder.metadata(name.as_bytes(), MetricKind::Gauge, &vec![b'x'; MAX_HELP_BYTES * (round % 2)], b"");
                builder.float(1, 1.0);
            }),
        ];
        for (what, fill) in fills {
            let mut builder = BatchBuilder::new(1000).in_proportion(1000);
            let most = builder.most;
            for round in 0..30_000 {
                builder.begin(round);
                builder.label(b"__name__", b"up");
                fill(&mut builder, round);
                builder.end();
            }
            let bytes = taken(&builder.batch);
            assert!(bytes <= most / 2 * 3, "{what}: {bytes}");
            assert!(
                bytes >= most / 2 && (builder.rejections.count() > 0 || what == "help said again"),
                "{what}: {bytes}"
            );
        }
    }

    #[test]
    fn series_without_samples_are_nothing() {
        let mut builder = BatchBuilder::default();
        builder.begin(0);
        builder.label(b"job", b"a");
        builder.end();
        let decoded = builder.finish();
        assert_eq!((decoded.rejections.count(), decoded.batch.series.len()), (0, 0));
    }

    #[test]
    fn the_last_metadata_of_a_family_counts_and_help_is_cut() {
        let mut builder = BatchBuilder::default();
        builder.metadata(b"up", MetricKind::Gauge, b"old", b"");
        builder.metadata(b"up", MetricKind::Counter, "é".repeat(MAX_HELP_BYTES).as_bytes(), b"seconds");
        builder.metadata(b"\xff", MetricKind::Counter, b"", b"");
        let metadata = builder.finish().batch.metadata;
        assert_eq!(metadata.len(), 1);
        assert_eq!((metadata[0].kind, metadata[0].help.len()), (MetricKind::Counter, MAX_HELP_BYTES));
    }
}
