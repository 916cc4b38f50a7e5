//! The encoder of spans for Python.

use super::batch::SpanBatch;
use crate::encode::{promoted_columns, rules_of};
use crate::error::detached;
use crate::select::Filter;
use nexus_core::native::retention::Retention;
use nexus_core::traces::export::requests;
use nexus_core::traces::native::{SpanBlockOptions, encode_spans};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A batch as one Native block of `nexus.spans`, and 0: spans have no skeletons.
#[pyfunction]
#[pyo3(signature = (batch, *, tenant, commit_id, retention_days, now_ns, day=None, promoted=Vec::new(), retention=Vec::new(), pending=0))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
pub fn encode_native_spans<'py>(
    py: Python<'py>,
    batch: &SpanBatch,
    tenant: &str,
    commit_id: u64,
    retention_days: u32,
    now_ns: i64,
    day: Option<u32>,
    promoted: Vec<(String, String, String, String)>,
    retention: Vec<(Py<Filter>, u32)>,
    pending: u32,
) -> PyResult<(Bound<'py, PyBytes>, usize)> {
    let rules = rules_of(&retention);
    let promoted = promoted_columns(promoted)?;
    let options = SpanBlockOptions {
        tenant,
        commit_id,
        pending,
        retention: Retention { days: retention_days, rules: &rules, now_ns },
        day,
        promoted: &promoted,
    };
    let block = detached(py, || encode_spans(&batch.inner, &options))?;
    Ok((PyBytes::new(py, &block), 0))
}

/// A batch as `ExportTraceServiceRequest` bodies, gzip, with how many spans each has.
#[pyfunction]
#[pyo3(signature = (batch, *, max_spans, max_bytes))]
pub fn encode_otlp_traces<'py>(
    py: Python<'py>,
    batch: &SpanBatch,
    max_spans: usize,
    max_bytes: usize,
) -> PyResult<Vec<(Bound<'py, PyBytes>, usize)>> {
    let bodies = detached(py, || requests(&batch.inner, max_spans, max_bytes))?;
    Ok(bodies.iter().map(|(body, spans)| (PyBytes::new(py, body), *spans)).collect())
}
