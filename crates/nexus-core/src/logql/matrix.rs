//! Series over steps: vector aggregations, arithmetic, comparisons and set operations, and their JSON.

use super::LogqlError;
use super::filter::compare;
use super::json::Json;
use super::range::{Grouping, labels_text};
use super::regex;
use super::streams::write_labels;
use super::units::format_float;
use std::collections::{HashMap, HashSet};

/// Evaluation times: `start`, then every `step` up to `end`, in ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// First.
    pub start: i64,
    /// Last, at most.
    pub end: i64,
    /// Distance, at least 1.
    pub step: i64,
}

impl Grid {
    /// How many times there are.
    pub fn steps(&self) -> usize {
        usize::try_from((self.end.saturating_sub(self.start)) / self.step.max(1)).map_or(0, |steps| steps + 1)
    }

    pub(crate) fn span(&self) -> i64 {
        self.end.saturating_sub(self.start)
    }

    /// Length of the cells that windows of this range are made of; 0 when windows do not overlap.
    pub(crate) fn cell(&self, range: i64) -> i64 {
        if self.steps() == 1 || self.step >= range {
            return 0;
        }
        let (mut one, mut other) = (self.step, range);
        while other != 0 {
            (one, other) = (other, one % other);
        }
        one
    }
}

/// One series; a step without a value is None.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub labels: Vec<(String, String)>,
    pub values: Vec<Option<f64>>,
}

/// Series over a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    pub(crate) grid: Grid,
    pub(crate) series: Vec<Series>,
}

impl Matrix {
    /// How many series there are.
    pub fn num_series(&self) -> usize {
        self.series.len()
    }

    /// JSON of a matrix (`"values"`), or of the last step as a vector (`"value"`).
    pub fn encode(&self, instant: bool) -> Vec<u8> {
        let mut out = vec![b'['];
        let mut first = true;
        for series in &self.series {
            if instant && series.values.last().is_none_or(Option::is_none) {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(b"{\"metric\":");
            write_labels(&mut out, &series.labels);
            if instant {
                out.extend_from_slice(b",\"value\":");
                let last = series.values.len() - 1;
                self.sample(&mut out, last, series.values[last].unwrap_or(f64::NAN));
            } else {
                out.extend_from_slice(b",\"values\":[");
                let mut comma = false;
                for (step, value) in series.values.iter().enumerate() {
                    if let Some(value) = value {
                        if comma {
                            out.push(b',');
                        }
                        comma = true;
                        self.sample(&mut out, step, *value);
                    }
                }
                out.push(b']');
            }
            out.push(b'}');
        }
        out.push(b']');
        out
    }

    fn sample(&self, out: &mut Vec<u8>, step: usize, value: f64) {
        let millis = (self.grid.start + step as i64 * self.grid.step) / 1_000_000;
        out.push(b'[');
        out.extend_from_slice((millis / 1000).to_string().as_bytes());
        if millis % 1000 != 0 {
            out.extend_from_slice(format!(".{:03}", millis % 1000).trim_end_matches('0').as_bytes());
        }
        out.extend_from_slice(b",\"");
        out.extend_from_slice(format_float(value).as_bytes());
        out.extend_from_slice(b"\"]");
    }
}

enum Value {
    Scalar(f64),
    Matrix(Matrix),
}

/// Evaluate an expression over its leaves.
///
/// `{"t": "leaf", "i"}`, `{"t": "num", "v"}`, `{"t": "vector", "v"}`, `{"t": "agg", "op", "k", "grouping", "e"}`,
/// `{"t": "bin", "op", "bool", "on": {"without", "labels"} | null, "card": "" | "left" | "right", "include", "l", "r"}`,
/// `{"t": "label_replace", "dst", "replacement", "src", "regex", "e"}`. A number stands for a series without labels.
pub fn evaluate(expression: &str, leaves: &[&Matrix], grid: Grid) -> Result<Matrix, LogqlError> {
    let json = Json::parse(expression)?;
    Ok(match (Evaluation { leaves, grid }).value(&json, 0)? {
        Value::Matrix(matrix) => matrix,
        Value::Scalar(number) => constant(number, grid),
    })
}

fn constant(number: f64, grid: Grid) -> Matrix {
    Matrix { grid, series: vec![Series { labels: Vec::new(), values: vec![Some(number); grid.steps()] }] }
}

struct Evaluation<'e> {
    leaves: &'e [&'e Matrix],
    grid: Grid,
}

