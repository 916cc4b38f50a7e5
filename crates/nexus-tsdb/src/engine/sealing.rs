//! From heads to rows of the tables: batches of closed samples with a number, made durable as such in the log, so that a batch
//! that was stored right before the process ended is offered again with the same number and the same contents.

use super::retention::expires;
use super::{Batch, Engine, EngineError, Tenant, rows};
use crate::head::{Piece, SeriesHead};
use crate::log::{Frame, kind, record};
use crate::{
    chunk::varint,
    index::{DAY_MS, day_of},
};
use nexus_series::batch::Metadata;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Shortest time something is open before its window's end closes it, s: what comes in late and alone is not stored alone.
const OPEN_FOR: i64 = 300;
/// Time after the end of a window in which the sample that closes it usually comes, ms.
const PATIENCE_MS: i64 = 60_000;
/// All series are looked at that often, ms.
const LOOK_MS: i64 = 10_000;
/// Active series are counted anew that often, s.
const RECOUNT_S: u32 = 600;

/// Rows of a UTC day: day, number, RowBinary.
pub type DayRows = (i64, usize, Vec<u8>);

/// What goes to the tables.
#[derive(Default)]
pub struct SealedRows {
    /// Samples in them.
    pub samples: usize,
    /// Chunks by day.
    pub chunks: Vec<DayRows>,
    /// Number of series, and their rows.
    pub series: (usize, Vec<u8>),
    /// Exemplars by day.
    pub exemplars: Vec<DayRows>,
    /// Number of metadata, and their rows.
    pub metadata: (usize, Vec<u8>),
    /// UTC days whose windows have other samples now, by tenant. A sample at midnight belongs to the window before it.
    pub touched: BTreeMap<String, BTreeSet<i64>>,
}

/// Metadata of a tenant that are not in the tables, and when they were said.
type News = (Arc<Tenant>, Vec<(Metadata, i64)>);

/// A batch on its way to the tables; given back when it goes without `done`.
pub struct Sealed {
    engine: Arc<Engine>,
    /// See the module text.
    pub number: u64,
    series: Vec<(Arc<Tenant>, u32)>,
    news: Vec<News>,
    settled: bool,
}

/// Rows of one series: by day its chunks, and its row of series for days it had none of.
struct SeriesOut {
    tenant: usize,
    number: u32,
    days: BTreeMap<i64, DayChunks>,
}

#[derive(Default)]
struct DayChunks {
    first: i64,
    last: i64,
    samples: usize,
    times: Vec<Vec<u8>>,
    values: Vec<Vec<u8>>,
    new: bool,
}

impl Engine {
    /// Samples that are due to be stored: of windows that are over, of full chunks, or of all when memory is short; with `all`,
    /// everything. At most about `max_samples`. None: nothing is due.
    pub fn take_sealed(
        self: &Arc<Self>,
        now_ms: i64,
        all: bool,
        max_samples: usize,
    ) -> Result<Option<Sealed>, EngineError> {
        if let Some(sealed) = self.take_again() {
            return Ok(Some(sealed));
        }
        self.maintain(now_ms)?;
        self.look(now_ms, all)?;
        let mut guard = self.write();
        let writer = &mut *guard;
        writer.log()?;
        let (mut series, mut samples): (Vec<(Arc<Tenant>, u32)>, usize) = (Vec::new(), 0);
        while samples < max_samples.max(1)
            && let Some((tenant, one)) = writer.due.pop()
        {
            samples += tenant.index.series(one).head().open_samples() + 64;
            series.push((tenant, one));
        }
        series.sort_by(|a, b| (&a.0.name, a.1).cmp(&(&b.0.name, b.1)));
        series.dedup_by(|a, b| Arc::ptr_eq(&a.0, &b.0) && a.1 == b.1);
        let tenants: Vec<Arc<Tenant>> = self.tenants.read().expect("no panic while locked").values().cloned().collect();
        let extras = tenants.iter().any(|tenant| {
            let extras = tenant.extras.lock().expect("no panic while locked");
            extras.has_news() || extras.exemplars().any(|one| one.batch == 0)
        });
        if series.is_empty() && !extras {
            return Ok(None);
        }
        let mut frame = Frame::new();
        let groups: Vec<&[(Arc<Tenant>, u32)]> = series.chunk_by(|a, b| Arc::ptr_eq(&a.0, &b.0)).collect();
        varint::push(&mut frame.bytes, groups.len() as u64);
        for group in groups {
            record::push_bytes(&mut frame.bytes, group[0].0.name.as_bytes());
            varint::push(&mut frame.bytes, group.len() as u64);
            let mut before = 0;
            for (_, one) in group {
                varint::push(&mut frame.bytes, u64::from(one - before));
                before = *one;
            }
        }
        Self::define_all(writer, &series)?;
        // Its number is the sequence of its record.
        let number = writer.log()?.next_sequence();
        if let Err(error) = writer.log()?.append(kind::BATCH, &mut frame) {
            writer.due.extend(series);
            return Err(error.into());
        }
        for (tenant, one) in &series {
            self.change_head(tenant, *one, |head| {
                head.close(self.options.shape);
                head.number_pieces(number);
            });
        }
        let mut news = Vec::new();
        for tenant in tenants {
            let mut extras = tenant.extras.lock().expect("no panic while locked");
            extras.take_exemplars(number);
            let said = extras.take_news();
            drop(extras);
            if !said.is_empty() {
                news.push((tenant, said));
            }
        }
        writer.batches.insert(number, Batch { series: series.clone(), taken: true });
        Ok(Some(Sealed { engine: self.clone(), number, series, news, settled: false }))
    }

