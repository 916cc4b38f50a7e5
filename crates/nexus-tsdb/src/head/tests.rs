use super::*;
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

#[test]
fn an_open_stream_reads_as_it_was_written() {
    let mut dice = Dice(11);
    for round in 0..200 {
        let mut open = Open::default();
        let (mut wanted, mut time, mut last) = (Vec::new(), -5_000_000i64, 0.0);
        for _ in 0..=dice.below(300) {
            time += [15_000, 1, 14_995 + dice.below(10) as i64, 1 << 45][dice.below(3 + round % 2) as usize];
            last = value(&mut dice, last);
            open.push(time, last);
            wanted.push((time, last.to_bits()));
        }
        let again = Open::from_parts(open.parts().0, open.count());
        assert_eq!(again.parts(), open.parts());
        for _ in 0..20 {
            let pick = |dice: &mut Dice| wanted[dice.below(wanted.len() as u64) as usize].0 + dice.below(3) as i64 - 1;
            let (from, to) = (pick(&mut dice), pick(&mut dice));
            let (mut timestamps, mut values) = (Vec::new(), Vec::new());
            open.read(from, to, &mut timestamps, &mut values);
            let found: Vec<_> = timestamps.into_iter().zip(values.iter().map(|value| value.to_bits())).collect();
            let wanted: Vec<_> = wanted.iter().copied().filter(|(time, _)| (from..=to).contains(time)).collect();
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
    for _ in 0..100 {
        let mut head = SeriesHead { stagger: dice.below(3_600_000) as i32, ..SeriesHead::default() };
        let mut wanted = BTreeMap::new();
        let mut now = 1_700_000_000_000i64;
        for sequence in 1..=dice.below(800) {
            let late = dice.below(10) == 0;
            now += if dice.below(40) == 0 { 3_000_000 } else { 15_000 };
            let time = if late { now - 15_000 * dice.below(500) as i64 } else { now };
            if dice.below(12) == 0 {
                let histogram = Arc::new(crate::chunk::tests::some_histogram(&mut dice, 3));
                wanted.insert(time, Value::Histogram(histogram.clone()));
                head.push_late(time, Value::Histogram(histogram), sequence, 0, SHAPE);
            } else {
                let value = dice.below(100) as f64;
                wanted.insert(time, Value::Float(value));
                head.push(time, value, sequence, 0, SHAPE);
            }
            if dice.below(100) == 0 {
                head.close(SHAPE);
            }
        }
        let mut found: BTreeMap<i64, (u64, Value)> = BTreeMap::new();
        let mut put = |time: i64, sequence: u64, value: Value| {
            if found.get(&time).is_none_or(|(before, _)| sequence >= *before) {
                found.insert(time, (sequence, value));
            }
        };
        for piece in head.pieces() {
            let (mut timestamps, mut values) = (Vec::new(), Vec::new());
            piece.read_floats(i64::MIN, i64::MAX, &mut timestamps, &mut values);
            timestamps.iter().zip(&values).for_each(|(time, value)| put(*time, piece.sequence, Value::Float(*value)));
            if let Body::Histograms(samples) = &piece.body {
                for (time, one) in samples {
                    put(*time, piece.sequence, Value::Histogram(one.clone()));
                }
            }
            assert!(!matches!(&piece.body, Body::Floats(open) if open.last() - open.first() >= SHAPE.chunk_ms));
        }
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        head.open.read(i64::MIN, i64::MAX, &mut timestamps, &mut values);
        let sequence = head.sequence() << 1;
        timestamps.iter().zip(&values).for_each(|(time, value)| put(*time, sequence, Value::Float(*value)));
        for (time, value) in head.late().map(|late| late.read(i64::MIN, i64::MAX)).unwrap_or_default() {
            put(time, sequence | 1, value);
        }
        let found: BTreeMap<i64, Value> = found.into_iter().map(|(time, (_, value))| (time, value)).collect();
        // NaN sums of histograms are compared by their bits in the tests of chunks.
        assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
    }
}

#[test]
fn floats_that_come_a_little_late_go_into_the_piece() {
    let shape = Shape { chunk_ms: 3_600_000, chunk_samples: 400 };
    let mut head = SeriesHead::default();
    let window = 3_600_000;
    let start = 1_800_000_000_000 / 3_600_000 * 3_600_000;
    let mut wanted = BTreeMap::new();
    // Neighbours change places, as over two connections; every tenth sample comes again with another value.
    for at in (0..200i64).map(|at| at ^ 1).chain((0..200).step_by(10)) {
        let (time, value) = (start + at * 15_000, wanted.len() as f64 + at as f64 / 10.0);
        head.push(time, value, 7, 0, shape);
        wanted.insert(time, value);
    }
    assert!(head.close(shape) && !head.close(shape));
    let [piece] = head.pieces() else { panic!("{} pieces", head.pieces().len()) };
    let (mut times, mut values) = (Vec::new(), Vec::new());
    piece.read_floats(i64::MIN, i64::MAX, &mut times, &mut values);
    assert_eq!(times.into_iter().zip(values).collect::<Vec<_>>(), wanted.into_iter().collect::<Vec<_>>());
    assert_eq!((piece.samples(), piece.sequence), (200, 14));
    // What is of the window before stays by itself: the piece would lie over the one before it.
    head.push(start + window + 30_000, 1.0, 8, 0, shape);
    head.push(start + 7, 2.0, 9, 0, shape);
    head.push(start + window + 15_000, 3.0, 9, 0, shape);
    assert!(head.close(shape));
    let bounds: Vec<_> = head.pieces().iter().map(|one| (one.first() - start, one.samples(), one.sequence)).collect();
    assert_eq!(bounds[1..], [(window + 15_000, 2, 16), (7, 1, 17)]);
}
