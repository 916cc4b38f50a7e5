//! Encoders for Python: batches for the engine, the engine's rows for clients.

use crate::batch::LogBatch;
use crate::error::detached;
use crate::select::Filter;
use nexus_core::native::attributes::{AttributeType, PromotedColumn};
use nexus_core::native::logs::{LogBlockOptions, encode_logs};
use nexus_core::native::retention::Retention;
use nexus_core::render;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// What skeletons the blocks of a store have held; made once per store and handed to every `encode_native`.
#[pyclass(frozen, module = "nexus._native")]
#[derive(Default)]
pub struct SkeletonMemory {
    inner: nexus_core::native::memory::SkeletonMemory,
}

#[pymethods]
impl SkeletonMemory {
    #[new]
    fn new() -> Self {
        Self::default()
    }
}

/// A batch as one Native block of `nexus.logs`, and how many of its rows have no skeleton.
#[pyfunction]
#[pyo3(signature = (batch, *, tenant, commit_id, retention_days, now_ns, day=None, promoted=Vec::new(), skeletons=None, retention=Vec::new()))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
pub fn encode_native<'py>(
    py: Python<'py>,
    batch: &LogBatch,
    tenant: &str,
    commit_id: u64,
    retention_days: u32,
    now_ns: i64,
    day: Option<u32>,
    promoted: Vec<(String, String, String, String)>,
    skeletons: Option<&SkeletonMemory>,
    retention: Vec<(Py<Filter>, u32)>,
) -> PyResult<(Bound<'py, PyBytes>, usize)> {
    let rules = rules_of(&retention);
    let promoted = promoted_columns(promoted)?;
    let options = LogBlockOptions {
        tenant,
        commit_id,
        retention: Retention { days: retention_days, rules: &rules, now_ns },
        day,
        promoted: &promoted,
        skeletons: skeletons.map(|memory| &memory.inner),
    };
    let encoded = detached(py, || encode_logs(&batch.inner, &options))?;
    Ok((PyBytes::new(py, &encoded.block), encoded.plain_rows))
}

/// Retention rules as the core takes them.
pub(crate) fn rules_of(retention: &[(Py<Filter>, u32)]) -> Vec<(&nexus_core::select::Filter, u32)> {
    retention.iter().map(|(filter, days)| (&*filter.get().inner, *days)).collect()
}

/// Attributes with columns of their own as the core takes them.
pub(crate) fn promoted_columns(promoted: Vec<(String, String, String, String)>) -> PyResult<Vec<PromotedColumn>> {
    promoted.into_iter().map(promoted_column).collect()
}

fn promoted_column(
    (key, letter, column_name, column_type): (String, String, String, String),
) -> PyResult<PromotedColumn> {
    Ok(PromotedColumn { key, attribute_type: attribute_type(&letter)?, column_name, column_type })
}

fn attribute_type(letter: &str) -> PyResult<AttributeType> {
    AttributeType::from_letter(letter)
        .ok_or_else(|| PyValueError::new_err(format!("attribute type {letter:?}: expected s, i, f, b or j")))
}

/// Rows of records as (timestamp, identity, JSON).
#[pyfunction]
pub fn render_records<'py>(
    py: Python<'py>,
    rows: &[u8],
    attributes: Vec<(String, Option<String>)>,
) -> PyResult<Vec<(i64, u64, Bound<'py, PyBytes>)>> {
    let sources = attributes.into_iter().map(attribute_source).collect::<PyResult<Vec<_>>>()?;
    let lines = detached(py, || render::render_records(rows, &sources))?;
    Ok(lines.iter().map(|line| (line.timestamp, line.identity, PyBytes::new(py, &line.json))).collect())
}

pub(crate) fn attribute_source((letter, key): (String, Option<String>)) -> PyResult<render::AttributeSource> {
    let kind = attribute_type(&letter)?;
    Ok(match key {
        Some(key) => render::AttributeSource::Column(kind, key),
        None => render::AttributeSource::Map(kind),
    })
}
