//! `prometheus.TimeSeries`: labels, samples, histograms with float counts.

use super::{Labels, protobuf};
use nexus_promql::source::Samples;
use nexus_series::histogram::{Histogram, ResetHint, Span};

/// Appends a series as field 1 of a `QueryResult`.
pub fn write(labels: &Labels, samples: &Samples, out: &mut Vec<u8>) {
    let mut series = Vec::with_capacity(64 + samples.timestamps.len() * 20);
    protobuf::labels(&mut series, labels);
    let mut sample = Vec::new();
    for (&time, &value) in samples.timestamps.iter().zip(&samples.values) {
        sample.clear();
        protobuf::double(&mut sample, 1, value);
        protobuf::integer(&mut sample, 2, time);
        protobuf::bytes(&mut series, 2, &sample);
    }
    for (time, one) in &samples.histograms {
        sample.clear();
        histogram(*time, one, &mut sample);
        protobuf::bytes(&mut series, 4, &sample);
    }
    protobuf::bytes(out, 1, &series);
}

fn histogram(time: i64, one: &Histogram, out: &mut Vec<u8>) {
    protobuf::double(out, 2, one.count);
    protobuf::double(out, 3, one.sum);
    protobuf::zigzag(out, 4, one.schema);
    protobuf::double(out, 5, one.zero_threshold);
    protobuf::double(out, 7, one.zero_count);
    spans(8, &one.negative_spans, out);
    protobuf::doubles(out, 10, &one.negative);
    spans(11, &one.positive_spans, out);
    protobuf::doubles(out, 13, &one.positive);
    let hint = match one.hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    };
    protobuf::integer(out, 14, hint);
    protobuf::integer(out, 15, time);
    protobuf::doubles(out, 16, &one.custom_values);
}

fn spans(field: u32, spans: &[Span], out: &mut Vec<u8>) {
    let mut message = Vec::new();
    for span in spans {
        message.clear();
        protobuf::zigzag(&mut message, 1, span.offset);
        protobuf::integer(&mut message, 2, i64::from(span.length));
        protobuf::bytes(out, field, &message);
    }
}
