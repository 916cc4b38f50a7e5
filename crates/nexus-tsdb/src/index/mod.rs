//! The series of a tenant: labels as symbols, lists of series by label, when each had samples.
//!
//! A series has a number, given in ascending order. Series are never moved while the process runs; a forgotten one is marked,
//! leaves the lists and is found no more (its number is not given again). Readers of a series take no lock.

mod activity;
mod masking;
mod postings;
mod select;

pub use activity::{Activity, DAY_MS, day_of};
pub use masking::Masked;
pub use select::{MatcherSets, parse_sets};

use crate::head::SeriesHead;
use hashbrown::HashTable;
use nexus_series::labels::{SeriesId, unpack};
use nexus_series::symbols::{Label, Sym, SymbolTable};
use nexus_series::{NAME, labels};
use postings::Postings;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard};

/// A series.
pub struct Series {
    /// Its identity within the tenant.
    pub id: SeriesId,
    /// Its labels, by name.
    pub labels: Arc<[Label]>,
    /// Its name, or the empty symbol.
    pub metric: Sym,
    /// When it had samples.
    pub activity: Activity,
    /// Is it counted as active?
    pub counted: AtomicBool,
    gone: AtomicBool,
    head: Mutex<SeriesHead>,
}

impl Series {
    /// Its samples that are not in the tables.
    pub fn head(&self) -> MutexGuard<'_, SeriesHead> {
        self.head.lock().expect("no panic while locked")
    }

    /// Was it forgotten?
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// See the module text.
pub struct Index {
    /// Texts of labels.
    pub symbols: SymbolTable,
    series: boxcar::Vec<Series>,
    /// Series that are there in full.
    count: AtomicU32,
    /// Of them forgotten.
    forgotten: AtomicU32,
    by_id: RwLock<HashTable<u32>>,
    postings: RwLock<Postings>,
    name: Sym,
}

impl Default for Index {
    fn default() -> Self {
        let symbols = SymbolTable::default();
        let name = symbols.intern(NAME);
        Self {
            symbols,
            series: boxcar::Vec::new(),
            count: AtomicU32::new(0),
            forgotten: AtomicU32::new(0),
            by_id: RwLock::new(HashTable::new()),
            postings: RwLock::new(Postings::default()),
            name,
        }
    }
}

/// What `add_all` finds out of a series before it adds any.
enum Found {
    Known(u32),
    New(Arc<[Label]>),
}

/// Finds series by id as long as it lives.
pub struct Lookup<'a> {
    index: &'a Index,
    by_id: RwLockReadGuard<'a, HashTable<u32>>,
}

impl Lookup<'_> {
    /// The number of a series.
    #[inline]
    pub fn find(&self, id: SeriesId) -> Option<u32> {
        self.by_id.find(id as u64, |&number| self.index.series[number as usize].id == id).copied()
    }
}

impl Index {
    /// A series by number.
    #[inline]
    pub fn series(&self, number: u32) -> &Series {
        &self.series[number as usize]
    }

    /// Number of series there ever were.
    pub fn len(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Number of series that can be found.
    pub fn known(&self) -> u32 {
        self.len() - self.forgotten.load(Ordering::Relaxed)
    }

    /// Were there never any?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For many look-ups.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup { index: self, by_id: self.by_id.read().expect("no panic while locked") }
    }

    /// Adds a series, or finds it: its number, and whether it is new. Whoever adds is alone (the engine's writer).
    pub fn add(&self, packed: &[u8]) -> (u32, bool) {
        let id = labels::series_id(packed);
        if let Some(number) = self.lookup().find(id) {
            return (number, false);
        }
        let labels = self.intern(packed);
        let mut by_id = self.by_id.write().expect("no panic while locked");
        let number = self.push(&mut by_id, id, labels.clone());
        drop(by_id);
        self.postings.write().expect("no panic while locked").add(number, &labels);
        (number, true)
    }

