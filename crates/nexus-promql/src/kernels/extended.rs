//! Windows with `anchored` and `smoothed` ends: the value at an end is that of the sample before it, or is interpolated.

use super::counters;
use crate::plan::Extension;
use crate::window::{RangeFunction, Window};

/// Value at a time between two samples. A counter that was reset between them started from 0.
pub fn interpolate((t1, v1): (i64, f64), (t2, v2): (i64, f64), time: i64, counter: bool) -> f64 {
    let v1 = if counter && v2 < v1 { 0.0 } else { v1 };
    v1 + (v2 - v1) * (time - t1) as f64 / (t2 - t1) as f64
}

/// Number of the first sample that belongs to a window (the last one at or before its start, where there is one) and of the
/// last one (with `smoothed`, the first one at or after its end, where there is one). None: there is nothing in the window.
fn bounds(extension: Extension, window: &Window) -> Option<(usize, usize)> {
    let times = window.timestamps;
    let mut last = times.len().checked_sub(1)?;
    let first = times[..last].partition_point(|&time| time <= window.start).saturating_sub(1);
    if extension == Extension::Smoothed {
        last = times[..last].partition_point(|&time| time < window.end);
    }
    let empty = times[last] <= window.start || (extension == Extension::Smoothed && times[first] > window.end);
    (!empty).then_some((first, last))
}

/// Values at the two ends of a window.
fn ends(extension: Extension, window: &Window, (first, last): (usize, usize), counter: bool) -> (f64, f64) {
    let point = |index: usize| (window.timestamps[index], window.values[index]);
    let smoothed = extension == Extension::Smoothed;
    let left = if smoothed && window.timestamps[first] < window.start && first + 1 < window.timestamps.len() {
        interpolate(point(first), point(first + 1), window.start, counter)
    } else {
        window.values[first]
    };
    let right = if smoothed && last > 0 && window.timestamps[last] > window.end {
        interpolate(point(last - 1), point(last), window.end, counter)
    } else {
        window.values[last]
    };
    (left, right)
}

/// Samples strictly between the ends.
fn inner(window: &Window, (mut first, last): (usize, usize)) -> std::ops::Range<usize> {
    let mut end = last + 1;
    if window.timestamps[first] <= window.start {
        first += 1;
    }
    if window.timestamps[last] >= window.end {
        end -= 1;
    }
    first..end.max(first)
}

/// The functions that take such windows: `rate`, `increase`, `delta`, and (anchored) `resets` and `changes`.
pub fn float(function: RangeFunction, extension: Extension, window: &Window) -> Option<f64> {
    if matches!(function, RangeFunction::Resets | RangeFunction::Changes) {
        let from = window.timestamps.partition_point(|&time| time <= window.start).saturating_sub(1);
        if *window.timestamps.last()? <= window.start {
            return None;
        }
        let values = &window.values[from..];
        let resets = function == RangeFunction::Resets;
        let count = if resets {
            counters::resets(&window.timestamps[from..], values, window.starts.get(from..).unwrap_or(&[]))
        } else {
            counters::changes(values)
        };
        return Some(count as f64);
    }
    let counter = function != RangeFunction::Delta;
    let bounds = bounds(extension, window)?;
    let (left, right) = ends(extension, window, bounds, counter);
    let mut difference = right - left;
    if counter {
        let (mut before, mut correction) = (left, 0.0);
        for &value in window.values[inner(window, bounds)].iter().chain([&right]) {
            if value < before {
                correction += before;
            }
            before = value;
        }
        difference += correction;
    }
    if function == RangeFunction::Rate {
        difference /= (window.end - window.start) as f64 / 1000.0;
    }
    Some(difference)
}

/// The samples of a window as a range vector shows them: with samples at both ends.
pub fn points(extension: Extension, window: &Window) -> (Vec<i64>, Vec<f64>) {
    let times = window.timestamps;
    let Some(mut last) = times.len().checked_sub(1) else { return (Vec::new(), Vec::new()) };
    let first = times[..last].partition_point(|&time| time <= window.start).saturating_sub(1);
    if extension == Extension::Smoothed {
        last = times[..last].partition_point(|&time| time < window.end);
    }
    if times[last] <= window.start {
        return (Vec::new(), Vec::new());
    }
    let (left, right) = ends(extension, window, (first, last), false);
    let between = inner(window, (first, last));
    let mut out = (vec![window.start], vec![left]);
    out.0.extend_from_slice(&times[between.clone()]);
    out.1.extend_from_slice(&window.values[between]);
    out.0.push(window.end);
    out.1.push(right);
    out
}
