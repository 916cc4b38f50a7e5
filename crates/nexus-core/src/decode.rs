//! What a decoder answers: the batch, and what was wrong with the records that are not in it.

use crate::batch::LogBatch;
use crate::limits::MAX_REPORTED_ERRORS;
use crate::rows::Rows;
use std::fmt;

/// The whole body cannot be decoded. The message says what was found, where, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(pub String);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

/// Rejected records of a body: all counted, the first [`MAX_REPORTED_ERRORS`] with their number and message.
#[derive(Debug, Default)]
pub struct Rejections {
    count: u64,
    first: Vec<(u64, String)>,
}

impl Rejections {
    /// Count a rejected record; `number` is its line or record number, from 1. The message is built only when kept.
    pub fn push(&mut self, number: u64, message: impl FnOnce() -> String) {
        if self.first.len() < MAX_REPORTED_ERRORS {
            self.first.push((number, message()));
        }
        self.count += 1;
    }

    /// Count several that share a number and a reason: the samples of a series.
    pub fn push_many(&mut self, number: u64, count: u64, message: impl FnOnce() -> String) {
        if count > 0 {
            self.push(number, message);
            self.count += count - 1;
        }
    }

    /// Add those of a part of the body.
    pub fn absorb(&mut self, other: Self) {
        let room = MAX_REPORTED_ERRORS - self.first.len();
        self.first.extend(other.first.into_iter().take(room));
        self.count += other.count;
    }

    /// Number of rejected records.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first errors: line or record number, message.
    pub fn first(&self) -> &[(u64, String)] {
        &self.first
    }
}

/// A decoded body.
#[derive(Debug)]
pub struct Decoded<B = LogBatch> {
    /// The accepted records.
    pub batch: B,
    /// The others.
    pub rejections: Rejections,
}

impl<B: Rows> Decoded<B> {
    /// Number of accepted records.
    pub fn accepted(&self) -> usize {
        self.batch.timestamps().len()
    }
}
