//! Which series of a query are read as windows of rollups instead of samples, and reading them.
//!
//! A series is read so where the use of its selector allows it (`nexus_promql::uses`) and its retention has rollups of which
//! there are some in the time: of the windows that are possible those that reach back furthest, then the longest. Days that have
//! no rollups yet, and those of which the head has samples, are read as samples and become windows here: the answer does not
//! depend on what was made when.

use super::fed::{ChunkRows, FedChunk};
use super::needs::Need;
use super::read::{READER, Reader};
use super::{Selected, View};
use crate::chunk::{Damaged, Kind, windows};
use crate::engine::{Engine, RolledDays, Tenant, WINDOWS};
use crate::head::{Body, Piece, SeriesHead, Value};
use crate::index::{Activity, DAY_MS, day_of};
use nexus_promql::rolled::{COLUMNS, Rolled};
use nexus_promql::source::{Samples, SourceFault, SourceNote};
use nexus_promql::uses::Use;
use nexus_series::calendar::date_of;
use nexus_series::labels::SeriesId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Separate pieces of time that are asked of the tables; more are read as one.
const MOST_RUNS: usize = 16;

/// How one series is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tier {
    /// Length of the windows, s.
    window: u32,
    /// Samples of earlier days may have expired.
    horizon: i64,
    /// The head has samples of this day or later ones.
    until: i64,
}

/// See the module text.
pub(super) struct Rollups {
    days: BTreeMap<u32, Arc<RolledDays>>,
    uses: Vec<Use>,
    /// By selector and series; nothing at all where no series of a selector is read as windows.
    tiers: Vec<Vec<Option<Tier>>>,
    /// By selector: the day before which something is not in the answer, and the windows (s) that are kept of it.
    lacking: Vec<Option<(i64, BTreeSet<u32>)>>,
}

/// First and last day of the windows of a selector.
fn days_of(selected: &Selected) -> (i64, i64) {
    (day_of(selected.from.saturating_sub(1)), day_of(selected.to.saturating_sub(1)))
}

/// The first day that is kept for certain.
fn horizon(today: i64, days: u32) -> i64 {
    if days == 0 { i64::MIN } else { today - i64::from(days) }
}

/// Time of the first float of a head that is not in the tables; none: it has histograms. What was stored before the query
/// began (`event`) was made known to those who make rollups before.
fn first_float(head: &SeriesHead, event: u64) -> Option<i64> {
    let mut first = if head.open.count() > 0 { head.open.first() } else { i64::MAX };
    let stored = |piece: &&Arc<Piece>| (1..=event).contains(&piece.stored());
    for piece in head.pieces().iter().filter(|piece| !stored(piece)) {
        if matches!(piece.body, Body::Histograms(..)) {
            return None;
        }
        first = first.min(piece.first());
    }
    if let Some(late) = head.late() {
        if late.samples().iter().any(|sample| matches!(sample.value, Value::Histogram(_))) {
            return None;
        }
        first = first.min(late.first());
    }
    Some(first)
}

impl Rollups {
    /// Decides; None where the tenant has no rollups.
    pub(super) fn choose(
        engine: &Engine,
        tenant: &Tenant,
        selected: &[Selected],
        uses: impl FnOnce() -> Vec<Use>,
        (event, today): (u64, i64),
    ) -> Option<Self> {
        let days = engine.rolled_days(&tenant.name)?;
        let uses = uses();
        let retention = engine.retention();
        let (mut tiers, mut lacking) = (Vec::new(), Vec::new());
        for (selected, used) in selected.iter().zip(&uses) {
            let (first, last) = days_of(selected);
            let there: Vec<(u32, i64)> = WINDOWS
                .into_iter()
                .filter_map(|window| Some((window, days.get(&window)?.earliest(first, last)?)))
                .collect();
            let mut own = Vec::new();
            let mut lack: Option<(i64, BTreeSet<u32>)> = None;
            if !there.is_empty() {
                own.reserve(selected.numbers.len());
                for &number in &selected.numbers {
                    let kept = retention.of(&tenant.name, &tenant.index, number);
                    let series = tenant.index.series(number);
                    let possible = |&&(window, _): &&(u32, i64)| {
                        used.allows(i64::from(window) * 1000) && kept.rollup(window).is_some()
                    };
                    let best = there.iter().filter(possible).min_by_key(|(window, day)| (*day, u32::MAX - window));
                    let tier = best.and_then(|&(window, _)| {
                        let until = first_float(&series.head(), event)?;
                        let until = if until == i64::MAX { i64::MAX } else { day_of(until.saturating_sub(1)) };
                        Some(Tier { window, horizon: horizon(today, kept.days), until })
                    });
                    own.push(tier);
                    let resolution = tier.and_then(|tier| kept.rollup(tier.window)).unwrap_or(kept.days);
                    let lost = horizon(today, resolution);
                    let before = |&&(window, day): &&(u32, i64)| {
                        kept.rollup(window).is_some_and(|days| horizon(today, days) < lost) && day < lost
                    };
                    let kept_of_it: Vec<u32> = there.iter().filter(before).map(|(window, _)| *window).collect();
                    if !kept_of_it.is_empty() && day_of(series.activity.first()) < lost {
                        let (day, windows) = lack.get_or_insert_default();
                        *day = (*day).max(lost);
                        windows.extend(kept_of_it);
                    }
                }
                if own.iter().all(Option::is_none) {
                    own.clear();
                }
            }
            tiers.push(own);
            lacking.push(lack);
        }
        Some(Self { days, uses, tiers, lacking })
    }

