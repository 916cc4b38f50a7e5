//! Keep a share of the records. By a field: all records with one value stay or go together, on every machine alike.

use crate::process::field::{Field, Source};
use crate::process::rows::{Fate, Rows};
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// See the module text.
#[derive(Debug)]
pub struct Sample {
    /// Hashes up to this one stay; None: all.
    threshold: Option<u64>,
    field: Option<Field>,
}

impl Sample {
    /// From options: `ratio`, `field`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let ratio = options.number("ratio", None, 0.0, 1.0)?;
        let field = match options.text("field")?.unwrap_or("trace_id") {
            "" => None,
            name => Some(super::spec::field("field", name)?),
        };
        Ok(Self { threshold: (ratio < 1.0).then_some((ratio * u64::MAX as f64) as u64), field })
    }
}

impl Processor for Sample {
    fn process(&self, rows: &mut Rows, _: &mut State, context: &Context) -> Change {
        let Some(threshold) = self.threshold else { return Change::None };
        let batch = rows.batch();
        let source = self.field.as_ref().map(|field| Source::new(field, &batch));
        let mut scratch = Vec::new();
        for &row in rows.selected().iter() {
            let row = row as usize;
            let value = source.as_ref().and_then(|source| source.text(&batch, row, &mut scratch));
            let hash = match value {
                Some(text) => xxh3_64(&text),
                None => xxh3_64_with_seed(&(row as u64).to_le_bytes(), context.seed),
            };
            if hash >= threshold {
                rows.decide(row, Fate::Drop("sampled"));
            }
        }
        Change::None
    }
}
