//! Fields of a record by name, as in the search language, and how to read them out of a batch.

use crate::batch::LogBatch;
use crate::json::reader::{Number, Reader, Token, number};
use crate::json::writer::{copy_rest, write_float, write_int, write_string};
use crate::severity;
use std::borrow::Cow;

/// A field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// When it happened, ns.
    Timestamp,
    /// When it was seen, ns.
    ObservedTimestamp,
    /// The resource's `service.name`.
    Service,
    /// The severity by name.
    Severity,
    /// The severity by number.
    SeverityNumber,
    /// The message.
    Body,
    /// In hex digits.
    TraceId,
    /// In hex digits.
    SpanId,
    /// Event name.
    EventName,
    /// In hex digits; derived from the body.
    TemplateId,
    /// Name of the instrumentation scope.
    ScopeName,
    /// Version of the instrumentation scope.
    ScopeVersion,
    /// A record attribute.
    Attribute(String),
    /// A resource attribute.
    Resource(String),
    /// An attribute, or a resource attribute when there is no such attribute.
    Anywhere(String),
}

/// Bare names that senders put into the resource as often as into the record; `query/fields.py` has the same.
const RESOURCE_PREFIXES: [&str; 18] = [
    "aws.",
    "azure.",
    "cloud.",
    "container.",
    "deployment.",
    "device.",
    "faas.",
    "gcp.",
    "heroku.",
    "host.",
    "k8s.",
    "oci.",
    "os.",
    "process.",
    "service.",
    "telemetry.",
    "webengine.",
    "host.",
];
const RESOURCE_NAMES: [&str; 15] = [
    "app",
    "application",
    "cluster",
    "container",
    "env",
    "environment",
    "host",
    "hostname",
    "instance",
    "job",
    "namespace",
    "node",
    "pod",
    "region",
    "zone",
];

impl Field {
    /// The field that a name means. The error is a sentence without its subject.
    pub fn parse(name: &str) -> Result<Self, String> {
        if name.is_empty() {
            return Err("names an empty field".to_owned());
        }
        Ok(match name.to_ascii_lowercase().as_str() {
            "timestamp" | "_time" => Self::Timestamp,
            "observed_timestamp" => Self::ObservedTimestamp,
            "service" | "service.name" => Self::Service,
            "severity" | "level" => Self::Severity,
            "severity_number" => Self::SeverityNumber,
            "body" | "message" | "_msg" => Self::Body,
            "trace_id" => Self::TraceId,
            "span_id" => Self::SpanId,
            "event_name" => Self::EventName,
            "template_id" => Self::TemplateId,
            "scope_name" => Self::ScopeName,
            "scope_version" => Self::ScopeVersion,
            "attributes" | "resource" => return Err(format!("names {name}, which is a map: name one of its keys")),
            _ => match name.split_once('.') {
                Some(("attributes", key)) if !key.is_empty() => Self::Attribute(key.to_owned()),
                Some(("resource", "service.name")) => Self::Service,
                Some(("resource", key)) if !key.is_empty() => Self::Resource(key.to_owned()),
                _ if RESOURCE_NAMES.contains(&name) || RESOURCE_PREFIXES.iter().any(|p| name.starts_with(p)) => {
                    Self::Anywhere(name.to_owned())
                }
                _ => Self::Attribute(name.to_owned()),
            },
        })
    }

    /// May a step write it?
    pub fn writable(&self) -> bool {
        !matches!(self, Self::TemplateId | Self::ScopeName | Self::ScopeVersion)
    }
}

/// A field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Valid UTF-8.
    Text(&'a [u8]),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// JSON text of an array or object.
    Json(&'a [u8]),
}

impl<'a> Value<'a> {
    /// As text.
    pub fn to_text(self) -> Cow<'a, [u8]> {
        let mut out = Vec::new();
        match self {
            Self::Text(text) | Self::Json(text) => return Cow::Borrowed(text),
            Self::Int(value) => write_int(&mut out, value),
            Self::Float(value) if value.is_finite() => write_float(&mut out, value),
            Self::Float(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        }
        Cow::Owned(out)
    }

    /// Append it as JSON.
    pub fn write_json(self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => write_string(out, text),
            Self::Json(text) => out.extend_from_slice(text),
            Self::Int(value) => write_int(out, value),
            Self::Float(value) => write_float(out, value),
            Self::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        }
    }

    /// As a number, when it is one or reads as one.
    pub fn to_number(self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            Self::Text(text) => {
                std::str::from_utf8(text).ok()?.trim().parse().ok().filter(|value: &f64| value.is_finite())
            }
            _ => None,
        }
    }
}

/// A value that owns its text.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedValue {
    /// See [`Value::Text`].
    Text(Vec<u8>),
    /// See [`Value::Int`].
    Int(i64),
    /// See [`Value::Float`].
    Float(f64),
    /// See [`Value::Bool`].
    Bool(bool),
    /// See [`Value::Json`].
    Json(Vec<u8>),
}

