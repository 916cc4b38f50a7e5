//! Delimited `io.prometheus.client.MetricFamily` messages, with native histograms and start times.

use super::{Fault, Said, numbers};
use crate::otlp::wire::{FIXED64, LEN, Reader, VARINT, WireError, tag};
use nexus_series::NORMAL_NAN;
use nexus_series::batch::MetricKind;
use nexus_series::histogram::{CUSTOM_BUCKETS, Histogram, ResetHint, Span};

/// Buckets of one histogram.
const MAX_BUCKETS: usize = 65_536;

/// What of histograms is taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taking {
    /// Native histograms.
    pub native: bool,
    /// Classic ones, too, of a histogram that is both (or is converted).
    pub classic: bool,
    /// Classic ones as native ones with custom buckets.
    pub convert: bool,
}

/// An exemplar of a message.
#[derive(Clone, Debug, Default)]
pub struct SeenExemplar<'a> {
    /// Labels.
    pub labels: Vec<(&'a str, &'a str)>,
    /// Its value.
    pub value: f64,
    /// Its time in ms.
    pub timestamp: Option<i64>,
}

/// Names the series of a point: family, ending, labels, and the label that bounds a bucket or names a quantile.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    /// Name of the family.
    pub name: &'a str,
    /// `_sum` and the like.
    pub suffix: &'static str,
    /// Labels of the metric.
    pub labels: &'a [(&'a str, &'a str)],
    /// `le` or `quantile`.
    pub extra: Option<(&'a str, &'a str)>,
    /// Time in ms.
    pub timestamp: Option<i64>,
    /// When what it counts began, ms; 0: not said.
    pub start: i64,
}

/// Takes what the messages hold.
pub trait Sink {
    /// Something about a family.
    fn family(&mut self, name: &str, said: Said<'_>);
    /// A float sample.
    fn float(&mut self, point: Point<'_>, value: f64, exemplar: Option<&SeenExemplar<'_>>) -> Result<(), String>;
    /// A native histogram.
    fn histogram(
        &mut self,
        point: Point<'_>,
        histogram: Histogram,
        exemplars: &[SeenExemplar<'_>],
    ) -> Result<(), String>;
}

/// Read a body. The fault's line is the number of the message.
pub fn read(body: &[u8], taking: Taking, sink: &mut impl Sink) -> Result<(), Fault> {
    let mut rest = Reader::new(body, 0);
    let mut line = 0;
    while !rest.rest().is_empty() {
        line += 1;
        let message = rest.message().map_err(|error| Fault { line, message: error.to_string() })?;
        family(message, taking, sink).map_err(|message| Fault { line, message })?;
    }
    Ok(())
}

fn wrong(error: WireError) -> String {
    error.to_string()
}

fn text<'a>(reader: &mut Reader<'a>, what: &str) -> Result<&'a str, String> {
    let bytes = reader.message().map_err(wrong)?.rest();
    simdutf8::basic::from_utf8(bytes).map_err(|_| format!("{what} is not UTF-8"))
}

fn double(reader: &mut Reader<'_>) -> Result<f64, String> {
    let value = f64::from_bits(reader.fixed64().map_err(wrong)?);
    // No sender may mark a series as stale.
    Ok(if value.is_nan() { f64::from_bits(NORMAL_NAN) } else { value })
}

fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

const NAME: u32 = tag(1, LEN);
const HELP: u32 = tag(2, LEN);
const TYPE: u32 = tag(3, VARINT);
const METRIC: u32 = tag(4, LEN);
const UNIT: u32 = tag(5, LEN);

