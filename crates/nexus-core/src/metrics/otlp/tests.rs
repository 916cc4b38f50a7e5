//! Requests in JSON, and what becomes of them. That protobuf gives the same is tested against OpenTelemetry's own encoder.

use super::delta::Deltas;
use super::names::Strategy;
use super::*;
use crate::metrics::render::render;
use nexus_series::batch::MetricKind;
use nexus_series::histogram::CUSTOM_BUCKETS;
use nexus_series::is_stale;
use nexus_series::labels::unpack;

const NOW_NS: u64 = 1_780_315_200_000_000_000;

fn decode(body: &str, options: &Options, deltas: &Deltas) -> Decoded {
    decode_metrics_json(body.as_bytes(), NOW_NS, options, deltas, "t").unwrap()
}

fn request(metrics: &str) -> String {
    format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metrics}],"scope":{{"name":"lib","version":"1",
        "attributes":[{{"key":"x.y","value":{{"intValue":"7"}}}}]}}}}],
        "resource":{{"attributes":[
        {{"key":"service.name","value":{{"stringValue":"shop"}}}},
        {{"key":"service.namespace","value":{{"stringValue":"eu"}}}},
        {{"key":"service.instance.id","value":{{"stringValue":"i-1"}}}},
        {{"key":"host.name","value":{{"stringValue":"h1"}}}}]}}}}]}}"#
    )
}

fn gauge(points: &str) -> String {
    request(&format!(
        r#"{{"name":"queue.size","unit":"By","description":"How much","gauge":{{"dataPoints":[{points}]}}}}"#
    ))
}

/// `name{labels} value@time`, one a line.
fn shown(decoded: &Decoded) -> Vec<String> {
    let batch = &decoded.batch;
    let text = |series: &nexus_series::batch::BatchSeries| {
        let labels: Vec<String> =
            unpack(batch.labels_of(series)).map(|(name, value)| format!("{name}={value}")).collect();
        let floats = series.floats.clone().map(|at| format!("{}@{}", batch.values[at], batch.timestamps[at]));
        format!("{} {}", labels.join(","), floats.collect::<Vec<_>>().join(" "))
    };
    batch.series.iter().map(text).collect()
}

#[test]
fn a_gauge_and_its_target() {
    let decoded = decode(
        &gauge(
            r#"{"timeUnixNano":"1780315200123456789","asInt":"5","attributes":[{"key":"a.b","value":{"boolValue":true}},
            {"key":"a/b","value":{"doubleValue":1.5}},{"key":"job","value":{"stringValue":"other"}},
            {"key":"le","value":{"arrayValue":{"values":[{"intValue":1}]}}}]}"#,
        ),
        &Options::default(),
        &Deltas::new(1 << 20),
    );
    assert_eq!(
        shown(&decoded),
        [
            "__name__=queue_size_bytes,a_b=true;1.5,instance=i-1,job=eu/shop,le=[1] 5@1780315200123",
            "__name__=target_info,host_name=h1,instance=i-1,job=eu/shop 1@1780315200123",
        ]
    );
    let metadata = &decoded.batch.metadata[0];
    assert_eq!(
        (metadata.kind, metadata.unit.as_str(), metadata.help.as_str()),
        (MetricKind::Gauge, "bytes", "How much")
    );
    assert_eq!(render(&decoded.batch, 1).len(), 1);
}

