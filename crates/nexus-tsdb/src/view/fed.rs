//! Chunks fetched from the tables, of samples or of rollups, by series, still packed. They do not change, so that queries share them. Of equal times one
//! copy is kept, and it is unpacked once: series of one target were sampled together.

use crate::chunk::{Damaged, Kind, Scratch, TimesHeader, ValuesHeader, decode_times};
use crate::engine::rows::{take_array, take_number, take_string, take_text};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use nexus_series::labels::SeriesId;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

/// A chunk: where its blobs are.
#[derive(Clone, Debug)]
pub struct FedChunk {
    times: u32,
    values: Range<usize>,
    /// Front of its times.
    pub head: TimesHeader,
    /// Order among chunks.
    pub sequence: u64,
    /// What it holds.
    pub kind: Kind,
}

/// Times of one chunk or of several.
struct Times {
    blob: Range<usize>,
    chunks: u32,
    /// Are they to be kept once they are unpacked?
    kept: bool,
    unpacked: OnceLock<Box<[i64]>>,
}

/// Unpacked times may take so many times the room of the packed chunks, and so many bytes anyhow.
const UNPACKED: (usize, usize) = (2, 64 << 10);

/// See the module text.
pub struct ChunkRows {
    bytes: Box<[u8]>,
    /// In the order of ids.
    chunks: Vec<(SeriesId, FedChunk)>,
    times: Vec<Times>,
    weight: usize,
}

impl ChunkRows {
    /// Of rows, RowBinary: series UInt128, times Array(String), values Array(String).
    pub fn read(mut rows: &[u8]) -> Result<Self, Damaged> {
        let mut made = Making::default();
        made.bytes.reserve(rows.len());
        while !rows.is_empty() {
            made.row(&mut rows)?;
        }
        Ok(made.finish())
    }

    /// Of rows as they go to the tables (`SealedRows::chunks`), by tenant.
    pub fn sealed<'a>(days: impl Iterator<Item = &'a [u8]>) -> Result<Vec<(String, Self)>, Damaged> {
        let mut tenants: BTreeMap<&str, Making> = BTreeMap::new();
        for mut rows in days {
            while !rows.is_empty() {
                let made = tenants.entry(take_text(&mut rows)?).or_default();
                take_string(&mut rows)?;
                let id = take_number::<16>(&mut rows)?;
                // Day, day of expiry, first, last, number of samples.
                take_number::<24>(&mut rows)?;
                made.chunks(u128::from_le_bytes(id), &mut rows)?;
            }
        }
        Ok(tenants.into_iter().map(|(tenant, made)| (tenant.to_owned(), made.finish())).collect())
    }

    /// Bytes it takes, at most.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Chunks of a series.
    pub fn of(&self, id: SeriesId) -> impl Iterator<Item = &FedChunk> {
        let start = self.chunks.partition_point(|(other, _)| *other < id);
        self.chunks[start..].iter().take_while(move |(other, _)| *other == id).map(|(_, chunk)| chunk)
    }

    /// Blob of values.
    pub fn values(&self, chunk: &FedChunk) -> &[u8] {
        &self.bytes[chunk.values.clone()]
    }

    /// Times, unpacked in `buffer` where they are not kept.
    pub fn times<'a>(
        &'a self,
        chunk: &FedChunk,
        buffer: &'a mut Vec<i64>,
        scratch: &mut Scratch,
    ) -> Result<&'a [i64], Damaged> {
        let times = &self.times[chunk.times as usize];
        if let Some(known) = times.unpacked.get() {
            return Ok(known);
        }
        decode_times(&self.bytes[times.blob.clone()], buffer, scratch)?;
        Ok(if times.kept { times.unpacked.get_or_init(|| buffer.as_slice().into()) } else { buffer })
    }

    /// Bytes of a chunk's blobs.
    pub fn size(&self, chunk: &FedChunk) -> usize {
        self.times[chunk.times as usize].blob.len() + chunk.values.len()
    }
}

#[derive(Default)]
struct Making {
    bytes: Vec<u8>,
    chunks: Vec<(SeriesId, FedChunk)>,
    times: Vec<Times>,
    /// Number of times by checksum and length.
    known: HashMap<(u32, usize), u32, RandomState>,
    blobs: Vec<Range<usize>>,
}

impl Making {
    fn row(&mut self, rows: &mut &[u8]) -> Result<(), Damaged> {
        let id = u128::from_le_bytes(take_number(rows)?);
        self.chunks(id, rows)
    }

    /// Both arrays of a row.
    fn chunks(&mut self, id: SeriesId, rows: &mut &[u8]) -> Result<(), Damaged> {
        let whole = *rows;
        self.blobs.clear();
        let count = take_array(rows)?;
        for _ in 0..count {
            let blob = take_string(rows)?;
            let end = whole.len() - rows.len();
            self.blobs.push(end - blob.len()..end);
        }
        if take_array(rows)? != count {
            return Err(Damaged("the arrays of a row are not in step"));
        }
        for at in 0..count {
            let times = &whole[self.blobs[at].clone()];
            let values = take_string(rows)?;
            let head = TimesHeader::read(times)?;
            let front = ValuesHeader::read(values)?;
            if front.count != head.count {
                return Err(Damaged("it has another number of values than of times"));
            }
            let times = self.times(times);
            let values = self.put(values);
            self.chunks.push((id, FedChunk { times, values, head, sequence: front.sequence, kind: front.kind }));
        }
        Ok(())
    }

    fn put(&mut self, blob: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(blob);
        start..self.bytes.len()
    }

