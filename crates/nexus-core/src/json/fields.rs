//! Which fields of a JSON record mean what: the defaults, and a sender's own mapping.

use super::reader::KeyGuess;
use crate::attributes::KeyId;
use crate::dictionary::Dictionary;
use crate::limits::{MAX_BATCH_KEYS, MAX_KEY_BYTES};

/// A sender's field mapping. None or empty means the default.
#[derive(Debug, Clone, Default)]
pub struct FieldMapping {
    /// Fields with the time, best first; the first present one counts.
    pub time_fields: Option<Vec<String>>,
    /// Fields with the message, best first.
    pub message_fields: Option<Vec<String>>,
    /// Fields with the severity, best first.
    pub level_fields: Option<Vec<String>>,
    /// Fields that become resource attributes.
    pub stream_fields: Vec<String>,
    /// Fields to leave out; a trailing `*` leaves out all that begin so.
    pub ignore_fields: Vec<String>,
    /// Fields added to every record, over the record's own.
    pub extra_fields: Vec<(String, String)>,
}

/// What a protocol's fields mean unless its sender says otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vocabulary {
    /// Field names by meaning, best first.
    pub names: [(Kind, &'static [&'static str]); KINDS],
    /// Fields that become resource attributes.
    pub stream: &'static [&'static str],
    /// Is a time that cannot be read an attribute, and the record of now? Otherwise it rejects the record.
    pub lenient_time: bool,
}

/// Of JSON lines.
pub(crate) const JSON_LINES: Vocabulary = Vocabulary {
    names: [
        (Kind::Time, &["_time", "timestamp", "@timestamp", "time"]),
        (Kind::Message, &["_msg", "message", "body", "log", "msg"]),
        (Kind::Level, &["level", "severity", "severity_text", "severityText", "log.level"]),
        (Kind::SeverityNumber, &["severity_number", "severityNumber"]),
        (Kind::SyslogSeverity, &["PRIORITY", "syslog.severity", "syslog_severity"]),
        (Kind::Service, &["service", "service.name", "app"]),
        (Kind::TraceId, &["trace_id", "traceId", "trace.id"]),
        (Kind::SpanId, &["span_id", "spanId", "span.id"]),
    ],
    stream: &[],
    lenient_time: false,
};

/// What a special field gives. Values are indices of the slots in which a record's candidates wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Time,
    Message,
    Level,
    SeverityNumber,
    SyslogSeverity,
    Service,
    TraceId,
    SpanId,
}

/// Number of [`Kind`]s.
pub(crate) const KINDS: usize = 8;

/// What to do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// An attribute. The key id is filled in at first use.
    Attribute(Option<KeyId>),
    /// A candidate for a slot; the lowest rank wins.
    Special { kind: Kind, rank: u8 },
    /// The resource attribute with this number.
    Stream(u16),
    /// Left out.
    Ignored,
    /// The key is too long, or there are too many: drop and count.
    Refused,
}

/// Field names seen, with their classes.
#[derive(Debug)]
pub(crate) struct Fields {
    names: Dictionary<1>,
    classes: Vec<Class>,
    guesses: Vec<KeyGuess>,
    /// For each field the one that followed it in the last record that had it, and last the first field of a record.
    followers: Vec<u32>,
    first: u32,
    ignored_prefixes: Vec<Vec<u8>>,
}

/// Number of a field name in [`Fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldId(u32);

