//! What a query needs of the tables, and what that may cost.

use super::View;
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use nexus_series::symbols::Sym;

/// Rows to fetch: those of the series, or of all series of the metrics when there are none, with `last >= from` and
/// `first <= to`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
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
        let stored = self.selected.iter().filter(|selected| !selected.stored.is_empty());
        let mut windows: Vec<(i64, i64, Vec<u32>)> =
            stored.map(|selected| (selected.from, selected.to, selected.stored.clone())).collect();
        windows.sort();
        let mut merged: Vec<(i64, i64, Vec<u32>)> = Vec::new();
        for (from, to, numbers) in windows {
            match merged.last_mut() {
                Some((_, end, all)) if from <= *end => {
                    *end = to.max(*end);
                    all.extend(numbers);
                }
                _ => merged.push((from, to, numbers)),
            }
        }
        merged.into_iter().map(|(from, to, numbers)| self.need(from, to, numbers)).collect()
    }

    /// Where exemplars may be: they leave memory before samples do.
    pub fn exemplar_needs(&self) -> Vec<Need> {
        let chosen = self.selected.iter().filter(|selected| !selected.numbers.is_empty());
        chosen.map(|selected| self.need(selected.from, selected.to, selected.numbers.clone())).collect()
    }

    fn need(&self, from: i64, to: i64, mut numbers: Vec<u32>) -> Need {
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
        Need { from, to, metrics, ids }
    }

    /// (series, samples, bytes) to read, nearly.
    pub fn estimate(&self) -> (u64, u64, u64) {
        let samples = self.selected.iter().map(|selected| selected.samples).sum::<u64>();
        (self.num_series() as u64, samples, samples * SAMPLE_BYTES)
    }
}
