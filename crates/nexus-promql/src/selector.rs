//! Series of a selector, one after the other, as rows over the grid: instant values, or a range function's answers.

use crate::annotations::Position;
use crate::control::Fault;
use crate::evaluate::Evaluator;
use crate::histogram;
use crate::kernels::{self, counters, extended, sliding};
use crate::plan::{Extension, Shift};
use crate::rolled::{self, Rolled};
use crate::source::{Samples, SeriesLabels};
use crate::value::{Cell, Grid, NOTHING, Points, Row, SharedHistogram};
use crate::window::{Annotator, RangeFunction, Window};
use nexus_series::histogram::ResetHint;
use nexus_series::is_stale;
use std::sync::Arc;

/// Where the series of a leaf come from.
pub enum Origin {
    /// A selector of the program.
    Selector(usize),
    /// Rows of a subquery over its own grid.
    Subquery(Vec<Row>, Grid),
}

/// What is made of a series.
pub enum Reading {
    /// The value at each step.
    Value,
    /// The time (s) of the value at each step.
    Time,
    /// The start time (s) of the value at each step; 0: not said.
    Start,
    /// A function of the window before each step.
    Range {
        /// The function.
        function: RangeFunction,
        /// Length of the window, ms.
        range: i64,
        /// Scalar parameters.
        parameters: Vec<Vec<f64>>,
        /// Why the parameters are no good, if a window has samples.
        invalid: Option<String>,
    },
}

/// A selector or a range function over one: rows are made one at a time.
pub struct Leaf {
    /// Where series come from.
    pub origin: Origin,
    /// What is made of them.
    pub reading: Reading,
    /// Shift.
    pub shift: Shift,
    /// Ends of windows.
    pub extension: Extension,
    /// Steps.
    pub grid: Grid,
    /// Place of the selector or subquery.
    pub position: Position,
    /// Place of the function's first argument.
    pub parameter: Position,
}

/// Memory used from series to series.
#[derive(Default)]
pub struct Scratch {
    /// Samples looked at so far.
    pub seen: usize,
    /// Of them, those that were read for it.
    pub read: usize,
    samples: Samples,
    rolled: Rolled,
    sliding: sliding::Scratch,
}

impl Leaf {
    /// Number of series.
    pub fn len(&self, evaluator: &Evaluator) -> usize {
        match &self.origin {
            Origin::Selector(selector) => evaluator.source.series(*selector).len(),
            Origin::Subquery(rows, _) => rows.len(),
        }
    }

