//! Requests of other systems' shippers. The first byte chooses the mapping, see `targets::mapped`.

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
    b"\n",
    b"\\u0000",
    b"\\ud800",
    b"\\",
    b"null",
    b"true",
    b"-1",
    b"1780315200.123",
    b"\"streams\":",
    b"\"stream\":",
    b"\"values\":",
    b"\"labels\":",
    b"\"entries\":",
    b"{a=\\\"b\\\"}",
    b"\"event\":",
    b"\"fields\":",
    b"\"time\":",
    b"\"message\":",
    b"\"ddtags\":\"a:b,a:c,d\"",
    b"\"records\":",
    b"\"data\":",
    b"\"logEvents\":",
    b"\"messageType\":",
    b"{\"create\":{\"_index\":\"a\"}}\n",
    b"\"_id\":",
    b"MESSAGE=",
    b"MESSAGE\n",
    b"\x05\0\0\0\0\0\0\0",
    b"__REALTIME_TIMESTAMP=1",
    b"\xff",
    b"\xed\xa0\x80",
];

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn message(field: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    let mut length = content.len();
    while length > 127 {
        out.push(length as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
    out
}

fn entry(line: &str) -> Vec<u8> {
    let pair = [message(1, b"trace_id"), message(2, b"0af7651916cd43dd8448eb211c80319c")].concat();
    let time = [0x08, 0x80, 0xde, 0xc5, 0xaa, 0x06, 0x10, 0x05];
    message(2, &[message(1, &time), message(2, line.as_bytes()), message(3, &pair)].concat())
}

/// Loki push requests in protobuf.
pub fn loki_protobuf() -> Vec<Vec<u8>> {
    let stream = |labels: &str, lines: &[&str]| {
        let entries = lines.iter().flat_map(|line| entry(line)).collect::<Vec<_>>();
        message(1, &[message(1, labels.as_bytes()), entries].concat())
    };
    vec![
        [b"0".to_vec(), stream(r#"{app="x", level="warn"}"#, &["one", "two"]), stream("{b=`c`}", &["three"])].concat(),
        [b"1".to_vec(), stream(r#"{app="\u00e9\n", env="p"}"#, &["one"])].concat(),
        [b"0".to_vec(), stream("{}", &["x"]), stream("{a", &["y"])].concat(),
    ]
}

/// Many entries, many streams, long labels.
pub fn heavy_loki_protobuf() -> Vec<Vec<u8>> {
    let labels = format!("{{a=\"{}\"}}", "x".repeat(60_000));
    let stream = message(1, &[message(1, b"{a=\"b\"}"), message(2, b"")].concat());
    let long = message(1, &[message(1, labels.as_bytes()), message(2, b"")].concat());
    let empty = [message(1, b"{a=\"b\"}"), vec![0x12, 0].repeat(3 << 20)].concat();
    vec![
        [b"0".to_vec(), stream.repeat(500_000)].concat(),
        [b"0".to_vec(), long.repeat(130)].concat(),
        [b"0".to_vec(), message(1, &empty)].concat(),
    ]
}

/// Loki push requests in JSON.
pub fn loki_json() -> Vec<Vec<u8>> {
    texts(&[
        r#"0{"streams":[{"stream":{"app":"x","level":"info"},"values":[["1700000000000000000","line",{"a":"b","traceID":"x"}],["1","y"]]}]}"#,
        r#"1{"streams":[{"values":[["x","y"],[1,2],["2","z"]],"stream":{"app":"\u00e9"}},{"stream":{},"values":[["1","a"]]}]}"#,
        r#"0{"streams":[{"labels":"{a=\"b\"}","entries":[{"ts":"2026-01-02T03:04:05Z","line":"x"},{"line":"y"}]}]}"#,
    ])
}

/// Events of Splunk's collector.
pub fn splunk() -> Vec<Vec<u8>> {
    texts(&[
        r#"0{"time":1700000000.5,"host":"h","source":"s","event":"text","fields":{"a":1}}{"event":{"message":"m","b":{"c":1}}}"#,
        r#"1{"event":""} {"event":null}{"x":1}{"event":[1,2]}{"event":5,"time":"x"}{"event":"e","fields":{"a":{}}}"#,
        "0line one\nline two\r\n\n",
    ])
}

/// Requests of Datadog's intake.
pub fn datadog() -> Vec<Vec<u8>> {
    texts(&[
        r#"0[{"message":"x","ddtags":"env:prod,team:a,team:b,c","hostname":"h","status":"error","timestamp":1700000000123},5,{}]"#,
        r#"1{"message":"{\"level\":\"warn\",\"msg\":\"y\",\"a\":{\"b\":1}}","service":"s"}{"message":{"a":1}}"#,
        "0plain\ntext\n",
    ])
}

/// Deliveries of Firehose: text, JSON, and a payload of CloudWatch Logs.
pub fn firehose() -> Vec<Vec<u8>> {
    texts(&[
        r#"0{"requestId":"r","timestamp":1,"records":[{"data":"aGVsbG8KeyJhIjoxfQ=="},{"data":"eyJtZXNzYWdlIjoiYSJ9eyJiIjoxfQ=="},{}]}"#,
        r#"1{"records":[{"data":"eyJtZXNzYWdlVHlwZSI6IkRBVEFfTUVTU0FHRSIsIm93bmVyIjoiMSIsImxvZ0V2ZW50cyI6W3siaWQiOiIxIiwidGltZXN0YW1wIjoxLCJtZXNzYWdlIjoieCJ9LDVdfQ=="}]}"#,
        r#"0{"records":[{"data":"H4sIAAAAAAAAA0tMBAALvgmpAgAAAA=="},{"data":"!"},5]}"#,
    ])
}

/// Entries of journald.
pub fn journald() -> Vec<Vec<u8>> {
    vec![
        b"0__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=x\nPRIORITY=3\n_HOSTNAME=h\n\nMESSAGE=y\n_COMM=c\n\n"
            .to_vec(),
        b"1MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nBIN\n\x02\0\0\0\0\0\0\0\xff\0\n\n=x\n\nMESSAGE=z".to_vec(),
    ]
}

/// Bulk requests of Elasticsearch.
pub fn elasticsearch() -> Vec<Vec<u8>> {
    texts(&[
        "0{\"create\":{\"_index\":\"logs-a-b\"}}\n{\"@timestamp\":\"2024-03-01T12:00:00Z\",\"message\":\"x\",\"log\":{\"level\":\"warn\"}}\n{\"index\":{\"_id\":\"1\"}}\n{}\n",
        "1{\"index\":{\"_index\":\"a\",\"_id\":5}}\n{\"a\":{\"b\":1}}\n{\"delete\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{\"update\":{\"_index\":\"a\"}}\n{}\n{\"create\":{}}",
    ])
}

/// Many small records of every kind, and deep nesting.
pub fn heavy() -> Vec<Vec<u8>> {
    vec![
        many("{\"event\":\"\"}"),
        many("{\"create\":{\"_index\":\"a\"}}\n{\"a\":1}\n"),
        format!("0[{}{{}}]", String::from_utf8_lossy(&many("{\"message\":\"{}\"},"))).into_bytes(),
        format!("0{{\"records\":[{}{{}}]}}", String::from_utf8_lossy(&many("{\"data\":\"eyJhIjoxfXsiYSI6MX0=\"},")))
            .into_bytes(),
        format!(
            "0{{\"streams\":[{{\"stream\":{{\"a\":\"b\"}},\"values\":[{}[\"1\",\"\"]]}}]}}",
            String::from_utf8_lossy(&many("[\"1\",\"\"],"))
        )
        .into_bytes(),
        many("a=\n\n"),
        many("x\n"),
        format!("0{{\"event\":{}}}", nested("{\"a\":", "1", "}")).into_bytes(),
        format!("0{{\"message\":\"x\",\"ddtags\":\"{}\"}}", String::from_utf8_lossy(&many("a:b,c,"))).into_bytes(),
    ]
}
