//! Bodies of the log's records.
//!
//! Samples: tenant, time of arrival (s), definitions (number, packed labels), groups (number of the series as distance, floats,
//! histograms), exemplars, metadata. A float is a varint, (zigzag of the distance in time) << 1 | 1 and its bits, or << 1 and a
//! signed integer. In records with start times, each sample has one in front: 0 where none is said, else the zigzag of the
//! distance from the last one said, and 1.

use crate::chunk::varint::{push, push_signed, take, take_bytes, take_count, take_signed, unzigzag, zigzag};
use crate::chunk::{Damaged, Scratch, histograms};
use nexus_series::batch::{Exemplar, Metadata, MetricKind};
use nexus_series::histogram::Histogram;

/// Of checkpoints: bit of the number of open samples where start times follow them.
pub const WITH_STARTS: u64 = 1 << 16;

/// Appends bytes with their length.
pub fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Takes bytes with their length.
pub fn take_text<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Damaged> {
    let length = take_count(bytes, bytes.len())?;
    take_bytes(bytes, length)
}

/// Takes a text.
pub fn take_str<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, Damaged> {
    std::str::from_utf8(take_text(bytes)?).map_err(|_| Damaged("a text is no UTF-8"))
}

/// Takes a number of a series.
pub fn take_number(bytes: &mut &[u8]) -> Result<u32, Damaged> {
    u32::try_from(take(bytes)?).map_err(|_| Damaged("a number is too large"))
}

/// Appends a float.
#[inline]
pub fn push_float(out: &mut Vec<u8>, time: i64, before: &mut i64, value: f64) {
    let distance = time.wrapping_sub(*before);
    *before = time;
    let integer = value as i64;
    // Of small integers only: not -0, not those beyond what a float counts.
    let is_integer = (integer as f64).to_bits() == value.to_bits() && integer.unsigned_abs() < 1 << 47;
    // One bit less than a varint has room for: times are far from the ends.
    push(out, zigzag(distance) << 1 | u64::from(!is_integer));
    if is_integer {
        push_signed(out, integer);
    } else {
        out.extend_from_slice(&value.to_bits().to_le_bytes());
    }
}

/// Takes a float.
#[inline]
pub fn take_float(bytes: &mut &[u8], before: &mut i64) -> Result<(i64, f64), Damaged> {
    let token = take(bytes)?;
    let distance = token >> 1;
    *before = before.wrapping_add(unzigzag(distance));
    let value = if token & 1 == 0 {
        take_signed(bytes)? as f64
    } else {
        f64::from_bits(u64::from_le_bytes(take_bytes(bytes, 8)?.try_into().expect("eight bytes")))
    };
    Ok((*before, value))
}

/// Appends a start time; 0: not said. `before`: the last that was said.
#[inline]
pub fn push_start(out: &mut Vec<u8>, start: i64, before: &mut i64) {
    if start == 0 {
        return out.push(0);
    }
    // Of distances that 64 bits and the one cannot hold, the time itself is written behind the greatest number.
    let distance = zigzag(start.wrapping_sub(*before));
    if distance < u64::MAX - 1 {
        push(out, distance + 1);
    } else {
        push(out, u64::MAX);
        push_signed(out, start);
    }
    *before = start;
}

/// Takes a start time.
#[inline]
pub fn take_start(bytes: &mut &[u8], before: &mut i64) -> Result<i64, Damaged> {
    match take(bytes)? {
        0 => return Ok(0),
        u64::MAX => *before = take_signed(bytes)?,
        number => *before = before.wrapping_add(unzigzag(number - 1)),
    }
    Ok(*before)
}

/// Appends a histogram.
pub fn push_histogram(out: &mut Vec<u8>, time: i64, histogram: &Histogram) {
    push_signed(out, time);
    let mut body = Vec::new();
    histograms::encode(&[histogram], &mut body);
    push_bytes(out, &body);
}

/// Takes a histogram.
pub fn take_histogram(bytes: &mut &[u8], scratch: &mut Scratch) -> Result<(i64, Histogram), Damaged> {
    let time = take_signed(bytes)?;
    let body = take_text(bytes)?;
    let one = histograms::decode(body, 1, scratch)?.pop().ok_or(Damaged("a histogram is missing"))?;
    Ok((time, one))
}

/// Appends an exemplar.
pub fn push_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    push_signed(out, exemplar.timestamp);
    out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
    push_bytes(out, &exemplar.labels);
}

/// Takes an exemplar.
pub fn take_exemplar(bytes: &mut &[u8]) -> Result<Exemplar, Damaged> {
    let timestamp = take_signed(bytes)?;
    let value = f64::from_bits(u64::from_le_bytes(take_bytes(bytes, 8)?.try_into().expect("eight bytes")));
    Ok(Exemplar { timestamp, value, labels: take_text(bytes)?.to_vec() })
}

/// Appends metadata.
pub fn push_metadata(out: &mut Vec<u8>, metadata: &Metadata) {
    push_bytes(out, metadata.name.as_bytes());
    out.push(metadata.kind as u8);
    push_bytes(out, metadata.help.as_bytes());
    push_bytes(out, metadata.unit.as_bytes());
}

/// Takes metadata.
pub fn take_metadata(bytes: &mut &[u8]) -> Result<Metadata, Damaged> {
    let name = take_str(bytes)?.to_owned();
    let kind = kind_of(take_bytes(bytes, 1)?[0]).ok_or(Damaged("a kind is not known"))?;
    Ok(Metadata { name, kind, help: take_str(bytes)?.to_owned(), unit: take_str(bytes)?.to_owned() })
}