    /// Labels of a series, and whether it is to lose its name.
    fn labels<'a>(&'a self, evaluator: &'a Evaluator, index: usize) -> (&'a SeriesLabels, bool) {
        match &self.origin {
            Origin::Selector(selector) => (&evaluator.source.series(*selector)[index], false),
            Origin::Subquery(rows, _) => (&rows[index].labels, rows[index].drop_name),
        }
    }

    /// Time of a step's value or of its window's end.
    #[inline]
    fn reference(&self, step: usize) -> i64 {
        self.shift.at.unwrap_or_else(|| self.grid.time(step)) - self.shift.offset
    }

    /// Puts a series' row into `row`, whose length is that of the grid.
    pub fn fill(&self, evaluator: &Evaluator, index: usize, scratch: &mut Scratch, row: &mut Row) -> Result<(), Fault> {
        let (labels, drop_name) = self.labels(evaluator, index);
        row.labels = Arc::clone(labels);
        row.drop_name = drop_name;
        row.histograms.clear();
        if let Origin::Selector(selector) = self.origin
            && let Some(length) = evaluator.source.rolled(selector, index)
        {
            return self.fill_rolled(evaluator, (selector, index), length, scratch, row);
        }
        let lookback = evaluator.program.lookback;
        let range = match &self.reading {
            Reading::Range { range, .. } => *range,
            Reading::Value | Reading::Time | Reading::Start => lookback,
        };
        self.read(evaluator, index, range, &mut scratch.samples)?;
        match &self.reading {
            Reading::Range { function, parameters, invalid, .. } => {
                row.drop_name |= !matches!(function, RangeFunction::First | RangeFunction::Last);
                let windows = sliding::Windows { grid: self.grid, range, shift: self.shift, parameters };
                let (seen, read) = if scratch.samples.histograms.is_empty() && self.extension == Extension::None {
                    let Samples { timestamps, values, starts, .. } = &scratch.samples;
                    let sliding = &mut scratch.sliding;
                    let seen = sliding::run(*function, &windows, timestamps, values, starts, sliding, &mut row.floats);
                    if sliding.overlapping {
                        let metric = evaluator.names.metric(&row.labels);
                        let (notes, position) = (&evaluator.notes, self.position);
                        Annotator { notes, position, metric }.overlapping_starts();
                    }
                    (seen, sliding.read)
                } else {
                    let seen = self.windows(evaluator, *function, &windows, &scratch.samples, row);
                    (seen, covered(&windows, &scratch.samples))
                };
                scratch.seen += seen;
                if let Origin::Selector(_) = self.origin {
                    scratch.read += read;
                }
                if let (true, Some(text)) = (seen > 0, invalid) {
                    return Err(Fault::Execution(text.clone()));
                }
            }
            Reading::Value if self.extension == Extension::Smoothed => {
                self.smoothed(evaluator, lookback, &scratch.samples, row);
            }
            Reading::Value => self.values(lookback, &scratch.samples, row),
            Reading::Time | Reading::Start => self.times(lookback, &scratch.samples, row),
        }
        if !matches!(self.reading, Reading::Range { .. }) {
            let samples = row.num_samples();
            scratch.seen += samples;
            scratch.read += samples;
        }
        Ok(())
    }

    /// The same from windows of a length instead of samples: times and lengths are multiples of it.
    fn fill_rolled(
        &self,
        evaluator: &Evaluator,
        (selector, index): (usize, usize),
        length: i64,
        scratch: &mut Scratch,
        row: &mut Row,
    ) -> Result<(), Fault> {
        let lookback = evaluator.program.lookback;
        let (range, columns) = match &self.reading {
            Reading::Range { function, range, .. } => (*range, rolled::columns_of(*function).unwrap_or(rolled::ALL)),
            Reading::Value | Reading::Time | Reading::Start => (lookback, rolled::INSTANT),
        };
        let from = (self.reference(0) - range).div_euclid(length) * length;
        let times = (from, self.reference(self.grid.count - 1));
        evaluator
            .source
            .read_rolled(selector, index, columns, times, &mut scratch.rolled)
            .map_err(|fault| Fault::Execution(format!("expanding series: {}", fault.0)))?;
        if let Reading::Range { function, range, parameters, .. } = &self.reading {
            row.drop_name |= !matches!(function, RangeFunction::First | RangeFunction::Last);
            let windows = sliding::Windows { grid: self.grid, range: *range, shift: self.shift, parameters };
            let Scratch { rolled, sliding, seen, read, .. } = scratch;
            *read += rolled.ends.len();
            *seen += rolled::run(*function, &windows, rolled, sliding, &mut row.floats);
        } else {
            let what = match self.reading {
                Reading::Time => rolled::What::Time,
                Reading::Start => rolled::What::Start,
                _ => rolled::What::Value,
            };
            rolled::values(&scratch.rolled, self.grid, self.shift, lookback, what, &mut row.floats);
            row.drop_name |= what != rolled::What::Value;
            let samples = row.num_samples();
            scratch.seen += samples;
            scratch.read += samples;
        }
        Ok(())
    }

    /// Reads all samples that the steps need; without stale markers where windows are asked for.
    fn read(&self, evaluator: &Evaluator, index: usize, range: i64, into: &mut Samples) -> Result<(), Fault> {
        let lookback = evaluator.program.lookback;
        let windowed = matches!(self.reading, Reading::Range { .. }) || self.extension == Extension::Smoothed;
        let (mut from, mut to) = (self.reference(0) - range + 1, self.reference(self.grid.count - 1));
        match self.extension {
            Extension::None => {}
            Extension::Anchored => from -= lookback,
            Extension::Smoothed => {
                to += lookback;
                if matches!(self.reading, Reading::Range { .. }) {
                    from -= lookback;
                }
            }
        }
        match &self.origin {
            Origin::Selector(selector) => {
                evaluator.read(*selector, index, from, to, into)?;
                if windowed {
                    without_stale(into);
                }
            }
            Origin::Subquery(rows, grid) => points_of(&rows[index], grid, into),
        }
        Ok(())
    }

    /// The last value at or before each step, not older than the lookback.
    fn values(&self, lookback: i64, samples: &Samples, row: &mut Row) {
        let (times, values) = (&samples.timestamps[..], &samples.values[..]);
        let mut next = 0;
        for (step, cell) in row.floats.iter_mut().enumerate() {
            let reference = self.reference(step);
            while next < times.len() && times[next] <= reference {
                next += 1;
            }
            let found = next > 0 && times[next - 1] > reference - lookback;
            *cell = if found { values[next - 1] } else { NOTHING };
        }
        if samples.histograms.is_empty() {
            return;
        }
        let (mut float, mut next) = (0, 0);
        for step in 0..self.grid.count {
            let reference = self.reference(step);
            while float < times.len() && times[float] <= reference {
                float += 1;
            }
            while next < samples.histograms.len() && samples.histograms[next].0 <= reference {
                next += 1;
            }
            let Some((time, histogram)) = next.checked_sub(1).map(|at| &samples.histograms[at]) else { continue };
            let newer = float == 0 || times[float - 1] < *time;
            if newer && *time > reference - lookback {
                let cell = if is_stale(histogram.sum) { Cell::Nothing } else { Cell::Histogram(Arc::clone(histogram)) };
                row.set(step, cell);
            }
        }
    }

    /// Times of the values, or their start times.
    fn times(&self, lookback: i64, samples: &Samples, row: &mut Row) {
        self.values(lookback, samples, row);
        let (mut float, mut histogram) = (0, 0);
        for step in 0..self.grid.count {
            let reference = self.reference(step);
            while float < samples.timestamps.len() && samples.timestamps[float] <= reference {
                float += 1;
            }
            while histogram < samples.histograms.len() && samples.histograms[histogram].0 <= reference {
                histogram += 1;
            }
            if row.has(step) {
                let start = matches!(self.reading, Reading::Start);
                let time = match (row.histogram(step).is_some(), start) {
                    (true, true) => samples.histogram_starts.at(histogram - 1),
                    (true, false) => samples.histograms[histogram - 1].0,
                    (false, true) => samples.starts.at(float - 1),
                    (false, false) => samples.timestamps[float - 1],
                };
                row.floats[step] = time as f64 / 1000.0;
            }
        }
        row.histograms.clear();
        row.drop_name = true;
    }

    /// Values of a smoothed selector: between the samples around each step.
    fn smoothed(&self, evaluator: &Evaluator, lookback: i64, samples: &Samples, row: &mut Row) {
        let metric = evaluator.names.metric(&row.labels).to_owned();
        let annotator = Annotator { notes: &evaluator.notes, position: self.position, metric: &metric };
        row.floats.fill(NOTHING);
        for step in 0..self.grid.count {
            let time = self.reference(step);
            let window = window_of(samples, time - lookback, time + lookback);
            let cell = match (window.values.is_empty(), window.histograms.is_empty()) {
                (true, true) => Cell::Nothing,
                (false, false) => {
                    crate::annotations::mixed_floats_histograms(&annotator);
                    Cell::Nothing
                }
                (false, true) => {
                    let (times, values) = (window.timestamps, window.values);
                    let next = times.partition_point(|&one| one < time);
                    if next < times.len() && times[next] == time {
                        Cell::Float(values[next])
                    } else if next > 0 && next < times.len() {
                        let (left, right) = ((times[next - 1], values[next - 1]), (times[next], values[next]));
                        Cell::Float(extended::interpolate(left, right, time, false))
                    } else {
                        next.checked_sub(1).map_or(Cell::Nothing, |before| Cell::Float(values[before]))
                    }
                }
                (true, false) => smoothed_histogram(window.histograms, time, &annotator),
            };
            row.set(step, cell);
        }
    }

    /// A range function window by window: where there are histograms, and with extended windows.
    fn windows(
        &self,
        evaluator: &Evaluator,
        function: RangeFunction,
        windows: &sliding::Windows,
        samples: &Samples,
        row: &mut Row,
    ) -> usize {
        let metric = evaluator.names.metric(&row.labels).to_owned();
        let annotator = Annotator { notes: &evaluator.notes, position: self.position, metric: &metric };
        let lookback = evaluator.program.lookback;
        row.floats.fill(NOTHING);
        let mut seen = 0;
        for step in 0..self.grid.count {
            let end = windows.end(step);
            let start = end - windows.range;
            let mut window = match self.extension {
                Extension::None => window_of(samples, start, end),
                Extension::Anchored => window_of(samples, start - lookback, end),
                Extension::Smoothed => window_of(samples, start - lookback, end + lookback),
            };
            let parameters = windows.at(step);
            window.start = start;
            window.end = end;
            window.time = self.grid.time(step);
            window.parameters = &parameters;
            seen += window.values.len() + sizes(window.histograms);
            if !window.histograms.is_empty() {
                row.set(step, histogram::range::evaluate(function, self.extension, &window, &annotator));
            } else if !window.values.is_empty() {
                let plain = self.extension == Extension::None;
                if plain && matches!(function, RangeFunction::Rate | RangeFunction::Increase) {
                    let (times, starts) = (window.timestamps, window.starts);
                    if (1..times.len()).any(|at| counters::is_overlap(times, starts, at)) {
                        annotator.overlapping_starts();
                    }
                }
                row.floats[step] = kernels::float(function, self.extension, &window).unwrap_or(NOTHING);
            }
        }
        seen
    }

    /// The samples of every series in the window of the only step, as an instant query of a range vector shows them.
    pub fn points(&self, evaluator: &Evaluator, range: i64) -> Result<Vec<Points>, Fault> {
        let mut out = Vec::new();
        let end = self.reference(0);
        for index in 0..self.len(evaluator) {
            evaluator.control.check()?;
            let mut samples = Samples::default();
            self.read(evaluator, index, range, &mut samples)?;
            if self.extension != Extension::None {
                if !samples.histograms.is_empty() {
                    let word = if self.extension == Extension::Anchored { "anchored" } else { "smoothed" };
                    return Err(Fault::Execution(format!("{word} modifier is not supported with histograms")));
                }
                let mut window = window_of(&samples, i64::MIN, i64::MAX);
                (window.start, window.end) = (end - range, end);
                let (timestamps, values) = extended::points(self.extension, &window);
                samples = Samples { timestamps, values, ..Samples::default() };
            } else if matches!(self.origin, Origin::Subquery(..)) {
                let window = window_of(&samples, end - range, end);
                samples = Samples {
                    timestamps: window.timestamps.to_vec(),
                    values: window.values.to_vec(),
                    histograms: window.histograms.to_vec(),
                    ..Samples::default()
                };
            }
            let count = samples.values.len() + sizes(&samples.histograms);
            if count > 0 {
                let read = if let Origin::Selector(_) = self.origin { count } else { 0 };
                evaluator.budget.count(count, read);
                evaluator.budget.hold(count)?;
                let (labels, drop_name) = self.labels(evaluator, index);
                out.push(Points { labels: Arc::clone(labels), drop_name, samples });
            }
        }
        Ok(out)
    }
}

