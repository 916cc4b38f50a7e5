//! The tables behind a cache: lines by their text, series by their labels, families by name. All of them are bounded by
//! the size of the last bodies.

use crate::metrics::exposition::origins::{Origin, Origins, Role};
use crate::metrics::exposition::series::Labels;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use nexus_series::batch::{Exemplar, Metadata, MetricKind};
use nexus_series::labels::{SeriesId, series_id};
use std::hash::BuildHasher;

/// Scrapes for which a family is remembered after it was seen last.
const FAMILY_SCRAPES: u64 = 10;
/// Longest comment that is remembered as a line.
pub const MAX_COMMENT: usize = 1024;

/// Part of a piece of text of an arena.
#[derive(Clone, Copy, Debug, Default)]
pub struct Piece {
    start: usize,
    length: u32,
}

impl Piece {
    fn of<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.start..self.start + self.length as usize]
    }
}

fn put(arena: &mut Vec<u8>, text: &[u8]) -> Piece {
    let start = arena.len();
    arena.extend_from_slice(text);
    Piece { start, length: text.len() as u32 }
}

/// A part of a classic histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// With its upper bound.
    Bucket(f64),
    /// Number of observations.
    Count,
    /// Their sum.
    Sum,
}

/// What a line means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning {
    /// A series.
    Series(u32),
    /// A series that says when a metric began, and whether it is a series besides.
    Created(Origin, Option<u32>),
    /// A series that relabelling drops.
    Dropped,
    /// A part of a classic histogram that is converted, and the series that it is besides.
    Classic {
        /// Number of the histogram.
        group: u32,
        /// Which part.
        part: Part,
        /// The series of its own, if it has one.
        slot: Option<u32>,
    },
    /// A comment about a family; `kind` when it is its type.
    Comment {
        /// Number of the family.
        family: u32,
        /// Its type.
        kind: Option<MetricKind>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Line {
    hash: u64,
    text: Piece,
    meaning: Meaning,
    seen: u64,
}

/// A series.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    id: SeriesId,
    labels: Piece,
    /// The scrape in which it had a sample.
    pub seen: u64,
    /// The scrape in which it had one whose absence will be marked.
    pub tracked: u64,
    /// The last sample, to tell repetitions.
    pub last: (i64, u64),
    /// Of the last exemplar.
    pub exemplar: u64,
    /// The metric it is of, where that may say when it began.
    pub origin: Option<Origin>,
    /// Was it there after the last scrape?
    pub alive: bool,
    marked: u64,
}

#[derive(Debug)]
struct Family {
    metadata: Metadata,
    seen: u64,
    announced: bool,
}

/// A classic histogram on its way to a native one.
#[derive(Debug, Default)]
pub struct Group {
    /// The series of the native histogram.
    pub slot: Option<u32>,
    /// The scrape in which it had a part.
    pub seen: u64,
    /// Upper bounds and cumulative counts.
    pub buckets: Vec<(f64, f64)>,
    /// Count, when it came.
    pub count: Option<f64>,
    /// Sum.
    pub sum: f64,
    /// Its own time.
    pub timestamp: Option<i64>,
    /// Exemplars of its buckets.
    pub exemplars: Vec<Exemplar>,
}

/// See the module text.
#[derive(Debug, Default)]
pub struct Memory {
    texts: Vec<u8>,
    lines: Vec<Line>,
    by_text: HashTable<u32>,
    /// The line expected next.
    next: usize,
    labels: Vec<u8>,
    slots: Vec<Slot>,
    by_id: HashTable<u32>,
    families: Vec<Family>,
    by_name: HashMap<String, u32, foldhash::fast::RandomState>,
    pub groups: Vec<Group>,
    by_key: HashMap<Vec<u8>, u32, foldhash::fast::RandomState>,
    /// Metrics that may say when they began.
    pub origins: Origins,
    /// Number of the scrape.
    pub scrape: u64,
    seen_lines: usize,
    hasher: FixedState,
}

impl Memory {
    /// A new scrape begins.
    pub fn begin(&mut self) {
        self.scrape += 1;
        self.next = 0;
        self.seen_lines = 0;
        if self.groups.len().max(self.origins.len()) > self.lines.len() + 100 {
            self.forget_groups();
        }
        self.origins.begin();
    }

    // ------------------------------------------------------------------------------------------------------- lines

    /// The line that is expected, when the text begins with it and goes on with a blank (a comment: ends).
    #[inline]
    pub fn expected(&mut self, rest: &[u8]) -> Option<(usize, Meaning)> {
        let line = self.lines.get_mut(self.next)?;
        let text = line.text.of(&self.texts);
        if !rest.starts_with(text) {
            return None;
        }
        let after = rest.get(text.len());
        let comment = matches!(line.meaning, Meaning::Comment { .. });
        if !(if comment { matches!(after, Some(b'\n')) } else { matches!(after, Some(b' ' | b'\t')) }) {
            return None;
        }
        self.seen_lines += usize::from(line.seen != self.scrape);
        line.seen = self.scrape;
        self.next += 1;
        Some((text.len(), line.meaning))
    }

