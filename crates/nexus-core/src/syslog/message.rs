//! One syslog message: RFC 5424, RFC 3164 as it is written in the wild, and text that is neither.
//!
//! Nothing is refused. What is not understood stays in the body, at worst the whole text.

use super::timestamp::{self, Context};
use crate::severity;
use crate::time;

const MAX_TAG: usize = 128;
const MAX_PID: usize = 64;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The parts of a message, as slices of its text; absent ones are empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// Facility times 8 plus severity.
    pub priority: Option<u8>,
    /// Nanoseconds since the epoch.
    pub time: Option<i64>,
    /// A time that cannot be read or stored.
    pub bad_time: &'a [u8],
    /// Host name or address.
    pub host: &'a [u8],
    /// Application: the tag without process id.
    pub app: &'a [u8],
    /// Process id, which may be a text.
    pub process: &'a [u8],
    /// Message id, or Cisco's mnemonic.
    pub message_id: &'a [u8],
    /// Structured data, checked, with its brackets.
    pub data: &'a [u8],
    /// Cisco's running number.
    pub sequence: &'a [u8],
    /// What was said.
    pub body: &'a [u8],
}

/// Take a message apart. The text is valid UTF-8; so are all parts.
pub fn parse<'a>(text: &'a [u8], context: Context<'_>) -> Message<'a> {
    let (priority, rest) = priority(text);
    let mut message = Message { priority, ..Message::default() };
    if priority.is_some() && rfc_5424(rest, &mut message) {
        return message;
    }
    bsd(rest, context, &mut message);
    if let Some((mnemonic, severity)) = mnemonic(message.body) {
        message.message_id = mnemonic;
        message.priority = message.priority.or(Some(23 * 8 + severity));
    }
    message
}

/// `<PRI>` and what follows it. A number above 191 is none.
fn priority(text: &[u8]) -> (Option<u8>, &[u8]) {
    let Some(rest) = text.strip_prefix(b"<") else { return (None, text) };
    let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let number = rest[..digits].iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    if !(1..=3).contains(&digits) || rest.get(digits) != Some(&b'>') || number > 191 {
        return (None, text);
    }
    (Some(number as u8), &rest[digits + 1..])
}

// ------------------------------------------------------------------------------------------------------------ RFC 5424

/// A word and what follows its blank.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, b""),
    }
}

/// A header field; `-` is nothing.
fn field<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (word, tail) = word(rest);
    *rest = tail;
    if word == b"-" { b"" } else { word }
}

fn looks_like_date(word: &[u8]) -> bool {
    matches!(word, [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', _, _, b'-', _, _, b'T' | b't', ..])
}

/// Read a message of version 1; false when it is none.
fn rfc_5424<'a>(text: &'a [u8], message: &mut Message<'a>) -> bool {
    let Some(mut rest) = text.strip_prefix(b"1 ") else { return false };
    let (stamp, tail) = word(rest);
    if stamp != b"-" && !looks_like_date(stamp) {
        return false;
    }
    rest = tail;
    if stamp != b"-" {
        match time::parse(stamp) {
            Ok(ns) => message.time = Some(ns),
            Err(_) => message.bad_time = stamp,
        }
    }
    message.host = field(&mut rest);
    message.app = field(&mut rest);
    message.process = field(&mut rest);
    message.message_id = field(&mut rest);
    let body = match rest {
        [b'-'] => b"",
        [b'-', b' ', body @ ..] => body,
        [b'[', ..] => match data_end(rest) {
            Some(end) => {
                message.data = &rest[..end];
                rest[end..].strip_prefix(b" ").unwrap_or(&rest[end..])
            }
            None => rest,
        },
        _ => rest,
    };
    let body = body.strip_prefix(BOM).unwrap_or(body);
    // rsyslog keeps the blank after a tag's colon.
    message.body = body.strip_prefix(b" ").unwrap_or(body);
    true
}

/// Where the structured data at the beginning of a text ends, when it is well-formed.
fn data_end(text: &[u8]) -> Option<usize> {
    let mut params = Params::new(text);
    while params.next().is_some() {}
    match text.get(params.position) {
        None | Some(b' ') if params.position > 0 && !params.broken => Some(params.position),
        _ => None,
    }
}

/// A parameter: element id, name, value as written.
pub type Param<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// What comes is no structured data.
struct NoMore;

/// Parameters of structured data. Ends at the first thing that is none.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    text: &'a [u8],
    position: usize,
    element: &'a [u8],
    inside: bool,
    broken: bool,
}

