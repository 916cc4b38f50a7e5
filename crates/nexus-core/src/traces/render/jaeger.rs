//! A trace as Jaeger sees it, for its JSON and its protobuf: ids that are unique, tags, processes, warnings.
//!
//! Source: OpenTelemetry specification, compatibility with Jaeger (`trace/sdk_exporters/jaeger`), and Jaeger's API documentation.

use super::super::rows::{Event, Span, by_trace, read_spans};
use super::super::tree::{Node, SERVER, Tree};
use super::text::is_set;
use super::values::{Leaf, members};
use crate::render::{AttributeSource, BadRows};
use std::borrow::Cow;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// A trace.
pub struct Trace<'s, 'a> {
    /// Spans depth first.
    pub spans: Vec<Shown<'s, 'a>>,
    /// Processes in order of their first span: one of the spans of each.
    pub processes: Vec<&'s Span<'a>>,
    /// What is odd about the whole trace.
    pub warnings: Vec<String>,
}

/// A span in a trace.
pub struct Shown<'s, 'a> {
    /// As it is stored.
    pub span: &'s Span<'a>,
    /// Its id: another one than it has, if its client has that one, too.
    pub id: [u8; 8],
    /// Its parent's.
    pub parent: Option<[u8; 8]>,
    /// Index of its process.
    pub process: usize,
    /// What is odd about it.
    pub warnings: Vec<&'static str>,
}

/// A reference to another span.
pub struct Reference {
    /// Child of it, or only following from it.
    pub child: bool,
    /// Its trace.
    pub trace_id: [u8; 16],
    /// The span.
    pub span_id: [u8; 8],
}

/// Value of a tag.
pub enum Tag<'a> {
    /// `string`
    Text(Cow<'a, [u8]>),
    /// `bool`
    Bool(bool),
    /// `int64`
    Int(i64),
    /// `float64`
    Float(f64),
}

impl<'a> From<Leaf<'a>> for Tag<'a> {
    fn from(value: Leaf<'a>) -> Self {
        match value {
            Leaf::Bool(value) => Self::Bool(value),
            Leaf::Int(value) => Self::Int(value),
            Leaf::Float(value) => Self::Float(value),
            other => Self::Text(other.text()),
        }
    }
}

const KINDS: [&[u8]; 6] = [b"", b"internal", b"server", b"client", b"producer", b"consumer"];
const REFERENCE_TYPE: &[u8] = b"opentracing.ref_type";

/// Every trace of rows, one after the other.
pub fn each_trace(
    rows: &[u8],
    sources: &[AttributeSource],
    mut take: impl FnMut(&Trace<'_, '_>),
) -> Result<(), BadRows> {
    let spans = read_spans(rows, sources)?;
    by_trace(&spans).for_each(|spans| take(&Trace::new(spans)));
    Ok(())
}

impl<'s, 'a> Trace<'s, 'a> {
    /// Of spans of one trace.
    pub fn new(spans: &'s [Span<'a>]) -> Self {
        let nodes: Vec<Node> = spans.iter().map(Span::node).collect();
        let tree = Tree::new(&nodes);
        let mut trace =
            Self { spans: Vec::with_capacity(tree.order.len()), processes: Vec::new(), warnings: Vec::new() };
        let mut processes = HashMap::with_hasher(foldhash::fast::RandomState::default());
        for (&index, parent) in tree.order.iter().zip(&tree.parents) {
            let span = &spans[index as usize];
            let process = *processes.entry((span.service, span.resource)).or_insert(trace.processes.len());
            if process == trace.processes.len() {
                trace.processes.push(span);
            }
            let above = parent.map(|parent| &trace.spans[parent as usize]);
            let shared = span.kind == SERVER && above.is_some_and(|above| above.span.span_id == span.span_id);
            let id = if shared { of_server(span.span_id) } else { span.span_id };
            let named = is_set(&span.parent_span_id).then_some(span.parent_span_id);
            let parent = above.map(|above| above.id).or(named);
            trace.spans.push(Shown { span, id, parent, process, warnings: Vec::new() });
        }
        let mut warn = |places: &[u32], warning| {
            for &place in places {
                trace.spans[place as usize].warnings.push(warning);
            }
        };
        warn(&tree.orphans, "the parent of this span is not stored");
        warn(&tree.cycles, "the parent of this span is one of its descendants");
        warn(&tree.skewed, "this span does not begin within the time of its parent: their clocks may disagree");
        if tree.duplicates > 0 {
            trace.warnings.push(format!("{} spans that came twice are shown once", tree.duplicates));
        }
        trace
    }
}

