//! Records for pipelines, and specifications of pipelines.

use super::many;

/// What records and specifications are made of.
pub const TOKENS: &[&[u8]] = &[
    b"\"_msg\":",
    b"\\\"",
    b"4111 1111 1111 1111",
    b"a@example.com",
    b"eyJhbGciOiJI.eyJzdWIiOiIx.x",
    b"password=",
    b"10/Oct/2000:13:55:36 -0700",
    b"\\n  at ",
    b"key=value",
    b"{\\\"a\\\":",
    b"\"service\":",
    b"{\"type\":",
    b"\"options\":",
    b"%{IP:x}",
    b"(?P<a>",
    b"\"fields\":",
    b"${a}",
];

/// Records as JSON lines.
pub fn small() -> Vec<Vec<u8>> {
    [
        r#"{"_msg":"{\"a\":{\"b\":[1,\"x@example.com\"]},\"password\":\"p\"}","service":"a"}"#,
        r#"{"_msg":"level=info msg=\"said \\\"x\\\"\" n=5","service":"b","host":"h"}"#,
        "{\"_msg\":\"E first\"}\n{\"_msg\":\"  at x\"}\n{\"_msg\":\"E second\",\"n\":4111111111111111}",
        r#"{"_msg":"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 1 \"-\" \"x\"","t":"Jun  1 12:00:00"}"#,
        r#"{"_msg":"pay 4111 1111 1111 1111 é","t":1780315200,"lvl":"warn","k":["a@example.com"],"token":"abc"}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Large bodies.
pub fn heavy() -> Vec<Vec<u8>> {
    vec![
        many("{\"_msg\":\"{\\\"a\\\":1,\\\"b\\\":\\\"x\\\"}\"}\n"),
        many("{\"_msg\":\"4111-1111-1111-1112 a@b.c password=x eyJ\"}\n"),
        many("{\"_msg\":\"  at x\",\"service\":\"a\"}\n"),
    ]
}

/// Specifications.
pub fn specs() -> Vec<Vec<u8>> {
    [
        r#"[{"name":"p","when":"[\"word\",\"a\"]","steps":[{"type":"set","options":{"fields":{"a":"${b} c","d":1}}},{"type":"sample","options":{"ratio":0.5}}]}]"#,
        r#"[{"name":"p","steps":[{"type":"parse_regex","options":{"pattern":"(?P<a>\\d+)","types":{"a":"int"}}},{"type":"rename","options":{"fields":{"a":"body"}}}]}]"#,
        r#"[{"name":"p","steps":[{"type":"parse_grok","options":{"patterns":["%{IP:x} %{A:y:int}"],"definitions":{"A":"%{INT}"}}},{"type":"parse_timestamp","options":{"field":"t","formats":["%d/%b %T"]}}]}]"#,
        r#"[{"name":"p","steps":[{"type":"redact","options":{"patterns":{"x":"a+"},"replacement":"{name}"}},{"type":"multiline","options":{"start":"^E"}},{"type":"throttle","options":{"rate":5,"keys":["service"]}}]}]"#,
        r#"[{"name":"p","steps":[{"type":"derive_metrics","options":{"name":"x","kind":"histogram","field":"n","buckets":[1,2]}},{"type":"dedupe","options":{"window":5}},{"type":"route","options":{"tenant":"t","retention":"x"}},{"type":"drop","options":{"fields":["a"]}},{"type":"keep","options":{"attributes":["a*"]}}]}]"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Nothing.
pub fn none() -> Vec<Vec<u8>> {
    Vec::new()
}
