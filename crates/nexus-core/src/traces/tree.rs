//! The shape of one trace: who is whose child, in which order spans are shown, and what is odd about them.
//!
//! Spans come from many processes in any order, some twice, some not at all, with clocks that disagree. Everything here is
//! total: duplicates are left out, cycles are cut, spans whose parent is not there are roots.

use std::collections::{HashMap, HashSet};

/// OpenTelemetry's `SPAN_KIND_SERVER`.
pub const SERVER: u8 = 2;
/// OpenTelemetry's `SPAN_KIND_CONSUMER`.
pub const CONSUMER: u8 = 5;
const NONE: u32 = u32::MAX;

/// What the shape of a trace depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Span id.
    pub id: [u8; 8],
    /// Id of the parent; all zero when there is none.
    pub parent: [u8; 8],
    /// OpenTelemetry's `SpanKind`.
    pub kind: u8,
    /// Start, ns.
    pub start: i64,
    /// Duration, ns.
    pub duration: u64,
}

impl Node {
    /// End, ns.
    pub fn end(&self) -> i64 {
        self.start.saturating_add_unsigned(self.duration)
    }
}

/// A trace in the order in which it is shown: depth first, siblings by start. Numbers of [`Self::parents`] and of the lists
/// below are places in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// Index of each shown span in what the tree was made of.
    pub order: Vec<u32>,
    /// Place of each one's parent.
    pub parents: Vec<Option<u32>>,
    /// Spans whose parent is not stored.
    pub orphans: Vec<u32>,
    /// Spans that were taken from their parents, because those were descendants of theirs.
    pub cycles: Vec<u32>,
    /// Spans that begin before their parent does or after it has ended (consumers of messages: before only). To go on longer
    /// than the parent is nothing odd.
    pub skewed: Vec<u32>,
    /// Spans left out, because there was one with the same id.
    pub duplicates: u32,
}

impl Tree {
    /// The shape of spans of one trace. Takes time and memory in proportion to them, but for sorting by start.
    pub fn new(nodes: &[Node]) -> Self {
        let mut tree = Self::default();
        let kept = tree.without_duplicates(nodes);
        let mut parents = find_parents(nodes, &kept);
        let cut = cut_cycles(&mut parents);
        tree.lay_out(nodes, &kept, &parents, &cut);
        tree
    }

    /// Indexes of spans by start, of each id the first. A client and the server that it called may share an id (Zipkin).
    fn without_duplicates(&mut self, nodes: &[Node]) -> Vec<u32> {
        let mut by_start: Vec<u32> = (0..nodes.len() as u32).collect();
        by_start.sort_by_key(|&index| nodes[index as usize].start);
        let mut seen = HashSet::with_capacity_and_hasher(nodes.len(), foldhash::fast::RandomState::default());
        by_start.retain(|&index| {
            let node = &nodes[index as usize];
            seen.insert((node.id, node.kind == SERVER))
        });
        self.duplicates = (nodes.len() - by_start.len()) as u32;
        by_start
    }

    fn lay_out(&mut self, nodes: &[Node], kept: &[u32], parents: &[u32], cut: &[bool]) {
        // Children side by side: `first[p]..first[p + 1]` are those of p; they come by start, as `kept` does.
        let mut first = vec![0_u32; kept.len() + 1];
        for &parent in parents.iter().filter(|&&parent| parent != NONE) {
            first[parent as usize + 1] += 1;
        }
        for place in 0..kept.len() {
            first[place + 1] += first[place];
        }
        let mut children = vec![0_u32; first[kept.len()] as usize];
        let mut next = first.clone();
        for (place, &parent) in parents.iter().enumerate().filter(|(_, parent)| **parent != NONE) {
            children[next[parent as usize] as usize] = place as u32;
            next[parent as usize] += 1;
        }
        let mut shown = vec![NONE; kept.len()];
        let mut waiting: Vec<u32> =
            (0..kept.len() as u32).rev().filter(|&place| parents[place as usize] == NONE).collect();
        while let Some(place) = waiting.pop() {
            let node = &nodes[kept[place as usize] as usize];
            let at = self.order.len() as u32;
            shown[place as usize] = at;
            self.order.push(kept[place as usize]);
            let parent = parents[place as usize];
            self.parents.push((parent != NONE).then(|| shown[parent as usize]));
            if cut[place as usize] {
                self.cycles.push(at);
            } else if parent == NONE && node.parent != [0; 8] {
                self.orphans.push(at);
            } else if parent != NONE && skewed(node, &nodes[kept[parent as usize] as usize]) {
                self.skewed.push(at);
            }
            let of = first[place as usize] as usize..first[place as usize + 1] as usize;
            waiting.extend(children[of].iter().rev());
        }
    }
}

/// Parent of each kept span, as an index of `kept`.
fn find_parents(nodes: &[Node], kept: &[u32]) -> Vec<u32> {
    let mut places = HashMap::with_capacity_and_hasher(kept.len(), foldhash::fast::RandomState::default());
    for (place, &index) in kept.iter().enumerate() {
        let node = &nodes[index as usize];
        places.insert((node.id, node.kind == SERVER), place as u32);
    }
    let parent = |&index: &u32| {
        let node = &nodes[index as usize];
        if node.kind == SERVER
            && let Some(&client) = places.get(&(node.id, false))
        {
            return client;
        }
        if node.parent == [0; 8] {
            return NONE;
        }
        // What a server does belongs to it, not to the client with the same id.
        [true, false].iter().find_map(|&server| places.get(&(node.parent, server)).copied()).unwrap_or(NONE)
    };
    kept.iter().map(parent).collect()
}

