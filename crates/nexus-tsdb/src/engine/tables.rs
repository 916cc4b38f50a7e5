//! What comes from the tables: series and metadata at start, rows of chunks to cut.

use super::rows::{array, string, take_array, take_number, take_string, take_text};
use super::{Engine, EngineError};
use crate::chunk::{Chunk, Damaged, Scratch, cut};
use crate::index::DAY_MS;
use crate::log::record::kind_of;
use nexus_series::batch::Metadata;
use nexus_series::labels::{pack, unpack};

fn bad(damaged: Damaged) -> EngineError {
    EngineError::Bad(format!("the rows cannot be read: {}", damaged.0))
}

impl Engine {
    /// Series of the tables, RowBinary: tenant String, labels String (packed), days Array(UInt16). How many rows.
    pub fn load_series(&self, mut rows: &[u8], now_ms: i64) -> Result<usize, EngineError> {
        let mut count = 0;
        while !rows.is_empty() {
            let tenant = take_text(&mut rows).map_err(bad)?;
            let packed = take_string(&mut rows).map_err(bad)?;
            let days = take_array(&mut rows).map_err(bad)?;
            let days = (0..days).map(|_| take_number::<2>(&mut rows).map(u16::from_le_bytes));
            let mut days: Vec<u16> = days.collect::<Result<_, _>>().map_err(bad)?;
            days.sort_unstable();
            let labels: Vec<(&str, &str)> = unpack(packed).collect();
            if labels.is_empty() || pack(labels.iter().copied()) != packed {
                return Err(EngineError::Bad(format!("row {} holds no labels", count + 1)));
            }
            count += 1;
            let tenant = self.make_tenant(tenant);
            // Adding is the writer's.
            let writer = self.write();
            let number = self.add_series(&tenant, packed, &labels);
            let series = tenant.index.series(number);
            let mut head = series.head();
            for &day in &days {
                let start = i64::from(day) * DAY_MS;
                series.activity.note(start);
                series.activity.note((start + DAY_MS - 1).min(now_ms).max(start));
                head.note_stored_day(i64::from(day));
                series.activity.note_stored(start, start + DAY_MS - 1);
            }
            drop(head);
            drop(writer);
        }
        Ok(count)
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
