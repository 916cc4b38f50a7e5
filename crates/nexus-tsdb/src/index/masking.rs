//! Series as somebody sees them who may not see the values of some labels.
//!
//! A hidden value is the mask. Series that become equal by that stay apart: their first hidden label gets a number behind the
//! mask, in an order that says nothing about the values and is the same for series of other metrics with the same values.

use super::Index;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use nexus_series::policy::Sight;
use nexus_series::symbols::{Label, Sym, SymbolTable};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Labels of selected series with a table of symbols of their own.
#[derive(Default)]
pub struct Masked {
    /// Texts of labels.
    pub symbols: SymbolTable,
    hidden: Vec<Sym>,
}

impl Masked {
    /// For a sight; None when it hides nothing.
    pub fn new(sight: &Sight) -> Option<Self> {
        (!sight.masked.is_empty()).then(|| {
            let symbols = SymbolTable::default();
            let hidden = sight.masked.iter().map(|name| symbols.intern(name)).collect();
            Self { symbols, hidden }
        })
    }

    /// Labels of series as they are seen, in the order of `numbers`.
    pub fn labels(&self, index: &Index, numbers: &[u32], mask: &str) -> Vec<Arc<[Label]>> {
        let mask_symbol = self.symbols.intern(mask);
        let mut renamed: HashMap<Sym, Sym, RandomState> = HashMap::default();
        let mut own =
            |symbol: Sym| *renamed.entry(symbol).or_insert_with(|| self.symbols.intern(index.symbols.text(symbol)));
        let mut seen: Vec<Vec<Label>> = Vec::with_capacity(numbers.len());
        let mut order = Vec::with_capacity(numbers.len());
        for &number in numbers {
            let mut secret = Vec::new();
            let labels = index.series(number).labels.iter().map(|&(name, value)| {
                let name = own(name);
                if self.hidden.contains(&name) {
                    secret.extend_from_slice(index.symbols.text(value).as_bytes());
                    secret.push(0);
                    return (name, mask_symbol);
                }
                (name, own(value))
            });
            seen.push(labels.collect());
            order.push(xxh3_64(&secret));
        }
        let mut equal: HashMap<&[Label], Vec<usize>, RandomState> = HashMap::default();
        for (position, labels) in seen.iter().enumerate() {
            equal.entry(labels).or_default().push(position);
        }
        let mut suffixes: Vec<(usize, usize)> = Vec::new();
        for mut group in equal.into_values().filter(|group| group.len() > 1) {
            group.sort_by_key(|&position| (order[position], numbers[position]));
            suffixes.extend(group.into_iter().enumerate().map(|(rank, position)| (position, rank + 1)));
        }
        for (position, rank) in suffixes {
            let numbered = self.symbols.intern(&format!("{mask}{rank}"));
            if let Some(label) = seen[position].iter_mut().find(|(name, _)| self.hidden.contains(name)) {
                label.1 = numbered;
            }
        }
        seen.into_iter().map(Into::into).collect()
    }
}
