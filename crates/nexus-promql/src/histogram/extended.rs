//! `rate`, `increase` and `delta` of histograms with anchored or smoothed selectors.

use super::Doing;
use crate::plan::Extension;
use crate::value::SharedHistogram;
use crate::window::{Annotator, Window};
use nexus_series::histogram::{Histogram, ResetHint};
use std::sync::Arc;

type Point = (i64, SharedHistogram);

/// The change between the ends of the window: the values there are those of the last samples at or before them (anchored)
/// or interpolated (smoothed).
pub(super) fn extended(
    window: &Window,
    extension: Extension,
    counter: bool,
    per_second: bool,
    note: &Annotator,
) -> Option<Histogram> {
    let smoothed = extension == Extension::Smoothed;
    let points = window.histograms;
    let mut last = points.len().checked_sub(1)?;
    let first = points[..last].partition_point(|(at, _)| *at <= window.start).saturating_sub(1);
    if smoothed {
        last = points[..last].partition_point(|(at, _)| *at < window.end);
    }
    if points[last].0 <= window.start || (smoothed && points[first].0 > window.end) {
        return None;
    }
    check(&points[first..=last], counter, note)?;
    let left = if smoothed && points[first].0 < window.start {
        interpolate(of(&points[first]), of(&points[first + 1]), window.start, counter, note)?
    } else {
        (*points[first].1).clone()
    };
    let right = if smoothed && last > 0 && points[last].0 > window.end {
        interpolate(of(&points[last - 1]), of(&points[last]), window.end, counter, note)?
    } else {
        (*points[last].1).clone()
    };
    if !counter && (left.hint != ResetHint::Gauge || right.hint != ResetHint::Gauge) {
        note.not_a_gauge();
    }
    let mut change = right.clone();
    note.added(change.subtract(&left), Doing::Subtraction)?;
    if counter {
        let cut = smoothed && points[first].0 < window.start;
        add_lost_by_resets(&mut change, &points[first..=last], [&left, &right], cut, note)?;
    }
    if per_second {
        change.divide((window.end - window.start) as f64 / 1000.0);
    }
    change.hint = ResetHint::Gauge;
    change.compact();
    Some(change)
}

fn of(point: &Point) -> (i64, &Histogram) {
    (point.0, &point.1)
}

fn check(points: &[Point], counter: bool, note: &Annotator) -> Option<()> {
    let custom = points.first()?.1.is_custom();
    for (_, point) in points {
        if point.is_custom() != custom {
            note.mixed_schemas();
            return None;
        }
        if counter && point.hint == ResetHint::Gauge {
            note.not_a_counter();
        }
    }
    Some(())
}

/// Adds what counters had counted when they were reset. `cut`: the left value was interpolated.
fn add_lost_by_resets(
    change: &mut Histogram,
    points: &[Point],
    [left, right]: [&Histogram; 2],
    cut: bool,
    note: &Annotator,
) -> Option<()> {
    let (first, last) = (0, points.len() - 1);
    let (mut previous, mut next) = (left, first + 1);
    if cut && points[next].1.is_reset_after(&points[first].1) {
        // Interpolation went over this reset already.
        previous = &*points[next].1;
        next += 1;
    }
    // The last point is the right value, or that was interpolated towards it.
    if next > last {
        return Some(());
    }
    let mut lost: Option<Histogram> = None;
    for point in points[next..last].iter().map(|(_, point)| &**point).chain([right]) {
        if point.is_reset_after(previous) {
            match &mut lost {
                None => lost = Some(previous.clone()),
                Some(lost) => note.added(lost.add(previous), Doing::Addition)?,
            }
        }
        previous = point;
    }
    lost.map_or(Some(()), |lost| note.added(change.add(&lost), Doing::Addition))
}

/// The value at a time between two histograms, in a straight line; a counter that was reset between begins at zero.
pub fn interpolate(
    before: (i64, &Histogram),
    after: (i64, &Histogram),
    at: i64,
    counter: bool,
    note: &Annotator,
) -> Option<Histogram> {
    if before.1.is_custom() != after.1.is_custom() {
        note.mixed_schemas();
        return None;
    }
    if at == before.0 {
        return Some(before.1.clone());
    }
    let mut value = after.1.clone();
    if at == after.0 {
        return Some(value);
    }
    let part = (at - before.0) as f64 / (after.0 - before.0) as f64;
    if counter && after.1.is_reset_after(before.1) {
        value.scale(part);
        return Some(value);
    }
    note.added(value.subtract(before.1), Doing::Subtraction)?;
    value.scale(part);
    note.added(value.add(before.1), Doing::Addition)?;
    Some(value)
}

/// The value of a smoothed instant selector at a time, of histograms in time order around it: interpolated where there
/// is one on each side, else the one before it.
pub fn smoothed(points: &[Point], at: i64, note: &Annotator) -> Option<SharedHistogram> {
    let next = points.partition_point(|(time, _)| *time < at);
    if let Some((time, point)) = points.get(next)
        && *time == at
    {
        return Some(Arc::clone(point));
    }
    let before = points.get(next.checked_sub(1)?)?;
    let Some(after) = points.get(next) else {
        return Some(Arc::new(Histogram { hint: ResetHint::Unknown, ..(*before.1).clone() }));
    };
    let counter = before.1.hint != ResetHint::Gauge || after.1.hint != ResetHint::Gauge;
    interpolate(of(before), of(after), at, counter, note).map(Arc::new)
}
