//! OTLP logs in JSON: the same requests as in protobuf, to the same batch.

use super::json::{Signal, decode, read_attributes};
use super::json_input::{Input, Members, Walk, unexpected};
use super::json_value::read_value;
use super::records::{Records, utf8};
use crate::batch::LogBatchBuilder;
use crate::decode::{DecodeError, Decoded};
use crate::json::reader::{Text, Token};

/// Decode an `ExportLogsServiceRequest` in JSON. `now_ns` stands in for missing times.
///
/// # Errors
/// When the body is not JSON, or not of the shape `{"resourceLogs": [{"scopeLogs": [{"logRecords": [...]}]}]}`.
pub fn decode_logs_json(body: &[u8], now_ns: i64) -> Result<Decoded, DecodeError> {
    decode::<Logs>(body, LogBatchBuilder::new(now_ns))
}

struct Logs;

impl Signal for Logs {
    type Builder = LogBatchBuilder;
    const NAME: &'static str = "logs";
    const RESOURCES: &'static [&'static str] = &["resourceLogs"];
    const SCOPES: &'static str = "scopeLogs";
    const RECORDS: &'static str = "logRecords";

    fn read(input: &mut Input<'_>, records: &mut Records<LogBatchBuilder>, buffer: &mut Vec<u8>) -> Walk<()> {
        let (mut time, mut observed) = (0, 0);
        let mut severity = 0;
        let mut severity_text: Option<Text<'_>> = None;
        let mut unescaped = Vec::new();
        match input.token()? {
            (Token::Object, _) => {}
            (_, offset) => return unexpected("log record", "an object", offset),
        }
        let mut members = Members::new();
        while let Some(member) = members.next(input)? {
            match member {
                b"timeUnixNano" => time = input.unsigned("timeUnixNano")?,
                b"observedTimeUnixNano" => observed = input.unsigned("observedTimeUnixNano")?,
                b"severityNumber" => severity = input.small_enum("severityNumber")?,
                b"severityText" => severity_text = input.text("severityText")?,
                b"body" => {
                    buffer.clear();
                    let body = read_value(input, buffer, "body", 0)?;
                    if body.with_scalar(|scalar| records.body(scalar)).is_none() {
                        records.builder.body_bytes(buffer);
                    }
                }
                b"attributes" => read_attributes(input, records, buffer)?,
                // Trace flags are the low byte; the others are reserved.
                b"flags" => records.builder.trace_flags(input.unsigned("flags")? as u8),
                b"traceId" => records.builder.trace_id(input.id("traceId")?),
                b"spanId" => records.builder.span_id(input.id("spanId")?),
                b"eventName" => {
                    if let Some(name) = input.text("eventName")? {
                        records.builder.event_name(utf8(name.resolve(&mut unescaped)));
                    }
                }
                _ => input.skip()?,
            }
        }
        let severity_text = severity_text.map_or(&b""[..], |text| text.resolve(&mut unescaped));
        records.builder.severity_bytes(severity, severity_text);
        Ok(records.times(time, observed)?)
    }
}
