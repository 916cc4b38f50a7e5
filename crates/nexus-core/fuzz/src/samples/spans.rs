//! Spans: OTLP in protobuf and JSON, Zipkin's JSON, Jaeger's Thrift and protobuf.

use super::otlp::Message;
use super::{HEAVY, many, nested};

/// What the JSON formats are made of.
pub const TOKENS: &[&[u8]] = &[
    b"\"traceId\":\"463ac35c9f6413ad48485a3953bb6124\"",
    b"\"spanId\":\"a2fb4a1d1a96d312\"",
    b"\"id\":\"a2fb4a1d1a96d312\"",
    b"\"events\":[{\"name\":\"e\"}]",
    b"\"links\":[{}]",
    b"\"annotations\":[{\"timestamp\":1,\"value\":\"cs\",\"endpoint\":{}}]",
    b"\"binaryAnnotations\":[{\"key\":\"sa\",\"value\":true,\"endpoint\":{}}]",
    b"\"localEndpoint\":{\"serviceName\":\"s\"}",
    b"\"tags\":{\"error\":\"x\"}",
    b"\"status\":{\"code\":2}",
    b"18446744073709551615",
    b"\xed\xa0\x80",
];

fn pair(key: &str, value: &str) -> Vec<u8> {
    Message::default().field(1, key).field(2, Message::default().field(1, value).bytes()).bytes()
}

fn span(name: &str) -> Message {
    Message::default()
        .field(1, b"0123456789abcdef")
        .field(2, b"01234567")
        .field(4, b"76543210")
        .field(5, name)
        .varint(6, 2)
        .fixed64(7, 1_700_000_000_000_000_000)
        .fixed64(8, 1_700_000_000_000_500_000)
        .field(9, pair("http.method", "GET"))
}

fn request(spans: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let resource = Message::default().field(1, pair("service.name", "shop")).bytes();
    let scope = Message::default().field(1, Message::default().field(1, "lib").bytes()).fields(2, spans).bytes();
    Message::default().field(1, Message::default().field(1, resource).field(2, scope).bytes()).bytes()
}

/// Requests of OTLP in protobuf.
pub fn protobuf() -> Vec<Vec<u8>> {
    let event = Message::default().fixed64(1, 7).field(2, "e").field(3, pair("k", "v")).varint(4, 2).bytes();
    let link = Message::default().field(1, b"0123456789abcdef").field(2, b"01234567").field(4, pair("a", "b")).bytes();
    let status = Message::default().field(2, "why").varint(3, 2).bytes();
    let full = span("GET /orders")
        .field(3, "ot=th:8")
        .varint(10, 1)
        .field(11, &event)
        .varint(12, 3)
        .field(13, link)
        .varint(14, 4)
        .field(15, status)
        .fixed32(16, 0x101);
    vec![
        request([full.bytes(), span("b").bytes()]),
        request([Message::default().bytes(), Message::default().field(1, b"short").bytes()]),
        request([span("c").fixed64(7, 5).fixed64(8, 3).fixed64(7, u64::MAX).bytes()]),
        Vec::new(),
    ]
}

/// Many events, links and attributes of nothing.
pub fn protobuf_heavy() -> Vec<Vec<u8>> {
    let one = |piece: &[u8]| request([[&span("x").bytes()[..], &piece.repeat(HEAVY / piece.len())].concat()]);
    let events: Vec<u8> = b"\x5a\x00".repeat(1000);
    let each = span("y").bytes().into_iter().chain(events).collect::<Vec<u8>>();
    vec![
        one(b"\x5a\x00"),
        one(b"\x6a\x00"),
        one(b"\x4a\x00"),
        request([
            [&span("x").bytes()[..], &Message::default().field(11, b"\x1a\x00".repeat(HEAVY / 2)).bytes()].concat()
        ]),
        request(std::iter::repeat_n(each, HEAVY / 2100)),
        request(std::iter::repeat_n(Vec::new(), HEAVY / 2)),
    ]
}

const JSON: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeSpans":[{"scope":{"name":"l"},"spans":[{"traceId":"463ac35c9f6413ad48485a3953bb6124","spanId":"a2fb4a1d1a96d312","parentSpanId":"","name":"n","kind":2,"traceState":"ot=th:8","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000000000005","attributes":[{"key":"a","value":{"intValue":"1"}}],"events":[{"timeUnixNano":"1","name":"e","attributes":[{"key":"k","value":{"stringValue":"v"}}]}],"links":[{"traceId":"463ac35c9f6413ad48485a3953bb6124","spanId":"a2fb4a1d1a96d312"}],"status":{"code":2,"message":"m"},"flags":257}]}]}]}"#;

