//! Metrics: each protocol's bytes to a [`MetricBatch`], and back where something else wants to read them.
//!
//! All decoders end in a [`builder::BatchBuilder`]: it packs and checks labels and keeps the batch within its bounds. A
//! fault in a series costs its samples, a fault in a sample that sample; only a body that cannot be read is refused whole.

pub mod builder;
pub mod exposition;
pub mod graphite;
pub mod group;
pub mod histogram;
pub mod influx;
pub mod otlp;
pub mod relabel;
pub mod remote_write;
pub mod remote_write_encode;
pub mod render;
pub mod scrape;
pub mod statsd;
pub mod tsdb_block;
pub mod tsdb_chunk;

use crate::decode::Rejections;
use nexus_series::batch::MetricBatch;

/// Packed bytes of the labels of one series. A series with more is refused.
pub const MAX_LABEL_BYTES: usize = 64 << 10;

/// Bytes of a help text. A longer one is cut.
pub const MAX_HELP_BYTES: usize = 4 << 10;

/// Bytes that a batch may hold in memory, whatever its body was made of. Samples beyond are refused.
pub const MAX_BATCH_BYTES: usize = 128 << 20;

/// Buckets of one native histogram. One with more is refused.
pub const MAX_BUCKETS: usize = 4096;

/// A decoded body.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The accepted samples.
    pub batch: MetricBatch,
    /// The others, counted by sample; numbers count series or lines from 1.
    pub rejections: Rejections,
}

/// A body in snappy's block format.
pub fn snappy(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).expect("a body of less than 4 GiB")
}

#[cfg(test)]
mod remote_write_tests;
