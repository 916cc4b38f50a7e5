//! What a query needs of the tables, and what that may cost.

use super::View;
use super::rolled::Wanted;
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use nexus_series::symbols::Sym;

/// Rows to fetch: those of the series, or of all series of the metrics when there are none, with `last >= from` and
/// `first <= to`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Length of the windows of rollups, s; 0: samples.
    pub window: u32,
    /// Earliest time, ms.
    pub from: i64,
    /// Latest time, ms.
    pub to: i64,
    /// Names of metrics.
    pub metrics: Vec<String>,
    /// Ids, 16 bytes each, little endian.
    pub ids: Vec<u8>,
}

/// Most ids that are named.
const MOST_IDS: usize = 20_000;
/// Bytes of a sample that estimates assume.
const SAMPLE_BYTES: u64 = 2;

impl View {
    /// What to fetch; nothing when the heads have all.
    pub fn needs(&self) -> Vec<Need> {
        let mut windows: Vec<Wanted> = Vec::new();
        for (selector, selected) in self.selected.iter().enumerate() {
            let numbers = self.rolled_needs(selector, &mut windows);
            if !numbers.is_empty() {
                windows.push((0, selected.from, selected.to, numbers));
            }
        }
        windows.sort();
        let mut merged: Vec<Wanted> = Vec::new();
        for (window, from, to, numbers) in windows {
            match merged.last_mut() {
                Some((same, _, end, all)) if *same == window && from <= *end => {
                    *end = to.max(*end);
                    all.extend(numbers);
                }
                _ => merged.push((window, from, to, numbers)),
            }
        }
        merged.into_iter().map(|(window, from, to, numbers)| self.need(window, from, to, numbers)).collect()
    }

    /// Where exemplars may be: they leave memory before samples do.
    pub fn exemplar_needs(&self) -> Vec<Need> {
        let chosen = self.selected.iter().filter(|selected| !selected.numbers.is_empty());
        chosen.map(|selected| self.need(0, selected.from, selected.to, selected.numbers.clone())).collect()
    }

    pub(super) fn need(&self, window: u32, from: i64, to: i64, mut numbers: Vec<u32>) -> Need {
        let index = &self.tenant.index;
        numbers.sort_unstable();
        numbers.dedup();
        let metrics: HashSet<Sym, RandomState> = numbers.iter().map(|&number| index.series(number).metric).collect();
        let all: usize = metrics.iter().map(|&metric| index.series_of_metric(metric)).sum();
        let mut ids = Vec::new();
        if numbers.len() <= MOST_IDS && numbers.len() * 10 < all * 9 {
            ids.reserve(numbers.len() * 16);
            for &number in &numbers {
                ids.extend_from_slice(&index.series(number).id.to_le_bytes());
            }
        }
        let mut metrics: Vec<String> = metrics.iter().map(|metric| index.symbols.text(*metric).to_owned()).collect();
        metrics.sort_unstable();
        Need { window, from, to, metrics, ids }
    }

    /// (series, samples, bytes) to read, nearly.
    pub fn estimate(&self) -> (u64, u64, u64) {
        let samples = self.selected.iter().map(|selected| selected.samples).sum::<u64>();
        (self.num_series() as u64, samples, samples * SAMPLE_BYTES)
    }
}