impl OwnedValue {
    /// Borrow it.
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Int(value) => Value::Int(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Bool(value) => Value::Bool(*value),
            Self::Json(text) => Value::Json(text),
        }
    }
}

/// Reads one field of the rows of one batch: keys are looked up, and resources are read, once.
#[derive(Debug)]
pub struct Source {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Column(Field),
    /// Key id of an attribute, values of the resources by id.
    Maps(Option<u32>, Vec<Option<OwnedValue>>),
}

impl Source {
    /// A reader of a field of this batch.
    pub fn new(field: &Field, batch: &LogBatch) -> Self {
        let attribute = |key: &str| batch.attributes.keys.find([key.as_bytes()]);
        let resources = |key: &str| {
            (0..batch.origins.resources.len() as u32)
                .map(|id| member(batch.origins.resources.get(id, 1), key.as_bytes()))
                .collect()
        };
        let place = match field {
            Field::Attribute(key) => Place::Maps(attribute(key), Vec::new()),
            Field::Resource(key) => Place::Maps(None, resources(key)),
            Field::Anywhere(key) => Place::Maps(attribute(key), resources(key)),
            column => Place::Column(column.clone()),
        };
        Self { place }
    }

    /// The row's value; None when it has none (columns: when they are empty). `scratch` may be overwritten.
    pub fn get<'a>(&'a self, batch: &'a LogBatch, row: usize, scratch: &'a mut Vec<u8>) -> Option<Value<'a>> {
        match &self.place {
            Place::Column(field) => column(field, batch, row, scratch),
            Place::Maps(key, resources) => {
                if let Some(value) = key.and_then(|key| attribute(batch, row, key)) {
                    return Some(value);
                }
                resources.get(batch.origins.resource_ids[row] as usize)?.as_ref().map(OwnedValue::as_value)
            }
        }
    }

    /// The row's value as text.
    pub fn text<'a>(&'a self, batch: &'a LogBatch, row: usize, scratch: &'a mut Vec<u8>) -> Option<Cow<'a, [u8]>> {
        self.get(batch, row, scratch).map(Value::to_text)
    }
}

/// The attribute of a row with this key.
pub fn attribute(batch: &LogBatch, row: usize, key: u32) -> Option<Value<'_>> {
    fn entry(keys: &[u32], range: std::ops::Range<usize>, key: u32) -> Option<usize> {
        keys[range.clone()].iter().position(|&other| other == key).map(|at| range.start + at)
    }
    if let Some(at) = entry(&batch.attributes.strings.keys, batch.attributes.strings.row(row), key) {
        return Some(Value::Text(batch.attributes.strings.values.get(at)));
    }
    if let Some(at) = entry(&batch.attributes.ints.keys, batch.attributes.ints.row(row), key) {
        return Some(Value::Int(batch.attributes.ints.values[at]));
    }
    if let Some(at) = entry(&batch.attributes.floats.keys, batch.attributes.floats.row(row), key) {
        return Some(Value::Float(batch.attributes.floats.values[at]));
    }
    if let Some(at) = entry(&batch.attributes.bools.keys, batch.attributes.bools.row(row), key) {
        return Some(Value::Bool(batch.attributes.bools.values[at]));
    }
    entry(&batch.attributes.jsons.keys, batch.attributes.jsons.row(row), key)
        .map(|at| Value::Json(batch.attributes.jsons.values.get(at)))
}

fn column<'a>(field: &Field, batch: &'a LogBatch, row: usize, scratch: &'a mut Vec<u8>) -> Option<Value<'a>> {
    let text = |text: &'a [u8]| if text.is_empty() { None } else { Some(Value::Text(text)) };
    match field {
        Field::Timestamp => Some(Value::Int(batch.timestamps[row])),
        Field::ObservedTimestamp => Some(Value::Int(batch.observed_timestamps[row])),
        Field::Service => text(batch.origins.resources.get(batch.origins.resource_ids[row], 0)),
        Field::Severity => match batch.severity_numbers[row] {
            0 => None,
            number => Some(Value::Text(severity::name(number).as_bytes())),
        },
        Field::SeverityNumber => match batch.severity_numbers[row] {
            0 => None,
            number => Some(Value::Int(number.into())),
        },
        Field::Body => text(batch.bodies.get(row)),
        Field::TraceId => hex(&batch.trace_ids[row], scratch),
        Field::SpanId => hex(&batch.span_ids[row], scratch),
        Field::EventName => text(batch.texts.get(batch.event_names[row], 0)),
        Field::TemplateId => hex(&batch.template_ids[row].to_be_bytes(), scratch),
        Field::ScopeName => text(batch.origins.scopes.get(batch.origins.scope_ids[row], 0)),
        Field::ScopeVersion => text(batch.origins.scopes.get(batch.origins.scope_ids[row], 1)),
        Field::Attribute(_) | Field::Resource(_) | Field::Anywhere(_) => None,
    }
}

