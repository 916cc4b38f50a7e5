//! One scrape being read: from lines and messages to the batch.

use super::labels::Finisher;
use super::memory::{MAX_COMMENT, Meaning, Memory, Part};
use super::{AHEAD_MS, Answer, Options, Outcome, buckets, push_float_of};
use crate::metrics::exposition::origins::Role;
use crate::metrics::exposition::protobuf::{self, Point, SeenExemplar, custom};
use crate::metrics::exposition::series::{Labels, parse_series};
use crate::metrics::exposition::text::{self, Known};
use crate::metrics::exposition::{Format, Said, help_text, numbers};
use foldhash::fast::FixedState;
use nexus_series::NAME;
use nexus_series::batch::{BatchSeries, Exemplar, MetricKind};
use nexus_series::histogram::{Histogram, ResetHint};
use nexus_series::labels::pack;
use std::hash::BuildHasher;

/// What samples that come belong to.
#[derive(Clone, Copy, Debug)]
enum Current {
    Of(Meaning),
    /// Beyond the limit of samples: counted only.
    Over,
}

/// Counts, nothing else is kept of an outcome while reading.
pub struct Reading<'a> {
    options: &'a Options,
    finisher: &'a Finisher,
    memory: &'a mut Memory,
    timestamp: i64,
    open_metrics: bool,
    kind: MetricKind,
    family: Option<u32>,
    current: Current,
    /// Is the current series one that was not there before?
    fresh: bool,
    /// The series of the last sample in the batch, for its exemplar.
    pushed: Option<u32>,
    group: Option<u32>,
    outcome: Outcome,
    key: Vec<u8>,
}

impl<'a> Reading<'a> {
    pub fn new(
        options: &'a Options,
        finisher: &'a Finisher,
        memory: &'a mut Memory,
        answer: &Answer<'_>,
        format: Format,
    ) -> Self {
        Self {
            options,
            finisher,
            memory,
            timestamp: answer.timestamp,
            open_metrics: format == Format::OpenMetrics,
            kind: MetricKind::Unknown,
            family: None,
            current: Current::Over,
            fresh: false,
            pushed: None,
            group: None,
            outcome: Outcome::default(),
            key: Vec::new(),
        }
    }

    pub fn outcome(mut self) -> Outcome {
        self.memory.origins.settle(&mut self.outcome.batch);
        self.outcome
    }

    fn over(&self) -> bool {
        self.options.sample_limit > 0 && self.outcome.kept >= self.options.sample_limit
    }

    /// What a series means that was not seen before. `None`: beyond the limit, not to be remembered.
    fn meaning_of(&mut self, labels: Labels<'_>) -> Result<Option<Meaning>, String> {
        let convert = self.options.taking.convert && !self.over();
        let role = match self.family {
            Some(family) if self.open_metrics => self.memory.role(family, self.kind, &labels),
            _ => None,
        };
        let origin = if let Some(Role::Counts(origin)) = role { Some(origin) } else { None };
        let part = match self.kind {
            MetricKind::Histogram | MetricKind::GaugeHistogram if convert => self.part_of(&labels),
            _ => None,
        };
        if let Some((part, key, whole)) = part {
            let group = self.memory.group(key);
            let slot = self.finisher.finish(whole)?.map(|packed| self.memory.slot_of(&packed, origin));
            self.memory.groups[group as usize].slot = slot;
            let own = if self.options.taking.classic { self.finisher.finish(labels)? } else { None };
            let slot = own.map(|packed| self.memory.slot_of(&packed, origin));
            return Ok(Some(Meaning::Classic { group, part, slot }));
        }
        let packed = self.finisher.finish(labels)?;
        if packed.is_some() && self.over() {
            return Ok(None);
        }
        let slot = packed.map(|packed| self.memory.slot_of(&packed, origin));
        Ok(Some(match (role, slot) {
            (Some(Role::Created(origin)), slot) => Meaning::Created(origin, slot),
            (_, Some(slot)) => Meaning::Series(slot),
            (_, None) => Meaning::Dropped,
        }))
    }