impl<'a> Params<'a> {
    /// Of structured data with its brackets.
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, position: 0, element: b"", inside: false, broken: false }
    }

    fn name(&mut self) -> Option<&'a [u8]> {
        let rest = &self.text[self.position..];
        let length = rest.iter().position(|byte| matches!(byte, b'=' | b' ' | b']' | b'"')).unwrap_or(rest.len());
        self.position += length;
        (length > 0).then(|| &rest[..length])
    }

    fn value(&mut self) -> Option<&'a [u8]> {
        let rest = self.text[self.position..].strip_prefix(b"=\"")?;
        let mut at = 0;
        loop {
            at += memchr::memchr2(b'"', b'\\', &rest[at..])?;
            if rest[at] == b'"' {
                self.position += 2 + at + 1;
                return Some(&rest[..at]);
            }
            at = (at + 2).min(rest.len());
        }
    }

    /// Read one thing more; the parameter when it is one.
    fn step(&mut self) -> Result<Option<Param<'a>>, NoMore> {
        match (self.inside, self.text.get(self.position)) {
            (false, Some(b'[')) => {
                self.position += 1;
                self.inside = true;
                self.element = self.name().ok_or(NoMore)?;
                Ok(None)
            }
            (true, Some(b']')) => {
                self.position += 1;
                self.inside = false;
                Ok(None)
            }
            (true, Some(b' ')) => {
                self.position += 1;
                if self.text.get(self.position) == Some(&b']') {
                    return Ok(None);
                }
                let name = self.name().ok_or(NoMore)?;
                Ok(Some((self.element, name, self.value().ok_or(NoMore)?)))
            }
            _ => Err(NoMore),
        }
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        loop {
            match self.step() {
                Ok(Some(param)) => return Some(param),
                Ok(None) => {}
                Err(NoMore) => {
                    self.broken |= self.inside;
                    return None;
                }
            }
        }
    }
}

/// Append a parameter's value without its escapes: `\"`, `\\` and `\]`. Other backslashes are themselves.
pub fn unescape(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.first() {
            Some(&byte @ (b'"' | b'\\' | b']')) => {
                out.push(byte);
                rest = &rest[1..];
            }
            _ => out.push(b'\\'),
        }
    }
    out.extend_from_slice(rest);
}

// ------------------------------------------------------------------------------------------------------------ RFC 3164

fn bsd<'a>(text: &'a [u8], context: Context<'_>, message: &mut Message<'a>) {
    let (sequence, rest) = sequence(text);
    if let Some((time, rest)) = timestamp::leading(rest, context) {
        message.time = Some(time);
        message.sequence = sequence;
        origin(rest, message);
        return;
    }
    // Cisco devices may put their name before the time.
    if let Some(colon) = rest.iter().take(MAX_TAG).position(|&byte| byte == b':' || byte == b' ')
        && is_host(&rest[..colon])
        && let Some(tail) = rest[colon..].strip_prefix(b": ")
        && let Some((time, tail)) = timestamp::leading(tail.trim_ascii_start(), context)
    {
        message.time = Some(time);
        message.sequence = sequence;
        message.host = &rest[..colon];
        message.body = tail;
        return;
    }
    untimed(text, message);
}

/// Cisco's `29: ` or `: ` before everything.
fn sequence(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
    match text[digits..].strip_prefix(b": ") {
        Some(rest) => (&text[..digits], rest.trim_ascii_start()),
        None => (b"", text),
    }
}

/// Host, tag and body after a time.
fn origin<'a>(text: &'a [u8], message: &mut Message<'a>) {
    message.body = text;
    if text.starts_with(b"%") {
        return;
    }
    if let Some((app, process, body)) = tag(text) {
        // `host: %ASA-6-302013: ...`
        if process.is_empty() && mnemonic(body).is_some() && is_host(app) {
            message.host = app;
        } else {
            (message.app, message.process) = (app, process);
        }
        message.body = body;
        return;
    }
    let (host, rest) = word(text);
    if rest.is_empty() || !is_host(host) {
        return;
    }
    message.host = host;
    let rest = rest.trim_ascii_start();
    let rest = rest.strip_prefix(b": ").unwrap_or(rest);
    match tag(rest) {
        Some(found) if mnemonic(rest).is_none() => (message.app, message.process, message.body) = found,
        _ => message.body = rest,
    }
}

