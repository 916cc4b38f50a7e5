//! Spans.

pub mod derive;
