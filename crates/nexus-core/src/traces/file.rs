//! Files of spans that somebody opens: OTLP in JSON (also as Jaeger's and Tempo's newer APIs wrap it), and traces as Jaeger's UI
//! saves them. They become rows as the storage engine sends them, so that everything that renders those renders files, too.

use super::batch::SpanBatch;
use super::jaeger::{Reference, parent_and_links, push};
use super::otlp_json::decode_traces_json;
use super::render::values::{Leaf, elements, member_text, members};
use super::tagged::{Process, TaggedSpans};
use crate::attributes::Attributes;
use crate::columns::MapColumn;
use crate::decode::{DecodeError, Decoded};
use crate::json::reader::Reader;
use crate::native::attributes::AttributeType;
use crate::otlp::fault::Fault;
use crate::otlp::records::check_size;
use crate::otlp::text::Scalar;
use crate::render::AttributeSource;
use crate::rows::Rows;
use std::borrow::Cow;
use std::collections::HashMap;

type Pairs<'a> = Vec<(Cow<'a, [u8]>, Leaf<'a>)>;

/// Members around a list of `resourceSpans`.
const WRAPPERS: [&[u8]; 2] = [b"result", b"trace"];

/// What the attributes of [`rows_of`] lie in.
pub fn sources() -> Vec<AttributeSource> {
    use AttributeType::{Bool, Float, Int, Json, String};
    [String, Int, Float, Bool, Json].map(AttributeSource::Map).to_vec()
}

/// Decode a file of spans. `now_ns` stands in for missing times.
///
/// # Errors
/// When it is no such file, or all of its spans are rejected.
pub fn decode_file(body: &[u8], now_ns: i64) -> Result<SpanBatch, DecodeError> {
    check_size(body)?;
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    check_json(body)?;
    let decoded = decode(body, now_ns, true)?;
    match decoded.rejections.first().first() {
        Some((number, reason)) if decoded.batch.num_rows() == 0 => {
            Err(DecodeError(format!("no span can be used; the span {number}: {reason}")))
        }
        _ => Ok(decoded.batch),
    }
}

fn check_json(body: &[u8]) -> Result<(), DecodeError> {
    let problem = |error: crate::json::reader::JsonError| {
        DecodeError(format!("not JSON: at byte {}: {}", error.offset, error.what))
    };
    let mut reader = Reader::new(body);
    let token = reader.value().map_err(problem)?;
    reader.skip_rest(token).map_err(problem)?;
    if reader.at_end() { Ok(()) } else { Err(problem(reader.error("expected the end"))) }
}

/// `outermost`: there may be a wrapper around it, one.
fn decode(body: &[u8], now_ns: i64, outermost: bool) -> Result<Decoded<SpanBatch>, DecodeError> {
    let list = elements(body);
    if !list.is_empty() {
        return jaeger(&list, now_ns);
    }
    let found = members(body);
    let has = |name: &[u8]| found.iter().any(|(key, _)| **key == *name);
    if has(b"resourceSpans") || has(b"batches") {
        return decode_traces_json(body, now_ns);
    }
    for (key, value) in &found {
        match value {
            Leaf::Object(inner) if outermost && WRAPPERS.contains(&&**key) => return decode(inner, now_ns, false),
            Leaf::Array(inner) if **key == *b"data" => return jaeger(&elements(inner), now_ns),
            _ => {}
        }
    }
    if has(b"spans") && has(b"traceID") {
        return jaeger(&[Leaf::Object(body)], now_ns);
    }
    Err(DecodeError("neither `resourceSpans` (OTLP) nor `data` (Jaeger) is in it".to_owned()))
}

fn jaeger(traces: &[Leaf<'_>], now_ns: i64) -> Result<Decoded<SpanBatch>, DecodeError> {
    let mut spans = TaggedSpans::new(now_ns);
    for trace in traces {
        let Leaf::Object(trace) = trace else {
            return Err(DecodeError("a trace of Jaeger's is no JSON object".to_owned()));
        };
        let trace = members(trace);
        let processes: HashMap<Cow<'_, [u8]>, Process> = match find(&trace, "processes") {
            Some(Leaf::Object(json)) => members(json).into_iter().map(|(id, one)| (id, process(&one))).collect(),
            _ => HashMap::new(),
        };
        let unknown = Process::default();
        let Some(Leaf::Array(list)) = find(&trace, "spans") else {
            return Err(DecodeError("a trace of Jaeger's has no `spans`".to_owned()));
        };
        for one in elements(list) {
            let Leaf::Object(json) = one else { continue };
            let span = members(json);
            let own = find(&span, "process").map(process);
            let known = processes.get(member_text(&span, "processID"));
            spans.set_process(own.as_ref().or(known).unwrap_or(&unknown));
            let read = match spans.begin() {
                Some(fault) => Err(fault),
                None => read_span(&mut spans, &span),
            };
            spans.end(read);
        }
    }
    Ok(spans.finish())
}

