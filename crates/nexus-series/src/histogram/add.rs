//! Sums and differences, with or without Kahan summation, of histograms whose resolutions, zero buckets or custom bounds
//! may differ: the result has what both can be brought to.

use super::layout::{Side, compacted, kahan, reduce};
use super::{Histogram, Indexed, ResetHint, Span, bound};

/// Exponential and custom buckets do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MixedSchemas;

/// What was remarkable in an addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// One says that there was a counter reset, the other that there was none.
    pub reset_collision: bool,
    /// Custom bounds differed: only those of both are left.
    pub bounds_reconciled: bool,
}

/// Buckets of one side: spans, counts, and the compensation (may be empty).
type Parts<'a> = (&'a [Span], &'a [f64], &'a [f64]);

/// A sum of histograms that keeps what rounding loses.
#[derive(Clone, Debug)]
pub struct HistogramSum {
    /// The sum so far.
    pub value: Histogram,
    /// Compensation: the same buckets, once there is more than one histogram.
    lost: Option<Histogram>,
}

impl HistogramSum {
    /// A sum that begins with a histogram.
    pub fn new(first: Histogram) -> Self {
        Self { value: first, lost: None }
    }

    /// Adds one.
    pub fn add(&mut self, other: &Histogram) -> Result<Added, MixedSchemas> {
        let lost = self.lost.take().unwrap_or_else(|| Histogram {
            zero_count: 0.0,
            count: 0.0,
            sum: 0.0,
            positive: vec![0.0; self.value.positive.len()],
            negative: vec![0.0; self.value.negative.len()],
            ..self.value.clone()
        });
        let lost = self.lost.insert(lost);
        combine(&mut self.value, other, 1.0, Some(lost))
    }

    /// Multiplies all by a factor.
    pub fn scale(&mut self, factor: f64) {
        self.value.scale(factor);
        self.lost.iter_mut().for_each(|lost| lost.scale(factor));
    }

    /// Divides all.
    pub fn divide(&mut self, divisor: f64) {
        self.value.divide(divisor);
        self.lost.iter_mut().for_each(|lost| lost.divide(divisor));
    }

    /// The sum with what was kept apart.
    pub fn finish(mut self) -> Histogram {
        if let Some(lost) = &self.lost {
            // Both have the same buckets, so they go together.
            let _ = self.value.add(lost);
        }
        self.value
    }
}

impl Histogram {
    /// Adds a histogram.
    pub fn add(&mut self, other: &Self) -> Result<Added, MixedSchemas> {
        combine(self, other, 1.0, None)
    }

    /// Subtracts a histogram. The hint is found as for a sum: the operator `-` makes a gauge of it.
    pub fn subtract(&mut self, other: &Self) -> Result<Added, MixedSchemas> {
        combine(self, other, -1.0, None)
    }
}

fn combine(
    to: &mut Histogram,
    other: &Histogram,
    sign: f64,
    lost: Option<&mut Histogram>,
) -> Result<Added, MixedSchemas> {
    if to.is_custom() != other.is_custom() {
        return Err(MixedSchemas);
    }
    let mut added = Added { reset_collision: combine_hints(to, other.hint), ..Added::default() };
    let mut unused = Histogram::default();
    let keep = lost.is_some();
    let lost = lost.unwrap_or(&mut unused);
    if !to.is_custom() {
        let zero_count = to.widen_zero_bucket(other, lost);
        (to.zero_count, lost.zero_count) = kahan(sign * zero_count, to.zero_count, lost.zero_count);
    }
    (to.count, lost.count) = kahan(sign * other.count, to.count, lost.count);
    (to.sum, lost.sum) = kahan(sign * other.sum, to.sum, lost.sum);

    if to.is_custom() && to.custom_values != other.custom_values {
        added.bounds_reconciled = true;
        add_by_common_bounds(to, other, sign, lost);
    } else {
        if other.schema < to.schema {
            reduce_both(to, lost, other.schema);
        }
        let by = other.schema - to.schema;
        for positive in [true, false] {
            let (spans, counts) = side_of(other, positive);
            let reduced = (by > 0).then(|| reduce(spans, counts, &[], by));
            let from: Parts = match &reduced {
                Some(side) => (&side.spans, &side.counts, if keep { &side.lost } else { &[] }),
                None => (spans, counts, &[]),
            };
            add_side(to, from, sign, lost, positive);
        }
    }
    lost.schema = to.schema;
    lost.zero_threshold = to.zero_threshold;
    lost.positive_spans.clone_from(&to.positive_spans);
    lost.negative_spans.clone_from(&to.negative_spans);
    lost.custom_values.clone_from(&to.custom_values);
    Ok(added)
}

