//! Samples of a series as two blobs: its times and its values. Series of one target are sampled together, so their blobs of
//! times are equal, and the tables' general compression makes nearly nothing of all but the first.
//!
//! Both are self-describing, versioned and carry a checksum: bytes that are not a chunk are an error. Values come back bit for
//! bit. Up to `MAX_SAMPLES` samples.

pub mod cut;
pub mod floats;
mod header;
pub mod histograms;
pub mod ints;
mod packing;
mod pco_bytes;
pub mod starts;
pub mod times;
pub(crate) mod varint;
pub mod windows;

pub use header::sign_again;
pub use header::{Kind, TimesHeader, ValuesHeader};

use nexus_series::histogram::Histogram;
use nexus_series::starts::StartTimes;
use starts::Runs;
use std::fmt;
use std::sync::Arc;

/// Most samples of a chunk.
pub const MAX_SAMPLES: usize = 1 << 14;

/// Bytes that are no chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged(pub &'static str);

impl fmt::Display for Damaged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the chunk is damaged: {}", self.0)
    }
}

impl std::error::Error for Damaged {}

/// Samples in time order, each time once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Blob of times.
    pub times: Vec<u8>,
    /// Blob of values.
    pub values: Vec<u8>,
}

/// Packs floats of ascending times. `sequence`: of two chunks with a sample of the same time, the one with the higher counts.
pub fn encode_floats(timestamps: &[i64], values: &[f64], starts: &StartTimes, sequence: u64) -> Chunk {
    debug_assert!(timestamps.len() == values.len() && values.len() <= MAX_SAMPLES && !values.is_empty());
    let mut body = Vec::with_capacity(64);
    floats::encode(values, &mut body);
    let starts = Runs::of(timestamps, starts);
    let head = ValuesHeader { kind: Kind::Floats, count: values.len(), sequence };
    Chunk { times: times::encode(timestamps), values: header::seal_values(head, &starts, &body) }
}

/// Packs histograms of ascending times.
pub fn encode_histograms(samples: &[(i64, Arc<Histogram>)], starts: &StartTimes, sequence: u64) -> Chunk {
    debug_assert!(!samples.is_empty() && samples.len() <= MAX_SAMPLES);
    let timestamps: Vec<i64> = samples.iter().map(|(time, _)| *time).collect();
    let histograms: Vec<&Histogram> = samples.iter().map(|(_, histogram)| &**histogram).collect();
    let mut body = Vec::with_capacity(256);
    histograms::encode(&histograms, &mut body);
    let starts = Runs::of(&timestamps, starts);
    let head = ValuesHeader { kind: Kind::Histograms, count: samples.len(), sequence };
    Chunk { times: times::encode(&timestamps), values: header::seal_values(head, &starts, &body) }
}

/// Values of a chunk.
#[derive(Debug)]
pub enum Values {
    /// They were put into the buffer of floats.
    Floats,
    /// Histograms.
    Histograms(Vec<Histogram>),
}

/// Reusable memory of decoding.
#[derive(Default)]
pub struct Scratch {
    pub(crate) ints: Vec<i64>,
    pub(crate) more: Vec<i64>,
    pub(crate) words: Vec<u32>,
    pub(crate) shorts: Vec<u16>,
}

/// Unpacks times into `timestamps` (emptied first).
pub fn decode_times(blob: &[u8], timestamps: &mut Vec<i64>, scratch: &mut Scratch) -> Result<(), Damaged> {
    times::decode(blob, timestamps, scratch)
}

/// Unpacks values, floats into `floats` (emptied first), and what is said of start times.
pub fn decode_values(blob: &[u8], floats: &mut Vec<f64>, scratch: &mut Scratch) -> Result<(Values, Runs), Damaged> {
    floats.clear();
    append_values(blob, floats, scratch)
}

/// The same with floats at the end of `floats`; as many as the front says.
pub fn append_values(blob: &[u8], floats: &mut Vec<f64>, scratch: &mut Scratch) -> Result<(Values, Runs), Damaged> {
    let (head, starts, body) = header::open_values(blob)?;
    let values = match head.kind {
        Kind::Floats => floats::decode(body, head.count, floats, scratch).map(|()| Values::Floats),
        Kind::Histograms => histograms::decode(body, head.count, scratch).map(Values::Histograms),
        Kind::Windows | Kind::NoWindows => Err(Damaged("it holds no samples")),
    };
    Ok((values?, starts))
}

#[cfg(test)]
pub(crate) mod tests;
