//! Native histograms: exponential and custom buckets, sparse, with float counts (integer ones are exact up to 2^53).
//! Source: Prometheus' specification of native histograms, and `model/histogram` for what arithmetic does.

mod add;
mod bounds;
mod buckets;
mod layout;
mod reset;
mod trim;

pub use add::{Added, HistogramSum, MixedSchemas};
pub use bounds::bound;
pub use buckets::{Bucket, Indexed};
pub use layout::kahan;

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
    /// Resolution -4 ..= 8 (bucket bounds grow by 2^(2^-schema)), or `CUSTOM_BUCKETS`. Senders may know -9 ..= 52.
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

impl Histogram {
    /// Are its bucket bounds given one by one?
    #[inline]
    pub fn is_custom(&self) -> bool {
        self.schema == CUSTOM_BUCKETS
    }

    /// Is it the marker of a stale series?
    #[inline]
    pub fn is_stale(&self) -> bool {
        crate::is_stale(self.sum)
    }

    /// Multiplies counts and sum. A negative factor makes a gauge of it.
    pub fn scale(&mut self, factor: f64) {
        self.each(|value| value * factor);
        if factor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    /// Divides counts and sum. Division by zero leaves no buckets; a negative divisor makes a gauge of it.
    pub fn divide(&mut self, divisor: f64) {
        if divisor == 0.0 {
            for list in [&mut self.positive, &mut self.negative] {
                list.clear();
            }
            self.positive_spans.clear();
            self.negative_spans.clear();
        }
        self.each(|value| value / divisor);
        if divisor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    fn each(&mut self, change: impl Fn(f64) -> f64) {
        let Self { zero_count, count, sum, positive, negative, .. } = self;
        for value in [zero_count, count, sum].into_iter().chain(positive).chain(negative) {
            *value = change(*value);
        }
    }

    /// Is there an infinite value among counts and sum?
    pub fn has_infinity(&self) -> bool {
        [self.zero_count, self.count, self.sum]
            .iter()
            .chain(&self.positive)
            .chain(&self.negative)
            .chain(&self.custom_values)
            .any(|value| value.is_infinite())
    }

    /// The same data, bit for bit: PromQL's `==`. The reset hint does not count; empty buckets do.
    pub fn same(&self, other: &Self) -> bool {
        let bits = |one: &[f64], two: &[f64]| {
            one.len() == two.len() && one.iter().zip(two).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        self.schema == other.schema
            && bits(&[self.count, self.sum, self.zero_count], &[other.count, other.sum, other.zero_count])
            && self.zero_threshold == other.zero_threshold
            && (!self.is_custom() || self.custom_values == other.custom_values)
            && bits(&self.positive, &other.positive)
            && bits(&self.negative, &other.negative)
            && layout::same(&self.positive_spans, &other.positive_spans)
            && layout::same(&self.negative_spans, &other.negative_spans)
    }

    /// Bytes in memory; what a histogram counts for against the limit of samples of a query is this by 16.
    pub fn num_bytes(&self) -> usize {
        168 + 8 * (self.positive_spans.len() + self.negative_spans.len())
            + 8 * (self.positive.len() + self.negative.len() + self.custom_values.len())
    }
}

#[cfg(test)]
mod tests;
