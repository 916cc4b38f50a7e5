//! Records on their way out: rows of the storage engine, in its RowBinary format, as lines of JSON.
//!
//! The engine is asked for plain columns; what a record looks like to a client is decided here. Rendering in SQL costs 17 ms
//! of planning a statement (ADR 0006).
//!
//! Source: <https://clickhouse.com/docs/interfaces/formats/RowBinary>.

use crate::columns::AttributeValue as Value;
use crate::json::writer::{write_float, write_int, write_string};
use crate::native::attributes::AttributeType;
use crate::severity;
use std::borrow::Cow;
use std::fmt;
use xxhash_rust::xxh3::xxh3_64;

/// A column of attributes, in the order in which the rows have them.
#[derive(Debug, Clone)]
pub enum AttributeSource {
    /// A map from keys to values of one type.
    Map(AttributeType),
    /// A `Nullable` column that holds one attribute. Maps may hold it, too, in parts from before the column; the column
    /// counts.
    Column(AttributeType, String),
}

/// One rendered record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Nanoseconds since the epoch.
    pub timestamp: i64,
    /// Hash of what the record holds; see [`render_records`].
    pub identity: u64,
    /// One JSON object, without a line break.
    pub json: Vec<u8>,
}

/// The rows are not what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadRows {
    /// Byte at which a row could not be read on.
    pub at: usize,
}

impl fmt::Display for BadRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows of the engine cannot be read from byte {} on", self.at)
    }
}

impl std::error::Error for BadRows {}

/// Render rows of (timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name,
/// template_id, resource, scope_name, scope_version, then `attributes`).
///
/// The identity of a record is the xxh3-64 of, each in 8 bytes unless told: timestamp, severity number (1), trace id (16),
/// span id, the xxh3-64 of service, body, event name and resource, and the wrapped sum of the hashes of the attributes.
/// An attribute's hash is the xxh3-64 of key, NUL, type letter and value, numbers in 8 bytes, booleans in one: the same
/// whether it lies in a map or in a column of its own. `storage/clickhouse/records.py` says it in SQL.
pub fn render_records(rows: &[u8], attributes: &[AttributeSource]) -> Result<Vec<Line>, BadRows> {
    let mut reader = Rows::new(rows);
    let mut lines = Vec::new();
    let mut hashed = Vec::new();
    while reader.at < rows.len() {
        let at = reader.at;
        lines.push(record(&mut reader, attributes, &mut hashed).ok_or(BadRows { at })?);
    }
    Ok(lines)
}

/// A record as it is rendered, wherever it comes from.
pub(crate) struct Record<'a> {
    pub timestamp: i64,
    pub observed_timestamp: i64,
    pub service: &'a [u8],
    pub severity_number: u8,
    pub body: &'a [u8],
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub event_name: &'a [u8],
    pub template_id: u64,
    pub resource: &'a [u8],
    pub scope_name: &'a [u8],
    pub scope_version: &'a [u8],
}

/// One attribute of a record, with its part of the record's identity.
pub(crate) struct Entry<'a> {
    key: &'a [u8],
    hash: u64,
    value: Value<'a>,
}

/// The next row. `hashed` is a buffer to use again.
fn record<'a>(rows: &mut Rows<'a>, sources: &'a [AttributeSource], hashed: &mut Vec<u8>) -> Option<Line> {
    let record = Record {
        timestamp: rows.int()?,
        observed_timestamp: rows.int()?,
        service: rows.string()?,
        severity_number: u8::from_le_bytes(rows.array()?),
        body: rows.string()?,
        trace_id: rows.array()?,
        span_id: rows.array()?,
        event_name: rows.string()?,
        template_id: u64::from_le_bytes(rows.array()?),
        resource: rows.string()?,
        scope_name: rows.string()?,
        scope_version: rows.string()?,
    };
    let attributes = attributes(rows, sources, hashed)?;
    Some(line(&record, attributes, hashed))
}

/// Identity and JSON of a record. `hashed` is a buffer to use again.
pub(crate) fn line(record: &Record<'_>, attributes: Vec<Entry<'_>>, hashed: &mut Vec<u8>) -> Line {
    let identity = identity(record, &attributes, hashed);
    let mut out = Vec::with_capacity(512 + record.body.len() + record.resource.len());
    out.extend_from_slice(b"{\"id\":\"");
    write_int(&mut out, record.timestamp);
    out.push(b'-');
    write_hex(&mut out, &identity.to_be_bytes());
    out.extend_from_slice(b"\",\"timestamp\":\"");
    write_int(&mut out, record.timestamp);
    out.extend_from_slice(b"\",\"observed_timestamp\":\"");
    write_int(&mut out, record.observed_timestamp);
    out.extend_from_slice(b"\",\"service\":");
    write_text(&mut out, record.service);
    out.extend_from_slice(b",\"severity\":");
    write_text(&mut out, severity::name(record.severity_number).as_bytes());
    out.extend_from_slice(b",\"severity_number\":");
    write_int(&mut out, record.severity_number.into());
    out.extend_from_slice(b",\"body\":");
    write_text(&mut out, record.body);
    out.extend_from_slice(b",\"trace_id\":\"");
    write_id(&mut out, &record.trace_id);
    out.extend_from_slice(b"\",\"span_id\":\"");
    write_id(&mut out, &record.span_id);
    out.extend_from_slice(b"\",\"event_name\":");
    write_text(&mut out, record.event_name);
    out.extend_from_slice(b",\"template_id\":\"");
    write_hex(&mut out, &record.template_id.to_be_bytes());
    out.extend_from_slice(b"\",\"attributes\":{");
    write_attributes(&mut out, attributes);
    out.extend_from_slice(b"},\"resource\":");
    write_json(&mut out, if record.resource.is_empty() { b"{}" } else { record.resource });
    out.extend_from_slice(b",\"scope_name\":");
    write_text(&mut out, record.scope_name);
    out.extend_from_slice(b",\"scope_version\":");
    write_text(&mut out, record.scope_version);
    out.push(b'}');
    Line { timestamp: record.timestamp, identity, json: out }
}

