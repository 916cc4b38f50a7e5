//! Functions on range vectors over floats: of one window, and sliding over a whole series.

pub mod counters;
pub mod extended;
pub mod lanes;
pub mod ranks;
pub mod regression;
pub mod sliding;
pub mod statistics;

use crate::plan::Extension;
use crate::window::{RangeFunction, Window};

/// Sum that keeps what rounding loses (Neumaier); infinities stay what they are.
#[inline]
pub fn compensated(value: f64, sum: f64, lost: f64) -> (f64, f64) {
    let total = sum + value;
    if total.is_infinite() {
        (total, 0.0)
    } else if sum.abs() >= value.abs() {
        (total, lost + ((sum - total) + value))
    } else {
        (total, lost + ((value - total) + sum))
    }
}

/// A function on the floats of one window; none: no answer at this step. Histograms of the window are not looked at.
pub fn float(function: RangeFunction, extension: Extension, window: &Window) -> Option<f64> {
    use RangeFunction as F;
    let (times, values) = (window.timestamps, window.values);
    if values.is_empty() {
        return None;
    }
    if extension != Extension::None {
        return extended::float(function, extension, window);
    }
    let last = values.len() - 1;
    let parameter = |index: usize| window.parameters.get(index).copied().unwrap_or(f64::NAN);
    Some(match function {
        F::Rate | F::Increase | F::Delta => return counters::extrapolated(function, window),
        F::Irate | F::Idelta => return counters::instant(function == F::Irate, times, values, window.starts),
        F::Resets => counters::resets(times, values, window.starts) as f64,
        F::Changes => counters::changes(values) as f64,
        F::Deriv => return regression::deriv(times, values),
        F::PredictLinear => return regression::predict(times, values, window.time, parameter(0)),
        F::DoubleExponential => return regression::double_exponential(values, parameter(0), parameter(1)),
        F::Avg => statistics::average(values),
        F::Sum => statistics::sum(values),
        F::Count => values.len() as f64,
        F::Min => statistics::extreme(values, |one, best| one < best),
        F::Max => statistics::extreme(values, |one, best| one > best),
        F::First => values[0],
        F::Last => values[last],
        F::Present | F::Absent => 1.0,
        F::Quantile => statistics::quantile(parameter(0), &mut values.to_vec()),
        F::Stddev => statistics::variance(values).sqrt(),
        F::Stdvar => statistics::variance(values),
        F::Mad => statistics::median_deviation(values),
        F::TimeOfFirst => times[0] as f64 / 1000.0,
        F::TimeOfLast => times[last] as f64 / 1000.0,
        F::TimeOfMin => statistics::time_of(times, values, |one, best| one <= best),
        F::TimeOfMax => statistics::time_of(times, values, |one, best| one >= best),
    })
}