#[test]
fn options_decide_about_names_and_labels() {
    let options = Options {
        strategy: Strategy::NoTranslation,
        promoted: vec!["host.name".to_owned(), "absent".to_owned()],
        keep_identifying: true,
        scope_labels: true,
        custom_buckets: false,
    };
    let decoded = decode(&gauge(r#"{"timeUnixNano":"1000000","asDouble":1}"#), &options, &Deltas::new(1 << 20));
    assert_eq!(
        shown(&decoded),
        [
            "__name__=queue.size,host.name=h1,instance=i-1,job=eu/shop,otel_scope_name=lib,otel_scope_version=1,\
             otel_scope_x.y=7 1@1",
            "__name__=target_info,host.name=h1,instance=i-1,job=eu/shop,service.instance.id=i-1,service.name=shop,\
             service.namespace=eu 1@1",
        ]
    );
}

#[test]
fn sums_of_deltas_become_totals() {
    let deltas = Deltas::new(1 << 20);
    let sum = |time: u64, value: f64, temporality: u8| {
        let body = request(&format!(
            r#"{{"name":"orders","sum":{{"dataPoints":[{{"timeUnixNano":"{time}000000","asDouble":{value}}}],
            "isMonotonic":true,"aggregationTemporality":{temporality}}}}}"#
        ));
        let decoded = decode(&body, &Options::default(), &deltas);
        (shown(&decoded)[0].clone(), decoded.rejections.first().to_vec())
    };
    assert!(sum(1000, 5.0, 1).0.ends_with("job=eu/shop 5@1000"));
    assert!(sum(2000, 2.0, 1).0.ends_with(" 7@2000"));
    assert!(sum(2000, 2.0, 1).0.ends_with(" 7@2000"));
    assert!(sum(3000, 2.0, 2).0.ends_with(" 2@3000"));
    let late = decode(
        &request(
            r#"{"name":"orders","sum":{"dataPoints":[{"timeUnixNano":"1500000000","asDouble":1}],"isMonotonic":true,
            "aggregationTemporality":1}}"#,
        ),
        &Options::default(),
        &deltas,
    );
    assert_eq!(
        late.rejections.first(),
        [(1, "orders_total: the delta is older than one of its stream that was added already".to_owned())]
    );
}

const HISTOGRAM: &str = r#"{"name":"latency","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[{
    "timeUnixNano":"1000000","count":"6","sum":4.5,"explicitBounds":[0.5,1,2.5],"bucketCounts":["1","2","0","3"],
    "exemplars":[{"timeUnixNano":"900000","asDouble":0.7,"traceId":"0102030405060708090A0B0C0D0E0F10",
    "spanId":"0102030405060708","filteredAttributes":[{"key":"user","value":{"stringValue":"u"}}]}]}]}}"#;

#[test]
fn a_histogram_with_bounds() {
    let decoded = decode(&request(HISTOGRAM), &Options::default(), &Deltas::new(1 << 20));
    let series = shown(&decoded);
    let expected = [
        "__name__=latency_seconds_sum,instance=i-1,job=eu/shop 4.5@1",
        "__name__=latency_seconds_count,instance=i-1,job=eu/shop 6@1",
        "__name__=latency_seconds_bucket,instance=i-1,job=eu/shop,le=0.5 1@1",
        "__name__=latency_seconds_bucket,instance=i-1,job=eu/shop,le=1 3@1",
        "__name__=latency_seconds_bucket,instance=i-1,job=eu/shop,le=2.5 3@1",
        "__name__=latency_seconds_bucket,instance=i-1,job=eu/shop,le=+Inf 6@1",
    ];
    assert_eq!(series[..6], expected);
    assert_eq!(decoded.batch.series[3].exemplars, 0..1);
    let labels: Vec<_> = unpack(&decoded.batch.exemplars[0].labels).collect();
    assert_eq!(
        labels,
        [("span_id", "0102030405060708"), ("trace_id", "0102030405060708090a0b0c0d0e0f10"), ("user", "u")]
    );
}

#[test]
fn a_histogram_with_bounds_as_a_native_one() {
    let options = Options { custom_buckets: true, ..Options::default() };
    let decoded = decode(&request(HISTOGRAM), &options, &Deltas::new(1 << 20));
    let (time, histogram) = &decoded.batch.histograms[0];
    assert_eq!((*time, histogram.schema, histogram.count, histogram.sum), (1, CUSTOM_BUCKETS, 6.0, 4.5));
    assert_eq!(
        (&histogram.custom_values[..], &histogram.positive[..]),
        (&[0.5, 1.0, 2.5][..], &[1.0, 2.0, 0.0, 3.0][..])
    );
}

