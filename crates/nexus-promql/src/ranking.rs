//! Aggregations that choose among rows: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use crate::aggregate::{Grouping, Groups};
use crate::annotations::{self, Position};
use crate::control::Fault;
use crate::encode::go_shortest;
use crate::evaluate::{Evaluator, count};
use crate::plan::Node;
use crate::source::SeriesLabels;
use crate::stream::Stream;
use crate::value::{Cell, Grid, Row, is_nothing};
use hashbrown::HashMap;
use nexus_series::symbols::Label;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use xxhash_rust::xxh64::xxh64;

/// A row at a step; the greatest is the worst: it is the first to go.
#[derive(Clone, Copy, PartialEq)]
struct Candidate {
    /// The value, negated for `bottomk`, so that greater is better. NaN is worst.
    rank: f64,
    row: usize,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let worse = other.rank.partial_cmp(&self.rank);
        worse.unwrap_or_else(|| self.rank.is_nan().cmp(&other.rank.is_nan())).then(self.row.cmp(&other.row))
    }
}

/// Checks the number of rows wanted at each step; none: there is no answer at any step.
fn numbers(parameters: &[f64]) -> Result<Option<Vec<usize>>, Fault> {
    let most = parameters.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = parameters.iter().copied().fold(f64::INFINITY, f64::min);
    let any_nan = parameters.iter().any(|value| value.is_nan());
    if most < 1.0 && !any_nan {
        return Ok(None);
    }
    if any_nan {
        return Err(Fault::Execution("Parameter value is NaN".into()));
    }
    if least <= -9.223_372_036_854_776e18 {
        return Err(Fault::Execution(format!("Scalar value {} underflows int64", go_shortest(least))));
    }
    if most >= 9.223_372_036_854_776e18 {
        return Err(Fault::Execution(format!("Scalar value {} overflows int64", go_shortest(most))));
    }
    Ok(Some(parameters.iter().map(|&value| if value < 1.0 { 0 } else { value as usize }).collect()))
}

struct Part {
    held: usize,
    groups: Groups<Vec<BinaryHeap<Candidate>>>,
    rows: HashMap<usize, (SeriesLabels, bool), foldhash::fast::RandomState>,
    key: Vec<Label>,
}

/// `topk` and `bottomk`: the best rows of each group at each step.
pub fn top(
    evaluator: &Evaluator,
    node: &Node,
    inner: &Node,
    largest: bool,
    parameters: &[f64],
    grouping: &Grouping,
    grid: Grid,
) -> Result<Vec<Row>, Fault> {
    let stream = evaluator.rows(inner, grid)?;
    let Some(wanted) = numbers(parameters)? else { return Ok(Vec::new()) };
    let sign = if largest { 1.0 } else { -1.0 };
    let make = || Part { held: 0, groups: Groups::default(), rows: HashMap::default(), key: Vec::new() };
    let parts = stream.fold(evaluator, make, |part, index, row| {
        grouping.key(&row.labels, &mut part.key);
        let known = part.groups.all.len();
        let place = part.groups.place(&part.key, || vec![BinaryHeap::new(); grid.count]);
        let mut held = if place == known { 2 * grid.count } else { 0 };
        let heaps = &mut part.groups.all[place].1;
        let mut chosen = false;
        for (step, &value) in row.floats.iter().enumerate() {
            if !is_nothing(value) {
                let heap = &mut heaps[step];
                held += usize::from(heap.len() < wanted[step]);
                chosen |= offer(heap, wanted[step], Candidate { rank: value * sign, row: index });
            }
        }
        part.held += held;
        evaluator.budget.hold(held)?;
        if chosen {
            part.rows.insert(index, (row.labels.clone(), row.drop_name));
        }
        if row.histograms.iter().any(Option::is_some) {
            let op = if largest { "topk" } else { "bottomk" };
            annotations::histogram_ignored(&evaluator.notes, node.pos, op);
        }
        Ok(())
    })?;
    if let Stream::Rows(rows) = &stream {
        evaluator.budget.release(count(rows));
    }
    let mut groups: Groups<Vec<BinaryHeap<Candidate>>> = Groups::default();
    let mut labels = HashMap::with_hasher(foldhash::fast::RandomState::default());
    for part in parts {
        evaluator.budget.release(part.held);
        labels.extend(part.rows);
        for (key, heaps) in part.groups.all {
            let place = groups.place(&key, || vec![BinaryHeap::new(); grid.count]);
            for ((into, heap), &wanted) in groups.all[place].1.iter_mut().zip(heaps).zip(&wanted) {
                heap.into_iter().for_each(|candidate| {
                    offer(into, wanted, candidate);
                });
            }
        }
    }
    let mut places: HashMap<usize, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut rows: Vec<Row> = Vec::new();
    for (_, heaps) in groups.all {
        for (step, heap) in heaps.into_iter().enumerate() {
            for candidate in heap.into_sorted_vec() {
                let place = *places.entry(candidate.row).or_insert_with(|| {
                    let (labels, drop_name) = labels[&candidate.row].clone();
                    let mut row = Row::new(labels, grid.count);
                    row.drop_name = drop_name;
                    rows.push(row);
                    rows.len() - 1
                });
                rows[place].floats[step] = candidate.rank * sign;
            }
        }
    }
    Ok(rows)
}

