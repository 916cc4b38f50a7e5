//! OpenTelemetry's protocol (OTLP): log export requests in protobuf and in JSON to batches.
//!
//! Both decoders give the same batch for the same message. A value that is no scalar becomes JSON text with sorted keys,
//! see [`text`]. A fault inside a record costs that record, a fault inside a resource or scope the records under it; only
//! a body that is no message at all is refused whole.

pub(crate) mod base64;
pub(crate) mod fault;
pub(crate) mod json;
pub(crate) mod json_input;
pub(crate) mod json_value;
mod logs_json;
mod logs_protobuf;
pub(crate) mod protobuf;
pub(crate) mod protobuf_value;
pub(crate) mod records;
pub(crate) mod schema;
pub(crate) mod text;
pub(crate) mod wire;

#[cfg(test)]
mod tests;

pub use logs_json::decode_logs_json;
pub use logs_protobuf::decode_logs_protobuf;
pub(crate) use text::write_double;
