//! Frames of `prometheus.ChunkedReadResponse`: a series with XOR chunks of its floats and chunks of its float histograms.
//!
//! A chunk of histograms has one layout of buckets; another layout, or another kind of reset, begins a new chunk.

use super::bits::{Bits, Xor};
use super::{Labels, protobuf};
use nexus_promql::source::Samples;
use nexus_series::histogram::{CUSTOM_BUCKETS, Histogram, ResetHint, Span};
use std::sync::Arc;

/// Samples of a chunk at most.
const CHUNK: usize = 120;
/// Bytes of chunks in a frame, nearly, at most.
const FRAME: usize = 1 << 20;

const XOR: i64 = 1;
const FLOAT_HISTOGRAM: i64 = 3;

/// Appends the frames of a series.
pub fn write(labels: &Labels, samples: &Samples, out: &mut Vec<u8>) {
    let mut front = Vec::new();
    protobuf::labels(&mut front, labels);
    let mut series = front.clone();
    for chunk in chunks(samples) {
        if series.len() > FRAME {
            frame(&series, out);
            series.clone_from(&front);
        }
        protobuf::bytes(&mut series, 2, &chunk);
    }
    frame(&series, out);
}

/// `prometheus.Chunk` messages by time.
fn chunks(samples: &Samples) -> Vec<Vec<u8>> {
    let mut made: Vec<(i64, Vec<u8>)> = Vec::new();
    // Chunks of floats and of histograms must not overlap: each ends where the other kind begins.
    let (mut floats, mut histograms) = (0, 0);
    while floats < samples.timestamps.len() || histograms < samples.histograms.len() {
        let next_histogram = samples.histograms.get(histograms).map_or(i64::MAX, |(time, _)| *time);
        let next_float = samples.timestamps.get(floats).copied().unwrap_or(i64::MAX);
        if next_float < next_histogram {
            let rest = &samples.timestamps[floats..];
            let count = rest.iter().take(CHUNK).take_while(|&&time| time < next_histogram).count();
            let range = floats..floats + count;
            made.push(message(
                &samples.timestamps[range.clone()],
                XOR,
                &xor(&samples.timestamps[range.clone()], &samples.values[range]),
            ));
            floats += count;
        } else {
            let rest = &samples.histograms[histograms..];
            let same = |pair: &&[(i64, Arc<Histogram>)]| pair[1].0 < next_float && continues(&pair[0].1, &pair[1].1);
            let count = 1 + rest.windows(2).take(CHUNK - 1).take_while(same).count();
            let times: Vec<i64> = rest[..count].iter().map(|(time, _)| *time).collect();
            made.push(message(&times, FLOAT_HISTOGRAM, &float_histograms(&rest[..count])));
            histograms += count;
        }
    }
    made.into_iter().map(|(_, chunk)| chunk).collect()
}

fn message(times: &[i64], kind: i64, data: &[u8]) -> (i64, Vec<u8>) {
    let mut chunk = Vec::with_capacity(data.len() + 32);
    protobuf::integer(&mut chunk, 1, times[0]);
    protobuf::integer(&mut chunk, 2, times[times.len() - 1]);
    protobuf::integer(&mut chunk, 3, kind);
    protobuf::bytes(&mut chunk, 4, data);
    (times[0], chunk)
}

fn frame(series: &[u8], out: &mut Vec<u8>) {
    let mut response = Vec::with_capacity(series.len() + 8);
    protobuf::bytes(&mut response, 1, series);
    protobuf::varint(out, response.len() as u64);
    out.extend_from_slice(&crc32c(&response).to_be_bytes());
    out.extend_from_slice(&response);
}

fn xor(times: &[i64], values: &[f64]) -> Vec<u8> {
    let mut bits = Bits::new(&(times.len() as u16).to_be_bytes());
    bits.varint(times[0]);
    let mut value = Xor::first(values[0], &mut bits);
    let mut before = 0;
    for number in 1..times.len() {
        let delta = times[number] - times[number - 1];
        if number == 1 {
            bits.uvarint(delta as u64);
        } else {
            bits.time(delta - before);
        }
        value.next(values[number], &mut bits);
        before = delta;
    }
    bits.into_bytes()
}

