//! Records of the forward protocol as JSON lines, whose decoder knows what their fields mean.

use super::msgpack::{MsgpackError, Reader, Value};
use crate::json::writer::{write_int, write_string};
use crate::limits::MAX_DEPTH;
use crate::otlp::write_double;
use crate::time;

/// Field with the time that was chosen.
pub const TIME_FIELD: &str = "nexus.forward.time";

const SECOND_NS: i128 = 1_000_000_000;
/// Times before 2000 are no times of a record but durations and the like.
const EARLIEST_NS: i64 = 946_684_800_000_000_000;
const DAY_NS: i64 = 86_400_000_000_000;

/// Fields in which records have a time of their own, best first.
const TIME_FIELDS: [&[u8]; 4] = [b"_time", b"timestamp", b"@timestamp", b"time"];
/// Fields whose text is a line, perhaps with its line feed.
const LINE_FIELDS: [&[u8]; 4] = [b"log", b"message", b"msg", b"MESSAGE"];
const SERVICE_FIELDS: [&[u8]; 3] = [b"service", b"service.name", b"app"];

/// What the Kubernetes filters of Fluent Bit and Fluentd call the attributes of OpenTelemetry's resources.
const KUBERNETES: [(&[u8], &str); 10] = [
    (b"pod_name", "k8s.pod.name"),
    (b"namespace_name", "k8s.namespace.name"),
    (b"container_name", "k8s.container.name"),
    (b"pod_id", "k8s.pod.uid"),
    (b"host", "k8s.node.name"),
    (b"docker_id", "container.id"),
    (b"container_image", "container.image.name"),
    (b"container_hash", "container.image.id"),
    (b"pod_ip", "k8s.pod.ip"),
    (b"namespace_id", "k8s.namespace.uid"),
];

/// Fields that become resource attributes.
pub const RESOURCE_FIELDS: [&str; 10] = {
    let mut names = [""; 10];
    let mut at = 0;
    while at < names.len() {
        names[at] = KUBERNETES[at].1;
        at += 1;
    }
    names
};

/// Labels that name the service, best first.
const SERVICE_LABELS: [&[u8]; 3] = [b"app.kubernetes.io/name", b"app_kubernetes_io/name", b"app"];

/// JSON lines under construction, a line a record; blank ones are records that were refused.
#[derive(Debug)]
pub struct Lines {
    text: Vec<u8>,
    records: u64,
    now_ns: i64,
    /// The member with the tag.
    tag: Vec<u8>,
}

