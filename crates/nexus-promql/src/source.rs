//! Where the evaluator gets series from. The store implements it; tests have one in memory.

use crate::annotations::Position;
use crate::rolled::Rolled;
use nexus_series::histogram::Histogram;
use nexus_series::starts::StartTimes;
use nexus_series::symbols::{Label, SymbolTable};
use std::sync::Arc;

/// Labels of a series: symbols of the source's table, in ascending order of the names' texts.
pub type SeriesLabels = Arc<[Label]>;

/// Samples of one series in time order, each timestamp once among floats and histograms together. Stale markers are floats
/// with the bits `STALE_NAN`.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Times of floats, ms.
    pub timestamps: Vec<i64>,
    /// Floats.
    pub values: Vec<f64>,
    /// Start times of floats.
    pub starts: StartTimes,
    /// Histograms.
    pub histograms: Vec<(i64, Arc<Histogram>)>,
    /// Start times of histograms.
    pub histogram_starts: StartTimes,
}

impl Samples {
    /// Forgets the samples, keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
        self.starts.clear();
        self.histograms.clear();
        self.histogram_starts.clear();
    }
}

/// What a source could not do, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFault(pub String);

/// Series by selector of the program. Called from several threads at once.
pub trait Source: Sync {
    /// The table of all symbols in `series`.
    fn symbols(&self) -> &SymbolTable;

    /// The series that a selector (by its number in the program) finds, each once, in any order that is always the same.
    fn series(&self, selector: usize) -> &[SeriesLabels];

    /// Puts the samples of a series (its number in `series`) with `from <= time <= to` into `into`, which is cleared first.
    fn read(&self, selector: usize, series: usize, from: i64, to: i64, into: &mut Samples) -> Result<(), SourceFault>;

    /// The length of windows (ms) that are to be read instead of a series' samples: one that the selector's use allows.
    fn rolled(&self, _selector: usize, _series: usize) -> Option<i64> {
        None
    }

    /// Puts the columns (bits) of a series' windows with `from < end <= to` into `into`, which is cleared first. Only where
    /// `rolled` names a length; `from` and `to` are multiples of it.
    fn read_rolled(
        &self,
        _selector: usize,
        _series: usize,
        _columns: u16,
        (_from, _to): (i64, i64),
        _into: &mut Rolled,
    ) -> Result<(), SourceFault> {
        Err(SourceFault("there are no rollups".into()))
    }

    /// What is to be known about where the samples came from.
    fn notes(&self) -> Vec<SourceNote> {
        Vec::new()
    }
}

/// A sentence about a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceNote {
    /// Place of the selector.
    pub position: Position,
    /// A warning: something is not in the answer. Else it is an info.
    pub warning: bool,
    /// The sentence.
    pub text: String,
}