/// What histograms count for.
pub fn sizes(histograms: &[(i64, SharedHistogram)]) -> usize {
    histograms.iter().map(|(_, one)| histogram::samples_of(one)).sum()
}

/// What is in the windows, each sample once.
fn covered(windows: &sliding::Windows, samples: &Samples) -> usize {
    let (mut count, mut behind) = (0, i64::MIN);
    for step in 0..windows.grid.count {
        let end = windows.end(step);
        let new = window_of(samples, (end - windows.range).max(behind), end);
        count += new.values.len() + sizes(new.histograms);
        behind = end;
    }
    count
}

/// Removes stale markers.
fn without_stale(samples: &mut Samples) {
    if samples.values.iter().any(|&value| is_stale(value)) {
        let mut kept = 0;
        for index in 0..samples.values.len() {
            if !is_stale(samples.values[index]) {
                samples.values[kept] = samples.values[index];
                samples.timestamps[kept] = samples.timestamps[index];
                samples.starts.set(kept, samples.starts.at(index));
                kept += 1;
            }
        }
        samples.values.truncate(kept);
        samples.timestamps.truncate(kept);
        samples.starts.truncate(kept);
    }
    if samples.histograms.iter().any(|(_, histogram)| is_stale(histogram.sum)) {
        let starts = samples.histograms.iter().enumerate().filter(|(_, (_, one))| !is_stale(one.sum));
        samples.histogram_starts = starts.map(|(index, _)| samples.histogram_starts.at(index)).collect();
        samples.histograms.retain(|(_, histogram)| !is_stale(histogram.sum));
    }
}

