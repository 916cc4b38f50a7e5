//! Spans that have not been stored, as JSON for people to look at.

use super::batch::SpanBatch;
use crate::columns::AttributeValue;
use crate::json::writer::{write_int, write_string};
use crate::otlp::write_double;
use std::io::Write;

const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUSES: [&str; 3] = ["unset", "ok", "error"];

/// The first `limit` spans of a batch, each a JSON object. Times are ns, as texts.
pub fn preview(batch: &SpanBatch, limit: usize) -> Vec<Vec<u8>> {
    (0..batch.num_rows().min(limit)).map(|row| span(batch, row)).collect()
}

fn span(batch: &SpanBatch, row: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let text = |id: u32| batch.texts.get(id, 0);
    let (resource, scope) = (batch.origins.resource_ids[row], batch.origins.scope_ids[row]);
    out.push(b'{');
    id(&mut out, "traceId", &batch.trace_ids[row]);
    id(&mut out, "spanId", &batch.span_ids[row]);
    if batch.parent_span_ids[row] != [0; 8] {
        id(&mut out, "parentSpanId", &batch.parent_span_ids[row]);
    }
    for (name, value) in [
        ("name", text(batch.names[row])),
        ("service", batch.origins.resources.get(resource, 0)),
        ("kind", KINDS[usize::from(batch.kinds[row])].as_bytes()),
        ("status", STATUSES[usize::from(batch.statuses[row])].as_bytes()),
        ("statusMessage", text(batch.status_messages[row])),
        ("traceState", text(batch.trace_states[row])),
        ("scope", batch.origins.scopes.get(scope, 0)),
    ] {
        if !value.is_empty() {
            member(&mut out, name);
            write_string(&mut out, value);
        }
    }
    let _ = write!(out, r#","start":"{}","duration":"{}""#, batch.timestamps[row], batch.durations[row]);
    member(&mut out, "attributes");
    attributes(&mut out, batch, row);
    member(&mut out, "resource");
    out.extend_from_slice(batch.origins.resources.get(resource, 1));
    list(&mut out, "events", batch.events.row(row), |out, at| {
        let _ = write!(out, r#"{{"time":"{}""#, batch.events.timestamps[at]);
        member(out, "name");
        write_string(out, text(batch.events.names[at]));
        nested(out, batch.events.attributes.get(at));
    });
    list(&mut out, "links", batch.links.row(row), |out, at| {
        out.push(b'{');
        id(out, "traceId", &batch.links.trace_ids[at]);
        id(out, "spanId", &batch.links.span_ids[at]);
        nested(out, batch.links.attributes.get(at));
    });
    out.push(b'}');
    out
}

/// A member's key, after a comma unless it is the first.
fn member(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_string(out, name.as_bytes());
    out.push(b':');
}

fn id(out: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    member(out, name);
    out.push(b'"');
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out.push(b'"');
}

/// The attributes of an event or link, and the end of it.
fn nested(out: &mut Vec<u8>, attributes: &[u8]) {
    if !attributes.is_empty() {
        member(out, "attributes");
        out.extend_from_slice(attributes);
    }
    out.push(b'}');
}

fn list(out: &mut Vec<u8>, name: &str, entries: std::ops::Range<usize>, write: impl Fn(&mut Vec<u8>, usize)) {
    if entries.is_empty() {
        return;
    }
    member(out, name);
    out.push(b'[');
    for (number, entry) in entries.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(out, entry);
    }
    out.push(b']');
}

fn attributes(out: &mut Vec<u8>, batch: &SpanBatch, row: usize) {
    out.push(b'{');
    batch.attributes.each(row, |key, value| {
        if out.last() != Some(&b'{') {
            out.push(b',');
        }
        write_string(out, batch.attributes.keys.get(key, 0));
        out.push(b':');
        match value {
            AttributeValue::String(value) => write_string(out, value),
            AttributeValue::Json(value) => out.extend_from_slice(value),
            AttributeValue::Int(value) => write_int(out, value),
            AttributeValue::Float(value) => write_double(out, value),
            AttributeValue::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        }
    });
    out.push(b'}');
}
