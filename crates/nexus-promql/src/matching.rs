//! Binary operators between two vectors: rows find each other by labels, cells by step.

use crate::annotations::Position;
use crate::binary::{self, BinaryOp};
use crate::control::Fault;
use crate::evaluate::{Evaluator, number};
use crate::labels::Names;
use crate::merge;
use crate::plan::{Cardinality, Matching};
use crate::source::SeriesLabels;
use crate::value::{Cell, Grid, NOTHING, Row, is_nothing};
use hashbrown::HashMap;
use nexus_series::symbols::{Label, Sym};
use rayon::prelude::*;

/// Rows of both sides that have the same labels of those that are matched.
#[derive(Default)]
struct Group {
    left: Vec<usize>,
    right: Vec<usize>,
}

/// What the operator needs to know for all groups.
struct Join<'a> {
    evaluator: &'a Evaluator<'a>,
    position: Position,
    op: BinaryOp,
    return_bool: bool,
    matching: &'a Matching,
    matched: Vec<Sym>,
    include: Vec<Sym>,
    /// `group_right`: the sides have been swapped.
    swapped: bool,
    fill_left: Option<f64>,
    fill_right: Option<f64>,
    left: &'a [Row],
    right: &'a [Row],
    steps: usize,
}

/// A result: its place in the order, and the row.
type Placed = (usize, Row);

/// Finds the groups: `on` the labels, or on all but them and the name.
fn groups(names: &Names, matched: &[Sym], on: bool, left: &[Row], right: &[Row]) -> Vec<Group> {
    let mut places: HashMap<Box<[Label]>, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut groups: Vec<Group> = Vec::new();
    let mut key: Vec<Label> = Vec::new();
    for (side, rows) in [left, right].into_iter().enumerate() {
        for (index, row) in rows.iter().enumerate() {
            key.clear();
            key.extend(match_labels(names, matched, on, &row.labels));
            let place = places.get(key.as_slice()).copied().unwrap_or(groups.len());
            if place == groups.len() {
                places.insert(key.clone().into_boxed_slice(), place);
                groups.push(Group::default());
            }
            if side == 0 { groups[place].left.push(index) } else { groups[place].right.push(index) }
        }
    }
    groups
}

/// The labels by which a row is matched.
fn match_labels<'a>(
    names: &'a Names,
    matched: &'a [Sym],
    on: bool,
    labels: &'a [Label],
) -> impl Iterator<Item = Label> + 'a {
    let wanted = move |label: &&Label| {
        if on { matched.contains(&label.0) } else { label.0 != names.name && !matched.contains(&label.0) }
    };
    labels.iter().filter(wanted).copied()
}

/// Arithmetic and comparisons.
#[expect(clippy::too_many_arguments, reason = "an operator with its two sides")]
pub fn arithmetic(
    evaluator: &Evaluator,
    position: Position,
    op: BinaryOp,
    return_bool: bool,
    matching: &Matching,
    mut left: Vec<Row>,
    mut right: Vec<Row>,
    grid: Grid,
) -> Result<Vec<Row>, Fault> {
    let swapped = matching.cardinality == Cardinality::OneToMany;
    if swapped {
        std::mem::swap(&mut left, &mut right);
    }
    let names = &evaluator.names;
    let join = Join {
        evaluator,
        position,
        op,
        return_bool,
        matching,
        matched: names.symbols(&matching.labels),
        include: names.symbols(&matching.include),
        swapped,
        fill_left: matching.fill_left.as_deref().map(number),
        fill_right: matching.fill_right.as_deref().map(number),
        left: &left,
        right: &right,
        steps: grid.count,
    };
    let groups = groups(names, &join.matched, matching.on, &left, &right);
    let results: Result<Vec<Vec<Placed>>, Fault> = if groups.len() * grid.count > 4096 {
        groups.par_iter().with_min_len(16).map(|group| join.group(group)).collect()
    } else {
        groups.iter().map(|group| join.group(group)).collect()
    };
    let mut placed: Vec<Placed> = results?.into_iter().flatten().filter(|(_, row)| !row.is_empty()).collect();
    placed.sort_by_key(|(place, _)| *place);
    let rows: Vec<Row> = placed.into_iter().map(|(_, row)| row).collect();
    if grid.count > 1 { merge::same_labels(rows) } else { Ok(rows) }
}

