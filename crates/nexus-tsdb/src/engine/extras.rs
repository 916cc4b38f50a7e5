//! What a tenant has beside samples: exemplars that are not in the tables yet, and metadata of metric families.

use nexus_series::batch::{Exemplar, Metadata};
use std::collections::{BTreeMap, VecDeque};

/// Most things said about one family that are remembered.
const VARIANTS: usize = 4;

/// An exemplar of a series.
#[derive(Clone, Debug)]
pub struct SeriesExemplar {
    /// Number of the series.
    pub series: u32,
    /// The exemplar; its time is filled in.
    pub exemplar: Exemplar,
    /// Number of the batch it is stored with; 0: none yet.
    pub batch: u64,
}

/// Something said about a family.
#[derive(Clone, Debug)]
pub struct Said {
    /// What.
    pub metadata: Metadata,
    /// When last, ms.
    pub seen: i64,
    /// Is it in the tables, or about to be?
    pub stored: bool,
}

/// See the module text.
#[derive(Default)]
pub struct Extras {
    exemplars: VecDeque<SeriesExemplar>,
    families: BTreeMap<String, Vec<Said>>,
    unstored: usize,
}

impl Extras {
    /// Exemplars in memory.
    pub fn waiting(&self) -> usize {
        self.exemplars.len()
    }

    /// They.
    pub fn exemplars(&self) -> impl Iterator<Item = &SeriesExemplar> {
        self.exemplars.iter()
    }

    /// Adds one.
    pub fn add_exemplar(&mut self, series: u32, mut exemplar: Exemplar, now_ms: i64) {
        if exemplar.timestamp == 0 {
            exemplar.timestamp = now_ms;
        }
        self.exemplars.push_back(SeriesExemplar { series, exemplar, batch: 0 });
    }

    /// Puts one back that was written down.
    pub fn restore_exemplar(&mut self, one: SeriesExemplar) {
        self.exemplars.push_back(one);
    }

    /// Gives those without a batch to one; is there any?
    pub fn take_exemplars(&mut self, batch: u64) -> bool {
        let mut any = false;
        for one in self.exemplars.iter_mut().filter(|one| one.batch == 0) {
            one.batch = batch;
            any = true;
        }
        any
    }

    /// Forgets those of a batch.
    pub fn drop_exemplars(&mut self, out: impl Fn(&SeriesExemplar) -> bool) {
        self.exemplars.retain(|one| !out(one));
    }

    /// Number of families.
    pub fn families(&self) -> usize {
        self.families.len()
    }

    /// Families in order of names, what was said last first.
    pub fn metadata(&self) -> &BTreeMap<String, Vec<Said>> {
        &self.families
    }

    /// Is a family known?
    pub fn knows_family(&self, name: &str) -> bool {
        self.families.contains_key(name)
    }

    /// Does it say something new?
    pub fn is_news(&self, metadata: &Metadata) -> bool {
        self.families.get(&metadata.name).and_then(|said| said.first()).is_none_or(|last| last.metadata != *metadata)
    }

    /// Takes in what a sender says. `fresh`: it is not in the tables.
    pub fn add_metadata(&mut self, metadata: Metadata, seen: i64, most: usize, fresh: bool) {
        if !self.knows_family(&metadata.name) && most > 0 && self.families.len() >= most {
            return;
        }
        let said = self.families.entry(metadata.name.clone()).or_default();
        let mut stored = !fresh;
        if let Some(at) = said.iter().position(|one| one.metadata == metadata) {
            if at == 0 && fresh {
                said[0].seen = said[0].seen.max(seen);
                return;
            }
            stored |= said.remove(at).stored;
        }
        let at = said.iter().position(|one| one.seen <= seen).unwrap_or(said.len());
        said.insert(at, Said { metadata, seen, stored });
        said.truncate(VARIANTS);
        self.unstored += usize::from(!stored);
    }

    /// Is there metadata that is not in the tables?
    pub fn has_news(&self) -> bool {
        self.unstored > 0
    }

    /// Metadata that are not in the tables; they count as stored from now on.
    pub fn take_news(&mut self) -> Vec<(Metadata, i64)> {
        self.unstored = 0;
        let news = self.families.values_mut().flatten().filter(|said| !said.stored);
        news.map(|said| {
            said.stored = true;
            (said.metadata.clone(), said.seen)
        })
        .collect()
    }

    /// They were not stored after all.
    pub fn give_back_news(&mut self) {
        let all = self.families.values_mut().flatten();
        self.unstored = all.map(|said| said.stored = false).count();
    }
}
