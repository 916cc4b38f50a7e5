//! What comes from the tables: series and metadata at start, rows of chunks to cut.

use super::rows::{array, string, take_array, take_number, take_string, take_text};
use super::{Engine, EngineError};
use crate::chunk::{Chunk, Damaged, Scratch, cut};
use crate::index::DAY_MS;
use crate::log::record::kind_of;
use nexus_series::batch::Metadata;
use nexus_series::labels::{pack, unpack};
use rayon::prelude::*;

fn bad(damaged: Damaged) -> EngineError {
    EngineError::Bad(format!("the rows cannot be read: {}", damaged.0))
}

/// Series that are added at a time.
const AT_ONCE: usize = 1 << 13;

struct SeriesRow<'a> {
    tenant: &'a str,
    packed: &'a [u8],
    days: Vec<u16>,
}

impl<'a> SeriesRow<'a> {
    fn take(rows: &mut &'a [u8]) -> Result<Self, Damaged> {
        let tenant = take_text(rows)?;
        let packed = take_string(rows)?;
        let days = take_array(rows)?;
        let mut days: Vec<u16> =
            (0..days).map(|_| take_number::<2>(rows).map(u16::from_le_bytes)).collect::<Result<_, _>>()?;
        days.sort_unstable();
        Ok(Self { tenant, packed, days })
    }
}

impl Engine {
    /// Series of the tables, RowBinary: tenant String, labels String (packed), days Array(UInt16). How many rows.
    pub fn load_series(&self, mut rows: &[u8], now_ms: i64) -> Result<usize, EngineError> {
        let (mut count, mut some) = (0, Vec::new());
        while !rows.is_empty() {
            let row = SeriesRow::take(&mut rows).map_err(bad)?;
            count += 1;
            if some.len() >= AT_ONCE || some.first().is_some_and(|first: &SeriesRow<'_>| first.tenant != row.tenant) {
                self.load_some(&some, now_ms)?;
                some.clear();
            }
            some.push(row);
        }
        self.load_some(&some, now_ms)?;
        Ok(count)
    }

    /// Rows of one tenant, on all cores.
    fn load_some(&self, rows: &[SeriesRow<'_>], now_ms: i64) -> Result<(), EngineError> {
        let Some(first) = rows.first() else { return Ok(()) };
        let sound = |row: &SeriesRow<'_>| !row.packed.is_empty() && pack(unpack(row.packed)) == row.packed;
        if let Some(row) = rows.par_iter().with_min_len(128).find_any(|row| !sound(row)) {
            return Err(EngineError::Bad(format!("a row of the tenant {:?} holds no labels", row.tenant)));
        }
        let packed: Vec<&[u8]> = rows.iter().map(|row| row.packed).collect();
        let tenant = self.make_tenant(first.tenant);
        // Adding is the writer's.
        let writer = self.write();
        let numbers = self.add_all_series(&tenant, &packed);
        rows.par_iter().zip(numbers).with_min_len(128).for_each(|(row, number)| {
            let series = tenant.index.series(number);
            let mut head = series.head();
            for &day in &row.days {
                let start = i64::from(day) * DAY_MS;
                series.activity.note(start);
                series.activity.note((start + DAY_MS - 1).min(now_ms).max(start));
                head.note_stored_day(i64::from(day));
                series.activity.note_stored(start, start + DAY_MS - 1);
            }
        });
        drop(writer);
        Ok(())
    }

    /// Metadata of the tables, rows as `SealedRows::metadata` has them. How many.
    pub fn load_metadata(&self, mut rows: &[u8], most: usize) -> Result<usize, EngineError> {
        let mut count = 0;
        while !rows.is_empty() {
            let (tenant, metadata, seen) = take_metadata(&mut rows).map_err(bad)?;
            let tenant = self.make_tenant(tenant);
            tenant.extras.lock().expect("no panic while locked").add_metadata(metadata, seen, most, false);
            count += 1;
        }
        Ok(count)
    }
}

fn take_metadata<'a>(rows: &mut &'a [u8]) -> Result<(&'a str, Metadata, i64), Damaged> {
    let tenant = take_text(rows)?;
    let name = take_text(rows)?.to_owned();
    let kind = kind_of(take_number::<1>(rows)?[0]).ok_or(Damaged("a kind is not known"))?;
    let unit = take_text(rows)?.to_owned();
    let help = take_text(rows)?.to_owned();
    Ok((tenant, Metadata { name, kind, help, unit }, i64::from_le_bytes(take_number(rows)?)))
}

type Without = fn(&[u8], &[u8], i64, i64, &mut Scratch) -> Result<Option<(Chunk, i64, i64, usize)>, Damaged>;

/// Rows as `SealedRows::chunks` has them, without the samples of `from ..= to`; rows without any are left out.
pub fn cut_chunks(rows: &[u8], from: i64, to: i64) -> Result<Vec<u8>, EngineError> {
    // Series, day and day of expiry.
    cut_rows::<20>(rows, from, to, cut::without)
}

/// Rows as `Rollup::rows` has them, without the windows that reach into `from ..= to`.
pub fn cut_rollups(rows: &[u8], from: i64, to: i64) -> Result<Vec<u8>, EngineError> {
    // Series, day, day of expiry, length and when they were made.
    cut_rows::<32>(rows, from, to, cut::without_windows)
}

fn cut_rows<const N: usize>(mut rows: &[u8], from: i64, to: i64, without: Without) -> Result<Vec<u8>, EngineError> {
    let (mut out, mut scratch) = (Vec::with_capacity(rows.len()), Scratch::default());
    while !rows.is_empty() {
        cut_row::<N>(&mut rows, (from, to), without, &mut out, &mut scratch).map_err(bad)?;
    }
    Ok(out)
}

fn cut_row<const N: usize>(
    rows: &mut &[u8],
    (from, to): (i64, i64),
    without: Without,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<(), Damaged> {
    let tenant = take_string(rows)?;
    let metric = take_string(rows)?;
    let middle = take_number::<N>(rows)?;
    // First, last and number of samples, which are counted anew.
    take_number::<20>(rows)?;
    let mut columns: [Vec<&[u8]>; 2] = Default::default();
    for column in &mut columns {
        for _ in 0..take_array(rows)? {
            column.push(take_string(rows)?);
        }
    }
    let [times, values] = columns;
    if times.len() != values.len() {
        return Err(Damaged("the arrays of a row are not in step"));
    }
    let (mut first, mut last, mut samples) = (i64::MAX, i64::MIN, 0);
    let mut left = Vec::new();
    for (times, values) in times.iter().zip(&values) {
        if let Some((chunk, begins, ends, count)) = without(times, values, from, to, scratch)? {
            (first, last, samples) = (first.min(begins), last.max(ends), samples + count);
            left.push(chunk);
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    string(out, tenant);
    string(out, metric);
    out.extend_from_slice(&middle);
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&last.to_le_bytes());
    out.extend_from_slice(&(samples as u32).to_le_bytes());
    array(out, left.len());
    for chunk in &left {
        string(out, &chunk.times);
    }
    array(out, left.len());
    for chunk in &left {
        string(out, &chunk.values);
    }
    Ok(())
}