impl Evaluation<'_> {
    fn value(&self, json: &Json, depth: usize) -> Result<Value, LogqlError> {
        if depth > 200 {
            return Err(LogqlError("the expression is nested too deeply".to_owned()));
        }
        Ok(match json.get("t").text() {
            "leaf" => {
                let index = json.get("i").int().and_then(|index| usize::try_from(index).ok()).unwrap_or(usize::MAX);
                let leaf = self.leaves.get(index).ok_or_else(|| LogqlError("no such leaf".to_owned()))?;
                Value::Matrix((*leaf).clone())
            }
            "num" => Value::Scalar(json.get("v").float().unwrap_or(f64::NAN)),
            "vector" => Value::Matrix(constant(json.get("v").float().unwrap_or(f64::NAN), self.grid)),
            "agg" => {
                let inner = self.matrix(json.get("e"), depth)?;
                Value::Matrix(aggregate(json, inner))
            }
            "label_replace" => {
                let inner = self.matrix(json.get("e"), depth)?;
                Value::Matrix(label_replace(json, inner)?)
            }
            "bin" => {
                let left = self.value(json.get("l"), depth + 1)?;
                let right = self.value(json.get("r"), depth + 1)?;
                Self::binary(json, left, right)?
            }
            other => return Err(LogqlError(format!("unknown expression {other:?}"))),
        })
    }

    fn matrix(&self, json: &Json, depth: usize) -> Result<Matrix, LogqlError> {
        Ok(match self.value(json, depth + 1)? {
            Value::Matrix(matrix) => matrix,
            Value::Scalar(number) => constant(number, self.grid),
        })
    }

    fn binary(json: &Json, left: Value, right: Value) -> Result<Value, LogqlError> {
        let op = json.get("op").text();
        let as_bool = json.get("bool").truth();
        Ok(match (left, right) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                Value::Scalar(apply(op, left, right, true).unwrap_or(f64::NAN))
            }
            (Value::Matrix(matrix), Value::Scalar(number)) => {
                Value::Matrix(each(matrix, |value| with_scalar(op, value, number, as_bool, false)))
            }
            (Value::Scalar(number), Value::Matrix(matrix)) => {
                Value::Matrix(each(matrix, |value| with_scalar(op, value, number, as_bool, true)))
            }
            (Value::Matrix(left), Value::Matrix(right)) => Value::Matrix(match op {
                "and" | "or" | "unless" => set_operation(op, &Matching::read(json), left, &right),
                _ => join(json, op, as_bool, left, right)?,
            }),
        })
    }
}

fn each(mut matrix: Matrix, change: impl Fn(f64) -> Option<f64>) -> Matrix {
    for series in &mut matrix.series {
        for value in &mut series.values {
            *value = value.and_then(&change);
        }
    }
    matrix.series.retain(|series| series.values.iter().any(Option::is_some));
    matrix
}

/// A value of a series against a number; a comparison keeps the value of the series.
fn with_scalar(op: &str, value: f64, number: f64, as_bool: bool, number_first: bool) -> Option<f64> {
    let (left, right) = if number_first { (number, value) } else { (value, number) };
    if is_comparison(op) && !as_bool {
        return compare(op, left, right).then_some(value);
    }
    apply(op, left, right, as_bool)
}

fn is_comparison(op: &str) -> bool {
    matches!(op, "==" | "!=" | ">" | ">=" | "<" | "<=")
}

fn apply(op: &str, left: f64, right: f64, as_bool: bool) -> Option<f64> {
    Some(match op {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "%" => left % right,
        "^" => left.powf(right),
        _ => {
            let holds = compare(op, left, right);
            if as_bool {
                f64::from(u8::from(holds))
            } else if holds {
                left
            } else {
                return None;
            }
        }
    })
}

struct Matching {
    grouping: Option<Grouping>,
}

impl Matching {
    fn read(json: &Json) -> Self {
        Self { grouping: Grouping::read(json.get("on")) }
    }

    fn key(&self, labels: &[(String, String)]) -> Vec<(String, String)> {
        labels.iter().filter(|(name, _)| self.grouping.as_ref().is_none_or(|g| g.keeps(name))).cloned().collect()
    }
}

