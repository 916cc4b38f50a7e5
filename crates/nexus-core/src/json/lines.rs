//! JSON lines (or one JSON array of objects) to a [`LogBatch`](crate::batch::LogBatch).
//!
//! Fields with a meaning fill columns, `stream_fields` become resource attributes, everything else becomes an attribute:
//! nested objects are flattened with dots, arrays are kept as JSON, nulls are left out, integers that fit 64 bits stay
//! integers. A bad line costs that line only.

use super::fields::{Class, FieldId, FieldMapping, Fields, KINDS, Kind};
use super::reader::{JsonError, Number, Reader, Text, Token, number};
use super::writer::{CopyError, copy_rest, write_string};
use crate::batch::{KeyId, LogBatchBuilder, RecordError};
use crate::decode::{DecodeError, Decoded, Rejections};
use crate::dictionary::Dictionary;
use crate::limits::{MAX_DEPTH, MAX_INPUT_BYTES};
use crate::severity;
use crate::time::{self, TimeError};

/// Decode a body of JSON lines. Blank lines are skipped. A body that begins with `[` and `{` or `]` is one array of
/// objects; then records are counted instead of lines.
pub fn decode_json_lines(body: &[u8], now_ns: i64, mapping: &FieldMapping) -> Result<Decoded, DecodeError> {
    if body.len() > MAX_INPUT_BYTES {
        return Err(DecodeError(format!("body of {} bytes is larger than {MAX_INPUT_BYTES}", body.len())));
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let valid = simdutf8::basic::from_utf8(body).is_ok();
    let mut decoder = Decoder::new(now_ns, mapping);
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

/// Why a line was rejected.
enum Reject {
    Json(JsonError),
    NotAnObject(&'static str),
    Trailing(usize),
    Empty,
    TooDeep,
    InvalidUtf8(usize),
    Time { value: String, error: TimeError },
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
    fn message(&self) -> String {
        match self {
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
    token: Token<'a>,
}

/// What was found of a record besides its attributes.
struct Slots<'a> {
    candidates: [Option<Candidate<'a>>; KINDS],
    /// Has the record any field that is not null?
    any: bool,
}

struct Decoder<'a> {
    builder: LogBatchBuilder,
    fields: Fields,
    extra_fields: &'a [(String, String)],
    resources: Resources,
    /// Dotted name of the object being read, with a trailing dot.
    path: Vec<u8>,
    /// Unescaped text.
    text: Vec<u8>,
    /// The array just read.
    json: Vec<u8>,
}

impl<'a> Decoder<'a> {
    fn new(now_ns: i64, mapping: &'a FieldMapping) -> Self {
        Self {
            builder: LogBatchBuilder::new(now_ns),
            fields: Fields::new(mapping),
            extra_fields: &mapping.extra_fields,
            resources: Resources::new(&mapping.stream_fields),
            path: Vec::new(),
            text: Vec::new(),
            json: Vec::new(),
        }
    }

    fn lines(&mut self, body: &'a [u8], valid: bool, rejections: &mut Rejections) {
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

    fn line(&mut self, line: &'a [u8], valid: bool) -> Result<(), Reject> {
        let mut reader = Reader::new(line);
        if reader.at_end() {
            return Ok(());
        }
        if !valid {
            check_utf8(line)?;
        }
        self.record(&mut reader)?;
        if !reader.at_end() {
            return Err(Reject::Trailing(reader.position + 1));
        }
        self.builder.commit_record().map_err(Reject::Record)
    }

    fn array(&mut self, body: &'a [u8], valid: bool, rejections: &mut Rejections) {
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

    fn element(&mut self, reader: &mut Reader<'a>, valid: bool) -> Result<(), Reject> {
        if !valid {
            let mut ahead = reader.clone();
            let token = ahead.value()?;
            ahead.skip_rest(token)?;
            check_utf8(&reader.input()[reader.position..ahead.position])?;
        }
        self.record(reader)?;
        self.builder.commit_record().map_err(Reject::Record)
    }

    /// Read an object into the builder's open record.
    fn record(&mut self, reader: &mut Reader<'a>) -> Result<(), Reject> {
        match reader.value()? {
            Token::Object => {}
            Token::Array => return Err(Reject::NotAnObject("an array")),
            Token::Text(_) => return Err(Reject::NotAnObject("a string")),
            Token::Number { .. } => return Err(Reject::NotAnObject("a number")),
            Token::Bool(_) => return Err(Reject::NotAnObject("a boolean")),
            Token::Null => return Err(Reject::NotAnObject("null")),
        }
        self.builder.begin_record();
        self.resources.begin();
        self.path.clear();
        let mut slots = Slots { candidates: [None; KINDS], any: false };
        self.object(reader, 1, &mut slots)?;
        if !slots.any {
            return Err(Reject::Empty);
        }
        for (name, value) in self.extra_fields {
            let token = Token::Text(Text { raw: value.as_bytes(), escaped: false });
            let field = match self.fields.classify(name.as_bytes()) {
                (id, Class::Special { kind, .. }) => (id, Class::Special { kind, rank: 0 }),
                field => field,
            };
            self.leaf(reader, field, token, 0, &mut slots)?;
        }
        self.finish_slots(&slots)
    }

    /// Members of an object whose brace has been read; `self.path` holds the dotted prefix. `depth` counts objects.
    fn object(&mut self, reader: &mut Reader<'a>, depth: usize, slots: &mut Slots<'a>) -> Result<(), Reject> {
        let prefix = self.path.len();
        let mut first = true;
        while let Some(key) = reader.key(first)? {
            first = false;
            let token = reader.value()?;
            if token == Token::Null {
                continue;
            }
            if token == Token::Object {
                if depth >= MAX_DEPTH {
                    return Err(Reject::TooDeep);
                }
                self.path.extend_from_slice(key.resolve(&mut self.text));
                self.path.push(b'.');
                self.object(reader, depth + 1, slots)?;
                self.path.truncate(prefix);
                continue;
            }
            slots.any = true;
            let field = if prefix == 0 {
                self.fields.classify(key.resolve(&mut self.text))
            } else {
                self.path.extend_from_slice(key.resolve(&mut self.text));
                let found = self.fields.classify(&self.path);
                self.path.truncate(prefix);
                found
            };
            self.leaf(reader, field, token, depth, slots)?;
        }
        Ok(())
    }

    /// A field with a value that is neither null nor an object.
    #[inline]
    fn leaf(
        &mut self,
        reader: &mut Reader<'a>,
        (field, class): (Option<FieldId>, Class),
        token: Token<'a>,
        depth: usize,
        slots: &mut Slots<'a>,
    ) -> Result<(), Reject> {
        if token == Token::Array {
            self.json.clear();
            copy_rest(reader, token, depth, &mut self.json)?;
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
    fn attribute(&mut self, field: FieldId, token: Token<'_>) {
        if let Some(key) = self.builder.key_id(self.fields.name(field)) {
            self.fields.set_key(field, key);
            self.add(key, token);
        }
    }

    #[inline]
    fn add(&mut self, key: KeyId, token: Token<'_>) {
        match token {
            Token::Text(text) => self.builder.add_string(key, text.resolve(&mut self.text)),
            Token::Number { raw, integer } => match number(raw, integer) {
                Number::Int(value) => self.builder.add_int(key, value),
                Number::Float(value) => self.builder.add_float(key, value),
            },
            Token::Bool(value) => self.builder.add_bool(key, value),
            Token::Array => self.builder.add_json(key, &self.json),
            Token::Null | Token::Object => {}
        }
    }

    /// A field with a meaning: the best one of its kind waits in its slot, others become attributes.
    fn special(&mut self, kind: Kind, new: Candidate<'a>, slots: &mut Slots<'a>) -> Result<(), Reject> {
        let fits = match (kind, new.token) {
            (_, Token::Text(Text { raw: b"", .. })) => return Ok(()),
            (Kind::Time, Token::Bool(_) | Token::Array) => {
                return Err(Reject::Time { value: self.shown(new.token), error: TimeError::Unreadable });
            }
            (Kind::SeverityNumber, token) => small_number(token).is_some_and(|number| number <= 24),
            (Kind::SyslogSeverity, token) => small_number(token).is_some_and(|number| number <= 7),
            (Kind::TraceId, token) => hex_id::<16>(token).is_some(),
            (Kind::SpanId, token) => hex_id::<8>(token).is_some(),
            (Kind::Level, token) => matches!(token, Token::Text(_) | Token::Number { .. }),
            (Kind::Time | Kind::Message | Kind::Service, token) => token != Token::Array,
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
        if let Some(Candidate { token, .. }) = slot(Kind::Time) {
            let time = match token {
                Token::Number { raw, .. } => time::epoch(raw),
                token => time::parse(plain(token, &mut self.text)),
            };
            match time {
                Ok(ns) => self.builder.timestamp(ns),
                Err(error) => return Err(Reject::Time { value: self.shown(token), error }),
            }
        }
        if let Some(Candidate { token, .. }) = slot(Kind::Message) {
            self.builder.body_bytes(plain(token, &mut self.text));
        }
        self.severity(slot(Kind::Level), slot(Kind::SeverityNumber), slot(Kind::SyslogSeverity));
        if let Some(id) = slot(Kind::TraceId).and_then(|candidate| hex_id(candidate.token)) {
            self.builder.trace_id(id);
        }
        if let Some(id) = slot(Kind::SpanId).and_then(|candidate| hex_id(candidate.token)) {
            self.builder.span_id(id);
        }
        let service = slot(Kind::Service).map_or(&b""[..], |candidate| plain(candidate.token, &mut self.text));
        self.resources.select(service, &mut self.builder);
        Ok(())
    }

    fn severity(&mut self, level: Option<Candidate<'_>>, otel: Option<Candidate<'_>>, syslog: Option<Candidate<'_>>) {
        let given = otel.and_then(|candidate| small_number(candidate.token));
        match (level, syslog) {
            (Some(level), syslog) => {
                if let Some(syslog) = syslog {
                    self.attribute(syslog.field, syslog.token);
                }
                let pino = small_number(level.token).map_or(0, severity::number_of_pino);
                let text = plain(level.token, &mut self.text);
                self.builder.severity_bytes(given.map_or(pino, |number| number as u8), text);
            }
            (None, Some(syslog)) => {
                let code = small_number(syslog.token).map_or(0, severity::number_of_syslog);
                let text = plain(syslog.token, &mut self.text);
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
    fn shown(&mut self, token: Token<'_>) -> String {
        let text = match token {
            Token::Array => &self.json,
            token => plain(token, &mut self.text),
        };
        let text = String::from_utf8_lossy(text);
        let short: String = text.chars().take(64).collect();
        let dots = if short.len() < text.len() { "..." } else { "" };
        match token {
            Token::Text(_) => format!("{short:?}{dots}"),
            _ => format!("{short}{dots}"),
        }
    }
}

fn check_utf8(bytes: &[u8]) -> Result<(), Reject> {
    simdutf8::compat::from_utf8(bytes).map(|_| ()).map_err(|error| Reject::InvalidUtf8(error.valid_up_to() + 1))
}

/// A scalar as text: strings unescaped, numbers as written.
fn plain<'a>(token: Token<'a>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    match token {
        Token::Text(text) => text.resolve(scratch),
        Token::Number { raw, .. } => raw,
        Token::Bool(true) => b"true",
        Token::Bool(false) => b"false",
        Token::Null | Token::Object | Token::Array => b"",
    }
}

/// A number of up to three digits, as number or as text.
fn small_number(token: Token<'_>) -> Option<i64> {
    let (Token::Text(Text { raw: digits, escaped: false }) | Token::Number { raw: digits, integer: true }) = token
    else {
        return None;
    };
    let plain = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    plain.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// An id of `N` bytes written as hex digits.
fn hex_id<const N: usize>(token: Token<'_>) -> Option<[u8; N]> {
    let Token::Text(Text { raw, escaped: false }) = token else { return None };
    if raw.len() != 2 * N {
        return None;
    }
    let mut id = [0; N];
    let mut bad = 0;
    for (byte, pair) in id.iter_mut().zip(raw.chunks_exact(2)) {
        let (high, low) = (HEX[usize::from(pair[0])], HEX[usize::from(pair[1])]);
        bad |= high | low;
        *byte = high << 4 | low;
    }
    (bad < 16).then_some(id)
}

/// Value of each hex digit, 255 for other bytes.
const HEX: [u8; 256] = {
    let mut table = [255; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit as usize] as usize] = digit;
        table[b"0123456789ABCDEF"[digit as usize] as usize] = digit;
        digit += 1;
    }
    table
};

/// Resources of JSON records: the service and the stream fields. Each distinct one is written as JSON once.
struct Resources {
    names: Vec<String>,
    /// The record's value of each stream field as JSON, empty when absent.
    values: Vec<Vec<u8>>,
    known: Dictionary<1>,
    ids: Vec<u32>,
    key: Vec<u8>,
}

impl Resources {
    fn new(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            values: vec![Vec::new(); names.len()],
            known: Dictionary::default(),
            ids: Vec::new(),
            key: Vec::new(),
        }
    }

    fn begin(&mut self) {
        self.values.iter_mut().for_each(Vec::clear);
    }

    /// Note a stream field; `array` is the text of an array value.
    fn set(&mut self, number: u16, token: Token<'_>, scratch: &mut Vec<u8>, array: &[u8]) {
        let value = &mut self.values[usize::from(number)];
        value.clear();
        match token {
            Token::Text(text) => write_string(value, text.resolve(scratch)),
            Token::Array => value.extend_from_slice(array),
            Token::Number { raw, .. } if raw.ends_with(b"N") || raw.ends_with(b"y") => write_string(value, raw),
            token => value.extend_from_slice(plain(token, scratch)),
        }
    }

    /// Make the resource of these values the builder's current one.
    fn select(&mut self, service: &[u8], builder: &mut LogBatchBuilder) {
        self.key.clear();
        self.key.extend_from_slice(service);
        for value in &self.values {
            self.key.extend_from_slice(&(value.len() as u64).to_le_bytes());
            self.key.extend_from_slice(value);
        }
        let id = self.known.intern([&self.key]) as usize;
        if id == self.ids.len() {
            let json = self.to_json(service);
            self.ids.push(builder.resource_of(service, &json));
        }
        builder.use_resource(self.ids[id]);
    }

    fn to_json(&self, service: &[u8]) -> Vec<u8> {
        let mut sorted = std::collections::BTreeMap::new();
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