fn find<'p, 'a>(pairs: &'p Pairs<'a>, key: &str) -> Option<&'p Leaf<'a>> {
    pairs.iter().find(|(name, _)| **name == *key.as_bytes()).map(|(_, value)| value)
}

/// A list of `{key, type, value}`.
fn tags<'a>(value: Option<&Leaf<'a>>) -> Vec<(Cow<'a, [u8]>, Leaf<'a>)> {
    let Some(Leaf::Array(list)) = value else { return Vec::new() };
    let mut found = Vec::new();
    for tag in elements(list) {
        let Leaf::Object(json) = tag else { continue };
        let pair = members(json);
        let Some(Leaf::Text(key)) = find(&pair, "key") else { continue };
        let kind = member_text(&pair, "type");
        if let Some(value) = find(&pair, "value") {
            found.push((key.clone(), typed(kind, value.clone())));
        }
    }
    found
}

/// Integers that JavaScript cannot hold are written as texts.
fn typed<'a>(kind: &[u8], value: Leaf<'a>) -> Leaf<'a> {
    match (kind, &value) {
        (b"int64", Leaf::Text(text)) => {
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).map_or(value, Leaf::Int)
        }
        (b"float64", Leaf::Int(number)) => Leaf::Float(*number as f64),
        _ => value,
    }
}

fn scalar<'p>(value: &'p Leaf<'_>) -> Scalar<'p> {
    match value {
        Leaf::Null => Scalar::Empty,
        Leaf::Bool(value) => Scalar::Bool(*value),
        Leaf::Int(value) => Scalar::Int(*value),
        Leaf::Float(value) => Scalar::Double(*value),
        Leaf::Text(text) => Scalar::Text(text),
        Leaf::Array(json) | Leaf::Object(json) => Scalar::Text(json),
    }
}

fn scalars<'p>(tags: &'p Pairs<'_>) -> impl Iterator<Item = (&'p [u8], Scalar<'p>)> {
    tags.iter().map(|(key, value)| (&**key, scalar(value)))
}

fn process(value: &Leaf<'_>) -> Process {
    let Leaf::Object(json) = value else { return Process::default() };
    let process = members(json);
    let tags = tags(find(&process, "tags"));
    Process::new(member_text(&process, "serviceName"), scalars(&tags))
}

fn read_span(spans: &mut TaggedSpans, span: &Pairs<'_>) -> Result<(), Fault> {
    let trace = hex(member_text(span, "traceID"), "traceID")?;
    let id = hex(member_text(span, "spanID"), "spanID")?;
    let parent = hex(member_text(span, "parentSpanID"), "parentSpanID")?;
    let builder = spans.builder();
    builder.trace_id(trace);
    builder.span_id(id);
    builder.name(&String::from_utf8_lossy(member_text(span, "operationName")));
    builder.flags(integer(find(span, "flags")) as u32);
    let mut references = Vec::new();
    if let Some(Leaf::Array(list)) = find(span, "references") {
        for one in elements(list) {
            let Leaf::Object(json) = one else { continue };
            let one = members(json);
            let follows = *member_text(&one, "refType") == *b"FOLLOWS_FROM";
            let trace_id = hex(member_text(&one, "traceID"), "traceID of a reference")?;
            let span_id = hex(member_text(&one, "spanID"), "spanID of a reference")?;
            push(&mut references, Reference { trace_id, span_id, follows });
        }
    }
    parent_and_links(spans, trace, parent, &references);
    for (key, value) in scalars(&tags(find(span, "tags"))) {
        spans.tag(key, value);
    }
    if let Some(Leaf::Array(logs)) = find(span, "logs") {
        for log in elements(logs) {
            let Leaf::Object(json) = log else { continue };
            let log = members(json);
            let at = super::tagged::nanos("timestamp", integer(find(&log, "timestamp")))?;
            spans.event(at, scalars(&tags(find(&log, "fields"))));
        }
    }
    spans.times(integer(find(span, "startTime")), integer(find(span, "duration")))
}

