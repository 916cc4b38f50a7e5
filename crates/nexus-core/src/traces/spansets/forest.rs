//! How the spans of a trace hang together: a forest of ids, whatever the spans say. See the module for broken traces.

use super::rows::Trace;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// Ids of spans (and of parents that are not stored) as nodes; several spans may have one id.
#[derive(Debug, Default)]
pub(super) struct Forest {
    /// The node of each span.
    pub node: Vec<u32>,
    /// The node of each span's parent, or `NONE`.
    pub parent: Vec<u32>,
    /// Of each node: its place in depth-first order, and the last place below it.
    pub first: Vec<u32>,
    pub last: Vec<u32>,
    /// Of each node: bits of all its spans.
    pub leaves: Vec<u64>,
    /// Of each node: is a span with that id stored?
    pub stored: Vec<bool>,
    /// Of each node: bounds of its nested set, from 1; 0 when it is not stored.
    pub left: Vec<i32>,
    pub right: Vec<i32>,
}

impl Forest {
    pub fn new(trace: &Trace<'_>) -> Self {
        let rows = trace.len();
        let mut forest = Self { node: Vec::with_capacity(rows), ..Self::default() };
        // The earliest span of each node: what lies above a node is what that span says.
        let mut earliest: Vec<u32> = Vec::new();
        let mut nodes: HashMap<u64, u32, foldhash::fast::RandomState> =
            HashMap::with_capacity_and_hasher(rows, foldhash::fast::RandomState::default());
        for (row, &id) in trace.ids.iter().enumerate() {
            let node = match nodes.entry(id) {
                Entry::Occupied(entry) => {
                    let node = *entry.get();
                    let known = &mut earliest[node as usize];
                    if trace.starts[row] < trace.starts[*known as usize] {
                        *known = row as u32;
                    }
                    node
                }
                Entry::Vacant(entry) => {
                    earliest.push(row as u32);
                    *entry.insert(earliest.len() as u32 - 1)
                }
            };
            forest.node.push(node);
        }
        let stored = earliest.len();
        // When a node is there: a parent that is not stored is when the first of its children is.
        let mut begins: Vec<(i64, u32)> = earliest.iter().map(|&row| (trace.starts[row as usize], row)).collect();
        for (row, (&id, &parent)) in trace.ids.iter().zip(&trace.parents).enumerate() {
            if parent == 0 || parent == id {
                forest.parent.push(NONE);
                continue;
            }
            let begin = (trace.starts[row], row as u32);
            let node = *nodes.entry(parent).or_insert_with(|| {
                begins.push(begin);
                begins.len() as u32 - 1
            });
            if node as usize >= stored && begin < begins[node as usize] {
                begins[node as usize] = begin;
            }
            forest.parent.push(node);
        }
        let mut above: Vec<u32> = earliest.iter().map(|&row| forest.parent[row as usize]).collect();
        above.resize(begins.len(), NONE);
        forest.open_circles(&mut above, &begins);
        forest.leaves = vec![0; begins.len()];
        for (&node, &leaves) in forest.node.iter().zip(&trace.leaves) {
            forest.leaves[node as usize] |= leaves;
        }
        forest.stored = (0..begins.len()).map(|node| node < stored).collect();
        forest.number(&above, &begins);
        forest
    }

    /// Leave out the step that makes a circle of parents: the one above its earliest span.
    fn open_circles(&mut self, above: &mut [u32], begins: &[(i64, u32)]) {
        let mut opened = vec![NONE; 0];
        // In which walk a node was met first.
        let mut met = vec![NONE; above.len()];
        for start in 0..above.len() as u32 {
            let mut at = start;
            while at != NONE && met[at as usize] == NONE {
                met[at as usize] = start;
                at = above[at as usize];
            }
            if at == NONE || met[at as usize] != start {
                continue;
            }
            let (mut earliest, mut other) = (at, above[at as usize]);
            while other != at {
                if begins[other as usize] < begins[earliest as usize] {
                    earliest = other;
                }
                other = above[other as usize];
            }
            if opened.is_empty() {
                opened = vec![NONE; above.len()];
            }
            opened[earliest as usize] = above[earliest as usize];
            above[earliest as usize] = NONE;
        }
        if opened.is_empty() {
            return;
        }
        for (&node, parent) in self.node.iter().zip(&mut self.parent) {
            if *parent != NONE && opened[node as usize] == *parent {
                *parent = NONE;
            }
        }
    }

    /// Places in depth-first order, siblings by when they begin.
    fn number(&mut self, above: &[u32], begins: &[(i64, u32)]) {
        let count = above.len();
        let mut order: Vec<u32> = (0..count as u32).collect();
        order.sort_unstable_by_key(|&node| (begins[node as usize], node));
        // Children of each node, one after the other; the roots come last.
        let mut ends = vec![0_usize; count + 2];
        let slot = |node: u32| if above[node as usize] == NONE { count } else { above[node as usize] as usize };
        for node in 0..count as u32 {
            ends[slot(node) + 1] += 1;
        }
        for index in 1..ends.len() {
            ends[index] += ends[index - 1];
        }
        let mut next = ends.clone();
        let mut children = vec![0_u32; count];
        for &node in &order {
            let place = &mut next[slot(node)];
            children[*place] = node;
            *place += 1;
        }
        next.clone_from(&ends);
        self.first = vec![0; count];
        self.last = vec![0; count];
        self.left = vec![0; count];
        self.right = vec![0; count];
        let (mut place, mut bound) = (0_u32, 0_i32);
        let mut path: Vec<u32> = Vec::new();
        loop {
            let here = path.last().map_or(count, |&node| node as usize);
            if next[here] < ends[here + 1] {
                let child = children[next[here]];
                next[here] += 1;
                self.first[child as usize] = place;
                place += 1;
                if self.stored[child as usize] {
                    bound += 1;
                    self.left[child as usize] = bound;
                }
                path.push(child);
                continue;
            }
            let Some(node) = path.pop() else { break };
            self.last[node as usize] = place - 1;
            if self.stored[node as usize] {
                bound += 1;
                self.right[node as usize] = bound;
            }
        }
    }

    /// Parent, left and right of a span's nested set: a root's parent is -1, that of one whose parent is not stored 0.
    pub fn numbers(&self, row: u32) -> [i32; 3] {
        let (node, parent) = (self.node[row as usize] as usize, self.parent[row as usize]);
        let above = if parent == NONE { -1 } else { self.left[parent as usize] };
        [above, self.left[node], self.right[node]]
    }
}
