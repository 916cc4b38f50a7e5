//! Reading a checkpoint and the log after it into an engine, in the order it was written.

use super::{Batch, Engine, EngineError, Tenant};
use crate::chunk::starts::Runs;
use crate::chunk::varint::{take, take_bytes, take_count, take_signed};
use crate::chunk::{Damaged, MAX_SAMPLES, Scratch};
use crate::engine::extras::SeriesExemplar;
use crate::head::open::Open;
use crate::head::{Body, LateSample, Piece, Value};
use crate::log::record::{
    Sink, WITH_STARTS, read_front, read_parts, take_exemplar, take_histogram, take_metadata, take_number, take_str,
    take_text,
};
use crate::log::{self, Found, kind};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use nexus_series::batch::{Exemplar, Metadata};
use nexus_series::histogram::Histogram;
use nexus_series::labels::unpack;
use nexus_series::starts::StartTimes;
use rayon::prelude::*;
use std::io;
use std::sync::Arc;

/// Samples that are decoded before they are put into heads, at most; and series that are added at a time.
const WAITING: usize = 1 << 15;
/// So few are not worth being shared among cores.
const ALONE: usize = 512;

/// What replaying gave.
pub struct Replayed {
    /// Last sequence of a record.
    pub sequence: u64,
    /// Samples.
    pub samples: u64,
}

type Map<K, V> = HashMap<K, V, RandomState>;

/// A series that the log has a number for.
#[derive(Clone, Copy)]
struct Known {
    /// Its number now.
    number: u32,
    /// Up to which record it is complete.
    covered: u64,
}

/// The log's numbers of a tenant's series. Mostly there are no gaps between them.
#[derive(Default)]
struct Numbers {
    dense: Vec<Option<Known>>,
    sparse: Map<u32, Known>,
}

impl Numbers {
    #[inline]
    fn get(&self, logged: u32) -> Option<Known> {
        match self.dense.get(logged as usize) {
            Some(known) => *known,
            None => self.sparse.get(&logged).copied(),
        }
    }

    fn define(&mut self, logged: u32, known: Known) {
        let at = logged as usize;
        if at >= self.dense.len() {
            if at > 2 * self.dense.len() + (1 << 16) || self.sparse.contains_key(&logged) {
                self.sparse.insert(logged, known);
                return;
            }
            let before = self.dense.len();
            self.dense.resize(at + 1, None);
            // What lay beyond its end before.
            if !self.sparse.is_empty() {
                for (one, kept) in self.sparse.extract_if(|one, _| (before..=at).contains(&(*one as usize))) {
                    self.dense[one as usize] = Some(kept);
                }
            }
        }
        self.dense[at] = Some(known);
    }
}

struct Replay<'a> {
    engine: &'a Engine,
    scratch: Scratch,
    sequence: u64,
    samples: u64,
    /// By tenant.
    numbers: Map<String, Numbers>,
    extras_covered: Map<String, u64>,
    /// Series of batches that are not stored.
    batches: Map<u64, Vec<(Arc<Tenant>, u32)>>,
    /// Kept for its memory.
    waiting: Vec<(u32, LateSample)>,
}

