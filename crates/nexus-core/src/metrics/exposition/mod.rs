//! What targets expose: Prometheus text (0.0.4 and 1.0.0), OpenMetrics text (0.0.1 and 1.0.0), and the delimited protobuf
//! messages with native histograms.
//!
//! The readers here know the formats and nothing else: they tell a sink what they find, in order. Two sinks are `import`,
//! which makes a batch of everything, and `scrape`, which remembers a target.
//!
//! Source: Prometheus' exposition formats, OpenMetrics 1.0.0, `io.prometheus.client` of client_model.

pub mod import;
pub mod numbers;
pub mod origins;
pub mod protobuf;
pub mod series;
pub mod text;

use nexus_series::batch::MetricKind;

/// A format of exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text.
    Text,
    /// OpenMetrics text.
    OpenMetrics,
    /// Length-delimited `MetricFamily` messages.
    Protobuf,
}

/// Bytes of a help text that are kept.
pub const MAX_HELP: usize = 4096;

/// The format that a `Content-Type` names; `fallback` is the media type to take when it names none that is known, "" for
/// none. The error says why the answer cannot be read.
pub fn format_of(content_type: &str, fallback: &str) -> Result<Format, String> {
    let known = |text: &str| {
        let media = text.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        Some(match media.as_str() {
            "text/plain" => Format::Text,
            "application/openmetrics-text" => Format::OpenMetrics,
            "application/vnd.google.protobuf" => Format::Protobuf,
            _ => return None,
        })
    };
    if let Some(format) = known(content_type).or_else(|| known(fallback)) {
        return Ok(format);
    }
    if content_type.trim().is_empty() {
        return Err("the target sends no Content-Type, and there is no fallback_scrape_protocol".into());
    }
    let shown: String = content_type.chars().take(80).collect();
    Err(format!(
        "the target sends the Content-Type {shown:?}, which is not known, and there is no fallback_scrape_protocol"
    ))
}

/// A text about a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Its type.
    Kind(MetricKind),
    /// What it means, as it was written (escaped).
    Help(&'a str),
    /// Its unit.
    Unit(&'a str),
}

/// A text that cannot be read: the line (from 1; of protobuf the message) and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line or message, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// A text without its escapes, cut to `MAX_HELP` bytes.
pub fn help_text(escaped: &str, quotes: bool) -> String {
    let mut text = series::unescape(escaped, quotes).into_owned();
    if text.len() > MAX_HELP {
        let end = (0..=MAX_HELP).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
