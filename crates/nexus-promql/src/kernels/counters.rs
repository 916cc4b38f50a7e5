//! `rate`, `increase`, `delta` and their relatives on floats.

use crate::window::{RangeFunction, Window};

/// Which of the extrapolating functions.
#[derive(Clone, Copy)]
pub struct Extrapolation {
    /// Cannot fall below zero, and resets.
    pub counter: bool,
    /// Per second.
    pub per_second: bool,
}

impl Extrapolation {
    /// Of `rate`, `increase` or `delta`.
    pub fn of(function: RangeFunction) -> Self {
        Self { counter: function != RangeFunction::Delta, per_second: function == RangeFunction::Rate }
    }
}

/// By how much the difference between the first and the last sample of a window is to be multiplied, so that it stands for
/// the whole window: up to its ends where samples are near them, otherwise by half the distance of samples, and for
/// counters not further back than to where the counter was zero. `zero`: first value and difference of a counter.
///
/// Times are in ms; `start` and `end` are those of the window, `first` and `last` of the samples, `gaps` is their number
/// less one (1 or more).
pub fn factor(
    kind: Extrapolation,
    (start, end): (i64, i64),
    (first, last): (i64, i64),
    gaps: usize,
    zero: Option<(f64, f64)>,
) -> f64 {
    let mut to_start = (first - start) as f64 / 1000.0;
    let mut to_end = (end - last) as f64 / 1000.0;
    let sampled = (last - first) as f64 / 1000.0;
    let distance = sampled / gaps as f64;
    let near = distance * 1.1;
    if to_start >= near {
        to_start = distance / 2.0;
    }
    if let (true, Some((value, difference))) = (kind.counter, zero)
        && difference > 0.0
        && value >= 0.0
    {
        let to_zero = sampled * (value / difference);
        if to_zero < to_start {
            to_start = to_zero;
        }
    }
    if to_end >= near {
        to_end = distance / 2.0;
    }
    let mut factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
    if kind.per_second {
        factor /= (end - start) as f64 / 1000.0;
    }
    factor
}

/// `rate`, `increase`, `delta` of a window.
pub fn extrapolated(function: RangeFunction, window: &Window) -> Option<f64> {
    let (times, values) = (window.timestamps, window.values);
    let last = values.len() - 1;
    if last == 0 {
        return None;
    }
    let kind = Extrapolation::of(function);
    let mut difference = values[last] - values[0];
    if kind.counter {
        for pair in values.windows(2) {
            if pair[1] < pair[0] {
                difference += pair[0];
            }
        }
    }
    let ends = (window.start, window.end);
    Some(difference * factor(kind, ends, (times[0], times[last]), last, Some((values[0], difference))))
}

/// `irate` and `idelta`: of the last two samples.
#[inline]
pub fn instant(rate: bool, times: &[i64], values: &[f64]) -> Option<f64> {
    let &[.., before, last] = values else { return None };
    let &[.., time_before, time_last] = times else { return None };
    let elapsed = time_last - time_before;
    if elapsed == 0 {
        return None;
    }
    let difference = if rate && last < before { last } else { last - before };
    Some(if rate { difference / (elapsed as f64 / 1000.0) } else { difference })
}

/// Is a value after another one a change? NaN after NaN is none.
#[inline]
pub fn changed(before: f64, value: f64) -> bool {
    value != before && !(value.is_nan() && before.is_nan())
}

/// How often a counter fell.
pub fn resets(values: &[f64]) -> usize {
    values.windows(2).filter(|pair| pair[1] < pair[0]).count()
}

/// How often the value changed.
pub fn changes(values: &[f64]) -> usize {
    values.windows(2).filter(|pair| changed(pair[0], pair[1])).count()
}
