//! Functions on range vectors: which there are, and the window one of them sees.

use crate::annotations::{Notes, Position};
use crate::value::SharedHistogram;

/// Functions on range vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeFunction {
    /// `rate`
    Rate,
    /// `increase`
    Increase,
    /// `delta`
    Delta,
    /// `irate`
    Irate,
    /// `idelta`
    Idelta,
    /// `resets`
    Resets,
    /// `changes`
    Changes,
    /// `deriv`
    Deriv,
    /// `predict_linear`
    PredictLinear,
    /// `avg_over_time`
    Avg,
    /// `sum_over_time`
    Sum,
    /// `count_over_time`
    Count,
    /// `min_over_time`
    Min,
    /// `max_over_time`
    Max,
    /// `first_over_time`
    First,
    /// `last_over_time`
    Last,
    /// `present_over_time`
    Present,
    /// `absent_over_time`, as far as single series go: 1 where there is a sample.
    Absent,
    /// `quantile_over_time`
    Quantile,
    /// `stddev_over_time`
    Stddev,
    /// `stdvar_over_time`
    Stdvar,
    /// `mad_over_time`
    Mad,
    /// `ts_of_first_over_time`
    TimeOfFirst,
    /// `ts_of_last_over_time`
    TimeOfLast,
    /// `ts_of_min_over_time`
    TimeOfMin,
    /// `ts_of_max_over_time`
    TimeOfMax,
    /// `double_exponential_smoothing`
    DoubleExponential,
}

/// The samples of a series in `(start, end]`, without stale markers. With `anchored` or `smoothed` selectors, the samples
/// reach one lookback further at the ends that these modifiers extend.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Times of floats, ms.
    pub timestamps: &'a [i64],
    /// Floats.
    pub values: &'a [f64],
    /// Start times of floats, as far as they go; 0 and what is missing: not said.
    pub starts: &'a [i64],
    /// Histograms.
    pub histograms: &'a [(i64, SharedHistogram)],
    /// Start times of histograms, in the same way.
    pub histogram_starts: &'a [i64],
    /// Start of the window, excluded, ms: the step's time less offset and range.
    pub start: i64,
    /// End of the window, included, ms.
    pub end: i64,
    /// The step's time (without offset), ms.
    pub time: i64,
    /// Scalar parameters of the function at this step.
    pub parameters: &'a [f64],
}

/// Where a function on range vectors writes what it notes.
#[derive(Clone, Copy)]
pub struct Annotator<'a> {
    /// Notes of the query.
    pub notes: &'a Notes,
    /// Place of the range vector.
    pub position: Position,
    /// Name of the metric, "" without.
    pub metric: &'a str,
}
