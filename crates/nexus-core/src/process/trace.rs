//! What each step did to each record: for previews and `?debug=1`. Slow and meant for few records.

use crate::batch::LogBatch;
use crate::process::field::{OwnedValue, Source, Value, attribute, members};
use crate::process::rows::{Fate, Rows};
use crate::process::{Context, Pipelines, Processed};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What a step did to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Something is different.
    Changed,
    /// It is gone.
    Dropped,
    /// It goes to another tenant.
    Routed,
    /// The step could not do its work.
    Failed,
}

impl Outcome {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Dropped => "dropped",
            Self::Routed => "routed",
            Self::Failed => "failed",
        }
    }
}

/// Field, value before, value after, as JSON.
pub type FieldChange = (String, Option<Vec<u8>>, Option<Vec<u8>>);

/// One step and one record that it did something to.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Row of the batch that came in.
    pub row: u32,
    /// Pipeline by name.
    pub pipeline: String,
    /// Step from 0.
    pub step: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// Field, value before, value after, as JSON.
    pub fields: Vec<FieldChange>,
    /// Why it was dropped or failed.
    pub message: &'static str,
}

/// What became of a batch, record by record.
#[derive(Debug)]
pub struct Traced {
    /// As [`Pipelines::run`] gives it.
    pub processed: Processed,
    /// Row of the batch that came in, for each row that stays.
    pub origins: Vec<u32>,
    /// Row of the batch that came in, for each row of each routed batch; in the order of `processed.routed`.
    pub routed_origins: Vec<Vec<u32>>,
    /// In the order in which they happened.
    pub changes: Vec<Change>,
}

impl Pipelines {
    /// Run on a batch and note what happens to its records.
    pub fn trace(&self, batch: Arc<LogBatch>, context: &Context) -> Traced {
        let mut notes = Notes { live: (0..batch.num_rows() as u32).collect(), ..Notes::default() };
        let processed = self.run_watched(batch, context, &mut notes);
        let routed_origins = processed
            .routed
            .iter()
            .map(|(tenant, _)| {
                let of = |&&(to, _): &&(u16, u32)| self.tenants[usize::from(to)] == *tenant;
                notes.routed.iter().filter(of).map(|&(_, origin)| origin).collect()
            })
            .collect();
        Traced { processed, origins: notes.live, routed_origins, changes: notes.changes }
    }
}

/// Told about each step before and after it.
pub(super) trait Watcher {
    /// Does it look at records?
    fn tracing(&self) -> bool;
    /// The step's rows are selected.
    fn before(&mut self, rows: &Rows);
    /// Their fates are known.
    fn decided(&mut self, rows: &Rows, pipeline: &str, step: u32);
    /// Their edits are made.
    fn after(&mut self, rows: &Rows);
}

/// Does not look.
pub(super) struct Nobody;

impl Watcher for Nobody {
    fn tracing(&self) -> bool {
        false
    }
    fn before(&mut self, _: &Rows) {}
    fn decided(&mut self, _: &Rows, _: &str, _: u32) {}
    fn after(&mut self, _: &Rows) {}
}

type Fields = BTreeMap<String, Vec<u8>>;

#[derive(Default)]
struct Notes {
    live: Vec<u32>,
    routed: Vec<(u16, u32)>,
    before: HashMap<u32, Fields>,
    pending: Vec<Change>,
    changes: Vec<Change>,
}

impl Watcher for Notes {
    fn tracing(&self) -> bool {
        true
    }

    fn before(&mut self, rows: &Rows) {
        let batch = rows.batch();
        let origins = rows.origins.as_deref().unwrap_or_default();
        self.before =
            rows.selected().iter().map(|&row| (origins[row as usize], fields_of(&batch, row as usize))).collect();
    }

