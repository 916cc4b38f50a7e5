//! `MetricBatch` and `DecodedMetrics` for Python: opaque, immutable, passed on.

use nexus_series::batch::MetricBatch as Batch;
use pyo3::prelude::*;
use std::sync::Arc;

/// Metrics of one tenant, columnar.
#[pyclass(frozen, module = "nexus._native")]
pub struct MetricBatch {
    pub inner: Arc<Batch>,
}

#[pymethods]
impl MetricBatch {
    /// Number of series.
    #[getter]
    fn num_series(&self) -> usize {
        self.inner.series.len()
    }

    /// Float samples and histograms.
    #[getter]
    fn num_samples(&self) -> usize {
        self.inner.num_samples()
    }

    /// Bytes held in memory, nearly.
    #[getter]
    fn num_bytes(&self) -> usize {
        self.inner.num_bytes()
    }

    fn __repr__(&self) -> String {
        format!("<MetricBatch of {} series>", self.inner.series.len())
    }
}

/// What a decoder of metrics made of a body.
#[pyclass(frozen, module = "nexus._native")]
pub struct DecodedMetrics {
    pub batch: Py<MetricBatch>,
    pub rejected: usize,
    pub errors: Vec<(usize, String)>,
}

#[pymethods]
impl DecodedMetrics {
    /// What was understood.
    #[getter]
    fn batch(&self, py: Python<'_>) -> Py<MetricBatch> {
        self.batch.clone_ref(py)
    }

    /// Samples that were not understood.
    #[getter]
    fn rejected(&self) -> usize {
        self.rejected
    }

    /// (record number from 1, sentence), the first 100.
    #[getter]
    fn errors(&self) -> Vec<(usize, String)> {
        self.errors.clone()
    }
}
