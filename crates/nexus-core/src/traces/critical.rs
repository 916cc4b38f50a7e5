//! The critical path of a trace: at each moment, the span that what began it was waiting for.
//!
//! As Jaeger defines it: a span is waiting for the child that ends last of those that end before the next one on the path
//! begins; the time between is its own. Children are looked at within the time of their parents; what begins after its parent
//! has ended held nobody up. Sections add up to the duration of the span at the top.
//!
//! Source: <https://www.uber.com/blog/crisp-critical-path-analysis-for-microservice-architectures/>.

use super::tree::{Node, Tree};
use crate::render::{BadRows, Rows};
use std::collections::HashMap;

/// Part of a critical path: a span, by its place in the tree, from a time to another (ns).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// Place in [`Tree::order`].
    pub span: u32,
    /// From when on it was waited for.
    pub from: i64,
    /// Until when.
    pub to: i64,
}

/// A span that is being looked at.
struct Visit {
    span: u32,
    /// Its time, as far as it lies within its parents'.
    start: i64,
    end: i64,
    /// Where the part begins that is already told.
    until: i64,
    /// Next child to look at.
    child: usize,
}

/// Critical paths in a tree.
pub struct Paths<'a> {
    nodes: &'a [Node],
    tree: &'a Tree,
    /// Those of a place lie in `children[first[place]..first[place + 1]]`, the one that ends last in front.
    children: Vec<u32>,
    first: Vec<u32>,
}

impl<'a> Paths<'a> {
    /// `nodes` are what the tree was made of.
    pub fn new(nodes: &'a [Node], tree: &'a Tree) -> Self {
        let size = tree.order.len();
        let mut first = vec![0_u32; size + 1];
        tree.parents.iter().flatten().for_each(|&parent| first[parent as usize + 1] += 1);
        for place in 0..size {
            first[place + 1] += first[place];
        }
        let mut children = vec![0_u32; first[size] as usize];
        let mut next = first.clone();
        for (place, parent) in tree.parents.iter().enumerate() {
            if let Some(parent) = *parent {
                children[next[parent as usize] as usize] = place as u32;
                next[parent as usize] += 1;
            }
        }
        let end = |place: u32| nodes[tree.order[place as usize] as usize].end();
        for of in first.windows(2) {
            children[of[0] as usize..of[1] as usize].sort_by_key(|&child| std::cmp::Reverse(end(child)));
        }
        Self { nodes, tree, children, first }
    }

    fn node(&self, place: u32) -> &Node {
        &self.nodes[self.tree.order[place as usize] as usize]
    }

    fn visit(&self, span: u32, start: i64, end: i64) -> Visit {
        Visit { span, start, end, until: end, child: self.first[span as usize] as usize }
    }

    /// The path below a span, latest section first.
    pub fn below(&self, top: u32) -> Vec<Section> {
        let node = self.node(top);
        let mut sections = Vec::new();
        let mut visits = vec![self.visit(top, node.start, node.end())];
        while let Some(visit) = visits.last_mut() {
            let last = self.first[visit.span as usize + 1] as usize;
            let next = (visit.child..last).find_map(|at| {
                let child = self.node(self.children[at]);
                let (start, end) = (child.start.max(visit.start), child.end().min(visit.end));
                (start < end && end <= visit.until).then_some((at, start, end))
            });
            if let Some((at, start, end)) = next {
                push(&mut sections, visit.span, end, visit.until);
                (visit.child, visit.until) = (at + 1, start);
                let below = self.visit(self.children[at], start, end);
                visits.push(below);
            } else {
                push(&mut sections, visit.span, visit.start, visit.until);
                visits.pop();
            }
        }
        sections
    }

    /// The path of the trace, earliest section first: below its earliest root. Empty for a trace without spans.
    pub fn of_trace(&self) -> Vec<Section> {
        let roots = (0..self.tree.parents.len() as u32).filter(|&place| self.tree.parents[place as usize].is_none());
        // Roots come by start, but one that has lost its parent is second choice.
        let Some(top) = roots.min_by_key(|&place| self.node(place).parent != [0; 8]) else { return Vec::new() };
        let mut sections = self.below(top);
        sections.reverse();
        sections
    }
}

fn push(sections: &mut Vec<Section>, span: u32, from: i64, to: i64) {
    if from < to {
        sections.push(Section { span, from, to });
    }
}

/// What critical paths of many traces add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summed {
    /// How many paths.
    pub paths: u64,
    /// ns by service and operation, most first.
    pub rows: Vec<(String, String, u64)>,
}

