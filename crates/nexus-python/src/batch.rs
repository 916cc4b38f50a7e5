//! `LogBatch` for Python: an opaque, immutable batch that Python passes on.

use crate::error::{IntoPyErr, detached};
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::{Array, StructArray};
use nexus_core::attributes::Attributes;
use nexus_core::batch::LogBatch as Batch;
use nexus_core::concat::concat;
use nexus_core::{envelope, stats};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};
use std::convert::Infallible;
use std::sync::Arc;

/// (key, type letter, rows, distinct values among up to 1,000, taken evenly).
pub(crate) fn attribute_stats(py: Python<'_>, columns: &Attributes) -> PyResult<Vec<(String, &'static str, u64, u64)>> {
    let stats = detached(py, || Ok::<_, Infallible>(stats::attribute_stats(columns)))?;
    Ok(stats.into_iter().map(|s| (s.key, s.attribute_type.letter(), s.rows, s.distinct)).collect())
}

/// The rows that a mask from Python marks. Raises ValueError when it has not one byte a row.
pub(crate) fn mask_of(mask: &[u8], rows: usize) -> PyResult<Vec<bool>> {
    if mask.len() == rows {
        Ok(mask.iter().map(|&byte| byte != 0).collect())
    } else {
        Err(PyValueError::new_err(format!("a mask of {} bytes for {rows} records", mask.len())))
    }
}

/// A batch of log records in columns.
#[pyclass(frozen, module = "nexus._native")]
pub struct LogBatch {
    pub inner: Arc<Batch>,
}

#[pymethods]
impl LogBatch {
    /// Number of records.
    #[getter]
    fn num_rows(&self) -> usize {
        self.inner.num_rows()
    }

    /// Bytes held in memory.
    #[getter]
    fn num_bytes(&self) -> usize {
        self.inner.num_bytes()
    }

    fn __len__(&self) -> usize {
        self.inner.num_rows()
    }

    fn __repr__(&self) -> String {
        format!("<LogBatch of {} records>", self.inner.num_rows())
    }

    /// (UTC day since the epoch, rows), by day.
    fn days(&self) -> Vec<(u32, u64)> {
        self.inner.days()
    }

    /// (service, rows, bytes), by service.
    fn services(&self) -> Vec<(String, u64, u64)> {
        self.inner.services()
    }

    /// (key, type letter, rows, distinct values among up to 1,000, taken evenly).
    fn attribute_stats(&self, py: Python<'_>) -> PyResult<Vec<(String, &'static str, u64, u64)>> {
        attribute_stats(py, &self.inner.attributes)
    }

    /// Several batches of one tenant as one. Raises ValueError when they are too large together.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value)] // Arguments are extracted by value.
    fn concat(py: Python<'_>, batches: Vec<PyRef<'_, Self>>) -> PyResult<Self> {
        let parts: Vec<Arc<Batch>> = batches.iter().map(|batch| batch.inner.clone()).collect();
        if let [only] = &parts[..] {
            return Ok(Self { inner: only.clone() });
        }
        let whole = detached(py, || concat(&parts.iter().map(|part| &**part).collect::<Vec<_>>()))?;
        Ok(Self { inner: Arc::new(whole) })
    }

    /// The records that `mask` marks with a byte other than 0. Raises ValueError when it has not one byte a record.
    fn take(&self, py: Python<'_>, mask: &[u8]) -> PyResult<Self> {
        let mask = mask_of(mask, self.inner.num_rows())?;
        let taken = detached(py, || Ok::<_, Infallible>(self.inner.take(&mask)))?;
        Ok(Self { inner: Arc::new(taken) })
    }

    /// The Arrow envelope as an IPC stream.
    fn to_ipc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = detached(py, || envelope::to_ipc(&self.inner))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// A batch from an envelope. Raises `DecodeError`.
    #[staticmethod]
    fn from_ipc(py: Python<'_>, data: &Bound<'_, PyBytes>) -> PyResult<Self> {
        let bytes = data.as_bytes();
        let batch = detached(py, || envelope::from_ipc(bytes))?;
        Ok(Self { inner: Arc::new(batch) })
    }

    /// The Arrow `PyCapsule` interface: the envelope as a struct array.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        drop(requested_schema); // A wish that may be ignored.
        let record_batch = detached(py, || envelope::to_record_batch(&self.inner))?;

        let schema = FFI_ArrowSchema::try_from(record_batch.schema().as_ref())
            .map_err(|error| envelope::EnvelopeError::from(error).into_py_err())?;
        let array = FFI_ArrowArray::new(&StructArray::from(record_batch).to_data());
        Ok((
            PyCapsule::new_with_value(py, schema, c"arrow_schema")?,
            PyCapsule::new_with_value(py, array, c"arrow_array")?,
        ))
    }
}
