//! Samples that were closed: they do not change any more, and wait to be stored in the tables.

use super::open::Open;
use crate::chunk::{Chunk, encode_floats, encode_histograms};
use crate::index::day_of;
use nexus_promql::source::Samples;
use nexus_series::histogram::Histogram;
use nexus_series::starts::StartTimes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Samples in order, each time once; never empty.
#[derive(Clone)]
pub enum Body {
    /// As they were open.
    Floats(Open),
    /// Floats that came late.
    LateFloats(Vec<(i64, f64)>, StartTimes),
    /// Histograms.
    Histograms(Vec<(i64, Arc<Histogram>)>, StartTimes),
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
            Body::LateFloats(samples, _) => bounds(samples.first().map(|one| one.0), samples.last().map(|one| one.0)),
            Body::Histograms(samples, _) => bounds(samples.first().map(|one| one.0), samples.last().map(|one| one.0)),
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
            Body::LateFloats(samples, _) => samples.len(),
            Body::Histograms(samples, _) => samples.len(),
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
            Body::LateFloats(samples, starts) => samples.capacity() * 16 + starts.bytes(),
            Body::Histograms(samples, starts) => {
                let weight = |one: &Histogram| 16 + size_of::<Histogram>() + crate::chunk::histograms::weight(one) * 8;
                samples.iter().map(|(_, one)| weight(one)).sum::<usize>() + starts.bytes()
            }
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
            Body::LateFloats(samples, starts) => {
                let left = kept(samples, starts, |time| !out(time));
                (!left.0.is_empty()).then_some(Body::LateFloats(left.0, left.1))
            }
            Body::Histograms(samples, starts) => {
                let left = kept(samples, starts, |time| !out(time));
                (!left.0.is_empty()).then_some(Body::Histograms(left.0, left.1))
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

    /// Adds its samples of `from ..= to`.
    pub fn read(&self, from: i64, to: i64, into: &mut Samples) {
        match &self.body {
            Body::Floats(open) => open.read(from, to, into),
            Body::LateFloats(samples, starts) => {
                for (index, &(time, value)) in samples.iter().enumerate() {
                    if (from..=to).contains(&time) {
                        into.starts.set(into.values.len(), starts.at(index));
                        into.timestamps.push(time);
                        into.values.push(value);
                    }
                }
            }
            Body::Histograms(samples, starts) => {
                for (index, one) in samples.iter().enumerate() {
                    if (from..=to).contains(&one.0) {
                        into.histogram_starts.set(into.histograms.len(), starts.at(index));
                        into.histograms.push(one.clone());
                    }
                }
            }
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
                let mut samples = Samples::default();
                open.read(i64::MIN, i64::MAX, &mut samples);
                samples.timestamps.into_iter().map(day_of).collect()
            }
            Body::LateFloats(samples, _) => samples.iter().map(|(time, _)| day_of(*time)).collect(),
            Body::Histograms(samples, _) => samples.iter().map(|(time, _)| day_of(*time)).collect(),
        };
        days.dedup();
        days
    }

    /// As chunks of the tables.
    pub fn chunks(&self) -> Vec<Stored> {
        let mut all = Samples::default();
        self.read(i64::MIN, i64::MAX, &mut all);
        let Samples { timestamps, values, starts, histograms, histogram_starts } = all;
        let mut at = 0;
        let floats = timestamps.chunk_by(|one, other| day_of(*one) == day_of(*other)).map(|times| {
            let within = at..at + times.len();
            at = within.end;
            let starts = starts.of(within.clone()).iter().copied().collect();
            let chunk = encode_floats(times, &values[within], &starts, self.sequence);
            stored(times[0], times[times.len() - 1], times.len(), chunk)
        });
        let floats: Vec<Stored> = floats.collect();
        at = 0;
        let histograms = histograms.chunk_by(|one, other| day_of(one.0) == day_of(other.0)).map(|samples| {
            let starts = histogram_starts.of(at..at + samples.len()).iter().copied().collect();
            at += samples.len();
            let chunk = encode_histograms(samples, &starts, self.sequence);
            stored(samples[0].0, samples[samples.len() - 1].0, samples.len(), chunk)
        });
        floats.into_iter().chain(histograms).collect()
    }
}

/// Samples of the times that stay, with their start times.
fn kept<V: Clone>(
    samples: &[(i64, V)],
    starts: &StartTimes,
    stays: impl Fn(i64) -> bool,
) -> (Vec<(i64, V)>, StartTimes) {
    let (mut left, mut left_starts) = (Vec::new(), StartTimes::default());
    for (index, one) in samples.iter().enumerate().filter(|(_, one)| stays(one.0)) {
        left_starts.set(left.len(), starts.at(index));
        left.push(one.clone());
    }
    (left, left_starts)
}

fn stored(first: i64, last: i64, samples: usize, chunk: Chunk) -> Stored {
    Stored { day: day_of(first), first, last, samples, chunk }
}
