//! Syslog messages to a [`LogBatch`](crate::batch::LogBatch): RFC 3164 with its dialects, RFC 5424, RFC 6587 framing.
//!
//! Host and application become the resource (`host.name`, `service.name`), severity and facility OpenTelemetry's severity and
//! `syslog.facility`, structured data attributes `id.param`. No message is lost for being wrong: its text is the body then.

pub mod charset;
pub mod frames;
pub mod framing;
pub mod message;
pub mod timestamp;

use crate::attributes::KeyId;
use crate::batch::LogBatchBuilder;
use crate::decode::{DecodeError, Decoded, Rejections};
use crate::dictionary::Dictionary;
use crate::json::writer::write_string;
use crate::limits::{MAX_BATCH_DAYS, MAX_INPUT_BYTES};
use crate::origins::DAY_NS;
use crate::severity;
use charset::Charset;
use frames::{Frame, Frames};
use message::{Message, Params};
use std::collections::HashSet;
use std::ops::Range;
use timestamp::{Context, Zone};

/// Integer attribute: bytes that were cut off a message that was too long.
pub const TRUNCATED_BYTES: &str = "nexus.truncated_bytes";

const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

/// What senders leave open.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Zone of times that name none.
    pub zone: Zone,
    /// Charset of text that is no UTF-8.
    pub charset: Charset,
}

/// Decode a body of messages (see [`frames`]). A message that is empty is rejected.
pub fn decode_syslog(body: &[u8], now_ns: i64, options: &Options) -> Result<Decoded, DecodeError> {
    if body.len() > MAX_INPUT_BYTES {
        return Err(DecodeError(format!("body of {} bytes is larger than {MAX_INPUT_BYTES}", body.len())));
    }
    let mut decoder = Decoder::new(now_ns, options);
    decoder.builder.reserve(body.len());
    let mut rejections = Rejections::default();
    let mut frames = Frames::new(body);
    let mut number = 0;
    for frame in frames.by_ref() {
        number += 1;
        if let Err(message) = decoder.frame(frame) {
            rejections.push(number, || message);
        }
    }
    if frames.broken() {
        rejections.push(number + 1, || "the messages are not framed as the receiver frames them".to_owned());
    }
    Ok(Decoded { batch: decoder.builder.finish(), rejections })
}

/// Attribute keys that many messages have, from their first use on.
#[derive(Default)]
struct Keys {
    facility: Option<KeyId>,
    peer: Option<KeyId>,
    pid: Option<KeyId>,
}

/// The key of this name, remembered.
fn known(slot: &mut Option<KeyId>, name: &str, builder: &mut LogBatchBuilder) -> Option<KeyId> {
    if slot.is_none() {
        *slot = builder.key_id(name.as_bytes());
    }
    *slot
}

struct Decoder<'o> {
    builder: LogBatchBuilder,
    options: &'o Options,
    now_ns: i64,
    /// Days of the times given by senders, without today.
    days: HashSet<i64>,
    keys: Keys,
    resources: Dictionary<2>,
    resource_ids: Vec<u32>,
    /// Keys and values of structured data, end to end.
    text: Vec<u8>,
    params: Vec<(Range<usize>, Range<usize>)>,
    json: Vec<u8>,
}

impl<'o> Decoder<'o> {
    fn new(now_ns: i64, options: &'o Options) -> Self {
        Self {
            builder: LogBatchBuilder::new(now_ns),
            options,
            now_ns,
            days: HashSet::new(),
            keys: Keys::default(),
            resources: Dictionary::default(),
            resource_ids: Vec::new(),
            text: Vec::new(),
            params: Vec::new(),
            json: Vec::new(),
        }
    }

    fn frame(&mut self, frame: Frame<'_>) -> Result<(), String> {
        let text = self.options.charset.decode(frame.text);
        let text = frames::without_trailer(&text);
        if text.is_empty() {
            return Err("the message is empty".to_owned());
        }
        let source = if frame.source.is_ascii() { frame.source } else { b"" };
        let context = Context { now_ns: self.now_ns, zone: &self.options.zone };
        let mut message = message::parse(text, context);
        if message.time.is_some_and(|ns| !self.has_room_for_day(ns / DAY_NS)) {
            // One more day than a batch may span: the whole text, with the time of its arrival.
            message = Message { priority: message.priority, body: text, ..Message::default() };
        }
        self.record(&message, source, frame.cut)
    }

