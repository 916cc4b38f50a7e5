//! Keep some records and drop the others, or some attributes of them.

use crate::process::rows::{Fate, Rows};
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State};
use crate::select::Filter;

/// Keeps the records that match `query` and drops the others; with `attributes`, drops all attributes but those.
#[derive(Debug)]
pub struct Keep {
    query: Option<Filter>,
    attributes: Vec<String>,
}

impl Keep {
    /// From options: `query`, `attributes` (a trailing `*` keeps all that begin so).
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let attributes: Vec<String> = options
            .texts("attributes")?
            .into_iter()
            .map(|name| name.strip_prefix("attributes.").unwrap_or(name).to_owned())
            .collect();
        let query = options.filter("query")?;
        if query.is_none() && attributes.is_empty() {
            return Err(SpecError::new("query", "or `attributes` is missing"));
        }
        Ok(Self { query, attributes })
    }

    fn keeps(&self, key: &[u8]) -> bool {
        self.attributes.iter().any(|name| match name.strip_suffix('*') {
            Some(prefix) => key.starts_with(prefix.as_bytes()),
            None => key == name.as_bytes(),
        })
    }
}

impl Processor for Keep {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let batch = rows.batch();
        let found = self.query.as_ref().map(|filter| filter.matches(&*batch));
        let unwanted: Vec<Option<String>> = (0..batch.attributes.keys.len() as u32)
            .map(|id| {
                let key = batch.attributes.keys.get(id, 0);
                (!self.attributes.is_empty() && !self.keeps(key)).then(|| String::from_utf8_lossy(key).into_owned())
            })
            .collect();
        for &row in rows.selected().iter() {
            let row = row as usize;
            if found.as_ref().is_some_and(|found| !found[row]) {
                rows.decide(row, Fate::Drop("not_kept"));
                continue;
            }
            let ids = batch.attributes.strings.keys[batch.attributes.strings.row(row)]
                .iter()
                .chain(&batch.attributes.ints.keys[batch.attributes.ints.row(row)])
                .chain(&batch.attributes.floats.keys[batch.attributes.floats.row(row)])
                .chain(&batch.attributes.bools.keys[batch.attributes.bools.row(row)])
                .chain(&batch.attributes.jsons.keys[batch.attributes.jsons.row(row)]);
            for &id in ids {
                if let Some(name) = &unwanted[id as usize] {
                    rows.remove_attribute(row, name);
                }
            }
        }
        Change::None
    }
}
