//! Parts of the fuzzers: targets, sample inputs, mutation, coverage, the count of memory, and the loop around them.

pub mod alloc;
pub mod coverage;
pub mod fuzzer;
pub mod mutate;
pub mod samples;
pub mod targets;
