//! OTLP logs in JSON: the same requests as in protobuf, to the same batch.
//!
//! Members may come in any order. When records come before their resource or scope, the reader looks ahead for it and
//! comes back; each byte is passed over at most twice so.

use super::fault::{Fault, Stop};
use super::json_input::{Input, Members, Walk, unexpected};
use super::json_value::{Value, read_pair, read_value};
use super::records::{Records, ResourceText, ScopeText, check_size, utf8};
use super::text::{Object, write_scalar};
use crate::batch::LogBatchBuilder;
use crate::decode::{DecodeError, Decoded};
use crate::json::reader::{JsonError, Text, Token};

/// Decode an `ExportLogsServiceRequest` in JSON. `now_ns` stands in for missing times.
///
/// # Errors
/// When the body is not JSON, or not of the shape `{"resourceLogs": [{"scopeLogs": [{"logRecords": [...]}]}]}`.
pub fn decode_logs_json(body: &[u8], now_ns: i64) -> Result<Decoded, DecodeError> {
    check_size(body)?;
    // Some senders begin with a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut decoder = Decoder {
        input: Input::new(body),
        records: Records::new(LogBatchBuilder::new(now_ns)),
        resource: ResourceText::default(),
        scope: ScopeText::default(),
        text: Vec::new(),
    };
    let problem = match decoder.request() {
        Ok(()) => return Ok(decoder.records.finish()),
        Err(Stop::Request(error)) => format!("at byte {}: {}", error.offset, error.what),
        Err(Stop::Part(fault)) => fault.to_string(),
    };
    Err(DecodeError(format!("not an OTLP logs request in JSON: {problem}")))
}

struct Decoder<'a> {
    input: Input<'a>,
    records: Records<LogBatchBuilder>,
    resource: ResourceText,
    scope: ScopeText,
    text: Vec<u8>,
}

/// What records are under.
#[derive(Clone, Copy)]
enum Parent {
    Resource,
    Scope,
}