#[test]
fn an_exponential_histogram_becomes_native() {
    let body = request(
        r#"{"name":"size","exponentialHistogram":{"dataPoints":[{"timeUnixNano":"1000000","count":"10","sum":1e3,
        "scale":9,"zeroCount":"1","positive":{"offset":-2,"bucketCounts":["1","2","0","4"]},
        "negative":{"offset":3,"bucketCounts":["2"]}}],"aggregationTemporality":2}}"#,
    );
    let decoded = decode(&body, &Options::default(), &Deltas::new(1 << 20));
    assert_eq!(decoded.rejections.first(), []);
    let histogram = &decoded.batch.histograms[0].1;
    // Buckets -1, 0, 2 of schema 9 are 0 (which ends at 2^0), 0 and 1 of schema 8.
    assert_eq!((histogram.schema, histogram.positive_spans[0].offset), (8, 0));
    assert_eq!((&histogram.positive[..], &histogram.negative[..]), (&[3.0, 4.0][..], &[2.0][..]));
    assert_eq!(histogram.negative_spans[0].offset, 2);
}

#[test]
fn a_summary_and_points_without_value() {
    let body = request(
        r#"{"name":"rpc","summary":{"dataPoints":[{"timeUnixNano":"1000000","count":"2","sum":3,
        "quantileValues":[{"quantile":0.5,"value":1},{"quantile":0.99,"value":2}]}]}},
        {"name":"gone","gauge":{"dataPoints":[{"timeUnixNano":"2000000","flags":1}]}}"#,
    );
    let decoded = decode(&body, &Options::default(), &Deltas::new(1 << 20));
    assert_eq!(
        shown(&decoded)[..4],
        [
            "__name__=rpc_sum,instance=i-1,job=eu/shop 3@1",
            "__name__=rpc_count,instance=i-1,job=eu/shop 2@1",
            "__name__=rpc,instance=i-1,job=eu/shop,quantile=0.5 1@1",
            "__name__=rpc,instance=i-1,job=eu/shop,quantile=0.99 2@1",
        ]
    );
    assert!(is_stale(decoded.batch.values[4]));
}

#[test]
fn bad_points_are_refused_one_by_one() {
    let body = request(
        r#"{"name":"","gauge":{"dataPoints":[{"asInt":1}]}},
        {"name":"a","sum":{"dataPoints":[{"asInt":1}]}},
        {"name":"b","gauge":{"dataPoints":[{},{"asInt":"x"},{"asInt":1}]}},
        {"name":"c","histogram":{"aggregationTemporality":2,"dataPoints":[
          {"count":1,"explicitBounds":[1],"bucketCounts":[1]},
          {"count":2,"explicitBounds":[1],"bucketCounts":[1,0]},
          {"count":1,"explicitBounds":[2,1],"bucketCounts":[1,0,0]}]}},
        {"name":"d","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[
          {"count":1,"scale":-5,"zeroCount":1},{"count":2,"scale":0,"zeroCount":1}]}}"#,
    );
    let decoded = decode(&body, &Options::default(), &Deltas::new(1 << 20));
    let messages: Vec<_> = decoded.rejections.first().iter().map(|(n, m)| format!("{n} {m}")).collect();
    assert_eq!(
        messages[..3],
        ["1 the metric has no name (\"\")", "2 a: \"a\" has no aggregation temporality", "3 b: the point has no value"]
    );
    assert!(messages[3].starts_with("4 asInt at byte "), "{}", messages[3]);
    assert_eq!(
        messages[4..],
        [
            "6 c: 1 bounds make 2 buckets, not 1",
            "7 c: its count is 2, its buckets have 1",
            "8 c: the bounds are not ascending",
            "9 d: the scale -5 is below -4",
            "10 d: its count is 2, its buckets have 1",
        ]
    );
    assert_eq!(decoded.batch.series.len(), 2);
    assert_eq!(decoded.rejections.count(), 9);
}

#[test]
fn what_is_no_request_is_refused_whole() {
    let decode = |body: &[u8]| {
        decode_metrics_json(body, NOW_NS, &Options::default(), &Deltas::new(99), "t").map(|_| ()).unwrap_err().0
    };
    assert_eq!(decode(b"[]"), "not an OTLP metrics request in JSON: request at byte 0: expected an object");
    assert!(decode(b"{").starts_with("not an OTLP metrics request in JSON: at byte 1"));
    assert!(decode_metrics_protobuf(b"\x0a\x05", NOW_NS, &Options::default(), &Deltas::new(99), "t").is_err());
    assert!(decode_metrics_json(b"{}", NOW_NS, &Options::default(), &Deltas::new(99), "t").is_ok());
}
