//! Range aggregations: samples of a pipeline, or counts of a tally, over series and steps.
//!
//! A window is left-open, `(t - range, t]`. Samples fall into cells: the pieces of which all windows are made. Where values
//! cannot be merged (quantiles, rates of counters) the samples themselves are kept, within a limit.

use super::LogqlError;
use super::entry::{self, Entry, Rows, of_stream, push_meta, push_severity};
use super::json::{Json, lossy};
use super::matrix::{Grid, Matrix, Series};
use super::program::{Program, Totals};
use super::streams::TallyRow;
use crate::render::AttributeSource;
use std::collections::{BTreeMap, HashMap};

const MAX_CELLS: usize = 4_000_000;
const MAX_SAMPLES: usize = 8_000_000;
const MAX_SERIES: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Count,
    Rate,
    Bytes,
    BytesRate,
    Sum,
    SumRate,
    RateCounter,
    Avg,
    Min,
    Max,
    Stddev,
    Stdvar,
    Quantile,
    First,
    Last,
    Absent,
}

/// What is known of the samples of a cell.
#[derive(Debug, Clone, Copy)]
struct Cell {
    count: f64,
    value: f64,
    spread: f64,
    at: i64,
}

/// Labels to group by.
#[derive(Debug, Clone)]
pub(crate) struct Grouping {
    pub without: bool,
    pub labels: Vec<String>,
}

impl Grouping {
    /// From `{"without": bool, "labels": [...]}`, None when it is null.
    pub fn read(json: &Json) -> Option<Self> {
        match json {
            Json::Object(_) => Some(Self { without: json.get("without").truth(), labels: json.get("labels").texts() }),
            _ => None,
        }
    }

    /// Does a label stay?
    pub fn keeps(&self, name: &str) -> bool {
        self.labels.iter().any(|label| label == name) != self.without
    }
}

#[derive(Debug, Default)]
struct Group {
    cells: BTreeMap<i64, Cell>,
    samples: Vec<(i64, f64)>,
}

/// A range aggregation on its way.
#[derive(Debug)]
pub struct Range {
    program: Program,
    op: Op,
    parameter: f64,
    length: i64,
    offset: i64,
    grouping: Option<Grouping>,
    grid: Grid,
    /// Length of a cell; 0: one cell for each window, which do not overlap.
    cell: i64,
    keeps_samples: bool,
    streams: entry::Streams,
    series: HashMap<Vec<(String, String)>, Group>,
    cells: usize,
    samples: usize,
    totals: Totals,
}

impl Range {
    /// From a program with `"range": {"op", "ns", "offset", "param", "grouping", "absent": {labels}}`.
    pub fn new(program: Program, grid: Grid) -> Result<Self, LogqlError> {
        let json = program.json.get("range").clone();
        let unwraps = matches!(program.json.get("unwrap"), Json::Object(_));
        let op = match json.get("op").text() {
            "count_over_time" => Op::Count,
            "rate" if unwraps => Op::SumRate,
            "rate" => Op::Rate,
            "bytes_over_time" => Op::Bytes,
            "bytes_rate" => Op::BytesRate,
            "rate_counter" => Op::RateCounter,
            "sum_over_time" => Op::Sum,
            "avg_over_time" => Op::Avg,
            "min_over_time" => Op::Min,
            "max_over_time" => Op::Max,
            "stddev_over_time" => Op::Stddev,
            "stdvar_over_time" => Op::Stdvar,
            "quantile_over_time" => Op::Quantile,
            "first_over_time" => Op::First,
            "last_over_time" => Op::Last,
            "absent_over_time" => Op::Absent,
            other => return Err(LogqlError(format!("unknown range aggregation {other:?}"))),
        };
        let range =
            json.get("ns").int().filter(|ns| *ns > 0).ok_or_else(|| LogqlError("a range without length".to_owned()))?;
        let cell = grid.cell(range);
        let too_fine = cell > 0 && (grid.span() + range) / cell > MAX_CELLS as i64 / 4;
        Ok(Self {
            op,
            parameter: json.get("param").float().unwrap_or(0.0),
            length: range,
            offset: json.get("offset").int().unwrap_or(0),
            grouping: if op == Op::Absent {
                Some(Grouping { without: false, labels: Vec::new() })
            } else {
                Grouping::read(json.get("grouping"))
            },
            keeps_samples: too_fine || matches!(op, Op::RateCounter | Op::Quantile),
            cell,
            grid,
            program,
            streams: entry::Streams::default(),
            series: HashMap::new(),
            cells: 0,
            samples: 0,
            totals: Totals::default(),
        })
    }

