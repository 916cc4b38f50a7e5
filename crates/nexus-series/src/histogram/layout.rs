//! Which buckets there are: building, comparing, compacting, and coarser resolutions.

use super::{Histogram, Indexed, Span};

/// Buckets of one side while they are put together, with the compensation of Kahan summation for each.
#[derive(Default)]
pub(super) struct Side {
    pub spans: Vec<Span>,
    pub counts: Vec<f64>,
    pub lost: Vec<f64>,
    end: i64,
}

impl Side {
    /// Adds a bucket; numbers ascend.
    pub fn push(&mut self, index: i32, count: f64, lost: f64) {
        let gap = i64::from(index) - self.end;
        match self.spans.last_mut() {
            Some(last) if gap == 0 => last.length += 1,
            _ => self.spans.push(Span { offset: gap as i32, length: 1 }),
        }
        self.counts.push(count);
        self.lost.push(lost);
        self.end = i64::from(index) + 1;
    }
}

/// One step of Kahan-Neumaier summation: (sum, compensation) with `more` added.
#[inline]
pub fn kahan(more: f64, sum: f64, lost: f64) -> (f64, f64) {
    let total = sum + more;
    let lost = if total.is_infinite() {
        0.0
    } else if sum.abs() >= more.abs() {
        lost + ((sum - total) + more)
    } else {
        lost + ((more - total) + sum)
    };
    (total, lost)
}

/// Do two lists of spans mean the same buckets?
pub(super) fn same(one: &[Span], two: &[Span]) -> bool {
    if one == two {
        return true;
    }
    let mut sides = [Vec::new(), Vec::new()];
    for (side, spans) in sides.iter_mut().zip([one, two]) {
        let mut at = 0i64;
        for span in spans {
            at += i64::from(span.offset);
            let end = at + i64::from(span.length);
            match side.last_mut() {
                _ if span.length == 0 => {}
                Some((_, last)) if *last == at => *last = end,
                _ => side.push((at, end)),
            }
            at = end;
        }
    }
    sides[0] == sides[1]
}

/// Number in a coarser schema of the bucket that holds a bucket.
#[inline]
pub(super) fn coarser(index: i32, by: i32) -> i32 {
    ((i64::from(index) - 1) >> by.clamp(0, 62)) as i32 + 1
}

/// Merges buckets that fall together `by` schemas further down. `lost` may be shorter than the counts.
pub(super) fn reduce(spans: &[Span], counts: &[f64], lost: &[f64], by: i32) -> Side {
    let mut side = Side::default();
    for (position, (index, count)) in Indexed::new(spans, counts).enumerate() {
        let index = coarser(index, by);
        let more = lost.get(position).copied().unwrap_or(0.0);
        if !side.counts.is_empty() && i64::from(index) + 1 == side.end {
            let last = side.counts.len() - 1;
            let (sum, rest) = kahan(count, side.counts[last], side.lost[last]);
            let (sum, rest) = kahan(more, sum, rest);
            (side.counts[last], side.lost[last]) = (sum, rest);
        } else {
            side.push(index, count, more);
        }
    }
    side
}

/// Is there an empty bucket, an empty span or a span that goes on where the last one ended?
fn is_loose(spans: &[Span], counts: &[f64]) -> bool {
    counts.contains(&0.0)
        || spans.iter().enumerate().any(|(position, span)| span.length == 0 || (position > 0 && span.offset == 0))
}

/// Leaves out empty buckets; nothing to do gives none.
pub(super) fn compacted(spans: &[Span], counts: &[f64], lost: &[f64]) -> Option<Side> {
    if !is_loose(spans, counts) {
        return None;
    }
    let mut side = Side::default();
    for (position, (index, count)) in Indexed::new(spans, counts).enumerate() {
        let rest = lost.get(position).copied().unwrap_or(0.0);
        if count != 0.0 || rest != 0.0 {
            side.push(index, count, rest);
        }
    }
    Some(side)
}

impl Histogram {
    /// Leaves out empty buckets and joins spans that touch.
    pub fn compact(&mut self) {
        if let Some(side) = compacted(&self.positive_spans, &self.positive, &[]) {
            (self.positive_spans, self.positive) = (side.spans, side.counts);
        }
        if let Some(side) = compacted(&self.negative_spans, &self.negative, &[]) {
            (self.negative_spans, self.negative) = (side.spans, side.counts);
        }
    }

    /// Lowers the resolution to a schema; one that is not lower, and custom buckets, leave it as it is.
    pub fn reduce_to(&mut self, schema: i32) {
        if self.is_custom() || schema >= self.schema {
            return;
        }
        let by = self.schema - schema;
        let side = reduce(&self.positive_spans, &self.positive, &[], by);
        (self.positive_spans, self.positive) = (side.spans, side.counts);
        let side = reduce(&self.negative_spans, &self.negative, &[], by);
        (self.negative_spans, self.negative) = (side.spans, side.counts);
        self.schema = schema;
    }
}
