//! Records per second and core of typical pipelines. `cargo bench -p nexus-core --bench pipelines`.
#![allow(missing_docs)]

use nexus_core::batch::LogBatch;
use nexus_core::json::fields::FieldMapping;
use nexus_core::json::lines::decode_json_lines;
use nexus_core::json::writer::write_string;
use nexus_core::process::{Context, Pipelines};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const NOW_NS: i64 = 1_780_315_200_000_000_000;
const ROUNDS: usize = 5;
const ROWS: usize = 20_000;

fn main() {
    let json = batch(|n| {
        format!(
            r#"{{"level":"info","route":"/api/orders/{n}","status":{},"took":{}.5,"user":{{"id":{n},"name":"u{n}"}},"ok":true}}"#,
            200 + n % 300,
            n % 900
        )
    });
    let access = batch(|n| {
        format!(
            r#"10.0.{}.7 - - [10/Oct/2025:13:55:36 +0000] "GET /api/v1/orders/{n} HTTP/1.1" 200 {} "https://shop.example/" "Mozilla/5.0 (X11; Linux x86_64)""#,
            n % 256,
            n * 7
        )
    });
    let plain = batch(|n| {
        format!(
            "order {n} of customer {} shipped from warehouse 7 in {} ms, weight {} g, carrier: fast",
            n * 3,
            n % 900,
            n % 5000
        )
    });
    for (name, records, steps) in [
        ("parse_json", &json, r#"{"type":"parse_json"}"#),
        (
            "parse_regex",
            &access,
            r#"{"type":"parse_regex","options":{"pattern":"^(?P<client>\\S+) \\S+ \\S+ \\[(?P<at>[^\\]]+)\\] \"(?P<method>\\S+) (?P<path>\\S+) [^\"]*\" (?P<status>\\d+) (?P<size>\\d+)","types":{"status":"int","size":"int"}}}"#,
        ),
        ("parse_grok", &access, r#"{"type":"parse_grok","options":{"patterns":["%{COMBINEDAPACHELOG}"]}}"#),
        ("redact", &plain, r#"{"type":"redact"}"#),
        ("redact cards", &plain, r#"{"type":"redact","options":{"detect":["card"]}}"#),
        ("set", &plain, r#"{"type":"set","options":{"fields":{"env":"prod"}}}"#),
        ("dedupe", &plain, r#"{"type":"dedupe","options":{"keys":["body"]}}"#),
        (
            "three steps",
            &json,
            r#"{"type":"redact"},{"type":"parse_json"},{"type":"parse_severity","options":{"field":"level"}}"#,
        ),
    ] {
        let spec = format!(r#"[{{"name":"p","steps":[{steps}]}}]"#);
        let pipelines = Pipelines::compile(spec.as_bytes(), None).expect("a pipeline");
        let mut seconds: Vec<f64> = (0..ROUNDS)
            .map(|round| {
                let context = Context { now_ns: NOW_NS, seed: 1, delivery: round as u64 };
                let start = Instant::now();
                let mut processed = black_box(pipelines.run(records.clone(), &context));
                processed.settle(false);
                start.elapsed().as_secs_f64()
            })
            .collect();
        seconds.sort_by(f64::total_cmp);
        let ns = seconds[ROUNDS / 2] * 1e9 / ROWS as f64;
        println!("{name:14} {ns:6.0} ns a record, {:5.2} M records a CPU second", 1e3 / ns);
    }
}

fn batch(body: impl Fn(usize) -> String) -> Arc<LogBatch> {
    let mut lines = Vec::new();
    for n in 0..ROWS {
        lines.extend_from_slice(br#"{"service":"shop","host":"h","level":"info","http.method":"GET","_msg":"#);
        write_string(&mut lines, body(n).as_bytes());
        lines.extend_from_slice(b"}\n");
    }
    Arc::new(decode_json_lines(&lines, NOW_NS, &FieldMapping::default()).expect("records").batch)
}
