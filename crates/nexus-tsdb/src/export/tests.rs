use super::chunks::crc32c;
use super::{Encoding, finish, write_series};
use nexus_promql::source::Samples;
use nexus_series::histogram::{Histogram, ResetHint, Span};
use std::sync::Arc;

/// Reads what was written, bit by bit.
struct Reader<'a>(&'a [u8], usize);

impl Reader<'_> {
    fn bits(&mut self, count: usize) -> u64 {
        (0..count).fold(0, |value, _| {
            let bit = self.0[self.1 / 8] >> (7 - self.1 % 8) & 1;
            self.1 += 1;
            value << 1 | u64::from(bit)
        })
    }

    fn uvarint(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.bits(8);
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }

    fn varint(&mut self) -> i64 {
        let value = self.uvarint();
        (value >> 1) as i64 ^ -((value & 1) as i64)
    }

    fn signed(&mut self, count: usize) -> i64 {
        let value = self.bits(count) as i64;
        // The highest number of a size is positive.
        if count < 64 && value > 1 << (count - 1) { value - (1 << count) } else { value }
    }

    fn ones(&mut self, most: usize) -> usize {
        (0..most).take_while(|_| self.bits(1) == 1).count()
    }

    fn time(&mut self) -> i64 {
        match self.ones(4) {
            0 => 0,
            1 => self.signed(14),
            2 => self.signed(17),
            3 => self.signed(20),
            _ => self.signed(64),
        }
    }

    fn varbit(&mut self) -> i64 {
        let size = [0, 3, 6, 9, 12, 18, 25, 56, 64][self.ones(8)];
        if size == 0 { 0 } else { self.signed(size) }
    }

    fn uvarbit(&mut self) -> u64 {
        let size = [0, 3, 6, 9, 12, 18, 25, 56, 64][self.ones(8)];
        self.bits(size)
    }

    fn float(&mut self, state: &mut (u64, usize, usize)) -> f64 {
        if self.bits(1) == 1 {
            if self.bits(1) == 1 {
                state.1 = self.bits(5) as usize;
                let significant = match self.bits(6) as usize {
                    0 => 64,
                    other => other,
                };
                state.2 = 64 - state.1 - significant;
            }
            state.0 ^= self.bits(64 - state.1 - state.2) << state.2;
        }
        f64::from_bits(state.0)
    }
}

