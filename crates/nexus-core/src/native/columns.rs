//! Column kinds of a block, written from rows of a batch in a given order.

use super::block::Block;
use crate::columns::{MapColumn, Values};
use crate::dictionary::Dictionary;
use crate::origins::Origins;

/// A dense renumbering of the ids in use, in order of first use.
pub(crate) struct Renumbering {
    dense: Vec<u32>,
    used: Vec<u32>,
}

const UNUSED: u32 = u32::MAX;

impl Renumbering {
    pub(crate) fn new(ids: usize) -> Self {
        Self { dense: vec![UNUSED; ids], used: Vec::new() }
    }

    /// The dense number of an id.
    #[inline]
    pub(crate) fn number(&mut self, id: u32) -> u32 {
        let dense = &mut self.dense[id as usize];
        if *dense == UNUSED {
            *dense = self.used.len() as u32;
            self.used.push(id);
        }
        *dense
    }

    /// The ids in use, by dense number.
    pub(crate) fn used(&self) -> &[u32] {
        &self.used
    }
}

/// A `LowCardinality(String)` column from an id for each row and the ids' texts.
///
/// Different ids may have the same text (several resources of one service): their keys are merged.
pub(crate) fn low_cardinality<'k>(
    block: &mut Block,
    name: &str,
    ids: usize,
    rows: impl ExactSizeIterator<Item = u32>,
    text: impl Fn(u32) -> &'k [u8],
) {
    block.column(name, "LowCardinality(String)");
    block.low_cardinality_prefix();
    merged(block, ids, rows, text);
}

/// The data of such a column.
fn merged<'k>(block: &mut Block, ids: usize, rows: impl ExactSizeIterator<Item = u32>, text: impl Fn(u32) -> &'k [u8]) {
    let mut renumbering = Renumbering::new(ids);
    let mut indices: Vec<u32> = rows.map(|id| renumbering.number(id)).collect();
    let mut keys = Dictionary::<1>::default();
    let merged: Vec<u32> = renumbering.used().iter().map(|&id| keys.intern([text(id)])).collect();
    if keys.len() < merged.len() {
        for index in &mut indices {
            *index = merged[*index as usize];
        }
    }
    block.low_cardinality((0..keys.len() as u32).map(|id| keys.get(id, 0)), indices.into_iter());
}

/// An `Array(LowCardinality(String))` column: where each row's entries end, and the ids of the entries' texts, which are all
/// different.
pub(crate) fn low_cardinality_lists(
    block: &mut Block,
    name: &str,
    ends: &[u64],
    entries: impl ExactSizeIterator<Item = u32>,
    texts: &Dictionary<1>,
) {
    block.column(name, "Array(LowCardinality(String))");
    block.low_cardinality_prefix();
    block.values(ends.iter().map(|end| end.to_le_bytes()));
    let mut renumbering = Renumbering::new(texts.len());
    let indices: Vec<u32> = entries.map(|id| renumbering.number(id)).collect();
    block.low_cardinality(renumbering.used().iter().map(|&id| texts.get(id, 0)), indices.into_iter());
}

/// A constant `LowCardinality(String)` column.
pub(crate) fn constant(block: &mut Block, name: &str, value: &[u8], rows: usize) {
    block.column(name, "LowCardinality(String)");
    block.low_cardinality_prefix();
    block.low_cardinality(std::iter::once(value), std::iter::repeat_n(0, rows));
}

/// What rows have of their resources and scopes.
pub(crate) fn origins(block: &mut Block, origins: &Origins, rows: &[u32]) {
    let (resources, scopes) = (&origins.resources, &origins.scopes);
    for (part, name) in ["service", "resource"].into_iter().enumerate() {
        let ids = rows.iter().map(|&row| origins.resource_ids[row as usize]);
        low_cardinality(block, name, resources.len(), ids, |id| resources.get(id, part));
    }
    for (part, name) in ["scope_name", "scope_version", "scope_attributes"].into_iter().enumerate() {
        let ids = rows.iter().map(|&row| origins.scope_ids[row as usize]);
        low_cardinality(block, name, scopes.len(), ids, |id| scopes.get(id, part));
    }
}

/// Which attributes of one type leave their map for columns of their own.
pub(crate) struct Promotion {
    /// For each key id the number of its column plus one, 0 for none. Empty when nothing is promoted.
    column_of_key: Vec<u32>,
    /// For each promoted column, for each row of the block, the entry plus one, 0 for none.
    entries: Vec<Vec<u32>>,
}

impl Promotion {
    pub(crate) fn new(keys: usize, promoted: &[Option<u32>], rows: usize) -> Self {
        if promoted.is_empty() {
            return Self { column_of_key: Vec::new(), entries: Vec::new() };
        }
        let mut column_of_key = vec![0; keys];
        for (column, key) in promoted.iter().enumerate() {
            if let Some(key) = key {
                column_of_key[*key as usize] = column as u32 + 1;
            }
        }
        Self {
            column_of_key,
            entries: promoted.iter().map(|key| vec![0; if key.is_some() { rows } else { 0 }]).collect(),
        }
    }

    /// Entry of each row for the promoted column, None where the row lacks it.
    pub(crate) fn entries(
        &self,
        column: usize,
        rows: usize,
    ) -> impl ExactSizeIterator<Item = Option<usize>> + Clone + '_ {
        let entries = &self.entries[column];
        (0..rows).map(move |row| entries.get(row).and_then(|entry| entry.checked_sub(1)).map(|entry| entry as usize))
    }
}

/// A `Map(LowCardinality(String), T)` column without the promoted keys, which `promotion` then knows the entries of.
pub(crate) fn map<V: Values>(
    block: &mut Block,
    (name, kind): (&str, &str),
    column: &MapColumn<V>,
    keys: &Dictionary<1>,
    rows: &[u32],
    promotion: &mut Promotion,
    write_value: impl Fn(&mut Block, &V, usize),
) {
    let mut kept = Vec::new();
    let mut offsets = Vec::with_capacity(rows.len());
    for (position, &row) in rows.iter().enumerate() {
        let entries = column.row(row as usize);
        if promotion.column_of_key.is_empty() {
            kept.extend(entries.map(|entry| entry as u32));
        } else {
            for entry in entries {
                match promotion.column_of_key[column.keys[entry] as usize] {
                    0 => kept.push(entry as u32),
                    own => promotion.entries[own as usize - 1][position] = entry as u32 + 1,
                }
            }
        }
        offsets.push(kept.len() as u64);
    }
    let mut renumbering = Renumbering::new(keys.len());
    let indices: Vec<u32> = kept.iter().map(|&entry| renumbering.number(column.keys[entry as usize])).collect();
    block.column(name, kind);
    block.low_cardinality_prefix();
    block.values(offsets.iter().map(|offset| offset.to_le_bytes()));
    block.low_cardinality(renumbering.used().iter().map(|&id| keys.get(id, 0)), indices.into_iter());
    for entry in kept {
        write_value(block, &column.values, entry as usize);
    }
}
