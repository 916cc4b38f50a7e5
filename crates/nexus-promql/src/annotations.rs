//! Warnings and infos of a query: each once, with the place in the query it is about.

use std::collections::BTreeSet;
use std::sync::Mutex;

/// Place in the query's text: start and end, bytes.
pub type Position = (u32, u32);

/// See the module text. Texts are those of Prometheus, because dashboards and people search for them.
#[derive(Debug, Default)]
pub struct Notes {
    warnings: Mutex<BTreeSet<(Position, String)>>,
    infos: Mutex<BTreeSet<(Position, String)>>,
}

/// More notes than this are not kept: a query over a million series could write as many.
const MOST: usize = 1000;

impl Notes {
    /// Adds a warning; `text` comes without "PromQL warning: " and without the place.
    pub fn warn(&self, position: Position, text: impl Into<String>) {
        add(&self.warnings, position, text.into());
    }

    /// Adds an info; `text` comes without "PromQL info: " and without the place.
    pub fn info(&self, position: Position, text: impl Into<String>) {
        add(&self.infos, position, text.into());
    }

    /// Warnings and infos as clients read them.
    pub fn texts(&self, query: &str) -> (Vec<String>, Vec<String>) {
        let of = |notes: &Mutex<BTreeSet<(Position, String)>>, head: &str| {
            let notes = notes.lock().expect("no panic while locked");
            notes.iter().map(|(at, text)| format!("{head}: {text} ({})", place(query, at.0 as usize))).collect()
        };
        (of(&self.warnings, "PromQL warning"), of(&self.infos, "PromQL info"))
    }
}

fn add(notes: &Mutex<BTreeSet<(Position, String)>>, position: Position, text: String) {
    let mut notes = notes.lock().expect("no panic while locked");
    if notes.len() < MOST {
        notes.insert((position, text));
    }
}

/// `line:column` of a byte offset, both from 1.
fn place(query: &str, offset: usize) -> String {
    let before = query.get(..offset).unwrap_or(query);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").len() + 1;
    format!("{line}:{column}")
}

/// Name of a metric in quotes as Go's `%q` writes it.
pub fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    out.push('"');
    for character in name.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_kept_once_with_its_place() {
        let notes = Notes::default();
        notes.warn((4, 5), "quantile value should be between 0 and 1, got 2");
        notes.warn((4, 5), "quantile value should be between 0 and 1, got 2");
        let (warnings, infos) = notes.texts("a\n+ quantile(2, b)");
        assert_eq!(warnings, ["PromQL warning: quantile value should be between 0 and 1, got 2 (2:3)"]);
        assert!(infos.is_empty());
    }
}
