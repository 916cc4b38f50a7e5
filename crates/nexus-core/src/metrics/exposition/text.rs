//! The line formats: Prometheus text and OpenMetrics.

use super::numbers;
use super::series::{Labels, end_of_series, parse_exemplar_labels, parse_name};
use super::{Fault, Said};
use memchr::memchr;
use nexus_series::batch::MetricKind;

/// Which of the two, as they differ in blanks, comments and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Prometheus text.
    Text,
    /// OpenMetrics.
    OpenMetrics,
}

/// What a sink knows of the line that comes.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// The text of a series of so many bytes, followed by a blank; it is the current series now.
    Series(usize),
    /// A comment of so many bytes, followed by a newline; it was heeded.
    Comment(usize),
}

/// Takes what the reader finds. An error of it is an error of the line.
pub trait Sink {
    /// Does the line begin with something seen before?
    fn known(&mut self, rest: &[u8]) -> Option<Known>;
    /// Something about a family; `raw` is the whole line.
    fn family(&mut self, name: &str, said: Said<'_>, raw: &[u8]) -> Result<(), String>;
    /// The text of a series, which is the current one from now on.
    fn series(&mut self, raw: &[u8]) -> Result<(), String>;
    /// A sample of the current series.
    fn sample(&mut self, timestamp: Option<i64>, value: f64) -> Result<(), String>;
    /// An exemplar of the sample before.
    fn exemplar(&mut self, labels: &Labels<'_>, timestamp: Option<i64>, value: f64) -> Result<(), String>;
    /// A line cannot be read: go on with the next one?
    fn skip(&mut self, fault: Fault) -> Result<(), Fault> {
        Err(fault)
    }
}

/// Numbers of lines, counted when they are asked for: quoted values may have newlines, also in lines that a sink knows.
struct Lines<'a> {
    body: &'a [u8],
    counted: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line (from 1 on) of a place, which is not before that of the last call.
    fn at(&mut self, place: usize) -> usize {
        self.line += memchr::memchr_iter(b'\n', &self.body[self.counted..place]).count();
        self.counted = place;
        self.line
    }
}

/// Read a body. Stops at the first fault that the sink does not skip.
pub fn read(body: &[u8], dialect: Dialect, sink: &mut impl Sink) -> Result<(), Fault> {
    let mut rest = body;
    let mut lines = Lines { body, counted: 0, line: 1 };
    let mut ended = false;
    while !rest.is_empty() {
        let place = body.len() - rest.len();
        if ended {
            return Err(Fault { line: lines.at(place), message: "there is more after # EOF".into() });
        }
        match one(rest, dialect, sink, &mut ended) {
            Ok(read) => rest = &rest[read..],
            Err(message) => {
                sink.skip(Fault { line: lines.at(place), message })?;
                rest = &rest[memchr(b'\n', rest).map_or(rest.len(), |at| at + 1)..];
            }
        }
    }
    if dialect == Dialect::OpenMetrics && !ended {
        let unfinished = usize::from(body.last().is_some_and(|last| *last != b'\n'));
        let line = lines.at(body.len()) + unfinished;
        return Err(Fault { line, message: "the text does not end with # EOF".into() });
    }
    Ok(())
}

/// One line (which may have newlines in quoted values): bytes read with its newline.
#[inline]
fn one(rest: &[u8], dialect: Dialect, sink: &mut impl Sink, ended: &mut bool) -> Result<usize, String> {
    let series = match sink.known(rest) {
        Some(Known::Series(length)) => length,
        Some(Known::Comment(length)) => return Ok((length + 1).min(rest.len())),
        None => match rest[0] {
            b'#' => return comment(rest, dialect, sink, ended),
            b'\n' if dialect == Dialect::Text => return Ok(1),
            b' ' | b'\t' if dialect == Dialect::Text => return indented(rest, sink),
            _ => {
                let end = end_of_series(rest, dialect == Dialect::Text)?;
                sink.series(&rest[..end])?;
                end
            }
        },
    };
    let after = &rest[series..];
    let end = memchr(b'\n', after).unwrap_or(after.len());
    match dialect {
        Dialect::Text => text_sample(&after[..end], sink)?,
        Dialect::OpenMetrics => open_metrics_sample(&after[..end], sink)?,
    }
    Ok((series + end + 1).min(rest.len()))
}

/// A line of the text format that begins with blanks.
#[cold]
fn indented(rest: &[u8], sink: &mut impl Sink) -> Result<usize, String> {
    let blanks = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(rest.len());
    if blanks == rest.len() {
        return Ok(blanks);
    }
    one(&rest[blanks..], Dialect::Text, sink, &mut false).map(|read| blanks + read)
}

fn quoted(text: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&text[..text.len().min(40)]);
    format!("{shown:?}")
}

#[inline]
fn text_sample(line: &[u8], sink: &mut impl Sink) -> Result<(), String> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = line.iter().position(|byte| !is_blank(byte)).ok_or("expected a value, but the line ends")?;
    let line = &line[start..];
    let end = line.iter().position(is_blank).unwrap_or(line.len());
    let value = numbers::value(&line[..end]).ok_or_else(|| format!("{} is not a number", quoted(&line[..end])))?;
    let line = &line[end..];
    let Some(start) = line.iter().position(|byte| !is_blank(byte)) else {
        return sink.sample(None, value);
    };
    let line = &line[start..];
    let end = line.iter().position(is_blank).unwrap_or(line.len());
    let time = numbers::milliseconds(&line[..end])
        .ok_or_else(|| format!("{} is not a timestamp in milliseconds", quoted(&line[..end])))?;
    if line[end..].iter().any(|byte| !is_blank(byte)) {
        return Err(format!("expected the end of the line, found {}", quoted(&line[end + 1..])));
    }
    sink.sample(Some(time), value)
}

