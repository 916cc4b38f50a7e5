//! Traces for Python.

pub mod render;
pub mod spansets;
