//! Functions on range vectors, sliding over the floats of a series: every sample is looked at once where that is exact.

use super::counters::{Extrapolation, Origin, began_within, factor, is_overlap, is_reset};
use super::lanes::{self, WIDTH};
use super::ranks::Ranks;
use super::regression::{self, OfTimes, Sums};
use super::{counters, statistics};
use crate::plan::{Extension, Shift};
use crate::value::{Grid, NOTHING};
use crate::window::{RangeFunction, Window};
use nexus_series::starts::StartTimes;
use std::ops::Range;

/// The windows of all steps.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    /// Steps.
    pub grid: Grid,
    /// Length, ms.
    pub range: i64,
    /// Shift.
    pub shift: Shift,
    /// Scalar parameters: for each, a number for each step.
    pub parameters: &'a [Vec<f64>],
}

impl Windows<'_> {
    /// End (included) of a step's window; it starts `range` earlier, excluded.
    #[inline]
    pub fn end(&self, step: usize) -> i64 {
        self.shift.at.unwrap_or_else(|| self.grid.time(step)) - self.shift.offset
    }

    /// Scalar parameters of a step.
    pub fn at(&self, step: usize) -> [f64; 2] {
        [0, 1].map(|index| self.parameters.get(index).and_then(|values| values.get(step)).copied().unwrap_or(f64::NAN))
    }

    /// Calls `each(step, from, to)` for every window that has samples, as numbers of samples.
    #[inline]
    pub(crate) fn each(&self, times: &[i64], mut each: impl FnMut(usize, usize, usize)) {
        let (mut from, mut to) = (0, 0);
        for step in 0..self.grid.count {
            let end = self.end(step);
            let start = end - self.range;
            while to < times.len() && times[to] <= end {
                to += 1;
            }
            while from < to && times[from] <= start {
                from += 1;
            }
            if from < to {
                each(step, from, to);
            }
        }
    }

    /// Do windows overlap so much that it pays to keep something from one to the next?
    fn overlap(&self) -> bool {
        self.grid.count > 4 && self.range >= 3 * self.grid.step
    }
}

/// Answers a window, given its step and its first sample and the one behind its last.
type Answer<'a> = dyn FnMut(usize, usize, usize) -> f64 + 'a;
/// Goes through the windows.
type Each<'a> = dyn FnMut(&mut Answer) + 'a;

/// Memory used from series to series.
#[derive(Debug, Default)]
pub struct Scratch {
    floats: Vec<f64>,
    sums: Vec<(f64, f64)>,
    numbers: Vec<u32>,
    windows: Vec<(u32, u32, u32)>,
    ranks: Ranks,
    lines: Lines,
    /// Of the last series: did a window of a counter have a sample that counts from before the sample before it?
    pub overlapping: bool,
    /// Of the last series: samples in its windows, each once.
    pub read: usize,
}

