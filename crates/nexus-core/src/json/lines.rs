//! JSON lines (or one JSON array of objects) to a [`LogBatch`](crate::batch::LogBatch).
//!
//! Fields with a meaning fill columns, `stream_fields` become resource attributes, everything else becomes an attribute:
//! nested objects are flattened with dots, arrays are kept as JSON, nulls are left out, integers that fit 64 bits stay
//! integers. A bad line costs that line only.

use super::fields::{Class, FieldId, FieldMapping, Fields, JSON_LINES, KINDS, Kind, Vocabulary};
use super::reader::{JsonError, Number, RawToken, Reader, TokenKind, number};
use super::writer::{CopyError, copy_raw, is_no_json_number, write_string};
use crate::attributes::KeyId;
use crate::batch::LogBatchBuilder;
use crate::decode::{DecodeError, Decoded, Rejections};
use crate::dictionary::Dictionary;
use crate::limits::{MAX_COLUMN_BYTES, MAX_DEPTH, MAX_INPUT_BYTES};
use crate::rows::RecordError;
use crate::severity;
use crate::time::{self, TimeError};
use std::collections::BTreeMap;

/// Decode a body of JSON lines. Blank lines are skipped. A body that begins with `[` and `{` or `]` is one array of
/// objects; then records are counted instead of lines.
pub fn decode_json_lines(body: &[u8], now_ns: i64, mapping: &FieldMapping) -> Result<Decoded, DecodeError> {
    if body.len() > MAX_INPUT_BYTES {
        return Err(DecodeError(format!("body of {} bytes is larger than {MAX_INPUT_BYTES}", body.len())));
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let valid = simdutf8::basic::from_utf8(body).is_ok();
    let mut decoder = Decoder::new(now_ns, mapping, &JSON_LINES);
    decoder.builder.reserve(body.len());
    let mut rejections = Rejections::default();
    if is_array(body) {
        decoder.array(body, valid, &mut rejections);
    } else {
        decoder.lines(body, valid, &mut rejections);
    }
    Ok(Decoded { batch: decoder.builder.finish(), rejections })
}

fn is_array(body: &[u8]) -> bool {
    let mut reader = Reader::new(body);
    if reader.peek() != Some(b'[') {
        return false;
    }
    reader.position += 1;
    matches!(reader.peek(), Some(b'{' | b']'))
}

/// Why a record was rejected.
#[derive(Debug)]
pub(crate) enum Reject {
    /// A rule of the protocol around the record.
    Protocol(&'static str),
    /// The same, with what was found.
    Message(String),
    Json(JsonError),
    NotAnObject(&'static str),
    Trailing(usize),
    Empty,
    TooDeep,
    InvalidUtf8(usize),
    Time {
        value: String,
        error: TimeError,
    },
    Record(RecordError),
}

impl From<JsonError> for Reject {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl From<CopyError> for Reject {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Json(error) => Self::Json(error),
            CopyError::TooDeep => Self::TooDeep,
        }
    }
}

impl Reject {
    /// A time that cannot be read.
    pub(crate) fn time(text: &[u8], error: TimeError) -> Self {
        let short: String = String::from_utf8_lossy(text).chars().take(64).collect();
        Self::Time { value: format!("{short:?}"), error }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Protocol(message) => (*message).to_owned(),
            Self::Message(message) => message.clone(),
            Self::Json(error) => format!("invalid JSON: {error}"),
            Self::NotAnObject(found) => format!("expected a JSON object, found {found}"),
            Self::Trailing(column) => format!("invalid JSON: text after the object at column {column}"),
            Self::Empty => "the object has no fields".to_owned(),
            Self::TooDeep => format!("nested deeper than {MAX_DEPTH} levels"),
            Self::InvalidUtf8(offset) => format!("invalid UTF-8 at byte {offset}"),
            Self::Time { value, error: TimeError::Unreadable } => {
                format!("cannot read the time {value}: expected {}", time::EXPECTED)
            }
            Self::Time { value, error: TimeError::OutOfRange } => {
                format!("the time {value} is outside of 1970-01-01 to 2262-04-11")
            }
            Self::Record(error) => error.to_string(),
        }
    }
}

/// A special field's value, waiting until the record is read.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    field: FieldId,
    rank: u8,
    token: RawToken<'a>,
}

