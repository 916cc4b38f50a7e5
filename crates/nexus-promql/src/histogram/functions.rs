//! Functions on vectors of histograms, native and classic.

use super::encode::general;
use super::quantile::{Classic, Nans, classic_fraction, classic_quantile, native_fraction, native_quantile};
use crate::annotations::{Position, quoted};
use crate::control::Fault;
use crate::functions::{Call, VectorFunction};
use crate::merge::SAME_LABELS;
use crate::source::SeriesLabels;
use crate::value::{Row, Value, is_nothing};
use hashbrown::HashMap;
use nexus_series::histogram::{Histogram, kahan};
use nexus_series::symbols::Sym;
use std::collections::BTreeSet;

/// The functions by name.
pub fn lookup(name: &str) -> Option<VectorFunction> {
    Some(match name {
        "histogram_count" => count,
        "histogram_sum" => sum,
        "histogram_avg" => avg,
        "histogram_stddev" => stddev,
        "histogram_stdvar" => stdvar,
        "histogram_fraction" => fraction,
        "histogram_quantile" => quantile,
        "histogram_quantiles" => quantiles,
        _ => return None,
    })
}

/// `histogram_count`
pub fn count(call: &mut Call) -> Result<Value, Fault> {
    each(call, |one| one.count)
}

/// `histogram_sum`
pub fn sum(call: &mut Call) -> Result<Value, Fault> {
    each(call, |one| one.sum)
}

/// `histogram_avg`
pub fn avg(call: &mut Call) -> Result<Value, Fault> {
    each(call, |one| one.sum / one.count)
}

/// `histogram_stddev`
pub fn stddev(call: &mut Call) -> Result<Value, Fault> {
    each(call, |one| variance(one).sqrt())
}

/// `histogram_stdvar`
pub fn stdvar(call: &mut Call) -> Result<Value, Fault> {
    each(call, variance)
}

/// A number of each native histogram; floats have none.
fn each(call: &mut Call, number: impl Fn(&Histogram) -> f64) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for row in call.vector(0) {
        call.control.check()?;
        if row.histograms.is_empty() {
            continue;
        }
        let mut result = Row::new(row.labels.clone(), call.grid.count);
        result.drop_name = true;
        for (value, one) in result.floats.iter_mut().zip(&row.histograms) {
            if let Some(one) = one {
                *value = number(one);
            }
        }
        out.push(result);
    }
    Ok(Value::Vector(out))
}

/// Estimated from the middles of buckets: arithmetic for custom ones, 0 for the zero bucket, else geometric.
fn variance(one: &Histogram) -> f64 {
    let mean = one.sum / one.count;
    let (mut sum, mut lost) = (0.0, 0.0);
    for bucket in one.buckets().filter(|bucket| bucket.count != 0.0) {
        let middle = if one.is_custom() {
            f64::midpoint(bucket.upper, bucket.lower)
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
        };
        let distance = middle - mean;
        (sum, lost) = kahan(bucket.count * distance * distance, sum, lost);
    }
    (sum + lost) / one.count
}

/// `histogram_quantile`
pub fn quantile(call: &mut Call) -> Result<Value, Fault> {
    let (Some(q), rows) = (call.scalar(0), call.vector(1)) else { return Ok(Value::Vector(Vec::new())) };
    let (quantile_at, at) = (call.positions[0], call.positions[1]);
    quantiles_of(call, &rows, at, &[(q, quantile_at)], None)
}

/// `histogram_quantiles`: several at once, each with a label that says which.
pub fn quantiles(call: &mut Call) -> Result<Value, Fault> {
    let rows = call.vector(0);
    let label = call.names.intern(call.text(1));
    let mut all = Vec::new();
    for index in 2..call.arguments.len() {
        if let Some(q) = call.scalar(index) {
            all.push((q, call.positions[index]));
        }
    }
    quantiles_of(call, &rows, call.positions[0], &all, Some(label))
}

fn quantiles_of(
    call: &Call,
    rows: &[Row],
    at: Position,
    all: &[(Vec<f64>, Position)],
    label: Option<Sym>,
) -> Result<Value, Fault> {
    for (values, place) in all {
        for q in values.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
            call.notes.warn(*place, format!("quantile value should be between 0 and 1, got {}", general(*q, None)));
        }
    }
    let groups = Groups::new(call, rows, at);
    let mut out = Results::default();
    groups.each_step(call, |labels, step, one| {
        for (values, _) in all {
            let q = values[step];
            let value = match &one {
                One::Native(one) => {
                    let (value, nans) = native_quantile(q, one);
                    note_nans(call, at, labels, nans);
                    value
                }
                One::Classic(buckets) => {
                    let (value, lifted) = classic_quantile(q, &mut buckets.clone());
                    if let Some(lifted) = lifted {
                        call.notes.forced.add(at, call.names.metric(labels), call.grid.time(step), lifted);
                    }
                    value
                }
            };
            match label {
                None => out.set(labels, call.grid.count, step, value),
                Some(label) => {
                    let mut labels = labels.to_vec();
                    call.names.set(&mut labels, label, call.names.intern(&open_metrics(q)));
                    out.set(&labels.into(), call.grid.count, step, value);
                }
            }
        }
    })?;
    out.value()
}

fn note_nans(call: &Call, at: Position, labels: &SeriesLabels, nans: Nans) {
    let text = match nans {
        Nans::None => return,
        Nans::Result => "input to histogram_quantile has NaN observations, result is NaN",
        Nans::Skew => "input to histogram_quantile has NaN observations, result is skewed higher",
    };
    call.notes.info(at, with_metric(text, call.names.metric(labels)));
}

