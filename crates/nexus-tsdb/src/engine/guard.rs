//! How many series a tenant may have active: in all, of a metric, and values of a label of a metric. A series is asked about
//! when it is new or comes back; what an active one sends costs nothing here.

use super::{Engine, Tenant};
use crate::index::Index;
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use nexus_series::NAME;
use nexus_series::symbols::Sym;
use std::sync::atomic::Ordering;

/// Limits; 0 is none. Lengths are bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Active series of a tenant.
    pub series: usize,
    /// Active series of a metric.
    pub series_per_metric: usize,
    /// Values of a label on the active series of a metric.
    pub values_per_label: usize,
    /// Labels of a series.
    pub labels_per_series: usize,
    /// Bytes of a label's name.
    pub name_bytes: usize,
    /// Bytes of a label's value.
    pub value_bytes: usize,
    /// Exemplars that wait to be stored.
    pub exemplars: usize,
    /// Metric families with metadata.
    pub metadata: usize,
}

/// Why a series is not taken: reason and sentence.
pub type Refused = (&'static str, String);

type Set<T> = HashSet<T, RandomState>;

#[derive(Default)]
struct MetricUse {
    series: usize,
    values: HashMap<Sym, Set<Sym>, RandomState>,
}

/// Active series by metric.
#[derive(Default)]
pub struct Guard {
    active: usize,
    metrics: HashMap<Sym, MetricUse, RandomState>,
    /// When it was counted anew last, s.
    counted: u32,
    /// Overflow series there are.
    pub overflow: usize,
}

/// Seconds after which active series may be counted anew because a limit is met.
const AGAIN: u32 = 20;
/// Longest text of a label in a message.
const SHOWN: usize = 80;

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into(),
    }
}

/// Number with separators.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Checks the labels themselves.
pub fn check_labels(labels: &[(&str, &str)], limits: &Limits) -> Result<(), Refused> {
    let metric = name_of(labels);
    let over = |limit: usize, count: usize| limit > 0 && count > limit;
    if over(limits.labels_per_series, labels.len()) {
        return Err((
            "labels_limit",
            format!(
                "a series of metric \"{}\" has {} labels, at most {} are taken",
                shown(metric),
                grouped(labels.len()),
                grouped(limits.labels_per_series)
            ),
        ));
    }
    for (name, value) in labels {
        if over(limits.name_bytes, name.len()) {
            return Err((
                "label_name_too_long",
                format!(
                    "a label name of metric \"{}\" has {} bytes, at most {} are taken: \"{}\"",
                    shown(metric),
                    grouped(name.len()),
                    grouped(limits.name_bytes),
                    shown(name)
                ),
            ));
        }
        if over(limits.value_bytes, value.len()) {
            return Err((
                "label_value_too_long",
                format!(
                    "label \"{}\" of metric \"{}\" has a value of {} bytes, at most {} are taken",
                    shown(name),
                    shown(metric),
                    grouped(value.len()),
                    grouped(limits.value_bytes)
                ),
            ));
        }
    }
    Ok(())
}

/// Value of `__name__`.
pub fn name_of<'a>(labels: &[(&'a str, &'a str)]) -> &'a str {
    labels.iter().find(|(name, _)| *name == NAME).map_or("", |(_, value)| value)
}

impl Guard {
    /// May a series become active? It is not counted yet.
    pub fn check(&self, index: &Index, labels: &[(&str, &str)], limits: &Limits) -> Result<(), Refused> {
        let metric = name_of(labels);
        if limits.series > 0 && self.active >= limits.series {
            return Err((
                "series_limit",
                format!(
                    "the tenant has {} active series, its limit is {}: no new series of metric \"{}\" is taken",
                    grouped(self.active),
                    grouped(limits.series),
                    shown(metric)
                ),
            ));
        }
        let Some(used) = index.symbols.get(metric).and_then(|metric| self.metrics.get(&metric)) else { return Ok(()) };
        if limits.series_per_metric > 0 && used.series >= limits.series_per_metric {
            return Err((
                "metric_series_limit",
                format!(
                    "metric \"{}\" has {} active series, the limit of a metric is {}{}",
                    shown(metric),
                    grouped(used.series),
                    grouped(limits.series_per_metric),
                    Self::widest(index, used)
                ),
            ));
        }
        if limits.values_per_label > 0 {
            for (name, value) in labels.iter().filter(|(name, _)| *name != NAME) {
                let Some(values) = index.symbols.get(name).and_then(|name| used.values.get(&name)) else { continue };
                let known = index.symbols.get(value).is_some_and(|value| values.contains(&value));
                if !known && values.len() >= limits.values_per_label {
                    return Err((
                        "label_values_limit",
                        format!(
                            "label \"{}\" of metric \"{}\" has {} values, the limit of a label is {}: value \"{}\" is \
                             not taken",
                            shown(name),
                            shown(metric),
                            grouped(values.len()),
                            grouped(limits.values_per_label),
                            shown(value)
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    /// The label with the most values, for a message.
    fn widest(index: &Index, used: &MetricUse) -> String {
        let widest = used
            .values
            .iter()
            .max_by_key(|(name, values)| (values.len(), std::cmp::Reverse(index.symbols.text(**name))));
        widest.map_or_else(String::new, |(name, values)| {
            format!(" (its label \"{}\" has {} values)", shown(index.symbols.text(*name)), grouped(values.len()))
        })
    }

    /// Counts a series as active, unless it is.
    pub fn count(&mut self, index: &Index, number: u32) {
        let series = index.series(number);
        if series.counted.swap(true, Ordering::Relaxed) {
            return;
        }
        self.active += 1;
        let used = self.metrics.entry(series.metric).or_default();
        used.series += 1;
        for (name, value) in series.labels.iter() {
            if *value != series.metric || index.symbols.text(*name) != NAME {
                used.values.entry(*name).or_default().insert(*value);
            }
        }
    }

    /// Number of active series as counted.
    pub fn active(&self) -> usize {
        self.active
    }

    /// Counts anew, if that was not just done: series whose last sample is before `since` are not active any more.
    pub fn recount(&mut self, index: &Index, now_s: u32, since: i64, after: u32) -> bool {
        if self.counted > 0 && now_s < self.counted.saturating_add(after) {
            return false;
        }
        self.counted = now_s;
        self.active = 0;
        self.metrics.clear();
        for number in 0..index.len() {
            let series = index.series(number);
            let counted = series.counted.swap(false, Ordering::Relaxed);
            // One without a sample was admitted just now: its samples come.
            if !series.is_gone() && series.head().last().map_or(counted, |last| last >= since) {
                self.count(index, number);
            }
        }
        true
    }
}

impl Engine {
    /// Checks a series that is new or comes back, counting anew when a limit is met.
    pub(super) fn admit(
        &self,
        guard: &mut Guard,
        tenant: &Tenant,
        labels: &[(&str, &str)],
        limits: &Limits,
        now_ms: i64,
    ) -> Result<(), Refused> {
        check_labels(labels, limits)?;
        guard.check(&tenant.index, labels, limits).or_else(|refused| {
            let now_s = (now_ms / 1000).clamp(1, i64::from(u32::MAX)) as u32;
            if guard.recount(&tenant.index, now_s, now_ms - self.options.active_ms, AGAIN) {
                return guard.check(&tenant.index, labels, limits);
            }
            Err(refused)
        })
    }
}