fn integer(value: Option<&Leaf<'_>>) -> i64 {
    match value {
        Some(Leaf::Int(number)) => *number,
        Some(Leaf::Float(number)) => *number as i64,
        _ => 0,
    }
}

/// An id of up to `2 * N` hexadecimal digits; none at all is zero.
fn hex<const N: usize>(text: &[u8], field: &'static str) -> Result<[u8; N], Fault> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let bad = || Fault::Id { field, expected: N, found: text.len() / 2 };
    if text.len() > 2 * N {
        return Err(bad());
    }
    let mut id = [0; N];
    for (place, &byte) in text.iter().rev().enumerate() {
        id[N - 1 - place / 2] |= digit(byte).ok_or_else(bad)? << (4 * (place % 2));
    }
    Ok(id)
}

// --------------------------------------------------------------------------------------------------------------- to rows

/// A batch as rows of [`super::rows::read_spans`] with the attributes of [`sources`], those of a trace one after the other.
pub fn rows_of(batch: &SpanBatch) -> Vec<u8> {
    let mut order: Vec<usize> = (0..batch.num_rows()).collect();
    let mut first = HashMap::new();
    for row in 0..batch.num_rows() {
        let next = first.len();
        first.entry(batch.trace_ids[row]).or_insert(next);
    }
    order.sort_by_key(|&row| first[&batch.trace_ids[row]]);
    let mut out = Vec::with_capacity(batch.num_bytes());
    for row in order {
        write_row(&mut out, batch, row);
    }
    out
}

/// A row of a batch, as those of [`rows_of`].
pub(super) fn write_row(out: &mut Vec<u8>, batch: &SpanBatch, row: usize) {
    let text_of = |id: u32| batch.texts.get(id, 0);
    let origins = batch.origins();
    let (resource, scope) = (origins.resource_ids[row], origins.scope_ids[row]);
    out.extend_from_slice(&batch.trace_ids[row]);
    out.extend_from_slice(&batch.span_ids[row]);
    out.extend_from_slice(&batch.parent_span_ids[row]);
    string(out, text_of(batch.trace_states[row]));
    out.extend_from_slice(&batch.flags[row].to_le_bytes());
    string(out, text_of(batch.names[row]));
    out.push(batch.kinds[row]);
    out.extend_from_slice(&batch.timestamps[row].to_le_bytes());
    out.extend_from_slice(&batch.durations[row].to_le_bytes());
    out.push(batch.statuses[row]);
    string(out, text_of(batch.status_messages[row]));
    string(out, origins.resources.get(resource, 0));
    string(out, origins.resources.get(resource, 1));
    for part in 0..3 {
        string(out, origins.scopes.get(scope, part));
    }
    for dropped in [batch.dropped_attributes[row], batch.dropped_events[row], batch.dropped_links[row]] {
        out.extend_from_slice(&dropped.to_le_bytes());
    }
    let events = batch.events.row(row);
    list(out, events.clone(), |out, at| out.extend_from_slice(&batch.events.timestamps[at].to_le_bytes()));
    list(out, events.clone(), |out, at| string(out, text_of(batch.events.names[at])));
    list(out, events, |out, at| string(out, batch.events.attributes.get(at)));
    let links = batch.links.row(row);
    list(out, links.clone(), |out, at| out.extend_from_slice(&batch.links.trace_ids[at]));
    list(out, links.clone(), |out, at| out.extend_from_slice(&batch.links.span_ids[at]));
    list(out, links.clone(), |out, at| string(out, text_of(batch.links.trace_states[at])));
    list(out, links, |out, at| string(out, batch.links.attributes.get(at)));
    out.extend_from_slice(&batch.weights[row].to_le_bytes());
    let Attributes { strings, ints, floats, bools, jsons, .. } = &batch.attributes;
    map(out, batch, strings, row, |out, at| string(out, strings.values.get(at)));
    map(out, batch, ints, row, |out, at| out.extend_from_slice(&ints.values[at].to_le_bytes()));
    map(out, batch, floats, row, |out, at| out.extend_from_slice(&floats.values[at].to_le_bytes()));
    map(out, batch, bools, row, |out, at| out.push(u8::from(bools.values[at])));
    map(out, batch, jsons, row, |out, at| string(out, jsons.values.get(at)));
}

fn map<V: crate::columns::Values>(
    out: &mut Vec<u8>,
    batch: &SpanBatch,
    column: &MapColumn<V>,
    row: usize,
    write: impl Fn(&mut Vec<u8>, usize),
) {
    list(out, column.row(row), |out, at| {
        string(out, batch.attributes.keys.get(column.keys[at], 0));
        write(out, at);
    });
}

