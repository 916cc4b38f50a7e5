//! Which skeletons are written: those that are common over all blocks of a store, and new ones as far as a budget goes.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// Rows with the same skeleton from which on it is common.
pub const MIN_SKELETON_ROWS: u32 = 4;

/// Counters, one byte each.
const SLOTS: usize = 1 << 20;
/// Rows after which all counts are halved, so that a flood of unique skeletons does not make everything look common.
const ROWS_TO_HALVE: u32 = 1 << 20;
/// Entries for skeletons that are not common: so many at once, and one for so many rows. A row without a skeleton costs
/// every search for a word its whole granule of bodies, so a few rare kinds of line are worth their entries; a flood of
/// unique ones is not.
const FREE_ENTRIES: u32 = 2048;
const ROWS_PER_ENTRY: u32 = 64;

/// Counts of skeletons by hash, saturating. Collisions make a rare skeleton look common, which costs space, not
/// correctness. Usable from several threads.
#[derive(Debug)]
pub struct SkeletonMemory {
    counts: Vec<AtomicU8>,
    rows: AtomicU32,
    spent: AtomicU32,
}

impl Default for SkeletonMemory {
    fn default() -> Self {
        let mut counts = Vec::with_capacity(SLOTS);
        counts.resize_with(SLOTS, AtomicU8::default);
        Self { counts, rows: AtomicU32::new(0), spent: AtomicU32::new(0) }
    }
}

impl SkeletonMemory {
    /// Note `rows` more rows with this skeleton; returns whether it is written.
    pub fn admits(&self, skeleton: &[u8], rows: u32) -> bool {
        let slot = &self.counts[xxhash_rust::xxh3::xxh3_64(skeleton) as usize % SLOTS];
        let count = u32::from(slot.load(Relaxed)).saturating_add(rows).min(u32::from(u8::MAX));
        slot.store(count as u8, Relaxed);
        let before = self.rows.fetch_add(rows, Relaxed);
        if before < ROWS_TO_HALVE && before.saturating_add(rows) >= ROWS_TO_HALVE {
            self.rows.store(0, Relaxed);
            self.spent.store(0, Relaxed);
            for slot in &self.counts {
                slot.store(slot.load(Relaxed) / 2, Relaxed);
            }
        }
        count >= MIN_SKELETON_ROWS || self.spend(before)
    }

    /// Take an entry from the budget, which grows with the rows since counts were halved.
    fn spend(&self, rows: u32) -> bool {
        let left = self.spent.load(Relaxed) < FREE_ENTRIES + rows / ROWS_PER_ENTRY;
        if left {
            self.spent.fetch_add(1, Relaxed);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_budget() -> SkeletonMemory {
        SkeletonMemory { spent: AtomicU32::new(u32::MAX / 2), ..SkeletonMemory::default() }
    }

    #[test]
    fn rows_of_several_blocks_add_up() {
        let memory = without_budget();
        assert!(!memory.admits(b"order * placed", 3));
        assert!(memory.admits(b"order * placed", 1));
        assert!(!memory.admits(b"something else", 1));
    }

    #[test]
    fn some_rare_ones_are_written() {
        let memory = SkeletonMemory::default();
        assert!(memory.admits(b"order * placed", 1));
        let mut written = 1;
        for i in 0..100_000_u32 {
            memory.admits(b"request done", 63);
            written += u32::from(memory.admits(&i.to_le_bytes(), 1));
        }
        assert!(written >= 100_000, "{written} of 100,000 rare kinds among 6.3 million rows");
    }

    #[test]
    fn a_flood_of_unique_ones_is_forgotten() {
        let memory = SkeletonMemory::default();
        let mut written = 0;
        for i in 0..4_000_000_u32 {
            written += u32::from(memory.admits(&i.to_le_bytes(), 1));
        }
        assert!(written < 400_000, "{written} of 4 million unique skeletons were written");
    }
}
