//! StatsD and DogStatsD: packets of lines are added up in memory, and become samples when they are flushed.
//!
//! `name:value|type|@rate|#tag:value,...`; the types are c, g, ms, h, d (timers and histograms) and s (sets). Values may be
//! several (`name:1:2|h`). Tags may also follow the name (`name,tag=value:1|c`). Counters are totals since the series was
//! first seen; gauges keep their last value; a set is the number of different values since the last flush; times in ms
//! become seconds. Events and service checks (`_e{`, `_sc|`) are passed over. Names and tags get underscores for what
//! Prometheus' classic names may not have.
//!
//! A series that nothing came for within [`IDLE_MS`] is forgotten, with a staleness marker. The number of series is bounded:
//! beyond it new ones are refused, and counted.

use super::Decoded;
use super::builder::BatchBuilder;
use super::histogram::{indexed, reduce, sparse};
use super::otlp::names::{Strategy, Suffix, label_name, metric_name};
use crate::decode::Rejections;
use nexus_series::batch::MetricKind;
use nexus_series::histogram::Histogram;
use nexus_series::labels::{pack, unpack};
use nexus_series::{NAME, STALE_NAN};

/// Silence after which a series is forgotten.
pub const IDLE_MS: i64 = 3_600_000;
/// Resolution of native histograms to begin with: buckets grow by 9 %.
const SCHEMA: i32 = 3;
/// Buckets of one histogram; beyond it becomes coarser.
const MAX_BUCKETS: usize = 160;
const ZERO_THRESHOLD: f64 = 1e-9;
/// Different values of one set in one flush; further ones count no more.
const MAX_MEMBERS: usize = 100_000;

/// How timers and histograms are kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Histograms {
    /// As native histograms.
    Native,
    /// As classic ones with these upper bounds, ascending.
    Classic(Vec<f64>),
}

#[derive(Debug)]
enum State {
    Counter(f64),
    Gauge(f64),
    Set(hashbrown::HashSet<u64, foldhash::fast::RandomState>),
    Native(Box<Exponential>),
    Classic(Vec<f64>, f64),
}

/// A histogram in the making: buckets by index.
#[derive(Debug, Default)]
struct Exponential {
    schema: i32,
    positive: std::collections::BTreeMap<i64, f64>,
    negative: std::collections::BTreeMap<i64, f64>,
    zero: f64,
    count: f64,
    sum: f64,
}

struct Series {
    state: State,
    seen: i64,
}

/// See the module text.
pub struct Aggregator {
    histograms: Histograms,
    limit: usize,
    /// By packed labels and kind.
    series: hashbrown::HashMap<(Vec<u8>, u8), Series, foldhash::fast::RandomState>,
    accepted: u64,
    refused: u64,
    rejections: Rejections,
    lines: u64,
    hasher: foldhash::fast::RandomState,
}

/// What came since the last flush.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Values taken.
    pub accepted: u64,
    /// Lines that could not be read.
    pub malformed: u64,
    /// Values of series for which there was no room.
    pub refused: u64,
    /// Why lines could not be read, for the first of them.
    pub errors: Vec<String>,
}

impl Aggregator {
    /// At most `limit` series.
    pub fn new(histograms: Histograms, limit: usize) -> Self {
        Self {
            histograms,
            limit,
            series: hashbrown::HashMap::default(),
            accepted: 0,
            refused: 0,
            rejections: Rejections::default(),
            lines: 0,
            hasher: foldhash::fast::RandomState::default(),
        }
    }