    fn has_room_for_day(&mut self, day: i64) -> bool {
        if day == self.now_ns / DAY_NS || self.days.contains(&day) {
            return true;
        }
        self.days.len() + 1 < MAX_BATCH_DAYS && self.days.insert(day)
    }

    fn record(&mut self, message: &Message<'_>, source: &[u8], cut: u32) -> Result<(), String> {
        self.builder.begin_record();
        if let Some(ns) = message.time {
            self.builder.timestamp(ns);
        }
        self.builder.body_bytes(message.body);
        if let Some(priority) = message.priority {
            let code = priority & 7;
            let number = severity::number_of_syslog(i64::from(code));
            self.builder.severity(number, SEVERITIES[usize::from(code)]);
            if let Some(key) = known(&mut self.keys.facility, "syslog.facility", &mut self.builder) {
                self.builder.add_string(key, FACILITIES[usize::from(priority >> 3) % 24].as_bytes());
            }
        }
        if !message.message_id.is_empty() {
            self.builder.event_name(utf8(message.message_id));
        }
        self.process(message.process);
        self.structured_data(message.data);
        self.text("syslog.sequence", message.sequence);
        self.text("syslog.timestamp", message.bad_time);
        if !source.is_empty()
            && let Some(key) = known(&mut self.keys.peer, "network.peer.address", &mut self.builder)
        {
            self.builder.add_string(key, source);
        }
        if cut > 0 {
            self.builder.attr_int(TRUNCATED_BYTES, i64::from(cut));
        }
        self.resource(if message.host.is_empty() { source } else { message.host }, message.app);
        self.builder.commit_record().map_err(|error| error.to_string())
    }

    fn text(&mut self, key: &str, value: &[u8]) {
        if !value.is_empty() {
            self.builder.attr_string(key, utf8(value));
        }
    }

    fn process(&mut self, process: &[u8]) {
        if process.is_empty() {
            return;
        }
        let digits = process.len() <= 10 && process.iter().all(u8::is_ascii_digit);
        if !digits {
            self.text("syslog.procid", process);
        } else if let Some(key) = known(&mut self.keys.pid, "process.pid", &mut self.builder) {
            let pid = process.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
            self.builder.add_int(key, pid);
        }
    }

    /// Parameters as attributes `id.param`; one that is given several times becomes a JSON array.
    fn structured_data(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        self.text.clear();
        self.params.clear();
        for (element, name, value) in Params::new(data) {
            let start = self.text.len();
            self.text.extend_from_slice(element);
            self.text.push(b'.');
            self.text.extend_from_slice(name);
            let middle = self.text.len();
            message::unescape(value, &mut self.text);
            self.params.push((start..middle, middle..self.text.len()));
        }
        let text = &self.text;
        self.params.sort_by(|(one, _), (other, _)| text[one.clone()].cmp(&text[other.clone()]));
        for same in self.params.chunk_by(|(one, _), (other, _)| text[one.clone()] == text[other.clone()]) {
            let Some(key) = self.builder.key_id(&text[same[0].0.clone()]) else { continue };
            if let [(_, value)] = same {
                self.builder.add_string(key, &text[value.clone()]);
                continue;
            }
            self.json.clear();
            for (index, (_, value)) in same.iter().enumerate() {
                self.json.push(if index == 0 { b'[' } else { b',' });
                write_string(&mut self.json, &text[value.clone()]);
            }
            self.json.push(b']');
            self.builder.add_json(key, &self.json);
        }
    }

    fn resource(&mut self, host: &[u8], app: &[u8]) {
        let id = self.resources.intern([host, app]) as usize;
        if id == self.resource_ids.len() {
            let mut json = vec![b'{'];
            for (name, value) in [("host.name", host), ("service.name", app)] {
                if !value.is_empty() {
                    if json.len() > 1 {
                        json.push(b',');
                    }
                    write_string(&mut json, name.as_bytes());
                    json.push(b':');
                    write_string(&mut json, value);
                }
            }
            json.push(b'}');
            self.resource_ids.push(self.builder.resource_of(app, &json));
        }
        self.builder.use_resource(self.resource_ids[id]);
    }
}