impl Engine {
    pub(super) fn replay(&self, found: &Found) -> Result<Replayed, EngineError> {
        let mut replay = Replay {
            engine: self,
            scratch: Scratch::default(),
            sequence: 0,
            samples: 0,
            numbers: Map::default(),
            extras_covered: Map::default(),
            batches: Map::default(),
            waiting: Vec::new(),
        };
        if let Some(path) = &found.checkpoint {
            let mut complete = false;
            log::read(path, |record| {
                complete |= record.0 == kind::END;
                replay.take(record)
            })?;
            if !complete {
                // It was in its place only when it was whole: the disk lost something.
                let message = format!("{}: the checkpoint is damaged", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, message).into());
            }
        }
        for (at, path) in found.segments.iter().enumerate() {
            let outcome = log::read(path, |record| replay.take(record))?;
            if at + 1 == found.segments.len() {
                log::cut(path, outcome)?;
            }
        }
        let Replay { sequence, samples, .. } = replay;
        self.collect_batches();
        Ok(Replayed { sequence, samples })
    }

    /// Finds the batches that are not stored in the heads.
    fn collect_batches(&self) {
        let mut writer = self.write();
        let tenants: Vec<Arc<Tenant>> = self.tenants.read().expect("no panic while locked").values().cloned().collect();
        for tenant in tenants {
            let mut closed = Vec::new();
            for number in 0..tenant.index.len() {
                let series = tenant.index.series(number);
                let mut head = series.head();
                head.logged = false;
                for piece in head.pieces() {
                    if piece.batch() == 0 {
                        closed.push(number);
                        continue;
                    }
                    let none = || Batch { series: Vec::new(), taken: false };
                    let batch = writer.batches.entry(piece.batch()).or_insert_with(none);
                    if !batch.series.last().is_some_and(|(last, one)| Arc::ptr_eq(last, &tenant) && *one == number) {
                        batch.series.push((tenant.clone(), number));
                    }
                }
            }
            for one in tenant.extras.lock().expect("no panic while locked").exemplars().filter(|one| one.batch > 0) {
                writer.batches.entry(one.batch).or_insert_with(|| Batch { series: Vec::new(), taken: false });
            }
            writer.tenant(&tenant).closed = closed;
        }
    }
}

