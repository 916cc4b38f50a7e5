//! Which skeletons are common, over all blocks of a store: a counting sketch of fixed size.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// Rows with the same skeleton before it is written: rarer ones are not worth an entry in the column's dictionary.
pub const MIN_SKELETON_ROWS: u32 = 4;

/// Counters, one byte each.
const SLOTS: usize = 1 << 20;
/// Rows after which all counts are halved, so that a flood of unique skeletons does not make everything look common.
const ROWS_TO_HALVE: u32 = 1 << 20;

/// Counts of skeletons by hash, saturating. Collisions make a rare skeleton look common, which costs space, not
/// correctness. Usable from several threads.
#[derive(Debug)]
pub struct SkeletonMemory {
    counts: Vec<AtomicU8>,
    rows: AtomicU32,
}

impl Default for SkeletonMemory {
    fn default() -> Self {
        let mut counts = Vec::with_capacity(SLOTS);
        counts.resize_with(SLOTS, AtomicU8::default);
        Self { counts, rows: AtomicU32::new(0) }
    }
}

impl SkeletonMemory {
    /// Note `rows` more rows with this skeleton; returns whether it is common now.
    pub fn is_common(&self, skeleton: &[u8], rows: u32) -> bool {
        let slot = &self.counts[xxhash_rust::xxh3::xxh3_64(skeleton) as usize % SLOTS];
        let count = u32::from(slot.load(Relaxed)).saturating_add(rows).min(u32::from(u8::MAX));
        slot.store(count as u8, Relaxed);
        let before = self.rows.fetch_add(rows, Relaxed);
        if before < ROWS_TO_HALVE && before.saturating_add(rows) >= ROWS_TO_HALVE {
            self.rows.store(0, Relaxed);
            for slot in &self.counts {
                slot.store(slot.load(Relaxed) / 2, Relaxed);
            }
        }
        count >= MIN_SKELETON_ROWS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_several_blocks_add_up() {
        let memory = SkeletonMemory::default();
        assert!(!memory.is_common(b"order * placed", 3));
        assert!(memory.is_common(b"order * placed", 1));
        assert!(!memory.is_common(b"something else", 1));
    }

    #[test]
    fn a_flood_of_unique_ones_is_forgotten() {
        let memory = SkeletonMemory::default();
        let mut common = 0;
        for i in 0..4_000_000_u32 {
            common += u32::from(memory.is_common(&i.to_le_bytes(), 1));
        }
        assert!(common < 400_000, "{common} of 4 million unique skeletons were taken for common");
    }
}