    /// The part of the current family's classic histogram that a series is, the histogram's key, and its labels.
    fn part_of<'l>(&self, labels: &Labels<'l>) -> Option<(Part, Vec<u8>, Labels<'l>)> {
        let family = self.memory.family_name(self.family?);
        let name = &labels.iter().find(|label| label.0 == NAME)?.1;
        let part = match name.strip_prefix(family)? {
            "_bucket" => {
                let bound = &labels.iter().find(|label| label.0 == "le")?.1;
                Part::Bucket(numbers::value(bound.as_bytes())?)
            }
            "_count" => Part::Count,
            "_sum" => Part::Sum,
            _ => return None,
        };
        let mut whole: Labels<'l> = labels.iter().filter(|label| label.0 != NAME && label.0 != "le").cloned().collect();
        whole.push((NAME.into(), family.to_owned().into()));
        let key = pack(whole.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
        Some((part, key, whole))
    }

    fn time_of(&self, own: Option<i64>) -> (i64, bool) {
        match own {
            Some(time) if self.options.honor_timestamps => (time, self.options.track_timestamps_staleness),
            _ => (self.timestamp, true),
        }
    }

    /// Count a sample of a series; its time when it is one to store.
    #[inline]
    fn admit(&mut self, slot: u32, own: Option<i64>, mark: u64) -> Option<i64> {
        self.pushed = None;
        self.outcome.kept += 1;
        if self.options.sample_limit > 0 && self.outcome.kept > self.options.sample_limit {
            return None;
        }
        let (time, tracked) = self.time_of(own);
        if time > self.timestamp.saturating_add(AHEAD_MS) {
            self.outcome.out_of_bounds += 1;
            return None;
        }
        let scrape = self.memory.scrape;
        let found = self.memory.slot_at(slot);
        if found.seen == scrape && found.last.0 == time {
            self.outcome.duplicates += usize::from(found.last.1 != mark);
            return None;
        }
        found.seen = scrape;
        found.last = (time, mark);
        if tracked {
            found.tracked = scrape;
        }
        self.outcome.added += usize::from(std::mem::take(&mut self.fresh));
        self.pushed = Some(slot);
        Some(time)
    }

    #[inline]
    fn push(&mut self, slot: u32, own: Option<i64>, value: f64) {
        if let Some(time) = self.admit(slot, own, value.to_bits()) {
            let batch = &mut self.outcome.batch;
            let start = batch.labels.len();
            batch.labels.extend_from_slice(self.memory.labels_of(slot));
            push_float_of(batch, start, time, value);
            if let Some(origin) = self.memory.slot_at(slot).origin {
                self.memory.origins.counts(batch, origin);
            }
        }
    }

    fn push_histogram(&mut self, slot: u32, own: Option<i64>, mut histogram: Histogram) -> Result<(), String> {
        buckets::fit(&mut histogram, self.options.min_bucket_factor, self.options.bucket_limit)?;
        let mark = histogram.sum.to_bits() ^ histogram.count.to_bits();
        if let Some(time) = self.admit(slot, own, mark) {
            let batch = &mut self.outcome.batch;
            let start = batch.labels.len();
            batch.labels.extend_from_slice(self.memory.labels_of(slot));
            let (floats, exemplars) = (batch.values.len(), batch.exemplars.len());
            let (at, position) = (batch.histograms.len(), batch.series.len());
            batch.histograms.push((time, histogram));
            batch.series.push(BatchSeries {
                labels: start..batch.labels.len(),
                floats: floats..floats,
                histograms: at..at + 1,
                exemplars: exemplars..exemplars,
                position,
            });
            if let Some(origin) = self.memory.slot_at(slot).origin {
                self.memory.origins.counts_histogram(batch, origin);
            }
        }
        Ok(())
    }

    /// An exemplar of the sample pushed last. The same one again is left out.
    fn push_exemplar(&mut self, labels: Vec<u8>, own: Option<i64>, value: f64) {
        let Some(slot) = self.pushed else { return };
        let mark = FixedState::default().hash_one((&labels, own, value.to_bits()));
        let found = self.memory.slot_at(slot);
        if std::mem::replace(&mut found.exemplar, mark) == mark {
            return;
        }
        let timestamp = own.unwrap_or(found.last.0);
        let batch = &mut self.outcome.batch;
        batch.exemplars.push(Exemplar { labels, timestamp, value });
        let end = batch.exemplars.len();
        if let Some(series) = batch.series.last_mut() {
            series.exemplars.end = end;
        }
    }

    /// The sample of a line.
    #[inline]
    fn take(&mut self, own: Option<i64>, value: f64) {
        self.group = None;
        match self.current {
            Current::Of(Meaning::Series(slot)) => {
                self.outcome.scraped += 1;
                self.push(slot, own, value);
            }
            Current::Of(Meaning::Created(origin, slot)) => {
                self.outcome.scraped += 1;
                self.memory.origins.created(origin, value);
                self.pushed = None;
                if let Some(slot) = slot {
                    self.push(slot, own, value);
                }
            }
            Current::Of(Meaning::Dropped | Meaning::Comment { .. }) => {
                self.outcome.scraped += 1;
                self.pushed = None;
            }
            Current::Over => {
                self.outcome.scraped += 1;
                self.outcome.kept += 1;
                self.pushed = None;
            }
            Current::Of(Meaning::Classic { group, part, slot }) => {
                self.take_part(group, part, own, value);
                self.pushed = None;
                if let Some(slot) = slot {
                    self.outcome.scraped += 1;
                    self.push(slot, own, value);
                }
                self.group = Some(group);
            }
        }
    }

    fn take_part(&mut self, group: u32, part: Part, own: Option<i64>, value: f64) {
        let scrape = self.memory.scrape;
        let found = &mut self.memory.groups[group as usize];
        if found.seen != scrape {
            found.seen = scrape;
            found.buckets.clear();
            found.exemplars.clear();
            (found.count, found.sum, found.timestamp) = (None, 0.0, None);
        }
        found.timestamp = own;
        match part {
            Part::Bucket(bound) => found.buckets.push((bound, value)),
            Part::Count => found.count = Some(value),
            Part::Sum => found.sum = value,
        }
    }

    /// The classic histograms as native ones. What makes no histogram is left out.
    pub fn convert(&mut self) -> Result<(), String> {
        for at in 0..self.memory.groups.len() {
            let scrape = self.memory.scrape;
            let group = &mut self.memory.groups[at];
            let Some(slot) = group.slot else { continue };
            if group.seen != scrape || group.buckets.is_empty() {
                continue;
            }
            let (timestamp, exemplars) = (group.timestamp, std::mem::take(&mut group.exemplars));
            let Ok(histogram) = custom(std::mem::take(&mut group.buckets), group.count, group.sum) else { continue };
            self.outcome.scraped += 1;
            self.push_histogram(slot, timestamp, histogram)?;
            for seen in exemplars {
                self.push_exemplar(seen.labels, Some(seen.timestamp), seen.value);
            }
        }
        Ok(())
    }

    /// Resolve the series of a message's point.
    fn point(&mut self, point: Point<'_>) -> Result<(), String> {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        // No line of text begins with a zero byte; nor do lengths let two keys be equal.
        key.push(0);
        let extra = point.extra.iter().copied();
        for (name, value) in extra.chain(point.labels.iter().copied()) {
            for text in [name, value] {
                key.extend_from_slice(&(text.len() as u32).to_le_bytes());
                key.extend_from_slice(text.as_bytes());
            }
        }
        key.push(point.suffix.len() as u8);
        key.extend_from_slice(point.suffix.as_bytes());
        key.extend_from_slice(point.name.as_bytes());
        let found = if let Some(meaning) = self.memory.find(&key) {
            self.fresh = false;
            Ok(Current::Of(meaning))
        } else {
            let mut labels: Labels<'_> =
                point.labels.iter().map(|&(name, value)| (name.into(), value.into())).collect();
            if let Some((name, value)) = point.extra {
                labels.retain(|label| label.0 != name);
                labels.push((name.into(), value.into()));
            }
            labels.push((NAME.into(), format!("{}{}", point.name, point.suffix).into()));
            // Messages have their histograms whole: none is put together of parts.
            let kind = std::mem::replace(&mut self.kind, MetricKind::Unknown);
            let meaning = self.meaning_of(labels);
            self.kind = kind;
            let meaning = meaning.inspect_err(|_| self.outcome.scraped += 1);
            meaning.map(|meaning| self.keep(&key, meaning))
        };
        self.key = key;
        self.current = found?;
        Ok(())
    }

    fn keep(&mut self, text: &[u8], meaning: Option<Meaning>) -> Current {
        self.fresh = true;
        match meaning {
            Some(meaning) => {
                self.memory.remember(text, meaning);
                Current::Of(meaning)
            }
            None => Current::Over,
        }
    }

    fn say(&mut self, name: &str, said: Said<'_>) -> u32 {
        let family = self.memory.family(name);
        let quotes = self.open_metrics;
        let changed = self.memory.describe(family, |metadata| match said {
            Said::Kind(kind) => metadata.kind = kind,
            Said::Help(text) => metadata.help = help_text(text, quotes),
            Said::Unit(text) => text.clone_into(&mut metadata.unit),
        });
        if changed {
            self.memory.forget_lines();
        }
        if let Said::Kind(kind) = said {
            self.kind = kind;
            self.family = Some(family);
        }
        family
    }
}

