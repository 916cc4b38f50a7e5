//! Decoders of what the shippers of other systems send: Loki push, Elasticsearch bulk, Splunk HEC, Datadog logs, Amazon
//! Firehose and journald's export format.
//!
//! All of them make records with the decoder of JSON lines: a vocabulary says what a protocol's names mean, and the sender's
//! [`FieldMapping`](crate::json::fields::FieldMapping) goes before it. A bad record costs itself; where the text around it
//! cannot be read on, the rest of the body is one rejection that says so. Bytes that are not UTF-8 become U+FFFD where the
//! original system takes them, too.

mod datadog;
mod elastic;
mod firehose;
mod journald;
mod labels;
mod loki;
mod splunk;
#[cfg(test)]
mod tests;

pub use datadog::decode_datadog;
pub use elastic::{Bulk, BulkItems, decode_elasticsearch_bulk};
pub use firehose::decode_firehose;
pub use journald::decode_journald;
pub use loki::{decode_loki_json, decode_loki_protobuf};
pub use splunk::{decode_splunk_events, decode_splunk_raw};

use crate::decode::{DecodeError, Rejections};
use crate::json::lines::{Decoder, Reject, Slots};
use crate::json::reader::{Reader, Token};
use crate::limits::MAX_INPUT_BYTES;
use std::borrow::Cow;

/// Fields given beside the body (query, headers): they hold for records that do not have them.
pub type Defaults = [(String, String)];

/// Refuse a body that is too large to decode.
fn check_size(body: &[u8]) -> Result<(), DecodeError> {
    if body.len() > MAX_INPUT_BYTES {
        return Err(DecodeError(format!(
            "body of {} bytes is larger than {MAX_INPUT_BYTES}: send smaller batches",
            body.len()
        )));
    }
    Ok(())
}

/// Valid UTF-8, with U+FFFD in the place of what is not.
fn mended(bytes: &[u8]) -> Cow<'_, [u8]> {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(_) => Cow::Borrowed(bytes),
        Err(_) => match String::from_utf8_lossy(bytes) {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
    }
}

/// Note what became of a record.
fn settle(decoder: &mut Decoder<'_>, rejections: &mut Rejections, number: u64, result: Result<(), Reject>) {
    if let Err(reject) = result {
        decoder.builder.abort_record();
        rejections.push(number, || reject.message());
    }
}

/// Give a record the fields that stand beside the body.
fn add_defaults<'a>(decoder: &mut Decoder<'_>, defaults: &'a Defaults, slots: &mut Slots<'a>) -> Result<(), Reject> {
    defaults.iter().try_for_each(|(name, value)| decoder.text_field(name.as_bytes(), value.as_bytes(), slots))
}

/// Each line that is not blank as the message of a record, called `name`; `settled` learns what became of it.
fn text_lines(
    decoder: &mut Decoder<'_>,
    text: &[u8],
    name: &str,
    defaults: &Defaults,
    mut settled: impl FnMut(&mut Decoder<'_>, u64, Result<(), Reject>),
) {
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        decoder.begin();
        let mut slots = Slots::EMPTY;
        let mut fill = || {
            add_defaults(decoder, defaults, &mut slots)?;
            decoder.text_field(name.as_bytes(), line, &mut slots)
        };
        let result = match fill() {
            Ok(()) => finish(decoder, slots),
            Err(reject) => Err(reject),
        };
        settled(decoder, number, result);
    }
}

/// Finish a record whose fields may live shorter than the mapping.
fn finish(decoder: &mut Decoder<'_>, slots: Slots<'_>) -> Result<(), Reject> {
    let mut slots = slots;
    decoder.finish(&mut slots)
}

/// Values one after the other, with white space or nothing between them: `each` reads one. It may leave its value
/// unfinished when it rejects it. Where the text is no JSON, the rest is rejected as one.
fn concatenated<'a>(
    decoder: &mut Decoder<'_>,
    text: &'a [u8],
    rejections: &mut Rejections,
    mut each: impl FnMut(&mut Decoder<'_>, &mut Reader<'a>) -> Result<(), Reject>,
) {
    let mut reader = Reader::new(text);
    for number in 1.. {
        if reader.at_end() {
            return;
        }
        let start = reader.position;
        if let Err(reject) = each(decoder, &mut reader) {
            decoder.builder.abort_record();
            reader.position = start;
            if let Err(error) = skip_value(&mut reader) {
                rejections.push(number, || format!("invalid JSON: {error}; the rest of the body was not read"));
                return;
            }
            rejections.push(number, || reject.message());
        }
    }
}

/// Elements of an array whose bracket has been read; as [`concatenated`].
fn elements<'a>(
    decoder: &mut Decoder<'_>,
    reader: &mut Reader<'a>,
    rejections: &mut Rejections,
    mut each: impl FnMut(&mut Decoder<'_>, &mut Reader<'a>) -> Result<(), Reject>,
) {
    for number in 1.. {
        match reader.element(number == 1) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                rejections.push(number, || format!("invalid JSON: {error}; the rest of the array was not read"));
                return;
            }
        }
        let start = reader.position;
        if let Err(reject) = each(decoder, reader) {
            decoder.builder.abort_record();
            reader.position = start;
            if let Err(error) = skip_value(reader) {
                rejections.push(number, || format!("invalid JSON: {error}; the rest of the array was not read"));
                return;
            }
            rejections.push(number, || reject.message());
        }
    }
}

fn skip_value(reader: &mut Reader<'_>) -> Result<(), crate::json::reader::JsonError> {
    let token = reader.value()?;
    reader.skip_rest(token)
}

/// The text of a string; a scalar as written; None for anything else.
fn scalar<'s>(token: Token<'s>, scratch: &'s mut Vec<u8>) -> Option<&'s [u8]> {
    match token {
        Token::Text(text) => Some(text.resolve(scratch)),
        Token::Number { raw, .. } => Some(raw),
        Token::Bool(true) => Some(b"true"),
        Token::Bool(false) => Some(b"false"),
        Token::Null | Token::Object | Token::Array => None,
    }
}
