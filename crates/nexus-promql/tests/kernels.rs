//! Sliding kernels against the same functions window by window, over random series.

#![allow(clippy::float_cmp, reason = "answers are exact")]

use nexus_promql::kernels::sliding::{self, Scratch, Windows};
use nexus_promql::kernels::{self, compensated};
use nexus_promql::plan::{Extension, Shift};
use nexus_promql::value::{Grid, is_nothing};
use nexus_promql::window::{RangeFunction, Window};
use nexus_series::starts::StartTimes;

/// A small generator of pseudo-random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

const FUNCTIONS: [RangeFunction; 27] = {
    use RangeFunction as F;
    [
        F::Rate,
        F::Increase,
        F::Delta,
        F::Irate,
        F::Idelta,
        F::Resets,
        F::Changes,
        F::Deriv,
        F::PredictLinear,
        F::Avg,
        F::Sum,
        F::Count,
        F::Min,
        F::Max,
        F::First,
        F::Last,
        F::Present,
        F::Absent,
        F::Quantile,
        F::Stddev,
        F::Stdvar,
        F::Mad,
        F::TimeOfFirst,
        F::TimeOfLast,
        F::TimeOfMin,
        F::TimeOfMax,
        F::DoubleExponential,
    ]
};

fn series(random: &mut Random) -> (Vec<i64>, Vec<f64>) {
    let whole = random.below(2) == 0;
    let mut time = -(random.below(100_000) as i64);
    let (mut times, mut values, mut value) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..random.below(300) {
        let gap = if random.below(20) == 0 { 90_000 } else { 15_000 };
        time += 1 + random.below(gap) as i64;
        let kinds = if whole { 14 } else { 20 };
        value = match random.below(kinds) {
            0 => 0.0,
            1 => value,
            2 => -3.0,
            14 => f64::NAN,
            15 => f64::INFINITY,
            16 => value + 0.1,
            17 => -1e17,
            _ => value + random.below(50) as f64,
        };
        times.push(time);
        values.push(value);
    }
    (times, values)
}

/// Start times of every kind, or none.
fn starts(random: &mut Random, times: &[i64]) -> StartTimes {
    let said = random.below(3);
    let start = |index: usize, random: &mut Random| match random.below(12) {
        _ if said == 0 => 0,
        0 => times[index],
        1 => times[index] + 5,
        2 => times[index] - 3,
        3 | 4 if index > 0 => times[index - 1],
        5 if index > 1 => times[index - 2] + 1,
        6 => 0,
        _ => times[0] - 10,
    };
    (0..times.len()).map(|index| start(index, random)).collect()
}

#[test]
fn sliding_is_the_same_as_window_by_window() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut scratch = Scratch::default();
    let mut answers = 0;
    for round in 0..400 {
        let (times, values) = series(&mut random);
        let starts = starts(&mut random, &times);
        let grid = Grid {
            start: random.below(200_000) as i64,
            step: 1 + random.below(60_000) as i64,
            count: 1 + random.below(60) as usize,
        };
        let range = 1 + random.below(400_000) as i64;
        let at = (random.below(5) == 0).then(|| random.below(500_000) as i64);
        let shift = Shift { offset: random.below(20_000) as i64 - 10_000, at };
        let parameters = [vec![0.3; grid.count], vec![0.6; grid.count]];
        let windows = Windows { grid, range, shift, parameters: &parameters };
        for function in FUNCTIONS {
            let mut out = vec![0.0; grid.count];
            sliding::run(function, &windows, &times, &values, &starts, &mut scratch, &mut out);
            for (step, &answer) in out.iter().enumerate() {
                let end = windows.end(step);
                let (from, to) =
                    (times.partition_point(|&time| time <= end - range), times.partition_point(|&time| time <= end));
                let window = Window {
                    timestamps: &times[from..to],
                    values: &values[from..to],
                    starts: starts.of(from..to),
                    histograms: &[],
                    histogram_starts: &[],
                    start: end - range,
                    end,
                    time: grid.time(step),
                    parameters: &[0.3, 0.6],
                };
                match kernels::float(function, Extension::None, &window) {
                    None => assert!(is_nothing(answer), "{function:?} round {round} step {step}: {answer}"),
                    Some(expected) => {
                        answers += 1;
                        let near = matches!(function, RangeFunction::Sum | RangeFunction::Avg)
                            && (expected - answer).abs() <= expected.abs() * 1e-12;
                        assert!(
                            near || expected == answer || (expected.is_nan() && answer.is_nan() && !is_nothing(answer)),
                            "{function:?} round {round} step {step}: {answer}, not {expected}"
                        );
                    }
                }
            }
        }
    }
    assert!(answers > 100_000);
}

