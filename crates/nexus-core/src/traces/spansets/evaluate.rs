//! Programs over traces.

use super::SpansetError;
use super::forest::{Forest, NONE};
use super::program::{Aggregate, Arithmetic, Condition, Node, Program, Scalar, SetOp};
use super::relations::{Marks, merged, related};
use super::rows::{Rows, Trace};
use hashbrown::HashMap;

/// How much to tell of what matches.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Traces.
    pub traces: usize,
    /// Spans of each spanset.
    pub spans: usize,
    /// Spansets of each trace.
    pub sets: usize,
    /// Tell the traces whose newest matching span is newest, else the first.
    pub newest_first: bool,
}

/// A trace of which something matches.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceMatch {
    /// Its id.
    pub trace_id: [u8; 16],
    /// When the newest of its matching spans begins, in ns.
    pub newest: i64,
    /// How many spansets it has; fewer may be told.
    pub total_sets: usize,
    /// Its spansets.
    pub sets: Vec<SetMatch>,
}

/// Spans of a trace that match together.
#[derive(Debug, Clone, PartialEq)]
pub struct SetMatch {
    /// How many they are; fewer may be told.
    pub matched: usize,
    /// Their ids one after the other, the first by time.
    pub span_ids: Vec<u8>,
    /// Parent, left and right of each one's nested set, when the program asks for it.
    pub numbering: Vec<u8>,
    /// What the set says of itself: indexes of labels with values.
    pub told: Vec<(u32, Told)>,
}

/// A value that a spanset says of itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// The key that its spans have in common.
    Key(Option<Vec<u8>>),
    /// An aggregate of its spans.
    Number(f64),
}

/// The traces of which something matches.
pub fn evaluate(rows: &[u8], program: &Program, limits: Limits) -> Result<Vec<TraceMatch>, SpansetError> {
    let mut found: Vec<TraceMatch> = Vec::new();
    each(rows, program, |trace, sets, forest| {
        if !limits.newest_first && found.len() >= limits.traces {
            return;
        }
        found.push(told(trace, sets, forest.filter(|_| program.numbering), limits));
        if found.len() >= limits.traces.saturating_mul(2).saturating_add(64) {
            newest(&mut found, limits.traces);
        }
    })?;
    if limits.newest_first {
        newest(&mut found, limits.traces);
    }
    found.truncate(limits.traces);
    Ok(found)
}

/// Id of the trace and of the span (24 bytes) of each span of the spansets, in order of the rows.
pub fn matching(rows: &[u8], program: &Program) -> Result<Vec<u8>, SpansetError> {
    let mut found = Vec::new();
    each(rows, program, |trace, sets, _| {
        let mut spans: Vec<u32> = sets.iter().flat_map(|set| set.rows.iter().copied()).collect();
        spans.sort_unstable();
        spans.dedup();
        for row in spans {
            found.extend_from_slice(&trace.id);
            found.extend_from_slice(&trace.ids[row as usize].to_be_bytes());
        }
    })?;
    Ok(found)
}

fn newest(found: &mut Vec<TraceMatch>, limit: usize) {
    found.sort_by(|one, other| other.newest.cmp(&one.newest).then_with(|| one.trace_id.cmp(&other.trace_id)));
    found.truncate(limit);
}

/// Spans in the order of their rows, and what has been said of them together.
#[derive(Debug, Clone)]
struct Set {
    rows: Vec<u32>,
    told: Vec<(u32, Said)>,
}

/// A key is that of a span, by its place among all keys of the trace.
#[derive(Debug, Clone, Copy)]
enum Said {
    Key(usize),
    Number(f64),
}

/// Evaluate trace by trace.
fn each<'a>(
    rows: &'a [u8],
    program: &Program,
    mut found: impl FnMut(&Trace<'a>, &[Set], Option<&Forest>),
) -> Result<(), SpansetError> {
    let mut reader = Rows::new(rows, program.values, program.keys);
    let mut trace = Trace::default();
    let mut marks = Marks::default();
    while reader.next(&mut trace)? {
        let forest = program.is_structural().then(|| Forest::new(&trace));
        marks.reset();
        let mut run = Run {
            trace: &trace,
            forest: forest.as_ref(),
            values: program.values,
            keys: program.keys,
            marks: &mut marks,
        };
        let all = Set { rows: (0..trace.len() as u32).collect(), told: Vec::new() };
        let sets = run.node(&program.root, vec![all]);
        if !sets.is_empty() {
            found(&trace, &sets, forest.as_ref());
        }
    }
    Ok(())
}

