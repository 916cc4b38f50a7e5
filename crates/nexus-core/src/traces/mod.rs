//! Traces: spans in columns, the decoders that fill them, and their encoding for the store.

mod batch;
mod builder;
pub mod derive;
pub mod duration;
mod links;
pub mod native;
mod otlp_protobuf;
#[cfg(test)]
mod tests;
pub mod weight;

pub use batch::{SpanBatch, concat};
pub use builder::SpanBatchBuilder;
pub use links::{Events, Links};
pub use otlp_protobuf::decode_traces_protobuf;