/// What was found in a record besides its fields.
#[derive(Default)]
struct Found<'a> {
    time: Option<(usize, i64)>,
    has_service: bool,
    resource: [Option<&'a [u8]>; KUBERNETES.len()],
    label: Option<(usize, &'a [u8])>,
}

impl Lines {
    /// No lines; `now_ns` tells times that make sense.
    pub fn new(now_ns: i64) -> Self {
        Self { text: Vec::new(), records: 0, now_ns, tag: Vec::new() }
    }

    /// The lines.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Tag of the records that follow.
    pub fn tag(&mut self, tag: &[u8]) {
        self.tag.clear();
        self.tag.extend_from_slice(b"{\"fluent.tag\":");
        write_text(&mut self.tag, tag);
    }

    /// Count a record that is refused; its number.
    pub fn reject(&mut self) -> u64 {
        self.text.push(b'\n');
        self.records += 1;
        self.records
    }

    /// Read time and record. On an error nothing is kept; the reader is anywhere.
    pub fn record(&mut self, reader: &mut Reader<'_>) -> Result<(), String> {
        let start = self.text.len();
        let result = self.write(reader);
        if result.is_err() {
            self.text.truncate(start);
        } else {
            self.text.extend_from_slice(b"}\n");
            self.records += 1;
        }
        result
    }

    fn write(&mut self, reader: &mut Reader<'_>) -> Result<(), String> {
        let (time, metadata) = entry_time(reader).map_err(message)?;
        let Value::Map(pairs) = reader.value().map_err(message)? else {
            return Err("the record is not a map".to_owned());
        };
        self.text.extend_from_slice(&self.tag);
        let mut found = Found::default();
        for _ in 0..pairs {
            self.field(reader, &mut found)?;
        }
        if let Some(mut metadata) = metadata {
            self.text.extend_from_slice(b",\"fluent.metadata\":");
            self.value(&mut metadata, 1)?;
        }
        self.kubernetes_fields(&found);
        if let Some(ns) = found.time.map(|(_, ns)| ns).or(time) {
            self.text.extend_from_slice(format!(",\"{TIME_FIELD}\":").as_bytes());
            self.text.extend_from_slice(format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000).as_bytes());
        }
        Ok(())
    }

    /// A field of the record itself.
    fn field<'a>(&mut self, reader: &mut Reader<'a>, found: &mut Found<'a>) -> Result<(), String> {
        self.text.push(b',');
        let key = reader.value().map_err(message)?;
        let Some(name) = bytes(key) else {
            self.key(key)?;
            return self.value(reader, 1);
        };
        write_text(&mut self.text, name);
        self.text.push(b':');
        let value = reader.clone().value().map_err(message)?;
        if let (b"kubernetes", Value::Map(pairs)) = (name, value) {
            reader.value().map_err(message)?;
            return self.kubernetes(reader, pairs, found);
        }
        if let Some(rank) = TIME_FIELDS.iter().position(|field| *field == name)
            && found.time.is_none_or(|(other, _)| rank < other)
            && let Some(ns) = self.sensible_time(value)
        {
            found.time = Some((rank, ns));
        }
        found.has_service |= SERVICE_FIELDS.contains(&name) && bytes(value).is_some_and(|text| !text.is_empty());
        if let (true, Some(line)) = (LINE_FIELDS.contains(&name), bytes(value)) {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            reader.value().map_err(message)?;
            write_text(&mut self.text, line.strip_suffix(b"\r").unwrap_or(line));
            return Ok(());
        }
        self.value(reader, 1)
    }

    /// The time in a record's field, when it is one of our days.
    fn sensible_time(&self, value: Value<'_>) -> Option<i64> {
        let ns = match value {
            Value::Text(text) if text.len() > 10 => time::parse(text).ok()?,
            Value::Text(text) => time::epoch(text).ok()?,
            Value::Int(number) => time::epoch(number.to_string().as_bytes()).ok()?,
            Value::Float(number) if number.is_finite() => time::epoch(format!("{number:.9}").as_bytes()).ok()?,
            _ => return None,
        };
        (EARLIEST_NS..=self.now_ns.saturating_add(DAY_NS)).contains(&ns).then_some(ns)
    }

    /// What Fluent's filter knows of the pod: what OpenTelemetry has a name for waits in `found`.
    fn kubernetes<'a>(&mut self, reader: &mut Reader<'a>, pairs: u32, found: &mut Found<'a>) -> Result<(), String> {
        self.text.push(b'{');
        let mut comma = false;
        for _ in 0..pairs {
            let key = reader.value().map_err(message)?;
            let value = reader.clone().value().map_err(message)?;
            let known = KUBERNETES.iter().position(|(name, _)| Some(*name) == bytes(key));
            if let (Some(at), Value::Text(text)) = (known, value) {
                found.resource[at] = Some(text);
                reader.skip().map_err(message)?;
                continue;
            }
            if let (Some(b"labels"), Value::Map(pairs)) = (bytes(key), value) {
                find_label(reader, pairs, found).map_err(message)?;
            }
            if comma {
                self.text.push(b',');
            }
            comma = true;
            self.key(key)?;
            self.value(reader, 2)?;
        }
        self.text.push(b'}');
        Ok(())
    }

    fn kubernetes_fields(&mut self, found: &Found<'_>) {
        for ((_, name), value) in KUBERNETES.iter().zip(found.resource).filter_map(|(k, v)| Some((k, v?))) {
            self.text.push(b',');
            write_string(&mut self.text, name.as_bytes());
            self.text.push(b':');
            write_text(&mut self.text, value);
        }
        let container = found.resource[2];
        if let Some(service) = found.label.map(|(_, text)| text).or(container)
            && !found.has_service
        {
            self.text.extend_from_slice(b",\"service.name\":");
            write_text(&mut self.text, service);
        }
    }

    fn key(&mut self, key: Value<'_>) -> Result<(), String> {
        match key {
            Value::Text(name) | Value::Bytes(name) => write_text(&mut self.text, name),
            Value::Int(number) => {
                self.text.push(b'"');
                write_int(&mut self.text, number);
                self.text.push(b'"');
            }
            Value::Bool(value) => self.text.extend_from_slice(if value { b"\"true\"" } else { b"\"false\"" }),
            _ => return Err("a key of the record is not a string".to_owned()),
        }
        self.text.push(b':');
        Ok(())
    }

    /// A value of any kind; `depth` is that of what holds it.
    fn value(&mut self, reader: &mut Reader<'_>, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        match reader.value().map_err(message)? {
            Value::Nil => self.text.extend_from_slice(b"null"),
            Value::Bool(value) => self.text.extend_from_slice(if value { b"true" } else { b"false" }),
            Value::Int(number) => write_int(&mut self.text, number),
            Value::Large(number) => self.text.extend_from_slice(number.to_string().as_bytes()),
            Value::Float(number) => write_double(&mut self.text, number),
            Value::Text(text) | Value::Bytes(text) => write_text(&mut self.text, text),
            Value::Ext(0, content) if content.len() == 8 => {
                let ns = event_time(content);
                self.text.extend_from_slice(format!("{}.{:09}", ns / SECOND_NS, ns % SECOND_NS).as_bytes());
            }
            Value::Ext(kind, content) => {
                self.text.extend_from_slice(format!("\"ext {kind}: ").as_bytes());
                for byte in content {
                    self.text.extend_from_slice(format!("{byte:02x}").as_bytes());
                }
                self.text.push(b'"');
            }
            Value::Array(count) => {
                self.text.push(b'[');
                for index in 0..count {
                    if index > 0 {
                        self.text.push(b',');
                    }
                    self.value(reader, depth + 1)?;
                }
                self.text.push(b']');
            }
            Value::Map(pairs) => {
                self.text.push(b'{');
                for index in 0..pairs {
                    if index > 0 {
                        self.text.push(b',');
                    }
                    let key = reader.value().map_err(message)?;
                    self.key(key)?;
                    self.value(reader, depth + 1)?;
                }
                self.text.push(b'}');
            }
        }
        Ok(())
    }
}

