//! Tags of the fields that are read, from `opentelemetry/proto/{collector/logs,logs,resource,common}/v1`.

use super::wire::{FIXED32, FIXED64, LEN, VARINT, tag};

/// `ExportLogsServiceRequest.resource_logs`
pub const RESOURCE_LOGS: u32 = tag(1, LEN);

/// `ResourceLogs`
pub mod resource_logs {
    use super::{LEN, tag};
    pub const RESOURCE: u32 = tag(1, LEN);
    pub const SCOPE_LOGS: u32 = tag(2, LEN);
}

/// `ScopeLogs`
pub mod scope_logs {
    use super::{LEN, tag};
    pub const SCOPE: u32 = tag(1, LEN);
    pub const LOG_RECORDS: u32 = tag(2, LEN);
}

/// `Resource`
pub mod resource {
    use super::{LEN, tag};
    pub const ATTRIBUTES: u32 = tag(1, LEN);
}

/// `InstrumentationScope`
pub mod scope {
    use super::{LEN, tag};
    pub const NAME: u32 = tag(1, LEN);
    pub const VERSION: u32 = tag(2, LEN);
    pub const ATTRIBUTES: u32 = tag(3, LEN);
}

/// `LogRecord`
pub mod record {
    use super::{FIXED32, FIXED64, LEN, VARINT, tag};
    pub const TIME: u32 = tag(1, FIXED64);
    pub const SEVERITY_NUMBER: u32 = tag(2, VARINT);
    pub const SEVERITY_TEXT: u32 = tag(3, LEN);
    pub const BODY: u32 = tag(5, LEN);
    pub const ATTRIBUTES: u32 = tag(6, LEN);
    pub const FLAGS: u32 = tag(8, FIXED32);
    pub const TRACE_ID: u32 = tag(9, LEN);
    pub const SPAN_ID: u32 = tag(10, LEN);
    pub const OBSERVED_TIME: u32 = tag(11, FIXED64);
    pub const EVENT_NAME: u32 = tag(12, LEN);
}

/// `KeyValue`
pub mod pair {
    use super::{LEN, tag};
    pub const KEY: u32 = tag(1, LEN);
    pub const VALUE: u32 = tag(2, LEN);
}

/// `AnyValue`
pub mod any {
    use super::{FIXED64, LEN, VARINT, tag};
    pub const STRING: u32 = tag(1, LEN);
    pub const BOOL: u32 = tag(2, VARINT);
    pub const INT: u32 = tag(3, VARINT);
    pub const DOUBLE: u32 = tag(4, FIXED64);
    pub const ARRAY: u32 = tag(5, LEN);
    pub const MAP: u32 = tag(6, LEN);
    pub const BYTES: u32 = tag(7, LEN);
}

/// `ArrayValue.values` and `KeyValueList.values`
pub const VALUES: u32 = tag(1, LEN);

/// Messages whose insides [`super::protobuf_value::check`] knows.
#[derive(Clone, Copy)]
pub enum Message {
    /// `Resource`
    Resource,
    /// `InstrumentationScope`
    Scope,
    /// `LogRecord`
    Record,
    /// `KeyValue`
    Attribute,
    /// `AnyValue`
    Value,
    /// `ArrayValue`
    Array,
    /// `KeyValueList`
    Map,
}

impl Message {
    /// The message that the field with this tag holds, if any that is known.
    pub fn field(self, tag: u32) -> Option<Self> {
        match (self, tag) {
            (Self::Record, record::BODY) | (Self::Attribute, pair::VALUE) | (Self::Array, VALUES) => Some(Self::Value),
            (Self::Resource, resource::ATTRIBUTES)
            | (Self::Scope, scope::ATTRIBUTES)
            | (Self::Record, record::ATTRIBUTES)
            | (Self::Map, VALUES) => Some(Self::Attribute),
            (Self::Value, any::ARRAY) => Some(Self::Array),
            (Self::Value, any::MAP) => Some(Self::Map),
            _ => None,
        }
    }
}
