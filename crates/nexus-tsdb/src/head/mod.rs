//! The newest samples of a series: floats in time order in a compressed stream (`open`), whatever else (histograms, samples
//! that came late or change what is there) in a list (`late`), and what was closed but is not in the tables (`pieces`).
//!
//! Which sample counts when there are several of one time: pieces by sequence, later ones over earlier ones; late over open;
//! within the list, the last one.

mod late;
pub mod open;
mod piece;

pub use late::{Late, LateSample, Value};
pub use piece::{Body, Piece};

use crate::index::{DAY_MS, day_of};
use nexus_promql::source::Samples;
use open::Open;
use std::sync::Arc;

/// How chunks are cut.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Longest span of a chunk, ms.
    pub chunk_ms: i64,
    /// Most samples of a chunk.
    pub chunk_samples: usize,
}

/// See the module text.
#[derive(Default)]
pub struct SeriesHead {
    /// Floats in order.
    pub open: Open,
    /// What few series have.
    rare: Option<Box<Rare>>,
    /// Time of the last sample; nothing older goes into `open`.
    last: Option<i64>,
    /// Order of what is open among all chunks: a number of the log.
    sequence: u64,
    /// When the first sample of what is open came, s since the epoch.
    opened: u32,
    /// Shift of this series' windows, ms: the same for all series of a target.
    pub stagger: i32,
    /// Is its definition in the log, as it is now?
    pub logged: bool,
    /// UTC days whose row of series is in the tables, of the last 64 up to `stored_day`.
    pub stored_days: u64,
    /// See `stored_days`.
    pub stored_day: u16,
}

#[derive(Default)]
struct Rare {
    late: Late,
    pieces: Vec<Arc<Piece>>,
}

/// Bytes a piece takes beside its samples.
const PIECE_BYTES: usize = 112;

impl SeriesHead {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Samples that are in no piece.
    pub fn late(&self) -> Option<&Late> {
        self.rare.as_ref().map(|rare| &rare.late).filter(|late| !late.is_empty())
    }

    /// What was closed and is not in the tables (or a query may still want it).
    pub fn pieces(&self) -> &[Arc<Piece>] {
        self.rare.as_ref().map_or(&[], |rare| &rare.pieces)
    }

    /// Is there nothing open?
    pub fn nothing_open(&self) -> bool {
        self.open.count() == 0 && self.late().is_none()
    }

    /// Samples that are open.
    pub fn open_samples(&self) -> usize {
        self.open.count() + self.late().map_or(0, Late::len)
    }

    /// Time of the last sample.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    /// When the first open sample came, s.
    pub fn opened(&self) -> u32 {
        self.opened
    }

