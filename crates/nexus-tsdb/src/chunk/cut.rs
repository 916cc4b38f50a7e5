//! Chunks without the samples of a range of time: what an erasure leaves.

use super::{
    Chunk, Damaged, Kind, Scratch, Values, ValuesHeader, decode_times, decode_values, encode_floats, encode_histograms,
    windows,
};
use nexus_promql::rolled::{ALL, Rolled};
use nexus_series::starts::StartTimes;
use std::sync::Arc;

/// What is left of a chunk outside of `from ..= to`, and its first time, last time and number of samples; None: nothing.
pub fn without(
    times: &[u8],
    values: &[u8],
    from: i64,
    to: i64,
    scratch: &mut Scratch,
) -> Result<Option<(Chunk, i64, i64, usize)>, Damaged> {
    let sequence = ValuesHeader::read(values)?.sequence;
    let (mut timestamps, mut floats) = (Vec::new(), Vec::new());
    decode_times(times, &mut timestamps, scratch)?;
    let (decoded, runs) = decode_values(values, &mut floats, scratch)?;
    let stays = |time: i64| time < from || time > to;
    let kept: Vec<i64> = timestamps.iter().copied().filter(|&time| stays(time)).collect();
    let (Some(&first), Some(&last)) = (kept.first(), kept.last()) else { return Ok(None) };
    let count = ValuesHeader::read(values)?.count;
    if count != timestamps.len() {
        return Err(Damaged("it has another number of values than of times"));
    }
    let mut starts = StartTimes::default();
    runs.read(&timestamps, 0..count, &mut starts, 0);
    let starts: StartTimes =
        (0..count).filter(|&index| stays(timestamps[index])).map(|index| starts.at(index)).collect();
    let chunk = match decoded {
        Values::Floats => {
            let values: Vec<f64> =
                timestamps.iter().zip(&floats).filter(|(time, _)| stays(**time)).map(|(_, value)| *value).collect();
            encode_floats(&kept, &values, &starts, sequence)
        }
        Values::Histograms(histograms) => {
            let samples: Vec<_> = timestamps
                .iter()
                .zip(histograms)
                .filter(|(time, _)| stays(**time))
                .map(|(time, histogram)| (*time, Arc::new(histogram)))
                .collect();
            encode_histograms(&samples, &starts, sequence)
        }
    };
    Ok(Some((chunk, first, last, kept.len())))
}

/// The same of windows: those that reach into `from ..= to` go as a whole. Times are those of the last ms of windows.
pub fn without_windows(
    times: &[u8],
    values: &[u8],
    from: i64,
    to: i64,
    scratch: &mut Scratch,
) -> Result<Option<(Chunk, i64, i64, usize)>, Damaged> {
    let head = ValuesHeader::read(values)?;
    let mut rolled = Rolled::default();
    decode_times(times, &mut rolled.ends, scratch)?;
    if head.kind == Kind::NoWindows {
        let (first, last) = (rolled.ends[0], rolled.ends[rolled.ends.len() - 1]);
        return Ok(Some((Chunk { times: times.into(), values: values.into() }, first - 1, last - 1, 0)));
    }
    let (length, count) = windows::decode(values, ALL, &mut rolled.columns, scratch)?;
    if count != rolled.ends.len() {
        return Err(Damaged("it has another number of values than of times"));
    }
    let stays: Vec<bool> = rolled.ends.iter().map(|&end| end < from || end - length >= to).collect();
    let mut each = stays.iter();
    rolled.ends.retain(|_| each.next() == Some(&true));
    for column in &mut rolled.columns {
        let mut each = stays.iter();
        column.retain(|_| each.next() == Some(&true));
    }
    let (Some(&first), Some(&last)) = (rolled.ends.first(), rolled.ends.last()) else { return Ok(None) };
    let count = rolled.ends.len();
    Ok(Some((windows::encode(&rolled, length, head.sequence), first - 1, last - 1, count)))
}
