//! Prometheus remote write, 1.0 and 2.0, without its snappy encoding: protobuf straight into a batch.
//!
//! Source: the specifications of remote write 1.0 and 2.0 (rc.4) and their `.proto` files. Labels may come in any order,
//! samples too.

use super::builder::{BatchBuilder, exemplar_labels};
use super::histogram::accept;
use super::{Decoded, MAX_BUCKETS};
use crate::decode::DecodeError;
use crate::otlp::wire::{FIXED64, LEN, Reader, VARINT, WireError, tag};
use nexus_series::batch::{Exemplar, MetricKind};
use nexus_series::histogram::{Histogram, ResetHint, Span};

type Walk<T> = Result<T, WireError>;

const MAX_EXEMPLAR_LABELS: usize = 64;

/// Decode a `prometheus.WriteRequest` (1.0).
///
/// # Errors
/// When the body is no such message.
pub fn decode_v1(body: &[u8]) -> Result<Decoded, DecodeError> {
    let mut builder = BatchBuilder::new(body.len()).in_proportion(body.len());
    request_v1(Reader::new(body, 0), &mut builder)
        .map_err(|error| DecodeError(format!("not a remote write 1.0 request: {error}")))?;
    Ok(builder.finish())
}

/// Decode an `io.prometheus.write.v2.Request` (2.0).
///
/// # Errors
/// When the body is no such message, or a label refers to a symbol that is not there.
pub fn decode_v2(body: &[u8]) -> Result<Decoded, DecodeError> {
    let mut builder = BatchBuilder::new(body.len()).in_proportion(body.len());
    request_v2(Reader::new(body, 0), &mut builder)
        .map_err(|error| DecodeError(format!("not a remote write 2.0 request: {error}")))?;
    Ok(builder.finish())
}

// ------------------------------------------------------------------------------------------------------------------ 1.0

fn request_v1(mut request: Reader<'_>, builder: &mut BatchBuilder) -> Walk<()> {
    const TIMESERIES: u32 = tag(1, LEN);
    const METADATA: u32 = tag(3, LEN);
    let mut position = 0;
    while let Some(found) = request.tag()? {
        match found {
            TIMESERIES => {
                series_v1(request.message()?, position, builder)?;
                position += 1;
            }
            METADATA => metadata_v1(request.message()?, builder)?,
            _ => request.skip(found)?,
        }
    }
    Ok(())
}

fn series_v1(mut series: Reader<'_>, position: usize, builder: &mut BatchBuilder) -> Walk<()> {
    const LABELS: u32 = tag(1, LEN);
    const SAMPLES: u32 = tag(2, LEN);
    const EXEMPLARS: u32 = tag(3, LEN);
    const HISTOGRAMS: u32 = tag(4, LEN);
    builder.begin(position);
    while let Some(found) = series.tag()? {
        match found {
            LABELS => {
                let (name, value) = label_v1(series.message()?)?;
                builder.label(name, value);
            }
            SAMPLES => {
                let (timestamp, value, _) = sample(series.message()?)?;
                builder.float(timestamp, value);
            }
            HISTOGRAMS => histogram(series.message()?, builder)?,
            EXEMPLARS => exemplar_v1(series.message()?, builder)?,
            _ => series.skip(found)?,
        }
    }
    builder.end();
    Ok(())
}

#[inline]
fn label_v1(mut label: Reader<'_>) -> Walk<(&[u8], &[u8])> {
    const NAME: u32 = tag(1, LEN);
    const VALUE: u32 = tag(2, LEN);
    // As every client writes it: a short name, a short value, nothing else.
    if let [0x0a, length @ 0..0x80, rest @ ..] = label.rest()
        && let Some((name, [0x12, length @ 0..0x80, value @ ..])) = rest.split_at_checked(usize::from(*length))
        && value.len() == usize::from(*length)
    {
        return Ok((name, value));
    }
    let (mut name, mut value) = (&b""[..], &b""[..]);
    while let Some(found) = label.tag()? {
        match found {
            NAME => name = label.message()?.rest(),
            VALUE => value = label.message()?.rest(),
            _ => label.skip(found)?,
        }
    }
    Ok((name, value))
}