impl Join<'_> {
    fn group(&self, group: &Group) -> Result<Vec<Placed>, Fault> {
        self.evaluator.control.check()?;
        let filled = self.fill_left.is_some() || self.fill_right.is_some();
        if !filled && (group.left.is_empty() || group.right.is_empty()) {
            return if group.right.len() > 1 { self.stepwise(group) } else { Ok(Vec::new()) };
        }
        if !filled && group.right.len() == 1 && (group.left.len() == 1 || !self.one_to_one()) {
            return self.columns(group);
        }
        self.stepwise(group)
    }

    fn one_to_one(&self) -> bool {
        self.matching.cardinality == Cardinality::OneToOne
    }

    /// One row on the right: every row on the left with it, column by column.
    fn columns(&self, group: &Group) -> Result<Vec<Placed>, Fault> {
        let right = &self.right[group.right[0]];
        let mut out: Vec<Placed> = Vec::with_capacity(group.left.len());
        for &index in &group.left {
            let left = &self.left[index];
            let mut row = Row::new(self.result_labels(&left.labels, &right.labels), 0);
            row.drop_name = self.return_bool;
            let plain = left.histograms.is_empty() && right.histograms.is_empty();
            if plain && !matches!(self.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
                let filter = self.op.is_comparison() && !self.return_bool;
                row.floats = left
                    .floats
                    .iter()
                    .zip(&right.floats)
                    .map(|(&left, &right)| {
                        if is_nothing(left) || is_nothing(right) {
                            return NOTHING;
                        }
                        let (left, right) = if self.swapped { (right, left) } else { (left, right) };
                        let result = self.op.scalars(left, right);
                        match (filter, result == 1.0) {
                            (false, _) => result,
                            (true, true) => left,
                            (true, false) => NOTHING,
                        }
                    })
                    .collect();
            } else {
                row.floats = vec![NOTHING; self.steps];
                for step in 0..self.steps {
                    row.set(step, self.cell(&left.cell(step), &right.cell(step)));
                }
            }
            out.push((index, row));
        }
        if group.left.len() > 1 {
            let mut first: HashMap<SeriesLabels, usize, foldhash::fast::RandomState> = HashMap::default();
            for (at, (_, row)) in out.iter().enumerate() {
                if first.insert(row.labels.clone(), at).is_some() {
                    return self.stepwise(group);
                }
            }
        }
        Ok(out)
    }

    /// Step by step: where several rows may meet, or one is missing and filled in.
    fn stepwise(&self, group: &Group) -> Result<Vec<Placed>, Fault> {
        let mut out: Vec<Placed> = Vec::new();
        let mut places: HashMap<(Option<usize>, Option<usize>), usize, foldhash::fast::RandomState> =
            HashMap::default();
        let mut taken: Vec<SeriesLabels> = Vec::new();
        let filled = self.fill_left.is_some() || self.fill_right.is_some();
        for step in 0..self.steps {
            let mut one: Option<usize> = None;
            for &index in &group.right {
                if self.right[index].has(step) {
                    if let Some(other) = one
                        && (filled || self.left.iter().any(|row| row.has(step)))
                    {
                        return Err(self.duplicate(other, index));
                    }
                    one = Some(index);
                }
            }
            taken.clear();
            let mut matches = 0;
            let mut meet = |left: Option<usize>, right: Option<usize>, cells: (Cell, Cell)| {
                let place = *places.entry((left, right)).or_insert_with(|| {
                    let labels = self.pair_labels(left, right);
                    let mut row = Row::new(labels, self.steps);
                    row.drop_name = self.return_bool;
                    out.push((left.unwrap_or(self.left.len() + right.unwrap_or(0)), row));
                    out.len() - 1
                });
                let cell = self.cell(&cells.0, &cells.1);
                let filter = self.op.is_comparison() && !self.return_bool;
                let compatible = cell != Cell::Nothing || (filter && binary::compares(self.op, &cells.0, &cells.1));
                if compatible {
                    matches += 1;
                    if self.one_to_one() {
                        if matches > 1 {
                            let text = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
                            return Err(Fault::Execution(text.into()));
                        }
                    } else {
                        let labels = &out[place].1.labels;
                        if taken.contains(labels) {
                            let text = "multiple matches for labels: grouping labels must ensure unique matches";
                            return Err(Fault::Execution(text.into()));
                        }
                        taken.push(labels.clone());
                    }
                }
                out[place].1.set(step, cell);
                Ok(())
            };
            let mut matched = false;
            for &index in &group.left {
                let left = self.left[index].cell(step);
                if left == Cell::Nothing {
                    continue;
                }
                match (one, self.fill_right) {
                    (Some(right), _) => meet(Some(index), Some(right), (left, self.right[right].cell(step)))?,
                    (None, Some(fill)) => meet(Some(index), None, (left, Cell::Float(fill)))?,
                    (None, None) => continue,
                }
                matched = true;
            }
            if let (Some(right), Some(fill), false) = (one, self.fill_left, matched) {
                meet(None, Some(right), (Cell::Float(fill), self.right[right].cell(step)))?;
            }
        }
        Ok(out)
    }

    /// The operator on the cells of the left and the right side, which may have been swapped.
    fn cell(&self, left: &Cell, right: &Cell) -> Cell {
        let (left, right) = if self.swapped { (right, left) } else { (left, right) };
        binary::cells(self.op, left, right, self.return_bool, &self.evaluator.notes, self.position)
    }

    /// Labels of a result; a side that was filled in has the labels that are matched.
    fn pair_labels(&self, left: Option<usize>, right: Option<usize>) -> SeriesLabels {
        let names = &self.evaluator.names;
        let only = |labels: &SeriesLabels| match_labels(names, &self.matched, self.matching.on, labels).collect();
        match (left, right) {
            (Some(left), Some(right)) => self.result_labels(&self.left[left].labels, &self.right[right].labels),
            (Some(left), None) => {
                let labels = &self.left[left].labels;
                let right: SeriesLabels = only(labels);
                self.result_labels(labels, &right)
            }
            (None, Some(right)) => {
                let labels = &self.right[right].labels;
                let left: SeriesLabels = only(labels);
                self.result_labels(&left, labels)
            }
            (None, None) => SeriesLabels::from([]),
        }
    }

    /// Labels of a result.
    fn result_labels(&self, left: &SeriesLabels, right: &SeriesLabels) -> SeriesLabels {
        let names = &self.evaluator.names;
        let named = if self.op.changes_meaning() { names.without_name(left) } else { left.clone() };
        let narrowed: SeriesLabels = if self.one_to_one() && (self.matching.on || !self.matched.is_empty()) {
            let kept = |label: &&Label| self.matched.contains(&label.0) == self.matching.on;
            named.iter().filter(kept).copied().collect()
        } else {
            named
        };
        if self.include.is_empty() {
            return narrowed;
        }
        let mut labels = narrowed.to_vec();
        for &name in &self.include {
            names.set(&mut labels, name, crate::labels::find(right, name).unwrap_or(Sym(0)));
        }
        labels.into()
    }

    /// Two rows of the side that must have one.
    fn duplicate(&self, first: usize, second: usize) -> Fault {
        let names = &self.evaluator.names;
        let side = if self.swapped { "left" } else { "right" };
        let labels = &self.right[second].labels;
        let group: Vec<Label> = match_labels(names, &self.matched, self.matching.on, labels).collect();
        let mut both = [names.show(&self.right[first].labels), names.show(labels)];
        both.sort();
        Fault::Execution(format!(
            "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}];\
             many-to-many matching not allowed: matching labels must be unique on one side",
            names.show(&group),
            both[0],
            both[1]
        ))
    }
}

