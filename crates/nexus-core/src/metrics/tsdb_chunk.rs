//! Chunks of Prometheus' database: floats (XOR), histograms of integers and of floats. Bit streams, most significant bit
//! first. Source: Prometheus' `tsdb/docs/format/chunks.md`.

use super::histogram::accept;
use nexus_series::histogram::{CUSTOM_BUCKETS, Histogram, ResetHint, Span};
use nexus_series::{STALE_NAN, is_stale};

/// Samples of a chunk.
pub enum Samples {
    /// Time in ms, value.
    Floats(Vec<(i64, f64)>),
    /// Time in ms, histogram.
    Histograms(Vec<(i64, Histogram)>),
}

const MAX_SPANS: u64 = 4096;

/// Decode a chunk's data. The error says what is wrong.
pub fn decode(encoding: u8, data: &[u8]) -> Result<Samples, String> {
    let short = || "it ends within a sample".to_owned();
    match encoding {
        1 => floats(data).map(Samples::Floats).ok_or_else(short),
        2 => histograms(data, false)?.map(Samples::Histograms).ok_or_else(short),
        3 => histograms(data, true)?.map(Samples::Histograms).ok_or_else(short),
        other => Err(format!("its encoding {other} is not known")),
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits read.
    at: usize,
}

impl Bits<'_> {
    #[inline]
    fn bit(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Some(bit)
    }

    fn bits(&mut self, count: u32) -> Option<u64> {
        let mut value = 0_u64;
        let mut left = count as usize;
        while left > 0 {
            let byte = *self.bytes.get(self.at / 8)?;
            let offset = self.at % 8;
            let take = left.min(8 - offset);
            let piece = (byte >> (8 - offset - take)) & (0xff_u16 >> (8 - take)) as u8;
            value = value << take | u64::from(piece);
            self.at += take;
            left -= take;
        }
        Some(value)
    }

    fn f64(&mut self) -> Option<f64> {
        self.bits(64).map(f64::from_bits)
    }

    fn uvarint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.bits(8)?;
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn varint(&mut self) -> Option<i64> {
        self.uvarint().map(super::remote_write::zigzag)
    }

    /// How many ones come before the next zero, `most` at most.
    fn ones(&mut self, most: u32) -> Option<u32> {
        for count in 0..most {
            if !self.bit()? {
                return Some(count);
            }
        }
        Some(most)
    }

    /// A signed number of `count` bits, whose largest values are the positive ones.
    fn signed(&mut self, count: u32) -> Option<i64> {
        let bits = self.bits(count)?;
        if count < 64 && bits > 1 << (count - 1) { Some(bits as i64 - (1 << count)) } else { Some(bits as i64) }
    }

    /// Second difference of float chunks' times.
    fn time_difference(&mut self) -> Option<i64> {
        match self.ones(4)? {
            0 => Some(0),
            1 => self.signed(14),
            2 => self.signed(17),
            3 => self.signed(20),
            _ => self.signed(64),
        }
    }

    /// A number of histogram chunks, in as few bits as it needs.
    fn varbit(&mut self) -> Option<i64> {
        match self.ones(8)? {
            0 => Some(0),
            1 => self.signed(3),
            2 => self.signed(6),
            3 => self.signed(9),
            4 => self.signed(12),
            5 => self.signed(18),
            6 => self.signed(25),
            7 => self.signed(56),
            _ => self.signed(64),
        }
    }

    fn varbit_unsigned(&mut self) -> Option<u64> {
        match self.ones(8)? {
            0 => Some(0),
            1 => self.bits(3),
            2 => self.bits(6),
            3 => self.bits(9),
            4 => self.bits(12),
            5 => self.bits(18),
            6 => self.bits(25),
            7 => self.bits(56),
            _ => self.bits(64),
        }
    }
}

/// A float that is written as the difference to the one before.
#[derive(Clone, Copy)]
struct Xor {
    bits: u64,
    leading: u32,
    trailing: u32,
}

