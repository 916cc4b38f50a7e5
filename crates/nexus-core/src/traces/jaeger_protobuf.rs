//! Jaeger's spans in protobuf: `jaeger.api_v2.PostSpansRequest`.

use super::batch::SpanBatch;
use super::jaeger::{Reference, parent_and_links, push};
use super::tagged::{Process, TaggedSpans};
use crate::decode::{DecodeError, Decoded};
use crate::limits::MAX_ATTRIBUTES;
use crate::otlp::fault::{Fault, Stop};
use crate::otlp::protobuf_value::utf8;
use crate::otlp::records::check_size;
use crate::otlp::text::Scalar;
use crate::otlp::wire::{FIXED64, LEN, Reader, Singular, VARINT, WireError, tag};

type Walk<T> = Result<T, Stop<WireError>>;
type Tag<'a> = (&'a [u8], Scalar<'a>);

/// `PostSpansRequest.batch`
const BATCH: u32 = tag(1, LEN);

/// `Batch`
mod batch {
    use super::{LEN, tag};
    pub const SPANS: u32 = tag(1, LEN);
    pub const PROCESS: u32 = tag(2, LEN);
}

/// `Span`
mod span {
    use super::{LEN, VARINT, tag};
    pub const TRACE_ID: u32 = tag(1, LEN);
    pub const SPAN_ID: u32 = tag(2, LEN);
    pub const OPERATION_NAME: u32 = tag(3, LEN);
    pub const REFERENCES: u32 = tag(4, LEN);
    pub const FLAGS: u32 = tag(5, VARINT);
    pub const START_TIME: u32 = tag(6, LEN);
    pub const DURATION: u32 = tag(7, LEN);
    pub const TAGS: u32 = tag(8, LEN);
    pub const LOGS: u32 = tag(9, LEN);
    pub const PROCESS: u32 = tag(10, LEN);
}

/// `SpanRef`
mod reference {
    use super::{LEN, VARINT, tag};
    pub const TRACE_ID: u32 = tag(1, LEN);
    pub const SPAN_ID: u32 = tag(2, LEN);
    pub const TYPE: u32 = tag(3, VARINT);
}

/// `Process`
mod process {
    use super::{LEN, tag};
    pub const SERVICE_NAME: u32 = tag(1, LEN);
    pub const TAGS: u32 = tag(2, LEN);
}

/// `Log`
mod log {
    use super::{LEN, tag};
    pub const TIMESTAMP: u32 = tag(1, LEN);
    pub const FIELDS: u32 = tag(2, LEN);
}

/// `google.protobuf.Timestamp` and `Duration`
mod time {
    use super::{VARINT, tag};
    pub const SECONDS: u32 = tag(1, VARINT);
    pub const NANOS: u32 = tag(2, VARINT);
}

/// `KeyValue`
mod pair {
    use super::{FIXED64, LEN, VARINT, tag};
    pub const KEY: u32 = tag(1, LEN);
    pub const TYPE: u32 = tag(2, VARINT);
    pub const TEXT: u32 = tag(3, LEN);
    pub const BOOL: u32 = tag(4, VARINT);
    pub const INT: u32 = tag(5, VARINT);
    pub const DOUBLE: u32 = tag(6, FIXED64);
    pub const BINARY: u32 = tag(7, LEN);
}

/// Decode a `PostSpansRequest` in protobuf. `now_ns` stands in for missing times.
///
/// # Errors
/// When the body is no such message.
pub fn decode_jaeger_protobuf(body: &[u8], now_ns: i64) -> Result<Decoded<SpanBatch>, DecodeError> {
    check_size(body)?;
    let mut spans = TaggedSpans::new(now_ns);
    match request(&mut spans, Reader::new(body, 0)) {
        Ok(()) => Ok(spans.finish()),
        Err(Stop::Request(error)) => Err(DecodeError(format!("not a request of jaeger.api_v2: {error}"))),
        Err(Stop::Part(fault)) => Err(DecodeError(format!("not a request of jaeger.api_v2: {fault}"))),
    }
}

fn request(spans: &mut TaggedSpans, mut request: Reader<'_>) -> Walk<()> {
    while let Some(tag) = request.tag()? {
        match tag {
            BATCH => batch(spans, request.message()?)?,
            _ => request.skip(tag)?,
        }
    }
    Ok(())
}

fn batch(spans: &mut TaggedSpans, mut batch: Reader<'_>) -> Walk<()> {
    let found = Singular::find(batch, batch::PROCESS)?;
    let process = process(found.reader().unwrap_or(Reader::EMPTY))?;
    spans.set_process(&process);
    while let Some(tag) = batch.tag()? {
        match tag {
            batch::SPANS => {
                let message = batch.message()?;
                let walk = match spans.begin() {
                    None => span(spans, message),
                    Some(fault) => Err(fault.into()),
                };
                let own = match walk {
                    Ok(own) => {
                        spans.end(Ok(()));
                        own
                    }
                    Err(Stop::Part(fault)) => {
                        spans.end(Err(fault));
                        true
                    }
                    Err(error) => return Err(error),
                };
                if own {
                    spans.set_process(&process);
                }
            }
            _ => batch.skip(tag)?,
        }
    }
    Ok(())
}

fn process(mut message: Reader<'_>) -> Walk<Process> {
    let mut service = &b""[..];
    let mut tags = Vec::new();
    while let Some(tag) = message.tag()? {
        match tag {
            process::SERVICE_NAME => service = utf8(message.message()?, "service_name")?.as_bytes(),
            process::TAGS => push_tag(&mut tags, message.message()?)?,
            _ => message.skip(tag)?,
        }
    }
    Ok(Process::new(service, tags.into_iter()))
}