#[test]
fn sums_keep_what_rounding_loses() {
    let add = |values: &[f64]| {
        let (sum, lost) = values.iter().fold((0.0, 0.0), |(sum, lost), &value| compensated(value, sum, lost));
        sum + lost
    };
    assert_eq!(add(&[1.0, 1e100, 1.0, -1e100]), 2.0);
    assert_eq!(add(&[f64::INFINITY, 1.0]), f64::INFINITY);
    assert!(add(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
}

#[test]
fn means_do_not_overflow() {
    use nexus_promql::kernels::statistics::{Mean, average};
    assert!((average(&[f64::MAX, f64::MAX, f64::MAX]) / f64::MAX - 1.0).abs() < 1e-15);
    assert_eq!(average(&[5.0, 0.0, 8.0]), 13.0 / 3.0);
    let part = |values: &[f64]| {
        let mut mean = Mean::default();
        for &value in values {
            mean.add(value);
        }
        mean
    };
    let mut mean = part(&[f64::MAX, f64::MAX]);
    mean.merge(&part(&[f64::MAX]));
    assert!((mean.value() / f64::MAX - 1.0).abs() < 1e-15);
    let mut mean = part(&[1.0, 2.0]);
    mean.merge(&part(&[3.0, 1e100, -1e100]));
    assert_eq!(mean.value(), 1.2);
}

#[test]
fn spreads_and_lines_are_those_of_the_textbook() {
    use nexus_promql::kernels::{regression, statistics};
    let mut random = Random(7);
    for _ in 0..200 {
        let count = 2 + random.below(60) as usize;
        let base = random.below(1_000_000_000) as f64;
        let times: Vec<i64> = (0..count as i64).map(|index| 1_700_000_000_000 + index * 15_000).collect();
        let values: Vec<f64> = (0..count).map(|_| base + random.below(1000) as f64 / 7.0).collect();
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for &value in &values {
            count += 1.0;
            let delta: f64 = value - mean;
            mean += delta / count;
            squares += delta * (value - mean);
        }
        let expected = squares / count;
        assert!((statistics::variance(&values) - expected).abs() <= expected * 1e-6 + 1e-12);
        let slope = 1.0 + random.below(100) as f64 / 16.0;
        let line: Vec<f64> = times.iter().map(|time| base + slope * (time - times[0]) as f64 / 1000.0).collect();
        assert!((regression::deriv(&times, &line).unwrap() / slope - 1.0).abs() < 1e-6);
        let ahead = regression::predict(&times, &line, times[0], 3600.0).unwrap();
        assert!((ahead / (base + slope * 3600.0) - 1.0).abs() < 1e-9);
    }
    assert_eq!(statistics::variance(&[0.1; 7]), 0.0);
    assert!(statistics::variance(&[1.0, f64::INFINITY]).is_nan());
    assert_eq!(regression::deriv(&[0, 10, 20], &[0.1; 3]), Some(0.0));
    assert!(regression::deriv(&[0, 10], &[f64::INFINITY; 2]).unwrap().is_nan());
    assert!(regression::predict(&[0, 10, 20], &[1.0, f64::INFINITY, 2.0], 0, 1.0).unwrap().is_nan());
}
