//! Native histograms: exponential and custom buckets, sparse, with float counts (integer ones are exact up to 2^53).
//! Source: Prometheus' specification of native histograms, and `model/histogram` for what arithmetic does.

/// A run of buckets: `offset` empty ones after the previous span (of the first span: the index of its first bucket), then
/// `length` buckets that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Distance from the end of the previous span.
    pub offset: i32,
    /// Number of buckets.
    pub length: u32,
}

/// Schema of histograms whose bucket bounds are given one by one (`custom_values`).
pub const CUSTOM_BUCKETS: i32 = -53;

/// What a histogram says about counter resets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetHint {
    /// Unknown: it must be found out.
    #[default]
    Unknown,
    /// It is the first after a reset.
    Reset,
    /// There was none.
    NotReset,
    /// A gauge, which has none.
    Gauge,
}

/// See the module text. Bucket counts are absolute (no deltas), one for each bucket of the spans.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Resolution -9 ..= 52 (bucket bounds grow by 2^(2^-schema)), or `CUSTOM_BUCKETS`.
    pub schema: i32,
    /// Width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// Observations.
    pub count: f64,
    /// Sum of observations; the staleness marker's NaN marks a stale series.
    pub sum: f64,
    /// Buckets of positive observations.
    pub positive_spans: Vec<Span>,
    /// Their counts.
    pub positive: Vec<f64>,
    /// Buckets of negative observations.
    pub negative_spans: Vec<Span>,
    /// Their counts.
    pub negative: Vec<f64>,
    /// Upper bounds, ascending, of custom buckets (the last, +Inf, is not written).
    pub custom_values: Vec<f64>,
    /// Counter or gauge, reset or not.
    pub hint: ResetHint,
}
