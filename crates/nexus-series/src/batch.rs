//! The batch that travels from a decoder of metrics to the store. Columnar; series as packed labels.

use crate::histogram::Histogram;
use crate::starts::StartTimes;
use std::ops::Range;

/// What kind of metric a family is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MetricKind {
    /// Not said.
    #[default]
    Unknown,
    /// Only grows, but for resets.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, count, sum; classic or native.
    Histogram,
    /// A histogram whose counts go up and down.
    GaugeHistogram,
    /// Quantiles, count, sum.
    Summary,
    /// Labels are the information, the value is 1.
    Info,
    /// One of several states.
    StateSet,
}

impl MetricKind {
    /// As the Prometheus API and OpenMetrics name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }
}

/// A series of the batch, with ranges into the columns of samples.
#[derive(Clone, Debug, Default)]
pub struct BatchSeries {
    /// Packed labels, in `MetricBatch::labels`.
    pub labels: Range<usize>,
    /// Float samples, in `MetricBatch::timestamps` and `values`.
    pub floats: Range<usize>,
    /// In `MetricBatch::histograms`.
    pub histograms: Range<usize>,
    /// In `MetricBatch::exemplars`.
    pub exemplars: Range<usize>,
    /// Where the record was in what was sent (number from 0), for messages.
    pub position: usize,
}

/// An example of what a series counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Packed labels (`trace_id` and the like).
    pub labels: Vec<u8>,
    /// Time in ms; 0 where the sender gave none.
    pub timestamp: i64,
    /// Observed value.
    pub value: f64,
}

/// What a sender says about a metric family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Name of the family.
    pub name: String,
    /// Its kind.
    pub kind: MetricKind,
    /// What it means.
    pub help: String,
    /// Unit, "" when not said.
    pub unit: String,
}

/// See the module text. A series may come more than once; its samples may be in any order.
#[derive(Clone, Debug, Default)]
pub struct MetricBatch {
    /// Packed labels of all series, one after the other.
    pub labels: Vec<u8>,
    /// Series.
    pub series: Vec<BatchSeries>,
    /// Times of float samples, ms.
    pub timestamps: Vec<i64>,
    /// Their values, bit for bit.
    pub values: Vec<f64>,
    /// Time (ms) and histogram.
    pub histograms: Vec<(i64, Histogram)>,
    /// Start times of float samples.
    pub starts: StartTimes,
    /// Start times of histograms.
    pub histogram_starts: StartTimes,
    /// Exemplars.
    pub exemplars: Vec<Exemplar>,
    /// Metadata.
    pub metadata: Vec<Metadata>,
}

impl MetricBatch {
    /// Packed labels of a series.
    #[inline]
    pub fn labels_of(&self, series: &BatchSeries) -> &[u8] {
        &self.labels[series.labels.clone()]
    }

    /// Says when what the last float counts began (ms); 0: not said.
    #[inline]
    pub fn say_start(&mut self, start: i64) {
        self.starts.set(self.values.len() - 1, start);
    }

    /// The same of the last histogram.
    #[inline]
    pub fn say_histogram_start(&mut self, start: i64) {
        self.histogram_starts.set(self.histograms.len() - 1, start);
    }

    /// Float samples and histograms.
    pub fn num_samples(&self) -> usize {
        self.values.len() + self.histograms.len()
    }

    /// Bytes held in memory, nearly.
    pub fn num_bytes(&self) -> usize {
        self.labels.len()
            + self.series.len() * size_of::<BatchSeries>()
            + self.values.len() * 16
            + self.starts.bytes()
            + self.histogram_starts.bytes()
            + self
                .histograms
                .iter()
                .map(|(_, one)| 96 + 8 * (one.positive.len() + one.negative.len() + one.custom_values.len()))
                .sum::<usize>()
            + self.exemplars.iter().map(|one| 40 + one.labels.len()).sum::<usize>()
            + self.metadata.iter().map(|one| 80 + one.name.len() + one.help.len() + one.unit.len()).sum::<usize>()
    }
}
