//! How long rows are kept, as a column of a block.

use super::block::Block;
use crate::origins::DAY_NS;
use crate::select::{Filter, Selectable};

/// Largest `Date`: 2149-06-06. Means for ever.
const FOREVER: u16 = u16::MAX;

/// Days to keep rows.
#[derive(Clone, Copy)]
pub struct Retention<'a> {
    /// Days to keep those that no rule matches, 0 for ever.
    pub days: u32,
    /// Days to keep others: the first rule that matches counts.
    pub rules: &'a [(&'a Filter, u32)],
    /// Now, ns: an old row is kept that long after its arrival.
    pub now_ns: i64,
}

/// The column `expires_on` for these rows of a batch.
pub(crate) fn expires_on<B: Selectable>(block: &mut Block, retention: &Retention<'_>, batch: &B, rows: &[u32]) {
    let days = days_to_keep(batch, retention);
    let timestamps = batch.timestamps();
    block.column("expires_on", "Date");
    block.values(rows.iter().map(|&row| {
        let kept = days.get(row as usize).copied().unwrap_or(retention.days);
        expiry(timestamps[row as usize], retention.now_ns, kept).to_le_bytes()
    }));
}

/// Days to keep each row of a batch; empty when no rule is there to tell them apart.
fn days_to_keep<B: Selectable>(batch: &B, retention: &Retention<'_>) -> Vec<u32> {
    if retention.rules.is_empty() {
        return Vec::new();
    }
    let mut days = vec![retention.days; batch.timestamps().len()];
    // The first rule has the last word.
    for (filter, kept) in retention.rules.iter().rev() {
        for (row, _) in filter.matches(batch).into_iter().enumerate().filter(|(_, matches)| *matches) {
            days[row] = *kept;
        }
    }
    days
}

/// Day on which a record expires that is kept for some days.
fn expiry(timestamp: i64, now_ns: i64, days: u32) -> u16 {
    if days == 0 {
        return FOREVER;
    }
    let last_seen = timestamp.max(now_ns) / DAY_NS;
    // The largest date is for those that never expire.
    (last_seen + i64::from(days)).min(i64::from(FOREVER - 1)) as u16
}
