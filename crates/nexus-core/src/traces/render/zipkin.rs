//! Spans in Zipkin's JSON (v2).
//!
//! Source: Zipkin's API description `zipkin2-api.yaml`; OpenTelemetry specification, `trace/sdk_exporters/zipkin`.

use super::super::rows::{Event, Span, by_trace, read_spans};
use super::super::tree::SERVER;
use super::groups::distinct;
use super::text::{array, is_set, list, write_hex, write_int, write_text, write_unsigned};
use super::values::{Leaf, members};
use crate::render::{AttributeSource, BadRows};
use std::borrow::Cow;
use std::collections::HashSet;
use std::net::IpAddr;

const KINDS: [&[u8]; 6] = [b"", b"", b"SERVER", b"CLIENT", b"PRODUCER", b"CONSUMER"];

/// Key and value.
type Tag<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);
type Pairs<'a> = Vec<(Cow<'a, [u8]>, Leaf<'a>)>;

/// Rows of one trace as a JSON array of spans.
pub fn render_trace(rows: &[u8], sources: &[AttributeSource]) -> Result<Vec<u8>, BadRows> {
    let mut out = Vec::with_capacity(rows.len() * 3);
    write_spans(&mut out, &read_spans(rows, sources)?);
    Ok(out)
}

/// Rows as a JSON array of arrays of spans.
pub fn render_traces(rows: &[u8], sources: &[AttributeSource]) -> Result<Vec<u8>, BadRows> {
    let mut out = Vec::with_capacity(rows.len() * 3);
    let spans = read_spans(rows, sources)?;
    array(&mut out, by_trace(&spans), write_spans);
    Ok(out)
}