fn family(message: Reader<'_>, taking: Taking, sink: &mut impl Sink) -> Result<(), String> {
    let (mut name, mut kind) = ("", 0);
    let (mut help, mut unit) = (None, None);
    let mut reader = message;
    while let Some(field) = reader.tag().map_err(wrong)? {
        match field {
            NAME => name = text(&mut reader, "the name of a family")?,
            HELP => help = Some(text(&mut reader, "the help of a family")?),
            TYPE => kind = reader.varint().map_err(wrong)?,
            UNIT => unit = Some(text(&mut reader, "the unit of a family")?),
            _ => reader.skip(field).map_err(wrong)?,
        }
    }
    if name.is_empty() {
        return Err("a family has no name".into());
    }
    let kind = match kind {
        0 => MetricKind::Counter,
        1 => MetricKind::Gauge,
        2 => MetricKind::Summary,
        3 => MetricKind::Unknown,
        4 => MetricKind::Histogram,
        5 => MetricKind::GaugeHistogram,
        other => return Err(format!("the family {name:?} has the type {other}, which there is not")),
    };
    sink.family(name, Said::Kind(kind));
    if let Some(help) = help {
        sink.family(name, Said::Help(help));
    }
    if let Some(unit) = unit.filter(|unit| !unit.is_empty()) {
        sink.family(name, Said::Unit(unit));
    }
    let mut reader = message;
    while let Some(field) = reader.tag().map_err(wrong)? {
        if field == METRIC {
            let inner = reader.message().map_err(wrong)?;
            metric(name, kind, inner, taking, sink).map_err(|error| format!("in {name:?}: {error}"))?;
        } else {
            reader.skip(field).map_err(wrong)?;
        }
    }
    Ok(())
}

fn label(mut reader: Reader<'_>) -> Result<(&str, &str), String> {
    let mut found = ("", "");
    while let Some(field) = reader.tag().map_err(wrong)? {
        match field {
            NAME => found.0 = text(&mut reader, "a label name")?,
            HELP => found.1 = text(&mut reader, "a label value")?,
            _ => reader.skip(field).map_err(wrong)?,
        }
    }
    Ok(found)
}

fn metric(
    name: &str,
    kind: MetricKind,
    mut reader: Reader<'_>,
    taking: Taking,
    sink: &mut impl Sink,
) -> Result<(), String> {
    let mut labels = Vec::with_capacity(8);
    let mut timestamp = None;
    let mut value = None;
    while let Some(field) = reader.tag().map_err(wrong)? {
        match field {
            NAME => labels.push(label(reader.message().map_err(wrong)?)?),
            0x30 => timestamp = Some(reader.varint().map_err(wrong)? as i64),
            // gauge, counter, summary, untyped, histogram
            0x12 | 0x1a | 0x22 | 0x2a | 0x3a => value = Some((field >> 3, reader.message().map_err(wrong)?)),
            _ => reader.skip(field).map_err(wrong)?,
        }
    }
    for (at, (name, _)) in labels.iter().enumerate() {
        if labels[..at].iter().any(|other| other.0 == *name) {
            return Err(format!("the label {name:?} is there twice"));
        }
        if *name == nexus_series::NAME {
            return Err("the label \"__name__\" is there twice".into());
        }
    }
    let point = Point {
        name,
        suffix: "",
        labels: &labels,
        extra: None,
        timestamp: timestamp.filter(|&time| time != 0),
        start: 0,
    };
    match value {
        Some((4, inner)) => summary(point, inner, sink),
        Some((7, inner)) => {
            let mut found = histogram(inner)?;
            if kind == MetricKind::GaugeHistogram {
                found.native.hint = ResetHint::Gauge;
            }
            emit(point, found, taking, sink)
        }
        Some((field, inner)) => number(point, inner, field == 3, sink),
        None => Err("a metric has no value".into()),
    }
}

fn number(point: Point<'_>, mut reader: Reader<'_>, counter: bool, sink: &mut impl Sink) -> Result<(), String> {
    let (mut value, mut seen, mut start) = (0.0, None, 0);
    while let Some(field) = reader.tag().map_err(wrong)? {
        match field {
            0x09 => value = double(&mut reader)?,
            0x12 => seen = Some(exemplar(reader.message().map_err(wrong)?)?),
            0x1a if counter => start = time(reader.message().map_err(wrong)?)?,
            _ => reader.skip(field).map_err(wrong)?,
        }
    }
    sink.float(Point { start, ..point }, value, seen.as_ref())
}