    fn times(&mut self, blob: &[u8]) -> u32 {
        let checksum = u32::from_le_bytes(blob[1..5].try_into().expect("four bytes"));
        if let Some(&number) = self.known.get(&(checksum, blob.len())) {
            let times = &mut self.times[number as usize];
            if self.bytes[times.blob.clone()] == *blob {
                times.chunks += 1;
                return number;
            }
        }
        let number = self.times.len() as u32;
        let blob = self.put(blob);
        self.known.insert((checksum, blob.len()), number);
        self.times.push(Times { blob, chunks: 1, kept: false, unpacked: OnceLock::new() });
        number
    }

    fn finish(mut self) -> ChunkRows {
        // Rows mostly come so: then it costs nothing.
        self.chunks.sort_by_key(|(id, chunk)| (*id, chunk.head.first));
        let mut room = self.bytes.len() * UNPACKED.0 + UNPACKED.1;
        let mut counts = vec![0; self.times.len()];
        self.chunks.iter().for_each(|(_, chunk)| counts[chunk.times as usize] = chunk.head.count);
        let mut unpacked = 0;
        for (times, count) in self.times.iter_mut().zip(counts) {
            let size = count * size_of::<i64>();
            if times.chunks > 1 && size <= room {
                times.kept = true;
                room -= size;
                unpacked += size;
            }
        }
        let weight = self.bytes.len()
            + unpacked
            + self.chunks.len() * size_of::<(SeriesId, FedChunk)>()
            + self.times.len() * size_of::<Times>();
        self.chunks.shrink_to_fit();
        ChunkRows { bytes: self.bytes.into(), chunks: self.chunks, times: self.times, weight }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::{Chunk, encode_floats};
    use crate::engine::rows::{array, string};
    use nexus_series::starts::StartTimes;

    fn row(out: &mut Vec<u8>, id: SeriesId, chunks: &[&Chunk]) {
        out.extend_from_slice(&id.to_le_bytes());
        array(out, chunks.len());
        for chunk in chunks {
            string(out, &chunk.times);
        }
        array(out, chunks.len());
        for chunk in chunks {
            string(out, &chunk.values);
        }
    }

    fn chunks() -> (Vec<Chunk>, Vec<i64>) {
        let times: Vec<i64> = (0..100).map(|at| at * 15_000 + at % 7).collect();
        let chunks = (0..9)
            .map(|one| encode_floats(&times, &vec![f64::from(one); 100], &StartTimes::default(), one as u64))
            .collect();
        (chunks, times)
    }

    fn first_time(rows: &ChunkRows, chunk: &FedChunk) -> *const i64 {
        rows.times(chunk, &mut Vec::new(), &mut Scratch::default()).unwrap().as_ptr()
    }

    #[test]
    fn equal_times_are_unpacked_once() {
        let (chunks, times) = chunks();
        let mut bytes = Vec::new();
        for (id, chunk) in chunks.iter().enumerate().rev() {
            row(&mut bytes, id as u128 / 2, &[chunk]);
        }
        let rows = ChunkRows::read(&bytes).unwrap();
        assert_eq!((rows.times.len(), rows.of(9).count(), rows.of(4).count(), rows.of(0).count()), (1, 0, 1, 2));
        let mut found = Vec::new();
        for chunk in (0..5).flat_map(|id| rows.of(id)) {
            let (mut buffer, mut values) = (Vec::new(), Vec::new());
            let mut scratch = Scratch::default();
            assert_eq!(rows.times(chunk, &mut buffer, &mut scratch).unwrap(), times);
            crate::chunk::append_values(rows.values(chunk), &mut values, &mut scratch).unwrap();
            assert_eq!(values, vec![chunk.sequence as f64; 100]);
            found.push(first_time(&rows, chunk));
        }
        found.dedup();
        assert_eq!(found.len(), 1);
        assert!(rows.weight() >= 800 && rows.weight() < 800 + 9 * 200 + bytes.len(), "{}", rows.weight());
    }

    #[test]
    fn rows_on_their_way_to_the_tables_are_told_apart_by_tenant() {
        let (chunks, _) = chunks();
        let mut days = [Vec::new(), Vec::new()];
        for (at, tenant) in ["b", "a", "b"].into_iter().enumerate() {
            let out = &mut days[at % 2];
            string(out, tenant.as_bytes());
            string(out, b"up");
            let mut rest = Vec::new();
            row(&mut rest, 7, &[&chunks[at], &chunks[at + 3]]);
            out.extend_from_slice(&rest[..16]);
            out.extend_from_slice(&[9; 24]);
            out.extend_from_slice(&rest[16..]);
        }
        let made = ChunkRows::sealed(days.iter().map(|rows| &rows[..])).unwrap();
        let found: Vec<(&str, Vec<u64>)> = made
            .iter()
            .map(|(tenant, rows)| (tenant.as_str(), rows.of(7).map(|chunk| chunk.sequence).collect()))
            .collect();
        assert_eq!(found, [("a", vec![1, 4]), ("b", vec![0, 3, 2, 5])]);
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let (chunks, _) = chunks();
        let mut bytes = Vec::new();
        row(&mut bytes, 1, &[&chunks[0], &chunks[1]]);
        for length in 1..bytes.len() {
            assert!(ChunkRows::read(&bytes[..length]).is_err(), "{length}");
        }
        let mut uneven = 1u128.to_le_bytes().to_vec();
        array(&mut uneven, 1);
        string(&mut uneven, &chunks[0].times);
        array(&mut uneven, 0);
        assert!(ChunkRows::read(&uneven).is_err());
        let other = encode_floats(&[1, 2], &[1.0, 2.0], &StartTimes::default(), 1);
        let mut mixed = Vec::new();
        row(&mut mixed, 1, &[&Chunk { times: chunks[0].times.clone(), values: other.values }]);
        assert!(ChunkRows::read(&mixed).is_err());
    }
}
