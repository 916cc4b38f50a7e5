//! Some rows of a batch as a batch of their own.

use crate::batch::LogBatch;
use crate::dictionary::Renumbered;

impl LogBatch {
    /// The rows that `mask` marks, in order; what the mask does not reach is left out.
    #[must_use]
    pub fn take(&self, mask: &[bool]) -> LogBatch {
        let rows = marked(mask, self.num_rows());
        let mut taken = LogBatch::default();
        taken.texts.intern([b""]);
        taken.reserve(rows.len(), rows.iter().map(|&row| self.bodies.get(row).len()).sum());
        self.take_scalars(&rows, &mut taken);
        taken.attributes = self.attributes.take(&rows);
        taken.origins = self
            .origins
            .take(&rows, |row| (self.timestamps[row], self.bodies.get(row).len() + self.attributes.row_bytes(row)));
        taken
    }

    fn take_scalars(&self, rows: &[usize], taken: &mut LogBatch) {
        let mut texts = Renumbered::new(&self.texts);
        let mut skeletons: Vec<Option<u32>> = vec![None; self.skeletons.len()];
        for &row in rows {
            taken.timestamps.push(self.timestamps[row]);
            taken.observed_timestamps.push(self.observed_timestamps[row]);
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
}

/// Rows that a mask marks, of so many.
pub(crate) fn marked(mask: &[bool], rows: usize) -> Vec<usize> {
    mask.iter().take(rows).enumerate().filter(|(_, taken)| **taken).map(|(row, _)| row).collect()
}
