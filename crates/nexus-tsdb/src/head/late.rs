//! Samples that are not floats in order: histograms, floats that came late, floats that change one that is there. In the order
//! they came; of several of one time the last counts.

use super::Body;
use nexus_series::histogram::Histogram;
use nexus_series::starts::StartTimes;
use std::sync::Arc;

/// A value of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A float.
    Float(f64),
    /// A histogram.
    Histogram(Arc<Histogram>),
}

/// A sample that is kept in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct LateSample {
    /// Time, ms.
    pub time: i64,
    /// Start time, ms; 0: not said.
    pub start: i64,
    /// Value.
    pub value: Value,
}

/// Most bucket counts and the like in an open list.
const MOST_WEIGHT: usize = 1 << 18;

/// See the module text.
#[derive(Default)]
pub struct Late {
    samples: Vec<LateSample>,
    weight: usize,
    first: i64,
}

fn weight(value: &Value) -> usize {
    match value {
        Value::Float(_) => 0,
        Value::Histogram(histogram) => crate::chunk::histograms::weight(histogram),
    }
}

/// Sorted by time, each time once.
fn in_order(mut samples: Vec<LateSample>) -> Vec<LateSample> {
    // Stable, so that the last one of a time stays the last one.
    samples.sort_by_key(|one| one.time);
    samples.reverse();
    samples.dedup_by_key(|one| one.time);
    samples.reverse();
    samples
}

impl Late {
    /// Samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Earliest time.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// Must it be closed before more comes?
    pub fn is_full(&self, samples: usize) -> bool {
        self.len() >= samples || self.weight >= MOST_WEIGHT
    }

    /// Adds a sample.
    pub fn push(&mut self, sample: LateSample) {
        if self.samples.is_empty() || sample.time < self.first {
            self.first = sample.time;
        }
        self.weight += weight(&sample.value);
        self.samples.push(sample);
    }

    /// In the order they came.
    pub fn samples(&self) -> &[LateSample] {
        &self.samples
    }

    /// Those of `from ..= to`, in order.
    pub fn read(&self, from: i64, to: i64) -> Vec<LateSample> {
        in_order(self.samples.iter().filter(|one| (from..=to).contains(&one.time)).cloned().collect())
    }

    /// Closes it: floats and histograms apart.
    pub fn into_bodies(self) -> Vec<Body> {
        let (mut floats, mut histograms) = (Vec::new(), Vec::new());
        let (mut starts, mut histogram_starts) = (StartTimes::default(), StartTimes::default());
        for LateSample { time, start, value } in in_order(self.samples) {
            match value {
                Value::Float(value) => {
                    starts.set(floats.len(), start);
                    floats.push((time, value));
                }
                Value::Histogram(histogram) => {
                    histogram_starts.set(histograms.len(), start);
                    histograms.push((time, histogram));
                }
            }
        }
        let mut bodies = Vec::new();
        if !floats.is_empty() {
            bodies.push(Body::LateFloats(floats, starts));
        }
        if !histograms.is_empty() {
            bodies.push(Body::Histograms(histograms, histogram_starts));
        }
        bodies
    }

    /// Removes the samples of `from ..= to`; how many there were.
    pub fn erase(&mut self, from: i64, to: i64) -> usize {
        let before = self.len();
        self.samples.retain(|one| one.time < from || one.time > to);
        self.first = self.samples.iter().map(|one| one.time).min().unwrap_or(0);
        before - self.len()
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        let histograms = self.samples.iter().filter(|one| matches!(one.value, Value::Histogram(_))).count();
        self.samples.capacity() * size_of::<LateSample>() + self.weight * 8 + histograms * size_of::<Histogram>()
    }
}
