//! What both encodings of OTLP metrics have in common: a data point as it was read, before it becomes series.

use crate::limits::MAX_ATTRIBUTES;

/// Attributes as text, in the order they came.
pub type Attributes = Vec<(String, String)>;

/// Exemplars and quantiles read of one point; further ones are passed over.
const MAX_EXTRAS: usize = 256;

/// Add an attribute. One more than there may be is kept, to tell that there were too many.
pub fn add_attribute(attributes: &mut Attributes, name: String, value: String) {
    if attributes.len() <= MAX_ATTRIBUTES {
        attributes.push((name, value));
    }
}

/// Kind of the metric that points belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// `Gauge`
    #[default]
    Gauge,
    /// `Sum`
    Sum,
    /// `Histogram`
    Histogram,
    /// `ExponentialHistogram`
    Exponential,
    /// `Summary`
    Summary,
}

/// A metric without its points.
#[derive(Debug, Clone, Default)]
pub struct Metric {
    /// As OpenTelemetry has it.
    pub name: String,
    /// Becomes its help.
    pub description: String,
    /// UCUM.
    pub unit: String,
    /// Of its points.
    pub kind: Kind,
    /// 1 delta, 2 cumulative, others not said.
    pub temporality: u64,
    /// A sum that only grows.
    pub monotonic: bool,
}

/// An example.
#[derive(Debug, Clone, Default)]
pub struct RawExemplar {
    /// What the point's attributes do not say.
    pub attributes: Attributes,
    /// Nanoseconds.
    pub time: u64,
    /// Observed.
    pub value: f64,
    /// Hex; empty when there is none.
    pub trace_id: String,
    /// Hex; empty when there is none.
    pub span_id: String,
}

/// One side of an exponential histogram.
#[derive(Debug, Clone, Default)]
pub struct Buckets {
    /// Index of the first.
    pub offset: i32,
    /// Observations.
    pub counts: Vec<u64>,
}

/// A data point of any kind; what a kind does not have is empty.
#[derive(Debug, Clone, Default)]
pub struct Point {
    /// Attributes.
    pub attributes: Attributes,
    /// Nanoseconds; 0 when not given.
    pub time: u64,
    /// Nanoseconds; 0 when not given.
    pub start: u64,
    /// Bit 0: there is no value, the series has ended.
    pub flags: u64,
    /// A number's value; None when it has none.
    pub value: Option<f64>,
    /// Observations.
    pub count: u64,
    /// Sum of observations.
    pub sum: Option<f64>,
    /// Upper bounds of buckets, the last (+Inf) left out.
    pub bounds: Vec<f64>,
    /// Observations in them, one more than bounds.
    pub counts: Vec<u64>,
    /// Resolution of an exponential histogram.
    pub scale: i32,
    /// Observations in its zero bucket.
    pub zero_count: u64,
    /// Width of its zero bucket.
    pub zero_threshold: f64,
    /// Buckets above zero.
    pub positive: Buckets,
    /// Buckets below zero.
    pub negative: Buckets,
    /// Quantile and value.
    pub quantiles: Vec<(f64, f64)>,
    /// Examples.
    pub exemplars: Vec<RawExemplar>,
    /// More buckets than are read.
    pub too_many: bool,
}

impl Point {
    /// Add an example, if there is room.
    pub fn add_exemplar(&mut self, exemplar: RawExemplar) {
        if self.exemplars.len() < MAX_EXTRAS {
            self.exemplars.push(exemplar);
        }
    }

    /// Add a quantile, if there is room.
    pub fn add_quantile(&mut self, quantile: (f64, f64)) {
        if self.quantiles.len() < MAX_EXTRAS {
            self.quantiles.push(quantile);
        }
    }
}