/// Time, value and, of 2.0, start time.
#[inline]
fn sample(mut sample: Reader<'_>) -> Walk<(i64, f64, i64)> {
    const VALUE: u32 = tag(1, FIXED64);
    const TIMESTAMP: u32 = tag(2, VARINT);
    const START: u32 = tag(3, VARINT);
    let (mut timestamp, mut value, mut start) = (0, 0.0, 0);
    while let Some(found) = sample.tag()? {
        match found {
            VALUE => value = f64::from_bits(sample.fixed64()?),
            TIMESTAMP => timestamp = sample.varint()? as i64,
            START => start = sample.varint()? as i64,
            _ => sample.skip(found)?,
        }
    }
    Ok((timestamp, value, start))
}

fn exemplar_v1(mut exemplar: Reader<'_>, builder: &mut BatchBuilder) -> Walk<()> {
    const LABELS: u32 = tag(1, LEN);
    const VALUE: u32 = tag(2, FIXED64);
    const TIMESTAMP: u32 = tag(3, VARINT);
    let mut labels = Vec::new();
    let (mut timestamp, mut value) = (0, 0.0);
    while let Some(found) = exemplar.tag()? {
        match found {
            LABELS => {
                let label = label_v1(exemplar.message()?)?;
                if labels.len() < MAX_EXEMPLAR_LABELS {
                    labels.push(label);
                }
            }
            VALUE => value = f64::from_bits(exemplar.fixed64()?),
            TIMESTAMP => timestamp = exemplar.varint()? as i64,
            _ => exemplar.skip(found)?,
        }
    }
    if let Some(labels) = exemplar_labels(&labels) {
        builder.exemplar(Exemplar { labels, timestamp, value });
    }
    Ok(())
}

fn metadata_v1(mut metadata: Reader<'_>, builder: &mut BatchBuilder) -> Walk<()> {
    const KIND: u32 = tag(1, VARINT);
    const FAMILY: u32 = tag(2, LEN);
    const HELP: u32 = tag(4, LEN);
    const UNIT: u32 = tag(5, LEN);
    let (mut code, mut family, mut help, mut unit) = (0, &b""[..], &b""[..], &b""[..]);
    while let Some(found) = metadata.tag()? {
        match found {
            KIND => code = metadata.varint()?,
            FAMILY => family = metadata.message()?.rest(),
            HELP => help = metadata.message()?.rest(),
            UNIT => unit = metadata.message()?.rest(),
            _ => metadata.skip(found)?,
        }
    }
    builder.metadata(family, kind(code), help, unit);
    Ok(())
}

fn kind(code: u64) -> MetricKind {
    match code {
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => MetricKind::Unknown,
    }
}

/// The number of a kind in both protocols.
pub fn kind_code(kind: MetricKind) -> u64 {
    match kind {
        MetricKind::Unknown => 0,
        MetricKind::Counter => 1,
        MetricKind::Gauge => 2,
        MetricKind::Histogram => 3,
        MetricKind::GaugeHistogram => 4,
        MetricKind::Summary => 5,
        MetricKind::Info => 6,
        MetricKind::StateSet => 7,
    }
}

// ------------------------------------------------------------------------------------------------------------------ 2.0

fn request_v2(request: Reader<'_>, builder: &mut BatchBuilder) -> Walk<()> {
    const SYMBOLS: u32 = tag(4, LEN);
    const TIMESERIES: u32 = tag(5, LEN);
    let mut symbols: Vec<&[u8]> = Vec::new();
    let mut rest = request;
    while let Some(found) = rest.tag()? {
        match found {
            SYMBOLS => symbols.push(rest.message()?.rest()),
            _ => rest.skip(found)?,
        }
    }
    let mut decoder = V2 { symbols, refs: Vec::new(), builder };
    let mut request = request;
    let mut position = 0;
    while let Some(found) = request.tag()? {
        match found {
            TIMESERIES => {
                decoder.series(request.message()?, position)?;
                position += 1;
            }
            _ => request.skip(found)?,
        }
    }
    Ok(())
}

