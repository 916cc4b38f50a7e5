//! Windows side by side: spread and regression of several windows at a time, each operation done for all of them before the
//! next one.
//!
//! What one window needs is a chain in which every operation waits for the one before it, in the order in which Prometheus has
//! them, down to the rounding. Windows do not wait for each other. Nothing is fused or reordered within a window, whatever
//! the processor offers: the numbers are the same everywhere.

use super::regression::Sums;
use super::statistics::Spread;
use std::ops::Range;

/// Windows at a time.
pub const WIDTH: usize = 8;
/// Samples that are put side by side at a time.
const BLOCK: usize = 32;

/// A number of each window.
pub type Wide = [f64; WIDTH];
type Windows = [Range<usize>; WIDTH];

/// Adds to sums that keep what rounding loses apart, as `compensated` does for one. `finite`: no sum can overflow.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it is compiled for each set of instructions")]
fn add<const FINITE: bool>(values: &Wide, sums: &mut Wide, lost: &mut Wide) {
    for lane in 0..WIDTH {
        let (value, sum) = (values[lane], sums[lane]);
        let total = sum + value;
        // What rounding loses is exact, so it does not matter how it is found: without a look at which one is larger.
        let part = total - sum;
        let error = (sum - (total - part)) + (value - part);
        let all = lost[lane] + error;
        lost[lane] = if !FINITE && total.is_infinite() { 0.0 } else { all };
        sums[lane] = total;
    }
}

/// How many samples all of them have.
fn common(windows: &Windows) -> usize {
    windows.iter().map(ExactSizeIterator::len).min().unwrap_or(0)
}

/// Puts samples `from .. to` of each window side by side.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it is compiled for each set of instructions")]
fn side_by_side(rows: &mut [Wide; BLOCK], values: &[f64], windows: &Windows, from: usize, to: usize) {
    for (lane, window) in windows.iter().enumerate() {
        let part = &values[window.start + from..window.start + to];
        rows.iter_mut().zip(part).for_each(|(row, &value)| row[lane] = value);
    }
}

