//! Elasticsearch's bulk request: a line with an action, a line with its document, and so on; to a batch, and to the status
//! of each item.
//!
//! Records can be created, not changed: `create` and `index` store, `update` and `delete` are refused as items. A line that
//! is no action refuses the request, as Elasticsearch does: what follows it cannot be told from a document.

use super::{check_size, finish};
use crate::decode::{DecodeError, Decoded, Rejections};
use crate::dictionary::Dictionary;
use crate::json::fields::{FieldMapping, Kind, Vocabulary};
use crate::json::lines::{Decoder, Reject, Slots, check_utf8, open_object};
use crate::json::reader::{Reader, Token};
use crate::json::writer::{write_int, write_string};

const VOCABULARY: Vocabulary = Vocabulary {
    names: [
        (Kind::Time, &["@timestamp", "_time", "timestamp"]),
        (Kind::Message, &["message", "_msg", "log", "msg", "body"]),
        (Kind::Level, &["log.level", "level", "severity", "severity_text"]),
        (Kind::SeverityNumber, &["severity_number", "severityNumber"]),
        (Kind::SyslogSeverity, &["log.syslog.severity.code", "syslog.severity"]),
        (Kind::Service, &["service.name", "service", "kubernetes.container.name", "app"]),
        (Kind::TraceId, &["trace.id", "trace_id", "traceId"]),
        (Kind::SpanId, &["span.id", "span_id", "spanId"]),
    ],
    stream: &[
        "host.name",
        "host.hostname",
        "container.id",
        "kubernetes.namespace",
        "kubernetes.pod.name",
        "kubernetes.node.name",
        "service.version",
        "service.environment",
        "data_stream.type",
        "data_stream.dataset",
        "data_stream.namespace",
        "log.file.path",
    ],
    lenient_time: false,
};

/// Actions of one request.
const MAX_ITEMS: usize = 250_000;
const INDEX: &[u8] = b"elasticsearch.index";
const ID: &[u8] = b"elasticsearch.id";
const MAX_NAME_BYTES: usize = 512;

/// A decoded bulk request.
#[derive(Debug)]
pub struct Bulk {
    /// Its records; rejections are counted by item, from 1.
    pub decoded: Decoded,
    /// What is answered.
    pub items: BulkItems,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Create,
    Index,
    Update,
    Delete,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Index => "index",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The items of a bulk request in order, with what was wrong with them.
#[derive(Debug, Default)]
pub struct BulkItems {
    actions: Vec<Action>,
    index_ids: Vec<u32>,
    indexes: Dictionary<1>,
    /// `_id`s, as given or made up.
    ids: crate::columns::Strings,
    /// (item from 0, message), in order.
    errors: Vec<(u32, String)>,
}

impl BulkItems {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// The answer as JSON. `compact` leaves everything out but status and error; `busy` is why the good items could not be
    /// stored now: they answer 429.
    pub fn render(&self, took_ms: u64, compact: bool, busy: Option<&str>) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.len() * if compact { 32 } else { 192 });
        let errors = !self.errors.is_empty() || (busy.is_some() && !self.is_empty());
        out.extend_from_slice(b"{\"took\":");
        write_int(&mut out, took_ms as i64);
        out.extend_from_slice(if errors { b",\"errors\":true" } else { b",\"errors\":false" });
        out.extend_from_slice(b",\"items\":[");
        let mut faults = self.errors.iter().peekable();
        for (item, action) in self.actions.iter().enumerate() {
            if item > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"");
            out.extend_from_slice(action.name().as_bytes());
            out.extend_from_slice(b"\":{");
            if !compact {
                out.extend_from_slice(b"\"_index\":");
                write_string(&mut out, self.indexes.get(self.index_ids[item], 0));
                out.extend_from_slice(b",\"_id\":");
                write_string(&mut out, self.ids.get(item));
                out.push(b',');
            }
            match faults.next_if(|fault| fault.0 as usize == item) {
                Some((_, message)) => error(&mut out, 400, "document_parsing_exception", message),
                None => match busy {
                    Some(message) => error(&mut out, 429, "es_rejected_execution_exception", message),
                    None if compact => out.extend_from_slice(b"\"status\":201"),
                    None => out.extend_from_slice(
                        b"\"_version\":1,\"result\":\"created\",\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\
                          \"_seq_no\":0,\"_primary_term\":1,\"status\":201",
                    ),
                },
            }
            out.extend_from_slice(b"}}");
        }
        out.extend_from_slice(b"]}");
        out
    }
}

fn error(out: &mut Vec<u8>, status: i64, kind: &str, reason: &str) {
    out.extend_from_slice(b"\"status\":");
    write_int(out, status);
    out.extend_from_slice(b",\"error\":{\"type\":");
    write_string(out, kind.as_bytes());
    out.extend_from_slice(b",\"reason\":");
    write_string(out, reason.as_bytes());
    out.extend_from_slice(b"}");
}