struct V2<'a, 'b> {
    symbols: Vec<&'a [u8]>,
    refs: Vec<u32>,
    builder: &'b mut BatchBuilder,
}

impl<'a> V2<'a, '_> {
    fn series(&mut self, mut series: Reader<'a>, position: usize) -> Walk<()> {
        const LABELS: u32 = tag(1, LEN);
        const LABEL: u32 = tag(1, VARINT);
        const SAMPLES: u32 = tag(2, LEN);
        const HISTOGRAMS: u32 = tag(3, LEN);
        const EXEMPLARS: u32 = tag(4, LEN);
        const METADATA: u32 = tag(5, LEN);
        self.builder.begin(position);
        self.refs.clear();
        let mut metadata = None;
        while let Some(found) = series.tag()? {
            match found {
                LABELS => varints(series.message()?, &mut self.refs)?,
                LABEL => self.refs.push(series.varint()? as u32),
                SAMPLES => {
                    let (timestamp, value, start) = sample(series.message()?)?;
                    self.builder.float_from(start, timestamp, value);
                }
                HISTOGRAMS => histogram(series.message()?, self.builder)?,
                EXEMPLARS => self.exemplar(series.message()?)?,
                METADATA => metadata = Some(series.message()?),
                _ => series.skip(found)?,
            }
        }
        let mut name = &b""[..];
        let mut broken = !self.refs.len().is_multiple_of(2);
        for pair in self.refs.chunks_exact(2) {
            let (Some(&label), Some(&value)) = (self.symbols.get(pair[0] as usize), self.symbols.get(pair[1] as usize))
            else {
                broken = true;
                continue;
            };
            if label == b"__name__" {
                name = value;
            }
            self.builder.label(label, value);
        }
        if broken {
            let symbols = self.symbols.len();
            self.builder.abandon(|| format!("its labels_refs are no pairs of numbers below {symbols}"));
        } else {
            self.builder.end();
        }
        if let Some(metadata) = metadata {
            self.metadata(metadata, name)?;
        }
        Ok(())
    }

    fn exemplar(&mut self, mut exemplar: Reader<'a>) -> Walk<()> {
        const LABELS: u32 = tag(1, LEN);
        const LABEL: u32 = tag(1, VARINT);
        const VALUE: u32 = tag(2, FIXED64);
        const TIMESTAMP: u32 = tag(3, VARINT);
        let (mut refs, mut timestamp, mut value) = (Vec::new(), 0, 0.0);
        while let Some(found) = exemplar.tag()? {
            match found {
                LABELS => varints(exemplar.message()?, &mut refs)?,
                LABEL => refs.push(exemplar.varint()? as u32),
                VALUE => value = f64::from_bits(exemplar.fixed64()?),
                TIMESTAMP => timestamp = exemplar.varint()? as i64,
                _ => exemplar.skip(found)?,
            }
        }
        let symbol = |number: u32| self.symbols.get(number as usize).copied().unwrap_or_default();
        let labels: Vec<(&[u8], &[u8])> =
            refs.chunks_exact(2).take(MAX_EXEMPLAR_LABELS).map(|pair| (symbol(pair[0]), symbol(pair[1]))).collect();
        if let Some(labels) = exemplar_labels(&labels) {
            self.builder.exemplar(Exemplar { labels, timestamp, value });
        }
        Ok(())
    }

    fn metadata(&mut self, mut metadata: Reader<'a>, name: &[u8]) -> Walk<()> {
        const KIND: u32 = tag(1, VARINT);
        const HELP: u32 = tag(3, VARINT);
        const UNIT: u32 = tag(4, VARINT);
        let (mut code, mut help, mut unit) = (0, 0, 0);
        while let Some(found) = metadata.tag()? {
            match found {
                KIND => code = metadata.varint()?,
                HELP => help = metadata.varint()? as u32,
                UNIT => unit = metadata.varint()? as u32,
                _ => metadata.skip(found)?,
            }
        }
        let symbol = |number: u32| self.symbols.get(number as usize).copied().unwrap_or_default();
        let (help, unit, kind) = (symbol(help), symbol(unit), kind(code));
        if kind != MetricKind::Unknown || !help.is_empty() || !unit.is_empty() {
            self.builder.metadata(family(name, kind), kind, help, unit);
        }
        Ok(())
    }
}

