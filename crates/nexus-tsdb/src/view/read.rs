//! The samples of one series, out of chunks, closed pieces and what is open. Usually these follow each other in time and are
//! put together as they are; where they overlap, the one with the higher sequence counts.

use super::View;
use super::fed::{Fed, FedChunk};
use crate::chunk::{Damaged, Scratch, Values, decode_times, decode_values, windows};
use crate::head::{Body, Piece, Value};
use nexus_promql::rolled::COLUMNS;
use nexus_promql::source::{Samples, SourceFault};
use nexus_series::histogram::Histogram;
use std::cell::RefCell;
use std::sync::Arc;

/// Lists of times that a thread remembers: series of one target have equal ones.
const REMEMBERED: usize = 128;

#[derive(Default)]
struct Remembered {
    blob: Vec<u8>,
    timestamps: Vec<i64>,
}

pub(super) struct Reader {
    scratch: Scratch,
    values: Vec<f64>,
    times: Vec<Remembered>,
}

thread_local! {
    pub(super) static READER: RefCell<Reader> = RefCell::new(Reader {
        scratch: Scratch::default(),
        values: Vec::new(),
        times: (0..REMEMBERED).map(|_| Remembered::default()).collect(),
    });
}

impl Reader {
    /// Unpacked times of a blob.
    pub(super) fn timestamps(&mut self, blob: &[u8]) -> Result<&[i64], Damaged> {
        let slot = &mut self.times[usize::from(*blob.get(1).unwrap_or(&0)) % REMEMBERED];
        if slot.blob != blob {
            slot.blob.clear();
            decode_times(blob, &mut slot.timestamps, &mut self.scratch)?;
            slot.blob.extend_from_slice(blob);
        }
        Ok(&slot.timestamps)
    }

    /// Unpacks columns of windows; how many windows.
    pub(super) fn windows(
        &mut self,
        blob: &[u8],
        columns: u16,
        into: &mut [Vec<f64>; COLUMNS],
    ) -> Result<usize, Damaged> {
        windows::decode(blob, columns, into, &mut self.scratch).map(|(_, count)| count)
    }
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
            head.open.read(from, to, &mut into.timestamps, &mut into.values);
            return Ok(());
        }
        let (mut open_times, mut open_values) = (Vec::new(), Vec::new());
        head.open.read(from, to, &mut open_times, &mut open_values);
        let sequence = head.sequence();
        drop(head);
        parts.sort_by_key(|part| (part.bounds(), part.sequence()));
        let apart = parts.windows(2).all(|pair| pair[0].bounds().1 < pair[1].bounds().0);
        let before_open = match (parts.last(), open_times.first()) {
            (Some(part), Some(&first)) => part.bounds().1 < first,
            _ => true,
        };
        let read = READER.with_borrow_mut(|reader| {
            if apart && before_open && late.is_empty() {
                for part in &parts {
                    self.append(&fed, part, from, to, into, reader)?;
                }
                into.timestamps.extend_from_slice(&open_times);
                into.values.extend_from_slice(&open_values);
                return Ok(());
            }
            let mut all: Vec<(i64, u64, Value)> = Vec::new();
            let mut one = Samples::default();
            for part in &parts {
                one.clear();
                self.append(&fed, part, from, to, &mut one, reader)?;
                let sequence = part.sequence();
                all.extend(
                    one.timestamps.iter().zip(&one.values).map(|(time, value)| (*time, sequence, Value::Float(*value))),
                );
                let histograms = one.histograms.drain(..);
                all.extend(histograms.map(|(time, histogram)| (time, sequence, Value::Histogram(histogram))));
            }
            let open = open_times.iter().zip(&open_values);
            all.extend(open.map(|(time, value)| (*time, sequence << 1, Value::Float(*value))));
            all.extend(late.into_iter().map(|(time, value)| (time, sequence << 1 | 1, value)));
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
                piece.read_floats(from, to, &mut into.timestamps, &mut into.values);
                if let Body::Histograms(samples) = &piece.body {
                    let wanted = samples.iter().filter(|(time, _)| (from..=to).contains(time));
                    into.histograms.extend(wanted.cloned());
                }
            }
            Part::Chunk(chunk) => {
                let (times, values) = (fed.times(chunk), fed.values(chunk));
                self.note_decoded(times.len() + values.len());
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
                match decode_values(values, floats, scratch)? {
                    Values::Floats if floats.len() == timestamps.len() => {
                        into.timestamps.extend_from_slice(&timestamps[start..end]);
                        into.values.extend_from_slice(&floats[start..end]);
                    }
                    Values::Histograms(histograms) if histograms.len() == timestamps.len() => {
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

fn merge(mut all: Vec<(i64, u64, Value)>, into: &mut Samples) {
    all.sort_by_key(|(time, sequence, _)| (*time, *sequence));
    for at in 0..all.len() {
        if all.get(at + 1).is_some_and(|next| next.0 == all[at].0) {
            continue;
        }
        match &all[at] {
            (time, _, Value::Float(value)) => {
                into.timestamps.push(*time);
                into.values.push(*value);
            }
            (time, _, Value::Histogram(histogram)) => into.histograms.push((*time, histogram.clone())),
        }
    }
}