fn skewed(node: &Node, parent: &Node) -> bool {
    node.start < parent.start || (node.kind != CONSUMER && node.start > parent.end())
}

/// Take a span out of each cycle: the earliest, and so the first that is met. Who was taken out.
fn cut_cycles(parents: &mut [u32]) -> Vec<bool> {
    let mut cut = vec![false; parents.len()];
    // 0: not met; else by which walk towards a root.
    let mut walk = vec![0_u32; parents.len()];
    for start in 0..parents.len() {
        let (mine, mut at) = (start as u32 + 1, start);
        while walk[at] == 0 {
            walk[at] = mine;
            if parents[at] == NONE {
                break;
            }
            at = parents[at] as usize;
        }
        if walk[at] == mine && parents[at] != NONE {
            // A walk that met itself: the cycle begins where it was met.
            let (mut earliest, mut next) = (at, parents[at] as usize);
            while next != at {
                earliest = earliest.min(next);
                next = parents[next] as usize;
            }
            parents[earliest] = NONE;
            cut[earliest] = true;
        }
    }
    cut
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn node(id: u64, parent: u64, start: i64, duration: u64) -> Node {
        Node { id: id.to_be_bytes(), parent: parent.to_be_bytes(), kind: 1, start, duration }
    }

    fn ids(tree: &Tree, nodes: &[Node]) -> Vec<u64> {
        tree.order.iter().map(|&index| u64::from_be_bytes(nodes[index as usize].id)).collect()
    }

    #[test]
    fn depth_first_and_siblings_by_start() {
        let nodes = [node(4, 2, 30, 1), node(3, 1, 20, 1), node(2, 1, 10, 50), node(1, 0, 0, 100), node(5, 2, 15, 1)];
        let tree = Tree::new(&nodes);
        assert_eq!(ids(&tree, &nodes), [1, 2, 5, 4, 3]);
        assert_eq!(tree.parents, [None, Some(0), Some(1), Some(1), Some(0)]);
        assert_eq!(
            (&tree.orphans[..], &tree.cycles[..], &tree.skewed[..], tree.duplicates),
            (&[][..], &[][..], &[][..], 0)
        );
    }

    #[test]
    fn what_is_odd_is_told() {
        let nodes = [
            node(1, 0, 100, 100),
            node(2, 1, 90, 10),
            node(3, 1, 201, 1),
            node(4, 99, 110, 1),
            node(2, 1, 95, 10),
            node(5, 1, 150, 500),
            Node { kind: CONSUMER, ..node(6, 1, 300, 1) },
        ];
        let tree = Tree::new(&nodes);
        assert_eq!(ids(&tree, &nodes), [1, 2, 5, 3, 6, 4]);
        assert_eq!((&tree.skewed[..], &tree.orphans[..], tree.duplicates), (&[1, 3][..], &[5][..], 1));
    }

    #[test]
    fn cycles_are_cut_at_their_earliest_span() {
        let nodes = [node(1, 3, 5, 1), node(2, 1, 1, 1), node(3, 2, 9, 1), node(4, 3, 9, 1), node(7, 7, 0, 1)];
        let tree = Tree::new(&nodes);
        assert_eq!(ids(&tree, &nodes), [7, 2, 3, 1, 4]);
        assert_eq!((&tree.cycles[..], &tree.orphans[..]), (&[0, 1][..], &[][..]));
        assert_eq!(tree.parents, [None, None, Some(1), Some(2), Some(2)]);
    }

    #[test]
    fn a_client_and_its_server_may_share_an_id() {
        let client = Node { kind: 3, ..node(1, 0, 0, 100) };
        let server = Node { kind: SERVER, ..node(1, 0, 10, 50) };
        let nodes = [node(2, 1, 20, 5), server, client, server];
        let tree = Tree::new(&nodes);
        assert_eq!(ids(&tree, &nodes), [1, 1, 2]);
        assert_eq!(tree.order[0], 2);
        assert_eq!((&tree.parents[..], tree.duplicates), (&[None, Some(0), Some(1)][..], 1));
    }

    #[test]
    fn random_traces_are_shown_whole_and_once() {
        let mut seed = 7_u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..3_000 {
            let size = random(14) + 1;
            let nodes: Vec<Node> = (0..size)
                .map(|_| Node {
                    kind: random(6) as u8,
                    ..node(random(9) + 1, random(12), random(50) as i64, random(60))
                })
                .collect();
            let tree = Tree::new(&nodes);
            let mut distinct: Vec<_> = nodes.iter().map(|node| (node.id, node.kind == SERVER)).collect();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(tree.order.len(), distinct.len());
            assert_eq!(tree.order.len() + tree.duplicates as usize, nodes.len());
            let mut shown = tree.order.clone();
            shown.sort_unstable();
            shown.dedup();
            assert_eq!(shown.len(), tree.order.len());
            for (at, parent) in tree.parents.iter().enumerate() {
                let node = &nodes[tree.order[at] as usize];
                match parent {
                    // Parents come before their children: there is no cycle left.
                    Some(parent) => {
                        assert!((*parent as usize) < at);
                        let parent = &nodes[tree.order[*parent as usize] as usize];
                        assert!(parent.id == node.parent || (parent.id == node.id && node.kind == SERVER));
                    }
                    None => assert!(
                        node.parent == [0; 8]
                            || tree.orphans.contains(&(at as u32))
                            || tree.cycles.contains(&(at as u32))
                    ),
                }
            }
        }
    }
}
