//! Batches of spans as requests to another server of OTLP.
//!
//! Source: opentelemetry-proto opentelemetry/proto/collector/trace/v1, and the specification of OTLP/HTTP.

use super::batch::SpanBatch;
use super::file::{sources, write_row};
use super::render::otlp_protobuf::render_every;
use crate::render::BadRows;
use crate::rows::Rows;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// All spans of a batch as `ExportTraceServiceRequest` bodies, compressed with gzip, each with how many spans it has: at most
/// `max_spans`, and about `max_bytes` before they are compressed. A larger span has a body of its own.
///
/// # Errors
/// Never, as long as batches are written as they are read.
pub fn requests(batch: &SpanBatch, max_spans: usize, max_bytes: usize) -> Result<Vec<(Vec<u8>, usize)>, BadRows> {
    let sources = sources();
    let mut bodies = Vec::new();
    let mut rows = Vec::new();
    let mut spans = 0;
    let mut bytes = 0;
    let mut resource = None;
    for row in 0..batch.num_rows() {
        let next = batch.origins().resource_ids[row];
        // A resource is told once for spans that follow each other.
        let shared = if resource == Some(next) { 0 } else { batch.origins().resources.get(next, 1).len() };
        let size = batch.row_bytes(row) + shared;
        if spans > 0 && (spans == max_spans || bytes + size > max_bytes) {
            bodies.push((gzip(&render_every(&rows, &sources)?), spans));
            rows.clear();
            (spans, bytes) = (0, 0);
        }
        write_row(&mut rows, batch, row);
        spans += 1;
        bytes += size;
        resource = Some(next);
    }
    if spans > 0 {
        bodies.push((gzip(&render_every(&rows, &sources)?), spans));
    }
    Ok(bodies)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4 + 64), Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decompress::{Encoding, decompress};
    use crate::traces::{SpanBatch, decode_traces_json, decode_traces_protobuf};

    fn batch(spans: usize) -> SpanBatch {
        let one = |number: usize| {
            format!(
                r#"{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"{:016x}","name":"GET /","kind":2,"traceState":"ot=th:8",
                "startTimeUnixNano":"1000000000","endTimeUnixNano":"1002000000",
                "attributes":[{{"key":"i","value":{{"intValue":"7"}}}},{{"key":"s","value":{{"stringValue":"{}"}}}}],
                "events":[{{"timeUnixNano":"1001000000","name":"retry","attributes":[{{"key":"n","value":{{"boolValue":true}}}}]}}],
                "links":[{{"traceId":"ffffffffffffffffffffffffffffffff","spanId":"00000000000000ff"}}],
                "status":{{"message":"no","code":2}}}}"#,
                number % 40 + 1,
                "x".repeat(100)
            )
        };
        let list: Vec<String> = (0..spans).map(one).collect();
        let body = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop"}}}}]}},
            "scopeSpans":[{{"scope":{{"name":"lib"}},"spans":[{}]}}]}}]}}"#,
            list.join(",")
        );
        decode_traces_json(body.as_bytes(), 5).unwrap().batch
    }

    fn read(bodies: &[(Vec<u8>, usize)]) -> Vec<SpanBatch> {
        bodies
            .iter()
            .map(|(body, spans)| {
                let plain = decompress(body, Encoding::Gzip, 1 << 20).unwrap();
                let decoded = decode_traces_protobuf(&plain, 5).unwrap();
                assert_eq!((decoded.batch.num_rows(), decoded.rejections.count()), (*spans, 0));
                decoded.batch
            })
            .collect()
    }

    #[test]
    fn every_span_comes_again_as_it_was() {
        let whole = batch(50);
        let bodies = requests(&whole, 20, usize::MAX).unwrap();
        assert_eq!(bodies.iter().map(|(_, spans)| *spans).collect::<Vec<_>>(), [20, 20, 10]);
        let parts = read(&bodies);
        let again = super::super::concat(&parts.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(super::super::file::rows_of(&again), super::super::file::rows_of(&whole));
        assert_eq!(again.distinct().num_rows(), 40);
        assert!((again.weights[0] - 2.0).abs() < 1e-6);
    }

    #[test]
    fn bodies_are_bounded_in_bytes() {
        let bodies = requests(&batch(10), 1_000, 300).unwrap();
        assert!(bodies.len() >= 5);
        assert_eq!(read(&bodies).iter().map(SpanBatch::num_rows).sum::<usize>(), 10);
        assert_eq!(requests(&batch(3), 1_000, 1).unwrap().len(), 3);
        assert!(requests(&SpanBatch::default(), 10, 10).unwrap().is_empty());
    }
}
