//! `SpanBatch` for Python: an opaque, immutable batch that Python passes on.

use crate::batch::{attribute_stats, mask_of};
use crate::error::detached;
use nexus_core::traces::preview::preview;
use nexus_core::traces::{SpanBatch as Batch, concat};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::convert::Infallible;
use std::sync::Arc;

/// A batch of spans in columns.
#[pyclass(frozen, module = "nexus._native")]
pub struct SpanBatch {
    pub inner: Arc<Batch>,
}

#[pymethods]
impl SpanBatch {
    /// Number of spans.
    #[getter]
    fn num_rows(&self) -> usize {
        self.inner.num_rows()
    }

    /// Bytes held in memory.
    #[getter]
    fn num_bytes(&self) -> usize {
        self.inner.num_bytes()
    }

    fn __len__(&self) -> usize {
        self.inner.num_rows()
    }

    fn __repr__(&self) -> String {
        format!("<SpanBatch of {} spans>", self.inner.num_rows())
    }

    /// (UTC day since the epoch, spans that began on it), by day.
    fn days(&self) -> Vec<(u32, u64)> {
        self.inner.days()
    }

    /// (service, spans, bytes), by service.
    fn services(&self) -> Vec<(String, u64, u64)> {
        self.inner.services()
    }

    /// (key, type letter, spans, distinct values among up to 1,000, taken evenly).
    fn attribute_stats(&self, py: Python<'_>) -> PyResult<Vec<(String, &'static str, u64, u64)>> {
        attribute_stats(py, &self.inner.attributes)
    }

    /// Several batches of one tenant as one. Raises ValueError when they are too large together.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
    fn concat(py: Python<'_>, batches: Vec<PyRef<'_, Self>>) -> PyResult<Self> {
        let parts: Vec<Arc<Batch>> = batches.iter().map(|batch| batch.inner.clone()).collect();
        if let [only] = &parts[..] {
            return Ok(Self { inner: only.clone() });
        }
        let whole = detached(py, || concat(&parts.iter().map(|part| &**part).collect::<Vec<_>>()))?;
        Ok(Self { inner: Arc::new(whole) })
    }

    /// The spans that `mask` marks with a byte other than 0. Raises ValueError when it has not one byte a span.
    fn take(&self, py: Python<'_>, mask: &[u8]) -> PyResult<Self> {
        let mask = mask_of(mask, self.inner.num_rows())?;
        let taken = detached(py, || Ok::<_, Infallible>(self.inner.take(&mask)))?;
        Ok(Self { inner: Arc::new(taken) })
    }

    /// Each span once: the first of those with one trace id, span id and kind.
    fn distinct(&self, py: Python<'_>) -> PyResult<Self> {
        let once = detached(py, || Ok::<_, Infallible>(self.inner.distinct()))?;
        Ok(Self { inner: Arc::new(once) })
    }

    /// Ids of the traces, each once.
    fn trace_ids<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let mut ids = self.inner.trace_ids.clone();
        ids.sort_unstable();
        ids.dedup();
        ids.iter().map(|id| PyBytes::new(py, id)).collect()
    }

    /// When the first and the last span began, ns; None without spans.
    fn times(&self) -> Option<(i64, i64)> {
        let times = &self.inner.timestamps;
        Some((*times.iter().min()?, *times.iter().max()?))
    }

    /// The first `limit` spans, each a JSON object.
    fn render<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let shown = detached(py, || Ok::<_, Infallible>(preview(&self.inner, limit)))?;
        Ok(shown.iter().map(|span| PyBytes::new(py, span)).collect())
    }
}
