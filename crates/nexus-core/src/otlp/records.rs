//! What both OTLP decoders do with what they have read: resources, scopes and records into a batch, faults into rejections.

use super::base64;
use super::fault::Fault;
use super::text::{Object, Scalar, write_scalar};
use crate::attributes::KeyId;
use crate::batch::LogBatchBuilder;
use crate::decode::{DecodeError, Decoded, Rejections};
use crate::limits::{DROPPED_ATTRIBUTES, MAX_ATTRIBUTES, MAX_INPUT_BYTES, MAX_RECORDS};
use crate::rows::RowBuilder;
use std::borrow::Cow;

/// Service of resources that name none, as OpenTelemetry's SDKs call it.
pub const UNKNOWN_SERVICE: &[u8] = b"unknown_service";
const SERVICE_NAME: &[u8] = b"service.name";

/// Attributes of a record whose keys are remembered for the next.
const RECENT_KEYS: usize = 32;

/// Refuse a body that is too large to decode.
pub fn check_size(body: &[u8]) -> Result<(), DecodeError> {
    if body.len() > MAX_INPUT_BYTES {
        return Err(DecodeError(format!(
            "request of {} bytes is larger than {MAX_INPUT_BYTES}: send smaller batches",
            body.len()
        )));
    }
    Ok(())
}

/// The batch in the making.
pub struct Records<B> {
    /// The batch; its record is open between [`Self::begin`] and [`Self::end`].
    pub builder: B,
    rejections: Rejections,
    number: u64,
    resource_fault: Option<Fault>,
    scope_fault: Option<Fault>,
    /// Keys of the last records' attributes by their place: those of the next are often the same.
    recent_keys: Vec<KeyId>,
    attributes: usize,
    text: Vec<u8>,
}

impl<B: RowBuilder> Records<B> {
    /// No records yet.
    pub fn new(builder: B) -> Self {
        Self {
            builder,
            rejections: Rejections::default(),
            number: 0,
            resource_fault: None,
            scope_fault: None,
            recent_keys: Vec::new(),
            attributes: 0,
            text: Vec::new(),
        }
    }

    /// The answer.
    pub fn finish(self) -> Decoded<B::Batch> {
        Decoded { batch: self.builder.finish(), rejections: self.rejections }
    }

    /// Resource of the records that follow; a fault rejects them.
    pub fn set_resource(&mut self, resource: Result<&ResourceText, Fault>) {
        self.resource_fault = resource.err();
        if let Ok(resource) = resource {
            self.builder.set_resource(utf8(resource.service()), utf8(&resource.json));
        }
    }

    /// Scope of the records that follow; a fault rejects them.
    pub fn set_scope(&mut self, scope: Result<&ScopeText, Fault>) {
        self.scope_fault = scope.err();
        if let Ok(scope) = scope {
            self.builder.set_scope(utf8(&scope.name), utf8(&scope.version), utf8(&scope.attributes));
        }
    }

    /// Start the next record. Some when it is rejected without a look at it; it ends with [`Self::end`] too.
    pub fn begin(&mut self) -> Option<Fault> {
        self.number += 1;
        self.attributes = 0;
        self.builder.begin();
        let beyond = (self.number > MAX_RECORDS).then_some(Fault::TooManyRecords);
        self.resource_fault.or(self.scope_fault).or(beyond)
    }

    /// Take the record, or reject it.
    pub fn end(&mut self, record: Result<(), Fault>) {
        match record {
            Ok(()) => {
                if let Err(error) = self.builder.commit() {
                    self.rejections.push(self.number, || error.to_string());
                }
            }
            Err(fault) => {
                self.builder.abort();
                self.rejections.push(self.number, || fault.to_string());
            }
        }
    }

    /// Reject something that is no record.
    pub fn reject(&mut self, message: impl FnOnce() -> String) {
        self.builder.abort();
        self.number += 1;
        self.rejections.push(self.number, message);
    }

    /// Id of the next attribute's key, if it is the one that the last record had in this place.
    #[inline]
    pub fn recent_key(&mut self, key: &[u8]) -> Option<KeyId> {
        self.attributes += 1;
        self.recent_keys.get(self.attributes - 1).copied().filter(|&id| self.builder.attributes().key(id) == key)
    }

    /// Id of that key if it was not, see [`crate::attributes::AttributesBuilder::key_id`].
    pub fn new_key(&mut self, key: &[u8]) -> Option<KeyId> {
        let id = self.builder.attributes().key_id(key)?;
        let place = self.attributes - 1;
        if place < self.recent_keys.len() {
            self.recent_keys[place] = id;
        } else if place < RECENT_KEYS {
            self.recent_keys.push(id);
        }
        Some(id)
    }

