//! Fields that lines turn out to have: structured metadata, and what `json` or `logfmt` finds in the line.

use super::LogqlError;
use super::entry::{Kind, Streams};
use super::json::Json;
use super::parsers::Parser;
use super::program::{Program, Totals};
use super::units;
use crate::json::writer::write_string;
use crate::render::AttributeSource;
use std::collections::{BTreeMap, BTreeSet};

const MAX_FIELDS: usize = 1000;
const MAX_VALUES: usize = 10_000;

#[derive(Debug, Default)]
struct Field {
    values: BTreeSet<String>,
    parsers: BTreeSet<&'static str>,
}

/// Looks at entries; what `detected_fields` answers.
#[derive(Debug)]
pub struct Fields {
    program: Program,
    streams: Streams,
    known: BTreeMap<String, Field>,
    totals: Totals,
}

impl Fields {
    /// Over the entries that pass a program.
    pub fn new(program: Program) -> Self {
        Self { program, streams: Streams::default(), known: BTreeMap::new(), totals: Totals::default() }
    }

    /// Take in a page; how many lines were looked at so far.
    pub fn feed(&mut self, rows: &[u8], sources: &[AttributeSource]) -> Result<u64, LogqlError> {
        let parser = |name: &str| Parser::read(&Json::Object(vec![("t".to_owned(), Json::Text(name.to_owned()))]));
        let (json, logfmt) = (parser("json")?, parser("logfmt")?);
        let fields = &mut self.known;
        self.program.run(rows, sources, &mut self.streams, &mut self.totals, |mut entry| {
            for label in &entry.labels {
                match label.kind {
                    Kind::Meta | Kind::Parsed => note(fields, &label.name, &label.value, None),
                    Kind::Stream => {}
                }
            }
            entry.labels.retain(|label| label.kind != Kind::Parsed);
            let known = entry.labels.len();
            let is_object = entry.line.trim_start().starts_with('{');
            let way = if is_object { "json" } else { "logfmt" };
            entry.error = None;
            if is_object { &json } else { &logfmt }.apply(&mut entry);
            if entry.error.is_none() {
                for label in &entry.labels[known..] {
                    note(fields, &label.name, &label.value, Some(way));
                }
            }
            Ok(())
        })?;
        Ok(self.totals.lines)
    }

    /// `[{"label", "type", "cardinality", "parsers"}, ...]`, those with most values first, at most `limit`.
    pub fn encode(&self, limit: usize) -> Vec<u8> {
        let mut order: Vec<(&String, &Field)> = self.known.iter().collect();
        order.sort_by(|one, other| other.1.values.len().cmp(&one.1.values.len()).then(one.0.cmp(other.0)));
        let mut out = vec![b'['];
        for (number, (name, field)) in order.into_iter().take(limit).enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"label\":");
            write_string(&mut out, name.as_bytes());
            out.extend_from_slice(b",\"type\":\"");
            out.extend_from_slice(kind(&field.values).as_bytes());
            out.extend_from_slice(b"\",\"cardinality\":");
            out.extend_from_slice(field.values.len().to_string().as_bytes());
            out.extend_from_slice(b",\"parsers\":");
            if field.parsers.is_empty() {
                out.extend_from_slice(b"null");
            } else {
                let shown: Vec<String> = field.parsers.iter().map(|parser| format!("\"{parser}\"")).collect();
                out.extend_from_slice(format!("[{}]", shown.join(",")).as_bytes());
            }
            out.push(b'}');
        }
        out.push(b']');
        out
    }

    /// The values of a field, in order, at most `limit`, as a JSON list.
    pub fn values(&self, name: &str, limit: usize) -> Vec<u8> {
        let mut out = vec![b'['];
        for (number, value) in self.known.get(name).iter().flat_map(|field| &field.values).take(limit).enumerate() {
            if number > 0 {
                out.push(b',');
            }
            write_string(&mut out, value.as_bytes());
        }
        out.push(b']');
        out
    }

    /// What was read.
    pub fn totals(&self) -> Totals {
        self.totals
    }
}

fn note(fields: &mut BTreeMap<String, Field>, name: &str, value: &str, parser: Option<&'static str>) {
    if !fields.contains_key(name) && fields.len() >= MAX_FIELDS {
        return;
    }
    let field = fields.entry(name.to_owned()).or_default();
    field.parsers.extend(parser);
    if field.values.len() < MAX_VALUES {
        field.values.insert(value.to_owned());
    }
}

/// The type that all values read as.
fn kind(values: &BTreeSet<String>) -> &'static str {
    let all = |test: &dyn Fn(&str) -> bool| !values.is_empty() && values.iter().all(|value| test(value));
    if all(&|value| value.parse::<i64>().is_ok()) {
        "int"
    } else if all(&|value| value.parse::<f64>().is_ok()) {
        "float"
    } else if all(&|value| matches!(value, "true" | "false")) {
        "boolean"
    } else if all(&|value| units::duration(value).is_some()) {
        "duration"
    } else if all(&|value| units::bytes(value).is_some()) {
        "bytes"
    } else {
        "string"
    }
}
