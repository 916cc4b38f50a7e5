//! Rows under edit: what processors read and write.
//!
//! A processor reads the batch as it was when its step began ([`Rows::batch`]) and notes edits; they are carried out at the
//! end of the step, column by column, so that columns nobody edits are not touched.

use crate::batch::LogBatch;
use crate::columns::{MapColumn, Strings, Values};
use crate::dictionary::Dictionary;
use crate::limits::{
    DROPPED_ATTRIBUTES, MAX_ATTRIBUTES, MAX_BATCH_DAYS, MAX_BATCH_KEYS, MAX_BODY_BYTES, MAX_COLUMN_BYTES, MAX_KEY_BYTES,
};
use crate::origins::DAY_NS;
use crate::process::field::{Field, Value, member, with_member};
use crate::severity;
use crate::template::{Skeletons, Templater};
use std::collections::HashMap;
use std::sync::Arc;

/// Why a record left.
pub type Reason = &'static str;

/// What becomes of a row at the end of the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Stay,
    /// It is dropped.
    Drop(Reason),
    /// It goes to the tenant with this number.
    Route(u16),
}

/// Bytes in the arena of edits.
type Span = (u32, u32);

#[derive(Debug, Clone, Copy)]
enum New {
    Text(Span),
    Int(i64),
    Float(f64),
    Bool(bool),
    Json(Span),
    Nothing,
}

#[derive(Debug, Clone, Copy)]
struct Edit {
    row: u32,
    key: u32,
    new: New,
}

#[derive(Debug, Clone, Copy)]
enum Scalar {
    Timestamp(i64),
    Observed(i64),
    Severity(u8, Span),
    EventName(Span),
    TraceId([u8; 16]),
    SpanId([u8; 8]),
    Service(Span),
    /// A resource attribute: its name, and its value as JSON, empty to remove it.
    Resource(Span, Span),
}

/// See the module text.
#[derive(Debug)]
pub struct Rows {
    batch: Arc<LogBatch>,
    selected: Arc<Vec<u32>>,
    new_keys: Dictionary<1>,
    attributes: Vec<Edit>,
    bodies: Vec<(u32, Span)>,
    scalars: Vec<(u32, Scalar)>,
    arena: Vec<u8>,
    room: usize,
    fates: Vec<Fate>,
    failures: Vec<(u32, &'static str)>,
    /// Attributes that did not fit, by row.
    dropped: Vec<u32>,
    changed: bool,
    days: Vec<u32>,
    /// Rows of the batch that came in, by row now; kept when somebody wants to know.
    pub(crate) origins: Option<Vec<u32>>,
    templater: Option<Templater>,
}

impl Rows {
    /// The rows of a batch; `tracing` keeps what row each one came from.
    pub fn new(batch: Arc<LogBatch>, tracing: bool) -> Self {
        let origins = tracing.then(|| (0..batch.num_rows() as u32).collect());
        let days = batch.origins.days.iter().map(|&(day, _)| day).collect();
        let mut rows = Self {
            batch,
            selected: Arc::default(),
            new_keys: Dictionary::default(),
            attributes: Vec::new(),
            bodies: Vec::new(),
            scalars: Vec::new(),
            arena: Vec::new(),
            room: 0,
            fates: Vec::new(),
            failures: Vec::new(),
            dropped: Vec::new(),
            changed: false,
            days,
            origins,
            templater: None,
        };
        rows.measure();
        rows
    }

    fn measure(&mut self) {
        let batch = &self.batch;
        let held = batch.bodies.data().len()
            + batch.attributes.strings.values.data().len()
            + batch.attributes.jsons.values.data().len()
            + batch.origins.resources.num_bytes()
            + batch.texts.num_bytes();
        self.room = MAX_COLUMN_BYTES.saturating_sub(held);
    }