/// What was found of a record besides its attributes.
pub(crate) struct Slots<'a> {
    candidates: [Option<Candidate<'a>>; KINDS],
    /// Has the record any field that is not null?
    pub any: bool,
}

impl<'a> Slots<'a> {
    /// Of a record without fields.
    pub(crate) const EMPTY: Self = Self { candidates: [None; KINDS], any: false };

    /// Is there a value of this kind?
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.candidates[kind as usize].is_some()
    }

    /// The message found so far, as written.
    pub(crate) fn message(&self) -> Option<RawToken<'a>> {
        self.candidates[Kind::Message as usize].map(|candidate| candidate.token)
    }
}

/// Makes records of named values: the meaning of names is given by a vocabulary and the sender's mapping. A record is
/// [`Self::begin`], then [`Self::members`] and [`Self::field`] in any order, then [`Self::finish`]; a record that is not
/// finished leaves no trace.
pub(crate) struct Decoder<'m> {
    pub builder: LogBatchBuilder,
    fields: Fields,
    extra_fields: &'m [(String, String)],
    pub resources: Resources,
    lenient_time: bool,
    /// Dotted name of the object being read, with a trailing dot.
    path: Vec<u8>,
    /// Unescaped text.
    text: Vec<u8>,
    /// The array just read.
    json: Vec<u8>,
}

impl<'m> Decoder<'m> {
    pub(crate) fn new(now_ns: i64, mapping: &'m FieldMapping, vocabulary: &Vocabulary) -> Self {
        let stream = match &mapping.stream_fields[..] {
            [] => vocabulary.stream.iter().map(|&name| name.to_owned()).collect(),
            given => given.to_vec(),
        };
        Self {
            builder: LogBatchBuilder::new(now_ns),
            fields: Fields::new(mapping, vocabulary, &stream),
            extra_fields: &mapping.extra_fields,
            resources: Resources::new(stream),
            lenient_time: vocabulary.lenient_time,
            path: Vec::new(),
            text: Vec::new(),
            json: Vec::new(),
        }
    }

    fn lines(&mut self, body: &[u8], valid: bool, rejections: &mut Rejections) {
        let mut start = 0;
        let mut number = 0;
        while start < body.len() {
            number += 1;
            let end = memchr::memchr(b'\n', &body[start..]).map_or(body.len(), |length| start + length);
            let line = &body[start..end];
            start = end + 1;
            if let Err(reject) = self.line(line, valid) {
                self.builder.abort_record();
                rejections.push(number, || reject.message());
            }
        }
    }

    fn line(&mut self, line: &[u8], valid: bool) -> Result<(), Reject> {
        let mut reader = Reader::new(line);
        if reader.at_end() {
            return Ok(());
        }
        if !valid {
            check_utf8(line)?;
        }
        self.record(
            &mut reader,
            |reader| {
                if reader.at_end() { Ok(()) } else { Err(Reject::Trailing(reader.position + 1)) }
            },
        )
    }

    fn array(&mut self, body: &[u8], valid: bool, rejections: &mut Rejections) {
        let mut reader = Reader::new(body);
        reader.peek();
        reader.position += 1;
        for number in 1.. {
            match reader.element(number == 1) {
                Ok(true) => {}
                Ok(false) => {
                    if !reader.at_end() {
                        let column = reader.position + 1;
                        rejections.push(number, || format!("invalid JSON: text after the array at column {column}"));
                    }
                    return;
                }
                Err(error) => {
                    rejections.push(number, || format!("invalid JSON: {error}; the rest of the array was not read"));
                    return;
                }
            }
            reader.peek();
            let start = reader.position;
            let Err(reject) = self.element(&mut reader, valid) else { continue };
            self.builder.abort_record();
            reader.position = start;
            if let Err(error) = reader.value().and_then(|token| reader.skip_rest(token)) {
                rejections.push(number, || format!("invalid JSON: {error}; the rest of the array was not read"));
                return;
            }
            rejections.push(number, || reject.message());
        }
    }