impl Xor {
    fn new(value: f64) -> Self {
        Self { bits: value.to_bits(), leading: 0, trailing: 0 }
    }

    fn value(&self) -> f64 {
        f64::from_bits(self.bits)
    }

    fn next(&mut self, bits: &mut Bits<'_>) -> Option<f64> {
        if bits.bit()? {
            if bits.bit()? {
                self.leading = bits.bits(5)? as u32;
                let length = match bits.bits(6)? as u32 {
                    // All 64 bits do not fit into the six of the length.
                    0 => 64,
                    length => length,
                };
                self.trailing = 64_u32.checked_sub(self.leading + length)?;
            }
            let length = 64 - self.leading - self.trailing;
            self.bits ^= bits.bits(length)? << self.trailing;
        }
        Some(self.value())
    }
}

fn count(data: &[u8]) -> Option<(usize, Bits<'_>)> {
    let count = u16::from_be_bytes([*data.first()?, *data.get(1)?]);
    Some((usize::from(count), Bits { bytes: data, at: 16 }))
}

fn floats(data: &[u8]) -> Option<Vec<(i64, f64)>> {
    let (count, mut bits) = count(data)?;
    let mut samples = Vec::with_capacity(count.min(data.len() * 4));
    let (mut time, mut delta) = (0_i64, 0_i64);
    let mut value = Xor::new(0.0);
    for number in 0..count {
        match number {
            0 => {
                time = bits.varint()?;
                value = Xor::new(bits.f64()?);
            }
            1 => {
                delta = bits.uvarint()? as i64;
                time = time.wrapping_add(delta);
                value.next(&mut bits)?;
            }
            _ => {
                delta = delta.wrapping_add(bits.time_difference()?);
                time = time.wrapping_add(delta);
                value.next(&mut bits)?;
            }
        }
        samples.push((time, value.value()));
    }
    Some(samples)
}

/// What all histograms of a chunk share.
struct Layout {
    schema: i32,
    zero_threshold: f64,
    positive: Vec<Span>,
    negative: Vec<Span>,
    custom: Vec<f64>,
    hint: ResetHint,
}

impl Layout {
    fn read(data: &[u8]) -> Option<(usize, Self, Bits<'_>)> {
        let count = u16::from_be_bytes([*data.first()?, *data.get(1)?]);
        let hint = match data.get(2)? >> 6 {
            0b10 => ResetHint::Reset,
            0b01 => ResetHint::NotReset,
            0b11 => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        };
        let mut bits = Bits { bytes: data, at: 24 };
        let zero_threshold = zero_threshold(&mut bits)?;
        let schema = i32::try_from(bits.varbit()?).ok()?;
        let positive = spans(&mut bits)?;
        let negative = spans(&mut bits)?;
        let custom = if schema == CUSTOM_BUCKETS { custom_values(&mut bits)? } else { Vec::new() };
        Some((usize::from(count), Self { schema, zero_threshold, positive, negative, custom, hint }, bits))
    }

    fn buckets(spans: &[Span]) -> usize {
        spans.iter().map(|span| span.length as usize).sum()
    }

    fn histogram(&self, first: bool) -> Histogram {
        // What a chunk says about resets is about its first histogram; of gauges it is about all.
        let hint = match self.hint {
            ResetHint::Gauge => ResetHint::Gauge,
            hint if first => hint,
            _ => ResetHint::NotReset,
        };
        Histogram {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            positive_spans: self.positive.clone(),
            negative_spans: self.negative.clone(),
            custom_values: self.custom.clone(),
            hint,
            ..Histogram::default()
        }
    }
}

fn zero_threshold(bits: &mut Bits<'_>) -> Option<f64> {
    match bits.bits(8)? {
        0 => Some(0.0),
        255 => bits.f64(),
        // A power of two: 2^-243 and up, times a half.
        exponent => Some((exponent as f64 - 243.0 - 1.0).exp2()),
    }
}

