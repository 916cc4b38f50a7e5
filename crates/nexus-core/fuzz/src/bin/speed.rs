//! Prints how fast the decoders are: records and bytes per second of one core.

use nexus_core::decode::{DecodeError, Decoded};
use nexus_core::json::fields::FieldMapping;
use nexus_core::json::lines::decode_json_lines;
use nexus_fuzz::samples;
use std::time::{Duration, Instant};

const NOW: i64 = 1_700_000_000_000_000_000;

fn main() {
    let protobuf = samples::otlp::shop(5_000);
    measure("OTLP protobuf", &protobuf, nexus_core::otlp::decode_logs_protobuf);
    let json = samples::otlp_json::shop(5_000);
    measure("OTLP JSON", &json, nexus_core::otlp::decode_logs_json);
    let lines = samples::json_lines::shop(5_000);
    measure("JSON lines", &lines, |body, now| decode_json_lines(body, now, &FieldMapping::default()));
}

/// Best of several rounds: other work on the machine only ever slows it down.
fn measure(name: &str, body: &[u8], decode: fn(&[u8], i64) -> Result<Decoded, DecodeError>) {
    let mut best = Duration::MAX;
    let mut records = 0;
    for _ in 0..200 {
        let start = Instant::now();
        let decoded = decode(body, NOW).expect("a sample decodes");
        best = best.min(start.elapsed());
        records = decoded.accepted();
        assert_eq!(decoded.rejections.count(), 0);
    }
    println!(
        "{name:16} {:6.2} M records/s  {:6.0} MB/s  ({records} records of {} bytes)",
        records as f64 / best.as_secs_f64() / 1e6,
        body.len() as f64 / best.as_secs_f64() / 1e6,
        body.len() / records.max(1),
    );
}
