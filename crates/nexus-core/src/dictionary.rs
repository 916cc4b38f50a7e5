//! Interning: tuples of short strings to dense ids, bytes kept once in one arena.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// Distinct tuples of `N` UTF-8 strings, numbered from 0 in order of first appearance.
///
/// The hash is seeded per process, so that a sender cannot aim at collisions.
#[derive(Debug, Clone)]
pub struct Dictionary<const N: usize> {
    arena: Vec<u8>,
    /// `ends[id * N + part]` is where that part ends in the arena; it begins where the one before it ends.
    ends: Vec<u32>,
    table: HashTable<u32>,
    state: RandomState,
}

impl<const N: usize> Default for Dictionary<N> {
    fn default() -> Self {
        Self { arena: Vec::new(), ends: Vec::new(), table: HashTable::new(), state: RandomState::default() }
    }
}

fn span(ends: &[u32], index: usize) -> std::ops::Range<usize> {
    let start = if index == 0 { 0 } else { ends[index - 1] as usize };
    start..ends[index] as usize
}

fn hash<const N: usize>(state: &RandomState, parts: &[&[u8]; N]) -> u64 {
    let mut hasher = state.build_hasher();
    for part in parts {
        hasher.write(part);
        if N > 1 {
            hasher.write_usize(part.len());
        }
    }
    hasher.finish()
}

impl<const N: usize> Dictionary<N> {
    /// Id of the tuple, new or known. Parts must be valid UTF-8.
    pub fn intern(&mut self, parts: [&[u8]; N]) -> u32 {
        let hash = hash(&self.state, &parts);
        if let Some(&id) = self.table.find(hash, |&id| self.matches(id, &parts)) {
            return id;
        }
        self.insert(hash, &parts)
    }

    /// Id of a known tuple.
    pub fn find(&self, parts: [&[u8]; N]) -> Option<u32> {
        self.table.find(hash(&self.state, &parts), |&id| self.matches(id, &parts)).copied()
    }

    fn matches(&self, id: u32, parts: &[&[u8]; N]) -> bool {
        (0..N).all(|part| self.get(id, part) == parts[part])
    }

    #[cold]
    fn insert(&mut self, hash: u64, parts: &[&[u8]; N]) -> u32 {
        let id = self.len() as u32;
        for part in parts {
            self.arena.extend_from_slice(part);
            self.ends.push(self.arena.len() as u32);
        }
        let (arena, ends, state) = (&self.arena, &self.ends, &self.state);
        self.table.insert_unique(hash, id, |&id| {
            let parts: [&[u8]; N] = std::array::from_fn(|part| &arena[span(ends, id as usize * N + part)]);
            self::hash(state, &parts)
        });
        id
    }

    /// One part of an entry.
    pub fn get(&self, id: u32, part: usize) -> &[u8] {
        &self.arena[span(&self.ends, id as usize * N + part)]
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.ends.len() / N
    }

    /// No entries?
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Take in the entries of another dictionary; returns their ids here.
    pub(crate) fn absorb(&mut self, part: &Self) -> Vec<u32> {
        (0..part.len() as u32).map(|id| self.intern(std::array::from_fn(|index| part.get(id, index)))).collect()
    }

    /// Bytes of the entries.
    pub fn num_bytes(&self) -> usize {
        self.arena.len() + 4 * self.ends.len()
    }
}

/// Ids of a dictionary in a new one, given out as they are needed.
pub(crate) struct Renumbered<'a, const N: usize> {
    from: &'a Dictionary<N>,
    ids: Vec<Option<u32>>,
}

impl<'a, const N: usize> Renumbered<'a, N> {
    /// None given out yet.
    pub(crate) fn new(from: &'a Dictionary<N>) -> Self {
        Self { from, ids: vec![None; from.len()] }
    }

    /// The id in `into` of what `id` is here.
    pub(crate) fn id(&mut self, into: &mut Dictionary<N>, id: u32) -> u32 {
        *self.ids[id as usize].get_or_insert_with(|| into.intern(std::array::from_fn(|part| self.from.get(id, part))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_are_told_apart_by_their_parts() {
        let mut dictionary = Dictionary::<2>::default();
        assert_eq!(dictionary.intern([b"ab", b"c"]), 0);
        assert_eq!(dictionary.intern([b"a", b"bc"]), 1);
        assert_eq!(dictionary.intern([b"ab", b"c"]), 0);
        assert_eq!(dictionary.find([b"", b"abc"]), None);
        assert_eq!((dictionary.get(1, 0), dictionary.get(1, 1)), (&b"a"[..], &b"bc"[..]));
        assert_eq!(dictionary.len(), 2);
    }

    #[test]
    fn grows_past_a_rehash() {
        let mut dictionary = Dictionary::<1>::default();
        for _ in 0..2 {
            for i in 0..10_000_u32 {
                assert_eq!(dictionary.intern([i.to_string().as_bytes()]), i);
            }
        }
    }
}
