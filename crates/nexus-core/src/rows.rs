//! What batches of records of all kinds have in common: rows from somewhere, at some time, with attributes.

use crate::attributes::{Attributes, AttributesBuilder};
use crate::limits::{MAX_BATCH_DAYS, MAX_BODY_BYTES, MAX_COLUMN_BYTES, MAX_RECORDS};
use crate::origins::Origins;
use std::fmt;

/// A batch of rows.
pub trait Rows {
    /// Resources and scopes.
    fn origins(&self) -> &Origins;
    /// Attributes.
    fn attributes(&self) -> &Attributes;
    /// When each row was (began), ns since the epoch.
    fn timestamps(&self) -> &[i64];
}

/// Builds a batch row by row: `begin`, fields and attributes in any order, then `commit` or `abort`.
pub trait RowBuilder {
    /// What is built.
    type Batch: Rows;

    /// Resource of the rows that follow. `resource_json`: its attributes as a JSON object with sorted keys.
    fn set_resource(&mut self, service: &str, resource_json: &str);
    /// Instrumentation scope of the rows that follow. `attributes_json`: empty, or a JSON object with sorted keys.
    fn set_scope(&mut self, name: &str, version: &str, attributes_json: &str);
    /// Start a row; one that was not committed is forgotten.
    fn begin(&mut self);
    /// Attributes of the row being built.
    fn attributes(&mut self) -> &mut AttributesBuilder;
    /// Take the row into the batch. On an error it is left out and leaves no trace.
    fn commit(&mut self) -> Result<(), RecordError>;
    /// Forget the row being built.
    fn abort(&mut self);
    /// The batch, without a row that was not committed.
    fn finish(self) -> Self::Batch;
}

/// Why a record was not taken into the batch. Displays as a sentence for the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordError {
    /// The timestamp lies before 1970.
    TimeOutOfRange(i64),
    /// The batch already spans [`MAX_BATCH_DAYS`] days.
    TooManyDays,
    /// The id of this name is missing or only zeros.
    NoId(&'static str),
    /// Bytes of the body.
    BodyTooLarge(usize),
    /// A column of the batch would exceed [`MAX_COLUMN_BYTES`].
    BatchFull,
    /// The batch has [`MAX_RECORDS`] already.
    TooManyRecords,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeOutOfRange(time) => {
                write!(f, "timestamp {time} ns is outside of 1970-01-01 to 2262-04-11")
            }
            Self::TooManyDays => {
                write!(f, "the batch spans more than {MAX_BATCH_DAYS} days: send older and newer records apart")
            }
            Self::NoId(field) => write!(f, "the {field} is missing or only zeros"),
            Self::BodyTooLarge(bytes) => write!(f, "body of {bytes} bytes is larger than {MAX_BODY_BYTES}"),
            Self::BatchFull => write!(f, "the batch is larger than {MAX_COLUMN_BYTES} bytes: send smaller batches"),
            Self::TooManyRecords => write!(f, "the request has more than {MAX_RECORDS} records: send smaller batches"),
        }
    }
}

impl std::error::Error for RecordError {}
