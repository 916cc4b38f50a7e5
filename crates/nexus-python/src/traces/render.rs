//! Rows of whole spans, rendered for clients.

use crate::encode::attribute_source;
use crate::error::detached;
use nexus_core::render::{AttributeSource, BadRows};
use nexus_core::traces::critical::sum_paths;
use nexus_core::traces::file;
use nexus_core::traces::render::otlp_json::Flavour;
use nexus_core::traces::render::{self, jaeger_json, jaeger_protobuf, otlp_json, otlp_protobuf, zipkin};
use nexus_core::traces::rows::in_order;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Service, operation and ns.
type Share = (String, String, u64);
type Attributes = Vec<(String, Option<String>)>;

fn rendered<T: Send>(
    py: Python<'_>,
    rows: &[u8],
    attributes: Attributes,
    render: impl FnOnce(&[u8], &[AttributeSource]) -> Result<T, BadRows> + Send,
) -> PyResult<T> {
    let sources = attributes.into_iter().map(attribute_source).collect::<PyResult<Vec<_>>>()?;
    detached(py, || render(rows, &sources))
}

/// `{"resourceSpans":[...]}`, or under another key; `names`: ids in base64 and enumerations by name, as protobuf has them.
#[pyfunction]
#[pyo3(signature = (rows, sources, *, key="resourceSpans", names=false))]
pub fn render_spans_otlp_json<'py>(
    py: Python<'py>,
    rows: &[u8],
    sources: Attributes,
    key: &str,
    names: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let flavour = if names { Flavour::Protobuf } else { Flavour::Otlp };
    let list = rendered(py, rows, sources, |rows, sources| otlp_json::render(rows, sources, flavour))?;
    Ok(PyBytes::new(py, &[b"{\"", key.as_bytes(), b"\":", &list, b"}"].concat()))
}

/// One `TracesData`.
#[pyfunction]
pub fn render_spans_otlp_protobuf<'py>(
    py: Python<'py>,
    rows: &[u8],
    sources: Attributes,
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &rendered(py, rows, sources, otlp_protobuf::render)?))
}

/// `TracesData` messages of at most a thousand spans, each of one trace.
#[pyfunction]
pub fn render_traces_otlp_protobuf<'py>(
    py: Python<'py>,
    rows: &[u8],
    sources: Attributes,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let chunks = rendered(py, rows, sources, otlp_protobuf::render_chunks)?;
    Ok(chunks.iter().map(|chunk| PyBytes::new(py, chunk)).collect())
}

/// A JSON array of Jaeger's traces.
#[pyfunction]
pub fn render_spans_jaeger<'py>(py: Python<'py>, rows: &[u8], sources: Attributes) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &rendered(py, rows, sources, jaeger_json::render)?))
}

/// Jaeger's `SpansResponseChunk` messages, each with spans of one trace.
#[pyfunction]
pub fn render_spans_jaeger_protobuf<'py>(
    py: Python<'py>,
    rows: &[u8],
    sources: Attributes,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let chunks = rendered(py, rows, sources, jaeger_protobuf::render)?;
    Ok(chunks.iter().map(|chunk| PyBytes::new(py, chunk)).collect())
}

/// A JSON array of Zipkin's spans.
#[pyfunction]
pub fn render_spans_zipkin<'py>(py: Python<'py>, rows: &[u8], sources: Attributes) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &rendered(py, rows, sources, zipkin::render_trace)?))
}

/// A JSON array of arrays of Zipkin's spans.
#[pyfunction]
pub fn render_traces_zipkin<'py>(py: Python<'py>, rows: &[u8], sources: Attributes) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &rendered(py, rows, sources, zipkin::render_traces)?))
}

/// The web UI's document of a trace; None without rows.
#[pyfunction]
pub fn render_trace<'py>(py: Python<'py>, rows: &[u8], sources: Attributes) -> PyResult<Option<Bound<'py, PyBytes>>> {
    Ok(rendered(py, rows, sources, render::render_trace)?.map(|json| PyBytes::new(py, &json)))
}

/// The first span with all that is known of it; None without rows.
#[pyfunction]
pub fn render_span<'py>(py: Python<'py>, rows: &[u8], sources: Attributes) -> PyResult<Option<Bound<'py, PyBytes>>> {
    Ok(rendered(py, rows, sources, render::render_span)?.map(|json| PyBytes::new(py, &json)))
}

/// The rows of traces in the order of their ids (16 bytes each).
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
pub fn order_traces<'py>(
    py: Python<'py>,
    rows: &[u8],
    sources: Attributes,
    ids: Vec<[u8; 16]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let ordered = rendered(py, rows, sources, |rows, sources| in_order(rows, sources, &ids))?;
    Ok(PyBytes::new(py, &ordered))
}

/// How many critical paths there are in rows of a `CriticalPaths` plan, and (service, operation, ns) of all of them.
#[pyfunction]
pub fn sum_critical_paths(py: Python<'_>, rows: &[u8]) -> PyResult<(u64, Vec<Share>)> {
    let summed = detached(py, || sum_paths(rows))?;
    Ok((summed.paths, summed.rows))
}

/// A file of spans as rows and the sources of their attributes.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns=0))]
pub fn spans_of_file<'py>(py: Python<'py>, body: &[u8], now_ns: i64) -> PyResult<(Bound<'py, PyBytes>, Attributes)> {
    let rows = detached(py, || file::decode_file(body, now_ns).map(|batch| file::rows_of(&batch)))?;
    let sources = file::sources().into_iter().filter_map(|source| match source {
        AttributeSource::Map(kind) => Some((kind.letter().to_owned(), None)),
        AttributeSource::Column(..) => None,
    });
    Ok((PyBytes::new(py, &rows), sources.collect()))
}