/// Writes the function's answer of every step into `out` (`NOTHING` where there is none). Returns the number of samples in
/// all windows together.
pub fn run(
    function: RangeFunction,
    windows: &Windows,
    times: &[i64],
    values: &[f64],
    starts: &StartTimes,
    scratch: &mut Scratch,
    out: &mut [f64],
) -> usize {
    use RangeFunction as F;
    out.fill(NOTHING);
    scratch.overlapping = false;
    let (mut seen, mut read, mut behind) = (0, 0, 0);
    let mut each = |answer: &mut Answer| {
        windows.each(times, |step, from, to| {
            seen += to - from;
            read += to - from.max(behind);
            behind = to;
            out[step] = answer(step, from, to);
        });
    };
    match function {
        F::Rate | F::Increase => rates(function, windows, (times, values, starts), scratch, &mut each),
        F::Irate | F::Idelta => each(&mut |_, from, to| {
            counters::instant(function == F::Irate, &times[from..to], &values[from..to], starts.of(from..to))
                .unwrap_or(NOTHING)
        }),
        F::Count => each(&mut |_, from, to| (to - from) as f64),
        F::First => each(&mut |_, from, _| values[from]),
        F::Last => each(&mut |_, _, to| values[to - 1]),
        F::Present | F::Absent => each(&mut |_, _, _| 1.0),
        F::TimeOfFirst => each(&mut |_, from, _| times[from] as f64 / 1000.0),
        F::TimeOfLast => each(&mut |_, _, to| times[to - 1] as f64 / 1000.0),
        F::Min if windows.overlap() => best(values, scratch, &mut each, |new, old| new < old),
        F::Max if windows.overlap() => best(values, scratch, &mut each, |new, old| new > old),
        F::Sum | F::Avg if windows.overlap() && running(values, &mut scratch.sums) => {
            let sums = &scratch.sums;
            each(&mut |_, from, to| {
                let average = function == F::Avg;
                match difference(sums[from], sums[to]) {
                    Some(sum) if average => sum / (to - from) as f64,
                    Some(sum) => sum,
                    None if average => statistics::average(&values[from..to]),
                    None => statistics::sum(&values[from..to]),
                }
            });
        }
        F::Resets | F::Changes if windows.overlap() => {
            let starts = starts.as_slice();
            let event = |at: usize| match function {
                F::Resets => is_reset(times, values, starts, at),
                _ => counters::changed(values[at - 1], values[at]),
            };
            let counts = &mut scratch.numbers;
            counts.clear();
            let mut count = 0;
            for index in 0..values.len() {
                count += u32::from(index > 0 && event(index));
                counts.push(count);
            }
            each(&mut |_, from, to| f64::from(counts[to - 1] - counts[from]));
        }
        F::Quantile if windows.overlap() => quantiles(windows, values, &mut scratch.ranks, &mut each),
        F::Stddev | F::Stdvar if windows.grid.count >= WIDTH => {
            let list = &mut scratch.windows;
            list_windows(list, &mut each);
            let moderate = lanes::is_moderate(values);
            for group in list.chunks(WIDTH) {
                let spreads = lanes::spreads(values, moderate, &ranges(group));
                for (&(step, ..), spread) in group.iter().zip(&spreads) {
                    let variance = spread.variance();
                    out[step as usize] = if function == F::Stddev { variance.sqrt() } else { variance };
                }
            }
        }
        F::Deriv | F::PredictLinear if windows.grid.count >= WIDTH && near(times, windows) => {
            let list = &mut scratch.windows;
            list_windows(list, &mut each);
            lines(function, windows, (times, values), list, &mut scratch.lines, out);
        }
        F::Quantile => each(&mut |step, from, to| {
            scratch.floats.clear();
            scratch.floats.extend_from_slice(&values[from..to]);
            statistics::quantile(windows.at(step)[0], &mut scratch.floats)
        }),
        _ => each(&mut |step, from, to| {
            let end = windows.end(step);
            let window = Window {
                timestamps: &times[from..to],
                values: &values[from..to],
                starts: starts.of(from..to),
                histograms: &[],
                histogram_starts: &[],
                start: end - windows.range,
                end,
                time: windows.grid.time(step),
                parameters: &windows.at(step),
            };
            super::float(function, Extension::None, &window).unwrap_or(NOTHING)
        }),
    }
    scratch.read = read;
    seen
}

/// Puts all windows on a list: step, first sample, the one behind the last.
fn list_windows(list: &mut Vec<(u32, u32, u32)>, each: &mut Each) {
    list.clear();
    each(&mut |step, from, to| {
        list.push((step as u32, from as u32, to as u32));
        NOTHING
    });
}

/// Samples of a group of windows; where it lacks some to `WIDTH`, the first one stands in for them.
fn ranges(group: &[(u32, u32, u32)]) -> [Range<usize>; WIDTH] {
    std::array::from_fn(|lane| {
        let (_, from, to) = *group.get(lane).unwrap_or(&group[0]);
        from as usize..to as usize
    })
}

/// What lines through the windows of one series have in common with those of the next: series of a target have the same times.
#[derive(Debug, Default)]
struct Lines {
    /// What the sums are of: times, function, steps, range and shift.
    times: Vec<i64>,
    shape: Option<(RangeFunction, [i64; 5], Option<i64>)>,
    /// Times as ms after the first.
    elapsed: Vec<f64>,
    of_times: Vec<OfTimes>,
}