/// The id of a server whose client has its id.
fn of_server(id: [u8; 8]) -> [u8; 8] {
    let mut text = [b's'; 9];
    text[..8].copy_from_slice(&id);
    (xxh3_64(&text) | 1).to_be_bytes()
}

/// What a span refers to: its parent first.
pub fn references(shown: &Shown<'_, '_>) -> Vec<Reference> {
    let span = shown.span;
    let parent = shown.parent.map(|span_id| Reference { child: true, trace_id: span.trace_id, span_id });
    let links = span.links().into_iter().filter(|link| is_set(&link.trace_id)).map(|link| {
        let child = members(link.attributes).iter().any(|(key, value)| {
            **key == *REFERENCE_TYPE && matches!(value, Leaf::Text(text) if **text == *b"child_of")
        });
        Reference { child, trace_id: link.trace_id, span_id: link.span_id }
    });
    parent.into_iter().chain(links).collect()
}

/// Tags of a span: its attributes, and what OpenTelemetry has fields for.
pub fn tags<'a>(span: &Span<'a>) -> Vec<(Cow<'a, [u8]>, Tag<'a>)> {
    let mut found = Vec::with_capacity(8);
    let text = |text: &'a [u8]| Tag::Text(Cow::Borrowed(text));
    let mut add = |key: &'static str, value: Tag<'a>| found.push((Cow::Borrowed(key.as_bytes()), value));
    if !span.scope_name.is_empty() {
        add("otel.scope.name", text(span.scope_name));
    }
    if !span.scope_version.is_empty() {
        add("otel.scope.version", text(span.scope_version));
    }
    if let Some(kind) = KINDS.get(usize::from(span.kind)).filter(|kind| !kind.is_empty()) {
        add("span.kind", text(kind));
    }
    match span.status {
        1 => add("otel.status_code", text(b"OK")),
        2 => {
            add("otel.status_code", text(b"ERROR"));
            add("error", Tag::Bool(true));
        }
        _ => {}
    }
    if !span.status_message.is_empty() {
        add("otel.status_description", text(span.status_message));
    }
    if !span.trace_state.is_empty() {
        add("w3c.tracestate", text(span.trace_state));
    }
    for (key, value) in span.attributes() {
        // What a client says itself goes before what is known otherwise.
        found.retain(|(known, _)| **known != *key);
        found.push((Cow::Borrowed(key), Leaf::of(value).into()));
    }
    found
}

/// Fields of a log: what an event says, and its name.
pub fn fields<'a>(event: &Event<'a>) -> Vec<(Cow<'a, [u8]>, Tag<'a>)> {
    let attributes = members(event.attributes);
    let named = attributes.iter().any(|(key, _)| **key == *b"event");
    let name = (!named && !event.name.is_empty())
        .then(|| (Cow::Borrowed(&b"event"[..]), Tag::Text(Cow::Borrowed(event.name))));
    name.into_iter().chain(attributes.into_iter().map(|(key, value)| (key, value.into()))).collect()
}

/// Tags of a process: its resource but for the service's name.
pub fn process_tags<'a>(span: &Span<'a>) -> Vec<(Cow<'a, [u8]>, Tag<'a>)> {
    let resource = members(span.resource).into_iter().filter(|(key, _)| **key != *b"service.name");
    resource.map(|(key, value)| (key, value.into())).collect()
}
