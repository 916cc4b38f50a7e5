//! What makes a histogram one that can be stored.

use super::{CUSTOM_BUCKETS, Histogram, MAX_SCHEMA, MIN_SCHEMA, Span};
use std::fmt;

/// Schemas that senders may use; those above `MAX_SCHEMA` are reduced to it, those below `MIN_SCHEMA` are refused.
const KNOWN: std::ops::RangeInclusive<i32> = -9..=52;
/// Numbers of buckets beyond this belong to no finite value in any schema that is stored.
const FARTHEST: i64 = 1 << 30;
/// Most buckets and bounds of one histogram.
const MOST: usize = 1 << 16;

/// What is wrong with a histogram.
#[derive(Clone, Debug, PartialEq)]
pub enum HistogramFault {
    /// The schema is none.
    Schema(i32),
    /// A count that is below zero.
    NegativeCount(f64),
    /// A bucket's count that is below zero.
    NegativeBucket(f64),
    /// A span other than the first goes backwards (or the first, of custom buckets).
    SpanOffset(i32),
    /// Spans need so many buckets, there are so many.
    Buckets(u64, usize),
    /// Spans lead beyond the buckets of the schema.
    Range,
    /// So many buckets or bounds are too many.
    TooMany(usize),
    /// Custom bounds must be finite and ascend.
    CustomBounds,
    /// So many custom bounds are too few for spans that cover so many buckets.
    FewBounds(usize, i64),
    /// Custom buckets have no zero bucket and no negative side; exponential ones have no custom bounds.
    Foreign(&'static str),
    /// The count is less than (or, but for NaNs, not equal to) the observations in the buckets.
    Total(f64, f64),
}

impl fmt::Display for HistogramFault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(schema) => write!(
                to,
                "schema {schema} is unknown: schemas are {MIN_SCHEMA} to {MAX_SCHEMA} or {CUSTOM_BUCKETS} for custom buckets"
            ),
            Self::NegativeCount(count) => write!(to, "the count of observations is negative: {count}"),
            Self::NegativeBucket(count) => write!(to, "the count of a bucket is negative: {count}"),
            Self::SpanOffset(offset) => write!(to, "a span has the negative offset {offset}"),
            Self::Buckets(needed, found) => write!(to, "spans need {needed} buckets, there are {found}"),
            Self::Range => write!(to, "spans lead beyond the last bucket of the schema"),
            Self::TooMany(found) => write!(to, "{found} buckets are too many: up to {MOST} are stored"),
            Self::CustomBounds => write!(to, "custom bounds must be finite numbers in ascending order"),
            Self::FewBounds(bounds, covered) => {
                write!(to, "{bounds} custom bounds are too few for spans that cover {covered} buckets")
            }
            Self::Foreign(what) => to.write_str(what),
            Self::Total(count, found) => {
                write!(to, "the count is {count}, but there are {found} observations in buckets")
            }
        }
    }
}

impl std::error::Error for HistogramFault {}

impl Histogram {
    /// Checks what a sender sent and brings its schema to what is stored. Spans, counts and bounds must fit together; counts
    /// must not be negative. Staleness markers are all right as they are.
    pub fn accept(&mut self) -> Result<(), HistogramFault> {
        if self.is_stale() {
            return Ok(());
        }
        if !self.is_custom() && !KNOWN.contains(&self.schema) || self.schema < MIN_SCHEMA && !self.is_custom() {
            return Err(HistogramFault::Schema(self.schema));
        }
        self.check()?;
        self.reduce_to(MAX_SCHEMA);
        Ok(())
    }

    /// For histograms of integer counts: the count must be the sum of all buckets, or more where NaN was observed (then the
    /// sum is NaN).
    pub fn check_total(&self) -> Result<(), HistogramFault> {
        let found = self.zero_count + self.positive.iter().sum::<f64>() + self.negative.iter().sum::<f64>();
        let wrong = if self.sum.is_nan() { found > self.count } else { found != self.count };
        if wrong { Err(HistogramFault::Total(self.count, found)) } else { Ok(()) }
    }

    fn check(&self) -> Result<(), HistogramFault> {
        let most = self.positive.len().max(self.negative.len()).max(self.custom_values.len());
        let most = most.max(self.positive_spans.len()).max(self.negative_spans.len());
        if most > MOST {
            return Err(HistogramFault::TooMany(most));
        }
        let covered = check_spans(&self.positive_spans, self.positive.len(), self.is_custom())?;
        check_spans(&self.negative_spans, self.negative.len(), false)?;
        if self.is_custom() {
            self.check_custom(covered)?;
        } else if !self.custom_values.is_empty() {
            return Err(HistogramFault::Foreign("a histogram with exponential buckets has no custom bounds"));
        }
        if self.count < 0.0 {
            return Err(HistogramFault::NegativeCount(self.count));
        }
        let buckets = self.positive.iter().chain(&self.negative).chain([&self.zero_count]);
        buckets
            .into_iter()
            .find(|count| **count < 0.0)
            .map_or(Ok(()), |count| Err(HistogramFault::NegativeBucket(*count)))
    }

    fn check_custom(&self, covered: i64) -> Result<(), HistogramFault> {
        let ascends = self.custom_values.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascends || self.custom_values.iter().any(|value| value.is_nan() || *value == f64::INFINITY) {
            return Err(HistogramFault::CustomBounds);
        }
        if self.zero_count != 0.0 || self.zero_threshold != 0.0 {
            return Err(HistogramFault::Foreign("a histogram with custom buckets has no zero bucket"));
        }
        if !self.negative_spans.is_empty() || !self.negative.is_empty() {
            return Err(HistogramFault::Foreign("a histogram with custom buckets has no negative buckets"));
        }
        if covered > self.custom_values.len() as i64 + 1 {
            return Err(HistogramFault::FewBounds(self.custom_values.len(), covered));
        }
        Ok(())
    }
}

/// The number after the last bucket of spans that fit their buckets.
fn check_spans(spans: &[Span], buckets: usize, custom: bool) -> Result<i64, HistogramFault> {
    let (mut at, mut needed) = (0i64, 0u64);
    for (position, span) in spans.iter().enumerate() {
        if span.offset < 0 && (position > 0 || custom) {
            return Err(HistogramFault::SpanOffset(span.offset));
        }
        at += i64::from(span.offset) + i64::from(span.length);
        needed += u64::from(span.length);
        if at.abs() > FARTHEST {
            return Err(HistogramFault::Range);
        }
    }
    if needed == buckets as u64 { Ok(at) } else { Err(HistogramFault::Buckets(needed, buckets)) }
}