/// A text or bytes.
fn bytes(value: Value<'_>) -> Option<&[u8]> {
    match value {
        Value::Text(text) | Value::Bytes(text) => Some(text),
        _ => None,
    }
}

/// Append a string; what is no UTF-8 is mended.
fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    match simdutf8::basic::from_utf8(text) {
        Ok(text) => write_string(out, text.as_bytes()),
        Err(_) => write_string(out, String::from_utf8_lossy(text).as_bytes()),
    }
}

/// Look for a service's name in the labels; the reader stays where it is.
fn find_label<'a>(reader: &Reader<'a>, pairs: u32, found: &mut Found<'a>) -> Result<(), MsgpackError> {
    let mut ahead = reader.clone();
    ahead.value()?;
    for _ in 0..pairs {
        let rank = bytes(ahead.clone().value()?).and_then(|key| SERVICE_LABELS.iter().position(|label| *label == key));
        ahead.skip()?;
        if let (Some(rank), Value::Text(text)) = (rank, ahead.clone().value()?)
            && found.label.is_none_or(|(other, _)| rank < other)
        {
            found.label = Some((rank, text));
        }
        ahead.skip()?;
    }
    Ok(())
}

/// Nanoseconds of an event time's content: seconds and nanoseconds, 32 bits each.
fn event_time(content: &[u8]) -> i128 {
    let (seconds, ns) = content.split_at(4);
    let number = |bytes: &[u8]| bytes.iter().fold(0_i128, |sum, byte| sum << 8 | i128::from(*byte));
    number(seconds) * SECOND_NS + number(ns)
}