impl Decoder<'_> {
    fn request(&mut self) -> Walk<()> {
        match self.input.token()? {
            (Token::Object, _) => {}
            (_, offset) => return unexpected("request", "an object", offset),
        }
        let mut members = Members::new();
        while let Some(member) = members.next(&mut self.input)? {
            match member {
                b"resourceLogs" => self.each("resourceLogs", Self::resource_logs)?,
                _ => self.input.skip()?,
            }
        }
        if self.input.reader.at_end() {
            Ok(())
        } else {
            Err(self.input.reader.error("expected the end of the request").into())
        }
    }

    /// Read an array of objects, each with `read` after its `{`.
    fn each(&mut self, field: &'static str, read: fn(&mut Self) -> Walk<()>) -> Walk<()> {
        let mut first = true;
        if self.input.open_array(field)? {
            while self.input.reader.element(std::mem::take(&mut first))? {
                match self.input.token()? {
                    (Token::Object, _) => read(self)?,
                    (_, offset) => return unexpected(field, "an array of objects", offset),
                }
            }
        }
        Ok(())
    }

    fn resource_logs(&mut self) -> Walk<()> {
        self.children(Parent::Resource, b"resource", b"scopeLogs", |decoder| {
            decoder.each("scopeLogs", Self::scope_logs)
        })
    }

    fn scope_logs(&mut self) -> Walk<()> {
        self.children(Parent::Scope, b"scope", b"logRecords", Self::log_records)
    }

    /// Read the object of a resource or scope and what is under it, whichever comes first.
    fn children(
        &mut self,
        parent: Parent,
        parent_key: &[u8],
        children_key: &[u8],
        read: fn(&mut Self) -> Walk<()>,
    ) -> Walk<()> {
        let mut members = Members::new();
        let mut entered = false;
        while let Some(member) = members.next(&mut self.input)? {
            if member == parent_key && !entered {
                entered = true;
                self.enter(parent)?;
            } else if member == children_key {
                if !entered {
                    entered = true;
                    self.look_ahead(parent, parent_key)?;
                }
                read(self)?;
            } else {
                self.input.skip()?;
            }
        }
        Ok(())
    }

    /// Enter the resource or scope that may come after the value here, and come back.
    #[cold]
    fn look_ahead(&mut self, parent: Parent, parent_key: &[u8]) -> Walk<()> {
        let here = self.input.reader.position;
        self.input.skip()?;
        while let Some(key) = self.input.reader.key(false)? {
            if key.resolve(&mut Vec::new()) == parent_key {
                self.enter(parent)?;
                self.input.reader.position = here;
                return Ok(());
            }
            self.input.skip()?;
        }
        match parent {
            Parent::Resource => {
                let object = self.resource.open();
                object.close(&mut self.resource.json);
                self.records.set_resource(Ok(&self.resource));
            }
            Parent::Scope => {
                self.scope.clear();
                self.records.set_scope(Ok(&self.scope));
            }
        }
        self.input.reader.position = here;
        Ok(())
    }

    /// Read the resource or scope here. A fault in it rejects the records under it.
    fn enter(&mut self, parent: Parent) -> Walk<()> {
        let start = self.input.reader.position;
        let walk = match parent {
            Parent::Resource => self.read_resource(),
            Parent::Scope => self.read_scope(),
        };
        let fault = self.rejected(walk, start)?;
        match parent {
            Parent::Resource => self.records.set_resource(fault.map_or(Ok(&self.resource), Err)),
            Parent::Scope => self.records.set_scope(fault.map_or(Ok(&self.scope), Err)),
        }
        Ok(())
    }

    /// The fault that rejects the value at `start`, when there is one; the reader stands behind the value then.
    fn rejected(&mut self, walk: Walk<()>, start: usize) -> Result<Option<Fault>, JsonError> {
        match walk {
            Ok(()) => Ok(None),
            Err(Stop::Request(error)) => Err(error),
            Err(Stop::Part(fault)) => self.input.skip_at(start).map(|()| Some(fault)),
        }
    }

    fn read_resource(&mut self) -> Walk<()> {
        let input = &mut self.input;
        let mut object = self.resource.open();
        if input.open_object("resource")? {
            let mut members = Members::new();
            while let Some(member) = members.next(input)? {
                if member != b"attributes" {
                    input.skip()?;
                } else if input.open_array("attributes of the resource")? {
                    let mut first = true;
                    while input.reader.element(std::mem::take(&mut first))? {
                        let start = self.resource.json.len();
                        let (key, value) = read_pair(input, &mut self.resource.json, 0)?;
                        value.with_scalar(|scalar| write_scalar(&mut self.resource.json, scalar));
                        let mut unescaped = Vec::new();
                        let text = match value {
                            Value::Text(text) => Some(text.resolve(&mut unescaped)),
                            _ => None,
                        };
                        self.resource.add(&mut object, key, start, text);
                    }
                }
            }
        }
        object.close(&mut self.resource.json);
        Ok(())
    }

    fn read_scope(&mut self) -> Walk<()> {
        let input = &mut self.input;
        self.scope.clear();
        let ScopeText { name, version, attributes } = &mut self.scope;
        if !input.open_object("scope")? {
            return Ok(());
        }
        let mut object = None;
        let mut members = Members::new();
        while let Some(member) = members.next(input)? {
            match member {
                b"name" => set_text(name, input.text("name of the scope")?),
                b"version" => set_text(version, input.text("version of the scope")?),
                b"attributes" => {
                    let mut first = true;
                    if input.open_array("attributes of the scope")? {
                        while input.reader.element(std::mem::take(&mut first))? {
                            let object = object.get_or_insert_with(|| Object::open(attributes));
                            let start = attributes.len();
                            let (key, value) = read_pair(input, attributes, 0)?;
                            value.with_scalar(|scalar| write_scalar(attributes, scalar));
                            object.member(attributes, start, key);
                        }
                    }
                }
                _ => input.skip()?,
            }
        }
        if let Some(object) = object {
            object.close(attributes);
        }
        Ok(())
    }

    fn log_records(&mut self) -> Walk<()> {
        let mut first = true;
        if self.input.open_array("logRecords")? {
            while self.input.reader.element(std::mem::take(&mut first))? {
                let start = self.input.reader.position;
                let fields = match self.records.begin() {
                    None => self.read_record(),
                    Some(fault) => Err(fault.into()),
                };
                let fault = self.rejected(fields, start)?;
                self.records.end(fault.map_or(Ok(()), Err));
            }
        }
        Ok(())
    }

    fn read_record(&mut self) -> Walk<()> {
        let Self { input, records, text: buffer, .. } = self;
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

fn read_attributes(input: &mut Input<'_>, records: &mut Records<LogBatchBuilder>, buffer: &mut Vec<u8>) -> Walk<()> {
    let mut first = true;
    if input.open_array("attributes")? {
        while input.reader.element(std::mem::take(&mut first))? {
            buffer.clear();
            let (key, value) = read_pair(input, buffer, 0)?;
            if let Some(id) = records.recent_key(&key).or_else(|| records.new_key(&key))
                && value.with_scalar(|scalar| records.attribute(id, scalar)).is_none()
            {
                records.builder.add_json(id, buffer);
            }
        }
    }
    Ok(())
}

fn set_text(out: &mut Vec<u8>, text: Option<Text<'_>>) {
    out.clear();
    if let Some(text) = text {
        out.extend_from_slice(text.resolve(&mut Vec::new()));
    }
}
