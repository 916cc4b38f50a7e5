//! What parsing processors share: where the text comes from, and how values found in it become attributes.

use crate::batch::LogBatch;
use crate::limits::MAX_KEY_BYTES;
use crate::process::field::{Field, Source, Value};
use crate::process::rows::Rows;
use crate::process::spec::{Options, SpecError};
use std::collections::HashMap;

/// Options of every parser.
#[derive(Debug)]
pub struct Extract {
    /// The field that is parsed.
    pub field: Field,
    /// Goes before the names that are found.
    prefix: String,
    /// May a value that is there be replaced?
    overwrite: bool,
    /// Is the field removed when it was parsed?
    remove_source: bool,
}

impl Extract {
    /// Read `field`, `prefix`, `overwrite` and `remove_source`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let prefix = options.text("prefix")?.unwrap_or_default().to_owned();
        if prefix.len() > MAX_KEY_BYTES / 2 {
            return Err(SpecError::new("prefix", "is too long"));
        }
        let extract = Self {
            field: options.field("field", "body")?,
            prefix,
            overwrite: options.flag("overwrite", true)?,
            remove_source: options.flag("remove_source", false)?,
        };
        if extract.remove_source && !extract.field.writable() {
            return Err(SpecError::new("remove_source", "cannot remove this field"));
        }
        Ok(extract)
    }

    /// Call `parse` for each selected row with its text; an error of it fails the row and forgets what it wrote.
    pub fn each(&self, rows: &mut Rows, mut parse: impl FnMut(&mut Writer<'_, '_>, &[u8]) -> Result<(), &'static str>) {
        let batch = rows.batch();
        let source = Source::new(&self.field, &batch);
        let mut scratch = Vec::new();
        let mut keys = HashMap::new();
        for &row in rows.selected().iter() {
            let row = row as usize;
            let Some(text) = source.text(&batch, row, &mut scratch) else {
                rows.fail(row, "the field is not there");
                continue;
            };
            let mark = rows.mark();
            let mut writer = Writer { extract: self, rows, batch: &batch, row, keys: &mut keys, name: Vec::new() };
            match parse(&mut writer, &text) {
                Ok(()) if self.remove_source => {
                    // Before what was written: a value found may have the name of the field it was found in.
                    rows.remove_first(mark, row, &self.field);
                }
                Ok(()) => {}
                Err(why) => {
                    rows.rewind(mark);
                    rows.fail(row, why);
                }
            }
        }
    }
}

/// Writes what is found in the text of one row.
pub struct Writer<'r, 'b> {
    extract: &'r Extract,
    /// The rows, for fields other than attributes.
    pub rows: &'r mut Rows,
    batch: &'b LogBatch,
    /// The row.
    pub row: usize,
    keys: &'r mut HashMap<Vec<u8>, Option<u32>>,
    name: Vec<u8>,
}

impl Writer<'_, '_> {
    /// Set an attribute by the name that was found.
    pub fn attribute(&mut self, name: &[u8], value: Value<'_>) {
        let known = if self.extract.prefix.is_empty() {
            self.keys.get(name)
        } else {
            self.name.clear();
            self.name.extend_from_slice(self.extract.prefix.as_bytes());
            self.name.extend_from_slice(name);
            self.keys.get(&self.name)
        };
        let key = if let Some(key) = known {
            *key
        } else {
            let whole = if self.extract.prefix.is_empty() { name } else { &self.name };
            let key = self.rows.key(whole);
            // Names that do not fit are not remembered: there may be any number of them.
            if key.is_some() {
                self.keys.insert(whole.to_vec(), key);
            }
            key
        };
        if !self.extract.overwrite
            && let Some(key) = key
            && (key as usize) < self.batch.attributes.keys.len()
            && super::field::attribute(self.batch, self.row, key).is_some()
        {
            return;
        }
        self.rows.set_attribute(self.row, key, value);
    }

    /// Set any field; False when the value does not fit it.
    pub fn field(&mut self, field: &Field, value: Value<'_>) -> bool {
        match field {
            Field::Attribute(name) => {
                self.attribute(name.as_bytes(), value);
                true
            }
            field => self.rows.set(self.row, field, value),
        }
    }
}

/// The type that a text is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// It stays text.
    Text,
    /// An integer.
    Int,
    /// A float.
    Float,
    /// `true` or `false`.
    Bool,
    /// A number or a boolean when it reads as one.
    Guess,
}

impl As {
    /// By name.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "text" | "string" => Self::Text,
            "int" | "integer" => Self::Int,
            "float" | "number" => Self::Float,
            "bool" | "boolean" => Self::Bool,
            _ => return None,
        })
    }

    /// Read a text; one that is not of the type stays text.
    pub fn read(self, text: &[u8]) -> Value<'_> {
        let word = std::str::from_utf8(text).unwrap_or_default();
        let int = || word.parse().ok().map(Value::Int);
        let float = || match text.first() {
            Some(b'0'..=b'9' | b'-' | b'+' | b'.') => {
                word.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Float)
            }
            _ => None,
        };
        let boolean = || match word {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        };
        let found = match self {
            Self::Text => None,
            Self::Int => int(),
            Self::Float => float(),
            Self::Bool => boolean(),
            Self::Guess => int().or_else(float).or_else(boolean),
        };
        found.unwrap_or(Value::Text(text))
    }
}
