//! Where the evaluator gets series from. The store implements it; tests have one in memory.

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
}
