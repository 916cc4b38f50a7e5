use super::super::rows::tests::{Row, encode, row, sources};
use super::otlp_json::Flavour;
use super::*;
use serde_json::{Value, json};

fn rich() -> Vec<Row> {
    let mut root = row(1, 0, 1_000_000_000, 5_000_000);
    root.kind = 3;
    root.scope = ("lib".to_owned(), "1.0".to_owned(), "{\"x\":1}".to_owned());
    root.strings =
        vec![("http.method".to_owned(), "GET \"x\"".to_owned()), ("peer.service".to_owned(), "db".to_owned())];
    root.jsons = vec![("list".to_owned(), "[1,\"a\",{\"b\":2.5}]".to_owned())];
    root.int = Some(1 << 60);
    root.state = "a=b".to_owned();
    root.events = vec![
        (1_000_001_000, "retry".to_owned(), "{\"n\":1}".to_owned()),
        (1_000_002_000, "end".to_owned(), String::new()),
    ];
    root.links = vec![(9, 8, "{\"a\":true}".to_owned()), (0, 0, String::new())];
    let mut server = row(1, 0, 1_001_000_000, 1_000_000);
    server.kind = 2;
    server.status = 2;
    server.message = "no".to_owned();
    server.service = "db".to_owned();
    server.resource = "{\"host\":{\"cpu\":[1]},\"service.name\":\"db\"}".to_owned();
    let child = row(3, 1, 1_001_100_000, 500);
    let orphan = row(4, 77, 900_000_000, 10_000);
    vec![child.clone(), root, server, child, orphan]
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

fn any(value: &Value) -> Value {
    value.clone()
}

#[test]
fn otlp_json_is_grouped_and_typed() {
    let found = parsed(&otlp_json::render(&encode(&rich()), &sources(), Flavour::Otlp).unwrap());
    assert_eq!(found.as_array().unwrap().len(), 2);
    let shop = &found[0];
    assert_eq!(shop["resource"]["attributes"], json!([{"key": "service.name", "value": {"stringValue": "shop"}}]));
    assert_eq!(shop["scopeSpans"].as_array().unwrap().len(), 2);
    let scope = &shop["scopeSpans"][1];
    assert_eq!(
        scope["scope"],
        json!({"name": "lib", "version": "1.0", "attributes": [{"key": "x", "value": {"intValue": "1"}}]})
    );
    let span = &scope["spans"][0];
    assert_eq!(span["traceId"], json!("01".repeat(16)));
    assert_eq!((any(&span["kind"]), any(&span["flags"]), any(&span["traceState"])), (json!(3), json!(1), json!("a=b")));
    assert_eq!(span["startTimeUnixNano"], json!("1000000000"));
    assert_eq!(span["endTimeUnixNano"], json!("1005000000"));
    assert_eq!(
        span["attributes"],
        json!([
            {"key": "http.method", "value": {"stringValue": "GET \"x\""}},
            {"key": "list", "value": {"arrayValue": {"values": [
                {"intValue": "1"}, {"stringValue": "a"},
                {"kvlistValue": {"values": [{"key": "b", "value": {"doubleValue": 2.5}}]}},
            ]}}},
            {"key": "n", "value": {"intValue": "1152921504606846976"}},
            {"key": "peer.service", "value": {"stringValue": "db"}},
        ])
    );
    assert_eq!(span["events"][0]["attributes"][0]["key"], json!("n"));
    assert_eq!(span["links"][0]["spanId"], json!("0000000000000008"));
    assert_eq!((any(&span["droppedEventsCount"]), any(&span["droppedLinksCount"])), (json!(2), json!(3)));
    assert_eq!(found[1]["scopeSpans"][0]["spans"][0]["status"], json!({"message": "no", "code": 2}));
    // The child came twice.
    let spans = |scope: &Value| scope["spans"].as_array().unwrap().len();
    assert_eq!(shop["scopeSpans"].as_array().unwrap().iter().map(spans).sum::<usize>(), 3);
}

#[test]
fn tempo_has_ids_in_base64_and_enumerations_by_name() {
    let found = parsed(&otlp_json::render(&encode(&rich()), &sources(), Flavour::Protobuf).unwrap());
    let span = &found[1]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"], json!("AQEBAQEBAQEBAQEBAQEBAQ=="));
    assert_eq!(
        (any(&span["kind"]), any(&span["status"]["code"])),
        (json!("SPAN_KIND_SERVER"), json!("STATUS_CODE_ERROR"))
    );
}

#[test]
fn jaeger_json() {
    let found = parsed(&jaeger_json::render(&encode(&rich()), &sources()).unwrap());
    let trace = &found[0];
    assert_eq!(trace["warnings"], json!(["1 spans that came twice are shown once"]));
    let spans = trace["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 4);
    assert_eq!(spans[0]["warnings"], json!(["the parent of this span is not stored"]));
    let client = &spans[1];
    assert_eq!((any(&client["startTime"]), any(&client["duration"])), (json!(1_000_000), json!(5_000)));
    let tag = |span: &Value, key: &str| {
        span["tags"].as_array().unwrap().iter().find(|tag| tag["key"] == json!(key)).cloned().unwrap_or_default()
    };
    assert_eq!(tag(client, "span.kind"), json!({"key": "span.kind", "type": "string", "value": "client"}));
    assert_eq!(tag(client, "n"), json!({"key": "n", "type": "int64", "value": "1152921504606846976"}));
    assert_eq!(tag(client, "list")["value"], json!("[1,\"a\",{\"b\":2.5}]"));
    assert_eq!(tag(client, "w3c.tracestate")["value"], json!("a=b"));
    assert_eq!(
        client["references"],
        json!([{"refType": "FOLLOWS_FROM", "traceID": "09".repeat(16), "spanID": "0000000000000008"}])
    );
    assert_eq!(
        client["logs"][0],
        json!({"timestamp": 1_000_001, "fields": [
            {"key": "event", "type": "string", "value": "retry"}, {"key": "n", "type": "int64", "value": 1}]})
    );
    // The server has the id of its client: it gets one of its own, and its children follow.
    let (server, child) = (&spans[2], &spans[3]);
    assert_ne!(server["spanID"], client["spanID"]);
    assert_eq!(server["references"][0]["spanID"], client["spanID"]);
    assert_eq!(child["references"][0]["spanID"], server["spanID"]);
    assert_eq!(tag(server, "error")["value"], json!(true));
    assert_eq!(trace["processes"].as_object().unwrap().len(), 2);
    let process = &trace["processes"][server["processID"].as_str().unwrap()];
    assert_eq!(process["serviceName"], json!("db"));
    assert_eq!(process["tags"], json!([{"key": "host", "type": "string", "value": "{\"cpu\":[1]}"}]));
}

#[test]
fn zipkin_json() {
    let found = parsed(&zipkin::render_trace(&encode(&rich()), &sources()).unwrap());
    assert_eq!(found.as_array().unwrap().len(), 4);
    let (client, server) = (&found[1], &found[2]);
    assert_eq!(
        (any(&client["kind"]), any(&client["duration"]), any(&client["timestamp"])),
        (json!("CLIENT"), json!(5_000), json!(1_000_000))
    );
    assert_eq!(client["localEndpoint"], json!({"serviceName": "shop"}));
    assert_eq!(client["remoteEndpoint"], json!({"serviceName": "db"}));
    assert_eq!(client["annotations"][0], json!({"timestamp": 1_000_001, "value": "{\"retry\":{\"n\":1}}"}));
    assert_eq!(client["tags"]["n"], json!("1152921504606846976"));
    assert_eq!((any(&server["shared"]), any(&server["tags"]["error"])), (json!(true), json!("no")));
    assert_eq!(found[0]["duration"], json!(1));
    let mut other = row(5, 0, 1, 1);
    other.trace = 2;
    let rows = [rich(), vec![other]].concat();
    assert_eq!(parsed(&zipkin::render_traces(&encode(&rows), &sources()).unwrap()).as_array().unwrap().len(), 2);
}

#[test]
fn the_document_of_a_trace() {
    let found = parsed(&render_trace(&encode(&rich()), &sources()).unwrap().unwrap());
    assert_eq!(
        found,
        json!({
            "traceId": "01".repeat(16), "start": "900000000", "duration": "105000000", "spans": 4, "errors": 1,
            "services": ["shop", "db"], "names": ["GET /"],
            "ids": ["0000000000000004", "0000000000000001", "0000000000000001", "0000000000000003"],
            "parents": [-1, -1, 1, 2],
            "starts": [0, 100_000_000, 101_000_000, 101_100_000], "durations": [10_000, 5_000_000, 1_000_000, 500],
            "service": [0, 0, 1, 0], "name": [0, 0, 0, 0], "kind": [1, 3, 2, 1], "status": [0, 0, 2, 0],
            "events": [0, 2, 0, 0], "links": [0, 2, 0, 0],
            "orphans": [0], "cycles": [], "skewed": [],
            "critical": [
                [1, 100_000_000, 101_000_000], [2, 101_000_000, 101_100_000], [3, 101_100_000, 101_100_500],
                [2, 101_100_500, 102_000_000], [1, 102_000_000, 105_000_000]],
            "duplicates": 1, "truncated": false,
        })
    );
    assert_eq!(render_trace(&[], &sources()).unwrap(), None);
}

#[test]
fn one_span() {
    let found = parsed(&render_span(&encode(&rich()[1..2]), &sources()).unwrap().unwrap());
    assert_eq!(
        found["attributes"],
        json!({"http.method": "GET \"x\"", "list": [1, "a", {"b": 2.5}], "n": 1_152_921_504_606_846_976_i64, "peer.service": "db"})
    );
    assert_eq!(found["scope"], json!({"name": "lib", "version": "1.0", "attributes": {"x": 1}}));
    assert_eq!(found["resource"], json!({"service.name": "shop"}));
    assert_eq!(found["events"][1], json!({"time": "1000002000", "name": "end", "attributes": {}}));
    assert_eq!(found["dropped"], json!({"attributes": 1, "events": 2, "links": 3}));
    assert_eq!(
        (any(&found["parentSpanId"]), any(&found["duration"]), any(&found["weight"])),
        (json!(""), json!("5000000"), json!(1.0))
    );
}

#[test]
fn every_text_makes_valid_json() {
    let mut odd = row(1, 0, i64::MIN, u64::MAX);
    odd.name = "\u{1}\"\\\n\u{10ffff}".to_owned();
    odd.kind = 99;
    odd.status = 77;
    odd.resource = "{\"a\":[[[{\"b\":null}]]],\"c\":1e400}".to_owned();
    odd.strings = vec![("\"".to_owned(), "\\".to_owned())];
    odd.jsons = vec![("broken".to_owned(), "[1".to_owned())];
    odd.events = vec![(i64::MIN, "\"".to_owned(), "{\"a\":\"\\u0000\"}".to_owned())];
    let mut rows = encode(&[odd]);
    let at = rows.windows(4).position(|part| part == "\u{10ffff}".as_bytes()).unwrap();
    // And what is no UTF-8.
    rows[at] = 0xff;
    let sources = sources();
    for flavour in [Flavour::Otlp, Flavour::Protobuf] {
        parsed(&otlp_json::render(&rows, &sources, flavour).unwrap());
    }
    parsed(&jaeger_json::render(&rows, &sources).unwrap());
    parsed(&zipkin::render_traces(&rows, &sources).unwrap());
    parsed(&render_trace(&rows, &sources).unwrap().unwrap());
    otlp_protobuf::render(&rows, &sources).unwrap();
    jaeger_protobuf::render(&rows, &sources).unwrap();
}

#[test]
fn large_traces_are_sent_in_pieces() {
    let rows: Vec<Row> = (0..2_500).map(|id| row(id + 1, id, id as i64, 10)).collect();
    let rows = encode(&rows);
    assert_eq!(otlp_protobuf::render_chunks(&rows, &sources()).unwrap().len(), 3);
    let whole: usize = jaeger_protobuf::render(&rows, &sources()).unwrap().iter().map(Vec::len).sum();
    assert!(whole > 2_500 * 50);
    for render in [jaeger_json::render, zipkin::render_trace, jaeger_json::render] {
        assert!(render(&rows[..rows.len() - 1], &sources()).is_err());
    }
}
