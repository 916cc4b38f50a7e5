//! Taking batches: known series by their id, new ones past the limits, then the log, then the heads.

use super::guard::Limits;
use super::overflow::{self, Overflow};
use super::{Engine, EngineError, TIMES, Tenant, TenantWriter, Writer};
use crate::chunk::histograms::is_sound;
use crate::chunk::varint::{push, push_signed};
use crate::head::{LateSample, Value};
use crate::log::record::{Parts, push_exemplar, push_float, push_histogram, push_metadata, push_start};
use crate::log::{Frame, kind};
use nexus_series::batch::{BatchSeries, MetricBatch};
use nexus_series::histogram::Histogram;
use nexus_series::labels::{pack, series_id, unpack};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use xxhash_rust::xxh3::Xxh3;

/// Samples that were not taken: a sentence about the first, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Sentence.
    pub message: String,
    /// Samples, floats and histograms.
    pub samples: usize,
    /// May it be taken later?
    pub retryable: bool,
}

/// What of a batch was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Floats.
    pub samples: usize,
    /// Histograms.
    pub histograms: usize,
    /// Exemplars.
    pub exemplars: usize,
    /// Metadata.
    pub metadata: usize,
    /// Series that were not known.
    pub new_series: usize,
    /// By reason.
    pub refusals: BTreeMap<&'static str, Refusal>,
}

/// Limits of how many series there are: when others go, what they refused may be taken, and until then totals count it.
const COUNTED: [&str; 3] = ["series_limit", "metric_series_limit", "label_values_limit"];

impl Appended {
    fn refuse(&mut self, reason: &'static str, samples: usize, message: impl FnOnce() -> String) {
        let refusal = self.refusals.entry(reason).or_insert_with(|| Refusal {
            message: message(),
            samples: 0,
            retryable: COUNTED.contains(&reason),
        });
        refusal.samples += samples;
    }
}

/// A series of the batch that is taken: its number, and where it is in the batch.
struct Taken {
    number: u32,
    position: usize,
}

/// Histograms of a series that are taken, each with its time and start time.
fn sound<'a>(
    batch: &'a MetricBatch,
    series: &BatchSeries,
    times: &'a RangeInclusive<i64>,
) -> impl Iterator<Item = (i64, i64, &'a Histogram)> {
    let all = series.histograms.clone().map(|at| {
        let (time, one) = &batch.histograms[at];
        (*time, batch.histogram_starts.at(at), one)
    });
    all.filter(|(time, _, one)| times.contains(time) && is_sound(one))
}

/// Shift of the windows of a series, ms: the same for all series of a target, so that their chunks have the same times, and
/// another for other targets, so that not all are cut at once.
pub(super) fn stagger(labels: &[(&str, &str)], chunk_ms: i64) -> i32 {
    let mut hasher = Xxh3::new();
    for (name, value) in labels.iter().filter(|(name, _)| matches!(*name, "job" | "instance")) {
        hasher.update(name.as_bytes());
        hasher.update(value.as_bytes());
    }
    (hasher.digest() % chunk_ms.min(1 << 30) as u64) as i32
}

