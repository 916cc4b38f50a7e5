//! Evaluates PromQL as Prometheus 3.x does. `nexus.query.promql` parses, checks and lowers a text into a `plan::Program`;
//! this crate runs it over a `source::Source` and encodes the answer. No storage, no sockets, no Python.

#![expect(clippy::float_cmp, reason = "PromQL compares numbers exactly")]

pub mod aggregate;
pub mod annotations;
pub mod binary;
pub mod chart;
pub mod control;
pub mod encode;
pub mod evaluate;
pub mod folding;
pub mod functions;
pub mod heatmap;
pub mod histogram;
pub mod kernels;
pub mod labels;
pub mod matching;
pub mod merge;
pub mod plan;
pub mod ranking;
pub mod rolled;
pub mod selector;
pub mod source;
pub mod stream;
pub mod uses;
pub mod value;
pub mod window;

pub use control::{Control, Fault};
pub use encode::Answer;
pub use evaluate::evaluate;
