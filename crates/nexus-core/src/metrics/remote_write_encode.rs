//! A batch as a remote write request, 1.0 or 2.0, without its snappy encoding.
//!
//! Start times go with 2.0 only. A histogram whose counts are integers is written as one of integers. Metadata go with 1.0 by themselves; 2.0 has them
//! with series, so those of a family that the batch has no series of are left out.

use super::remote_write::kind_code;
use crate::otlp::wire::{FIXED64, LEN, VARINT, tag};
use nexus_series::NAME;
use nexus_series::batch::{BatchSeries, Exemplar, Metadata, MetricBatch, MetricKind};
use nexus_series::histogram::{Histogram, ResetHint, Span};
use nexus_series::labels::unpack;

type Symbols<'a> = hashbrown::HashMap<&'a str, u32, foldhash::fast::RandomState>;

/// A `prometheus.WriteRequest` of the series in `range` of the batch; its metadata come with the first ones.
pub fn encode_v1(batch: &MetricBatch, range: std::ops::Range<usize>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut message = Vec::new();
    if range.start == 0 {
        for metadata in &batch.metadata {
            message.clear();
            varint_field(&mut message, 1, kind_code(metadata.kind));
            bytes_field(&mut message, 2, metadata.name.as_bytes());
            bytes_field(&mut message, 4, metadata.help.as_bytes());
            bytes_field(&mut message, 5, metadata.unit.as_bytes());
            message_field(&mut out, 3, &message);
        }
    }
    let mut inner = Vec::new();
    for series in &batch.series[range] {
        message.clear();
        labels_v1(&mut message, &mut inner, batch.labels_of(series));
        samples(&mut message, &mut inner, batch, series, false);
        for exemplar in &batch.exemplars[series.exemplars.clone()] {
            exemplar_v1(&mut message, exemplar);
        }
        histograms(&mut message, batch, series, (4, false));
        message_field(&mut out, 1, &message);
    }
    out
}

/// An `io.prometheus.write.v2.Request` of the series in `range` of the batch.
pub fn encode_v2(batch: &MetricBatch, range: std::ops::Range<usize>) -> Vec<u8> {
    let mut symbols = Symbols::default();
    let mut texts: Vec<&str> = vec![""];
    symbols.insert("", 0);
    let by_name: hashbrown::HashMap<&str, &Metadata, foldhash::fast::RandomState> =
        batch.metadata.iter().map(|metadata| (metadata.name.as_str(), metadata)).collect();
    let (mut body, mut message, mut inner) = (Vec::new(), Vec::new(), Vec::new());
    for series in &batch.series[range] {
        message.clear();
        let mut name = "";
        inner.clear();
        for (label, value) in unpack(batch.labels_of(series)) {
            if label == NAME {
                name = value;
            }
            varint(&mut inner, u64::from(symbol(&mut symbols, &mut texts, label)));
            varint(&mut inner, u64::from(symbol(&mut symbols, &mut texts, value)));
        }
        message_field(&mut message, 1, &inner);
        samples(&mut message, &mut inner, batch, series, true);
        histograms(&mut message, batch, series, (3, true));
        for exemplar in &batch.exemplars[series.exemplars.clone()] {
            let mut refs = Vec::new();
            for (label, value) in unpack(&exemplar.labels) {
                varint(&mut refs, u64::from(symbol(&mut symbols, &mut texts, label)));
                varint(&mut refs, u64::from(symbol(&mut symbols, &mut texts, value)));
            }
            inner.clear();
            message_field(&mut inner, 1, &refs);
            double_field(&mut inner, 2, exemplar.value);
            varint_field(&mut inner, 3, exemplar.timestamp as u64);
            message_field(&mut message, 4, &inner);
        }
        if let Some(metadata) = metadata_of(&by_name, name) {
            inner.clear();
            varint_field(&mut inner, 1, kind_code(metadata.kind));
            varint_field(&mut inner, 3, u64::from(symbol(&mut symbols, &mut texts, &metadata.help)));
            varint_field(&mut inner, 4, u64::from(symbol(&mut symbols, &mut texts, &metadata.unit)));
            message_field(&mut message, 5, &inner);
        }
        message_field(&mut body, 5, &message);
    }
    let mut out = Vec::with_capacity(body.len() + texts.iter().map(|text| text.len() + 3).sum::<usize>());
    for text in texts {
        message_field(&mut out, 4, text.as_bytes());
    }
    out.extend_from_slice(&body);
    out
}

fn metadata_of<'a>(
    by_name: &hashbrown::HashMap<&str, &'a Metadata, foldhash::fast::RandomState>,
    name: &str,
) -> Option<&'a Metadata> {
    if let Some(metadata) = by_name.get(name) {
        return Some(metadata);
    }
    let (family, _) = name.rsplit_once('_')?;
    by_name.get(family).copied().filter(|metadata| {
        matches!(metadata.kind, MetricKind::Histogram | MetricKind::GaugeHistogram | MetricKind::Summary)
    })
}

