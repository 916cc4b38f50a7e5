//! The engine at many series: samples a second and core, bytes a series, answers from the index.
//! `cargo bench -p nexus-tsdb --bench engine [-- SERIES]` (200,000 unless said).
#![allow(missing_docs)]

use nexus_promql::source::{Samples, Source};
use nexus_series::batch::{BatchSeries, MetricBatch};
use nexus_series::labels::pack;
use nexus_series::matcher::{Matcher, MatcherSpec, Op};
use nexus_series::policy::Sight;
use nexus_tsdb::answers::Selection;
use nexus_tsdb::engine::{Engine, Limits, Options};
use nexus_tsdb::view::View;
use std::sync::Arc;
use std::time::Instant;

const NOW: i64 = 1_780_315_200_000;
const STEPS: i64 = 60;
const BATCH: usize = 10_000;

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn batches(series: usize) -> Vec<MetricBatch> {
    let mut all = Vec::new();
    for start in (0..series).step_by(BATCH) {
        let mut batch = MetricBatch::default();
        for number in start..series.min(start + BATCH) {
            let (target, metric) = (number / 1000, number % 100);
            let from = batch.labels.len();
            batch.labels.extend(pack([
                ("__name__", &*format!("shop_metric_{metric}_total")),
                ("job", &*format!("job-{}", target % 10)),
                ("instance", &*format!("10.0.{}.{}:9100", target / 250, target % 250)),
                ("namespace", "production"),
                ("pod", &*format!("shop-{target}-7d9f")),
                ("path", &*format!("/api/v1/thing/{}", number % 1000 / 100)),
                ("code", if number % 2 == 0 { "200" } else { "500" }),
            ]));
            let at = batch.values.len();
            batch.timestamps.push(0);
            batch.values.push(0.0);
            batch.series.push(BatchSeries {
                labels: from..batch.labels.len(),
                floats: at..at + 1,
                position: at,
                ..BatchSeries::default()
            });
        }
        all.push(batch);
    }
    all
}

fn timed<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let answer = work();
    println!("{name}: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    answer
}

fn main() {
    let series = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(200_000);
    let folder = std::env::temp_dir().join(format!("nexus-tsdb-bench-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let engine = Engine::open(&folder, Options { head_bytes: 16 << 30, ..Options::default() }).expect("a folder");
    let mut batches = batches(series);
    let before = resident();
    let mut dice = 88_172_645_463_325_252u64;
    let (mut seconds, mut first) = (0.0, 0.0);
    for step in 0..STEPS {
        for (target, batch) in batches.iter_mut().enumerate() {
            for (at, value) in batch.values.iter_mut().enumerate() {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                *value += if at % 4 == 0 { 0.0 } else { (dice % 100) as f64 };
                batch.timestamps[at] = NOW + step * 15_000 + (at / 1000 + target) as i64 % 13;
            }
            let start = Instant::now();
            engine.append("t", batch, &Limits::default(), NOW + step * 15_000, i64::MIN..=i64::MAX).expect("room");
            let took = start.elapsed().as_secs_f64();
            if step == 0 { first += took } else { seconds += took }
        }
    }
    let samples = series as f64 * (STEPS - 1) as f64;
    println!(
        "{series} series: new {:.2} M/s, known {:.2} M samples/s on one core",
        series as f64 / first / 1e6,
        samples / seconds / 1e6
    );
    let stats = engine.stats();
    println!(
        "{} B a series resident, {:.2} B a sample in the heads, {:.2} B a sample in the log",
        (resident() - before) / series as u64,
        stats.head_bytes as f64 / (samples + series as f64),
        stats.log_bytes as f64 / (samples + series as f64)
    );
    let select = |name: &str, op: Op, value: &str| {
        let matcher = Matcher::new(&MatcherSpec { name: name.into(), op, value: value.into() }).expect("a matcher");
        Selection::new(&engine, "t", vec![vec![matcher]], Sight::default(), NOW, NOW + 3_600_000)
    };
    let all = || Selection::new(&engine, "t", Vec::new(), Sight::default(), NOW, NOW + 3_600_000);
    timed("select one metric", || select("__name__", Op::Equal, "shop_metric_7_total").count());
    timed("select by an expression of all instances", || select("instance", Op::Matches, ".*1:9100").count());
    timed("select all", || all().count());
    timed("label values (pod)", || all().label_values_json("pod", 0).0.len());
    timed("label names", || all().label_names_json(0).0.len());
    timed("series, 1,000 of all", || all().series_json(1000).0.len());
    timed("cardinality", || all().cardinality_json(10, "").len());
    timed("catalog", || all().catalog_json("", nexus_tsdb::answers::catalog::Order::Series, 50, 0).len());
    let end = NOW + STEPS * 15_000;
    let view = timed("view of all", || View::new(&engine, "t", &[(Vec::new(), end - 300_000, end)], &Sight::default()));
    timed("read 5 minutes of all, one thread", || {
        let mut samples = Samples::default();
        for number in 0..view.series(0).len() {
            view.read(0, number, end - 300_000, end, &mut samples).expect("samples");
        }
    });
    drop(view);
    let sealed = timed("seal 2 M samples", || {
        Arc::clone(&engine).take_sealed(end, true, 2_000_000).expect("a log").expect("samples")
    });
    let rows = timed("rows of it", || sealed.rows());
    println!(
        "{:.2} B a sample in rows",
        rows.chunks.iter().map(|rows| rows.2.len()).sum::<usize>() as f64 / rows.samples as f64
    );
    sealed.done().expect("a log");
    timed("close", || engine.close().expect("a disk"));
    drop(engine);
    let engine = timed("open", || Engine::open(&folder, Options::default()).expect("a folder"));
    println!("{:?}", engine.stats());
    drop(engine);
    let _ = std::fs::remove_dir_all(&folder);
}
