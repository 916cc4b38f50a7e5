//! Tags of the fields that are read, from `opentelemetry/proto/{collector,logs,trace,resource,common}/v1`.

use super::wire::{FIXED32, FIXED64, LEN, VARINT, tag};

/// `ExportLogsServiceRequest.resource_logs`, `ExportTraceServiceRequest.resource_spans`
pub const RESOURCES: u32 = tag(1, LEN);

/// `ResourceLogs`, `ResourceSpans`
pub mod resource_group {
    use super::{LEN, tag};
    pub const RESOURCE: u32 = tag(1, LEN);
    pub const SCOPES: u32 = tag(2, LEN);
}

/// `ScopeLogs`, `ScopeSpans`
pub mod record_group {
    use super::{LEN, tag};
    pub const SCOPE: u32 = tag(1, LEN);
    pub const RECORDS: u32 = tag(2, LEN);
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

/// `Span`
pub mod span {
    use super::{FIXED32, FIXED64, LEN, VARINT, tag};
    pub const TRACE_ID: u32 = tag(1, LEN);
    pub const SPAN_ID: u32 = tag(2, LEN);
    pub const TRACE_STATE: u32 = tag(3, LEN);
    pub const PARENT_SPAN_ID: u32 = tag(4, LEN);
    pub const NAME: u32 = tag(5, LEN);
    pub const KIND: u32 = tag(6, VARINT);
    pub const START: u32 = tag(7, FIXED64);
    pub const END: u32 = tag(8, FIXED64);
    pub const ATTRIBUTES: u32 = tag(9, LEN);
    pub const DROPPED_ATTRIBUTES: u32 = tag(10, VARINT);
    pub const EVENTS: u32 = tag(11, LEN);
    pub const DROPPED_EVENTS: u32 = tag(12, VARINT);
    pub const LINKS: u32 = tag(13, LEN);
    pub const DROPPED_LINKS: u32 = tag(14, VARINT);
    pub const STATUS: u32 = tag(15, LEN);
    pub const FLAGS: u32 = tag(16, FIXED32);
}

/// `Span.Event`
pub mod event {
    use super::{FIXED64, LEN, VARINT, tag};
    pub const TIME: u32 = tag(1, FIXED64);
    pub const NAME: u32 = tag(2, LEN);
    pub const ATTRIBUTES: u32 = tag(3, LEN);
    pub const DROPPED_ATTRIBUTES: u32 = tag(4, VARINT);
}

/// `Span.Link`
pub mod link {
    use super::{LEN, VARINT, tag};
    pub const TRACE_ID: u32 = tag(1, LEN);
    pub const SPAN_ID: u32 = tag(2, LEN);
    pub const TRACE_STATE: u32 = tag(3, LEN);
    pub const ATTRIBUTES: u32 = tag(4, LEN);
    pub const DROPPED_ATTRIBUTES: u32 = tag(5, VARINT);
}

/// `Status`
pub mod status {
    use super::{LEN, VARINT, tag};
    pub const MESSAGE: u32 = tag(2, LEN);
    pub const CODE: u32 = tag(3, VARINT);
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
    /// `Span`
    Span,
    /// `Span.Event`
    Event,
    /// `Span.Link`
    Link,
    /// `Status`
    Status,
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
            | (Self::Span, span::ATTRIBUTES)
            | (Self::Event, event::ATTRIBUTES)
            | (Self::Link, link::ATTRIBUTES)
            | (Self::Map, VALUES) => Some(Self::Attribute),
            (Self::Span, span::EVENTS) => Some(Self::Event),
            (Self::Span, span::LINKS) => Some(Self::Link),
            (Self::Span, span::STATUS) => Some(Self::Status),
            (Self::Value, any::ARRAY) => Some(Self::Array),
            (Self::Value, any::MAP) => Some(Self::Map),
            _ => None,
        }
    }
}
