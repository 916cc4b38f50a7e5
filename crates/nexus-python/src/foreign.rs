//! Decoders of other systems' protocols for Python.

use crate::decode::Decoded;
use crate::error::detached;
use nexus_core::foreign;
use nexus_core::json::fields::FieldMapping as CoreMapping;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

/// A sender's field mapping.
#[pyclass(frozen, module = "nexus._native")]
pub struct FieldMapping {
    inner: CoreMapping,
}

/// Texts by name, in order.
fn pairs(dict: Option<&Bound<'_, PyDict>>) -> PyResult<Vec<(String, String)>> {
    let Some(dict) = dict else { return Ok(Vec::new()) };
    dict.iter().map(|(key, value)| Ok((key.extract()?, value.extract()?))).collect()
}

#[pymethods]
impl FieldMapping {
    #[new]
    #[pyo3(signature = (
        *, time_fields=None, message_fields=None, level_fields=None, stream_fields=Vec::new(), ignore_fields=Vec::new(),
        extra_fields=None
    ))]
    fn new(
        time_fields: Option<Vec<String>>,
        message_fields: Option<Vec<String>>,
        level_fields: Option<Vec<String>>,
        stream_fields: Vec<String>,
        ignore_fields: Vec<String>,
        extra_fields: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let extra_fields = pairs(extra_fields)?;
        let inner =
            CoreMapping { time_fields, message_fields, level_fields, stream_fields, ignore_fields, extra_fields };
        Ok(Self { inner })
    }
}

/// Decode a Loki push request in protobuf, without its snappy encoding.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns, mapping))]
pub fn decode_loki_protobuf(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    mapping: &FieldMapping,
) -> PyResult<Decoded> {
    let bytes = body.as_bytes();
    Decoded::new(py, detached(py, || foreign::decode_loki_protobuf(bytes, now_ns, &mapping.inner))?)
}

/// Decode a Loki push request in JSON.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns, mapping))]
pub fn decode_loki_json(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    mapping: &FieldMapping,
) -> PyResult<Decoded> {
    let bytes = body.as_bytes();
    Decoded::new(py, detached(py, || foreign::decode_loki_json(bytes, now_ns, &mapping.inner))?)
}

/// Decode concatenated events of Splunk's HTTP Event Collector.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns, mapping, defaults=None))]
pub fn decode_splunk_events(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    mapping: &FieldMapping,
    defaults: Option<&Bound<'_, PyDict>>,
) -> PyResult<Decoded> {
    let (bytes, defaults) = (body.as_bytes(), pairs(defaults)?);
    Decoded::new(py, detached(py, || foreign::decode_splunk_events(bytes, now_ns, &mapping.inner, &defaults))?)
}

/// Decode raw text of Splunk's HTTP Event Collector.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns, mapping, defaults=None))]
pub fn decode_splunk_raw(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    mapping: &FieldMapping,
    defaults: Option<&Bound<'_, PyDict>>,
) -> PyResult<Decoded> {
    let (bytes, defaults) = (body.as_bytes(), pairs(defaults)?);
    Decoded::new(py, detached(py, || foreign::decode_splunk_raw(bytes, now_ns, &mapping.inner, &defaults))?)
}

/// Decode a request of Datadog's logs intake.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns, mapping, defaults=None))]
pub fn decode_datadog(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    mapping: &FieldMapping,
    defaults: Option<&Bound<'_, PyDict>>,
) -> PyResult<Decoded> {
    let (bytes, defaults) = (body.as_bytes(), pairs(defaults)?);
    Decoded::new(py, detached(py, || foreign::decode_datadog(bytes, now_ns, &mapping.inner, &defaults))?)
}

/// Decode a delivery of Amazon Data Firehose.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns, mapping, limit, common=None))]
pub fn decode_firehose(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    mapping: &FieldMapping,
    limit: usize,
    common: Option<&Bound<'_, PyDict>>,
) -> PyResult<Decoded> {
    let (bytes, common) = (body.as_bytes(), pairs(common)?);
    Decoded::new(py, detached(py, || foreign::decode_firehose(bytes, now_ns, &mapping.inner, &common, limit))?)
}

/// Decode journald's export format.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns, mapping))]
pub fn decode_journald(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    mapping: &FieldMapping,
) -> PyResult<Decoded> {
    let bytes = body.as_bytes();
    Decoded::new(py, detached(py, || foreign::decode_journald(bytes, now_ns, &mapping.inner))?)
}

/// The items of a bulk request.
#[pyclass(frozen, module = "nexus._native")]
pub struct BulkItems {
    inner: foreign::BulkItems,
}

#[pymethods]
impl BulkItems {
    fn __len__(&self) -> usize {
        self.inner.len()
    }

    /// The answer as JSON.
    #[pyo3(signature = (took_ms, *, compact=false, busy=None))]
    fn render<'py>(
        &self,
        py: Python<'py>,
        took_ms: u64,
        compact: bool,
        busy: Option<&str>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let render = || Ok::<_, std::convert::Infallible>(self.inner.render(took_ms, compact, busy));
        Ok(PyBytes::new(py, &detached(py, render)?))
    }
}

/// Decode an Elasticsearch bulk request.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns, mapping, index=""))]
pub fn decode_elasticsearch_bulk(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    mapping: &FieldMapping,
    index: &str,
) -> PyResult<(Decoded, BulkItems)> {
    let bytes = body.as_bytes();
    let bulk = detached(py, || foreign::decode_elasticsearch_bulk(bytes, now_ns, &mapping.inner, index))?;
    Ok((Decoded::new(py, bulk.decoded)?, BulkItems { inner: bulk.items }))
}