/// May a histogram stand in the chunk of the one before it? Readers take what follows in a chunk for not reset.
fn continues(before: &Histogram, next: &Histogram) -> bool {
    let same_kind = match next.hint {
        ResetHint::Gauge => before.hint == ResetHint::Gauge,
        _ => next.hint_after(before) == ResetHint::NotReset,
    };
    same_kind
        && before.schema == next.schema
        && before.zero_threshold.to_bits() == next.zero_threshold.to_bits()
        && before.positive_spans == next.positive_spans
        && before.negative_spans == next.negative_spans
        && before.custom_values == next.custom_values
        // A stale marker has no buckets: alone.
        && !before.is_stale()
        && !next.is_stale()
}

fn float_histograms(samples: &[(i64, Arc<Histogram>)]) -> Vec<u8> {
    let first = &samples[0].1;
    let mut bits = Bits::new(&(samples.len() as u16).to_be_bytes());
    let header = match first.hint {
        ResetHint::Reset => 0b10,
        ResetHint::NotReset => 0b01,
        ResetHint::Gauge => 0b11,
        ResetHint::Unknown => 0b00,
    };
    bits.write(header << 6, 8);
    layout(first, &mut bits);
    bits.varbit(samples[0].0);
    let values = |one: &Histogram| -> Vec<f64> {
        [one.count, one.zero_count, one.sum]
            .into_iter()
            .chain(one.positive.iter().copied())
            .chain(one.negative.iter().copied())
            .collect()
    };
    let mut state: Vec<Xor> = values(first).into_iter().map(|value| Xor::first(value, &mut bits)).collect();
    let mut before = 0;
    for number in 1..samples.len() {
        let delta = samples[number].0 - samples[number - 1].0;
        bits.varbit(delta - before);
        before = delta;
        for (one, value) in state.iter_mut().zip(values(&samples[number].1)) {
            one.next(value, &mut bits);
        }
    }
    bits.into_bytes()
}

fn layout(one: &Histogram, bits: &mut Bits) {
    zero_threshold(one.zero_threshold, bits);
    bits.varbit(i64::from(one.schema));
    for spans in [&one.positive_spans, &one.negative_spans] {
        span_list(spans, bits);
    }
    if one.schema == CUSTOM_BUCKETS {
        bits.uvarbit(one.custom_values.len() as u64);
        for &bound in &one.custom_values {
            custom_bound(bound, bits);
        }
    }
}

fn span_list(spans: &[Span], bits: &mut Bits) {
    bits.uvarbit(spans.len() as u64);
    for span in spans {
        bits.uvarbit(u64::from(span.length));
        bits.varbit(i64::from(span.offset));
    }
}

/// 0, or a power of two of a byte, or the number itself.
fn zero_threshold(threshold: f64, bits: &mut Bits) {
    let exponent = (threshold.to_bits() >> 52) as i64 - 1022;
    if threshold == 0.0 {
        bits.write(0, 8);
    } else if threshold.to_bits() & ((1 << 52) - 1) == 0 && (-242..=11).contains(&exponent) {
        bits.write((exponent + 243) as u64, 8);
    } else {
        bits.write(255, 8);
        bits.write(threshold.to_bits(), 64);
    }
}

/// Thousandths as a number, or the float itself.
fn custom_bound(bound: f64, bits: &mut Bits) {
    let thousandths = (bound * 1000.0).round();
    if (0.0..=33_554_430.0).contains(&thousandths) && (thousandths / 1000.0).to_bits() == bound.to_bits() {
        bits.uvarbit(thousandths as u64 + 1);
    } else {
        bits.write(0, 1);
        bits.write(bound.to_bits(), 64);
    }
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut number = 0;
    while number < 256 {
        let (mut value, mut bit) = (number as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0x82f6_3b78 } else { value >> 1 };
            bit += 1;
        }
        table[number] = value;
        number += 1;
    }
    table
};

/// CRC-32C (Castagnoli).
pub fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, &byte| crc >> 8 ^ TABLE[(crc as u8 ^ byte) as usize])
}
