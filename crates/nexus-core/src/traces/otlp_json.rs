//! OTLP traces in JSON: the same requests as in protobuf, to the same batch. What Tempo answers (`batches`, ids in base64,
//! names of enums) is read too.

use super::batch::SpanBatch;
use super::builder::SpanBatchBuilder;
use crate::decode::{DecodeError, Decoded};
use crate::json::reader::{Text, Token};
use crate::otlp::json::{Signal, decode, read_attributes, read_extras};
use crate::otlp::json_input::{Input, Members, Walk, unexpected};
use crate::otlp::records::{Extras, Records, nanoseconds, utf8};

/// Kinds of spans by number, without the prefix of their names.
const KINDS: [&str; 6] = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
/// Statuses by number.
const STATUSES: [&str; 3] = ["UNSET", "OK", "ERROR"];

/// Decode an `ExportTraceServiceRequest` in JSON. `now_ns` stands in for missing times.
///
/// # Errors
/// When the body is not JSON, or not of the shape `{"resourceSpans": [{"scopeSpans": [{"spans": [...]}]}]}`.
pub fn decode_traces_json(body: &[u8], now_ns: i64) -> Result<Decoded<SpanBatch>, DecodeError> {
    decode::<Spans>(body, SpanBatchBuilder::new(now_ns))
}

struct Spans;

impl Signal for Spans {
    type Builder = SpanBatchBuilder;
    const NAME: &'static str = "traces";
    const RESOURCES: &'static [&'static str] = &["resourceSpans", "batches"];
    const SCOPES: &'static str = "scopeSpans";
    const RECORDS: &'static str = "spans";

    fn read(input: &mut Input<'_>, records: &mut Records<SpanBatchBuilder>, buffer: &mut Vec<u8>) -> Walk<()> {
        let (mut start, mut end) = (0, 0);
        let (mut dropped_attributes, mut dropped_events, mut dropped_links) = (0, 0, 0);
        open(input, "span")?;
        let mut members = Members::new();
        while let Some(member) = members.next(input)? {
            let builder = &mut records.builder;
            match member {
                b"traceId" => builder.trace_id(input.exact_id("traceId")?),
                b"spanId" => builder.span_id(input.exact_id("spanId")?),
                b"parentSpanId" => builder.parent_span_id(input.exact_id("parentSpanId")?),
                b"traceState" => with_text(input.text("traceState")?, |state| builder.trace_state(state)),
                b"name" => with_text(input.text("name")?, |name| builder.name(name)),
                b"kind" => builder.kind(input.named_enum("kind", "SPAN_KIND_", &KINDS)?),
                b"startTimeUnixNano" => start = input.unsigned("startTimeUnixNano")?,
                b"endTimeUnixNano" => end = input.unsigned("endTimeUnixNano")?,
                b"attributes" => read_attributes(input, records, buffer)?,
                b"droppedAttributesCount" => dropped_attributes = input.unsigned("droppedAttributesCount")? as u32,
                b"events" => each(input, "events", |input| event(input, builder, buffer))?,
                b"droppedEventsCount" => dropped_events = input.unsigned("droppedEventsCount")? as u32,
                b"links" => each(input, "links", |input| link(input, builder, buffer))?,
                b"droppedLinksCount" => dropped_links = input.unsigned("droppedLinksCount")? as u32,
                b"status" => status(input, builder)?,
                b"flags" => builder.flags(input.unsigned("flags")? as u32),
                _ => input.skip()?,
            }
        }
        let builder = &mut records.builder;
        builder.dropped(dropped_attributes, dropped_events, dropped_links);
        let start = nanoseconds("startTimeUnixNano", start)?;
        let end = nanoseconds("endTimeUnixNano", end)?;
        builder.times(start.unwrap_or(0), end.unwrap_or(0));
        Ok(())
    }
}

fn open(input: &mut Input<'_>, field: &'static str) -> Walk<()> {
    match input.token()? {
        (Token::Object, _) => Ok(()),
        (_, offset) => unexpected(field, "an object", offset),
    }
}

fn with_text(text: Option<Text<'_>>, take: impl FnOnce(&str)) {
    let mut unescaped = Vec::new();
    take(utf8(text.map_or(&b""[..], |text| text.resolve(&mut unescaped))));
}

fn each<'a>(input: &mut Input<'a>, field: &'static str, mut read: impl FnMut(&mut Input<'a>) -> Walk<()>) -> Walk<()> {
    let mut first = true;
    if input.open_array(field)? {
        while input.reader.element(std::mem::take(&mut first))? {
            read(input)?;
        }
    }
    Ok(())
}

fn event(input: &mut Input<'_>, builder: &mut SpanBatchBuilder, attributes: &mut Vec<u8>) -> Walk<()> {
    if !builder.admits_event() {
        return Ok(input.skip()?);
    }
    let (mut time, mut name, mut extras) = (0, None, Extras::default());
    attributes.clear();
    open(input, "event")?;
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        match member {
            b"timeUnixNano" => time = input.unsigned("timeUnixNano of an event")?,
            b"name" => name = input.text("name of an event")?,
            b"attributes" => read_extras(input, attributes, &mut extras, "attributes of an event")?,
            b"droppedAttributesCount" => extras.drop_more(input.unsigned("droppedAttributesCount")?),
            _ => input.skip()?,
        }
    }
    extras.close(attributes);
    let time = nanoseconds("timeUnixNano of an event", time)?.unwrap_or(0);
    with_text(name, |name| builder.event(time, name, attributes));
    Ok(())
}

fn link(input: &mut Input<'_>, builder: &mut SpanBatchBuilder, attributes: &mut Vec<u8>) -> Walk<()> {
    if !builder.admits_link() {
        return Ok(input.skip()?);
    }
    let (mut trace, mut span, mut state, mut extras) = ([0; 16], [0; 8], None, Extras::default());
    attributes.clear();
    open(input, "link")?;
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        match member {
            b"traceId" => trace = input.lenient_id("traceId of a link")?,
            b"spanId" => span = input.lenient_id("spanId of a link")?,
            b"traceState" => state = input.text("traceState of a link")?,
            b"attributes" => read_extras(input, attributes, &mut extras, "attributes of a link")?,
            b"droppedAttributesCount" => extras.drop_more(input.unsigned("droppedAttributesCount")?),
            _ => input.skip()?,
        }
    }
    extras.close(attributes);
    if trace == [0; 16] || span == [0; 8] {
        // It leads nowhere.
        builder.drop_link();
    } else {
        with_text(state, |state| builder.link(trace, span, state, attributes));
    }
    Ok(())
}

fn status(input: &mut Input<'_>, builder: &mut SpanBatchBuilder) -> Walk<()> {
    if !input.open_object("status")? {
        return Ok(());
    }
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        match member {
            b"message" => with_text(input.text("status message")?, |message| builder.status_message(message)),
            b"code" => builder.status(input.named_enum("status code", "STATUS_CODE_", &STATUSES)?),
            _ => input.skip()?,
        }
    }
    Ok(())
}
