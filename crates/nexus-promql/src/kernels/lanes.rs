//! Windows side by side: spread and regression of several windows at a time, each operation done for all of them before the
//! next one.
//!
//! What one window needs is a chain in which every operation waits for the one before it, in the order in which Prometheus has
//! them, down to the rounding. Windows do not wait for each other.

use super::regression::Sums;
use super::statistics::Spread;
use std::ops::Range;

/// Windows at a time.
pub const WIDTH: usize = 8;

/// A number of each window.
pub type Wide = [f64; WIDTH];

/// Adds to sums that keep what rounding loses apart, as `compensated` does for one.
#[inline(always)]
pub fn add(values: &Wide, sums: &mut Wide, lost: &mut Wide) {
    for lane in 0..WIDTH {
        let (value, sum) = (values[lane], sums[lane]);
        let total = sum + value;
        // What rounding loses is exact, so it does not matter how it is found: without a look at which one is larger.
        let part = total - sum;
        let error = (sum - (total - part)) + (value - part);
        let all = lost[lane] + error;
        lost[lane] = if total.is_infinite() { 0.0 } else { all };
        sums[lane] = total;
    }
}

/// How many samples all of them have.
fn common(windows: &[Range<usize>; WIDTH]) -> usize {
    windows.iter().map(ExactSizeIterator::len).min().unwrap_or(0)
}

/// Spread of each window.
pub fn spreads(values: &[f64], windows: &[Range<usize>; WIDTH]) -> [Spread; WIDTH] {
    let common = common(windows);
    let slices: [&[f64]; WIDTH] = windows.clone().map(|window| &values[window.start..window.start + common]);
    let (mut mean, mut mean_lost) = ([0.0; WIDTH], [0.0; WIDTH]);
    let (mut squares, mut squares_lost) = ([0.0; WIDTH], [0.0; WIDTH]);
    let mut count = 0.0;
    for index in 0..common {
        count += 1.0;
        let (mut delta, mut step) = ([0.0; WIDTH], [0.0; WIDTH]);
        for lane in 0..WIDTH {
            delta[lane] = slices[lane][index] - (mean[lane] + mean_lost[lane]);
            step[lane] = delta[lane] / count;
        }
        add(&step, &mut mean, &mut mean_lost);
        for lane in 0..WIDTH {
            step[lane] = delta[lane] * (slices[lane][index] - (mean[lane] + mean_lost[lane]));
        }
        add(&step, &mut squares, &mut squares_lost);
    }
    std::array::from_fn(|lane| {
        let mut spread =
            Spread { count, mean: (mean[lane], mean_lost[lane]), squares: (squares[lane], squares_lost[lane]) };
        values[windows[lane].start + common..windows[lane].end].iter().for_each(|&value| spread.add(value));
        spread
    })
}

/// Sums of each window for a line through it. `elapsed`: times of the samples as ms after any fixed time, whole numbers that
/// a float holds; `from`: of each window, the time that counts as 0, in the same way.
pub fn sums(elapsed: &[f64], values: &[f64], windows: &[Range<usize>; WIDTH], from: &Wide) -> [Sums; WIDTH] {
    let common = common(windows);
    let times: [&[f64]; WIDTH] = windows.clone().map(|window| &elapsed[window.start..window.start + common]);
    let slices: [&[f64]; WIDTH] = windows.clone().map(|window| &values[window.start..window.start + common]);
    let mut sums = [[[0.0; WIDTH]; 2]; 4];
    for index in 0..common {
        let (mut x, mut y, mut xy, mut xx) = ([0.0; WIDTH], [0.0; WIDTH], [0.0; WIDTH], [0.0; WIDTH]);
        for lane in 0..WIDTH {
            x[lane] = (times[lane][index] - from[lane]) / 1000.0;
            y[lane] = slices[lane][index];
            xy[lane] = x[lane] * y[lane];
            xx[lane] = x[lane] * x[lane];
        }
        for (values, [sum, lost]) in [x, y, xy, xx].iter().zip(&mut sums) {
            add(values, sum, lost);
        }
    }
    std::array::from_fn(|lane| {
        let mut all = Sums { sums: sums.map(|[sum, lost]| (sum[lane], lost[lane])) };
        for index in windows[lane].start + common..windows[lane].end {
            all.add((elapsed[index] - from[lane]) / 1000.0, values[index]);
        }
        all
    })
}