impl Lines {
    /// Are the sums of times those of these windows? Otherwise they are forgotten.
    fn know(&mut self, function: RangeFunction, windows: &Windows, times: &[i64]) -> bool {
        let (grid, shift) = (windows.grid, windows.shift);
        let numbers = [grid.start, grid.step, grid.count as i64, windows.range, shift.offset];
        let shape = (function, numbers, shift.at);
        if self.shape == Some(shape) && self.times == times {
            return true;
        }
        self.shape = Some(shape);
        self.times.clear();
        self.times.extend_from_slice(times);
        self.elapsed.clear();
        self.elapsed.extend(times.iter().map(|&time| (time - times[0]) as f64));
        self.of_times.clear();
        false
    }
}

/// Are the distances of all times so small that a float holds them?
fn near(times: &[i64], windows: &Windows) -> bool {
    let Some(&first) = times.first() else { return false };
    let far = |time: i64| time.checked_sub(first).is_none_or(|distance| distance.unsigned_abs() > 1 << 52);
    !times.last().is_some_and(|&last| far(last)) && !far(windows.grid.start) && !far(windows.grid.end())
}

/// `deriv` and `predict_linear` of windows, of which some are taken side by side.
fn lines(
    function: RangeFunction,
    windows: &Windows,
    (times, values): (&[i64], &[f64]),
    list: &[(u32, u32, u32)],
    kept: &mut Lines,
    out: &mut [f64],
) {
    let known = kept.know(function, windows, times);
    let Lines { elapsed, of_times, .. } = kept;
    let moderate = lanes::is_moderate(values);
    for (number, group) in list.chunks(WIDTH).enumerate() {
        let ranges = ranges(group);
        let from = std::array::from_fn(|lane| match (function, group.get(lane)) {
            (RangeFunction::PredictLinear, Some(&(step, ..))) => (windows.grid.time(step as usize) - times[0]) as f64,
            _ => elapsed[ranges[lane].start],
        });
        let mut sums = if known {
            lanes::sums::<false>(elapsed, values, moderate, &ranges, &from)
        } else {
            lanes::sums::<true>(elapsed, values, moderate, &ranges, &from)
        };
        if known {
            let of_times = &of_times[number * WIDTH..];
            sums.iter_mut().zip(of_times).for_each(|(sums, times)| *sums = sums.with_times(*times));
        } else {
            of_times.extend(sums.iter().map(Sums::of_times));
        }
        for ((&(step, ..), sums), range) in group.iter().zip(&sums).zip(ranges) {
            let count = range.len();
            if count < 2 {
                continue;
            }
            let (slope, value) = regression::level(&values[range]).unwrap_or_else(|| sums.line(count));
            let step = step as usize;
            out[step] = if function == RangeFunction::Deriv { slope } else { slope * windows.at(step)[0] + value };
        }
    }
}

/// `rate` and `increase`: only at the places where a counter was reset, windows are looked into.
fn rates(
    function: RangeFunction,
    windows: &Windows,
    (times, values, starts): (&[i64], &[f64], &StartTimes),
    scratch: &mut Scratch,
    each: &mut Each,
) {
    let Scratch { numbers: reset, overlapping, .. } = scratch;
    find_resets(times, values, starts, reset);
    let overlaps = find_overlaps(times, starts);
    let (kind, mut next) = (Extrapolation::of(function), 0);
    each(&mut |step, from, to| {
        let end = windows.end(step);
        let ends = (end - windows.range, end);
        let began = began_within(ends.0, times[from], starts.at(from));
        if to - from < 2 && began.is_none() {
            return NOTHING;
        }
        while next < reset.len() && reset[next] as usize <= from {
            next += 1;
        }
        let mut difference = values[to - 1] - values[from];
        for &at in reset[next..].iter().take_while(|&&at| (at as usize) < to) {
            difference += values[at as usize - 1];
        }
        *overlapping |= overlaps.iter().any(|&at| at > from && at < to);
        let origin = match began {
            Some(began) => {
                difference += values[from];
                Origin::Zero(began)
            }
            None => Origin::Counter(values[from], difference),
        };
        difference * factor(kind, ends, (times[from], times[to - 1]), to - from - 1, origin)
    });
}

