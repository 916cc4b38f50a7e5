//! What the decoders promise, on small requests. The comparison with the official library is in `tests/unit/native`.

use super::{decode_logs_json, decode_logs_protobuf};
use crate::batch::LogBatch;
use crate::decode::Decoded;
use crate::limits::{MAX_ATTRIBUTES, MAX_DEPTH};

const NOW: i64 = 1_700_000_000_000_000_000;

/// A length-delimited field.
fn field(number: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut out = vec![number << 3 | 2];
    let mut length = payload.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(payload);
    out
}

fn fixed64(number: u8, value: u64) -> Vec<u8> {
    [&[number << 3 | 1][..], &value.to_le_bytes()].concat()
}

fn pair(key: &[u8], value: &[u8]) -> Vec<u8> {
    [field(1, key), field(2, value)].concat()
}

fn text(value: &str) -> Vec<u8> {
    field(1, value)
}

/// A request of one resource and one scope.
fn request(resource: &[u8], scope: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
    let mut logs = field(1, scope);
    for record in records {
        logs.extend(field(2, record));
    }
    field(1, [field(1, resource), field(2, logs)].concat())
}

fn protobuf(body: &[u8]) -> Decoded {
    decode_logs_protobuf(body, NOW).unwrap()
}

fn json(body: &str) -> Decoded {
    decode_logs_json(body.as_bytes(), NOW).unwrap()
}

fn bodies(batch: &LogBatch) -> Vec<&str> {
    (0..batch.num_rows()).map(|row| std::str::from_utf8(batch.bodies.get(row)).unwrap()).collect()
}

fn errors(decoded: &Decoded) -> Vec<(u64, &str)> {
    decoded.rejections.first().iter().map(|(number, message)| (*number, message.as_str())).collect()
}

#[test]
fn nothing_is_a_request_too() {
    assert_eq!(protobuf(b"").accepted(), 0);
    assert_eq!(json(" {} ").accepted(), 0);
    assert_eq!(json("\u{feff}{}").accepted(), 0);
    assert_eq!(json(r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[]}]},{}],"x":[[{}]]}"#).accepted(), 0);
}

#[test]
fn a_fault_costs_its_record_only() {
    let record = |body: &[u8]| field(5, field(1, body));
    let decoded = protobuf(&request(
        b"",
        b"",
        &[record(b"one"), record(b"t\xffo"), [record(b"three"), fixed64(1, 1 << 63)].concat(), record(b"four")],
    ));
    assert_eq!(bodies(&decoded.batch), ["one", "four"]);
    assert_eq!(
        errors(&decoded),
        [
            (2, "body at byte 23 is not valid UTF-8"),
            (3, "time_unix_nano 9223372036854775808 is after 2262-04-11T23:47:16.854775807Z, the last nanosecond kept")
        ]
    );

    let decoded = json(
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"one"}},{"body":"two"},3,
        {"severityNumber":"INFO"},{"attributes":[{"key":"k","value":{"boolValue":1}}]},{"body":{"stringValue":"six"}}]}]}]}"#,
    );
    assert_eq!(bodies(&decoded.batch), ["one", "six"]);
    assert_eq!(
        errors(&decoded),
        [
            (2, "body at byte 85: expected an object such as {\"stringValue\": \"text\"}"),
            (3, "log record at byte 92: expected an object"),
            (4, "severityNumber at byte 121: expected an integer"),
            (5, "boolValue at byte 176: expected true or false"),
        ]
    );
}

#[test]
fn a_fault_in_a_resource_or_scope_costs_the_records_under_it() {
    let record = vec![field(5, text("x"))];
    let broken = field(1, pair(b"\xff", &text("v")));
    for (resource, scope) in [(&broken[..], &b""[..]), (b"", &field(1, b"\xff"))] {
        let body = [request(resource, scope, &record), request(b"", b"", &record)].concat();
        let decoded = protobuf(&body);
        assert_eq!((decoded.accepted(), errors(&decoded)[0].0), (1, 1));
    }
    for part in [r#""resource":7"#, r#""resource":{"attributes":[{"key":1}]}"#] {
        let decoded = json(&format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{}},{{}}]}}],{part}}}]}}"#));
        assert_eq!((decoded.accepted(), errors(&decoded).len()), (0, 2), "{part}");
    }
}

