//! `rate`, `increase`, `delta` and their relatives on floats.
//!
//! Where samples say when what they count began, that counts, too, as in Prometheus with `use-start-timestamps`: a start
//! behind the sample before is a reset, and a first sample that began within the window began there at zero.

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

/// A start time of a list that may be shorter than its samples; 0: not said.
#[inline]
pub fn start_at(starts: &[i64], sample: usize) -> i64 {
    starts.get(sample).copied().unwrap_or(0)
}

/// Did a counter begin anew between two samples, each its time and start time?
///
/// A start at the time of the sample before is that of a delta, unless that sample's own start is not known (0, or its own
/// time, as OpenTelemetry has it) or is no good.
#[inline]
pub fn began_anew((before, before_start): (i64, i64), (time, start): (i64, i64)) -> bool {
    if start == 0 || start >= time || start < before {
        return false;
    }
    start > before || (before_start != 0 && before_start < before)
}

/// Does a sample count from before the sample before it, and from another start than that?
#[inline]
pub fn overlaps((before, before_start): (i64, i64), start: i64) -> bool {
    start != 0 && start < before && start != before_start
}

/// Two neighbours of a list, each its time and start time: the second is number `at`.
#[inline]
fn pair(times: &[i64], starts: &[i64], at: usize) -> ((i64, i64), (i64, i64)) {
    ((times[at - 1], start_at(starts, at - 1)), (times[at], start_at(starts, at)))
}

/// Is sample number `at` (1 or more) the first after a reset?
#[inline]
pub fn is_reset(times: &[i64], values: &[f64], starts: &[i64], at: usize) -> bool {
    if values[at] < values[at - 1] {
        return true;
    }
    let (before, now) = pair(times, starts, at);
    began_anew(before, now)
}

/// Does the start time of a sample (number 1 or more) lie before the sample before it, where it should not?
pub fn is_overlap(times: &[i64], starts: &[i64], at: usize) -> bool {
    let (before, now) = pair(times, starts, at);
    overlaps(before, now.1)
}

/// How a window reaches back to its start.
#[derive(Clone, Copy)]
pub enum Origin {
    /// It is guessed.
    Unknown,
    /// It is guessed, for counters not further back than to where they were zero: first value, and difference to the last.
    Counter(f64, f64),
    /// The counter was zero then, ms.
    Zero(i64),
}

/// When the first sample of a window began to count, where that is within the window and not at its start.
#[inline]
pub fn began_within(start: i64, first: i64, first_start: i64) -> Option<i64> {
    (first_start != 0 && first_start > start && first_start < first).then_some(first_start)
}

/// By how much the difference between the first and the last sample of a window is to be multiplied, so that it stands for
/// the whole window: up to its ends where samples are near them, otherwise by half the distance of samples.
///
/// Times are in ms; `start` and `end` are those of the window, `first` and `last` of the samples, `gaps` is their number
/// less one (0 only with `Origin::Zero`).
pub fn factor(
    kind: Extrapolation,
    (start, end): (i64, i64),
    (first, last): (i64, i64),
    gaps: usize,
    origin: Origin,
) -> f64 {
    let mut to_start = (first - start) as f64 / 1000.0;
    let mut to_end = (end - last) as f64 / 1000.0;
    let mut sampled = (last - first) as f64 / 1000.0;
    let distance = if gaps > 0 { sampled / gaps as f64 } else { 0.0 };
    let near = distance * 1.1;
    if let Origin::Zero(began) = origin {
        to_start = 0.0;
        sampled = (last - began) as f64 / 1000.0;
    } else {
        if to_start >= near {
            to_start = distance / 2.0;
        }
        if let Origin::Counter(value, difference) = origin
            && difference > 0.0
            && value >= 0.0
        {
            let to_zero = sampled * (value / difference);
            if to_zero < to_start {
                to_start = to_zero;
            }
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
    let kind = Extrapolation::of(function);
    let starts = if kind.counter { window.starts } else { &[] };
    let mut difference = values[last] - values[0];
    if kind.counter {
        for at in 1..values.len() {
            if is_reset(times, values, starts, at) {
                difference += values[at - 1];
            }
        }
    }
    let ends = (window.start, window.end);
    let origin = match began_within(window.start, times[0], start_at(starts, 0)) {
        Some(began) => {
            difference += values[0];
            Origin::Zero(began)
        }
        None if last == 0 => return None,
        None if kind.counter => Origin::Counter(values[0], difference),
        None => Origin::Unknown,
    };
    Some(difference * factor(kind, ends, (times[0], times[last]), last, origin))
}

/// `irate` and `idelta`: of the last two samples. `starts` are in step with the samples.
#[inline]
pub fn instant(rate: bool, times: &[i64], values: &[f64], starts: &[i64]) -> Option<f64> {
    let &[.., before, last] = values else { return None };
    let &[.., time_before, time_last] = times else { return None };
    let elapsed = time_last - time_before;
    if elapsed == 0 {
        return None;
    }
    let reset = rate && is_reset(times, values, starts, values.len() - 1);
    let difference = if reset { last } else { last - before };
    Some(if rate { difference / (elapsed as f64 / 1000.0) } else { difference })
}

/// Is a value after another one a change? NaN after NaN is none.
#[inline]
pub fn changed(before: f64, value: f64) -> bool {
    value != before && !(value.is_nan() && before.is_nan())
}

/// How often a counter was reset.
pub fn resets(times: &[i64], values: &[f64], starts: &[i64]) -> usize {
    (1..values.len()).filter(|&at| is_reset(times, values, starts, at)).count()
}

/// How often the value changed.
pub fn changes(values: &[f64]) -> usize {
    values.windows(2).filter(|pair| changed(pair[0], pair[1])).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_behind_the_sample_before_is_a_reset() {
        // Cumulative, unknown, of the sample's own time, from the future: none.
        for start in [5, 10, 0, 20, 21] {
            assert!(!began_anew((10, 10), (20, start)), "{start}");
        }
        assert!(began_anew((10, 10), (20, 11)));
        // At the sample before: a delta, where that one said when it began itself.
        assert!(began_anew((10, 3), (20, 10)));
        assert!(!began_anew((10, 0), (20, 10)));
        assert!(!began_anew((10, 12), (20, 10)));
    }

    #[test]
    fn a_start_before_the_sample_before_overlaps_unless_it_is_the_same() {
        assert!(overlaps((10, 3), 5));
        assert!(!overlaps((10, 3), 3));
        assert!(!overlaps((10, 3), 10));
        assert!(!overlaps((10, 3), 0));
    }
}
