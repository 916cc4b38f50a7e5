//! Remote write for Python.

use super::batch::{DecodedMetrics, MetricBatch};
use crate::error::detached;
use nexus_core::decode::DecodeError;
use nexus_core::metrics::{remote_write, remote_write_encode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Decode a request of remote write 1.0, without its snappy encoding.
#[pyfunction]
pub fn decode_remote_write_v1(py: Python<'_>, body: &Bound<'_, PyBytes>) -> PyResult<DecodedMetrics> {
    let bytes = body.as_bytes();
    DecodedMetrics::run(py, || remote_write::decode_v1(bytes))
}

/// Decode a request of remote write 2.0, without its snappy encoding.
#[pyfunction]
pub fn decode_remote_write_v2(py: Python<'_>, body: &Bound<'_, PyBytes>) -> PyResult<DecodedMetrics> {
    let bytes = body.as_bytes();
    DecodedMetrics::run(py, || remote_write::decode_v2(bytes))
}

/// A batch as requests of remote write.
#[pyfunction]
#[pyo3(signature = (batch, *, version, max_series, compress))]
pub fn encode_remote_write<'py>(
    py: Python<'py>,
    batch: &MetricBatch,
    version: u8,
    max_series: usize,
    compress: bool,
) -> PyResult<Vec<(Bound<'py, PyBytes>, usize, usize)>> {
    if !matches!(version, 1 | 2) || max_series == 0 {
        return Err(PyValueError::new_err("the version is 1 or 2, and a request has at least one series"));
    }
    let inner = &batch.inner;
    let bodies = detached(py, || {
        let mut bodies = Vec::new();
        let mut start = 0;
        while start < inner.series.len() || (start == 0 && !inner.metadata.is_empty() && version == 1) {
            let end = start.saturating_add(max_series).min(inner.series.len());
            let encode = if version == 1 { remote_write_encode::encode_v1 } else { remote_write_encode::encode_v2 };
            let body = encode(inner, start..end);
            let series = &inner.series[start..end];
            let floats = series.iter().map(|one| one.floats.len()).sum();
            let histograms = series.iter().map(|one| one.histograms.len()).sum();
            bodies.push((if compress { nexus_core::metrics::snappy(&body) } else { body }, floats, histograms));
            start = end.max(1);
        }
        Ok::<_, DecodeError>(bodies)
    })?;
    Ok(bodies.iter().map(|(body, floats, histograms)| (PyBytes::new(py, body), *floats, *histograms)).collect())
}
