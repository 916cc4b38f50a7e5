//! LogQL for Python: programs, collectors and series as opaque objects.

use crate::encode::attribute_source;
use crate::error::detached;
use nexus_core::logql::{self, Grid, Program, Totals};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Mutex, MutexGuard};

type Sources = Vec<(String, Option<String>)>;

fn sources(given: Sources) -> PyResult<Vec<nexus_core::render::AttributeSource>> {
    given.into_iter().map(attribute_source).collect()
}

fn locked<T>(mutex: &Mutex<T>) -> PyResult<MutexGuard<'_, T>> {
    mutex.lock().map_err(|_| PyRuntimeError::new_err("an earlier call failed"))
}

fn tuple_of(totals: Totals) -> (u64, u64, u64) {
    (totals.lines, totals.bytes, totals.passed)
}

fn grid(start: i64, end: i64, step: i64) -> PyResult<Grid> {
    if step < 1 || end < start {
        return Err(PyValueError::new_err("a grid has a positive step and does not end before it starts"));
    }
    Ok(Grid { start, end, step })
}

/// Check a regular expression, pattern, template or address.
#[pyfunction]
pub fn logql_check(kind: &str, text: &str) -> PyResult<()> {
    logql::check(kind, text).map_err(|error| PyValueError::new_err(error.0))
}

/// Run a program over one line without labels.
#[pyfunction]
#[allow(clippy::type_complexity)]
pub fn logql_line(program: &str, line: &str) -> PyResult<(bool, String, Vec<(String, String)>, String)> {
    let program = Program::read(program).map_err(|error| PyValueError::new_err(error.0))?;
    Ok(logql::check_line(&program, line))
}

/// Streams of a tally that match any selector.
#[pyfunction]
pub fn logql_streams(py: Python<'_>, rows: &[u8], selectors: &str) -> PyResult<logql::Streams> {
    detached(py, || logql::streams_of(rows, selectors))
}

/// Patterns of a tally as JSON.
#[pyfunction]
pub fn logql_patterns<'py>(py: Python<'py>, rows: &[u8], limit: usize) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = detached(py, || logql::patterns_of(rows, limit))?;
    Ok(PyBytes::new(py, &bytes))
}

/// Collects entries of a log query.
#[pyclass(frozen, module = "nexus._native")]
pub struct LogqlEntries {
    inner: Mutex<logql::Entries>,
}

#[pymethods]
impl LogqlEntries {
    #[new]
    #[pyo3(signature = (program, *, forward, limit, interval=0, categorize=false))]
    fn new(program: &str, forward: bool, limit: usize, interval: i64, categorize: bool) -> PyResult<Self> {
        let program = Program::read(program).map_err(|error| PyValueError::new_err(error.0))?;
        Ok(Self { inner: Mutex::new(logql::Entries::new(program, forward, limit, interval, categorize)) })
    }

    /// Take in a page.
    fn feed(&self, py: Python<'_>, rows: &[u8], attributes: Sources) -> PyResult<usize> {
        let sources = sources(attributes)?;
        let mut guard = locked(&self.inner)?;
        let inner = &mut *guard;
        detached(py, || inner.feed(rows, &sources))
    }

    /// Take in records as a search renders them.
    #[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
    fn feed_rendered(&self, py: Python<'_>, records: Vec<Bound<'_, PyBytes>>) -> PyResult<usize> {
        let records: Vec<&[u8]> = records.iter().map(PyBytesMethods::as_bytes).collect();
        let mut guard = locked(&self.inner)?;
        let inner = &mut *guard;
        detached(py, || inner.feed_rendered(&records))
    }

    /// Lines and bytes read, lines that passed.
    #[getter]
    fn totals(&self) -> PyResult<(u64, u64, u64)> {
        Ok(tuple_of(locked(&self.inner)?.totals()))
    }

    /// The streams as JSON.
    fn encode<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let guard = locked(&self.inner)?;
        let inner = &*guard;
        let bytes = detached(py, || Ok::<_, std::convert::Infallible>(inner.encode()))?;
        Ok(PyBytes::new(py, &bytes))
    }
}

/// Series over steps.
#[pyclass(frozen, module = "nexus._native")]
pub struct LogqlMatrix {
    inner: logql::Matrix,
}

