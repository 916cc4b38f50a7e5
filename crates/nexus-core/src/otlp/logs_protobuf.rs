//! OTLP logs in protobuf: `ExportLogsServiceRequest` into a batch.

use super::protobuf::{Decoder, Signal, Walk, decode};
use super::protobuf_value::{Value, utf8, value, write_value};
use super::schema::{Message, record};
use super::wire::{Reader, Singular};
use crate::batch::LogBatchBuilder;
use crate::decode::{DecodeError, Decoded};

/// Decode an `ExportLogsServiceRequest` in protobuf. `now_ns` stands in for missing times.
///
/// # Errors
/// When the body is no such message: a field or length that does not fit, down to the values of attributes.
pub fn decode_logs_protobuf(body: &[u8], now_ns: i64) -> Result<Decoded, DecodeError> {
    decode::<Logs>(body, LogBatchBuilder::new(now_ns))
}

struct Logs;

impl Signal for Logs {
    type Builder = LogBatchBuilder;
    const NAME: &'static str = "logs";
    const RECORD: Message = Message::Record;

    fn read(decoder: &mut Decoder<LogBatchBuilder>, mut record: Reader<'_>) -> Walk {
        let (mut time, mut observed) = (0, 0);
        let mut severity = 0;
        let mut severity_text = Reader::EMPTY;
        let mut body = Singular::ABSENT;
        while let Some(tag) = record.tag()? {
            match tag {
                record::TIME => time = record.fixed64()?,
                record::OBSERVED_TIME => observed = record.fixed64()?,
                record::SEVERITY_NUMBER => severity = record.varint()?,
                record::SEVERITY_TEXT => severity_text = record.message()?,
                record::BODY => body.push(record.message()?)?,
                record::ATTRIBUTES => decoder.attribute(record.message()?)?,
                // Trace flags are the low byte; the others are reserved.
                record::FLAGS => decoder.records.builder.trace_flags(record.fixed32()? as u8),
                record::TRACE_ID => {
                    decoder.records.builder.trace_id(record.message()?.rest().try_into().unwrap_or_default());
                }
                record::SPAN_ID => {
                    decoder.records.builder.span_id(record.message()?.rest().try_into().unwrap_or_default());
                }
                record::EVENT_NAME => {
                    decoder.records.builder.event_name(utf8(record.message()?, "event_name")?);
                }
                _ => record.skip(tag)?,
            }
        }
        decoder.records.times(time, observed)?;
        // An enum is 32 bits wide; what OpenTelemetry does not number is unset.
        let severity = u8::try_from(severity as u32).unwrap_or_default();
        decoder.records.builder.severity(severity, utf8(severity_text, "severity_text")?);
        match value(body.reader())? {
            Value::Text(text) => decoder.records.builder.body(utf8(text, "body")?),
            Value::Scalar(scalar) => decoder.records.body(scalar),
            nested => {
                decoder.text.clear();
                write_value(&mut decoder.text, nested, 0)?;
                decoder.records.builder.body_bytes(&decoder.text);
            }
        }
        Ok(())
    }
}