/// Offers a candidate to the best so far; answers whether it is among them.
fn offer(heap: &mut BinaryHeap<Candidate>, wanted: usize, candidate: Candidate) -> bool {
    if heap.len() < wanted {
        heap.push(candidate);
        return true;
    }
    match heap.peek_mut() {
        Some(mut worst) if candidate < *worst => {
            *worst = candidate;
            true
        }
        _ => false,
    }
}

/// `limitk`: the first rows of each group at each step.
pub fn limit(
    evaluator: &Evaluator,
    inner: &Node,
    parameters: &[f64],
    grouping: &Grouping,
    grid: Grid,
) -> Result<Vec<Row>, Fault> {
    let mut rows = evaluator.vector(inner, grid)?;
    let held = count(&rows);
    let Some(wanted) = numbers(parameters)? else { return Ok(Vec::new()) };
    let mut groups: Groups<Vec<usize>> = Groups::default();
    let mut key = Vec::new();
    for row in &mut rows {
        grouping.key(&row.labels, &mut key);
        let place = groups.place(&key, || vec![0; grid.count]);
        for (step, taken) in groups.all[place].1.iter_mut().enumerate() {
            if row.has(step) {
                if *taken < wanted[step] {
                    *taken += 1;
                } else {
                    row.set(step, Cell::Nothing);
                }
            }
        }
    }
    rows.retain(|row| !row.is_empty());
    evaluator.budget.release(held);
    Ok(rows)
}

/// `limit_ratio`: rows whose labels' hash is in the wanted part of all hashes. The part of a negative ratio is the one that
/// the positive ratio `1 + ratio` leaves.
pub fn ratio(
    evaluator: &Evaluator,
    inner: &Node,
    parameters: &[f64],
    position: Position,
    grid: Grid,
) -> Result<Vec<Row>, Fault> {
    let mut rows = evaluator.vector(inner, grid)?;
    let held = count(&rows);
    if parameters.iter().all(|&value| value == 0.0) {
        return Ok(Vec::new());
    }
    if parameters.iter().any(|value| value.is_nan()) {
        return Err(Fault::Execution("Ratio value is NaN".into()));
    }
    for &value in parameters.iter().filter(|value| value.abs() > 1.0) {
        annotations::invalid_ratio(&evaluator.notes, position, value, value.signum());
    }
    let mut bytes = Vec::new();
    for row in &mut rows {
        let offset = hash(evaluator, &row.labels, &mut bytes) as f64 / u64::MAX as f64;
        for (step, &ratio) in parameters.iter().enumerate() {
            let ratio = ratio.clamp(-1.0, 1.0);
            let chosen = if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio };
            if !chosen {
                row.set(step, Cell::Nothing);
            }
        }
    }
    rows.retain(|row| !row.is_empty());
    evaluator.budget.release(held);
    Ok(rows)
}

/// The hash of labels that Prometheus has: XXH64 of names and values, each after its length (one byte, or 255 and three).
fn hash(evaluator: &Evaluator, labels: &[Label], bytes: &mut Vec<u8>) -> u64 {
    bytes.clear();
    for sym in labels.iter().flat_map(|label| [label.0, label.1]) {
        let text = evaluator.names.text(sym);
        if text.len() < 255 {
            bytes.push(text.len() as u8);
        } else {
            bytes.push(255);
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes()[..3]);
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    xxh64(bytes, 0)
}