fn write_spans(out: &mut Vec<u8>, spans: &[Span<'_>]) {
    let others: HashSet<[u8; 8]> = spans.iter().filter(|span| span.kind != SERVER).map(|span| span.span_id).collect();
    array(out, distinct(spans), |out, span| {
        let shared = span.kind == SERVER && others.contains(&span.span_id);
        write_span(out, span, shared);
    });
}

fn write_span(out: &mut Vec<u8>, span: &Span<'_>, shared: bool) {
    let attributes: Pairs<'_> =
        span.attributes().into_iter().map(|(key, value)| (Cow::Borrowed(key), Leaf::of(value))).collect();
    out.extend_from_slice(b"{\"traceId\":");
    let short = !is_set(&span.trace_id[..8]);
    write_hex(out, if short { &span.trace_id[8..] } else { &span.trace_id });
    if is_set(&span.parent_span_id) {
        out.extend_from_slice(b",\"parentId\":");
        write_hex(out, &span.parent_span_id);
    }
    out.extend_from_slice(b",\"id\":");
    write_hex(out, &span.span_id);
    if let Some(kind) = KINDS.get(usize::from(span.kind)).filter(|kind| !kind.is_empty()) {
        out.extend_from_slice(b",\"kind\":\"");
        out.extend_from_slice(kind);
        out.push(b'"');
    }
    out.extend_from_slice(b",\"name\":");
    write_text(out, span.name);
    out.extend_from_slice(b",\"timestamp\":");
    write_int(out, span.start.div_euclid(1_000));
    // Zipkin's durations begin at one microsecond: none at all means that the span is not finished.
    out.extend_from_slice(b",\"duration\":");
    write_unsigned(out, span.duration.div_ceil(1_000).max(1));
    out.extend_from_slice(b",\"localEndpoint\":");
    endpoint(
        out,
        span.service,
        &attributes,
        ["network.local.address", "net.host.ip"],
        ["network.local.port", "net.host.port"],
    );
    let peers = ["peer.service", "server.address", "net.peer.name"];
    let peer = peers.iter().find_map(|key| find(&attributes, key)).map(Leaf::text).unwrap_or_default();
    let address = ["network.peer.address", "net.peer.ip"];
    if !peer.is_empty() || address.iter().any(|key| find(&attributes, key).is_some()) {
        out.extend_from_slice(b",\"remoteEndpoint\":");
        endpoint(out, &peer, &attributes, address, ["network.peer.port", "net.peer.port"]);
    }
    if span.event_count > 0 {
        out.extend_from_slice(b",\"annotations\":");
        array(out, span.events(), write_annotation);
    }
    write_tags(out, span, &attributes);
    if shared {
        out.extend_from_slice(b",\"shared\":true");
    }
    out.push(b'}');
}

fn find<'p, 'a>(attributes: &'p Pairs<'a>, key: &str) -> Option<&'p Leaf<'a>> {
    attributes.iter().find(|(name, _)| **name == *key.as_bytes()).map(|(_, value)| value)
}

fn endpoint(out: &mut Vec<u8>, service: &[u8], attributes: &Pairs<'_>, addresses: [&str; 2], ports: [&str; 2]) {
    let mut comma = false;
    let mut key = |out: &mut Vec<u8>, key: &str| {
        if comma {
            out.push(b',');
        }
        comma = true;
        write_text(out, key.as_bytes());
        out.push(b':');
    };
    out.push(b'{');
    if !service.is_empty() {
        key(out, "serviceName");
        write_text(out, service);
    }
    let address = addresses.iter().find_map(|key| find(attributes, key)).map(Leaf::text);
    let parsed = address.and_then(|text| String::from_utf8_lossy(&text).parse::<IpAddr>().ok());
    if let Some(address) = parsed {
        key(out, if address.is_ipv4() { "ipv4" } else { "ipv6" });
        write_text(out, address.to_string().as_bytes());
    }
    let port = ports.iter().find_map(|key| find(attributes, key)).map(Leaf::text);
    let number = port.and_then(|text| std::str::from_utf8(&text).ok()?.parse::<u16>().ok());
    if let Some(port) = number.filter(|port| *port > 0) {
        key(out, "port");
        write_unsigned(out, port.into());
    }
    out.push(b'}');
}

/// An event: its name, and where it says more, that as JSON.
fn write_annotation(out: &mut Vec<u8>, event: Event<'_>) {
    out.extend_from_slice(b"{\"timestamp\":");
    write_int(out, event.time.div_euclid(1_000));
    out.extend_from_slice(b",\"value\":");
    if members(event.attributes).is_empty() {
        write_text(out, event.name);
    } else {
        let mut value = b"{".to_vec();
        write_text(&mut value, event.name);
        value.push(b':');
        value.extend_from_slice(event.attributes);
        value.push(b'}');
        write_text(out, &value);
    }
    out.push(b'}');
}

fn write_tags(out: &mut Vec<u8>, span: &Span<'_>, attributes: &Pairs<'_>) {
    let mut tags: Vec<Tag<'_>> = Vec::new();
    let mut seen = HashSet::with_hasher(foldhash::fast::RandomState::default());
    let known: [(&str, &[u8]); 4] = [
        ("otel.scope.name", span.scope_name),
        ("otel.scope.version", span.scope_version),
        ("otel.status_code", [&b""[..], b"OK", b"ERROR"].get(usize::from(span.status)).copied().unwrap_or_default()),
        ("w3c.tracestate", span.trace_state),
    ];
    let error = if span.status == 2 && span.status_message.is_empty() { &b"true"[..] } else { span.status_message };
    let resource = members(span.resource);
    for (key, value) in attributes {
        tags.push((key.clone(), value.text()));
        seen.insert(key.clone());
    }
    if span.status == 2 && seen.insert(Cow::Borrowed(b"error")) {
        tags.push((Cow::Borrowed(b"error"), Cow::Borrowed(error)));
    }
    for (key, value) in known.into_iter().filter(|(_, value)| !value.is_empty()) {
        if seen.insert(Cow::Borrowed(key.as_bytes())) {
            tags.push((Cow::Borrowed(key.as_bytes()), Cow::Borrowed(value)));
        }
    }
    for (key, value) in resource.into_iter().filter(|(key, _)| **key != *b"service.name") {
        if seen.insert(key.clone()) {
            tags.push((key, value.text()));
        }
    }
    if !tags.is_empty() {
        out.extend_from_slice(b",\"tags\":{");
        list(out, tags, |out, (key, value)| {
            write_text(out, &key);
            out.push(b':');
            write_text(out, &value);
        });
        out.push(b'}');
    }
}