#[inline]
fn open_metrics_sample(line: &[u8], sink: &mut impl Sink) -> Result<(), String> {
    let Some((b' ', line)) = line.split_first() else {
        return Err("expected a space and a value".into());
    };
    let end = memchr(b' ', line).unwrap_or(line.len());
    let value = numbers::value(&line[..end]).ok_or_else(|| format!("{} is not a number", quoted(&line[..end])))?;
    let mut rest = &line[end..];
    let mut time = None;
    if !rest.is_empty() && !rest.starts_with(b" # ") {
        rest = &rest[1..];
        let end = memchr(b' ', rest).unwrap_or(rest.len());
        let stamp = numbers::seconds(&rest[..end]);
        time = Some(stamp.ok_or_else(|| format!("{} is not a timestamp in seconds", quoted(&rest[..end])))?);
        rest = &rest[end..];
    }
    sink.sample(time, value)?;
    if rest.is_empty() { Ok(()) } else { exemplar(rest, sink) }
}

fn exemplar(rest: &[u8], sink: &mut impl Sink) -> Result<(), String> {
    let Some(rest) = rest.strip_prefix(b" # ") else {
        return Err(format!("expected an exemplar or the end of the line, found {}", quoted(rest)));
    };
    let (labels, end) = parse_exemplar_labels(rest).map_err(|message| format!("in the exemplar: {message}"))?;
    let Some((b' ', rest)) = rest[end..].split_first() else {
        return Err("in the exemplar: expected a space and a value".into());
    };
    let end = memchr(b' ', rest).unwrap_or(rest.len());
    let value = numbers::value(&rest[..end])
        .ok_or_else(|| format!("in the exemplar: {} is not a number", quoted(&rest[..end])))?;
    let time = match &rest[end..] {
        [] => None,
        time => Some(
            numbers::seconds(&time[1..])
                .ok_or_else(|| format!("in the exemplar: {} is not a timestamp in seconds", quoted(&time[1..])))?,
        ),
    };
    sink.exemplar(&labels, time, value)
}

fn comment(rest: &[u8], dialect: Dialect, sink: &mut impl Sink, ended: &mut bool) -> Result<usize, String> {
    let end = memchr(b'\n', rest).unwrap_or(rest.len());
    let raw = &rest[..end];
    let read = (end + 1).min(rest.len());
    let open_metrics = dialect == Dialect::OpenMetrics;
    if open_metrics && raw == b"# EOF" {
        *ended = true;
        return Ok(read);
    }
    let line = simdutf8::basic::from_utf8(raw).map_err(|_| "the comment is not UTF-8".to_owned())?;
    let found = if open_metrics { line.strip_prefix("# ") } else { Some(line[1..].trim_start_matches([' ', '\t'])) };
    let keyword = found.and_then(|text| {
        let (word, after) = text.split_once(if open_metrics { &[' '][..] } else { &[' ', '\t'][..] })?;
        let known = matches!(word, "HELP" | "TYPE") || (open_metrics && word == "UNIT");
        // `#HELP` without a blank is a comment as any other.
        (known && line.as_bytes().get(1).is_some_and(|byte| matches!(byte, b' ' | b'\t'))).then_some((word, after))
    });
    let Some((word, after)) = keyword else {
        return if open_metrics { Err(format!("{} is no comment of OpenMetrics", quoted(raw))) } else { Ok(read) };
    };
    let after = if open_metrics { after } else { after.trim_start_matches([' ', '\t']) };
    let (name, end) = parse_name(after)?;
    let text = &after[end..];
    let text = match text.as_bytes().first() {
        None => "",
        Some(b' ') => &text[1..],
        Some(b'\t') if !open_metrics => &text[1..],
        Some(_) => return Err(format!("expected a blank after the name, found {}", quoted(text.as_bytes()))),
    };
    let text = if open_metrics { text } else { text.trim_start_matches([' ', '\t']) };
    let said = match word {
        "HELP" => Said::Help(text),
        "TYPE" => Said::Kind(kind(text.trim_end_matches([' ', '\t']), open_metrics)?),
        _ => {
            if !text.is_empty() && !name.ends_with(&format!("_{text}")) {
                return Err(format!("the unit {text:?} is not at the end of the name {name:?}"));
            }
            Said::Unit(text)
        }
    };
    sink.family(&name, said, raw)?;
    Ok(read)
}

fn kind(text: &str, open_metrics: bool) -> Result<MetricKind, String> {
    Ok(match text {
        "counter" => MetricKind::Counter,
        "gauge" => MetricKind::Gauge,
        "histogram" => MetricKind::Histogram,
        "summary" => MetricKind::Summary,
        "untyped" if !open_metrics => MetricKind::Unknown,
        "gaugehistogram" if open_metrics => MetricKind::GaugeHistogram,
        "info" if open_metrics => MetricKind::Info,
        "stateset" if open_metrics => MetricKind::StateSet,
        "unknown" if open_metrics => MetricKind::Unknown,
        _ => return Err(format!("{:?} is no type of a metric", text.chars().take(40).collect::<String>())),
    })
}
