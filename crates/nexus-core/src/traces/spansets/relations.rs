//! Which spans of one set are children, siblings, ancestors ... of spans of another. Sets are row numbers in order.

use super::forest::{Forest, NONE};
use super::program::{Manner, Relation};

/// What relations mark in, kept from one use to the next so that small sets in large traces cost little.
#[derive(Debug, Default)]
pub(super) struct Marks {
    stamps: Vec<u32>,
    counts: Vec<u32>,
    stamp: u32,
}

impl Marks {
    fn begin(&mut self, nodes: usize) {
        if self.stamps.len() < nodes || self.stamp == u32::MAX {
            self.stamps = vec![0; nodes];
            self.counts = vec![0; nodes];
            self.stamp = 0;
        }
        self.stamp += 1;
    }

    /// Forget everything: another trace has other nodes.
    pub fn reset(&mut self) {
        self.stamps.clear();
        self.stamp = 0;
    }

    fn add(&mut self, node: u32) {
        let node = node as usize;
        if self.stamps[node] != self.stamp {
            self.stamps[node] = self.stamp;
            self.counts[node] = 0;
        }
        self.counts[node] += 1;
    }

    fn count(&self, node: u32) -> u32 {
        if self.stamps[node as usize] == self.stamp { self.counts[node as usize] } else { 0 }
    }
}

/// The spans that an operator leaves of two sets.
pub(super) fn related(
    relation: Relation,
    manner: Manner,
    (left, right): (&[u32], &[u32]),
    forest: &Forest,
    marks: &mut Marks,
) -> Vec<u32> {
    let holds = of_right(relation, left, right, forest, marks);
    let keep = |rows: &[u32], holds: &[bool], wanted: bool| -> Vec<u32> {
        rows.iter().zip(holds).filter_map(|(&row, &held)| (held == wanted).then_some(row)).collect()
    };
    match manner {
        Manner::Right => keep(right, &holds, true),
        Manner::Negated => keep(right, &holds, false),
        Manner::Both => {
            let others = of_right(relation.inverse(), right, left, forest, marks);
            merged(&keep(left, &others, true), &keep(right, &holds, true))
        }
    }
}

/// Rows of two sets, each once.
pub(super) fn merged(left: &[u32], right: &[u32]) -> Vec<u32> {
    let mut found = Vec::with_capacity(left.len() + right.len());
    let (mut one, mut other) = (left.iter().copied().peekable(), right.iter().copied().peekable());
    loop {
        let row = match (one.peek(), other.peek()) {
            (Some(&a), Some(&b)) => a.min(b),
            (Some(&row), None) | (None, Some(&row)) => row,
            (None, None) => return found,
        };
        one.next_if_eq(&row);
        other.next_if_eq(&row);
        found.push(row);
    }
}

/// For each span of the right set: is it that to some span of the left one?
fn of_right(relation: Relation, left: &[u32], right: &[u32], forest: &Forest, marks: &mut Marks) -> Vec<bool> {
    let node = |row: u32| forest.node[row as usize];
    let parent = |row: u32| forest.parent[row as usize];
    match relation {
        Relation::Child => {
            marks.begin(forest.first.len());
            for &row in left {
                marks.add(node(row));
            }
            right.iter().map(|&row| parent(row) != NONE && marks.count(parent(row)) > 0).collect()
        }
        Relation::Parent => {
            marks.begin(forest.first.len());
            for &row in left.iter().filter(|&&row| parent(row) != NONE) {
                marks.add(parent(row));
            }
            right.iter().map(|&row| marks.count(node(row)) > 0).collect()
        }
        Relation::Sibling => {
            marks.begin(forest.first.len());
            for &row in left.iter().filter(|&&row| parent(row) != NONE) {
                marks.add(parent(row));
            }
            // Nobody is a sibling of his own.
            let mut own = left.iter().copied().peekable();
            let is_own = |row: u32, own: &mut std::iter::Peekable<_>| -> bool {
                while own.next_if(|&other: &u32| other < row).is_some() {}
                own.peek() == Some(&row)
            };
            right
                .iter()
                .map(|&row| {
                    let himself = u32::from(is_own(row, &mut own));
                    parent(row) != NONE && marks.count(parent(row)) > himself
                })
                .collect()
        }
        Relation::Descendant => {
            let mut ranges: Vec<(u32, u32)> =
                left.iter().map(|&row| (forest.first[node(row) as usize], forest.last[node(row) as usize])).collect();
            ranges.sort_unstable();
            // How far those that begin up to each reach.
            let mut reach = 0;
            for (_, last) in &mut ranges {
                reach = reach.max(*last);
                *last = reach;
            }
            right
                .iter()
                .map(|&row| {
                    if parent(row) == NONE {
                        return false;
                    }
                    let place = forest.first[parent(row) as usize];
                    let before = ranges.partition_point(|&(first, _)| first <= place);
                    before > 0 && ranges[before - 1].1 >= place
                })
                .collect()
        }
        Relation::Ancestor => {
            let mut places: Vec<u32> = left
                .iter()
                .filter(|&&row| parent(row) != NONE)
                .map(|&row| forest.first[parent(row) as usize])
                .collect();
            places.sort_unstable();
            right
                .iter()
                .map(|&row| {
                    let (first, last) = (forest.first[node(row) as usize], forest.last[node(row) as usize]);
                    places.get(places.partition_point(|&place| place < first)).is_some_and(|&place| place <= last)
                })
                .collect()
        }
    }
}
