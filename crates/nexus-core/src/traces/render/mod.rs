//! Spans as their clients want to see them. Each renderer takes rows of whole spans (see [`super::rows::read_spans`]), those of
//! a trace one after the other, and shows a span that was stored twice once. They take time and memory in proportion to the
//! rows.

mod document;
mod groups;
mod jaeger;
pub mod jaeger_json;
pub mod jaeger_protobuf;
pub mod otlp_json;
pub mod otlp_protobuf;
mod protobuf;
#[cfg(test)]
mod tests;
mod text;
pub(super) mod values;
pub mod zipkin;

pub use document::{render_span, render_trace};
