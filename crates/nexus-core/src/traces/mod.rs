//! Traces: spans in columns, the decoders that fill them, their encoding for the store, what is asked of whole traces, and
//! what they look like to clients.

mod batch;
mod builder;
pub mod critical;
pub mod derive;
pub mod duration;
mod links;
pub mod native;
mod otlp_protobuf;
pub mod render;
pub mod rows;
pub mod spansets;
#[cfg(test)]
mod tests;
pub mod tree;
pub mod weight;

pub use batch::{SpanBatch, concat};
pub use builder::SpanBatchBuilder;
pub use links::{Events, Links};
pub use otlp_protobuf::decode_traces_protobuf;