    fn tier(&self, selector: usize, series: usize) -> Option<Tier> {
        self.tiers[selector].get(series).copied().flatten()
    }

    /// Is a day read as windows that are stored?
    fn covered(&self, tier: Tier, day: i64) -> bool {
        let Some(days) = self.days.get(&tier.window) else { return false };
        let expired = day < tier.horizon;
        (days.fresh.contains(&day) && (expired || day < tier.until)) || (expired && days.stale.contains(&day))
    }
}

/// Days in runs of those that follow each other.
fn runs(days: &[i64]) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for &day in days {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == day => *last = day,
            _ => runs.push((day, day)),
        }
    }
    match (runs.first(), runs.last()) {
        (Some(&(first, _)), Some(&(_, last))) if runs.len() > MOST_RUNS => vec![(first, last)],
        _ => runs,
    }
}

/// Time in which series are wanted: window (0: samples), from, to, numbers.
pub(super) type Wanted = (u32, i64, i64, Vec<u32>);

impl View {
    /// What the series of a selector that are read as windows need; and the numbers of the others that have something stored.
    pub(super) fn rolled_needs(&self, selector: usize, wanted: &mut Vec<Wanted>) -> Vec<u32> {
        let selected = &self.selected[selector];
        let Some(rollups) = self.rollups.as_ref().filter(|rollups| !rollups.tiers[selector].is_empty()) else {
            return selected.stored.clone();
        };
        let index = &self.tenant.index;
        let mut others = Vec::new();
        let mut groups: BTreeMap<u32, Vec<(u32, Tier)>> = BTreeMap::new();
        for (&number, tier) in selected.numbers.iter().zip(&rollups.tiers[selector]) {
            match tier {
                Some(tier) => groups.entry(tier.window).or_default().push((number, *tier)),
                None if index.series(number).activity.stored_within(selected.from, selected.to) => others.push(number),
                None => {}
            }
        }
        for (window, group) in groups {
            let stored =
                |(number, _): &&(u32, Tier)| index.series(*number).activity.stored_within(selected.from, selected.to);
            let group: Vec<&(u32, Tier)> = group.iter().filter(stored).collect();
            let activity = || group.iter().map(|(number, _)| &index.series(*number).activity);
            let (Some(begin), Some(end)) =
                (activity().map(Activity::first).min(), activity().map(Activity::last).max())
            else {
                continue;
            };
            let (first, last) = days_of(selected);
            let (first, last) = (first.max(day_of(begin - 1)), last.min(day_of(end - 1)));
            // What is the same for all of them: the day from which on any is read as samples.
            let tier = Tier {
                window,
                horizon: group.iter().map(|(_, tier)| tier.horizon).min().unwrap_or(i64::MIN),
                until: group.iter().map(|(_, tier)| tier.until).min().unwrap_or(i64::MAX),
            };
            let numbers: Vec<u32> = group.iter().map(|(number, _)| *number).collect();
            let there: Vec<i64> = (first..=last)
                .filter(|&day| rollups.days.get(&window).is_some_and(|days| days.contains(day)))
                .collect();
            if let (Some(&first), Some(&last)) = (there.first(), there.last()) {
                // Rows have the last ms of their windows, which is of their day.
                wanted.push((window, first * DAY_MS, (last + 1) * DAY_MS - 1, numbers.clone()));
            }
            let samples: Vec<i64> = (first..=last).filter(|&day| !rollups.covered(tier, day)).collect();
            for (first, last) in runs(&samples) {
                let (from, to) = (first * DAY_MS + 1, (last + 1) * DAY_MS);
                let from = from.max(selected.from - i64::from(window) * 1000);
                wanted.push((0, from, to.min(selected.to), numbers.clone()));
            }
        }
        others
    }