impl Fields {
    pub(crate) fn new(mapping: &FieldMapping, vocabulary: &Vocabulary, stream: &[String]) -> Self {
        let mut fields = Self {
            names: Dictionary::default(),
            classes: Vec::new(),
            guesses: Vec::new(),
            followers: Vec::new(),
            first: 0,
            ignored_prefixes: Vec::new(),
        };
        let given = [
            (Kind::Time, mapping.time_fields.as_deref().unwrap_or_default()),
            (Kind::Message, mapping.message_fields.as_deref().unwrap_or_default()),
            (Kind::Level, mapping.level_fields.as_deref().unwrap_or_default()),
        ];
        for (kind, names) in given {
            fields.add_kind(kind, names.iter().map(String::as_str));
        }
        for (kind, names) in vocabulary.names {
            if given.iter().all(|&(other, names)| other != kind || names.is_empty()) {
                fields.add_kind(kind, names.iter().copied());
            }
        }
        for (number, name) in stream.iter().enumerate() {
            fields.add(name, Class::Stream(number as u16));
        }
        for pattern in &mapping.ignore_fields {
            match pattern.strip_suffix('*') {
                Some(prefix) => fields.ignored_prefixes.push(prefix.as_bytes().to_vec()),
                None => fields.set(pattern, Class::Ignored),
            }
        }
        for index in 0..fields.classes.len() {
            let name = fields.names.get(index as u32, 0);
            if fields.ignored_prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                fields.classes[index] = Class::Ignored;
            }
        }
        fields
    }

    fn add_kind<'a>(&mut self, kind: Kind, names: impl Iterator<Item = &'a str>) {
        for (rank, name) in names.enumerate() {
            self.add(name, Class::Special { kind, rank: rank.min(255) as u8 });
        }
    }

    /// Give a name its class unless it has one.
    fn add(&mut self, name: &str, class: Class) {
        if self.names.find([name.as_bytes()]).is_none() {
            self.set(name, class);
        }
    }

    fn set(&mut self, name: &str, class: Class) {
        let id = self.names.intern([name.as_bytes()]) as usize;
        if id == self.classes.len() {
            self.push(name.as_bytes(), class);
        }
        self.classes[id] = class;
    }

    fn push(&mut self, name: &[u8], class: Class) {
        self.classes.push(class);
        self.guesses.push(KeyGuess::new(name));
        self.followers.push(0);
    }

    /// The field that is likely to follow `previous` (None: to be a record's first), and how to recognise it.
    #[inline]
    pub(crate) fn guess(&self, previous: Option<FieldId>) -> (FieldId, &KeyGuess) {
        let id = previous.map_or(self.first, |previous| self.followers[previous.0 as usize]);
        (FieldId(id), &self.guesses[id as usize])
    }

    /// Remember that `field` followed `previous`.
    #[inline]
    pub(crate) fn follows(&mut self, previous: Option<FieldId>, field: FieldId) {
        match previous {
            Some(previous) => self.followers[previous.0 as usize] = field.0,
            None => self.first = field.0,
        }
    }

    #[inline]
    pub(crate) fn class(&self, id: FieldId) -> Class {
        self.classes[id.0 as usize]
    }

    /// Id and class of a field name; the id is None when the class is `Refused`.
    #[inline]
    pub(crate) fn classify(&mut self, name: &[u8]) -> (Option<FieldId>, Class) {
        if name.len() <= MAX_KEY_BYTES
            && let Some(id) = self.names.find([name])
        {
            return (Some(FieldId(id)), self.classes[id as usize]);
        }
        self.classify_new(name)
    }

    #[cold]
    fn classify_new(&mut self, name: &[u8]) -> (Option<FieldId>, Class) {
        if self.ignored_prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            return (None, Class::Ignored);
        }
        if name.len() > MAX_KEY_BYTES || self.classes.len() >= MAX_BATCH_KEYS {
            return (None, Class::Refused);
        }
        let id = self.names.intern([name]);
        self.push(name, Class::Attribute(None));
        (Some(FieldId(id)), Class::Attribute(None))
    }

    pub(crate) fn name(&self, id: FieldId) -> &[u8] {
        self.names.get(id.0, 0)
    }

    /// Remember the attribute key of a plain field.
    pub(crate) fn set_key(&mut self, id: FieldId, key: KeyId) {
        if let Class::Attribute(known) = &mut self.classes[id.0 as usize] {
            *known = Some(key);
        }
    }
}
