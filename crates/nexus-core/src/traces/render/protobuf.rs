//! Writing protobuf messages into one buffer. Fields with the default value are left out, as proto3 has it.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use super::text::mended;

/// An unsigned number of variable length.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number; negative ones as their two's complement.
pub fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        varint(out, u64::from(field << 3));
        varint(out, value);
    }
}

/// Eight bytes.
pub fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        varint(out, u64::from(field << 3 | 1));
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Four bytes.
pub fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        varint(out, u64::from(field << 3 | 5));
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Bytes.
pub fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        always_bytes(out, field, value);
    }
}

/// Bytes, empty ones too: one of several alternatives.
pub fn always_bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    varint(out, u64::from(field << 3 | 2));
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Text: UTF-8, whatever was stored.
pub fn text(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        always_bytes(out, field, &mended(value));
    }
}

/// A message in a message. Its length is written when it is known: its bytes move by the few that the length needs.
pub fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    varint(out, u64::from(field << 3 | 2));
    let at = out.len();
    out.push(0);
    write(out);
    let length = out.len() - at - 1;
    if length < 128 {
        out[at] = length as u8;
        return;
    }
    let mut prefix = Vec::with_capacity(10);
    varint(&mut prefix, length as u64);
    out.splice(at..=at, prefix);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_messages_have_their_length() {
        for size in [0_usize, 1, 127, 128, 20_000] {
            let mut out = vec![9];
            message(&mut out, 2, |out| always_bytes(out, 1, &vec![7; size]));
            let mut expected = Vec::new();
            always_bytes(&mut expected, 1, &vec![7; size]);
            let mut outer = vec![9];
            always_bytes(&mut outer, 2, &expected);
            assert_eq!(out, outer);
        }
    }

    #[test]
    fn defaults_are_left_out() {
        let mut out = Vec::new();
        number(&mut out, 1, 0);
        fixed64(&mut out, 1, 0);
        fixed32(&mut out, 1, 0);
        bytes(&mut out, 1, b"");
        text(&mut out, 1, b"");
        assert!(out.is_empty());
        number(&mut out, 1, 300);
        text(&mut out, 16, &[255]);
        assert_eq!(out, [8, 172, 2, 130, 1, 3, 239, 191, 189]);
    }
}
