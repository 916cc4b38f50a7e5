//! Read the severity of a record from a field: names, numbers, or words of one's own.

use crate::process::field::{Field, Source, Value};
use crate::process::rows::Rows;
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State};
use crate::severity;

/// See the module text.
#[derive(Debug)]
pub struct ParseSeverity {
    field: Field,
    words: Vec<(String, u8)>,
    numbers: &'static str,
    remove_source: bool,
}

impl ParseSeverity {
    /// From options: `field`, `words`, `numbers`, `remove_source`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let mut words = Vec::new();
        for (word, name) in options.text_map("words")? {
            let number = severity::number_of_text(name.as_bytes());
            if number == 0 {
                return Err(SpecError::new("words", format!("maps {word:?} to {name:?}, which is no severity")));
            }
            words.push((word.to_lowercase(), number));
        }
        let field = super::spec::field("field", options.required_text("field")?)?;
        let remove_source = options.flag("remove_source", false)?;
        if remove_source && matches!(field, Field::Severity | Field::SeverityNumber) {
            return Err(SpecError::new("remove_source", "would remove what was read"));
        }
        Ok(Self {
            field,
            words,
            numbers: options.choice("numbers", &["otel", "syslog", "pino"], "otel")?,
            remove_source,
        })
    }

    fn number(&self, value: Value<'_>) -> u8 {
        let text = value.to_text();
        let word = String::from_utf8_lossy(text.trim_ascii());
        if let Some((_, number)) = self.words.iter().find(|(known, _)| *known == word.to_lowercase()) {
            return *number;
        }
        match (word.parse::<i64>(), self.numbers) {
            (Ok(number), "syslog") => severity::number_of_syslog(number),
            (Ok(number), "pino") => severity::number_of_pino(number),
            (Ok(number @ 1..=24), _) => number as u8,
            _ => severity::number_of_text(word.as_bytes()),
        }
    }
}

impl Processor for ParseSeverity {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let batch = rows.batch();
        let source = Source::new(&self.field, &batch);
        let mut scratch = Vec::new();
        // Records have few different ones.
        let mut last: Option<(Vec<u8>, u8)> = None;
        for &row in rows.selected().iter() {
            let row = row as usize;
            let Some(value) = source.get(&batch, row, &mut scratch) else {
                rows.fail(row, "the field is not there");
                continue;
            };
            let text = value.to_text();
            let number = match &last {
                Some((known, number)) if **known == *text => *number,
                _ => {
                    let number = self.number(value);
                    last = Some((text.to_vec(), number));
                    number
                }
            };
            if number == 0 {
                rows.fail(row, "the text is no severity");
            } else if rows.set_severity(row, number, &text) {
                if self.remove_source {
                    rows.remove(row, &self.field);
                }
            } else {
                rows.fail(row, "the batch would become too large");
            }
        }
        Change::None
    }
}
