//! Counters, gauges and histograms from records. The records pass unchanged; a metric is counted when they are stored.

use crate::process::field::{Field, Source};
use crate::process::rows::Rows;
use crate::process::spec::{Json, Options, SpecError, field};
use crate::process::{Change, Context, Processor, State};
use std::collections::{HashMap, HashSet};

/// Labels of one metric.
const MAX_LABELS: usize = 10;
/// Bytes of a label's value.
const MAX_VALUE: usize = 256;
/// What label values beyond the cap are counted under.
pub const OTHER: &str = "other";
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Series that a metric has had: hashes of their label values.
pub type Known = HashSet<u128>;

/// What a batch adds to a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// Name.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it means.
    pub description: String,
    /// Upper bounds of a histogram's buckets, without the last one that has none.
    pub bounds: Vec<f64>,
    /// By label values.
    pub series: Vec<Series>,
}

/// One series' share.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// (name, value).
    pub labels: Vec<(String, String)>,
    /// Values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The last of them.
    pub last: f64,
    /// Values by bucket.
    pub buckets: Vec<u64>,
}

/// See the module text.
#[derive(Debug)]
pub struct DeriveMetrics {
    name: String,
    kind: &'static str,
    description: String,
    value: Option<Field>,
    labels: Vec<(String, Field)>,
    bounds: Vec<f64>,
    max_series: usize,
}

impl DeriveMetrics {
    /// From options: `name`, `kind`, `field`, `labels`, `buckets`, `max_series`, `description`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let name = options.required_text("name")?;
        if !is_name(name) || name.len() > 100 {
            return Err(SpecError::new("name", format!("is {name:?}: use letters, digits and _, at most 100")));
        }
        let kind = options.choice("kind", &["counter", "gauge", "histogram"], "counter")?;
        let value = options.text("field")?.map(|name| field("field", name)).transpose()?;
        if value.is_none() && kind != "counter" {
            return Err(SpecError::new("field", format!("is missing: a {kind} needs values")));
        }
        let mut labels = Vec::new();
        for (label, from) in options.text_map("labels")? {
            if !is_name(label) || ["tenant", "le"].contains(&label) {
                return Err(SpecError::new("labels", format!("has {label:?}, which is no name of a label here")));
            }
            labels.push((label.to_owned(), field("labels", from)?));
        }
        if labels.len() > MAX_LABELS {
            return Err(SpecError::new("labels", format!("are more than {MAX_LABELS}")));
        }
        let given = options.get("buckets");
        let bounds = if kind == "histogram" { bounds(given)? } else { Vec::new() };
        Ok(Self {
            name: name.to_owned(),
            kind,
            description: options.text("description")?.unwrap_or("Derived from log records.").to_owned(),
            value,
            labels,
            bounds,
            max_series: options.integer("max_series", 100, 1, 1000)?,
        })
    }
}

fn bounds(given: Option<&Json>) -> Result<Vec<f64>, SpecError> {
    let wrong = || SpecError::new("buckets", "must be a list of 1 to 50 numbers, ascending");
    let bounds = match given {
        None => BUCKETS.to_vec(),
        Some(Json::List(items)) => items
            .iter()
            .map(|item| match item {
                Json::Int(value) => Ok(*value as f64),
                Json::Float(value) => Ok(*value),
                _ => Err(wrong()),
            })
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(wrong()),
    };
    let ascending = bounds.windows(2).all(|pair| pair[0] < pair[1]);
    if bounds.is_empty() || bounds.len() > 50 || !ascending { Err(wrong()) } else { Ok(bounds) }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Processor for DeriveMetrics {
    fn state(&self) -> State {
        State::Metrics(Known::new())
    }

    fn process(&self, rows: &mut Rows, state: &mut State, _: &Context) -> Change {
        let State::Metrics(known) = state else { return Change::None };
        let batch = rows.batch();
        let value = self.value.as_ref().map(|field| Source::new(field, &batch));
        let sources: Vec<_> = self.labels.iter().map(|(_, field)| Source::new(field, &batch)).collect();
        let mut series: HashMap<Vec<String>, Series> = HashMap::new();
        let mut scratch = Vec::new();
        for &row in rows.selected().iter() {
            let row = row as usize;
            let number = match &value {
                None => 1.0,
                Some(source) => match source.get(&batch, row, &mut scratch).and_then(super::field::Value::to_number) {
                    Some(number) if self.kind != "counter" || number >= 0.0 => number,
                    _ => {
                        rows.fail(row, "the field holds no number that fits");
                        continue;
                    }
                },
            };
            let mut values: Vec<String> = sources
                .iter()
                .map(|source| {
                    let text = source.text(&batch, row, &mut scratch).unwrap_or_default();
                    String::from_utf8_lossy(&text[..text.len().min(MAX_VALUE)]).into_owned()
                })
                .collect();
            if !series.contains_key(&values) {
                let hash = xxhash_rust::xxh3::xxh3_128(values.join("\0").as_bytes());
                if known.len() < self.max_series {
                    known.insert(hash);
                } else if !known.contains(&hash) {
                    values.fill(OTHER.to_owned());
                }
            }
            let labels = || self.labels.iter().map(|(name, _)| name.clone()).zip(values.iter().cloned()).collect();
            let empty = || Series {
                labels: labels(),
                count: 0,
                sum: 0.0,
                last: 0.0,
                buckets: vec![0; if self.bounds.is_empty() { 0 } else { self.bounds.len() + 1 }],
            };
            let one = series.entry(values.clone()).or_insert_with(empty);
            one.count += 1;
            one.sum += number;
            one.last = number;
            if !one.buckets.is_empty() {
                one.buckets[self.bounds.partition_point(|&bound| bound < number)] += 1;
            }
        }
        if series.is_empty() {
            return Change::None;
        }
        let mut series: Vec<_> = series.into_values().collect();
        series.sort_by(|one, other| one.labels.cmp(&other.labels));
        Change::Metrics(Derived {
            name: self.name.clone(),
            kind: self.kind,
            description: self.description.clone(),
            bounds: self.bounds.clone(),
            series,
        })
    }
}
