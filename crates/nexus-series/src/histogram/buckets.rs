//! Iteration over buckets, from either end.

use super::{Histogram, Span, bound};

/// A bucket with its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Is the lower bound within?
    pub lower_inclusive: bool,
    /// Is the upper bound within?
    pub upper_inclusive: bool,
    /// Observations.
    pub count: f64,
}

impl Bucket {
    /// The part of the observations at or below `value`, which must lie between finite bounds: evenly spread, or evenly
    /// on a logarithmic scale.
    pub fn part_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let [lower, upper, at] = [self.lower, self.upper, value].map(|one| one.abs().log2());
        if value > 0.0 { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) }
    }
}

/// Numbers and counts of the buckets of one side, in ascending order of numbers. Ends early where spans promise more
/// buckets than there are.
#[derive(Clone)]
pub struct Indexed<'a> {
    spans: &'a [Span],
    counts: &'a [f64],
    front: i64,
    front_taken: u32,
    end: i64,
    back_taken: u32,
}

impl<'a> Indexed<'a> {
    /// The buckets of spans.
    pub fn new(spans: &'a [Span], counts: &'a [f64]) -> Self {
        let front = spans.first().map_or(0, |span| i64::from(span.offset));
        let end = spans.iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum();
        Self { spans, counts, front, front_taken: 0, end, back_taken: 0 }
    }

    fn exhausted(&self, span: Span) -> bool {
        let others = if self.spans.len() == 1 { (self.front_taken, self.back_taken) } else { (0, 0) };
        others.0 + others.1 >= span.length
    }
}

impl Iterator for Indexed<'_> {
    type Item = (i32, f64);

    #[inline]
    fn next(&mut self) -> Option<(i32, f64)> {
        loop {
            let (span, rest) = self.spans.split_first()?;
            if self.front_taken < span.length && !self.exhausted(*span) {
                let (&count, counts) = self.counts.split_first()?;
                self.counts = counts;
                self.front_taken += 1;
                self.front += 1;
                return Some(((self.front - 1) as i32, count));
            }
            self.spans = rest;
            self.front += rest.first().map_or(0, |next| i64::from(next.offset));
            self.front_taken = 0;
        }
    }
}

impl DoubleEndedIterator for Indexed<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<(i32, f64)> {
        loop {
            let (span, rest) = self.spans.split_last()?;
            if self.back_taken < span.length && !self.exhausted(*span) {
                let (&count, counts) = self.counts.split_last()?;
                self.counts = counts;
                self.back_taken += 1;
                self.end -= 1;
                return Some((self.end as i32, count));
            }
            self.end -= i64::from(span.offset);
            self.spans = rest;
            self.back_taken = 0;
        }
    }
}

impl Histogram {
    /// Buckets of positive observations by number.
    pub fn positive_indexed(&self) -> Indexed<'_> {
        Indexed::new(&self.positive_spans, &self.positive)
    }

    /// Buckets of negative observations by number: from zero downwards.
    pub fn negative_indexed(&self) -> Indexed<'_> {
        Indexed::new(&self.negative_spans, &self.negative)
    }

    /// Buckets of positive observations, ascending.
    pub fn positive_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + Clone + '_ {
        self.positive_indexed().map(|(index, count)| {
            let lower = bound(index.saturating_sub(1), self.schema, &self.custom_values);
            let upper = bound(index, self.schema, &self.custom_values);
            let custom = self.is_custom();
            Bucket {
                lower,
                upper,
                lower_inclusive: if custom { index == 0 } else { lower < 0.0 },
                upper_inclusive: custom || upper > 0.0,
                count,
            }
        })
    }

    /// Buckets of negative observations, from zero downwards.
    pub fn negative_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + Clone + '_ {
        self.negative_indexed().map(|(index, count)| {
            let lower = -bound(index, self.schema, &[]);
            let upper = -bound(index.saturating_sub(1), self.schema, &[]);
            Bucket { lower, upper, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0, count }
        })
    }

    /// The zero bucket; none where bounds are given one by one.
    pub fn zero_bucket(&self) -> Bucket {
        let (lower, upper) = (-self.zero_threshold, self.zero_threshold);
        Bucket { lower, upper, lower_inclusive: true, upper_inclusive: true, count: self.zero_count }
    }

    /// All buckets, ascending: negative, zero (when it is not empty), positive. A bucket that the zero bucket overlaps
    /// begins or ends at its edge.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + Clone + '_ {
        let threshold = self.zero_threshold;
        let negative = self.negative_buckets().rev().map(move |mut bucket| {
            if bucket.upper < 0.0 && bucket.upper > -threshold {
                bucket.upper = -threshold;
            }
            bucket
        });
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        let positive = self.positive_buckets().map(move |mut bucket| {
            if bucket.lower > 0.0 && bucket.lower < threshold {
                bucket.lower = threshold;
            }
            bucket
        });
        negative.chain(zero).chain(positive)
    }
}
