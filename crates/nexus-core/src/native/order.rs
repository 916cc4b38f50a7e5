//! Which rows a block holds, in the order of the table: (hour, service, template, timestamp). The engine skips its own
//! sort when a block comes sorted.

use crate::batch::{HOUR_NS, LogBatch};
use crate::origins::DAY_NS;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct SortKey {
    hour_and_service: u64,
    template: u64,
    timestamp: i64,
    row: u32,
}

/// Rows of `day` (all rows when None) in the order of the table.
pub(super) fn sorted_rows(batch: &LogBatch, day: Option<u32>) -> Vec<u32> {
    let ranks = service_ranks(batch);
    let first = day.map_or(0, |day| i64::from(day).saturating_mul(DAY_NS));
    let mut keys = Vec::with_capacity(batch.num_rows());
    for (row, &timestamp) in batch.timestamps.iter().enumerate() {
        if timestamp >= first && (day.is_none() || timestamp - first < DAY_NS) {
            let hour = (timestamp / HOUR_NS) as u64;
            keys.push(SortKey {
                hour_and_service: hour << 32 | u64::from(ranks[batch.origins.resource_ids[row] as usize]),
                template: batch.template_ids[row],
                timestamp,
                row: row as u32,
            });
        }
    }
    keys.sort_unstable();
    keys.into_iter().map(|key| key.row).collect()
}

/// Rank of each resource's service among the batch's services, compared as bytes.
fn service_ranks(batch: &LogBatch) -> Vec<u32> {
    let resources = &batch.origins.resources;
    let mut ids: Vec<u32> = (0..resources.len() as u32).collect();
    ids.sort_unstable_by_key(|&id| resources.get(id, 0));
    let mut ranks = vec![0; ids.len()];
    let mut rank = 0;
    for (position, &id) in ids.iter().enumerate() {
        if position > 0 && resources.get(id, 0) != resources.get(ids[position - 1], 0) {
            rank += 1;
        }
        ranks[id as usize] = rank;
    }
    ranks
}
