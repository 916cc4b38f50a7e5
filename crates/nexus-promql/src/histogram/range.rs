//! Functions on ranges that hold histograms, alone or among floats.

use super::Doing;
use super::extended::extended;
pub use super::extended::interpolate;
use crate::kernels;
use crate::kernels::counters::{Extrapolation, Origin, began_anew, began_within, factor, overlaps, start_at};
use crate::plan::Extension;
use crate::value::{Cell, SharedHistogram};
use crate::window::{Annotator, RangeFunction, Window};
use nexus_series::histogram::{Histogram, HistogramSum, MixedSchemas, ResetHint};
use std::sync::Arc;

/// A sample: float or histogram.
#[derive(Clone, Copy)]
enum Sample<'a> {
    Float(f64),
    Histogram(&'a Histogram),
}

/// Evaluates a function on a window that has at least one histogram.
pub fn evaluate(function: RangeFunction, extension: Extension, window: &Window, note: &Annotator) -> Cell {
    use RangeFunction as F;
    let mixed = !window.values.is_empty();
    let floats_only = || {
        let floats = Window { histograms: &[], ..*window };
        kernels::float(function, extension, &floats).map(Cell::Float)
    };
    let cell = match function {
        F::Rate | F::Increase | F::Delta | F::Avg | F::Sum if mixed => {
            note.mixed_kinds();
            None
        }
        F::Rate | F::Increase | F::Delta => {
            let (counter, per_second) = (function != F::Delta, function == F::Rate);
            let rate = if extension == Extension::None { extrapolated } else { extended };
            rate(window, extension, counter, per_second, note).map(of)
        }
        F::Irate | F::Idelta => match last_two(window, function == F::Irate, note) {
            Last::Floats => floats_only(),
            Last::Change(change) => change.map(of),
        },
        F::Resets | F::Changes => {
            let count = if function == F::Resets { count_resets } else { count_changes };
            count_pairs(window, extension, count)
        }
        F::Sum => sum(window, note).map(of),
        F::Avg => average(window, note).map(of),
        F::Count => Some(Cell::Float((window.values.len() + window.histograms.len()) as f64)),
        F::Present | F::Absent => Some(Cell::Float(1.0)),
        F::First => Some(edge(window, true).1),
        F::Last => Some(edge(window, false).1),
        F::TimeOfFirst => Some(Cell::Float(edge(window, true).0 as f64 / 1000.0)),
        F::TimeOfLast => Some(Cell::Float(edge(window, false).0 as f64 / 1000.0)),
        F::Deriv
        | F::PredictLinear
        | F::DoubleExponential
        | F::Min
        | F::Max
        | F::TimeOfMin
        | F::TimeOfMax
        | F::Quantile
        | F::Stddev
        | F::Stdvar
        | F::Mad => {
            if mixed {
                note.ignored_in_range();
            }
            floats_only()
        }
    };
    cell.unwrap_or_default()
}

fn of(histogram: Histogram) -> Cell {
    Cell::Histogram(Arc::new(histogram))
}

/// Time and cell of the first or last sample.
fn edge(window: &Window, first: bool) -> (i64, Cell) {
    let (floats, histograms) = if first {
        (window.timestamps.first().zip(window.values.first()), window.histograms.first())
    } else {
        (window.timestamps.last().zip(window.values.last()), window.histograms.last())
    };
    match (floats, histograms) {
        (Some((&at, &value)), Some(&(other, _))) if first == (at < other) => (at, Cell::Float(value)),
        (_, Some((at, histogram))) => (*at, Cell::Histogram(Arc::clone(histogram))),
        (Some((&at, &value)), None) => (at, Cell::Float(value)),
        (None, None) => (0, Cell::Nothing),
    }
}

/// `rate`, `increase`, `delta`: the change within the window, extended to its ends when samples reach near them.
fn extrapolated(window: &Window, _: Extension, counter: bool, per_second: bool, note: &Annotator) -> Option<Histogram> {
    let points = window.histograms;
    let (first_time, first) = points.first()?;
    let last_time = points[points.len() - 1].0;
    let starts = if counter { window.histogram_starts } else { &[] };
    let began = began_within(window.start, *first_time, start_at(starts, 0));
    let (change, origin) = match (began, points.len()) {
        (None, 1) => return None,
        (Some(began), 1) => ((**first).clone(), Origin::Zero(began)),
        (Some(began), _) => {
            let mut change = change(points, starts, counter, note)?;
            note.added(change.add(first), Doing::Addition)?;
            (change, Origin::Zero(began))
        }
        (None, _) => {
            let change = change(points, starts, counter, note)?;
            let origin = if counter { Origin::Counter(first.count, change.count) } else { Origin::Unknown };
            (change, origin)
        }
    };
    let ends = (window.start, window.end);
    let kind = Extrapolation { counter, per_second };
    let mut change = change;
    change.scale(factor(kind, ends, (*first_time, last_time), points.len() - 1, origin));
    Some(change)
}

