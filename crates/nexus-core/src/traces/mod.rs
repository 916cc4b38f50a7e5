//! Traces: spans in columns, the decoders that fill them, their encoding for the store, what is asked of whole traces, and what
//! they look like to clients.

pub mod critical;
pub mod render;
pub mod rows;
pub mod spansets;
pub mod tree;
