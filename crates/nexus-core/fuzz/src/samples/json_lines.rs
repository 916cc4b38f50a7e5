//! JSON lines. The first byte chooses the mapping, see `targets::json_lines`.

use super::{many, nested};

/// What records are made of.
pub const TOKENS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"\n",
    b"\r\n",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"\\",
    b"null",
    b"true",
    b"1e308",
    b"-1",
    b"9223372036854775807",
    b"1.5e-7",
    b"NaN",
    b"-Infinity",
    b"\"_time\":",
    b"\"_msg\":",
    b"\"level\":",
    b"\"service\":",
    b"\"trace_id\":",
    b"\"span_id\":",
    b"\"severity_number\":",
    b"\"a.b\":",
    b"2024-02-29T23:59:60Z",
    b"2024-01-02 03:04:05,678 +0100",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xed\xa0\x80",
];

/// Records of all kinds.
pub fn small() -> Vec<Vec<u8>> {
    [
        "0{\"_time\":\"2024-03-01T12:00:00.123456789Z\",\"_msg\":\"started\",\"level\":\"info\",\"service\":\"api\",\"port\":8080}\n",
        "0{\"timestamp\":1700000000,\"message\":\"x\",\"a\":{\"b\":{\"c\":[1,2.5,null,\"é\"]}},\"ok\":true}\n{\"@timestamp\":\"1700000000123\"}\n\n",
        "0{\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"span_id\":\"b7ad6b7169203331\",\"severity_number\":17}\r\nnot json\r\n{}",
        "0[{\"a\":1},{\"a\":\"\\u00e9\\ud83d\\ude00\\n\"},7,{\"a\":{\"a\":{\"a\":{}}}}]",
        "1{\"t\":\"1700000000.5\",\"m\":\"hello\",\"l\":\"WARN2\",\"a\":{\"b\":\"stream\",\"c\":1},\"x\":1,\"yy\":2}\n",
        "2{\"_stream\":{\"app\":\"x\"},\"level\":30,\"PRIORITY\":\"3\",\"time\":\"Mon, 02 Jan 2006 15:04:05 GMT\"}\n",
        "0{\"a\":9223372036854775808,\"a\":-0.0,\"b\":1e400,\"c\":NaN}\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Many records, many keys, deep nesting, one long string.
pub fn heavy() -> Vec<Vec<u8>> {
    let keys: String = (0..400_000).map(|i| format!("\"k{i}\":{i},")).collect();
    vec![
        many("{}\n"),
        many("x\n"),
        many("{\"a\":1}\n"),
        format!("0{{{keys}\"z\":0}}").into_bytes(),
        (0..300_000).map(|i| format!("{{\"k{i}\":\"{i}\"}}\n")).collect::<String>().into_bytes(),
        format!("0{}", nested("{\"a\":", "1", "}")).into_bytes(),
        format!("0{{\"a\":{}}}", nested("[", "", "]")).into_bytes(),
        format!("0{{\"a\":\"{}\"}}", String::from_utf8_lossy(&many("\\u0001"))).into_bytes(),
        format!("0[{}{{}}]", String::from_utf8_lossy(&many("{},"))).into_bytes(),
    ]
}

/// The web shop of [`super::otlp::shop`] as JSON lines.
pub fn shop(records: u64) -> Vec<u8> {
    let line = |index: u64| {
        let random = index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!(
            "{{\"timestamp\":\"2024-03-01T12:{:02}:{:02}.{:06}Z\",\"level\":\"info\",\"service\":\"checkout\",\"message\":\"order {index} of \
             customer {} paid with card in {} ms, {} items shipped from warehouse {}\",\"trace_id\":\"{random:016x}{:016x}\",\
             \"http.request.method\":\"GET\",\"url.path\":\"/api/orders/{}\",\"http.response.status_code\":200,\"cache.hit\":true}}\n",
            index / 60 % 60,
            index % 60,
            random % 1_000_000,
            random % 100_000,
            random % 977,
            random % 7,
            random % 13,
            !random,
            random % 10_000,
        )
    };
    (0..records).map(line).collect::<String>().into_bytes()
}
