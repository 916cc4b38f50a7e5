//! The data model of metrics, shared by decoders (`nexus-core`), the evaluator (`nexus-promql`) and the store
//! (`nexus-tsdb`). Pure data; no sockets, no files, no Python.
//!
//! Times are integer milliseconds since the Unix epoch. A series is its labels, the name being the label `__name__`.

// Values are compared as PromQL compares them: exactly.
#![allow(clippy::float_cmp)]

pub mod batch;
pub mod calendar;
pub mod histogram;
pub mod labels;
pub mod matcher;
pub mod pattern;
pub mod policy;
pub mod starts;
pub mod symbols;

/// Bits of the NaN that marks the end of a series (Prometheus `value.StaleNaN`).
pub const STALE_NAN: u64 = 0x7ff0_0000_0000_0002;
/// Bits of the NaN that results of arithmetic have (Prometheus `value.NormalNaN`).
pub const NORMAL_NAN: u64 = 0x7ff8_0000_0000_0001;
/// The label that holds a metric's name.
pub const NAME: &str = "__name__";

/// Is the value a staleness marker?
#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN
}
