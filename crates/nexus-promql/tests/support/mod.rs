//! A source in memory, series written as `name{label="value"} 1 2+3x4 _ stale`, and programs built by hand.

#![allow(dead_code, missing_docs, clippy::needless_pass_by_value)]

use nexus_promql::plan::Program;
use nexus_promql::source::{Samples, SeriesLabels, Source, SourceFault};
use nexus_promql::{Answer, Control, Fault};
use nexus_series::STALE_NAN;
use nexus_series::matcher::Matcher;
use nexus_series::symbols::SymbolTable;
use serde_json::{Value, json};

#[derive(Default)]
pub struct Memory {
    symbols: SymbolTable,
    series: Vec<(SeriesLabels, Samples)>,
}

struct View<'a> {
    memory: &'a Memory,
    found: Vec<(Vec<usize>, Vec<SeriesLabels>)>,
}

impl Source for View<'_> {
    fn symbols(&self) -> &SymbolTable {
        &self.memory.symbols
    }

    fn series(&self, selector: usize) -> &[SeriesLabels] {
        &self.found[selector].1
    }

    fn read(&self, selector: usize, series: usize, from: i64, to: i64, into: &mut Samples) -> Result<(), SourceFault> {
        into.clear();
        let samples = &self.memory.series[self.found[selector].0[series]].1;
        let start = samples.timestamps.partition_point(|&time| time < from);
        let end = samples.timestamps.partition_point(|&time| time <= to);
        into.timestamps.extend_from_slice(&samples.timestamps[start..end]);
        into.values.extend_from_slice(&samples.values[start..end]);
        Ok(())
    }
}

impl Memory {
    /// Adds a series with its samples.
    pub fn add(&mut self, labels: &[(&str, &str)], timestamps: Vec<i64>, values: Vec<f64>) {
        let mut labels = labels.to_vec();
        labels.sort_unstable();
        let labels =
            labels.iter().map(|(name, value)| (self.symbols.intern(name), self.symbols.intern(value))).collect();
        self.series.push((labels, Samples { timestamps, values, ..Samples::default() }));
    }

    /// Adds series written down, a value every `step` ms from time 0.
    pub fn load(&mut self, step: i64, lines: &str) -> &mut Self {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (series, points) = match line.split_once("} ") {
                Some((series, points)) => (series, points),
                None => line.split_once(' ').unwrap(),
            };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let mut all = vec![("__name__", name)];
            all.extend(
                labels.split(',').filter_map(|one| one.split_once('=')).map(|(a, b)| (a.trim(), b.trim_matches('"'))),
            );
            let (mut timestamps, mut values, mut time) = (Vec::new(), Vec::new(), 0);
            for value in points.split_whitespace().flat_map(expanded) {
                if let Some(value) = value {
                    timestamps.push(time);
                    values.push(value);
                }
                time += step;
            }
            self.add(&all, timestamps, values);
        }
        self
    }

    /// Runs an expression at one time.
    pub fn at(&self, time: i64, expression: impl FnOnce(&mut Query) -> Value) -> Result<Answer, Fault> {
        self.run(Query::new(time, time, 0), expression, &Control::default())
    }

    /// Runs an expression over steps.
    pub fn over(
        &self,
        (start, end, step): (i64, i64, i64),
        expression: impl FnOnce(&mut Query) -> Value,
    ) -> Result<Answer, Fault> {
        self.run(Query::new(start, end, step), expression, &Control::default())
    }

    pub fn run(
        &self,
        mut query: Query,
        expression: impl FnOnce(&mut Query) -> Value,
        control: &Control,
    ) -> Result<Answer, Fault> {
        let root = expression(&mut query);
        let program: Program = serde_json::from_value(json!({
            "text": "query", "start": query.times.0, "end": query.times.1, "step": query.times.2,
            "lookback": 300_000, "max_samples": query.max_samples, "selectors": query.selectors, "root": root,
        }))
        .unwrap();
        let found = program.selectors.iter().map(|selector| {
            let matchers: Vec<Matcher> = selector.matchers.iter().map(|one| Matcher::new(one).unwrap()).collect();
            let value = |labels: &SeriesLabels, name: &str| {
                let found = labels.iter().find(|label| self.symbols.text(label.0) == name);
                found.map_or(String::new(), |label| self.symbols.text(label.1).to_owned())
            };
            let fits = |labels: &SeriesLabels| matchers.iter().all(|one| one.matches(&value(labels, &one.name)));
            let numbers: Vec<usize> = (0..self.series.len()).filter(|&at| fits(&self.series[at].0)).collect();
            let labels = numbers.iter().map(|&at| self.series[at].0.clone()).collect();
            (numbers, labels)
        });
        let view = View { memory: self, found: found.collect() };
        nexus_promql::evaluate(&program, &view, control)
    }
}

