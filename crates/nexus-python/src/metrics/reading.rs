//! Raw samples of a selection for Python: fed from the tables, read in pieces.

use super::engine::Wrong;
use super::query::Selection;
use crate::error::{IntoPyErr, detached};
use nexus_promql::source::SourceFault;
use nexus_tsdb::export::{Encoding, Reader};
use nexus_tsdb::view::View;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::convert::Infallible;
use std::sync::Mutex;

impl IntoPyErr for SourceFault {
    fn into_py_err(self) -> PyErr {
        super::query::MetricQueryError::new_err(self.0)
    }
}

enum State {
    Feeding(Box<View>),
    Reading(Box<Reader>),
    Over,
}

/// See the module text.
#[pyclass(frozen, module = "nexus._native")]
pub struct SeriesReader {
    encoding: Encoding,
    state: Mutex<State>,
}

impl SeriesReader {
    fn feeding<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&View) -> T + Send) -> PyResult<T> {
        detached(py, || {
            let state = self.state.lock().map_err(|_| Wrong("an earlier call failed".into()))?;
            match &*state {
                State::Feeding(view) => Ok(work(view)),
                _ => Err(Wrong("it is being read already".into())),
            }
        })
    }
}

#[pymethods]
impl SeriesReader {
    #[new]
    fn new(py: Python<'_>, selection: &Selection, encoding: &str) -> PyResult<Self> {
        let known = Encoding::parse(encoding);
        let encoding = known.ok_or_else(|| PyValueError::new_err(format!("there is no encoding \"{encoding}\"")))?;
        let view = detached(py, || Ok::<_, Infallible>(selection.inner.view()))?;
        Ok(Self { encoding, state: Mutex::new(State::Feeding(Box::new(view))) })
    }

    /// (series, samples, bytes) to read.
    fn estimate(&self, py: Python<'_>) -> PyResult<(u64, u64, u64)> {
        self.feeding(py, View::estimate)
    }

    /// What to fetch.
    fn needs<'py>(&self, py: Python<'py>) -> PyResult<Vec<super::query::PyNeed<'py>>> {
        let needs = self.feeding(py, View::needs)?;
        Ok(super::query::needs_of(py, needs))
    }

    /// Take in rows that were fetched.
    fn feed(&self, py: Python<'_>, rows: &[u8]) -> PyResult<()> {
        self.feeding(py, |view| view.feed(rows))?.map_err(IntoPyErr::into_py_err)
    }

    /// The next piece; None after the last.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let piece = py.detach(|| {
            let mut state = self.state.lock().map_err(|_| PyRuntimeError::new_err("an earlier call failed"))?;
            if let State::Feeding(_) = &*state
                && let State::Feeding(view) = std::mem::replace(&mut *state, State::Over)
            {
                *state = State::Reading(Box::new(Reader::new(*view, self.encoding)));
            }
            let State::Reading(reader) = &mut *state else { return Ok(None) };
            let piece = reader.next_piece();
            if !matches!(piece, Ok(Some(_))) {
                *state = State::Over;
            }
            piece.map_err(IntoPyErr::into_py_err)
        })?;
        Ok(piece.map(|piece| PyBytes::new(py, &piece)))
    }
}
