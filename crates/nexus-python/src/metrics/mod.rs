//! Metrics for Python: batches, decoders of each protocol, the store.

pub mod batch;
pub mod engine;
pub mod query;