fn identity(record: &Record<'_>, attributes: &[Entry<'_>], hashed: &mut Vec<u8>) -> u64 {
    hashed.clear();
    hashed.extend_from_slice(&record.timestamp.to_le_bytes());
    hashed.push(record.severity_number);
    hashed.extend_from_slice(&record.trace_id);
    hashed.extend_from_slice(&record.span_id);
    for text in [record.service, record.body, record.event_name, record.resource] {
        hashed.extend_from_slice(&xxh3_64(text).to_le_bytes());
    }
    let sum = attributes.iter().fold(0_u64, |sum, entry| sum.wrapping_add(entry.hash));
    hashed.extend_from_slice(&sum.to_le_bytes());
    xxh3_64(hashed)
}

fn attributes<'a>(rows: &mut Rows<'a>, sources: &'a [AttributeSource], hashed: &mut Vec<u8>) -> Option<Vec<Entry<'a>>> {
    let mut entries = Vec::new();
    for source in sources {
        match source {
            AttributeSource::Map(kind) => {
                for _ in 0..rows.length()? {
                    let key = rows.string()?;
                    let value = rows.value(*kind)?;
                    if !in_a_column(sources, *kind, key) {
                        entries.push(entry(key, value, hashed));
                    }
                }
            }
            AttributeSource::Column(kind, key) => {
                if rows.array::<1>()? == [0] {
                    let value = rows.value(*kind)?;
                    entries.push(entry(key.as_bytes(), value, hashed));
                }
            }
        }
    }
    Some(entries)
}

/// The attributes of a row, whatever column they lie in.
pub(crate) fn row_attributes<'a>(
    rows: &mut Rows<'a>,
    sources: &'a [AttributeSource],
) -> Option<Vec<(&'a [u8], Value<'a>)>> {
    let mut found = Vec::new();
    for source in sources {
        match source {
            AttributeSource::Map(kind) => {
                for _ in 0..rows.length()? {
                    let key = rows.string()?;
                    let value = rows.value(*kind)?;
                    if !in_a_column(sources, *kind, key) {
                        found.push((key, value));
                    }
                }
            }
            AttributeSource::Column(kind, key) => {
                if rows.array::<1>()? == [0] {
                    found.push((key.as_bytes(), rows.value(*kind)?));
                }
            }
        }
    }
    Some(found)
}

fn in_a_column(sources: &[AttributeSource], kind: AttributeType, key: &[u8]) -> bool {
    sources.iter().any(
        |source| matches!(source, AttributeSource::Column(other, name) if *other == kind && name.as_bytes() == key),
    )
}

/// An attribute with its hash.
pub(crate) fn entry<'a>(key: &'a [u8], value: Value<'a>, hashed: &mut Vec<u8>) -> Entry<'a> {
    hashed.clear();
    hashed.extend_from_slice(key);
    hashed.push(0);
    match value {
        Value::String(text) => {
            hashed.push(b's');
            hashed.extend_from_slice(text);
        }
        Value::Int(value) => {
            hashed.push(b'i');
            hashed.extend_from_slice(&value.to_le_bytes());
        }
        Value::Float(value) => {
            hashed.push(b'f');
            hashed.extend_from_slice(&value.to_le_bytes());
        }
        Value::Bool(value) => hashed.extend_from_slice(&[b'b', u8::from(value)]),
        Value::Json(text) => {
            hashed.push(b'j');
            hashed.extend_from_slice(text);
        }
    }
    Entry { key, hash: xxh3_64(hashed), value }
}

/// Members of the object of attributes, by key.
fn write_attributes(out: &mut Vec<u8>, mut entries: Vec<Entry<'_>>) {
    entries.sort_by_key(|entry| entry.key);
    for (number, entry) in entries.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_text(out, entry.key);
        out.push(b':');
        match entry.value {
            Value::String(text) => write_text(out, text),
            Value::Int(value) => write_int(out, value),
            Value::Float(value) if value.is_finite() => write_float(out, value),
            Value::Float(value) if value.is_nan() => out.extend_from_slice(b"\"NaN\""),
            Value::Float(value) => out.extend_from_slice(if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" }),
            Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Value::Json(text) => write_json(out, text),
        }
    }
}

