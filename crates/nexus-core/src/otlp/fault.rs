//! What can be wrong with one record, resource or scope of an otherwise readable request.

use super::wire::WireError;
use crate::json::reader::JsonError;
use crate::limits::MAX_DEPTH;
use crate::limits::MAX_RECORDS;
use std::fmt;

/// Why a record is rejected. Small and free of allocations: its message is written only when it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Text that is not UTF-8.
    Utf8 {
        /// Name of the field.
        field: &'static str,
        /// Byte of the request body.
        offset: usize,
    },
    /// A value nested deeper than [`MAX_DEPTH`].
    TooDeep {
        /// Byte of the request body.
        offset: usize,
    },
    /// A time after 2262-04-11.
    Time {
        /// Name of the field.
        field: &'static str,
        /// Nanoseconds since the epoch.
        value: u64,
    },
    /// A time in microseconds before 1970 or after 2262-04-11.
    Micros {
        /// Name of the field.
        field: &'static str,
        /// Microseconds since the epoch.
        value: i64,
    },
    /// A time in seconds that is too far away.
    Seconds {
        /// Name of the field.
        field: &'static str,
        /// Seconds since the epoch.
        value: i64,
    },
    /// An id of another length.
    Id {
        /// Name of the id.
        field: &'static str,
        /// Bytes it has to have.
        expected: usize,
        /// Bytes it has.
        found: usize,
    },
    /// More than [`MAX_RECORDS`] came before it.
    TooManyRecords,
    /// JSON of another type, or outside of the range.
    Unexpected {
        /// Name of the field.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
        /// Byte of the request body.
        offset: usize,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf8 { field, offset } => write!(f, "{field} at byte {offset} is not valid UTF-8"),
            Self::TooDeep { offset } => write!(f, "value at byte {offset} is nested more than {MAX_DEPTH} deep"),
            Self::Time { field, value } => {
                write!(f, "{field} {value} is after 2262-04-11T23:47:16.854775807Z, the last nanosecond kept")
            }
            Self::Micros { field, value } => {
                write!(f, "{field} {value} µs is outside of 1970-01-01 to 2262-04-11")
            }
            Self::Seconds { field, value } => write!(f, "{field} {value} s is after 2262-04-11"),
            Self::Id { field, expected, found } => write!(f, "the {field} has {found} bytes, expected {expected}"),
            Self::TooManyRecords => {
                write!(f, "the request has more than {MAX_RECORDS} records: send smaller batches")
            }
            Self::Unexpected { field, expected, offset } => {
                write!(f, "{field} at byte {offset}: expected {expected}")
            }
        }
    }
}

/// What ends a walk through a part of a request: a fault of that part, or `E`, with which the rest cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop<E> {
    /// The part is rejected.
    Part(Fault),
    /// The request is refused.
    Request(E),
}

impl<E> From<Fault> for Stop<E> {
    fn from(fault: Fault) -> Self {
        Self::Part(fault)
    }
}

impl From<WireError> for Stop<WireError> {
    fn from(error: WireError) -> Self {
        Self::Request(error)
    }
}

impl From<JsonError> for Stop<JsonError> {
    fn from(error: JsonError) -> Self {
        Self::Request(error)
    }
}