/// May sums of squares of so many values not overflow?
pub fn is_moderate(values: &[f64]) -> bool {
    values.iter().all(|value| value.abs() < 1e100)
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "it is compiled for each set of instructions")]
fn spreads_of<const FINITE: bool>(values: &[f64], windows: &Windows) -> [Spread; WIDTH] {
    let common = common(windows);
    let mut rows = [[0.0; WIDTH]; BLOCK];
    let (mut mean, mut mean_lost) = ([0.0; WIDTH], [0.0; WIDTH]);
    let (mut squares, mut squares_lost) = ([0.0; WIDTH], [0.0; WIDTH]);
    let mut count = 0.0;
    for from in (0..common).step_by(BLOCK) {
        let to = common.min(from + BLOCK);
        side_by_side(&mut rows, values, windows, from, to);
        for row in &rows[..to - from] {
            count += 1.0;
            let (mut delta, mut step) = ([0.0; WIDTH], [0.0; WIDTH]);
            for lane in 0..WIDTH {
                delta[lane] = row[lane] - (mean[lane] + mean_lost[lane]);
                step[lane] = delta[lane] / count;
            }
            add::<FINITE>(&step, &mut mean, &mut mean_lost);
            for lane in 0..WIDTH {
                step[lane] = delta[lane] * (row[lane] - (mean[lane] + mean_lost[lane]));
            }
            add::<FINITE>(&step, &mut squares, &mut squares_lost);
        }
    }
    std::array::from_fn(|lane| {
        let mut spread =
            Spread { count, mean: (mean[lane], mean_lost[lane]), squares: (squares[lane], squares_lost[lane]) };
        values[windows[lane].start + common..windows[lane].end].iter().for_each(|&value| spread.add(value));
        spread
    })
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "it is compiled for each set of instructions")]
fn sums_of<const FINITE: bool>(elapsed: &[f64], values: &[f64], windows: &Windows, from: &Wide) -> [Sums; WIDTH] {
    let common = common(windows);
    let (mut times, mut rows) = ([[0.0; WIDTH]; BLOCK], [[0.0; WIDTH]; BLOCK]);
    // Each by its own name: so they are vectors, not numbers one by one.
    let (mut x_sum, mut x_lost, mut y_sum, mut y_lost) = ([0.0; WIDTH], [0.0; WIDTH], [0.0; WIDTH], [0.0; WIDTH]);
    let (mut xy_sum, mut xy_lost, mut xx_sum, mut xx_lost) = ([0.0; WIDTH], [0.0; WIDTH], [0.0; WIDTH], [0.0; WIDTH]);
    for first in (0..common).step_by(BLOCK) {
        let to = common.min(first + BLOCK);
        side_by_side(&mut times, elapsed, windows, first, to);
        side_by_side(&mut rows, values, windows, first, to);
        for (time, y) in times[..to - first].iter().zip(&rows) {
            let (mut x, mut xy, mut xx) = ([0.0; WIDTH], [0.0; WIDTH], [0.0; WIDTH]);
            for lane in 0..WIDTH {
                x[lane] = (time[lane] - from[lane]) / 1000.0;
            }
            for lane in 0..WIDTH {
                xy[lane] = x[lane] * y[lane];
            }
            for lane in 0..WIDTH {
                xx[lane] = x[lane] * x[lane];
            }
            add::<FINITE>(&x, &mut x_sum, &mut x_lost);
            add::<FINITE>(y, &mut y_sum, &mut y_lost);
            add::<FINITE>(&xy, &mut xy_sum, &mut xy_lost);
            add::<FINITE>(&xx, &mut xx_sum, &mut xx_lost);
        }
    }
    std::array::from_fn(|lane| {
        let mut all = Sums {
            sums: [
                (x_sum[lane], x_lost[lane]),
                (y_sum[lane], y_lost[lane]),
                (xy_sum[lane], xy_lost[lane]),
                (xx_sum[lane], xx_lost[lane]),
            ],
        };
        for index in windows[lane].start + common..windows[lane].end {
            all.add((elapsed[index] - from[lane]) / 1000.0, values[index]);
        }
        all
    })
}

#[cfg(target_arch = "x86_64")]
mod wide {
    //! The same, compiled for processors with vectors of four numbers.
    use super::{Spread, Sums, WIDTH, Wide, Windows, spreads_of, sums_of};

    #[target_feature(enable = "avx2")]
    pub fn spreads(values: &[f64], windows: &Windows) -> [Spread; WIDTH] {
        spreads_of::<true>(values, windows)
    }

    #[target_feature(enable = "avx2")]
    pub fn sums(elapsed: &[f64], values: &[f64], windows: &Windows, from: &Wide) -> [Sums; WIDTH] {
        sums_of::<true>(elapsed, values, windows, from)
    }
}

/// Spread of each window. `moderate`: as `is_moderate` says of the values.
pub fn spreads(values: &[f64], moderate: bool, windows: &[Range<usize>; WIDTH]) -> [Spread; WIDTH] {
    #[cfg(target_arch = "x86_64")]
    if moderate && is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the instructions that the function is compiled for.
        return unsafe { wide::spreads(values, windows) };
    }
    if moderate { spreads_of::<true>(values, windows) } else { spreads_of::<false>(values, windows) }
}

/// Sums of each window for a line through it. `elapsed`: times of the samples as ms after any fixed time, whole numbers that
/// a float holds; `from`: of each window, the time that counts as 0, in the same way.
pub fn sums(
    elapsed: &[f64],
    values: &[f64],
    moderate: bool,
    windows: &[Range<usize>; WIDTH],
    from: &Wide,
) -> [Sums; WIDTH] {
    #[cfg(target_arch = "x86_64")]
    if moderate && is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the instructions that the function is compiled for.
        return unsafe { wide::sums(elapsed, values, windows, from) };
    }
    if moderate {
        sums_of::<true>(elapsed, values, windows, from)
    } else {
        sums_of::<false>(elapsed, values, windows, from)
    }
}
