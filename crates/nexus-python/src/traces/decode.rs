//! Decoders of spans for Python.

use super::batch::SpanBatch;
use crate::error::detached;
use nexus_core::decode::{DecodeError, Decoded};
use nexus_core::traces::{self, SpanBatch as Batch};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::Arc;

/// A decoded body of spans.
#[pyclass(frozen, get_all, module = "nexus._native")]
pub struct DecodedSpans {
    /// The accepted spans.
    batch: Py<SpanBatch>,
    /// Their number.
    accepted: usize,
    /// Number of the others.
    rejected: u64,
    /// The first errors: span number from 1, message.
    errors: Vec<(u64, String)>,
}

type Decode = Result<Decoded<Batch>, DecodeError>;

fn decode(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    decoder: impl FnOnce(&[u8], i64) -> Decode + Send,
) -> PyResult<DecodedSpans> {
    let bytes = body.as_bytes();
    let decoded = detached(py, || decoder(bytes, now_ns))?;
    let accepted = decoded.accepted();
    let batch = Py::new(py, SpanBatch { inner: Arc::new(decoded.batch) })?;
    let rejections = decoded.rejections;
    Ok(DecodedSpans { batch, accepted, rejected: rejections.count(), errors: rejections.first().to_vec() })
}

/// Decode an OTLP traces export request in protobuf.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns))]
pub fn decode_otlp_traces_protobuf(py: Python<'_>, body: &Bound<'_, PyBytes>, now_ns: i64) -> PyResult<DecodedSpans> {
    decode(py, body, now_ns, traces::decode_traces_protobuf)
}

/// Decode an OTLP traces export request in JSON.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns))]
pub fn decode_otlp_traces_json(py: Python<'_>, body: &Bound<'_, PyBytes>, now_ns: i64) -> PyResult<DecodedSpans> {
    decode(py, body, now_ns, traces::decode_traces_json)
}

/// Decode a file of spans, as `spans_of_file` reads them.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns))]
pub fn decode_trace_file(py: Python<'_>, body: &Bound<'_, PyBytes>, now_ns: i64) -> PyResult<SpanBatch> {
    let bytes = body.as_bytes();
    let batch = detached(py, || traces::file::decode_file(bytes, now_ns))?;
    Ok(SpanBatch { inner: Arc::new(batch) })
}

/// Decode spans of Zipkin in JSON, version 2 or 1.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns))]
pub fn decode_zipkin_json(py: Python<'_>, body: &Bound<'_, PyBytes>, now_ns: i64) -> PyResult<DecodedSpans> {
    decode(py, body, now_ns, traces::decode_zipkin_json)
}

/// Decode a batch of Jaeger's, or a call with one, in Thrift's binary protocol.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns))]
pub fn decode_jaeger_thrift_binary(py: Python<'_>, body: &Bound<'_, PyBytes>, now_ns: i64) -> PyResult<DecodedSpans> {
    decode(py, body, now_ns, traces::decode_jaeger_binary)
}

/// Decode a batch of Jaeger's, or a call with one, in Thrift's compact protocol.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns))]
pub fn decode_jaeger_thrift_compact(py: Python<'_>, body: &Bound<'_, PyBytes>, now_ns: i64) -> PyResult<DecodedSpans> {
    decode(py, body, now_ns, traces::decode_jaeger_compact)
}

/// Decode a request of `jaeger.api_v2` in protobuf.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns))]
pub fn decode_jaeger_protobuf(py: Python<'_>, body: &Bound<'_, PyBytes>, now_ns: i64) -> PyResult<DecodedSpans> {
    decode(py, body, now_ns, traces::decode_jaeger_protobuf)
}

/// Decode datagrams of Jaeger's clients, each behind its length.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns, compact))]
pub fn decode_jaeger_datagrams(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    compact: bool,
) -> PyResult<DecodedSpans> {
    decode(py, body, now_ns, |bytes, now_ns| traces::decode_jaeger_datagrams(bytes, now_ns, compact))
}
