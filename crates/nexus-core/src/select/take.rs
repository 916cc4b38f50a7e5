//! Some rows of a batch as a batch of their own.

use crate::batch::{DAY_NS, LogBatch};
use crate::columns::{MapColumn, Strings};
use crate::dictionary::Dictionary;

/// Ids of a dictionary in the new batch, given out as rows need them.
struct Renumbered<'a, const N: usize> {
    from: &'a Dictionary<N>,
    ids: Vec<Option<u32>>,
}

impl<'a, const N: usize> Renumbered<'a, N> {
    fn new(from: &'a Dictionary<N>) -> Self {
        Self { from, ids: vec![None; from.len()] }
    }

    fn id(&mut self, into: &mut Dictionary<N>, id: u32) -> u32 {
        *self.ids[id as usize].get_or_insert_with(|| into.intern(std::array::from_fn(|part| self.from.get(id, part))))
    }
}

impl LogBatch {
    /// The rows that `mask` marks, in order; what the mask does not reach is left out.
    pub fn take(&self, mask: &[bool]) -> LogBatch {
        let rows: Vec<usize> =
            mask.iter().take(self.num_rows()).enumerate().filter(|(_, taken)| **taken).map(|(row, _)| row).collect();
        let mut taken = LogBatch::default();
        taken.texts.intern([b""]);
        taken.reserve(rows.len(), rows.iter().map(|&row| self.bodies.get(row).len()).sum());
        self.take_scalars(&rows, &mut taken);
        self.take_attributes(&rows, &mut taken);
        self.count_usage(&rows, &mut taken);
        taken
    }

    fn take_scalars(&self, rows: &[usize], taken: &mut LogBatch) {
        let mut resources = Renumbered::new(&self.resources);
        let mut scopes = Renumbered::new(&self.scopes);
        let mut texts = Renumbered::new(&self.texts);
        let mut skeletons: Vec<Option<u32>> = vec![None; self.skeletons.len()];
        for &row in rows {
            taken.timestamps.push(self.timestamps[row]);
            taken.observed_timestamps.push(self.observed_timestamps[row]);
            taken.resource_ids.push(resources.id(&mut taken.resources, self.resource_ids[row]));
            taken.scope_ids.push(scopes.id(&mut taken.scopes, self.scope_ids[row]));
            taken.severity_numbers.push(self.severity_numbers[row]);
            taken.severity_texts.push(texts.id(&mut taken.texts, self.severity_texts[row]));
            taken.bodies.push(self.bodies.get(row));
            taken.trace_ids.push(self.trace_ids[row]);
            taken.span_ids.push(self.span_ids[row]);
            taken.trace_flags.push(self.trace_flags[row]);
            taken.event_names.push(texts.id(&mut taken.texts, self.event_names[row]));
            taken.template_ids.push(self.template_ids[row]);
            let skeleton = self.skeleton_ids[row];
            let adopted = &mut skeletons[skeleton as usize];
            let skeleton = *adopted.get_or_insert_with(|| taken.skeletons.adopt(&self.skeletons, skeleton));
            taken.skeleton_ids.push(skeleton);
        }
    }

    fn take_attributes(&self, rows: &[usize], taken: &mut LogBatch) {
        let mut keys = Renumbered::new(&self.keys);
        let mut key = |id| keys.id(&mut taken.keys, id);
        take_strings(&self.strings, rows, &mut taken.strings, &mut key);
        take_values(&self.ints, rows, &mut taken.ints, &mut key);
        take_values(&self.floats, rows, &mut taken.floats, &mut key);
        take_values(&self.bools, rows, &mut taken.bools, &mut key);
        take_strings(&self.jsons, rows, &mut taken.jsons, &mut key);
    }

    /// Days and usage, as the builder counts them.
    fn count_usage(&self, rows: &[usize], taken: &mut LogBatch) {
        taken.usage.resize(taken.resources.len(), (0, 0));
        for (own, &row) in rows.iter().enumerate() {
            let day = (self.timestamps[row] / DAY_NS) as u32;
            match taken.days.iter_mut().rev().find(|(known, _)| *known == day) {
                Some((_, count)) => *count += 1,
                None => taken.days.push((day, 1)),
            }
            let usage = &mut taken.usage[taken.resource_ids[own] as usize];
            usage.0 += 1;
            usage.1 += self.row_bytes(row) as u64;
        }
    }

    /// Bytes of the body, the attribute keys and the attribute values of a row.
    fn row_bytes(&self, row: usize) -> usize {
        let key = |id: u32| self.keys.get(id, 0).len();
        let of_strings = |map: &MapColumn<Strings>| -> usize {
            map.row(row).map(|entry| key(map.keys[entry]) + map.values.get(entry).len()).sum()
        };
        let of_keys = |keys: &[u32], width: usize| -> usize { keys.iter().map(|&id| key(id) + width).sum() };
        self.bodies.get(row).len()
            + of_strings(&self.strings)
            + of_strings(&self.jsons)
            + of_keys(&self.ints.keys[self.ints.row(row)], 8)
            + of_keys(&self.floats.keys[self.floats.row(row)], 8)
            + of_keys(&self.bools.keys[self.bools.row(row)], 1)
    }
}

fn take_strings(
    from: &MapColumn<Strings>,
    rows: &[usize],
    into: &mut MapColumn<Strings>,
    mut key: impl FnMut(u32) -> u32,
) {
    for &row in rows {
        for entry in from.row(row) {
            into.push(key(from.keys[entry]), from.values.get(entry));
        }
        into.end_row();
    }
}

fn take_values<T: Copy>(
    from: &MapColumn<Vec<T>>,
    rows: &[usize],
    into: &mut MapColumn<Vec<T>>,
    mut key: impl FnMut(u32) -> u32,
) {
    for &row in rows {
        for entry in from.row(row) {
            into.push(key(from.keys[entry]), from.values[entry]);
        }
        into.end_row();
    }
}
