//! Counters as samples.

use super::latency::{BOUND_TEXTS, Latency};
use super::{IDLE_NS, REPEAT_NS};
use crate::metrics::builder::BatchBuilder;
use nexus_series::STALE_NAN;
use nexus_series::batch::{MetricBatch, MetricKind};

/// When a group of series was begun, changed and last said; ns.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    changed: i64,
    said: i64,
    /// Ms before which nothing was counted, until it has been said.
    born_ms: Option<i64>,
    dirty: bool,
}

impl Life {
    /// Begun by a first count.
    pub fn new(now_ns: i64) -> Self {
        Self { changed: now_ns, said: now_ns, born_ms: Some(now_ns / 1_000_000 - 1), dirty: true }
    }

    /// Something was counted.
    pub fn touch(&mut self, now_ns: i64) {
        self.changed = now_ns;
        self.dirty = true;
    }
}

/// What becomes of a group of series in a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    No,
    /// Its values are said.
    Say,
    /// It ends.
    End,
}

/// A batch of samples of one moment.
pub struct Samples {
    now_ns: i64,
    now_ms: i64,
    /// Are families described, too?
    pub describe: bool,
    builder: BatchBuilder,
    zero_ms: Option<i64>,
    stale: bool,
    position: usize,
}

impl Samples {
    /// Nothing yet.
    pub fn new(now_ns: i64, now_ms: i64, describe: bool) -> Self {
        Self { now_ns, now_ms, describe, builder: BatchBuilder::new(0), zero_ms: None, stale: false, position: 0 }
    }

    /// What is due of a group; the samples that follow are its.
    pub fn begin(&mut self, life: &mut Life) -> Due {
        let due = if self.now_ns - life.changed >= IDLE_NS {
            Due::End
        } else if life.dirty || self.now_ns - life.said >= REPEAT_NS {
            Due::Say
        } else {
            Due::No
        };
        if due != Due::No {
            life.dirty = false;
            life.said = self.now_ns;
        }
        self.zero_ms = if due == Due::Say { life.born_ms.take().map(|born| born.min(self.now_ms - 1)) } else { None };
        self.stale = due == Due::End;
        due
    }

    /// One sample. Labels come sorted by name; empty ones are none.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.builder.begin(self.position);
        self.position += 1;
        self.builder.label(b"__name__", name.as_bytes());
        for (label, text) in labels {
            self.builder.label(label.as_bytes(), text.as_bytes());
        }
        if let Some(zero) = self.zero_ms {
            self.builder.float(zero, 0.0);
        }
        self.builder.float(self.now_ms, if self.stale { f64::from_bits(STALE_NAN) } else { value });
        self.builder.end();
    }

    /// A histogram in seconds: `NAME_bucket`, `NAME_sum`, `NAME_count`. Labels come sorted by name.
    pub fn histogram(&mut self, names: &HistogramNames, labels: &[(&str, &str)], latency: &Latency) {
        let counts = latency.cumulative();
        let mut with_bound: Vec<(&str, &str)> = labels.to_vec();
        let at = with_bound.partition_point(|(label, _)| *label < "le");
        with_bound.insert(at, ("le", "+Inf"));
        for (text, count) in BOUND_TEXTS.iter().chain(std::iter::once(&"+Inf")).zip(counts) {
            with_bound[at].1 = text;
            self.sample(names.bucket, &with_bound, count);
        }
        self.sample(names.sum, labels, latency.sum);
        self.sample(names.count, labels, counts[counts.len() - 1]);
    }

    /// Describe a family.
    pub fn family(&mut self, name: &str, kind: MetricKind, help: &str, unit: &str) {
        self.builder.metadata(name.as_bytes(), kind, help.as_bytes(), unit.as_bytes());
    }

    /// The batch.
    pub fn finish(self) -> MetricBatch {
        self.builder.finish().batch
    }
}

/// Names of the series of a classic histogram.
pub struct HistogramNames {
    /// The family.
    pub family: &'static str,
    /// `_bucket`
    pub bucket: &'static str,
    /// `_sum`
    pub sum: &'static str,
    /// `_count`
    pub count: &'static str,
}

macro_rules! histogram_names {
    ($name:literal) => {
        HistogramNames {
            family: $name,
            bucket: concat!($name, "_bucket"),
            sum: concat!($name, "_sum"),
            count: concat!($name, "_count"),
        }
    };
}
pub(super) use histogram_names;
