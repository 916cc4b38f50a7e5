//! Variable-length integers, least significant group first.

use super::Damaged;

/// Appends a number.
#[inline]
pub fn push(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a signed number, small ones short whatever their sign.
#[inline]
pub fn push_signed(out: &mut Vec<u8>, number: i64) {
    push(out, zigzag(number));
}

/// Signed to unsigned: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline]
pub const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// Back from `zigzag`.
#[inline]
pub const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Takes a number off the front.
#[inline]
pub fn take(bytes: &mut &[u8]) -> Result<u64, Damaged> {
    let (mut number, mut shift) = (0u64, 0);
    loop {
        let (&byte, rest) = bytes.split_first().ok_or(Damaged("it ends within a number"))?;
        *bytes = rest;
        if shift == 63 && byte > 1 {
            return Err(Damaged("a number is too long"));
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
        shift += 7;
        if shift > 63 {
            return Err(Damaged("a number is too long"));
        }
    }
}

/// Takes a signed number off the front.
#[inline]
pub fn take_signed(bytes: &mut &[u8]) -> Result<i64, Damaged> {
    let number = take(bytes)?;
    Ok((number >> 1) as i64 ^ -((number & 1) as i64))
}

/// Takes a number that may not exceed `most`.
#[inline]
pub fn take_count(bytes: &mut &[u8], most: usize) -> Result<usize, Damaged> {
    let number = take(bytes)?;
    if number > most as u64 {
        return Err(Damaged("a count is larger than it can be"));
    }
    Ok(number as usize)
}

/// Takes bytes off the front.
#[inline]
pub fn take_bytes<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Damaged> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Damaged("it is too short"))?;
    *bytes = rest;
    Ok(taken)
}
