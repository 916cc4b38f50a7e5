//! OTLP log requests in JSON.

use super::{many, nested};

/// What requests are made of.
pub const TOKENS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"null",
    b"\\ud800",
    b"\\u0022",
    b"\"1700000000000000000\"",
    b"9223372036854775808",
    b"1.5e18",
    b"\"resourceLogs\":[",
    b"\"resource\":{",
    b"\"scopeLogs\":[",
    b"\"scope\":{",
    b"\"logRecords\":[",
    b"\"attributes\":[",
    b"\"key\":\"",
    b"\"value\":{",
    b"\"stringValue\":\"",
    b"\"intValue\":",
    b"\"doubleValue\":",
    b"\"boolValue\":",
    b"\"bytesValue\":\"",
    b"\"arrayValue\":{",
    b"\"kvlistValue\":{",
    b"\"values\":[",
    b"\"body\":{",
    b"\"timeUnixNano\":",
    b"\"severityNumber\":",
    b"\"traceId\":\"",
    b"\"service.name\"",
    b"\"NaN\"",
    b"\xff",
];

fn request(record: &str) -> String {
    format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#)
}

/// Requests of all kinds.
pub fn small() -> Vec<Vec<u8>> {
    let full = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},
{"key":"n","value":{"intValue":"7"}}]},"scopeLogs":[{"scope":{"name":"lib","version":"1","attributes":[{"key":"a","value":{}}]},
"logRecords":[{"timeUnixNano":"1700000000000000000","observedTimeUnixNano":1700000000000000001,"severityNumber":9,
"severityText":"INFO","body":{"stringValue":"hé\u00e9\ud83d\ude00llo"},"flags":1,"traceId":"0af7651916cd43dd8448eb211c80319c",
"spanId":"b7ad6b7169203331","eventName":"e","droppedAttributesCount":1}]}],"schemaUrl":"x"}]}"#;
    let values = request(
        r#"{"body":{"kvlistValue":{"values":[{"key":"b","value":{"arrayValue":{"values":[{"doubleValue":"NaN"},{"boolValue":true},
{"bytesValue":"aGk="},{"intValue":-5},{}]}}},{"value":{"doubleValue":1.5},"key":"a"}]}},"attributes":[{"key":"k","value":
{"arrayValue":{}}},{"key":"k","value":{"bytesValue":"_-8"}},{"key":"n","value":{"intValue":"9"}},{"key":"","value":null}]}"#,
    );
    let backwards = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{"body":7}],"scope":{"name":"x"}}],
"resource":{"attributes":[{"key":"service.name","value":{"kvlistValue":{"values":[]}}}]}},{},null]}"#;
    vec![full.into(), values.into_bytes(), backwards.into(), b"{}".to_vec()]
}

/// Many records, keys and scopes, deep nesting, everything in the wrong order.
pub fn heavy() -> Vec<Vec<u8>> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let value = |value: &str| request(&format!(r#"{{"body":{value}}}"#));
    let backwards = r#"{"scopeLogs":[{"logRecords":[{}],"scope":{}}],"resource":{}},"#;
    vec![
        request(&format!("{}{{}}", text(many("{},")))).into_bytes(),
        request(&format!("{}{{}}", text(many("7,")))).into_bytes(),
        format!("{{\"resourceLogs\":[{}{{}}]}}", text(many(backwards))).into_bytes(),
        value(&nested(r#"{"arrayValue":{"values":["#, "{}", "]}}")).into_bytes(),
        value(&nested(r#"{"kvlistValue":{"values":[{"value":"#, "{}", r#","key":"k"}]}}"#)).into_bytes(),
        value(&format!(r#"{{"x":{}}}"#, nested("[", "", "]"))).into_bytes(),
        value(&format!(r#"{{"arrayValue":{{"values":[{}{{}}]}}}}"#, text(many("{},")))).into_bytes(),
        value(&format!(r#"{{"kvlistValue":{{"values":[{}{{}}]}}}}"#, text(many("{},")))).into_bytes(),
        value(&format!(r#"{{"stringValue":"{}"}}"#, text(many("\\u0001")))).into_bytes(),
        request(&format!(r#"{{"attributes":[{}{{}}]}}"#, text(many(r#"{"key":"k","value":{"intValue":1}},"#))))
            .into_bytes(),
    ]
}

/// The web shop of [`super::otlp::shop`] in JSON, as a Collector writes it.
pub fn shop(records: u64) -> Vec<u8> {
    let record = |index: u64| {
        let random = index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!(
            r#"{{"timeUnixNano":"{}","observedTimeUnixNano":"1700000000000500000","severityNumber":9,"severityText":"INFO",
"body":{{"stringValue":"order {index} of customer {} paid with card in {} ms, {} items shipped from warehouse {}"}},"attributes":[
{{"key":"http.request.method","value":{{"stringValue":"GET"}}}},{{"key":"url.path","value":{{"stringValue":"/api/orders/{}"}}}},
{{"key":"http.response.status_code","value":{{"intValue":"200"}}}},{{"key":"cache.hit","value":{{"boolValue":true}}}}],
"flags":1,"traceId":"{random:016x}{:016x}","spanId":"{random:016x}"}}"#,
            1_700_000_000_000_000_000 + index * 1_000_003,
            random % 100_000,
            random % 977,
            random % 7,
            random % 13,
            random % 10_000,
            !random,
        )
        .replace('\n', "")
    };
    let records: Vec<_> = (0..records).map(record).collect();
    let parents = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}},
{"key":"host.name","value":{"stringValue":"ip-10-3-7-122"}}]},"scopeLogs":[{"scope":{"name":"shop.checkout"},"logRecords":["#;
    format!("{parents}{}]}}]}}]}}", records.join(",")).into_bytes()
}