    /// Take in a page of records.
    pub fn feed(&mut self, rows: &[u8], sources: &[AttributeSource]) -> Result<(), LogqlError> {
        let mut streams = std::mem::take(&mut self.streams);
        let mut totals = self.totals;
        let program = std::mem::replace(&mut self.program, Program::read("{}")?);
        let fed = program.run(rows, sources, &mut streams, &mut totals, |mut entry| {
            let Some(value) = program.unwrapped(&mut entry) else { return Ok(()) };
            let value = if matches!(self.op, Op::Bytes | Op::BytesRate) { entry.line.len() as f64 } else { value };
            let at = entry.timestamp;
            self.sample(&entry, at, value, 1.0)
        });
        self.program = program;
        self.streams = streams;
        self.totals = totals;
        fed
    }

    /// Take in rows of a tally: counts by stream, severity and labels in left-open buckets; `bucket` is the right end.
    pub fn feed_tally(&mut self, rows: &[u8], labels: &[String]) -> Result<(), LogqlError> {
        let mut streams = std::mem::take(&mut self.streams);
        let program = std::mem::replace(&mut self.program, Program::read("{}")?);
        let mut reader = Rows::new(rows);
        let mut fed = Ok(());
        while fed.is_ok() && !reader.at_end() {
            let row = TallyRow::read(&mut reader, labels.len())?;
            let stream = streams.get(row.service, row.resource, |labels| program.selects(labels));
            if !stream.matches {
                continue;
            }
            self.totals.lines += row.count;
            self.totals.bytes += row.bytes;
            let mut known = of_stream(&stream);
            let taken = known.len();
            push_severity(&mut known, row.severity);
            for (name, value) in labels.iter().zip(&row.values) {
                push_meta(&mut known, taken, name.into(), lossy(value).into());
            }
            let mut entry = Entry {
                timestamp: row.bucket,
                line: "".into(),
                labels: known,
                error: None,
                error_details: String::new(),
            };
            if program.passes(&mut entry) {
                self.totals.passed += row.count;
                let weight = if matches!(self.op, Op::Bytes | Op::BytesRate) { row.bytes } else { row.count } as f64;
                fed = self.sample(&entry, row.bucket, weight, row.count as f64);
            }
        }
        self.program = program;
        self.streams = streams;
        fed
    }

    /// What was read.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// One sample. Of a tally, `value` is the sum of many.
    fn sample(&mut self, entry: &Entry<'_>, at: i64, value: f64, count: f64) -> Result<(), LogqlError> {
        if let Some(error) = entry.error {
            return Err(LogqlError(format!(
                "pipeline error: '{error}' for series: '{}'.\nUse a label filter to intentionally skip this error. (e.g | \
                 __error__!=\"{error}\").\nTo skip all potential errors you can match empty errors.(e.g __error__=\"\")\nThe \
                 label filter can also be specified after unwrap. (e.g | unwrap latency | __error__=\"\" )\n",
                labels_text(&labels_of(entry, None))
            )));
        }
        let Some(cell) = self.cell_of(at.saturating_add(self.offset)) else { return Ok(()) };
        let key = labels_of(entry, self.grouping.as_ref());
        if !self.series.contains_key(&key) && self.series.len() >= MAX_SERIES {
            return Err(LogqlError(format!("maximum of series ({MAX_SERIES}) reached for a single query")));
        }
        let group = self.series.entry(key).or_default();
        if self.keeps_samples {
            self.samples += 1;
            if self.samples > MAX_SAMPLES {
                return Err(LogqlError(format!(
                    "the query needs more than {MAX_SAMPLES} samples at once: narrow the range"
                )));
            }
            group.samples.push((at.saturating_add(self.offset), value));
            return Ok(());
        }
        let fresh = Cell { count, value, spread: 0.0, at };
        if let Some(known) = group.cells.get_mut(&cell) {
            *known = merge(self.op, *known, fresh);
            return Ok(());
        }
        self.cells += 1;
        if self.cells > MAX_CELLS {
            return Err(LogqlError(format!(
                "the query needs more than {MAX_CELLS} cells of series and steps: use fewer series or a larger step"
            )));
        }
        group.cells.insert(cell, fresh);
        Ok(())
    }

