//! Checkpoints: the heads as they are, written to one file, so that the segments before it can go and replaying is quick.
//!
//! Appends go on meanwhile: series are written some thousands at a time, each with the sequence up to which it is complete.
//! What the log holds up to there is passed over for it when replaying.

use super::{Engine, EngineError, Tenant};
use crate::chunk::varint::{push, push_signed};
use crate::head::open::Open;
use crate::head::{Body, LateSample, Piece, SeriesHead, Value};
use crate::log::record::{WITH_STARTS, push_bytes, push_exemplar, push_histogram, push_metadata};
use crate::log::{Checkpoint, Frame, kind};
use nexus_series::starts::StartTimes;
use std::sync::Arc;

/// Series written under one lock.
const AT_ONCE: u32 = 2048;

impl Engine {
    /// Writes one, and removes the log before it.
    pub(super) fn checkpoint(&self) -> Result<(), EngineError> {
        let _alone = self.checkpoints.lock().expect("no panic while locked");
        let (number, tenants) = {
            let mut writer = self.write();
            let number = writer.log()?.rotate()?;
            (number, self.tenants.read().expect("no panic while locked").values().cloned().collect::<Vec<_>>())
        };
        let mut file = Checkpoint::begin(&self.directory, number)?;
        for tenant in &tenants {
            let mut start = 0;
            while start < tenant.index.len() {
                let end = tenant.index.len().min(start + AT_ONCE);
                let mut frame = Frame::new();
                push_bytes(&mut frame.bytes, tenant.name.as_bytes());
                let sequence = {
                    let mut writer = self.write();
                    for number in start..end {
                        series_state(tenant, number, &mut frame.bytes);
                    }
                    writer.log()?.sequence()
                };
                file.append(kind::STATE, &mut frame, sequence)?;
                start = end;
            }
            let mut frame = Frame::new();
            let sequence = {
                let mut writer = self.write();
                extras_state(tenant, &mut frame.bytes);
                writer.log()?.sequence()
            };
            file.append(kind::EXTRAS, &mut frame, sequence)?;
        }
        let bytes = file.bytes;
        file.finish()?;
        let mut writer = self.write();
        writer.checkpoint_bytes = bytes;
        writer.log()?.drop_before(number)?;
        Ok(())
    }
}

/// A series with something in its head: number, labels, the head. Others have to be defined again.
fn series_state(tenant: &Arc<Tenant>, number: u32, out: &mut Vec<u8>) {
    let series = tenant.index.series(number);
    let mut head = series.head();
    let kept: Vec<&Arc<Piece>> = head.pieces().iter().filter(|piece| piece.stored() == 0).collect();
    if series.is_gone() || (head.nothing_open() && kept.is_empty()) {
        head.logged = false;
        return;
    }
    push(out, u64::from(number));
    push_bytes(out, &tenant.index.packed(number));
    head_state(&head, &kept, out);
    head.logged = true;
}

fn head_state(head: &SeriesHead, pieces: &[&Arc<Piece>], out: &mut Vec<u8>) {
    push(out, head.sequence());
    push(out, u64::from(head.opened()));
    push_signed(out, head.last().unwrap_or(i64::MIN));
    push_open(&head.open, out);
    let late = head.late().map_or(&[][..], |late| late.samples());
    push_late(late, out);
    push(out, pieces.len() as u64);
    for piece in pieces {
        push(out, piece.sequence);
        push(out, piece.batch());
        match &piece.body {
            Body::Floats(open) => {
                out.push(0);
                push_open(open, out);
            }
            Body::LateFloats(samples, starts) => {
                out.push(1);
                push_late(&listed(samples, starts, |value| Value::Float(*value)), out);
            }
            Body::Histograms(samples, starts) => {
                out.push(2);
                push_late(&listed(samples, starts, |one| Value::Histogram(one.clone())), out);
            }
        }
    }
}

/// Number of samples, with a bit of its own where start times follow the stream.
fn push_open(open: &Open, out: &mut Vec<u8>) {
    let (bytes, count) = open.parts();
    push(out, count as u64 | if open.starts().is_some() { WITH_STARTS } else { 0 });
    push_bytes(out, bytes);
    if let Some(starts) = open.starts() {
        starts.encode(out);
    }
}

fn listed<V>(samples: &[(i64, V)], starts: &StartTimes, value: impl Fn(&V) -> Value) -> Vec<LateSample> {
    let one = |(index, (time, one)): (usize, &(i64, V))| LateSample {
        time: *time,
        start: starts.at(index),
        value: value(one),
    };
    samples.iter().enumerate().map(one).collect()
}

/// Kind (0 float, 1 histogram, with 2 a start time follows), sample.
fn push_late(samples: &[LateSample], out: &mut Vec<u8>) {
    push(out, samples.len() as u64);
    for LateSample { time, start, value } in samples {
        out.push(u8::from(matches!(value, Value::Histogram(_))) | if *start == 0 { 0 } else { 2 });
        if *start != 0 {
            push_signed(out, *start);
        }
        match value {
            Value::Float(value) => {
                push_signed(out, *time);
                out.extend_from_slice(&value.to_bits().to_le_bytes());
            }
            Value::Histogram(histogram) => push_histogram(out, *time, histogram),
        }
    }
}

fn extras_state(tenant: &Tenant, out: &mut Vec<u8>) {
    push_bytes(out, tenant.name.as_bytes());
    let extras = tenant.extras.lock().expect("no panic while locked");
    push(out, extras.waiting() as u64);
    for one in extras.exemplars() {
        // Not its number: the series may have nothing else here.
        push_bytes(out, &tenant.index.packed(one.series));
        push(out, one.batch);
        push_exemplar(out, &one.exemplar);
    }
    let said: Vec<_> = extras.metadata().values().flatten().collect();
    push(out, said.len() as u64);
    for one in said {
        push_signed(out, one.seen);
        out.push(u8::from(one.stored));
        push_metadata(out, &one.metadata);
    }
}