    /// The meaning of a line that was seen before.
    pub fn find(&mut self, text: &[u8]) -> Option<Meaning> {
        let hash = self.hasher.hash_one(text);
        let place = *self.by_text.find(hash, |&place| {
            let line = &self.lines[place as usize];
            line.hash == hash && line.text.of(&self.texts) == text
        })?;
        let line = &mut self.lines[place as usize];
        self.seen_lines += usize::from(line.seen != self.scrape);
        line.seen = self.scrape;
        self.next = place as usize + 1;
        Some(line.meaning)
    }

    /// Remember a line that `find` did not find.
    pub fn remember(&mut self, text: &[u8], meaning: Meaning) {
        let hash = self.hasher.hash_one(text);
        let piece = put(&mut self.texts, text);
        let place = self.lines.len() as u32;
        self.lines.push(Line { hash, text: piece, meaning, seen: self.scrape });
        self.by_text.insert_unique(hash, place, |&place| self.lines[place as usize].hash);
        self.seen_lines += 1;
        // The line after the one that was expected here comes next.
        self.next = place as usize + 1;
    }

    /// Forget all lines: they may mean something else now.
    pub fn forget_lines(&mut self) {
        self.lines.clear();
        self.by_text.clear();
        self.texts.clear();
        self.next = 0;
        self.seen_lines = 0;
    }

    fn forget_groups(&mut self) {
        self.forget_lines();
        self.groups.clear();
        self.by_key.clear();
        self.origins.forget();
        self.slots.iter_mut().for_each(|slot| slot.origin = None);
    }

    // ------------------------------------------------------------------------------------------------------ series

    /// The series with these labels, and whether it is a new one.
    pub fn slot(&mut self, packed: &[u8]) -> (u32, bool) {
        let id = series_id(packed);
        let found = self.by_id.find(id as u64, |&place| self.slots[place as usize].id == id);
        if let Some(&place) = found {
            return (place, false);
        }
        let labels = put(&mut self.labels, packed);
        let place = self.slots.len() as u32;
        self.slots.push(Slot {
            id,
            labels,
            seen: 0,
            tracked: 0,
            last: (0, 0),
            exemplar: 0,
            origin: None,
            alive: false,
            marked: 0,
        });
        self.by_id.insert_unique(id as u64, place, |&place| self.slots[place as usize].id as u64);
        (place, true)
    }

    /// The same, of a metric that may say when it began.
    pub fn slot_of(&mut self, packed: &[u8], origin: Option<Origin>) -> u32 {
        let (place, _) = self.slot(packed);
        self.slots[place as usize].origin = origin;
        place
    }

    /// What a series of a family is to its metric.
    pub fn role(&mut self, family: u32, kind: MetricKind, labels: &Labels<'_>) -> Option<Role> {
        self.origins.role(&self.families[family as usize].metadata.name, kind, labels)
    }

    /// A series by its number.
    #[inline]
    pub fn slot_at(&mut self, place: u32) -> &mut Slot {
        &mut self.slots[place as usize]
    }

    /// Its packed labels.
    #[inline]
    pub fn labels_of(&self, place: u32) -> &[u8] {
        self.slots[place as usize].labels.of(&self.labels)
    }

    /// A series is there that only another cache knew.
    pub fn expect(&mut self, packed: &[u8]) {
        let (place, _) = self.slot(packed);
        self.slot_at(place).alive = true;
    }

    /// Everything that lives in another memory is expected here.
    pub fn adopt(&mut self, other: &Self) {
        for slot in other.slots.iter().filter(|slot| slot.alive) {
            self.expect(slot.labels.of(&other.labels));
        }
    }

    // ---------------------------------------------------------------------------------------------- classic groups

    /// The histogram with this name and these labels (packed).
    pub fn group(&mut self, key: Vec<u8>) -> u32 {
        let groups = &mut self.groups;
        *self.by_key.entry(key).or_insert_with(|| {
            groups.push(Group::default());
            groups.len() as u32 - 1
        })
    }

    // ---------------------------------------------------------------------------------------------------- families

    /// The family of this name, made when it is not there.
    pub fn family(&mut self, name: &str) -> u32 {
        let place = if let Some(&place) = self.by_name.get(name) {
            place
        } else {
            let place = self.families.len() as u32;
            let metadata =
                Metadata { name: name.to_owned(), kind: MetricKind::Unknown, help: String::new(), unit: String::new() };
            self.families.push(Family { metadata, seen: 0, announced: false });
            self.by_name.insert(name.to_owned(), place);
            place
        };
        self.families[place as usize].seen = self.scrape;
        place
    }