impl Engine {
    /// Takes a batch: in the log file and visible to queries on return.
    pub fn append(
        &self,
        tenant: &str,
        batch: &MetricBatch,
        limits: &Limits,
        now_ms: i64,
        times: RangeInclusive<i64>,
    ) -> Result<Appended, EngineError> {
        let tenant = self.make_tenant(tenant);
        let times = *times.start().max(TIMES.start())..=*times.end().min(TIMES.end());
        let lookup = tenant.index.lookup();
        let known: Vec<Option<u32>> =
            batch.series.iter().map(|series| lookup.find(series_id(batch.labels_of(series)))).collect();
        drop(lookup);
        let mut guard = self.write();
        let writer = &mut *guard;
        self.check_room(writer)?;
        let own = writer.tenant(&tenant);
        let now_s = (now_ms / 1000).clamp(0, i64::from(u32::MAX)) as u32;
        let mut work = Work {
            engine: self,
            own,
            batch,
            limits,
            now_ms,
            times,
            answer: Appended::default(),
            parts: Parts::default(),
            taken: Vec::with_capacity(batch.series.len()),
            overflow: Overflow::default(),
            number_before: 0,
            time_before: 0,
            start_before: 0,
            started: !(batch.starts.is_empty() && batch.histogram_starts.is_empty()),
            defined: Vec::new(),
        };
        for (position, known) in known.into_iter().enumerate() {
            work.series(position, known);
        }
        let sums = work.overflow_series();
        work.extras();
        let Work { answer, parts, taken, defined, times, started, .. } = work;
        if parts.is_empty() {
            return Ok(answer);
        }
        let mut frame = Frame::new();
        parts.write(&tenant.name, now_s, &mut frame.bytes);
        let log = writer.log()?;
        let sequence = log.append(if started { kind::SAMPLES_STARTED } else { kind::SAMPLES }, &mut frame)?;
        for &number in &defined {
            tenant.index.series(number).head().logged = true;
        }
        let closed = self.apply(&tenant, batch, (&taken, &times), &sums, (sequence, now_s));
        let own = writer.tenant(&tenant);
        own.closed.extend(closed);
        let mut extras = tenant.extras.lock().expect("no panic while locked");
        for one in &taken {
            let series = &batch.series[one.position];
            for exemplar in &batch.exemplars[series.exemplars.clone()] {
                if extras.waiting() < limits.exemplars {
                    extras.add_exemplar(one.number, exemplar.clone(), now_ms);
                }
            }
        }
        for metadata in &batch.metadata {
            extras.add_metadata(metadata.clone(), now_ms, limits.metadata, true);
        }
        Ok(answer)
    }

    fn check_room(&self, writer: &mut Writer) -> Result<(), EngineError> {
        writer.log()?;
        let bytes = self.head_bytes.load(Ordering::Relaxed).max(0) as u64;
        if bytes > self.options.head_bytes {
            return Err(EngineError::HeadFull(format!(
                "samples that are not stored yet take {} MiB of memory, {} MiB are allowed",
                bytes >> 20,
                self.options.head_bytes >> 20
            )));
        }
        let most = self.options.log_bytes;
        let log = writer.log()?;
        if log.bytes() > most {
            return Err(EngineError::LogFull(format!(
                "the log of samples that are not stored yet has {} MiB, {} MiB are allowed",
                log.bytes() >> 20,
                most >> 20
            )));
        }
        Ok(())
    }

    /// Puts samples into the heads; which series had something closed.
    fn apply(
        &self,
        tenant: &Tenant,
        batch: &MetricBatch,
        (taken, times): (&[Taken], &RangeInclusive<i64>),
        sums: &[(u32, BTreeMap<i64, f64>)],
        (sequence, now_s): (u64, u32),
    ) -> Vec<u32> {
        let shape = self.options.shape;
        let (mut closed, mut grown) = (Vec::new(), 0);
        for one in taken {
            let described = &batch.series[one.position];
            let series = tenant.index.series(one.number);
            let mut head = series.head();
            let before = head.bytes() as i64;
            let mut closes = false;
            for at in described.floats.clone() {
                let time = batch.timestamps[at];
                if times.contains(&time) {
                    closes |= head.push((time, batch.starts.at(at)), batch.values[at], sequence, now_s, shape);
                    series.activity.note(time);
                }
            }
            for (time, start, histogram) in sound(batch, described, times) {
                let value = Value::Histogram(Arc::new(histogram.clone()));
                closes |= head.push_late(LateSample { time, start, value }, sequence, now_s, shape);
                series.activity.note(time);
            }
            grown += head.bytes() as i64 - before;
            if closes {
                closed.push(one.number);
            }
        }
        for (number, samples) in sums {
            let series = tenant.index.series(*number);
            let mut head = series.head();
            let before = head.bytes() as i64;
            let mut closes = false;
            for (&time, &value) in samples {
                closes |= head.push((time, 0), value, sequence, now_s, shape);
                series.activity.note(time);
            }
            grown += head.bytes() as i64 - before;
            if closes {
                closed.push(*number);
            }
        }
        self.head_bytes.fetch_add(grown, Ordering::Relaxed);
        closed
    }
}

/// A batch on its way into a record.
struct Work<'a> {
    engine: &'a Engine,
    own: &'a mut TenantWriter,
    batch: &'a MetricBatch,
    limits: &'a Limits,
    now_ms: i64,
    times: RangeInclusive<i64>,
    answer: Appended,
    parts: Parts,
    taken: Vec<Taken>,
    overflow: Overflow,
    number_before: i64,
    time_before: i64,
    start_before: i64,
    /// Does anything of the batch have a start time?
    started: bool,
    defined: Vec<u32>,
}

