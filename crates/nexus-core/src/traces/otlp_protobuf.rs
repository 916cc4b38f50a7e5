//! OTLP traces in protobuf: `ExportTraceServiceRequest` into a batch.

use super::batch::SpanBatch;
use super::builder::SpanBatchBuilder;
use crate::decode::{DecodeError, Decoded};
use crate::otlp::fault::Fault;
use crate::otlp::protobuf::{Decoder, Signal, Walk, decode, member};
use crate::otlp::protobuf_value::{check, utf8};
use crate::otlp::records::{Extras, nanoseconds};
use crate::otlp::schema::{Message, event, link, span, status};
use crate::otlp::wire::{Reader, Singular};

/// Decode an `ExportTraceServiceRequest` in protobuf. `now_ns` stands in for missing times.
///
/// # Errors
/// When the body is no such message: a field or length that does not fit, down to the values of attributes.
pub fn decode_traces_protobuf(body: &[u8], now_ns: i64) -> Result<Decoded<SpanBatch>, DecodeError> {
    let mut builder = SpanBatchBuilder::new(now_ns);
    builder.reserve(body.len());
    decode::<Spans>(body, builder)
}

struct Spans;

impl Signal for Spans {
    type Builder = SpanBatchBuilder;
    const NAME: &'static str = "traces";
    const RECORD: Message = Message::Span;

    fn read(decoder: &mut Decoder<SpanBatchBuilder>, mut record: Reader<'_>) -> Walk {
        let (mut start, mut end) = (0, 0);
        let (mut dropped_attributes, mut dropped_events, mut dropped_links) = (0, 0, 0);
        let mut state = Singular::ABSENT;
        while let Some(tag) = record.tag()? {
            match tag {
                span::TRACE_ID => decoder.records.builder.trace_id(id(record.message()?, "trace id")?),
                span::SPAN_ID => decoder.records.builder.span_id(id(record.message()?, "span id")?),
                span::PARENT_SPAN_ID => {
                    decoder.records.builder.parent_span_id(id(record.message()?, "parent span id")?);
                }
                span::TRACE_STATE => {
                    decoder.records.builder.trace_state(utf8(record.message()?, "trace_state")?);
                }
                span::NAME => decoder.records.builder.name(utf8(record.message()?, "name")?),
                span::KIND => decoder.records.builder.kind(u64::from(record.varint()? as u32)),
                span::START => start = record.fixed64()?,
                span::END => end = record.fixed64()?,
                span::ATTRIBUTES => decoder.attribute(record.message()?)?,
                span::DROPPED_ATTRIBUTES => dropped_attributes = record.varint()? as u32,
                span::EVENTS => event(decoder, record.message()?)?,
                span::DROPPED_EVENTS => dropped_events = record.varint()? as u32,
                span::LINKS => link(decoder, record.message()?)?,
                span::DROPPED_LINKS => dropped_links = record.varint()? as u32,
                span::STATUS => state.push(record.message()?)?,
                span::FLAGS => decoder.records.builder.flags(record.fixed32()?),
                _ => record.skip(tag)?,
            }
        }
        if let Some(state) = state.reader() {
            status(&mut decoder.records.builder, state)?;
        }
        let builder = &mut decoder.records.builder;
        builder.dropped(dropped_attributes, dropped_events, dropped_links);
        let start = nanoseconds("start_time_unix_nano", start)?;
        let end = nanoseconds("end_time_unix_nano", end)?;
        builder.times(start.unwrap_or(0), end.unwrap_or(0));
        Ok(())
    }
}

/// An id of `N` bytes, or none: zeros.
#[inline]
fn id<const N: usize>(bytes: Reader<'_>, field: &'static str) -> Result<[u8; N], Fault> {
    match bytes.rest() {
        [] => Ok([0; N]),
        rest => rest.try_into().map_err(|_| Fault::Id { field, expected: N, found: rest.len() }),
    }
}

fn status(builder: &mut SpanBatchBuilder, mut message: Reader<'_>) -> Walk {
    while let Some(tag) = message.tag()? {
        match tag {
            status::MESSAGE => builder.status_message(utf8(message.message()?, "status message")?),
            status::CODE => builder.status(u64::from(message.varint()? as u32)),
            _ => message.skip(tag)?,
        }
    }
    Ok(())
}

fn event(decoder: &mut Decoder<SpanBatchBuilder>, mut message: Reader<'_>) -> Walk {
    let whole = message;
    if !decoder.records.builder.admits_event() {
        return Ok(check(whole, Message::Event)?);
    }
    let (mut time, mut name, mut extras) = (0, Reader::EMPTY, Extras::default());
    let attributes = &mut decoder.text;
    attributes.clear();
    while let Some(tag) = message.tag()? {
        match tag {
            event::TIME => time = message.fixed64()?,
            event::NAME => name = message.message()?,
            event::ATTRIBUTES => {
                extra(attributes, &mut extras, message.message()?)?;
            }
            event::DROPPED_ATTRIBUTES => extras.drop_more(u64::from(message.varint()? as u32)),
            _ => message.skip(tag)?,
        }
    }
    extras.close(attributes);
    let time = nanoseconds("time_unix_nano of an event", time)?.unwrap_or(0);
    decoder.records.builder.event(time, utf8(name, "name of an event")?, attributes);
    Ok(())
}

fn link(decoder: &mut Decoder<SpanBatchBuilder>, mut message: Reader<'_>) -> Walk {
    let whole = message;
    if !decoder.records.builder.admits_link() {
        return Ok(check(whole, Message::Link)?);
    }
    let (mut trace, mut span, mut state) = (Reader::EMPTY, Reader::EMPTY, Reader::EMPTY);
    let mut extras = Extras::default();
    let attributes = &mut decoder.text;
    attributes.clear();
    while let Some(tag) = message.tag()? {
        match tag {
            link::TRACE_ID => trace = message.message()?,
            link::SPAN_ID => span = message.message()?,
            link::TRACE_STATE => state = message.message()?,
            link::ATTRIBUTES => {
                extra(attributes, &mut extras, message.message()?)?;
            }
            link::DROPPED_ATTRIBUTES => extras.drop_more(u64::from(message.varint()? as u32)),
            _ => message.skip(tag)?,
        }
    }
    extras.close(attributes);
    let state = utf8(state, "trace_state of a link")?;
    match (id(trace, "trace id"), id(span, "span id")) {
        (Ok(trace), Ok(span)) if trace != [0; 16] && span != [0; 8] => {
            decoder.records.builder.link(trace, span, state, attributes);
        }
        // It leads nowhere.
        _ => decoder.records.builder.drop_link(),
    }
    Ok(())
}

/// Add an attribute of an event or link.
fn extra<'a>(out: &mut Vec<u8>, extras: &mut Extras<'a>, pair: Reader<'a>) -> Walk {
    if extras.admits() {
        let object = extras.object(out);
        member(out, object, pair, "attribute key of an event or link")
    } else {
        Ok(check(pair, Message::Attribute)?)
    }
}
