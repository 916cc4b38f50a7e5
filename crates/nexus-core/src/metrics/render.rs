//! Batches as JSON, for people to look at.

use crate::json::writer::{write_int, write_string};
use crate::otlp::write_double;
use nexus_series::batch::{BatchSeries, MetricBatch};
use nexus_series::labels::unpack;

/// The first `limit` series: `{"labels": {...}, "samples": [[ms, value]], "histograms": [[ms, count, sum]], "exemplars":
/// [[ms, value, {...}]]}`, each with its first ten samples.
pub fn render(batch: &MetricBatch, limit: usize) -> Vec<Vec<u8>> {
    batch.series.iter().take(limit).map(|series| render_series(batch, series)).collect()
}

const SHOWN: usize = 10;

fn render_series(batch: &MetricBatch, series: &BatchSeries) -> Vec<u8> {
    let mut out = b"{\"labels\":".to_vec();
    write_labels(&mut out, batch.labels_of(series));
    out.extend_from_slice(b",\"samples\":[");
    for (place, at) in series.floats.clone().take(SHOWN).enumerate() {
        open(&mut out, place, batch.timestamps[at]);
        write_double(&mut out, batch.values[at]);
        out.push(b']');
    }
    out.extend_from_slice(b"],\"histograms\":[");
    for (place, (timestamp, histogram)) in batch.histograms[series.histograms.clone()].iter().take(SHOWN).enumerate() {
        open(&mut out, place, *timestamp);
        write_double(&mut out, histogram.count);
        out.push(b',');
        write_double(&mut out, histogram.sum);
        out.push(b']');
    }
    out.extend_from_slice(b"],\"exemplars\":[");
    for (place, exemplar) in batch.exemplars[series.exemplars.clone()].iter().take(SHOWN).enumerate() {
        open(&mut out, place, exemplar.timestamp);
        write_double(&mut out, exemplar.value);
        out.push(b',');
        write_labels(&mut out, &exemplar.labels);
        out.push(b']');
    }
    out.extend_from_slice(b"]}");
    out
}

fn open(out: &mut Vec<u8>, place: usize, timestamp: i64) {
    if place > 0 {
        out.push(b',');
    }
    out.push(b'[');
    write_int(out, timestamp);
    out.push(b',');
}

fn write_labels(out: &mut Vec<u8>, packed: &[u8]) {
    out.push(b'{');
    for (place, (name, value)) in unpack(packed).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_string(out, name.as_bytes());
        out.push(b':');
        write_string(out, value.as_bytes());
    }
    out.push(b'}');
}
