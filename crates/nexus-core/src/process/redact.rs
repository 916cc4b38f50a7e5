//! Take out what must not be stored: card numbers, e-mail addresses, tokens and keys, and patterns of one's own.
//!
//! Texts are replaced in the message, in the event name, in attributes of every type but floats and booleans (a number that
//! is a card becomes text), within JSON values, and in the resource. Resources and event names are looked at once each.

use crate::batch::LogBatch;
use crate::json::reader::{Reader, Token};
use crate::json::writer::write_string;
use crate::limits::MAX_DEPTH;
use crate::process::field::{Field, Value, attribute, members};
use crate::process::rows::Rows;
use crate::process::spec::{Options, SpecError, regex};
use crate::process::{Change, Context, Processor, State, writable};
use regex::bytes::{Captures, Regex};
use std::collections::HashMap;
use std::ops::Range;

/// What can be detected.
pub const DETECTORS: [&str; 5] = ["card", "email", "jwt", "api_key", "secret"];

/// Own patterns of one step.
const MAX_PATTERNS: usize = 50;

const EMAIL: &str = r"(?-u)[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}";
const JWT: &str = r"(?-u)eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*";
/// Keys that say whose they are by their beginning.
const API_KEY: &str = concat!(
    r"(?-u)(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{18,}",
    r"|xox[abeprs]-[A-Za-z0-9-]{10,}|[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|AIza[0-9A-Za-z_-]{35}|sk-[A-Za-z0-9_-]{20,}",
    r"|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{30,}|dop_v1_[a-f0-9]{60,}|nxs_[A-Za-z0-9_-]{20,}",
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.)*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
);
/// Values that are said to be secret: group 1 stays.
const SECRET: &str = concat!(
    r#"(?i-u)((?:\b|_)(?:bearer|basic) +)[A-Za-z0-9._~+/=-]{12,}|((?:password|passwd|passphrase|secret|api[_-]?key|"#,
    r#"(?:access|auth|refresh|session|id)[_-]?token|(?:access|secret|private)[_-]?key|\btoken)["']?\s*[=:]\s*)"#,
    r#"(?:"[^"]+"|'[^']+'|[^\s"',;&}\])]+)"#,
);
/// Attributes whose value is secret because of their name.
const SECRET_NAME: &str = concat!(
    r"(?i-u)(?:^|[._-])(?:password|passwd|passphrase|secret|api[_-]?key|(?:access|auth|refresh|session|id)[_-]?token",
    r"|(?:access|secret|private)[_-]?key|token|authorization|cookie|set-cookie)$",
);

/// Of what is written instead: a body of short matches may grow by so much at most.
const MAX_REPLACEMENT: usize = 128;

#[derive(Debug)]
enum Kind {
    Card,
    Email(Regex),
    Jwt(Regex),
    Secret(Regex),
    Other(Regex),
}

#[derive(Debug)]
struct Detector {
    kind: Kind,
    replacement: Vec<u8>,
}

/// See the module text.
#[derive(Debug)]
pub struct Redact {
    /// None is everything.
    fields: Option<Vec<Field>>,
    detectors: Vec<Detector>,
    secret_name: Option<(Regex, Vec<u8>)>,
    /// Are there patterns that a short number may match?
    numbers: bool,
}

