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