    /// Attribute of the record.
    #[inline]
    pub fn attribute(&mut self, key: KeyId, scalar: Scalar<'_>) {
        let attributes = self.builder.attributes();
        match scalar {
            Scalar::Empty => attributes.json(key, b"null"),
            Scalar::Text(text) => attributes.string(key, text),
            Scalar::Bool(value) => attributes.bool(key, value),
            Scalar::Int(value) => attributes.int(key, value),
            Scalar::Double(value) => attributes.float(key, value),
            Scalar::Bytes(bytes) => {
                self.text.clear();
                base64::encode(bytes, &mut self.text);
                attributes.string(key, &self.text);
            }
        }
    }
}

impl Records<LogBatchBuilder> {
    /// Times of the record, 0 when not given: the observed time stands in for the event's, now for both.
    pub fn times(&mut self, time: u64, observed: u64) -> Result<(), Fault> {
        let time = nanoseconds("time_unix_nano", time)?;
        let observed = nanoseconds("observed_time_unix_nano", observed)?;
        if let Some(time) = time.or(observed) {
            self.builder.timestamp(time);
        }
        if let Some(observed) = observed {
            self.builder.observed_timestamp(observed);
        }
        Ok(())
    }

    /// Body of the record.
    pub fn body(&mut self, scalar: Scalar<'_>) {
        match scalar {
            Scalar::Empty => {}
            Scalar::Text(text) => self.builder.body_bytes(text),
            other => {
                self.text.clear();
                write_scalar(&mut self.text, other);
                self.builder.body_bytes(&self.text);
            }
        }
    }
}

/// A time as the builder takes it, None for 0.
pub fn nanoseconds(field: &'static str, value: u64) -> Result<Option<i64>, Fault> {
    match i64::try_from(value) {
        Ok(0) => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(Fault::Time { field, value }),
    }
}

/// Attributes of an event or link, as a JSON object at the end of a buffer; as many as a record may have.
#[derive(Default)]
pub struct Extras<'a> {
    object: Option<Object<'a>>,
    members: usize,
    dropped: u64,
}

impl<'a> Extras<'a> {
    /// Is there room for another one? If not, it is counted.
    pub fn admits(&mut self) -> bool {
        let admitted = self.members < MAX_ATTRIBUTES;
        self.members += usize::from(admitted);
        self.dropped += u64::from(!admitted);
        admitted
    }

    /// The object to add an admitted one to. The buffer's end belongs to it from now on.
    pub fn object(&mut self, out: &mut Vec<u8>) -> &mut Object<'a> {
        self.object.get_or_insert_with(|| Object::open(out))
    }

    /// So many were left out by the sender.
    pub fn drop_more(&mut self, count: u64) {
        self.dropped = self.dropped.saturating_add(count);
    }

    /// Close the object, with how many were left out if any were. Nothing is written for no attributes.
    pub fn close(mut self, out: &mut Vec<u8>) {
        if self.dropped > 0 {
            self.object(out);
            let start = out.len();
            write_scalar(out, Scalar::Int(i64::try_from(self.dropped).unwrap_or(i64::MAX)));
            self.object(out).member(out, start, Cow::Borrowed(DROPPED_ATTRIBUTES.as_bytes()));
        }
        if let Some(object) = self.object {
            object.close(out);
        }
    }
}

/// Text that was checked when it was read.
pub fn utf8(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("decoders check text before they hand it on")
}

/// A resource as the batch keeps it.
#[derive(Default)]
pub struct ResourceText {
    service: Vec<u8>,
    /// Its attributes as a JSON object.
    pub json: Vec<u8>,
}

impl ResourceText {
    /// Begin with a new one.
    pub fn open<'a>(&mut self) -> Object<'a> {
        self.service.clear();
        self.json.clear();
        Object::open(&mut self.json)
    }

    /// Add an attribute whose value [`Self::json`] ends with, from `start` on. `text`: that value when it is a string.
    pub fn add<'a>(&mut self, object: &mut Object<'a>, key: Cow<'a, [u8]>, start: usize, text: Option<&[u8]>) {
        if *key == *SERVICE_NAME {
            let value = text.unwrap_or(&self.json[start..]);
            self.service.clear();
            self.service.extend_from_slice(if value == b"null" && text.is_none() { b"" } else { value });
        }
        object.member(&mut self.json, start, key);
    }

    fn service(&self) -> &[u8] {
        if self.service.is_empty() { UNKNOWN_SERVICE } else { &self.service }
    }
}

/// An instrumentation scope as the batch keeps it.
#[derive(Default)]
pub struct ScopeText {
    /// Name.
    pub name: Vec<u8>,
    /// Version.
    pub version: Vec<u8>,
    /// Its attributes as a JSON object, empty when it has none.
    pub attributes: Vec<u8>,
}

impl ScopeText {
    /// Begin with a new one.
    pub fn clear(&mut self) {
        self.name.clear();
        self.version.clear();
        self.attributes.clear();
    }
}
