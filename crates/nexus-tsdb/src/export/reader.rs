//! Reads the series of a view one after the other, by labels, and writes them in pieces.

use super::{Encoding, finish, write_series};
use crate::view::View;
use nexus_promql::source::{Samples, Source, SourceFault};

/// A piece is at most that much, and a series.
const PIECE: usize = 1 << 20;

/// See the module text.
pub struct Reader {
    view: View,
    encoding: Encoding,
    /// (selector, series) in the order of labels.
    order: Vec<(usize, usize)>,
    at: usize,
    finished: bool,
    samples: Samples,
}

impl Reader {
    /// Of a view that was fed all it needs; a series that several selectors find comes once.
    pub fn new(view: View, encoding: Encoding) -> Self {
        let mut order: Vec<(usize, usize)> = (0..view.num_selectors())
            .flat_map(|selector| (0..view.labels(selector).len()).map(move |series| (selector, series)))
            .collect();
        let texts = view.texts();
        let text = |&(selector, series): &(usize, usize)| {
            view.labels(selector)[series].iter().map(|&(name, value)| (texts.text(name), texts.text(value)))
        };
        order.sort_by(|a, b| text(a).cmp(text(b)).then(view.number(a.0, a.1).cmp(&view.number(b.0, b.1))));
        order.dedup_by_key(|one| view.number(one.0, one.1));
        Self { view, encoding, order, at: 0, finished: false, samples: Samples::default() }
    }

    /// The next piece; None after the last.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, SourceFault> {
        let mut out = Vec::new();
        while out.len() < PIECE
            && let Some(&(selector, series)) = self.order.get(self.at)
        {
            self.at += 1;
            let (from, to) = self.view.window(selector);
            self.view.read(selector, series, from, to, &mut self.samples)?;
            let texts = self.view.texts();
            let labels: Vec<(&str, &str)> = self.view.labels(selector)[series]
                .iter()
                .map(|&(name, value)| (texts.text(name), texts.text(value)))
                .collect();
            write_series(self.encoding, &labels, &self.samples, &mut out);
        }
        if self.at == self.order.len() && !self.finished {
            self.finished = true;
            finish(self.encoding, &mut out);
        }
        Ok(if out.is_empty() { None } else { Some(out) })
    }
}