fn symbol<'a>(symbols: &mut Symbols<'a>, texts: &mut Vec<&'a str>, text: &'a str) -> u32 {
    *symbols.entry(text).or_insert_with(|| {
        texts.push(text);
        texts.len() as u32 - 1
    })
}

fn labels_v1(out: &mut Vec<u8>, inner: &mut Vec<u8>, packed: &[u8]) {
    for (name, value) in unpack(packed) {
        inner.clear();
        bytes_field(inner, 1, name.as_bytes());
        bytes_field(inner, 2, value.as_bytes());
        message_field(out, 1, inner);
    }
}

fn exemplar_v1(out: &mut Vec<u8>, exemplar: &Exemplar) {
    let (mut message, mut inner) = (Vec::new(), Vec::new());
    labels_v1(&mut message, &mut inner, &exemplar.labels);
    double_field(&mut message, 2, exemplar.value);
    varint_field(&mut message, 3, exemplar.timestamp as u64);
    message_field(out, 3, &message);
}

fn samples(out: &mut Vec<u8>, inner: &mut Vec<u8>, batch: &MetricBatch, series: &BatchSeries, with_starts: bool) {
    for at in series.floats.clone() {
        inner.clear();
        double_field(inner, 1, batch.values[at]);
        varint_field(inner, 2, batch.timestamps[at] as u64);
        if with_starts {
            varint_field(inner, 3, batch.starts.at(at) as u64);
        }
        message_field(out, 2, inner);
    }
}

fn histograms(out: &mut Vec<u8>, batch: &MetricBatch, series: &BatchSeries, (field, with_starts): (u32, bool)) {
    for at in series.histograms.clone() {
        let (timestamp, histogram) = &batch.histograms[at];
        let mut message = Vec::new();
        histogram_message(&mut message, *timestamp, histogram);
        if with_starts {
            varint_field(&mut message, 17, batch.histogram_starts.at(at) as u64);
        }
        message_field(out, field, &message);
    }
}

/// Can a count be an integer of the protocol, exactly?
fn is_whole(count: f64) -> bool {
    count.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&count)
}

#[allow(clippy::float_cmp)] // Integers below 2^53, which are exact.
fn histogram_message(out: &mut Vec<u8>, timestamp: i64, histogram: &Histogram) {
    let counts = || histogram.positive.iter().chain(&histogram.negative).chain([&histogram.zero_count]);
    let whole = counts().chain([&histogram.count]).all(|&count| is_whole(count))
        && (counts().sum::<f64>() == histogram.count || histogram.sum.is_nan());
    // Members of a oneof are written even when they are zero.
    if whole {
        varint(out, u64::from(tag(1, VARINT)));
        varint(out, histogram.count as u64);
    } else {
        varint(out, u64::from(tag(2, FIXED64)));
        out.extend_from_slice(&histogram.count.to_bits().to_le_bytes());
    }
    double_field(out, 3, histogram.sum);
    varint_field(out, 4, zigzag(i64::from(histogram.schema)));
    double_field(out, 5, histogram.zero_threshold);
    if whole {
        varint(out, u64::from(tag(6, VARINT)));
        varint(out, histogram.zero_count as u64);
    } else {
        varint(out, u64::from(tag(7, FIXED64)));
        out.extend_from_slice(&histogram.zero_count.to_bits().to_le_bytes());
    }
    for (field, spans, counts) in
        [(8, &histogram.negative_spans, &histogram.negative), (11, &histogram.positive_spans, &histogram.positive)]
    {
        spans_field(out, field, spans);
        let mut packed = Vec::new();
        if whole {
            let mut before = 0;
            for &count in counts {
                varint(&mut packed, zigzag(count as i64 - before));
                before = count as i64;
            }
            packed_field(out, field + 1, &packed);
        } else {
            for count in counts {
                packed.extend_from_slice(&count.to_bits().to_le_bytes());
            }
            packed_field(out, field + 2, &packed);
        }
    }
    let hint = match histogram.hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    };
    varint_field(out, 14, hint);
    varint_field(out, 15, timestamp as u64);
    let custom: Vec<u8> = histogram.custom_values.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect();
    packed_field(out, 16, &custom);
}

