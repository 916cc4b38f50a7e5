//! Stages that read labels out of the line: `json`, `logfmt`, `regexp`, `pattern`, `unpack`.

use super::entry::{Entry, MAX_NAME, valid_name};
use super::filter::Pattern;
use super::json::{Json, lossy};
use super::regex;
use crate::json::reader::{JsonError, Reader, Token};
use std::borrow::Cow;

const MAX_DEPTH: usize = 64;

/// A step into JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// A parser of lines.
#[derive(Debug, Clone)]
pub(crate) enum Parser {
    Json { wanted: Vec<(String, Vec<Step>)> },
    Logfmt { strict: bool, keep_empty: bool, wanted: Vec<(String, String)> },
    Regexp { regex: ::regex::Regex, names: Vec<(usize, String)> },
    Pattern(Pattern),
    Unpack,
}

impl Parser {
    /// From `{"t": "json" | "logfmt" | "regexp" | "pattern" | "unpack", ...}`.
    pub fn read(json: &Json) -> Result<Self, String> {
        Ok(match json.get("t").text() {
            "json" => {
                Self::Json { wanted: json.get("wanted").list().iter().map(expression).collect::<Result<_, String>>()? }
            }
            "logfmt" => Self::Logfmt {
                strict: json.get("strict").truth(),
                keep_empty: json.get("keep_empty").truth(),
                wanted: json
                    .get("wanted")
                    .list()
                    .iter()
                    .map(|one| (one.at(0).text().to_owned(), one.at(1).text().to_owned()))
                    .collect(),
            },
            "regexp" => {
                let regex = regex::compile(json.get("pattern").text(), false)?;
                let names: Vec<(usize, String)> = regex
                    .capture_names()
                    .enumerate()
                    .filter_map(|(number, name)| Some((number, name?.to_owned())))
                    .collect();
                if names.is_empty() {
                    return Err("at least one named capture must be supplied".to_owned());
                }
                Self::Regexp { regex, names }
            }
            "pattern" => Self::Pattern(Pattern::parse(json.get("pattern").text(), false)?),
            "unpack" => Self::Unpack,
            other => return Err(format!("unknown parser {other:?}")),
        })
    }

    /// Add what the line holds to the entry.
    pub fn apply(&self, entry: &mut Entry<'_>) {
        let line = entry.line.clone();
        match &line {
            Cow::Borrowed(line) => self.on(line, entry, |text| text),
            // A line made by an earlier stage: what it holds is copied.
            Cow::Owned(line) => self.on(line, entry, |text| Cow::Owned(text.into_owned())),
        }
    }

