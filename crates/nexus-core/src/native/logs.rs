//! Log batches as Native blocks of the table `nexus.logs`.

use super::attributes::{PromotedColumn, UnknownColumnType, attributes, check_types};
use super::block::Block;
use super::columns::{constant, low_cardinality, origins};
use super::memory::{MIN_SKELETON_ROWS, SkeletonMemory};
use super::order::sorted_rows;
use super::retention::{Retention, expires_on};
use crate::batch::{HOUR_NS, LogBatch};
use crate::severity;

/// What a block is made for.
#[derive(Clone)]
pub struct LogBlockOptions<'a> {
    /// Tenant of all rows.
    pub tenant: &'a str,
    /// Commit of all rows.
    pub commit_id: u64,
    /// How long rows are kept.
    pub retention: Retention<'a>,
    /// Rows of this UTC day only (days since the epoch).
    pub day: Option<u32>,
    /// Attributes with columns of their own.
    pub promoted: &'a [PromotedColumn],
    /// What earlier blocks of the store held; None counts within this block alone.
    pub skeletons: Option<&'a SkeletonMemory>,
}

/// Columns beside the promoted ones.
const COLUMNS: usize = 26;

/// A Native block, and how many of its rows have no skeleton.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedLogs {
    /// Empty without rows: the engine takes no block without rows.
    pub block: Vec<u8>,
    /// Rows whose body is empty or of too rare a kind: only the body itself tells which words they hold.
    pub plain_rows: usize,
}

/// One Native block with all columns of `nexus.logs`, rows sorted as the table is. Promoted keys are left out of the maps.
pub fn encode_logs(batch: &LogBatch, options: &LogBlockOptions<'_>) -> Result<EncodedLogs, UnknownColumnType> {
    check_types(options.promoted)?;
    let rows = sorted_rows(batch, options.day);
    if rows.is_empty() {
        return Ok(EncodedLogs { block: Vec::new(), plain_rows: 0 });
    }
    let columns = COLUMNS + options.promoted.len();
    let capacity = 4096 + batch.num_bytes() / batch.num_rows().max(1) * rows.len();
    let mut block = Block::new(columns, rows.len(), capacity + capacity / 8);
    let plain_rows = scalars(&mut block, batch, options, &rows);
    attributes(&mut block, &batch.attributes, options.promoted, &rows);
    Ok(EncodedLogs { block: block.finish(), plain_rows })
}

/// Everything but the attributes; returns how many rows have no skeleton.
fn scalars(block: &mut Block, batch: &LogBatch, options: &LogBlockOptions<'_>, rows: &[u32]) -> usize {
    let each = || rows.iter().map(|&row| row as usize);
    let texts = &batch.texts;
    let count = rows.len();

    constant(block, "tenant", options.tenant.as_bytes(), count);
    block.column("hour", "UInt32");
    block.values(each().map(|row| ((batch.timestamps[row] / HOUR_NS) as u32).to_le_bytes()));
    block.column("timestamp", "DateTime64(9, 'UTC')");
    block.values(each().map(|row| batch.timestamps[row].to_le_bytes()));
    block.column("observed_timestamp", "DateTime64(9, 'UTC')");
    block.values(each().map(|row| batch.observed_timestamps[row].to_le_bytes()));
    origins(block, &batch.origins, rows);
    let severities = each().map(|row| severity::name_index(batch.severity_numbers[row]) as u32);
    low_cardinality(block, "severity", severity::NAMES.len(), severities, |id| severity::NAMES[id as usize].as_bytes());
    block.column("severity_number", "UInt8");
    block.values(each().map(|row| [batch.severity_numbers[row]]));
    let severity_texts = each().map(|row| batch.severity_texts[row]);
    low_cardinality(block, "severity_text", texts.len(), severity_texts, |id| texts.get(id, 0));
    block.column("body", "String");
    each().for_each(|row| block.string(batch.bodies.get(row)));
    let plain_rows = skeletons(block, batch, rows, options.skeletons);
    block.column("template_id", "UInt64");
    block.values(each().map(|row| batch.template_ids[row].to_le_bytes()));
    block.column("trace_id", "FixedString(16)");
    block.values(each().map(|row| batch.trace_ids[row]));
    block.column("span_id", "FixedString(8)");
    block.values(each().map(|row| batch.span_ids[row]));
    block.column("trace_flags", "UInt8");
    block.values(each().map(|row| [batch.trace_flags[row]]));
    let event_names = each().map(|row| batch.event_names[row]);
    low_cardinality(block, "event_name", texts.len(), event_names, |id| texts.get(id, 0));
    block.column("commit_id", "UInt64");
    block.values(std::iter::repeat_n(options.commit_id.to_le_bytes(), count));
    expires_on(block, &options.retention, batch, rows);
    plain_rows
}

/// Skeletons as far as they are worth it; empty for the others, whose number it returns.
fn skeletons(block: &mut Block, batch: &LogBatch, rows: &[u32], memory: Option<&SkeletonMemory>) -> usize {
    let skeletons = &batch.skeletons;
    let mut counts = vec![0_u32; skeletons.len()];
    for &row in rows {
        counts[batch.skeleton_ids[row as usize] as usize] += 1;
    }
    let written: Vec<u32> = (0..skeletons.len() as u32)
        .map(|id| {
            let rows = counts[id as usize];
            let admitted = match memory {
                Some(memory) => id > 0 && rows > 0 && memory.admits(skeletons.get(id), rows),
                None => rows >= MIN_SKELETON_ROWS,
            };
            if admitted { id } else { 0 }
        })
        .collect();
    let ids = rows.iter().map(|&row| written[batch.skeleton_ids[row as usize] as usize]);
    low_cardinality(block, "skeleton", skeletons.len(), ids, |id| skeletons.get(id));
    counts.iter().zip(&written).filter(|(_, written)| **written == 0).map(|(&rows, _)| rows as usize).sum()
}
