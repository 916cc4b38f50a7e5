//! Join lines that belong together: stack traces, wrapped messages.
//!
//! Records of one stream (resource, scope and the fields of `keys`) that follow one another in one delivery are joined; what
//! lies between them of other streams does not matter. Nothing waits for the next delivery: an acknowledgement means that
//! the records are stored.

use crate::process::field::{Field, Source};
use crate::process::rows::{Fate, Rows};
use crate::process::spec::{Options, SpecError, regex};
use crate::process::{Change, Context, Processor, State, key_of};
use regex::bytes::Regex;
use std::collections::{HashMap, HashSet};

/// See the module text.
#[derive(Debug)]
pub struct Multiline {
    start: Option<Regex>,
    carry_on: Option<Regex>,
    keys: Vec<Field>,
    max_lines: usize,
    max_bytes: usize,
    separator: Vec<u8>,
}

struct Open {
    row: usize,
    body: Vec<u8>,
    lines: usize,
}

impl Multiline {
    /// From options: `start` or `continue`, `keys`, `max_lines`, `max_bytes`, `separator`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let pattern = |name| options.text(name)?.map(|text| regex(name, text)).transpose();
        let (start, carry_on) = (pattern("start")?, pattern("continue")?);
        if start.is_some() == carry_on.is_some() {
            return Err(SpecError::new("start", "or `continue` is needed, one of the two"));
        }
        Ok(Self {
            start,
            carry_on,
            keys: options.fields("keys")?,
            max_lines: options.integer("max_lines", 500, 2, 100_000)?,
            max_bytes: options.integer("max_bytes", 1 << 20, 1, 16 << 20)?,
            separator: options.text("separator")?.unwrap_or("\n").as_bytes().to_vec(),
        })
    }

    fn continues(&self, body: &[u8]) -> bool {
        match (&self.start, &self.carry_on) {
            (Some(start), _) => !start.is_match(body),
            (None, Some(carry_on)) => carry_on.is_match(body),
            (None, None) => false,
        }
    }
}

impl Processor for Multiline {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let batch = rows.batch();
        let sources: Vec<_> = self.keys.iter().map(|field| Source::new(field, &batch)).collect();
        let mut buffer = Vec::new();
        let mut open: HashMap<(u32, u32, u128), Open> = HashMap::new();
        let mut done = Vec::new();
        for &row in rows.selected().iter() {
            let row = row as usize;
            let body = batch.bodies.get(row);
            let key = if sources.is_empty() { 0 } else { key_of(&sources, &batch, row, &mut buffer) };
            let stream = (batch.origins.resource_ids[row], batch.origins.scope_ids[row], key);
            if self.continues(body)
                && let Some(head) = open.get_mut(&stream)
                && head.lines < self.max_lines
                && head.body.len() + self.separator.len() + body.len() <= self.max_bytes
            {
                head.body.extend_from_slice(&self.separator);
                head.body.extend_from_slice(body);
                head.lines += 1;
                done.push((row, head.row));
                continue;
            }
            let opened = Open { row, body: body.to_vec(), lines: 1 };
            if let Some(head) = open.insert(stream, opened) {
                finish(rows, &head);
            }
        }
        for head in open.into_values() {
            finish(rows, &head);
        }
        let failed: HashSet<u32> = rows.failures().iter().map(|&(row, _)| row).collect();
        for (row, head) in done {
            // A head that could not be written keeps its lines apart.
            if !failed.contains(&(head as u32)) {
                rows.decide(row, Fate::Drop("joined"));
            }
        }
        Change::None
    }
}

fn finish(rows: &mut Rows, head: &Open) {
    if head.lines > 1 && !rows.set_body(head.row, &head.body) {
        rows.fail(head.row, "the batch would become too large");
    }
}
