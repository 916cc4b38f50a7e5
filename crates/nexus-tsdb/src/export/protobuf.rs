//! The few forms of protobuf that are written here. Fields with default values are left out, as proto3 has it.

/// Appends a varint.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends an integer field.
pub fn integer(out: &mut Vec<u8>, field: u32, value: i64) {
    if value != 0 {
        varint(out, u64::from(field) << 3);
        varint(out, value as u64);
    }
}

/// Appends an integer field of the type sint32.
pub fn zigzag(out: &mut Vec<u8>, field: u32, value: i32) {
    integer(out, field, i64::from((value << 1 ^ value >> 31) as u32));
}

/// Appends a double field, whatever its value.
pub fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    varint(out, u64::from(field) << 3 | 1);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Appends a packed field of doubles.
pub fn doubles(out: &mut Vec<u8>, field: u32, values: &[f64]) {
    if !values.is_empty() {
        varint(out, u64::from(field) << 3 | 2);
        varint(out, values.len() as u64 * 8);
        for value in values {
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

/// Appends a field of bytes.
pub fn bytes(out: &mut Vec<u8>, field: u32, content: &[u8]) {
    varint(out, u64::from(field) << 3 | 2);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// Appends labels, each a message of field 1.
pub fn labels(out: &mut Vec<u8>, labels: &super::Labels) {
    let mut label = Vec::new();
    for (name, value) in labels {
        label.clear();
        bytes(&mut label, 1, name.as_bytes());
        bytes(&mut label, 2, value.as_bytes());
        bytes(out, 1, &label);
    }
}
