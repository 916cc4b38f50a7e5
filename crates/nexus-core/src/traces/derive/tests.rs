//! Totals against a slow recomputation over random traffic, and what single rules say.

#![allow(clippy::float_cmp)] // Counts are whole numbers, and sums of these are exact.

use super::graph::USER;
use super::*;
use nexus_series::batch::MetricBatch;
use nexus_series::labels::unpack;
use std::collections::BTreeMap;

/// Attributes and links of a span.
#[derive(Default, Clone)]
struct Extra {
    attributes: Vec<(&'static str, String)>,
    links: Vec<([u8; 16], [u8; 8])>,
}

impl More for Extra {
    fn first(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone()))
    }

    fn links(&self) -> Vec<([u8; 16], [u8; 8])> {
        self.links.clone()
    }
}

/// The values of a batch by series, the newest of each.
fn values(batch: &MetricBatch) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    for series in &batch.series {
        let mut name = String::new();
        let mut labels = Vec::new();
        for (label, value) in unpack(batch.labels_of(series)) {
            if label == "__name__" {
                name = value.to_string();
            } else {
                labels.push(format!("{label}={value}"));
            }
        }
        found.insert(format!("{name}{{{}}}", labels.join(",")), batch.values[series.floats.end - 1]);
    }
    found
}

const SECOND: i64 = 1_000_000_000;

