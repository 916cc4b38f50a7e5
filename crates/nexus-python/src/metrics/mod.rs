//! Metrics for Python: batches, decoders of each protocol, the store.

pub mod batch;
pub mod chart;
pub mod engine;
pub mod exposition;
pub mod group;
pub mod lines;
pub mod otlp;
pub mod query;
pub mod relabel;
pub mod remote_write;
pub mod scrape;
pub mod tsdb_block;
