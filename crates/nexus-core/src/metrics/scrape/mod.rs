//! What is remembered of one target from scrape to scrape, so that an unchanged one costs a comparison of bytes a line.
//!
//! `Cache::scrape` takes what a target answered and gives the batch to store: its samples with the labels that they end up
//! with, staleness markers for what went away, and the series that tell of the scrape itself (`up` and others).
//! Source: Prometheus' configuration and behaviour of scraping.

mod buckets;
mod labels;
mod memory;
mod sink;
#[cfg(test)]
mod tests;

use crate::metrics::exposition::protobuf::Taking;
use crate::metrics::exposition::text::Dialect;
use crate::metrics::exposition::{Format, format_of, protobuf, text};
use crate::metrics::relabel::Relabel;
use labels::Finisher;
use memory::Memory;
use nexus_series::STALE_NAN;
use nexus_series::batch::{BatchSeries, Metadata, MetricBatch};
use sink::Reading;
use std::sync::Arc;
use std::time::Instant;

/// How far samples may lie in the future, ms.
const AHEAD_MS: i64 = 600_000;

/// Settings of a scrape job that concern samples. A limit of 0 is none.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct Options {
    /// Do labels of samples win over those of the target?
    pub honor_labels: bool,
    /// Are times that samples have heeded?
    pub honor_timestamps: bool,
    /// Are samples with times of their own marked stale when they go away?
    pub track_timestamps_staleness: bool,
    /// Samples after relabelling.
    pub sample_limit: usize,
    /// Labels of a series.
    pub label_limit: usize,
    /// Bytes of a label's name.
    pub label_name_length_limit: usize,
    /// Bytes of a label's value.
    pub label_value_length_limit: usize,
    /// Buckets of a native histogram.
    pub bucket_limit: usize,
    /// Least growth from one bucket to the next.
    pub min_bucket_factor: f64,
    /// Which histograms are taken.
    pub taking: Taking,
    /// Are names any UTF-8?
    pub utf8_names: bool,
    /// Also tell of timeout, limits and size?
    pub extra_metrics: bool,
    /// The job's timeout in seconds, for those.
    pub timeout_seconds: f64,
    /// Media type to take when the target names none that is known.
    pub fallback: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            honor_labels: false,
            honor_timestamps: true,
            track_timestamps_staleness: false,
            sample_limit: 0,
            label_limit: 0,
            label_name_length_limit: 0,
            label_value_length_limit: 0,
            bucket_limit: 0,
            min_bucket_factor: 0.0,
            taking: Taking::default(),
            utf8_names: true,
            extra_metrics: false,
            timeout_seconds: 0.0,
            fallback: String::new(),
        }
    }
}

/// What a scrape brought.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// The body, unpacked.
    pub body: &'a [u8],
    /// Its `Content-Type`.
    pub content_type: &'a str,
    /// Time of the samples, ms.
    pub timestamp: i64,
    /// Seconds that the scrape took so far.
    pub seconds: f64,
    /// Why the scrape failed, "" when it did not.
    pub error: &'a str,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is to be stored.
    pub batch: MetricBatch,
    /// Why nothing of the body is in it; "" when something is.
    pub error: String,
    /// Samples of the body.
    pub scraped: usize,
    /// Of them, after relabelling.
    pub kept: usize,
    /// Of them, of series that were not there before.
    pub added: usize,
    /// Samples that the body had for a series and time before, with another value.
    pub duplicates: usize,
    /// Samples too far in the future.
    pub out_of_bounds: usize,
    /// Seconds that the scrape took in all.
    pub seconds: f64,
}

/// See the module text.
pub struct Cache {
    options: Options,
    finisher: Finisher,
    memory: Memory,
    /// Packed labels of the series that tell of the scrape.
    reports: Vec<Vec<u8>>,
    /// Was the last batch the end of everything?
    ended: bool,
}

const REPORTS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];
const EXTRA_REPORTS: [&str; 3] = ["scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes"];

impl Cache {
    /// For a target with these labels, whose series are relabelled so.
    pub fn new(target: Vec<(String, String)>, relabel: Arc<Relabel>, options: Options) -> Self {
        let names = REPORTS.iter().chain(if options.extra_metrics { &EXTRA_REPORTS[..] } else { &[] });
        let reports = names
            .map(|name| {
                let labels = target.iter().map(|(label, value)| (label.as_str(), value.as_str()));
                nexus_series::labels::pack(labels.chain([(nexus_series::NAME, *name)]))
            })
            .collect();
        let finisher = Finisher::new(target, relabel, &options);
        Self { options, finisher, memory: Memory::default(), reports, ended: false }
    }