/// A message without time, as local senders write it: a tag counts when it has a process id or is no name of a severity.
fn untimed<'a>(text: &'a [u8], message: &mut Message<'a>) {
    message.body = text;
    if message.priority.is_none() || mnemonic(text).is_some() {
        return;
    }
    if let Some((app, process, body)) = tag(text)
        && (!process.is_empty() || (severity::number_of_text(app) == 0 && !app.iter().all(u8::is_ascii_digit)))
    {
        (message.app, message.process, message.body) = (app, process, body);
    }
}

fn is_host(word: &[u8]) -> bool {
    !word.is_empty()
        && word.len() <= 255
        && word.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte) || byte >= 0x80)
}

/// `app: text`, `app[123]: text` or `app[123] text`.
fn tag(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    for (at, &byte) in text.iter().enumerate().take(MAX_TAG) {
        match byte {
            b':' if at > 0 && matches!(text.get(at + 1), None | Some(b' ')) => {
                return Some((&text[..at], b"", skip_blank(&text[at + 1..])));
            }
            b'[' if at > 0 => {
                let inside = &text[at + 1..];
                let end = inside.iter().take(MAX_PID).position(|byte| matches!(byte, b']' | b' '))?;
                let after = inside[end..].strip_prefix(b"]")?;
                let body = match after {
                    [] | [b' ', ..] => after,
                    [b':', body @ ..] => body,
                    _ => return None,
                };
                return (end > 0).then(|| (&text[..at], &inside[..end], skip_blank(body)));
            }
            _ if byte <= b' ' || byte == b'"' || byte == b'{' || byte == b'=' => return None,
            _ => {}
        }
    }
    None
}

fn skip_blank(text: &[u8]) -> &[u8] {
    text.strip_prefix(b" ").unwrap_or(text)
}

/// Cisco's `%FACILITY-SEVERITY-MNEMONIC:` at the beginning: without its marks, and the severity.
fn mnemonic(text: &[u8]) -> Option<(&[u8], u8)> {
    let rest = text.strip_prefix(b"%")?;
    let end = rest.iter().take(MAX_TAG).position(|byte| matches!(byte, b':' | b' '))?;
    let name = &rest[..end];
    if rest[end] != b':' || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return None;
    }
    let severity = name.windows(3).skip(1).find_map(|part| match part {
        [b'-', digit @ b'0'..=b'7', b'-'] => Some(digit - b'0'),
        _ => None,
    })?;
    Some((name, severity))
}

#[cfg(test)]
mod tests {
    use super::super::timestamp::Zone;
    use super::*;

    const NOW: &str = "2026-11-25T12:00:00Z";

    fn show(text: &str) -> String {
        let zone = Zone::default();
        let message = parse(text.as_bytes(), Context { now_ns: time::parse(NOW.as_bytes()).unwrap(), zone: &zone });
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let mut shown = vec![message.priority.map_or_else(String::new, |number| number.to_string())];
        shown.push(message.time.map_or_else(String::new, |ns| (ns / 1_000_000).to_string()));
        for part in [message.host, message.app, message.process, message.message_id, message.data, message.body] {
            shown.push(text(part));
        }
        shown.join("|")
    }

