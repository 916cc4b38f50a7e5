//! Traces.

pub mod render;