    /// It was spoken of in this scrape.
    #[inline]
    pub fn saw_family(&mut self, family: u32) {
        self.families[family as usize].seen = self.scrape;
    }

    /// Its name.
    pub fn family_name(&self, family: u32) -> &str {
        &self.families[family as usize].metadata.name
    }

    /// Change what is known of a family; true when something changed that was known before.
    pub fn describe(&mut self, family: u32, change: impl FnOnce(&mut Metadata)) -> bool {
        let family = &mut self.families[family as usize];
        let before = family.metadata.clone();
        change(&mut family.metadata);
        let changed = family.metadata != before;
        let known = family.announced;
        if changed {
            family.announced = false;
        }
        changed && known
    }

    /// All families.
    pub fn families(&self) -> impl Iterator<Item = &Metadata> {
        self.families.iter().map(|family| &family.metadata)
    }

    /// Put into `out` what is new or changed.
    pub fn announce(&mut self, out: &mut Vec<Metadata>, good: bool) {
        if good {
            for family in self.families.iter_mut().filter(|family| !family.announced) {
                family.announced = true;
                out.push(family.metadata.clone());
            }
        }
    }

    // --------------------------------------------------------------------------------------------------- the end

    /// A scrape is over. Marks (with their labels) what is not there any more: of a good scrape what it did not have, of a
    /// bad one everything.
    pub fn finish(&mut self, good: bool, mut mark: impl FnMut(&[u8])) {
        let scrape = self.scrape;
        for slot in &mut self.slots {
            let there = good && slot.tracked == scrape;
            if slot.alive && !there {
                mark(slot.labels.of(&self.labels));
                slot.marked = scrape;
            }
            slot.alive = there;
        }
        if self.lines.len() > 2 * self.seen_lines + 1000 {
            self.shrink();
        }
        self.shrink_series(scrape);
        if self.families.len() > 100 && self.families.iter().any(|family| family.seen + FAMILY_SCRAPES < scrape) {
            self.shrink_families();
        }
    }

    /// What the last scrape marked was not stored.
    pub fn lost(&mut self) {
        for slot in &mut self.slots {
            if slot.marked == self.scrape && !slot.alive {
                slot.alive = true;
                slot.marked = 0;
            }
        }
        for family in self.families.iter_mut().filter(|family| family.seen == self.scrape) {
            family.announced = false;
        }
    }

    /// Keep the lines of this scrape only.
    fn shrink(&mut self) {
        let (lines, texts) = (std::mem::take(&mut self.lines), std::mem::take(&mut self.texts));
        let scrape = self.scrape;
        self.by_text.clear();
        for line in lines.into_iter().filter(|line| line.seen == scrape) {
            let text = put(&mut self.texts, line.text.of(&texts));
            let place = self.lines.len() as u32;
            self.lines.push(Line { text, ..line });
            self.by_text.insert_unique(line.hash, place, |&place| self.lines[place as usize].hash);
        }
    }

    /// Keep the series that live, were just marked, or belong to lines, when most do not.
    fn shrink_series(&mut self, scrape: u64) {
        if self.slots.len() <= 2 * self.lines.len() + 1000 {
            return;
        }
        let (slots, labels) = (std::mem::take(&mut self.slots), std::mem::take(&mut self.labels));
        self.forget_groups();
        self.by_id.clear();
        for slot in slots.into_iter().filter(|slot| slot.alive || slot.marked == scrape) {
            let piece = put(&mut self.labels, slot.labels.of(&labels));
            let place = self.slots.len() as u32;
            self.slots.push(Slot { labels: piece, origin: None, ..slot });
            self.by_id.insert_unique(slot.id as u64, place, |&place| self.slots[place as usize].id as u64);
        }
    }

    fn shrink_families(&mut self) {
        let scrape = self.scrape;
        self.families.retain(|family| family.seen + FAMILY_SCRAPES >= scrape);
        self.by_name.clear();
        for (place, family) in self.families.iter().enumerate() {
            self.by_name.insert(family.metadata.name.clone(), place as u32);
        }
        // Comments name families by number.
        self.forget_lines();
    }

    /// Series remembered.
    pub fn num_series(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of memory, nearly.
    pub fn num_bytes(&self) -> usize {
        self.texts.capacity()
            + self.labels.capacity()
            + self.lines.capacity() * size_of::<Line>()
            + self.slots.capacity() * size_of::<Slot>()
            + self.origins.num_bytes()
            + self
                .families
                .iter()
                .map(|family| 160 + family.metadata.name.len() * 2 + family.metadata.help.len())
                .sum::<usize>()
    }
}
