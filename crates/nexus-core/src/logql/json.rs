//! A small tree of JSON: programs come as one, and expressions of the `json` stage look into one.

use crate::json::reader::{Reader, Token};

const MAX_DEPTH: usize = 128;

/// A value. Numbers stay as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

const NULL: &Json = &Json::Null;

impl Json {
    /// Read one document and nothing after it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::new(text.as_bytes());
        let value = read(&mut reader, 0)?;
        if reader.at_end() { Ok(value) } else { Err("something follows the document".to_owned()) }
    }

    /// A member of an object, null when there is none.
    pub fn get(&self, key: &str) -> &Json {
        match self {
            Json::Object(members) => members.iter().find(|(name, _)| name == key).map_or(NULL, |(_, value)| value),
            _ => NULL,
        }
    }

    /// An element of a list, null when there is none.
    pub fn at(&self, index: usize) -> &Json {
        match self {
            Json::List(items) => items.get(index).unwrap_or(NULL),
            _ => NULL,
        }
    }

    /// The text, empty for anything else.
    pub fn text(&self) -> &str {
        match self {
            Json::Text(text) | Json::Number(text) => text,
            _ => "",
        }
    }

    /// The elements, none for anything else.
    pub fn list(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            _ => &[],
        }
    }

    /// The texts of a list.
    pub fn texts(&self) -> Vec<String> {
        self.list().iter().map(|item| item.text().to_owned()).collect()
    }

    /// The integer, or None.
    pub fn int(&self) -> Option<i64> {
        match self {
            Json::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The number, or None. `"NaN"` and the infinities come as text.
    pub fn float(&self) -> Option<f64> {
        match self {
            Json::Number(text) | Json::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Is it `true`?
    pub fn truth(&self) -> bool {
        *self == Json::Bool(true)
    }

    /// What a label holds of it: text without quotes, anything else as compact JSON.
    pub fn label(&self) -> String {
        match self {
            Json::Null => String::new(),
            Json::Text(text) => text.clone(),
            _ => {
                let mut out = Vec::new();
                self.write(&mut out);
                String::from_utf8_lossy(&out).into_owned()
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Json::Number(text) => out.extend_from_slice(text.as_bytes()),
            Json::Text(text) => crate::json::writer::write_string(out, text.as_bytes()),
            Json::List(items) => {
                out.push(b'[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Json::Object(members) => {
                out.push(b'{');
                for (number, (key, value)) in members.iter().enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    crate::json::writer::write_string(out, key.as_bytes());
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

fn read(reader: &mut Reader<'_>, depth: usize) -> Result<Json, String> {
    if depth > MAX_DEPTH {
        return Err("nested too deeply".to_owned());
    }
    let mut scratch = Vec::new();
    Ok(match reader.value().map_err(|error| error.to_string())? {
        Token::Null => Json::Null,
        Token::Bool(value) => Json::Bool(value),
        Token::Number { raw, .. } => Json::Number(lossy(raw)),
        Token::Text(text) => Json::Text(lossy(text.resolve(&mut scratch))),
        Token::Array => {
            let mut items = Vec::new();
            while reader.element(items.is_empty()).map_err(|error| error.to_string())? {
                items.push(read(reader, depth + 1)?);
            }
            Json::List(items)
        }
        Token::Object => {
            let mut members = Vec::new();
            while let Some(key) = reader.key(members.is_empty()).map_err(|error| error.to_string())? {
                let key = lossy(key.resolve(&mut scratch));
                members.push((key, read(reader, depth + 1)?));
            }
            Json::Object(members)
        }
    })
}

pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
