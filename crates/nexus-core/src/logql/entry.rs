//! Records as LogQL sees them: a line, and labels of three kinds. `docs/reference/logql.md` says which field becomes which.

use super::json::{Json, lossy};
use crate::columns::AttributeValue as Value;
use crate::render::{AttributeSource, row_attributes};
use crate::severity;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use crate::render::Rows;

/// Labels that an entry may have, and bytes of their names: what a parser finds beyond is an error of the entry.
const MAX_LABELS: usize = 1000;
pub(crate) const MAX_NAME: usize = 1024;

/// Streams whose labels are kept ready.
const MAX_STREAMS: usize = 20_000;

/// Where a label comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The stream: a resource attribute.
    Stream,
    /// Structured metadata: an attribute or a column of the record.
    Meta,
    /// A stage of the pipeline.
    Parsed,
}

/// One label of an entry.
#[derive(Debug, Clone)]
pub(crate) struct Label<'a> {
    pub name: Cow<'a, str>,
    pub value: Cow<'a, str>,
    pub kind: Kind,
}

/// A line on its way through the pipeline.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub timestamp: i64,
    pub line: Cow<'a, str>,
    pub labels: Vec<Label<'a>>,
    pub error: Option<&'static str>,
    pub error_details: String,
}

impl<'a> Entry<'a> {
    /// The value of a label, empty when there is none; `__error__` counts as one.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or("")
    }

    /// The value of a label that is there.
    pub fn find(&self, name: &str) -> Option<&str> {
        if name.starts_with("__error") {
            return match name {
                "__error__" => self.error,
                "__error_details__" if self.error.is_some() => Some(&self.error_details),
                _ => None,
            };
        }
        self.labels.iter().find(|label| label.name == name).map(|label| &*label.value)
    }

    /// Set a label; an empty value removes it.
    pub fn set(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        if name.starts_with("__error") {
            return;
        }
        if value.is_empty() {
            self.remove(&name);
            return;
        }
        match self.labels.iter_mut().find(|label| label.name == name) {
            Some(label) => {
                label.value = value;
                label.kind = Kind::Parsed;
            }
            None => self.labels.push(Label { name, value, kind: Kind::Parsed }),
        }
    }

    /// What a parser found: the first one of a name counts, and a name that the entry came with gets a suffix.
    pub fn extract(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        if value.is_empty() || name.is_empty() || name.starts_with("__error") {
            return;
        }
        if self.labels.len() >= MAX_LABELS || name.len() > MAX_NAME {
            self.fail(
                "LabelLimitErr",
                format!("more than {MAX_LABELS} labels, or a name of more than {MAX_NAME} bytes"),
            );
            return;
        }
        let mut name = name;
        if self.labels.iter().any(|label| label.name == name && label.kind != Kind::Parsed) {
            name = Cow::Owned(format!("{name}_extracted"));
        }
        if !self.labels.iter().any(|label| label.name == name) {
            self.labels.push(Label { name, value, kind: Kind::Parsed });
        }
    }

    /// Remove a label.
    pub fn remove(&mut self, name: &str) {
        match name {
            "__error__" => self.error = None,
            "__error_details__" => self.error_details.clear(),
            _ => self.labels.retain(|label| label.name != name),
        }
    }

    /// Note what went wrong; the first fault counts.
    pub fn fail(&mut self, error: &'static str, details: impl Into<String>) {
        if self.error.is_none() {
            self.error = Some(error);
            self.error_details = details.into();
        }
    }
}

/// The labels of one (service, resource), sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stream {
    pub labels: Vec<(String, String)>,
    /// Does it match the selector?
    pub matches: bool,
}

/// A name as labels have it: letters, digits and `_`, not beginning with a digit.
pub(crate) fn valid_name(name: &str) -> Cow<'_, str> {
    let digit = name.as_bytes().first().is_some_and(u8::is_ascii_digit);
    if !digit && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + 1);
    if digit {
        out.push('_');
    }
    out.extend(name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
    Cow::Owned(out)
}