fn set_operation(op: &str, matching: &Matching, left: Matrix, right: &Matrix) -> Matrix {
    let grid = left.grid;
    let mut held: HashMap<Vec<(String, String)>, Vec<bool>> = HashMap::new();
    let mark = |held: &mut HashMap<Vec<(String, String)>, Vec<bool>>, series: &Series| {
        let present = held.entry(matching.key(&series.labels)).or_insert_with(|| vec![false; grid.steps()]);
        for (mark, value) in present.iter_mut().zip(&series.values) {
            *mark |= value.is_some();
        }
    };
    let limited = |series: Series, held: &HashMap<Vec<(String, String)>, Vec<bool>>, wanted: bool| {
        let present = held.get(&matching.key(&series.labels));
        let keep = |step: usize| present.is_some_and(|present| present[step]) == wanted;
        let values = series.values.iter().enumerate().map(|(step, value)| value.filter(|_| keep(step))).collect();
        Series { labels: series.labels, values }
    };
    let mut series: Vec<Series> = Vec::new();
    if op == "or" {
        for one in &left.series {
            mark(&mut held, one);
        }
        series.extend(left.series);
        series.extend(right.series.iter().cloned().map(|one| limited(one, &held, false)));
        // A series of both sides is one.
        let mut joined: Vec<Series> = Vec::new();
        let mut known: HashMap<Vec<(String, String)>, usize> = HashMap::new();
        for one in series {
            if let Some(&at) = known.get(&one.labels) {
                for (value, other) in joined[at].values.iter_mut().zip(&one.values) {
                    *value = value.or(*other);
                }
            } else {
                known.insert(one.labels.clone(), joined.len());
                joined.push(one);
            }
        }
        series = joined;
    } else {
        for one in &right.series {
            mark(&mut held, one);
        }
        series.extend(left.series.into_iter().map(|one| limited(one, &held, op == "and")));
    }
    series.retain(|one| one.values.iter().any(Option::is_some));
    Matrix { grid, series }
}

fn join(json: &Json, op: &str, as_bool: bool, left: Matrix, right: Matrix) -> Result<Matrix, LogqlError> {
    let matching = Matching::read(json);
    let card = json.get("card").text();
    let include = json.get("include").texts();
    let grid = left.grid;
    let swapped = card == "right";
    let (many, one) = if swapped { (right, left) } else { (left, right) };
    let mut by_key: HashMap<Vec<(String, String)>, Vec<&Series>> = HashMap::new();
    for series in &one.series {
        by_key.entry(matching.key(&series.labels)).or_default().push(series);
    }
    let mut made: Vec<Series> = Vec::new();
    let mut taken: HashMap<Vec<(String, String)>, Vec<bool>> = HashMap::new();
    for series in &many.series {
        let key = matching.key(&series.labels);
        let Some(partners) = by_key.get(&key) else { continue };
        for step in 0..grid.steps() {
            if partners.iter().filter(|partner| partner.values[step].is_some()).count() > 1 {
                return Err(LogqlError(format!(
                    "found duplicate series on the {} hand-side: {};many-to-many matching not allowed: matching labels must \
                     be unique on one side",
                    if swapped { "left" } else { "right" },
                    labels_text(&key)
                )));
            }
        }
        let mut values = vec![None; grid.steps()];
        for (step, slot) in values.iter_mut().enumerate() {
            let partner = partners.iter().find_map(|partner| partner.values[step]);
            let (Some(own), Some(partner)) = (series.values[step], partner) else { continue };
            if card.is_empty() {
                let used = taken.entry(key.clone()).or_insert_with(|| vec![false; grid.steps()]);
                if std::mem::replace(&mut used[step], true) {
                    return Err(LogqlError(
                        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                            .to_owned(),
                    ));
                }
            }
            let (l, r) = if swapped { (partner, own) } else { (own, partner) };
            *slot =
                if is_comparison(op) && !as_bool { compare(op, l, r).then_some(l) } else { apply(op, l, r, as_bool) };
        }
        if values.iter().all(Option::is_none) {
            continue;
        }
        let labels = if card.is_empty() {
            if is_comparison(op) && !as_bool { series.labels.clone() } else { key }
        } else {
            let mut labels = series.labels.clone();
            for name in &include {
                labels.retain(|(known, _)| known != name);
                let value = partners[0].labels.iter().find(|(known, _)| known == name);
                labels.extend(value.cloned());
            }
            labels.sort_unstable();
            labels
        };
        match made.iter_mut().find(|known| known.labels == labels) {
            Some(known) => {
                for (value, other) in known.values.iter_mut().zip(values) {
                    *value = value.or(other);
                }
            }
            None => made.push(Series { labels, values }),
        }
    }
    made.sort_by(|one, other| one.labels.cmp(&other.labels));
    Ok(Matrix { grid, series: made })
}

