//! Samples that were closed: they do not change any more, and wait to be stored in the tables.

use super::open::Open;
use crate::chunk::{Chunk, encode_floats, encode_histograms};
use crate::index::day_of;
use nexus_series::histogram::Histogram;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Samples in order, each time once; never empty.
#[derive(Clone)]
pub enum Body {
    /// As they were open.
    Floats(Open),
    /// Floats that came late.
    LateFloats(Vec<(i64, f64)>),
    /// Histograms.
    Histograms(Vec<(i64, Arc<Histogram>)>),
}

/// See the module text.
pub struct Piece {
    /// Order among chunks.
    pub sequence: u64,
    /// What it holds.
    pub body: Body,
    /// Number of the batch it is stored with; 0: none yet.
    batch: AtomicU64,
    /// When it was stored, by the engine's count of such events; 0: it was not.
    stored: AtomicU64,
    first: i64,
    last: i64,
}

/// What is stored of a piece: one chunk a day.
pub struct Stored {
    /// UTC day.
    pub day: i64,
    /// First time, ms.
    pub first: i64,
    /// Last time, ms.
    pub last: i64,
    /// Number of samples.
    pub samples: usize,
    /// The blobs.
    pub chunk: Chunk,
}

impl Piece {
    /// Of a body that is not empty.
    pub fn new(sequence: u64, body: Body) -> Self {
        let bounds = |first: Option<i64>, last: Option<i64>| (first.unwrap_or(0), last.unwrap_or(0));
        let (first, last) = match &body {
            Body::Floats(open) => (open.first(), open.last()),
            Body::LateFloats(samples) => bounds(samples.first().map(|one| one.0), samples.last().map(|one| one.0)),
            Body::Histograms(samples) => bounds(samples.first().map(|one| one.0), samples.last().map(|one| one.0)),
        };
        Self { sequence, body, batch: AtomicU64::new(0), stored: AtomicU64::new(0), first, last }
    }

    /// Time of its first sample.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// Time of its last sample.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        match &self.body {
            Body::Floats(open) => open.count(),
            Body::LateFloats(samples) => samples.len(),
            Body::Histograms(samples) => samples.len(),
        }
    }

    /// Number of its batch; 0: none.
    pub fn batch(&self) -> u64 {
        self.batch.load(Ordering::Relaxed)
    }

    /// Gives it to a batch unless it has one.
    pub fn take_into(&self, batch: u64) -> bool {
        self.batch.compare_exchange(0, batch, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// When it was stored; 0: it was not.
    pub fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    /// It is in the tables.
    pub fn set_stored(&self, event: u64) {
        self.stored.store(event, Ordering::Relaxed);
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        match &self.body {
            Body::Floats(open) => open.bytes(),
            Body::LateFloats(samples) => samples.capacity() * 16,
            Body::Histograms(samples) => samples
                .iter()
                .map(|(_, one)| 16 + size_of::<Histogram>() + crate::chunk::histograms::weight(one) * 8)
                .sum(),
        }
    }

    /// What is left of it outside of `from ..= to`, and how many samples that takes away.
    pub fn without(&self, from: i64, to: i64) -> (Option<Self>, usize) {
        let out = |time: i64| time >= from && time <= to;
        let body = match &self.body {
            Body::Floats(open) => {
                let mut open = open.clone();
                open.erase(from, to);
                (open.count() > 0).then_some(Body::Floats(open))
            }
            Body::LateFloats(samples) => {
                let left: Vec<_> = samples.iter().filter(|(time, _)| !out(*time)).copied().collect();
                (!left.is_empty()).then_some(Body::LateFloats(left))
            }
            Body::Histograms(samples) => {
                let left: Vec<_> = samples.iter().filter(|(time, _)| !out(*time)).cloned().collect();
                (!left.is_empty()).then_some(Body::Histograms(left))
            }
        };
        let left = body.map(|body| Self::new(self.sequence, body));
        let count = self.samples() - left.as_ref().map_or(0, Self::samples);
        if let Some(left) = &left {
            left.batch.store(self.batch(), Ordering::Relaxed);
            left.stored.store(self.stored(), Ordering::Relaxed);
        }
        (left, count)
    }

    /// Its floats, when it has such.
    pub fn read_floats(&self, from: i64, to: i64, timestamps: &mut Vec<i64>, values: &mut Vec<f64>) {
        match &self.body {
            Body::Floats(open) => open.read(from, to, timestamps, values),
            Body::LateFloats(samples) => {
                for &(time, value) in samples.iter().filter(|(time, _)| (from..=to).contains(time)) {
                    timestamps.push(time);
                    values.push(value);
                }
            }
            Body::Histograms(_) => {}
        }
    }

    /// UTC days of its samples, ascending.
    pub fn days(&self) -> Vec<i64> {
        let (first, last) = (day_of(self.first), day_of(self.last));
        if first == last {
            return vec![first];
        }
        let mut days: Vec<i64> = match &self.body {
            Body::Floats(open) => {
                let (mut timestamps, mut values) = (Vec::new(), Vec::new());
                open.read(i64::MIN, i64::MAX, &mut timestamps, &mut values);
                timestamps.into_iter().map(day_of).collect()
            }
            Body::LateFloats(samples) => samples.iter().map(|(time, _)| day_of(*time)).collect(),
            Body::Histograms(samples) => samples.iter().map(|(time, _)| day_of(*time)).collect(),
        };
        days.dedup();
        days
    }

    /// As chunks of the tables.
    pub fn chunks(&self) -> Vec<Stored> {
        if let Body::Histograms(samples) = &self.body {
            let days = samples.chunk_by(|one, other| day_of(one.0) == day_of(other.0));
            return days
                .map(|samples| {
                    stored(
                        samples[0].0,
                        samples[samples.len() - 1].0,
                        samples.len(),
                        encode_histograms(samples, self.sequence),
                    )
                })
                .collect();
        }
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        self.read_floats(i64::MIN, i64::MAX, &mut timestamps, &mut values);
        let mut start = 0;
        timestamps
            .chunk_by(|one, other| day_of(*one) == day_of(*other))
            .map(|times| {
                let values = &values[start..start + times.len()];
                start += times.len();
                stored(times[0], times[times.len() - 1], times.len(), encode_floats(times, values, self.sequence))
            })
            .collect()
    }
}

fn stored(first: i64, last: i64, samples: usize, chunk: Chunk) -> Stored {
    Stored { day: day_of(first), first, last, samples, chunk }
}