fn hex<'a>(bytes: &[u8], scratch: &'a mut Vec<u8>) -> Option<Value<'a>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if bytes.iter().all(|&byte| byte == 0) {
        return None;
    }
    scratch.clear();
    scratch.extend(bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
    Some(Value::Text(scratch))
}

/// Bytes of hex digits; None when they are not exactly two for each byte.
pub fn unhex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(bytes)
}

/// The value of a member of a JSON object; None when it is missing, null, or the text is no object.
pub fn member(json: &[u8], name: &[u8]) -> Option<OwnedValue> {
    members(json)?.into_iter().find(|(key, _)| key == name).and_then(|(_, value)| value)
}

/// Name and value of a member of an object; null is None.
pub type Member = (Vec<u8>, Option<OwnedValue>);

/// Members of a JSON object.
pub fn members(json: &[u8]) -> Option<Vec<Member>> {
    let mut found = Vec::new();
    let mut reader = Reader::new(json);
    let mut scratch = Vec::new();
    if reader.at_end() {
        return Some(found);
    }
    if !matches!(reader.value().ok()?, Token::Object) {
        return None;
    }
    while let Some(key) = reader.key(found.is_empty()).ok()? {
        let key = key.resolve(&mut scratch).to_vec();
        let value = match reader.value().ok()? {
            Token::Null => None,
            Token::Bool(value) => Some(OwnedValue::Bool(value)),
            Token::Number { raw, integer } => Some(match number(raw, integer) {
                Number::Int(value) => OwnedValue::Int(value),
                Number::Float(value) => OwnedValue::Float(value),
            }),
            Token::Text(text) => Some(OwnedValue::Text(text.resolve(&mut scratch).to_vec())),
            token => {
                let mut out = Vec::new();
                copy_rest(&mut reader, token, 1, &mut out).ok()?;
                Some(OwnedValue::Json(out))
            }
        };
        found.push((key, value));
    }
    Some(found)
}

/// A JSON object with one member set, or removed when `value` is None; keys stay sorted.
pub fn with_member(json: &[u8], name: &[u8], value: Option<Value<'_>>) -> Vec<u8> {
    let mut sorted: std::collections::BTreeMap<Vec<u8>, Option<OwnedValue>> =
        members(json).unwrap_or_default().into_iter().collect();
    sorted.remove(name);
    let mut out = vec![b'{'];
    let mut given = value.map(|value| (name.to_vec(), value));
    let write = |out: &mut Vec<u8>, key: &[u8], value: Option<Value<'_>>| {
        if out.len() > 1 {
            out.push(b',');
        }
        write_string(out, key);
        out.push(b':');
        match value {
            Some(value) => value.write_json(out),
            None => out.extend_from_slice(b"null"),
        }
    };
    for (key, value) in &sorted {
        if let Some((new, value)) = given.take_if(|(new, _)| *new < *key) {
            write(&mut out, &new, Some(value));
        }
        write(&mut out, key, value.as_ref().map(OwnedValue::as_value));
    }
    if let Some((new, value)) = given {
        write(&mut out, &new, Some(value));
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_they_mean_in_the_search_language() {
        for (name, field) in [
            ("body", Field::Body),
            ("_msg", Field::Body),
            ("Level", Field::Severity),
            ("service.name", Field::Service),
            ("attributes.a.b", Field::Attribute("a.b".to_owned())),
            ("a.b", Field::Attribute("a.b".to_owned())),
            ("resource.zone", Field::Resource("zone".to_owned())),
            ("host.name", Field::Anywhere("host.name".to_owned())),
            ("pod", Field::Anywhere("pod".to_owned())),
        ] {
            assert_eq!(Field::parse(name), Ok(field), "{name}");
        }
        assert!(Field::parse("").is_err());
        assert!(Field::parse("attributes").is_err());
    }

    #[test]
    fn members_are_set_and_removed() {
        let json = br#"{"b":1,"d":[1]}"#;
        assert_eq!(with_member(json, b"c", Some(Value::Text(b"x\""))), br#"{"b":1,"c":"x\"","d":[1]}"#);
        assert_eq!(with_member(json, b"b", Some(Value::Bool(true))), br#"{"b":true,"d":[1]}"#);
        assert_eq!(with_member(json, b"d", None), br#"{"b":1}"#);
        assert_eq!(with_member(b"", b"z", Some(Value::Int(7))), br#"{"z":7}"#);
        assert_eq!(member(json, b"d"), Some(OwnedValue::Json(b"[1]".to_vec())));
    }
}
