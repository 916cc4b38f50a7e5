//! Line protocols for Python: Influx, Graphite, StatsD.

use super::batch::{DecodedMetrics, MetricBatch};
use crate::error::detached;
use nexus_core::decode::DecodeError;
use nexus_core::metrics::graphite::decode_graphite as graphite;
use nexus_core::metrics::influx::{Options, decode_influx as influx};
use nexus_core::metrics::statsd::{Aggregator, Histograms};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Arc, Mutex};

/// Decode InfluxDB's line protocol.
#[pyfunction]
#[pyo3(signature = (body, *, now_ms, unit_ns, database))]
pub fn decode_influx(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ms: i64,
    unit_ns: i64,
    database: &str,
) -> PyResult<DecodedMetrics> {
    let bytes = body.as_bytes();
    DecodedMetrics::run(py, || Ok(influx(bytes, &Options { unit_ns, now_ms, database })))
}

/// Decode Graphite's plaintext protocol.
#[pyfunction]
#[pyo3(signature = (body, *, now_ms))]
pub fn decode_graphite(py: Python<'_>, body: &Bound<'_, PyBytes>, now_ms: i64) -> PyResult<DecodedMetrics> {
    let bytes = body.as_bytes();
    DecodedMetrics::run(py, || Ok(graphite(bytes, now_ms)))
}

/// Accepted, malformed, refused, first errors.
type Tally = (u64, u64, u64, Vec<String>);

/// Adds up what StatsD clients send.
#[pyclass(frozen, module = "nexus._native")]
pub struct StatsdAggregator {
    inner: Mutex<Aggregator>,
}

#[pymethods]
impl StatsdAggregator {
    #[new]
    #[pyo3(signature = (*, max_series, buckets))]
    fn new(max_series: usize, buckets: Vec<f64>) -> PyResult<Self> {
        if buckets.windows(2).any(|pair| pair[0] >= pair[1]) || buckets.iter().any(|bound| !bound.is_finite()) {
            return Err(PyValueError::new_err("buckets are finite and ascend"));
        }
        let histograms = if buckets.is_empty() { Histograms::Native } else { Histograms::Classic(buckets) };
        Ok(Self { inner: Mutex::new(Aggregator::new(histograms, max_series)) })
    }

    fn __len__(&self) -> usize {
        self.inner.lock().expect("no panic while locked").len()
    }

    /// Take lines.
    fn feed(&self, py: Python<'_>, packet: &Bound<'_, PyBytes>, now_ms: i64) -> PyResult<()> {
        let bytes = packet.as_bytes();
        detached(py, || {
            self.inner.lock().expect("no panic while locked").feed(bytes, now_ms);
            Ok::<_, DecodeError>(())
        })
    }

    /// Samples of all series, and (accepted, malformed, refused, first errors) since the last time.
    fn flush(&self, py: Python<'_>, now_ms: i64) -> PyResult<(MetricBatch, Tally)> {
        let (decoded, tally) =
            detached(py, || Ok::<_, DecodeError>(self.inner.lock().expect("no panic while locked").flush(now_ms)))?;
        let tally = (tally.accepted, tally.malformed, tally.refused, tally.errors);
        Ok((MetricBatch { inner: Arc::new(decoded.batch) }, tally))
    }
}
