use super::*;
use crate::metrics::relabel::RuleSpec;
use nexus_series::labels::unpack;
use std::fmt::Write;

fn target() -> Vec<(String, String)> {
    vec![("instance".into(), "h:1".into()), ("job".into(), "j".into())]
}

fn cache(options: Options) -> Cache {
    Cache::new(target(), Arc::new(Relabel::default()), options)
}

fn shown(batch: &MetricBatch) -> Vec<String> {
    let mut lines = Vec::new();
    for series in &batch.series {
        let labels: Vec<String> = unpack(batch.labels_of(series))
            .filter(|(name, value)| {
                !target().iter().any(|label| (label.0.as_str(), label.1.as_str()) == (*name, *value))
            })
            .map(|(name, value)| if name == "__name__" { value.to_owned() } else { format!("{name}={value}") })
            .collect();
        for at in series.floats.clone() {
            let value = batch.values[at];
            let text = if nexus_series::is_stale(value) { "stale".to_owned() } else { value.to_string() };
            lines.push(format!("{} {text}@{}", labels.join(","), batch.timestamps[at]));
        }
        for at in series.histograms.clone() {
            let (time, histogram) = &batch.histograms[at];
            lines.push(format!("{} h{}/{}@{time}", labels.join(","), histogram.count, histogram.positive.len()));
        }
    }
    lines.retain(|line| !line.starts_with("scrape_"));
    lines
}

fn scrape(cache: &mut Cache, body: &str, timestamp: i64) -> Outcome {
    let content_type =
        if body.ends_with("# EOF\n") { "application/openmetrics-text" } else { "text/plain; version=0.0.4" };
    cache.scrape(&Answer { body: body.as_bytes(), content_type, timestamp, seconds: 0.0, error: "" })
}

#[test]
fn what_goes_away_is_marked() {
    let mut cache = cache(Options::default());
    let first = scrape(&mut cache, "# TYPE a gauge\na 1\nb{x=\"y\"} 2\n", 1000);
    assert_eq!(shown(&first.batch), ["a 1@1000", "b,x=y 2@1000", "up 1@1000"]);
    assert_eq!((first.scraped, first.kept, first.added), (2, 2, 2));
    assert_eq!(first.batch.metadata.len(), 1);
    let second = scrape(&mut cache, "# TYPE a gauge\na 3\nc 1 7\n", 2000);
    assert_eq!(shown(&second.batch), ["a 3@2000", "c 1@7", "b,x=y stale@2000", "up 1@2000"]);
    assert_eq!((second.scraped, second.kept, second.added), (2, 2, 1));
    assert!(second.batch.metadata.is_empty());
    // `c` had a time of its own: nothing is said of its end.
    let third = scrape(&mut cache, "a 4\n", 3000);
    assert_eq!(shown(&third.batch), ["a 4@3000", "up 1@3000"]);
    let failed = cache.scrape(&Answer { body: b"", content_type: "", timestamp: 4000, seconds: 1.0, error: "refused" });
    assert_eq!(
        (shown(&failed.batch), failed.error.as_str()),
        (vec!["a stale@4000".to_owned(), "up 0@4000".to_owned()], "refused")
    );
    let again = scrape(&mut cache, "a 5\n", 5000);
    assert_eq!(shown(&again.batch), ["a 5@5000", "up 1@5000"]);
    assert_eq!(shown(&cache.end(6000)), ["a stale@6000", "up stale@6000"]);
    assert!(cache.end(7000).series.is_empty());
}

#[test]
fn markers_that_were_not_stored_come_again() {
    let mut cache = cache(Options::default());
    scrape(&mut cache, "# TYPE a gauge\na 1\nb 1\n", 1000);
    let second = scrape(&mut cache, "# TYPE a gauge\na 2\n", 2000);
    assert!(shown(&second.batch).contains(&"b stale@2000".to_owned()));
    cache.lost();
    let third = scrape(&mut cache, "# TYPE a gauge\na 3\n", 3000);
    assert_eq!(shown(&third.batch), ["a 3@3000", "b stale@3000", "up 1@3000"]);
    assert_eq!(third.batch.metadata.len(), 1);
}

#[test]
fn a_fault_is_told_with_its_line_also_behind_lines_that_are_known() {
    // The quoted value has newlines: it is one line of the format, and three of the text.
    let mut cache = cache(Options::default());
    let body = "a{b=\"1\n2\n3\"} 1\nup 1\nbroken{ 2\n";
    for at in 1..4 {
        assert_eq!(scrape(&mut cache, body, at).error, "line 5: the labels have no closing brace");
    }
}

#[test]
fn a_line_that_cannot_be_read_fails_the_scrape() {
    let mut cache = cache(Options::default());
    scrape(&mut cache, "a 1\n", 1000);
    let failed = scrape(&mut cache, "a 2\nb{ 1\nc 3\n", 2000);
    assert_eq!(failed.error, "line 2: the labels have no closing brace");
    assert_eq!(shown(&failed.batch), ["a stale@2000", "up 0@2000"]);
    assert_eq!((failed.scraped, failed.kept), (1, 1));
    let binary = cache.scrape(&Answer {
        body: b"\x05\x0a",
        content_type: "application/vnd.google.protobuf",
        timestamp: 1,
        seconds: 0.0,
        error: "",
    });
    assert!(binary.error.starts_with("message 1: "), "{}", binary.error);
    let unknown = cache.scrape(&Answer { body: b"a 1\n", content_type: "", timestamp: 1, seconds: 0.0, error: "" });
    assert!(unknown.error.contains("no Content-Type"));
}

