//! Raw samples of series as others read them: messages of remote read, and OpenMetrics text. Pure.
//!
//! Source: prometheus/prompb (types.proto, remote.proto), tsdb/docs/format/chunks.md, OpenMetrics 1.0.

mod bits;
mod chunks;
mod protobuf;
mod samples;
mod text;

#[cfg(test)]
mod tests;

use nexus_promql::source::Samples;

/// In which form samples are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `prometheus.TimeSeries`, each as a field of a `QueryResult`.
    Samples,
    /// `prometheus.ChunkedReadResponse`, framed by length and checksum.
    Chunks,
    /// Lines of OpenMetrics with timestamps; native histograms have no form there.
    Text,
}

impl Encoding {
    /// By its name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "samples" => Some(Self::Samples),
            "chunks" => Some(Self::Chunks),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Labels by name, in ascending order.
pub type Labels<'a> = [(&'a str, &'a str)];

/// Appends a series; one without samples is left out.
pub fn write_series(encoding: Encoding, labels: &Labels, samples: &Samples, out: &mut Vec<u8>) {
    if samples.timestamps.is_empty() && samples.histograms.is_empty() {
        return;
    }
    match encoding {
        Encoding::Samples => samples::write(labels, samples, out),
        Encoding::Chunks => chunks::write(labels, samples, out),
        Encoding::Text => text::write(labels, samples, out),
    }
}

/// Appends what stands after the last series.
pub fn finish(encoding: Encoding, out: &mut Vec<u8>) {
    if encoding == Encoding::Text {
        out.extend_from_slice(b"# EOF\n");
    }
}