/// What was counted from the first to the last of two or more histograms.
fn change(points: &[(i64, SharedHistogram)], starts: &[i64], counter: bool, note: &Annotator) -> Option<Histogram> {
    let at = |index: usize| (points[index].0, start_at(starts, index));
    let anew = |index: usize| began_anew(at(index - 1), at(index));
    let [(_, first), (_, second), ..] = points else { return None };
    let last = &*points[points.len() - 1].1;
    let gauge = |one: &Histogram| one.hint == ResetHint::Gauge;
    if counter && (gauge(first) || gauge(last)) {
        note.not_a_counter();
    }
    // After a reset right behind the first histogram, what the first looks like does not matter.
    let empty;
    let mut previous = &**first;
    if counter && (anew(1) || second.is_reset_after(first)) {
        empty =
            Histogram { schema: second.schema, custom_values: second.custom_values.clone(), ..Histogram::default() };
        previous = &empty;
    }
    let custom = previous.is_custom();
    if last.is_custom() != custom {
        note.mixed_schemas();
        return None;
    }
    let mut schema = last.schema.min(previous.schema);
    if counter {
        for (_, point) in &points[1..points.len() - 1] {
            if gauge(point) {
                note.not_a_counter();
            }
            if point.is_custom() != custom {
                note.mixed_schemas();
                return None;
            }
            schema = schema.min(point.schema);
        }
    }
    let mut change = last.clone();
    change.reduce_to(schema);
    note.added(change.subtract(previous), Doing::Subtraction)?;
    if counter {
        if (1..points.len()).any(|index| overlaps(at(index - 1), start_at(starts, index))) {
            note.overlapping_starts();
        }
        for (index, (_, point)) in points.iter().enumerate().skip(1) {
            if anew(index) || point.is_reset_after(previous) {
                note.added(change.add(previous), Doing::Addition)?;
            }
            previous = point;
        }
    } else if !gauge(first) || !gauge(last) {
        note.not_a_gauge();
    }
    change.hint = ResetHint::Gauge;
    change.compact();
    Some(change)
}

/// What there is of the last two samples.
enum Last {
    /// They are floats.
    Floats,
    /// The change between two histograms; none of a mix, or where there is but one sample.
    Change(Option<Histogram>),
}

/// `irate`, `idelta`: of the last two samples.
fn last_two(window: &Window, rate: bool, note: &Annotator) -> Last {
    let mut last: Vec<Point> = points(window, 2).collect();
    last.sort_by_key(|point| -point.at.0);
    let [Point { at, sample: now }, Point { at: before_at, sample: before }, ..] = last[..] else {
        return Last::Change(None);
    };
    let (now, before) = match (now, before) {
        (Sample::Histogram(now), Sample::Histogram(before)) => (now, before),
        (Sample::Float(_), Sample::Float(_)) => return Last::Floats,
        _ => {
            note.mixed_kinds();
            return Last::Change(None);
        }
    };
    let gauges = [now, before].map(|one| one.hint == ResetHint::Gauge);
    if rate && gauges.contains(&true) {
        note.not_a_counter();
    }
    if !rate && gauges.contains(&false) {
        note.not_a_gauge();
    }
    let mut change = now.clone();
    let reset = rate && (began_anew(before_at, at) || now.is_reset_after(before));
    if !reset && note.added(change.subtract(before), Doing::Subtraction).is_none() {
        return Last::Change(None);
    }
    change.hint = ResetHint::Gauge;
    change.compact();
    if rate {
        change.divide((at.0 - before_at.0) as f64 / 1000.0);
    }
    Last::Change(Some(change))
}

/// `sum_over_time`.
fn sum(window: &Window, note: &Annotator) -> Option<Histogram> {
    let (first, rest) = window.histograms.split_first()?;
    let mut sum = HistogramSum::new((*first.1).clone());
    let done = rest.iter().try_for_each(|(_, one)| note.added(sum.add(one), Doing::Aggregation));
    note_collisions(window, note);
    done.map(|()| sum.finish())
}

