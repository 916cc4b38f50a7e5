//! Traces for Python.

pub mod spansets;
