//! Traces for Python.

pub mod batch;
pub mod decode;
pub mod derive;
pub mod encode;
pub mod render;
pub mod spansets;