/// `avg_over_time`: the sum by the count, or, where a sum would be infinite, a mean that grows with each histogram.
fn average(window: &Window, note: &Annotator) -> Option<Histogram> {
    let mut mean = Mean::new(&window.histograms.first()?.1);
    let mut done = Some(());
    for (_, one) in &window.histograms[1..] {
        let added = mean.add(one);
        done = done.and(note.added(added, Doing::Aggregation));
        if done.is_none() {
            break;
        }
    }
    note_collisions(window, note);
    done.map(|()| mean.finish())
}

fn note_collisions(window: &Window, note: &Annotator) {
    let any = |hint: ResetHint| window.histograms.iter().any(|(_, one)| one.hint == hint);
    if any(ResetHint::Reset) && any(ResetHint::NotReset) {
        note.notes.warn(note.position, Doing::Aggregation.collision());
    }
}

/// A mean of histograms.
#[derive(Clone, Debug)]
pub(crate) struct Mean {
    sum: HistogramSum,
    count: f64,
    incremental: bool,
}

impl Mean {
    pub(crate) fn new(first: &Histogram) -> Self {
        Self { sum: HistogramSum::new(first.clone()), count: 1.0, incremental: false }
    }

    pub(crate) fn add(&mut self, one: &Histogram) -> Result<nexus_series::histogram::Added, MixedSchemas> {
        self.count += 1.0;
        if !self.incremental {
            let mut sum = self.sum.clone();
            let added = sum.add(one)?;
            if !sum.value.has_infinity() {
                self.sum = sum;
                return Ok(added);
            }
            self.incremental = true;
            self.sum.divide(self.count - 1.0);
        }
        self.sum.scale((self.count - 1.0) / self.count);
        let mut part = one.clone();
        part.divide(self.count);
        self.sum.add(&part)
    }

    pub(crate) fn finish(mut self) -> Histogram {
        if !self.incremental {
            self.sum.divide(self.count);
        }
        self.sum.finish()
    }
}

/// A sample with its time and start time.
#[derive(Clone, Copy)]
struct Point<'a> {
    at: (i64, i64),
    sample: Sample<'a>,
}

/// The last `most` floats and as many histograms of a window.
fn points<'a>(window: &'a Window, most: usize) -> impl Iterator<Item = Point<'a>> {
    let floats = (window.values.len().saturating_sub(most)..window.values.len()).map(|index| Point {
        at: (window.timestamps[index], start_at(window.starts, index)),
        sample: Sample::Float(window.values[index]),
    });
    let histograms = (window.histograms.len().saturating_sub(most)..window.histograms.len()).map(|index| Point {
        at: (window.histograms[index].0, start_at(window.histogram_starts, index)),
        sample: Sample::Histogram(&window.histograms[index].1),
    });
    floats.chain(histograms)
}

fn count_resets(before: Point, now: Point) -> bool {
    match (before.sample, now.sample) {
        (Sample::Float(one), Sample::Float(other)) => other < one || began_anew(before.at, now.at),
        (Sample::Histogram(one), Sample::Histogram(other)) => {
            began_anew(before.at, now.at) || other.is_reset_after(one)
        }
        _ => true,
    }
}

fn count_changes(before: Point, now: Point) -> bool {
    match (before.sample, now.sample) {
        (Sample::Float(before), Sample::Float(now)) => now != before && !(now.is_nan() && before.is_nan()),
        (Sample::Histogram(before), Sample::Histogram(now)) => !now.same(before),
        _ => true,
    }
}

/// `resets`, `changes`: neighbours for which `differs` is true. An anchored window begins with the last sample at or
/// before its start, and needs one after it.
fn count_pairs(window: &Window, extension: Extension, differs: fn(Point, Point) -> bool) -> Option<Cell> {
    let mut samples: Vec<Point> = points(window, usize::MAX).collect();
    samples.sort_by_key(|point| point.at.0);
    let mut samples = &samples[..];
    if extension == Extension::Anchored {
        let within = samples.partition_point(|point| point.at.0 <= window.start);
        if within == samples.len() {
            return None;
        }
        samples = &samples[within.saturating_sub(1)..];
    }
    Some(Cell::Float(samples.windows(2).filter(|pair| differs(pair[0], pair[1])).count() as f64))
}
