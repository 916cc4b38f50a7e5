//! Answers about series, from the index alone: the JSON that stands under `data` in the Prometheus API.

mod cardinality;
pub mod catalog;
mod exemplars;
mod metadata;
mod order;

use crate::engine::{Engine, Tenant};
use crate::index::{Masked, MatcherSets};
use crate::view::View;
use nexus_promql::source::SeriesLabels;
use nexus_series::policy::Sight;
use nexus_series::symbols::{Sym, SymbolTable};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

/// Series that somebody sees, with samples in a range of time.
pub struct Selection {
    engine: Arc<Engine>,
    tenant: Arc<Tenant>,
    sets: MatcherSets,
    sight: Sight,
    masked: Option<Arc<Masked>>,
    from: i64,
    to: i64,
    numbers: OnceLock<Vec<u32>>,
    labels: OnceLock<Vec<SeriesLabels>>,
}

/// JSON of a text.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("memory takes it");
}

fn array_of<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut out = vec![b'['];
    for (at, one) in texts.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        text(&mut out, one);
    }
    out.push(b']');
    out
}

/// Symbols that were met.
#[derive(Default)]
struct Met(Vec<u64>);

impl Met {
    fn insert(&mut self, symbol: Sym) -> bool {
        let (word, bit) = (symbol.0 as usize / 64, 1 << (symbol.0 % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }
}

impl Selection {
    /// Selects: see `Index::select`.
    pub fn new(engine: &Arc<Engine>, tenant: &str, sets: MatcherSets, sight: Sight, from: i64, to: i64) -> Self {
        let masked = Masked::new(&sight).map(Arc::new);
        let tenant = engine.tenant_or_empty(tenant);
        let (numbers, labels) = (OnceLock::new(), OnceLock::new());
        Self { engine: engine.clone(), tenant, sets, sight, masked, from, to, numbers, labels }
    }

    fn numbers(&self) -> &[u32] {
        self.numbers.get_or_init(|| self.tenant.index.select(&self.sets, &self.sight, self.from, self.to))
    }

    /// Numbers of the series, for the engine, and their tenant.
    pub fn chosen(&self) -> (&Arc<Tenant>, &[u32]) {
        (&self.tenant, self.numbers())
    }

    fn symbols(&self) -> &SymbolTable {
        match &self.masked {
            Some(masked) => {
                // They are there when the labels are.
                self.labels();
                &masked.symbols
            }
            None => &self.tenant.index.symbols,
        }
    }

    fn labels(&self) -> &[SeriesLabels] {
        self.labels.get_or_init(|| match &self.masked {
            Some(masked) => masked.labels(&self.tenant.index, self.numbers(), &self.sight.mask),
            None => self.numbers().iter().map(|&number| self.tenant.index.series(number).labels.clone()).collect(),
        })
    }

    /// Is it every series of the tenant?
    fn is_all(&self) -> bool {
        self.sets.is_empty() && self.sight.unrestricted()
    }

    /// Number of series.
    pub fn count(&self) -> usize {
        self.numbers().len()
    }

    /// Number of series an answer was made of, for statistics: of all of a tenant that were not looked at one by one, those
    /// that are known at any time.
    pub fn met(&self) -> usize {
        if self.is_all() && self.numbers.get().is_none() { self.tenant.index.known() as usize } else { self.count() }
    }

    /// Ids, 16 bytes each, little endian.
    pub fn ids(&self) -> Vec<u8> {
        let index = &self.tenant.index;
        self.numbers().iter().flat_map(|&number| index.series(number).id.to_le_bytes()).collect()
    }

    /// A view of its samples: one selector, series in the order of labels.
    pub fn view(&self) -> View {
        let (numbers, labels) = (self.numbers(), self.labels());
        let order = order::by_labels(labels, self.symbols(), 0);
        let chosen = order.iter().map(|&at| (numbers[at], labels[at].clone())).unzip();
        View::of(&self.engine, &self.tenant, self.masked.clone(), chosen, (self.from, self.to))
    }

    /// Label objects, in the order of labels; and whether `limit` (0: none) cut them.
    pub fn series_json(&self, limit: usize) -> (Vec<u8>, bool) {
        let (labels, symbols) = (self.labels(), self.symbols());
        let order = order::by_labels(labels, symbols, limit);
        let mut out = vec![b'['];
        for (at, &one) in order.iter().enumerate() {
            out.extend_from_slice(if at > 0 { b",{" } else { b"{" });
            for (at, &(name, value)) in labels[one].iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                text(&mut out, symbols.text(name));
                out.push(b':');
                text(&mut out, symbols.text(value));
            }
            out.push(b'}');
        }
        out.push(b']');
        (out, order.len() < labels.len())
    }

    fn sorted(&self, met: impl Iterator<Item = Sym>, limit: usize) -> (Vec<u8>, bool) {
        let mut texts: Vec<&str> = met.map(|symbol| self.symbols().text(symbol)).collect();
        texts.par_sort_unstable();
        let most = if limit == 0 { usize::MAX } else { limit };
        (array_of(texts.iter().copied().take(most)), texts.len() > most)
    }

    /// Names of labels.
    pub fn label_names_json(&self, limit: usize) -> (Vec<u8>, bool) {
        let mut met = Met::default();
        let names: Vec<Sym> = self
            .labels()
            .iter()
            .flat_map(|labels| labels.iter())
            .map(|(name, _)| *name)
            .filter(|&name| met.insert(name))
            .collect();
        self.sorted(names.into_iter(), limit)
    }

    /// Values of a label.
    pub fn label_values_json(&self, name: &str, limit: usize) -> (Vec<u8>, bool) {
        let Some(name) = self.symbols().get(name) else { return (b"[]".to_vec(), false) };
        if self.is_all() && self.numbers.get().is_none() {
            let values = self.tenant.index.values_within(name, self.from, self.to);
            return self.sorted(values.into_iter(), limit);
        }
        let mut met = Met::default();
        let of = |labels: &SeriesLabels| labels.iter().find(|(label, _)| *label == name).map(|(_, value)| *value);
        let values: Vec<Sym> = self.labels().iter().filter_map(of).filter(|&value| met.insert(value)).collect();
        self.sorted(values.into_iter(), limit)
    }

    /// Names of the metrics that are seen.
    fn metric_names(&self) -> BTreeSet<&str> {
        let (name, symbols) = (self.symbols().get(nexus_series::NAME), self.symbols());
        let of = |labels: &SeriesLabels| labels.iter().find(|(label, _)| Some(*label) == name).map(|(_, value)| *value);
        let mut met = Met::default();
        self.labels()
            .iter()
            .filter_map(of)
            .filter(|&value| met.insert(value))
            .map(|value| symbols.text(value))
            .collect()
    }
}