struct Run<'r, 'a> {
    trace: &'r Trace<'a>,
    forest: Option<&'r Forest>,
    values: usize,
    keys: usize,
    marks: &'r mut Marks,
}

impl Run<'_, '_> {
    fn node(&mut self, node: &Node, mut sets: Vec<Set>) -> Vec<Set> {
        match node {
            Node::AnyLeaf => self.kept(sets, |run, row| run.trace.leaves[row as usize] != 0),
            Node::Leaf(leaf) => self.kept(sets, |run, row| run.trace.leaves[row as usize] >> leaf & 1 == 1),
            Node::Where(condition) => self.kept(sets, |run, row| run.holds(condition, row)),
            Node::Set(op, left, right) => {
                sets.into_iter().filter_map(|set| self.joined(*op, left, right, set)).collect()
            }
            Node::By { key, label } => sets.into_iter().flat_map(|set| self.grouped(*key, *label, &set)).collect(),
            Node::Coalesce => {
                if sets.is_empty() {
                    return sets;
                }
                Set { rows: union(&sets), told: Vec::new() }.into_list()
            }
            Node::Scalar(op, left, right) => {
                sets.retain_mut(|set| {
                    let mut told = Vec::new();
                    let Some(left) = self.scalar(left, &set.rows, &mut told) else { return false };
                    let Some(right) = self.scalar(right, &set.rows, &mut told) else { return false };
                    for (label, said) in told {
                        set.told.retain(|&(known, _)| known != label);
                        set.told.push((label, said));
                    }
                    op.holds(left, right)
                });
                sets
            }
            Node::Pipeline(nodes) => nodes.iter().fold(sets, |sets, node| self.node(node, sets)),
        }
    }

    fn kept(&self, mut sets: Vec<Set>, keep: impl Fn(&Self, u32) -> bool) -> Vec<Set> {
        sets.retain_mut(|set| {
            set.rows.retain(|&row| keep(self, row));
            !set.rows.is_empty()
        });
        sets
    }

    fn holds(&self, condition: &Condition, row: u32) -> bool {
        match condition {
            Condition::Leaf(leaf) => self.trace.leaves[row as usize] >> leaf & 1 == 1,
            Condition::Parent(leaf, absent) => match self.forest.map(|forest| (forest, forest.parent[row as usize])) {
                Some((forest, parent)) if parent != NONE && forest.stored[parent as usize] => {
                    forest.leaves[parent as usize] >> leaf & 1 == 1
                }
                _ => *absent,
            },
            Condition::And(parts) => parts.iter().all(|part| self.holds(part, row)),
            Condition::Or(parts) => parts.iter().any(|part| self.holds(part, row)),
            Condition::Not(part) => !self.holds(part, row),
        }
    }

    /// Two sides of a set; what was said of the set goes on, what the sides say does not.
    fn joined(&mut self, op: SetOp, left: &Node, right: &Node, set: Set) -> Option<Set> {
        let told = set.told.clone();
        let left = union(&self.node(left, set.clone().into_list()));
        // Only a negation can match without a left side.
        if left.is_empty() && !matches!(op, SetOp::Or | SetOp::Related(_, super::program::Manner::Negated)) {
            return None;
        }
        let right = union(&self.node(right, set.into_list()));
        let rows = match op {
            SetOp::And if right.is_empty() => Vec::new(),
            SetOp::And | SetOp::Or => merged(&left, &right),
            SetOp::Related(relation, manner) => related(relation, manner, (&left, &right), self.forest?, self.marks),
        };
        (!rows.is_empty()).then_some(Set { rows, told })
    }

    /// A set for each key, in the order in which they are met.
    fn grouped(&self, key: usize, label: u32, set: &Set) -> Vec<Set> {
        let mut groups: HashMap<Option<&[u8]>, usize, foldhash::fast::RandomState> = HashMap::default();
        let mut found: Vec<Set> = Vec::new();
        for &row in &set.rows {
            let place = row as usize * self.keys + key;
            let group = *groups.entry(self.trace.keys[place]).or_insert_with(|| {
                let mut told = set.told.clone();
                told.retain(|&(known, _)| known != label);
                told.push((label, Said::Key(place)));
                found.push(Set { rows: Vec::new(), told });
                found.len() - 1
            });
            found[group].rows.push(row);
        }
        found
    }

