//! JSON: a pull reader over bytes, a writer, and the decoder of JSON lines.

pub mod fields;
pub mod lines;
pub mod reader;
pub mod writer;