    fn element(&mut self, reader: &mut Reader<'_>, valid: bool) -> Result<(), Reject> {
        if !valid {
            let mut ahead = reader.clone();
            let token = ahead.value()?;
            ahead.skip_rest(token)?;
            check_utf8(&reader.input()[reader.position..ahead.position])?;
        }
        self.record(reader, |_| Ok(()))
    }

    /// Read an object as one record; `check` looks at what follows it before it is taken.
    pub(crate) fn record<'r>(
        &mut self,
        reader: &mut Reader<'r>,
        check: impl FnOnce(&mut Reader<'r>) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        open_object(reader)?;
        self.begin();
        let mut slots = Slots::EMPTY;
        self.members(reader, &mut slots)?;
        if !slots.any {
            return Err(Reject::Empty);
        }
        check(reader)?;
        self.finish(&mut slots)
    }

    /// Start a record.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.builder.begin_record();
        self.resources.begin();
        self.path.clear();
    }

    /// A value by its name. Objects are flattened; the first token of `token`'s value has been read from `reader`.
    pub(crate) fn field<'a, 'r: 'a>(
        &mut self,
        reader: &mut Reader<'r>,
        name: &[u8],
        token: RawToken<'a>,
        slots: &mut Slots<'a>,
    ) -> Result<(), Reject> {
        match token.kind {
            TokenKind::Null => Ok(()),
            TokenKind::Object => {
                self.path.extend_from_slice(name);
                self.nested(reader, 1, slots)?;
                self.path.clear();
                Ok(())
            }
            _ => {
                slots.any = true;
                let field = self.fields.classify(name);
                self.leaf(reader, field, token, 1, slots)
            }
        }
    }

    /// A text by its name.
    pub(crate) fn text_field<'a>(&mut self, name: &[u8], text: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Reject> {
        self.field(&mut Reader::new(b""), name, RawToken::text(text), slots)
    }

    /// An attribute whatever its name means.
    pub(crate) fn plain_text(&mut self, name: &[u8], text: &[u8]) {
        if let Some(key) = self.builder.key_id(name) {
            self.builder.add_string(key, text);
        }
    }

    /// What a name means.
    pub(crate) fn class(&mut self, name: &[u8]) -> Class {
        self.fields.classify(name).1
    }

    /// A value for a special field of this name, unless the record has one of the kind.
    pub(crate) fn fallback<'a>(&mut self, name: &[u8], text: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Reject> {
        match self.class(name) {
            Class::Special { kind, .. } if !slots.has(kind) => self.text_field(name, text, slots),
            _ => Ok(()),
        }
    }

    /// Add the sender's fields, fill the columns and take the record.
    #[inline]
    pub(crate) fn finish<'a>(&mut self, slots: &mut Slots<'a>) -> Result<(), Reject>
    where
        'm: 'a,
    {
        let reader = &mut Reader::new(b"");
        for (name, value) in self.extra_fields {
            let token = RawToken::text(value.as_bytes());
            let field = match self.fields.classify(name.as_bytes()) {
                (id, Class::Special { kind, .. }) => (id, Class::Special { kind, rank: 0 }),
                field => field,
            };
            self.leaf(reader, field, token, 0, slots)?;
        }
        self.finish_slots(slots)?;
        self.builder.commit_record().map_err(Reject::Record)
    }

    /// Members of the record, whose brace has been read. Records of one kind have their fields in one order, so the next
    /// key is guessed from the one before it.
    pub(crate) fn members<'a, 'r: 'a>(&mut self, reader: &mut Reader<'r>, slots: &mut Slots<'a>) -> Result<(), Reject> {
        let mut previous = None;
        let mut first = true;
        loop {
            let (guessed, guess) = self.fields.guess(previous);
            if reader.guessed_key(first, guess) {
                let token = reader.raw_value()?;
                previous = Some(guessed);
                match token.kind {
                    TokenKind::Null => {}
                    TokenKind::Object => {
                        self.path.extend_from_slice(self.fields.name(guessed));
                        self.nested(reader, 1, slots)?;
                        self.path.clear();
                    }
                    _ => {
                        slots.any = true;
                        let class = self.fields.class(guessed);
                        self.leaf(reader, (Some(guessed), class), token, 1, slots)?;
                    }
                }
            } else {
                let Some(key) = reader.raw_key(first)? else { return Ok(()) };
                let field = self.fields.classify(key.resolve(&mut self.text));
                if let (Some(id), _) = field {
                    self.fields.follows(previous, id);
                    previous = Some(id);
                }
                self.member(reader, key, field, 1, slots)?;
            }
            first = false;
        }
    }

    /// Members of a nested object whose brace has been read; `self.path` holds its dotted name, the caller cuts it back.
    /// `depth` is the depth of the object that holds it.
    fn nested<'a, 'r: 'a>(
        &mut self,
        reader: &mut Reader<'r>,
        depth: usize,
        slots: &mut Slots<'a>,
    ) -> Result<(), Reject> {
        if depth >= MAX_DEPTH {
            return Err(Reject::TooDeep);
        }
        self.path.push(b'.');
        let prefix = self.path.len();
        let mut first = true;
        while let Some(key) = reader.raw_key(first)? {
            first = false;
            self.path.extend_from_slice(key.resolve(&mut self.text));
            let field = self.fields.classify(&self.path);
            self.path.truncate(prefix);
            self.member(reader, key, field, depth + 1, slots)?;
        }
        Ok(())
    }

    /// A member whose key has been read; `depth` is the depth of the object that holds it.
    fn member<'a, 'r: 'a>(
        &mut self,
        reader: &mut Reader<'r>,
        key: RawToken<'r>,
        field: (Option<FieldId>, Class),
        depth: usize,
        slots: &mut Slots<'a>,
    ) -> Result<(), Reject> {
        let token = reader.raw_value()?;
        match token.kind {
            TokenKind::Null => Ok(()),
            TokenKind::Object => {
                let prefix = self.path.len();
                self.path.extend_from_slice(key.resolve(&mut self.text));
                self.nested(reader, depth, slots)?;
                self.path.truncate(prefix);
                Ok(())
            }
            _ => {
                slots.any = true;
                self.leaf(reader, field, token, depth, slots)
            }
        }
    }

    /// A field with a value that is neither null nor an object.
    #[inline]
    fn leaf<'a, 'r: 'a>(
        &mut self,
        reader: &mut Reader<'r>,
        (field, class): (Option<FieldId>, Class),
        token: RawToken<'a>,
        depth: usize,
        slots: &mut Slots<'a>,
    ) -> Result<(), Reject> {
        if token.kind == TokenKind::Array {
            self.json.clear();
            copy_raw(reader, token, depth, &mut self.json)?;
        }
        match (class, field) {
            (Class::Attribute(Some(key)), _) => self.add(key, token),
            (Class::Attribute(None), Some(field)) => self.attribute(field, token),
            (Class::Special { kind, rank }, Some(field)) => {
                self.special(kind, Candidate { field, rank, token }, slots)?;
            }
            (Class::Stream(number), _) => self.resources.set(number, token, &mut self.text, &self.json),
            (Class::Ignored, _) => {}
            _ => self.builder.drop_attribute(),
        }
        Ok(())
    }

    /// Any field as an attribute.
    fn attribute(&mut self, field: FieldId, token: RawToken<'_>) {
        if let Some(key) = self.builder.key_id(self.fields.name(field)) {
            self.fields.set_key(field, key);
            self.add(key, token);
        }
    }

    #[inline]
    fn add(&mut self, key: KeyId, token: RawToken<'_>) {
        match token.kind {
            TokenKind::Text | TokenKind::EscapedText => self.builder.add_string(key, token.resolve(&mut self.text)),
            TokenKind::Integer | TokenKind::Decimal => match number(token.raw, token.kind == TokenKind::Integer) {
                Number::Int(value) => self.builder.add_int(key, value),
                Number::Float(value) => self.builder.add_float(key, value),
            },
            TokenKind::False | TokenKind::True => self.builder.add_bool(key, token.kind == TokenKind::True),
            TokenKind::Array => self.builder.add_json(key, &self.json),
            TokenKind::Null | TokenKind::Object => {}
        }
    }

    /// A field with a meaning: the best one of its kind waits in its slot, others become attributes.
    fn special<'a>(&mut self, kind: Kind, new: Candidate<'a>, slots: &mut Slots<'a>) -> Result<(), Reject> {
        let token = new.token;
        if token.is_text() && token.raw.is_empty() {
            return Ok(());
        }
        let scalar = token.is_text() || token.is_number();
        if kind == Kind::Time && !scalar && !self.lenient_time {
            return Err(Reject::Time { value: self.shown(token), error: TimeError::Unreadable });
        }
        let fits = match kind {
            Kind::SeverityNumber => small_number(token).is_some_and(|number| number <= 24),
            Kind::SyslogSeverity => small_number(token).is_some_and(|number| number <= 7),
            Kind::TraceId => hex_id::<32, 16>(token).is_some(),
            Kind::SpanId => hex_id::<16, 8>(token).is_some(),
            Kind::Time | Kind::Level => scalar,
            Kind::Message | Kind::Service => token.kind != TokenKind::Array,
        };
        if !fits {
            self.attribute(new.field, new.token);
            return Ok(());
        }
        match &mut slots.candidates[kind as usize] {
            Some(old) if new.rank > old.rank => self.attribute(new.field, new.token),
            Some(old) => {
                let old = std::mem::replace(old, new);
                if old.field != new.field {
                    self.attribute(old.field, old.token);
                }
            }
            slot => *slot = Some(new),
        }
        Ok(())
    }

    /// Turn the special fields into columns.
    fn finish_slots(&mut self, slots: &Slots<'_>) -> Result<(), Reject> {
        let slot = |kind: Kind| slots.candidates[kind as usize];
        if let Some(Candidate { field, token, .. }) = slot(Kind::Time) {
            let time = match token.kind {
                TokenKind::Integer | TokenKind::Decimal => time::epoch(token.raw),
                _ => time::parse(token.resolve(&mut self.text)),
            };
            match time {
                Ok(ns) => self.builder.timestamp(ns),
                Err(_) if self.lenient_time => self.attribute(field, token),
                Err(error) => return Err(Reject::Time { value: self.shown(token), error }),
            }
        }
        if let Some(Candidate { token, .. }) = slot(Kind::Message) {
            self.builder.body_bytes(token.resolve(&mut self.text));
        }
        self.severity(slot(Kind::Level), slot(Kind::SeverityNumber), slot(Kind::SyslogSeverity));
        if let Some(id) = slot(Kind::TraceId).and_then(|candidate| hex_id::<32, 16>(candidate.token)) {
            self.builder.trace_id(id);
        }
        if let Some(id) = slot(Kind::SpanId).and_then(|candidate| hex_id::<16, 8>(candidate.token)) {
            self.builder.span_id(id);
        }
        let service = slot(Kind::Service).map_or(&b""[..], |candidate| candidate.token.resolve(&mut self.text));
        self.resources.select(service, &mut self.builder)
    }

    fn severity(&mut self, level: Option<Candidate<'_>>, otel: Option<Candidate<'_>>, syslog: Option<Candidate<'_>>) {
        let given = otel.and_then(|candidate| small_number(candidate.token));
        match (level, syslog) {
            (Some(level), syslog) => {
                if let Some(syslog) = syslog {
                    self.attribute(syslog.field, syslog.token);
                }
                let pino = small_number(level.token).map_or(0, severity::number_of_pino);
                let text = level.token.resolve(&mut self.text);
                self.builder.severity_bytes(given.map_or(pino, |number| number as u8), text);
            }
            (None, Some(syslog)) => {
                let code = small_number(syslog.token).map_or(0, severity::number_of_syslog);
                let text = syslog.token.resolve(&mut self.text);
                self.builder.severity_bytes(given.map_or(code, |number| number as u8), text);
            }
            (None, None) => {
                if let Some(number) = given {
                    self.builder.severity_bytes(number as u8, b"");
                }
            }
        }
    }

    /// A value for an error message: as written, shortened.
    fn shown(&mut self, token: RawToken<'_>) -> String {
        let text = match token.kind {
            TokenKind::Array => &self.json,
            _ => token.resolve(&mut self.text),
        };
        let text = String::from_utf8_lossy(text);
        let short: String = text.chars().take(64).collect();
        let dots = if short.len() < text.len() { "..." } else { "" };
        if token.is_text() { format!("{short:?}{dots}") } else { format!("{short}{dots}") }
    }
}

