//! Floats, bit for bit. Most metrics are decimal numbers of few digits: they become integers of one decimal scale. What is
//! not (NaN, infinities, -0, the odd sum with all digits) is kept apart when it is little; else all are packed as bits.
//!
//! A byte of scheme. `CONSTANT`: bits. `DECIMAL`: exponent (a byte), exceptions, integers. `BITS`: integers in the order of the
//! floats. `SEARCHED`: `pco` of floats. Exceptions: count, then (distance of positions, bits).

use super::{Damaged, Scratch, ints, pco_bytes, varint};

const CONSTANT: u8 = 0;
const DECIMAL: u8 = 1;
const BITS: u8 = 2;
const SEARCHED: u8 = 3;

/// Largest exponent: 10^22 is the last power of ten that is exact.
const MOST_DIGITS: usize = 15;
const POWERS: [f64; MOST_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The integer of a float at a scale, when it comes back bit for bit.
#[inline]
pub fn scaled(value: f64, exponent: usize) -> Option<i64> {
    let number = (value * POWERS[exponent]).round_ties_even();
    if number.abs() < EXACT {
        // Not of `number` itself: it may be -0.
        let number = number as i64;
        return (unscaled(number, exponent).to_bits() == value.to_bits()).then_some(number);
    }
    None
}

/// The float of an integer at a scale.
#[inline]
pub fn unscaled(number: i64, exponent: usize) -> f64 {
    number as f64 / POWERS[exponent]
}

/// The least scale, at least `from`, at which a float is an integer.
#[inline]
pub fn exponent_of(value: f64, from: usize) -> Option<usize> {
    if !value.is_finite() {
        return None;
    }
    (from..=MOST_DIGITS).find(|&exponent| scaled(value, exponent).is_some())
}

/// Packs values.
pub fn encode(values: &[f64], out: &mut Vec<u8>) {
    if values.iter().all(|value| value.to_bits() == values[0].to_bits()) {
        out.push(CONSTANT);
        out.extend_from_slice(&values[0].to_bits().to_le_bytes());
        return;
    }
    let start = out.len();
    if decimal(values, out) {
        return;
    }
    out.truncate(start);
    out.push(BITS);
    ints::encode(&values.iter().map(|value| ordered(value.to_bits())).collect::<Vec<_>>(), out);
    if values.len() >= 32 {
        let mut other = Vec::with_capacity(out.len() - start);
        other.push(SEARCHED);
        pco_bytes::searched(values, &mut other);
        if other.len() < out.len() - start {
            out.truncate(start);
            out.extend_from_slice(&other);
        }
    }
}

fn decimal(values: &[f64], out: &mut Vec<u8>) -> bool {
    let most_exceptions = 2 + values.len() / 24;
    let mut exponent = 0;
    let mut misfits = 0;
    for &value in values {
        if scaled(value, exponent).is_none() {
            match exponent_of(value, exponent + 1) {
                Some(found) => exponent = found,
                None => misfits += 1,
            }
            if misfits > most_exceptions {
                return false;
            }
        }
    }
    let mut exceptions = Vec::new();
    let mut before = 0;
    let mut count = 0;
    let mut numbers = Vec::with_capacity(values.len());
    for (position, &value) in values.iter().enumerate() {
        let number = scaled(value, exponent).unwrap_or_else(|| {
            varint::push(&mut exceptions, (position - before) as u64);
            exceptions.extend_from_slice(&value.to_bits().to_le_bytes());
            before = position;
            count += 1;
            // What the one before has takes the least room.
            numbers.last().copied().unwrap_or(0)
        });
        numbers.push(number);
    }
    if count > most_exceptions {
        return false;
    }
    out.push(DECIMAL);
    out.push(exponent as u8);
    varint::push(out, count as u64);
    out.extend_from_slice(&exceptions);
    ints::encode(&numbers, out);
    true
}

/// Bits as integers in the order of the floats.
#[inline]
const fn ordered(bits: u64) -> i64 {
    let bits = bits as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// Unpacks `count` values to the end of `out`.
pub fn decode(mut bytes: &[u8], count: usize, out: &mut Vec<f64>, scratch: &mut Scratch) -> Result<(), Damaged> {
    let start = out.len();
    match varint::take_bytes(&mut bytes, 1)?[0] {
        CONSTANT => {
            let bits = varint::take_bytes(&mut bytes, 8)?.try_into().expect("eight bytes");
            out.resize(start + count, f64::from_bits(u64::from_le_bytes(bits)));
        }
        DECIMAL => {
            let exponent = usize::from(varint::take_bytes(&mut bytes, 1)?[0]);
            let &power = POWERS.get(exponent).ok_or(Damaged("its scale is not known"))?;
            let exceptions = varint::take_count(&mut bytes, count)?;
            let mut patching = bytes;
            for _ in 0..exceptions {
                varint::take(&mut bytes)?;
                varint::take_bytes(&mut bytes, 8)?;
            }
            ints::decode_scratch(&mut bytes, count, scratch)?;
            if exponent == 0 {
                out.extend(scratch.ints.iter().map(|&number| number as f64));
            } else {
                out.extend(scratch.ints.iter().map(|&number| number as f64 / power));
            }
            let mut position = 0usize;
            for _ in 0..exceptions {
                position = position.saturating_add(varint::take(&mut patching)? as usize);
                let bits = varint::take_bytes(&mut patching, 8)?.try_into().expect("eight bytes");
                let slot = out[start..].get_mut(position).ok_or(Damaged("an exception is outside of it"))?;
                *slot = f64::from_bits(u64::from_le_bytes(bits));
            }
        }
        BITS => {
            ints::decode_scratch(&mut bytes, count, scratch)?;
            out.extend(scratch.ints.iter().map(|&number| f64::from_bits(ordered(number as u64) as u64)));
        }
        SEARCHED => pco_bytes::decode(bytes, count, out)?,
        _ => return Err(Damaged("its scheme is not known")),
    }
    if out.len() == start + count { Ok(()) } else { Err(Damaged("it has another number of values")) }
}
