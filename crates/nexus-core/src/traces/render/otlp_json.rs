//! Spans as OTLP in JSON.
//!
//! Source: opentelemetry-proto docs/specification.md "JSON Protobuf Encoding"; for Tempo's older form its API documentation.

use super::super::rows::{Span, read_spans};
use super::groups::{distinct, grouped};
use super::text::{array, is_set, list, write_hex, write_quoted, write_text, write_unsigned};
use super::values::{DEEPEST, Leaf, elements, members};
use crate::otlp::base64;
use crate::otlp::text::write_double;
use crate::render::{AttributeSource, BadRows};
use std::borrow::Cow;

/// Whose JSON it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// OpenTelemetry's own: ids in hexadecimal digits, enumerations by number.
    Otlp,
    /// Protobuf's mapping, which Tempo answers with: ids in base64, enumerations by name.
    Protobuf,
}

const KINDS: [&[u8]; 6] = [b"UNSPECIFIED", b"INTERNAL", b"SERVER", b"CLIENT", b"PRODUCER", b"CONSUMER"];
const STATUSES: [&[u8]; 3] = [b"UNSET", b"OK", b"ERROR"];

/// The list of `ResourceSpans` of rows, a JSON array.
pub fn render(rows: &[u8], sources: &[AttributeSource], flavour: Flavour) -> Result<Vec<u8>, BadRows> {
    let spans = read_spans(rows, sources)?;
    let mut out = Vec::with_capacity(rows.len() * 3);
    array(&mut out, grouped(distinct(&spans)), |out, resource| {
        let first = resource.scopes[0].spans[0];
        out.extend_from_slice(b"{\"resource\":{");
        attributes(out, members(first.resource), false);
        out.extend_from_slice(b"},\"scopeSpans\":");
        array(out, resource.scopes, |out, scope| {
            out.extend_from_slice(b"{\"scope\":{");
            write_scope(out, scope.spans[0]);
            out.extend_from_slice(b"},\"spans\":");
            array(out, scope.spans, |out, span| write_span(out, span, flavour));
            out.push(b'}');
        });
        out.push(b'}');
    });
    Ok(out)
}

fn write_scope(out: &mut Vec<u8>, span: &Span<'_>) {
    let mut comma = false;
    for (key, value) in [("name", span.scope_name), ("version", span.scope_version)] {
        if !value.is_empty() {
            separate(out, &mut comma);
            write_key(out, key);
            write_text(out, value);
        }
    }
    attributes(out, members(span.scope_attributes), comma);
}

fn write_span(out: &mut Vec<u8>, span: &Span<'_>, flavour: Flavour) {
    out.extend_from_slice(b"{\"traceId\":");
    id(out, &span.trace_id, flavour);
    out.extend_from_slice(b",\"spanId\":");
    id(out, &span.span_id, flavour);
    if !span.trace_state.is_empty() {
        out.extend_from_slice(b",\"traceState\":");
        write_text(out, span.trace_state);
    }
    if is_set(&span.parent_span_id) {
        out.extend_from_slice(b",\"parentSpanId\":");
        id(out, &span.parent_span_id, flavour);
    }
    counted(out, "flags", span.flags);
    out.extend_from_slice(b",\"name\":");
    write_text(out, span.name);
    if span.kind != 0 {
        out.extend_from_slice(b",\"kind\":");
        enumeration(out, b"SPAN_KIND_", &KINDS, span.kind, flavour);
    }
    out.extend_from_slice(b",\"startTimeUnixNano\":");
    write_quoted(out, span.start);
    out.extend_from_slice(b",\"endTimeUnixNano\":");
    write_quoted(out, span.end());
    attributes(out, span.attributes().into_iter().map(|(key, value)| (Cow::Borrowed(key), Leaf::of(value))), true);
    counted(out, "droppedAttributesCount", span.dropped_attributes);
    if span.event_count > 0 {
        out.extend_from_slice(b",\"events\":");
        array(out, span.events(), |out, event| {
            out.extend_from_slice(b"{\"timeUnixNano\":");
            write_quoted(out, event.time);
            out.extend_from_slice(b",\"name\":");
            write_text(out, event.name);
            attributes(out, members(event.attributes), true);
            out.push(b'}');
        });
    }
    counted(out, "droppedEventsCount", span.dropped_events);
    if span.link_count > 0 {
        out.extend_from_slice(b",\"links\":");
        array(out, span.links(), |out, link| {
            out.extend_from_slice(b"{\"traceId\":");
            id(out, &link.trace_id, flavour);
            out.extend_from_slice(b",\"spanId\":");
            id(out, &link.span_id, flavour);
            if !link.trace_state.is_empty() {
                out.extend_from_slice(b",\"traceState\":");
                write_text(out, link.trace_state);
            }
            attributes(out, members(link.attributes), true);
            out.push(b'}');
        });
    }
    counted(out, "droppedLinksCount", span.dropped_links);
    out.extend_from_slice(b",\"status\":{");
    let mut comma = false;
    if !span.status_message.is_empty() {
        separate(out, &mut comma);
        write_key(out, "message");
        write_text(out, span.status_message);
    }
    if span.status != 0 {
        separate(out, &mut comma);
        write_key(out, "code");
        enumeration(out, b"STATUS_CODE_", &STATUSES, span.status, flavour);
    }
    out.extend_from_slice(b"}}");
}