impl Replay<'_> {
    fn take(&mut self, (kind, sequence, body): log::Record<'_>) -> bool {
        self.record(kind, sequence, body).is_ok()
    }

    fn record(&mut self, kind: u8, sequence: u64, mut body: &[u8]) -> Result<(), Damaged> {
        self.sequence = self.sequence.max(sequence);
        match kind {
            kind::RESET => {
                self.numbers.clear();
            }
            kind::SAMPLES => self.samples(sequence, false, &mut body)?,
            kind::SAMPLES_STARTED => self.samples(sequence, true, &mut body)?,
            kind::BATCH => self.batch(sequence, &mut body)?,
            kind::STORED => {
                let batch = take(&mut body)?;
                self.stored(batch);
            }
            kind::ERASE => self.erase(sequence, &mut body)?,
            kind::FORGET => {
                let name = take_str(&mut body)?;
                let tenant = self.engine.tenants.write().expect("no panic while locked").remove(name);
                if let Some(tenant) = tenant {
                    self.engine.forget_heads(&tenant);
                }
                self.numbers.remove(name);
            }
            kind::STATE => self.state(sequence, &mut body)?,
            kind::EXTRAS => self.extras(sequence, &mut body)?,
            kind::END => {}
            _ => return Err(Damaged("a record of a kind that is not known")),
        }
        Ok(())
    }

    fn samples(&mut self, sequence: u64, started: bool, body: &mut &[u8]) -> Result<(), Damaged> {
        let (name, now_s) = read_front(body)?;
        let tenant = self.engine.make_tenant(name);
        let name = name.to_owned();
        let extras_covered = self.extras_covered.get(&name).is_some_and(|&covered| sequence <= covered);
        let numbers = self.numbers.entry(name.clone()).or_default();
        let mut filling = Filling {
            engine: self.engine,
            tenant: &tenant,
            numbers,
            sequence,
            now_s,
            waiting: std::mem::take(&mut self.waiting),
            samples: 0,
            extras_covered,
        };
        let read = read_parts(body, started, &mut self.scratch, &mut filling);
        // Also of a damaged record: what stands before the damage counted so far, too.
        filling.fill();
        (self.samples, self.waiting) = (self.samples + filling.samples, filling.waiting);
        read
    }

    fn batch(&mut self, sequence: u64, body: &mut &[u8]) -> Result<(), Damaged> {
        for _ in 0..take_count(body, body.len())? {
            let name = take_str(body)?.to_owned();
            let tenant = self.engine.make_tenant(&name);
            let mut logged = 0u32;
            for _ in 0..take_count(body, body.len())? {
                logged = logged.wrapping_add(take_number(body)?);
                let Some(known) = self.numbers.get(&name).and_then(|numbers| numbers.get(logged)) else { continue };
                if sequence > known.covered {
                    let number = known.number;
                    self.engine.change_head(&tenant, number, |head| {
                        head.close(self.engine.options.shape);
                        head.number_pieces(sequence);
                    });
                    self.batches.entry(sequence).or_default().push((tenant.clone(), number));
                }
            }
        }
        for tenant in self.engine.tenants.read().expect("no panic while locked").values() {
            if self.extras_covered.get(&tenant.name).is_none_or(|&covered| sequence > covered) {
                tenant.extras.lock().expect("no panic while locked").take_exemplars(sequence);
            }
        }
        Ok(())
    }

    fn stored(&mut self, batch: u64) {
        for (tenant, number) in self.batches.remove(&batch).unwrap_or_default() {
            if !self.engine.tenant(&tenant.name).is_some_and(|known| Arc::ptr_eq(&known, &tenant)) {
                continue;
            }
            let series = tenant.index.series(number);
            let mut days = Vec::new();
            for piece in series.head().pieces().iter().filter(|piece| piece.batch() == batch) {
                series.activity.note_stored(piece.first(), piece.last());
                days.extend(piece.days());
            }
            self.engine.change_head(&tenant, number, |head| {
                for day in days {
                    head.note_stored_day(day);
                }
                head.drop_pieces(|piece| piece.batch() == batch);
            });
        }
        for tenant in self.engine.tenants.read().expect("no panic while locked").values() {
            tenant.extras.lock().expect("no panic while locked").drop_exemplars(|one| one.batch == batch);
        }
    }

    fn erase(&mut self, sequence: u64, body: &mut &[u8]) -> Result<(), Damaged> {
        let name = take_str(body)?.to_owned();
        let (from, to) = (take_signed(body)?, take_signed(body)?);
        let tenant = self.engine.make_tenant(&name);
        let mut logged = 0u32;
        for _ in 0..take_count(body, body.len())? {
            logged = logged.wrapping_add(take_number(body)?);
            let Some(known) = self.numbers.get(&name).and_then(|numbers| numbers.get(logged)) else { continue };
            let number = known.number;
            if sequence > known.covered {
                self.engine.change_head(&tenant, number, |head| head.erase(from, to));
            }
            let mut extras = tenant.extras.lock().expect("no panic while locked");
            extras.drop_exemplars(|one| one.series == number && (from..=to).contains(&one.exemplar.timestamp));
        }
        Ok(())
    }

    fn state(&mut self, sequence: u64, body: &mut &[u8]) -> Result<(), Damaged> {
        let tenant = self.engine.make_tenant(take_str(body)?);
        let mut states = Vec::new();
        while !body.is_empty() {
            states.push(self.head_state(body)?);
        }
        let packed: Vec<&[u8]> = states.iter().map(|state| state.packed).collect();
        let added = self.engine.add_all_series(&tenant, &packed);
        let numbers = self.numbers.entry_ref(tenant.name.as_str()).or_default();
        for (state, &number) in states.iter().zip(&added) {
            numbers.define(state.logged, Known { number, covered: sequence });
            for batch in state.pieces.iter().map(|piece| piece.1).filter(|batch| *batch > 0) {
                self.batches.entry(batch).or_default().push((tenant.clone(), number));
            }
        }
        let engine = self.engine;
        let work = states.into_par_iter().with_min_len(64).zip(added);
        self.samples += work.map(|(state, number)| restore(engine, &tenant, number, state)).sum::<usize>() as u64;
        Ok(())
    }

    fn head_state<'b>(&mut self, body: &mut &'b [u8]) -> Result<State<'b>, Damaged> {
        let (logged, packed) = (take_number(body)?, take_text(body)?);
        let sequence = take(body)?;
        let opened = take_number(body)?;
        let last = take_signed(body)?;
        let open = OpenState::take(body)?;
        let late = self.late(body)?;
        let mut pieces = Vec::new();
        for _ in 0..take_count(body, body.len())? {
            let (sequence, batch) = (take(body)?, take(body)?);
            let piece = match take_bytes(body, 1)?[0] {
                0 => PieceState::Floats(OpenState::take(body)?),
                kind @ (1 | 2) => {
                    let late = self.late(body)?;
                    let starts: StartTimes = late.iter().map(|one| one.start).collect();
                    let floats = late.iter().map(|one| match &one.value {
                        Value::Float(value) => Some((one.time, *value)),
                        Value::Histogram(_) => None,
                    });
                    let histograms = late.iter().map(|one| match &one.value {
                        Value::Histogram(histogram) => Some((one.time, histogram.clone())),
                        Value::Float(_) => None,
                    });
                    let body = if kind == 1 {
                        floats.collect::<Option<_>>().map(|floats| Body::LateFloats(floats, starts))
                    } else {
                        histograms.collect::<Option<_>>().map(|histograms| Body::Histograms(histograms, starts))
                    };
                    PieceState::Listed(body.ok_or(Damaged("a list has samples of another kind than it says"))?)
                }
                _ => return Err(Damaged("a kind of samples that is not known")),
            };
            pieces.push((sequence, batch, piece));
        }
        Ok(State { logged, packed, sequence, opened, last, open, late, pieces })
    }

    fn late(&mut self, body: &mut &[u8]) -> Result<Vec<LateSample>, Damaged> {
        let count = take_count(body, body.len())?;
        (0..count)
            .map(|_| {
                let kind = take_bytes(body, 1)?[0];
                let start = if kind & 2 == 0 { 0 } else { take_signed(body)? };
                if kind & 1 == 0 {
                    let time = take_signed(body)?;
                    let bits = take_bytes(body, 8)?.try_into().expect("eight bytes");
                    Ok(LateSample { time, start, value: Value::Float(f64::from_bits(u64::from_le_bytes(bits))) })
                } else {
                    let (time, histogram) = take_histogram(body, &mut self.scratch)?;
                    Ok(LateSample { time, start, value: Value::Histogram(Arc::new(histogram)) })
                }
            })
            .collect()
    }

    fn extras(&mut self, sequence: u64, body: &mut &[u8]) -> Result<(), Damaged> {
        let tenant = self.engine.make_tenant(take_str(body)?);
        self.extras_covered.insert(tenant.name.clone(), sequence);
        let mut extras = tenant.extras.lock().expect("no panic while locked");
        for _ in 0..take_count(body, body.len())? {
            let series = add(self.engine, &tenant, take_text(body)?);
            let batch = take(body)?;
            extras.restore_exemplar(SeriesExemplar { series, exemplar: take_exemplar(body)?, batch });
        }
        for _ in 0..take_count(body, body.len())? {
            let seen = take_signed(body)?;
            let stored = take_bytes(body, 1)?[0] != 0;
            extras.add_metadata(take_metadata(body)?, seen, 0, !stored);
        }
        Ok(())
    }
}