    /// The batch as it was when the step began.
    pub fn batch(&self) -> Arc<LogBatch> {
        self.batch.clone()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// No rows?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows that the step is about, ascending.
    pub fn selected(&self) -> Arc<Vec<u32>> {
        self.selected.clone()
    }

    pub(crate) fn select(&mut self, rows: Vec<u32>) {
        self.selected = Arc::new(rows);
    }

    // ------------------------------------------------------------------------------------------------------- edits

    /// Keep a text until the end of the step; None when the batch would become too large.
    fn keep(&mut self, text: &[u8]) -> Option<Span> {
        if text.len() > self.room || self.arena.len() + text.len() > MAX_COLUMN_BYTES {
            return None;
        }
        self.room -= text.len();
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(text);
        Some((start, self.arena.len() as u32))
    }

    /// Id of an attribute key, new or known; None when it is too long or there are too many.
    pub fn key(&mut self, key: &[u8]) -> Option<u32> {
        if let Some(id) = self.batch.attributes.keys.find([key]) {
            return Some(id);
        }
        if key.len() > MAX_KEY_BYTES || self.batch.attributes.keys.len() + self.new_keys.len() >= MAX_BATCH_KEYS {
            return None;
        }
        Some(self.batch.attributes.keys.len() as u32 + self.new_keys.intern([key]))
    }

    /// A place to come back to when a record turns out to be unusable half-way.
    pub fn mark(&self) -> [usize; 4] {
        [self.attributes.len(), self.bodies.len(), self.scalars.len(), self.arena.len()]
    }

    /// Forget the edits since `mark`.
    pub fn rewind(&mut self, mark: [usize; 4]) {
        self.attributes.truncate(mark[0]);
        self.bodies.truncate(mark[1]);
        self.scalars.truncate(mark[2]);
        self.room += self.arena.len() - mark[3];
        self.arena.truncate(mark[3]);
    }

    /// Set an attribute by key id (None: a key that was not to be had). False when there is no room for it; the record
    /// then says that attributes were dropped.
    pub fn set_attribute(&mut self, row: usize, key: Option<u32>, value: Value<'_>) -> bool {
        let new = match value {
            Value::Text(text) => self.keep(text).map(New::Text),
            Value::Json(text) => self.keep(text).map(New::Json),
            Value::Int(value) => Some(New::Int(value)),
            Value::Float(value) => Some(New::Float(value)),
            Value::Bool(value) => Some(New::Bool(value)),
        };
        if let (Some(key), Some(new)) = (key, new) {
            self.attributes.push(Edit { row: row as u32, key, new });
            true
        } else {
            self.dropped.push(row as u32);
            false
        }
    }

    /// Remove an attribute by name.
    pub fn remove_attribute(&mut self, row: usize, name: &str) {
        if let Some(key) = self.batch.attributes.keys.find([name.as_bytes()]) {
            self.attributes.push(Edit { row: row as u32, key, new: New::Nothing });
        }
    }

    /// Replace the message. False when it is too large.
    pub fn set_body(&mut self, row: usize, body: &[u8]) -> bool {
        if body.len() > MAX_BODY_BYTES {
            return false;
        }
        let Some(span) = self.keep(body) else { return false };
        self.bodies.push((row as u32, span));
        true
    }

    fn scalar(&mut self, row: usize, scalar: Scalar) -> bool {
        self.scalars.push((row as u32, scalar));
        true
    }

    /// Set the time of a record, ns. False when it is negative or the batch spans too many days.
    pub fn set_timestamp(&mut self, row: usize, ns: i64) -> bool {
        if ns < 0 {
            return false;
        }
        let day = (ns / DAY_NS) as u32;
        if !self.days.contains(&day) {
            if self.days.len() >= MAX_BATCH_DAYS {
                return false;
            }
            self.days.push(day);
        }
        self.scalar(row, Scalar::Timestamp(ns))
    }

    /// Set severity number and text.
    pub fn set_severity(&mut self, row: usize, number: u8, text: &[u8]) -> bool {
        match self.keep(text) {
            Some(span) => self.scalar(row, Scalar::Severity(number.min(24), span)),
            None => false,
        }
    }

    /// Set the service, in the resource, too; an empty one removes it.
    pub fn set_service(&mut self, row: usize, service: &[u8]) -> bool {
        match self.keep(service) {
            Some(span) => self.scalar(row, Scalar::Service(span)),
            None => false,
        }
    }

    /// Set a resource attribute; None removes it.
    pub fn set_resource(&mut self, row: usize, name: &str, value: Option<Value<'_>>) -> bool {
        let mut json = Vec::new();
        if let Some(value) = value {
            value.write_json(&mut json);
        }
        match (self.keep(name.as_bytes()), self.keep(&json)) {
            (Some(name), Some(json)) => self.scalar(row, Scalar::Resource(name, json)),
            _ => false,
        }
    }

    /// Set any field. False when the value does not fit it.
    pub fn set(&mut self, row: usize, field: &Field, value: Value<'_>) -> bool {
        match field {
            Field::Attribute(name) | Field::Anywhere(name) => {
                let key = self.key(name.as_bytes());
                self.set_attribute(row, key, value)
            }
            Field::Resource(name) => self.set_resource(row, name, Some(value)),
            Field::Body => self.set_body(row, &value.to_text()),
            Field::Service => self.set_service(row, &value.to_text()),
            Field::Severity => {
                let text = value.to_text();
                let number = severity::number_of_text(&text);
                number > 0 && self.set_severity(row, number, &text)
            }
            Field::SeverityNumber => match value.to_number() {
                Some(number) if (1.0..=24.0).contains(&number) => {
                    let number = number as u8;
                    self.set_severity(row, number, severity::name(number).as_bytes())
                }
                _ => false,
            },
            Field::Timestamp | Field::ObservedTimestamp => {
                let Ok(ns) = crate::time::parse(&value.to_text()) else { return false };
                self.set_time(row, field, ns)
            }
            Field::EventName => match self.keep(&value.to_text()) {
                Some(span) => self.scalar(row, Scalar::EventName(span)),
                None => false,
            },
            Field::TraceId => match crate::process::field::unhex(&value.to_text()) {
                Some(id) => self.scalar(row, Scalar::TraceId(id)),
                None => false,
            },
            Field::SpanId => match crate::process::field::unhex(&value.to_text()) {
                Some(id) => self.scalar(row, Scalar::SpanId(id)),
                None => false,
            },
            Field::TemplateId | Field::ScopeName | Field::ScopeVersion => false,
        }
    }

    /// Set one of the two times, ns.
    pub fn set_time(&mut self, row: usize, field: &Field, ns: i64) -> bool {
        match field {
            Field::ObservedTimestamp => ns >= 0 && self.scalar(row, Scalar::Observed(ns)),
            _ => self.set_timestamp(row, ns),
        }
    }

    /// Remove a field: attributes go, columns become empty. Times stay.
    pub fn remove(&mut self, row: usize, field: &Field) {
        match field {
            Field::Attribute(name) => self.remove_attribute(row, name),
            Field::Anywhere(name) => {
                self.remove_attribute(row, name);
                self.set_resource(row, name, None);
            }
            Field::Resource(name) => {
                self.set_resource(row, name, None);
            }
            Field::Body => {
                self.set_body(row, b"");
            }
            Field::Service => {
                self.set_service(row, b"");
            }
            Field::Severity | Field::SeverityNumber => {
                self.set_severity(row, 0, b"");
            }
            Field::EventName => {
                self.scalar(row, Scalar::EventName((0, 0)));
            }
            Field::TraceId => {
                self.scalar(row, Scalar::TraceId([0; 16]));
            }
            Field::SpanId => {
                self.scalar(row, Scalar::SpanId([0; 8]));
            }
            _ => {}
        }
    }

    /// Remove a field as if that had been done at `mark`: what was written since then stays.
    pub fn remove_first(&mut self, mark: [usize; 4], row: usize, field: &Field) {
        let ends = self.mark();
        self.remove(row, field);
        let added = self.mark();
        self.attributes[mark[0]..].rotate_right(added[0] - ends[0]);
        self.bodies[mark[1]..].rotate_right(added[1] - ends[1]);
        self.scalars[mark[2]..].rotate_right(added[2] - ends[2]);
    }

    /// Say what becomes of a row.
    pub fn decide(&mut self, row: usize, fate: Fate) {
        if self.fates.is_empty() {
            self.fates = vec![Fate::Stay; self.batch.num_rows()];
        }
        self.fates[row] = fate;
    }

    /// The step could not do its work on a row.
    pub fn fail(&mut self, row: usize, why: &'static str) {
        self.failures.push((row as u32, why));
    }

    pub(crate) fn failures(&self) -> &[(u32, &'static str)] {
        &self.failures
    }

    pub(crate) fn fates(&self) -> &[Fate] {
        &self.fates
    }

    /// Anything noted that changes the batch?
    fn edited(&self) -> bool {
        !(self.attributes.is_empty() && self.bodies.is_empty() && self.scalars.is_empty() && self.dropped.is_empty())
    }

    // ---------------------------------------------------------------------------------------------- end of the step

    /// Carry out what the step has noted. Returns the rows that were routed, as batches by number of their tenant.
    pub(crate) fn apply(&mut self) -> Vec<(u16, LogBatch)> {
        if self.edited() {
            self.changed = true;
            self.apply_scalars();
            self.apply_attributes();
            self.apply_bodies();
        }
        self.arena.clear();
        self.failures.clear();
        let routed = self.leave();
        self.measure();
        routed
    }

    fn apply_scalars(&mut self) {
        if self.scalars.is_empty() {
            return;
        }
        let batch = Arc::make_mut(&mut self.batch);
        let arena = &self.arena;
        let text = |(start, end): Span| &arena[start as usize..end as usize];
        let mut resources: HashMap<(u32, &[u8], &[u8]), u32> = HashMap::new();
        for (row, scalar) in self.scalars.drain(..) {
            let row = row as usize;
            match scalar {
                Scalar::Timestamp(ns) => batch.timestamps[row] = ns,
                Scalar::Observed(ns) => batch.observed_timestamps[row] = ns,
                Scalar::Severity(number, span) => {
                    batch.severity_numbers[row] = number;
                    batch.severity_texts[row] = batch.texts.intern([text(span)]);
                }
                Scalar::EventName(span) => batch.event_names[row] = batch.texts.intern([text(span)]),
                Scalar::TraceId(id) => batch.trace_ids[row] = id,
                Scalar::SpanId(id) => batch.span_ids[row] = id,
                Scalar::Service(span) => {
                    let mut json = Vec::new();
                    if !text(span).is_empty() {
                        Value::Text(text(span)).write_json(&mut json);
                    }
                    let id = batch.origins.resource_ids[row];
                    batch.origins.resource_ids[row] = *resources
                        .entry((id, &b"service.name"[..], text(span)))
                        .or_insert_with(|| resource_with(batch, id, b"service.name", &json, Some(text(span))));
                }
                Scalar::Resource(name, json) => {
                    let id = batch.origins.resource_ids[row];
                    batch.origins.resource_ids[row] = *resources
                        .entry((id, text(name), text(json)))
                        .or_insert_with(|| resource_with(batch, id, text(name), text(json), None));
                }
            }
        }
    }

    fn apply_bodies(&mut self) {
        if self.bodies.is_empty() {
            return;
        }
        self.bodies.sort_by_key(|&(row, _)| row);
        let batch = Arc::make_mut(&mut self.batch);
        let templater = self.templater.get_or_insert_with(Templater::default);
        let added: usize = self.bodies.iter().map(|(_, (start, end))| (end - start) as usize).sum();
        let mut bodies = Strings::default();
        bodies.reserve(batch.num_rows(), batch.bodies.data().len() + added);
        // Skeletons of bodies that are gone must not stay.
        let mut skeletons = Skeletons::default();
        let mut adopted: Vec<u32> = vec![u32::MAX; batch.skeletons.len()];
        let mut edits = self.bodies.drain(..).peekable();
        for row in 0..batch.num_rows() {
            let mut new = None;
            while let Some((_, span)) = edits.next_if(|&(at, _)| at as usize == row) {
                new = Some(span);
            }
            if let Some((start, end)) = new {
                let body = &self.arena[start as usize..end as usize];
                bodies.push(body);
                let (skeleton, template) = templater.add(body, &mut skeletons);
                batch.skeleton_ids[row] = skeleton;
                batch.template_ids[row] = template;
            } else {
                bodies.push(batch.bodies.get(row));
                let id = batch.skeleton_ids[row] as usize;
                if adopted[id] == u32::MAX {
                    adopted[id] = skeletons.adopt(&batch.skeletons, id as u32);
                }
                batch.skeleton_ids[row] = adopted[id];
            }
        }
        batch.bodies = bodies;
        batch.skeletons = skeletons;
    }

    fn apply_attributes(&mut self) {
        if self.attributes.is_empty() && self.dropped.is_empty() {
            return;
        }
        self.attributes.sort_by_key(|edit| edit.row);
        self.dropped.sort_unstable();
        let batch = Arc::make_mut(&mut self.batch);
        for id in 0..self.new_keys.len() as u32 {
            batch.attributes.keys.intern([self.new_keys.get(id, 0)]);
        }
        self.new_keys = Dictionary::default();
        let dropped_key = batch.attributes.keys.intern([DROPPED_ATTRIBUTES.as_bytes()]);
        let edits = std::mem::take(&mut self.attributes);
        let dropped = std::mem::take(&mut self.dropped);
        let counted = |new: fn(&New) -> bool| edits.iter().filter(|edit| new(&edit.new)).count();
        let mut maps = Maps {
            // The last edit of each key, valid for a row.
            last: vec![(u32::MAX, 0); batch.attributes.keys.len()],
            edits: &edits,
            arena: &self.arena,
            strings: rebuilt(&batch.attributes.strings, counted(|new| matches!(new, New::Text(_)))),
            ints: rebuilt(&batch.attributes.ints, counted(|new| matches!(new, New::Int(_)))),
            floats: rebuilt(&batch.attributes.floats, counted(|new| matches!(new, New::Float(_)))),
            bools: rebuilt(&batch.attributes.bools, counted(|new| matches!(new, New::Bool(_)))),
            jsons: rebuilt(&batch.attributes.jsons, counted(|new| matches!(new, New::Json(_)))),
        };
        let (mut at, mut gone) = (0, 0);
        for row in 0..batch.num_rows() {
            let start = at;
            while edits.get(at).is_some_and(|edit| edit.row as usize == row) {
                maps.last[edits[at].key as usize] = (row as u32, at as u32);
                at += 1;
            }
            let first_gone = gone;
            while dropped.get(gone).is_some_and(|&of| of as usize == row) {
                gone += 1;
            }
            maps.row(batch, row, start..at, (gone - first_gone) as i64, dropped_key);
        }
        let Maps { strings, ints, floats, bools, jsons, .. } = maps;
        (
            batch.attributes.strings,
            batch.attributes.ints,
            batch.attributes.floats,
            batch.attributes.bools,
            batch.attributes.jsons,
        ) = (strings, ints, floats, bools, jsons);
    }

    /// Take out the rows whose fate is not to stay.
    fn leave(&mut self) -> Vec<(u16, LogBatch)> {
        let fates = std::mem::take(&mut self.fates);
        if fates.iter().all(|&fate| fate == Fate::Stay) {
            return Vec::new();
        }
        self.changed = true;
        let mut tenants: Vec<u16> =
            fates.iter().filter_map(|fate| if let Fate::Route(to) = fate { Some(*to) } else { None }).collect();
        tenants.sort_unstable();
        tenants.dedup();
        let routed = tenants
            .into_iter()
            .map(|tenant| {
                let mut part = (*self.batch).clone();
                retain(&mut part, |row| fates[row] == Fate::Route(tenant));
                count(&mut part);
                (tenant, part)
            })
            .collect();
        retain(Arc::make_mut(&mut self.batch), |row| fates[row] == Fate::Stay);
        if let Some(origins) = &mut self.origins {
            let mut row = 0;
            origins.retain(|_| {
                row += 1;
                fates[row - 1] == Fate::Stay
            });
        }
        routed
    }

    /// The batch when everything is done, with its days and usage counted.
    pub(crate) fn finish(mut self) -> Arc<LogBatch> {
        if self.changed {
            count(Arc::make_mut(&mut self.batch));
        }
        self.batch
    }
}

/// A resource with one attribute set (JSON) or removed (empty); `service` is the new name of its service, if that changes.
fn resource_with(batch: &mut LogBatch, id: u32, name: &[u8], json: &[u8], service: Option<&[u8]>) -> u32 {
    let value = (!json.is_empty()).then_some(Value::Json(json));
    if value.is_none() && member(batch.origins.resources.get(id, 1), name).is_none() {
        return id;
    }
    let whole = with_member(batch.origins.resources.get(id, 1), name, value);
    let service = service.unwrap_or_else(|| batch.origins.resources.get(id, 0)).to_vec();
    batch.origins.resources.intern([&service, &whole])
}

/// An empty map with room for what another has and some more.
fn rebuilt<V: Reserve>(old: &MapColumn<V>, added: usize) -> MapColumn<V> {
    let mut new = MapColumn::<V>::default();
    new.keys.reserve(old.keys.len() + added);
    new.offsets.reserve(old.offsets.len());
    new.values.make_room(&old.values, added);
    new
}

trait Reserve: Values {
    fn make_room(&mut self, like: &Self, added: usize);
}

impl Reserve for Strings {
    fn make_room(&mut self, like: &Self, added: usize) {
        self.reserve(like.len() + added, like.data().len() + 16 * added);
    }
}

impl<T: Copy> Reserve for Vec<T> {
    fn make_room(&mut self, like: &Self, added: usize) {
        self.reserve(like.len() + added);
    }
}

struct Maps<'e> {
    last: Vec<(u32, u32)>,
    edits: &'e [Edit],
    arena: &'e [u8],
    strings: MapColumn<Strings>,
    ints: MapColumn<Vec<i64>>,
    floats: MapColumn<Vec<f64>>,
    bools: MapColumn<Vec<bool>>,
    jsons: MapColumn<Strings>,
}

impl Maps<'_> {
    /// Copy a row with its edits, and count what does not fit.
    fn row(&mut self, batch: &LogBatch, row: usize, edits: std::ops::Range<usize>, mut dropped: i64, dropped_key: u32) {
        let mut number = 0;
        let touched = !edits.is_empty();
        let is_edited = |last: &[(u32, u32)], key: u32| touched && last[key as usize].0 == row as u32;
        for at in batch.attributes.strings.row(row) {
            let key = batch.attributes.strings.keys[at];
            if !is_edited(&self.last, key) {
                self.strings.push(key, batch.attributes.strings.values.get(at));
                number += 1;
            }
        }
        for at in batch.attributes.ints.row(row) {
            let (key, value) = (batch.attributes.ints.keys[at], batch.attributes.ints.values[at]);
            if is_edited(&self.last, key) {
                continue;
            }
            if key == dropped_key {
                dropped += value;
            } else {
                self.ints.push(key, value);
                number += 1;
            }
        }
        for at in batch.attributes.floats.row(row) {
            let key = batch.attributes.floats.keys[at];
            if !is_edited(&self.last, key) {
                self.floats.push(key, batch.attributes.floats.values[at]);
                number += 1;
            }
        }
        for at in batch.attributes.bools.row(row) {
            let key = batch.attributes.bools.keys[at];
            if !is_edited(&self.last, key) {
                self.bools.push(key, batch.attributes.bools.values[at]);
                number += 1;
            }
        }
        for at in batch.attributes.jsons.row(row) {
            let key = batch.attributes.jsons.keys[at];
            if !is_edited(&self.last, key) {
                self.jsons.push(key, batch.attributes.jsons.values.get(at));
                number += 1;
            }
        }
        for at in edits {
            let Edit { key, new, .. } = self.edits[at];
            if self.last[key as usize].1 as usize != at {
                continue;
            }
            if number >= MAX_ATTRIBUTES && !matches!(new, New::Nothing) {
                dropped += 1;
                continue;
            }
            let arena = self.arena;
            let text = |(start, end): Span| &arena[start as usize..end as usize];
            number += 1;
            match new {
                New::Text(span) => self.strings.push(key, text(span)),
                New::Json(span) => self.jsons.push(key, text(span)),
                New::Int(value) => self.ints.push(key, value),
                New::Float(value) => self.floats.push(key, value),
                New::Bool(value) => self.bools.push(key, value),
                New::Nothing => number -= 1,
            }
        }
        if dropped > 0 {
            self.ints.push(dropped_key, dropped);
        }
        self.strings.end_row();
        self.ints.end_row();
        self.floats.end_row();
        self.bools.end_row();
        self.jsons.end_row();
    }
}

/// Keep some rows, in order.
fn retain(batch: &mut LogBatch, keep: impl Fn(usize) -> bool) {
    fn column<T: Copy>(column: &mut Vec<T>, keep: &impl Fn(usize) -> bool) {
        column.keep_from(0, keep);
    }
    fn map<V: Values>(map: &mut MapColumn<V>, keep: &impl Fn(usize) -> bool) {
        let rows = map.offsets.len() - 1;
        let mut row = 0;
        let offsets = &map.offsets;
        let mut kept: Vec<bool> = Vec::with_capacity(map.keys.len());
        while row < rows {
            kept.resize(offsets[row + 1] as usize, keep(row));
            row += 1;
        }
        map.values.keep_from(0, |entry| kept[entry]);
        map.keys.keep_from(0, |entry| kept[entry]);
        let mut end = 0;
        let mut ends = vec![0];
        for row in (0..rows).filter(|&row| keep(row)) {
            end += map.offsets[row + 1] - map.offsets[row];
            ends.push(end);
        }
        map.offsets = ends;
    }
    column(&mut batch.timestamps, &keep);
    column(&mut batch.observed_timestamps, &keep);
    column(&mut batch.origins.resource_ids, &keep);
    column(&mut batch.origins.scope_ids, &keep);
    column(&mut batch.severity_numbers, &keep);
    column(&mut batch.severity_texts, &keep);
    column(&mut batch.trace_ids, &keep);
    column(&mut batch.span_ids, &keep);
    column(&mut batch.trace_flags, &keep);
    column(&mut batch.event_names, &keep);
    column(&mut batch.template_ids, &keep);
    column(&mut batch.skeleton_ids, &keep);
    batch.bodies.retain_from(0, &keep);
    map(&mut batch.attributes.strings, &keep);
    map(&mut batch.attributes.ints, &keep);
    map(&mut batch.attributes.floats, &keep);
    map(&mut batch.attributes.bools, &keep);
    map(&mut batch.attributes.jsons, &keep);
}

/// Count days and usage anew.
pub(crate) fn count(batch: &mut LogBatch) {
    batch.origins.days.clear();
    let mut last = usize::MAX;
    for &time in &batch.timestamps {
        let day = (time / DAY_NS) as u32;
        if batch.origins.days.get(last).is_none_or(|&(known, _)| known != day) {
            last = batch.origins.days.iter().position(|&(known, _)| known == day).unwrap_or_else(|| {
                batch.origins.days.push((day, 0));
                batch.origins.days.len() - 1
            });
        }
        batch.origins.days[last].1 += 1;
    }
    let key_bytes: Vec<u64> =
        (0..batch.attributes.keys.len() as u32).map(|id| batch.attributes.keys.get(id, 0).len() as u64).collect();
    let mut usage = vec![(0, 0); batch.origins.resources.len()];
    for row in 0..batch.num_rows() {
        let keys = |keys: &[u32]| keys.iter().map(|&key| key_bytes[key as usize]).sum::<u64>();
        let mut bytes = batch.bodies.get(row).len() as u64;
        for map in [&batch.attributes.strings, &batch.attributes.jsons] {
            let range = map.row(row);
            let offsets = map.values.offsets();
            bytes += keys(&map.keys[range.clone()]) + u64::from(offsets[range.end] - offsets[range.start]);
        }
        let (ints, floats, bools) =
            (batch.attributes.ints.row(row), batch.attributes.floats.row(row), batch.attributes.bools.row(row));
        bytes += keys(&batch.attributes.ints.keys[ints.clone()]) + 8 * ints.len() as u64;
        bytes += keys(&batch.attributes.floats.keys[floats.clone()]) + 8 * floats.len() as u64;
        bytes += keys(&batch.attributes.bools.keys[bools.clone()]) + bools.len() as u64;
        let sum: &mut (u64, u64) = &mut usage[batch.origins.resource_ids[row] as usize];
        *sum = (sum.0 + 1, sum.1 + bytes);
    }
    batch.origins.usage = usage;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::to_record_batch;
    use crate::json::fields::FieldMapping;
    use crate::json::lines::decode_json_lines;

    fn decode(lines: &str) -> LogBatch {
        decode_json_lines(lines.as_bytes(), 7, &FieldMapping::default()).unwrap().batch
    }

    const LINES: &str = r#"{"_time":1,"_msg":"took 5 ms","service":"a","k":"v","n":1,"f":0.5,"b":true,"j":[1]}
{"_time":2,"_msg":"secret word","service":"b","k":"w"}
{"_time":90000,"_msg":"third","level":"warn"}
"#;

    /// Edited rows are what a decoder would have made of the edited lines.
    #[track_caller]
    fn same(rows: Rows, lines: &str) {
        let (found, expected) = (rows.finish(), decode(lines));
        assert_eq!(found.days(), expected.days());
        assert_eq!(found.services(), expected.services());
        assert_eq!(found.template_ids, expected.template_ids);
        for row in 0..expected.num_rows() {
            let skeleton = |batch: &LogBatch| batch.skeletons.get(batch.skeleton_ids[row]).to_vec();
            assert_eq!(skeleton(&found), skeleton(&expected));
        }
        assert!(to_record_batch(&found).unwrap() == to_record_batch(&expected).unwrap());
    }

    #[test]
    fn edits_equal_decoding_the_edited_lines() {
        let mut rows = Rows::new(Arc::new(decode(LINES)), false);
        assert!(rows.set_body(1, b"clean 7"));
        assert!(rows.set(0, &Field::Service, Value::Text(b"z")));
        assert!(rows.set(2, &Field::parse("n").unwrap(), Value::Int(9)));
        assert!(rows.set(1, &Field::parse("k").unwrap(), Value::Bool(false)));
        rows.remove(0, &Field::parse("f").unwrap());
        assert!(rows.set(2, &Field::Severity, Value::Text(b"error")));
        assert!(rows.set(2, &Field::Timestamp, Value::Int(3)));
        assert!(rows.apply().is_empty());
        same(
            rows,
            r#"{"_time":1,"_msg":"took 5 ms","service":"z","k":"v","n":1,"b":true,"j":[1]}
{"_time":2,"_msg":"clean 7","service":"b","k":false}
{"_time":3,"_msg":"third","level":"error","n":9}
"#,
        );
    }

    #[test]
    fn nothing_stays_of_a_replaced_body() {
        let mut rows = Rows::new(Arc::new(decode(LINES)), false);
        rows.set_body(1, b"clean");
        rows.apply();
        let batch = rows.finish();
        assert!((0..batch.skeletons.len() as u32).all(|id| !batch.skeletons.get(id).starts_with(b"secret")));
    }

    #[test]
    fn rows_leave_and_order_stays() {
        let mut rows = Rows::new(Arc::new(decode(LINES)), true);
        rows.decide(1, Fate::Route(4));
        let routed = rows.apply();
        assert_eq!(rows.origins.as_deref(), Some(&[0, 2][..]));
        assert_eq!((routed[0].0, routed[0].1.num_rows(), routed[0].1.bodies.get(0)), (4, 1, &b"secret word"[..]));
        assert_eq!(routed[0].1.services(), [("b".to_owned(), 1, 11 + 2)]);
        let (first, third) = (LINES.lines().next().unwrap(), LINES.lines().nth(2).unwrap());
        same(rows, &format!("{first}\n{third}\n"));
    }

    #[test]
    fn attributes_beyond_the_limit_are_counted() {
        let mut rows = Rows::new(Arc::new(decode(LINES)), false);
        for number in 0..2000 {
            let key = rows.key(format!("x{number}").as_bytes());
            rows.set_attribute(1, key, Value::Int(number));
        }
        let long = rows.key(&[b'k'; MAX_KEY_BYTES + 1]);
        assert_eq!(long, None);
        assert!(!rows.set_attribute(1, long, Value::Int(1)));
        rows.apply();
        let batch = rows.finish();
        assert_eq!(batch.attributes.ints.row(1).len() + batch.attributes.strings.row(1).len(), MAX_ATTRIBUTES + 1);
        let key = batch.attributes.keys.find([DROPPED_ATTRIBUTES.as_bytes()]).unwrap();
        assert_eq!(crate::process::field::attribute(&batch, 1, key), Some(Value::Int(2000 - 1023 + 1)));
    }
}