    #[test]
    fn version_1() {
        for (text, expected) in [
            (
                "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed for lonvick",
                "34|1065910455003|mymachine.example.com|su||ID47||'su root' failed for lonvick",
            ),
            (
                "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
                "165|1061727255000|192.0.2.1|myproc|8710|||%% It's time to make the do-nuts.",
            ),
            (
                r#"<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="A\]\"\\" eventID="1011"][x] An event"#,
                r#"165|1065910455003|h|evntslog||ID47|[exampleSDID@32473 iut="3" eventSource="A\]\"\\" eventID="1011"][x]|An event"#,
            ),
            (r#"<165>1 - - - - - [a b="c"]"#, r#"165||||||[a b="c"]|"#),
            ("<0>1 - - - - - -", "0|||||||"),
            ("<0>1 - - - - - - -", "0|||||||-"),
            ("<13>1 - h a - - -  from rsyslog", "13||h|a||||from rsyslog"),
            // Structured data that is none stays in the body; a time that is none is not lost.
            (r#"<165>1 - h a p m [a b="c" text"#, r#"165||h|a|p|m||[a b="c" text"#),
            ("<165>1 - h a p m [ not data", "165||h|a|p|m||[ not data"),
            (r"<165>1 - h a p m [a b=c] text", "165||h|a|p|m||[a b=c] text"),
            ("<165>1 2003-13-11T22:14:15Z h a p m - text", "165||h|a|p|m||text"),
            ("<165>1 thing failed", "165|||||||1 thing failed"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn dialects() {
        for (text, expected) in [
            ("<34>Oct 11 22:14:15 mymachine su: 'su root' failed", "34|1791756855000|mymachine|su||||'su root' failed"),
            ("<13>Nov  5 02:03:04 host app[12]: text", "13|1793844184000|host|app|12|||text"),
            ("<13>Nov  5 02:03:04 app[12]: text", "13|1793844184000||app|12|||text"),
            ("<13>Nov  5 02:03:04 app: text", "13|1793844184000||app||||text"),
            (
                "<13>Nov  5 02:03:04 host last message repeated 3 times",
                "13|1793844184000|host|||||last message repeated 3 times",
            ),
            ("<13>Nov  5 02:03:04 host kernel: [ 12.34] x", "13|1793844184000|host|kernel||||[ 12.34] x"),
            ("<13>Nov  5 02:03:04 fe80::1 postfix/smtpd[9]: x", "13|1793844184000|fe80::1|postfix/smtpd|9|||x"),
            ("<13>Nov  5 02:03:04 host app[a b]: text", "13|1793844184000|host|||||app[a b]: text"),
            ("<13>2026-11-05T02:03:04.5+01:00 host app[1]: x", "13|1793840584500|host|app|1|||x"),
            ("Nov  5 02:03:04 host app[1]: x", "|1793844184000|host|app|1|||x"),
            ("<13>myapp: hello", "13|||myapp||||hello"),
            ("<13>myapp[7] hello", "13|||myapp|7|||hello"),
            ("<13>error: disk full", "13|||||||error: disk full"),
            ("<13>hello world", "13|||||||hello world"),
            ("just text", "|||||||just text"),
            ("error: no tag without a PRI", "|||||||error: no tag without a PRI"),
            ("<192>x", "|||||||<192>x"),
            ("<>x", "|||||||<>x"),
            ("<13>{\"a\": 1}", "13|||||||{\"a\": 1}"),
            ("", "|||||||"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn cisco() {
        for (text, expected) in [
            (
                "<189>29: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: Configured from console",
                "189|1772390771123||||SYS-5-CONFIG_I||%SYS-5-CONFIG_I: Configured from console",
            ),
            (
                "<189>29: router1: *Mar  1 18:46:11: %SYS-5-CONFIG_I: x",
                "189|1772390771000|router1|||SYS-5-CONFIG_I||%SYS-5-CONFIG_I: x",
            ),
            (
                "<166>Nov 25 2025 16:11:00: %ASA-6-302013: Built",
                "166|1764087060000||||ASA-6-302013||%ASA-6-302013: Built",
            ),
            (
                "<166>Nov 25 2025 16:11:00 asa1 : %ASA-6-302013: Built",
                "166|1764087060000|asa1|||ASA-6-302013||%ASA-6-302013: Built",
            ),
            (
                "<166>Nov 25 2025 16:11:00 asa1: %ASA-6-302013: Built",
                "166|1764087060000|asa1|||ASA-6-302013||%ASA-6-302013: Built",
            ),
            (
                "<189>: 2025 Nov 25 16:11:00 UTC: %ETHPORT-5-IF_UP: up",
                "189|1764087060000||||ETHPORT-5-IF_UP||%ETHPORT-5-IF_UP: up",
            ),
            ("%ASA-3-1: no PRI", "187|||||ASA-3-1||%ASA-3-1: no PRI"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn escapes() {
        let mut out = Vec::new();
        unescape(br#"a\"b\\c\]d\ne\"#, &mut out);
        assert_eq!(out, br#"a"b\c]d\ne\"#);
    }
}