fn spans(bits: &mut Bits<'_>) -> Option<Vec<Span>> {
    let count = bits.varbit_unsigned()?;
    if count > MAX_SPANS {
        return None;
    }
    let mut spans = Vec::new();
    let mut total = 0_u64;
    for _ in 0..count {
        let length = u32::try_from(bits.varbit_unsigned()?).ok()?;
        let offset = i32::try_from(bits.varbit()?).ok()?;
        total += u64::from(length);
        if total > MAX_SPANS {
            return None;
        }
        spans.push(Span { offset, length });
    }
    Some(spans)
}

fn custom_values(bits: &mut Bits<'_>) -> Option<Vec<f64>> {
    let count = bits.varbit_unsigned()?;
    if count > MAX_SPANS {
        return None;
    }
    (0..count)
        .map(|_| match bits.varbit_unsigned()? {
            0 => bits.f64(),
            // Thousandths, one more than they are.
            number => Some((number - 1) as f64 / 1000.0),
        })
        .collect()
}

/// Histograms of integers, or of floats: None when the data end early, an error when one makes no sense.
#[allow(clippy::type_complexity)]
fn histograms(data: &[u8], of_floats: bool) -> Result<Option<Vec<(i64, Histogram)>>, String> {
    let Some(read) = (if of_floats { float_histograms(data) } else { integer_histograms(data) }) else {
        return Ok(None);
    };
    let checked = read.into_iter().map(|(time, histogram)| {
        accept(histogram, !of_floats).map(|histogram| (time, histogram)).map_err(|fault| fault.to_string())
    });
    checked.collect::<Result<Vec<_>, _>>().map(Some)
}

fn integer_histograms(data: &[u8]) -> Option<Vec<(i64, Histogram)>> {
    let (count, layout, mut bits) = Layout::read(data)?;
    let (positive, negative) = (Layout::buckets(&layout.positive), Layout::buckets(&layout.negative));
    let mut samples = Vec::new();
    // Numbers of the sample before, and how much each grew.
    let mut time = Running::default();
    let mut total = Running::default();
    let mut zero = Running::default();
    let mut sum = Xor::new(0.0);
    let mut buckets = vec![Running::default(); positive + negative];
    for number in 0..count {
        let mut histogram = layout.histogram(number == 0);
        if number == 0 {
            time.value = bits.varbit()?;
            total.value = bits.varbit_unsigned()? as i64;
            zero.value = bits.varbit_unsigned()? as i64;
            sum = Xor::new(bits.f64()?);
            for bucket in &mut buckets {
                bucket.value = bits.varbit()?;
            }
        } else {
            let step: fn(&mut Running, i64) = if number == 1 { Running::first_step } else { Running::step };
            step(&mut time, bits.varbit()?);
            step(&mut total, bits.varbit()?);
            step(&mut zero, bits.varbit()?);
            sum.next(&mut bits)?;
            if !is_stale(sum.value()) {
                for bucket in &mut buckets {
                    step(bucket, bits.varbit()?);
                }
            }
        }
        if is_stale(sum.value()) {
            histogram.sum = f64::from_bits(STALE_NAN);
            samples.push((time.value, histogram));
            // Nothing of a stale one follows that could be a step on from it.
            continue;
        }
        histogram.count = total.value as f64;
        histogram.zero_count = zero.value as f64;
        histogram.sum = sum.value();
        let (above, below) = buckets.split_at(positive);
        histogram.positive = summed(above);
        histogram.negative = summed(below);
        samples.push((time.value, histogram));
    }
    Some(samples)
}

/// A number of which the differences of its differences are written.
#[derive(Clone, Copy, Default)]
struct Running {
    value: i64,
    delta: i64,
}

