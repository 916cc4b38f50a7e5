//! Spans as their clients want to see them.
