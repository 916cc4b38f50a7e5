//! Bytes a sample and speed of the chunk codecs on generated metrics. `cargo bench -p nexus-tsdb --bench chunks`.
//!
//! 100 targets, sampled every 15 s with jitter, series of a target at the same times: counters of rates that vary, gauges of
//! decimals, of bytes and of all digits, histogram buckets (a third of them rarely hit) with sums and counts.
#![allow(missing_docs)]

use nexus_series::starts::StartTimes;
use nexus_tsdb::chunk::{Chunk, Scratch, decode_times, decode_values, encode_floats};
use std::hint::black_box;
use std::time::Instant;

const TARGETS: usize = 100;
const ROUNDS: usize = 5;

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 30.0 {
            let normal: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
            return (mean + mean.sqrt() * normal).round().max(0.0) as u64;
        }
        let limit = (-mean).exp();
        let (mut product, mut count) = (self.unit(), 0);
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

type Family = (&'static str, fn(&mut Dice, usize) -> Vec<f64>);

fn counter(dice: &mut Dice, count: usize, mean: f64, scale: f64) -> Vec<f64> {
    let mut sum = dice.next() % 1_000_000_000;
    let busy = 0.2 + dice.unit();
    (0..count)
        .map(|index| {
            let wave = 1.0 + 0.3 * (index as f64 / 90.0).sin();
            sum += dice.poisson(mean * busy * wave);
            sum as f64 / scale
        })
        .collect()
}

fn walk(dice: &mut Dice, count: usize, step: f64, unit: f64) -> Vec<f64> {
    let mut value = 1000.0 * (1.0 + dice.unit());
    (0..count)
        .map(|_| {
            value += (dice.unit() - 0.5) * step;
            (value / unit).round() * unit
        })
        .collect()
}

const FAMILIES: &[Family] = &[
    ("counter, 3 a sample", |dice, count| counter(dice, count, 3.0, 1.0)),
    ("counter, 200 a sample", |dice, count| counter(dice, count, 200.0, 1.0)),
    ("counter, bytes (2 MB a sample)", |dice, count| counter(dice, count, 2e6, 1.0)),
    ("counter, cpu seconds of 2 decimals", |dice, count| counter(dice, count, 700.0, 100.0)),
    ("counter, rarely hit", |dice, count| counter(dice, count, 0.02, 1.0)),
    ("gauge, constant", |dice, count| vec![(dice.next() % 100) as f64; count]),
    ("gauge, 0 or 1", |dice, count| (0..count).map(|_| f64::from(u8::from(dice.next() % 200 > 0))).collect()),
    ("gauge, 1 decimal", |dice, count| walk(dice, count, 4.0, 0.1)),
    ("gauge, 3 decimals", |dice, count| walk(dice, count, 4.0, 0.001)),
    ("gauge, pages of 4 KiB", |dice, count| walk(dice, count, 60.0, 1.0).iter().map(|pages| pages * 4096.0).collect()),
    ("gauge, all digits", |dice, count| (0..count).map(|_| dice.unit()).collect()),
    ("bucket, rarely hit", |dice, count| counter(dice, count, 0.1, 1.0)),
    ("bucket, unused", |_, count| vec![0.0; count]),
    ("bucket, 20 a sample", |dice, count| counter(dice, count, 20.0, 1.0)),
    ("bucket, 60 a sample", |dice, count| counter(dice, count, 60.0, 1.0)),
    ("histogram sum, seconds", |dice, count| {
        let mut sum = 1e4 * dice.unit();
        (0..count)
            .map(|_| {
                sum += 6.0 * (0.5 + dice.unit());
                sum
            })
            .collect()
    }),
];

fn times(dice: &mut Dice, count: usize, jitter: u64) -> Vec<i64> {
    let start = 1_780_315_200_000 + (dice.next() % 15_000) as i64;
    (0..count as i64).map(|index| start + index * 15_000 + (dice.next() % (jitter + 1)) as i64).collect()
}

fn main() {
    println!("| samples a chunk | series | values B/sample | decode M samples/s | encode M samples/s |");
    println!("|---|---|---|---|---|");
    for count in [240, 480, 960] {
        let mut dice = Dice(7);
        let target_times: Vec<Vec<i64>> = (0..TARGETS).map(|_| times(&mut dice, count, 12)).collect();
        let (mut all_bytes, mut all_samples, mut all_times) = (0, 0, 0);
        let mut everything = Vec::new();
        for (name, family) in FAMILIES {
            let values: Vec<Vec<f64>> = (0..TARGETS).map(|_| family(&mut dice, count)).collect();
            let mut encode = f64::MAX;
            let mut chunks: Vec<Chunk> = Vec::new();
            for _ in 0..ROUNDS {
                let start = Instant::now();
                chunks = values
                    .iter()
                    .zip(&target_times)
                    .map(|(values, times)| encode_floats(times, values, &StartTimes::default(), 1 << 50))
                    .collect();
                encode = encode.min(start.elapsed().as_secs_f64());
            }
            let samples = TARGETS * count;
            let bytes: usize = chunks.iter().map(|chunk| chunk.values.len()).sum();
            println!(
                "| {count} | {name} | {:.3} | {:.0} | {:.1} |",
                bytes as f64 / samples as f64,
                samples as f64 / decode(&chunks) / 1e6,
                samples as f64 / encode / 1e6
            );
            // What general compression makes of the column of times of one metric in blocks of 1 MiB.
            let column: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.times.iter().copied()).collect();
            all_times += column.len();
            all_bytes += bytes;
            all_samples += samples;
            everything.extend(chunks);
        }
        let column: Vec<u8> = everything.iter().flat_map(|chunk| chunk.times.iter().copied()).collect();
        let packed: usize =
            column.chunks(1 << 20).map(|block| zstd::bulk::compress(block, 3).expect("memory").len()).sum();
        println!(
            "| {count} | all | {:.3} values + {:.3} times ({:.3} before general compression) = {:.3} | {:.0} | |",
            all_bytes as f64 / all_samples as f64,
            packed as f64 / all_samples as f64,
            all_times as f64 / all_samples as f64,
            (all_bytes + packed) as f64 / all_samples as f64,
            all_samples as f64 / decode(&everything) / 1e6
        );
    }
}

/// Seconds to decode times and values of all.
fn decode(chunks: &[Chunk]) -> f64 {
    let mut scratch = Scratch::default();
    let (mut timestamps, mut floats) = (Vec::new(), Vec::new());
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for chunk in chunks {
            decode_times(&chunk.times, &mut timestamps, &mut scratch).expect("a chunk");
            decode_values(&chunk.values, &mut floats, &mut scratch).expect("a chunk");
            black_box((&timestamps, &floats));
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}
