//! Traces: spans in columns, and what is asked of whole traces.

pub mod spansets;
