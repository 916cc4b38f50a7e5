//! What export requests of all signals have in common in JSON: the same requests as in protobuf, to the same batch.
//!
//! Members may come in any order. When records come before their resource or scope, the reader looks ahead for it and
//! comes back; each byte is passed over at most twice so.

use super::fault::{Fault, Stop};
use super::json_input::{Input, Members, Walk, unexpected};
use super::json_value::{Value, read_pair};
use super::records::{Extras, Records, ResourceText, ScopeText, check_size};
use super::text::{Object, write_scalar};
use crate::decode::{DecodeError, Decoded};
use crate::json::reader::{JsonError, Text, Token};
use crate::rows::RowBuilder;

/// How the records of a signal are read.
pub trait Signal {
    /// What is built of them.
    type Builder: RowBuilder;
    /// Name of the signal, for messages.
    const NAME: &'static str;
    /// The member of the request that holds everything, and what others call it.
    const RESOURCES: &'static [&'static str];
    /// The member of a resource that holds what is under its scopes.
    const SCOPES: &'static str;
    /// The member of a scope that holds records.
    const RECORDS: &'static str;

    /// Read a record into the builder, whose row is open.
    fn read(input: &mut Input<'_>, records: &mut Records<Self::Builder>, scratch: &mut Vec<u8>) -> Walk<()>;
}

/// Decode an export request.
pub fn decode<S: Signal>(
    body: &[u8],
    builder: S::Builder,
) -> Result<Decoded<<S::Builder as RowBuilder>::Batch>, DecodeError> {
    check_size(body)?;
    // Some senders begin with a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut decoder = Decoder::<S> {
        input: Input::new(body),
        records: Records::new(builder),
        resource: ResourceText::default(),
        scope: ScopeText::default(),
        text: Vec::new(),
    };
    let problem = match decoder.request() {
        Ok(()) => return Ok(decoder.records.finish()),
        Err(Stop::Request(error)) => format!("at byte {}: {}", error.offset, error.what),
        Err(Stop::Part(fault)) => fault.to_string(),
    };
    Err(DecodeError(format!("not an OTLP {} request in JSON: {problem}", S::NAME)))
}

struct Decoder<'a, S: Signal> {
    input: Input<'a>,
    records: Records<S::Builder>,
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

impl<S: Signal> Decoder<'_, S> {
    fn request(&mut self) -> Walk<()> {
        match self.input.token()? {
            (Token::Object, _) => {}
            (_, offset) => return unexpected("request", "an object", offset),
        }
        let mut members = Members::new();
        while let Some(member) = members.next(&mut self.input)? {
            match member {
                _ if S::RESOURCES.iter().any(|name| name.as_bytes() == member) => {
                    self.each(S::RESOURCES[0], Self::resource_group)?;
                }
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

    fn resource_group(&mut self) -> Walk<()> {
        self.children(Parent::Resource, b"resource", S::SCOPES, |decoder| decoder.each(S::SCOPES, Self::scope_group))
    }

    fn scope_group(&mut self) -> Walk<()> {
        self.children(Parent::Scope, b"scope", S::RECORDS, Self::records)
    }

    /// Read the object of a resource or scope and what is under it, whichever comes first.
    fn children(
        &mut self,
        parent: Parent,
        parent_key: &[u8],
        children_key: &str,
        read: fn(&mut Self) -> Walk<()>,
    ) -> Walk<()> {
        let mut members = Members::new();
        let mut entered = false;
        while let Some(member) = members.next(&mut self.input)? {
            if member == parent_key && !entered {
                entered = true;
                self.enter(parent)?;
            } else if member == children_key.as_bytes() {
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
                            read_member(input, attributes, object)?;
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

    fn records(&mut self) -> Walk<()> {
        let mut first = true;
        if self.input.open_array(S::RECORDS)? {
            while self.input.reader.element(std::mem::take(&mut first))? {
                let start = self.input.reader.position;
                let fields = match self.records.begin() {
                    None => S::read(&mut self.input, &mut self.records, &mut self.text),
                    Some(fault) => Err(fault.into()),
                };
                let fault = self.rejected(fields, start)?;
                self.records.end(fault.map_or(Ok(()), Err));
            }
        }
        Ok(())
    }
}

/// Read the attributes of a record.
pub fn read_attributes<B: RowBuilder>(
    input: &mut Input<'_>,
    records: &mut Records<B>,
    buffer: &mut Vec<u8>,
) -> Walk<()> {
    let mut first = true;
    if input.open_array("attributes")? {
        while input.reader.element(std::mem::take(&mut first))? {
            buffer.clear();
            let (key, value) = read_pair(input, buffer, 0)?;
            if let Some(id) = records.recent_key(&key).or_else(|| records.new_key(&key))
                && value.with_scalar(|scalar| records.attribute(id, scalar)).is_none()
            {
                records.builder.attributes().json(id, buffer);
            }
        }
    }
    Ok(())
}

/// Read attributes of an event or link, as JSON text at the end of `out`.
pub fn read_extras<'a>(
    input: &mut Input<'a>,
    out: &mut Vec<u8>,
    extras: &mut Extras<'a>,
    field: &'static str,
) -> Walk<()> {
    let mut first = true;
    if input.open_array(field)? {
        while input.reader.element(std::mem::take(&mut first))? {
            if extras.admits() {
                let object = extras.object(out);
                read_member(input, out, object)?;
            } else {
                input.skip()?;
            }
        }
    }
    Ok(())
}

/// Read an attribute into an object at the end of `out`.
fn read_member<'a>(input: &mut Input<'a>, out: &mut Vec<u8>, object: &mut Object<'a>) -> Walk<()> {
    let start = out.len();
    let (key, value) = read_pair(input, out, 0)?;
    value.with_scalar(|scalar| write_scalar(out, scalar));
    object.member(out, start, key);
    Ok(())
}

fn set_text(out: &mut Vec<u8>, text: Option<Text<'_>>) {
    out.clear();
    if let Some(text) = text {
        out.extend_from_slice(text.resolve(&mut Vec::new()));
    }
}
