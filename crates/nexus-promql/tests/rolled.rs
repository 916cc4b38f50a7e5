//! Functions over windows against the same functions over the samples they were made of, over random series with resets, gaps,
//! stale markers, NaN and infinities.

#![allow(clippy::float_cmp, reason = "answers are exact")]

use nexus_promql::kernels::sliding::{self, Scratch, Windows};
use nexus_promql::plan::Shift;
use nexus_promql::rolled::{self, ALL, Column, Rolled, What, end_of};
use nexus_promql::source::Samples;
use nexus_promql::value::{Grid, NOTHING, is_nothing};
use nexus_promql::window::RangeFunction as F;
use nexus_series::starts::StartTimes;
use nexus_series::{STALE_NAN, is_stale};

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

const LENGTH: i64 = 300_000;
const EXACT: [F; 9] =
    [F::Count, F::Min, F::Max, F::First, F::Last, F::Present, F::Absent, F::TimeOfFirst, F::TimeOfLast];
const ROUNDED: [F; 5] = [F::Sum, F::Avg, F::Rate, F::Increase, F::Delta];

fn series(random: &mut Random) -> Samples {
    let (whole, strange) = (random.below(2) == 0, random.below(3) == 0);
    let interval = [15_000, 60_000, 300_000][random.below(3) as usize];
    let mut time = random.below(20) as i64 * 100_000;
    let mut samples = Samples::default();
    // Do samples say when their counter began?
    let (mut value, mut begun, said) = (0.0, 0, random.below(2) == 0);
    for _ in 0..random.below(400) {
        // On the grid, near it, or after a gap.
        time += match random.below(12) {
            0 => interval * (1 + random.below(30) as i64),
            1..=3 => interval + random.below(7) as i64,
            _ => interval,
        };
        value = match random.below(20) {
            0 => 0.0,
            1 if strange => f64::NAN,
            2 if strange => f64::INFINITY,
            3 if strange => -0.0,
            4 => -1.0,
            _ if whole => value + random.below(50) as f64,
            _ => value + random.below(1000) as f64 / 7.0,
        };
        if value == 0.0 || random.below(15) == 0 {
            begun = time - random.below(3 * interval as u64) as i64;
        }
        if said && random.below(30) > 0 {
            samples.starts.set(samples.values.len(), if random.below(40) == 0 { time } else { begun });
        }
        let shown = if random.below(25) == 0 { f64::from_bits(STALE_NAN) } else { value };
        samples.timestamps.push(time);
        samples.values.push(shown);
    }
    samples
}

fn windows(random: &mut Random) -> (Grid, i64, Shift) {
    let grid = Grid {
        start: LENGTH * random.below(30) as i64,
        step: LENGTH * (1 + random.below(4) as i64),
        count: 1 + random.below(60) as usize,
    };
    let offset = LENGTH * (random.below(5) as i64 - 2);
    let at = (random.below(8) == 0).then(|| LENGTH * random.below(60) as i64);
    (grid, LENGTH * (1 + random.below(9) as i64), Shift { offset, at })
}

fn same(left: f64, right: f64) -> bool {
    left.to_bits() == right.to_bits() || (left.is_nan() && right.is_nan() && is_nothing(left) == is_nothing(right))
}

#[test]
fn windows_answer_as_their_samples_do() {
    let mut random = Random(0x5eed_1234);
    let mut answers = 0;
    for _ in 0..600 {
        let samples = series(&mut random);
        let (grid, range, shift) = windows(&mut random);
        let windows = Windows { grid, range, shift, parameters: &[] };
        let live: Vec<usize> = (0..samples.values.len()).filter(|&at| !is_stale(samples.values[at])).collect();
        let times: Vec<i64> = live.iter().map(|&at| samples.timestamps[at]).collect();
        let values: Vec<f64> = live.iter().map(|&at| samples.values[at]).collect();
        let mut starts = StartTimes::default();
        live.iter().enumerate().for_each(|(place, &at)| starts.set(place, samples.starts.at(at)));
        let largest = values.iter().filter(|value| value.is_finite()).fold(1.0f64, |most, one| most.max(one.abs()));
        for function in EXACT.into_iter().chain(ROUNDED) {
            let mut rolled = Rolled::default();
            rolled.roll(&samples, LENGTH);
            // Only what the function says it needs.
            let wanted = rolled::columns_of(function).expect("it can be answered");
            for column in 0..rolled::COLUMNS {
                if wanted & 1 << column == 0 {
                    rolled.columns[column].clear();
                }
            }
            let (mut raw, mut answer) = (vec![0.0; grid.count], vec![0.0; grid.count]);
            sliding::run(function, &windows, &times, &values, &starts, &mut Scratch::default(), &mut raw);
            rolled::run(function, &windows, &mut rolled, &mut Scratch::default(), &mut answer);
            for (step, (raw, answer)) in raw.iter().zip(&answer).enumerate() {
                answers += usize::from(!is_nothing(*raw));
                if EXACT.contains(&function) || !raw.is_finite() {
                    assert!(same(*raw, *answer), "{function:?} at {step}: {raw} {answer}");
                } else {
                    let bound = 1e-12 * largest * values.len() as f64;
                    assert!((raw - answer).abs() <= bound, "{function:?} at {step}: {raw} {answer}");
                }
            }
        }
    }
    assert!(answers > 50_000, "{answers}");
}

