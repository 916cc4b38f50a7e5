//! What export requests of all signals have in common in protobuf: records under scopes under resources, straight into a
//! batch, no messages in between.
//!
//! Fields may come in any order, also a resource after the records under it: messages know their length, so that looking
//! ahead for it passes over the records without reading them.

use super::fault::{Fault, Stop};
use super::protobuf_value::{Value, check, key_value, utf8, value, write_value};
use super::records::{Records, ResourceText, ScopeText, check_size};
use super::schema::{Message, RESOURCES, record_group, resource, resource_group, scope};
use super::text::Object;
use super::wire::{Reader, Singular, WireError};
use crate::decode::{DecodeError, Decoded};
use crate::rows::RowBuilder;
use std::borrow::Cow;

pub type Walk = Result<(), Stop<WireError>>;

/// How the records of a signal are read.
pub trait Signal {
    /// What is built of them.
    type Builder: RowBuilder;
    /// Name of the signal, for messages.
    const NAME: &'static str;
    /// A record.
    const RECORD: Message;

    /// Read a record into the builder, whose row is open.
    fn read(decoder: &mut Decoder<Self::Builder>, record: Reader<'_>) -> Walk;
}

/// Decode an export request.
pub fn decode<S: Signal>(
    body: &[u8],
    builder: S::Builder,
) -> Result<Decoded<<S::Builder as RowBuilder>::Batch>, DecodeError> {
    check_size(body)?;
    let mut decoder = Decoder {
        records: Records::new(builder),
        resource: ResourceText::default(),
        resource_bytes: None,
        scope: ScopeText::default(),
        text: Vec::new(),
    };
    match request::<S>(&mut decoder, Reader::new(body, 0)) {
        Ok(()) => Ok(decoder.records.finish()),
        Err(error) => Err(DecodeError(format!("not an OTLP {} request in protobuf: {error}", S::NAME))),
    }
}

/// A request on its way into a batch.
pub struct Decoder<B> {
    /// The batch in the making.
    pub records: Records<B>,
    resource: ResourceText,
    /// The current resource as it came: the next one is often the same.
    resource_bytes: Option<Vec<u8>>,
    scope: ScopeText,
    /// Scratch.
    pub text: Vec<u8>,
}

fn request<S: Signal>(decoder: &mut Decoder<S::Builder>, mut request: Reader<'_>) -> Result<(), WireError> {
    while let Some(tag) = request.tag()? {
        match tag {
            RESOURCES => resource_group::<S>(decoder, request.message()?)?,
            _ => request.skip(tag)?,
        }
    }
    Ok(())
}

fn resource_group<S: Signal>(decoder: &mut Decoder<S::Builder>, mut group: Reader<'_>) -> Result<(), WireError> {
    let resource = Singular::find(group, resource_group::RESOURCE)?;
    decoder.enter_resource(resource.reader().unwrap_or(Reader::EMPTY))?;
    while let Some(tag) = group.tag()? {
        match tag {
            resource_group::SCOPES => scope_group::<S>(decoder, group.message()?)?,
            _ => group.skip(tag)?,
        }
    }
    Ok(())
}

fn scope_group<S: Signal>(decoder: &mut Decoder<S::Builder>, mut group: Reader<'_>) -> Result<(), WireError> {
    let scope = Singular::find(group, record_group::SCOPE)?;
    decoder.enter_scope(scope.reader().unwrap_or(Reader::EMPTY))?;
    while let Some(tag) = group.tag()? {
        match tag {
            record_group::RECORDS => record::<S>(decoder, group.message()?)?,
            _ => group.skip(tag)?,
        }
    }
    Ok(())
}

fn record<S: Signal>(decoder: &mut Decoder<S::Builder>, record: Reader<'_>) -> Result<(), WireError> {
    let fields = match decoder.records.begin() {
        None => S::read(decoder, record),
        Some(fault) => Err(Stop::Part(fault)),
    };
    let fault = rejected(fields, record, S::RECORD)?;
    decoder.records.end(fault.map_or(Ok(()), Err));
    Ok(())
}

impl<B: RowBuilder> Decoder<B> {
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
                    member(attributes, object, scope.message()?, "attribute key of the scope")?;
                }
                _ => scope.skip(tag)?,
            }
        }
        if let Some(object) = object {
            object.close(attributes);
        }
        Ok(())
    }

    /// Add an attribute to the record.
    #[inline]
    pub fn attribute(&mut self, attribute: Reader<'_>) -> Walk {
        let (key, found) = key_value(attribute)?;
        let id = match self.records.recent_key(key.rest()) {
            Some(id) => id,
            None => match self.records.new_key(utf8(key, "attribute key")?.as_bytes()) {
                Some(id) => id,
                None => return Ok(check(attribute, Message::Attribute)?),
            },
        };
        match value(found.reader())? {
            Value::Text(text) => {
                let text = utf8(text, "attribute value")?.as_bytes();
                self.records.builder.attributes().string(id, text);
            }
            Value::Scalar(scalar) => self.records.attribute(id, scalar),
            nested => {
                self.text.clear();
                write_value(&mut self.text, nested, 0)?;
                self.records.builder.attributes().json(id, &self.text);
            }
        }
        Ok(())
    }
}

/// Add a `KeyValue` to an object at the end of `out`.
pub fn member<'a>(out: &mut Vec<u8>, object: &mut Object<'a>, pair: Reader<'a>, field: &'static str) -> Walk {
    let (key, found) = key_value(pair)?;
    let key = utf8(key, field)?;
    let start = out.len();
    write_value(out, value(found.reader())?, 0)?;
    object.member(out, start, Cow::Borrowed(key.as_bytes()));
    Ok(())
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
