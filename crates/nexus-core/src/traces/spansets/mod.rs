//! Programs of TraceQL over whole traces: which spans match together.
//!
//! The engine says of each span which conditions it meets (bits), its numbers and its texts; a [`Program`] decides over the
//! spans of each trace: structure (by ids of parents), groups, aggregates. Everything is linear in the spans of a trace, or
//! n log n where they have to be sorted.
//!
//! Traces may be broken. Spans form a forest, whatever they say of their parents:
//! * a span that names no parent, or itself, is a root; so are, as it were, parents that are not stored: their children have
//!   that parent in common and are siblings;
//! * several spans with one id are all parents of those that name it; what lies above them is told by the earliest;
//! * a circle of parents is opened above its earliest span, which then has none.

mod evaluate;
mod forest;
mod program;
mod relations;
mod rows;

pub use evaluate::{Limits, SetMatch, Told, TraceMatch, evaluate, matching};
pub use program::Program;
use std::fmt;

/// Rows or a program that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpansetError(pub String);

impl fmt::Display for SpansetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for SpansetError {}

#[cfg(test)]
mod tests;