/// A series of a checkpoint: what is quick to take one after the other, to be decoded on all cores.
struct State<'a> {
    logged: u32,
    packed: &'a [u8],
    sequence: u64,
    opened: u32,
    last: i64,
    open: OpenState<'a>,
    late: Vec<LateSample>,
    /// Sequence, batch, samples.
    pieces: Vec<(u64, u64, PieceState<'a>)>,
}

enum PieceState<'a> {
    Floats(OpenState<'a>),
    Listed(Body),
}

struct OpenState<'a> {
    bytes: &'a [u8],
    count: usize,
    starts: Runs,
}

impl<'a> OpenState<'a> {
    fn take(body: &mut &'a [u8]) -> Result<Self, Damaged> {
        let count = take(body)?;
        let started = count & WITH_STARTS != 0;
        let count = usize::try_from(count & !WITH_STARTS).unwrap_or(usize::MAX);
        if count > MAX_SAMPLES {
            return Err(Damaged("it has more samples than there can be"));
        }
        let bytes = take_text(body)?;
        let starts = if started { Runs::decode(body, count)? } else { Runs::default() };
        Ok(Self { bytes, count, starts })
    }

    fn open(&self) -> Open {
        Open::from_parts(self.bytes, self.count, &self.starts)
    }
}

/// Puts a head back; how many samples it has.
fn restore(engine: &Engine, tenant: &Tenant, number: u32, state: State<'_>) -> usize {
    let open = state.open.open();
    let pieces: Vec<Piece> = state
        .pieces
        .into_iter()
        .map(|(sequence, batch, piece)| {
            let piece = Piece::new(
                sequence,
                match piece {
                    PieceState::Floats(open) => Body::Floats(open.open()),
                    PieceState::Listed(body) => body,
                },
            );
            if batch > 0 {
                piece.take_into(batch);
            }
            piece
        })
        .collect();
    let series = tenant.index.series(number);
    let mut count = open.count() + state.late.len();
    for time in pieces.iter().flat_map(|piece| [piece.first(), piece.last()]) {
        series.activity.note(time);
    }
    if open.count() > 0 {
        series.activity.note(open.first());
        series.activity.note(open.last());
    }
    for one in &state.late {
        series.activity.note(one.time);
    }
    engine.change_head(tenant, number, |head| {
        for piece in pieces {
            count += piece.samples();
            head.restore_piece(piece);
        }
        head.restore_open(open, state.late, state.sequence, state.opened);
        head.restore_last((state.last > i64::MIN).then_some(state.last));
    });
    count
}

