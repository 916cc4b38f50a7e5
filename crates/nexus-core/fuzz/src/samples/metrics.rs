//! What pushes metrics: remote write, OTLP, lines, blocks of Prometheus' database.

use super::otlp::Message;
use super::{HEAVY, many};

/// What the line protocols are made of.
pub const TOKENS: &[&[u8]] = &[
    b"cpu,host=a load=1i",
    b"\\ ",
    b"\\,",
    b"\\=",
    b"\"",
    b"=t ",
    b";tag=v",
    b" -1\n",
    b":1|c",
    b":-1:2|h|@0.1|#a:b,c",
    b"|ms",
    b"|s",
    b"|g",
    b"_e{",
    b"NaN",
    b"1e309",
    b" 9223372036854775807",
    b"\n",
    b"\r\n",
    b"\xff",
];

/// What OTLP metrics in JSON are made of.
pub const JSON_TOKENS: &[&[u8]] = &[
    b"\"dataPoints\":[",
    b"\"sum\":{",
    b"\"histogram\":{",
    b"\"exponentialHistogram\":{",
    b"\"aggregationTemporality\":1",
    b"\"bucketCounts\":[1,2]",
    b"\"explicitBounds\":[1]",
    b"\"timeUnixNano\":\"1\"",
    b"\"asInt\":\"1\"",
    b"{",
    b"}",
    b"]",
    b",",
    b"null",
];

fn label(name: &str, value: &str) -> Vec<u8> {
    Message::default().field(1, name).field(2, value).bytes()
}

fn sample(time: u64, value: f64) -> Vec<u8> {
    Message::default().fixed64(1, value.to_bits()).varint(2, time).bytes()
}

fn histogram() -> Vec<u8> {
    let span = Message::default().varint(1, 2).varint(2, 2).bytes();
    Message::default()
        .varint(1, 6)
        .fixed64(3, 2.5_f64.to_bits())
        .varint(4, 6)
        .fixed64(5, 1e-9_f64.to_bits())
        .varint(6, 1)
        .field(8, &span)
        .field(9, [2, 2])
        .field(11, &span)
        .field(12, [2, 0])
        .varint(15, 99)
        .bytes()
}

/// Requests of remote write 1.0.
pub fn remote_write() -> Vec<Vec<u8>> {
    let series = |labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(name, value)| label(name, value));
        let exemplar = Message::default().field(1, label("trace_id", "x")).fixed64(2, 7).varint(3, 9).bytes();
        let message = Message::default().fields(1, labels).field(2, sample(1, 1.5)).field(3, exemplar);
        message.field(4, histogram()).bytes()
    };
    let metadata = Message::default().varint(1, 3).field(2, "a").field(4, "What").field(5, "s").bytes();
    vec![
        Message::default()
            .field(1, series(&[("__name__", "a"), ("job", "b")]))
            .field(1, series(&[("job", "b"), ("__name__", "a"), ("job", "")]))
            .field(3, metadata)
            .bytes(),
    ]
}

/// Requests of remote write 2.0.
pub fn remote_write_v2() -> Vec<Vec<u8>> {
    let symbols = ["", "__name__", "a_bucket", "job", "b", "What"].map(|text| text.as_bytes().to_vec());
    let metadata = Message::default().varint(1, 3).varint(3, 5).bytes();
    let exemplar = Message::default().field(1, [3, 4]).fixed64(2, 7).bytes();
    let series = Message::default()
        .field(1, [1, 2, 3, 4])
        .field(2, sample(1, 1.5))
        .field(3, histogram())
        .field(4, exemplar)
        .field(5, metadata)
        .bytes();
    vec![Message::default().fields(4, symbols).field(5, &series).field(5, series).bytes()]
}

fn attribute(key: &str, value: &str) -> Vec<u8> {
    Message::default().field(1, key).field(2, Message::default().field(1, value).bytes()).bytes()
}

