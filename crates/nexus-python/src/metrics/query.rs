//! Selections and queries of the metric engine for Python.

use super::engine::Wrong;
use crate::error::{IntoPyErr, detached};
use nexus_promql::{Control, Fault};
use nexus_tsdb::answers::Selection as CoreSelection;
use nexus_tsdb::answers::catalog::Order;
use nexus_tsdb::export::Encoding;
use nexus_tsdb::view::{ChunkRows as CoreRows, Need, Reading as CoreReading, Run as CoreRun};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pyo3::create_exception!(nexus._native, MetricQueryError, PyValueError, "A query fails while it is evaluated.");
pyo3::create_exception!(nexus._native, MetricLimitExceeded, MetricQueryError, "A query needs too many samples.");
pyo3::create_exception!(nexus._native, MetricQueryTimeout, PyRuntimeError, "The time of a query is over.");
pyo3::create_exception!(nexus._native, MetricQueryCanceled, PyRuntimeError, "A query was cancelled.");

impl IntoPyErr for Fault {
    fn into_py_err(self) -> PyErr {
        match self {
            Self::Execution(text) => MetricQueryError::new_err(text),
            Self::TooManySamples(text) => MetricLimitExceeded::new_err(text),
            Self::Timeout(text) => MetricQueryTimeout::new_err(text),
            Self::Cancelled(text) => MetricQueryCanceled::new_err(text),
        }
    }
}

/// Times, names of metrics, ids, window of rollups.
pub type PyNeed<'py> = (i64, i64, Vec<String>, Bound<'py, PyBytes>, u32);

/// Needs as Python has them.
pub fn needs_of(py: Python<'_>, needs: Vec<Need>) -> Vec<PyNeed<'_>> {
    needs.into_iter().map(|need| (need.from, need.to, need.metrics, PyBytes::new(py, &need.ids), need.window)).collect()
}

/// Chunks of the tables.
#[pyclass(frozen, module = "nexus._native")]
pub struct ChunkRows {
    pub inner: Arc<CoreRows>,
}

#[pymethods]
impl ChunkRows {
    #[new]
    fn new(py: Python<'_>, rows: &[u8]) -> PyResult<Self> {
        Ok(Self { inner: Arc::new(detached(py, || CoreRows::read(rows))?) })
    }

    /// Bytes it takes, at most.
    #[getter]
    fn weight(&self) -> usize {
        self.inner.weight()
    }
}

/// Series that somebody sees.
#[pyclass(frozen, module = "nexus._native")]
pub struct Selection {
    pub inner: Arc<CoreSelection>,
}

impl Selection {
    fn ask<T: Send>(&self, py: Python<'_>, ask: impl FnOnce(&CoreSelection) -> T + Send) -> PyResult<T> {
        detached(py, || Ok::<_, Infallible>(ask(&self.inner)))
    }

    fn limited<'py>(
        &self,
        py: Python<'py>,
        ask: impl FnOnce(&CoreSelection) -> (Vec<u8>, bool) + Send,
    ) -> PyResult<(Bound<'py, PyBytes>, bool)> {
        let (json, limited) = self.ask(py, ask)?;
        Ok((PyBytes::new(py, &json), limited))
    }
}

#[pymethods]
impl Selection {
    #[getter]
    fn count(&self, py: Python<'_>) -> PyResult<usize> {
        self.ask(py, CoreSelection::count)
    }

    #[getter]
    fn met(&self, py: Python<'_>) -> PyResult<usize> {
        self.ask(py, CoreSelection::met)
    }

    /// Array of label objects.
    #[pyo3(signature = (limit=0))]
    fn series_json<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<(Bound<'py, PyBytes>, bool)> {
        self.limited(py, |inner| inner.series_json(limit))
    }

    /// Names of labels.
    #[pyo3(signature = (limit=0))]
    fn label_names_json<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<(Bound<'py, PyBytes>, bool)> {
        self.limited(py, |inner| inner.label_names_json(limit))
    }

    /// Values of a label.
    #[pyo3(signature = (name, limit=0))]
    fn label_values_json<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        limit: usize,
    ) -> PyResult<(Bound<'py, PyBytes>, bool)> {
        self.limited(py, |inner| inner.label_values_json(name, limit))
    }

    /// `/status/tsdb`.
    #[pyo3(signature = (limit=10, focus=""))]
    fn cardinality_json<'py>(&self, py: Python<'py>, limit: usize, focus: &str) -> PyResult<Bound<'py, PyBytes>> {
        let json = self.ask(py, |inner| inner.cardinality_json(limit, focus))?;
        Ok(PyBytes::new(py, &json))
    }

    /// Metrics for people.
    fn catalog_json<'py>(
        &self,
        py: Python<'py>,
        search: &str,
        order: &str,
        limit: usize,
        offset: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let order = match order {
            "name" => Order::Name,
            "series" => Order::Series,
            "last" => Order::Last,
            _ => return Err(PyValueError::new_err(format!("no order \"{order}\"; there are name, series, last"))),
        };
        let json = self.ask(py, |inner| inner.catalog_json(search, order, limit, offset))?;
        Ok(PyBytes::new(py, &json))
    }

    /// Exemplars.
    fn exemplars_json<'py>(&self, py: Python<'py>, rows: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let json = detached(py, || self.inner.exemplars_json(rows))?;
        Ok(PyBytes::new(py, &json))
    }

    /// What of the tables belongs to it.
    fn needs<'py>(&self, py: Python<'py>) -> PyResult<Vec<PyNeed<'py>>> {
        let needs = self.ask(py, |inner| inner.view().needs())?;
        Ok(needs_of(py, needs))
    }

    /// What of the table of exemplars belongs to it.
    fn exemplar_needs<'py>(&self, py: Python<'py>) -> PyResult<Vec<PyNeed<'py>>> {
        let needs = self.ask(py, |inner| inner.view().exemplar_needs())?;
        Ok(needs_of(py, needs))
    }

    /// Begin to read its samples in an encoding.
    fn read(&self, py: Python<'_>, encoding: &str) -> PyResult<Reading> {
        let encoding = Encoding::parse(encoding).ok_or_else(|| {
            PyValueError::new_err(format!("no encoding \"{encoding}\"; there are samples, chunks, text"))
        })?;
        let view = self.ask(py, CoreSelection::view)?;
        Ok(Reading { inner: Mutex::new(CoreReading::new(view, encoding)) })
    }

    /// Ids, 16 bytes each.
    fn series_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let ids = self.ask(py, CoreSelection::ids)?;
        Ok(PyBytes::new(py, &ids))
    }
}

