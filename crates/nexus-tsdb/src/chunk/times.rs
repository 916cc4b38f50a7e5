//! Times: a grid of the scrape interval, and how far each sample is off it. A missed scrape skips a point of the grid.
//!
//! After the header: 0 and integers (any times), or 1, the interval, points skipped between samples, distances from the grid.

use super::header::{self, TimesHeader};
use super::{Damaged, Scratch, ints, packing, varint};

const ANY: u8 = 0;
const GRID: u8 = 1;

/// Packs ascending times.
pub fn encode(timestamps: &[i64]) -> Vec<u8> {
    let (first, last) = (timestamps[0], timestamps[timestamps.len() - 1]);
    let mut body = Vec::with_capacity(timestamps.len());
    if !(last.checked_sub(first).is_some_and(|span| span < 1 << 53) && grid(timestamps, &mut body)) {
        body.clear();
        body.push(ANY);
        ints::encode(timestamps, &mut body);
    }
    header::seal_times(TimesHeader { count: timestamps.len(), first, last }, &body)
}

/// Packs by a grid where that is smaller.
fn grid(timestamps: &[i64], body: &mut Vec<u8>) -> bool {
    let n = timestamps.len();
    let first = timestamps[0];
    if n == 1 {
        body.extend_from_slice(&[GRID, 0]);
        return true;
    }
    let mut distances: Vec<i64> = timestamps.windows(2).map(|pair| pair[1] - pair[0]).collect();
    distances.sort_unstable();
    let typical = distances[(n - 1) / 2];
    if typical <= 0 {
        return false;
    }
    let points = (timestamps[n - 1] - first + typical / 2) / typical;
    let interval = ((timestamps[n - 1] - first + points / 2) / points.max(1)).max(1);
    let mut skipped = Vec::with_capacity(n - 1);
    let mut off = Vec::with_capacity(n - 1);
    let mut point = 0;
    for &time in &timestamps[1..] {
        let nearest = (time - first + interval / 2) / interval;
        skipped.push(nearest - point - 1);
        off.push(time - first - nearest * interval);
        point = nearest;
    }
    body.push(GRID);
    varint::push(body, interval as u64);
    let mut sorted = skipped.clone();
    sorted.sort_unstable();
    packing::encode(&skipped, packing::plan(&sorted), body);
    ints::encode(&off, body);
    let mut any = Vec::with_capacity(body.len());
    ints::encode(timestamps, &mut any);
    body.len() < any.len() + 4
}

/// Unpacks times into `timestamps` (emptied first).
pub fn decode(blob: &[u8], timestamps: &mut Vec<i64>, scratch: &mut Scratch) -> Result<(), Damaged> {
    let (head, mut body) = header::open_times(blob)?;
    timestamps.clear();
    match varint::take_bytes(&mut body, 1)?[0] {
        ANY => ints::decode_into(&mut body, head.count, timestamps, scratch)?,
        GRID => {
            let interval = varint::take(&mut body)? as i64;
            timestamps.push(head.first);
            if head.count > 1 {
                scratch.more.clear();
                packing::decode(&mut body, head.count - 1, &mut scratch.more)?;
                ints::decode_scratch(&mut body, head.count - 1, scratch)?;
                let mut on_grid = head.first;
                timestamps.extend(scratch.more.iter().zip(&scratch.ints).map(|(&skipped, &off)| {
                    on_grid = on_grid.wrapping_add(interval.wrapping_mul(skipped.wrapping_add(1)));
                    on_grid.wrapping_add(off)
                }));
            }
        }
        _ => return Err(Damaged("its grid is not known")),
    }
    let ascending = timestamps.windows(2).all(|pair| pair[0] < pair[1]);
    let bounds = (timestamps.first(), timestamps.last()) == (Some(&head.first), Some(&head.last));
    if ascending && bounds { Ok(()) } else { Err(Damaged("its times are not in order")) }
}