    /// The cell of a time; None when no window holds it.
    fn cell_of(&self, at: i64) -> Option<i64> {
        let Grid { start, end, step } = self.grid;
        if at <= start.saturating_sub(self.length) || at > end {
            return None;
        }
        if self.cell > 0 {
            return Some((at - start).div_euclid(self.cell) + i64::from((at - start).rem_euclid(self.cell) > 0));
        }
        // Windows do not overlap: the first step that is not before the time.
        let index = if at <= start { 0 } else { (at - start - 1) / step + 1 };
        let right = start + index * step;
        (at > right - self.length && right <= end).then_some(index)
    }

    /// The values over the grid.
    pub fn finish(mut self) -> Matrix {
        let steps = self.grid.steps();
        if self.op == Op::Absent {
            return self.absent();
        }
        let mut made = Vec::with_capacity(self.series.len());
        for (labels, mut group) in std::mem::take(&mut self.series) {
            group.samples.sort_by_key(|sample| sample.0);
            let values: Vec<Option<f64>> = (0..steps).map(|step| self.value(&group, step as i64)).collect();
            if values.iter().any(Option::is_some) {
                made.push(Series { labels, values });
            }
        }
        made.sort_by(|one, other| one.labels.cmp(&other.labels));
        Matrix { grid: self.grid, series: made }
    }

    fn absent(&self) -> Matrix {
        let none = Group::default();
        let group = self.series.values().next().unwrap_or(&none);
        let values: Vec<Option<f64>> =
            (0..self.grid.steps()).map(|step| self.value(group, step as i64).map_or(Some(1.0), |_| None)).collect();
        let labels = match self.program.json.get("range").get("absent") {
            Json::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), value.text().to_owned())).collect()
            }
            _ => Vec::new(),
        };
        let series = if values.iter().any(Option::is_some) { vec![Series { labels, values }] } else { Vec::new() };
        Matrix { grid: self.grid, series }
    }

    /// The value of a window.
    fn value(&self, group: &Group, step: i64) -> Option<f64> {
        let right = self.grid.start + step * self.grid.step;
        if self.keeps_samples {
            let from = group.samples.partition_point(|sample| sample.0 <= right - self.length);
            let to = group.samples.partition_point(|sample| sample.0 <= right);
            let window = &group.samples[from..to];
            return (!window.is_empty()).then(|| self.of_samples(window));
        }
        let merged = if self.cell == 0 {
            group.cells.get(&step).copied()
        } else {
            let last = (right - self.grid.start) / self.cell;
            let cells = group.cells.range(last - self.length / self.cell + 1..=last).map(|(_, cell)| *cell);
            cells.reduce(|one, other| merge(self.op, one, other))
        };
        merged.map(|cell| self.of_cell(cell))
    }

    fn of_cell(&self, cell: Cell) -> f64 {
        let seconds = self.length as f64 / 1e9;
        match self.op {
            Op::Rate | Op::BytesRate | Op::SumRate => cell.value / seconds,
            Op::Stdvar => cell.spread / cell.count,
            Op::Stddev => (cell.spread / cell.count).sqrt(),
            _ => cell.value,
        }
    }

    fn of_samples(&self, window: &[(i64, f64)]) -> f64 {
        match self.op {
            Op::Quantile => quantile(self.parameter, window.iter().map(|sample| sample.1).collect()),
            Op::RateCounter => rate_of_counter(window, self.length),
            _ => {
                let cells = window.iter().map(|&(at, value)| Cell { count: 1.0, value, spread: 0.0, at });
                cells.reduce(|one, other| merge(self.op, one, other)).map_or(0.0, |cell| self.of_cell(cell))
            }
        }
    }
}

