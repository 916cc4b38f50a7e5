//! Programs: the selector and the stages of a query, compiled.

use super::LogqlError;
use super::entry::{Entry, Rendered, Row, Rows, Stream, Streams};
use super::filter::{LabelFilter, LineFilter, Matcher, selects};
use super::json::Json;
use super::parsers::Parser;
use super::template::Template;
use super::units;
use crate::render::{AttributeSource, BadRows};
use std::borrow::Cow;
use std::sync::Arc;

/// One stage of a pipeline.
#[derive(Debug)]
enum Stage {
    Lines(LineFilter),
    Labels(LabelFilter),
    Parse(Parser),
    LineFormat(Template),
    LabelFormat(Vec<(String, Format)>),
    Decolorize,
    Drop(Vec<Target>),
    Keep(Vec<Target>),
}

#[derive(Debug)]
enum Format {
    Rename(String),
    Template(Template),
}

/// A label, perhaps only when its value matches.
#[derive(Debug)]
struct Target {
    name: String,
    when: Option<Matcher>,
}

/// How the value of a sample is read from its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conversion {
    Number,
    Duration,
    Bytes,
}

/// `unwrap`.
#[derive(Debug)]
struct Unwrap {
    label: String,
    conversion: Conversion,
    filters: Vec<LabelFilter>,
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lines that came in.
    pub lines: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Lines that passed the pipeline.
    pub passed: u64,
}

/// A compiled program.
#[derive(Debug)]
pub struct Program {
    matchers: Vec<Matcher>,
    stages: Vec<Stage>,
    unwrap: Option<Unwrap>,
    with_template: bool,
    pub(crate) json: Json,
}

impl Program {
    /// From `{"matchers": [{"name", "op", "value"}], "stages": [...], "unwrap": {"label", "as", "filters"} | null,
    /// "template_id": bool, ...}`. The error says which text cannot be compiled.
    pub fn read(text: &str) -> Result<Self, LogqlError> {
        let json = Json::parse(text)?;
        let unwrap = json.get("unwrap");
        Ok(Self {
            matchers: json.get("matchers").list().iter().map(Matcher::read).collect::<Result<_, String>>()?,
            stages: json.get("stages").list().iter().map(stage).collect::<Result<_, String>>()?,
            unwrap: match unwrap {
                Json::Object(_) => Some(Unwrap {
                    label: unwrap.get("label").text().to_owned(),
                    conversion: match unwrap.get("as").text() {
                        "duration" | "duration_seconds" => Conversion::Duration,
                        "bytes" => Conversion::Bytes,
                        _ => Conversion::Number,
                    },
                    filters: unwrap
                        .get("filters")
                        .list()
                        .iter()
                        .map(LabelFilter::read)
                        .collect::<Result<_, String>>()?,
                }),
                _ => None,
            },
            with_template: json.get("template_id").truth(),
            json,
        })
    }

    /// Does a stream's labels match the selector?
    pub(crate) fn selects(&self, labels: &[(String, String)]) -> bool {
        selects(&self.matchers, labels)
    }

