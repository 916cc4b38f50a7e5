//! Inputs to start from: small ones for the fuzzers, realistic ones for the measurement of speed.

pub mod compressed;
pub mod envelope;
pub mod exposition;
pub mod filter;
pub mod foreign;
pub mod forward;
pub mod json_lines;
pub mod logql;
pub mod metric_chunks;
pub mod metrics;
pub mod otlp;
pub mod otlp_json;
pub mod pipelines;
pub mod spans;
pub mod syslog;
pub mod template;

/// Size of the heavy inputs.
pub(crate) const HEAVY: usize = 8 << 20;

/// `piece` again and again, about [`HEAVY`] bytes.
pub(crate) fn many(piece: &str) -> Vec<u8> {
    piece.repeat(HEAVY / piece.len()).into_bytes()
}

/// `before` as often as fits, then `middle`, then `after` as often.
pub(crate) fn nested(before: &str, middle: &str, after: &str) -> String {
    let depth = HEAVY / (before.len() + after.len());
    format!("{}{middle}{}", before.repeat(depth), after.repeat(depth))
}
