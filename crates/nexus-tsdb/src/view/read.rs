//! The samples of one series, out of chunks, closed pieces and what is open. Usually these follow each other in time and are
//! put together as they are; where they overlap, the one with the higher sequence counts.

use super::View;
use super::fed::{ChunkRows, FedChunk};
use crate::chunk::{Damaged, Kind, Scratch, Values, append_values};
use crate::head::{LateSample, Piece, Value};
use nexus_promql::source::{Samples, SourceFault};
use nexus_series::histogram::Histogram;
use nexus_series::starts::StartTimes;
use std::cell::RefCell;
use std::sync::Arc;

/// Lists of floats up to which one is merged into the other instead of sorting all samples.
const FEW: usize = 6;

#[derive(Default)]
pub(super) struct Reader {
    pub(super) scratch: Scratch,
    values: Vec<f64>,
    pub(super) times: Vec<i64>,
}

thread_local! {
    pub(super) static READER: RefCell<Reader> = RefCell::default();
}

enum Part<'a> {
    Chunk(&'a ChunkRows, &'a FedChunk),
    Piece(Arc<Piece>),
    Open(Samples, u64),
}

impl Part<'_> {
    fn bounds(&self) -> (i64, i64) {
        match self {
            Self::Chunk(_, chunk) => (chunk.head.first, chunk.head.last),
            Self::Piece(piece) => (piece.first(), piece.last()),
            Self::Open(samples, _) => {
                let histograms = &samples.histograms;
                let floats = (samples.timestamps.first().copied(), samples.timestamps.last().copied());
                let (first, last) = (histograms.first().map(|one| one.0), histograms.last().map(|one| one.0));
                (floats.0.into_iter().chain(first).min().unwrap_or(0), floats.1.max(last).unwrap_or(0))
            }
        }
    }

    fn sequence(&self) -> u64 {
        match self {
            Self::Chunk(_, chunk) => chunk.sequence,
            Self::Piece(piece) => piece.sequence,
            Self::Open(_, sequence) => *sequence,
        }
    }
}

impl View {
    pub(super) fn read_series(&self, number: u32, from: i64, to: i64, into: &mut Samples) -> Result<(), SourceFault> {
        into.clear();
        let series = self.tenant.index.series(number);
        let fed = self.fed.read().expect("no panic while locked");
        let within = |(first, last): (i64, i64)| first <= to && last >= from;
        let mut parts: Vec<Part> = Vec::new();
        for (_, rows) in fed.iter() {
            let chunks = rows.of(series.id).filter(|chunk| matches!(chunk.kind, Kind::Floats | Kind::Histograms));
            parts.extend(chunks.map(|chunk| Part::Chunk(rows, chunk)).filter(|part| within(part.bounds())));
        }
        let head = series.head();
        parts.extend(head.pieces().iter().cloned().map(Part::Piece).filter(|part| within(part.bounds())));
        if parts.is_empty() && head.late().is_none() {
            head.open.read(from, to, into);
            return Ok(());
        }
        let mut open = Samples::default();
        head.open.read(from, to, &mut open);
        if !open.timestamps.is_empty() {
            parts.push(Part::Open(open, head.sequence() << 1));
        }
        let mut late = Samples::default();
        head.late().map(|late| late.read(from, to)).unwrap_or_default().iter().for_each(|one| put(one, &mut late));
        if late.timestamps.len() + late.histograms.len() > 0 {
            parts.push(Part::Open(late, head.sequence() << 1 | 1));
        }
        drop(head);
        parts.sort_by_key(|part| (part.bounds(), part.sequence()));
        // The same chunk may have been fetched twice, or stored twice.
        parts.dedup_by(|one, before| match (one, before) {
            (Part::Chunk(_, one), Part::Chunk(_, before)) => one.sequence == before.sequence && one.head == before.head,
            _ => false,
        });
        let read = READER.with_borrow_mut(|reader| {
            let mut rest = &parts[..];
            while !rest.is_empty() {
                // Those that lie over each other.
                let mut end = rest[0].bounds().1;
                let mut count = 1;
                while let Some(next) = rest.get(count)
                    && next.bounds().0 <= end
                {
                    end = end.max(next.bounds().1);
                    count += 1;
                }
                let (together, others) = rest.split_at(count);
                if let [one] = together {
                    self.append(one, from, to, into, reader)?;
                } else {
                    self.append_together(together, from, to, into, reader)?;
                }
                rest = others;
            }
            Ok(())
        });
        read.map_err(|damaged: Damaged| SourceFault(damaged.to_string()))
    }

