//! Spans per second and core of the trace path: OTLP protobuf and JSON decoding, Native encoding, and decoding and encoding
//! together. `cargo bench -p nexus-core --bench traces`.
//!
//! Simple spans have three attributes; those of a shop have a resource of five, eight attributes, some events and links.
#![allow(missing_docs)]

use nexus_core::native::retention::Retention;
use nexus_core::traces::native::{SpanBlockOptions, encode_spans};
use nexus_core::traces::{SpanBatch, decode_traces_json, decode_traces_protobuf};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

const NOW_NS: i64 = 1_780_315_200_000_000_000;
const ROUNDS: usize = 7;
const BODIES: usize = 20;
const SPANS: usize = 10_000;

fn main() {
    for (name, simple) in [("simple", true), ("shop", false)] {
        let bodies: Vec<Vec<u8>> = (0..BODIES).map(|number| protobuf(number, simple)).collect();
        let bytes: usize = bodies.iter().map(Vec::len).sum();
        println!("{name}: {} spans of {} B in bodies of {SPANS}", BODIES * SPANS, bytes / BODIES / SPANS);
        let batches: Vec<SpanBatch> = bodies.iter().map(|body| decode(body)).collect();
        measure("protobuf", || bodies.iter().map(|body| decode(body).num_rows()).sum());
        measure("native", || batches.iter().map(|batch| encode(batch).len()).sum());
        measure("together", || bodies.iter().map(|body| encode(&decode(body)).len()).sum());
        if simple {
            let bodies: Vec<String> = (0..BODIES).map(json).collect();
            measure("json", || {
                bodies.iter().map(|body| decode_traces_json(body.as_bytes(), NOW_NS).unwrap().batch.num_rows()).sum()
            });
        }
    }
}

fn decode(body: &[u8]) -> SpanBatch {
    let decoded = decode_traces_protobuf(body, NOW_NS).expect("a decodable body");
    assert_eq!(decoded.rejections.count(), 0, "{:?}", decoded.rejections.first());
    decoded.batch
}

fn encode(batch: &SpanBatch) -> Vec<u8> {
    let retention = Retention { days: 30, rules: &[], now_ns: NOW_NS };
    let options = SpanBlockOptions { tenant: "default", commit_id: 1, pending: 0, retention, day: None, promoted: &[] };
    encode_spans(batch, &options).expect("known column types")
}

/// Best and median of some rounds.
fn measure(name: &str, mut work: impl FnMut() -> usize) {
    // `cargo bench -- json` runs what begins with that word.
    if std::env::args().skip(1).any(|word| !word.starts_with('-') && !name.starts_with(&word)) {
        return;
    }
    let mut seconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let ns = |seconds: f64| seconds * 1e9 / (BODIES * SPANS) as f64;
    let (best, median) = (seconds[0], seconds[ROUNDS / 2]);
    println!(
        "  {name:10} {:6.0} ns/span best, {:6.0} median, {:5.2} M spans/s",
        ns(best),
        ns(median),
        1e3 / ns(median)
    );
}

// ------------------------------------------------------------------------------------------------------------ requests

