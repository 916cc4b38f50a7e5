//! RowBinary: how rows go to the tables and come from them.

use crate::chunk::varint::{push, take_bytes, take_count};
use crate::chunk::{Damaged, varint};

/// Appends a String.
pub fn string(out: &mut Vec<u8>, text: &[u8]) {
    push(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Appends the front of an Array.
pub fn array(out: &mut Vec<u8>, count: usize) {
    push(out, count as u64);
}

/// Appends a Date. Days a table cannot name become the nearest.
pub fn date(out: &mut Vec<u8>, day: i64) {
    out.extend_from_slice(&(day.clamp(0, i64::from(u16::MAX)) as u16).to_le_bytes());
}

/// Takes a String.
pub fn take_string<'a>(rows: &mut &'a [u8]) -> Result<&'a [u8], Damaged> {
    let length = take_count(rows, rows.len())?;
    take_bytes(rows, length)
}

/// Takes a text.
pub fn take_text<'a>(rows: &mut &'a [u8]) -> Result<&'a str, Damaged> {
    std::str::from_utf8(take_string(rows)?).map_err(|_| Damaged("a text is no UTF-8"))
}

/// Takes the front of an Array.
pub fn take_array(rows: &mut &[u8]) -> Result<usize, Damaged> {
    varint::take_count(rows, rows.len())
}

/// Takes a number of a fixed size.
pub fn take_number<const N: usize>(rows: &mut &[u8]) -> Result<[u8; N], Damaged> {
    Ok(take_bytes(rows, N)?.try_into().expect("as many bytes"))
}
