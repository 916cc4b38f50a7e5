//! Evaluates PromQL as Prometheus 3.x does. `nexus.query.promql` parses, checks and lowers a text into a `plan::Program`;
//! this crate runs it over a `source::Source` and encodes the answer. No storage, no sockets, no Python.

pub mod annotations;
pub mod control;
pub mod functions;
pub mod labels;
pub mod plan;
pub mod source;
pub mod value;
pub mod window;