    fn decided(&mut self, rows: &Rows, pipeline: &str, step: u32) {
        let origins = rows.origins.as_deref().unwrap_or_default();
        let failures: HashMap<u32, &'static str> = rows.failures().iter().copied().collect();
        for &row in rows.selected().iter() {
            let origin = origins[row as usize];
            let mut change = Change {
                row: origin,
                pipeline: pipeline.to_owned(),
                step,
                outcome: Outcome::Changed,
                fields: Vec::new(),
                message: "",
            };
            if let Some(why) = failures.get(&row) {
                change.outcome = Outcome::Failed;
                change.message = why;
            }
            match rows.fates().get(row as usize) {
                Some(Fate::Drop(reason)) => {
                    change.message = if change.outcome == Outcome::Failed { change.message } else { reason };
                    change.outcome = Outcome::Dropped;
                }
                Some(&Fate::Route(to)) => {
                    change.outcome = Outcome::Routed;
                    self.routed.push((to, origin));
                }
                _ => {}
            }
            self.pending.push(change);
        }
    }

    fn after(&mut self, rows: &Rows) {
        let batch = rows.batch();
        self.live = rows.origins.clone().unwrap_or_default();
        let at: HashMap<u32, usize> = self.live.iter().enumerate().map(|(row, &origin)| (origin, row)).collect();
        for mut change in self.pending.drain(..) {
            let before = self.before.remove(&change.row).unwrap_or_default();
            if let Some(&row) = at.get(&change.row) {
                change.fields = difference(before, fields_of(&batch, row));
            }
            if change.outcome != Outcome::Changed || !change.fields.is_empty() {
                self.changes.push(change);
            }
        }
    }
}

fn difference(before: Fields, mut after: Fields) -> Vec<FieldChange> {
    let mut changed = Vec::new();
    for (name, old) in before {
        match after.remove(&name) {
            Some(new) if new == old => {}
            new => changed.push((name, Some(old), new)),
        }
    }
    changed.extend(after.into_iter().map(|(name, new)| (name, None, Some(new))));
    changed.sort();
    changed
}

/// Every field of a row that has a value, as JSON.
pub(super) fn fields_of(batch: &LogBatch, row: usize) -> Fields {
    let mut fields = Fields::new();
    let mut put = |name: String, value: Value<'_>| {
        let mut json = Vec::new();
        value.write_json(&mut json);
        fields.insert(name, json);
    };
    let mut scratch = Vec::new();
    for name in [
        "timestamp",
        "observed_timestamp",
        "service",
        "severity",
        "severity_number",
        "body",
        "trace_id",
        "span_id",
        "event_name",
        "template_id",
    ] {
        let Ok(field) = super::field::Field::parse(name) else { continue };
        let source = Source::new(&field, batch);
        if let Some(value) = source.get(batch, row, &mut scratch) {
            match value {
                // Nanoseconds are texts in the API.
                Value::Int(ns) if name.ends_with("timestamp") => {
                    put(name.to_owned(), Value::Text(ns.to_string().as_bytes()));
                }
                value => put(name.to_owned(), value),
            }
        }
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let maps = [
        (&batch.attributes.strings.keys, batch.attributes.strings.row(row)),
        (&batch.attributes.ints.keys, batch.attributes.ints.row(row)),
        (&batch.attributes.floats.keys, batch.attributes.floats.row(row)),
        (&batch.attributes.bools.keys, batch.attributes.bools.row(row)),
        (&batch.attributes.jsons.keys, batch.attributes.jsons.row(row)),
    ];
    for (keys, range) in maps {
        for &key in &keys[range] {
            if let Some(value) = attribute(batch, row, key) {
                put(format!("attributes.{}", text(batch.attributes.keys.get(key, 0))), value);
            }
        }
    }
    for (key, value) in members(batch.origins.resources.get(batch.origins.resource_ids[row], 1)).unwrap_or_default() {
        if let Some(value) = value.as_ref().map(OwnedValue::as_value) {
            put(format!("resource.{}", text(&key)), value);
        }
    }
    fields
}
