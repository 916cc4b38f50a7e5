//! Span batches as Native blocks of the table `nexus.spans`.

use super::batch::SpanBatch;
use super::duration::class_of;
use crate::native::attributes::{PromotedColumn, UnknownColumnType, attributes, check_types};
use crate::native::block::Block;
use crate::native::columns::{constant, low_cardinality, low_cardinality_lists, origins};
use crate::native::retention::{Retention, expires_on};
use crate::origins::DAY_NS;

/// Nanoseconds of a slot: five minutes.
pub const SLOT_NS: i64 = 300_000_000_000;

/// What a block is made for.
#[derive(Clone)]
pub struct SpanBlockOptions<'a> {
    /// Tenant of all rows.
    pub tenant: &'a str,
    /// Commit of all rows.
    pub commit_id: u64,
    /// The time slice in which undecided spans arrived (tail sampling), 0 for spans that stay.
    pub pending: u32,
    /// How long rows are kept.
    pub retention: Retention<'a>,
    /// Spans that began on this UTC day only (days since the epoch).
    pub day: Option<u32>,
    /// Attributes with columns of their own.
    pub promoted: &'a [PromotedColumn],
}

/// Columns beside the promoted ones.
const COLUMNS: usize = 38;

/// One Native block with all columns of `nexus.spans`, rows sorted as the table is, empty without rows. Promoted keys are
/// left out of the maps.
pub fn encode_spans(batch: &SpanBatch, options: &SpanBlockOptions<'_>) -> Result<Vec<u8>, UnknownColumnType> {
    check_types(options.promoted)?;
    let rows = sorted_rows(batch, options.day);
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let capacity = 4096 + batch.num_bytes() / batch.num_rows().max(1) * rows.len();
    let mut block = Block::new(COLUMNS + options.promoted.len(), rows.len(), capacity + capacity / 8);
    scalars(&mut block, batch, options, &rows);
    events(&mut block, batch, &rows);
    links(&mut block, batch, &rows);
    attributes(&mut block, &batch.attributes, options.promoted, &rows);
    Ok(block.finish())
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct SortKey {
    slot: u32,
    trace: [u64; 2],
    timestamp: i64,
    row: u32,
}

/// Rows of `day` (all rows when None) in the order of the table: (slot, trace id, timestamp). The engine skips its own sort
/// when a block comes sorted.
fn sorted_rows(batch: &SpanBatch, day: Option<u32>) -> Vec<u32> {
    let first = day.map_or(0, |day| i64::from(day).saturating_mul(DAY_NS));
    let mut keys = Vec::with_capacity(batch.num_rows());
    for (row, &timestamp) in batch.timestamps.iter().enumerate() {
        if timestamp >= first && (day.is_none() || timestamp - first < DAY_NS) {
            let trace = u128::from_be_bytes(batch.trace_ids[row]);
            keys.push(SortKey {
                slot: slot_of(timestamp),
                trace: [(trace >> 64) as u64, trace as u64],
                timestamp,
                row: row as u32,
            });
        }
    }
    keys.sort_unstable();
    keys.into_iter().map(|key| key.row).collect()
}

/// The slot of a time.
fn slot_of(timestamp: i64) -> u32 {
    (timestamp / SLOT_NS) as u32
}

fn scalars(block: &mut Block, batch: &SpanBatch, options: &SpanBlockOptions<'_>, rows: &[u32]) {
    let each = || rows.iter().map(|&row| row as usize);
    let texts = &batch.texts;

    constant(block, "tenant", options.tenant.as_bytes(), rows.len());
    block.column("slot", "UInt32");
    block.values(each().map(|row| slot_of(batch.timestamps[row]).to_le_bytes()));
    block.column("trace_id", "FixedString(16)");
    block.values(each().map(|row| batch.trace_ids[row]));
    block.column("timestamp", "DateTime64(9, 'UTC')");
    block.values(each().map(|row| batch.timestamps[row].to_le_bytes()));
    block.column("duration", "UInt64");
    block.values(each().map(|row| batch.durations[row].to_le_bytes()));
    block.column("duration_class", "UInt8");
    block.values(each().map(|row| [class_of(batch.durations[row])]));
    block.column("ids", "FixedString(16)");
    block.values(each().map(|row| {
        let mut ids = [0; 16];
        ids[..8].copy_from_slice(&batch.span_ids[row]);
        ids[8..].copy_from_slice(&batch.parent_span_ids[row]);
        ids
    }));
    block.column("root", "Bool");
    block.values(each().map(|row| [u8::from(batch.parent_span_ids[row] == [0; 8])]));
    for (name, ids) in
        [("name", &batch.names), ("status_message", &batch.status_messages), ("trace_state", &batch.trace_states)]
    {
        low_cardinality(block, name, texts.len(), each().map(|row| ids[row]), |id| texts.get(id, 0));
    }
    block.column("kind", "UInt8");
    block.values(each().map(|row| [batch.kinds[row]]));
    block.column("status", "UInt8");
    block.values(each().map(|row| [batch.statuses[row]]));
    block.column("flags", "UInt32");
    block.values(each().map(|row| batch.flags[row].to_le_bytes()));
    origins(block, &batch.origins, rows);
    for (name, counts) in [
        ("dropped_attributes", &batch.dropped_attributes),
        ("dropped_events", &batch.dropped_events),
        ("dropped_links", &batch.dropped_links),
    ] {
        block.column(name, "UInt32");
        block.values(each().map(|row| counts[row].to_le_bytes()));
    }
    block.column("weight", "Float32");
    block.values(each().map(|row| batch.weights[row].to_le_bytes()));
    block.column("commit_id", "UInt64");
    block.values(std::iter::repeat_n(options.commit_id.to_le_bytes(), rows.len()));
    block.column("pending", "UInt32");
    block.values(std::iter::repeat_n(options.pending.to_le_bytes(), rows.len()));
    expires_on(block, &options.retention, batch, rows);
}

/// Where the entries of rows end, and which they are.
fn lists(rows: &[u32], of_row: impl Fn(usize) -> std::ops::Range<usize>) -> (Vec<u64>, Vec<u32>) {
    let mut entries = Vec::new();
    let mut ends = Vec::with_capacity(rows.len());
    for &row in rows {
        entries.extend(of_row(row as usize).map(|entry| entry as u32));
        ends.push(entries.len() as u64);
    }
    (ends, entries)
}

/// An array column: its ends; the values follow.
fn list(block: &mut Block, name: &str, kind: &str, ends: &[u64]) {
    block.column(name, kind);
    block.values(ends.iter().map(|end| end.to_le_bytes()));
}

fn events(block: &mut Block, batch: &SpanBatch, rows: &[u32]) {
    let events = &batch.events;
    let (ends, entries) = lists(rows, |row| events.row(row));
    let each = || entries.iter().map(|&entry| entry as usize);
    list(block, "events_timestamp", "Array(DateTime64(9, 'UTC'))", &ends);
    block.values(each().map(|entry| events.timestamps[entry].to_le_bytes()));
    low_cardinality_lists(block, "events_name", &ends, each().map(|entry| events.names[entry]), &batch.texts);
    list(block, "events_attributes", "Array(String)", &ends);
    each().for_each(|entry| block.string(events.attributes.get(entry)));
}

fn links(block: &mut Block, batch: &SpanBatch, rows: &[u32]) {
    let links = &batch.links;
    let (ends, entries) = lists(rows, |row| links.row(row));
    let each = || entries.iter().map(|&entry| entry as usize);
    list(block, "links_trace_id", "Array(FixedString(16))", &ends);
    block.values(each().map(|entry| links.trace_ids[entry]));
    list(block, "links_span_id", "Array(FixedString(8))", &ends);
    block.values(each().map(|entry| links.span_ids[entry]));
    list(block, "links_trace_state", "Array(String)", &ends);
    each().for_each(|entry| block.string(batch.texts.get(links.trace_states[entry], 0)));
    list(block, "links_attributes", "Array(String)", &ends);
    each().for_each(|entry| block.string(links.attributes.get(entry)));
}