    /// Defines series that the log does not know as they are numbered now.
    pub(super) fn define_all(writer: &mut super::Writer, series: &[(Arc<Tenant>, u32)]) -> Result<(), EngineError> {
        for group in series.chunk_by(|a, b| Arc::ptr_eq(&a.0, &b.0)) {
            let tenant = &group[0].0;
            let mut parts = record::Parts::default();
            let new: Vec<u32> =
                group.iter().map(|(_, one)| *one).filter(|one| !tenant.index.series(*one).head().logged).collect();
            for &one in &new {
                parts.define(one, &tenant.index.packed(one));
            }
            if !new.is_empty() {
                let mut frame = Frame::new();
                parts.write(&tenant.name, 0, &mut frame.bytes);
                writer.log()?.append(kind::SAMPLES, &mut frame)?;
                for &one in &new {
                    tenant.index.series(one).head().logged = true;
                }
            }
        }
        Ok(())
    }

    /// A batch that was given back, or was there when the log was replayed.
    fn take_again(self: &Arc<Self>) -> Option<Sealed> {
        let mut writer = self.write();
        writer.log.as_ref()?;
        let (&number, batch) = writer.batches.iter_mut().find(|(_, batch)| !batch.taken)?;
        batch.taken = true;
        Some(Sealed { engine: self.clone(), number, series: batch.series.clone(), news: Vec::new(), settled: false })
    }

    /// Looks which series have something due.
    fn look(&self, now_ms: i64, all: bool) -> Result<(), EngineError> {
        let mut writer = self.write();
        writer.log()?;
        let rest = !all && self.shortage() == usize::MAX && now_ms.saturating_sub(writer.looked) < LOOK_MS;
        if !writer.due.is_empty() || rest {
            return Ok(());
        }
        writer.looked = now_ms;
        let mut due: Vec<(Arc<Tenant>, u32)> = Vec::new();
        for own in writer.tenants.values_mut() {
            let mut closed = std::mem::take(&mut own.closed);
            closed.sort_unstable();
            closed.dedup();
            due.extend(closed.into_iter().map(|number| (own.tenant.clone(), number)));
        }
        drop(writer);
        // Without the lock: what is due now is so a little later, too.
        let short = self.shortage();
        let now_s = now_ms.div_euclid(1000);
        let shape = self.options.shape;
        let is_due = |head: &SeriesHead| {
            if head.nothing_open() {
                return false;
            }
            let over = now_s - i64::from(head.opened()) >= OPEN_FOR && head.window_end(shape) <= now_ms - PATIENCE_MS;
            all || over || head.open_samples() >= short
        };
        let tenants: Vec<Arc<Tenant>> = self.tenants.read().expect("no panic while locked").values().cloned().collect();
        for tenant in tenants {
            for number in 0..tenant.index.len() {
                let series = tenant.index.series(number);
                if !series.is_gone() && is_due(&series.head()) {
                    due.push((tenant.clone(), number));
                }
            }
        }
        self.write().due = due;
        Ok(())
    }

    /// From how many samples on series are closed because memory is short.
    fn shortage(&self) -> usize {
        let share = self.head_bytes.load(Ordering::Relaxed).max(0) as f64 / self.options.head_bytes.max(1) as f64;
        match share {
            share if share < 0.7 => usize::MAX,
            share if share < 0.8 => 120,
            share if share < 0.9 => 30,
            _ => 1,
        }
    }

