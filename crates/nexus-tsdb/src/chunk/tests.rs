use super::*;
use nexus_series::STALE_NAN;
use nexus_series::histogram::{ResetHint, Span};

/// Small reproducible random numbers.
pub(crate) struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn odd(dice: &mut Dice) -> f64 {
    match dice.below(12) {
        0 => f64::from_bits(STALE_NAN),
        1 => f64::NAN,
        2 => f64::from_bits(dice.next() | 0x7ff0_0000_0000_0000),
        3 => f64::INFINITY,
        4 => f64::NEG_INFINITY,
        5 => -0.0,
        6 => f64::from_bits(dice.below(1 << 40)),
        7 => f64::MAX,
        8 => -f64::MIN_POSITIVE,
        _ => f64::from_bits(dice.next()),
    }
}

fn some_values(dice: &mut Dice, count: usize) -> Vec<f64> {
    let kind = dice.below(9);
    let strange = [0, 0, 3, 100][dice.below(4) as usize];
    let mut sum = dice.below(1 << 40) as f64;
    let scale = [1.0, 10.0, 100.0, 1e6][dice.below(4) as usize];
    (0..count)
        .map(|_| {
            if dice.below(100) < strange {
                return odd(dice);
            }
            match kind {
                0 => 7.5,
                1 => {
                    sum += dice.below(50) as f64;
                    sum
                }
                2 => dice.below(100_000) as f64 / scale,
                3 => (dice.below(1 << 20) * 4096) as f64,
                4 => dice.next() as f64 / u64::MAX as f64,
                5 => {
                    sum += dice.next() as f64 / 1e19;
                    sum
                }
                6 => -(dice.below(1 << 53) as f64),
                7 => f64::from(u8::from(dice.below(60) == 0)),
                _ => dice.next() as f64,
            }
        })
        .collect()
}

pub(crate) fn some_times(dice: &mut Dice, count: usize) -> Vec<i64> {
    let kind = dice.below(5);
    let mut time = match dice.below(4) {
        0 => -(dice.below(1 << 41) as i64),
        1 => i64::MIN + 5,
        _ => dice.below(1 << 41) as i64,
    };
    (0..count)
        .map(|_| {
            let step = match kind {
                0 => 15_000,
                1 => 14_990 + dice.below(20),
                2 => 15_000 * (1 + u64::from(dice.below(20) == 0)) + dice.below(5),
                3 => 1 + dice.below(1 << 40),
                _ => 1,
            };
            time += step as i64;
            time
        })
        .collect()
}

/// Of hexadecimal digits.
pub(crate) fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// Start times as they come: none, of a process, of deltas, anything.
fn some_starts(dice: &mut Dice, times: &[i64]) -> StartTimes {
    let kind = dice.below(5);
    let start = |index: usize, dice: &mut Dice| match kind {
        0 | 1 => 0,
        2 => 1_700_000_000_000 + index as i64 / 30,
        3 if index > 0 => times[index - 1],
        3 => 0,
        _ => dice.next() as i64,
    };
    (0..times.len()).map(|index| start(index, dice)).collect()
}

fn read_starts(runs: &starts::Runs, times: &[i64]) -> StartTimes {
    let mut read = StartTimes::default();
    runs.read(times, 0..times.len(), &mut read, 0);
    read
}

#[test]
fn chunks_without_start_times_are_as_they_always_were() {
    let times = bytes("10588b3098031415010b00000000010000");
    let values = bytes("10b726713e03ceffeecc8cc9b006010100001405004065");
    let sequence = ValuesHeader::read(&values).unwrap().sequence;
    let chunk = encode_floats(&[10, 20, 31], &[1.0, 2.0, 3.5], &StartTimes::default(), sequence);
    assert_eq!((&chunk.times, &chunk.values), (&times, &values));
    let mut floats = Vec::new();
    let (_, runs) = decode_values(&values, &mut floats, &mut Scratch::default()).unwrap();
    assert!(runs.is_empty() && floats == [1.0, 2.0, 3.5]);
}

#[test]
fn floats_come_back_bit_for_bit() {
    let mut dice = Dice(1);
    let mut scratch = Scratch::default();
    let (mut timestamps, mut floats) = (Vec::new(), Vec::new());
    for round in 0..4000 {
        let count = 1 + dice.below([1, 3, 40, 600][round % 4]) as usize;
        let times = some_times(&mut dice, count);
        let values = some_values(&mut dice, count);
        let starts = some_starts(&mut dice, &times);
        let chunk = encode_floats(&times, &values, &starts, round as u64);
        decode_times(&chunk.times, &mut timestamps, &mut scratch).unwrap();
        let (_, runs) = decode_values(&chunk.values, &mut floats, &mut scratch).unwrap();
        assert_eq!(read_starts(&runs, &times), starts, "round {round}");
        assert_eq!(timestamps, times, "round {round}");
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert!(bits(&floats) == bits(&values), "round {round}");
        let head = TimesHeader::read(&chunk.times).unwrap();
        assert_eq!((head.count, head.first, head.last), (count, times[0], times[count - 1]));
        assert_eq!(ValuesHeader::read(&chunk.values).unwrap().sequence, round as u64);
    }
}

#[test]
fn times_at_the_ends_of_what_there_is_come_back() {
    let times = [i64::MIN, -1, 0, i64::MAX];
    let chunk = encode_floats(&times, &[1.0; 4], &StartTimes::default(), 0);
    let mut timestamps = Vec::new();
    decode_times(&chunk.times, &mut timestamps, &mut Scratch::default()).unwrap();
    assert_eq!(timestamps, times);
}

