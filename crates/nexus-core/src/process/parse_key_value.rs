//! Read pairs of keys and values with separators of one's own: `a: 1; b: 2`.

use crate::process::extract::{As, Extract};
use crate::process::rows::Rows;
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State};

/// See the module text.
#[derive(Debug)]
pub struct ParseKeyValue {
    extract: Extract,
    read: As,
    pairs: String,
    equals: String,
    trim: Vec<u8>,
}

impl ParseKeyValue {
    /// From options: those of [`Extract`], `convert`, `pair_separator`, `key_value_separator`, `trim`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let text = |name, otherwise: &'static str| match options.text(name)? {
            Some("") => Err(SpecError::new(name, "must not be empty")),
            given => Ok(given.unwrap_or(otherwise).to_owned()),
        };
        let trim = options.text("trim")?.unwrap_or("\"'").as_bytes().to_vec();
        if !trim.is_ascii() {
            return Err(SpecError::new("trim", "must hold ASCII characters only"));
        }
        Ok(Self {
            read: if options.flag("convert", true)? { As::Guess } else { As::Text },
            pairs: text("pair_separator", " ")?,
            equals: text("key_value_separator", "=")?,
            trim,
            extract: Extract::new(options)?,
        })
    }

    fn trimmed<'t>(&self, text: &'t str) -> &'t str {
        let outer = |c: char| c.is_ascii_whitespace();
        text.trim_matches(outer)
            .trim_matches(|c: char| c.is_ascii() && self.trim.contains(&(c as u8)))
            .trim_matches(outer)
    }
}

impl Processor for ParseKeyValue {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        self.extract.each(rows, |writer, text| {
            let text = std::str::from_utf8(text).map_err(|_| "the text is not UTF-8")?;
            let mut found = false;
            for pair in text.split(self.pairs.as_str()) {
                if let Some((key, value)) = pair.split_once(self.equals.as_str()) {
                    let key = self.trimmed(key);
                    if !key.is_empty() {
                        found = true;
                        writer.attribute(key.as_bytes(), self.read.read(self.trimmed(value).as_bytes()));
                    }
                }
            }
            if found { Ok(()) } else { Err("the text holds no pair") }
        });
        Change::None
    }
}