    fn maintain(self: &Arc<Self>, now_ms: i64) -> Result<(), EngineError> {
        let since = now_ms - self.options.active_ms;
        let now_s = (now_ms / 1000).clamp(1, i64::from(u32::MAX)) as u32;
        let due = {
            let mut writer = self.write();
            for own in writer.tenants.values_mut() {
                own.guard.recount(&own.tenant.index, now_s, since, RECOUNT_S);
            }
            let (bytes, base) = (writer.log()?.bytes(), writer.checkpoint_bytes);
            let head = self.head_bytes.load(Ordering::Relaxed).max(0) as u64;
            bytes > base.max(head).max(48 << 20)
        };
        if due { self.checkpoint() } else { Ok(()) }
    }
}

impl Sealed {
    /// Makes the rows.
    pub fn rows(&self) -> SealedRows {
        let mut tenants: Vec<Arc<Tenant>> = Vec::new();
        let mut work: Vec<(usize, u32)> = Vec::with_capacity(self.series.len());
        for (tenant, number) in &self.series {
            if !tenants.last().is_some_and(|last| Arc::ptr_eq(last, tenant)) {
                tenants.push(tenant.clone());
            }
            work.push((tenants.len() - 1, *number));
        }
        let mut out: Vec<SeriesOut> = work
            .par_iter()
            .with_min_len(64)
            .map(|&(tenant, number)| self.series_out(&tenants[tenant], tenant, number))
            .filter(|out| !out.days.is_empty())
            .collect();
        // As the tables are sorted.
        let text = |out: &SeriesOut| {
            let index = &tenants[out.tenant].index;
            index.symbols.text(index.series(out.number).metric)
        };
        out.par_sort_by(|a, b| {
            let id = |out: &SeriesOut| tenants[out.tenant].index.series(out.number).id;
            (a.tenant, text(a), id(a)).cmp(&(b.tenant, text(b), id(b)))
        });
        let mut rows = SealedRows::default();
        let mut days: BTreeMap<i64, (usize, Vec<u8>)> = BTreeMap::new();
        let retention = self.engine.retention.read().expect("no panic while locked");
        for one in &out {
            let tenant = &tenants[one.tenant];
            let kept = retention.of(&tenant.name, &tenant.index, one.number);
            for (day, chunks) in &one.days {
                let touched = rows.touched.entry(tenant.name.clone()).or_default();
                touched.insert(*day);
                if chunks.first == day.saturating_mul(DAY_MS) {
                    // Of the last window of the day before.
                    touched.insert(*day - 1);
                }
                rows.samples += chunks.samples;
                let (count, bytes) = days.entry(*day).or_default();
                *count += 1;
                chunk_row(tenant, one.number, *day, expires(*day, kept.days), chunks, bytes);
                if chunks.new {
                    rows.series.0 += 1;
                    series_row(tenant, one.number, *day, expires(*day, kept.longest()), &mut rows.series.1);
                }
            }
        }
        rows.chunks = days.into_iter().map(|(day, (count, bytes))| (day, count, bytes)).collect();
        rows.exemplars = self.exemplar_rows(&retention);
        for (tenant, said) in &self.news {
            for (metadata, seen) in said {
                rows.metadata.0 += 1;
                metadata_row(&tenant.name, metadata, *seen, &mut rows.metadata.1);
            }
        }
        rows
    }

    fn pieces(&self, tenant: &Tenant, number: u32) -> Vec<Arc<Piece>> {
        let head = tenant.index.series(number).head();
        head.pieces().iter().filter(|piece| piece.batch() == self.number).cloned().collect()
    }

    fn series_out(&self, tenant: &Tenant, position: usize, number: u32) -> SeriesOut {
        let mut days: BTreeMap<i64, DayChunks> = BTreeMap::new();
        for piece in self.pieces(tenant, number) {
            for stored in piece.chunks() {
                let day = days.entry(stored.day).or_insert_with(|| DayChunks {
                    first: stored.first,
                    last: stored.last,
                    ..DayChunks::default()
                });
                day.first = day.first.min(stored.first);
                day.last = day.last.max(stored.last);
                day.samples += stored.samples;
                day.times.push(stored.chunk.times);
                day.values.push(stored.chunk.values);
            }
        }
        let head = tenant.index.series(number).head();
        for (day, chunks) in &mut days {
            chunks.new = !head.is_day_stored(*day);
        }
        SeriesOut { tenant: position, number, days }
    }