/// Samples in `(start, end]`.
fn window_of(samples: &Samples, start: i64, end: i64) -> Window<'_> {
    let part = |times: &dyn Fn(i64) -> usize| times(start)..times(end).max(times(start));
    let floats = part(&|limit| samples.timestamps.partition_point(|&time| time <= limit));
    let histograms = part(&|limit| samples.histograms.partition_point(|&(time, _)| time <= limit));
    Window {
        timestamps: &samples.timestamps[floats.clone()],
        values: &samples.values[floats.clone()],
        starts: samples.starts.of(floats),
        histograms: &samples.histograms[histograms.clone()],
        histogram_starts: samples.histogram_starts.of(histograms),
        start,
        end,
        time: end,
        parameters: &[],
    }
}

/// Cells of a row as samples. What histograms say about resets does not hold between the steps of a subquery.
fn points_of(row: &Row, grid: &Grid, into: &mut Samples) {
    into.clear();
    for (step, &value) in row.floats.iter().enumerate() {
        if !is_stale(value) {
            into.timestamps.push(grid.time(step));
            into.values.push(value);
        }
    }
    for (step, histogram) in row.histograms.iter().enumerate() {
        let Some(histogram) = histogram else { continue };
        into.histograms.push((grid.time(step), histogram::without_hint(histogram)));
    }
}

/// A smoothed selector's histogram at a time.
fn smoothed_histogram(histograms: &[(i64, SharedHistogram)], time: i64, annotator: &Annotator) -> Cell {
    let next = histograms.partition_point(|&(one, _)| one < time);
    match (next.checked_sub(1).map(|before| &histograms[before]), histograms.get(next)) {
        (_, Some((at, histogram))) if *at == time => Cell::Histogram(Arc::clone(histogram)),
        (Some((left_time, left)), Some((right_time, right))) => {
            let counter = left.hint != ResetHint::Gauge || right.hint != ResetHint::Gauge;
            let (left, right) = ((*left_time, &**left), (*right_time, &**right));
            histogram::extended::interpolate(left, right, time, counter, annotator)
                .map_or(Cell::Nothing, |one| Cell::Histogram(Arc::new(one)))
        }
        (Some((_, histogram)), None) => {
            let mut copy = (**histogram).clone();
            copy.hint = ResetHint::Unknown;
            Cell::Histogram(Arc::new(copy))
        }
        (None, _) => Cell::Nothing,
    }
}
