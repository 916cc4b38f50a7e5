//! `sum` and `avg` over histograms, one group at one step.

use super::Doing;
use super::range::Mean;
use crate::value::SharedHistogram;
use crate::window::Annotator;
use nexus_series::histogram::{Histogram, HistogramSum, ResetHint};
use std::sync::Arc;

/// See the module text. Exponential and custom buckets in one group leave it without a value.
#[derive(Clone, Debug)]
pub struct HistogramAccumulator {
    average: bool,
    kind: Kind,
    reset: bool,
    not_reset: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    Empty,
    Sum(HistogramSum),
    Mean(Mean),
    Incompatible,
}

impl HistogramAccumulator {
    /// Nothing yet; `average` for `avg`.
    pub fn new(average: bool) -> Self {
        Self { average, kind: Kind::Empty, reset: false, not_reset: false }
    }

    /// Adds one; the annotator has the place of what is aggregated and the metric's name of this series.
    pub fn add(&mut self, one: &Histogram, note: &Annotator) {
        let added = match &mut self.kind {
            Kind::Incompatible => return,
            Kind::Empty => {
                self.kind =
                    if self.average { Kind::Mean(Mean::new(one)) } else { Kind::Sum(HistogramSum::new(one.clone())) };
                Some(())
            }
            Kind::Sum(sum) => note.added(sum.add(one), Doing::Aggregation),
            Kind::Mean(mean) => note.added(mean.add(one), Doing::Aggregation),
        };
        self.reset |= one.hint == ResetHint::Reset;
        self.not_reset |= one.hint == ResetHint::NotReset;
        if added.is_none() {
            self.kind = Kind::Incompatible;
        }
    }

    /// The value of the group.
    pub fn finish(self, note: &Annotator) -> Option<SharedHistogram> {
        let mut value = match self.kind {
            Kind::Empty | Kind::Incompatible => return None,
            Kind::Sum(sum) => sum.finish(),
            Kind::Mean(mean) => mean.finish(),
        };
        if self.reset && self.not_reset {
            note.notes.warn(note.position, Doing::Aggregation.collision());
        }
        value.compact();
        Some(Arc::new(value))
    }
}