fn aggregate(json: &Json, inner: Matrix) -> Matrix {
    let op = json.get("op").text();
    let grid = inner.grid;
    let grouping = Grouping::read(json.get("grouping")).unwrap_or(Grouping { without: false, labels: Vec::new() });
    if matches!(op, "sort" | "sort_desc") {
        let mut series = inner.series;
        let value = |series: &Series| series.values.last().copied().flatten().unwrap_or(f64::NAN);
        series.sort_by(|one, other| {
            let (one, other) = (value(one), value(other));
            // NaN comes last either way.
            one.is_nan().cmp(&other.is_nan()).then(if op == "sort" {
                one.total_cmp(&other)
            } else {
                other.total_cmp(&one)
            })
        });
        return Matrix { grid, series };
    }
    let mut groups: HashMap<Vec<(String, String)>, Vec<Series>> = HashMap::new();
    for series in inner.series {
        let key = series.labels.iter().filter(|(name, _)| grouping.keeps(name)).cloned().collect();
        groups.entry(key).or_default().push(series);
    }
    let mut made = Vec::new();
    for (labels, members) in groups {
        if matches!(op, "topk" | "bottomk" | "approx_topk") {
            made.extend(top(members, json.get("k").int().unwrap_or(0), op == "bottomk", grid.steps()));
            continue;
        }
        let values: Vec<Option<f64>> = (0..grid.steps())
            .map(|step| {
                let values: Vec<f64> = members.iter().filter_map(|series| series.values[step]).collect();
                (!values.is_empty()).then(|| fold(op, &values))
            })
            .collect();
        if values.iter().any(Option::is_some) {
            made.push(Series { labels, values });
        }
    }
    let order = |series: &Series| series.values.last().copied().flatten();
    if grid.steps() == 1 && matches!(op, "topk" | "bottomk" | "approx_topk") {
        made.sort_by(|one, other| {
            let (one, other) = (order(one).unwrap_or(f64::NAN), order(other).unwrap_or(f64::NAN));
            if op == "bottomk" { one.total_cmp(&other) } else { other.total_cmp(&one) }
        });
    } else {
        made.sort_by(|one, other| one.labels.cmp(&other.labels));
    }
    Matrix { grid, series: made }
}

fn fold(op: &str, values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let variance = || {
        let mean = values.iter().sum::<f64>() / count;
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count
    };
    match op {
        "avg" => values.iter().sum::<f64>() / count,
        "min" => values.iter().copied().fold(f64::NAN, f64::min),
        "max" => values.iter().copied().fold(f64::NAN, f64::max),
        "count" => count,
        "stddev" => variance().sqrt(),
        "stdvar" => variance(),
        _ => values.iter().sum(),
    }
}

/// The `k` greatest (or least) of each step; the other values of a series are left out.
fn top(mut members: Vec<Series>, k: i64, least: bool, steps: usize) -> Vec<Series> {
    members.sort_by(|one, other| one.labels.cmp(&other.labels));
    let k = usize::try_from(k).unwrap_or(0);
    let mut chosen: Vec<HashSet<usize>> = vec![HashSet::new(); members.len()];
    for step in 0..steps {
        let mut order: Vec<(usize, f64)> =
            members.iter().enumerate().filter_map(|(at, series)| Some((at, series.values[step]?))).collect();
        order.sort_by(|one, other| {
            let by_value = if least { one.1.total_cmp(&other.1) } else { other.1.total_cmp(&one.1) };
            one.1.is_nan().cmp(&other.1.is_nan()).then(by_value)
        });
        for (at, _) in order.into_iter().take(k) {
            chosen[at].insert(step);
        }
    }
    members
        .into_iter()
        .zip(chosen)
        .filter(|(_, steps)| !steps.is_empty())
        .map(|(series, steps)| {
            let kept = |(step, value): (usize, Option<f64>)| value.filter(|_| steps.contains(&step));
            Series { labels: series.labels, values: series.values.into_iter().enumerate().map(kept).collect() }
        })
        .collect()
}

