//! Samples per second and core of decoding metrics: remote write 1.0 and 2.0 as Prometheus sends them (one sample and a
//! dozen labels a series, 2,000 series a request). `cargo bench -p nexus-core --bench metrics`.
#![allow(missing_docs)]

use nexus_core::metrics::builder::BatchBuilder;
use nexus_core::metrics::remote_write::{decode_v1, decode_v2};
use nexus_core::metrics::remote_write_encode::{encode_v1, encode_v2};
use nexus_series::batch::MetricBatch;
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 9;
const SERIES: usize = 2_000;
const REQUESTS: usize = 50;

fn main() {
    let batches: Vec<MetricBatch> = (0..REQUESTS).map(made_up).collect();
    let samples = SERIES * REQUESTS;
    let first: Vec<Vec<u8>> = batches.iter().map(|batch| encode_v1(batch, 0..SERIES)).collect();
    let second: Vec<Vec<u8>> = batches.iter().map(|batch| encode_v2(batch, 0..SERIES)).collect();
    println!("{} B a sample in 1.0, {} B in 2.0", first[0].len() / SERIES, second[0].len() / SERIES);
    measure("remote write 1.0", samples, || {
        first.iter().map(|body| decode_v1(body).expect("a request").batch.values.len()).sum()
    });
    measure("remote write 2.0", samples, || {
        second.iter().map(|body| decode_v2(body).expect("a request").batch.values.len()).sum()
    });
    measure("encode 1.0", samples, || batches.iter().map(|batch| encode_v1(batch, 0..SERIES).len()).sum());
    measure("encode 2.0", samples, || batches.iter().map(|batch| encode_v2(batch, 0..SERIES).len()).sum());
}

fn made_up(request: usize) -> MetricBatch {
    let mut builder = BatchBuilder::default();
    for number in 0..SERIES {
        let target = request * 7 + number / 200;
        builder.begin(number);
        for (name, value) in [
            ("__name__", format!("http_server_requests_{}_seconds_bucket", number % 40)),
            ("cluster", "production-eu-1".into()),
            ("container", "app".into()),
            ("instance", format!("10.1.{}.{}:8080", target / 200, target % 200)),
            ("job", "kubernetes-pods".into()),
            ("le", format!("{}", number % 12)),
            ("method", "GET".into()),
            ("namespace", "shop".into()),
            ("pod", format!("checkout-7d9c6b5f4-{target:05}")),
            ("service", "checkout".into()),
            ("status", "200".into()),
        ] {
            builder.label(name.as_bytes(), value.as_bytes());
        }
        builder.float(1_780_315_200_000 + request as i64 * 15_000, number as f64 * 1.5);
        builder.end();
    }
    builder.finish().batch
}

fn measure(name: &str, samples: usize, mut work: impl FnMut() -> usize) {
    let mut seconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let ns = |seconds: f64| seconds * 1e9 / samples as f64;
    let (best, median) = (seconds[0], seconds[ROUNDS / 2]);
    println!(
        "{name:18} {:5.0} ns/sample best, {:5.0} median, {:5.2} M samples/s",
        ns(best),
        ns(median),
        1e3 / ns(median)
    );
}
