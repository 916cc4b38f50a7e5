//! Traces in the JSON of Jaeger's older API, which its UI and Grafana's data source read: an array of traces.

use super::jaeger::{Shown, Tag, Trace, each_trace, fields, process_tags, references, tags};
use super::text::{array, is_set, list, write_hex, write_int, write_quoted, write_text, write_unsigned};
use super::values::float_text;
use crate::render::{AttributeSource, BadRows};
use std::borrow::Cow;

/// Integers that JavaScript's numbers cannot tell apart are texts.
const SAFE: u64 = 1 << 53;

/// Rows as a JSON array of traces.
pub fn render(rows: &[u8], sources: &[AttributeSource]) -> Result<Vec<u8>, BadRows> {
    let mut out = Vec::with_capacity(rows.len() * 4);
    out.push(b'[');
    each_trace(rows, sources, |trace| {
        if out.len() > 1 {
            out.push(b',');
        }
        write_trace(&mut out, trace);
    })?;
    out.push(b']');
    Ok(out)
}

fn write_trace(out: &mut Vec<u8>, trace: &Trace<'_, '_>) {
    out.extend_from_slice(b"{\"traceID\":");
    write_trace_id(out, &trace.spans[0].span.trace_id);
    out.extend_from_slice(b",\"spans\":");
    array(out, &trace.spans, write_span);
    out.extend_from_slice(b",\"processes\":{");
    list(out, trace.processes.iter().enumerate(), |out, (number, span)| {
        write_process_id(out, number);
        out.extend_from_slice(b":{\"serviceName\":");
        write_text(out, span.service);
        out.extend_from_slice(b",\"tags\":");
        write_tags(out, process_tags(span));
        out.push(b'}');
    });
    out.extend_from_slice(b"},\"warnings\":");
    write_warnings(out, &trace.warnings);
    out.push(b'}');
}

fn write_span(out: &mut Vec<u8>, shown: &Shown<'_, '_>) {
    let span = shown.span;
    out.extend_from_slice(b"{\"traceID\":");
    write_trace_id(out, &span.trace_id);
    out.extend_from_slice(b",\"spanID\":");
    write_hex(out, &shown.id);
    if span.flags & 255 != 0 {
        out.extend_from_slice(b",\"flags\":");
        write_unsigned(out, u64::from(span.flags & 255));
    }
    out.extend_from_slice(b",\"operationName\":");
    write_text(out, span.name);
    out.extend_from_slice(b",\"references\":");
    array(out, references(shown), |out, reference| {
        let kind: &[u8] = if reference.child { b"CHILD_OF" } else { b"FOLLOWS_FROM" };
        out.extend_from_slice(b"{\"refType\":\"");
        out.extend_from_slice(kind);
        out.extend_from_slice(b"\",\"traceID\":");
        write_trace_id(out, &reference.trace_id);
        out.extend_from_slice(b",\"spanID\":");
        write_hex(out, &reference.span_id);
        out.push(b'}');
    });
    out.extend_from_slice(b",\"startTime\":");
    write_int(out, span.start.div_euclid(1_000));
    out.extend_from_slice(b",\"duration\":");
    write_unsigned(out, span.duration / 1_000);
    out.extend_from_slice(b",\"tags\":");
    write_tags(out, tags(span));
    out.extend_from_slice(b",\"logs\":");
    array(out, span.events(), |out, event| {
        out.extend_from_slice(b"{\"timestamp\":");
        write_int(out, event.time.div_euclid(1_000));
        out.extend_from_slice(b",\"fields\":");
        write_tags(out, fields(&event));
        out.push(b'}');
    });
    out.extend_from_slice(b",\"processID\":");
    write_process_id(out, shown.process);
    out.extend_from_slice(b",\"warnings\":");
    write_warnings(out, &shown.warnings);
    out.push(b'}');
}

/// Those of 64 bits have 16 digits, as in Jaeger.
fn write_trace_id(out: &mut Vec<u8>, id: &[u8; 16]) {
    write_hex(out, if is_set(&id[..8]) { id } else { &id[8..] });
}

fn write_process_id(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(b"\"p");
    write_unsigned(out, number as u64 + 1);
    out.push(b'"');
}

fn write_warnings(out: &mut Vec<u8>, warnings: &[impl AsRef<str>]) {
    if warnings.is_empty() {
        out.extend_from_slice(b"null");
    } else {
        array(out, warnings, |out, warning| write_text(out, warning.as_ref().as_bytes()));
    }
}

fn write_tags(out: &mut Vec<u8>, tags: Vec<(Cow<'_, [u8]>, Tag<'_>)>) {
    array(out, tags, |out, (key, value)| {
        out.extend_from_slice(b"{\"key\":");
        write_text(out, &key);
        let kind: &[u8] = match value {
            Tag::Text(_) => b"string",
            Tag::Bool(_) => b"bool",
            Tag::Int(_) => b"int64",
            Tag::Float(_) => b"float64",
        };
        out.extend_from_slice(b",\"type\":\"");
        out.extend_from_slice(kind);
        out.extend_from_slice(b"\",\"value\":");
        match value {
            Tag::Text(text) => write_text(out, &text),
            Tag::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Tag::Int(value) if value.unsigned_abs() < SAFE => write_int(out, value),
            Tag::Int(value) => write_quoted(out, value),
            Tag::Float(value) if value.is_finite() => out.extend_from_slice(float_text(value).as_bytes()),
            Tag::Float(value) => write_text(out, float_text(value).as_bytes()),
        }
        out.push(b'}');
    });
}