fn label_replace(json: &Json, mut inner: Matrix) -> Result<Matrix, LogqlError> {
    let (target, source) = (json.get("dst").text(), json.get("src").text());
    let regex = regex::compile(json.get("regex").text(), true)?;
    let replacement = json.get("replacement").text();
    for series in &mut inner.series {
        let value = series.labels.iter().find(|(name, _)| name == source).map_or("", |(_, value)| value).to_owned();
        if let Some(found) = regex.captures(&value) {
            let mut made = String::new();
            found.expand(replacement, &mut made);
            series.labels.retain(|(name, _)| name != target);
            if !made.is_empty() {
                series.labels.push((target.to_owned(), made));
                series.labels.sort_unstable();
            }
        }
    }
    let mut seen = HashSet::new();
    if inner.series.iter().any(|series| !seen.insert(series.labels.clone())) {
        return Err(LogqlError("label_replace makes two series with the same labels".to_owned()));
    }
    Ok(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { start: 0, end: 0, step: 1 };

    fn matrix(series: &[(&str, f64)]) -> Matrix {
        let one = |(text, value): &(&str, f64)| Series {
            labels: text
                .split(',')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            values: vec![Some(*value)],
        };
        Matrix { grid: GRID, series: series.iter().map(one).collect() }
    }

    fn shown(expression: &str, leaves: &[&Matrix]) -> String {
        let made = evaluate(expression, leaves, GRID).unwrap();
        let text = |s: &Series| format!("{} {}", labels_text(&s.labels), s.values[0].unwrap_or(f64::NAN));
        made.series.iter().map(text).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn health_of_grafana() {
        let one = r#"{"t":"vector","v":1}"#;
        let sum = format!(r#"{{"t":"bin","op":"+","l":{one},"r":{one}}}"#);
        let made = evaluate(&sum, &[], Grid { start: 4_000_000_000, end: 4_000_000_000, step: 1 }).unwrap();
        assert_eq!(String::from_utf8(made.encode(true)).unwrap(), r#"[{"metric":{},"value":[4,"2"]}]"#);
    }

    #[test]
    fn aggregations_and_joins() {
        let leaf = matrix(&[("a=1,b=x", 1.0), ("a=1,b=y", 3.0), ("a=2,b=x", 5.0)]);
        let sum = r#"{"t":"agg","op":"sum","grouping":{"without":false,"labels":["a"]},"e":{"t":"leaf","i":0}}"#;
        assert_eq!(shown(sum, &[&leaf]), r#"{a="1"} 4; {a="2"} 5"#);
        let top = r#"{"t":"agg","op":"topk","k":1,"e":{"t":"leaf","i":0}}"#;
        assert_eq!(shown(top, &[&leaf]), r#"{a="2", b="x"} 5"#);
        let share = format!(
            r#"{{"t":"bin","op":"/","on":{{"without":false,"labels":["a"]}},"card":"left","include":[],"l":{{"t":"leaf","i":0}},"r":{sum}}}"#
        );
        assert_eq!(shown(&share, &[&leaf]), r#"{a="1", b="x"} 0.25; {a="1", b="y"} 0.75; {a="2", b="x"} 1"#);
        let above = r#"{"t":"bin","op":">","l":{"t":"leaf","i":0},"r":{"t":"num","v":2}}"#;
        assert_eq!(shown(above, &[&leaf]), r#"{a="1", b="y"} 3; {a="2", b="x"} 5"#);
        let plain = r#"{"t":"bin","op":"+","on":{"without":false,"labels":["a"]},"l":{"t":"leaf","i":0},"r":{"t":"leaf","i":0}}"#;
        assert!(evaluate(plain, &[&leaf], GRID).is_err());
        let unless = r#"{"t":"bin","op":"unless","l":{"t":"leaf","i":0},"r":{"t":"leaf","i":1}}"#;
        assert_eq!(shown(unless, &[&leaf, &matrix(&[("a=1,b=x", 0.0)])]), r#"{a="1", b="y"} 3; {a="2", b="x"} 5"#);
        let replaced =
            r#"{"t":"label_replace","dst":"c","replacement":"<$1>","src":"b","regex":"(.)","e":{"t":"leaf","i":1}}"#;
        assert_eq!(shown(replaced, &[&leaf, &matrix(&[("b=x", 1.0)])]), r#"{b="x", c="<x>"} 1"#);
    }
}