fn summary(point: Point<'_>, mut reader: Reader<'_>, sink: &mut impl Sink) -> Result<(), String> {
    let (mut count, mut sum, mut start) = (0.0, 0.0, 0);
    let mut quantiles = Vec::new();
    while let Some(field) = reader.tag().map_err(wrong)? {
        match field {
            0x08 => count = reader.varint().map_err(wrong)? as f64,
            0x11 => sum = double(&mut reader)?,
            0x1a => {
                let mut inner = reader.message().map_err(wrong)?;
                let (mut quantile, mut value) = (0.0, 0.0);
                while let Some(field) = inner.tag().map_err(wrong)? {
                    match field {
                        0x09 => quantile = double(&mut inner)?,
                        0x11 => value = double(&mut inner)?,
                        _ => inner.skip(field).map_err(wrong)?,
                    }
                }
                quantiles.push((quantile, value));
            }
            0x22 => start = time(reader.message().map_err(wrong)?)?,
            _ => reader.skip(field).map_err(wrong)?,
        }
    }
    let point = Point { start, ..point };
    for (quantile, value) in quantiles {
        let quantile = numbers::canonical(quantile);
        sink.float(Point { extra: Some(("quantile", &quantile)), ..point }, value, None)?;
    }
    sink.float(Point { suffix: "_count", ..point }, count, None)?;
    sink.float(Point { suffix: "_sum", ..point }, sum, None)
}

