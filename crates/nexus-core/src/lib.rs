//! The native core of Nexus: pure functions from bytes to columnar batches, and from batches to storage blocks.
//!
//! No sockets, no threads, no async, no Python. Everything here takes bytes from strangers, so every function is total:
//! bad input gives a precise error or costs one record, and memory stays proportional to the input.
#![forbid(unsafe_code)]

pub mod attributes;
pub mod batch;
pub mod columns;
pub mod concat;
pub mod decode;
pub mod decompress;
pub mod dictionary;
pub mod envelope;
pub mod foreign;
pub mod forward;
pub mod json;
pub mod limits;
pub mod live;
pub mod logql;
pub mod mask;
pub mod metrics;
pub mod native;
pub mod origins;
pub mod otlp;
pub mod process;
pub mod render;
pub mod rows;
pub mod select;
pub mod severity;
pub mod stats;
pub mod syslog;
pub mod template;
pub mod time;
pub mod traces;

/// The fingerprint of a body: its xxh3-64. Two requests with one idempotency key must agree in it.
pub fn fingerprint(body: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(body)
}
