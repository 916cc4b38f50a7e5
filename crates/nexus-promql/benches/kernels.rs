//! Range functions over windows that overlap: nanoseconds for a window, and for a sample in a window.
//!
//! `cargo bench -p nexus-promql --bench kernels`
#![allow(missing_docs)]

use nexus_promql::kernels::sliding::{self, Scratch, Windows};
use nexus_promql::plan::Shift;
use nexus_promql::value::Grid;
use nexus_promql::window::RangeFunction;
use nexus_series::starts::StartTimes;
use std::hint::black_box;
use std::time::Instant;

/// Samples of a series, every 15 s with some ms of jitter.
const SAMPLES: usize = 6000;
const STEPS: usize = 1000;

fn series() -> (Vec<i64>, Vec<f64>) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut dice = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let times = (0..SAMPLES as i64).map(|number| 1_780_000_000_000 + number * 15_000 + (dice() % 7) as i64).collect();
    (times, (0..SAMPLES).map(|_| (dice() % 100_000) as f64 / 100.0).collect())
}

fn main() {
    let (times, values) = series();
    let starts = StartTimes::default();
    let mut scratch = Scratch::default();
    println!("{:<16} {:>8} {:>12} {:>12}", "function", "window", "ns/window", "ns/sample");
    for range in [300_000, 3_600_000, 14_400_000] {
        let grid = Grid { start: times[1000], step: 60_000, count: STEPS };
        let parameters = [vec![0.9; STEPS], vec![0.6; STEPS]];
        let windows = Windows { grid, range, shift: Shift::default(), parameters: &parameters };
        let mut out = vec![0.0; STEPS];
        for function in [
            RangeFunction::Rate,
            RangeFunction::Avg,
            RangeFunction::Stddev,
            RangeFunction::Deriv,
            RangeFunction::PredictLinear,
            RangeFunction::Quantile,
            RangeFunction::Mad,
        ] {
            let mut best = f64::INFINITY;
            let mut seen = 0;
            for _ in 0..7 {
                let began = Instant::now();
                seen = sliding::run(function, &windows, &times, &values, &starts, &mut scratch, &mut out);
                best = best.min(began.elapsed().as_secs_f64());
                black_box(&out);
            }
            let name = format!("{function:?}");
            let (window, sample) = (best * 1e9 / STEPS as f64, best * 1e9 / seen as f64);
            println!("{name:<16} {:>6} s {window:>12.0} {sample:>12.2}", range / 1000);
        }
    }
}
