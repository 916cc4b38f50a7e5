//! Decoders for Python.

use crate::batch::LogBatch;
use crate::error::{UnknownEncoding, detached};
use nexus_core::decode::Decoded as CoreDecoded;
use nexus_core::json::fields::FieldMapping;
use nexus_core::{decompress as core_decompress, json, otlp, template};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::sync::Arc;

/// A decoded body.
#[pyclass(frozen, get_all, module = "nexus._native")]
pub struct Decoded {
    /// The accepted records.
    batch: Py<LogBatch>,
    /// Their number.
    accepted: usize,
    /// Number of the others.
    rejected: u64,
    /// The first errors: line or record number from 1, message.
    errors: Vec<(u64, String)>,
}

impl Decoded {
    /// Of a decoded body of the core.
    pub fn new(py: Python<'_>, decoded: CoreDecoded) -> PyResult<Self> {
        let accepted = decoded.accepted();
        let batch = Py::new(py, LogBatch { inner: Arc::new(decoded.batch) })?;
        let rejections = decoded.rejections;
        Ok(Self { batch, accepted, rejected: rejections.count(), errors: rejections.first().to_vec() })
    }
}

/// Decode JSON lines.
#[pyfunction]
#[pyo3(signature = (
    body, *, now_ns, time_fields=None, message_fields=None, level_fields=None, stream_fields=Vec::new(),
    ignore_fields=Vec::new(), extra_fields=None
))]
#[allow(clippy::too_many_arguments)]
pub fn decode_json_lines(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    time_fields: Option<Vec<String>>,
    message_fields: Option<Vec<String>>,
    level_fields: Option<Vec<String>>,
    stream_fields: Vec<String>,
    ignore_fields: Vec<String>,
    extra_fields: Option<&Bound<'_, PyDict>>,
) -> PyResult<Decoded> {
    let extra_fields = match extra_fields {
        Some(fields) => {
            fields.iter().map(|(key, value)| Ok((key.extract()?, value.extract()?))).collect::<PyResult<_>>()?
        }
        None => Vec::new(),
    };
    let mapping =
        FieldMapping { time_fields, message_fields, level_fields, stream_fields, ignore_fields, extra_fields };
    let bytes = body.as_bytes();
    let decoded = detached(py, || json::lines::decode_json_lines(bytes, now_ns, &mapping))?;
    Decoded::new(py, decoded)
}

/// Decode an OTLP logs export request in protobuf.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns))]
pub fn decode_otlp_logs_protobuf(py: Python<'_>, body: &Bound<'_, PyBytes>, now_ns: i64) -> PyResult<Decoded> {
    let bytes = body.as_bytes();
    let decoded = detached(py, || otlp::decode_logs_protobuf(bytes, now_ns))?;
    Decoded::new(py, decoded)
}

/// Decode an OTLP logs export request in JSON.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns))]
pub fn decode_otlp_logs_json(py: Python<'_>, body: &Bound<'_, PyBytes>, now_ns: i64) -> PyResult<Decoded> {
    let bytes = body.as_bytes();
    let decoded = detached(py, || otlp::decode_logs_json(bytes, now_ns))?;
    Decoded::new(py, decoded)
}

/// Undo a content encoding within a limit.
#[pyfunction]
pub fn decompress<'py>(
    py: Python<'py>,
    body: &Bound<'py, PyBytes>,
    encoding: &str,
    limit: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let Some(encoding) = core_decompress::Encoding::from_name(encoding) else {
        let message = format!("unknown encoding {encoding:?}: use gzip, zstd, deflate, snappy or identity");
        return Err(UnknownEncoding::new_err(message));
    };
    let bytes = body.as_bytes();
    if encoding == core_decompress::Encoding::Identity && bytes.len() <= limit {
        return Ok(body.clone());
    }
    let output = detached(py, || core_decompress::decompress(bytes, encoding, limit))?;
    Ok(PyBytes::new(py, &output))
}

/// Template text and id of a message.
#[pyfunction]
pub fn mask_template(text: &str) -> (String, u64) {
    template::mask_template(text)
}

/// xxh3-64 of a body.
#[pyfunction]
pub fn fingerprint(py: Python<'_>, body: &Bound<'_, PyBytes>) -> u64 {
    let bytes = body.as_bytes();
    py.detach(|| nexus_core::fingerprint(bytes))
}
