//! What PromQL does with native histograms: functions on ranges, operators, aggregations, quantiles, JSON.

pub mod aggregate;
pub mod binary;
pub mod encode;
pub mod extended;
pub mod forced;
pub mod functions;
pub mod hints;
pub mod quantile;
pub mod range;

use crate::annotations::quoted;
use crate::value::SharedHistogram;
use crate::window::Annotator;
use nexus_series::histogram::{Added, MixedSchemas, ResetHint};
use std::sync::Arc;

pub use nexus_series::histogram::Histogram;

/// What is being done, in the words of annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// A sum.
    Addition,
    /// A difference.
    Subtraction,
    /// A sum or mean of many.
    Aggregation,
}

impl Doing {
    fn word(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }

    /// Text of the warning that hints contradict each other.
    pub(crate) fn collision(self) -> String {
        format!("conflicting counter resets during histogram {}", self.word())
    }

    /// Text of the info that custom bounds were brought together.
    pub(crate) fn reconciled(self) -> String {
        format!("mismatched custom buckets were reconciled during {}", self.word())
    }
}

/// What ranges and aggregations note.
impl Annotator<'_> {
    /// Floats and histograms in one range.
    pub(crate) fn mixed_kinds(&self) {
        let metric = quoted(self.metric);
        let text = format!("encountered a mix of histograms and floats for metric name {metric}");
        self.notes.warn(self.position, text);
    }

    /// Exponential and custom buckets together.
    pub(crate) fn mixed_schemas(&self) {
        let text = "vector contains a mix of histograms with exponential and custom buckets schemas for metric name";
        self.notes.warn(self.position, format!("{text} {}", quoted(self.metric)));
    }

    /// Samples that count from before the sample before them.
    pub(crate) fn overlapping_starts(&self) {
        let text = "sample has start time that overlaps with previous sample timestamp for metric";
        self.notes.warn(self.position, format!("{text} {}", quoted(self.metric)));
    }

    /// A gauge where a counter is expected.
    pub(crate) fn not_a_counter(&self) {
        let text = "this native histogram metric is not a counter:";
        self.notes.warn(self.position, format!("{text} {}", quoted(self.metric)));
    }

    /// A counter where a gauge is expected.
    pub(crate) fn not_a_gauge(&self) {
        let text = "this native histogram metric is not a gauge:";
        self.notes.warn(self.position, format!("{text} {}", quoted(self.metric)));
    }

    /// Histograms among the floats of a range are left out.
    pub(crate) fn ignored_in_range(&self) {
        let text = "ignored histograms in a range containing both floats and histograms for metric name";
        self.notes.info(self.position, format!("{text} {}", quoted(self.metric)));
    }

    /// Takes the outcome of an addition: notes what is remarkable, none when it failed.
    pub(crate) fn added(&self, outcome: Result<Added, MixedSchemas>, doing: Doing) -> Option<()> {
        let Ok(added) = outcome else {
            self.mixed_schemas();
            return None;
        };
        if added.bounds_reconciled {
            self.notes.info(self.position, doing.reconciled());
        }
        Some(())
    }
}

/// A histogram as a subquery gives it: whether it comes after a reset is unknown again, because samples between may be
/// missing or come twice.
pub fn without_hint(one: &SharedHistogram) -> SharedHistogram {
    match one.hint {
        ResetHint::Reset | ResetHint::NotReset => Arc::new(Histogram { hint: ResetHint::Unknown, ..(**one).clone() }),
        ResetHint::Unknown | ResetHint::Gauge => Arc::clone(one),
    }
}

/// What a histogram counts for against the limit of samples of a query.
pub fn samples_of(one: &Histogram) -> usize {
    (one.num_bytes() + 8) / 16
}

/// Arithmetic with numbers.
pub mod arithmetic {
    use super::Histogram;

    /// A histogram times a number.
    pub fn scale(one: &Histogram, factor: f64) -> Histogram {
        let mut one = one.clone();
        one.scale(factor);
        one
    }
}
