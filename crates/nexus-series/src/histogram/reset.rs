//! Counter resets between two histograms of a series.

use super::layout::reduce;
use super::{Histogram, Indexed, ResetHint, Span, bound};

impl Histogram {
    /// Was the counter reset since the histogram before it? A hint that knows decides. Else it was when the count, the
    /// zero bucket or any bucket got smaller, when a bucket with observations is gone, or when resolution or zero bucket
    /// changed in a way that only a reset explains.
    pub fn is_reset_after(&self, previous: &Self) -> bool {
        match self.hint {
            ResetHint::Reset => true,
            ResetHint::NotReset => false,
            ResetHint::Unknown | ResetHint::Gauge => self.shrank_since(previous),
        }
    }

    /// The hint that a store gives a counter's histogram that comes after another: it looks at the counts unless the
    /// histogram says itself that it comes after a reset. Gauges stay gauges.
    pub fn hint_after(&self, previous: &Self) -> ResetHint {
        match self.hint {
            ResetHint::Gauge => ResetHint::Gauge,
            ResetHint::Reset => ResetHint::Reset,
            _ if self.is_stale() => self.hint,
            _ if previous.is_stale() || previous.hint == ResetHint::Gauge => ResetHint::Unknown,
            _ if self.shrank_since(previous) => ResetHint::Reset,
            _ => ResetHint::NotReset,
        }
    }

    fn shrank_since(&self, previous: &Self) -> bool {
        if self.count < previous.count {
            return true;
        }
        if self.is_custom() {
            if !previous.is_custom() {
                return true;
            }
            if self.custom_values != previous.custom_values {
                return self.shrank_between_common_bounds(previous);
            }
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold, _) = previous.zero_count_within(self.zero_threshold, None);
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        let by = previous.schema - self.schema;
        [
            (self.positive_indexed(), &previous.positive_spans, &previous.positive),
            (self.negative_indexed(), &previous.negative_spans, &previous.negative),
        ]
        .into_iter()
        .any(|(now, spans, counts)| {
            if by == 0 {
                return self.side_shrank(now, spans, counts);
            }
            let before = reduce(spans, counts, &[], by);
            self.side_shrank(now, &before.spans, &before.counts)
        })
    }

    fn side_shrank(&self, mut now: Indexed<'_>, spans: &[Span], counts: &[f64]) -> bool {
        let within = |index: i32| !self.is_custom() && bound(index, self.schema, &[]) <= self.zero_threshold;
        let mut current = now.next();
        for (index, before) in Indexed::new(spans, counts).skip_while(|(index, _)| within(*index)) {
            while current.is_some_and(|(at, _)| at < index) {
                current = now.next();
            }
            let shrank = match current {
                Some((at, count)) if at == index => count < before,
                _ => before != 0.0,
            };
            if shrank {
                return true;
            }
        }
        false
    }

    fn shrank_between_common_bounds(&self, previous: &Self) -> bool {
        let common: Vec<f64> =
            self.custom_values.iter().copied().filter(|value| previous.custom_values.contains(value)).collect();
        let sums = |one: &Self| {
            let mut sums = vec![0.0; common.len() + 1];
            for (index, count) in one.positive_indexed() {
                let upper = bound(index, one.schema, &one.custom_values);
                sums[common.partition_point(|value| *value < upper)] += count;
            }
            sums
        };
        sums(self).iter().zip(sums(previous)).any(|(now, before)| *now < before)
    }
}
