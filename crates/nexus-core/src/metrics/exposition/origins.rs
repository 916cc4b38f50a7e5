//! When the metrics of OpenMetrics began: a line `x_created` says it for the samples of `x` with the same labels.

use super::series::Labels;
use hashbrown::HashMap;
use nexus_series::NAME;
use nexus_series::batch::{MetricBatch, MetricKind};
use nexus_series::labels::pack;

/// Ending of the series that tells it.
const CREATED: &str = "_created";

/// A metric of a family: what several samples and one `_created` have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(u32);

/// What a series is to its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It has a start time, if one is said.
    Counts(Origin),
    /// It says when the metric began.
    Created(Origin),
}

#[derive(Clone, Copy, Debug, Default)]
struct Start {
    at: i64,
    round: u64,
}

/// The metrics of a body, or of a target from scrape to scrape.
#[derive(Debug, Default)]
pub struct Origins {
    by_key: HashMap<Vec<u8>, u32, foldhash::fast::RandomState>,
    starts: Vec<Start>,
    round: u64,
    said: bool,
    /// Samples (number in the batch) that may have a start time.
    floats: Vec<(u32, Origin)>,
    histograms: Vec<(u32, Origin)>,
}

impl Origins {
    /// A new body: nothing is said yet.
    pub fn begin(&mut self) {
        self.round += 1;
        self.said = false;
        self.floats.clear();
        self.histograms.clear();
    }

    /// Number of metrics that are remembered.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Forgets all metrics: roles that were given mean nothing any more.
    pub fn forget(&mut self) {
        let round = self.round;
        *self = Self { round, ..Self::default() };
    }

    /// The role of a series of a family, if that is one that counts.
    pub fn role(&mut self, family: &str, kind: MetricKind, labels: &Labels<'_>) -> Option<Role> {
        let bound = match kind {
            MetricKind::Counter => "",
            MetricKind::Histogram => "le",
            MetricKind::Summary => "quantile",
            _ => return None,
        };
        let name = &labels.iter().find(|label| label.0 == NAME)?.1;
        let suffix = name.strip_prefix(family)?;
        let own = labels.iter().filter(|label| label.0 != NAME && label.0 != bound);
        let own = own.map(|(name, value)| (name.as_ref(), value.as_ref()));
        let key = pack(own.chain([(NAME, family)]));
        let starts = &mut self.starts;
        let number = *self.by_key.entry(key).or_insert_with(|| {
            starts.push(Start::default());
            starts.len() as u32 - 1
        });
        Some(if suffix == CREATED { Role::Created(Origin(number)) } else { Role::Counts(Origin(number)) })
    }

    /// A metric began so many seconds after the epoch.
    pub fn created(&mut self, origin: Origin, seconds: f64) {
        let at = (seconds * 1000.0).round();
        if at.is_finite() && at != 0.0 {
            self.said = true;
            self.starts[origin.0 as usize] = Start { at: at as i64, round: self.round };
        }
    }

    /// The float put into the batch last is of a metric.
    #[inline]
    pub fn counts(&mut self, batch: &MetricBatch, origin: Origin) {
        self.floats.push((batch.values.len() as u32 - 1, origin));
    }

    /// The histogram put into the batch last is of a metric.
    pub fn counts_histogram(&mut self, batch: &MetricBatch, origin: Origin) {
        self.histograms.push((batch.histograms.len() as u32 - 1, origin));
    }

    /// The body is over: gives the samples the start times that were said.
    pub fn settle(&self, batch: &mut MetricBatch) {
        if !self.said {
            return;
        }
        let said = |origin: Origin| {
            let start = self.starts[origin.0 as usize];
            if start.round == self.round { start.at } else { 0 }
        };
        self.floats.iter().for_each(|&(at, origin)| batch.starts.set(at as usize, said(origin)));
        self.histograms.iter().for_each(|&(at, origin)| batch.histogram_starts.set(at as usize, said(origin)));
    }

    /// Bytes of memory, nearly.
    pub fn num_bytes(&self) -> usize {
        self.by_key.keys().map(|key| key.capacity() + 48).sum::<usize>()
            + (self.floats.capacity() + self.starts.capacity()) * 16
    }
}
