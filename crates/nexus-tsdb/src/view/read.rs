//! The samples of one series, out of chunks, closed pieces and what is open. Usually these follow each other in time and are
//! put together as they are; where they overlap, the one with the higher sequence counts.

use super::View;
use super::fed::{Fed, FedChunk};
use crate::chunk::{Damaged, Scratch, Values, decode_times, decode_values};
use crate::head::{LateSample, Piece, Value};
use nexus_promql::source::{Samples, SourceFault};
use nexus_series::histogram::Histogram;
use nexus_series::starts::StartTimes;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Lists of times that a thread remembers: series of one target have equal ones.
const REMEMBERED: usize = 128;

#[derive(Default)]
struct Remembered {
    blob: Vec<u8>,
    timestamps: Vec<i64>,
}

struct Reader {
    scratch: Scratch,
    values: Vec<f64>,
    times: Vec<Remembered>,
}

thread_local! {
    static READER: RefCell<Reader> = RefCell::new(Reader {
        scratch: Scratch::default(),
        values: Vec::new(),
        times: (0..REMEMBERED).map(|_| Remembered::default()).collect(),
    });
}

enum Part<'a> {
    Chunk(&'a FedChunk),
    Piece(Arc<Piece>),
}

impl Part<'_> {
    fn bounds(&self) -> (i64, i64) {
        match self {
            Self::Chunk(chunk) => (chunk.head.first, chunk.head.last),
            Self::Piece(piece) => (piece.first(), piece.last()),
        }
    }

    fn sequence(&self) -> u64 {
        match self {
            Self::Chunk(chunk) => chunk.sequence,
            Self::Piece(piece) => piece.sequence,
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
        parts.extend(fed.of(series.id).iter().map(Part::Chunk).filter(|part| within(part.bounds())));
        let head = series.head();
        parts.extend(head.pieces().iter().cloned().map(Part::Piece).filter(|part| within(part.bounds())));
        let late = head.late().map(|late| late.read(from, to)).unwrap_or_default();
        if parts.is_empty() && late.is_empty() {
            head.open.read(from, to, into);
            return Ok(());
        }
        let mut open = Samples::default();
        head.open.read(from, to, &mut open);
        let sequence = head.sequence();
        drop(head);
        parts.sort_by_key(|part| (part.bounds(), part.sequence()));
        let apart = parts.windows(2).all(|pair| pair[0].bounds().1 < pair[1].bounds().0);
        let before_open = match (parts.last(), open.timestamps.first()) {
            (Some(part), Some(&first)) => part.bounds().1 < first,
            _ => true,
        };
        let read = READER.with_borrow_mut(|reader| {
            if apart && before_open && late.is_empty() {
                for part in &parts {
                    self.append(&fed, part, from, to, into, reader)?;
                }
                add_starts(&open.starts, 0..open.values.len(), &mut into.starts, into.values.len());
                into.timestamps.extend_from_slice(&open.timestamps);
                into.values.extend_from_slice(&open.values);
                return Ok(());
            }
            let mut all: Vec<(LateSample, u64)> = Vec::new();
            let mut one = Samples::default();
            for part in &parts {
                one.clear();
                self.append(&fed, part, from, to, &mut one, reader)?;
                listed(&one, part.sequence(), &mut all);
            }
            listed(&open, sequence << 1, &mut all);
            all.extend(late.into_iter().map(|one| (one, sequence << 1 | 1)));
            merge(all, into);
            Ok(())
        });
        read.map_err(|damaged: Damaged| SourceFault(damaged.to_string()))
    }

    fn append(
        &self,
        fed: &Fed,
        part: &Part<'_>,
        from: i64,
        to: i64,
        into: &mut Samples,
        reader: &mut Reader,
    ) -> Result<(), Damaged> {
        match part {
            Part::Piece(piece) => {
                piece.read(from, to, into);
            }
            Part::Chunk(chunk) => {
                let (times, values) = (fed.times(chunk), fed.values(chunk));
                self.decoded.fetch_add((times.len() + values.len()) as u64, Ordering::Relaxed);
                let Reader { scratch, values: floats, times: remembered } = reader;
                let slot = &mut remembered[usize::from(times[1]) % REMEMBERED];
                if slot.blob != times {
                    slot.blob.clear();
                    decode_times(times, &mut slot.timestamps, scratch)?;
                    slot.blob.extend_from_slice(times);
                }
                let timestamps = &slot.timestamps;
                let start = timestamps.partition_point(|time| *time < from);
                let end = timestamps.partition_point(|time| *time <= to);
                let (values, runs) = decode_values(values, floats, scratch)?;
                match values {
                    Values::Floats if floats.len() == timestamps.len() => {
                        runs.read(timestamps, start..end, &mut into.starts, into.values.len());
                        into.timestamps.extend_from_slice(&timestamps[start..end]);
                        into.values.extend_from_slice(&floats[start..end]);
                    }
                    Values::Histograms(histograms) if histograms.len() == timestamps.len() => {
                        runs.read(timestamps, start..end, &mut into.histogram_starts, into.histograms.len());
                        let wanted = timestamps.iter().zip(histograms).take(end).skip(start);
                        into.histograms.extend(wanted.map(|(time, one): (&i64, Histogram)| (*time, Arc::new(one))));
                    }
                    _ => return Err(Damaged("it has another number of values than of times")),
                }
            }
        }
        Ok(())
    }
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

fn merge(mut all: Vec<(LateSample, u64)>, into: &mut Samples) {
    all.sort_by_key(|(one, sequence)| (one.time, *sequence));
    for at in 0..all.len() {
        let LateSample { time, start, value } = &all[at].0;
        if all.get(at + 1).is_some_and(|next| next.0.time == *time) {
            continue;
        }
        match value {
            Value::Float(value) => {
                into.starts.set(into.values.len(), *start);
                into.timestamps.push(*time);
                into.values.push(*value);
            }
            Value::Histogram(histogram) => {
                into.histogram_starts.set(into.histograms.len(), *start);
                into.histograms.push((*time, histogram.clone()));
            }
        }
    }
}
