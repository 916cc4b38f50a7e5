//! A compressed stream of floats in time order that can be appended to. Quick rather than small: the codecs of `chunk` pack it
//! when it is closed.
//!
//! Every 64th sample is written out (time, bits, scale: 17 bytes), so that readers of the newest samples need not read all. The
//! others are a varint, (zigzag of the change of distance in time) << 2 | kind, and by kind: 0 nothing, the value is the one
//! before; 1 a signed varint, the change as integer of the scale in force; 2 the bits; 3 a scale and the integer (signed varint).

use crate::chunk::floats::{exponent_of, scaled, unscaled};
use crate::chunk::starts::Runs;
use nexus_promql::source::Samples;

/// Samples from one written out to the next.
const EVERY: u16 = 64;
/// A stream of more bytes is full.
const MOST_BYTES: usize = 48 << 10;
/// Bytes by which a sample put between others lets a stream grow, at most: its own, and what changes of the next one.
const MOST_GROWTH: usize = 48;

/// See the module text.
#[derive(Clone, Default)]
pub struct Open {
    bytes: Vec<u8>,
    first: i64,
    last: i64,
    distance: i64,
    bits: u64,
    /// Value before as integer of the scale; none: `i64::MIN`.
    number: i64,
    /// Where the last two samples that are written out stand.
    marks: [u16; 2],
    count: u16,
    exponent: u8,
    /// Start times, where any is said.
    starts: Option<Box<Runs>>,
}

impl Open {
    /// Samples.
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// Time of the first sample.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// Time of the last sample.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Bits of the last value.
    pub fn last_bits(&self) -> u64 {
        self.bits
    }

    /// Start time of the last sample; 0: not said.
    pub fn last_start(&self) -> i64 {
        self.starts.as_ref().map_or(0, |starts| starts.last())
    }

    /// Start times; None: none is said.
    pub fn starts(&self) -> Option<&Runs> {
        self.starts.as_deref()
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        self.bytes.capacity() + self.starts.as_ref().map_or(0, |starts| size_of::<Runs>() + starts.bytes())
    }

    /// Must it be closed before more comes?
    pub fn is_full(&self, samples: usize) -> bool {
        self.count() >= samples || self.bytes.len() > MOST_BYTES
    }

    /// Adds a sample after the last.
    pub fn push(&mut self, time: i64, start: i64, value: f64) {
        let bits = value.to_bits();
        if start != 0 || self.starts.is_some() {
            let (index, before) = (self.count(), (self.count > 0).then_some(self.last));
            self.starts.get_or_insert_default().push(index, time, before, start);
        }
        if self.bytes.capacity() - self.bytes.len() < 24 {
            // A quarter more instead of twice as much: there are many of these.
            self.bytes.reserve_exact(24 + self.bytes.len() / 4);
        }
        if self.count.is_multiple_of(EVERY) {
            if self.count == 0 {
                self.first = time;
            }
            self.marks = [self.marks[1], self.bytes.len() as u16];
            self.bytes.extend_from_slice(&time.to_le_bytes());
            self.bytes.extend_from_slice(&bits.to_le_bytes());
            self.bytes.push(self.exponent);
            self.distance = 0;
            self.number = scaled(value, usize::from(self.exponent)).unwrap_or(i64::MIN);
        } else {
            let distance = time.wrapping_sub(self.last);
            let change = distance.wrapping_sub(self.distance);
            self.distance = distance;
            self.push_value(zigzag(change), value, bits);
        }
        self.last = time;
        self.bits = bits;
        self.count += 1;
    }

    #[inline]
    fn push_value(&mut self, change: u128, value: f64, bits: u64) {
        if bits == self.bits {
            return push_varint(&mut self.bytes, change << 2);
        }
        if self.number != i64::MIN
            && let Some(number) = scaled(value, usize::from(self.exponent))
        {
            push_varint(&mut self.bytes, change << 2 | 1);
            push_varint(&mut self.bytes, zigzag(number - self.number));
            self.number = number;
            return;
        }
        if let Some(exponent) = exponent_of(value, 0) {
            self.number = scaled(value, exponent).unwrap_or(0);
            self.exponent = exponent as u8;
            push_varint(&mut self.bytes, change << 2 | 3);
            self.bytes.push(self.exponent);
            push_varint(&mut self.bytes, zigzag(self.number));
        } else {
            self.number = i64::MIN;
            push_varint(&mut self.bytes, change << 2 | 2);
            self.bytes.extend_from_slice(&bits.to_le_bytes());
        }
    }

    /// Where to begin reading for samples from `from` on: byte, and number of the sample.
    fn start(&self, from: i64) -> (usize, usize) {
        let last_mark = (self.count() - 1) / usize::from(EVERY) * usize::from(EVERY);
        for (mark, number) in
            [(self.marks[1], last_mark), (self.marks[0], last_mark.saturating_sub(usize::from(EVERY)))]
        {
            let at = usize::from(mark);
            let time = self.bytes.get(at..at + 8).map(|time| i64::from_le_bytes(time.try_into().expect("eight bytes")));
            let alone = self.starts.as_ref().is_none_or(|starts| starts.stands_alone(number));
            if number > 0 && alone && time.is_some_and(|time| time <= from) {
                return (at, number);
            }
        }
        (0, 0)
    }

