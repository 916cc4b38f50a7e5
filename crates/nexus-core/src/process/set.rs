//! Give fields values: constants, or texts with `${field}` in them. All fields are read before any is written.

use crate::process::field::{Field, OwnedValue, Source, Value};
use crate::process::rows::Rows;
use crate::process::spec::{Json, Options, SpecError, field};
use crate::process::{Change, Context, Processor, State, writable};

/// Bytes of a template.
const MAX_TEMPLATE: usize = 64 << 10;
/// Bytes of a text made from a template.
const MAX_TEXT: usize = 1 << 20;

#[derive(Debug)]
enum Part {
    Text(String),
    Field(Field),
}

#[derive(Debug)]
enum Content {
    Constant(OwnedValue),
    /// The value of another field, with its type.
    Copy(Field),
    Template(Vec<Part>),
}

/// See the module text.
#[derive(Debug)]
pub struct Set {
    fields: Vec<(Field, Content)>,
    overwrite: bool,
}

impl Set {
    /// From options: `fields`, `overwrite`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let mut fields = Vec::new();
        for (name, value) in options.map("fields")? {
            fields.push((writable("fields", name)?, content(name, value)?));
        }
        if fields.is_empty() {
            return Err(SpecError::new("fields", "is missing"));
        }
        Ok(Self { fields, overwrite: options.flag("overwrite", true)? })
    }
}

fn content(name: &str, value: &Json) -> Result<Content, SpecError> {
    Ok(Content::Constant(match value {
        Json::Bool(value) => OwnedValue::Bool(*value),
        Json::Int(value) => OwnedValue::Int(*value),
        Json::Float(value) => OwnedValue::Float(*value),
        Json::Text(text) if text.len() > MAX_TEMPLATE => {
            return Err(SpecError::new("fields", format!("gives {name} a text of more than {MAX_TEMPLATE} bytes")));
        }
        Json::Text(text) => {
            let mut parts = Vec::new();
            let mut rest = text.as_str();
            while let Some((before, tail)) = rest.split_once("${") {
                let Some((inner, tail)) = tail.split_once('}') else {
                    return Err(SpecError::new("fields", format!("gives {name} a text with ${{ without }}")));
                };
                if !before.is_empty() {
                    parts.push(Part::Text(before.to_owned()));
                }
                parts.push(Part::Field(field("fields", inner)?));
                rest = tail;
            }
            match (&parts[..], rest) {
                ([], _) => OwnedValue::Text(text.as_bytes().to_vec()),
                ([Part::Field(field)], "") => return Ok(Content::Copy(field.clone())),
                _ => {
                    if !rest.is_empty() {
                        parts.push(Part::Text(rest.to_owned()));
                    }
                    return Ok(Content::Template(parts));
                }
            }
        }
        Json::Null | Json::List(_) | Json::Map(_) => {
            return Err(SpecError::new("fields", format!("gives {name} no text, number or boolean")));
        }
    }))
}

impl Processor for Set {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let batch = rows.batch();
        let source = |field: &Field| Source::new(field, &batch);
        let contents: Vec<_> = self
            .fields
            .iter()
            .map(|(target, content)| {
                let sources: Vec<_> = match content {
                    Content::Constant(_) => Vec::new(),
                    Content::Copy(field) => vec![source(field)],
                    Content::Template(parts) => {
                        let fields = parts
                            .iter()
                            .filter_map(|part| if let Part::Field(field) = part { Some(field) } else { None });
                        fields.map(source).collect()
                    }
                };
                (target, source(target), content, sources)
            })
            .collect();
        let (mut scratch, mut text) = (Vec::new(), Vec::new());
        for &row in rows.selected().iter() {
            let row = row as usize;
            for (target, old, content, sources) in &contents {
                if !self.overwrite && old.get(&batch, row, &mut scratch).is_some() {
                    continue;
                }
                let value = match content {
                    Content::Constant(value) => Some(value.as_value()),
                    // What is not there is not copied.
                    Content::Copy(_) => sources[0].get(&batch, row, &mut scratch),
                    Content::Template(parts) => {
                        text.clear();
                        let mut sources = sources.iter();
                        for part in parts {
                            match part {
                                Part::Text(part) => text.extend_from_slice(part.as_bytes()),
                                Part::Field(_) => {
                                    let value =
                                        sources.next().and_then(|source| source.text(&batch, row, &mut scratch));
                                    text.extend_from_slice(&value.unwrap_or_default());
                                }
                            }
                        }
                        if text.len() > MAX_TEXT {
                            rows.fail(row, "the text would be longer than 1 MiB");
                            continue;
                        }
                        Some(Value::Text(&text))
                    }
                };
                if let Some(value) = value
                    && !rows.set(row, target, value)
                {
                    rows.fail(row, "a value does not fit its field");
                }
            }
        }
        Change::None
    }
}
