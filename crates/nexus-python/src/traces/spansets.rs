//! Programs of TraceQL over rows of spans.

use crate::error::{IntoPyErr, detached};
use nexus_core::traces::spansets::{Limits, Program, SetMatch, SpansetError, Told, evaluate, matching};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

impl IntoPyErr for SpansetError {
    fn into_py_err(self) -> PyErr {
        PyValueError::new_err(self.0)
    }
}

/// The traces of which something matches. Raises ValueError for rows or a program that are none.
#[pyfunction]
#[pyo3(signature = (rows, program, *, limit, spans_per_trace, sets_per_trace = 100, newest_first = true))]
pub fn evaluate_spansets<'py>(
    py: Python<'py>,
    rows: &[u8],
    program: &[u8],
    limit: usize,
    spans_per_trace: usize,
    sets_per_trace: usize,
    newest_first: bool,
) -> PyResult<Bound<'py, PyList>> {
    let limits = Limits { traces: limit, spans: spans_per_trace, sets: sets_per_trace, newest_first };
    let found = detached(py, || evaluate(rows, &Program::parse(program)?, limits))?;
    let hits = found.into_iter().map(|hit| {
        let sets = hit.sets.into_iter().map(|set| set_of(py, set)).collect::<PyResult<Vec<_>>>()?;
        (PyBytes::new(py, &hit.trace_id), hit.newest, hit.total_sets, PyList::new(py, sets)?).into_pyobject(py)
    });
    PyList::new(py, hits.collect::<PyResult<Vec<_>>>()?)
}

fn set_of(py: Python<'_>, set: SetMatch) -> PyResult<Bound<'_, PyTuple>> {
    let told = set.told.into_iter().map(|(label, value)| {
        let value = match value {
            Told::Key(Some(key)) => PyBytes::new(py, &key).into_any(),
            Told::Key(None) => py.None().into_bound(py),
            Told::Number(number) => number.into_bound_py_any(py)?,
        };
        (label, value).into_pyobject(py)
    });
    let told = PyList::new(py, told.collect::<PyResult<Vec<_>>>()?)?;
    (set.matched, PyBytes::new(py, &set.span_ids), PyBytes::new(py, &set.numbering), told).into_pyobject(py)
}

/// Id of the trace and of the span, 24 bytes, of each span of the spansets. Raises ValueError likewise.
#[pyfunction]
pub fn matching_spans<'py>(py: Python<'py>, rows: &[u8], program: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let found = detached(py, || matching(rows, &Program::parse(program)?))?;
    Ok(PyBytes::new(py, &found))
}
