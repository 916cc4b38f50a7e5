//! The only place where errors of the core become Python exceptions.

use nexus_core::concat::TooMuch;
use nexus_core::decompress::DecompressError;
use nexus_core::envelope::EnvelopeError;
use nexus_core::native::attributes::UnknownColumnType;
use nexus_core::render::BadRows;
use nexus_core::select::FilterError;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

pyo3::create_exception!(nexus._native, DecodeError, PyValueError, "The whole body cannot be decoded.");
pyo3::create_exception!(nexus._native, UnknownEncoding, PyValueError, "The content encoding is not known.");
pyo3::create_exception!(nexus._native, BadEncoding, PyValueError, "The body is not what its encoding says.");
pyo3::create_exception!(nexus._native, TooLarge, PyValueError, "The body is larger than the limit.");

/// An error of the core as a Python exception.
pub trait IntoPyErr {
    /// The exception.
    fn into_py_err(self) -> PyErr;
}

impl IntoPyErr for nexus_core::decode::DecodeError {
    fn into_py_err(self) -> PyErr {
        DecodeError::new_err(self.0)
    }
}

impl IntoPyErr for EnvelopeError {
    fn into_py_err(self) -> PyErr {
        DecodeError::new_err(self.to_string())
    }
}

impl IntoPyErr for DecompressError {
    fn into_py_err(self) -> PyErr {
        let message = self.to_string();
        match self {
            Self::BadEncoding(_) => BadEncoding::new_err(message),
            Self::TooLarge(_) => TooLarge::new_err(message),
        }
    }
}

impl IntoPyErr for UnknownColumnType {
    fn into_py_err(self) -> PyErr {
        PyValueError::new_err(self.to_string())
    }
}

impl IntoPyErr for BadRows {
    fn into_py_err(self) -> PyErr {
        PyValueError::new_err(self.to_string())
    }
}

impl IntoPyErr for nexus_core::process::CompileError {
    fn into_py_err(self) -> PyErr {
        PyValueError::new_err(self.to_string())
    }
}

impl IntoPyErr for TooMuch {
    fn into_py_err(self) -> PyErr {
        PyValueError::new_err(self.to_string())
    }
}

impl IntoPyErr for nexus_core::logql::LogqlError {
    fn into_py_err(self) -> PyErr {
        PyValueError::new_err(self.0)
    }
}

impl IntoPyErr for FilterError {
    fn into_py_err(self) -> PyErr {
        PyValueError::new_err(self.to_string())
    }
}

impl IntoPyErr for std::convert::Infallible {
    fn into_py_err(self) -> PyErr {
        match self {}
    }
}

/// Run work of the core without the interpreter. A panic in it, which would be a mistake of ours, costs the caller an
/// exception and not the process.
pub fn detached<T: Send, E: IntoPyErr + Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> PyResult<T> {
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(result) => result.map_err(IntoPyErr::into_py_err),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
            Err(PyRuntimeError::new_err(format!("fault in the native module: {text}")))
        }
    }
}
