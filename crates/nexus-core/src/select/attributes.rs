//! Attributes of records: one entry of a record in one of five typed maps.

use super::number::{read_float, write_float_text};
use super::predicate::{Comparison, Op};
use crate::attributes::Attributes;
use crate::columns::{AttributeValue as Value, MapColumn, Values};
use crate::json::writer::write_int;

impl<'a> Value<'a> {
    /// Its text: numbers as the engine prints them, in `scratch`.
    pub(super) fn text<'s>(self, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'a: 's,
    {
        scratch.clear();
        match self {
            Self::String(text) | Self::Json(text) => return text,
            Self::Int(value) => write_int(scratch, value),
            Self::Float(value) => write_float_text(scratch, value),
            Self::Bool(value) => scratch.extend_from_slice(bool_text(value)),
        }
        scratch
    }

    /// Does the comparison hold?
    pub(super) fn compares(self, wanted: &Comparison) -> bool {
        match wanted.op {
            Op::Eq => self.equals(wanted),
            Op::Ne => !self.equals(wanted),
            op => match (self, wanted.number) {
                (Self::String(text) | Self::Json(text), Some(number)) => {
                    read_float(text).is_some_and(|value| op.holds(number.order_float(value)))
                }
                (Self::String(text) | Self::Json(text), None) => op.holds(Some(text.cmp(&wanted.text))),
                (Self::Int(value), Some(number)) => op.holds(number.order_int(value)),
                (Self::Float(value), Some(number)) => op.holds(number.order_float(value)),
                (Self::Int(_) | Self::Float(_), None) | (Self::Bool(_), _) => false,
            },
        }
    }

    fn equals(self, wanted: &Comparison) -> bool {
        match self {
            Self::String(text) | Self::Json(text) => text == wanted.text,
            Self::Int(value) => wanted.number.is_some_and(|number| Op::Eq.holds(number.order_int(value))),
            Self::Float(value) => wanted.number.is_some_and(|number| Op::Eq.holds(number.order_float(value))),
            Self::Bool(value) => wanted.text == bool_text(value),
        }
    }
}

fn bool_text(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}

/// Of the rows wanted, those whose attribute `key` passes a test.
pub(super) fn find(batch: &Attributes, key: &[u8], want: &[bool], test: impl FnMut(Value<'_>) -> bool) -> Vec<bool> {
    let mut found = vec![false; want.len()];
    let Some(key) = batch.keys.find([key]) else { return found };
    let mut test = test;
    let (strings, jsons) = (&batch.strings.values, &batch.jsons.values);
    find_in(&batch.strings, key, want, &mut found, |entry| test(Value::String(strings.get(entry))));
    find_in(&batch.ints, key, want, &mut found, |entry| test(Value::Int(batch.ints.values[entry])));
    find_in(&batch.floats, key, want, &mut found, |entry| test(Value::Float(batch.floats.values[entry])));
    find_in(&batch.bools, key, want, &mut found, |entry| test(Value::Bool(batch.bools.values[entry])));
    find_in(&batch.jsons, key, want, &mut found, |entry| test(Value::Json(jsons.get(entry))));
    found
}

fn find_in<V: Values>(
    map: &MapColumn<V>,
    key: u32,
    want: &[bool],
    found: &mut [bool],
    mut test: impl FnMut(usize) -> bool,
) {
    if map.keys.is_empty() {
        return;
    }
    for (row, found) in found.iter_mut().enumerate() {
        if want[row] && !*found {
            *found = map.row(row).find(|&entry| map.keys[entry] == key).is_some_and(&mut test);
        }
    }
}