    /// Run the pipeline on each row that the selector takes; what passes goes to `each`, with its stream.
    pub(crate) fn run(
        &self,
        rows: &[u8],
        sources: &[AttributeSource],
        streams: &mut Streams,
        totals: &mut Totals,
        mut each: impl FnMut(Entry<'_>) -> Result<(), LogqlError>,
    ) -> Result<(), LogqlError> {
        let mut reader = Rows::new(rows);
        let mut last: Option<(&[u8], &[u8], Arc<Stream>)> = None;
        while !reader.at_end() {
            let at = reader.at;
            let row = Row::read(&mut reader, sources).ok_or_else(|| LogqlError(BadRows { at }.to_string()))?;
            let stream = match &last {
                Some((service, resource, stream)) if *service == row.service && *resource == row.resource => {
                    stream.clone()
                }
                _ => streams.get(row.service, row.resource, |labels| self.selects(labels)),
            };
            last = Some((row.service, row.resource, stream.clone()));
            if !stream.matches {
                continue;
            }
            totals.lines += 1;
            totals.bytes += row.body.len() as u64;
            let mut entry = row.entry(&stream, self.with_template);
            if self.passes(&mut entry) {
                totals.passed += 1;
                each(entry)?;
            }
        }
        Ok(())
    }

    /// As [`Self::run`], on records as a search renders them.
    pub(crate) fn run_rendered(
        &self,
        records: &[&[u8]],
        streams: &mut Streams,
        totals: &mut Totals,
        mut each: impl FnMut(Entry<'_>) -> Result<(), LogqlError>,
    ) -> Result<(), LogqlError> {
        for record in records {
            let rendered = Rendered::read(&String::from_utf8_lossy(record))?;
            let (service, resource) = (rendered.service.as_bytes(), rendered.resource.as_bytes());
            let stream = streams.get(service, resource, |labels| self.selects(labels));
            if !stream.matches {
                continue;
            }
            totals.lines += 1;
            totals.bytes += rendered.body.len() as u64;
            let mut entry = rendered.entry(&stream, self.with_template);
            if self.passes(&mut entry) {
                totals.passed += 1;
                each(entry)?;
            }
        }
        Ok(())
    }

    /// Run the stages on one entry.
    pub(crate) fn passes<'a>(&'a self, entry: &mut Entry<'a>) -> bool {
        self.stages.iter().all(|stage| stage.apply(entry))
    }

    /// The value of `unwrap`; None when the entry gives no sample, or a filter behind `unwrap` refuses it.
    pub(crate) fn unwrapped(&self, entry: &mut Entry<'_>) -> Option<f64> {
        let Some(unwrap) = &self.unwrap else { return Some(1.0) };
        let text = entry.find(&unwrap.label)?.to_owned();
        let read = match unwrap.conversion {
            Conversion::Number => units::number(&text),
            Conversion::Duration => units::duration(&text).map(|ns| ns / 1e9),
            Conversion::Bytes => units::bytes(&text),
        };
        let value = read.unwrap_or_else(|| {
            entry.fail("SampleExtractionErr", format!("{text:?} cannot be read as a value"));
            0.0
        });
        if read.is_some() {
            entry.remove(&unwrap.label);
        }
        unwrap.filters.iter().all(|filter| filter.passes(entry)).then_some(value)
    }
}

fn stage(json: &Json) -> Result<Stage, String> {
    Ok(match json.get("t").text() {
        "lines" => Stage::Lines(LineFilter::read(json)?),
        "labels" => Stage::Labels(LabelFilter::read(json.get("filter"))?),
        "line_format" => Stage::LineFormat(Template::parse(json.get("template").text())?),
        "label_format" => {
            Stage::LabelFormat(json.get("formats").list().iter().map(format).collect::<Result<_, String>>()?)
        }
        "decolorize" => Stage::Decolorize,
        "drop" => Stage::Drop(json.get("labels").list().iter().map(target).collect::<Result<_, String>>()?),
        "keep" => Stage::Keep(json.get("labels").list().iter().map(target).collect::<Result<_, String>>()?),
        _ => Stage::Parse(Parser::read(json)?),
    })
}

fn format(json: &Json) -> Result<(String, Format), String> {
    let made = match json.get("template") {
        Json::Text(text) => Format::Template(Template::parse(text)?),
        _ => Format::Rename(json.get("from").text().to_owned()),
    };
    Ok((json.get("name").text().to_owned(), made))
}

fn target(json: &Json) -> Result<Target, String> {
    let when = if json.get("op") == &Json::Null { None } else { Some(Matcher::read(json)?) };
    Ok(Target { name: json.get("name").text().to_owned(), when })
}

impl Stage {
    fn apply<'a>(&'a self, entry: &mut Entry<'a>) -> bool {
        match self {
            Self::Lines(filter) => return filter.passes(&entry.line),
            Self::Labels(filter) => return filter.passes(entry),
            Self::Parse(parser) => parser.apply(entry),
            Self::LineFormat(template) => match template.render(entry) {
                Ok(line) => entry.line = Cow::Owned(line),
                Err(error) => entry.fail("TemplateFormatErr", error),
            },
            Self::LabelFormat(formats) => {
                for (name, format) in formats {
                    match format {
                        Format::Rename(from) => {
                            if let Some(value) = entry.find(from).map(str::to_owned) {
                                entry.remove(from);
                                entry.set(Cow::Borrowed(name), Cow::Owned(value));
                            }
                        }
                        Format::Template(template) => match template.render(entry) {
                            Ok(value) => entry.set(Cow::Borrowed(name), Cow::Owned(value)),
                            Err(error) => entry.fail("TemplateFormatErr", error),
                        },
                    }
                }
            }
            Self::Decolorize => {
                if entry.line.contains('\u{1b}') {
                    entry.line = Cow::Owned(without_colours(&entry.line));
                }
            }
            Self::Drop(targets) => {
                for target in targets {
                    let value = entry.get(&target.name);
                    if target.when.as_ref().is_none_or(|matcher| matcher.text.is_match(value)) {
                        entry.remove(&target.name);
                    }
                }
            }
            Self::Keep(targets) => entry.labels.retain(|label| {
                targets.iter().any(|target| {
                    target.name == label.name
                        && target.when.as_ref().is_none_or(|matcher| matcher.text.is_match(&label.value))
                })
            }),
        }
        true
    }
}