impl Redact {
    /// From options: `fields`, `detect`, `patterns`, `replacement`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let replacement = options.text("replacement")?.unwrap_or("[{name}]");
        let replaced = |name: &str| {
            let text = replacement.replace("{name}", name).into_bytes();
            let fits = text.len() <= MAX_REPLACEMENT;
            let long = || SpecError::new("replacement", format!("is longer than {MAX_REPLACEMENT} bytes for {name}"));
            if fits { Ok(text) } else { Err(long()) }
        };
        let mut redact = Self { fields: None, detectors: Vec::new(), secret_name: None, numbers: false };
        let patterns = options.text_map("patterns")?;
        if patterns.len() > MAX_PATTERNS {
            return Err(SpecError::new("patterns", format!("has more than {MAX_PATTERNS}")));
        }
        for (name, pattern) in patterns {
            let regex = regex("patterns", pattern)?;
            if regex.is_match(b"") {
                return Err(SpecError::new("patterns", format!("has {name}, which matches nothing at all")));
            }
            redact.numbers = true;
            redact.detectors.push(Detector { kind: Kind::Other(regex), replacement: replaced(name)? });
        }
        let wanted = match options.get("detect") {
            None => DETECTORS.to_vec(),
            Some(_) => options.texts("detect")?,
        };
        // Cards last: what a key begins with may look like one.
        for name in ["jwt", "api_key", "secret", "email", "card"] {
            if !wanted.contains(&name) {
                continue;
            }
            let kind = match name {
                "jwt" => Kind::Jwt(regex("detect", JWT)?),
                "api_key" => Kind::Other(regex("detect", API_KEY)?),
                "secret" => Kind::Secret(regex("detect", SECRET)?),
                "email" => Kind::Email(regex("detect", EMAIL)?),
                _ => Kind::Card,
            };
            redact.detectors.push(Detector { kind, replacement: replaced(name)? });
            if name == "secret" {
                redact.secret_name = Some((regex("detect", SECRET_NAME)?, replaced(name)?));
            }
        }
        if let Some(unknown) = wanted.iter().find(|name| !DETECTORS.contains(name)) {
            let known = DETECTORS.join(", ");
            return Err(SpecError::new("detect", format!("names {unknown:?}: there are {known}")));
        }
        if redact.detectors.is_empty() {
            return Err(SpecError::new("detect", "is empty, and there are no `patterns`"));
        }
        let fields = options.texts("fields")?;
        if !fields.is_empty() {
            redact.fields = Some(fields.into_iter().map(|name| writable("fields", name)).collect::<Result<_, _>>()?);
        }
        Ok(redact)
    }

    /// The text without what must go; None when there is nothing.
    pub fn text(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut clean: Option<Clean> = None;
        for detector in &self.detectors {
            let (current, written) =
                clean.as_ref().map_or((text, &[][..]), |clean| (&clean.text[..], &clean.written[..]));
            let mut found = detector.find(current);
            // What was written by one detector is no find of the next: texts would grow with each.
            found.retain(|found| {
                let begun = written.partition_point(|span| span.start <= found.start);
                begun == 0 || written[begun - 1].end < found.end
            });
            if !found.is_empty() {
                clean = Some(Clean::replace(current, written, &found, &detector.replacement));
            }
        }
        clean.map(|clean| clean.text)
    }

    /// The same for JSON: strings are looked at without their escapes, numbers as they are written.
    fn json(&self, json: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(json.len());
        let mut reader = Reader::new(json);
        match self.json_value(&mut reader, 0, None, &mut out) {
            Some(true) => Some(out),
            Some(false) => None,
            // What cannot be read is treated as text, so that nothing passes unseen.
            None => self.text(json),
        }
    }

    /// Copy a value; whether something was replaced. None when it is no JSON.
    fn json_value(
        &self,
        reader: &mut Reader<'_>,
        depth: usize,
        name: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Option<bool> {
        if depth > MAX_DEPTH + 1 {
            return None;
        }
        let secret = name.and_then(|name| self.secret(name));
        let mut scratch = Vec::new();
        let token = reader.value().ok()?;
        let mut changed = false;
        match token {
            Token::Null => out.extend_from_slice(b"null"),
            Token::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Token::Number { raw, .. } => match secret.map(<[u8]>::to_vec).or_else(|| self.text(raw)) {
                Some(clean) => {
                    write_string(out, &clean);
                    changed = true;
                }
                None => out.extend_from_slice(raw),
            },
            Token::Text(text) => {
                let text = text.resolve(&mut scratch);
                match secret.map(<[u8]>::to_vec).or_else(|| self.text(text)) {
                    Some(clean) => {
                        write_string(out, &clean);
                        changed = true;
                    }
                    None => write_string(out, text),
                }
            }
            Token::Array => {
                out.push(b'[');
                let mut first = true;
                while reader.element(first).ok()? {
                    if !first {
                        out.push(b',');
                    }
                    first = false;
                    changed |= self.json_value(reader, depth + 1, name, out)?;
                }
                out.push(b']');
            }
            Token::Object => {
                out.push(b'{');
                let mut first = true;
                while let Some(key) = reader.key(first).ok()? {
                    if !first {
                        out.push(b',');
                    }
                    first = false;
                    let key = key.resolve(&mut scratch).to_vec();
                    write_string(out, &key);
                    out.push(b':');
                    changed |= self.json_value(reader, depth + 1, Some(&key), out)?;
                }
                out.push(b'}');
            }
        }
        Some(changed)
    }

    /// What to put in the place of a value with this name, if the name says that it is secret.
    fn secret(&self, name: &[u8]) -> Option<&[u8]> {
        self.secret_name.as_ref().filter(|(regex, _)| regex.is_match(name)).map(|(_, replacement)| &replacement[..])
    }

    /// A value without what must go, with its new type.
    fn value(&self, value: Value<'_>, out: &mut Vec<u8>) -> Option<bool> {
        let clean = match value {
            Value::Text(text) => self.text(text)?,
            Value::Json(json) => {
                *out = self.json(json)?;
                return Some(true);
            }
            Value::Int(number) if self.numbers || number.unsigned_abs() >= 1_000_000_000_000 => {
                self.text(&value.to_text())?
            }
            Value::Float(_) if self.numbers => self.text(&value.to_text())?,
            _ => return None,
        };
        *out = clean;
        Some(false)
    }

    fn attribute(&self, rows: &mut Rows, batch: &LogBatch, row: usize, key: u32, secret: Option<&[u8]>) {
        let Some(value) = attribute(batch, row, key) else { return };
        let mut clean = Vec::new();
        if let Some(replacement) = secret {
            rows.set_attribute(row, Some(key), Value::Text(replacement));
            return;
        }
        match self.value(value, &mut clean) {
            Some(true) => rows.set_attribute(row, Some(key), Value::Json(&clean)),
            Some(false) => rows.set_attribute(row, Some(key), Value::Text(&clean)),
            None => return,
        };
    }

    fn everything(&self, rows: &mut Rows, batch: &LogBatch) {
        let secrets: Vec<Option<&[u8]>> =
            (0..batch.attributes.keys.len() as u32).map(|id| self.secret(batch.attributes.keys.get(id, 0))).collect();
        let mut resources: HashMap<u32, Vec<(String, Vec<u8>, bool)>> = HashMap::new();
        let mut names: HashMap<u32, Option<Vec<u8>>> = HashMap::new();
        for &row in rows.selected().iter() {
            let row = row as usize;
            if let Some(clean) = self.text(batch.bodies.get(row)) {
                put(rows, row, &Field::Body, Value::Text(&clean));
            }
            let ids = batch.attributes.strings.keys[batch.attributes.strings.row(row)]
                .iter()
                .chain(&batch.attributes.ints.keys[batch.attributes.ints.row(row)])
                .chain(&batch.attributes.floats.keys[batch.attributes.floats.row(row)])
                .chain(&batch.attributes.jsons.keys[batch.attributes.jsons.row(row)]);
            for &key in ids {
                self.attribute(rows, batch, row, key, secrets[key as usize]);
            }
            let resource = batch.origins.resource_ids[row];
            let edits =
                resources.entry(resource).or_insert_with(|| self.resource(batch.origins.resources.get(resource, 1)));
            for (name, clean, is_json) in &*edits {
                let value = if *is_json { Value::Json(clean) } else { Value::Text(clean) };
                let field = if name == "service.name" { Field::Service } else { Field::Resource(name.clone()) };
                put(rows, row, &field, value);
            }
            let name = batch.event_names[row];
            if name != 0
                && let Some(clean) = names.entry(name).or_insert_with(|| self.text(batch.texts.get(name, 0)))
            {
                put(rows, row, &Field::EventName, Value::Text(clean));
            }
        }
    }

    /// Members of a resource that change: name, new value, whether that is JSON.
    fn resource(&self, json: &[u8]) -> Vec<(String, Vec<u8>, bool)> {
        let mut edits = Vec::new();
        for (name, value) in members(json).unwrap_or_default() {
            let Some(value) = value else { continue };
            let text = String::from_utf8_lossy(&name).into_owned();
            let mut clean = Vec::new();
            if let Some(replacement) = self.secret(&name) {
                edits.push((text, replacement.to_vec(), false));
            } else if let Some(is_json) = self.value(value.as_value(), &mut clean) {
                edits.push((text, clean, is_json));
            }
        }
        edits
    }
}