impl text::Sink for Reading<'_> {
    #[inline]
    fn known(&mut self, rest: &[u8]) -> Option<Known> {
        let (length, meaning) = self.memory.expected(rest)?;
        if let Meaning::Comment { family, kind } = meaning {
            self.memory.saw_family(family);
            if let Some(kind) = kind {
                self.kind = kind;
                self.family = Some(family);
            }
            return Some(Known::Comment(length));
        }
        self.fresh = false;
        self.current = Current::Of(meaning);
        Some(Known::Series(length))
    }

    fn family(&mut self, name: &str, said: Said<'_>, raw: &[u8]) -> Result<(), String> {
        if let Some(Meaning::Comment { family, kind }) = self.memory.find(raw) {
            self.memory.saw_family(family);
            if let Some(kind) = kind {
                self.kind = kind;
                self.family = Some(family);
            }
            return Ok(());
        }
        let kind = if let Said::Kind(kind) = said { Some(kind) } else { None };
        let family = self.say(name, said);
        if raw.len() <= MAX_COMMENT {
            self.memory.remember(raw, Meaning::Comment { family, kind });
        }
        Ok(())
    }

    fn series(&mut self, raw: &[u8]) -> Result<(), String> {
        if let Some(meaning) = self.memory.find(raw) {
            self.fresh = false;
            self.current = Current::Of(meaning);
            return Ok(());
        }
        let mut labels = parse_series(raw, !self.open_metrics)?;
        for (name, value) in &mut labels {
            let bound = (self.kind == MetricKind::Histogram && name == "le")
                || (self.kind == MetricKind::Summary && name == "quantile");
            if bound {
                *value = numbers::canonical_text(value).into();
            }
        }
        let meaning = self.meaning_of(labels).inspect_err(|_| self.outcome.scraped += 1);
        self.current = self.keep(raw, meaning?);
        Ok(())
    }

    #[inline]
    fn sample(&mut self, timestamp: Option<i64>, value: f64) -> Result<(), String> {
        self.take(timestamp, value);
        Ok(())
    }

    fn exemplar(&mut self, labels: &Labels<'_>, timestamp: Option<i64>, value: f64) -> Result<(), String> {
        let labels = pack(labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
        if let Some(group) = self.group {
            let time = timestamp.unwrap_or(self.timestamp);
            let seen = Exemplar { labels: labels.clone(), timestamp: time, value };
            self.memory.groups[group as usize].exemplars.push(seen);
        }
        self.push_exemplar(labels, timestamp, value);
        Ok(())
    }
}