/// Fields of a message: (number, integer or bytes).
fn fields(mut data: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
    fn varint(data: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = data[0];
            *data = &data[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }
    let mut found = Vec::new();
    while !data.is_empty() {
        let key = varint(&mut data);
        match key & 7 {
            0 => {
                let value = varint(&mut data);
                found.push((key >> 3, value, Vec::new()));
            }
            1 => {
                found.push((key >> 3, u64::from_le_bytes(data[..8].try_into().unwrap()), Vec::new()));
                data = &data[8..];
            }
            _ => {
                let length = varint(&mut data) as usize;
                found.push((key >> 3, 0, data[..length].to_vec()));
                data = &data[length..];
            }
        }
    }
    found
}

/// Chunks of all frames: (first, last, kind, data).
fn chunks(mut out: &[u8]) -> Vec<(i64, i64, u64, Vec<u8>)> {
    let mut found = Vec::new();
    while !out.is_empty() {
        let mut reader = Reader(out, 0);
        let length = reader.uvarint() as usize;
        let at = reader.1 / 8;
        let message = &out[at + 4..at + 4 + length];
        assert_eq!(out[at..at + 4], crc32c(message).to_be_bytes());
        for (number, _, series) in fields(message) {
            assert_eq!(number, 1);
            for (_, _, chunk) in fields(&series).into_iter().filter(|field| field.0 == 2) {
                let parts = fields(&chunk);
                let integer = |field| parts.iter().find(|part| part.0 == field).map_or(0, |part| part.1);
                let data = parts.iter().find(|part| part.0 == 4).unwrap().2.clone();
                found.push((integer(1) as i64, integer(2) as i64, integer(3), data));
            }
        }
        out = &out[at + 4 + length..];
    }
    found
}

fn floats(data: &[u8]) -> Vec<(i64, f64)> {
    let mut reader = Reader(data, 0);
    let count = reader.bits(16);
    let mut time = reader.varint();
    let mut state = (reader.bits(64), 0, 0);
    let mut found = vec![(time, f64::from_bits(state.0))];
    let mut delta = 0;
    for number in 1..count {
        delta = if number == 1 { reader.uvarint() as i64 } else { delta + reader.time() };
        time += delta;
        found.push((time, reader.float(&mut state)));
    }
    found
}

fn histogram(count: f64, positive: &[f64]) -> Histogram {
    Histogram {
        schema: 3,
        zero_threshold: 2f64.powi(-128),
        zero_count: 1.0,
        count,
        sum: count * 1.5,
        positive_spans: vec![Span { offset: -2, length: positive.len() as u32 }],
        positive: positive.to_vec(),
        ..Histogram::default()
    }
}

#[test]
fn crc_is_castagnoli() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn floats_come_back_bit_for_bit() {
    let mut seed = 88_172_645_463_325_252u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for round in 0..200 {
        let mut samples = Samples::default();
        let mut time = (random() % 1000) as i64 - 500;
        for number in 0..=(random() % 400) {
            let step = match (round + number) % 7 {
                0 => 1 + random() % 5,
                1 => 1 + random() % 100_000,
                2 => 1 + random() % (1 << 40),
                _ => 15_000,
            };
            time += step as i64;
            samples.timestamps.push(time);
            samples.values.push(match random() % 5 {
                0 => f64::from_bits(random()),
                1 => samples.values.last().copied().unwrap_or(1.0),
                2 => f64::from_bits(nexus_series::STALE_NAN),
                _ => (random() % 1000) as f64 / 8.0,
            });
        }
        let mut out = Vec::new();
        write_series(Encoding::Chunks, &[("__name__", "m")], &samples, &mut out);
        let found: Vec<(i64, u64)> = chunks(&out)
            .iter()
            .flat_map(|chunk| {
                assert_eq!(chunk.2, 1);
                let inside = floats(&chunk.3);
                assert_eq!((inside[0].0, inside[inside.len() - 1].0), (chunk.0, chunk.1));
                inside
            })
            .map(|(time, value)| (time, value.to_bits()))
            .collect();
        let expected: Vec<(i64, u64)> =
            samples.timestamps.iter().zip(&samples.values).map(|(time, value)| (*time, value.to_bits())).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn chunks_of_both_kinds_follow_each_other() {
    let samples = Samples {
        timestamps: vec![1, 2, 30, 40],
        values: vec![1.0, 2.0, 3.0, 4.0],
        histograms: vec![
            (10, Arc::new(histogram(3.0, &[1.0, 1.0]))),
            (20, Arc::new(histogram(5.0, &[2.0, 2.0]))),
            (25, Arc::new(histogram(6.0, &[2.0, 2.0, 1.0]))),
            (50, Arc::new(histogram(2.0, &[0.0, 1.0, 0.0]))),
        ],
        ..Samples::default()
    };
    let mut out = Vec::new();
    write_series(Encoding::Chunks, &[("__name__", "m")], &samples, &mut out);
    let found = chunks(&out);
    let shape: Vec<_> = found.iter().map(|chunk| (chunk.0, chunk.1, chunk.2)).collect();
    assert_eq!(shape, [(1, 2, 1), (10, 20, 3), (25, 25, 3), (30, 40, 1), (50, 50, 3)]);

    let mut reader = Reader(&found[1].3, 0);
    assert_eq!(reader.bits(16), 2);
    assert_eq!(reader.bits(8), 0);
    assert_eq!(reader.bits(8), 243 - 127);
    assert_eq!(reader.varbit(), 3);
    assert_eq!((reader.uvarbit(), reader.uvarbit(), reader.varbit()), (1, 2, -2));
    assert_eq!(reader.uvarbit(), 0);
    assert_eq!(reader.varbit(), 10);
    let mut state: Vec<(u64, usize, usize)> = (0..5).map(|_| (reader.bits(64), 0, 0)).collect();
    assert_eq!(state.iter().map(|one| f64::from_bits(one.0)).collect::<Vec<_>>(), [3.0, 1.0, 4.5, 1.0, 1.0]);
    assert_eq!(reader.varbit(), 10);
    let next: Vec<f64> = state.iter_mut().map(|one| reader.float(one)).collect();
    assert_eq!(next, [5.0, 1.0, 7.5, 2.0, 2.0]);
}

#[test]
fn no_reset_of_histograms_stands_inside_of_a_chunk() {
    // A reader takes what follows in a chunk for not reset, so a bucket that shrank begins another one.
    let counts = [[1.0, 1.0], [2.0, 2.0], [5.0, 1.0], [6.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let one =
        |(at, buckets): (usize, &[f64; 2])| (at as i64, Arc::new(histogram(1.0 + buckets[0] + buckets[1], buckets)));
    let counters = Samples { histograms: counts.iter().enumerate().map(one).collect(), ..Samples::default() };
    let shape = |samples: &Samples| {
        let mut out = Vec::new();
        write_series(Encoding::Chunks, &[("__name__", "m")], samples, &mut out);
        chunks(&out).iter().map(|chunk| (chunk.0, chunk.1)).collect::<Vec<_>>()
    };
    assert_eq!(shape(&counters), [(0, 1), (2, 3), (4, 5)]);
    let mut gauges = counters.clone();
    for (_, one) in &mut gauges.histograms {
        Arc::make_mut(one).hint = ResetHint::Gauge;
    }
    assert_eq!(shape(&gauges), [(0, 5)]);
    Arc::make_mut(&mut gauges.histograms[3].1).hint = ResetHint::Unknown;
    assert_eq!(shape(&gauges), [(0, 2), (3, 3), (4, 5)]);
}

#[test]
fn samples_are_messages() {
    let samples = Samples {
        timestamps: vec![0, 1000],
        values: vec![0.0, -2.5],
        histograms: vec![(5, Arc::new(histogram(3.0, &[1.0, 1.0])))],
        ..Samples::default()
    };
    let mut out = Vec::new();
    write_series(Encoding::Samples, &[("__name__", "m"), ("job", "a")], &samples, &mut out);
    let result = fields(&out);
    assert_eq!(result.len(), 1);
    let series = fields(&result[0].2);
    assert_eq!(series.iter().map(|field| field.0).collect::<Vec<_>>(), [1, 1, 2, 2, 4]);
    assert_eq!(fields(&series[3].2), [(1, (-2.5f64).to_bits(), vec![]), (2, 1000, vec![])]);
    let one = fields(&series[4].2);
    assert!(
        one.contains(&(2, 3.0f64.to_bits(), vec![])) && one.contains(&(15, 5, vec![])) && one.contains(&(4, 6, vec![]))
    );
}

#[test]
fn text_is_openmetrics() {
    let samples = Samples { timestamps: vec![1500, -1], values: vec![f64::INFINITY, 0.1], ..Samples::default() };
    let mut out = Vec::new();
    write_series(Encoding::Text, &[("__name__", "m:x"), ("a", "q\"\\\n"), ("b.c", "2")], &samples, &mut out);
    write_series(Encoding::Text, &[("__name__", "n.o")], &samples, &mut out);
    write_series(Encoding::Text, &[("__name__", "none")], &Samples::default(), &mut out);
    finish(Encoding::Text, &mut out);
    let expected = "m:x{a=\"q\\\"\\\\\\n\",\"b.c\"=\"2\"} +Inf 1.500\nm:x{a=\"q\\\"\\\\\\n\",\"b.c\"=\"2\"} 0.1 -0.001\n\
                    {\"n.o\"} +Inf 1.500\n{\"n.o\"} 0.1 -0.001\n# EOF\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}