/// `and`, `or`, `unless`.
pub fn sets(
    evaluator: &Evaluator,
    op: &str,
    matching: &Matching,
    mut left: Vec<Row>,
    mut right: Vec<Row>,
    grid: Grid,
) -> Result<Vec<Row>, Fault> {
    let names = &evaluator.names;
    let matched = names.symbols(&matching.labels);
    let groups = groups(names, &matched, matching.on, &left, &right);
    let mut there = vec![false; grid.count];
    let mut out;
    let presence = |rows: &[Row], group: &[usize], there: &mut [bool]| {
        for (step, there) in there.iter_mut().enumerate() {
            *there = group.iter().any(|&index| rows[index].has(step));
        }
    };
    let keep = |row: &mut Row, there: &[bool], wanted: bool| {
        for (step, &there) in there.iter().enumerate() {
            if there != wanted {
                row.set(step, Cell::Nothing);
            }
        }
    };
    if op == "or" {
        for group in groups.iter().filter(|group| !group.left.is_empty() && !group.right.is_empty()) {
            presence(&left, &group.left, &mut there);
            group.right.iter().for_each(|&index| keep(&mut right[index], &there, false));
        }
        out = left;
        out.extend(right);
    } else {
        for group in groups.iter().filter(|group| !group.left.is_empty()) {
            presence(&right, &group.right, &mut there);
            group.left.iter().for_each(|&index| keep(&mut left[index], &there, op == "and"));
        }
        out = left;
    }
    out.retain(|row| !row.is_empty());
    if grid.count > 1 { merge::same_labels(out) } else { Ok(out) }
}
