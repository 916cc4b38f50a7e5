//! Numbers of a fixed width in bits, and the few that do not fit apart ("patched frame of reference").
//!
//! base (signed varint), width (a byte), number of patches (varint), patches (distance of positions, bits above the width),
//! then the numbers minus the base, packed.

use super::{Damaged, varint};

/// How to pack some numbers best, and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    base: i64,
    width: u32,
    /// Bytes it takes, nearly.
    pub bytes: usize,
}

/// Finds width and base that take the least room. `sorted` are the numbers in ascending order, of wrapping differences
/// between neighbours.
pub fn plan(sorted: &[i64]) -> Plan {
    let n = sorted.len();
    let mut best = Plan { base: sorted[0], width: 64, bytes: n * 8 + 8 };
    let range = sorted[n - 1].wrapping_sub(sorted[0]) as u64;
    let full = 64 - range.leading_zeros();
    for width in (0..=full).rev() {
        let (mut from, mut most, mut base) = (0, 0, sorted[0]);
        let span = if width == 64 { u64::MAX } else { (1u64 << width) - 1 };
        for to in 0..n {
            while sorted[to].wrapping_sub(sorted[from]) as u64 > span {
                from += 1;
            }
            if to + 1 - from > most {
                (most, base) = (to + 1 - from, sorted[from]);
            }
        }
        let patches = n - most;
        let patch_bytes = 2 + (full.saturating_sub(width)).div_ceil(7) as usize;
        let bytes = (n * width as usize).div_ceil(8) + patches * patch_bytes + 4;
        if bytes < best.bytes {
            best = Plan { base, width, bytes };
        } else if bytes > best.bytes * 2 {
            break;
        }
    }
    best
}

/// Packs numbers.
pub fn encode(numbers: &[i64], plan: Plan, out: &mut Vec<u8>) {
    let Plan { base, width, .. } = plan;
    varint::push_signed(out, base);
    out.push(width as u8);
    let mask = mask(width);
    let offset = |number: i64| number.wrapping_sub(base) as u64;
    varint::push(out, numbers.iter().filter(|&&number| offset(number) > mask).count() as u64);
    let mut before = 0;
    for (position, &number) in numbers.iter().enumerate() {
        if offset(number) > mask {
            varint::push(out, (position - before) as u64);
            varint::push(out, offset(number) >> width);
            before = position;
        }
    }
    let (mut word, mut filled) = (0u128, 0);
    for &number in numbers {
        word |= u128::from(offset(number) & mask) << filled;
        filled += width;
        while filled >= 8 {
            out.push(word as u8);
            word >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(word as u8);
    }
}

const fn mask(width: u32) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

/// Unpacks `count` numbers, appending them, and takes their bytes off the front.
pub fn decode(bytes: &mut &[u8], count: usize, out: &mut Vec<i64>) -> Result<(), Damaged> {
    let base = varint::take_signed(bytes)?;
    let width = u32::from(varint::take_bytes(bytes, 1)?[0]);
    if width > 64 {
        return Err(Damaged("numbers are wider than 64 bits"));
    }
    let patches = varint::take_count(bytes, count)?;
    let mut patching = *bytes;
    for _ in 0..patches {
        varint::take(bytes)?;
        varint::take(bytes)?;
    }
    let packed = varint::take_bytes(bytes, (count * width as usize).div_ceil(8))?;
    let start = out.len();
    unpack(packed, count, width, base, out);
    let mut position = 0;
    for _ in 0..patches {
        let distance = varint::take(&mut patching)?;
        let high = varint::take(&mut patching)?;
        position = usize::try_from(distance).ok().and_then(|far| far.checked_add(position)).unwrap_or(usize::MAX);
        let slot = out.get_mut(start..).and_then(|numbers| numbers.get_mut(position));
        let slot = slot.ok_or(Damaged("a patch is outside of it"))?;
        *slot = slot.wrapping_add(high.checked_shl(width).unwrap_or(0) as i64);
    }
    Ok(())
}

fn unpack(packed: &[u8], count: usize, width: u32, base: i64, out: &mut Vec<i64>) {
    if width == 0 {
        out.resize(out.len() + count, base);
        return;
    }
    let mask = mask(width);
    out.reserve(count);
    // As long as eight bytes can be read at once.
    let quick = if width <= 56 { (packed.len().saturating_sub(7) * 8 / width as usize).min(count) } else { 0 };
    let mut bit = 0;
    out.extend((0..quick).map(|_| {
        let at = bit >> 3;
        let word = u64::from_le_bytes(packed[at..at + 8].try_into().expect("eight bytes"));
        let number = (word >> (bit & 7)) & mask;
        bit += width as usize;
        base.wrapping_add(number as i64)
    }));
    for index in quick..count {
        let bit = index * width as usize;
        let mut word = [0; 16];
        let there = &packed[bit >> 3..packed.len().min((bit >> 3) + 16)];
        word[..there.len()].copy_from_slice(there);
        let number = (u128::from_le_bytes(word) >> (bit & 7)) as u64 & mask;
        out.push(base.wrapping_add(number as i64));
    }
}
