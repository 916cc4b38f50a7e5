//! Read logfmt: `key=value key="quoted value" flag`, with backslash escapes within quotes.

use crate::process::extract::{As, Extract};
use crate::process::field::Value;
use crate::process::rows::Rows;
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State};

/// See the module text.
#[derive(Debug)]
pub struct ParseLogfmt {
    extract: Extract,
    read: As,
}

impl ParseLogfmt {
    /// From options: those of [`Extract`] and `convert`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let read = if options.flag("convert", true)? { As::Guess } else { As::Text };
        Ok(Self { extract: Extract::new(options)?, read })
    }
}

impl Processor for ParseLogfmt {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let mut value = Vec::new();
        self.extract.each(rows, |writer, text| {
            let mut pairs = 0;
            let mut rest = text.trim_ascii();
            while !rest.is_empty() {
                let end = rest.iter().position(|&byte| byte == b'=' || byte <= b' ').unwrap_or(rest.len());
                let (key, tail) = rest.split_at(end);
                if key.is_empty() || key.contains(&b'"') {
                    return Err("the text is not logfmt");
                }
                rest = if let [b'=', tail @ ..] = tail {
                    pairs += 1;
                    if let [b'"', quoted @ ..] = tail {
                        let tail = unquote(quoted, &mut value)?;
                        writer.attribute(key, Value::Text(&value));
                        tail
                    } else {
                        let end = tail.iter().position(|&byte| byte <= b' ').unwrap_or(tail.len());
                        let (plain, tail) = tail.split_at(end);
                        writer.attribute(key, self.read.read(plain));
                        tail
                    }
                } else {
                    writer.attribute(key, Value::Bool(true));
                    tail
                }
                .trim_ascii_start();
            }
            if pairs > 0 { Ok(()) } else { Err("the text holds no key=value") }
        });
        Change::None
    }
}

/// Read up to the closing quote into `value`; what follows it.
pub fn unquote<'t>(text: &'t [u8], value: &mut Vec<u8>) -> Result<&'t [u8], &'static str> {
    value.clear();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return Ok(&text[at + 1..]),
            b'\\' => {
                at += 1;
                match text.get(at) {
                    Some(b'n') => value.push(b'\n'),
                    Some(b't') => value.push(b'\t'),
                    Some(b'r') => value.push(b'\r'),
                    // Anything else stands for itself; a character of several bytes is whole, since all of them follow.
                    Some(&other) => value.push(other),
                    None => break,
                }
            }
            other => value.push(other),
        }
        at += 1;
    }
    Err("a quote is not closed")
}