pub(crate) fn some_histogram(dice: &mut Dice, layout: u64) -> Histogram {
    let buckets = 1 + (layout % 7) as usize;
    let mut counts = |count: usize| (0..count).map(|_| dice.below(1000) as f64).collect::<Vec<_>>();
    let positive = counts(buckets);
    let negative = counts(if layout.is_multiple_of(2) { 0 } else { 2 });
    Histogram {
        schema: if layout.is_multiple_of(5) { -53 } else { 3 },
        zero_threshold: 0.001,
        zero_count: dice.below(5) as f64,
        count: dice.below(10_000) as f64,
        sum: if dice.below(30) == 0 { f64::from_bits(STALE_NAN) } else { dice.next() as f64 / 1e15 },
        positive_spans: vec![Span { offset: -3, length: 1 }, Span { offset: 2, length: positive.len() as u32 - 1 }],
        positive,
        negative_spans: if negative.is_empty() { vec![] } else { vec![Span { offset: 0, length: 2 }] },
        negative,
        custom_values: if layout.is_multiple_of(5) { vec![0.5, 1.0] } else { vec![] },
        hint: [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge][layout as usize % 4],
    }
}

#[test]
fn histograms_come_back() {
    let mut dice = Dice(2);
    for round in 0..300 {
        let count = 1 + dice.below(200) as usize;
        let times = some_times(&mut dice, count);
        let change = 1 + dice.below(50);
        let mut layout = 0;
        let samples: Vec<_> = times
            .iter()
            .map(|&time| {
                if dice.below(change) == 0 {
                    layout = dice.below(12);
                }
                (time, Arc::new(some_histogram(&mut dice, layout)))
            })
            .collect();
        let times: Vec<i64> = samples.iter().map(|(time, _)| *time).collect();
        let starts = some_starts(&mut dice, &times);
        let chunk = encode_histograms(&samples, &starts, 9);
        let (Values::Histograms(back), runs) =
            decode_values(&chunk.values, &mut Vec::new(), &mut Scratch::default()).unwrap()
        else {
            panic!("histograms were written")
        };
        assert_eq!(read_starts(&runs, &times), starts, "round {round}");
        for ((_, wanted), found) in samples.iter().zip(&back) {
            assert_eq!(wanted.sum.to_bits(), found.sum.to_bits(), "round {round}");
            assert_eq!(Histogram { sum: 0.0, ..(**wanted).clone() }, Histogram { sum: 0.0, ..found.clone() });
        }
    }
}

#[test]
fn damaged_chunks_are_errors() {
    let mut dice = Dice(3);
    let mut scratch = Scratch::default();
    let (mut timestamps, mut floats) = (Vec::new(), Vec::new());
    for round in 0..6000 {
        let count = 1 + dice.below(400) as usize;
        let mut chunk = if round % 5 == 0 {
            let samples: Vec<_> = (0..count.min(40))
                .map(|time| (time as i64, Arc::new(some_histogram(&mut dice, round / 50 % 12))))
                .collect();
            encode_histograms(&samples, &StartTimes::default(), 1)
        } else {
            encode_floats(&some_times(&mut dice, count), &some_values(&mut dice, count), &StartTimes::default(), 1)
        };
        for blob in [&mut chunk.times, &mut chunk.values] {
            let at = dice.below(blob.len() as u64) as usize;
            match dice.below(3) {
                0 => blob.truncate(at),
                1 => blob[at] = dice.next() as u8,
                _ => blob[at] ^= 1 << dice.below(8),
            }
            if round % 2 == 0 {
                header::sign_again(blob);
            }
        }
        // A good checksum over other bytes may be a chunk again; no answer is a panic or more than a chunk can hold.
        if decode_times(&chunk.times, &mut timestamps, &mut scratch).is_ok() {
            assert!(timestamps.len() <= MAX_SAMPLES);
        }
        let _ = decode_values(&chunk.values, &mut floats, &mut scratch);
    }
    assert_eq!(decode_times(&[], &mut timestamps, &mut scratch), Err(Damaged("it has no header")));
}

#[test]
fn equal_times_have_equal_bytes_and_regular_ones_take_none() {
    let times: Vec<i64> = (0..480).map(|index| 1_700_000_000_000 + index * 15_000).collect();
    let one = encode_floats(&times, &[1.0; 480], &StartTimes::default(), 1);
    let other = encode_floats(&times, &some_values(&mut Dice(4), 480), &StartTimes::default(), 2);
    assert_eq!(one.times, other.times);
    assert!(one.times.len() < 32, "{}", one.times.len());
    assert!(one.values.len() < 24, "{}", one.values.len());
}

#[test]
fn a_cut_leaves_the_rest() {
    let starts = |starts: &[i64]| starts.iter().copied().collect::<StartTimes>();
    let chunk = encode_floats(&[1, 2, 3, 4], &[1.0, f64::NAN, 3.0, 4.0], &starts(&[0, 1, 2, 3]), 5);
    let (left, first, last, count) =
        cut::without(&chunk.times, &chunk.values, 2, 3, &mut Scratch::default()).unwrap().unwrap();
    assert_eq!((first, last, count), (1, 4, 2));
    assert_eq!(left, encode_floats(&[1, 4], &[1.0, 4.0], &starts(&[0, 3]), 5));
    assert_eq!(cut::without(&chunk.times, &chunk.values, 0, 9, &mut Scratch::default()), Ok(None));
}