    fn on<'a, 't>(&self, line: &'t str, entry: &mut Entry<'a>, keep: impl Fn(Cow<'t, str>) -> Cow<'a, str>) {
        match self {
            Self::Json { wanted } if wanted.is_empty() => {
                let mut flat = Flattener { entry, keep: &keep, scratch: Vec::new() };
                if let Err(error) = flat.whole(line) {
                    entry.fail("JSONParserErr", error);
                }
            }
            Self::Json { wanted } => match Json::parse(line) {
                Ok(document @ Json::Object(_)) => {
                    for (name, path) in wanted {
                        let found = path.iter().try_fold(&document, |at, step| match (at, step) {
                            (Json::Object(_), Step::Key(key)) => Some(at.get(key)),
                            (Json::List(_), Step::Index(index)) => Some(at.at(*index)),
                            _ => None,
                        });
                        let value = found.map_or_else(String::new, Json::label);
                        entry.extract(Cow::Owned(name.clone()), Cow::Owned(value));
                    }
                }
                Ok(_) => entry.fail("JSONParserErr", "expecting json object, but it is not"),
                Err(error) => entry.fail("JSONParserErr", error),
            },
            Self::Logfmt { strict, keep_empty, wanted } => {
                let fault = logfmt(line, *strict, |key, value| {
                    if wanted.is_empty() {
                        if value.is_empty() && !keep_empty {
                            return;
                        }
                        entry.extract(Cow::Owned(valid_name(key).into_owned()), keep(value));
                    } else if let Some((name, _)) = wanted.iter().find(|(_, source)| source == key) {
                        entry.extract(Cow::Owned(name.clone()), keep(value));
                    }
                });
                if let Some(fault) = fault {
                    entry.fail("LogfmtParserErr", fault);
                }
            }
            Self::Regexp { regex, names } => {
                if let Some(found) = regex.captures(line) {
                    for (number, name) in names {
                        if let Some(text) = found.get(*number) {
                            entry.extract(Cow::Owned(valid_name(name).into_owned()), keep(text.as_str().into()));
                        }
                    }
                }
            }
            Self::Pattern(pattern) => pattern.captures(line, |name, text| {
                entry.extract(Cow::Owned(name.to_owned()), keep(Cow::Borrowed(text)));
            }),
            Self::Unpack => match Json::parse(line) {
                Ok(Json::Object(members)) => {
                    for (key, value) in members {
                        if let Json::Text(text) = value {
                            if key == "_entry" {
                                entry.line = Cow::Owned(text);
                            } else {
                                entry.extract(Cow::Owned(valid_name(&key).into_owned()), Cow::Owned(text));
                            }
                        }
                    }
                }
                Ok(_) => entry.fail("JSONParserErr", "expecting json object, but it is not"),
                Err(error) => entry.fail("JSONParserErr", error),
            },
        }
    }
}

/// From `[name, [key or index, ...]]`.
fn expression(json: &Json) -> Result<(String, Vec<Step>), String> {
    let steps = json.at(1).list().iter().map(|step| match step {
        Json::Text(key) => Ok(Step::Key(key.clone())),
        _ => step
            .int()
            .and_then(|index| usize::try_from(index).ok())
            .map(Step::Index)
            .ok_or_else(|| "bad path".to_owned()),
    });
    Ok((json.at(0).text().to_owned(), steps.collect::<Result<_, String>>()?))
}

/// `json` without expressions: every scalar that is not in a list, under the joined keys of its way.
struct Flattener<'e, 'a, K> {
    entry: &'e mut Entry<'a>,
    keep: &'e K,
    scratch: Vec<u8>,
}

impl<'t, 'a, K: Fn(Cow<'t, str>) -> Cow<'a, str>> Flattener<'_, 'a, K> {
    fn whole(&mut self, line: &'t str) -> Result<(), String> {
        let mut reader = Reader::new(line.as_bytes());
        let said = |error: JsonError| error.to_string();
        if reader.value().map_err(said)? != Token::Object {
            return Err("expecting json object, but it is not".to_owned());
        }
        self.members(&mut reader, "", 0)?;
        if reader.at_end() { Ok(()) } else { Err("something follows the JSON object".to_owned()) }
    }

    fn members(&mut self, reader: &mut Reader<'t>, prefix: &str, depth: usize) -> Result<(), String> {
        let said = |error: JsonError| error.to_string();
        if depth > MAX_DEPTH {
            return Err("nested too deeply".to_owned());
        }
        let mut first = true;
        while let Some(key) = reader.key(first).map_err(said)? {
            first = false;
            let key = lossy(key.resolve(&mut self.scratch));
            let name = if prefix.is_empty() {
                valid_name(&key).into_owned()
            } else {
                let mut name = prefix.to_owned();
                name.push('_');
                name.extend(key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
                name
            };
            let token = reader.value().map_err(said)?;
            if name.len() > MAX_NAME {
                self.entry.extract(Cow::Owned(name), Cow::Borrowed("-"));
                reader.skip_rest(token).map_err(said)?;
                continue;
            }
            let value = match token {
                Token::Object => {
                    self.members(reader, &name, depth + 1)?;
                    continue;
                }
                token @ Token::Array => {
                    reader.skip_rest(token).map_err(said)?;
                    continue;
                }
                Token::Null => continue,
                Token::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
                Token::Number { raw, .. } => String::from_utf8_lossy(raw),
                Token::Text(text) if !text.escaped => String::from_utf8_lossy(text.raw),
                Token::Text(text) => Cow::Owned(lossy(text.resolve(&mut self.scratch))),
            };
            self.entry.extract(Cow::Owned(name), (self.keep)(value));
        }
        Ok(())
    }
}

/// Read `key=value key="quoted value" key`. Without `strict` what is malformed is passed over; with it, reading ends there
/// and the fault is returned.
pub(crate) fn logfmt<'t>(line: &'t str, strict: bool, mut found: impl FnMut(&str, Cow<'t, str>)) -> Option<String> {
    let bytes = line.as_bytes();
    let mut at = 0;
    let space = |byte: u8| byte <= b' ';
    while at < bytes.len() {
        while at < bytes.len() && space(bytes[at]) {
            at += 1;
        }
        let start = at;
        while at < bytes.len() && !space(bytes[at]) && bytes[at] != b'=' && bytes[at] != b'"' {
            at += 1;
        }
        let key = &line[start..at];
        if at >= bytes.len() || space(bytes[at]) {
            if !key.is_empty() {
                found(key, Cow::Borrowed(""));
            }
            continue;
        }
        if bytes[at] == b'"' || key.is_empty() {
            if strict {
                return Some(format!("logfmt syntax error at pos {} : unexpected '{}'", at + 1, char::from(bytes[at])));
            }
            while at < bytes.len() && !space(bytes[at]) {
                at += 1;
            }
            continue;
        }
        at += 1;
        if at < bytes.len() && bytes[at] == b'"' {
            match quoted(line, at) {
                Some((value, end)) => {
                    found(key, value);
                    at = end;
                }
                None if strict => {
                    return Some(format!("logfmt syntax error at pos {} : unterminated quoted value", at + 1));
                }
                None => {
                    while at < bytes.len() && !space(bytes[at]) {
                        at += 1;
                    }
                }
            }
        } else {
            let start = at;
            while at < bytes.len() && !space(bytes[at]) {
                if strict && matches!(bytes[at], b'=' | b'"') {
                    let found = char::from(bytes[at]);
                    return Some(format!("logfmt syntax error at pos {} : unexpected '{found}'", at + 1));
                }
                at += 1;
            }
            found(key, Cow::Borrowed(&line[start..at]));
        }
    }
    None
}

/// The quoted text that begins at a byte, and where it ends.
fn quoted(line: &str, start: usize) -> Option<(Cow<'_, str>, usize)> {
    let bytes = line.as_bytes();
    let mut at = start + 1;
    let mut escaped = false;
    loop {
        match bytes.get(at)? {
            b'"' => break,
            b'\\' => {
                escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
    let inner = &line[start + 1..at];
    if !escaped {
        return Some((Cow::Borrowed(inner), at + 1));
    }
    let document = Json::parse(&line[start..=at]);
    let text = match document {
        Ok(Json::Text(text)) => text,
        _ => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
    };
    Some((Cow::Owned(text), at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, strict: bool) -> (Vec<String>, Option<String>) {
        let mut pairs = Vec::new();
        let fault = logfmt(line, strict, |key, value| pairs.push(format!("{key}={value}")));
        (pairs, fault)
    }

    #[test]
    fn logfmt_lines() {
        let (pairs, fault) = read(r#"a=1 b="two \"words\"" c= d e=x"#, true);
        assert_eq!(pairs, ["a=1", "b=two \"words\"", "c=", "d=", "e=x"]);
        assert_eq!(fault, None);
        let (pairs, fault) = read(r#"a=1 "bad" b=2"#, false);
        assert_eq!((pairs, fault), (vec!["a=1".to_owned(), "b=2".to_owned()], None));
        assert!(read(r#"a=1 "bad" b=2"#, true).1.is_some());
        assert!(read(r#"a="never ends"#, true).1.is_some());
    }
}
