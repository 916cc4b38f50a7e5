//! Chunks of the tables of metrics, each with a byte in front that chooses the checksum.

use nexus_series::histogram::{Histogram, Span};
use nexus_series::starts::StartTimes;
use nexus_tsdb::chunk::windows::{self, Rolled};
use nexus_tsdb::chunk::{Chunk, encode_floats, encode_histograms};
use std::sync::Arc;

fn both(chunk: &Chunk) -> [Vec<u8>; 2] {
    [[&[1], &chunk.times[..]].concat(), [&[1], &chunk.values[..]].concat()]
}

/// Each scheme of times and values.
pub fn small() -> Vec<Vec<u8>> {
    let times: Vec<i64> = (0..100).map(|at| 1_700_000_000_000 + at * 15_000 + at * at % 7).collect();
    let families: [fn(i64) -> f64; 6] = [
        |_| 1.0,
        |at| (at * 3 + at % 5) as f64,
        |at| (at * at % 97) as f64 / 100.0,
        |at| (at as f64).sqrt(),
        |at| if at % 40 == 0 { f64::NAN } else { 4096.0 * (at % 9) as f64 },
        |at| f64::from_bits((at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
    ];
    let mut all: Vec<Vec<u8>> = families
        .iter()
        .flat_map(|family| {
            let values: Vec<f64> = (0..100).map(family).collect();
            both(&encode_floats(&times, &values, &StartTimes::default(), 5))
        })
        .collect();
    let histograms: Vec<_> = times
        .iter()
        .map(|&time| {
            let histogram = Histogram {
                schema: 3,
                count: time as f64,
                positive_spans: vec![Span { offset: 1, length: 2 }],
                positive: vec![time as f64, 1.0],
                ..Histogram::default()
            };
            (time, Arc::new(histogram))
        })
        .collect();
    all.extend(both(&encode_histograms(&histograms, &StartTimes::default(), 6)));
    // Start times: none for a while, then a process, deltas, anything.
    let start = |at: usize| match at / 25 {
        0 => 0,
        1 => times[0] - 99_999,
        2 => times[at - 1],
        _ => times[at] * at as i64,
    };
    let starts: StartTimes = (0..times.len()).map(start).collect();
    all.extend(both(&encode_floats(&times, &vec![1.0; times.len()], &starts, 7)));
    all.extend(both(&encode_histograms(&histograms, &starts, 8)));
    let mut rolled = Rolled { ends: times.iter().map(|time| time - time % 300_000).collect(), ..Rolled::default() };
    rolled.ends.dedup();
    for (number, column) in rolled.columns.iter_mut().enumerate() {
        column.extend(rolled.ends.iter().map(|end| (end % 7 * (number as i64 % 4)) as f64));
    }
    all.extend(both(&windows::encode(&rolled, 300_000, 7)));
    all.extend(both(&windows::encode_none(300_000, 7)));
    all
}

/// Chunks of as many samples as there can be, and claims of more than there is.
pub fn heavy() -> Vec<Vec<u8>> {
    let times: Vec<i64> = (0..1 << 14).map(|at| at * 15_000).collect();
    let values: Vec<f64> = times.iter().map(|time| (*time as f64).sin()).collect();
    let claims = [&[1, 0x10, 0, 0, 0, 0, 0xff, 0x7f], &[0xff; 64][..]].concat();
    both(&encode_floats(&times, &values, &StartTimes::default(), 1)).into_iter().chain([claims]).collect()
}