fn spans_field(out: &mut Vec<u8>, field: u32, spans: &[Span]) {
    let mut message = Vec::new();
    for span in spans {
        message.clear();
        varint_field(&mut message, 1, zigzag(i64::from(span.offset)));
        varint_field(&mut message, 2, u64::from(span.length));
        message_field(out, field, &message);
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn varint_field(out: &mut Vec<u8>, field: u32, number: u64) {
    if number != 0 {
        varint(out, u64::from(tag(field, VARINT)));
        varint(out, number);
    }
}

fn double_field(out: &mut Vec<u8>, field: u32, value: f64) {
    if value.to_bits() != 0 {
        varint(out, u64::from(tag(field, FIXED64)));
        out.extend_from_slice(&value.to_bits().to_le_bytes());
    }
}

fn message_field(out: &mut Vec<u8>, field: u32, message: &[u8]) {
    varint(out, u64::from(tag(field, LEN)));
    varint(out, message.len() as u64);
    out.extend_from_slice(message);
}

fn bytes_field(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        message_field(out, field, bytes);
    }
}

fn packed_field(out: &mut Vec<u8>, field: u32, packed: &[u8]) {
    bytes_field(out, field, packed);
}

#[cfg(test)]
mod tests {
    use super::super::builder::BatchBuilder;
    use super::super::histogram::sparse;
    use super::super::remote_write::{decode_v1, decode_v2};
    use super::*;
    use nexus_series::histogram::CUSTOM_BUCKETS;

    /// Numbers that look random and come out the same on every run.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % sides
        }

        fn value(&mut self) -> f64 {
            match self.roll(6) {
                0 => f64::from_bits(nexus_series::STALE_NAN),
                1 => f64::INFINITY,
                2 => -0.0,
                3 => f64::from_bits(0x7ff8_0000_dead_beef),
                _ => self.roll(1 << 30) as f64 / 7.0 - 1e6,
            }
        }

        fn histogram(&mut self) -> Histogram {
            let whole = self.roll(2) == 0;
            let custom = self.roll(3) == 0;
            let side = |dice: &mut Self| {
                let mut at = if custom { 0 } else { dice.roll(400) as i64 - 200 };
                let buckets: Vec<(i64, f64)> = (0..dice.roll(7))
                    .map(|_| {
                        at += 1 + dice.roll(if custom { 1 } else { 9 }) as i64;
                        (at, dice.roll(1000) as f64 + if whole { 0.0 } else { 0.25 })
                    })
                    .collect();
                sparse(buckets.into_iter())
            };
            let (positive_spans, positive) = side(self);
            let (negative_spans, negative) = if custom { Default::default() } else { side(self) };
            let zero_count = if custom { 0.0 } else { self.roll(9) as f64 };
            let count = positive.iter().chain(&negative).sum::<f64>() + zero_count;
            Histogram {
                schema: if custom { CUSTOM_BUCKETS } else { self.roll(13) as i32 - 4 },
                zero_threshold: if custom { 0.0 } else { 1e-9 },
                zero_count,
                count,
                sum: self.roll(99) as f64,
                custom_values: if custom { (0..12).map(f64::from).collect() } else { Vec::new() },
                hint: [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge]
                    [self.roll(4) as usize],
                positive_spans,
                positive,
                negative_spans,
                negative,
            }
        }
    }

    fn some_batch(seed: u64) -> MetricBatch {
        let mut dice = Dice(seed);
        let mut builder = BatchBuilder::default();
        for position in 0..dice.roll(20) as usize {
            builder.begin(position);
            builder.label(b"__name__", format!("metric_{}", dice.roll(4)).as_bytes());
            for label in 0..dice.roll(12) {
                let value = "v".repeat(if dice.roll(9) == 0 { 300 } else { dice.roll(20) as usize });
                builder.label(format!("l{label:02}").as_bytes(), value.as_bytes());
            }
            for _ in 0..=dice.roll(4) {
                builder.float(dice.roll(1 << 40) as i64 - 99, dice.value());
            }
            for _ in 0..dice.roll(3) {
                let timestamp = dice.roll(1 << 40) as i64;
                let histogram = dice.histogram();
                builder.histogram(timestamp, histogram);
            }
            for _ in 0..dice.roll(2) {
                let labels = nexus_series::labels::pack([("trace_id", "abc")]);
                builder.exemplar(Exemplar { labels, timestamp: dice.roll(9) as i64, value: dice.value() });
            }
            builder.end();
        }
        for family in 0..dice.roll(4) {
            builder.metadata(format!("metric_{family}").as_bytes(), MetricKind::Gauge, b"What it is", b"seconds");
        }
        builder.finish().batch
    }

    fn assert_equal(a: &MetricBatch, b: &MetricBatch) {
        let bits = |batch: &MetricBatch| batch.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(a.labels, b.labels);
        assert_eq!(format!("{:?}", a.series), format!("{:?}", b.series));
        assert_eq!((&a.timestamps, bits(a)), (&b.timestamps, bits(b)));
        assert_eq!(a.histograms, b.histograms);
        assert_eq!(format!("{:?}", a.exemplars), format!("{:?}", b.exemplars));
    }

    #[test]
    fn what_is_written_is_read() {
        for seed in 0..400 {
            let batch = some_batch(seed);
            let first = decode_v1(&encode_v1(&batch, 0..batch.series.len())).unwrap();
            assert_eq!(first.rejections.first(), []);
            assert_equal(&first.batch, &batch);
            assert_eq!(first.batch.metadata, batch.metadata);
            let second = decode_v2(&encode_v2(&batch, 0..batch.series.len())).unwrap();
            assert_eq!(second.rejections.first(), []);
            assert_equal(&second.batch, &batch);
            for metadata in &second.batch.metadata {
                assert!(batch.metadata.contains(metadata));
            }
        }
    }
}
