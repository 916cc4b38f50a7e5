//! Exposition formats for Python.

use crate::error::detached;
use crate::metrics::batch::{DecodedMetrics, MetricBatch};
use nexus_core::decode::DecodeError as CoreError;
use nexus_core::metrics::exposition::{format_of, import};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::Arc;

/// Decode a body of an exposition format.
#[pyfunction]
#[pyo3(signature = (
    body, *, now_ms, content_type="text/plain", labels=Vec::new(), lenient=false, refuse_timestamps=false,
    optional_eof=false
))]
#[allow(clippy::too_many_arguments)]
pub fn decode_exposition(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ms: i64,
    content_type: &str,
    labels: Vec<(String, String)>,
    lenient: bool,
    refuse_timestamps: bool,
    optional_eof: bool,
) -> PyResult<DecodedMetrics> {
    let bytes = body.as_bytes();
    let options = import::Options { now_ms, labels, lenient, refuse_timestamps, optional_eof };
    let imported = detached(py, || {
        let format = format_of(content_type, "text/plain").map_err(CoreError)?;
        import::decode(bytes, format, &options)
    })?;
    let rejections = imported.rejections;
    Ok(DecodedMetrics {
        batch: Py::new(py, MetricBatch { inner: Arc::new(imported.batch) })?,
        rejected: rejections.count() as usize,
        errors: rejections.first().iter().map(|(line, message)| (*line as usize, message.clone())).collect(),
    })
}