/// Write a clean value; when there is no room for it, nothing at all: a secret never stays.
fn put(rows: &mut Rows, row: usize, field: &Field, value: Value<'_>) {
    if !rows.set(row, field, value) {
        rows.remove(row, field);
        rows.fail(row, "the batch would become too large; the field was removed");
    }
}

impl Processor for Redact {
    fn process(&self, rows: &mut Rows, _: &mut State, _: &Context) -> Change {
        let batch = rows.batch();
        let Some(fields) = &self.fields else {
            self.everything(rows, &batch);
            return Change::None;
        };
        let sources: Vec<_> = fields.iter().map(|field| (super::field::Source::new(field, &batch), field)).collect();
        let (mut scratch, mut clean) = (Vec::new(), Vec::new());
        for &row in rows.selected().iter() {
            let row = row as usize;
            for (source, field) in &sources {
                let Some(value) = source.get(&batch, row, &mut scratch) else { continue };
                match self.value(value, &mut clean) {
                    Some(true) => put(rows, row, field, Value::Json(&clean)),
                    Some(false) => put(rows, row, field, Value::Text(&clean)),
                    None => {}
                }
            }
        }
        Change::None
    }
}

/// A text in which something was replaced.
struct Clean {
    text: Vec<u8>,
    /// Where replacements lie, in order, with something between them. Of one that lost a part to a later find the rest counts.
    written: Vec<Range<usize>>,
}

