//! Several batches of one tenant as one, so that one sorted block goes to the store instead of many.

use crate::batch::LogBatch;
use crate::columns::{MapColumn, Strings, Values};
use crate::dictionary::Dictionary;
use crate::limits::MAX_COLUMN_BYTES;
use crate::template::Skeletons;
use std::fmt;

/// Together the batches have more than [`MAX_COLUMN_BYTES`] in one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch;

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the batches together are larger than {MAX_COLUMN_BYTES} bytes")
    }
}

impl std::error::Error for TooMuch {}

/// The rows of all parts, in order.
pub fn concat(parts: &[&LogBatch]) -> Result<LogBatch, TooMuch> {
    let bytes = |size: fn(&LogBatch) -> usize| parts.iter().map(|part| size(part)).sum::<usize>();
    let columns: [fn(&LogBatch) -> usize; 6] = [
        |part| part.bodies.data().len(),
        |part| part.strings.values.data().len(),
        |part| part.jsons.values.data().len(),
        |part| part.resources.num_bytes() + part.scopes.num_bytes(),
        |part| part.texts.num_bytes() + part.keys.num_bytes() + part.skeletons.num_bytes(),
        |part| part.strings.keys.len() + part.ints.keys.len() + part.floats.keys.len() + part.bools.keys.len(),
    ];
    if columns.into_iter().any(|size| bytes(size) > MAX_COLUMN_BYTES) {
        return Err(TooMuch);
    }
    let mut whole = LogBatch::default();
    whole.texts.intern([b""]);
    whole.reserve(parts.iter().map(|part| part.num_rows()).sum(), bytes(columns[0]));
    for part in parts {
        append(&mut whole, part);
    }
    Ok(whole)
}

fn append(whole: &mut LogBatch, part: &LogBatch) {
    let resources = renumber(&mut whole.resources, &part.resources);
    let scopes = renumber(&mut whole.scopes, &part.scopes);
    let texts = renumber(&mut whole.texts, &part.texts);
    let keys = renumber(&mut whole.keys, &part.keys);
    let skeletons = renumber_skeletons(&mut whole.skeletons, &part.skeletons);

    whole.timestamps.extend_from_slice(&part.timestamps);
    whole.observed_timestamps.extend_from_slice(&part.observed_timestamps);
    extend_ids(&mut whole.resource_ids, &part.resource_ids, &resources);
    extend_ids(&mut whole.scope_ids, &part.scope_ids, &scopes);
    whole.severity_numbers.extend_from_slice(&part.severity_numbers);
    extend_ids(&mut whole.severity_texts, &part.severity_texts, &texts);
    whole.bodies.extend(&part.bodies);
    whole.trace_ids.extend_from_slice(&part.trace_ids);
    whole.span_ids.extend_from_slice(&part.span_ids);
    whole.trace_flags.extend_from_slice(&part.trace_flags);
    extend_ids(&mut whole.event_names, &part.event_names, &texts);
    whole.template_ids.extend_from_slice(&part.template_ids);
    extend_ids(&mut whole.skeleton_ids, &part.skeleton_ids, &skeletons);
    extend_map(&mut whole.strings, &part.strings, &keys, Strings::extend);
    extend_map(&mut whole.ints, &part.ints, &keys, |whole, part| whole.extend_from_slice(part));
    extend_map(&mut whole.floats, &part.floats, &keys, |whole, part| whole.extend_from_slice(part));
    extend_map(&mut whole.bools, &part.bools, &keys, |whole, part| whole.extend_from_slice(part));
    extend_map(&mut whole.jsons, &part.jsons, &keys, Strings::extend);

    for &(day, rows) in &part.days {
        match whole.days.iter_mut().find(|(known, _)| *known == day) {
            Some((_, sum)) => *sum += rows,
            None => whole.days.push((day, rows)),
        }
    }
    whole.usage.resize(whole.resources.len(), (0, 0));
    for (id, &(rows, bytes)) in part.usage.iter().enumerate() {
        let sum = &mut whole.usage[resources[id] as usize];
        *sum = (sum.0 + rows, sum.1 + bytes);
    }
}

/// Ids in `whole` of the entries of `part`, taking in the new ones.
fn renumber<const N: usize>(whole: &mut Dictionary<N>, part: &Dictionary<N>) -> Vec<u32> {
    (0..part.len() as u32).map(|id| whole.intern(std::array::from_fn(|index| part.get(id, index)))).collect()
}

fn renumber_skeletons(whole: &mut Skeletons, part: &Skeletons) -> Vec<u32> {
    (0..part.len() as u32).map(|id| whole.adopt(part, id)).collect()
}

fn extend_ids(whole: &mut Vec<u32>, part: &[u32], numbers: &[u32]) {
    whole.extend(part.iter().map(|&id| numbers[id as usize]));
}

fn extend_map<V: Values>(whole: &mut MapColumn<V>, part: &MapColumn<V>, keys: &[u32], values: fn(&mut V, &V)) {
    let start = whole.keys.len() as u32;
    extend_ids(&mut whole.keys, &part.keys, keys);
    values(&mut whole.values, &part.values);
    whole.offsets.extend(part.offsets[1..].iter().map(|offset| start + offset));
}
