//! Metrics: from bytes of every protocol to a `MetricBatch`, and what happens to labels on the way.

pub mod exposition;
pub mod relabel;
pub mod scrape;