/// Parts of a checked text are cut at ASCII, so they are valid.
fn utf8(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::LogBatch;
    use frames::{push_message, push_source};

    fn decode(messages: &[&[u8]]) -> Decoded {
        let mut body = Vec::new();
        push_source(&mut body, b"10.1.2.3");
        for message in messages {
            push_message(&mut body, message, 0);
        }
        let options = Options { charset: Charset::Latin1, ..Options::default() };
        decode_syslog(&body, 1_795_000_000_000_000_000, &options).unwrap()
    }

    fn attributes(batch: &LogBatch, row: usize) -> Vec<String> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let key = |id: u32| text(batch.attributes.keys.get(id, 0));
        let strings = batch.attributes.strings.row(row).map(|i| {
            format!("{}={}", key(batch.attributes.strings.keys[i]), text(batch.attributes.strings.values.get(i)))
        });
        let ints = batch
            .attributes
            .ints
            .row(row)
            .map(|i| format!("{}={}", key(batch.attributes.ints.keys[i]), batch.attributes.ints.values[i]));
        let jsons =
            batch.attributes.jsons.row(row).map(|i| {
                format!("{}={}", key(batch.attributes.jsons.keys[i]), text(batch.attributes.jsons.values.get(i)))
            });
        strings.chain(ints).chain(jsons).collect()
    }

    #[test]
    fn a_message_fills_the_columns() {
        let decoded = decode(&[
            br#"<34>1 2026-11-25T12:00:00Z web1 su 77 ID47 [o@1 ip="a" ip="b" x="\"q\""] failed"#,
            b"<13>gr\xfc\xdfe",
            b" \n\0",
        ]);
        let batch = &decoded.batch;
        assert_eq!((batch.num_rows(), decoded.rejections.count()), (2, 1));
        assert_eq!(decoded.rejections.first()[0], (3, "the message is empty".to_owned()));
        assert_eq!(batch.severity_numbers, [18, 10]);
        assert_eq!(batch.timestamps, [1_795_608_000_000_000_000, 1_795_000_000_000_000_000]);
        assert_eq!((batch.bodies.get(0), batch.bodies.get(1)), (&b"failed"[..], "grüße".as_bytes()));
        let resource = |row: usize| batch.origins.resources.get(batch.origins.resource_ids[row], 1);
        assert_eq!(resource(0), br#"{"host.name":"web1","service.name":"su"}"#);
        assert_eq!(resource(1), br#"{"host.name":"10.1.2.3"}"#);
        assert_eq!(batch.texts.get(batch.event_names[0], 0), b"ID47");
        assert_eq!(
            attributes(batch, 0),
            [
                "syslog.facility=auth",
                "o@1.x=\"q\"",
                "network.peer.address=10.1.2.3",
                "process.pid=77",
                "o@1.ip=[\"a\",\"b\"]"
            ]
        );
    }

    #[test]
    fn messages_of_too_many_days_keep_their_text() {
        let texts: Vec<String> = (0..400).map(|day| format!("<13>1 {} h a - - - x{day}", date(day))).collect();
        let decoded = decode(&texts.iter().map(String::as_bytes).collect::<Vec<_>>());
        assert_eq!((decoded.accepted(), decoded.rejections.count()), (400, 0));
        assert_eq!(decoded.batch.bodies.get(399), texts[399].as_bytes());
    }

    fn date(day: usize) -> String {
        format!("20{:02}-{:02}-{:02}T00:00:00Z", day / 300, day / 25 % 12 + 1, day % 25 + 1)
    }

    #[test]
    fn a_cut_message_says_so() {
        let mut body = Vec::new();
        push_message(&mut body, b"<13>abc", 17);
        let decoded = decode_syslog(&body, 0, &Options::default()).unwrap();
        assert!(attributes(&decoded.batch, 0).contains(&"nexus.truncated_bytes=17".to_owned()));
    }
}