/// The family of a series: 2.0 gives metadata with each of a histogram's series.
fn family(name: &[u8], kind: MetricKind) -> &[u8] {
    let suffixes: &[&[u8]] = match kind {
        MetricKind::Histogram => &[b"_bucket", b"_count", b"_sum"],
        MetricKind::GaugeHistogram => &[b"_bucket", b"_gcount", b"_gsum"],
        MetricKind::Summary => &[b"_count", b"_sum"],
        _ => &[],
    };
    suffixes.iter().find_map(|suffix| name.strip_suffix(*suffix)).unwrap_or(name)
}

fn varints(mut packed: Reader<'_>, out: &mut Vec<u32>) -> Walk<()> {
    while !packed.rest().is_empty() {
        out.push(packed.varint()? as u32);
    }
    Ok(())
}

// ----------------------------------------------------------------------------------------------------------- histograms

/// Both protocols have the same fields.
fn histogram(message: Reader<'_>, builder: &mut BatchBuilder) -> Walk<()> {
    let (timestamp, start, read, whole) = read_histogram(message)?;
    match read.map(|histogram| accept(histogram, whole)) {
        Some(Ok(histogram)) => builder.histogram_from(start, timestamp, histogram),
        Some(Err(fault)) => builder.reject(|| fault.to_string()),
        None => builder.reject(|| format!("the histogram has more than {MAX_BUCKETS} buckets")),
    }
    Ok(())
}

