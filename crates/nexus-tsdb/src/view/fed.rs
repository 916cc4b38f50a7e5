//! Chunks fetched from the tables, by series. The rows are kept as they came.

use super::View;
use crate::chunk::{Damaged, Kind, TimesHeader, ValuesHeader};
use crate::engine::rows::{take_array, take_number, take_string};
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use nexus_series::labels::SeriesId;

/// A chunk: where its blobs are.
#[derive(Clone, Copy, Debug)]
pub struct FedChunk {
    buffer: u32,
    times: (usize, usize),
    values: (usize, usize),
    /// Front of its times.
    pub head: TimesHeader,
    /// Order among chunks.
    pub sequence: u64,
}

/// See the module text.
#[derive(Default)]
pub struct Fed {
    buffers: Vec<Box<[u8]>>,
    chunks: HashMap<SeriesId, Vec<FedChunk>, RandomState>,
    /// Windows of rollups, by their length, s.
    rolled: HashMap<(u32, SeriesId), Vec<FedChunk>, RandomState>,
    /// Series with histograms.
    raw: HashSet<SeriesId, RandomState>,
}

impl Fed {
    /// Chunks of a series.
    pub fn of(&self, id: SeriesId) -> &[FedChunk] {
        self.chunks.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Chunks of windows of a length (s) of a series.
    pub fn rolled(&self, window: u32, id: SeriesId) -> &[FedChunk] {
        self.rolled.get(&(window, id)).map_or(&[], Vec::as_slice)
    }

    /// Has a series histograms, of which there are no rollups?
    pub fn is_raw(&self, id: SeriesId) -> bool {
        self.raw.contains(&id)
    }

    /// Blob of times.
    pub fn times(&self, chunk: &FedChunk) -> &[u8] {
        &self.buffers[chunk.buffer as usize][chunk.times.0..chunk.times.1]
    }

    /// Blob of values.
    pub fn values(&self, chunk: &FedChunk) -> &[u8] {
        &self.buffers[chunk.buffer as usize][chunk.values.0..chunk.values.1]
    }
}

impl View {
    /// Takes in rows, RowBinary: series UInt128, times Array(String), values Array(String). `window` is that of the rollups, s;
    /// 0: they are samples.
    pub fn feed(&self, rows: &[u8], window: u32) -> Result<(), Damaged> {
        let buffer: Box<[u8]> = rows.into();
        let wanted = self.wanted();
        let mut fed = self.fed.write().expect("no panic while locked");
        let number = fed.buffers.len() as u32;
        let mut rest = &buffer[..];
        let mut found: Vec<(SeriesId, FedChunk)> = Vec::new();
        let mut raw = Vec::new();
        let (mut times, mut values) = (Vec::new(), Vec::new());
        while !rest.is_empty() {
            let id = u128::from_le_bytes(take_number(&mut rest)?);
            for column in [&mut times, &mut values] {
                column.clear();
                for _ in 0..take_array(&mut rest)? {
                    let blob = take_string(&mut rest)?;
                    let end = buffer.len() - rest.len();
                    column.push((end - blob.len(), end));
                }
            }
            if times.len() != values.len() {
                return Err(Damaged("the arrays of a row are not in step"));
            }
            if !wanted.contains(&id) {
                continue;
            }
            for (&times, &values) in times.iter().zip(&values) {
                let head = TimesHeader::read(&buffer[times.0..times.1])?;
                let front = ValuesHeader::read(&buffer[values.0..values.1])?;
                if front.count != head.count {
                    return Err(Damaged("it has another number of values than of times"));
                }
                match front.kind {
                    Kind::NoWindows if window > 0 => {
                        raw.push(id);
                        continue;
                    }
                    Kind::Windows if window > 0 => {}
                    Kind::Histograms if window == 0 => raw.push(id),
                    Kind::Floats if window == 0 => {}
                    _ => return Err(Damaged("it is of another table")),
                }
                found.push((id, FedChunk { buffer: number, times, values, head, sequence: front.sequence }));
            }
        }
        for (id, chunk) in found {
            let known = match window {
                0 => fed.chunks.entry(id).or_default(),
                window => fed.rolled.entry((window, id)).or_default(),
            };
            // The same row may have been wanted twice, or inserted twice.
            if !known.iter().any(|other| other.sequence == chunk.sequence && other.head == chunk.head) {
                known.push(chunk);
            }
        }
        if self.rollups.is_some() {
            fed.raw.extend(raw);
        }
        fed.buffers.push(buffer);
        Ok(())
    }
}
