//! A trace as the web UI draws it: columns instead of objects, so that a hundred thousand spans stay small; and one span with
//! everything that is known of it.

use super::super::critical::{Paths, Section};
use super::super::rows::{Span, by_trace, read_spans};
use super::super::tree::{Node, Tree};
use super::text::{array, is_set, list, write_hex, write_int, write_quoted, write_text, write_unsigned};
use crate::columns::AttributeValue;
use crate::otlp::text::write_double;
use crate::render::{AttributeSource, BadRows};
use std::collections::HashMap;

/// The largest trace that is shown whole. Of a larger one the first spans in the order of the document are.
const MAX_SPANS: usize = 1_000_000;

/// Texts that many spans share: each once, in order of their first use.
#[derive(Default)]
struct Names<'a> {
    places: HashMap<&'a [u8], u32>,
    names: Vec<&'a [u8]>,
}

impl<'a> Names<'a> {
    fn place(&mut self, name: &'a [u8]) -> u32 {
        *self.places.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.names.len() as u32 - 1
        })
    }
}

/// The first trace of rows as its document; none when there are no rows.
pub fn render_trace(rows: &[u8], sources: &[AttributeSource]) -> Result<Option<Vec<u8>>, BadRows> {
    let every = read_spans(rows, sources)?;
    let Some(spans) = by_trace(&every).next() else { return Ok(None) };
    let nodes: Vec<Node> = spans.iter().map(Span::node).collect();
    let tree = Tree::new(&nodes);
    let critical = Paths::new(&nodes, &tree).of_trace();
    Ok(Some(document(spans[0].trace_id, spans, &tree, &critical)))
}

