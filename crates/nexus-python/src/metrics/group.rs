//! Batches made of others, for Python.

use super::batch::MetricBatch;
use crate::error::detached;
use nexus_core::decode::DecodeError;
use nexus_core::metrics::group;
use nexus_series::batch::MetricBatch as Batch;
use pyo3::prelude::*;
use std::sync::Arc;

fn made(py: Python<'_>, work: impl FnOnce() -> Batch + Send) -> PyResult<MetricBatch> {
    let batch = detached(py, || Ok::<_, DecodeError>(work()))?;
    Ok(MetricBatch { inner: Arc::new(batch) })
}

/// The last sample of every series at another time.
#[pyfunction]
#[pyo3(signature = (batch, timestamp_ms, *, stale=false))]
pub fn restamp(py: Python<'_>, batch: &MetricBatch, timestamp_ms: i64, stale: bool) -> PyResult<MetricBatch> {
    made(py, || group::restamp(&batch.inner, timestamp_ms, stale))
}

/// `old` without the families of `new`, and `new`.
#[pyfunction]
pub fn replace_families(py: Python<'_>, old: &MetricBatch, new: &MetricBatch) -> PyResult<MetricBatch> {
    made(py, || group::replace_families(&old.inner, &new.inner))
}

/// The series of `old` that `new` has not.
#[pyfunction]
pub fn missing_series(py: Python<'_>, old: &MetricBatch, new: &MetricBatch) -> PyResult<MetricBatch> {
    made(py, || group::missing_series(&old.inner, &new.inner))
}