    /// What is still to be fetched when everything of `needs` was fed: samples of series that turn out to have histograms.
    pub fn more_needs(&self) -> Vec<Need> {
        let Some(rollups) = &self.rollups else { return Vec::new() };
        let mut needs = Vec::new();
        for (selector, selected) in self.selected.iter().enumerate() {
            let series = selected.numbers.iter().enumerate();
            let raw = series.filter(|&(at, &number)| {
                rollups.tier(selector, at).is_some() && self.is_raw(self.tenant.index.series(number).id)
            });
            let numbers: Vec<u32> = raw.map(|(_, &number)| number).collect();
            if !numbers.is_empty() {
                needs.push(self.need(0, selected.from, selected.to, numbers));
            }
        }
        needs
    }

    /// Has a series histograms, of which there are no rollups?
    fn is_raw(&self, id: SeriesId) -> bool {
        let fed = self.fed.read().expect("no panic while locked");
        fed.iter().any(|(_, rows)| rows.of(id).any(|chunk| matches!(chunk.kind, Kind::Histograms | Kind::NoWindows)))
    }

    fn tier(&self, selector: usize, series: usize) -> Option<Tier> {
        let tier = self.rollups.as_ref()?.tier(selector, series)?;
        let id = self.tenant.index.series(self.selected[selector].numbers[series]).id;
        (!self.is_raw(id)).then_some(tier)
    }

    /// As `Source::rolled`.
    pub(super) fn rolled_length(&self, selector: usize, series: usize) -> Option<i64> {
        Some(i64::from(self.tier(selector, series)?.window) * 1000)
    }

    /// As `Source::read_rolled`.
    pub(super) fn read_windows(
        &self,
        selector: usize,
        series: usize,
        columns: u16,
        (from, to): (i64, i64),
        into: &mut Rolled,
    ) -> Result<(), SourceFault> {
        into.clear();
        let (Some(tier), Some(rollups)) = (self.tier(selector, series), &self.rollups) else {
            return Err(SourceFault("there are no rollups".into()));
        };
        let number = self.selected[selector].numbers[series];
        let activity = &self.tenant.index.series(number).activity;
        if activity.first() > to || to <= from {
            return Ok(());
        }
        let first = day_of(from).max(day_of(activity.first() - 1));
        let last = day_of(to - 1).min(day_of(activity.last().max(activity.first()) - 1));
        let (mut day, mut samples, mut made) = (first, Samples::default(), Rolled::default());
        while day <= last {
            let covered = rollups.covered(tier, day);
            let mut next = day + 1;
            while next <= last && rollups.covered(tier, next) == covered {
                next += 1;
            }
            let (begin, end) = (from.max(day * DAY_MS), to.min(next * DAY_MS));
            if covered {
                self.stored_windows(number, tier.window, columns, (begin, end), into)
                    .map_err(|damaged| SourceFault(damaged.to_string()))?;
            } else {
                self.read_series(number, begin + 1, end, &mut samples)?;
                made.clear();
                made.roll(&samples, i64::from(tier.window) * 1000);
                append(into, &made, columns, 0..made.ends.len());
            }
            day = next;
        }
        Ok(())
    }

    fn stored_windows(
        &self,
        number: u32,
        window: u32,
        columns: u16,
        (from, to): (i64, i64),
        into: &mut Rolled,
    ) -> Result<(), Damaged> {
        let fed = self.fed.read().expect("no panic while locked");
        // Of a day that was made again, what was made last counts.
        let mut days: BTreeMap<i64, (&ChunkRows, &FedChunk)> = BTreeMap::new();
        let id = self.tenant.index.series(number).id;
        for (_, rows) in fed.iter().filter(|(own, _)| *own == window) {
            let windows = rows.of(id).filter(|chunk| chunk.kind == Kind::Windows);
            for chunk in windows.filter(|chunk| chunk.head.last > from && chunk.head.first <= to) {
                let best = days.entry(day_of(chunk.head.last - 1)).or_insert((rows, chunk));
                if best.1.sequence < chunk.sequence {
                    *best = (rows, chunk);
                }
            }
        }
        let mut one = Rolled::default();
        for (rows, chunk) in days.into_values() {
            self.note_decoded(rows.size(chunk));
            one.clear();
            READER.with_borrow_mut(|reader| {
                let Reader { scratch, times, .. } = reader;
                one.ends.extend_from_slice(rows.times(chunk, times, scratch)?);
                windows::decode(rows.values(chunk), columns, &mut one.columns, scratch)
            })?;
            let begin = one.ends.partition_point(|&end| end <= from);
            let end = one.ends.partition_point(|&end| end <= to);
            append(into, &one, columns, begin..end);
        }
        Ok(())
    }