#[test]
fn labels_of_target_and_sample() {
    let body = "a{job=\"other\",instance=\"\",exported_job=\"x\"} 1\n";
    let mut honest = cache(Options { honor_labels: true, ..Options::default() });
    assert_eq!(shown(&scrape(&mut honest, body, 1).batch)[0], "a,exported_job=x,job=other 1@1");
    let mut target_first = cache(Options::default());
    assert_eq!(shown(&scrape(&mut target_first, body, 1).batch)[0], "a,exported_exported_job=other,exported_job=x 1@1");
}

#[test]
fn relabelling_and_limits() {
    let rule = RuleSpec {
        action: "drop".into(),
        source_labels: vec!["__name__".into()],
        regex: "secret.*".into(),
        ..RuleSpec::default()
    };
    let relabel = Arc::new(Relabel::new(&[rule]).unwrap());
    let options = Options { sample_limit: 2, label_limit: 4, label_value_length_limit: 8, ..Options::default() };
    let mut cache = Cache::new(target(), relabel, options);
    let good = scrape(&mut cache, "a 1\nsecret_b 1\nc 1\n", 1);
    assert_eq!((good.error.as_str(), good.scraped, good.kept, good.added), ("", 3, 2, 2));
    let over = scrape(&mut cache, "a 1\nsecret_b 1\nc 1\nd 1\ne 1\nsecret_f 1\n", 2);
    assert_eq!(over.error, "sample_limit exceeded: 4 samples after relabelling, 2 are allowed");
    assert_eq!((over.scraped, over.kept), (6, 4));
    assert_eq!(shown(&over.batch), ["a stale@2", "c stale@2", "up 0@2"]);
    let labels = scrape(&mut cache, "a{x=\"1\",y=\"2\",z=\"3\"} 1\n", 3);
    assert!(labels.error.contains("label_limit exceeded: \"a\" has 6 labels, 4 are allowed"), "{}", labels.error);
    let value = scrape(&mut cache, "a{x=\"123456789\"} 1\n", 4);
    assert!(value.error.contains("label_value_length_limit exceeded"), "{}", value.error);
}

#[test]
fn repetitions_and_the_future() {
    let mut cache = cache(Options::default());
    let outcome = scrape(&mut cache, "a 1\na 1\na 2\nb 1 5\nb 2 6\nc 1 99999999\n", 1000);
    assert_eq!(shown(&outcome.batch), ["a 1@1000", "b 1@5", "b 2@6", "up 1@1000"]);
    assert_eq!((outcome.duplicates, outcome.out_of_bounds, outcome.kept), (1, 1, 6));
}

#[test]
fn exemplars_come_once() {
    let mut cache = cache(Options::default());
    let body = "# TYPE a counter\na_total 1 # {trace_id=\"t\"} 0.5\nb 1 # {trace_id=\"u\"} 1 2.5\n# EOF\n";
    let first = scrape(&mut cache, body, 1000);
    assert_eq!(first.batch.exemplars.iter().map(|one| one.timestamp).collect::<Vec<_>>(), [1000, 2500]);
    assert_eq!(first.batch.series[0].exemplars, 0..1);
    assert_eq!(first.batch.series[1].exemplars, 1..2);
    assert!(scrape(&mut cache, body, 2000).batch.exemplars.is_empty());
}

#[test]
fn classic_histograms_become_native_ones() {
    let taking = Taking { convert: true, ..Taking::default() };
    let body = "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4\nh_count 3\na 1\n";
    let mut converting = cache(Options { taking, ..Options::default() });
    for time in [1, 2] {
        let outcome = scrape(&mut converting, body, time);
        assert_eq!(shown(&outcome.batch), [format!("a 1@{time}"), format!("h h3/2@{time}"), format!("up 1@{time}")]);
        assert_eq!((outcome.scraped, outcome.kept), (2, 2));
        let (_, histogram) = &outcome.batch.histograms[0];
        assert_eq!(
            (&histogram.custom_values[..], &histogram.positive[..], histogram.sum),
            (&[1.0][..], &[2.0, 1.0][..], 4.0)
        );
    }
    let mut both = cache(Options { taking: Taking { classic: true, ..taking }, ..Options::default() });
    assert_eq!(scrape(&mut both, body, 1).kept, 6);
}

#[test]
fn tables_stay_small() {
    let mut cache = cache(Options::default());
    let mut most = 0;
    for scrape_number in 0..50 {
        let mut body = String::new();
        for number in 0..500 {
            let name = format!("f{scrape_number}_{number}");
            write!(body, "# HELP {name} x\n{name}{{a=\"b\"}} 1\n").unwrap();
        }
        if scrape_number % 3 == 0 {
            body.push_str("what is this\n");
        }
        scrape(&mut cache, &body, scrape_number);
        most = most.max(cache.num_bytes());
    }
    assert!(cache.memory.num_series() < 4000, "{}", cache.memory.num_series());
    assert!(cache.metadata().count() < 500 * 13);
    assert!(most < 4 << 20, "{most}");
}

#[test]
fn another_cache_is_taken_over() {
    let mut before = cache(Options::default());
    scrape(&mut before, "a 1\nb 1\n", 1);
    let mut after = cache(Options { honor_labels: true, ..Options::default() });
    after.adopt(&before);
    assert_eq!(shown(&scrape(&mut after, "a 2\n", 2).batch), ["a 2@2", "b stale@2", "up 1@2"]);
}