/// Requests of OTLP metrics, a metric of each kind.
pub fn otlp() -> Vec<Vec<u8>> {
    let point = || Message::default().fixed64(2, 1).fixed64(3, 2_000_000);
    let number = point().fixed64(6, 5).field(7, attribute("a.b", "c")).bytes();
    let doubles = |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let counts = |values: &[u64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let classic = point().fixed64(4, 3).fixed64(5, 7).field(6, counts(&[1, 2])).field(7, doubles(&[0.5])).bytes();
    let buckets = Message::default().varint(1, 3).field(2, [1, 2]).bytes();
    let exponential = point().fixed64(4, 4).varint(6, 40).fixed64(7, 1).field(8, buckets).bytes();
    let quantile = Message::default().fixed64(1, 1).fixed64(2, 2).bytes();
    let summary = point().fixed64(4, 3).fixed64(5, 7).field(6, quantile).bytes();
    let metric = |field: u64, point: &[u8]| {
        let data = Message::default().field(1, point).varint(2, 1).varint(3, 1).bytes();
        Message::default().field(1, "x.y").field(2, "d").field(3, "By/s").field(field, data).bytes()
    };
    let metrics = [(5, &number), (7, &number), (9, &classic), (10, &exponential), (11, &summary)];
    let scope = Message::default().fields(2, metrics.map(|(field, point)| metric(field, point))).bytes();
    let resource = Message::default().field(1, attribute("service.name", "s")).bytes();
    vec![Message::default().field(1, Message::default().field(1, resource).field(2, scope).bytes()).bytes()]
}

/// The same in JSON.
pub fn otlp_json() -> Vec<Vec<u8>> {
    [
        r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeMetrics":[
        {"scope":{"name":"l"},"metrics":[{"name":"a.b","unit":"By/s","sum":{"dataPoints":[{"asInt":"3","timeUnixNano":"2"}],
        "aggregationTemporality":1,"isMonotonic":true}},{"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[
        {"count":3,"sum":1,"bucketCounts":[1,"2"],"explicitBounds":[0.5],"exemplars":[{"asDouble":1}]}]}},
        {"exponentialHistogram":{"dataPoints":[{"scale":20,"count":4,"zeroCount":1,"positive":{"offset":-3,"bucketCounts":
        ["3"]}}],"aggregationTemporality":1},"name":"e"},{"name":"s","summary":{"dataPoints":[{"quantileValues":[
        {"quantile":0.5,"value":1}],"flags":1}]}}]}]}]}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Lines of the line protocols; the first byte chooses, see `targets::metric_lines`.