fn expanded(item: &str) -> Vec<Option<f64>> {
    if item == "stale" {
        return vec![Some(f64::from_bits(STALE_NAN))];
    }
    let (item, times) =
        item.split_once('x').map_or((item, 1), |(item, times)| (item, times.parse::<usize>().unwrap() + 1));
    if item == "_" {
        return vec![None; times];
    }
    let split = item[1..].find(['+', '-']).map(|at| at + 1);
    let (first, by) = split.map_or((item, "0"), |at| item.split_at(at));
    let (first, by): (f64, f64) = (first.parse().unwrap(), by.parse().unwrap());
    (0..times).map(|index| Some(first + by * index as f64)).collect()
}

/// A query being built.
pub struct Query {
    times: (i64, i64, i64),
    pub max_samples: u64,
    selectors: Vec<Value>,
}

impl Query {
    pub fn new(start: i64, end: i64, step: i64) -> Self {
        Self { times: (start, end, step), max_samples: 50_000_000, selectors: Vec::new() }
    }

    fn selector(&mut self, name: &str, labels: &[(&str, &str)]) -> usize {
        let mut matchers = vec![json!({"name": "__name__", "op": "=", "value": name})];
        matchers.extend(labels.iter().map(|(name, value)| json!({"name": name, "op": "=", "value": value})));
        self.selectors.push(json!({"matchers": matchers, "from": i64::MIN, "to": i64::MAX}));
        self.selectors.len() - 1
    }

    pub fn vector(&mut self, name: &str) -> Value {
        node(json!({"vector": {"selector": self.selector(name, &[])}}))
    }

    pub fn labelled(&mut self, name: &str, labels: &[(&str, &str)]) -> Value {
        node(json!({"vector": {"selector": self.selector(name, labels)}}))
    }

    pub fn shifted(&mut self, name: &str, offset: i64, at: Option<i64>) -> Value {
        node(json!({"vector": {"selector": self.selector(name, &[]), "shift": {"offset": offset, "at": at}}}))
    }

    pub fn range(&mut self, name: &str, range: i64) -> Value {
        node(json!({"matrix": {"selector": self.selector(name, &[]), "range": range}}))
    }

    pub fn extended(&mut self, name: &str, range: i64, extension: &str) -> Value {
        node(json!({"matrix": {"selector": self.selector(name, &[]), "range": range, "extension": extension}}))
    }
}

pub fn node(expression: Value) -> Value {
    json!({"pos": [0, 5], "expr": expression})
}

pub fn number(value: f64) -> Value {
    node(json!({"number": format!("{value:?}")}))
}

pub fn text(value: &str) -> Value {
    node(json!({"string": value}))
}

pub fn call(function: &str, arguments: Vec<Value>) -> Value {
    node(json!({"call": {"function": function, "arguments": arguments}}))
}

pub fn aggregate(op: &str, labels: &[&str], inner: Value) -> Value {
    node(json!({"aggregate": {"op": op, "inner": inner, "labels": labels}}))
}

pub fn ranked(op: &str, parameter: Value, labels: &[&str], inner: Value) -> Value {
    node(json!({"aggregate": {"op": op, "inner": inner, "labels": labels, "parameter": parameter}}))
}

pub fn binary(op: &str, left: Value, right: Value) -> Value {
    matched(op, left, right, json!({}))
}

pub fn matched(op: &str, left: Value, right: Value, matching: Value) -> Value {
    node(json!({"binary": {"op": op, "left": left, "right": right, "matching": matching}}))
}

pub fn subquery(inner: Value, range: i64, step: i64) -> Value {
    node(json!({"subquery": {"inner": inner, "range": range, "step": step}}))
}

/// The answer as JSON text, its `result` only.
pub fn result(answer: &Result<Answer, Fault>) -> String {
    match answer {
        Ok(answer) => {
            let data: Value = serde_json::from_slice(&answer.data).unwrap();
            data["result"].to_string()
        }
        Err(fault) => format!("{}: {}", fault.kind(), fault.text()),
    }
}
