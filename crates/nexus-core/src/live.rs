//! Records that have not been read from the store: rows of a batch as the lines of JSON that a search would give.

use crate::batch::LogBatch;
use crate::render::{Entry, Line, Record, entry, line};

/// The last `limit` of the rows that `mask` marks, rendered, in the order of the batch.
pub fn render_batch(batch: &LogBatch, mask: &[bool], limit: usize) -> Vec<Line> {
    let marked = mask.iter().take(batch.num_rows()).enumerate().filter(|(_, marked)| **marked);
    let mut rows: Vec<usize> = marked.rev().take(limit).map(|(row, _)| row).collect();
    rows.reverse();
    let mut hashed = Vec::new();
    rows.into_iter().map(|row| line(&record(batch, row), attributes(batch, row, &mut hashed), &mut hashed)).collect()
}

fn record(batch: &LogBatch, row: usize) -> Record<'_> {
    let (resource, scope) = (batch.origins.resource_ids[row], batch.origins.scope_ids[row]);
    Record {
        timestamp: batch.timestamps[row],
        observed_timestamp: batch.observed_timestamps[row],
        service: batch.origins.resources.get(resource, 0),
        severity_number: batch.severity_numbers[row],
        body: batch.bodies.get(row),
        trace_id: batch.trace_ids[row],
        span_id: batch.span_ids[row],
        event_name: batch.texts.get(batch.event_names[row], 0),
        template_id: batch.template_ids[row],
        resource: batch.origins.resources.get(resource, 1),
        scope_name: batch.origins.scopes.get(scope, 0),
        scope_version: batch.origins.scopes.get(scope, 1),
    }
}

fn attributes<'a>(batch: &'a LogBatch, row: usize, hashed: &mut Vec<u8>) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    let columns = &batch.attributes;
    columns.each(row, |key, value| entries.push(entry(columns.keys.get(key, 0), value, hashed)));
    entries
}
