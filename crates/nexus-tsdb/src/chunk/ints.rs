//! Integers: as they are, as differences, or as differences of differences, whichever is smallest; then packed, or through
//! `pco` where that is clearly smaller.
//!
//! A byte of method (order in the two low bits, then 0 packed, 1 `pco`), the first numbers of the differences (signed
//! varints), a divisor if bit 7 is set (varint), and the rest.

use super::{Damaged, Scratch, packing, pco_bytes, varint};

const PCO: u8 = 1 << 2;
const DIVIDED: u8 = 1 << 7;
/// Numbers from which `pco` is tried: below, its header is too much.
const PCO_FROM: usize = 32;

/// Packs numbers.
pub fn encode(numbers: &[i64], out: &mut Vec<u8>) {
    let mut best: Option<(usize, usize, packing::Plan, Vec<i64>)> = None;
    let mut residuals = numbers.to_vec();
    for order in 0..3.min(numbers.len()) {
        if order > 0 {
            for index in (order..residuals.len()).rev() {
                residuals[index] = residuals[index].wrapping_sub(residuals[index - 1]);
            }
        }
        let rest = &residuals[order..];
        let mut sorted = rest.to_vec();
        sorted.sort_unstable();
        let plan = packing::plan(&sorted);
        let bytes = plan.bytes + order * 3;
        if best.as_ref().is_none_or(|(least, ..)| bytes < *least) {
            best = Some((bytes, order, plan, residuals.clone()));
        }
        if plan.bytes <= 6 {
            break;
        }
    }
    let Some((_, order, plan, residuals)) = best else { return };
    let (firsts, rest) = residuals.split_at(order);
    let divisor = if plan.bytes > 16 { common_divisor(rest) } else { 1 };
    let mut method = order as u8;
    if divisor > 1 {
        method |= DIVIDED;
        let divided: Vec<i64> = rest.iter().map(|number| number / divisor).collect();
        let mut sorted = divided.clone();
        sorted.sort_unstable();
        let plan = packing::plan(&sorted);
        return write(method, firsts, divisor, &divided, plan, out);
    }
    write(method, firsts, 1, rest, plan, out);
}

fn write(method: u8, firsts: &[i64], divisor: i64, rest: &[i64], plan: packing::Plan, out: &mut Vec<u8>) {
    let start = out.len();
    let front = |method: u8, out: &mut Vec<u8>| {
        out.push(method);
        for &first in firsts {
            varint::push_signed(out, first);
        }
        if divisor > 1 {
            varint::push(out, divisor as u64);
        }
    };
    front(method, out);
    packing::encode(rest, plan, out);
    let packed = out.len() - start;
    if rest.len() >= PCO_FROM && packed > 32 {
        let mut other = Vec::with_capacity(packed);
        front(method | PCO, &mut other);
        by_pco(rest, &mut other);
        // It takes longer to read: it has to be worth it.
        if other.len() + 8 < packed - packed / 32 {
            out.truncate(start);
            out.extend_from_slice(&other);
        }
    }
}

/// base (signed varint), size of offsets in bytes, `pco`.
fn by_pco(numbers: &[i64], out: &mut Vec<u8>) {
    let base = numbers.iter().copied().min().unwrap_or(0);
    let most = numbers.iter().map(|number| number.wrapping_sub(base) as u64).max().unwrap_or(0);
    varint::push_signed(out, base);
    let offsets = numbers.iter().map(|number| number.wrapping_sub(base) as u64);
    if let Ok(most) = u32::try_from(most) {
        if u16::try_from(most).is_ok() {
            out.push(2);
            return pco_bytes::plain(&offsets.map(|offset| offset as u16).collect::<Vec<_>>(), out);
        }
        out.push(4);
        return pco_bytes::plain(&offsets.map(|offset| offset as u32).collect::<Vec<_>>(), out);
    }
    out.push(8);
    // The base is taken off as it is put back: wrapping.
    pco_bytes::plain(&numbers.iter().map(|number| number.wrapping_sub(base)).collect::<Vec<i64>>(), out);
}

fn common_divisor(numbers: &[i64]) -> i64 {
    let mut divisor = 0u64;
    for number in numbers {
        let (mut a, mut b) = (divisor, number.unsigned_abs());
        while b > 0 {
            (a, b) = (b, a % b);
        }
        divisor = a;
        if divisor == 1 {
            return 1;
        }
    }
    i64::try_from(divisor).unwrap_or(1).max(1)
}

/// Unpacks `count` numbers into `out` (emptied first). What follows packed numbers is left in `bytes`; `pco` takes all.
pub fn decode(
    bytes: &mut &[u8],
    count: usize,
    out: &mut Vec<i64>,
    scratch: (&mut Vec<u32>, &mut Vec<u16>),
) -> Result<(), Damaged> {
    out.clear();
    let method = varint::take_bytes(bytes, 1)?[0];
    let order = usize::from(method & 3);
    if order > 2 || order > count || method & !(3 | PCO | DIVIDED) != 0 {
        return Err(Damaged("its method is not known"));
    }
    for _ in 0..order {
        out.push(varint::take_signed(bytes)?);
    }
    let divisor = if method & DIVIDED == 0 { 1 } else { varint::take(bytes)? as i64 };
    let rest = count - order;
    if rest > 0 {
        if method & PCO == 0 {
            packing::decode(bytes, rest, out)?;
        } else {
            let base = varint::take_signed(bytes)?;
            let size = varint::take_bytes(bytes, 1)?[0];
            pco_bytes::decode_offsets(bytes, rest, size, base, out, scratch)?;
            *bytes = &[];
        }
    }
    if divisor != 1 {
        out[order..].iter_mut().for_each(|number| *number = number.wrapping_mul(divisor));
    }
    match order {
        0 => {}
        1 => sum_up(out),
        _ => {
            sum_up(&mut out[1..]);
            sum_up(out);
        }
    }
    Ok(())
}

fn sum_up(numbers: &mut [i64]) {
    let mut sum = 0i64;
    for number in numbers {
        sum = sum.wrapping_add(*number);
        *number = sum;
    }
}

/// `decode` with the buffers of a `Scratch`, into one of its own.
pub fn decode_scratch(bytes: &mut &[u8], count: usize, scratch: &mut Scratch) -> Result<(), Damaged> {
    decode(bytes, count, &mut scratch.ints, (&mut scratch.words, &mut scratch.shorts))
}

/// Unpacks to the end of a list of any place.
pub fn decode_into(bytes: &mut &[u8], count: usize, out: &mut Vec<i64>, scratch: &mut Scratch) -> Result<(), Damaged> {
    decode(bytes, count, out, pco_bytes::buffers(scratch))
}
