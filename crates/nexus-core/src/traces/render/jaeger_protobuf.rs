//! Traces as Jaeger's gRPC API answers them: `api_v2.SpansResponseChunk` messages.
//!
//! Source: jaeger-idl proto/api_v2/{model,query}.proto.

use super::jaeger::{Shown, Tag, each_trace, fields, process_tags, references, tags};
use super::protobuf::{bytes, fixed64, message, number, text};
use super::text::mended;
use crate::render::{AttributeSource, BadRows};
use std::borrow::Cow;

/// About how large a message becomes: clients take 4 MiB unless told otherwise.
const CHUNK_BYTES: usize = 1 << 20;

/// Rows as messages, each with spans of one trace.
pub fn render(rows: &[u8], sources: &[AttributeSource]) -> Result<Vec<Vec<u8>>, BadRows> {
    let mut chunks = Vec::new();
    each_trace(rows, sources, |trace| {
        let mut chunk = Vec::new();
        for shown in &trace.spans {
            message(&mut chunk, 1, |out| write_span(out, shown));
            if chunk.len() > CHUNK_BYTES {
                chunks.push(std::mem::take(&mut chunk));
            }
        }
        if !chunk.is_empty() {
            chunks.push(chunk);
        }
    })?;
    Ok(chunks)
}

fn write_span(out: &mut Vec<u8>, shown: &Shown<'_, '_>) {
    let span = shown.span;
    bytes(out, 1, &span.trace_id);
    bytes(out, 2, &shown.id);
    text(out, 3, span.name);
    for reference in references(shown) {
        message(out, 4, |out| {
            bytes(out, 1, &reference.trace_id);
            bytes(out, 2, &reference.span_id);
            number(out, 3, u64::from(!reference.child));
        });
    }
    number(out, 5, u64::from(span.flags & 255));
    message(out, 6, |out| timestamp(out, span.start));
    message(out, 7, |out| {
        number(out, 1, span.duration / 1_000_000_000);
        number(out, 2, span.duration % 1_000_000_000);
    });
    write_tags(out, 8, tags(span));
    for event in span.events() {
        message(out, 9, |out| {
            message(out, 1, |out| timestamp(out, event.time));
            write_tags(out, 2, fields(&event));
        });
    }
    message(out, 10, |out| {
        text(out, 1, span.service);
        write_tags(out, 2, process_tags(span));
    });
    shown.warnings.iter().for_each(|warning| text(out, 12, warning.as_bytes()));
}

/// A `google.protobuf.Timestamp`.
fn timestamp(out: &mut Vec<u8>, ns: i64) {
    number(out, 1, ns.div_euclid(1_000_000_000) as u64);
    number(out, 2, ns.rem_euclid(1_000_000_000) as u64);
}

fn write_tags(out: &mut Vec<u8>, field: u32, tags: Vec<(Cow<'_, [u8]>, Tag<'_>)>) {
    for (key, value) in tags {
        message(out, field, |out| {
            text(out, 1, &key);
            match value {
                Tag::Text(text) => bytes(out, 3, &mended(&text)),
                Tag::Bool(value) => {
                    number(out, 2, 1);
                    number(out, 4, value.into());
                }
                Tag::Int(value) => {
                    number(out, 2, 2);
                    number(out, 5, value as u64);
                }
                Tag::Float(value) => {
                    number(out, 2, 3);
                    fixed64(out, 6, value.to_bits());
                }
            }
        });
    }
}
