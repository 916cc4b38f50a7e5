//! Filters over batches, and live records as JSON, for Python.

use crate::batch::LogBatch;
use crate::error::detached;
use crate::traces::batch::SpanBatch;
use nexus_core::batch::LogBatch as Batch;
use nexus_core::live;
use nexus_core::mask::Masks as CoreMasks;
use nexus_core::select::Filter as CoreFilter;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::convert::Infallible;
use std::sync::Arc;

/// What a filter can be asked of.
#[derive(FromPyObject)]
enum AnyBatch {
    Logs(Py<LogBatch>),
    Spans(Py<SpanBatch>),
}

impl AnyBatch {
    fn matches(&self, filter: &CoreFilter) -> Vec<bool> {
        match self {
            Self::Logs(batch) => filter.matches(&*batch.get().inner),
            Self::Spans(batch) => filter.matches(&*batch.get().inner),
        }
    }
}

/// A predicate of the plan, ready to be asked of batches.
#[pyclass(frozen, module = "nexus._native")]
pub struct Filter {
    /// On the heap: its searchers want an alignment that Python's objects do not have.
    pub(crate) inner: Box<CoreFilter>,
}

#[pymethods]
impl Filter {
    /// From `nexus.query.encode.encode_predicate`. Raises ValueError.
    #[new]
    fn new(py: Python<'_>, encoded: &[u8]) -> PyResult<Self> {
        Ok(Self { inner: Box::new(detached(py, || CoreFilter::parse(encoded))?) })
    }

    /// Number of records or spans that match.
    #[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
    fn count(&self, py: Python<'_>, batch: AnyBatch) -> PyResult<usize> {
        detached(py, || Ok::<_, Infallible>(batch.matches(&self.inner).into_iter().filter(|&found| found).count()))
    }

    /// One byte a record or span: 1 when it matches.
    #[allow(clippy::needless_pass_by_value)]
    fn matches<'py>(&self, py: Python<'py>, batch: AnyBatch) -> PyResult<Bound<'py, PyBytes>> {
        let mask = detached(py, || Ok::<_, Infallible>(batch.matches(&self.inner)))?;
        Ok(PyBytes::new(py, &mask.into_iter().map(u8::from).collect::<Vec<_>>()))
    }

    /// (matching records, the others).
    fn split(&self, py: Python<'_>, batch: &LogBatch) -> PyResult<(LogBatch, LogBatch)> {
        let whole = &batch.inner;
        let (matching, others) = detached(py, || {
            let mask = self.inner.matches(&**whole);
            let count = mask.iter().filter(|&&matched| matched).count();
            Ok::<_, Infallible>(match count {
                0 => (Arc::new(Batch::default()), whole.clone()),
                count if count == mask.len() => (whole.clone(), Arc::new(Batch::default())),
                _ => {
                    let others: Vec<bool> = mask.iter().map(|matched| !matched).collect();
                    (Arc::new(whole.take(&mask)), Arc::new(whole.take(&others)))
                }
            })
        })?;
        Ok((LogBatch { inner: matching }, LogBatch { inner: others }))
    }
}

/// Fields that somebody may not see, ready to be masked in batches.
#[pyclass(frozen, module = "nexus._native")]
pub struct Masks {
    inner: CoreMasks,
}

#[pymethods]
impl Masks {
    /// From (kind, name) of fields. Raises ValueError for one that cannot be masked.
    #[new]
    #[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
    fn new(fields: Vec<(String, String)>) -> PyResult<Self> {
        let fields = fields.iter().map(|(kind, name)| (&kind[..], &name[..]));
        CoreMasks::new(fields).map(|inner| Self { inner }).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The batch as it is seen.
    fn apply(&self, py: Python<'_>, batch: &LogBatch) -> PyResult<LogBatch> {
        let masked = detached(py, || Ok::<_, Infallible>(self.inner.apply(&batch.inner)))?;
        Ok(LogBatch { inner: Arc::new(masked) })
    }
}

/// The last `limit` records that match, as (timestamp, identity, JSON).
#[pyfunction]
#[pyo3(signature = (batch, filter, limit))]
pub fn render_batch<'py>(
    py: Python<'py>,
    batch: &LogBatch,
    filter: Option<&Filter>,
    limit: usize,
) -> PyResult<Vec<(i64, u64, Bound<'py, PyBytes>)>> {
    let lines = detached(py, || {
        let rows = &batch.inner;
        let mask = filter.map_or_else(|| vec![true; rows.num_rows()], |filter| filter.inner.matches(&**rows));
        Ok::<_, Infallible>(live::render_batch(rows, &mask, limit))
    })?;
    Ok(lines.iter().map(|line| (line.timestamp, line.identity, PyBytes::new(py, &line.json))).collect())
}