    fn exemplar_rows(&self, retention: &super::Retention) -> Vec<DayRows> {
        let tenants: Vec<Arc<Tenant>> =
            self.engine.tenants.read().expect("no panic while locked").values().cloned().collect();
        let mut days: BTreeMap<i64, (usize, Vec<u8>)> = BTreeMap::new();
        for tenant in tenants {
            let mine: Vec<_> = {
                let extras = tenant.extras.lock().expect("no panic while locked");
                extras.exemplars().filter(|one| one.batch == self.number).cloned().collect()
            };
            for one in mine {
                let series = tenant.index.series(one.series);
                let day = day_of(one.exemplar.timestamp);
                let (count, bytes) = days.entry(day).or_default();
                *count += 1;
                rows::string(bytes, tenant.name.as_bytes());
                rows::string(bytes, tenant.index.symbols.text(series.metric).as_bytes());
                bytes.extend_from_slice(&series.id.to_le_bytes());
                rows::date(bytes, day);
                let kept = retention.of(&tenant.name, &tenant.index, one.series);
                bytes.extend_from_slice(&expires(day, kept.days).to_le_bytes());
                bytes.extend_from_slice(&one.exemplar.timestamp.to_le_bytes());
                bytes.extend_from_slice(&one.exemplar.value.to_bits().to_le_bytes());
                rows::string(bytes, &one.exemplar.labels);
            }
        }
        days.into_iter().map(|(day, (count, bytes))| (day, count, bytes)).collect()
    }

    /// All rows are in the tables.
    pub fn done(mut self) -> Result<(), EngineError> {
        let engine = self.engine.clone();
        // Until the heads know it, too: a checkpoint is of before or of after.
        let mut writer = engine.write();
        let mut frame = Frame::new();
        varint::push(&mut frame.bytes, self.number);
        writer.log()?.append(kind::STORED, &mut frame)?;
        writer.batches.remove(&self.number);
        self.settled = true;
        let event = {
            let mut runs = engine.runs.lock().expect("no panic while locked");
            runs.event += 1;
            runs.event
        };
        for (tenant, number) in &self.series {
            let series = tenant.index.series(*number);
            let mut head = series.head();
            let mine: Vec<Arc<Piece>> =
                head.pieces().iter().filter(|piece| piece.batch() == self.number).cloned().collect();
            for piece in mine {
                series.activity.note_stored(piece.first(), piece.last());
                piece.days().into_iter().for_each(|day| head.note_stored_day(day));
                piece.set_stored(event);
            }
        }
        for tenant in engine.tenants.read().expect("no panic while locked").values() {
            let mut extras = tenant.extras.lock().expect("no panic while locked");
            extras.drop_exemplars(|one| one.batch == self.number);
        }
        drop(writer);
        let mut runs = engine.runs.lock().expect("no panic while locked");
        runs.stored.insert(event, std::mem::take(&mut self.series));
        engine.drop_stored(&mut runs);
        Ok(())
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        if !self.settled {
            let mut writer = self.engine.write();
            if let Some(batch) = writer.batches.get_mut(&self.number) {
                batch.taken = false;
            }
            for (tenant, _) in &self.news {
                tenant.extras.lock().expect("no panic while locked").give_back_news();
            }
        }
    }
}

fn chunk_row(tenant: &Tenant, number: u32, day: i64, expires_on: u16, chunks: &DayChunks, out: &mut Vec<u8>) {
    let series = tenant.index.series(number);
    rows::string(out, tenant.name.as_bytes());
    rows::string(out, tenant.index.symbols.text(series.metric).as_bytes());
    out.extend_from_slice(&series.id.to_le_bytes());
    rows::date(out, day);
    out.extend_from_slice(&expires_on.to_le_bytes());
    out.extend_from_slice(&chunks.first.to_le_bytes());
    out.extend_from_slice(&chunks.last.to_le_bytes());
    out.extend_from_slice(&(chunks.samples as u32).to_le_bytes());
    for blobs in [&chunks.times, &chunks.values] {
        rows::array(out, blobs.len());
        for blob in blobs {
            rows::string(out, blob);
        }
    }
}

fn series_row(tenant: &Tenant, number: u32, day: i64, expires_on: u16, out: &mut Vec<u8>) {
    let series = tenant.index.series(number);
    rows::string(out, tenant.name.as_bytes());
    rows::string(out, tenant.index.symbols.text(series.metric).as_bytes());
    out.extend_from_slice(&series.id.to_le_bytes());
    rows::string(out, &tenant.index.packed(number));
    rows::date(out, day);
    out.extend_from_slice(&expires_on.to_le_bytes());
}

/// A row of metadata.
pub(super) fn metadata_row(tenant: &str, metadata: &Metadata, seen: i64, out: &mut Vec<u8>) {
    rows::string(out, tenant.as_bytes());
    rows::string(out, metadata.name.as_bytes());
    out.push(metadata.kind as u8);
    rows::string(out, metadata.unit.as_bytes());
    rows::string(out, metadata.help.as_bytes());
    out.extend_from_slice(&seen.to_le_bytes());
}
