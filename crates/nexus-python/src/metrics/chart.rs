//! Charts of answers for Python.

use nexus_promql::chart::{Wanted, chart};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The chart of an answer of the Prometheus API.
#[pyfunction]
#[pyo3(signature = (data, *, start, step, steps, points, top, ordered=false, heatmap=false))]
#[allow(clippy::too_many_arguments)]
pub fn metric_chart<'py>(
    py: Python<'py>,
    data: &[u8],
    start: i64,
    step: i64,
    steps: usize,
    points: usize,
    top: usize,
    ordered: bool,
    heatmap: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let wanted = Wanted { start, step: step.max(1), steps, points, top, ordered, heatmap };
    let drawn = py.detach(|| chart(data, &wanted)).map_err(PyValueError::new_err)?;
    Ok(PyBytes::new(py, &drawn))
}