/// The kind of a number.
pub fn kind_of(number: u8) -> Option<MetricKind> {
    use MetricKind as K;
    [K::Unknown, K::Counter, K::Gauge, K::Histogram, K::GaugeHistogram, K::Summary, K::Info, K::StateSet]
        .into_iter()
        .find(|kind| *kind as u8 == number)
}

/// What a record of samples is read into.
pub trait Sink {
    /// Series get numbers.
    fn define(&mut self, series: &[(u32, &[u8])]);
    /// A float of a time and start time.
    fn float(&mut self, number: u32, at: (i64, i64), value: f64);
    /// A histogram of a time and start time.
    fn histogram(&mut self, number: u32, at: (i64, i64), histogram: Histogram);
    /// An exemplar.
    fn exemplar(&mut self, number: u32, exemplar: Exemplar);
    /// Metadata.
    fn metadata(&mut self, metadata: Metadata);
}

/// Parts of a record of samples, written one after the other.
#[derive(Default)]
pub struct Parts {
    /// Number of definitions, and they.
    pub definitions: (u64, Vec<u8>),
    /// Groups of samples.
    pub groups: (u64, Vec<u8>),
    /// Exemplars.
    pub exemplars: (u64, Vec<u8>),
    /// Metadata.
    pub metadata: (u64, Vec<u8>),
}

impl Parts {
    /// Is there nothing?
    pub fn is_empty(&self) -> bool {
        self.definitions.0 + self.groups.0 + self.exemplars.0 + self.metadata.0 == 0
    }

    /// Adds a definition.
    pub fn define(&mut self, number: u32, packed: &[u8]) {
        self.definitions.0 += 1;
        push(&mut self.definitions.1, u64::from(number));
        push_bytes(&mut self.definitions.1, packed);
    }

    /// Writes the body of the record.
    pub fn write(&self, tenant: &str, now_s: u32, out: &mut Vec<u8>) {
        push_bytes(out, tenant.as_bytes());
        push(out, u64::from(now_s));
        for (count, bytes) in [&self.definitions, &self.groups, &self.exemplars, &self.metadata] {
            push(out, *count);
            out.extend_from_slice(bytes);
        }
    }
}

/// Front of a record of samples: tenant and time of arrival (s).
pub fn read_front<'a>(body: &mut &'a [u8]) -> Result<(&'a str, u32), Damaged> {
    Ok((take_str(body)?, take_number(body)?))
}

/// Reads what follows the front, of a record with start times or without.
pub fn read_parts(body: &mut &[u8], started: bool, scratch: &mut Scratch, sink: &mut dyn Sink) -> Result<(), Damaged> {
    let count = take_count(body, body.len())?;
    let defined = (0..count).map(|_| Ok((take_number(body)?, take_text(body)?)));
    let defined: Vec<(u32, &[u8])> = defined.collect::<Result<_, Damaged>>()?;
    sink.define(&defined);
    let (mut number, mut before, mut start_before) = (0i64, 0i64, 0i64);
    let mut start = |body: &mut &[u8]| if started { take_start(body, &mut start_before) } else { Ok(0) };
    for _ in 0..take_count(body, body.len())? {
        number = number.wrapping_add(take_signed(body)?);
        let series = u32::try_from(number).map_err(|_| Damaged("a number is too large"))?;
        for _ in 0..take_count(body, body.len())? {
            let start = start(body)?;
            let (time, value) = take_float(body, &mut before)?;
            sink.float(series, (time, start), value);
        }
        for _ in 0..take_count(body, body.len())? {
            let start = start(body)?;
            let (time, histogram) = take_histogram(body, scratch)?;
            sink.histogram(series, (time, start), histogram);
        }
    }
    for _ in 0..take_count(body, body.len())? {
        let number = take_number(body)?;
        sink.exemplar(number, take_exemplar(body)?);
    }
    for _ in 0..take_count(body, body.len())? {
        sink.metadata(take_metadata(body)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_come_back_bit_for_bit() {
        let samples = [
            (5, 1.0),
            (1_100_000_000_000_000_000, -0.0),
            (-1_100_000_000_000_000_000, f64::NAN),
            (0, 1e300),
            (15_000, -3.0),
            (15_001, 0.1),
            (15_001, 140_737_488_355_328.0),
            (9, f64::INFINITY),
        ];
        let (mut bytes, mut before) = (Vec::new(), 0);
        for &(time, value) in &samples {
            push_float(&mut bytes, time, &mut before, value);
        }
        let (mut rest, mut before) = (&bytes[..], 0);
        for (time, value) in samples {
            let (at, back) = take_float(&mut rest, &mut before).unwrap();
            assert_eq!((at, back.to_bits()), (time, value.to_bits()));
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn start_times_come_back() {
        let starts = [0, 5, 5, 0, i64::MIN, i64::MAX, 1_780_315_200_000, -1, 1, i64::MIN];
        let (mut bytes, mut before) = (Vec::new(), 0);
        for &start in &starts {
            push_start(&mut bytes, start, &mut before);
        }
        let (mut rest, mut before) = (&bytes[..], 0);
        assert!(starts.iter().all(|&start| take_start(&mut rest, &mut before) == Ok(start)));
        assert!(rest.is_empty());
    }
}