/// Time, start time, histogram (None when it has too many buckets), and were its counts integers?
pub(crate) fn read_histogram(mut message: Reader<'_>) -> Walk<(i64, i64, Option<Histogram>, bool)> {
    const COUNT: u32 = tag(1, VARINT);
    const COUNT_FLOAT: u32 = tag(2, FIXED64);
    const SUM: u32 = tag(3, FIXED64);
    const SCHEMA: u32 = tag(4, VARINT);
    const ZERO_THRESHOLD: u32 = tag(5, FIXED64);
    const ZERO_COUNT: u32 = tag(6, VARINT);
    const ZERO_COUNT_FLOAT: u32 = tag(7, FIXED64);
    const NEGATIVE_SPANS: u32 = tag(8, LEN);
    const NEGATIVE_DELTAS: u32 = tag(9, LEN);
    const NEGATIVE_DELTA: u32 = tag(9, VARINT);
    const NEGATIVE_COUNTS: u32 = tag(10, LEN);
    const NEGATIVE_COUNT: u32 = tag(10, FIXED64);
    const POSITIVE_SPANS: u32 = tag(11, LEN);
    const POSITIVE_DELTAS: u32 = tag(12, LEN);
    const POSITIVE_DELTA: u32 = tag(12, VARINT);
    const POSITIVE_COUNTS: u32 = tag(13, LEN);
    const POSITIVE_COUNT: u32 = tag(13, FIXED64);
    const RESET_HINT: u32 = tag(14, VARINT);
    const TIMESTAMP: u32 = tag(15, VARINT);
    const CUSTOM_VALUES: u32 = tag(16, LEN);
    const CUSTOM_VALUE: u32 = tag(16, FIXED64);
    const START: u32 = tag(17, VARINT);
    let mut histogram = Histogram::default();
    let (mut timestamp, mut start, mut whole, mut large) = (0, 0, true, false);
    let (mut positive, mut negative) = (Deltas::default(), Deltas::default());
    while let Some(found) = message.tag()? {
        match found {
            COUNT => histogram.count = message.varint()? as f64,
            COUNT_FLOAT => {
                histogram.count = f64::from_bits(message.fixed64()?);
                whole = false;
            }
            SUM => histogram.sum = f64::from_bits(message.fixed64()?),
            SCHEMA => histogram.schema = zigzag(message.varint()?) as i32,
            ZERO_THRESHOLD => histogram.zero_threshold = f64::from_bits(message.fixed64()?),
            ZERO_COUNT => histogram.zero_count = message.varint()? as f64,
            ZERO_COUNT_FLOAT => histogram.zero_count = f64::from_bits(message.fixed64()?),
            NEGATIVE_SPANS => span(message.message()?, &mut histogram.negative_spans)?,
            POSITIVE_SPANS => span(message.message()?, &mut histogram.positive_spans)?,
            NEGATIVE_DELTAS => negative.read(message.message()?, &mut histogram.negative)?,
            POSITIVE_DELTAS => positive.read(message.message()?, &mut histogram.positive)?,
            NEGATIVE_DELTA => negative.push(message.varint()?, &mut histogram.negative),
            POSITIVE_DELTA => positive.push(message.varint()?, &mut histogram.positive),
            NEGATIVE_COUNTS => doubles(message.message()?, &mut histogram.negative)?,
            POSITIVE_COUNTS => doubles(message.message()?, &mut histogram.positive)?,
            NEGATIVE_COUNT => histogram.negative.push(f64::from_bits(message.fixed64()?)),
            POSITIVE_COUNT => histogram.positive.push(f64::from_bits(message.fixed64()?)),
            RESET_HINT => {
                histogram.hint = match message.varint()? {
                    1 => ResetHint::Reset,
                    2 => ResetHint::NotReset,
                    3 => ResetHint::Gauge,
                    _ => ResetHint::Unknown,
                };
            }
            TIMESTAMP => timestamp = message.varint()? as i64,
            START => start = message.varint()? as i64,
            CUSTOM_VALUES => doubles(message.message()?, &mut histogram.custom_values)?,
            CUSTOM_VALUE => histogram.custom_values.push(f64::from_bits(message.fixed64()?)),
            _ => message.skip(found)?,
        }
        let sizes = [
            histogram.positive.len(),
            histogram.negative.len(),
            histogram.custom_values.len(),
            histogram.positive_spans.len(),
            histogram.negative_spans.len(),
        ];
        if sizes.iter().any(|&size| size > MAX_BUCKETS) {
            // Read on, to see whether it is a message at all, but keep nothing.
            large = true;
            histogram = Histogram::default();
        }
    }
    Ok((timestamp, start, (!large).then_some(histogram), whole))
}

/// Counts that come as the difference to the one before.
#[derive(Default)]
struct Deltas(i64);

impl Deltas {
    fn push(&mut self, varint: u64, counts: &mut Vec<f64>) {
        self.0 = self.0.wrapping_add(zigzag(varint));
        counts.push(self.0 as f64);
    }

    fn read(&mut self, mut packed: Reader<'_>, counts: &mut Vec<f64>) -> Walk<()> {
        while !packed.rest().is_empty() {
            let varint = packed.varint()?;
            if counts.len() <= MAX_BUCKETS {
                self.push(varint, counts);
            }
        }
        Ok(())
    }
}

fn doubles(mut packed: Reader<'_>, out: &mut Vec<f64>) -> Walk<()> {
    while !packed.rest().is_empty() {
        let value = f64::from_bits(packed.fixed64()?);
        if out.len() <= MAX_BUCKETS {
            out.push(value);
        }
    }
    Ok(())
}

fn span(mut message: Reader<'_>, spans: &mut Vec<Span>) -> Walk<()> {
    const OFFSET: u32 = tag(1, VARINT);
    const LENGTH: u32 = tag(2, VARINT);
    let mut span = Span::default();
    while let Some(found) = message.tag()? {
        match found {
            OFFSET => span.offset = zigzag(message.varint()?) as i32,
            LENGTH => span.length = message.varint()? as u32,
            _ => message.skip(found)?,
        }
    }
    spans.push(span);
    Ok(())
}

/// A signed number that came as an unsigned one (protobuf's sint).
pub(crate) fn zigzag(varint: u64) -> i64 {
    (varint >> 1) as i64 ^ -((varint & 1) as i64)
}