fn merge(op: Op, one: Cell, other: Cell) -> Cell {
    let count = one.count + other.count;
    match op {
        Op::Min => Cell { count, value: one.value.min(other.value), ..one },
        Op::Max => Cell { count, value: one.value.max(other.value), ..one },
        Op::First => {
            if other.at < one.at {
                other
            } else {
                one
            }
        }
        Op::Last => {
            if other.at >= one.at {
                other
            } else {
                one
            }
        }
        Op::Avg | Op::Stddev | Op::Stdvar => {
            let gap = other.value - one.value;
            Cell {
                count,
                value: one.value + gap * other.count / count,
                spread: one.spread + other.spread + gap * gap * one.count * other.count / count,
                at: one.at,
            }
        }
        _ => Cell { count, value: one.value + other.value, ..one },
    }
}

/// Prometheus' quantile: linear between the two nearest ranks.
pub(crate) fn quantile(q: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(f64::total_cmp);
    let rank = q * (values.len() as f64 - 1.0);
    let low = rank.floor() as usize;
    let high = (low + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[low] * (1.0 - weight) + values[high] * weight
}

/// The increase of a counter a second, with resets, carried on to the window's edges as far as the samples support it.
fn rate_of_counter(window: &[(i64, f64)], range: i64) -> f64 {
    let (Some(&(first_at, first)), Some(&(last_at, last))) = (window.first(), window.last()) else { return 0.0 };
    if window.len() < 2 || last_at == first_at {
        return 0.0;
    }
    let mut increase = last - first;
    for pair in window.windows(2) {
        if pair[1].1 < pair[0].1 {
            increase += pair[0].1;
        }
    }
    let seconds = |ns: i64| ns as f64 / 1e9;
    let sampled = seconds(last_at - first_at);
    let between = sampled / (window.len() as f64 - 1.0);
    let mut to_start = seconds(range);
    if increase > 0.0 && first >= 0.0 {
        to_start = to_start.min(sampled * (first / increase));
    }
    let covered = sampled + if to_start < between * 1.1 { to_start } else { between / 2.0 };
    increase * (covered / sampled) / seconds(range)
}

/// The labels of a sample, grouped, sorted by name.
fn labels_of(entry: &Entry<'_>, grouping: Option<&Grouping>) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String)> = entry
        .labels
        .iter()
        .filter(|label| grouping.is_none_or(|grouping| grouping.keeps(&label.name)))
        .map(|label| (label.name.to_string(), label.value.to_string()))
        .collect();
    labels.sort_unstable();
    labels
}

/// Labels as Prometheus writes them.
pub(crate) fn labels_text(labels: &[(String, String)]) -> String {
    let shown: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", shown.join(", "))
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // Exact by construction.
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        assert_eq!(quantile(0.5, vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(quantile(0.75, vec![1.0, 2.0]), 1.75);
        assert_eq!(quantile(2.0, vec![1.0]), f64::INFINITY);
    }

    #[test]
    fn cells_of_windows() {
        let program = |range: i64| {
            Program::read(&format!("{{\"range\":{{\"op\":\"count_over_time\",\"ns\":{range}}}}}")).unwrap()
        };
        let overlapping = Range::new(program(30), Grid { start: 100, end: 200, step: 20 }).unwrap();
        assert_eq!(overlapping.cell, 10);
        assert_eq!(overlapping.cell_of(70), None);
        assert_eq!(overlapping.cell_of(71), Some(-2));
        assert_eq!(overlapping.cell_of(100), Some(0));
        assert_eq!(overlapping.cell_of(101), Some(1));
        let apart = Range::new(program(10), Grid { start: 100, end: 200, step: 20 }).unwrap();
        assert_eq!(
            (apart.cell_of(90), apart.cell_of(91), apart.cell_of(101), apart.cell_of(115)),
            (None, Some(0), None, Some(1))
        );
    }

    #[test]
    fn counters_with_resets() {
        let second = 1_000_000_000;
        let window = [(0, 1.0), (second, 3.0), (2 * second, 1.0), (3 * second, 2.0)];
        let rate = rate_of_counter(&window, 4 * second);
        assert!(rate > 0.0 && rate.is_finite());
        assert_eq!(rate_of_counter(&window[..1], second), 0.0);
    }
}
