//! OpenTelemetry's metrics (OTLP): export requests in protobuf and in JSON to batches, as Prometheus would store them.
//!
//! Source: OpenTelemetry's specification of Prometheus compatibility. Sums and histograms of deltas become cumulative, see
//! [`delta`]. Points without a recorded value become staleness markers. When a counter began is not kept.

mod assemble;
pub mod delta;
mod json;
pub mod names;
mod point;
mod protobuf;

#[cfg(test)]
mod tests;

use super::Decoded;
use crate::decode::DecodeError;
use delta::Deltas;
use names::Strategy;

/// How OpenTelemetry's resources and names become labels.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Names.
    pub strategy: Strategy,
    /// Resource attributes that become labels of every series.
    pub promoted: Vec<String>,
    /// Keep `service.name`, `service.namespace` and `service.instance.id` in `target_info`, too.
    pub keep_identifying: bool,
    /// Name, version and attributes of the scope become labels `otel_scope_...`.
    pub scope_labels: bool,
    /// Histograms with bounds become native ones with custom buckets.
    pub custom_buckets: bool,
}

/// Decode an `ExportMetricsServiceRequest` in protobuf. `now_ns` stands in for missing times. Streams of deltas are those
/// of `tenant`. Rejections count data points.
///
/// # Errors
/// When the body is no such message.
pub fn decode_metrics_protobuf(
    body: &[u8],
    now_ns: u64,
    options: &Options,
    deltas: &Deltas,
    tenant: &str,
) -> Result<Decoded, DecodeError> {
    let mut assembler = assemble::Assembler::new(body.len(), now_ns, options, deltas, tenant);
    protobuf::request(body, &mut assembler)
        .map_err(|error| DecodeError(format!("not an OTLP metrics request in protobuf: {error}")))?;
    Ok(assembler.finish())
}

/// Decode an `ExportMetricsServiceRequest` in JSON. As [`decode_metrics_protobuf`].
///
/// # Errors
/// When the body is not JSON, or of another shape.
pub fn decode_metrics_json(
    body: &[u8],
    now_ns: u64,
    options: &Options,
    deltas: &Deltas,
    tenant: &str,
) -> Result<Decoded, DecodeError> {
    let mut assembler = assemble::Assembler::new(body.len(), now_ns, options, deltas, tenant);
    json::request(body, &mut assembler)
        .map_err(|problem| DecodeError(format!("not an OTLP metrics request in JSON: {problem}")))?;
    Ok(assembler.finish())
}