    /// Take what the target answered.
    pub fn scrape(&mut self, answer: &Answer<'_>) -> Outcome {
        let began = Instant::now();
        self.ended = false;
        let mut outcome = if answer.error.is_empty() {
            self.read(answer)
        } else {
            Outcome { error: answer.error.to_owned(), ..Outcome::default() }
        };
        let failed = !outcome.error.is_empty();
        if failed {
            outcome.batch = MetricBatch::default();
        }
        self.memory.finish(!failed, |labels| push_float(&mut outcome.batch, labels, answer.timestamp, stale()));
        self.memory.announce(&mut outcome.batch.metadata, !failed);
        outcome.seconds = answer.seconds + began.elapsed().as_secs_f64();
        let values = [
            if failed { 0.0 } else { 1.0 },
            outcome.seconds,
            outcome.scraped as f64,
            outcome.kept as f64,
            outcome.added as f64,
            self.options.timeout_seconds,
            self.options.sample_limit as f64,
            answer.body.len() as f64,
        ];
        for (labels, value) in self.reports.iter().zip(values) {
            push_float(&mut outcome.batch, labels, answer.timestamp, value);
        }
        outcome
    }

    fn read(&mut self, answer: &Answer<'_>) -> Outcome {
        let format = match format_of(answer.content_type, &self.options.fallback) {
            Ok(format) => format,
            Err(error) => return Outcome { error, ..Outcome::default() },
        };
        self.memory.begin();
        let mut reading = Reading::new(&self.options, &self.finisher, &mut self.memory, answer, format);
        let read = match format {
            Format::Text => text::read(answer.body, Dialect::Text, &mut reading),
            Format::OpenMetrics => text::read(answer.body, Dialect::OpenMetrics, &mut reading),
            Format::Protobuf => protobuf::read(answer.body, self.options.taking, &mut reading),
        };
        let converted = if read.is_ok() { reading.convert() } else { Ok(()) };
        let mut outcome = reading.outcome();
        if let Err(fault) = read {
            outcome.error = if format == Format::Protobuf {
                format!("message {fault}").replacen("line ", "", 1)
            } else {
                fault.to_string()
            };
        } else if let Err(message) = converted {
            outcome.error = message;
        } else if self.options.sample_limit > 0 && outcome.kept > self.options.sample_limit {
            outcome.error = format!(
                "sample_limit exceeded: {} samples after relabelling, {} are allowed",
                outcome.kept, self.options.sample_limit
            );
        }
        outcome
    }

    /// The target is gone: staleness markers for everything.
    pub fn end(&mut self, timestamp: i64) -> MetricBatch {
        let mut batch = MetricBatch::default();
        if self.ended {
            return batch;
        }
        self.memory.finish(false, |labels| push_float(&mut batch, labels, timestamp, stale()));
        for labels in &self.reports {
            push_float(&mut batch, labels, timestamp, stale());
        }
        self.ended = true;
        batch
    }

    /// The last batch was not stored: what it marked stale is marked again with the next one.
    pub fn lost(&mut self) {
        self.memory.lost();
    }

    /// Take over from the cache that the target had under other settings: what is not there any more will be marked stale.
    pub fn adopt(&mut self, before: &Self) {
        self.memory.adopt(&before.memory);
        if self.reports.first() != before.reports.first() {
            before.reports.iter().for_each(|labels| self.memory.expect(labels));
        }
    }

    /// What the target says of its families.
    pub fn metadata(&self) -> impl Iterator<Item = &Metadata> {
        self.memory.families()
    }

    /// Bytes of memory, nearly.
    pub fn num_bytes(&self) -> usize {
        self.memory.num_bytes()
    }
}

fn stale() -> f64 {
    f64::from_bits(STALE_NAN)
}

/// Append a series with one float sample.
fn push_float(batch: &mut MetricBatch, labels: &[u8], timestamp: i64, value: f64) {
    let start = batch.labels.len();
    batch.labels.extend_from_slice(labels);
    push_float_of(batch, start, timestamp, value);
}

/// Append a sample of a series whose labels were put at the end of the batch's, from `start`.
fn push_float_of(batch: &mut MetricBatch, start: usize, timestamp: i64, value: f64) {
    let (at, position) = (batch.values.len(), batch.series.len());
    let (histograms, exemplars) = (batch.histograms.len(), batch.exemplars.len());
    batch.timestamps.push(timestamp);
    batch.values.push(value);
    batch.series.push(BatchSeries {
        labels: start..batch.labels.len(),
        floats: at..at + 1,
        histograms: histograms..histograms,
        exemplars: exemplars..exemplars,
        position,
    });
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("series", &self.memory.num_series()).finish_non_exhaustive()
    }
}
