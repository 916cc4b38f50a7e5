//! Series as windows of a fixed length instead of samples: what rollups keep, made of samples, and the functions that can be
//! answered from it.
//!
//! A window is `(end - length, end]` with an `end` that is a multiple of the length, as PromQL's windows are open to the left.
//! Of the floats in it are kept the least and the greatest, their sum and number, the first and the last with their times, what
//! resets took (the value before each reset: the increase of a counter is `last - first + lost`), when the counter began of which
//! the first and the last sample are, where that is said, and whether a stale marker comes last. With these, windows that are put together answer as their samples would, to the last bit but for the order in
//! which sums are rounded. Histograms are not kept.

use crate::kernels::counters::{Extrapolation, Origin, began_anew, began_within, factor, is_reset};
use crate::kernels::{sliding, statistics};
use crate::plan::Shift;
use crate::source::Samples;
use crate::value::{Grid, NOTHING};
use crate::window::RangeFunction;
use nexus_series::is_stale;
use nexus_series::starts::StartTimes;

/// What is kept of a window, each as a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Column {
    /// The least value; NaN only when there is nothing else.
    Min,
    /// The greatest.
    Max,
    /// Sum.
    Sum,
    /// Number of samples, stale markers not among them. 0 where there is nothing but a stale marker.
    Count,
    /// First value.
    First,
    /// Last value.
    Last,
    /// Sum of the values before resets.
    Lost,
    /// ms from the first sample to the end of the window.
    FirstBefore,
    /// ms from the last sample to the end of the window.
    LastBefore,
    /// 1 when a stale marker comes last.
    Stale,
    /// Start time of the first sample, ms; 0: not said.
    FirstStart,
    /// Start time of the last sample.
    LastStart,
}

/// Number of columns.
pub const COLUMNS: usize = 12;
/// All columns, a bit for each.
pub const ALL: u16 = (1 << COLUMNS) - 1;

/// See the module text. Columns that were not asked for are empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rolled {
    /// Ends of windows that have something, ascending, ms.
    pub ends: Vec<i64>,
    /// Columns by number.
    pub columns: [Vec<f64>; COLUMNS],
    /// Were there histograms among the samples?
    pub histograms: bool,
}

impl Rolled {
    /// Forgets the windows, keeps the memory.
    pub fn clear(&mut self) {
        self.ends.clear();
        self.columns.iter_mut().for_each(Vec::clear);
        self.histograms = false;
    }

    /// A column.
    #[inline]
    pub fn of(&self, column: Column) -> &[f64] {
        &self.columns[column as usize]
    }

    /// Adds the windows of samples, which come after those that are there.
    pub fn roll(&mut self, samples: &Samples, length: i64) {
        let (times, values) = (&samples.timestamps[..], &samples.values[..]);
        self.histograms |= !samples.histograms.is_empty();
        let (mut kept, mut kept_times, mut kept_starts) = (Vec::new(), Vec::new(), Vec::new());
        let mut from = 0;
        while from < times.len() {
            let end = end_of(times[from], length);
            let to = from + times[from..].partition_point(|&time| time <= end);
            kept.clear();
            kept_times.clear();
            kept_starts.clear();
            for at in (from..to).filter(|&at| !is_stale(values[at])) {
                kept.push(values[at]);
                kept_times.push(times[at]);
                kept_starts.push(samples.starts.at(at));
            }
            let before = |time: Option<&i64>| time.map_or(0.0, |time| (end - time) as f64);
            let start = |start: Option<&i64>| start.map_or(0.0, |&start| start as f64);
            let resets = (1..kept.len()).filter(|&at| is_reset(&kept_times, &kept, &kept_starts, at));
            let lost = resets.fold(0.0, |sum, at| sum + kept[at - 1]);
            let (mut least, mut greatest) = (0.0, 0.0);
            if !kept.is_empty() {
                least = statistics::extreme(&kept, |one, best| one < best);
                greatest = statistics::extreme(&kept, |one, best| one > best);
            }
            let window: [f64; COLUMNS] = [
                least,
                greatest,
                statistics::sum(&kept),
                kept.len() as f64,
                kept.first().copied().unwrap_or(0.0),
                kept.last().copied().unwrap_or(0.0),
                lost,
                before(kept_times.first()),
                before(kept_times.last()),
                f64::from(u8::from(is_stale(values[to - 1]))),
                start(kept_starts.first()),
                start(kept_starts.last()),
            ];
            self.ends.push(end);
            self.columns.iter_mut().zip(window).for_each(|(column, value)| column.push(value));
            from = to;
        }
    }

