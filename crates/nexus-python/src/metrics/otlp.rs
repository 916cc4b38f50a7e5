//! OTLP metrics for Python.

use super::batch::DecodedMetrics;
use nexus_core::metrics::otlp::delta::Deltas;
use nexus_core::metrics::otlp::names::Strategy;
use nexus_core::metrics::otlp::{Options, decode_metrics_json, decode_metrics_protobuf};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Decodes requests of OTLP metrics; remembers the totals of streams of deltas.
#[pyclass(frozen, module = "nexus._native")]
pub struct OtlpMetrics {
    options: Options,
    deltas: Deltas,
}

#[pymethods]
impl OtlpMetrics {
    #[new]
    #[pyo3(signature = (*, strategy, promoted, keep_identifying, scope_labels, custom_buckets, delta_bytes))]
    fn new(
        strategy: &str,
        promoted: Vec<String>,
        keep_identifying: bool,
        scope_labels: bool,
        custom_buckets: bool,
        delta_bytes: usize,
    ) -> PyResult<Self> {
        let strategy = Strategy::from_name(strategy)
            .ok_or_else(|| PyValueError::new_err(format!("unknown translation strategy {strategy:?}")))?;
        let options = Options { strategy, promoted, keep_identifying, scope_labels, custom_buckets };
        Ok(Self { options, deltas: Deltas::new(delta_bytes) })
    }

    /// Streams of deltas, and bytes of their totals.
    #[getter]
    fn streams(&self) -> (usize, usize) {
        self.deltas.size()
    }

    /// Decode an `ExportMetricsServiceRequest` in protobuf.
    #[pyo3(signature = (body, *, now_ns, tenant))]
    fn decode_protobuf(
        &self,
        py: Python<'_>,
        body: &Bound<'_, PyBytes>,
        now_ns: u64,
        tenant: &str,
    ) -> PyResult<DecodedMetrics> {
        let bytes = body.as_bytes();
        DecodedMetrics::run(py, || decode_metrics_protobuf(bytes, now_ns, &self.options, &self.deltas, tenant))
    }

    /// Decode an `ExportMetricsServiceRequest` in JSON.
    #[pyo3(signature = (body, *, now_ns, tenant))]
    fn decode_json(
        &self,
        py: Python<'_>,
        body: &Bound<'_, PyBytes>,
        now_ns: u64,
        tenant: &str,
    ) -> PyResult<DecodedMetrics> {
        let bytes = body.as_bytes();
        DecodedMetrics::run(py, || decode_metrics_json(bytes, now_ns, &self.options, &self.deltas, tenant))
    }
}
