//! Give fields other names. A value that does not fit its new place stays where it is.

use crate::process::field::{Field, Source};
use crate::process::rows::Rows;
use crate::process::spec::{Options, SpecError, field};
use crate::process::{Change, Context, Processor, State, writable};

/// See the module text.
#[derive(Debug)]
pub struct Rename {
    fields: Vec<(Field, Field)>,
    overwrite: bool,
}

impl Rename {
    /// From options: `fields` (old to new), `overwrite`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let mut fields = Vec::new();
        for (old, new) in options.text_map("fields")? {
            let (from, to) = (field("fields", old)?, writable("fields", new)?);
            if !from.writable() {
                return Err(SpecError::new("fields", format!("names {old}, which cannot be renamed")));
            }
            if from == to {
                return Err(SpecError::new("fields", format!("renames {old} to itself")));
            }
            fields.push((from, to));
        }
        if fields.is_empty() {
            return Err(SpecError::new("fields", "is missing"));
        }
        Ok(Self { fields, overwrite: options.flag("overwrite", true)? })
    }
}

impl Processor for Rename {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let batch = rows.batch();
        let sources: Vec<_> = self
            .fields
            .iter()
            .map(|(from, to)| (Source::new(from, &batch), Source::new(to, &batch), from, to))
            .collect();
        let (mut scratch, mut other) = (Vec::new(), Vec::new());
        for &row in rows.selected().iter() {
            let row = row as usize;
            for (source, target, from, to) in &sources {
                let Some(value) = source.get(&batch, row, &mut scratch) else { continue };
                if !self.overwrite && target.get(&batch, row, &mut other).is_some() {
                    continue;
                }
                if rows.set(row, to, value) {
                    rows.remove(row, from);
                } else {
                    rows.fail(row, "a value does not fit its new field");
                }
            }
        }
        Change::None
    }
}