/// Stream labels of a service and its resource (a JSON object).
pub(crate) fn stream_labels(service: &str, resource: &str) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String)> = Vec::new();
    if let Ok(Json::Object(members)) = Json::parse(resource) {
        for (key, value) in members {
            let (name, value) = (valid_name(&key), value.label());
            if name != "service_name" && !name.is_empty() && !value.is_empty() {
                // Of two keys with one valid name the one that is that name counts, else the first.
                match labels.iter_mut().find(|(known, _)| *known == *name) {
                    Some(known) if name == key => known.1 = value,
                    Some(_) => {}
                    None => labels.push((name.into_owned(), value)),
                }
            }
        }
    }
    let service = if service.is_empty() { "unknown_service" } else { service };
    labels.push(("service_name".to_owned(), service.to_owned()));
    labels.sort_unstable();
    labels
}

/// Streams by what they are made of.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    known: HashMap<Vec<u8>, Arc<Stream>>,
    key: Vec<u8>,
}

impl Streams {
    /// The stream of a row; `matches` decides for new ones.
    pub fn get(
        &mut self,
        service: &[u8],
        resource: &[u8],
        matches: impl FnOnce(&[(String, String)]) -> bool,
    ) -> Arc<Stream> {
        self.key.clear();
        self.key.extend_from_slice(service);
        self.key.push(0);
        self.key.extend_from_slice(resource);
        if let Some(stream) = self.known.get(&self.key) {
            return stream.clone();
        }
        if self.known.len() >= MAX_STREAMS {
            self.known.clear();
        }
        let labels = stream_labels(&String::from_utf8_lossy(service), &String::from_utf8_lossy(resource));
        let stream = Arc::new(Stream { matches: matches(&labels), labels });
        self.known.insert(self.key.clone(), stream.clone());
        stream
    }
}

/// A row of `Rows` plans: timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name,
/// template_id, resource, scope_name, scope_version, attributes.
pub(crate) struct Row<'a> {
    pub timestamp: i64,
    pub service: &'a [u8],
    pub severity: u8,
    pub body: &'a [u8],
    trace_id: [u8; 16],
    span_id: [u8; 8],
    event_name: &'a [u8],
    pub template_id: u64,
    pub resource: &'a [u8],
    scope_name: &'a [u8],
    scope_version: &'a [u8],
    attributes: Vec<(&'a [u8], Value<'a>)>,
}

impl<'a> Row<'a> {
    /// The next row.
    pub fn read(rows: &mut Rows<'a>, sources: &'a [AttributeSource]) -> Option<Self> {
        let timestamp = rows.int()?;
        rows.int()?;
        let service = rows.string()?;
        let [severity] = rows.array()?;
        Some(Self {
            timestamp,
            service,
            severity,
            body: rows.string()?,
            trace_id: rows.array()?,
            span_id: rows.array()?,
            event_name: rows.string()?,
            template_id: u64::from_le_bytes(rows.array()?),
            resource: rows.string()?,
            scope_name: rows.string()?,
            scope_version: rows.string()?,
            attributes: row_attributes(rows, sources)?,
        })
    }

    /// The entry of a row.
    pub fn entry(&self, stream: &'a Stream, with_template: bool) -> Entry<'a> {
        let mut labels = of_stream(stream);
        let taken = labels.len();
        push_severity(&mut labels, self.severity);
        for (name, text) in
            [("event_name", self.event_name), ("scope_name", self.scope_name), ("scope_version", self.scope_version)]
        {
            push_meta(&mut labels, taken, Cow::Borrowed(name), String::from_utf8_lossy(text));
        }
        push_meta(&mut labels, taken, Cow::Borrowed("trace_id"), Cow::Owned(id(&self.trace_id)));
        push_meta(&mut labels, taken, Cow::Borrowed("span_id"), Cow::Owned(id(&self.span_id)));
        if with_template {
            push_meta(&mut labels, taken, Cow::Borrowed("template_id"), format!("{:016x}", self.template_id).into());
        }
        for (key, value) in &self.attributes {
            let name = match std::str::from_utf8(key) {
                Ok(name) => valid_name(name),
                Err(_) => Cow::Owned(valid_name(&lossy(key)).into_owned()),
            };
            if name != "level" && name != "detected_level" {
                push_meta(&mut labels, taken, name, attribute_text(*value));
            }
        }
        Entry {
            timestamp: self.timestamp,
            line: String::from_utf8_lossy(self.body),
            labels,
            error: None,
            error_details: String::new(),
        }
    }
}

/// A record as a search renders it, for entries that were not read from rows.
pub(crate) struct Rendered {
    json: Json,
    pub service: String,
    pub resource: String,
    pub body: String,
}

impl Rendered {
    /// From one JSON object.
    pub fn read(record: &str) -> Result<Self, String> {
        let json = Json::parse(record)?;
        Ok(Self {
            service: json.get("service").text().to_owned(),
            resource: json.get("resource").label(),
            body: json.get("body").text().to_owned(),
            json,
        })
    }

