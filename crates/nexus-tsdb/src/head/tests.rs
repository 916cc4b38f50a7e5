use super::*;
use crate::chunk::starts::Runs;
use crate::chunk::tests::Dice;
use nexus_series::STALE_NAN;
use std::collections::BTreeMap;

const SHAPE: Shape = Shape { chunk_ms: 3_600_000, chunk_samples: 100 };

fn value(dice: &mut Dice, last: f64) -> f64 {
    match dice.below(10) {
        0 => f64::from_bits(STALE_NAN),
        1 => dice.next() as f64 / 1e19,
        2 => f64::from_bits(dice.next()),
        3 => -0.0,
        4 => last,
        5 => dice.below(1000) as f64 / 100.0,
        _ => last.abs().min(1e9).floor() + dice.below(9) as f64,
    }
}

/// When a sample of a round says that it began.
fn start(dice: &mut Dice, round: u64, time: i64, before: Option<i64>) -> i64 {
    match round % 5 {
        0 | 1 => 0,
        2 => -9_000_000,
        3 => before.unwrap_or(0),
        _ => [0, time - 5, -9_000_000, dice.next() as i64][dice.below(4) as usize],
    }
}

#[test]
fn an_open_stream_reads_as_it_was_written() {
    let mut dice = Dice(11);
    for round in 0..200 {
        let mut open = Open::default();
        let (mut wanted, mut time, mut last) = (Vec::new(), -5_000_000i64, 0.0);
        for _ in 0..=dice.below(300) {
            time += [15_000, 1, 14_995 + dice.below(10) as i64, 1 << 45][dice.below(3 + round % 2) as usize];
            last = value(&mut dice, last);
            let start = start(&mut dice, round, time, wanted.last().map(|one: &(i64, i64, u64)| one.0));
            open.push(time, start, last);
            wanted.push((time, start, last.to_bits()));
        }
        let none = Runs::default();
        let again = Open::from_parts(open.parts().0, open.count(), open.starts().unwrap_or(&none));
        assert_eq!(again.parts(), open.parts());
        assert_eq!(again.last_start(), open.last_start());
        for _ in 0..20 {
            let pick = |dice: &mut Dice| wanted[dice.below(wanted.len() as u64) as usize].0 + dice.below(3) as i64 - 1;
            let (from, to) = (pick(&mut dice), pick(&mut dice));
            let mut read = Samples::default();
            open.read(from, to, &mut read);
            let found: Vec<_> = (0..read.values.len())
                .map(|index| (read.timestamps[index], read.starts.at(index), read.values[index].to_bits()))
                .collect();
            let wanted: Vec<_> = wanted.iter().copied().filter(|(time, ..)| (from..=to).contains(time)).collect();
            assert_eq!(found, wanted);
        }
        let (from, to) = (wanted[wanted.len() / 3].0, wanted[wanted.len() / 2].0);
        let mut cut = open.clone();
        assert_eq!(cut.erase(from, to), wanted.len() / 2 - wanted.len() / 3 + 1);
    }
}

#[test]
fn of_one_time_the_last_sample_counts() {
    let mut dice = Dice(12);
    for round in 0..100 {
        let started = round % 2 == 0;
        let mut head = SeriesHead { stagger: dice.below(3_600_000) as i32, ..SeriesHead::default() };
        let mut wanted: BTreeMap<i64, (i64, Value)> = BTreeMap::new();
        let mut now = 1_700_000_000_000i64;
        for sequence in 1..=dice.below(800) {
            let late = dice.below(10) == 0;
            now += if dice.below(40) == 0 { 3_000_000 } else { 15_000 };
            let time = if late { now - 15_000 * dice.below(500) as i64 } else { now };
            let start = if started { time - 15_000 * dice.below(2) as i64 - 7 } else { 0 };
            if dice.below(12) == 0 {
                let value = Value::Histogram(Arc::new(crate::chunk::tests::some_histogram(&mut dice, 3)));
                wanted.insert(time, (start, value.clone()));
                head.push_late(LateSample { time, start, value }, sequence, 0, SHAPE);
            } else {
                let value = dice.below(100) as f64;
                wanted.insert(time, (start, Value::Float(value)));
                head.push((time, start), value, sequence, 0, SHAPE);
            }
            if dice.below(100) == 0 {
                head.close();
            }
        }
        let mut found: BTreeMap<i64, (u64, (i64, Value))> = BTreeMap::new();
        let mut put = |samples: &Samples, sequence: u64| {
            let floats = (0..samples.values.len())
                .map(|at| (samples.timestamps[at], samples.starts.at(at), Value::Float(samples.values[at])));
            let histograms = (0..samples.histograms.len()).map(|at| {
                let (time, one) = &samples.histograms[at];
                (*time, samples.histogram_starts.at(at), Value::Histogram(one.clone()))
            });
            for (time, start, value) in floats.chain(histograms) {
                if found.get(&time).is_none_or(|(before, _)| sequence >= *before) {
                    found.insert(time, (sequence, (start, value)));
                }
            }
        };
        let all = (i64::MIN, i64::MAX);
        for piece in head.pieces() {
            let mut samples = Samples::default();
            piece.read(all.0, all.1, &mut samples);
            put(&samples, piece.sequence);
            assert!(!matches!(&piece.body, Body::Floats(open) if open.last() - open.first() >= SHAPE.chunk_ms));
        }
        let mut samples = Samples::default();
        head.open.read(all.0, all.1, &mut samples);
        let sequence = head.sequence() << 1;
        put(&samples, sequence);
        for LateSample { time, start, value } in head.late().map(|late| late.read(all.0, all.1)).unwrap_or_default() {
            let mut samples = Samples::default();
            match value {
                Value::Float(value) => {
                    samples.timestamps.push(time);
                    samples.values.push(value);
                    samples.starts.set(0, start);
                }
                Value::Histogram(one) => {
                    samples.histograms.push((time, one));
                    samples.histogram_starts.set(0, start);
                }
            }
            put(&samples, sequence | 1);
        }
        let found: BTreeMap<i64, (i64, Value)> = found.into_iter().map(|(time, (_, value))| (time, value)).collect();
        // NaN sums of histograms are compared by their bits in the tests of chunks.
        assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
    }
}