#[pymethods]
impl LogqlMatrix {
    /// Number of series.
    #[getter]
    fn num_series(&self) -> usize {
        self.inner.num_series()
    }

    /// JSON of a matrix, or of the last step as a vector.
    fn encode<'py>(&self, py: Python<'py>, instant: bool) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = detached(py, || Ok::<_, std::convert::Infallible>(self.inner.encode(instant)))?;
        Ok(PyBytes::new(py, &bytes))
    }
}

/// A range aggregation.
#[pyclass(frozen, module = "nexus._native")]
pub struct LogqlRange {
    inner: Mutex<Option<logql::Range>>,
}

#[pymethods]
impl LogqlRange {
    #[new]
    fn new(program: &str, start: i64, end: i64, step: i64) -> PyResult<Self> {
        let program = Program::read(program).map_err(|error| PyValueError::new_err(error.0))?;
        let range = logql::Range::new(program, grid(start, end, step)?);
        Ok(Self { inner: Mutex::new(Some(range.map_err(|error| PyValueError::new_err(error.0))?)) })
    }

    /// Take in a page of records.
    fn feed(&self, py: Python<'_>, rows: &[u8], attributes: Sources) -> PyResult<()> {
        let sources = sources(attributes)?;
        let mut inner = locked(&self.inner)?;
        let range = inner.as_mut().ok_or_else(|| PyValueError::new_err("finished already"))?;
        detached(py, || range.feed(rows, &sources))
    }

    /// Take in rows of a tally.
    #[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
    fn feed_tally(&self, py: Python<'_>, rows: &[u8], labels: Vec<String>) -> PyResult<()> {
        let mut inner = locked(&self.inner)?;
        let range = inner.as_mut().ok_or_else(|| PyValueError::new_err("finished already"))?;
        detached(py, || range.feed_tally(rows, &labels))
    }

    /// Lines and bytes read, lines that passed.
    #[getter]
    fn totals(&self) -> PyResult<(u64, u64, u64)> {
        Ok(locked(&self.inner)?.as_ref().map_or((0, 0, 0), |range| tuple_of(range.totals())))
    }

    /// The values; ends the aggregation.
    fn finish(&self, py: Python<'_>) -> PyResult<LogqlMatrix> {
        let range = locked(&self.inner)?.take().ok_or_else(|| PyValueError::new_err("finished already"))?;
        let inner = detached(py, || Ok::<_, std::convert::Infallible>(range.finish()))?;
        Ok(LogqlMatrix { inner })
    }
}

/// An expression over matrices.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
pub fn logql_evaluate(
    py: Python<'_>,
    expression: &str,
    leaves: Vec<Py<LogqlMatrix>>,
    start: i64,
    end: i64,
    step: i64,
) -> PyResult<LogqlMatrix> {
    let grid = grid(start, end, step)?;
    let matrices: Vec<&logql::Matrix> = leaves.iter().map(|leaf| &leaf.get().inner).collect();
    let inner = detached(py, || logql::evaluate(expression, &matrices, grid))?;
    Ok(LogqlMatrix { inner })
}

/// Fields that lines have.
#[pyclass(frozen, module = "nexus._native")]
pub struct LogqlFields {
    inner: Mutex<logql::Fields>,
}

#[pymethods]
impl LogqlFields {
    #[new]
    fn new(program: &str) -> PyResult<Self> {
        let program = Program::read(program).map_err(|error| PyValueError::new_err(error.0))?;
        Ok(Self { inner: Mutex::new(logql::Fields::new(program)) })
    }

    /// Take in a page; how many lines were looked at.
    fn feed(&self, py: Python<'_>, rows: &[u8], attributes: Sources) -> PyResult<u64> {
        let sources = sources(attributes)?;
        let mut guard = locked(&self.inner)?;
        let inner = &mut *guard;
        detached(py, || inner.feed(rows, &sources))
    }

    /// The fields as JSON.
    fn encode<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &locked(&self.inner)?.encode(limit)))
    }

    /// The values of one, as JSON.
    fn values<'py>(&self, py: Python<'py>, name: &str, limit: usize) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &locked(&self.inner)?.values(name, limit)))
    }
}
