//! What the decoders of spans promise, on small requests. The comparison with the official library is in
//! `tests/unit/native`.

use super::native::{SpanBlockOptions, encode_spans};
use super::{SpanBatch, SpanBatchBuilder, concat, decode_traces_protobuf};
use crate::columns::AttributeValue;
use crate::decode::Decoded;
use crate::limits::{DROPPED_ATTRIBUTES, MAX_ATTRIBUTES, MAX_EVENTS, MAX_LINKS};
use crate::native::retention::Retention;
use crate::origins::DAY_NS;
use crate::rows::RowBuilder;
use crate::select::Filter;

const NOW: i64 = 1_700_000_000_000_000_000;
const TRACE: [u8; 16] = *b"0123456789abcdef";
const SPAN: [u8; 8] = *b"01234567";

/// A length-delimited field.
pub(super) fn field(number: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
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

fn pair(key: &str, value: &str) -> Vec<u8> {
    [field(1, key), field(2, field(1, value))].concat()
}

fn span(fields: &[Vec<u8>]) -> Vec<u8> {
    [field(1, TRACE), field(2, SPAN), fixed64(7, 1000), fixed64(8, 3500), fields.concat()].concat()
}

fn request(spans: &[Vec<u8>]) -> Vec<u8> {
    let resource = field(1, pair("service.name", "shop"));
    let scope: Vec<u8> = spans.iter().flat_map(|span| field(2, span)).collect();
    field(1, [field(1, resource), field(2, scope)].concat())
}

fn decode(spans: &[Vec<u8>]) -> Decoded<SpanBatch> {
    decode_traces_protobuf(&request(spans), NOW).unwrap()
}

fn errors(decoded: &Decoded<SpanBatch>) -> Vec<(u64, &str)> {
    decoded.rejections.first().iter().map(|(number, message)| (*number, message.as_str())).collect()
}

fn attributes(batch: &SpanBatch, row: usize) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut shown = Vec::new();
    batch.attributes.each(row, |key, value| {
        let key = text(batch.attributes.keys.get(key, 0));
        shown.push(match value {
            AttributeValue::String(value) | AttributeValue::Json(value) => format!("{key}={}", text(value)),
            AttributeValue::Int(value) => format!("{key}={value}"),
            AttributeValue::Float(value) => format!("{key}={value}"),
            AttributeValue::Bool(value) => format!("{key}={value}"),
        });
    });
    shown
}

#[test]
fn nothing_is_a_request_too() {
    assert_eq!(decode_traces_protobuf(b"", NOW).unwrap().accepted(), 0);
    assert_eq!(decode(&[]).accepted(), 0);
}

#[test]
fn spans_without_ids_are_named_and_cost_nothing_else() {
    let bad = |trace: &[u8], span: &[u8]| [field(1, trace), field(2, span), fixed64(7, 1)].concat();
    let decoded = decode(&[
        span(&[]),
        bad(&[0; 16], &SPAN),
        bad(&TRACE, &[0; 8]),
        bad(b"short", &SPAN),
        bad(&TRACE, &TRACE),
        bad(b"", &SPAN),
        span(&[field(4, b"1")]),
        span(&[field(4, [0; 8])]),
        fixed64(7, 5),
    ]);
    assert_eq!(decoded.accepted(), 2);
    assert_eq!(
        errors(&decoded),
        [
            (2, "the trace id is missing or only zeros"),
            (3, "the span id is missing or only zeros"),
            (4, "the trace id has 5 bytes, expected 16"),
            (5, "the span id has 16 bytes, expected 8"),
            (6, "the trace id is missing or only zeros"),
            (7, "the parent span id has 1 bytes, expected 8"),
            (9, "the trace id is missing or only zeros"),
        ]
    );
}

#[test]
fn times_that_cannot_be() {
    let ids = [field(1, TRACE), field(2, SPAN)].concat();
    let times = |start: u64, end: u64| [ids.clone(), fixed64(7, start), fixed64(8, end)].concat();
    let decoded = decode(&[times(5, 3), times(0, 3), times(0, 0), times(7, 0), times(1 << 63, 1), times(1, 1 << 63)]);
    let batch = &decoded.batch;
    assert_eq!(batch.timestamps, [5, 3, NOW, 7]);
    assert_eq!(batch.durations, [0; 4]);
    assert_eq!(attributes(batch, 0), ["nexus.end_before_start=true"]);
    assert_eq!((attributes(batch, 1), attributes(batch, 2)), (vec![], vec![]));
    assert_eq!(attributes(batch, 3), ["nexus.end_before_start=true"]);
    let last = "9223372036854775808 is after 2262-04-11T23:47:16.854775807Z, the last nanosecond kept";
    assert_eq!(
        errors(&decoded),
        [(5, &*format!("start_time_unix_nano {last}")), (6, &*format!("end_time_unix_nano {last}"))]
    );
}