#[test]
fn what_is_no_message_is_refused_whole() {
    let body = request(b"", b"", &[field(5, text("x"))]);
    for cut in 1..body.len() {
        let error = decode_logs_protobuf(&body[..cut], NOW).unwrap_err();
        assert!(error.0.starts_with("not an OTLP logs request in protobuf: at byte "), "{error}");
    }
    // The length of a nested value does not fit, in a record that is rejected for its key and in one that is not.
    let broken = [&[5 << 3 | 2, 9][..], b"abc"].concat();
    for key in [&b"k"[..], b"\xff"] {
        assert!(decode_logs_protobuf(&request(b"", b"", &[field(6, pair(key, &broken))]), NOW).is_err());
    }
    for (body, message) in [
        ("", "at byte 0: input ends where a value was expected"),
        ("[]", "request at byte 0: expected an object"),
        (r#"{"resourceLogs":7}"#, "resourceLogs at byte 16: expected an array"),
        (r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":}]}]}]}"#, "at byte 54: expected a value"),
        (r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":1,}]}]}]}"#, "at byte 56: expected a key in quotes"),
        ("{} {}", "at byte 3: expected the end of the request"),
    ] {
        let error = decode_logs_json(body.as_bytes(), NOW).unwrap_err();
        assert_eq!(error.0, format!("not an OTLP logs request in JSON: {message}"));
    }
}

#[test]
fn values_nest_up_to_the_limit() {
    let nested = |depth: usize| (0..depth).fold(text("x"), |inner, _| field(5, field(1, inner)));
    let record = |depth| vec![field(5, nested(depth)), field(6, pair(b"k", &nested(depth)))];
    assert_eq!(protobuf(&request(b"", b"", &record(MAX_DEPTH))).accepted(), 2);
    let decoded = protobuf(&request(b"", b"", &record(MAX_DEPTH + 1)));
    assert_eq!((decoded.accepted(), decoded.rejections.count()), (0, 2));
    assert!(errors(&decoded)[0].1.ends_with("is nested more than 64 deep"));
    // Far beyond what any stack would bear.
    assert_eq!(protobuf(&request(b"", b"", &record(20_000))).accepted(), 0);

    let request = |depth: usize| {
        let value = format!("{}null{}", r#"{"arrayValue":{"values":["#.repeat(depth), "]}}".repeat(depth));
        let unknown = format!("{}{}", "[".repeat(depth * 9), "]".repeat(depth * 9));
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{value},"x":{unknown}}},{{}}]}}]}}]}}"#)
    };
    assert_eq!(json(&request(MAX_DEPTH)).accepted(), 2);
    assert_eq!(json(&request(MAX_DEPTH + 1)).accepted(), 1);
    assert_eq!(json(&request(20_000)).accepted(), 1);
}

#[test]
fn resource_and_scope_may_follow_their_records() {
    let record = field(2, field(5, text("x")));
    let resource = field(1, field(1, pair(b"service.name", &text("shop"))));
    let scope = field(1, [field(1, "lib"), field(2, "1")].concat());
    let logs = field(2, [record, scope].concat());
    let protobuf = protobuf(&field(1, [logs, resource].concat())).batch;
    let json = json(
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}],"scope":{"version":"1","name":"lib"}}],
        "resource":{"attributes":[{"value":{"stringValue":"shop"},"key":"service.name"}]}}]}"#,
    )
    .batch;
    for batch in [protobuf, json] {
        assert_eq!(batch.services(), [("shop".to_owned(), 1, 1)]);
        let resource = batch.origins.resource_ids[0];
        assert_eq!(batch.origins.resources.get(resource, 1), br#"{"service.name":"shop"}"#);
        let scope = batch.origins.scope_ids[0];
        assert_eq!((batch.origins.scopes.get(scope, 0), batch.origins.scopes.get(scope, 1)), (&b"lib"[..], &b"1"[..]));
    }
}

#[test]
fn attributes_beyond_the_limit_are_dropped_not_the_record() {
    let attributes: Vec<u8> =
        (0..20_000).flat_map(|i| field(6, pair(format!("k{i}").as_bytes(), &[3 << 3, 7]))).collect();
    let decoded = protobuf(&request(b"", b"", &[attributes]));
    assert_eq!(decoded.accepted(), 1);
    assert_eq!(decoded.batch.attributes.ints.row(0).len(), MAX_ATTRIBUTES + 1);
}

#[test]
fn records_are_bounded_in_number() {
    let most = 2 << 20;
    let decoded = protobuf(&field(1, field(2, b"\x12\x00".repeat(most + 3))));
    assert_eq!((decoded.accepted(), decoded.rejections.count()), (most, 3));
    assert_eq!(errors(&decoded)[0].1, "the request has more than 2097152 records: send smaller batches");
}
