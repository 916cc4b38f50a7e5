//! Selecting records of a batch before they are stored, or while they are: the predicates of the plan over columns.
//!
//! A [`Filter`] finds in a batch what a search of the stored records would find. The language is described in
//! `docs/reference/search-language.md`; `storage/clickhouse/predicates.py` says the same in SQL, and a test holds both
//! against one oracle. What repeats in a batch (resources, scopes, texts, skeletons) is looked at once.

mod attributes;
mod columns;
mod evaluate;
mod number;
mod predicate;
mod regex;
mod resource;
mod spans;
pub(crate) mod take;
mod text;

pub use columns::Selectable;
use predicate::Node;
use std::fmt;

/// Bytes of an encoded predicate.
pub const MAX_FILTER_BYTES: usize = 4 << 20;

/// Why bytes are no filter. Displays as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError(pub String);

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FilterError {}

/// A predicate that is ready to be asked of batches, from several threads if need be.
#[derive(Debug)]
pub struct Filter {
    root: Node,
}

impl Filter {
    /// A filter from an encoded predicate (`query/encode.py`).
    pub fn parse(encoded: &[u8]) -> Result<Self, FilterError> {
        Ok(Self { root: predicate::parse(encoded)? })
    }

    /// For each row whether it matches.
    pub fn matches<B: Selectable>(&self, batch: &B) -> Vec<bool> {
        evaluate::matches(&self.root, batch)
    }

    /// Number of rows that match.
    pub fn count<B: Selectable>(&self, batch: &B) -> usize {
        self.matches(batch).into_iter().filter(|&matched| matched).count()
    }
}
