//! Warnings and infos of a query: each once, with the place in the query it is about.

use crate::encode::go_general;
use crate::histogram::forced::ForcedNotes;
use crate::window::Annotator;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Place in the query's text: start and end, bytes.
pub type Position = (u32, u32);

/// See the module text. Texts are those of Prometheus, because dashboards and people search for them.
#[derive(Debug, Default)]
pub struct Notes {
    warnings: Mutex<BTreeMap<String, Position>>,
    infos: Mutex<BTreeMap<String, Position>>,
    /// Infos of `histogram_quantile` that grow with each occurrence.
    pub forced: ForcedNotes,
}

/// More notes than this are not shown.
const SHOWN: usize = 10;
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

    /// Warnings and infos as clients read them: ten of each, and how many there are beyond.
    pub fn texts(&self, query: &str) -> (Vec<String>, Vec<String>) {
        let of = |notes: &Mutex<BTreeMap<String, Position>>, head: &str, word: &str| {
            let notes = notes.lock().expect("no panic while locked");
            let shown = |(text, at): (&String, &Position)| format!("{head}: {text} ({})", place(query, at.0 as usize));
            let mut texts: Vec<String> = notes.iter().take(SHOWN).map(shown).collect();
            if notes.len() > SHOWN {
                texts.push(format!("{} more {word} annotations omitted", notes.len() - SHOWN));
            }
            texts
        };
        for (position, text) in self.forced.texts() {
            self.info(position, text);
        }
        (of(&self.warnings, "PromQL warning", "warning"), of(&self.infos, "PromQL info", "info"))
    }
}

/// Of a text noted at several places, the one that is evaluated last counts: what is further right, and outside.
fn add(notes: &Mutex<BTreeMap<String, Position>>, position: Position, text: String) {
    let mut notes = notes.lock().expect("no panic while locked");
    if let Some(at) = notes.get_mut(&text) {
        let order = |position: &Position| (position.1, std::cmp::Reverse(position.0));
        *at = std::cmp::max_by_key(*at, position, order);
    } else if notes.len() < MOST {
        notes.insert(text, position);
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

/// A quantile that is none.
pub fn invalid_quantile(notes: &Notes, position: Position, value: f64) {
    notes.warn(position, format!("quantile value should be between 0 and 1, got {}", go_general(value)));
}

/// A ratio that is none.
pub fn invalid_ratio(notes: &Notes, position: Position, value: f64, used: f64) {
    let (value, used) = (go_general(value), go_general(used));
    notes.warn(position, format!("ratio value should be between -1 and 1, got {value}, capping to {used}"));
}

/// A counter's function on a metric that is not called like one.
pub fn possible_non_counter(notes: &Notes, position: Position, metric: &str) {
    let text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
    notes.info(position, format!("{text} {}", quoted(metric)));
}

/// Operands that an operator does not take together.
pub fn incompatible_types(notes: &Notes, position: Position, left: &str, operator: &str, right: &str) {
    let text = "incompatible sample types encountered for binary operator";
    notes.info(position, format!("{text} {}: {left} {operator} {right}", quoted(operator)));
}

/// Floats and histograms in one window.
pub fn mixed_floats_histograms(annotator: &Annotator) {
    let text = "encountered a mix of histograms and floats for metric name";
    annotator.notes.warn(annotator.position, format!("{text} {}", quoted(annotator.metric)));
}

/// Floats and histograms in one group.
pub fn mixed_in_aggregation(notes: &Notes, position: Position) {
    notes.warn(position, "encountered a mix of histograms and floats for aggregation");
}

/// A histogram in an aggregation that has no use for it.
pub fn histogram_ignored(notes: &Notes, position: Position, aggregation: &str) {
    notes.info(position, format!("ignored histogram in {aggregation} aggregation"));
}

/// Sorting where it cannot be seen.
pub fn sort_in_range(notes: &Notes, position: Position) {
    notes.warn(position, "sort is ineffective for range queries since results are always ordered by labels");
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
        for number in 0..25 {
            notes.info((0, 1), format!("info {number}"));
        }
        notes.warn((0, 20), "quantile value should be between 0 and 1, got 2");
        let (warnings, infos) = notes.texts("a");
        assert_eq!(warnings, ["PromQL warning: quantile value should be between 0 and 1, got 2 (1:1)"]);
        assert_eq!(infos.len(), 11);
        assert_eq!(infos[10], "15 more info annotations omitted");
    }
}