    /// Takes out windows without values.
    fn without_empty(&mut self) {
        let counts = std::mem::take(&mut self.columns[Column::Count as usize]);
        if counts.contains(&0.0) {
            let mut each = counts.iter();
            self.ends.retain(|_| each.next() != Some(&0.0));
            for column in self.columns.iter_mut().filter(|column| !column.is_empty()) {
                let mut each = counts.iter();
                column.retain(|_| each.next() != Some(&0.0));
            }
        }
        self.columns[Column::Count as usize] = counts.into_iter().filter(|&count| count != 0.0).collect();
    }
}

/// End of the window that a time belongs to.
#[inline]
pub fn end_of(time: i64, length: i64) -> i64 {
    time + (-time).rem_euclid(length)
}

/// Columns that a function needs, as bits; none: it cannot be answered from windows.
pub fn columns_of(function: RangeFunction) -> Option<u16> {
    use Column as C;
    use RangeFunction as F;
    let columns: &[C] = match function {
        F::Min => &[C::Min],
        F::Max => &[C::Max],
        F::Sum | F::Avg => &[C::Sum],
        F::Count | F::Present | F::Absent => &[],
        F::First => &[C::First],
        F::Last => &[C::Last],
        F::TimeOfFirst => &[C::FirstBefore],
        F::TimeOfLast => &[C::LastBefore],
        F::Rate | F::Increase => {
            &[C::First, C::Last, C::Lost, C::FirstBefore, C::LastBefore, C::FirstStart, C::LastStart]
        }
        F::Delta => &[C::First, C::Last, C::FirstBefore, C::LastBefore],
        _ => return None,
    };
    Some(columns.iter().fold(1 << C::Count as usize, |bits, &column| bits | 1 << column as usize))
}

/// Columns of values at a time and of their times.
pub const INSTANT: u16 = 1 << Column::Last as usize
    | 1 << Column::LastBefore as usize
    | 1 << Column::LastStart as usize
    | 1 << Column::Stale as usize
    | 1 << Column::Count as usize;

/// A function of the windows before each step, into `out`. All times are multiples of the windows' length. Returns the number
/// of windows looked at.
pub fn run(
    function: RangeFunction,
    windows: &sliding::Windows,
    rolled: &mut Rolled,
    scratch: &mut sliding::Scratch,
    out: &mut [f64],
) -> usize {
    use RangeFunction as F;
    rolled.without_empty();
    let rolled = &*rolled;
    let mut slide = |function, column: Column, out: &mut [f64]| {
        sliding::run(function, windows, &rolled.ends, rolled.of(column), &StartTimes::default(), scratch, out)
    };
    match function {
        F::Min => slide(F::Min, Column::Min, out),
        F::Max => slide(F::Max, Column::Max, out),
        F::Sum => slide(F::Sum, Column::Sum, out),
        F::Count => slide(F::Sum, Column::Count, out),
        F::First => slide(F::First, Column::First, out),
        F::Last => slide(F::Last, Column::Last, out),
        F::Avg => {
            let mut counts = vec![NOTHING; out.len()];
            slide(F::Sum, Column::Count, &mut counts);
            let seen = slide(F::Sum, Column::Sum, out);
            for (sum, count) in out.iter_mut().zip(counts) {
                if count.to_bits() != NOTHING.to_bits() {
                    *sum /= count;
                }
            }
            seen
        }
        F::TimeOfFirst | F::TimeOfLast => {
            let first = function == F::TimeOfFirst;
            let before = rolled.of(if first { Column::FirstBefore } else { Column::LastBefore });
            each(windows, &rolled.ends, out, |_, from, to| {
                let at = if first { from } else { to - 1 };
                (rolled.ends[at] - before[at] as i64) as f64 / 1000.0
            })
        }
        F::Rate | F::Increase | F::Delta => rates(function, windows, rolled, out),
        _ => each(windows, &rolled.ends, out, |_, _, _| 1.0),
    }
}

