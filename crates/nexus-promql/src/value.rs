//! Values of expressions while a query runs: one row per series, one cell per step.

use crate::histogram::samples_of;
use crate::source::{Samples, SeriesLabels};
use nexus_series::STALE_NAN;
use nexus_series::histogram::Histogram;
use std::sync::Arc;

/// A float cell that holds nothing has these bits; a stale marker is never the value of an expression.
pub const NOTHING: f64 = f64::from_bits(STALE_NAN);

/// Does a float cell hold nothing?
#[inline]
pub fn is_nothing(value: f64) -> bool {
    value.to_bits() == STALE_NAN
}

/// A shared histogram; arithmetic makes new ones.
pub type SharedHistogram = Arc<Histogram>;

/// The steps an expression is evaluated at: `start + index * step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// First step, ms.
    pub start: i64,
    /// Distance, ms; 1 or more.
    pub step: i64,
    /// Number of steps.
    pub count: usize,
}

impl Grid {
    /// One step only.
    pub fn instant(time: i64) -> Self {
        Self { start: time, step: 1, count: 1 }
    }

    /// Steps of a range, both ends included.
    pub fn range(start: i64, end: i64, step: i64) -> Self {
        if step <= 0 {
            return Self::instant(start);
        }
        let count = if end < start { 0 } else { ((end - start) / step + 1) as usize };
        Self { start, step, count }
    }

    /// Time of a step, ms.
    #[inline]
    pub fn time(&self, index: usize) -> i64 {
        self.start + self.step * index as i64
    }

    /// Time of the last step, ms.
    #[inline]
    pub fn end(&self) -> i64 {
        self.time(self.count.max(1) - 1)
    }
}

/// What a series has at a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// Nothing.
    #[default]
    Nothing,
    /// A float.
    Float(f64),
    /// A histogram.
    Histogram(SharedHistogram),
}

/// A series of a vector with a cell for every step of the grid.
#[derive(Clone, Debug)]
pub struct Row {
    /// Labels.
    pub labels: SeriesLabels,
    /// The name is to be dropped where the value is used up or answered (delayed name removal).
    pub drop_name: bool,
    /// Floats, one for each step; `NOTHING` where there is none.
    pub floats: Vec<f64>,
    /// Histograms, one for each step; empty when the series has none at all.
    pub histograms: Vec<Option<SharedHistogram>>,
}

impl Row {
    /// A row of nothing.
    pub fn new(labels: SeriesLabels, steps: usize) -> Self {
        Self { labels, drop_name: false, floats: vec![NOTHING; steps], histograms: Vec::new() }
    }

    /// The cell of a step.
    #[inline]
    pub fn cell(&self, step: usize) -> Cell {
        let value = self.floats[step];
        if !is_nothing(value) {
            return Cell::Float(value);
        }
        match self.histograms.get(step) {
            Some(Some(histogram)) => Cell::Histogram(Arc::clone(histogram)),
            _ => Cell::Nothing,
        }
    }

    /// The histogram of a step.
    #[inline]
    pub fn histogram(&self, step: usize) -> Option<&SharedHistogram> {
        self.histograms.get(step).and_then(Option::as_ref)
    }

    /// Is there something at a step?
    #[inline]
    pub fn has(&self, step: usize) -> bool {
        !is_nothing(self.floats[step]) || self.histogram(step).is_some()
    }

    /// The first step at which there is something; the number of steps when there is none.
    pub fn first(&self) -> usize {
        (0..self.floats.len()).find(|&step| self.has(step)).unwrap_or(self.floats.len())
    }

    /// Sets the cell of a step.
    pub fn set(&mut self, step: usize, cell: Cell) {
        let (float, histogram) = match cell {
            Cell::Nothing => (NOTHING, None),
            Cell::Float(value) => (value, None),
            Cell::Histogram(histogram) => (NOTHING, Some(histogram)),
        };
        self.floats[step] = float;
        if histogram.is_some() && self.histograms.is_empty() {
            self.histograms = vec![None; self.floats.len()];
        }
        if let Some(slot) = self.histograms.get_mut(step) {
            *slot = histogram;
        }
    }

    /// Is there nothing at any step?
    pub fn is_empty(&self) -> bool {
        self.floats.iter().all(|&value| is_nothing(value)) && self.histograms.iter().all(Option::is_none)
    }

    /// What the row counts for against the limit of samples: its samples, or a part of its cells where most hold nothing.
    pub fn weight(&self) -> usize {
        self.num_samples().max(self.floats.len() / 4)
    }

    /// Samples in it; a histogram counts for as many as it is large.
    pub fn num_samples(&self) -> usize {
        self.floats.iter().filter(|&&value| !is_nothing(value)).count()
            + self.histograms.iter().flatten().map(|one| samples_of(one)).sum::<usize>()
    }
}

/// A series of a range vector, with times of its own.
#[derive(Clone, Debug)]
pub struct Points {
    /// Labels.
    pub labels: SeriesLabels,
    /// See `Row`.
    pub drop_name: bool,
    /// Samples in time order, without stale markers.
    pub samples: Samples,
}

/// The value of an expression over a grid.
#[derive(Clone, Debug)]
pub enum Value {
    /// A number for each step.
    Scalar(Vec<f64>),
    /// A text.
    String(String),
    /// Series; the order matters only where a function sorted them.
    Vector(Vec<Row>),
    /// A range vector, only as the answer of an instant query.
    Matrix(Vec<Points>),
}