/// A `google.protobuf.Timestamp` in ms.
fn time(mut reader: Reader<'_>) -> Result<i64, String> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    while let Some(field) = reader.tag().map_err(wrong)? {
        match field {
            0x08 => seconds = reader.varint().map_err(wrong)? as i64,
            0x10 => nanos = reader.varint().map_err(wrong)? as i64,
            _ => reader.skip(field).map_err(wrong)?,
        }
    }
    Ok(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

fn exemplar(mut reader: Reader<'_>) -> Result<SeenExemplar<'_>, String> {
    let mut found = SeenExemplar::default();
    while let Some(field) = reader.tag().map_err(wrong)? {
        match field {
            0x0a => found.labels.push(label(reader.message().map_err(wrong)?)?),
            0x11 => found.value = double(&mut reader)?,
            0x1a => found.timestamp = Some(time(reader.message().map_err(wrong)?)?),
            _ => reader.skip(field).map_err(wrong)?,
        }
    }
    Ok(found)
}

/// A histogram of a message, classic and native.
struct Found<'a> {
    count: f64,
    sum: f64,
    buckets: Vec<(f64, f64, Option<SeenExemplar<'a>>)>,
    native: Histogram,
    is_native: bool,
    exemplars: Vec<SeenExemplar<'a>>,
    start: i64,
}

fn histogram(mut reader: Reader<'_>) -> Result<Found<'_>, String> {
    let mut found = Found {
        count: 0.0,
        sum: 0.0,
        buckets: Vec::new(),
        native: Histogram::default(),
        is_native: false,
        exemplars: Vec::new(),
        start: 0,
    };
    let (mut deltas, mut counts) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    while let Some(field) = reader.tag().map_err(wrong)? {
        let native = &mut found.native;
        match field {
            0x08 => found.count = reader.varint().map_err(wrong)? as f64,
            0x21 => found.count = double(&mut reader)?,
            0x11 => found.sum = double(&mut reader)?,
            0x1a => {
                if found.buckets.len() >= MAX_BUCKETS {
                    return Err(format!("a histogram has more than {MAX_BUCKETS} buckets"));
                }
                found.buckets.push(bucket(reader.message().map_err(wrong)?)?);
            }
            0x28 => native.schema = zigzag(reader.varint().map_err(wrong)?) as i32,
            0x31 => native.zero_threshold = double(&mut reader)?,
            0x38 => native.zero_count = reader.varint().map_err(wrong)? as f64,
            0x41 => native.zero_count = double(&mut reader)?,
            0x4a => native.negative_spans.push(span(reader.message().map_err(wrong)?)?),
            0x50 | 0x52 => packed_deltas(field & 7, &mut reader, &mut deltas[0])?,
            0x59 | 0x5a => packed_doubles(field & 7, &mut reader, &mut counts[0])?,
            0x62 => native.positive_spans.push(span(reader.message().map_err(wrong)?)?),
            0x68 | 0x6a => packed_deltas(field & 7, &mut reader, &mut deltas[1])?,
            0x71 | 0x72 => packed_doubles(field & 7, &mut reader, &mut counts[1])?,
            0x7a => found.start = time(reader.message().map_err(wrong)?)?,
            0x82 => found.exemplars.push(exemplar(reader.message().map_err(wrong)?)?),
            _ => reader.skip(field).map_err(wrong)?,
        }
    }
    let native = &mut found.native;
    let spans = !native.positive_spans.is_empty() || !native.negative_spans.is_empty();
    found.is_native = spans || native.zero_threshold > 0.0 || native.zero_count > 0.0;
    if found.is_native {
        let [negative, positive] = counts;
        let [negative_deltas, positive_deltas] = deltas;
        native.count = found.count;
        native.sum = found.sum;
        native.negative = if negative.is_empty() { absolute(&negative_deltas) } else { negative };
        native.positive = if positive.is_empty() { absolute(&positive_deltas) } else { positive };
        check(native)?;
    }
    Ok(found)
}

fn bucket(mut reader: Reader<'_>) -> Result<(f64, f64, Option<SeenExemplar<'_>>), String> {
    let mut found = (0.0, 0.0, None);
    while let Some(field) = reader.tag().map_err(wrong)? {
        match field {
            0x08 => found.1 = reader.varint().map_err(wrong)? as f64,
            0x21 => found.1 = double(&mut reader)?,
            0x11 => found.0 = double(&mut reader)?,
            0x1a => found.2 = Some(exemplar(reader.message().map_err(wrong)?)?),
            _ => reader.skip(field).map_err(wrong)?,
        }
    }
    Ok(found)
}

fn span(mut reader: Reader<'_>) -> Result<Span, String> {
    let mut found = Span::default();
    while let Some(field) = reader.tag().map_err(wrong)? {
        match field {
            0x08 => found.offset = zigzag(reader.varint().map_err(wrong)?) as i32,
            0x10 => found.length = reader.varint().map_err(wrong)? as u32,
            _ => reader.skip(field).map_err(wrong)?,
        }
    }
    Ok(found)
}

fn packed_deltas(wire_type: u32, reader: &mut Reader<'_>, into: &mut Vec<i64>) -> Result<(), String> {
    if wire_type == VARINT {
        into.push(zigzag(reader.varint().map_err(wrong)?));
        return Ok(());
    }
    let mut inner = reader.message().map_err(wrong)?;
    while !inner.rest().is_empty() {
        if into.len() >= MAX_BUCKETS {
            return Err(format!("a histogram has more than {MAX_BUCKETS} buckets"));
        }
        into.push(zigzag(inner.varint().map_err(wrong)?));
    }
    Ok(())
}

fn packed_doubles(wire_type: u32, reader: &mut Reader<'_>, into: &mut Vec<f64>) -> Result<(), String> {
    if wire_type == FIXED64 {
        into.push(double(reader)?);
        return Ok(());
    }
    let mut inner = reader.message().map_err(wrong)?;
    while !inner.rest().is_empty() {
        if into.len() >= MAX_BUCKETS {
            return Err(format!("a histogram has more than {MAX_BUCKETS} buckets"));
        }
        into.push(double(&mut inner)?);
    }
    Ok(())
}

fn absolute(deltas: &[i64]) -> Vec<f64> {
    let sums = deltas.iter().scan(0_i64, |sum, delta| {
        *sum = sum.wrapping_add(*delta);
        Some(*sum as f64)
    });
    sums.collect()
}

/// Does a native histogram hold together?
fn check(native: &mut Histogram) -> Result<(), String> {
    if !(-9..=52).contains(&native.schema) {
        return Err(format!("a histogram has the schema {}, which there is not", native.schema));
    }
    for (spans, counts, side) in
        [(&native.positive_spans, &native.positive, "positive"), (&native.negative_spans, &native.negative, "negative")]
    {
        let wanted: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
        if wanted != counts.len() as u64 {
            return Err(format!("spans of a histogram name {wanted} {side} buckets, and there are {}", counts.len()));
        }
        if spans.iter().skip(1).any(|span| span.offset < 0) {
            return Err(format!("a {side} span of a histogram goes back"));
        }
        if counts.iter().any(|&count| count.is_nan() || count < 0.0) {
            return Err(format!("a {side} bucket of a histogram counts less than 0"));
        }
    }
    let within = native.zero_count + native.positive.iter().sum::<f64>() + native.negative.iter().sum::<f64>();
    // Observations of NaN are in no bucket.
    if native.sum.is_finite() && (within - native.count).abs() > 1e-6 * native.count.max(1.0)
        || within > native.count * 1.000_001 + 1e-6
    {
        return Err(format!("buckets of a histogram count {within}, and it counts {}", native.count));
    }
    // A span of no length at the start only says that the histogram is a native one.
    native.positive_spans.retain(|span| span.length > 0 || span.offset != 0);
    native.negative_spans.retain(|span| span.length > 0 || span.offset != 0);
    Ok(())
}

fn emit(point: Point<'_>, found: Found<'_>, taking: Taking, sink: &mut impl Sink) -> Result<(), String> {
    let Found { count, sum, mut buckets, native, is_native, exemplars, start } = found;
    let point = Point { start, ..point };
    let mut classic = true;
    if is_native && taking.native {
        let of_buckets: Vec<SeenExemplar<'_>>;
        let of = if exemplars.is_empty() {
            of_buckets = buckets.iter().filter_map(|bucket| bucket.2.clone()).collect();
            &of_buckets
        } else {
            &exemplars
        };
        sink.histogram(point, native, of)?;
        classic = taking.classic && !buckets.is_empty();
    } else if taking.convert && !buckets.is_empty() {
        let pairs = buckets.iter().map(|bucket| (bucket.0, bucket.1)).collect();
        let mut converted = custom(pairs, Some(count), sum)?;
        converted.hint = native.hint;
        let of: Vec<SeenExemplar<'_>> = buckets.iter().filter_map(|bucket| bucket.2.clone()).collect();
        sink.histogram(point, converted, &of)?;
        classic = taking.classic;
    }
    if !classic {
        return Ok(());
    }
    sink.float(Point { suffix: "_count", ..point }, count, None)?;
    sink.float(Point { suffix: "_sum", ..point }, sum, None)?;
    if buckets.last().is_none_or(|bucket| bucket.0 != f64::INFINITY) {
        buckets.push((f64::INFINITY, count, None));
    }
    for (bound, cumulative, seen) in &buckets {
        let bound = numbers::canonical(*bound);
        sink.float(Point { suffix: "_bucket", extra: Some(("le", &bound)), ..point }, *cumulative, seen.as_ref())?;
    }
    Ok(())
}

/// A classic histogram (upper bound, cumulative count) as a native one with custom buckets.
pub fn custom(mut buckets: Vec<(f64, f64)>, count: Option<f64>, sum: f64) -> Result<Histogram, String> {
    if buckets.iter().any(|bucket| bucket.0.is_nan() || bucket.1.is_nan() || bucket.1 < 0.0) {
        return Err("a bucket has a bound or a count that is no number".into());
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    buckets.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
    let last = buckets.last().copied();
    let count = match (count, last) {
        (Some(count), _) => count,
        (None, Some((bound, count))) if bound == f64::INFINITY => count,
        _ => return Err("a histogram has neither a count nor a bucket for +Inf".into()),
    };
    if last.is_none_or(|last| last.0 != f64::INFINITY) {
        buckets.push((f64::INFINITY, count));
    }
    if buckets.last().is_some_and(|last| last.1.total_cmp(&count).is_ne()) {
        return Err("the count of a histogram differs from its bucket for +Inf".into());
    }
    let mut before = 0.0;
    let mut counts = Vec::with_capacity(buckets.len());
    for (bound, cumulative) in &buckets {
        if *cumulative < before {
            return Err(format!("the bucket for {} counts less than the one below it", numbers::canonical(*bound)));
        }
        counts.push(cumulative - before);
        before = *cumulative;
    }
    Ok(Histogram {
        schema: CUSTOM_BUCKETS,
        count,
        sum,
        positive_spans: vec![Span { offset: 0, length: counts.len() as u32 }],
        positive: counts,
        custom_values: buckets[..buckets.len() - 1].iter().map(|bucket| bucket.0).collect(),
        ..Histogram::default()
    })
}