pub fn lines() -> Vec<Vec<u8>> {
    [
        "\x00cpu,host=a,b=c\\ d load=1,x=2i,s=\"a, \\\"b\",t=T 1700000000000000000\nmem v=1\n# c\n",
        "\x01servers.web;dc=eu;x=y 1.5 1700000000\na 1\nb\t2\t-1\n",
        "\x02a.b:1|c|@0.5|#env:prod,x\nq:-2|g\nu:x|s\nr:1:2:300|ms\nn,t=v:0.5|h\n_e{1,1}:a|b\n",
        "\x03r:1:2:300|ms\nr:1e300|d\nr:-1e-300|h",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// An index and chunks: four bytes of the index' length, the index, then the one file of chunks.
pub fn blocks() -> Vec<Vec<u8>> {
    let mut index = vec![0xba, 0xaa, 0xd7, 0, 2];
    let symbols = index.len() as u64;
    index.extend([0, 0, 0, 0, 0, 0, 0, 2, 8]);
    index.extend(b"__name__");
    index.extend([1, b'a', 0, 0, 0, 0]);
    while index.len() % 16 != 0 {
        index.push(0);
    }
    let series = index.len() as u64;
    index.extend([7, 1, 0, 1, 1, 0, 9, 8, 0, 0, 0, 0]);
    let end = index.len() as u64;
    for place in [symbols, series, end, end, end, end] {
        index.extend(place.to_be_bytes());
    }
    index.extend([0; 4]);
    let mut chunks = vec![0x85, 0xbd, 0x40, 0xdd, 1, 0, 0, 0, 12, 1, 0, 1, 2];
    chunks.extend(1.5_f64.to_bits().to_be_bytes());
    chunks.extend([0; 5]);
    let mut input = (index.len() as u32).to_be_bytes().to_vec();
    input.extend(index);
    input.extend(chunks);
    vec![input]
}

/// Chunks: the first byte is the encoding.
pub fn chunks() -> Vec<Vec<u8>> {
    let mut floats = vec![1, 0, 3, 2];
    floats.extend(1.5_f64.to_bits().to_be_bytes());
    floats.extend([0x0f, 0b0100_0000, 0b0000_0111, 0xff, 0xff, 0xff]);
    vec![
        floats,
        vec![2, 0, 2, 0, 0, 0b1000_1100, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3],
        vec![3, 0, 1, 0xc0, 5, 9, 9, 9],
    ]
}

/// Large ones: a series again and again, labels, buckets, references without end.
pub fn heavy_protobuf() -> Vec<Vec<u8>> {
    let repeated = |piece: &[u8]| piece.repeat(HEAVY / piece.len());
    let point = Message::default().field(1, Message::default().field(2, [0; 0]).bytes()).bytes();
    vec![
        repeated(&remote_write()[0]),
        repeated(&otlp()[0]),
        repeated(b"\x0a\x00"),
        Message::default().field(1, repeated(b"\x12\x00")).bytes(),
        Message::default().field(1, repeated(b"\x22\x00")).bytes(),
        Message::default().field(1, repeated(b"\x1a\x00")).bytes(),
        Message::default().field(1, repeated(b"\x0a\x06\x0a\x01a\x12\x01b")).bytes(),
        Message::default().field(1, Message::default().field(2, repeated(&point)).bytes()).bytes(),
    ]
}

/// Large ones of 2.0: a symbol that labels refer to again and again.
pub fn heavy_v2() -> Vec<Vec<u8>> {
    let long = "x".repeat(60_000);
    let refs = vec![1_u8; HEAVY];
    let series = Message::default().field(1, &refs).field(2, sample(1, 1.0)).bytes();
    let short = Message::default().field(1, [2, 1, 1, 1]).field(2, sample(1, 1.0)).bytes();
    let symbols = Message::default().field(4, "").field(4, &long).field(4, "__name__");
    vec![
        symbols.field(5, series).bytes(),
        Message::default().field(4, "").field(4, &long).field(4, "__name__").fields(5, vec![short; 20_000]).bytes(),
        remote_write_v2()[0].repeat(HEAVY / 150),
    ]
}

/// Large JSON.
pub fn heavy_json() -> Vec<Vec<u8>> {
    let point = r#"{"asInt":1,"attributes":[{"key":"a","value":{"stringValue":"b"}}]},"#;
    let text =
        |head: &str, piece: &str, tail: &str| format!("{head}{}{tail}", piece.repeat(HEAVY / piece.len())).into_bytes();
    let head = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":["#;
    vec![
        text(head, point, "{}]}}]}]}]}"),
        text(head, "{},", "{}]}}]}]}]}"),
        text(&format!("{head}{{\"attributes\":["), "{},", "{}]}]}}]}]}]}"),
        text(&format!("{head}{{\"exemplars\":["), "{},", "{}]}]}}]}]}]}"),
    ]
}

/// Large lines.
pub fn heavy_lines() -> Vec<Vec<u8>> {
    ["\x00a,b=c d=1,e=2\n", "\x01a;b=c 1 2\n", "\x02a:1|c\n", "\x02a:1:1:1:1:1:1:1:1|h\n", "\x00a=,", "\x01;a=b"]
        .map(|piece| many(&piece[1..]))
        .into_iter()
        .zip([0, 1, 2, 3, 0, 1])
        .map(|(body, choice)| [&[choice], &body[..]].concat())
        .chain([(0..200_000)
            .flat_map(|i| format!("{}u{i}:{i}|s\n", if i == 0 { "\x02" } else { "" }).into_bytes())
            .collect()])
        .collect()
}