    /// The same of many, on all cores: for each its number, and whether it is new.
    pub fn add_all(&self, all: &[&[u8]]) -> Vec<(u32, bool)> {
        let found: Vec<(SeriesId, Found)> = {
            let lookup = self.lookup();
            let work = |some: &[&[u8]]| {
                let ids: Vec<SeriesId> = some.iter().map(|packed| labels::series_id(packed)).collect();
                let known: Vec<Option<u32>> = ids.iter().map(|id| lookup.find(*id)).collect();
                let new = some.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(packed, _)| *packed);
                let mut labels = self.intern_all(new).into_iter();
                let mut found = Vec::with_capacity(some.len());
                for (id, known) in ids.into_iter().zip(known) {
                    let new = || Found::New(labels.next().expect("one for each that is new"));
                    found.push((id, known.map_or_else(new, Found::Known)));
                }
                found
            };
            all.par_chunks(256).flat_map_iter(work).collect()
        };
        let (mut numbers, mut new) = (Vec::with_capacity(all.len()), Vec::new());
        let mut by_id = self.by_id.write().expect("no panic while locked");
        for (id, found) in found {
            // It may be there twice.
            let again = || by_id.find(id as u64, |&number| self.series[number as usize].id == id).copied();
            let (known, labels) = match found {
                Found::Known(number) => (Some(number), None),
                Found::New(labels) => (again(), Some(labels)),
            };
            if let (None, Some(labels)) = (known, labels) {
                let number = self.push(&mut by_id, id, labels.clone());
                new.push((number, labels));
                numbers.push((number, true));
            } else {
                numbers.extend(known.map(|number| (number, false)));
            }
        }
        drop(by_id);
        self.postings.write().expect("no panic while locked").add_all(&new);
        numbers
    }

    fn intern(&self, packed: &[u8]) -> Arc<[Label]> {
        unpack(packed).map(|(name, value)| (self.symbols.intern(name), self.symbols.intern(value))).collect()
    }

    /// The same of many series. Texts that the series before has, too, as at least names mostly are, are looked up once.
    fn intern_all<'a>(&self, all: impl Iterator<Item = &'a [u8]>) -> Vec<Arc<[Label]>> {
        let (mut texts, mut before, mut series) = (Vec::<&str>::new(), Vec::<usize>::new(), Vec::new());
        for packed in all {
            let mut now = Vec::with_capacity(before.len());
            for text in unpack(packed).flat_map(|(name, value)| [name, value]) {
                let same = before.get(now.len()).copied().filter(|&place| texts[place] == text);
                now.push(same.unwrap_or(texts.len()));
                if same.is_none() {
                    texts.push(text);
                }
            }
            before.clone_from(&now);
            series.push(now);
        }
        let symbols = self.symbols.intern_all(&texts);
        let labels =
            |places: Vec<usize>| places.chunks_exact(2).map(|pair| (symbols[pair[0]], symbols[pair[1]])).collect();
        series.into_iter().map(labels).collect()
    }

    fn push(&self, by_id: &mut HashTable<u32>, id: SeriesId, labels: Arc<[Label]>) -> u32 {
        let metric = labels.iter().find(|(name, _)| *name == self.name).map_or(Sym(0), |(_, value)| *value);
        let number = self.series.push(Series {
            id,
            labels,
            metric,
            activity: Activity::default(),
            counted: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            head: Mutex::default(),
        }) as u32;
        self.count.store(number + 1, Ordering::Release);
        by_id.insert_unique(id as u64, number, |&number| self.series[number as usize].id as u64);
        number
    }

    /// Forgets series (ascending numbers): they are found no more. Whoever forgets is alone, as for `add`.
    pub fn forget(&self, numbers: &[u32]) {
        let gone: Vec<u32> =
            numbers.iter().copied().filter(|&number| !self.series(number).gone.swap(true, Ordering::Relaxed)).collect();
        if gone.is_empty() {
            return;
        }
        let mut by_id = self.by_id.write().expect("no panic while locked");
        for &number in &gone {
            if let Ok(entry) = by_id.find_entry(self.series(number).id as u64, |&other| other == number) {
                entry.remove();
            }
        }
        drop(by_id);
        let labels = gone.iter().map(|&number| &*self.series(number).labels);
        self.postings.write().expect("no panic while locked").remove(&gone, labels);
        self.forgotten.fetch_add(gone.len() as u32, Ordering::Relaxed);
    }

    /// Packed labels of a series.
    pub fn packed(&self, number: u32) -> Vec<u8> {
        let mut packed = Vec::new();
        for &(name, value) in self.series(number).labels.iter() {
            labels::push_label(&mut packed, self.symbols.text(name), self.symbols.text(value));
        }
        packed
    }

    /// Value of a label of a series.
    pub fn value(&self, number: u32, name: Sym) -> Option<Sym> {
        self.series(number).labels.iter().find(|(label, _)| *label == name).map(|(_, value)| *value)
    }

    /// Number of series of a metric.
    pub fn series_of_metric(&self, metric: Sym) -> usize {
        self.postings.read().expect("no panic while locked").with(self.name, metric).len()
    }

    /// Values of a label of which a series may have samples of `from ..= to`.
    pub fn values_within(&self, name: Sym, from: i64, to: i64) -> Vec<Sym> {
        let postings = self.postings.read().expect("no panic while locked");
        let lives = |number: &u32| self.series(*number).activity.within(from, to);
        postings.values(name).filter(|(_, list)| list.iter().any(lives)).map(|(value, _)| value).collect()
    }

    /// The symbol of `__name__`.
    pub fn name(&self) -> Sym {
        self.name
    }

    /// Number of label pairs.
    pub fn num_pairs(&self) -> usize {
        self.postings.read().expect("no panic while locked").num_pairs()
    }
}

#[cfg(test)]
mod tests;