/// Read the brace of an object.
pub(crate) fn open_object(reader: &mut Reader<'_>) -> Result<(), Reject> {
    match reader.raw_value()?.kind {
        TokenKind::Object => Ok(()),
        TokenKind::Array => Err(Reject::NotAnObject("an array")),
        TokenKind::Text | TokenKind::EscapedText => Err(Reject::NotAnObject("a string")),
        TokenKind::Integer | TokenKind::Decimal => Err(Reject::NotAnObject("a number")),
        TokenKind::True | TokenKind::False => Err(Reject::NotAnObject("a boolean")),
        TokenKind::Null => Err(Reject::NotAnObject("null")),
    }
}

pub(crate) fn check_utf8(bytes: &[u8]) -> Result<(), Reject> {
    simdutf8::compat::from_utf8(bytes).map(|_| ()).map_err(|error| Reject::InvalidUtf8(error.valid_up_to() + 1))
}

/// A number of up to three digits, as number or as text.
fn small_number(token: RawToken<'_>) -> Option<i64> {
    if !matches!(token.kind, TokenKind::Text | TokenKind::Integer) {
        return None;
    }
    let digits = token.raw;
    let plain = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    plain.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// An id of `BYTES` bytes written as hex digits, two a byte.
fn hex_id<const DIGITS: usize, const BYTES: usize>(token: RawToken<'_>) -> Option<[u8; BYTES]> {
    let text: &[u8; DIGITS] = token.raw.try_into().ok().filter(|_| token.kind == TokenKind::Text)?;
    let digits = text.map(hex_digit);
    let bad = digits.iter().fold(0, |bad, digit| bad | digit);
    (bad < 16).then(|| std::array::from_fn(|at| digits[2 * at] << 4 | digits[2 * at + 1]))
}

/// Value of a hex digit, above 15 for other bytes. Without branches and tables, so that loops over it become vector code.
fn hex_digit(byte: u8) -> u8 {
    let digit = byte.wrapping_sub(b'0');
    let letter = (byte | 0x20).wrapping_sub(b'a');
    let of_letter = if letter < 6 { letter + 10 } else { 0xF0 };
    if digit < 10 { digit } else { of_letter }
}

/// Resources of JSON records: the service and the stream fields. Each distinct one is written as JSON once.
pub(crate) struct Resources {
    names: Vec<String>,
    base: Base,
    /// The record's value of each stream field as JSON, empty when absent.
    values: Vec<Vec<u8>>,
    known: Dictionary<1>,
    /// None when there was no room for it.
    ids: Vec<Option<u32>>,
    /// Of all resources as JSON.
    bytes: usize,
    key: Vec<u8>,
}

/// Resource attributes that hold until set again, beneath those of a record.
#[derive(Default)]
struct Base {
    service: Vec<u8>,
    attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    key: Vec<u8>,
}

impl Resources {
    fn new(names: Vec<String>) -> Self {
        Self {
            values: vec![Vec::new(); names.len()],
            names,
            base: Base::default(),
            known: Dictionary::default(),
            ids: Vec::new(),
            bytes: 0,
            key: Vec::new(),
        }
    }

    /// Texts that the resources of the records that follow hold; `service` is that of records that name none.
    pub(crate) fn set_base<'t>(&mut self, service: &[u8], attributes: impl Iterator<Item = (&'t [u8], &'t [u8])>) {
        self.base.service = service.to_vec();
        self.base.attributes.clear();
        for (name, text) in attributes {
            let mut value = Vec::with_capacity(text.len() + 2);
            write_string(&mut value, text);
            self.base.attributes.insert(name.to_vec(), value);
        }
        self.base.key.clear();
        for (name, value) in &self.base.attributes {
            for part in [name, value] {
                self.base.key.extend_from_slice(&(part.len() as u64).to_le_bytes());
                self.base.key.extend_from_slice(part);
            }
        }
    }

    fn begin(&mut self) {
        self.values.iter_mut().for_each(Vec::clear);
    }

    /// Note a stream field; `array` is the text of an array value.
    fn set(&mut self, number: u16, token: RawToken<'_>, scratch: &mut Vec<u8>, array: &[u8]) {
        let value = &mut self.values[usize::from(number)];
        value.clear();
        match token.kind {
            TokenKind::Text | TokenKind::EscapedText => write_string(value, token.resolve(scratch)),
            TokenKind::Array => value.extend_from_slice(array),
            TokenKind::Decimal if is_no_json_number(token.raw) => write_string(value, token.raw),
            _ => value.extend_from_slice(token.raw),
        }
    }

    /// Make the resource of these values the builder's current one.
    fn select(&mut self, service: &[u8], builder: &mut LogBatchBuilder) -> Result<(), Reject> {
        let base = std::mem::take(&mut self.base.service);
        let selected = self.select_named(if service.is_empty() { &base } else { service }, builder);
        self.base.service = base;
        selected
    }

    fn select_named(&mut self, service: &[u8], builder: &mut LogBatchBuilder) -> Result<(), Reject> {
        self.key.clear();
        self.key.extend_from_slice(&(service.len() as u64).to_le_bytes());
        self.key.extend_from_slice(service);
        self.key.extend_from_slice(&self.base.key);
        for value in &self.values {
            self.key.extend_from_slice(&(value.len() as u64).to_le_bytes());
            self.key.extend_from_slice(value);
        }
        let id = self.known.intern([&self.key]) as usize;
        if id == self.ids.len() {
            let json = self.to_json(service);
            self.bytes += json.len();
            let resource = (self.bytes <= MAX_COLUMN_BYTES / 8).then(|| builder.resource_of(service, &json));
            self.ids.push(resource);
        }
        let full = "the resources of the batch are too large together: send smaller batches";
        builder.use_resource(self.ids[id].ok_or(Reject::Protocol(full))?);
        Ok(())
    }

    fn to_json(&self, service: &[u8]) -> Vec<u8> {
        let mut sorted: BTreeMap<&[u8], Vec<u8>> =
            self.base.attributes.iter().map(|(name, value)| (&name[..], value.clone())).collect();
        for (name, value) in self.names.iter().zip(&self.values).filter(|(_, value)| !value.is_empty()) {
            sorted.insert(name.as_bytes(), value.clone());
        }
        if !service.is_empty() {
            let mut value = Vec::new();
            write_string(&mut value, service);
            sorted.insert(b"service.name", value);
        }
        let mut json = vec![b'{'];
        for (name, value) in sorted {
            if json.len() > 1 {
                json.push(b',');
            }
            write_string(&mut json, name);
            json.push(b':');
            json.extend_from_slice(&value);
        }
        json.push(b'}');
        json
    }
}
