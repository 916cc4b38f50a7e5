//! Spans as OTLP in protobuf: a `TracesData`, which is also Tempo's `Trace`.
//!
//! Source: opentelemetry-proto opentelemetry/proto/{trace,common,resource}/v1.

use super::super::rows::{Span, by_trace, read_spans};
use super::groups::{distinct, distinct_of, grouped};
use super::protobuf::{always_bytes, bytes, fixed32, fixed64, message, number, text, varint};
use super::text::{is_set, mended};
use super::values::{DEEPEST, Leaf, elements, members};
use crate::render::{AttributeSource, BadRows};
use std::borrow::Cow;

/// How many spans lie in a message of [`render_chunks`]: those of 4 KiB fit into the 4 MiB that clients take.
const CHUNK_SPANS: usize = 1_000;

/// Rows as one `TracesData`.
pub fn render(rows: &[u8], sources: &[AttributeSource]) -> Result<Vec<u8>, BadRows> {
    let mut out = Vec::with_capacity(rows.len());
    write_spans(&mut out, distinct(&read_spans(rows, sources)?));
    Ok(out)
}

/// Rows as messages of at most a thousand spans, each of one trace.
pub fn render_chunks(rows: &[u8], sources: &[AttributeSource]) -> Result<Vec<Vec<u8>>, BadRows> {
    let spans = distinct_of(read_spans(rows, sources)?);
    let chunks = by_trace(&spans).flat_map(|trace| trace.chunks(CHUNK_SPANS));
    Ok(chunks
        .map(|chunk| {
            let mut out = Vec::new();
            write_spans(&mut out, chunk.iter().collect());
            out
        })
        .collect())
}

/// All spans of rows as one `ExportTraceServiceRequest`, which has the form of a `TracesData`; also those that come twice.
pub fn render_every(rows: &[u8], sources: &[AttributeSource]) -> Result<Vec<u8>, BadRows> {
    let mut out = Vec::with_capacity(rows.len());
    write_spans(&mut out, read_spans(rows, sources)?.iter().collect());
    Ok(out)
}

fn write_spans(out: &mut Vec<u8>, spans: Vec<&Span<'_>>) {
    for resource in grouped(spans) {
        message(out, 1, |out| {
            let first = resource.scopes[0].spans[0];
            message(out, 1, |out| attributes(out, 1, members(first.resource)));
            for scope in &resource.scopes {
                message(out, 2, |out| {
                    let first = scope.spans[0];
                    message(out, 1, |out| {
                        text(out, 1, first.scope_name);
                        text(out, 2, first.scope_version);
                        attributes(out, 3, members(first.scope_attributes));
                    });
                    for span in &scope.spans {
                        message(out, 2, |out| write_span(out, span));
                    }
                });
            }
        });
    }
}

fn write_span(out: &mut Vec<u8>, span: &Span<'_>) {
    bytes(out, 1, &span.trace_id);
    bytes(out, 2, &span.span_id);
    text(out, 3, span.trace_state);
    if is_set(&span.parent_span_id) {
        bytes(out, 4, &span.parent_span_id);
    }
    text(out, 5, span.name);
    number(out, 6, span.kind.into());
    fixed64(out, 7, span.start as u64);
    fixed64(out, 8, span.end() as u64);
    attributes(out, 9, span.attributes().into_iter().map(|(key, value)| (Cow::Borrowed(key), Leaf::of(value))));
    number(out, 10, span.dropped_attributes.into());
    for event in span.events() {
        message(out, 11, |out| {
            fixed64(out, 1, event.time as u64);
            text(out, 2, event.name);
            attributes(out, 3, members(event.attributes));
        });
    }
    number(out, 12, span.dropped_events.into());
    for link in span.links() {
        message(out, 13, |out| {
            bytes(out, 1, &link.trace_id);
            bytes(out, 2, &link.span_id);
            text(out, 3, link.trace_state);
            attributes(out, 4, members(link.attributes));
        });
    }
    number(out, 14, span.dropped_links.into());
    message(out, 15, |out| {
        text(out, 2, span.status_message);
        number(out, 3, span.status.into());
    });
    fixed32(out, 16, span.flags);
}

fn attributes<'v>(out: &mut Vec<u8>, field: u32, pairs: impl IntoIterator<Item = (Cow<'v, [u8]>, Leaf<'v>)>) {
    for pair in pairs {
        message(out, field, |out| key_value(out, &pair, 0));
    }
}

fn key_value(out: &mut Vec<u8>, (key, value): &(Cow<'_, [u8]>, Leaf<'_>), depth: usize) {
    text(out, 1, key);
    message(out, 2, |out| any_value(out, value, depth));
}

fn any_value(out: &mut Vec<u8>, value: &Leaf<'_>, depth: usize) {
    match value {
        _ if depth > DEEPEST => {}
        Leaf::Null => {}
        Leaf::Text(text) => always_bytes(out, 1, &mended(text)),
        Leaf::Bool(value) => out.extend_from_slice(&[2 << 3, u8::from(*value)]),
        Leaf::Int(value) => {
            out.push(3 << 3);
            varint(out, *value as u64);
        }
        Leaf::Float(value) => {
            out.push(4 << 3 | 1);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Leaf::Array(json) => message(out, 5, |out| {
            for value in elements(json) {
                message(out, 1, |out| any_value(out, &value, depth + 1));
            }
        }),
        Leaf::Object(json) => message(out, 6, |out| {
            for pair in members(json) {
                message(out, 1, |out| key_value(out, &pair, depth + 1));
            }
        }),
    }
}