/// Decode a bulk request. `index` is the one that the path names, empty for none.
///
/// # Errors
/// When a line that should hold an action holds none; nothing of the request may be stored then.
pub fn decode_elasticsearch_bulk(
    body: &[u8],
    now_ns: i64,
    mapping: &FieldMapping,
    index: &str,
) -> Result<Bulk, DecodeError> {
    check_size(body)?;
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut decoder = Decoder::new(now_ns, mapping, &VOCABULARY);
    let mut rejections = Rejections::default();
    let mut items = BulkItems::default();
    let mut lines = Lines { rest: body, number: 0 };
    let (mut found, mut id) = (Vec::new(), Vec::new());
    while let Some(line) = lines.next() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if items.len() == MAX_ITEMS {
            return Err(DecodeError(format!("the request has more than {MAX_ITEMS} actions: send smaller requests")));
        }
        found.clear();
        found.extend_from_slice(index.as_bytes());
        id.clear();
        let action = action(line, &mut found, &mut id)
            .map_err(|what| DecodeError(format!("Malformed action/metadata line [{}], {what}", lines.number)))?;
        let document = if action == Action::Delete { Some(&b""[..]) } else { lines.next() };
        let index_id = items.indexes.intern([&found]);
        let result = match (action, document) {
            (_, None) => Err(Reject::Protocol("the action has no document after it: the request ends here")),
            (Action::Update, _) => {
                Err(Reject::Protocol("records cannot be updated: they are stored once; use create or index"))
            }
            (Action::Delete, _) => Err(Reject::Protocol("records cannot be deleted by bulk requests")),
            _ if found.is_empty() => Err(Reject::Protocol("index is missing")),
            _ if found.len() > MAX_NAME_BYTES || id.len() > MAX_NAME_BYTES => {
                Err(Reject::Protocol("the index or the id is longer than 512 bytes"))
            }
            (_, Some(document)) => store(&mut decoder, document, &found, &id),
        };
        let item = items.len();
        if let Err(reject) = result {
            decoder.builder.abort_record();
            let message = reject.message();
            rejections.push(item as u64 + 1, || message.clone());
            items.errors.push((item as u32, message));
        }
        if id.is_empty() {
            made_up(document.unwrap_or_default(), item, &mut id);
        }
        items.actions.push(action);
        items.index_ids.push(index_id);
        items.ids.push(&id[..id.len().min(MAX_NAME_BYTES)]);
    }
    Ok(Bulk { decoded: Decoded { batch: decoder.builder.finish(), rejections }, items })
}

struct Lines<'a> {
    rest: &'a [u8],
    number: u64,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let line = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(line)
    }
}

/// An id for a document that came without one: as long as those of Elasticsearch.
fn made_up(document: &[u8], item: usize, id: &mut Vec<u8>) {
    let hash = xxhash_rust::xxh3::xxh3_64_with_seed(document, item as u64);
    id.extend_from_slice(format!("{hash:016x}{:04x}", item & 0xffff).as_bytes());
}

/// Read `{"create": {"_index": ..., "_id": ...}}`; `index` keeps its content when the action names none.
fn action(line: &[u8], index: &mut Vec<u8>, id: &mut Vec<u8>) -> Result<Action, String> {
    const START: &str = "expected START_OBJECT";
    simdutf8::basic::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
    let invalid = |error: crate::json::reader::JsonError| format!("invalid JSON: {error}");
    let mut reader = Reader::new(line);
    let mut scratch = Vec::new();
    if reader.value().map_err(invalid)? != Token::Object {
        return Err(START.to_owned());
    }
    let key = reader.key(true).map_err(invalid)?.ok_or("expected FIELD_NAME but found [END_OBJECT]")?;
    let action = match key.resolve(&mut scratch) {
        b"create" => Action::Create,
        b"index" => Action::Index,
        b"update" => Action::Update,
        b"delete" => Action::Delete,
        other => {
            let short: String = String::from_utf8_lossy(other).chars().take(40).collect();
            return Err(format!("expected field [create], [delete], [index] or [update] but found [{short}]"));
        }
    };
    match reader.value().map_err(invalid)? {
        Token::Object => {}
        Token::Null => return Ok(action),
        _ => return Err(START.to_owned()),
    }
    let mut first = true;
    while let Some(key) = reader.key(first).map_err(invalid)? {
        first = false;
        let target = match key.resolve(&mut scratch) {
            b"_index" => Some(&mut *index),
            b"_id" => Some(&mut *id),
            _ => None,
        };
        let token = reader.value().map_err(invalid)?;
        match target {
            Some(target) => {
                if let Some(text) = super::scalar(token, &mut scratch) {
                    target.clear();
                    target.extend_from_slice(text);
                } else if token != Token::Null {
                    return Err("expected a string for _index and _id".to_owned());
                }
            }
            None => reader.skip_rest(token).map_err(invalid)?,
        }
    }
    if reader.key(false).map_err(invalid)?.is_some() || !reader.at_end() {
        return Err("expected END_OBJECT".to_owned());
    }
    Ok(action)
}

fn store(decoder: &mut Decoder<'_>, document: &[u8], index: &[u8], id: &[u8]) -> Result<(), Reject> {
    check_utf8(document)?;
    let mut reader = Reader::new(document);
    if reader.at_end() {
        return Err(Reject::Protocol("the document is an empty line"));
    }
    open_object(&mut reader)?;
    decoder.begin();
    let mut slots = Slots::EMPTY;
    for (name, value) in
        ["data_stream.type", "data_stream.dataset", "data_stream.namespace"].iter().zip(data_stream(index))
    {
        decoder.text_field(name.as_bytes(), value, &mut slots)?;
    }
    slots.any = false;
    decoder.members(&mut reader, &mut slots)?;
    if !slots.any {
        return Err(Reject::Empty);
    }
    if !reader.at_end() {
        return Err(Reject::Trailing(reader.position + 1));
    }
    decoder.text_field(INDEX, index, &mut slots)?;
    if !id.is_empty() {
        decoder.text_field(ID, id, &mut slots)?;
    }
    finish(decoder, slots)
}

/// Type, dataset and namespace of a data stream by its name, `logs-nginx.access-prod`; nothing for other names.
fn data_stream(index: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts: Vec<&[u8]> = index.split(|&byte| byte == b'-').collect();
    let known = matches!(parts[..], [b"logs" | b"metrics" | b"traces" | b"synthetics", dataset, namespace]
        if !dataset.is_empty() && !namespace.is_empty());
    parts.into_iter().filter(move |_| known)
}