#[test]
fn a_counter_without_resets_is_exact() {
    let mut random = Random(77);
    for _ in 0..100 {
        let mut samples = series(&mut random);
        let mut value = 0.1;
        for one in &mut samples.values {
            value += random.below(100) as f64 / 3.0;
            *one = value;
        }
        samples.starts.clear();
        let (grid, range, shift) = windows(&mut random);
        let windows = Windows { grid, range, shift, parameters: &[] };
        for function in [F::Rate, F::Increase, F::Delta] {
            let mut rolled = Rolled::default();
            rolled.roll(&samples, LENGTH);
            let (mut raw, mut answer) = (vec![0.0; grid.count], vec![0.0; grid.count]);
            let Samples { timestamps, values, starts, .. } = &samples;
            sliding::run(function, &windows, timestamps, values, starts, &mut Scratch::default(), &mut raw);
            rolled::run(function, &windows, &mut rolled, &mut Scratch::default(), &mut answer);
            assert!(raw.iter().zip(&answer).all(|(raw, answer)| same(*raw, *answer)), "{function:?}");
        }
    }
}

#[test]
fn values_are_those_of_the_samples() {
    let mut random = Random(99);
    for _ in 0..600 {
        let samples = series(&mut random);
        let (grid, _, shift) = windows(&mut random);
        let lookback = [60_000, 300_000, 1_500_000][random.below(3) as usize];
        let mut rolled = Rolled::default();
        rolled.roll(&samples, LENGTH);
        for what in [What::Value, What::Time, What::Start] {
            let mut out = vec![0.0; grid.count];
            rolled::values(&rolled, grid, shift, lookback, what, &mut out);
            for (step, answer) in out.iter().enumerate() {
                let time = shift.at.unwrap_or_else(|| grid.time(step)) - shift.offset;
                let at = samples.timestamps.partition_point(|&one| one <= time);
                let found = at
                    .checked_sub(1)
                    .filter(|&at| samples.timestamps[at] > time - lookback && !is_stale(samples.values[at]));
                let wanted = match found {
                    Some(at) => match what {
                        What::Value => samples.values[at],
                        What::Time => samples.timestamps[at] as f64 / 1000.0,
                        What::Start => samples.starts.at(at) as f64 / 1000.0,
                    },
                    None => NOTHING,
                };
                assert!(same(wanted, *answer), "step {step}: {wanted} {answer}");
            }
        }
    }
}

#[test]
fn windows_may_be_made_piece_by_piece() {
    let mut random = Random(5);
    for _ in 0..100 {
        let samples = series(&mut random);
        let mut whole = Rolled::default();
        whole.roll(&samples, LENGTH);
        let middle = end_of(random.below(30_000_000) as i64, LENGTH);
        let cut = samples.timestamps.partition_point(|&time| time <= middle);
        let part = |range: std::ops::Range<usize>| Samples {
            timestamps: samples.timestamps[range.clone()].to_vec(),
            values: samples.values[range.clone()].to_vec(),
            starts: range.clone().enumerate().fold(StartTimes::default(), |mut starts, (place, at)| {
                starts.set(place, samples.starts.at(at));
                starts
            }),
            ..Samples::default()
        };
        let mut pieces = Rolled::default();
        pieces.roll(&part(0..cut), LENGTH);
        pieces.roll(&part(cut..samples.timestamps.len()), LENGTH);
        assert_eq!(whole.ends, pieces.ends);
        for (whole, pieces) in whole.columns.iter().zip(&pieces.columns) {
            assert!(whole.iter().zip(pieces).all(|(whole, piece)| whole.to_bits() == piece.to_bits()));
        }
        assert!(
            whole.ends.iter().all(|end| end % LENGTH == 0)
                && whole.columns.iter().all(|one| one.len() == whole.ends.len())
        );
    }
}

#[test]
fn a_window_keeps_what_it_says() {
    let stale = f64::from_bits(STALE_NAN);
    let samples = Samples {
        timestamps: vec![300_000, 300_001, 400_000, 500_000, 600_000, 900_000],
        values: vec![9.0, 5.0, 7.0, 2.0, stale, stale],
        ..Samples::default()
    };
    let mut rolled = Rolled::default();
    rolled.roll(&samples, LENGTH);
    assert_eq!(rolled.ends, [300_000, 600_000, 900_000]);
    let of = |column| rolled.of(column).to_vec();
    assert_eq!(of(Column::Min), [9.0, 2.0, 0.0]);
    assert_eq!(of(Column::Max), [9.0, 7.0, 0.0]);
    assert_eq!(of(Column::Sum), [9.0, 14.0, 0.0]);
    assert_eq!(of(Column::Count), [1.0, 3.0, 0.0]);
    assert_eq!(of(Column::First), [9.0, 5.0, 0.0]);
    assert_eq!(of(Column::Last), [9.0, 2.0, 0.0]);
    assert_eq!(of(Column::Lost), [0.0, 7.0, 0.0]);
    assert_eq!(of(Column::FirstBefore), [0.0, 299_999.0, 0.0]);
    assert_eq!(of(Column::LastBefore), [0.0, 100_000.0, 0.0]);
    assert_eq!(of(Column::Stale), [0.0, 1.0, 1.0]);
    assert_eq!(ALL.count_ones() as usize, rolled::COLUMNS);
}
