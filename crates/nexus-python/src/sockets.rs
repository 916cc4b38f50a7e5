//! Protocols over sockets for Python: the splitting of streams and the decoding of what they hold.

use crate::decode::Decoded;
use crate::error::detached;
use nexus_core::forward::{self, stream};
use nexus_core::syslog::charset::Charset;
use nexus_core::syslog::timestamp::Zone;
use nexus_core::syslog::{self, framing};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Messages out of one TCP connection of a syslog sender.
#[pyclass(module = "nexus._native")]
pub struct SyslogFramer {
    inner: framing::Framer,
}

#[pymethods]
impl SyslogFramer {
    #[new]
    fn new(source: &str, max_message: usize) -> Self {
        Self { inner: framing::Framer::new(source.as_bytes(), max_message) }
    }

    /// Read a piece of the stream; bytes of whole messages waiting.
    fn feed(&mut self, chunk: &[u8]) -> usize {
        self.inner.feed(chunk);
        self.inner.ready()
    }

    /// The stream has ended.
    fn finish(&mut self) {
        self.inner.finish();
    }

    /// (body, messages, how many of them were cut).
    fn take<'py>(&mut self, py: Python<'py>) -> (Bound<'py, PyBytes>, u64, u64) {
        let (body, messages, truncated) = self.inner.take();
        (PyBytes::new(py, &body), messages, truncated)
    }
}

/// Decode framed syslog messages.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns, zone=Vec::new(), charset="utf-8"))]
pub fn decode_syslog(
    py: Python<'_>,
    body: &Bound<'_, PyBytes>,
    now_ns: i64,
    zone: Vec<(i64, i64)>,
    charset: &str,
) -> PyResult<Decoded> {
    let charset = Charset::from_name(charset).ok_or_else(|| {
        PyValueError::new_err(format!("charset {charset:?}: expected utf-8, latin-1 or windows-1252"))
    })?;
    let options = syslog::Options { zone: Zone::new(zone), charset };
    let bytes = body.as_bytes();
    let decoded = detached(py, || syslog::decode_syslog(bytes, now_ns, &options))?;
    Decoded::new(py, decoded)
}

/// Messages out of one TCP connection of a forward client.
#[pyclass(module = "nexus._native")]
pub struct ForwardStream {
    inner: stream::Stream,
}

#[pymethods]
impl ForwardStream {
    #[new]
    fn new(max_message: usize) -> Self {
        Self { inner: stream::Stream::new(max_message) }
    }

    /// Messages from now on may have so many bytes.
    fn set_limit(&mut self, max_message: usize) {
        self.inner.set_limit(max_message);
    }

    /// Read a piece of the stream. Raises ValueError when it is none of the protocol.
    fn feed(&mut self, chunk: &[u8]) -> PyResult<()> {
        self.inner.feed(chunk).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Strings of the first whole message, which is taken. Raises ValueError when it is no array.
    fn take_strings<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Vec<Bound<'py, PyBytes>>>> {
        let Some(message) = self.inner.take_message() else { return Ok(None) };
        let strings = forward::strings(&message).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Some(strings.iter().map(|text| PyBytes::new(py, text)).collect()))
    }

    /// Whole messages to deliver, as (body, chunk).
    fn take<'py>(&mut self, py: Python<'py>) -> Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let parts = self.inner.take();
        parts.iter().map(|part| (PyBytes::new(py, &part.body), PyBytes::new(py, &part.chunk))).collect()
    }
}

/// Decode messages of the forward protocol.
#[pyfunction]
#[pyo3(signature = (body, *, now_ns, limit))]
pub fn decode_forward(py: Python<'_>, body: &Bound<'_, PyBytes>, now_ns: i64, limit: usize) -> PyResult<Decoded> {
    let bytes = body.as_bytes();
    let decoded = detached(py, || forward::decode_forward(bytes, now_ns, limit))?;
    Decoded::new(py, decoded)
}