    /// Puts parts that lie over each other together.
    fn append_together(
        &self,
        parts: &[Part<'_>],
        from: i64,
        to: i64,
        into: &mut Samples,
        reader: &mut Reader,
    ) -> Result<(), Damaged> {
        let mut every = Vec::with_capacity(parts.len());
        for part in parts {
            let mut samples = Samples::default();
            self.append(part, from, to, &mut samples, reader)?;
            every.push((part.sequence(), samples));
        }
        if every.len() <= FEW && every.iter().all(|(_, samples)| samples.histograms.is_empty()) {
            every.sort_by_key(|(sequence, _)| *sequence);
            let mut every = every.into_iter().map(|(_, samples)| samples);
            let mut merged = every.next().unwrap_or_default();
            for newer in every {
                let mut both = Samples::default();
                merge_two(&merged, &newer, &mut both);
                merged = both;
            }
            add_starts(&merged.starts, 0..merged.values.len(), &mut into.starts, into.values.len());
            into.timestamps.append(&mut merged.timestamps);
            into.values.append(&mut merged.values);
            return Ok(());
        }
        let mut all: Vec<(LateSample, u64)> = Vec::new();
        for (sequence, samples) in every {
            listed(&samples, sequence, &mut all);
        }
        merge(all, into);
        Ok(())
    }

    fn append(
        &self,
        part: &Part<'_>,
        from: i64,
        to: i64,
        into: &mut Samples,
        reader: &mut Reader,
    ) -> Result<(), Damaged> {
        match part {
            Part::Open(samples, _) => {
                let counts = (samples.values.len(), samples.histograms.len());
                add_starts(&samples.starts, 0..counts.0, &mut into.starts, into.values.len());
                add_starts(&samples.histogram_starts, 0..counts.1, &mut into.histogram_starts, into.histograms.len());
                into.timestamps.extend_from_slice(&samples.timestamps);
                into.values.extend_from_slice(&samples.values);
                into.histograms.extend_from_slice(&samples.histograms);
            }
            Part::Piece(piece) => {
                piece.read(from, to, into);
            }
            Part::Chunk(rows, chunk) => {
                self.note_decoded(rows.size(chunk));
                let Reader { scratch, values, times } = reader;
                let times = rows.times(chunk, times, scratch)?;
                // Most chunks lie within the range as a whole.
                let whole = chunk.head.first >= from && chunk.head.last <= to;
                let (start, end) = if whole {
                    (0, times.len())
                } else {
                    (times.partition_point(|time| *time < from), times.partition_point(|time| *time <= to))
                };
                let blob = rows.values(chunk);
                let (floats, runs) = if whole {
                    append_values(blob, &mut into.values, scratch)?
                } else {
                    values.clear();
                    append_values(blob, values, scratch)?
                };
                match floats {
                    Values::Floats => {
                        let at = into.timestamps.len();
                        runs.read(times, start..end, &mut into.starts, at);
                        into.timestamps.extend_from_slice(&times[start..end]);
                        if !whole {
                            into.values.extend_from_slice(&values[start..end]);
                        }
                    }
                    Values::Histograms(histograms) => {
                        runs.read(times, start..end, &mut into.histogram_starts, into.histograms.len());
                        let wanted = times.iter().zip(histograms).take(end).skip(start);
                        into.histograms.extend(wanted.map(|(time, one): (&i64, Histogram)| (*time, Arc::new(one))));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Floats of two lists in order; of one time those of the newer.
fn merge_two(older: &Samples, newer: &Samples, into: &mut Samples) {
    let (a, b) = (&older.timestamps[..], &newer.timestamps[..]);
    into.timestamps.reserve(a.len() + b.len());
    into.values.reserve(a.len() + b.len());
    let mut copy = |samples: &Samples, range: std::ops::Range<usize>| {
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

/// Samples one by one, with the sequence they have.
fn listed(samples: &Samples, sequence: u64, all: &mut Vec<(LateSample, u64)>) {
    let floats = samples.timestamps.iter().zip(&samples.values).enumerate();
    all.extend(floats.map(|(index, (&time, &value))| {
        (LateSample { time, start: samples.starts.at(index), value: Value::Float(value) }, sequence)
    }));
    all.extend(samples.histograms.iter().enumerate().map(|(index, (time, one))| {
        let start = samples.histogram_starts.at(index);
        (LateSample { time: *time, start, value: Value::Histogram(one.clone()) }, sequence)
    }));
}

/// Adds start times of samples, of which the first is `at` in `into`.
fn add_starts(starts: &StartTimes, within: std::ops::Range<usize>, into: &mut StartTimes, at: usize) {
    starts.of(within).iter().enumerate().for_each(|(index, &start)| into.set(at + index, start));
}

/// Adds one sample.
fn put(sample: &LateSample, into: &mut Samples) {
    match &sample.value {
        Value::Float(value) => {
            into.starts.set(into.values.len(), sample.start);
            into.timestamps.push(sample.time);
            into.values.push(*value);
        }
        Value::Histogram(histogram) => {
            into.histogram_starts.set(into.histograms.len(), sample.start);
            into.histograms.push((sample.time, histogram.clone()));
        }
    }
}

fn merge(mut all: Vec<(LateSample, u64)>, into: &mut Samples) {
    all.sort_by_key(|(one, sequence)| (one.time, *sequence));
    for (at, (one, _)) in all.iter().enumerate() {
        if all.get(at + 1).is_none_or(|next| next.0.time != one.time) {
            put(one, into);
        }
    }
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
            merge_two(&older, &newer, &mut both);
            let found = both.timestamps.iter().zip(&both.values).enumerate();
            let found: Vec<_> = found.map(|(at, (&time, &value))| (time, (value, both.starts.at(at)))).collect();
            assert_eq!(found, wanted.into_iter().collect::<Vec<_>>());
        }
    }
}
