//! OTLP logs in protobuf: `ExportLogsServiceRequest` straight into a batch, no messages in between.
//!
//! Fields may come in any order, also a resource after the records under it: messages know their length, so that looking
//! ahead for it passes over the records without reading them.

use super::fault::{Fault, Stop};
use super::protobuf_value::{Value, check, key_value, utf8, value, write_value};
use super::records::{Records, ResourceText, ScopeText, check_size};
use super::schema::{Message, RESOURCE_LOGS, record, resource, resource_logs, scope, scope_logs};
use super::text::Object;
use super::wire::{Reader, Singular, WireError};
use crate::decode::{DecodeError, Decoded};
use std::borrow::Cow;

type Walk = Result<(), Stop<WireError>>;

/// Decode an `ExportLogsServiceRequest` in protobuf. `now_ns` stands in for missing times.
///
/// # Errors
/// When the body is no such message: a field or length that does not fit, down to the values of attributes.
pub fn decode_logs_protobuf(body: &[u8], now_ns: i64) -> Result<Decoded, DecodeError> {
    check_size(body)?;
    let mut decoder = Decoder {
        records: Records::new(now_ns),
        resource: ResourceText::default(),
        resource_bytes: None,
        scope: ScopeText::default(),
        text: Vec::new(),
    };
    match decoder.request(Reader::new(body, 0)) {
        Ok(()) => Ok(decoder.records.finish()),
        Err(error) => Err(DecodeError(format!("not an OTLP logs request in protobuf: {error}"))),
    }
}

struct Decoder {
    records: Records,
    resource: ResourceText,
    /// The current resource as it came: the next one is often the same.
    resource_bytes: Option<Vec<u8>>,
    scope: ScopeText,
    text: Vec<u8>,
}

impl Decoder {
    fn request(&mut self, mut request: Reader<'_>) -> Result<(), WireError> {
        while let Some(tag) = request.tag()? {
            match tag {
                RESOURCE_LOGS => self.resource_logs(request.message()?)?,
                _ => request.skip(tag)?,
            }
        }
        Ok(())
    }

    fn resource_logs(&mut self, mut logs: Reader<'_>) -> Result<(), WireError> {
        let resource = Singular::find(logs, resource_logs::RESOURCE)?;
        self.enter_resource(resource.reader().unwrap_or(Reader::EMPTY))?;
        while let Some(tag) = logs.tag()? {
            match tag {
                resource_logs::SCOPE_LOGS => self.scope_logs(logs.message()?)?,
                _ => logs.skip(tag)?,
            }
        }
        Ok(())
    }

    fn scope_logs(&mut self, mut logs: Reader<'_>) -> Result<(), WireError> {
        let scope = Singular::find(logs, scope_logs::SCOPE)?;
        self.enter_scope(scope.reader().unwrap_or(Reader::EMPTY))?;
        while let Some(tag) = logs.tag()? {
            match tag {
                scope_logs::LOG_RECORDS => self.record(logs.message()?)?,
                _ => logs.skip(tag)?,
            }
        }
        Ok(())
    }

    fn enter_resource(&mut self, resource: Reader<'_>) -> Result<(), WireError> {
        if self.resource_bytes.as_deref() == Some(resource.rest()) {
            return Ok(());
        }
        let fault = rejected(self.read_resource(resource), resource, Message::Resource)?;
        self.records.set_resource(fault.map_or(Ok(&self.resource), Err));
        let bytes = self.resource_bytes.get_or_insert_default();
        bytes.clear();
        bytes.extend_from_slice(resource.rest());
        Ok(())
    }

    fn read_resource(&mut self, mut resource: Reader<'_>) -> Walk {
        let mut object = self.resource.open();
        while let Some(tag) = resource.tag()? {
            match tag {
                resource::ATTRIBUTES => {
                    let (key, found) = key_value(resource.message()?)?;
                    let key = utf8(key, "attribute key of the resource")?;
                    let value = value(found.reader())?;
                    let start = self.resource.json.len();
                    write_value(&mut self.resource.json, value, 0)?;
                    let text = if let Value::Text(text) = value { Some(text.rest()) } else { None };
                    self.resource.add(&mut object, Cow::Borrowed(key.as_bytes()), start, text);
                }
                _ => resource.skip(tag)?,
            }
        }
        object.close(&mut self.resource.json);
        Ok(())
    }