/// Requests of OTLP in JSON.
pub fn json() -> Vec<Vec<u8>> {
    vec![
        JSON.as_bytes().to_vec(),
        JSON.replace("resourceSpans", "batches").replace("\"kind\":2", "\"kind\":\"SPAN_KIND_SERVER\"").into_bytes(),
        b"{}".to_vec(),
    ]
}

/// Large ones.
pub fn json_heavy() -> Vec<Vec<u8>> {
    let spans = |inner: &str| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{inner}]}}]}}]}}"#).into_bytes();
    let list = |name: &str| spans(&format!(r#"{{"{name}":[{}{{}}]}}"#, "{},".repeat(HEAVY / 3)));
    vec![list("events"), list("links"), list("attributes"), spans(&format!("{}{{}}", "{},".repeat(HEAVY / 3)))]
}

const ZIPKIN: &str = r#"[{"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"a2fb4a1d1a96d312","parentId":"1","kind":"CLIENT","name":"get","timestamp":1700000000000000,"duration":2500,"localEndpoint":{"serviceName":"front","ipv4":"10.0.0.7","port":80},"remoteEndpoint":{"serviceName":"cart","ipv6":"::1"},"annotations":[{"timestamp":1700000000000007,"value":"retry"}],"tags":{"a":"b","error":"x"},"debug":true,"shared":false}]"#;
const ZIPKIN_1: &str = r#"[{"traceId":"1","id":"2","name":"get","timestamp":1700000000000000,"duration":5,"annotations":[{"timestamp":1,"value":"cs","endpoint":{"serviceName":"f"}},{"timestamp":9,"value":"sr","endpoint":{"serviceName":"c"}}],"binaryAnnotations":[{"key":"sa","value":true,"endpoint":{"serviceName":"c"}},{"key":"n","value":7.5}]}]"#;

/// Spans of Zipkin.
pub fn zipkin() -> Vec<Vec<u8>> {
    vec![ZIPKIN.as_bytes().to_vec(), ZIPKIN_1.as_bytes().to_vec(), b"[]".to_vec()]
}

/// Large ones.
pub fn zipkin_heavy() -> Vec<Vec<u8>> {
    let one = |name: &str, item: &str| {
        format!(r#"[{{"{name}":[{}{item}]}}]"#, format!("{item},").repeat(HEAVY / (item.len() + 1))).into_bytes()
    };
    vec![
        one("annotations", "{}"),
        one("binaryAnnotations", "{}"),
        one("binaryAnnotations", r#"{"key":"sa","value":true,"endpoint":{}}"#),
        [b"[", &many("{},")[..], b"{}]"].concat(),
        nested("[{\"x\":", "1", "}]").into_bytes(),
    ]
}

/// A batch of Jaeger's in the binary protocol: a process with a tag, a span with references, tags and a log.
pub fn jaeger_binary() -> Vec<Vec<u8>> {
    let text = |id: u8, value: &str| [&[11, 0, id][..], &(value.len() as u32).to_be_bytes(), value.as_bytes()].concat();
    let i32 = |id: u8, value: i32| [&[8, 0, id][..], &value.to_be_bytes()].concat();
    let i64 = |id: u8, value: i64| [&[10, 0, id][..], &value.to_be_bytes()].concat();
    let list = |id: u8, items: &[Vec<u8>]| {
        [&[15, 0, id, 12][..], &(items.len() as u32).to_be_bytes(), &items.concat()].concat()
    };
    let tag = |key: &str, value: &str| [text(1, key), i32(2, 0), text(3, value), vec![0]].concat();
    let flag = [text(1, "error"), i32(2, 2), vec![2, 0, 5, 1], vec![0]].concat();
    let process = [vec![12, 0, 1], text(1, "cart"), list(2, &[tag("host", "h")]), vec![0]].concat();
    let reference = [i32(1, 1), i64(2, 9), i64(3, 9), i64(4, 9), vec![0]].concat();
    let log = [i64(1, 1_700_000_000_000_000), list(2, &[tag("event", "e"), tag("k", "v")]), vec![0]].concat();
    let span = [
        i64(1, 1),
        i64(2, 0),
        i64(3, 2),
        i64(4, 0),
        text(5, "op"),
        list(6, &[reference]),
        i32(7, 1),
        i64(8, 1_700_000_000_000_000),
        i64(9, 2500),
        list(10, &[tag("span.kind", "client"), flag]),
        list(11, &[log]),
        vec![0],
    ]
    .concat();
    let batch = [process, list(2, &[span]), vec![0]].concat();
    let head = [&[0x80, 1, 0, 4][..], &9_u32.to_be_bytes(), b"emitBatch", &[0; 4]].concat();
    let call = [head, vec![12, 0, 1], batch.clone(), vec![0]].concat();
    vec![batch, call, vec![0]]
}

/// The same in the compact protocol, as a call.
pub fn jaeger_compact() -> Vec<Vec<u8>> {
    let text = |value: &str| [&[value.len() as u8][..], value.as_bytes()].concat();
    let tag = |key: &str, value: &str| [vec![0x18], text(key), vec![0x15, 0, 0x18], text(value), vec![0]].concat();
    let process = [vec![0x1c, 0x18], text("cart"), vec![0x19, 0x1c], tag("host", "h"), vec![0]].concat();
    let span = [
        vec![0x16, 2, 0x16, 0, 0x16, 4, 0x16, 0, 0x18],
        text("op"),
        vec![0x25, 2, 0x16, 0x80, 0x80, 0x80, 0xc0, 0xba, 0x89, 0x83, 6, 0x16, 0x88, 0x27, 0x19, 0x1c],
        tag("span.kind", "server"),
        vec![0x19, 0x1c, 0x16, 2, 0x19, 0x1c],
        tag("event", "e"),
        vec![0, 0],
    ]
    .concat();
    let batch = [process, vec![0x19, 0x1c], span, vec![0]].concat();
    let call = [vec![0x82, 0x81, 0, 9], b"emitBatch".to_vec(), vec![0x1c], batch.clone(), vec![0]].concat();
    vec![batch, call, vec![0]]
}

/// Datagrams of the binary protocol behind their lengths.
pub fn jaeger_datagrams() -> Vec<Vec<u8>> {
    let framed = |datagram: &Vec<u8>| [&(datagram.len() as u32).to_le_bytes()[..], datagram].concat();
    vec![jaeger_compact().iter().map(framed).collect::<Vec<_>>().concat(), Vec::new()]
}

/// Nesting and numbers beyond what is there.
pub fn thrift_heavy() -> Vec<Vec<u8>> {
    let lists = |head: &[u8], item: &[u8]| {
        let count = (HEAVY / item.len()) as u32;
        [head, &count.to_be_bytes(), &item.repeat(count as usize)].concat()
    };
    vec![
        b"\x0c\x00\x63".repeat(HEAVY / 3),
        b"\x9c".repeat(HEAVY),
        lists(&[15, 0, 2, 12], b"\0"),
        lists(&[12, 0, 1, 15, 0, 2, 12], b"\0"),
        lists(&[15, 0, 99, 3], b"\0"),
    ]
}

/// Requests of `jaeger.api_v2`.
pub fn jaeger_protobuf() -> Vec<Vec<u8>> {
    let time = Message::default().varint(1, 1_700_000_000).varint(2, 5).bytes();
    let tag = |key: &str, value: &str| Message::default().field(1, key).field(3, value).bytes();
    let flag = Message::default().field(1, "error").varint(2, 1).varint(4, 1).bytes();
    let reference = Message::default().field(1, b"0123456789abcdef").field(2, b"76543210").bytes();
    let log = Message::default().field(1, &time).field(2, tag("event", "e")).bytes();
    let process = Message::default().field(1, "cart").field(2, tag("host", "h")).bytes();
    let span = Message::default()
        .field(1, b"0123456789abcdef")
        .field(2, b"01234567")
        .field(3, "op")
        .field(4, reference)
        .varint(5, 1)
        .field(6, &time)
        .field(7, Message::default().varint(2, 500).bytes())
        .field(8, tag("span.kind", "client"))
        .field(8, flag)
        .field(9, log)
        .field(10, &process)
        .bytes();
    let batch = Message::default().field(1, span).field(2, process).bytes();
    vec![Message::default().field(1, batch).bytes(), Vec::new()]
}

/// Large ones.
pub fn jaeger_protobuf_heavy() -> Vec<Vec<u8>> {
    let batch = |inner: Vec<u8>| Message::default().field(1, inner).bytes();
    let span = |piece: &[u8]| batch(Message::default().field(1, piece.repeat(HEAVY / piece.len())).bytes());
    let log = Message::default().field(9, b"\x12\x00".repeat(HEAVY / 2)).bytes();
    vec![
        batch(b"\x0a\x00".repeat(HEAVY / 2)),
        span(b"\x22\x00"),
        span(b"\x42\x00"),
        span(b"\x4a\x00"),
        batch(Message::default().field(1, log).bytes()),
        batch(Message::default().field(2, b"\x12\x00".repeat(HEAVY / 2)).bytes()),
    ]
}
