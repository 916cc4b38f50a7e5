//! Several batches of one tenant as one, so that one sorted block goes to the store instead of many.

use crate::batch::LogBatch;
use crate::limits::MAX_COLUMN_BYTES;
use crate::rows::Rows;
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
    let columns: [fn(&LogBatch) -> usize; 3] =
        [|part| part.bodies.data().len(), |part| part.texts.num_bytes(), |part| part.skeletons.num_bytes()];
    let bodies = check_sizes(parts, &columns)?;
    let mut whole = LogBatch::default();
    whole.texts.intern([b""]);
    whole.reserve(parts.iter().map(|part| part.num_rows()).sum(), bodies);
    for part in parts {
        append(&mut whole, part);
    }
    Ok(whole)
}

/// Refuse batches that would have too much in one column, of these or of those that all batches have. Returns the bytes of
/// the first column.
pub(crate) fn check_sizes<B: Rows>(parts: &[&B], columns: &[fn(&B) -> usize]) -> Result<usize, TooMuch> {
    let common: [fn(&B) -> usize; 5] = [
        |part| part.attributes().strings.values.data().len(),
        |part| part.attributes().jsons.values.data().len(),
        |part| part.attributes().keys.num_bytes(),
        |part| part.attributes().num_entries(),
        |part| part.origins().dictionary_bytes(),
    ];
    let bytes = |size: &fn(&B) -> usize| parts.iter().map(|part| size(part)).sum::<usize>();
    if columns.iter().chain(&common).any(|size| bytes(size) > MAX_COLUMN_BYTES) {
        return Err(TooMuch);
    }
    Ok(columns.first().map_or(0, bytes))
}

fn append(whole: &mut LogBatch, part: &LogBatch) {
    let texts = whole.texts.absorb(&part.texts);
    let skeletons = renumber_skeletons(&mut whole.skeletons, &part.skeletons);

    whole.origins.append(&part.origins);
    whole.attributes.append(&part.attributes);
    whole.timestamps.extend_from_slice(&part.timestamps);
    whole.observed_timestamps.extend_from_slice(&part.observed_timestamps);
    whole.severity_numbers.extend_from_slice(&part.severity_numbers);
    extend_ids(&mut whole.severity_texts, &part.severity_texts, &texts);
    whole.bodies.extend(&part.bodies);
    whole.trace_ids.extend_from_slice(&part.trace_ids);
    whole.span_ids.extend_from_slice(&part.span_ids);
    whole.trace_flags.extend_from_slice(&part.trace_flags);
    extend_ids(&mut whole.event_names, &part.event_names, &texts);
    whole.template_ids.extend_from_slice(&part.template_ids);
    extend_ids(&mut whole.skeleton_ids, &part.skeleton_ids, &skeletons);
}

fn renumber_skeletons(whole: &mut Skeletons, part: &Skeletons) -> Vec<u32> {
    (0..part.len() as u32).map(|id| whole.adopt(part, id)).collect()
}

/// Append ids that have these numbers in the whole.
pub(crate) fn extend_ids(whole: &mut Vec<u32>, part: &[u32], numbers: &[u32]) {
    whole.extend(part.iter().map(|&id| numbers[id as usize]));
}
