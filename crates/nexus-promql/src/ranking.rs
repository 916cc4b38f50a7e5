//! Aggregations that choose among rows: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use crate::aggregate::{Grouping, Groups};
use crate::annotations::{self, Position};
use crate::control::Fault;
use crate::encode::go_shortest;
use crate::evaluate::{Evaluator, count};
use crate::kernels::statistics::nan_first;
use crate::plan::Node;
use crate::source::SeriesLabels;
use crate::value::{Cell, Grid, Row, is_nothing};
use hashbrown::HashMap;
use nexus_series::symbols::Label;
use xxhash_rust::xxh64::xxh64;

/// A row at a step, with its value, negated for `bottomk`, so that greater is better.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    rank: f64,
    row: usize,
}

impl Candidate {
    /// Is it to go before another one? NaN goes before everything.
    fn worse(&self, other: &Self) -> bool {
        self.rank.is_nan() || self.rank < other.rank
    }
}

/// The best rows at a step: a binary heap with the worst on top. Of equal ones it keeps those that Prometheus keeps, as long
/// as rows come in the same order: it moves candidates exactly as Go's `container/heap` does.
#[derive(Clone, Debug, Default)]
struct Best(Vec<Candidate>);

impl Best {
    /// Offers a candidate; answers whether it is among the best now.
    fn offer(&mut self, wanted: usize, candidate: Candidate) -> bool {
        if self.0.len() < wanted {
            self.0.push(candidate);
            let mut at = self.0.len() - 1;
            while at > 0 && self.0[at].worse(&self.0[(at - 1) / 2]) {
                self.0.swap(at, (at - 1) / 2);
                at = (at - 1) / 2;
            }
            return true;
        }
        match self.0.first() {
            Some(worst) if worst.rank < candidate.rank || (worst.rank.is_nan() && !candidate.rank.is_nan()) => {
                self.0[0] = candidate;
                self.sink();
                true
            }
            _ => false,
        }
    }

    /// Moves the top down to its place.
    fn sink(&mut self) {
        let (heap, mut at) = (&mut self.0, 0);
        loop {
            let mut child = 2 * at + 1;
            if child >= heap.len() {
                break;
            }
            if child + 1 < heap.len() && heap[child + 1].worse(&heap[child]) {
                child += 1;
            }
            if !heap[child].worse(&heap[at]) {
                break;
            }
            heap.swap(at, child);
            at = child;
        }
    }

    /// The best first; NaN last.
    fn sorted(mut self) -> Vec<Candidate> {
        self.0.sort_by(|left, right| nan_first(&right.rank, &left.rank));
        self.0
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
    groups: Groups<Vec<Best>>,
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
    let stream = evaluator.rows(inner, grid)?.in_order(evaluator, grid.count)?;
    let Some(wanted) = numbers(parameters)? else {
        stream.fold(evaluator, || (), |(), _, _| Ok(()))?;
        return Ok(Vec::new());
    };
    let sign = if largest { 1.0 } else { -1.0 };
    let make = || Part { held: 0, groups: Groups::default(), rows: HashMap::default(), key: Vec::new() };
    let parts = stream.fold(evaluator, make, |part, index, row| {
        grouping.key(&row.labels, &mut part.key);
        let known = part.groups.all.len();
        let place = part.groups.place(&part.key, || vec![Best::default(); grid.count]);
        let mut held = if place == known { 2 * grid.count } else { 0 };
        let heaps = &mut part.groups.all[place].1;
        let mut chosen = false;
        for (step, &value) in row.floats.iter().enumerate() {
            if !is_nothing(value) {
                let heap = &mut heaps[step];
                held += usize::from(heap.0.len() < wanted[step]);
                chosen |= heap.offer(wanted[step], Candidate { rank: value * sign, row: index });
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
    evaluator.budget.release(count(stream.present()));
    let mut groups: Groups<Vec<Best>> = Groups::default();
    let mut labels = HashMap::with_hasher(foldhash::fast::RandomState::default());
    for part in parts {
        evaluator.budget.release(part.held);
        labels.extend(part.rows);
        for (key, heaps) in part.groups.all {
            let place = groups.place(&key, || vec![Best::default(); grid.count]);
            for ((into, heap), &wanted) in groups.all[place].1.iter_mut().zip(heaps).zip(&wanted) {
                for candidate in heap.0 {
                    into.offer(wanted, candidate);
                }
            }
        }
    }
    let mut places: HashMap<usize, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut rows: Vec<Row> = Vec::new();
    for (_, heaps) in groups.all {
        for (step, heap) in heaps.into_iter().enumerate() {
            for candidate in heap.sorted() {
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