/// The time of an entry, when it has one that can be stored, and Fluent Bit's metadata.
fn entry_time<'a>(reader: &mut Reader<'a>) -> Result<(Option<i64>, Option<Reader<'a>>), MsgpackError> {
    let ns = match reader.value()? {
        Value::Int(seconds) => i128::from(seconds) * SECOND_NS,
        Value::Float(seconds) if seconds.is_finite() && seconds.abs() < 1e10 => (seconds * 1e9) as i128,
        Value::Ext(_, content) if content.len() == 8 => event_time(content),
        Value::Array(count @ 1..) => {
            let (time, _) = match reader.clone().value()? {
                Value::Array(_) => (None, None),
                _ => entry_time(&mut reader.clone())?,
            };
            reader.skip()?;
            let metadata = (count > 1).then(|| reader.clone());
            for _ in 1..count {
                reader.skip()?;
            }
            let filled = |of: &Reader<'_>| matches!(of.clone().value(), Ok(Value::Map(1..)));
            return Ok((time, metadata.filter(filled)));
        }
        _ => 0,
    };
    Ok((i64::try_from(ns).ok().filter(|ns| *ns > 0), None))
}

fn message(error: MsgpackError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(entry: &[u8]) -> Result<String, String> {
        let mut lines = Lines::new(1_795_000_000_000_000_000);
        lines.tag(b"t");
        lines.record(&mut Reader::new(entry))?;
        Ok(String::from_utf8(lines.text().to_vec()).unwrap())
    }

    #[test]
    fn values() {
        assert_eq!(
            line(b"\x05\x84\xa1a\x92\xc0\xc3\xa1b\x81\x07\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xa1c\xc4\x01\xff\xa1d\xd4\x05\x0a").unwrap(),
            "{\"fluent.tag\":\"t\",\"a\":[null,true],\"b\":{\"7\":1.5},\"c\":\"\u{fffd}\",\"d\":\"ext 5: 0a\",\
             \"nexus.forward.time\":5.000000000}\n"
        );
    }

    #[test]
    fn the_record_time_counts_when_it_makes_sense() {
        let time = |text: &str| {
            let entry = [b"\x05\x81\xa4time".as_slice(), &[0xd9, text.len() as u8], text.as_bytes()].concat();
            let line = line(&entry).unwrap();
            line.rsplit_once(':').unwrap().1.trim_end_matches("}\n").to_owned()
        };
        assert_eq!(time("2026-01-01T00:00:00.5Z"), "1767225600.500000000");
        assert_eq!(time("1767225600"), "1767225600.000000000");
        for text in ["0.05", "12/Jan/2026:00:00:00 +0000", "2099-01-01T00:00:00Z", "2026-01-01"] {
            assert_eq!(time(text), "5.000000000", "{text}");
        }
    }

    #[test]
    fn kubernetes_becomes_the_resource() {
        let entry = b"\x05\x81\xaakubernetes\x83\xa8pod_name\xa1p\xaecontainer_name\xa1c\xa6labels\x81\xa3app\xa4shop";
        assert_eq!(
            line(entry).unwrap(),
            "{\"fluent.tag\":\"t\",\"kubernetes\":{\"labels\":{\"app\":\"shop\"}},\"k8s.pod.name\":\"p\",\
             \"k8s.container.name\":\"c\",\"service.name\":\"shop\",\"nexus.forward.time\":5.000000000}\n"
        );
    }

    #[test]
    fn metadata_of_fluent_bit() {
        let entry = b"\x92\xd7\x00\x00\x00\x00\x05\x00\x00\x00\x01\x81\xa1m\x01\x81\xa1a\x01";
        assert_eq!(
            line(entry).unwrap(),
            "{\"fluent.tag\":\"t\",\"a\":1,\"fluent.metadata\":{\"m\":1},\"nexus.forward.time\":5.000000001}\n"
        );
        assert!(!line(b"\x92\x05\x80\x81\xa1a\x01").unwrap().contains("metadata"));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| [&b"\x05\x81\xa1a"[..], &vec![0x91; depth], b"\x01"].concat();
        assert!(line(&nested(MAX_DEPTH - 1)).is_ok());
        assert!(line(&nested(MAX_DEPTH + 1)).unwrap_err().contains("nested deeper"));
    }
}