fn side_of(one: &Histogram, positive: bool) -> (&[Span], &[f64]) {
    if positive { (&one.positive_spans, &one.positive) } else { (&one.negative_spans, &one.negative) }
}

/// The hint of a sum; true when the hints contradict each other.
fn combine_hints(to: &mut Histogram, other: ResetHint) -> bool {
    let (hint, collision) = match (to.hint, other) {
        (one, two) if one == two => (one, false),
        (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => (ResetHint::Gauge, false),
        (ResetHint::Unknown, _) | (_, ResetHint::Unknown) => (ResetHint::Unknown, false),
        _ => (ResetHint::Unknown, true),
    };
    to.hint = hint;
    collision
}

fn reduce_both(to: &mut Histogram, lost: &mut Histogram, schema: i32) {
    let by = to.schema - schema;
    let side = reduce(&to.positive_spans, &to.positive, &lost.positive, by);
    (to.positive_spans, to.positive, lost.positive) = (side.spans, side.counts, side.lost);
    let side = reduce(&to.negative_spans, &to.negative, &lost.negative, by);
    (to.negative_spans, to.negative, lost.negative) = (side.spans, side.counts, side.lost);
    to.schema = schema;
}

/// Adds the buckets of one side. Those of the other histogram that lie within the zero bucket are in its count already.
fn add_side(to: &mut Histogram, from: Parts, sign: f64, lost: &mut Histogram, positive: bool) {
    let (schema, threshold, custom) = (to.schema, to.zero_threshold, to.is_custom());
    let (spans, counts, rests) = if positive {
        (&mut to.positive_spans, &mut to.positive, &mut lost.positive)
    } else {
        (&mut to.negative_spans, &mut to.negative, &mut lost.negative)
    };
    rests.resize(counts.len(), 0.0);
    let within = |index: i32| !custom && bound(index, schema, &[]) <= threshold;
    let touches_zero = from.0.first().is_some_and(|span| within(span.offset));
    if !touches_zero && spans.as_slice() == from.0 && counts.len() == from.1.len() {
        for (position, (count, rest)) in counts.iter_mut().zip(rests.iter_mut()).enumerate() {
            (*count, *rest) = plus(from, position, sign, *count, *rest);
        }
        return;
    }
    let mut side = Side::default();
    let mut mine = Indexed::new(spans, counts).enumerate().peekable();
    let mut theirs = Indexed::new(from.0, from.1).enumerate().skip_while(|(_, (index, _))| within(*index)).peekable();
    loop {
        match (mine.peek().copied(), theirs.peek().copied()) {
            (Some((at, (index, count))), Some((position, (other, _)))) if index == other => {
                let (count, rest) = plus(from, position, sign, count, rests[at]);
                side.push(index, count, rest);
                mine.next();
                theirs.next();
            }
            (Some((at, (index, count))), other) if other.is_none_or(|(_, (other, _))| index < other) => {
                side.push(index, count, rests[at]);
                mine.next();
            }
            (_, Some((position, (index, count)))) => {
                side.push(index, sign * count, sign * from.2.get(position).copied().unwrap_or(0.0));
                theirs.next();
            }
            _ => break,
        }
    }
    drop(mine);
    (*spans, *counts, *rests) = (side.spans, side.counts, side.lost);
}

#[inline]
fn plus(from: Parts, position: usize, sign: f64, count: f64, rest: f64) -> (f64, f64) {
    let (count, rest) = kahan(sign * from.1[position], count, rest);
    match from.2.get(position) {
        Some(&more) if more != 0.0 => kahan(sign * more, count, rest),
        _ => (count, rest),
    }
}

/// Adds histograms of different custom bounds: what lies between two bounds that both have comes together.
fn add_by_common_bounds(to: &mut Histogram, other: &Histogram, sign: f64, lost: &mut Histogram) {
    let common: Vec<f64> =
        to.custom_values.iter().copied().filter(|value| other.custom_values.contains(value)).collect();
    let mut sums = vec![(0.0, 0.0); common.len() + 1];
    let place = |index: i32, bounds: &[f64]| {
        usize::try_from(index)
            .ok()
            .and_then(|at| bounds.get(at))
            .map_or(common.len(), |bound| common.partition_point(|one| one < bound))
    };
    for (position, (index, count)) in to.positive_indexed().enumerate() {
        let (sum, rest) = &mut sums[place(index, &to.custom_values)];
        (*sum, *rest) = kahan(count, *sum, *rest);
        (*sum, *rest) = kahan(lost.positive.get(position).copied().unwrap_or(0.0), *sum, *rest);
    }
    for (index, count) in other.positive_indexed() {
        let (sum, rest) = &mut sums[place(index, &other.custom_values)];
        (*sum, *rest) = kahan(sign * count, *sum, *rest);
    }
    let mut side = Side::default();
    for (index, (sum, rest)) in sums.into_iter().enumerate() {
        if sum != 0.0 || rest != 0.0 {
            side.push(index as i32, sum, rest);
        }
    }
    (to.positive_spans, to.positive, lost.positive) = (side.spans, side.counts, side.lost);
    to.custom_values = common;
}

impl Histogram {
    /// Makes the zero bucket as wide as the other's (or wider, so that it ends where a bucket ends in both) and returns
    /// the observations in the other's, were it that wide.
    fn widen_zero_bucket(&mut self, other: &Self, lost: &mut Self) -> f64 {
        let (mut count, mut threshold) = (other.zero_count, other.zero_threshold);
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                (count, threshold, _) = other.zero_count_within(self.zero_threshold, None);
            }
            if threshold > self.zero_threshold {
                (self.zero_count, self.zero_threshold, lost.zero_count) = self.zero_count_within(threshold, Some(lost));
                self.drop_within_zero(lost);
            }
            // A threshold that is not a number is no reason to go round for ever.
            if threshold.is_nan() || self.zero_threshold.is_nan() {
                break;
            }
        }
        count
    }

    /// (observations, threshold, compensation) of a zero bucket that is at least `threshold` wide: a bucket that it would
    /// cut is taken whole unless it is empty.
    pub(super) fn zero_count_within(&self, threshold: f64, lost: Option<&Self>) -> (f64, f64, f64) {
        let mut threshold = threshold;
        let rest = lost.map_or(0.0, |lost| lost.zero_count);
        if threshold == self.zero_threshold {
            return (self.zero_count, threshold, rest);
        }
        'again: loop {
            let (mut count, mut rest) = (self.zero_count, rest);
            for positive in [true, false] {
                let (spans, counts) = side_of(self, positive);
                let rests = lost.map_or(&[][..], |lost| side_of(lost, positive).1);
                for (position, (index, more)) in Indexed::new(spans, counts).enumerate() {
                    if bound(index.saturating_sub(1), self.schema, &[]) >= threshold {
                        break;
                    }
                    (count, rest) = kahan(more, count, rest);
                    (count, rest) = kahan(rests.get(position).copied().unwrap_or(0.0), count, rest);
                    let upper = bound(index, self.schema, &[]);
                    if upper > threshold {
                        if more != 0.0 {
                            threshold = upper;
                            if !positive {
                                continue 'again;
                            }
                        }
                        break;
                    }
                }
            }
            return (count, threshold, rest);
        }
    }

    fn drop_within_zero(&mut self, lost: &mut Self) {
        let (schema, threshold) = (self.schema, self.zero_threshold);
        for positive in [true, false] {
            let (spans, counts, rests) = if positive {
                (&mut self.positive_spans, &mut self.positive, &mut lost.positive)
            } else {
                (&mut self.negative_spans, &mut self.negative, &mut lost.negative)
            };
            let within = Indexed::new(spans, counts)
                .take_while(|(index, _)| bound(index.saturating_sub(1), schema, &[]) < threshold)
                .count();
            rests.resize(counts.len(), 0.0);
            counts[..within].fill(0.0);
            rests[..within].fill(0.0);
            if let Some(side) = compacted(spans, counts, rests) {
                (*spans, *counts, *rests) = (side.spans, side.counts, side.lost);
            }
        }
    }
}
