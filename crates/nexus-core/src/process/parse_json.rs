//! Read JSON objects; nested ones are flattened with dots, arrays stay JSON, nulls are left out.

use crate::json::reader::{Number, Reader, Token, number};
use crate::json::writer::copy_rest;
use crate::limits::MAX_DEPTH;
use crate::process::extract::{Extract, Writer};
use crate::process::field::Value;
use crate::process::rows::Rows;
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State};

/// See the module text.
#[derive(Debug)]
pub struct ParseJson {
    extract: Extract,
}

impl ParseJson {
    /// From options.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        Ok(Self { extract: Extract::new(options)? })
    }
}

impl Processor for ParseJson {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let mut path = Vec::new();
        let mut scratch = Vec::new();
        self.extract.each(rows, |writer, text| {
            let mut reader = Reader::new(text);
            if reader.peek() != Some(b'{') {
                return Err("the text is not a JSON object");
            }
            path.clear();
            reader.position += 1;
            object(writer, &mut reader, &mut path, &mut scratch, 1)?;
            if reader.at_end() { Ok(()) } else { Err("text follows the JSON object") }
        });
        Change::None
    }
}

const INVALID: &str = "the text is not valid JSON";

/// Members of an object whose brace has been read.
fn object(
    writer: &mut Writer<'_, '_>,
    reader: &mut Reader<'_>,
    path: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    depth: usize,
) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err("the JSON is nested too deeply");
    }
    let prefix = path.len();
    let mut first = true;
    while let Some(key) = reader.key(first).map_err(|_| INVALID)? {
        first = false;
        path.extend_from_slice(key.resolve(scratch));
        match reader.value().map_err(|_| INVALID)? {
            Token::Null => {}
            Token::Bool(value) => writer.attribute(path, Value::Bool(value)),
            Token::Number { raw, integer } => match number(raw, integer) {
                Number::Int(value) => writer.attribute(path, Value::Int(value)),
                Number::Float(value) => writer.attribute(path, Value::Float(value)),
            },
            Token::Text(text) => writer.attribute(path, Value::Text(text.resolve(scratch))),
            Token::Object => {
                path.push(b'.');
                object(writer, reader, path, scratch, depth + 1)?;
            }
            token @ Token::Array => {
                let mut json = Vec::new();
                copy_rest(reader, token, depth, &mut json).map_err(|_| INVALID)?;
                writer.attribute(path, Value::Json(&json));
            }
        }
        path.truncate(prefix);
    }
    Ok(())
}