fn id(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

fn span(trace: u8, number: u64, parent: u64, service: &'static str, kind: u8) -> Span<'static> {
    Span {
        trace_id: [trace; 16],
        span_id: id(number),
        parent_span_id: id(parent),
        service,
        name: "work",
        kind,
        status: 0,
        start: 1_000 * SECOND,
        duration: 30_000_000,
        weight: 1.0,
        size: 100,
    }
}

fn with(key: &'static str, value: &str) -> Extra {
    Extra { attributes: vec![(key, value.to_string())], links: Vec::new() }
}

#[test]
fn sides_pair_in_any_order_and_batch() {
    for swapped in [false, true] {
        let mut derived = Derived::new(Options::default());
        let mut sides =
            [span(1, 1, 0, "shop", kind::CLIENT), Span { status: STATUS_ERROR, ..span(1, 2, 1, "pay", kind::SERVER) }];
        if swapped {
            sides.reverse();
        }
        derived.observe(&sides[0], &Extra::default(), 0);
        let before = values(&derived.collect(SECOND));
        assert!(!before.keys().any(|name| name.starts_with("traces_service_graph")));
        derived.observe(&sides[1], &Extra::default(), 2 * SECOND);
        let found = values(&derived.collect(3 * SECOND));
        let labels = "{client=shop,server=pay}";
        assert_eq!(found[&format!("traces_service_graph_request_total{labels}")], 1.0);
        assert_eq!(found[&format!("traces_service_graph_request_failed_total{labels}")], 1.0);
        let bucket = "traces_service_graph_request_server_seconds_bucket{client=shop,le=0.032,server=pay}";
        assert_eq!(found[bucket], 1.0);
        // Nobody waits for what was paired.
        derived.collect(100 * SECOND);
        assert_eq!(derived.statistics(), Statistics { spans: 2, edges: 1, ..Statistics::default() });
    }
}

#[test]
fn virtual_nodes() {
    let mut derived = Derived::new(Options::default());
    let database = Extra {
        attributes: vec![("db.system", "postgresql".into()), ("server.address", "orders-db".into())],
        ..Extra::default()
    };
    derived.observe(&span(1, 1, 9, "shop", kind::CLIENT), &database, 0);
    derived.observe(&span(1, 2, 9, "shop", kind::CLIENT), &with("db.name", "carts"), 0);
    derived.observe(&span(1, 3, 9, "shop", kind::CLIENT), &with("peer.service", "stripe"), 0);
    derived.observe(&span(1, 4, 0, "shop", kind::SERVER), &Extra::default(), 0);
    derived.observe(&span(1, 5, 9, "shop", kind::PRODUCER), &with("messaging.destination.name", "orders"), 0);
    derived.observe(&span(2, 6, 0, "mail", kind::CONSUMER), &with("messaging.destination.name", "orders"), 0);
    derived.observe(&span(2, 7, 8, "mail", kind::CLIENT), &Extra::default(), 0);
    let found = values(&derived.collect(SECOND));
    let total = |labels: &str| found.get(&format!("traces_service_graph_request_total{{{labels}}}")).copied();
    assert_eq!(total("client=shop,connection_type=database,server=orders-db"), Some(1.0));
    assert_eq!(total("client=shop,connection_type=database,server=carts"), Some(1.0));
    assert_eq!(total(&format!("client={USER},connection_type=virtual_node,server=shop")), Some(1.0));
    assert_eq!(total("client=orders,connection_type=messaging_system,server=mail"), Some(1.0));
    assert_eq!(total("client=shop,connection_type=virtual_node,server=stripe"), None);
    let found = values(&derived.collect(11 * SECOND));
    let total = |labels: &str| found.get(&format!("traces_service_graph_request_total{{{labels}}}")).copied();
    assert_eq!(total("client=shop,connection_type=virtual_node,server=stripe"), Some(1.0));
    assert_eq!(total("client=shop,connection_type=messaging_system,server=orders"), Some(1.0));
    assert_eq!(derived.statistics().unpaired, 1);
}

#[test]
fn messages_pair_by_link_and_fan_out() {
    let mut derived = Derived::new(Options::default());
    derived.observe(&span(1, 1, 0, "shop", kind::PRODUCER), &Extra::default(), 0);
    let link = Extra { links: vec![([1; 16], id(1))], ..Extra::default() };
    let later = Span { start: 1_000 * SECOND + 530_000_000, ..span(2, 2, 0, "mail", kind::CONSUMER) };
    derived.observe(&later, &link, SECOND);
    derived.observe(&Span { service: "stock", ..later }, &link, SECOND);
    let found = values(&derived.collect(2 * SECOND));
    for server in ["mail", "stock"] {
        let labels = format!("client=shop,connection_type=messaging_system,server={server}");
        assert_eq!(found[&format!("traces_service_graph_request_total{{{labels}}}")], 1.0);
        assert_eq!(found[&format!("traces_service_graph_request_messaging_system_seconds_sum{{{labels}}}")], 0.5);
    }
}

#[test]
fn series_begin_with_a_zero_repeat_and_end() {
    let mut derived = Derived::new(Options::default());
    derived.observe(&span(1, 1, 0, "shop", 1), &Extra::default(), 10 * SECOND);
    let first = derived.collect(10 * SECOND + 500_000_000);
    assert_eq!(first.series.len(), 1 + 17 + 1);
    assert_eq!(&first.timestamps[..2], &[9_999, 10_500]);
    assert_eq!(first.values[0], 0.0);
    assert!(derived.collect(11 * SECOND).series.is_empty());
    let again = derived.collect(26 * SECOND);
    assert_eq!((again.series.len(), again.timestamps[0]), (19, 26_000));
    let last = derived.collect(10 * SECOND + IDLE_NS);
    assert_eq!(last.values[0].to_bits(), 0x7ff0_0000_0000_0002);
    assert!(derived.collect(40 * SECOND + IDLE_NS).series.is_empty());
}

#[test]
fn a_clock_that_goes_back_makes_no_second_sample_of_a_time() {
    let mut derived = Derived::new(Options::default());
    derived.observe(&span(1, 1, 0, "shop", 1), &Extra::default(), 10 * SECOND);
    let first = derived.collect(10 * SECOND);
    derived.observe(&span(1, 1, 0, "shop", 1), &Extra::default(), 5 * SECOND);
    let second = derived.collect(5 * SECOND);
    assert!(second.timestamps[0] > *first.timestamps.last().unwrap());
}

#[test]
fn groups_and_waiting_spans_are_bounded() {
    let options = Options { groups: 4, waiting: 8, wait_ns: 10 * SECOND };
    let mut derived = Derived::new(options);
    let names: Vec<String> = (0..100).map(|number| format!("op {number}")).collect();
    for (number, name) in names.iter().enumerate() {
        let one = Span { name, ..span(1, number as u64 + 1, 500, "shop", kind::CLIENT) };
        derived.observe(&one, &Extra::default(), 0);
    }
    let statistics = derived.statistics();
    assert_eq!((statistics.overflowed, statistics.hurried, statistics.unpaired), (96, 92, 92));
    let found = values(&derived.collect(SECOND));
    let calls: Vec<f64> = found
        .iter()
        .filter(|(name, _)| name.starts_with("traces_spanmetrics_calls"))
        .map(|(_, calls)| *calls)
        .collect();
    assert_eq!((calls.len(), calls.iter().sum::<f64>()), (5, 100.0));
}

/// A small generator (xorshift): the same traffic in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

#[test]
fn totals_equal_a_slow_recomputation() {
    const SERVICES: [&str; 4] = ["a", "b", "c", "d"];
    for seed in 1..40 {
        let mut random = Random(seed * 7_919);
        let mut spans: Vec<(Span<'static>, Extra)> = Vec::new();
        for trace in 0..20_u8 {
            let size = 2 + random.below(12);
            for number in 1..=size {
                // Also parents that never come.
                let parent = random.below(number + 1) % (size + 2);
                let mut one =
                    span(trace + 1, number, parent, SERVICES[random.below(4) as usize], 1 + random.below(5) as u8);
                one.status = random.below(3) as u8;
                one.duration = random.below(20_000_000_000);
                one.weight = [1.0, 4.0][random.below(2) as usize];
                let extra = match random.below(4) {
                    0 => with("db.system", "redis"),
                    1 => with("peer.service", "elsewhere"),
                    _ => Extra::default(),
                };
                spans.push((one, extra));
            }
        }
        let expected = recomputed(&spans);
        for at in (1..spans.len()).rev() {
            spans.swap(at, random.below(at as u64 + 1) as usize);
        }
        let mut derived = Derived::new(Options::default());
        let mut found = BTreeMap::new();
        for (at, (one, extra)) in spans.iter().enumerate() {
            derived.observe(one, extra, at as i64);
            if random.below(10) == 0 {
                found.extend(values(&derived.collect(at as i64)));
            }
        }
        found.extend(values(&derived.collect(60 * SECOND)));
        let found: BTreeMap<String, f64> =
            found.into_iter().filter(|(name, _)| name.contains("_total{") && !name.contains("size")).collect();
        assert_eq!(found, expected, "seed {seed}");
    }
}

/// The rules of the module text, over all spans at once.
fn recomputed(spans: &[(Span<'static>, Extra)]) -> BTreeMap<String, f64> {
    const KINDS: [&str; 6] = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
    const STATUSES: [&str; 3] = ["UNSET", "OK", "ERROR"];
    let mut totals: BTreeMap<String, f64> = BTreeMap::new();
    let mut edge = |client: &str, kind: &str, server: &str, weight: f64, failed: bool| {
        let kind = if kind.is_empty() { String::new() } else { format!("connection_type={kind},") };
        let labels = format!("{{client={client},{kind}server={server}}}");
        *totals.entry(format!("traces_service_graph_request_total{labels}")).or_default() += weight;
        *totals.entry(format!("traces_service_graph_request_failed_total{labels}")).or_default() +=
            if failed { weight } else { 0.0 };
    };
    let is_client = |one: &Span<'_>| matches!(one.kind, kind::CLIENT | kind::PRODUCER);
    let is_database = |one: &Span<'_>, extra: &Extra| one.kind == kind::CLIENT && extra.first(&["db.system"]).is_some();
    for (one, extra) in spans {
        let failed = one.status == STATUS_ERROR;
        if is_client(one) {
            let below: Vec<_> = spans
                .iter()
                .filter(|(other, _)| {
                    matches!(other.kind, kind::SERVER | kind::CONSUMER)
                        && other.trace_id == one.trace_id
                        && other.parent_span_id == one.span_id
                })
                .collect();
            if is_database(one, extra) {
                edge(one.service, "database", "redis", one.weight, failed);
            } else if below.is_empty()
                && let Some(peer) = extra.first(&["peer.service"])
            {
                let kind = if one.kind == kind::PRODUCER { "messaging_system" } else { "virtual_node" };
                edge(one.service, kind, &peer, one.weight, failed);
            }
            for (other, _) in below.iter().filter(|_| !is_database(one, extra)) {
                let message = one.kind == kind::PRODUCER || other.kind == kind::CONSUMER;
                let kind = if message { "messaging_system" } else { "" };
                let failed = failed || other.status == STATUS_ERROR;
                edge(one.service, kind, other.service, one.weight.max(other.weight), failed);
            }
        } else if matches!(one.kind, kind::SERVER | kind::CONSUMER) {
            let root = one.parent_span_id == [0; 8];
            let has_client = spans.iter().any(|(other, extra)| {
                is_client(other)
                    && !is_database(other, extra)
                    && other.trace_id == one.trace_id
                    && other.span_id == one.parent_span_id
            });
            if one.kind == kind::SERVER && root {
                edge(USER, "virtual_node", one.service, one.weight, failed);
            } else if one.kind == kind::CONSUMER
                && !has_client
                && let Some(queue) = extra.first(&["peer.service"])
            {
                edge(&queue, "messaging_system", one.service, one.weight, failed);
            }
        }
    }
    for (one, _) in spans {
        let labels = format!(
            "{{service={},span_kind=SPAN_KIND_{},span_name={},status_code=STATUS_CODE_{}}}",
            one.service, KINDS[one.kind as usize], one.name, STATUSES[one.status as usize]
        );
        *totals.entry(format!("traces_spanmetrics_calls_total{labels}")).or_default() += one.weight;
    }
    totals
}
