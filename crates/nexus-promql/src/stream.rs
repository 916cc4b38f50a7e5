//! Rows that are made one at a time and used up at once, in parallel: what makes `sum(rate(x[5m]))` need no memory for all
//! the rates.

use crate::control::Fault;
use crate::evaluate::Evaluator;
use crate::selector::{Leaf, Scratch};
use crate::value::Row;
use rayon::prelude::*;

/// A change of a row in place: functions and operators that look at one cell at a time.
pub type Stage<'e> = Box<dyn Fn(&mut Row) + Send + Sync + 'e>;

/// Rows to come.
pub enum Stream<'e> {
    /// Of a leaf, with stages applied one after the other.
    Live(Leaf, Vec<Stage<'e>>),
    /// Rows that are there.
    Rows(Vec<Row>),
    /// Rows that are there, to be worked on one after the other.
    InOrder(Vec<Row>),
}

/// Series are worked on in at most so many parts; the parts do not depend on the number of threads, nor do sums, then.
const PARTS: usize = 64;
/// Cells that are worked on in order where the order matters.
const FEW: usize = 1 << 20;
/// Smallest part.
const SMALLEST: usize = 8;

impl Stream<'_> {
    /// Number of rows, empty ones included.
    pub fn len(&self, evaluator: &Evaluator) -> usize {
        match self {
            Self::Live(leaf, _) => leaf.len(evaluator),
            Self::Rows(rows) | Self::InOrder(rows) => rows.len(),
        }
    }

    /// Calls `each` with the number of every row and the row, if it is not empty; returns what the parts made, in order.
    pub fn fold<A: Send>(
        &self,
        evaluator: &Evaluator,
        make: impl Fn() -> A + Sync,
        each: impl Fn(&mut A, usize, &Row) -> Result<(), Fault> + Sync,
    ) -> Result<Vec<A>, Fault> {
        self.parts(evaluator, |range| {
            let mut made = make();
            match self {
                Self::Rows(rows) | Self::InOrder(rows) => {
                    for index in range {
                        each(&mut made, index, &rows[index])?;
                    }
                }
                Self::Live(leaf, stages) => {
                    let mut scratch = Scratch::default();
                    let mut row = Row::new([].into(), leaf.grid.count);
                    for index in range {
                        check(evaluator, index)?;
                        leaf.fill(evaluator, index, &mut scratch, &mut row)?;
                        evaluator.note_range(leaf, &row);
                        for stage in stages {
                            stage(&mut row);
                        }
                        if !row.is_empty() {
                            each(&mut made, index, &row)?;
                        }
                    }
                    evaluator.budget.count(scratch.seen, scratch.read);
                }
            }
            Ok(made)
        })
    }

    /// The same rows, one after the other, where there are so few that it does not take long: what depends on the order of
    /// rows (ties, rounding) is then as in Prometheus.
    pub fn in_order(self, evaluator: &Evaluator, steps: usize) -> Result<Self, Fault> {
        if self.len(evaluator) * steps > FEW {
            return Ok(self);
        }
        Ok(Self::InOrder(self.collect(evaluator)?))
    }

    /// The rows, if they are there.
    pub fn present(&self) -> &[Row] {
        match self {
            Self::Rows(rows) | Self::InOrder(rows) => rows,
            Self::Live(..) => &[],
        }
    }

    /// All rows that are not empty.
    pub fn collect(self, evaluator: &Evaluator) -> Result<Vec<Row>, Fault> {
        if let Self::Rows(rows) | Self::InOrder(rows) = self {
            return Ok(rows);
        }
        let parts = self.parts(evaluator, |range| {
            let Self::Live(leaf, stages) = &self else { return Ok(Vec::new()) };
            let mut scratch = Scratch::default();
            let mut rows = Vec::new();
            let mut row = Row::new([].into(), leaf.grid.count);
            let mut held = 0;
            for index in range {
                check(evaluator, index)?;
                leaf.fill(evaluator, index, &mut scratch, &mut row)?;
                evaluator.note_range(leaf, &row);
                for stage in stages {
                    stage(&mut row);
                }
                if !row.is_empty() {
                    held += row.weight();
                    rows.push(std::mem::replace(&mut row, Row::new([].into(), leaf.grid.count)));
                    if held > 65536 {
                        evaluator.budget.hold(held)?;
                        held = 0;
                    }
                }
            }
            evaluator.budget.hold(held)?;
            evaluator.budget.count(scratch.seen, scratch.read);
            Ok(rows)
        })?;
        Ok(parts.into_iter().flatten().collect())
    }

    fn parts<A: Send>(
        &self,
        evaluator: &Evaluator,
        work: impl Fn(std::ops::Range<usize>) -> Result<A, Fault> + Sync,
    ) -> Result<Vec<A>, Fault> {
        let count = self.len(evaluator);
        let size = count.div_ceil(PARTS).max(SMALLEST);
        if count <= size || matches!(self, Self::InOrder(_)) {
            return Ok(vec![work(0..count)?]);
        }
        (0..count.div_ceil(size))
            .into_par_iter()
            .map(|part| work(part * size..((part + 1) * size).min(count)))
            .collect()
    }
}

/// Looks at the deadline, but not for every series: asking for the time costs as much as a short series.
fn check(evaluator: &Evaluator, index: usize) -> Result<(), Fault> {
    if index.is_multiple_of(16) { evaluator.control.check() } else { Ok(()) }
}