    fn enter_scope(&mut self, scope: Reader<'_>) -> Result<(), WireError> {
        let fault = rejected(self.read_scope(scope), scope, Message::Scope)?;
        self.records.set_scope(fault.map_or(Ok(&self.scope), Err));
        Ok(())
    }

    fn read_scope(&mut self, mut scope: Reader<'_>) -> Walk {
        self.scope.clear();
        let ScopeText { name, version, attributes } = &mut self.scope;
        let mut object = None;
        while let Some(tag) = scope.tag()? {
            match tag {
                scope::NAME => set_text(name, scope.message()?, "name of the scope")?,
                scope::VERSION => set_text(version, scope.message()?, "version of the scope")?,
                scope::ATTRIBUTES => {
                    let object = object.get_or_insert_with(|| Object::open(attributes));
                    let (key, found) = key_value(scope.message()?)?;
                    let key = utf8(key, "attribute key of the scope")?;
                    let start = attributes.len();
                    write_value(attributes, value(found.reader())?, 0)?;
                    object.member(attributes, start, Cow::Borrowed(key.as_bytes()));
                }
                _ => scope.skip(tag)?,
            }
        }
        if let Some(object) = object {
            object.close(attributes);
        }
        Ok(())
    }

    fn record(&mut self, record: Reader<'_>) -> Result<(), WireError> {
        let fields = match self.records.begin() {
            None => self.read_record(record),
            Some(fault) => Err(Stop::Part(fault)),
        };
        let fault = rejected(fields, record, Message::Record)?;
        self.records.end(fault.map_or(Ok(()), Err));
        Ok(())
    }

    fn read_record(&mut self, mut record: Reader<'_>) -> Walk {
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
                record::ATTRIBUTES => self.attribute(record.message()?)?,
                // Trace flags are the low byte; the others are reserved.
                record::FLAGS => self.records.builder.trace_flags(record.fixed32()? as u8),
                record::TRACE_ID => {
                    self.records.builder.trace_id(record.message()?.rest().try_into().unwrap_or_default());
                }
                record::SPAN_ID => {
                    self.records.builder.span_id(record.message()?.rest().try_into().unwrap_or_default());
                }
                record::EVENT_NAME => {
                    self.records.builder.event_name(utf8(record.message()?, "event_name")?);
                }
                _ => record.skip(tag)?,
            }
        }
        self.records.times(time, observed)?;
        // An enum is 32 bits wide; what OpenTelemetry does not number is unset.
        let severity = u8::try_from(severity as u32).unwrap_or_default();
        self.records.builder.severity(severity, utf8(severity_text, "severity_text")?);
        match value(body.reader())? {
            Value::Text(text) => self.records.builder.body(utf8(text, "body")?),
            Value::Scalar(scalar) => self.records.body(scalar),
            nested => {
                self.text.clear();
                write_value(&mut self.text, nested, 0)?;
                self.records.builder.body_bytes(&self.text);
            }
        }
        Ok(())
    }

    #[inline]
    fn attribute(&mut self, attribute: Reader<'_>) -> Walk {
        let (key, found) = key_value(attribute)?;
        let id = match self.records.recent_key(key.rest()) {
            Some(id) => id,
            None => match self.records.new_key(utf8(key, "attribute key")?.as_bytes()) {
                Some(id) => id,
                None => return Ok(check(attribute, Message::Attribute)?),
            },
        };
        match value(found.reader())? {
            Value::Text(text) => self.records.builder.add_string(id, utf8(text, "attribute value")?.as_bytes()),
            Value::Scalar(scalar) => self.records.attribute(id, scalar),
            nested => {
                self.text.clear();
                write_value(&mut self.text, nested, 0)?;
                self.records.builder.add_json(id, &self.text);
            }
        }
        Ok(())
    }
}

/// The fault that rejects a part, when there is one. What was not read of the part is checked then: a request is a
/// message, or it is not, whatever its records hold.
fn rejected(walk: Walk, part: Reader<'_>, message: Message) -> Result<Option<Fault>, WireError> {
    match walk {
        Ok(()) => Ok(None),
        Err(Stop::Request(error)) => Err(error),
        Err(Stop::Part(fault)) => check(part, message).map(|()| Some(fault)),
    }
}

fn set_text(text: &mut Vec<u8>, value: Reader<'_>, field: &'static str) -> Result<(), Fault> {
    text.clear();
    text.extend_from_slice(utf8(value, field)?.as_bytes());
    Ok(())
}