/// Samples of a selection, piece by piece.
#[pyclass(frozen, module = "nexus._native")]
pub struct Reading {
    inner: Mutex<CoreReading>,
}

impl Reading {
    fn with<T: Send, E: IntoPyErr + Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut CoreReading) -> Result<T, E> + Send,
    ) -> PyResult<T> {
        // A call that panicked leaves a reading that goes on, or ends, where it was.
        detached(py, || work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[pymethods]
impl Reading {
    /// (series, samples, bytes) to read.
    fn estimate(&self, py: Python<'_>) -> PyResult<(u64, u64, u64)> {
        self.with(py, |inner| Ok::<_, Infallible>(inner.view.estimate()))
    }

    /// What to fetch.
    fn needs<'py>(&self, py: Python<'py>) -> PyResult<Vec<PyNeed<'py>>> {
        let needs = self.with(py, |inner| Ok::<_, Infallible>(inner.view.needs()))?;
        Ok(needs_of(py, needs))
    }

    /// Take in chunks that were fetched.
    fn feed(&self, py: Python<'_>, rows: &ChunkRows) -> PyResult<()> {
        self.with(py, |inner| {
            inner.view.feed(rows.inner.clone(), 0);
            Ok::<_, Infallible>(())
        })
    }

    /// The next piece; None at the end.
    #[pyo3(signature = (max_bytes=1 << 20))]
    fn next<'py>(&self, py: Python<'py>, max_bytes: usize) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let piece = self.with(py, |inner| inner.next(max_bytes).map_err(|fault| Wrong(fault.0)))?;
        Ok(piece.map(|piece| PyBytes::new(py, &piece)))
    }

    /// Samples read so far.
    #[getter]
    fn samples(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |inner| Ok::<_, Infallible>(inner.samples))
    }
}

/// A query under way.
#[pyclass(frozen, module = "nexus._native")]
pub struct Run {
    inner: CoreRun,
    control: Mutex<(Option<Control>, bool)>,
}

impl Run {
    /// Of a run of the core.
    pub fn new(inner: CoreRun) -> Self {
        Self { inner, control: Mutex::default() }
    }
}

#[pymethods]
impl Run {
    /// What to fetch.
    fn needs<'py>(&self, py: Python<'py>) -> PyResult<Vec<PyNeed<'py>>> {
        let needs = detached(py, || Ok::<_, Infallible>(self.inner.view.needs()))?;
        Ok(needs_of(py, needs))
    }

    /// Take in chunks that were fetched.
    #[pyo3(signature = (rows, window=0))]
    fn feed(&self, rows: &ChunkRows, window: u32) {
        self.inner.view.feed(rows.inner.clone(), window);
    }

    /// What to fetch beyond that.
    fn more_needs<'py>(&self, py: Python<'py>) -> PyResult<Vec<PyNeed<'py>>> {
        let needs = detached(py, || Ok::<_, Infallible>(self.inner.view.more_needs()))?;
        Ok(needs_of(py, needs))
    }

    /// (series, samples, bytes) to read.
    fn estimate(&self, py: Python<'_>) -> PyResult<(u64, u64, u64)> {
        detached(py, || Ok::<_, Infallible>(self.inner.view.estimate()))
    }

    /// Evaluate it.
    #[allow(clippy::type_complexity)] // As the .pyi has it.
    fn run<'py>(
        &self,
        py: Python<'py>,
        timeout_ms: u64,
    ) -> PyResult<(Bound<'py, PyBytes>, Vec<String>, Vec<String>, (u64, u64, u64, u64, u64))> {
        let control = Control::with_deadline(Instant::now() + Duration::from_millis(timeout_ms));
        {
            let mut current = self.control.lock().map_err(|_| PyRuntimeError::new_err("an earlier call failed"))?;
            if current.1 {
                control.cancel();
            }
            current.0 = Some(control.clone());
        }
        let answer = detached(py, || self.inner.run(&control))?;
        let view = &self.inner.view;
        let stats = (view.num_series() as u64, answer.samples, answer.read, answer.peak, view.decoded_bytes());
        Ok((PyBytes::new(py, &answer.data), answer.warnings, answer.infos, stats))
    }

    /// End it soon.
    fn cancel(&self) {
        if let Ok(mut current) = self.control.lock() {
            current.1 = true;
            if let Some(control) = &current.0 {
                control.cancel();
            }
        }
    }
}