impl Work<'_> {
    /// A series of the batch: admits it and writes its samples.
    fn series(&mut self, position: usize, known: Option<u32>) {
        let batch = self.batch;
        let series = &batch.series[position];
        let floats = series.floats.clone().filter(|&at| self.times.contains(&batch.timestamps[at])).count();
        let histograms = sound(batch, series, &self.times).count();
        if floats < series.floats.len() || histograms < series.histograms.len() {
            self.refuse_samples(series);
        }
        if floats + histograms + series.exemplars.len() == 0 {
            return;
        }
        let tenant = self.own.tenant.clone();
        let known = known.filter(|&number| !tenant.index.series(number).is_gone());
        let number = match known {
            Some(number) if tenant.index.series(number).counted.load(Ordering::Relaxed) => number,
            known => match self.admit(series, known, floats + histograms) {
                Some(number) => number,
                None => return,
            },
        };
        self.define(number, batch.labels_of(series));
        self.taken.push(Taken { number, position });
        self.answer.samples += floats;
        self.answer.histograms += histograms;
        if floats + histograms > 0 {
            self.group(number, floats);
            let out = &mut self.parts.groups.1;
            for at in series.floats.clone() {
                if self.times.contains(&batch.timestamps[at]) {
                    if self.started {
                        push_start(out, batch.starts.at(at), &mut self.start_before);
                    }
                    push_float(out, batch.timestamps[at], &mut self.time_before, batch.values[at]);
                }
            }
            push(out, histograms as u64);
            for (time, start, histogram) in sound(batch, series, &self.times) {
                if self.started {
                    push_start(out, start, &mut self.start_before);
                }
                push_histogram(out, time, histogram);
            }
        }
    }

    /// Front of a group of samples.
    fn group(&mut self, number: u32, floats: usize) {
        self.parts.groups.0 += 1;
        let out = &mut self.parts.groups.1;
        push_signed(out, i64::from(number) - self.number_before);
        self.number_before = i64::from(number);
        push(out, floats as u64);
    }

    fn define(&mut self, number: u32, packed: &[u8]) {
        let head = self.own.tenant.index.series(number).head();
        if !head.logged && self.defined.last() != Some(&number) {
            self.parts.define(number, packed);
            self.defined.push(number);
        }
    }

    /// A series that is new, or was not active.
    fn admit(&mut self, series: &BatchSeries, known: Option<u32>, samples: usize) -> Option<u32> {
        let packed = self.batch.labels_of(series);
        let labels: Vec<(&str, &str)> = unpack(packed).collect();
        // What unpacks to itself is sorted, without doubles and without empty values.
        if labels.is_empty() || pack(labels.iter().copied()) != packed {
            self.answer.refuse("invalid_labels", samples, || {
                format!("the labels of series {} of the batch are none", series.position)
            });
            return None;
        }
        let tenant = self.own.tenant.clone();
        let now_ms = self.now_ms;
        if let Err((reason, message)) = self.engine.admit(&mut self.own.guard, &tenant, &labels, self.limits, now_ms) {
            if COUNTED.contains(&reason) {
                let floats = series.floats.clone().map(|at| (self.batch.timestamps[at], self.batch.values[at]));
                self.overflow.add(&labels, floats.filter(|(time, _)| self.times.contains(time)));
            }
            self.answer.refuse(reason, samples, || message);
            return None;
        }
        let number = known.unwrap_or_else(|| {
            self.answer.new_series += 1;
            self.engine.add_series(&tenant, packed, &labels)
        });
        self.own.guard.count(&tenant.index, number);
        Some(number)
    }

    fn refuse_samples(&mut self, series: &BatchSeries) {
        let batch = self.batch;
        let name = || {
            let labels: Vec<(&str, &str)> = unpack(batch.labels_of(series)).collect();
            super::guard::name_of(&labels).to_owned()
        };
        let floats = series.floats.clone().map(|at| batch.timestamps[at]);
        let histograms = batch.histograms[series.histograms.clone()].iter();
        let (start, end) = (*self.times.start(), *self.times.end());
        for time in floats.chain(histograms.clone().map(|(time, _)| *time)) {
            if time < start {
                self.answer.refuse("too_old", 1, || {
                    format!("a sample of metric \"{}\" is of {time} ms, the oldest taken is {start} ms", name())
                });
            } else if time > end {
                self.answer.refuse("too_new", 1, || {
                    format!("a sample of metric \"{}\" is of {time} ms, the newest taken is {end} ms", name())
                });
            }
        }
        for (time, _) in histograms.filter(|(time, one)| self.times.contains(time) && !is_sound(one)) {
            self.answer.refuse("invalid_histogram", 1, || {
                format!("a histogram of metric \"{}\" at {time} ms has other buckets than its spans say", name())
            });
        }
    }

    /// Writes the sums of what was refused; their series and values.
    fn overflow_series(&mut self) -> Vec<(u32, BTreeMap<i64, f64>)> {
        let tenant = self.own.tenant.clone();
        let mut written = Vec::new();
        for (packed, mut sums) in std::mem::take(&mut self.overflow.sums) {
            if sums.is_empty() {
                continue;
            }
            let known = tenant.index.lookup().find(series_id(&packed));
            let number = match known {
                Some(number) => number,
                None if self.own.guard.overflow >= overflow::MOST => continue,
                None => {
                    self.own.guard.overflow += 1;
                    let labels: Vec<(&str, &str)> = unpack(&packed).collect();
                    self.engine.add_series(&tenant, &packed, &labels)
                }
            };
            let head = tenant.index.series(number).head();
            for (time, sum) in &mut sums {
                *sum += head.float_at(*time).unwrap_or(0.0);
            }
            drop(head);
            self.define(number, &packed);
            self.group(number, sums.len());
            let out = &mut self.parts.groups.1;
            for (time, sum) in &sums {
                if self.started {
                    push_start(out, 0, &mut self.start_before);
                }
                push_float(out, *time, &mut self.time_before, *sum);
            }
            push(out, 0);
            written.push((number, sums));
        }
        written
    }

    /// Writes exemplars and metadata.
    fn extras(&mut self) {
        let extras = self.own.tenant.extras.lock().expect("no panic while locked");
        let room = self.limits.exemplars.saturating_sub(extras.waiting());
        for one in &self.taken {
            for exemplar in &self.batch.exemplars[self.batch.series[one.position].exemplars.clone()] {
                if self.answer.exemplars < room {
                    self.answer.exemplars += 1;
                    self.parts.exemplars.0 += 1;
                    push(&mut self.parts.exemplars.1, u64::from(one.number));
                    push_exemplar(&mut self.parts.exemplars.1, exemplar);
                }
            }
        }
        let mut names = 0;
        for metadata in &self.batch.metadata {
            self.answer.metadata += 1;
            let new = !extras.knows_family(&metadata.name);
            if extras.is_news(metadata) && !(new && extras.families() + names >= self.limits.metadata) {
                names += usize::from(new);
                self.parts.metadata.0 += 1;
                push_metadata(&mut self.parts.metadata.1, metadata);
            }
        }
    }
}

impl Engine {
    /// Adds a series to the index.
    pub(super) fn add_series(&self, tenant: &Tenant, packed: &[u8], labels: &[(&str, &str)]) -> u32 {
        let (number, new) = tenant.index.add(packed);
        if new {
            self.note_new(tenant, number, labels);
        }
        number
    }

    /// The same of many, on all cores; their numbers.
    pub(super) fn add_all_series(&self, tenant: &Tenant, all: &[&[u8]]) -> Vec<u32> {
        let numbers = tenant.index.add_all(all);
        numbers.par_iter().zip(all).with_min_len(128).for_each(|(&(number, new), packed)| {
            if new {
                let labels: Vec<(&str, &str)> = unpack(packed).collect();
                self.note_new(tenant, number, &labels);
            }
        });
        numbers.into_iter().map(|(number, _)| number).collect()
    }

    fn note_new(&self, tenant: &Tenant, number: u32, labels: &[(&str, &str)]) {
        tenant.index.series(number).head().stagger = stagger(labels, self.options.shape.chunk_ms);
        let bytes = size_of::<crate::index::Series>() + 64 + labels.len() * 16;
        self.index_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