fn with_metric(text: &str, metric: &str) -> String {
    if metric.is_empty() { text.to_owned() } else { format!("{text} for metric name {}", quoted(metric)) }
}

/// A number as OpenMetrics writes it: integers have a fraction.
fn open_metrics(value: f64) -> String {
    let text = general(value, None);
    let whole = value.is_finite() && !text.contains(['e', '.']);
    if whole { text + ".0" } else { text }
}

/// `histogram_fraction`
pub fn fraction(call: &mut Call) -> Result<Value, Fault> {
    let (Some(lower), Some(upper)) = (call.scalar(0), call.scalar(1)) else { return Ok(Value::Vector(Vec::new())) };
    let rows = call.vector(2);
    let at = call.positions[2];
    let groups = Groups::new(call, &rows, at);
    let mut out = Results::default();
    groups.each_step(call, |labels, step, one| {
        let (lower, upper) = (lower[step], upper[step]);
        let value = match one {
            One::Native(one) => {
                let (value, nans) = native_fraction(lower, upper, one);
                if nans {
                    let text =
                        "input to histogram_fraction has NaN observations, which are excluded from all fractions";
                    call.notes.info(at, with_metric(text, call.names.metric(labels)));
                }
                value
            }
            One::Classic(mut buckets) => classic_fraction(lower, upper, &mut buckets),
        };
        out.set(labels, call.grid.count, step, value);
    })?;
    out.value()
}

/// Rows that functions make, by labels.
#[derive(Default)]
struct Results {
    rows: Vec<Row>,
    /// Has a step of a row been set more than once?
    twice: bool,
    places: HashMap<SeriesLabels, usize, foldhash::fast::RandomState>,
}

impl Results {
    fn set(&mut self, labels: &SeriesLabels, steps: usize, step: usize, value: f64) {
        let place = *self.places.entry_ref(labels).or_insert_with(|| {
            let mut row = Row::new(labels.clone(), steps);
            row.drop_name = true;
            self.rows.push(row);
            self.rows.len() - 1
        });
        let cell = &mut self.rows[place].floats[step];
        self.twice |= !is_nothing(*cell);
        *cell = value;
    }

    fn value(self) -> Result<Value, Fault> {
        if self.twice { Err(Fault::Execution(SAME_LABELS.into())) } else { Ok(Value::Vector(self.rows)) }
    }
}

/// A histogram at a step.
enum One<'a> {
    Native(&'a Histogram),
    Classic(Vec<Classic>),
}

/// Histograms of the same labels.
struct Group {
    labels: SeriesLabels,
    /// Numbers of rows with classic buckets, and their upper bounds.
    classic: Vec<(usize, f64)>,
    /// Number of the row with native histograms.
    native: Option<usize>,
}

/// The histograms of a vector: native ones by their labels, classic ones by those without `le`.
struct Groups<'a> {
    rows: &'a [Row],
    all: Vec<Group>,
    at: Position,
}

impl<'a> Groups<'a> {
    fn new(call: &Call, rows: &'a [Row], at: Position) -> Self {
        let names = call.names;
        let mut places: HashMap<SeriesLabels, usize, foldhash::fast::RandomState> = HashMap::default();
        let mut groups: Vec<Group> = Vec::new();
        let mut bad = BTreeSet::new();
        let mut place_of = |labels: &SeriesLabels, groups: &mut Vec<Group>| {
            *places.entry_ref(labels).or_insert_with(|| {
                groups.push(Group { labels: labels.clone(), classic: Vec::new(), native: None });
                groups.len() - 1
            })
        };
        for (number, row) in rows.iter().enumerate() {
            if row.floats.iter().any(|value| !is_nothing(*value)) {
                let text = names.value(&row.labels, names.le);
                match bound(text) {
                    Some(bound) => {
                        let labels = row.labels.iter().filter(|label| label.0 != names.le).copied().collect();
                        let place = place_of(&labels, &mut groups);
                        groups[place].classic.push((number, bound));
                    }
                    None => {
                        bad.insert((text, names.metric(&row.labels)));
                    }
                }
            }
            if row.histograms.iter().any(Option::is_some) {
                let place = place_of(&row.labels, &mut groups);
                groups[place].native = Some(number);
            }
        }
        for (text, metric) in bad {
            let text = format!("bucket label \"le\" is missing or has a malformed value of {}", quoted(text));
            call.notes.warn(at, with_metric(&text, metric));
        }
        Self { rows, all: groups, at }
    }

    /// Calls `take` for each histogram at each step. Where one is there both as native and as classic, it is neither.
    fn each_step(&self, call: &Call, mut take: impl FnMut(&SeriesLabels, usize, One)) -> Result<(), Fault> {
        for Group { labels, classic, native } in &self.all {
            call.control.check()?;
            let mut mixed = false;
            for step in 0..call.grid.count {
                let buckets: Vec<Classic> = classic
                    .iter()
                    .map(|(row, bound)| (*bound, self.rows[*row].floats[step]))
                    .filter(|(_, count)| !is_nothing(*count))
                    .collect();
                match native.and_then(|row| self.rows[row].histogram(step)) {
                    Some(_) if !buckets.is_empty() => mixed = true,
                    Some(one) => take(labels, step, One::Native(one)),
                    None if buckets.is_empty() => {}
                    None => take(labels, step, One::Classic(buckets)),
                }
            }
            if mixed {
                let text = "vector contains a mix of classic and native histograms";
                call.notes.warn(self.at, with_metric(text, call.names.metric(labels)));
            }
        }
        Ok(())
    }
}

/// The upper bound that a label `le` says; none for what is no number or none that fits.
fn bound(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    let overflown = value.is_infinite() && !text.to_ascii_lowercase().contains("inf");
    (!overflown).then_some(value)
}