/// Quantiles of a window that samples leave and enter.
fn quantiles(windows: &Windows, values: &[f64], ranks: &mut Ranks, each: &mut Each) {
    ranks.begin(values);
    let (mut first, mut next) = (0, 0);
    each(&mut |step, from, to| {
        (first..next.min(from)).for_each(|sample| ranks.leave(sample));
        (next.max(from)..to).for_each(|sample| ranks.enter(sample));
        (first, next) = (from, to);
        match statistics::rank(windows.at(step)[0], to - from) {
            Ok((lower, weight)) => {
                let (low, high) = ranks.at(lower);
                low * (1.0 - weight) + high * weight
            }
            Err(answer) => answer,
        }
    });
}

/// Numbers of the samples before which a counter was reset.
fn find_resets(times: &[i64], values: &[f64], starts: &StartTimes, numbers: &mut Vec<u32>) {
    numbers.clear();
    if !starts.is_empty() {
        let starts = starts.as_slice();
        numbers.extend((1..values.len()).filter(|&at| is_reset(times, values, starts, at)).map(|at| at as u32));
        return;
    }
    for (index, pair) in values.windows(2).enumerate() {
        if pair[1] < pair[0] {
            numbers.push(index as u32 + 1);
        }
    }
}

/// Numbers of the samples that count from before the sample before them.
fn find_overlaps(times: &[i64], starts: &StartTimes) -> Vec<usize> {
    if starts.is_empty() {
        return Vec::new();
    }
    (1..times.len()).filter(|&at| is_overlap(times, starts.as_slice(), at)).collect()
}

/// Minimum or maximum by a queue of candidates: a sample leaves it as soon as a better one comes behind it. Of equal ones
/// the first stays, NaN counts only alone.
fn best(values: &[f64], scratch: &mut Scratch, each: &mut Each, better: fn(f64, f64) -> bool) {
    let queue = &mut scratch.numbers;
    queue.clear();
    let (mut head, mut next) = (0, 0);
    each(&mut |_, from, to| {
        while next < to {
            let value = values[next];
            if !value.is_nan() {
                while queue.len() > head && better(value, values[queue[queue.len() - 1] as usize]) {
                    queue.pop();
                }
                queue.push(next as u32);
            }
            next += 1;
        }
        while head < queue.len() && (queue[head] as usize) < from {
            head += 1;
        }
        queue.get(head).map_or(f64::NAN, |&at| values[at as usize])
    });
}

/// Running sums of finite values, each as a number and what it lacks to the exact sum.
fn running(values: &[f64], sums: &mut Vec<(f64, f64)>) -> bool {
    sums.clear();
    sums.push((0.0, 0.0));
    let mut sum = (0.0, 0.0);
    for &value in values {
        let (high, low) = two_sum(sum.0, value);
        sum = two_sum(high, low + sum.1);
        sums.push(sum);
    }
    sum.0.is_finite()
}

/// Sum of what is between two running sums; none where it is so much smaller than they are that it would not be exact.
#[inline]
fn difference(before: (f64, f64), after: (f64, f64)) -> Option<f64> {
    const NEGLIGIBLE: f64 = 1.0 / (1u64 << 44) as f64;
    let (high, low) = two_sum(after.0, -before.0);
    let sum = high + (low + (after.1 - before.1));
    let large = after.0.abs().max(before.0.abs()) * NEGLIGIBLE;
    (sum.abs() > large || large == 0.0).then_some(sum)
}

/// A sum, and what it lacks to the exact one.
#[inline]
fn two_sum(left: f64, right: f64) -> (f64, f64) {
    let sum = left + right;
    let part = sum - left;
    (sum, (left - (sum - part)) + (right - part))
}
