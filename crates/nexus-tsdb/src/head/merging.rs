//! Floats of two lists as one.

use nexus_promql::source::Samples;
use nexus_series::starts::StartTimes;
use std::ops::Range;

/// Floats of two lists in order; of one time those of the newer.
pub fn merge_floats(older: &Samples, newer: &Samples, into: &mut Samples) {
    let (a, b) = (&older.timestamps[..], &newer.timestamps[..]);
    into.timestamps.reserve(a.len() + b.len());
    into.values.reserve(a.len() + b.len());
    let mut copy = |samples: &Samples, range: Range<usize>| {
        add_starts(&samples.starts, range.clone(), &mut into.starts, into.values.len());
        into.timestamps.extend_from_slice(&samples.timestamps[range.clone()]);
        into.values.extend_from_slice(&samples.values[range]);
    };
    // Samples of one list mostly follow each other: they are copied in runs.
    let run = |times: &[i64], limit: i64| times.iter().take_while(|time| **time < limit).count();
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        let count = run(&a[i..], b[j]);
        copy(older, i..i + count);
        i += count;
        // Of one time: the newer one goes in its place.
        i += usize::from(a.get(i) == Some(&b[j]));
        let count = a.get(i).map_or(b.len() - j, |&limit| run(&b[j..], limit));
        copy(newer, j..j + count);
        j += count;
    }
    copy(older, i..a.len());
    copy(newer, j..b.len());
}

/// Adds start times of samples, of which the first is `at` in `into`.
pub fn add_starts(starts: &StartTimes, within: Range<usize>, into: &mut StartTimes, at: usize) {
    starts.of(within).iter().enumerate().for_each(|(index, &start)| into.set(at + index, start));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::tests::Dice;
    use std::collections::BTreeMap;

    #[test]
    fn lists_that_lie_over_each_other_become_one() {
        let mut dice = Dice(31);
        for _ in 0..500 {
            let mut wanted = BTreeMap::new();
            let mut list = |dice: &mut Dice, spread: u64| {
                let mut samples = Samples::default();
                let times: std::collections::BTreeSet<i64> =
                    (0..dice.below(30)).map(|_| dice.below(spread) as i64).collect();
                for time in times {
                    let (value, start) = (dice.below(100) as f64, dice.below(2) as i64 * time);
                    samples.starts.set(samples.values.len(), start);
                    samples.timestamps.push(time);
                    samples.values.push(value);
                    wanted.insert(time, (value, start));
                }
                samples
            };
            let spread = 1 + dice.below(60);
            let (older, newer) = (list(&mut dice, spread), list(&mut dice, spread));
            let mut both = Samples::default();
            merge_floats(&older, &newer, &mut both);
            let found = both.timestamps.iter().zip(&both.values).enumerate();
            let found: Vec<_> = found.map(|(at, (&time, &value))| (time, (value, both.starts.at(at)))).collect();
            assert_eq!(found, wanted.into_iter().collect::<Vec<_>>());
        }
    }
}
