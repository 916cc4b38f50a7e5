//! Traces: spans in columns, the decoders that fill them, their encoding for the store, what is asked of whole traces, and
//! what they look like to clients.

mod batch;
mod builder;
pub mod critical;
pub mod derive;
pub mod duration;
pub mod export;
pub mod file;
mod jaeger;
mod jaeger_protobuf;
mod jaeger_thrift;
mod links;
pub mod native;
mod otlp_json;
mod otlp_protobuf;
pub mod preview;
pub mod render;
pub mod rows;
pub mod spansets;
mod tagged;
#[cfg(test)]
mod tests;
mod thrift;
pub mod tree;
pub mod weight;
mod zipkin;

pub use batch::{SpanBatch, concat};
pub use builder::SpanBatchBuilder;
pub use jaeger_protobuf::decode_jaeger_protobuf;
pub use jaeger_thrift::{decode_jaeger_binary, decode_jaeger_compact, decode_jaeger_datagrams};
pub use links::{Events, Links};
pub use otlp_json::decode_traces_json;
pub use otlp_protobuf::decode_traces_protobuf;
pub use zipkin::decode_zipkin_json;