impl protobuf::Sink for Reading<'_> {
    fn family(&mut self, name: &str, said: Said<'_>) {
        self.say(name, said);
    }

    fn float(&mut self, point: Point<'_>, value: f64, exemplar: Option<&SeenExemplar<'_>>) -> Result<(), String> {
        self.point(point)?;
        self.take(point.timestamp, value);
        if self.pushed.is_some() {
            self.outcome.batch.say_start(point.start);
        }
        if let Some(seen) = exemplar {
            self.push_exemplar(pack(seen.labels.iter().copied()), seen.timestamp, seen.value);
        }
        Ok(())
    }

    fn histogram(
        &mut self,
        point: Point<'_>,
        mut histogram: Histogram,
        exemplars: &[SeenExemplar<'_>],
    ) -> Result<(), String> {
        self.point(point)?;
        self.outcome.scraped += 1;
        self.pushed = None;
        match self.current {
            Current::Of(Meaning::Series(slot)) => {
                if self.kind == MetricKind::GaugeHistogram {
                    histogram.hint = ResetHint::Gauge;
                }
                self.push_histogram(slot, point.timestamp, histogram)?;
                if self.pushed.is_some() {
                    self.outcome.batch.say_histogram_start(point.start);
                }
            }
            Current::Over => self.outcome.kept += 1,
            Current::Of(_) => {}
        }
        for seen in exemplars.iter().filter(|seen| seen.timestamp.is_some()) {
            self.push_exemplar(pack(seen.labels.iter().copied()), seen.timestamp, seen.value);
        }
        Ok(())
    }
}