#[test]
fn events_and_links_are_bounded() {
    let event = field(11, [fixed64(1, 2000), field(2, "e"), field(3, pair("k", "v"))].concat());
    let link = field(13, [field(1, TRACE), field(2, SPAN), field(4, pair("a", "b"))].concat());
    let nowhere = field(13, field(1, TRACE));
    let without_time = field(11, field(2, "f"));
    let fields = [vec![without_time, nowhere], vec![event; 5000], vec![link; 3000]].concat();
    let decoded = decode(&[span(&fields), span(&[vec![12 << 3, 7], vec![14 << 3, 9]])]);
    let batch = &decoded.batch;
    assert_eq!(batch.events.row(0).len(), MAX_EVENTS);
    assert_eq!(batch.links.row(0).len(), MAX_LINKS);
    assert_eq!(batch.dropped_events, [4001, 7]);
    assert_eq!(batch.dropped_links, [2001, 9]);
    assert_eq!(batch.events.timestamps[..2], [1000, 2000]);
    assert_eq!((batch.events.attributes.get(0), batch.events.attributes.get(1)), (&b""[..], &br#"{"k":"v"}"#[..]));
    assert_eq!(batch.links.attributes.get(0), br#"{"a":"b"}"#);
}

#[test]
fn attributes_beyond_the_limits_are_counted() {
    let many: Vec<Vec<u8>> = (0..MAX_ATTRIBUTES + 10).map(|i| field(9, pair(&format!("k{i}"), "v"))).collect();
    let large = "x".repeat(64 << 10);
    let decoded = decode(&[
        span(&[many.concat(), vec![10 << 3, 5]]),
        span(&[field(9, pair("large", &large)), field(11, [field(2, "e"), vec![4 << 3, 3]].concat())]),
    ]);
    let batch = &decoded.batch;
    assert_eq!(batch.dropped_attributes, [15, 0]);
    assert_eq!(attributes(batch, 0).len(), MAX_ATTRIBUTES);
    assert_eq!(attributes(batch, 1), [format!("large={large}")]);
    assert_eq!(batch.events.attributes.get(0), format!(r#"{{"{DROPPED_ATTRIBUTES}":3}}"#).as_bytes());
}

#[test]
fn numbers_without_a_name_are_unset() {
    let status = |code: u8| field(15, [field(2, "why"), vec![3 << 3, code]].concat());
    let decoded = decode(&[
        span(&[vec![6 << 3, 3], status(2), field(3, "ot=th:8"), vec![16_u8 << 3 | 5 | 0x80, 1, 1, 3, 0, 0]]),
        span(&[vec![6 << 3, 9], status(77)]),
    ]);
    let batch = &decoded.batch;
    assert_eq!((&batch.kinds[..], &batch.statuses[..]), (&[3, 0][..], &[2, 0][..]));
    assert_eq!(batch.texts.get(batch.status_messages[1], 0), b"why");
    assert_eq!(batch.weights, [2.0, 1.0]);
    assert_eq!(batch.flags, [0x301, 0]);
}

#[test]
fn text_that_is_no_utf8_costs_its_span() {
    let decoded =
        decode(&[span(&[field(5, b"\xff")]), span(&[field(5, "fine")]), span(&[field(11, field(2, b"\xff"))])]);
    assert_eq!(decoded.accepted(), 1);
    assert!(errors(&decoded)[0].1.ends_with("is not valid UTF-8"), "{:?}", errors(&decoded));
    assert!(decoded.batch.events.timestamps.is_empty());
}

#[test]
fn a_body_that_is_no_request_is_refused_whole() {
    for body in [&b"\x0a\x05ab"[..], b"\x08", &request(&[span(&[vec![11 << 3 | 2, 2, 0x0a, 9]])])] {
        let error = decode_traces_protobuf(body, NOW).unwrap_err().0;
        assert!(error.starts_with("not an OTLP traces request in protobuf: at byte "), "{error}");
    }
}

#[test]
fn usage_days_and_services() {
    let day = DAY_NS as u64;
    let at = |day: u64| [field(1, TRACE), field(2, SPAN), field(5, "name"), fixed64(7, day), fixed64(8, day)].concat();
    let batch = decode(&[at(3 * day), at(day), at(3 * day + 1)]).batch;
    assert_eq!(batch.days(), [(1, 1), (3, 2)]);
    assert_eq!(batch.services(), [("shop".to_owned(), 3, 12)]);
}

#[test]
fn taking_and_joining_keep_the_spans() {
    let one = |name: &str, id: u8| {
        span(&[
            field(2, [id; 8]),
            field(5, name),
            field(9, pair("k", name)),
            field(11, [fixed64(1, 5), field(2, name), field(3, pair("e", name))].concat()),
            field(13, [field(1, TRACE), field(2, [id; 8]), field(3, name)].concat()),
        ])
    };
    let all = [one("a", 1), one("b", 2), one("c", 3), one("b", 4)];
    let whole = decode(&all).batch;
    let parts = [decode(&all[..2]).batch, decode(&all[2..]).batch];
    let joined = concat(&[&parts[0], &parts[1]]).unwrap();
    let taken = whole.take(&[false, true, false, true]);
    let text = |batch: &SpanBatch, id: u32| String::from_utf8(batch.texts.get(id, 0).to_vec()).unwrap();
    let shown = |batch: &SpanBatch, row: usize| {
        let event = batch.events.row(row).start;
        let link = batch.links.row(row).start;
        (
            batch.span_ids[row][0],
            text(batch, batch.names[row]),
            attributes(batch, row),
            text(batch, batch.events.names[event]),
            batch.events.attributes.get(event).to_vec(),
            batch.links.span_ids[link][0],
            text(batch, batch.links.trace_states[link]),
        )
    };
    for row in 0..4 {
        assert_eq!(shown(&joined, row), shown(&whole, row));
    }
    assert_eq!((shown(&taken, 0), shown(&taken, 1)), (shown(&whole, 1), shown(&whole, 3)));
    assert_eq!((joined.days(), joined.services()), (whole.days(), whole.services()));
    assert_eq!(taken.services(), [("shop".to_owned(), 2, whole.services()[0].2 / 2)]);
}

#[test]
fn filters_find_spans() {
    let batch = decode(&[
        span(&[field(5, "GET /orders"), field(9, pair("http.method", "GET"))]),
        span(&[field(5, "SELECT"), field(9, pair("db.system", "postgresql"))]),
    ])
    .batch;
    for (predicate, expected) in [
        (r#"["compare","column","service","=","shop",null]"#, [true, true]),
        (r#"["compare","resource","service.name","!=","shop",null]"#, [false, false]),
        (r#"["compare","attribute","http.method","=","GET",null]"#, [true, false]),
        (r#"["exists","anywhere","db.system"]"#, [false, true]),
        (r#"["word","orders"]"#, [false, false]),
        (r#"["compare","column","severity","=","error",null]"#, [false, false]),
        (r#"["not",["compare","column","severity",">=","warn",null]]"#, [true, true]),
    ] {
        let filter = Filter::parse(predicate.as_bytes()).unwrap();
        assert_eq!(filter.matches(&batch), expected, "{predicate}");
    }
}

#[test]
fn blocks_have_rows_of_one_day_or_nothing() {
    let batch = decode(&[span(&[])]).batch;
    let block = |day| {
        let retention = Retention { days: 30, rules: &[], now_ns: NOW };
        let options = SpanBlockOptions { tenant: "t", commit_id: 1, pending: 0, retention, day, promoted: &[] };
        encode_spans(&batch, &options).unwrap()
    };
    assert!(block(Some(1)).is_empty());
    assert_eq!(block(Some(0)), block(None));
}

#[test]
fn an_aborted_span_leaves_no_trace() {
    let mut builder = SpanBatchBuilder::new(NOW);
    builder.begin();
    builder.trace_id(TRACE);
    builder.span_id(SPAN);
    assert!(builder.admits_event());
    builder.event(1, "gone", b"{}");
    builder.begin();
    builder.trace_id(TRACE);
    builder.span_id(SPAN);
    builder.commit().unwrap();
    builder.begin();
    builder.link(TRACE, SPAN, "gone", b"");
    let batch = builder.finish();
    assert_eq!((batch.num_rows(), batch.events.names.len(), batch.links.trace_ids.len()), (1, 0, 0));
}