    /// Order of what is open.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    fn window(&self, time: i64, shape: Shape) -> (i64, i64) {
        (time.saturating_add(i64::from(self.stagger)).div_euclid(shape.chunk_ms), day_of(time))
    }

    /// End of the window of what is open, ms.
    pub fn window_end(&self, shape: Shape) -> i64 {
        let first = if self.open.count() > 0 { self.open.first() } else { self.late().map_or(0, Late::first) };
        let end =
            (self.window(first, shape).0 + 1).saturating_mul(shape.chunk_ms).saturating_sub(i64::from(self.stagger));
        end.min((day_of(first) + 1).saturating_mul(DAY_MS))
    }

    /// Adds a float of a time and start time. Answers with whether something was closed before it. `sequence`: of the log's
    /// record.
    pub fn push(&mut self, (time, start): (i64, i64), value: f64, sequence: u64, now_s: u32, shape: Shape) -> bool {
        if self.last.is_some_and(|last| time <= last) {
            let same = self.open.count() > 0
                && time == self.open.last()
                && self.open.last_bits() == value.to_bits()
                && self.open.last_start() == start;
            // Something late may be of that time, too, and would count over it.
            if same && self.late().is_none() {
                return false;
            }
            return self.push_late(LateSample { time, start, value: Value::Float(value) }, sequence, now_s, shape);
        }
        let closed = if self.open.count() > 0
            && (self.open.is_full(shape.chunk_samples)
                || self.window(self.open.first(), shape) != self.window(time, shape))
        {
            self.close()
        } else {
            false
        };
        self.begin(sequence, now_s);
        self.open.push(time, start, value);
        self.last = Some(time);
        closed
    }

    /// Adds a histogram, or any sample that is not the newest float.
    pub fn push_late(&mut self, sample: LateSample, sequence: u64, now_s: u32, shape: Shape) -> bool {
        let time = sample.time;
        let full = self.late().is_some_and(|late| {
            late.is_full(shape.chunk_samples)
                || (matches!(sample.value, Value::Histogram(_))
                    && self.last.is_some_and(|last| time > last)
                    && self.window(late.first(), shape) != self.window(time, shape))
        });
        let closed = full && self.close();
        self.begin(sequence, now_s);
        self.rare().late.push(sample);
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        closed
    }

    fn begin(&mut self, sequence: u64, now_s: u32) {
        if self.nothing_open() {
            self.sequence = sequence;
            self.opened = now_s;
        }
    }

    /// Closes what is open: it becomes pieces. Was there anything? Floats that came a little late, as over several connections,
    /// go where they belong: a piece of their own would be read and put together again by every query.
    pub fn close(&mut self) -> bool {
        let sequence = self.sequence << 1;
        let mut open = std::mem::take(&mut self.open);
        let late = self.rare.as_mut().map(|rare| std::mem::take(&mut rare.late)).unwrap_or_default();
        let mut bodies = late.into_bodies();
        if let [Body::LateFloats(floats, starts)] = &mut bodies[..]
            && open.count() > 0
        {
            let begin = floats.partition_point(|(time, _)| *time < open.first());
            if let Some(merged) = open.with_late(&floats[begin..], |late| starts.at(begin + late)) {
                open = merged;
                floats.truncate(begin);
                starts.truncate(begin);
            }
            if floats.is_empty() {
                bodies.clear();
            }
        }
        if open.count() == 0 && bodies.is_empty() {
            return false;
        }
        let pieces = &mut self.rare().pieces;
        if open.count() > 0 {
            pieces.push(Arc::new(Piece::new(sequence, Body::Floats(open))));
        }
        pieces.extend(bodies.into_iter().map(|body| Arc::new(Piece::new(sequence | 1, body))));
        true
    }

    /// Gives a number to the pieces that have none, and answers with them.
    pub fn number_pieces(&self, batch: u64) -> Vec<Arc<Piece>> {
        self.pieces().iter().filter(|piece| piece.take_into(batch)).cloned().collect()
    }

    /// Puts a piece back that was closed before a restart.
    pub fn restore_piece(&mut self, piece: Piece) {
        self.last = Some(self.last.map_or(piece.last(), |last| last.max(piece.last())));
        self.rare().pieces.push(Arc::new(piece));
    }

    /// Puts open samples back.
    pub fn restore_open(&mut self, open: Open, late: Vec<LateSample>, sequence: u64, opened: u32) {
        self.sequence = sequence;
        self.opened = opened;
        if open.count() > 0 {
            self.last = Some(self.last.map_or(open.last(), |last| last.max(open.last())));
        }
        self.open = open;
        for sample in late {
            self.last = Some(self.last.map_or(sample.time, |last| last.max(sample.time)));
            self.rare().late.push(sample);
        }
    }

    /// What it was the last time of.
    pub fn restore_last(&mut self, last: Option<i64>) {
        self.last = self.last.max(last);
    }

    /// Takes pieces out.
    pub fn drop_pieces(&mut self, out: impl Fn(&Piece) -> bool) {
        if let Some(rare) = &mut self.rare {
            rare.pieces.retain(|piece| !out(piece));
            if rare.pieces.is_empty() && rare.late.is_empty() {
                self.rare = None;
            }
        }
    }

    /// The float of a time, when it is here.
    pub fn float_at(&self, time: i64) -> Option<f64> {
        if let Some(late) = self.late()
            && let Some(sample) = late.read(time, time).pop()
        {
            return if let Value::Float(value) = sample.value { Some(value) } else { None };
        }
        let mut found = Samples::default();
        self.open.read(time, time, &mut found);
        let mut pieces: Vec<&Arc<Piece>> = self.pieces().iter().collect();
        pieces.sort_by_key(|piece| std::cmp::Reverse(piece.sequence));
        for piece in pieces {
            if !found.values.is_empty() {
                break;
            }
            piece.read(time, time, &mut found);
        }
        found.values.first().copied()
    }

    /// Is the row of series of a UTC day in the tables?
    pub fn is_day_stored(&self, day: i64) -> bool {
        let last = i64::from(self.stored_day);
        day <= last && day > last - 64 && self.stored_days & 1 << day.rem_euclid(64) != 0
    }

    /// It is.
    pub fn note_stored_day(&mut self, day: i64) {
        let last = i64::from(self.stored_day);
        let Ok(named) = u16::try_from(day) else { return };
        if day > last {
            if day - last >= 64 {
                self.stored_days = 0;
            }
            (last + 1..day).rev().take(64).for_each(|between| self.stored_days &= !(1 << between.rem_euclid(64)));
            self.stored_day = named;
        }
        if day > i64::from(self.stored_day) - 64 {
            self.stored_days |= 1 << day.rem_euclid(64);
        }
    }

    /// Removes the samples of `from ..= to`, of pieces, too. Answers with how many there were.
    pub fn erase(&mut self, from: i64, to: i64) -> usize {
        let mut erased = self.open.erase(from, to);
        if let Some(rare) = &mut self.rare {
            erased += rare.late.erase(from, to);
            rare.pieces.retain_mut(|piece| {
                if piece.first() > to || piece.last() < from {
                    return true;
                }
                let (left, count) = piece.without(from, to);
                erased += count;
                left.is_some_and(|left| {
                    *piece = Arc::new(left);
                    true
                })
            });
        }
        erased
    }

    /// Bytes it takes beyond its own size.
    pub fn bytes(&self) -> usize {
        self.open.bytes()
            + self.rare.as_ref().map_or(0, |rare| {
                size_of::<Rare>()
                    + rare.late.bytes()
                    + rare.pieces.iter().map(|piece| piece.bytes() + PIECE_BYTES).sum::<usize>()
            })
    }
}

#[cfg(test)]
mod tests;
