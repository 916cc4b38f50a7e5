//! LogQL in native code: pipelines over the engine's rows, range aggregations, arithmetic over series, and the answers of
//! Loki's API. The language itself is read in Python (`nexus.query.logql`), which hands over a *program*: JSON whose
//! shapes are documented with the `read` functions here.

mod entry;
mod fields;
mod filter;
mod functions;
mod json;
mod layout;
mod matrix;
mod parsers;
mod patterns;
mod program;
mod range;
pub(crate) mod regex;
mod streams;
mod template;
mod units;

pub use fields::Fields;
pub use matrix::{Grid, Matrix, evaluate};
pub use patterns::patterns_of;
pub use program::{Program, Totals};
pub use range::Range;
pub use streams::{Entries, Streams, check_line, streams_of};

/// Why a query cannot go on: a message for the asker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogqlError(pub String);

impl std::fmt::Display for LogqlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LogqlError {}

impl From<String> for LogqlError {
    fn from(message: String) -> Self {
        Self(message)
    }
}

/// The compiled form of a text or the reason why there is none: what the parser asks of regular expressions, patterns,
/// templates and addresses before a query runs. `kind` is `regex`, `pattern`, `filter-pattern`, `template` or `ip`.
pub fn check(kind: &str, text: &str) -> Result<(), LogqlError> {
    match kind {
        "regex" => regex::compile(text, false).map(drop),
        "pattern" => filter::Pattern::parse(text, false).map(drop),
        "filter-pattern" => filter::Pattern::parse(text, true).map(drop),
        "template" => template::Template::parse(text).map(drop),
        "ip" => units::IpMatcher::parse(text).map(drop),
        _ => Err(format!("unknown kind {kind:?}")),
    }
    .map_err(LogqlError)
}
