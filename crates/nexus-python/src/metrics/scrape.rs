//! Scrapes for Python: what is remembered of a target.

use crate::error::detached;
use crate::metrics::batch::MetricBatch;
use crate::metrics::relabel::Relabel;
use nexus_core::decompress::{DecompressError, Encoding, decompress};
use nexus_core::metrics::exposition::protobuf::Taking;
use nexus_core::metrics::scrape::{Answer, Cache, Options, Outcome};
use nexus_series::batch::Metadata;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What came of a scrape.
#[pyclass(frozen, get_all, module = "nexus._native")]
#[allow(clippy::struct_field_names)] // They are the names that Python sees.
pub struct Scraped {
    /// What is to be stored.
    batch: Py<MetricBatch>,
    /// Why the scrape failed; empty when it did not.
    error: String,
    /// Samples of the body.
    scraped: usize,
    /// Of them, after relabelling.
    kept: usize,
    /// Of them, of series that were not there before.
    added: usize,
    /// Samples for a series and time that the body had before, with another value.
    duplicates: usize,
    /// Samples too far in the future.
    out_of_bounds: usize,
    /// Seconds that the scrape took in all.
    seconds: f64,
    /// Bytes of the body, unpacked.
    size: usize,
}

/// What is remembered of one target.
#[pyclass(frozen, module = "nexus._native")]
pub struct ScrapeCache {
    inner: Mutex<Cache>,
}

impl ScrapeCache {
    /// A scrape that panicked left the tables as they were at that moment, which is no worse than a failed scrape.
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unpacked<'b>(body: &'b [u8], encoding: &str, limit: usize) -> Result<Cow<'b, [u8]>, String> {
    let known =
        Encoding::from_name(encoding).ok_or_else(|| format!("the target answers in the encoding {encoding:?}"))?;
    if known == Encoding::Identity && body.len() <= limit {
        return Ok(Cow::Borrowed(body));
    }
    match decompress(body, known, limit) {
        Ok(output) => Ok(Cow::Owned(output)),
        Err(DecompressError::TooLarge(limit)) => Err(format!("body_size_limit exceeded: more than {limit} bytes")),
        Err(DecompressError::BadEncoding(message)) => Err(message),
    }
}

#[pymethods]
impl ScrapeCache {
    #[new]
    #[pyo3(signature = (
        labels, relabel, *, honor_labels=false, honor_timestamps=true, track_timestamps_staleness=false, sample_limit=0,
        label_limit=0, label_name_length_limit=0, label_value_length_limit=0, bucket_limit=0, min_bucket_factor=0.0,
        native_histograms=false, classic_histograms=false, convert_histograms=false, utf8_names=true, extra_metrics=false,
        timeout_seconds=0.0, fallback=String::new()
    ))]
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)]
    fn new(
        labels: Vec<(String, String)>,
        relabel: &Relabel,
        honor_labels: bool,
        honor_timestamps: bool,
        track_timestamps_staleness: bool,
        sample_limit: usize,
        label_limit: usize,
        label_name_length_limit: usize,
        label_value_length_limit: usize,
        bucket_limit: usize,
        min_bucket_factor: f64,
        native_histograms: bool,
        classic_histograms: bool,
        convert_histograms: bool,
        utf8_names: bool,
        extra_metrics: bool,
        timeout_seconds: f64,
        fallback: String,
    ) -> Self {
        let options = Options {
            honor_labels,
            honor_timestamps,
            track_timestamps_staleness,
            sample_limit,
            label_limit,
            label_name_length_limit,
            label_value_length_limit,
            bucket_limit,
            min_bucket_factor,
            taking: Taking { native: native_histograms, classic: classic_histograms, convert: convert_histograms },
            utf8_names,
            extra_metrics,
            timeout_seconds,
            fallback,
        };
        Self { inner: Mutex::new(Cache::new(labels, relabel.inner.clone(), options)) }
    }

    /// Take what the target answered, or why it did not.
    #[pyo3(signature = (body, *, content_type="", encoding="", limit, timestamp_ms, seconds, error=""))]
    #[allow(clippy::too_many_arguments)]
    fn scrape(
        &self,
        py: Python<'_>,
        body: &Bound<'_, PyBytes>,
        content_type: &str,
        encoding: &str,
        limit: usize,
        timestamp_ms: i64,
        seconds: f64,
        error: &str,
    ) -> PyResult<Scraped> {
        let bytes = body.as_bytes();
        let (outcome, size) = detached(py, || {
            let (body, problem) = match unpacked(bytes, encoding, limit) {
                Ok(body) => (body, String::new()),
                Err(message) => (Cow::Borrowed(&b""[..]), message),
            };
            let error = if error.is_empty() { problem.as_str() } else { error };
            let answer = Answer { body: &body, content_type, timestamp: timestamp_ms, seconds, error };
            Ok::<(Outcome, usize), Infallible>((self.cache().scrape(&answer), body.len()))
        })?;
        Ok(Scraped {
            batch: Py::new(py, MetricBatch { inner: Arc::new(outcome.batch) })?,
            error: outcome.error,
            scraped: outcome.scraped,
            kept: outcome.kept,
            added: outcome.added,
            duplicates: outcome.duplicates,
            out_of_bounds: outcome.out_of_bounds,
            seconds: outcome.seconds,
            size,
        })
    }

    /// The target is gone: staleness markers for everything.
    fn end(&self, py: Python<'_>, timestamp_ms: i64) -> PyResult<Py<MetricBatch>> {
        let batch = self.cache().end(timestamp_ms);
        Py::new(py, MetricBatch { inner: Arc::new(batch) })
    }

    /// The last batch was not stored.
    fn lost(&self) {
        self.cache().lost();
    }

    /// Take over from the cache that the target had under other settings.
    fn adopt(&self, before: &Bound<'_, Self>) {
        let before = before.get();
        if !std::ptr::eq(self, before) {
            self.cache().adopt(&before.cache());
        }
    }

    /// (name, type, help, unit) of the target's families, at most `limit`; `name` asks for one.
    #[pyo3(signature = (limit, name=""))]
    fn metadata(&self, limit: usize, name: &str) -> Vec<(String, &'static str, String, String)> {
        let shown =
            |family: &Metadata| (family.name.clone(), family.kind.name(), family.help.clone(), family.unit.clone());
        let cache = self.cache();
        cache.metadata().filter(|family| name.is_empty() || family.name == name).take(limit).map(shown).collect()
    }

    /// Bytes of memory, nearly.
    #[getter]
    fn num_bytes(&self) -> usize {
        self.cache().num_bytes()
    }
}
