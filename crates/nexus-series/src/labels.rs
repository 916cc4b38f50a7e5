//! Labels of a series in their canonical packed form, and the series id made of it.
//!
//! Packed: for each label, in ascending byte order of names, each name once and no value empty:
//! varint length of the name, name, varint length of the value, value (both UTF-8). Equal label sets have equal bytes.

use xxhash_rust::xxh3::xxh3_128;

/// Identity of a series within its tenant: the 128-bit hash of its packed labels.
pub type SeriesId = u128;

/// The id of packed labels.
#[inline]
pub fn series_id(packed: &[u8]) -> SeriesId {
    xxh3_128(packed)
}

/// Appends one label to packed bytes. The caller keeps the order.
#[inline]
pub fn push_label(packed: &mut Vec<u8>, name: &str, value: &str) {
    push_varint(packed, name.len());
    packed.extend_from_slice(name.as_bytes());
    push_varint(packed, value.len());
    packed.extend_from_slice(value.as_bytes());
}

#[inline]
fn push_varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Packs labels of any order: sorts them, leaves out those with an empty value. Of equal names the last counts.
pub fn pack<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut sorted: Vec<(&str, &str)> = labels.into_iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    let mut packed = Vec::with_capacity(sorted.iter().map(|(name, value)| name.len() + value.len() + 2).sum());
    for (index, (name, value)) in sorted.iter().enumerate() {
        let last = sorted.get(index + 1).is_none_or(|next| next.0 != *name);
        if last && !value.is_empty() {
            push_label(&mut packed, name, value);
        }
    }
    packed
}

/// Iterates over packed labels. Ends early at bytes that are not packed labels.
pub struct Unpacked<'a>(&'a [u8]);

/// The labels of packed bytes.
pub fn unpack(packed: &[u8]) -> Unpacked<'_> {
    Unpacked(packed)
}

impl<'a> Unpacked<'a> {
    fn text(&mut self) -> Option<&'a str> {
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
            if shift > 28 {
                return None;
            }
        }
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

impl<'a> Iterator for Unpacked<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.text()?, self.text()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_labels_are_canonical() {
        let packed = pack([("job", "a"), ("__name__", "up"), ("empty", "")]);
        assert_eq!(packed, pack([("__name__", "up"), ("job", "a")]));
        assert_eq!(unpack(&packed).collect::<Vec<_>>(), [("__name__", "up"), ("job", "a")]);
        let long = "x".repeat(300);
        let packed = pack([("a", long.as_str())]);
        assert_eq!(unpack(&packed).collect::<Vec<_>>(), [("a", long.as_str())]);
    }
}