    /// Adds the samples of `from ..= to`.
    pub fn read(&self, from: i64, to: i64, into: &mut Samples) {
        if self.count == 0 || self.first > to || self.last < from {
            return;
        }
        let (at, number) = self.start(from);
        let mut starts = self.starts.as_ref().map(|starts| (starts.reader(number), number, None));
        walk(&self.bytes[at..], number, self.count(), |time, bits| {
            if time > to {
                return false;
            }
            if let Some((starts, index, before)) = &mut starts {
                let start = starts.next(*index, time, before.replace(time));
                *index += 1;
                if time >= from {
                    into.starts.set(into.values.len(), start);
                }
            }
            if time >= from {
                into.timestamps.push(time);
                into.values.push(f64::from_bits(bits));
            }
            true
        });
    }

    /// The stream and its number of samples, to be written down.
    pub fn parts(&self) -> (&[u8], usize) {
        (&self.bytes, self.count())
    }

    /// From what was written down.
    pub fn from_parts(bytes: &[u8], count: usize, starts: &Runs) -> Self {
        let mut open = Self::default();
        let (mut starts, mut index, mut before) = (starts.reader(0), 0, None);
        walk(bytes, 0, count, |time, bits| {
            let start = starts.next(index, time, before.replace(time));
            index += 1;
            open.push(time, start, f64::from_bits(bits));
            true
        });
        open.bytes.shrink_to_fit();
        open
    }

    /// The same with late samples (ascending, each time once, none before the first one) in their places; of two of one time
    /// the late one stays. `start` gives their start times by place. None: there would be too many for one stream.
    pub fn with_late(&self, late: &[(i64, f64)], start: impl Fn(usize) -> i64) -> Option<Self> {
        if self.bytes.len() + late.len() * MOST_GROWTH > usize::from(u16::MAX) {
            return None;
        }
        let mut merged = Self::default();
        merged.bytes.reserve_exact(self.bytes.len() + late.len() * 4);
        let mut late = late.iter().enumerate().peekable();
        let none = Runs::default();
        let (mut starts, mut index, mut before) = (self.starts().unwrap_or(&none).reader(0), 0, None);
        walk(&self.bytes, 0, self.count(), |time, bits| {
            while let Some((place, &(earlier, value))) = late.next_if(|one| one.1.0 < time) {
                merged.push(earlier, start(place), value);
            }
            let own = (starts.next(index, time, before.replace(time)), f64::from_bits(bits));
            index += 1;
            let (begun, value) = late.next_if(|one| one.1.0 == time).map_or(own, |(place, one)| (start(place), one.1));
            merged.push(time, begun, value);
            true
        });
        late.for_each(|(place, &(time, value))| merged.push(time, start(place), value));
        Some(merged)
    }

    /// Removes the samples of `from ..= to`; how many there were.
    pub fn erase(&mut self, from: i64, to: i64) -> usize {
        if self.count == 0 || self.first > to || self.last < from {
            return 0;
        }
        let count = self.count();
        let mut left = Self::default();
        let none = Runs::default();
        let (mut starts, mut index, mut before) = (self.starts().unwrap_or(&none).reader(0), 0, None);
        walk(&self.bytes, 0, count, |time, bits| {
            let start = starts.next(index, time, before.replace(time));
            index += 1;
            if time < from || time > to {
                left.push(time, start, f64::from_bits(bits));
            }
            true
        });
        *self = left;
        count - self.count()
    }
}

/// Goes through samples from number `at` up to `count`, as long as `take` says so.
fn walk(bytes: &[u8], at: usize, count: usize, mut take: impl FnMut(i64, u64) -> bool) {
    let mut cursor = Cursor { bytes };
    let (mut time, mut distance, mut bits, mut number, mut exponent) = (0i64, 0i64, 0u64, i64::MIN, 0usize);
    for index in at..count {
        if index % usize::from(EVERY) == 0 {
            time = cursor.word() as i64;
            bits = cursor.word();
            exponent = usize::from(cursor.byte() & 15);
            distance = 0;
            number = scaled(f64::from_bits(bits), exponent).unwrap_or(i64::MIN);
        } else {
            let token = cursor.varint();
            distance = distance.wrapping_add(unzigzag(token >> 2));
            time = time.wrapping_add(distance);
            match token & 3 {
                0 => {}
                1 => {
                    number = number.wrapping_add(unzigzag(cursor.varint()));
                    bits = unscaled(number, exponent).to_bits();
                }
                2 => {
                    bits = cursor.word();
                    number = i64::MIN;
                }
                _ => {
                    exponent = usize::from(cursor.byte() & 15);
                    number = unzigzag(cursor.varint());
                    bits = unscaled(number, exponent).to_bits();
                }
            }
        }
        if !take(time, bits) {
            return;
        }
    }
}

/// Reads what `push` wrote; beyond the end there are zeros.
struct Cursor<'a> {
    bytes: &'a [u8],
}

impl Cursor<'_> {
    #[inline]
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        byte
    }

    #[inline]
    fn word(&mut self) -> u64 {
        let Some((word, rest)) = self.bytes.split_first_chunk() else { return 0 };
        self.bytes = rest;
        u64::from_le_bytes(*word)
    }

    #[inline]
    fn varint(&mut self) -> u128 {
        let first = self.byte();
        if first < 0x80 {
            return u128::from(first);
        }
        let (mut number, mut shift) = (u128::from(first & 0x7f), 7);
        loop {
            let byte = self.byte();
            number |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 || shift > 60 {
                return number;
            }
            shift += 7;
        }
    }
}

/// 64 bits with room for two more.
fn zigzag(number: i64) -> u128 {
    u128::from(((number << 1) ^ (number >> 63)) as u64)
}

fn unzigzag(number: u128) -> i64 {
    let number = number as u64;
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[inline]
fn push_varint(out: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
