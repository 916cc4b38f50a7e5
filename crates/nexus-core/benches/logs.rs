//! Lines per second and core of the log path: JSON decoding (templates included), templates alone, Native encoding, and
//! decoding and encoding together. `cargo bench -p nexus-core`.
//!
//! The input is the file named by `NEXUS_BENCH_FILE` (JSON lines), or made up on the spot.
#![allow(missing_docs)]

use nexus_core::batch::LogBatch;
use nexus_core::json::fields::FieldMapping;
use nexus_core::json::lines::decode_json_lines;
use nexus_core::native::logs::{LogBlockOptions, encode_logs};
use nexus_core::native::retention::Retention;
use nexus_core::template::{Skeletons, Templater};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

const NOW_NS: i64 = 1_780_315_200_000_000_000;
const ROUNDS: usize = 7;
const BODY_LINES: usize = 10_000;

fn main() {
    let text = match std::env::var("NEXUS_BENCH_FILE") {
        Ok(path) => std::fs::read_to_string(path).expect("a readable file"),
        Err(_) => made_up(200_000),
    };
    let lines: Vec<&str> = text.split_inclusive('\n').take(200_000).collect();
    let bodies: Vec<String> = lines.chunks(BODY_LINES).map(<[&str]>::concat).collect();
    let bytes: usize = bodies.iter().map(String::len).sum();
    println!("{} lines of {} B in bodies of {BODY_LINES}", lines.len(), bytes / lines.len());

    let batches: Vec<LogBatch> = bodies.iter().map(|body| decode(body)).collect();
    measure("json", lines.len(), || bodies.iter().map(|body| decode(body).num_rows()).sum());
    measure("template", lines.len(), || batches.iter().map(templates).sum());
    measure("native", lines.len(), || batches.iter().map(|batch| encode(batch).len()).sum());
    measure("together", lines.len(), || bodies.iter().map(|body| encode(&decode(body)).len()).sum());
}

fn decode(body: &str) -> LogBatch {
    let decoded = decode_json_lines(body.as_bytes(), NOW_NS, &FieldMapping::default()).expect("a decodable body");
    assert_eq!(decoded.rejections.count(), 0, "{:?}", decoded.rejections.first());
    decoded.batch
}

fn encode(batch: &LogBatch) -> Vec<u8> {
    let options = LogBlockOptions {
        tenant: "default",
        commit_id: 1,
        retention: Retention { days: 30, rules: &[], now_ns: NOW_NS },
        day: None,
        promoted: &[],
        skeletons: None,
    };
    encode_logs(batch, &options).expect("known column types").block
}

fn templates(batch: &LogBatch) -> usize {
    let (mut templater, mut skeletons) = (Templater::default(), Skeletons::default());
    (0..batch.num_rows()).map(|row| templater.add(batch.bodies.get(row), &mut skeletons).1 as usize & 1).sum()
}

/// Best and median of some rounds.
fn measure(name: &str, lines: usize, mut work: impl FnMut() -> usize) {
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
    let ns = |seconds: f64| seconds * 1e9 / lines as f64;
    let (best, median) = (seconds[0], seconds[ROUNDS / 2]);
    println!("{name:16} {:6.0} ns/line best, {:6.0} median, {:5.2} M lines/s", ns(best), ns(median), 1e3 / ns(median));
}

fn made_up(lines: usize) -> String {
    let services = ["gateway", "checkout", "payments", "search", "auth"];
    let mut text = String::new();
    let mut state = 42_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for line in 0..lines as u64 {
        let service = services[random(5) as usize];
        let message = match random(4) {
            0 => format!("GET /api/v1/orders/{} 200 {}B {}ms", random(1000), random(100_000), random(500)),
            1 => format!(
                "connected to postgres primary at 10.0.{}.{}:5432, pool size {}",
                random(256),
                random(256),
                random(50)
            ),
            2 => format!("cache hit for key {:012x}, ttl {} s", random(1 << 31) << 16, random(900)),
            _ => format!("batch {} completed: {} items written, {} skipped", random(99_999), random(999), random(99)),
        };
        let _ = writeln!(
            text,
            r#"{{"_time":{},"level":"info","service":"{service}","host":"{service}-{}","_msg":"{message}","trace_id":"{:016x}{:016x}","span_id":"{:016x}","http.method":"GET","http.status":{},"duration_ms":{}.{}}}"#,
            NOW_NS + line as i64 * 1_000_000,
            random(8),
            random(1 << 31),
            random(1 << 31),
            random(1 << 31),
            200 + random(300),
            random(900),
            random(1000),
        );
    }
    text
}