fn each(
    windows: &sliding::Windows,
    ends: &[i64],
    out: &mut [f64],
    mut answer: impl FnMut(usize, usize, usize) -> f64,
) -> usize {
    out.fill(NOTHING);
    let mut seen = 0;
    windows.each(ends, |step, from, to| {
        seen += to - from;
        out[step] = answer(step, from, to);
    });
    seen
}

/// As of the samples: difference of the last and the first, and what resets took, within windows and between them.
fn rates(function: RangeFunction, windows: &sliding::Windows, rolled: &Rolled, out: &mut [f64]) -> usize {
    let kind = Extrapolation::of(function);
    let (first, last) = (rolled.of(Column::First), rolled.of(Column::Last));
    let (count, lost) = (rolled.of(Column::Count), rolled.of(Column::Lost));
    let time = |at: usize, column| rolled.ends[at] - rolled.of(column)[at] as i64;
    each(windows, &rolled.ends, out, |step, from, to| {
        let samples = count[from..to].iter().sum::<f64>();
        let sampled = (time(from, Column::FirstBefore), time(to - 1, Column::LastBefore));
        let end = windows.end(step);
        let ends = (end - windows.range, end);
        let mut difference = last[to - 1] - first[from];
        if !kind.counter {
            return if samples < 2.0 {
                NOTHING
            } else {
                difference * factor(kind, ends, sampled, samples as usize - 1, Origin::Unknown)
            };
        }
        let start = |at: usize, column| rolled.of(column)[at] as i64;
        for at in from..to {
            if at > from {
                let before = (time(at - 1, Column::LastBefore), start(at - 1, Column::LastStart));
                let now = (time(at, Column::FirstBefore), start(at, Column::FirstStart));
                if first[at] < last[at - 1] || began_anew(before, now) {
                    difference += last[at - 1];
                }
            }
            difference += lost[at];
        }
        let origin = match began_within(ends.0, sampled.0, start(from, Column::FirstStart)) {
            Some(began) => {
                difference += first[from];
                Origin::Zero(began)
            }
            None if samples < 2.0 => return NOTHING,
            None => Origin::Counter(first[from], difference),
        };
        difference * factor(kind, ends, sampled, samples as usize - 1, origin)
    })
}

/// What `values` answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Values.
    Value,
    /// Their times, s.
    Time,
    /// Their start times, s.
    Start,
}

/// The last value at or before each step that is not older than the lookback; times as in `run`.
pub fn values(rolled: &Rolled, grid: Grid, shift: Shift, lookback: i64, what: What, out: &mut [f64]) {
    let (last, before) = (rolled.of(Column::Last), rolled.of(Column::LastBefore));
    let (count, stale) = (rolled.of(Column::Count), rolled.of(Column::Stale));
    let mut next = 0;
    for (step, cell) in out.iter_mut().enumerate() {
        let time = shift.at.unwrap_or_else(|| grid.time(step)) - shift.offset;
        while next < rolled.ends.len() && rolled.ends[next] <= time {
            next += 1;
        }
        *cell = NOTHING;
        if let Some(at) = next.checked_sub(1)
            && stale[at] == 0.0
            && count[at] > 0.0
        {
            let sampled = rolled.ends[at] - before[at] as i64;
            if sampled > time - lookback {
                *cell = match what {
                    What::Value => last[at],
                    What::Time => sampled as f64 / 1000.0,
                    What::Start => rolled.of(Column::LastStart)[at] / 1000.0,
                };
            }
        }
    }
}