/// Text without ANSI escape sequences.
fn without_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(body) = rest.strip_prefix('[') {
            let end = body.bytes().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
            let last = body.as_bytes().get(end).is_some_and(|byte| matches!(byte, 0x40..=0x7e));
            rest = &body[end + usize::from(last)..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: &str) -> Entry<'_> {
        Entry { timestamp: 0, line: Cow::Borrowed(line), labels: Vec::new(), error: None, error_details: String::new() }
    }

    fn run(stages: &str, line: &str) -> Option<(String, Vec<String>, Option<&'static str>)> {
        let program = Program::read(&format!("{{\"stages\":{stages}}}")).unwrap();
        let mut made = entry(line);
        if !program.passes(&mut made) {
            return None;
        }
        let mut labels: Vec<String> =
            made.labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect();
        labels.sort();
        Some((made.line.to_string(), labels, made.error))
    }

    #[test]
    fn stages_work_together() {
        let (_, labels, error) =
            run(r#"[{"t":"json"}]"#, r#"{"a":{"b":1,"c":[1]},"d":"x","e":null,"f":true}"#).unwrap();
        assert_eq!((labels, error), (vec!["a_b=1".to_owned(), "d=x".to_owned(), "f=true".to_owned()], None));
        assert_eq!(run(r#"[{"t":"json"}]"#, "no").unwrap().2, Some("JSONParserErr"));
        let stages = r#"[{"t":"logfmt"},{"t":"labels","filter":{"t":"duration","name":"took","op":">","value":1000000000}},
            {"t":"line_format","template":"{{.path | ToUpper}} {{.took}}"},{"t":"keep","labels":[{"name":"path"}]}]"#;
        assert_eq!(run(stages, "path=/x took=2s").unwrap().0, "/X 2s");
        assert_eq!(run(stages, "path=/x took=2ms"), None);
        let stages = r#"[{"t":"logfmt"},{"t":"labels","filter":{"t":"number","name":"n","op":">","value":1}}]"#;
        assert_eq!(run(stages, "n=x").unwrap().2, Some("LabelFilterErr"));
        assert_eq!(run(stages, "m=1"), None);
        assert_eq!(run(r#"[{"t":"decolorize"}]"#, "\u{1b}[31mred\u{1b}[0m").unwrap().0, "red");
    }

    #[test]
    fn templates_work() {
        let show = |template: &str| {
            let json = format!("{{\"t\":\"line_format\",\"template\":{template:?}}}");
            run(&format!("[{{\"t\":\"logfmt\"}},{json}]"), "a=5 b=text j=[1,2]").unwrap().0
        };
        assert_eq!(show("{{.a}} {{.missing}}|{{ add 1 .a }}"), "5 |6");
        assert_eq!(show("{{if eq .a \"5\"}}five{{else if .b}}b{{else}}none{{end}}"), "five");
        assert_eq!(show("{{range $i, $x := fromJson .j}}{{$i}}:{{$x}} {{end}}"), "0:1 1:2 ");
        assert_eq!(show("{{ .b | trunc 2 | upper }}{{- /* c */ -}} x"), "TEx");
        assert_eq!(show("{{with .b}}{{.}}{{end}}{{ printf \"%-4s|%03d\" .a 7 }}"), "text5   |007");
        assert_eq!(show("{{ regexReplaceAll \"(t)e\" .b \"${1}-\" }}"), "t-xt");
        assert_eq!(show("{{ __line__ | len }}"), "18");
        assert_eq!(show("{{ divf (float64 .a) 2 }} {{ round 3.14159 2 }}"), "2.5 3.14");
        assert!(Program::read(r#"{"stages":[{"t":"line_format","template":"{{nope .a}}"}]}"#).is_err());
        assert!(Program::read(r#"{"stages":[{"t":"line_format","template":"{{if .a}}"}]}"#).is_err());
    }
}