impl Clean {
    /// `text`, in which `written` was replaced before, with `found` replaced, too. Both are in order and do not overlap.
    fn replace(text: &[u8], written: &[Range<usize>], found: &[Range<usize>], replacement: &[u8]) -> Self {
        let mut clean = Self { text: Vec::with_capacity(text.len()), written: Vec::new() };
        let mut before = written.iter().peekable();
        let mut done = 0;
        for next in found.iter().cloned().map(Some).chain([None]) {
            let gap = done..next.as_ref().map_or(text.len(), |next| next.start);
            while let Some(span) = before.peek().filter(|span| span.start < gap.end) {
                let (start, end) = (span.start.max(gap.start), span.end.min(gap.end));
                if start < end {
                    let shift = |at: usize| at - gap.start + clean.text.len();
                    let span = shift(start)..shift(end);
                    clean.wrote(span);
                }
                if span.end > gap.end {
                    break;
                }
                before.next();
            }
            clean.text.extend_from_slice(&text[gap]);
            let Some(next) = next else { break };
            clean.wrote(clean.text.len()..clean.text.len() + replacement.len());
            clean.text.extend_from_slice(replacement);
            done = next.end;
        }
        clean
    }

    /// Neighbours are one: so every find takes at least a byte of what came, and at most that many can follow.
    fn wrote(&mut self, span: Range<usize>) {
        match self.written.last_mut() {
            Some(last) if last.end == span.start => last.end = span.end,
            _ => self.written.push(span),
        }
    }
}

impl Detector {
    /// What must go of a text: ranges in order that do not overlap.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        match &self.kind {
            Kind::Card => cards(text),
            Kind::Email(regex) if memchr::memchr(b'@', text).is_some() => matches(regex, text),
            Kind::Jwt(regex) if memchr::memmem::find(text, b"eyJ").is_some() => matches(regex, text),
            // Every match has one of these.
            Kind::Secret(regex) if memchr::memchr3(b'=', b':', b' ', text).is_some() => self.secrets(regex, text),
            Kind::Other(regex) => matches(regex, text),
            Kind::Email(_) | Kind::Jwt(_) | Kind::Secret(_) => Vec::new(),
        }
    }

    fn secrets(&self, regex: &Regex, text: &[u8]) -> Vec<Range<usize>> {
        if !regex.is_match(text) {
            return Vec::new();
        }
        let value = |found: Captures<'_>| {
            let whole = found.get(0)?;
            let mut value =
                found.get(1).or_else(|| found.get(2)).map_or(whole.start(), |group| group.end())..whole.end();
            // Quotes around a value stay, so that what holds the text remains readable.
            if matches!(text.get(value.start), Some(b'"' | b'\'')) {
                value = value.start + 1..value.end - 1;
            }
            // What was redacted before the text came here stays as it is.
            let stays = !self.replacement.is_empty() && text[value.start..].starts_with(&self.replacement);
            (!stays && !value.is_empty()).then_some(value)
        };
        regex.captures_iter(text).filter_map(value).collect()
    }
}

