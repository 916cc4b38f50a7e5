//! Limits that every decoder keeps, in one place. Beyond them a record is rejected or trimmed, and counted.

/// Bytes of one record's body. A larger body rejects the record.
pub const MAX_BODY_BYTES: usize = 32 << 20;

/// Attributes kept of one record. Further ones are dropped and counted in [`DROPPED_ATTRIBUTES`].
pub const MAX_ATTRIBUTES: usize = 1024;

/// Bytes of an attribute key. An attribute with a longer key is dropped and counted.
pub const MAX_KEY_BYTES: usize = 512;

/// Distinct attribute keys of one batch. Attributes with further keys are dropped and counted.
pub const MAX_BATCH_KEYS: usize = 65_536;

/// Nesting of a value (JSON or OTLP `AnyValue`) inside a record. A deeper value rejects the record.
pub const MAX_DEPTH: usize = 64;

/// Distinct UTC days of one batch. Records of further days are rejected.
pub const MAX_BATCH_DAYS: usize = 366;

/// Bytes of one decodable request body. Offsets within a batch are 32 bits wide, whatever the decoder makes of its input.
pub const MAX_INPUT_BYTES: usize = 512 << 20;

/// Bytes of one column of a batch: the Arrow envelope has signed 32-bit offsets.
pub const MAX_COLUMN_BYTES: usize = i32::MAX as usize;

/// Errors reported one by one; the rest are only counted.
pub const MAX_REPORTED_ERRORS: usize = 100;

/// Integer attribute that says how many attributes of the record were dropped.
pub const DROPPED_ATTRIBUTES: &str = "nexus.dropped_attributes";

/// Records taken of one request. An empty record is two bytes on the wire and some seventy in a batch: without a limit a
/// request of 64 MiB could ask for gigabytes.
pub const MAX_RECORDS: u64 = 2 << 20;

/// Events kept of one span. Further ones are dropped and counted.
pub const MAX_EVENTS: usize = 1000;

/// Links kept of one span. Further ones are dropped and counted.
pub const MAX_LINKS: usize = 1000;
