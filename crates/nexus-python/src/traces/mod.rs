//! Traces for Python.

pub mod batch;
pub mod decode;
pub mod encode;
pub mod spansets;