/// A JSON string of text that should be UTF-8.
fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    match String::from_utf8_lossy(text) {
        Cow::Borrowed(text) => write_string(out, text.as_bytes()),
        Cow::Owned(text) => write_string(out, text.as_bytes()),
    }
}

/// JSON as it was stored: one line.
fn write_json(out: &mut Vec<u8>, json: &[u8]) {
    out.extend(json.iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }));
}

/// An id in hexadecimal digits; nothing when it is all zero, which means that there is none.
fn write_id(out: &mut Vec<u8>, id: &[u8]) {
    if id.iter().any(|&byte| byte != 0) {
        write_hex(out, id);
    }
}

fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
}

/// A cursor over RowBinary. None means that the data end early.
pub(crate) struct Rows<'a> {
    data: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Rows<'a> {
    /// From the first row on.
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// Is there no further row?
    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.data.len()
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let bytes = self.data.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn int(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// An unsigned LEB128 number.
    pub(crate) fn length(&mut self) -> Option<usize> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return usize::try_from(value).ok();
            }
        }
        None
    }

    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    pub(crate) fn value(&mut self, kind: AttributeType) -> Option<Value<'a>> {
        Some(match kind {
            AttributeType::String => Value::String(self.string()?),
            AttributeType::Int => Value::Int(self.int()?),
            AttributeType::Float => Value::Float(f64::from_le_bytes(self.array()?)),
            AttributeType::Bool => Value::Bool(self.array::<1>()? != [0]),
            AttributeType::Json => Value::Json(self.string()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(out: &mut Vec<u8>, text: &str) {
        out.push(text.len() as u8);
        out.extend_from_slice(text.as_bytes());
    }

    fn row(body: &str, attributes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&1_i64.to_le_bytes());
        out.extend_from_slice(&2_i64.to_le_bytes());
        string(&mut out, "cart");
        out.push(17);
        string(&mut out, body);
        out.extend_from_slice(&[0xab; 16]);
        out.extend_from_slice(&[0; 8]);
        string(&mut out, "");
        out.extend_from_slice(&5_u64.to_le_bytes());
        string(&mut out, "");
        string(&mut out, "lib");
        string(&mut out, "");
        out.extend_from_slice(attributes);
        out
    }

    fn map(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut out = vec![pairs.len() as u8];
        for (key, value) in pairs {
            string(&mut out, key);
            string(&mut out, value);
        }
        out
    }

    #[test]
    fn a_record_is_one_line() {
        let rows = row("a\n\"b\"", &map(&[("z", "1"), ("a", "2")]));
        let lines = render_records(&rows, &[AttributeSource::Map(AttributeType::String)]).unwrap();
        let json = String::from_utf8(lines[0].json.clone()).unwrap();
        assert_eq!(
            json,
            format!(
                "{{\"id\":\"1-{:016x}\",\"timestamp\":\"1\",\"observed_timestamp\":\"2\",\"service\":\"cart\",\
                 \"severity\":\"error\",\"severity_number\":17,\"body\":\"a\\n\\\"b\\\"\",\"trace_id\":\"{}\",\
                 \"span_id\":\"\",\"event_name\":\"\",\"template_id\":\"0000000000000005\",\
                 \"attributes\":{{\"a\":\"2\",\"z\":\"1\"}},\"resource\":{{}},\"scope_name\":\"lib\",\"scope_version\":\"\"}}",
                lines[0].identity,
                "ab".repeat(16)
            )
        );
    }

    #[test]
    fn a_column_of_its_own_changes_nothing() {
        let in_map = row("x", &map(&[("k", "v"), ("l", "w")]));
        let of_maps = render_records(&in_map, &[AttributeSource::Map(AttributeType::String)]).unwrap();
        let sources = [
            AttributeSource::Map(AttributeType::String),
            AttributeSource::Column(AttributeType::String, "k".to_owned()),
        ];
        let moved = row("x", &[map(&[("l", "w")]), vec![0, 1, b'v']].concat());
        assert_eq!(render_records(&moved, &sources).unwrap(), of_maps);
        let in_both = row("x", &[map(&[("k", "v"), ("l", "w")]), vec![0, 1, b'v']].concat());
        assert_eq!(render_records(&in_both, &sources).unwrap(), of_maps);
        let in_neither = row("x", &[map(&[("l", "w")]), vec![1]].concat());
        assert_ne!(render_records(&in_neither, &sources).unwrap()[0].identity, of_maps[0].identity);
    }

    #[test]
    fn rows_that_end_early_are_refused() {
        let rows = [row("first", &[]), row("second", &[])].concat();
        assert_eq!(render_records(&rows, &[]).unwrap().len(), 2);
        let second = rows.len() / 2;
        for end in 1..rows.len() {
            match render_records(&rows[..end], &[]) {
                Ok(lines) => assert_eq!((lines.len(), lines[0].json.is_empty()), (1, false)),
                Err(error) => assert!(error.at == 0 || error.at <= second + 1),
            }
        }
        assert!(render_records(&[255; 64], &[AttributeSource::Map(AttributeType::Json)]).is_err());
    }
}