    /// As `Source::notes`.
    pub(super) fn rolled_notes(&self) -> Vec<SourceNote> {
        let Some(rollups) = &self.rollups else { return Vec::new() };
        let mut notes = Vec::new();
        for (selector, used) in rollups.uses.iter().enumerate() {
            let number = self.selected[selector].numbers.len();
            let tiers: Vec<Tier> = if rollups.tiers[selector].is_empty() {
                Vec::new()
            } else {
                (0..number).filter_map(|series| self.tier(selector, series)).collect()
            };
            for window in WINDOWS {
                let own: Vec<&Tier> = tiers.iter().filter(|tier| tier.window == window).collect();
                let Some(text) = self.told(selector, window, &own) else { continue };
                let but = if used.rounds { " but for the rounding of sums" } else { "" };
                let which =
                    if own.len() < number { format!(" of {} of {number} series", own.len()) } else { String::new() };
                let text = format!("answered from {} rollups{which} ({text}): exact{but}", words(window));
                notes.push(SourceNote { position: used.position, warning: false, text });
            }
            if let Some((day, windows)) = &rollups.lacking[selector] {
                let kept: Vec<&str> = windows.iter().map(|window| words(*window)).collect();
                let kept = kept.join(" and ");
                let why = if used.fits {
                    "which answer only times, ranges and offsets that are multiples of their length".to_owned()
                } else if used.function.is_empty() {
                    "which cannot answer this selector".to_owned()
                } else {
                    format!("which cannot answer {}()", used.function)
                };
                let text =
                    format!("before {} there are only rollups of {kept}, {why}: the answer lacks them", date(*day));
                notes.push(SourceNote { position: used.position, warning: true, text });
            }
        }
        notes
    }

    /// How many days of a selector are read from rollups; None: no day of any series.
    fn told(&self, selector: usize, window: u32, tiers: &[&Tier]) -> Option<String> {
        let rollups = self.rollups.as_ref()?;
        let until = tiers.iter().map(|tier| tier.until).min()?;
        let horizon = tiers.iter().map(|tier| tier.horizon).min()?;
        let index = &self.tenant.index;
        let activity = || self.selected[selector].numbers.iter().map(|&number| &index.series(number).activity);
        let (begin, end) = (activity().map(Activity::first).min()?, activity().map(Activity::last).max()?);
        let (first, last) = days_of(&self.selected[selector]);
        // Of a series that was loaded, the first day is known and no more: not that it has a sample at midnight.
        let (first, last) = (first.max(day_of(begin)), last.min(day_of(end - 1)));
        let tier = Tier { window, horizon, until };
        let covered = (first..=last).filter(|&day| rollups.covered(tier, day)).count();
        (covered > 0).then(|| format!("{covered} of {} days", last - first + 1))
    }
}

fn append(into: &mut Rolled, from: &Rolled, columns: u16, range: std::ops::Range<usize>) {
    into.ends.extend_from_slice(&from.ends[range.clone()]);
    into.histograms |= from.histograms;
    for number in 0..COLUMNS {
        if columns & 1 << number != 0 {
            into.columns[number].extend_from_slice(&from.columns[number][range.clone()]);
        }
    }
}

const fn words(window: u32) -> &'static str {
    if window == 300 { "5m" } else { "1h" }
}

/// A day as `2026-01-31`.
fn date(day: i64) -> String {
    let (year, month, date) = date_of(day);
    format!("{year:04}-{month:02}-{date:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_dates() {
        let written: Vec<String> = [0, 59, 11_016, 20_000, 20_453].into_iter().map(date).collect();
        assert_eq!(written, ["1970-01-01", "1970-03-01", "2000-02-29", "2024-10-04", "2025-12-31"]);
    }

    #[test]
    fn many_holes_are_read_over() {
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[1, 2, 3, 7, 9, 10]), [(1, 3), (7, 7), (9, 10)]);
        let holes: Vec<i64> = (0..40).map(|day| day * 2).collect();
        assert_eq!(runs(&holes), [(0, 78)]);
    }
}
