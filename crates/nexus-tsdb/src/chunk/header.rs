//! What stands at the front of both blobs, and their checksums.

use super::starts::Runs;
use super::{Damaged, MAX_SAMPLES, varint};

const VERSION: u8 = 1;
/// Bit of the kind: start times stand between the header and the values.
const WITH_STARTS: u8 = 2;

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Floats.
    Floats,
    /// Native histograms.
    Histograms,
    /// Windows of rollups.
    Windows = 4,
    /// Nothing: a series with histograms, of which there are no rollups.
    NoWindows,
}

/// Front of a blob of values: version and kind (a byte), checksum of what follows, count, sequence; then start times, where
/// the kind says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValuesHeader {
    /// What it holds.
    pub kind: Kind,
    /// Samples.
    pub count: usize,
    /// Order among chunks that overlap.
    pub sequence: u64,
}

/// Front of a blob of times: version (a byte), checksum of what follows, count, first time, distance to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimesHeader {
    /// Samples.
    pub count: usize,
    /// First time, ms.
    pub first: i64,
    /// Last time, ms.
    pub last: i64,
}

pub(super) fn seal_values(head: ValuesHeader, starts: &Runs, body: &[u8]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(body.len() + 32);
    let with_starts = if starts.is_empty() { 0 } else { WITH_STARTS };
    blob.push(VERSION << 4 | with_starts | head.kind as u8);
    blob.extend_from_slice(&[0; 4]);
    varint::push(&mut blob, head.count as u64);
    varint::push(&mut blob, head.sequence);
    if !starts.is_empty() {
        starts.encode(&mut blob);
    }
    blob.extend_from_slice(body);
    sign(&mut blob);
    blob
}

pub(super) fn seal_times(header: TimesHeader, body: &[u8]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(body.len() + 24);
    blob.push(VERSION << 4);
    blob.extend_from_slice(&[0; 4]);
    varint::push(&mut blob, header.count as u64);
    varint::push_signed(&mut blob, header.first);
    varint::push(&mut blob, header.last.wrapping_sub(header.first) as u64);
    blob.extend_from_slice(body);
    sign(&mut blob);
    blob
}

fn sign(blob: &mut [u8]) {
    let checksum = crc32fast::hash(&blob[5..]);
    blob[1..5].copy_from_slice(&checksum.to_le_bytes());
}

/// Replaces the checksum by the right one: for whoever makes damaged chunks on purpose.
pub fn sign_again(blob: &mut [u8]) {
    if blob.len() > 5 {
        sign(blob);
    }
}

fn front(blob: &[u8]) -> Result<(u8, &[u8]), Damaged> {
    match blob.first() {
        Some(first) if first >> 4 == VERSION && blob.len() > 5 => Ok((first & 15, &blob[5..])),
        Some(first) if first >> 4 > VERSION => Err(Damaged("its version is newer than this program")),
        _ => Err(Damaged("it has no header")),
    }
}

fn checked(blob: &[u8], rest: &[u8]) -> Result<(), Damaged> {
    if blob[1..5] == crc32fast::hash(rest).to_le_bytes() { Ok(()) } else { Err(Damaged("its checksum is wrong")) }
}

fn count(rest: &mut &[u8]) -> Result<usize, Damaged> {
    match varint::take_count(rest, MAX_SAMPLES)? {
        0 => Err(Damaged("it has no samples")),
        count => Ok(count),
    }
}

impl ValuesHeader {
    /// Reads the front without checking what follows.
    pub fn read(blob: &[u8]) -> Result<Self, Damaged> {
        let (_, rest) = front(blob)?;
        Ok(Self::parse(blob, rest)?.0)
    }

    fn parse<'a>(blob: &[u8], mut rest: &'a [u8]) -> Result<(Self, &'a [u8]), Damaged> {
        let kind = match blob[0] & (15 & !WITH_STARTS) {
            0 => Kind::Floats,
            1 => Kind::Histograms,
            4 => Kind::Windows,
            5 => Kind::NoWindows,
            _ => return Err(Damaged("its kind is not known")),
        };
        let count = count(&mut rest)?;
        let sequence = varint::take(&mut rest)?;
        Ok((Self { kind, count, sequence }, rest))
    }
}

impl TimesHeader {
    /// Reads the front without checking what follows.
    pub fn read(blob: &[u8]) -> Result<Self, Damaged> {
        let (kind, rest) = front(blob)?;
        Ok(Self::parse(kind, rest)?.0)
    }

    fn parse(kind: u8, mut rest: &[u8]) -> Result<(Self, &[u8]), Damaged> {
        if kind != 0 {
            return Err(Damaged("its kind is not known"));
        }
        let count = count(&mut rest)?;
        let first = varint::take_signed(&mut rest)?;
        let last = first.wrapping_add(varint::take(&mut rest)? as i64);
        if last < first {
            return Err(Damaged("it ends before it begins"));
        }
        Ok((Self { count, first, last }, rest))
    }
}

pub(super) fn open_values(blob: &[u8]) -> Result<(ValuesHeader, Runs, &[u8]), Damaged> {
    let (kind, rest) = front(blob)?;
    checked(blob, rest)?;
    let (head, mut body) = ValuesHeader::parse(blob, rest)?;
    let starts = if kind & WITH_STARTS == 0 { Runs::default() } else { Runs::decode(&mut body, head.count)? };
    Ok((head, starts, body))
}

pub(super) fn open_times(blob: &[u8]) -> Result<(TimesHeader, &[u8]), Damaged> {
    let (kind, rest) = front(blob)?;
    checked(blob, rest)?;
    TimesHeader::parse(kind, rest)
}