impl Running {
    fn first_step(&mut self, delta: i64) {
        self.delta = delta;
        self.value = self.value.wrapping_add(delta);
    }

    fn step(&mut self, difference: i64) {
        self.delta = self.delta.wrapping_add(difference);
        self.value = self.value.wrapping_add(self.delta);
    }
}

/// Bucket counts of which each is written as the difference to the one before.
fn summed(buckets: &[Running]) -> Vec<f64> {
    let mut running = 0_i64;
    buckets
        .iter()
        .map(|bucket| {
            running = running.wrapping_add(bucket.value);
            running as f64
        })
        .collect()
}

fn float_histograms(data: &[u8]) -> Option<Vec<(i64, Histogram)>> {
    let (count, layout, mut bits) = Layout::read(data)?;
    let (positive, negative) = (Layout::buckets(&layout.positive), Layout::buckets(&layout.negative));
    let mut samples = Vec::new();
    let mut time = Running::default();
    // Count, zero count, sum, then the buckets.
    let mut numbers = vec![Xor::new(0.0); 3 + positive + negative];
    for number in 0..count {
        match number {
            0 => time.value = bits.varbit()?,
            1 => time.first_step(bits.varbit()?),
            _ => time.step(bits.varbit()?),
        }
        for place in 0..numbers.len() {
            if place >= 3 && is_stale(numbers[2].value()) && number > 0 {
                break;
            }
            if number == 0 {
                numbers[place] = Xor::new(bits.f64()?);
            } else {
                numbers[place].next(&mut bits)?;
            }
        }
        let mut histogram = layout.histogram(number == 0);
        histogram.count = numbers[0].value();
        histogram.zero_count = numbers[1].value();
        histogram.sum = numbers[2].value();
        histogram.positive = numbers[3..3 + positive].iter().map(Xor::value).collect();
        histogram.negative = numbers[3 + positive..].iter().map(Xor::value).collect();
        samples.push((time.value, histogram));
    }
    Some(samples)
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_from_the_top() {
        let mut bits = Bits { bytes: &[0b1011_0001, 0b1000_0000, 0xff], at: 0 };
        assert_eq!(bits.bits(3), Some(0b101));
        assert_eq!(bits.bits(6), Some(0b10_0011));
        assert_eq!(bits.bits(7), Some(0));
        assert_eq!(bits.ones(4), Some(4));
        assert_eq!(bits.bits(5), None);
    }

    #[test]
    fn a_chunk_of_floats() {
        // Three samples: (1000, 1.5), (16000, 1.5), (31001, 2.5), written bit by bit.
        let mut text = String::new();
        let mut put = |value: u64, count: usize| text.push_str(&format!("{value:064b}")[64 - count..]);
        put(3, 16);
        put(0xd0, 8);
        put(0x0f, 8);
        put(1.5_f64.to_bits(), 64);
        put(0x98, 8);
        put(0x75, 8);
        put(0, 1);
        put(0b10, 2);
        put(1, 14);
        let xor = 1.5_f64.to_bits() ^ 2.5_f64.to_bits();
        let (leading, trailing) = (xor.leading_zeros(), xor.trailing_zeros());
        put(0b11, 2);
        put(u64::from(leading), 5);
        put(u64::from(64 - leading - trailing), 6);
        put(xor >> trailing, (64 - leading - trailing) as usize);
        let bytes: Vec<u8> = text
            .as_bytes()
            .chunks(8)
            .map(|bits| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | (bit - b'0') << (7 - at)))
            .collect();
        let Ok(Samples::Floats(samples)) = decode(1, &bytes) else { panic!("a chunk of floats") };
        assert_eq!(samples, [(1000, 1.5), (16_000, 1.5), (31_001, 2.5)]);
        for cut in 0..bytes.len() - 1 {
            assert!(decode(1, &bytes[..cut]).is_err(), "{cut} bytes");
        }
        assert!(decode(9, &bytes).is_err());
    }
}