fn list(out: &mut Vec<u8>, entries: std::ops::Range<usize>, write: impl Fn(&mut Vec<u8>, usize)) {
    length(out, entries.len());
    entries.for_each(|at| write(out, at));
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    length(out, text.len());
    out.extend_from_slice(text);
}

fn length(out: &mut Vec<u8>, mut value: usize) {
    while value > 127 {
        out.push(value as u8 & 127 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::super::render::{jaeger_json, otlp_json, render_trace};
    use super::*;
    use serde_json::{Value, json};

    const OTLP: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"a"}},
        {"key":"service.name","value":{"stringValue":"shop"}}]},
        "scopeSpans":[{"scope":{"name":"lib","version":"1"},"spans":[
        {"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0000000000000001","name":"GET /","kind":2,
         "startTimeUnixNano":"1000000000","endTimeUnixNano":"1002000000","traceState":"a=b","flags":1,
         "attributes":[{"key":"b","value":{"boolValue":true}},{"key":"d","value":{"doubleValue":1.5}},
          {"key":"i","value":{"intValue":"7"}},{"key":"s","value":{"stringValue":"x"}}],
         "events":[{"timeUnixNano":"1001000000","name":"retry","attributes":[{"key":"n","value":{"intValue":"1"}}]}],
         "links":[{"traceId":"ffffffffffffffffffffffffffffffff","spanId":"00000000000000ff"}],
         "status":{"message":"no","code":2}},
        {"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0000000000000002","parentSpanId":"0000000000000001",
         "name":"SELECT","kind":3,"startTimeUnixNano":"1000100000","endTimeUnixNano":"1000200000","status":{}}
        ]}]}]}"#;

    fn parsed(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    fn otlp_of(body: &[u8]) -> Value {
        let rows = rows_of(&decode_file(body, 5).unwrap());
        parsed(&otlp_json::render(&rows, &sources(), otlp_json::Flavour::Otlp).unwrap())
    }

    #[test]
    fn otlp_comes_out_as_it_went_in() {
        let expected: Value = serde_json::from_str(OTLP).unwrap();
        let found = otlp_of(OTLP.as_bytes());
        let spans = |value: &Value| value[0]["scopeSpans"][0]["spans"].clone();
        assert_eq!(spans(&found), spans(&expected["resourceSpans"]));
        assert_eq!(found[0]["resource"], expected["resourceSpans"][0]["resource"]);
        for wrapped in [
            format!("{{\"result\":{OTLP}}}"),
            format!("{{\"trace\":{OTLP},\"metrics\":{{}}}}"),
            OTLP.replacen("resourceSpans", "batches", 1),
        ] {
            assert_eq!(otlp_of(wrapped.as_bytes()), found);
        }
    }

    #[test]
    fn what_jaeger_saves_is_read_again() {
        let rows = rows_of(&decode_file(OTLP.as_bytes(), 5).unwrap());
        let saved = jaeger_json::render(&rows, &sources()).unwrap();
        let file = [b"{\"data\":", &saved[..], b",\"total\":0}"].concat();
        let again = rows_of(&decode_file(&file, 5).unwrap());
        assert_eq!(parsed(&jaeger_json::render(&again, &sources()).unwrap()), parsed(&saved));
        let document = parsed(&render_trace(&again, &sources()).unwrap().unwrap());
        assert_eq!(
            (&document["spans"], &document["errors"], &document["parents"]),
            (&json!(2), &json!(1), &json!([-1, 0]))
        );
        // A list of traces, and one alone.
        assert_eq!(rows_of(&decode_file(&saved, 5).unwrap()), again);
        assert_eq!(rows_of(&decode_file(&saved[1..saved.len() - 1], 5).unwrap()), again);
    }

    #[test]
    fn other_files_are_refused() {
        for (body, reason) in [
            ("", "not JSON"),
            ("{\"data\":[", "not JSON"),
            ("{}", "neither"),
            ("[]", "neither"),
            ("[1]", "no JSON object"),
            ("{\"data\":[{}]}", "has no `spans`"),
            ("{\"data\":[{\"spans\":[{\"traceID\":\"xyz\"}]}]}", "no span can be used"),
        ] {
            let error = decode_file(body.as_bytes(), 5).unwrap_err().0;
            assert!(error.contains(reason), "{body}: {error}");
        }
        let nested = format!("{}{}", "{\"result\":".repeat(100_000), "}".repeat(100_000));
        assert!(decode_file(nested.as_bytes(), 5).is_err());
    }
}
