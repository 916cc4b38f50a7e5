//! A block of Prometheus' database: its index and chunks, read to be taken over.
//!
//! Source: Prometheus' `tsdb/docs/format` (index version 2, chunks version 1, tombstones version 1). Every read is checked
//! against its bounds; a series that cannot be read is refused with its place, and the rest is read all the same.

use super::Decoded;
use super::builder::BatchBuilder;
use super::tsdb_chunk::{self, Samples};
use crate::decode::DecodeError;

const INDEX_MAGIC: u32 = 0xBAAA_D700;
const CHUNKS_MAGIC: u32 = 0x85BD_40DD;
const TOMBSTONES_MAGIC: u32 = 0x0130_BA30;
const TOC_LENGTH: usize = 52;
/// Bytes of one chunk's data. Prometheus writes some hundreds.
const MAX_CHUNK: usize = 1 << 20;

/// Gives pieces of the block's chunk files, numbered from 1.
pub trait ChunkFiles {
    /// `length` bytes, or those that there are, from `offset` on.
    fn read(&mut self, file: u32, offset: u64, length: usize) -> Result<Vec<u8>, String>;
}

/// A span of time that was deleted of a series, in ms, both ends included.
type Deleted = (i64, i64);

/// An open block.
pub struct Block {
    index: Vec<u8>,
    symbols: Vec<(usize, usize)>,
    /// Where the series end.
    end: usize,
    at: usize,
    number: usize,
    deleted: hashbrown::HashMap<u64, Vec<Deleted>, foldhash::fast::RandomState>,
}

impl Block {
    /// Open a block: the bytes of its `index`, and of `tombstones` (which may be empty).
    ///
    /// # Errors
    /// When they are none.
    pub fn open(index: Vec<u8>, tombstones: &[u8]) -> Result<Self, DecodeError> {
        let bad = |what: &str| DecodeError(format!("the index is not one of a Prometheus block: {what}"));
        let mut head = Cursor::new(&index, 0);
        if head.u32() != Some(INDEX_MAGIC) {
            return Err(bad("it does not begin as one"));
        }
        match head.u8() {
            Some(2) => {}
            version => return Err(bad(&format!("its version is {version:?}, 2 is read"))),
        }
        let toc = index.len().checked_sub(TOC_LENGTH).ok_or_else(|| bad("it is too short"))?;
        let mut toc = Cursor::new(&index, toc);
        let mut place = || toc.u64().and_then(|at| usize::try_from(at).ok()).filter(|at| *at <= index.len());
        let symbols_at = place().ok_or_else(|| bad("its table of contents is broken"))?;
        let series_at = place().ok_or_else(|| bad("its table of contents is broken"))?;
        let after: Vec<usize> = (0..4).filter_map(|_| place()).filter(|at| *at > series_at).collect();
        let end = after.into_iter().min().unwrap_or(index.len() - TOC_LENGTH);
        let symbols = read_symbols(&index, symbols_at).ok_or_else(|| bad("its symbols are broken"))?;
        let deleted = read_tombstones(tombstones)
            .ok_or_else(|| DecodeError("the tombstones are not those of a Prometheus block".to_owned()))?;
        Ok(Self { symbols, end, at: series_at, number: 0, deleted, index })
    }

    /// Bytes of the index read so far, and of all.
    pub fn progress(&self) -> (usize, usize) {
        (self.at.min(self.index.len()), self.index.len())
    }

    /// The next series with about so many samples; None at the end. Rejections count chunks.
    pub fn next(&mut self, max_samples: usize, files: &mut dyn ChunkFiles) -> Option<Decoded> {
        let mut builder = BatchBuilder::default();
        let mut taken = 0;
        while taken < max_samples {
            // Series begin at multiples of 16; their place over 16 is how tombstones call them.
            self.at = self.at.div_ceil(16) * 16;
            if self.at >= self.end {
                break;
            }
            let reference = (self.at / 16) as u64;
            let mut cursor = Cursor::new(&self.index, self.at);
            let length = cursor.uvarint().and_then(|length| usize::try_from(length).ok());
            let body = length.and_then(|length| cursor.bytes(length));
            let Some(body) = body else {
                builder.reject_record(self.number + 1, 1, || "the index ends within a series".to_owned());
                self.at = self.end;
                break;
            };
            if body.is_empty() {
                // Nothing but what fills up the end.
                self.at = self.end;
                break;
            }
            let body = body.to_vec();
            self.at = cursor.at + 4;
            taken += self.series(&body, reference, files, &mut builder);
            self.number += 1;
        }
        (taken > 0 || self.at < self.end || !builder.is_unused()).then(|| builder.finish())
    }

    fn series(&self, body: &[u8], reference: u64, files: &mut dyn ChunkFiles, builder: &mut BatchBuilder) -> usize {
        let number = self.number;
        let mut cursor = Cursor::new(body, 0);
        builder.begin(number);
        let labels = cursor.uvarint().unwrap_or_default();
        let mut broken = labels == 0;
        for _ in 0..labels {
            let pair = (|| Some((self.symbol(cursor.uvarint()?)?, self.symbol(cursor.uvarint()?)?)))();
            let Some((name, value)) = pair else {
                broken = true;
                break;
            };
            builder.label(name, value);
        }
        let chunks = if broken { None } else { read_metas(&mut cursor) };
        let Some(chunks) = chunks else {
            builder.end();
            builder.reject_record(number + 1, 1, || {
                format!("the series at byte {} of the index is broken", 16 * reference)
            });
            return 1;
        };
        let deleted = self.deleted.get(&reference).map(Vec::as_slice).unwrap_or_default();
        let mut taken = 0;
        for (file, offset) in chunks {
            let kept = |time: i64| !deleted.iter().any(|(from, to)| (*from..=*to).contains(&time));
            match read_chunk(files, file, offset) {
                Ok(Samples::Floats(samples)) => {
                    for (time, value) in samples.into_iter().filter(|(time, _)| kept(*time)) {
                        builder.float(time, value);
                        taken += 1;
                    }
                }
                Ok(Samples::Histograms(samples)) => {
                    for (time, histogram) in samples.into_iter().filter(|(time, _)| kept(*time)) {
                        builder.histogram(time, histogram);
                        taken += 1;
                    }
                }
                Err(what) => builder.reject(|| format!("chunk at byte {offset} of file {file:06}: {what}")),
            }
        }
        builder.end();
        taken
    }

