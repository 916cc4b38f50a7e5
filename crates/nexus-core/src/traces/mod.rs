//! Traces: spans in columns, the decoders that fill them, their encoding for the store, and what they look like to clients.

pub mod critical;
pub mod render;
pub mod rows;
pub mod tree;
