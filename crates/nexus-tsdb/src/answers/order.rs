//! Series in the order of their labels.

use super::Met;
use nexus_promql::source::SeriesLabels;
use nexus_series::symbols::{Sym, SymbolTable};

/// Positions of the first `limit` (0: all) series in the order of labels.
pub fn by_labels(labels: &[SeriesLabels], symbols: &SymbolTable, limit: usize) -> Vec<usize> {
    // Texts are compared once, when they are ranked; series by ranks.
    let mut met = Met::default();
    let mut texts: Vec<(&str, Sym)> = Vec::new();
    for &(name, value) in labels.iter().flat_map(|labels| labels.iter()) {
        for symbol in [name, value] {
            if met.insert(symbol) {
                texts.push((symbols.text(symbol), symbol));
            }
        }
    }
    texts.sort_unstable();
    let mut ranks = vec![0u32; symbols.len()];
    texts.iter().enumerate().for_each(|(rank, (_, symbol))| ranks[symbol.0 as usize] = rank as u32);
    let rank = |symbol: Sym| ranks[symbol.0 as usize];
    let compare = |a: &usize, b: &usize| {
        let key = |one: usize| labels[one].iter().flat_map(|&(name, value)| [rank(name), rank(value)]);
        key(*a).cmp(key(*b))
    };
    let mut order: Vec<usize> = (0..labels.len()).collect();
    if limit > 0 && limit < order.len() {
        order.select_nth_unstable_by(limit, compare);
        order.truncate(limit);
    }
    order.sort_unstable_by(compare);
    order
}