    /// The entry of the record.
    pub fn entry<'a>(&'a self, stream: &'a Stream, with_template: bool) -> Entry<'a> {
        let mut labels = of_stream(stream);
        let taken = labels.len();
        let number = self.json.get("severity_number").int().and_then(|number| u8::try_from(number).ok());
        push_severity(&mut labels, number.unwrap_or(0));
        let more = if with_template { "template_id" } else { "" };
        for name in ["event_name", "scope_name", "scope_version", "trace_id", "span_id", more] {
            push_meta(&mut labels, taken, Cow::Borrowed(name), Cow::Borrowed(self.json.get(name).text()));
        }
        if let Json::Object(attributes) = self.json.get("attributes") {
            for (key, value) in attributes {
                let name = valid_name(key);
                if name != "level" && name != "detected_level" {
                    let text = match value {
                        Json::Number(text) if text.contains(['.', 'e', 'E']) => {
                            text.parse().map_or_else(|_| text.clone(), super::units::format_float)
                        }
                        Json::Text(text) if text == "Infinity" => "+Inf".to_owned(),
                        Json::Text(text) if text == "-Infinity" => "-Inf".to_owned(),
                        value => value.label(),
                    };
                    push_meta(&mut labels, taken, name, Cow::Owned(text));
                }
            }
        }
        Entry {
            timestamp: self.json.get("timestamp").text().parse().unwrap_or(0),
            line: Cow::Borrowed(&self.body),
            labels,
            error: None,
            error_details: String::new(),
        }
    }
}

/// The labels that a stream gives its entries.
pub(crate) fn of_stream(stream: &Stream) -> Vec<Label<'_>> {
    let mut labels = Vec::with_capacity(stream.labels.len() + 12);
    labels.extend(stream.labels.iter().map(|(name, value)| Label {
        name: Cow::Borrowed(name),
        value: Cow::Borrowed(value),
        kind: Kind::Stream,
    }));
    labels
}

/// `level` and `detected_level`. A stream label named so is the level itself.
pub(crate) fn push_severity(labels: &mut Vec<Label<'_>>, number: u8) {
    let name = match severity::name(number) {
        "unset" => "unknown",
        name => name,
    };
    let has = |labels: &[Label<'_>], name: &str| labels.iter().any(|label| label.name == name);
    if !has(labels, "detected_level") {
        labels.push(Label { name: "detected_level".into(), value: name.into(), kind: Kind::Meta });
    }
    if name != "unknown" && !has(labels, "level") {
        labels.push(Label { name: "level".into(), value: name.into(), kind: Kind::Meta });
    }
}

/// Add structured metadata; `taken` is how many labels the stream gave.
pub(crate) fn push_meta<'a>(labels: &mut Vec<Label<'a>>, taken: usize, name: Cow<'a, str>, value: Cow<'a, str>) {
    if value.is_empty() || name.is_empty() {
        return;
    }
    let name = if labels[..taken].iter().any(|label| label.name == name) {
        Cow::Owned(format!("{name}_extracted"))
    } else {
        name
    };
    if !labels.iter().any(|label| label.name == name) {
        labels.push(Label { name, value, kind: Kind::Meta });
    }
}

fn attribute_text(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::String(text) | Value::Json(text) => String::from_utf8_lossy(text),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Float(number) => Cow::Owned(super::units::format_float(number)),
        Value::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
    }
}

fn id(bytes: &[u8]) -> String {
    if bytes.iter().all(|&byte| byte == 0) {
        return String::new();
    }
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        out.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        out.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_have_valid_names() {
        let labels =
            stream_labels("shop", r#"{"k8s.pod.name":"p-1","service.name":"shop","1st":true,"x":{"a":[1]},"n":null}"#);
        let expected = [("_1st", "true"), ("k8s_pod_name", "p-1"), ("service_name", "shop"), ("x", r#"{"a":[1]}"#)];
        assert_eq!(labels, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(stream_labels("", ""), [("service_name".to_owned(), "unknown_service".to_owned())]);
        let both = stream_labels("", r#"{"a.b":"1","a_b":"2"}"#);
        assert_eq!(both[0], ("a_b".to_owned(), "2".to_owned()));
    }
}