fn add(engine: &Engine, tenant: &Tenant, packed: &[u8]) -> u32 {
    let labels: Vec<(&str, &str)> = unpack(packed).collect();
    engine.add_series(tenant, packed, &labels)
}

/// Fills heads from a record of samples.
struct Filling<'a> {
    engine: &'a Engine,
    tenant: &'a Tenant,
    numbers: &'a mut Numbers,
    sequence: u64,
    now_s: u32,
    /// Samples that are not in their heads yet.
    waiting: Vec<(u32, LateSample)>,
    samples: u64,
    extras_covered: bool,
}

impl Filling<'_> {
    /// The series of a number, unless it holds this record already.
    fn series(&self, logged: u32) -> Option<u32> {
        let known = self.numbers.get(logged)?;
        (self.sequence > known.covered).then_some(known.number)
    }

    fn wait(&mut self, logged: u32, sample: LateSample) {
        let Some(number) = self.series(logged) else { return };
        self.waiting.push((number, sample));
        if self.waiting.len() >= WAITING {
            self.fill();
        }
    }

    /// Puts samples into their heads, on all cores: each has a share of the series, so that samples of one stay in order.
    fn fill(&mut self) {
        let (engine, waiting) = (self.engine, &self.waiting);
        let shares = if waiting.len() < ALONE { 1 } else { rayon::current_num_threads().min(16) };
        (0..shares).into_par_iter().for_each(|share| {
            let shape = engine.options.shape;
            for (number, sample) in waiting.iter().filter(|(number, _)| *number as usize % shares == share) {
                self.tenant.index.series(*number).activity.note(sample.time);
                engine.change_head(self.tenant, *number, |head| match sample.value {
                    Value::Float(value) => {
                        head.push((sample.time, sample.start), value, self.sequence, self.now_s, shape)
                    }
                    Value::Histogram(_) => head.push_late(sample.clone(), self.sequence, self.now_s, shape),
                });
            }
        });
        self.samples += self.waiting.len() as u64;
        self.waiting.clear();
    }
}

impl Sink for Filling<'_> {
    fn define(&mut self, series: &[(u32, &[u8])]) {
        for some in series.chunks(WAITING) {
            let packed: Vec<&[u8]> = some.iter().map(|(_, packed)| *packed).collect();
            let added = self.engine.add_all_series(self.tenant, &packed);
            for (&(logged, _), number) in some.iter().zip(added) {
                let before = self.numbers.get(logged).filter(|known| known.number == number);
                self.numbers.define(logged, Known { number, covered: before.map_or(0, |known| known.covered) });
            }
        }
    }

    fn float(&mut self, logged: u32, (time, start): (i64, i64), value: f64) {
        self.wait(logged, LateSample { time, start, value: Value::Float(value) });
    }

    fn histogram(&mut self, logged: u32, (time, start): (i64, i64), histogram: Histogram) {
        self.wait(logged, LateSample { time, start, value: Value::Histogram(Arc::new(histogram)) });
    }

    fn exemplar(&mut self, logged: u32, exemplar: Exemplar) {
        if self.extras_covered {
            return;
        }
        if let Some(Known { number, .. }) = self.numbers.get(logged) {
            let mut extras = self.tenant.extras.lock().expect("no panic while locked");
            extras.add_exemplar(number, exemplar, i64::from(self.now_s) * 1000);
        }
    }

    fn metadata(&mut self, metadata: Metadata) {
        if !self.extras_covered {
            let mut extras = self.tenant.extras.lock().expect("no panic while locked");
            extras.add_metadata(metadata, i64::from(self.now_s) * 1000, 0, true);
        }
    }
}
