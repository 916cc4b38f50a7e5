//! Drop records, or fields of them.

use crate::process::field::Field;
use crate::process::rows::{Fate, Rows};
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State};
use crate::select::Filter;

/// Drops the records that match `query`; with `fields`, those fields of them.
#[derive(Debug)]
pub struct Drop {
    query: Option<Filter>,
    fields: Vec<Field>,
}

impl Drop {
    /// From options: `query`, `fields`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let fields = options.fields("fields")?;
        if let Some(field) = fields
            .iter()
            .find(|field| !field.writable() || matches!(field, Field::Timestamp | Field::ObservedTimestamp))
        {
            return Err(SpecError::new("fields", format!("names a field that cannot be dropped: {field:?}")));
        }
        Ok(Self { query: options.filter("query")?, fields })
    }
}

impl Processor for Drop {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let found = self.query.as_ref().map(|filter| filter.matches(&*rows.batch()));
        for &row in rows.selected().iter() {
            let row = row as usize;
            if found.as_ref().is_some_and(|found| !found[row]) {
                continue;
            }
            if self.fields.is_empty() {
                rows.decide(row, Fate::Drop("dropped"));
            }
            for field in &self.fields {
                rows.remove(row, field);
            }
        }
        Change::None
    }
}