fn matches(regex: &Regex, text: &[u8]) -> Vec<Range<usize>> {
    let mut done = 0;
    let mut out = Vec::new();
    for found in regex.find_iter(text).filter(|found| !found.is_empty()) {
        // A pattern that asks for bytes may end within a character; all of it goes.
        let (start, end) = (boundary(text, found.start(), false), boundary(text, found.end(), true));
        if start >= done {
            out.push(start..end);
            done = end;
        }
    }
    out
}

/// The next place at or after (or before) `at` that does not lie within a character.
fn boundary(text: &[u8], mut at: usize, forward: bool) -> usize {
    while at > 0 && text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80) {
        at = if forward { at + 1 } else { at - 1 };
    }
    at
}

/// Card numbers: 13 to 19 digits that begin with 2 to 6 and pass the Luhn check, in one piece or in groups of 2 to 7 with
/// single spaces or hyphens between them.
fn cards(text: &[u8]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset) {
        let before = start.checked_sub(1).map(|before| text[before]);
        at = end_of_digits(text, start);
        let within_word = before.is_some_and(|byte| byte.is_ascii_alphabetic())
            || (before == Some(b'.') && start >= 2 && text[start - 2].is_ascii_digit());
        if !(b'2'..=b'6').contains(&text[start]) || within_word {
            continue;
        }
        if let Some(end) = card_from(text, start) {
            out.push(start..end);
            at = end;
        }
    }
    out
}

