//! What an aggregation keeps of a group while rows are folded into it, step by step.

use crate::annotations::quoted;
use crate::control::Fault;
use crate::kernels::compensated;
use crate::kernels::statistics::Mean;
use crate::value::{NOTHING, is_nothing};

/// Aggregations that need no more than a few numbers per group and step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `count`
    Count,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `group`
    Group,
    /// `stddev`
    Stddev,
    /// `stdvar`
    Stdvar,
}

impl Kind {
    /// The aggregation of a name.
    pub fn of(op: &str) -> Result<Self, Fault> {
        Ok(match op {
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "count" => Self::Count,
            "min" => Self::Min,
            "max" => Self::Max,
            "group" => Self::Group,
            "stddev" => Self::Stddev,
            "stdvar" => Self::Stdvar,
            other => return Err(Fault::Execution(format!("unknown aggregation {}", quoted(other)))),
        })
    }

    /// The name.
    pub fn text(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
        }
    }
}

/// Mean and squared deviations (Welford).
#[derive(Clone, Copy, Default)]
pub struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.mean = value;
            self.squares = if value.is_finite() { 0.0 } else { f64::NAN };
            return;
        }
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn merge(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = *other;
            return;
        }
        let (count, delta) = (self.count + other.count, other.mean - self.mean);
        self.mean += delta * other.count / count;
        self.squares += other.squares + delta * delta * self.count * other.count / count;
        self.count = count;
    }
}

/// What a group has seen so far, for each step.
pub enum Columns {
    /// Sum (`NOTHING` at first) and what rounding lost.
    Sum(Vec<f64>, Vec<f64>),
    /// Means.
    Mean(Vec<Mean>),
    /// Numbers of samples.
    Count(Vec<f64>),
    /// Least or greatest values, `NOTHING` at first.
    Extreme(Vec<f64>),
    /// Means and squared deviations.
    Spread(Vec<Spread>),
}

/// A group being folded.
pub struct Folded {
    /// What it has seen.
    pub columns: Columns,
    /// One of its rows is to lose its name.
    pub drop_name: bool,
}

impl Folded {
    /// An empty group.
    pub fn new(kind: Kind, steps: usize) -> Self {
        let columns = match kind {
            Kind::Sum => Columns::Sum(vec![NOTHING; steps], vec![0.0; steps]),
            Kind::Avg => Columns::Mean(vec![Mean::default(); steps]),
            Kind::Count | Kind::Group => Columns::Count(vec![0.0; steps]),
            Kind::Min | Kind::Max => Columns::Extreme(vec![NOTHING; steps]),
            Kind::Stddev | Kind::Stdvar => Columns::Spread(vec![Spread::default(); steps]),
        };
        Self { columns, drop_name: false }
    }

    /// Folds a row's floats in.
    pub fn add(&mut self, kind: Kind, values: &[f64]) {
        match &mut self.columns {
            Columns::Sum(sums, losses) => {
                for ((sum, lost), &value) in sums.iter_mut().zip(losses).zip(values) {
                    if !is_nothing(value) {
                        (*sum, *lost) = if is_nothing(*sum) { (value, 0.0) } else { compensated(value, *sum, *lost) };
                    }
                }
            }
            Columns::Mean(means) => each(means, values, Mean::add),
            Columns::Count(counts) => each(counts, values, |count, _| *count += 1.0),
            Columns::Extreme(bests) => each(bests, values, |best, value| better(kind, best, value)),
            Columns::Spread(spreads) => each(spreads, values, Spread::add),
        }
    }

    /// Adds what another part of the group has seen, after what this one has.
    pub fn merge(&mut self, kind: Kind, other: Self) {
        self.drop_name |= other.drop_name;
        match (&mut self.columns, other.columns) {
            (Columns::Sum(sums, losses), Columns::Sum(more, lost_more)) => {
                for (((sum, lost), more), lost_more) in sums.iter_mut().zip(losses).zip(more).zip(lost_more) {
                    if is_nothing(*sum) {
                        (*sum, *lost) = (more, lost_more);
                    } else if !is_nothing(more) {
                        let kept = *lost + lost_more;
                        (*sum, *lost) = compensated(more, *sum, kept);
                    }
                }
            }
            (Columns::Mean(means), Columns::Mean(more)) => {
                means.iter_mut().zip(&more).for_each(|(mean, more)| mean.merge(more));
            }
            (Columns::Count(counts), Columns::Count(more)) => {
                counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
            }
            (Columns::Extreme(bests), Columns::Extreme(more)) => {
                each(bests, &more, |best, value| better(kind, best, value));
            }
            (Columns::Spread(spreads), Columns::Spread(more)) => {
                spreads.iter_mut().zip(&more).for_each(|(spread, more)| spread.merge(more));
            }
            _ => unreachable!("parts of one aggregation have the same columns"),
        }
    }

    /// The answers of all steps.
    pub fn finish(self, kind: Kind) -> Vec<f64> {
        let some = |there: bool, value: f64| if there { value } else { NOTHING };
        match self.columns {
            Columns::Sum(mut sums, losses) => {
                for (sum, lost) in sums.iter_mut().zip(losses) {
                    if !is_nothing(*sum) {
                        *sum += lost;
                    }
                }
                sums
            }
            Columns::Mean(means) => means.iter().map(|mean| some(mean.count > 0.0, mean.value())).collect(),
            Columns::Count(counts) => {
                let value = |count| if kind == Kind::Group { 1.0 } else { count };
                counts.iter().map(|&count| some(count > 0.0, value(count))).collect()
            }
            Columns::Extreme(bests) => bests,
            Columns::Spread(spreads) => {
                let root = |value: f64| if kind == Kind::Stddev { value.sqrt() } else { value };
                spreads.iter().map(|one| some(one.count > 0.0, root(one.squares / one.count))).collect()
            }
        }
    }
}

/// Calls `fold` for every cell that holds a float.
#[inline]
fn each<T>(columns: &mut [T], values: &[f64], mut fold: impl FnMut(&mut T, f64)) {
    for (column, &value) in columns.iter_mut().zip(values) {
        if !is_nothing(value) {
            fold(column, value);
        }
    }
}

#[inline]
fn better(kind: Kind, best: &mut f64, value: f64) {
    let wins = if kind == Kind::Max { *best < value } else { *best > value };
    if wins || best.is_nan() {
        *best = value;
    }
}
