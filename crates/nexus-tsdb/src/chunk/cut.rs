//! Chunks without the samples of a range of time: what an erasure leaves.

use super::{
    Chunk, Damaged, Scratch, Values, ValuesHeader, decode_times, decode_values, encode_floats, encode_histograms,
};
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