/// Sum critical paths: rows of (trace_id, span_id, parent_span_id, name, kind, timestamp, duration, service, matched), those
/// of a trace one after the other. A path begins at each span that is matched and not below another that is.
pub fn sum_paths(rows: &[u8]) -> Result<Summed, BadRows> {
    let mut reader = Rows::new(rows);
    let mut trace = Trace::default();
    let mut sums = HashMap::default();
    let mut paths = 0;
    while !reader.at_end() {
        let at = reader.at;
        let (id, node, label, matched) = row(&mut reader).ok_or(BadRows { at })?;
        if trace.id != id {
            paths += trace.take(id).add(&mut sums);
        }
        trace.nodes.push(node);
        trace.labels.push(label);
        trace.matched.push(matched);
    }
    paths += trace.add(&mut sums);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut rows: Vec<_> =
        sums.into_iter().map(|((service, name), ns): ((&[u8], &[u8]), u64)| (text(service), text(name), ns)).collect();
    rows.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.cmp(b)));
    Ok(Summed { paths, rows })
}

/// Service and operation.
type Label<'a> = (&'a [u8], &'a [u8]);

#[derive(Default)]
struct Trace<'a> {
    id: [u8; 16],
    nodes: Vec<Node>,
    labels: Vec<Label<'a>>,
    matched: Vec<bool>,
}

impl<'a> Trace<'a> {
    /// Start another one.
    fn take(&mut self, id: [u8; 16]) -> Self {
        std::mem::replace(self, Self { id, ..Self::default() })
    }

    fn add(&self, sums: &mut HashMap<Label<'a>, u64>) -> u64 {
        let tree = Tree::new(&self.nodes);
        let paths = Paths::new(&self.nodes, &tree);
        let mut tops = 0;
        // Is this place matched, or below one that is? Parents come first.
        let mut inside = vec![false; tree.order.len()];
        for place in 0..tree.order.len() {
            let above = tree.parents[place].is_some_and(|parent| inside[parent as usize]);
            let matched = self.matched[tree.order[place] as usize];
            inside[place] = above || matched;
            if matched && !above {
                tops += 1;
                for section in paths.below(place as u32) {
                    let label = self.labels[tree.order[section.span as usize] as usize];
                    *sums.entry(label).or_default() += section.from.abs_diff(section.to);
                }
            }
        }
        tops
    }
}

fn row<'a>(reader: &mut Rows<'a>) -> Option<([u8; 16], Node, Label<'a>, bool)> {
    let (trace, id, parent) = (reader.array()?, reader.array()?, reader.array()?);
    let name = reader.string()?;
    let kind = u8::from_le_bytes(reader.array()?);
    let (start, duration) = (reader.int()?, u64::from_le_bytes(reader.array()?));
    let service = reader.string()?;
    let matched = reader.array::<1>()? != [0];
    Some((trace, Node { id, parent, kind, start, duration }, (service, name), matched))
}

#[cfg(test)]
mod tests {
    use super::super::tree::tests::node;
    use super::*;

    fn path(nodes: &[Node]) -> Vec<(u64, i64, i64)> {
        let tree = Tree::new(nodes);
        let id = |place: u32| u64::from_be_bytes(nodes[tree.order[place as usize] as usize].id);
        Paths::new(nodes, &tree).of_trace().iter().map(|part| (id(part.span), part.from, part.to)).collect()
    }

    #[test]
    fn the_child_that_ends_last_is_waited_for() {
        let nodes = [node(1, 0, 0, 100), node(2, 1, 10, 30), node(3, 1, 20, 60), node(4, 3, 30, 20), node(5, 1, 12, 6)];
        // 2 runs beside 3 and ends after 3 began; 5 ended before that.
        assert_eq!(
            path(&nodes),
            [(1, 0, 12), (5, 12, 18), (1, 18, 20), (3, 20, 30), (4, 30, 50), (3, 50, 80), (1, 80, 100)]
        );
    }

    #[test]
    fn children_one_after_the_other() {
        let nodes = [node(1, 0, 0, 100), node(2, 1, 10, 40), node(3, 1, 50, 50)];
        assert_eq!(path(&nodes), [(1, 0, 10), (2, 10, 50), (3, 50, 100)]);
    }

    #[test]
    fn children_are_seen_within_their_parents() {
        let nodes =
            [node(1, 0, 100, 100), node(2, 1, 150, 500), node(3, 2, 300, 10), node(4, 1, 90, 20), node(5, 1, 20, 30)];
        assert_eq!(path(&nodes), [(4, 100, 110), (1, 110, 150), (2, 150, 200)]);
    }

