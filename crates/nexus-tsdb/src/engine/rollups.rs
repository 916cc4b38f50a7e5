//! Rollups of a UTC day, made of its samples: rows of `metric_rollups`. Which days have them is told by the caller, who stores
//! the rows and remembers it.
//!
//! A day's windows end in `(midnight, next midnight]`: a sample at midnight belongs to the day before. Windows of a series are
//! made of all its samples of the day or not at all: not when some may have expired. Series with native histograms have a row
//! that says so, and no windows.

use super::retention::{Kept, expires};
use super::{Engine, EngineError, Retention, Tenant, rows};
use crate::chunk::{Damaged, windows};
use crate::index::DAY_MS;
use crate::view::{ChunkRows, View};
use nexus_promql::rolled::Rolled;
use nexus_promql::source::{Samples, SourceFault};
use nexus_series::labels::SeriesId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLockReadGuard};

/// Days that have rollups of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolledDays {
    /// Made of everything that was stored.
    pub fresh: BTreeSet<i64>,
    /// To be made anew: for series whose samples are still there, these count.
    pub stale: BTreeSet<i64>,
}

impl RolledDays {
    /// Is there anything of `first ..= last`? The earliest such day.
    pub fn earliest(&self, first: i64, last: i64) -> Option<i64> {
        let of = |days: &BTreeSet<i64>| days.range(first..=last.max(first)).next().copied();
        [of(&self.fresh), of(&self.stale)].into_iter().flatten().min()
    }

    /// Is there something of a day?
    pub fn contains(&self, day: i64) -> bool {
        self.fresh.contains(&day) || self.stale.contains(&day)
    }
}

/// A part of a day's rollups: some series. `View::needs` says what to feed.
pub struct Rollup {
    /// The samples.
    pub view: View,
    /// Where the next part begins.
    pub next: u32,
    tenant: Arc<Tenant>,
    day: i64,
    built: u64,
    /// Number, what is to be made, and whether its samples are there for certain.
    series: Vec<(u32, Kept, bool)>,
}

impl Engine {
    /// Days of a tenant's rollups by window, s; None without any.
    pub fn rolled_days(&self, tenant: &str) -> Option<BTreeMap<u32, Arc<RolledDays>>> {
        self.rolled_days.read().expect("no panic while locked").get(tenant).cloned()
    }

    /// How long samples are kept, as it is now.
    pub fn retention(&self) -> RwLockReadGuard<'_, Retention> {
        self.retention.read().expect("no panic while locked")
    }

    /// Says which days of a tenant have rollups of a window.
    pub fn set_rolled_days(&self, tenant: &str, window: u32, days: RolledDays) {
        let mut all = self.rolled_days.write().expect("no panic while locked");
        let own = all.entry(tenant.into()).or_default();
        if days == RolledDays::default() {
            own.remove(&window);
        } else {
            own.insert(window, Arc::new(days));
        }
        if own.is_empty() {
            all.remove(tenant);
        }
    }

    /// Begins a part of a day's rollups: the next series from a number on, at most `most`. None: there are no more.
    pub fn rollup(
        self: &Arc<Self>,
        tenant: &str,
        day: i64,
        today: i64,
        from: u32,
        most: usize,
    ) -> Result<Option<Rollup>, EngineError> {
        let Some(tenant) = self.tenant(tenant) else { return Ok(None) };
        let built = self.write().log()?.next_sequence();
        let (start, end) = (day.saturating_mul(DAY_MS), (day + 1).saturating_mul(DAY_MS));
        let mut series = Vec::new();
        let mut next = from;
        let retention = self.retention();
        while next < tenant.index.len() && series.len() < most.max(1) {
            let number = next;
            next += 1;
            let one = tenant.index.series(number);
            if one.is_gone() || !one.activity.within(start + 1, end) {
                continue;
            }
            let kept = retention.of(&tenant.name, &tenant.index, number);
            let mut wanted = kept.clone();
            wanted.rollups.retain(|(_, days)| i64::from(expires(day, *days)) > today);
            if !wanted.rollups.is_empty() {
                series.push((number, wanted, i64::from(expires(day, kept.days)) > today));
            }
        }
        drop(retention);
        if series.is_empty() {
            return Ok(None);
        }
        let numbers: Vec<u32> = series.iter().map(|(number, ..)| *number).collect();
        let labels = numbers.iter().map(|&number| tenant.index.series(number).labels.clone()).collect();
        let view = View::of(self, &tenant, None, (numbers, labels), (start + 1, end));
        Ok(Some(Rollup { view, next, tenant, day, built, series }))
    }
}

impl Rollup {
    /// The rows and their number, in the order of the table.
    pub fn rows(&self) -> Result<(usize, Vec<u8>), SourceFault> {
        let (start, end) = (self.day * DAY_MS, (self.day + 1) * DAY_MS);
        let (mut samples, mut rolled) = (Samples::default(), Rolled::default());
        let mut made: Vec<(u32, &str, SeriesId, Vec<u8>)> = Vec::new();
        for (at, (number, kept, certain)) in self.series.iter().enumerate() {
            if !certain && !self.view.is_fed(*number) {
                continue;
            }
            self.view.read_selected(0, at, start + 1, end, &mut samples)?;
            let series = self.tenant.index.series(*number);
            let metric = self.tenant.index.symbols.text(series.metric);
            for &(window, days) in &kept.rollups {
                let length = i64::from(window) * 1000;
                let (chunk, first, last) = if samples.histograms.is_empty() {
                    rolled.clear();
                    rolled.roll(&samples, length);
                    let (Some(&first), Some(&last)) = (rolled.ends.first(), rolled.ends.last()) else { break };
                    (windows::encode(&rolled, length, self.built), first, last)
                } else {
                    rolled.clear();
                    (windows::encode_none(end, self.built), start + 1, end)
                };
                let mut row = Vec::with_capacity(chunk.times.len() + chunk.values.len() + 96);
                rows::string(&mut row, self.tenant.name.as_bytes());
                rows::string(&mut row, metric.as_bytes());
                row.extend_from_slice(&series.id.to_le_bytes());
                rows::date(&mut row, self.day);
                row.extend_from_slice(&expires(self.day, days).to_le_bytes());
                row.extend_from_slice(&window.to_le_bytes());
                row.extend_from_slice(&self.built.to_le_bytes());
                row.extend_from_slice(&(first - 1).to_le_bytes());
                row.extend_from_slice(&(last - 1).to_le_bytes());
                row.extend_from_slice(&(rolled.ends.len() as u32).to_le_bytes());
                for blob in [&chunk.times, &chunk.values] {
                    rows::array(&mut row, 1);
                    rows::string(&mut row, blob);
                }
                made.push((window, metric, series.id, row));
            }
        }
        made.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
        Ok((made.len(), made.into_iter().flat_map(|(.., row)| row).collect()))
    }

    /// Takes in rows of chunks that have not expired by what is written into them. By the policy they may have: it waits for
    /// rollups. Where it says so and nothing was fed, what the head has came late, and is not all.
    pub fn feed(&self, rows: &[u8]) -> Result<(), Damaged> {
        self.view.feed(Arc::new(ChunkRows::read(rows)?), 0);
        Ok(())
    }
}