    /// The value of a number of a set, if it has one; aggregates are told.
    fn scalar(&self, scalar: &Scalar, rows: &[u32], told: &mut Vec<(u32, Said)>) -> Option<f64> {
        match scalar {
            Scalar::Number(number) => Some(*number),
            Scalar::Count { label } => {
                told.push((*label, Said::Number(rows.len() as f64)));
                Some(rows.len() as f64)
            }
            Scalar::Aggregate { function, value, label } => {
                let number = self.aggregate(*function, *value, rows)?;
                told.push((*label, Said::Number(number)));
                Some(number)
            }
            Scalar::Arithmetic(op, left, right) => {
                let (left, right) = (self.scalar(left, rows, told)?, self.scalar(right, rows, told)?);
                let number = match op {
                    Arithmetic::Add => left + right,
                    Arithmetic::Subtract => left - right,
                    Arithmetic::Multiply => left * right,
                    Arithmetic::Divide => left / right,
                    Arithmetic::Remainder => left % right,
                    Arithmetic::Power => left.powf(right),
                };
                number.is_finite().then_some(number)
            }
        }
    }

    fn aggregate(&self, function: Aggregate, value: usize, rows: &[u32]) -> Option<f64> {
        let numbers = rows.iter().map(|&row| self.trace.values[row as usize * self.values + value]);
        let numbers = numbers.filter(|number| !number.is_nan());
        match function {
            Aggregate::Min => numbers.reduce(f64::min),
            Aggregate::Max => numbers.reduce(f64::max),
            Aggregate::Sum => numbers.reduce(|sum, number| sum + number),
            Aggregate::Avg => {
                let (sum, count) = numbers.fold((0.0, 0_usize), |(sum, count), number| (sum + number, count + 1));
                (count > 0).then(|| sum / count as f64)
            }
        }
    }
}

impl Set {
    fn into_list(self) -> Vec<Self> {
        vec![self]
    }
}

/// Rows of all sets, each once.
fn union(sets: &[Set]) -> Vec<u32> {
    match sets {
        [] => Vec::new(),
        [set] => set.rows.clone(),
        sets => {
            let mut rows: Vec<u32> = sets.iter().flat_map(|set| set.rows.iter().copied()).collect();
            rows.sort_unstable();
            rows.dedup();
            rows
        }
    }
}

fn told(trace: &Trace<'_>, sets: &[Set], forest: Option<&Forest>, limits: Limits) -> TraceMatch {
    let starts = sets.iter().flat_map(|set| &set.rows).map(|&row| trace.starts[row as usize]);
    TraceMatch {
        trace_id: trace.id,
        newest: starts.max().unwrap_or(i64::MIN),
        total_sets: sets.len(),
        sets: sets.iter().take(limits.sets).map(|set| told_of(trace, set, forest, limits.spans)).collect(),
    }
}

fn told_of(trace: &Trace<'_>, set: &Set, forest: Option<&Forest>, limit: usize) -> SetMatch {
    let mut rows = set.rows.clone();
    let begin = |&row: &u32| (trace.starts[row as usize], row);
    if limit > 0 && rows.len() > limit {
        rows.select_nth_unstable_by_key(limit - 1, begin);
    }
    rows.truncate(limit);
    rows.sort_unstable_by_key(begin);
    let mut numbering = Vec::new();
    if let Some(forest) = forest {
        numbering.extend(rows.iter().flat_map(|&row| forest.numbers(row)).flat_map(i32::to_le_bytes));
    }
    let said = |said: Said| match said {
        Said::Key(place) => Told::Key(trace.keys[place].map(<[u8]>::to_vec)),
        Said::Number(number) => Told::Number(number),
    };
    SetMatch {
        matched: set.rows.len(),
        span_ids: rows.iter().flat_map(|&row| trace.ids[row as usize].to_be_bytes()).collect(),
        numbering,
        told: set.told.iter().map(|&(label, value)| (label, said(value))).collect(),
    }
}