    #[test]
    fn a_lost_root_is_second_choice() {
        assert_eq!(path(&[node(2, 9, 0, 10), node(1, 0, 5, 10)]), [(1, 5, 15)]);
        assert_eq!(path(&[node(2, 9, 0, 10)]), [(2, 0, 10)]);
        assert_eq!(path(&[]), []);
        assert_eq!(path(&[node(1, 0, 5, 0)]), []);
    }

    #[test]
    fn depth_costs_no_stack() {
        let nodes: Vec<Node> =
            (0..200_000_u64).map(|depth| node(depth + 1, depth, depth as i64, 500_000 - 2 * depth)).collect();
        let found = path(&nodes);
        assert_eq!(found.iter().map(|(_, from, to)| to - from).sum::<i64>(), 500_000);
    }

    #[test]
    fn random_paths_cover_the_root_without_gaps() {
        let mut seed = 3_u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..2_000 {
            let size = random(12) + 2;
            let mut nodes = vec![node(1, 0, 0, 100)];
            nodes.extend((2..size).map(|id| node(id, random(id - 1) + 1, random(120) as i64 - 10, random(60))));
            let found = path(&nodes);
            let mut at = 0;
            for (id, from, to) in &found {
                assert_eq!((*from, from < to), (at, true), "{nodes:?}");
                at = *to;
                assert!(
                    nodes
                        .iter()
                        .any(|node| u64::from_be_bytes(node.id) == *id && node.start <= *from && node.end() >= *to)
                );
            }
            assert_eq!(at, 100);
            assert_eq!(found, slow_path(&nodes), "{nodes:?}");
        }
    }

    /// As the definition has it, without anything prepared. Spans are where they are within their parents' time.
    fn slow_path(nodes: &[Node]) -> Vec<(u64, i64, i64)> {
        fn walk(nodes: &[Node], id: u64, start: i64, end: i64, out: &mut Vec<(u64, i64, i64)>) {
            let mut children: Vec<(i64, i64, i64, i64, u64)> = nodes
                .iter()
                .filter(|node| u64::from_be_bytes(node.parent) == id)
                .map(|node| {
                    let clipped = (node.start.max(start), node.end().min(end));
                    (clipped.0, clipped.1, node.end(), -node.start, u64::from_be_bytes(node.id))
                })
                .filter(|child| child.0 < child.1)
                .collect();
            let mut until = end;
            loop {
                children.retain(|child| child.1 <= until);
                let place = |id: u64| nodes.iter().position(|node| u64::from_be_bytes(node.id) == id).unwrap();
                let last = children
                    .iter()
                    .copied()
                    .max_by_key(|child| (child.1, child.2, child.3, std::cmp::Reverse(place(child.4))));
                let Some((from, to, _, _, child)) = last else { break };
                out.push((id, to, until));
                walk(nodes, child, from, to, out);
                children.retain(|one| one.4 != child);
                until = from;
            }
            out.push((id, start, until));
        }
        let mut out = Vec::new();
        walk(nodes, 1, 0, 100, &mut out);
        out.retain(|(_, from, to)| from < to);
        out.reverse();
        out
    }

    #[test]
    fn paths_of_many_traces_add_up() {
        use super::super::rows::tests::text;
        let mut rows = Vec::new();
        let mut add = |trace: u8, id: u64, parent: u64, at: (i64, u64), label: (&str, &str), matched: u8| {
            rows.extend_from_slice(&[trace; 16]);
            rows.extend_from_slice(&id.to_be_bytes());
            rows.extend_from_slice(&parent.to_be_bytes());
            text(&mut rows, label.1);
            rows.push(2);
            rows.extend_from_slice(&at.0.to_le_bytes());
            rows.extend_from_slice(&at.1.to_le_bytes());
            text(&mut rows, label.0);
            rows.push(matched);
        };
        add(1, 1, 0, (0, 1000), ("web", "/"), 0);
        add(1, 2, 1, (100, 100), ("cart", "add"), 1);
        add(1, 3, 2, (120, 60), ("db", "put"), 0);
        add(1, 4, 3, (130, 10), ("cart", "add"), 1);
        add(2, 1, 0, (0, 50), ("cart", "add"), 1);
        add(3, 1, 0, (0, 50), ("cart", "get"), 0);
        let summed = sum_paths(&rows).unwrap();
        let row = |service: &str, name: &str, ns| (service.to_owned(), name.to_owned(), ns);
        assert_eq!(summed.paths, 2);
        assert_eq!(summed.rows, [row("cart", "add", 100), row("db", "put", 50)]);
        assert!(sum_paths(&rows[..rows.len() - 1]).is_err());
        assert_eq!(sum_paths(&[]).unwrap(), Summed::default());
    }
}