    fn symbol(&self, number: u64) -> Option<&[u8]> {
        let (start, end) = *self.symbols.get(usize::try_from(number).ok()?)?;
        self.index.get(start..end)
    }
}

fn read_chunk(files: &mut dyn ChunkFiles, file: u32, offset: u32) -> Result<Samples, String> {
    // Length (at most 5 bytes), encoding, data, checksum.
    let mut bytes = files.read(file, u64::from(offset), 4096)?;
    let mut cursor = Cursor::new(&bytes, 0);
    let length = cursor.uvarint().and_then(|length| usize::try_from(length).ok()).filter(|length| *length <= MAX_CHUNK);
    let length = length.ok_or("its length is broken")?;
    let start = cursor.at;
    let whole = start + 1 + length + 4;
    if bytes.len() < whole {
        bytes = files.read(file, u64::from(offset), whole)?;
    }
    let encoding = *bytes.get(start).ok_or("the file ends before it")?;
    let data = bytes.get(start + 1..start + 1 + length).ok_or("the file ends within it")?;
    let told = bytes.get(start + 1 + length..whole).ok_or("the file ends within it")?;
    if crc32c(&bytes[start..start + 1 + length]).to_be_bytes() != *told {
        return Err("its checksum is wrong".to_owned());
    }
    tsdb_chunk::decode(encoding, data)
}

/// Does a chunk file begin as one?
pub fn is_chunk_file(head: &[u8]) -> bool {
    head.get(..4) == Some(&CHUNKS_MAGIC.to_be_bytes()) && head.get(4) == Some(&1)
}

/// File and offset of each chunk of a series.
fn read_metas(cursor: &mut Cursor<'_>) -> Option<Vec<(u32, u32)>> {
    let count = cursor.uvarint()?;
    let mut metas = Vec::new();
    let mut reference = 0_u64;
    for place in 0..count {
        if place == 0 {
            cursor.varint()?;
            cursor.uvarint()?;
            reference = cursor.uvarint()?;
        } else {
            cursor.uvarint()?;
            cursor.uvarint()?;
            reference = reference.checked_add_signed(cursor.varint()?)?;
        }
        metas.push((u32::try_from(reference >> 32).ok()?.checked_add(1)?, reference as u32));
    }
    Some(metas)
}

fn read_symbols(index: &[u8], at: usize) -> Option<Vec<(usize, usize)>> {
    let mut cursor = Cursor::new(index, at);
    cursor.u32()?;
    let count = cursor.u32()?;
    let mut symbols = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(cursor.uvarint()?).ok()?;
        let start = cursor.at;
        cursor.bytes(length)?;
        symbols.push((start, start + length));
    }
    Some(symbols)
}

fn read_tombstones(bytes: &[u8]) -> Option<hashbrown::HashMap<u64, Vec<Deleted>, foldhash::fast::RandomState>> {
    let mut deleted = hashbrown::HashMap::<u64, Vec<Deleted>, foldhash::fast::RandomState>::default();
    if bytes.is_empty() {
        return Some(deleted);
    }
    let mut cursor = Cursor::new(bytes, 0);
    if cursor.u32()? != TOMBSTONES_MAGIC || cursor.u8()? != 1 {
        return None;
    }
    let end = bytes.len().checked_sub(4)?;
    while cursor.at < end {
        let (reference, from, to) = (cursor.uvarint()?, cursor.varint()?, cursor.varint()?);
        deleted.entry(reference).or_default().push((from, to));
    }
    Some(deleted)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let found = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(found)
    }

    fn u8(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes(4).map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four bytes")))
    }

    fn u64(&mut self) -> Option<u64> {
        self.bytes(8).map(|bytes| u64::from_be_bytes(bytes.try_into().expect("eight bytes")))
    }

    fn uvarint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn varint(&mut self) -> Option<i64> {
        self.uvarint().map(crate::metrics::remote_write::zigzag)
    }
}

/// CRC-32 with Castagnoli's polynomial, as Prometheus' files have it.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0_u32; 256];
        let mut number = 0;
        while number < 256 {
            let mut value = number as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0x82F6_3B78 } else { value >> 1 };
                bit += 1;
            }
            table[number] = value;
            number += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_castagnolis() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for (bytes, message) in [
            (&b""[..], "it does not begin as one"),
            (b"\xba\xaa\xd7\x00\x01", "its version is Some(1), 2 is read"),
            (b"\xba\xaa\xd7\x00\x02", "it is too short"),
        ] {
            let error = Block::open(bytes.to_vec(), b"").err().unwrap().0;
            assert_eq!(error, format!("the index is not one of a Prometheus block: {message}"));
        }
        let broken = [&b"\xba\xaa\xd7\x00\x02"[..], &[0xff; 52]].concat();
        assert!(Block::open(broken, b"").err().unwrap().0.ends_with("its table of contents is broken"));
        assert!(is_chunk_file(b"\x85\xbd\x40\xdd\x01\0\0\0") && !is_chunk_file(b"\x85\xbd"));
    }
}
