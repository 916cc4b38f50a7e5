//! The samples of a selection, in the order of labels, in the encodings of other systems, piece by piece.

use super::View;
use crate::export::{Encoding, finish, write_series};
use nexus_promql::source::{Samples, SourceFault};

/// See the module text.
pub struct Reading {
    /// What it reads: one selector.
    pub view: View,
    encoding: Encoding,
    next: usize,
    finished: bool,
    /// Samples read so far.
    pub samples: u64,
}

impl Reading {
    /// Of a view.
    pub fn new(view: View, encoding: Encoding) -> Self {
        Self { view, encoding, next: 0, finished: false, samples: 0 }
    }

    /// The next piece: whole series, as many as reach `bytes`. None at the end.
    pub fn next(&mut self, bytes: usize) -> Result<Option<Vec<u8>>, SourceFault> {
        let (mut out, mut samples) = (Vec::new(), Samples::default());
        let (from, to) = self.view.window(0);
        while self.next < self.view.labels(0).len() && out.len() < bytes.max(1) {
            self.view.read_selected(0, self.next, from, to, &mut samples)?;
            self.samples += (samples.values.len() + samples.histograms.len()) as u64;
            let texts = self.view.texts();
            let labels = &self.view.labels(0)[self.next];
            let labels: Vec<(&str, &str)> =
                labels.iter().map(|&(name, value)| (texts.text(name), texts.text(value))).collect();
            write_series(self.encoding, &labels, &samples, &mut out);
            self.next += 1;
        }
        if out.is_empty() && !self.finished {
            self.finished = true;
            finish(self.encoding, &mut out);
        }
        Ok((!out.is_empty()).then_some(out))
    }
}
