//! `MetricBatch` and `DecodedMetrics` for Python: opaque, immutable, passed on.

use crate::error::detached;
use nexus_core::decode::DecodeError;
use nexus_core::metrics::Decoded;
use nexus_core::metrics::render::render;
use nexus_series::batch::MetricBatch as Batch;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
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

    /// Is there nothing at all in it, no metadata either?
    #[getter]
    fn is_empty(&self) -> bool {
        self.inner.series.is_empty() && self.inner.metadata.is_empty()
    }

    /// The first series, each a JSON object.
    fn render<'py>(&self, py: Python<'py>, limit: usize) -> Vec<Bound<'py, PyBytes>> {
        render(&self.inner, limit).iter().map(|text| PyBytes::new(py, text)).collect()
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

impl DecodedMetrics {
    /// Decode without the interpreter.
    pub fn run(py: Python<'_>, work: impl FnOnce() -> Result<Decoded, DecodeError> + Send) -> PyResult<Self> {
        let Decoded { batch, rejections } = detached(py, work)?;
        let batch = Py::new(py, MetricBatch { inner: Arc::new(batch) })?;
        let errors = rejections.first().iter().map(|(number, text)| (*number as usize, text.clone())).collect();
        Ok(Self { batch, rejected: rejections.count() as usize, errors })
    }
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