    /// Take the lines of a packet or of a stream.
    pub fn feed(&mut self, packet: &[u8], now_ms: i64) {
        for line in packet.split(|&byte| byte == b'\n') {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"_e{") || line.starts_with(b"_sc|") {
                continue;
            }
            self.lines += 1;
            if let Err(what) = self.line(line, now_ms) {
                let number = self.lines;
                self.rejections
                    .push(number, || format!("{what} in {:?}", String::from_utf8_lossy(&line[..line.len().min(80)])));
            }
        }
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    fn line(&mut self, line: &[u8], now_ms: i64) -> Result<(), &'static str> {
        let line = std::str::from_utf8(line).map_err(|_| "text that is no UTF-8")?;
        let (head, rest) = line.split_once('|').ok_or("there is no type")?;
        let (name, values) = head.split_once(':').ok_or("there is no value")?;
        let mut parts = rest.split('|');
        let kind = parts.next().unwrap_or_default();
        let (mut rate, mut tags) = (1.0, "");
        for part in parts {
            if let Some(given) = part.strip_prefix('@') {
                rate =
                    number(given).filter(|rate| *rate > 0.0 && *rate <= 1.0).ok_or("the rate is not within 0 and 1")?;
            } else if let Some(given) = part.strip_prefix('#') {
                tags = given;
            }
            // Others (container, external data, time) say nothing that is kept.
        }
        let code = match kind {
            "c" => b'c',
            "g" => b'g',
            "s" => b's',
            "ms" | "h" | "d" => b'h',
            _ => return Err("the type is not c, g, ms, h, d or s"),
        };
        let key = (labels(name, tags)?, code);
        let parsed: Vec<&str> = values.split(':').collect();
        if code != b's' && parsed.iter().any(|value| number(value).is_none()) {
            return Err("the value is no number");
        }
        if !self.series.contains_key(&key) && self.series.len() >= self.limit {
            self.refused += parsed.len() as u64;
            return Ok(());
        }
        let histograms = &self.histograms;
        let series = self.series.entry(key).or_insert_with(|| Series { state: fresh(code, histograms), seen: now_ms });
        series.seen = now_ms;
        for value in parsed {
            add(&mut series.state, value, rate, kind == "ms", histograms, &self.hasher);
            self.accepted += 1;
        }
        Ok(())
    }

    /// Samples of all series at `now_ms`, and what came since the last flush.
    pub fn flush(&mut self, now_ms: i64) -> (Decoded, Tally) {
        let mut builder = BatchBuilder::default();
        let histograms = &self.histograms;
        let mut position = 0;
        self.series.retain(|(packed, _), series| {
            let idle = now_ms - series.seen > IDLE_MS;
            emit(&mut builder, position, packed, &mut series.state, histograms, now_ms, idle);
            position += 1;
            !idle
        });
        let rejections = std::mem::take(&mut self.rejections);
        let tally = Tally {
            accepted: std::mem::take(&mut self.accepted),
            malformed: rejections.count(),
            refused: std::mem::take(&mut self.refused),
            errors: rejections.first().iter().take(3).map(|(_, message)| message.clone()).collect(),
        };
        self.lines = 0;
        (builder.finish(), tally)
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Packed labels of a series.
fn labels(name: &str, tags: &str) -> Result<Vec<u8>, &'static str> {
    let (name, inline) = name.split_once(',').unwrap_or((name, ""));
    let name = metric_name(name, "", Suffix::None, Strategy::UnderscoreEscapingWithoutSuffixes);
    if name.is_empty() {
        return Err("there is no name");
    }
    let mut labels = vec![(NAME.into(), name)];
    for (tag, separator) in tags
        .split(',')
        .map(|tag| (tag, ':'))
        .chain(inline.split(',').map(|tag| (tag, '=')))
        .filter(|(tag, _)| !tag.is_empty())
    {
        // A tag without a value is one that is true.
        let (tag, value) = tag.split_once(separator).unwrap_or((tag, "true"));
        let label = label_name(tag, Strategy::default());
        if !label.is_empty() && label != NAME {
            labels.push((label, value.to_owned()));
        }
    }
    let packed =
        pack(labels.iter().map(|(name, value): &(std::borrow::Cow<'_, str>, String)| (&**name, value.as_str())));
    if packed.len() > 8 << 10 { Err("name and tags are longer than 8 KiB") } else { Ok(packed) }
}

fn fresh(code: u8, histograms: &Histograms) -> State {
    match (code, histograms) {
        (b'c', _) => State::Counter(0.0),
        (b'g', _) => State::Gauge(0.0),
        (b's', _) => State::Set(hashbrown::HashSet::default()),
        (_, Histograms::Native) => State::Native(Box::new(Exponential { schema: SCHEMA, ..Exponential::default() })),
        (_, Histograms::Classic(bounds)) => State::Classic(vec![0.0; bounds.len() + 1], 0.0),
    }
}

fn add(
    state: &mut State,
    text: &str,
    rate: f64,
    milliseconds: bool,
    histograms: &Histograms,
    hasher: &foldhash::fast::RandomState,
) {
    let value = number(text).unwrap_or_default();
    let observed = if milliseconds { value / 1000.0 } else { value };
    match state {
        State::Counter(total) => *total += value / rate,
        // A sign makes it a change of the value.
        State::Gauge(last) if text.starts_with(['+', '-']) => *last += value,
        State::Gauge(last) => *last = value,
        State::Set(members) => {
            use std::hash::BuildHasher;
            if members.len() < MAX_MEMBERS {
                members.insert(hasher.hash_one(text));
            }
        }
        State::Native(histogram) => histogram.observe(observed, 1.0 / rate),
        State::Classic(counts, sum) => {
            let Histograms::Classic(bounds) = histograms else { return };
            counts[bounds.partition_point(|bound| *bound < observed)] += 1.0 / rate;
            *sum += observed / rate;
        }
    }
}

impl Exponential {
    fn observe(&mut self, value: f64, times: f64) {
        self.count += times;
        self.sum += value * times;
        if value.abs() <= ZERO_THRESHOLD {
            self.zero += times;
            return;
        }
        let index = (value.abs().log2() * f64::from(self.schema).exp2()).ceil() as i64;
        let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        *side.entry(index).or_default() += times;
        while self.positive.len() + self.negative.len() > MAX_BUCKETS && self.schema > -4 {
            let mut coarser = self.histogram();
            reduce(&mut coarser, self.schema - 1);
            self.schema -= 1;
            let kept = |spans: &[_], counts: &[_]| indexed(spans, counts).filter(|(_, count)| *count > 0.0).collect();
            self.positive = kept(&coarser.positive_spans, &coarser.positive);
            self.negative = kept(&coarser.negative_spans, &coarser.negative);
        }
    }

    fn histogram(&self) -> Histogram {
        let (positive_spans, positive) = sparse(self.positive.iter().map(|(index, count)| (*index, *count)));
        let (negative_spans, negative) = sparse(self.negative.iter().map(|(index, count)| (*index, *count)));
        Histogram {
            schema: self.schema,
            zero_threshold: ZERO_THRESHOLD,
            zero_count: self.zero,
            count: self.count,
            sum: self.sum,
            positive_spans,
            positive,
            negative_spans,
            negative,
            ..Histogram::default()
        }
    }
}

fn emit(
    builder: &mut BatchBuilder,
    position: usize,
    packed: &[u8],
    state: &mut State,
    histograms: &Histograms,
    now_ms: i64,
    idle: bool,
) {
    let stale = f64::from_bits(STALE_NAN);
    let name = unpack(packed).find(|(name, _)| *name == NAME).map_or("", |(_, value)| value);
    let begin = |builder: &mut BatchBuilder, suffix: &str, le: &str| {
        builder.begin(position);
        for (label, value) in unpack(packed) {
            if label == NAME {
                builder.label(label.as_bytes(), format!("{value}{suffix}").as_bytes());
            } else if le.is_empty() || label != "le" {
                builder.label(label.as_bytes(), value.as_bytes());
            }
        }
        builder.label(b"le", le.as_bytes());
    };
    let float = |builder: &mut BatchBuilder, suffix: &str, le: &str, value: f64| {
        begin(builder, suffix, le);
        builder.float(now_ms, if idle { stale } else { value });
        builder.end();
    };
    let kind = match state {
        State::Counter(total) => {
            float(builder, "", "", *total);
            MetricKind::Counter
        }
        State::Gauge(value) => {
            float(builder, "", "", *value);
            MetricKind::Gauge
        }
        State::Set(members) => {
            float(builder, "", "", members.len() as f64);
            members.clear();
            MetricKind::Gauge
        }
        State::Native(histogram) => {
            begin(builder, "", "");
            let made = if idle { Histogram { sum: stale, ..Histogram::default() } } else { histogram.histogram() };
            builder.histogram(now_ms, made);
            builder.end();
            MetricKind::Histogram
        }
        State::Classic(counts, sum) => {
            let Histograms::Classic(bounds) = histograms else { return };
            let mut running = 0.0;
            for (place, count) in counts.iter().enumerate() {
                running += count;
                let le = bounds.get(place).map_or_else(|| "+Inf".to_owned(), f64::to_string);
                float(builder, "_bucket", &le, running);
            }
            float(builder, "_sum", "", *sum);
            float(builder, "_count", "", running);
            MetricKind::Histogram
        }
    };
    builder.metadata(name.as_bytes(), kind, b"", b"");
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    fn flushed(aggregator: &mut Aggregator, now_ms: i64) -> Vec<String> {
        let batch = aggregator.flush(now_ms).0.batch;
        let mut lines: Vec<String> = batch
            .series
            .iter()
            .map(|series| {
                let labels: Vec<_> =
                    unpack(batch.labels_of(series)).map(|(name, value)| format!("{name}={value}")).collect();
                let floats: Vec<_> = series.floats.clone().map(|at| format!("{}", batch.values[at])).collect();
                let histograms = batch.histograms[series.histograms.clone()].iter();
                let histograms: Vec<_> = histograms.map(|(_, one)| format!("{}/{}", one.count, one.sum)).collect();
                format!("{} {}{}", labels.join(","), floats.join(" "), histograms.join(" "))
            })
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn each_type_adds_up_in_its_way() {
        let mut aggregator = Aggregator::new(Histograms::Native, 100);
        aggregator.feed(
            b"page.views:1|c|@0.1|#env:prod,beta\nqueue:5|g\nqueue:-2|g\nusers:ann|s\nusers:bob|s\nusers:ann|s",
            0,
        );
        aggregator
            .feed(b"page.views:2|c|#beta,env:prod\nrpc:100:300|ms\nsize:7|h\nsize:1|d\nload,host=a:0.5|g\n", 1000);
        aggregator.feed(b"_e{5,4}:title|text\n_sc|Redis|2\n\n", 1000);
        let expected = [
            "__name__=load,host=a 0.5",
            "__name__=page_views,beta=true,env=prod 12",
            "__name__=queue 3",
            "__name__=rpc 2/0.4",
            "__name__=size 2/8",
            "__name__=users 2",
        ];
        assert_eq!(flushed(&mut aggregator, 2000), expected);
        // Totals stay, a set begins again.
        aggregator.feed(b"page.views:1|c|#env:prod,beta", 3000);
        let again = flushed(&mut aggregator, 4000);
        assert!(again.contains(&"__name__=page_views,beta=true,env=prod 13".to_owned()), "{again:?}");
        assert!(again.contains(&"__name__=users 0".to_owned()));
    }

    #[test]
    fn classic_histograms() {
        let mut aggregator = Aggregator::new(Histograms::Classic(vec![0.1, 1.0]), 100);
        aggregator.feed(b"rpc:100|ms|@0.5\nrpc:5000|ms", 0);
        assert_eq!(
            flushed(&mut aggregator, 1),
            [
                "__name__=rpc_bucket,le=+Inf 3",
                "__name__=rpc_bucket,le=0.1 2",
                "__name__=rpc_bucket,le=1 2",
                "__name__=rpc_count 3",
                "__name__=rpc_sum 5.2",
            ]
        );
    }

    #[test]
    fn bad_lines_are_counted_and_the_bound_holds() {
        let mut aggregator = Aggregator::new(Histograms::Native, 2);
        aggregator.feed(b"a:1|c\na\na:1\na:x|c\na:1|q\n:1|c\na:1|c|@2\nb:1|g\nc:1|g\nc:1:2|g\na:1|c\n\xff:1|c", 0);
        let (_, tally) = aggregator.flush(1);
        assert_eq!((tally.accepted, tally.malformed, tally.refused), (3, 7, 3));
        assert_eq!(tally.errors[0], "there is no type in \"a\"");
        assert_eq!(aggregator.flush(2).1, Tally::default());
        // Silent ones go, and make room.
        aggregator.feed(b"b:2|g", IDLE_MS);
        let batch = aggregator.flush(IDLE_MS + 10).0.batch;
        assert_eq!(batch.values.iter().filter(|value| nexus_series::is_stale(**value)).count(), 1);
        assert_eq!(aggregator.len(), 1);
    }

    #[test]
    fn native_histograms_get_coarser_not_larger() {
        let mut histogram = Exponential { schema: SCHEMA, ..Exponential::default() };
        for exponent in -300..300 {
            histogram.observe(1.07_f64.powi(exponent * 3), 1.0);
            histogram.observe(-1.3_f64.powi(exponent), 1.0);
        }
        let made = histogram.histogram();
        assert!(histogram.positive.len() + histogram.negative.len() <= MAX_BUCKETS);
        assert!(made.schema < SCHEMA);
        let total: f64 = made.positive.iter().chain(&made.negative).sum::<f64>() + made.zero_count;
        assert_eq!((total, made.count), (1200.0, 1200.0));
        assert!(super::super::histogram::accept(made, true).is_ok());
    }
}