#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ self.0 >> 29
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(out: &mut Vec<u8>, number: u64, payload: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, payload.len() as u64);
    out.extend_from_slice(payload);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn fixed64(out: &mut Vec<u8>, number: u64, value: u64) {
    varint(out, number << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

fn text(key: &str, value: &str) -> Vec<u8> {
    let mut any = Vec::new();
    field(&mut any, 1, value.as_bytes());
    pair(key, &any)
}

fn int(key: &str, value: u64) -> Vec<u8> {
    let mut any = Vec::new();
    number(&mut any, 3, value);
    pair(key, &any)
}

fn pair(key: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    field(&mut out, 1, key.as_bytes());
    field(&mut out, 2, value);
    out
}

const NAMES: [&str; 6] = ["GET /api/orders/{id}", "POST /cart", "SELECT shop.orders", "checkout", "charge", "ship"];

fn protobuf(seed: usize, simple: bool) -> Vec<u8> {
    let mut random = Random(seed as u64 + 1);
    let mut resource = Vec::new();
    for (key, value) in [("service.name", "checkout"), ("service.version", "2.14.1"), ("host.name", "ip-10-3-7-122")] {
        field(&mut resource, 1, &text(key, value));
    }
    let mut scope = Vec::new();
    field(&mut scope, 1, b"shop");
    let mut group = Vec::new();
    field(&mut group, 1, &scope);
    let (mut trace, mut parent) = ([0_u8; 16], [0_u8; 8]);
    for index in 0..SPANS {
        let root = index % 8 == 0;
        if root {
            trace[..8].copy_from_slice(&random.next().to_le_bytes());
            trace[8..].copy_from_slice(&random.next().to_le_bytes());
        }
        let id = random.next().to_le_bytes();
        let start = NOW_NS as u64 + index as u64 * 100_000;
        let mut span = Vec::new();
        field(&mut span, 1, &trace);
        field(&mut span, 2, &id);
        if !root {
            field(&mut span, 4, &parent);
        }
        field(&mut span, 5, NAMES[random.next() as usize % 6].as_bytes());
        number(&mut span, 6, 1 + random.next() % 5);
        fixed64(&mut span, 7, start);
        fixed64(&mut span, 8, start + random.next() % 1_000_000_000);
        field(&mut span, 9, &text("http.request.method", "GET"));
        field(&mut span, 9, &text("url.path", &format!("/api/orders/{}", random.next() % 10_000)));
        field(&mut span, 9, &int("http.response.status_code", 200));
        if !simple {
            for key in ["server.address", "user_agent.original", "network.protocol.version", "client.address"] {
                field(&mut span, 9, &text(key, "some-value.example"));
            }
            field(&mut span, 9, &int("server.port", 8080));
            if index % 10 == 0 {
                let mut event = Vec::new();
                fixed64(&mut event, 1, start + 5);
                field(&mut event, 2, b"exception");
                field(&mut event, 3, &text("exception.type", "TimeoutError"));
                field(&mut event, 3, &text("exception.message", "the upstream took too long"));
                field(&mut span, 11, &event);
            }
        }
        varint(&mut span, 16 << 3 | 5);
        span.extend_from_slice(&0x101_u32.to_le_bytes());
        field(&mut group, 2, &span);
        parent = id;
    }
    let mut spans = Vec::new();
    field(&mut spans, 1, &resource);
    field(&mut spans, 2, &group);
    let mut request = Vec::new();
    field(&mut request, 1, &spans);
    request
}

fn json(seed: usize) -> String {
    let mut random = Random(seed as u64 + 1);
    let mut spans = String::new();
    let mut trace = 0;
    for index in 0..SPANS {
        if index % 8 == 0 {
            trace = random.next();
        }
        let start = NOW_NS as u64 + index as u64 * 100_000;
        let _ = write!(
            spans,
            r#"{}{{"traceId":"{trace:032x}","spanId":"{:016x}","name":"{}","kind":{},"startTimeUnixNano":"{start}","endTimeUnixNano":"{}","attributes":[{{"key":"http.request.method","value":{{"stringValue":"GET"}}}},{{"key":"url.path","value":{{"stringValue":"/api/orders/{}"}}}},{{"key":"http.response.status_code","value":{{"intValue":"200"}}}}],"status":{{}}}}"#,
            if index == 0 { "" } else { "," },
            random.next() | 1,
            NAMES[random.next() as usize % 6],
            1 + random.next() % 5,
            start + random.next() % 1_000_000_000,
            random.next() % 10_000,
        );
    }
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"checkout"}}}}]}},"scopeSpans":[{{"scope":{{"name":"shop"}},"spans":[{spans}]}}]}}]}}"#
    )
}