fn end_of_digits(text: &[u8], start: usize) -> usize {
    text[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(text.len(), |length| start + length)
}

/// End of the longest card number that begins at `start`.
fn card_from(text: &[u8], start: usize) -> Option<usize> {
    let mut digits = [0_u8; 19];
    let (mut count, mut at, mut groups) = (0, start, 0);
    let mut found = None;
    loop {
        let end = end_of_digits(text, at);
        let length = end - at;
        if count + length > digits.len() || (groups > 0 && !(2..=7).contains(&length)) {
            return found;
        }
        digits[count..count + length].copy_from_slice(&text[at..end]);
        count += length;
        groups += 1;
        let next = text.get(end).copied();
        let in_word = next.is_some_and(|byte| byte.is_ascii_alphabetic());
        if count >= 13 && !in_word && luhn(&digits[..count]) {
            found = Some(end);
        }
        let goes_on = matches!(next, Some(b' ' | b'-')) && text.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !(goes_on && (2..=7).contains(&length)) {
            return found;
        }
        at = end + 1;
    }
}

/// The check digit of ISO/IEC 7812.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            if place.is_multiple_of(2) { digit } else { digit / 5 + digit * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::spec::Json;

    fn redact(options: &str) -> Redact {
        let Json::Map(members) = Json::parse(options.as_bytes()).unwrap() else { panic!("no map") };
        Redact::new(&Options::new(&members)).unwrap()
    }

    #[track_caller]
    fn check(redact: &Redact, text: &str, expected: &str) {
        let clean = redact.text(text.as_bytes()).unwrap_or_else(|| text.as_bytes().to_vec());
        assert_eq!(String::from_utf8(clean).unwrap(), expected);
    }

    #[test]
    fn cards_are_found_by_their_check_digit() {
        let all = redact(r#"{"detect":["card"]}"#);
        for (text, expected) in [
            ("pay 4111111111111111 now", "pay [card] now"),
            ("pay 4111 1111 1111 1111.", "pay [card]."),
            ("5500-0000-0000-0004", "[card]"),
            ("3782 822463 10005", "[card]"),
            ("2026-06-01 4111 1111 1111 1111 ok", "2026-06-01 [card] ok"),
            ("a=4111111111111111,b=4012888888881881", "a=[card],b=[card]"),
            ("4111111111111112", "4111111111111112"),
            ("1780315200123456789", "1780315200123456789"),
            ("41111111111111111111111", "41111111111111111111111"),
            ("ab4111111111111111cd", "ab4111111111111111cd"),
            ("0.4111111111111111", "0.4111111111111111"),
            ("é4111111111111111é", "é[card]é"),
        ] {
            check(&all, text, expected);
        }
    }

    #[test]
    fn the_luhn_check_equals_the_slow_one() {
        let slow = |digits: &[u8]| {
            let mut sum = 0;
            for (place, digit) in digits.iter().rev().enumerate() {
                let mut value = u32::from(digit - b'0') * if place % 2 == 1 { 2 } else { 1 };
                if value > 9 {
                    value -= 9;
                }
                sum += value;
            }
            sum % 10 == 0
        };
        let mut number = 4_000_000_000_000_000_u64;
        for _ in 0..10_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let digits = (number >> 4).to_string();
            assert_eq!(luhn(digits.as_bytes()), slow(digits.as_bytes()), "{digits}");
        }
    }

    #[test]
    fn tokens_and_addresses() {
        let all = redact("{}");
        for (text, expected) in [
            ("mail to jane.doe+x@mail.example.co.uk, please", "mail to [email], please"),
            ("not@home", "not@home"),
            ("t eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM z", "t [jwt] z"),
            ("key AKIAIOSFODNN7EXAMPLE used", "key [api_key] used"),
            ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[api_key]"),
            ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer [secret]"),
            ("password=hunter2 user=x", "password=[secret] user=x"),
            (r#"{"password": "hunter2"}"#, r#"{"password": "[secret]"}"#),
            ("GET /?api_key=abc123&x=1", "GET /?api_key=[secret]&x=1"),
            ("the token expired", "the token expired"),
            ("nothing to see", "nothing to see"),
        ] {
            check(&all, text, expected);
            // What was redacted stays as it is.
            check(&all, expected, expected);
        }
        // What one detector wrote is none of the next's finds; what it reaches over is.
        let patterns = |first: &str, second: &str| {
            redact(&format!(
                r#"{{"detect":[],"patterns":{{"a":"{first}","b":"{second}"}},"replacement":"p{{name}}p"}}"#
            ))
        };
        check(&patterns("p", "p"), "p-p", "pap-pap");
        check(&patterns("x", "ap-"), "x-x", "ppbppap");
        check(&patterns("x", "x|pa"), "xx x", "pappap pap");
        let many: Vec<String> = (0..50).map(|n| format!(r#""n{n}":"p""#)).collect();
        let many = redact(&format!(r#"{{"patterns":{{{}}},"replacement":"{}"}}"#, many.join(","), "p".repeat(128)));
        check(&many, "a p", &format!("a {}", "p".repeat(128)));
        let own = redact(r#"{"detect":[],"patterns":{"order":"o-\\d+"},"replacement":"<{name}>"}"#);
        check(&own, "o-17 and o-18, 4111111111111111", "<order> and <order>, 4111111111111111");
    }

    #[test]
    fn json_stays_json() {
        let all = redact("{}");
        let json = br#"{"a":[4111111111111111,"x@example.com"],"password":"p","n":{"token":5,"m":"\u0040"},"f":1.50}"#;
        let clean = String::from_utf8(all.json(json).unwrap()).unwrap();
        assert_eq!(
            clean,
            r#"{"a":["[card]","[email]"],"password":"[secret]","n":{"token":"[secret]","m":"@"},"f":1.50}"#
        );
        assert_eq!(all.json(br#"{"a":[1,2]}"#), None);
        assert_eq!(all.json(b"broken x@example.com").unwrap(), b"broken [email]");
        let escaped = redact(r#"{"replacement":"\"{name}\""}"#);
        assert_eq!(escaped.json(br#"["x@example.com"]"#).unwrap(), br#"["\"email\""]"#);
    }

    #[test]
    fn bad_options() {
        for options in
            [r#"{"detect":["nope"]}"#, r#"{"detect":[]}"#, r#"{"patterns":{"x":"("}}"#, r#"{"patterns":{"x":"a*"}}"#]
        {
            let Json::Map(members) = Json::parse(options.as_bytes()).unwrap() else { panic!("no map") };
            assert!(Redact::new(&Options::new(&members)).is_err(), "{options}");
        }
        let long = format!(r#"{{"replacement":"{}"}}"#, "x".repeat(MAX_REPLACEMENT + 1));
        let Json::Map(members) = Json::parse(long.as_bytes()).unwrap() else { panic!("no map") };
        assert_eq!(Redact::new(&Options::new(&members)).unwrap_err().to_string().matches("128").count(), 1);
    }
}