fn id(out: &mut Vec<u8>, id: &[u8], flavour: Flavour) {
    match flavour {
        Flavour::Otlp => write_hex(out, id),
        Flavour::Protobuf => {
            out.push(b'"');
            base64::encode(id, out);
            out.push(b'"');
        }
    }
}

fn enumeration(out: &mut Vec<u8>, prefix: &[u8], names: &[&[u8]], value: u8, flavour: Flavour) {
    match names.get(usize::from(value)) {
        Some(name) if flavour == Flavour::Protobuf => {
            out.push(b'"');
            out.extend_from_slice(prefix);
            out.extend_from_slice(name);
            out.push(b'"');
        }
        _ => write_unsigned(out, value.into()),
    }
}

fn separate(out: &mut Vec<u8>, comma: &mut bool) {
    if *comma {
        out.push(b',');
    }
    *comma = true;
}

fn write_key(out: &mut Vec<u8>, key: &str) {
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn counted(out: &mut Vec<u8>, key: &str, count: u32) {
    if count > 0 {
        out.push(b',');
        write_key(out, key);
        write_unsigned(out, count.into());
    }
}

/// The member `attributes`, when there are some.
fn attributes<'v>(out: &mut Vec<u8>, pairs: impl IntoIterator<Item = (Cow<'v, [u8]>, Leaf<'v>)>, comma: bool) {
    let mut pairs = pairs.into_iter().peekable();
    if pairs.peek().is_none() {
        return;
    }
    if comma {
        out.push(b',');
    }
    out.extend_from_slice(b"\"attributes\":[");
    list(out, pairs, |out, pair| key_value(out, &pair, 0));
    out.push(b']');
}

fn key_value(out: &mut Vec<u8>, (key, value): &(Cow<'_, [u8]>, Leaf<'_>), depth: usize) {
    out.extend_from_slice(b"{\"key\":");
    write_text(out, key);
    out.extend_from_slice(b",\"value\":");
    any_value(out, value, depth);
    out.push(b'}');
}

fn any_value(out: &mut Vec<u8>, value: &Leaf<'_>, depth: usize) {
    match value {
        _ if depth > DEEPEST => out.push(b'{'),
        Leaf::Null => out.push(b'{'),
        Leaf::Text(text) => {
            out.extend_from_slice(b"{\"stringValue\":");
            write_text(out, text);
        }
        Leaf::Bool(value) => {
            out.extend_from_slice(b"{\"boolValue\":");
            out.extend_from_slice(if *value { b"true" } else { b"false" });
        }
        Leaf::Int(value) => {
            out.extend_from_slice(b"{\"intValue\":");
            write_quoted(out, *value);
        }
        Leaf::Float(value) => {
            out.extend_from_slice(b"{\"doubleValue\":");
            write_double(out, *value);
        }
        Leaf::Array(json) => {
            out.extend_from_slice(b"{\"arrayValue\":{\"values\":");
            array(out, elements(json), |out, value| any_value(out, &value, depth + 1));
            out.push(b'}');
        }
        Leaf::Object(json) => {
            out.extend_from_slice(b"{\"kvlistValue\":{\"values\":");
            array(out, members(json), |out, pair| key_value(out, &pair, depth + 1));
            out.push(b'}');
        }
    }
    out.push(b'}');
}