/// Read a tag, and keep it when there is room.
fn push_tag<'a>(tags: &mut Vec<Tag<'a>>, message: Reader<'a>) -> Walk<()> {
    let tag = pair(message)?;
    if tags.len() <= MAX_ATTRIBUTES {
        tags.push(tag);
    }
    Ok(())
}

/// Read a span; true when it has a process of its own, which stays set.
fn span(spans: &mut TaggedSpans, mut message: Reader<'_>) -> Walk<bool> {
    let mut trace = [0; 16];
    let (mut start, mut duration) = (0, 0);
    let mut references = Vec::new();
    let mut own = Singular::ABSENT;
    while let Some(tag) = message.tag()? {
        match tag {
            span::TRACE_ID => trace = id(message.message()?, "trace id")?,
            span::SPAN_ID => {
                let id = id(message.message()?, "span id")?;
                spans.builder().span_id(id);
            }
            span::OPERATION_NAME => {
                let name = utf8(message.message()?, "operation_name")?;
                spans.builder().name(name);
            }
            span::REFERENCES => push(&mut references, reference(message.message()?)?),
            // The bit of debugging is Jaeger's own.
            span::FLAGS => {
                let flags = message.varint()? as u32 & 1;
                spans.builder().flags(flags);
            }
            span::START_TIME => start = nanos(message.message()?, "start_time")?,
            span::DURATION => duration = nanos(message.message()?, "duration")?,
            span::TAGS => {
                let (key, value) = pair(message.message()?)?;
                spans.tag(key, value);
            }
            span::LOGS => log(spans, message.message()?)?,
            span::PROCESS => own.push(message.message()?)?,
            _ => message.skip(tag)?,
        }
    }
    if let Some(message) = own.reader() {
        spans.set_process(&process(message)?);
    }
    spans.builder().trace_id(trace);
    parent_and_links(spans, trace, [0; 8], &references);
    spans.times_ns(start, duration)?;
    Ok(own.reader().is_some())
}

fn reference(mut message: Reader<'_>) -> Walk<Reference> {
    let mut found = Reference { trace_id: [0; 16], span_id: [0; 8], follows: false };
    while let Some(tag) = message.tag()? {
        match tag {
            reference::TRACE_ID => found.trace_id = id(message.message()?, "trace id of a reference")?,
            reference::SPAN_ID => found.span_id = id(message.message()?, "span id of a reference")?,
            reference::TYPE => found.follows = message.varint()? as u32 == 1,
            _ => message.skip(tag)?,
        }
    }
    Ok(found)
}

fn log(spans: &mut TaggedSpans, mut message: Reader<'_>) -> Walk<()> {
    let mut time = 0;
    let mut fields = Vec::new();
    while let Some(tag) = message.tag()? {
        match tag {
            log::TIMESTAMP => time = nanos(message.message()?, "timestamp of a log")?,
            log::FIELDS => push_tag(&mut fields, message.message()?)?,
            _ => message.skip(tag)?,
        }
    }
    spans.event(time, fields.into_iter());
    Ok(())
}

fn pair(mut message: Reader<'_>) -> Walk<Tag<'_>> {
    let (mut key, mut kind, mut text, mut bytes) = (Reader::EMPTY, 0, Reader::EMPTY, Reader::EMPTY);
    let (mut flag, mut int, mut double) = (false, 0, 0.0);
    while let Some(tag) = message.tag()? {
        match tag {
            pair::KEY => key = message.message()?,
            pair::TYPE => kind = message.varint()?,
            pair::TEXT => text = message.message()?,
            pair::BOOL => flag = message.varint()? != 0,
            pair::INT => int = message.varint()? as i64,
            pair::DOUBLE => double = f64::from_bits(message.fixed64()?),
            pair::BINARY => bytes = message.message()?,
            _ => message.skip(tag)?,
        }
    }
    let value = match kind {
        0 => Scalar::Text(utf8(text, "value of a tag")?.as_bytes()),
        1 => Scalar::Bool(flag),
        2 => Scalar::Int(int),
        3 => Scalar::Double(double),
        4 => Scalar::Bytes(bytes.rest()),
        _ => Scalar::Empty,
    };
    Ok((utf8(key, "key of a tag")?.as_bytes(), value))
}

/// An id of `N` bytes, or none: zeros. Jaeger writes trace ids of eight bytes too.
fn id<const N: usize>(bytes: Reader<'_>, field: &'static str) -> Result<[u8; N], Fault> {
    let bytes = bytes.rest();
    let mut id = [0; N];
    match bytes.len() {
        0 => {}
        length if length == N || length == 8 && N == 16 => id[N - length..].copy_from_slice(bytes),
        found => return Err(Fault::Id { field, expected: N, found }),
    }
    Ok(id)
}

/// Nanoseconds of a `Timestamp` or a `Duration`.
fn nanos(mut message: Reader<'_>, field: &'static str) -> Walk<i64> {
    let (mut seconds, mut nanos) = (0_i64, 0_i32);
    while let Some(tag) = message.tag()? {
        match tag {
            time::SECONDS => seconds = message.varint()? as i64,
            time::NANOS => nanos = message.varint()? as i32,
            _ => message.skip(tag)?,
        }
    }
    let whole = seconds.checked_mul(1_000_000_000).and_then(|ns| ns.checked_add(i64::from(nanos)));
    Ok(whole.ok_or(Fault::Seconds { field, value: seconds })?)
}