fn document(trace_id: [u8; 16], spans: &[Span<'_>], tree: &Tree, critical: &[Section]) -> Vec<u8> {
    let every: Vec<&Span<'_>> = tree.order.iter().map(|&index| &spans[index as usize]).collect();
    let shown = &every[..every.len().min(MAX_SPANS)];
    let start = every.iter().map(|span| span.start).min().unwrap_or_default();
    let end = every.iter().map(|span| span.end()).max().unwrap_or_default();
    let (mut services, mut names) = (Names::default(), Names::default());
    let service: Vec<u32> = shown.iter().map(|span| services.place(span.service)).collect();
    let name: Vec<u32> = shown.iter().map(|span| names.place(span.name)).collect();

    let mut out = Vec::with_capacity(256 + shown.len() * 80);
    out.extend_from_slice(b"{\"traceId\":");
    write_hex(&mut out, &trace_id);
    out.extend_from_slice(b",\"start\":");
    write_quoted(&mut out, start);
    out.extend_from_slice(b",\"duration\":");
    write_quoted(&mut out, end.saturating_sub(start));
    out.extend_from_slice(b",\"spans\":");
    write_unsigned(&mut out, every.len() as u64);
    out.extend_from_slice(b",\"errors\":");
    write_unsigned(&mut out, every.iter().filter(|span| span.status == 2).count() as u64);
    for (key, names) in [("services", &services), ("names", &names)] {
        member(&mut out, key);
        array(&mut out, &names.names, |out, name| write_text(out, name));
    }
    member(&mut out, "ids");
    array(&mut out, shown, |out, span| write_hex(out, &span.span_id));
    member(&mut out, "parents");
    array(&mut out, &tree.parents[..shown.len()], |out, parent| write_int(out, parent.map_or(-1, i64::from)));
    numbers(&mut out, "starts", shown, |span| span.start.abs_diff(start));
    numbers(&mut out, "durations", shown, |span| span.duration);
    numbers(&mut out, "service", &service, |place| u64::from(*place));
    numbers(&mut out, "name", &name, |place| u64::from(*place));
    numbers(&mut out, "kind", shown, |span| span.kind.into());
    numbers(&mut out, "status", shown, |span| span.status.into());
    numbers(&mut out, "events", shown, |span| span.event_count as u64);
    numbers(&mut out, "links", shown, |span| span.link_count as u64);
    for (key, places) in [("orphans", &tree.orphans), ("cycles", &tree.cycles), ("skewed", &tree.skewed)] {
        member(&mut out, key);
        let places = places.iter().filter(|place| (**place as usize) < shown.len());
        array(&mut out, places, |out, &place| write_unsigned(out, place.into()));
    }
    member(&mut out, "critical");
    let sections = critical.iter().filter(|section| (section.span as usize) < shown.len());
    array(&mut out, sections, |out, section| {
        out.push(b'[');
        write_unsigned(out, section.span.into());
        for at in [section.from, section.to] {
            out.push(b',');
            write_int(out, at.saturating_sub(start));
        }
        out.push(b']');
    });
    out.extend_from_slice(b",\"duplicates\":");
    write_unsigned(&mut out, tree.duplicates.into());
    out.extend_from_slice(b",\"truncated\":");
    out.extend_from_slice(if shown.len() < every.len() { b"true}" } else { b"false}" });
    out
}

fn member(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn numbers<T>(out: &mut Vec<u8>, key: &str, of: &[T], number: impl Fn(&T) -> u64) {
    member(out, key);
    array(out, of, |out, one| write_unsigned(out, number(one)));
}

/// The first span of rows, whole; none when there are no rows.
pub fn render_span(rows: &[u8], sources: &[AttributeSource]) -> Result<Option<Vec<u8>>, BadRows> {
    let spans = read_spans(rows, sources)?;
    Ok(spans.first().map(|span| {
        let mut out = Vec::with_capacity(rows.len() * 2);
        write_whole(&mut out, span);
        out
    }))
}

fn write_whole(out: &mut Vec<u8>, span: &Span<'_>) {
    out.extend_from_slice(b"{\"traceId\":");
    write_hex(out, &span.trace_id);
    member(out, "spanId");
    write_hex(out, &span.span_id);
    member(out, "parentSpanId");
    if is_set(&span.parent_span_id) {
        write_hex(out, &span.parent_span_id);
    } else {
        out.extend_from_slice(b"\"\"");
    }
    member(out, "name");
    write_text(out, span.name);
    member(out, "kind");
    write_unsigned(out, span.kind.into());
    member(out, "service");
    write_text(out, span.service);
    member(out, "start");
    write_quoted(out, span.start);
    member(out, "duration");
    out.push(b'"');
    write_unsigned(out, span.duration);
    out.push(b'"');
    member(out, "status");
    write_unsigned(out, span.status.into());
    member(out, "statusMessage");
    write_text(out, span.status_message);
    member(out, "traceState");
    write_text(out, span.trace_state);
    member(out, "flags");
    write_unsigned(out, span.flags.into());
    member(out, "weight");
    write_double(out, f64::from(span.weight));
    member(out, "scope");
    out.extend_from_slice(b"{\"name\":");
    write_text(out, span.scope_name);
    member(out, "version");
    write_text(out, span.scope_version);
    member(out, "attributes");
    write_object(out, span.scope_attributes);
    out.push(b'}');
    member(out, "resource");
    write_object(out, span.resource);
    member(out, "attributes");
    out.push(b'{');
    list(out, span.attributes(), |out, (key, value)| {
        write_text(out, key);
        out.push(b':');
        match value {
            AttributeValue::String(text) => write_text(out, text),
            AttributeValue::Int(value) => write_int(out, value),
            AttributeValue::Float(value) => write_double(out, value),
            AttributeValue::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            AttributeValue::Json(json) => write_json(out, json, b"null"),
        }
    });
    out.push(b'}');
    member(out, "events");
    array(out, span.events(), |out, event| {
        out.extend_from_slice(b"{\"time\":");
        write_quoted(out, event.time);
        member(out, "name");
        write_text(out, event.name);
        member(out, "attributes");
        write_object(out, event.attributes);
        out.push(b'}');
    });
    member(out, "links");
    array(out, span.links(), |out, link| {
        out.extend_from_slice(b"{\"traceId\":");
        write_hex(out, &link.trace_id);
        member(out, "spanId");
        write_hex(out, &link.span_id);
        member(out, "traceState");
        write_text(out, link.trace_state);
        member(out, "attributes");
        write_object(out, link.attributes);
        out.push(b'}');
    });
    member(out, "dropped");
    out.extend_from_slice(b"{\"attributes\":");
    write_unsigned(out, span.dropped_attributes.into());
    member(out, "events");
    write_unsigned(out, span.dropped_events.into());
    member(out, "links");
    write_unsigned(out, span.dropped_links.into());
    out.extend_from_slice(b"}}");
}

fn write_object(out: &mut Vec<u8>, json: &[u8]) {
    write_json(out, json, b"{}");
}

/// JSON as it was stored, in one line; something else where there is none.
fn write_json(out: &mut Vec<u8>, json: &[u8], instead: &[u8]) {
    if json.is_empty() {
        out.extend_from_slice(instead);
    } else {
        out.extend(json.iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }));
    }
}
