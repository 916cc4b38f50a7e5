//! Functions by name: which kind each is, and the code of those that work on whole vectors.

pub mod absent;
pub mod info;
pub mod labels;
pub mod maps;
pub mod scalars;
pub mod sorting;

use crate::annotations::{Notes, Position};
use crate::control::{Budget, Control, Fault};
use crate::histogram;
use crate::labels::Names;
use crate::plan::Extension;
use crate::value::{Grid, Row, Value};
use crate::window::RangeFunction;

/// What a function on vectors, scalars and texts gets. `arguments` are values over the grid; it may take them.
pub struct Call<'a> {
    /// Texts of labels.
    pub names: &'a Names<'a>,
    /// Steps.
    pub grid: Grid,
    /// Where it writes warnings and infos.
    pub notes: &'a Notes,
    /// Deadline and cancellation.
    pub control: &'a Control,
    /// Samples in memory.
    pub budget: &'a Budget,
    /// Place of the call.
    pub position: Position,
    /// Places of the arguments.
    pub positions: Vec<Position>,
    /// Are there several steps, or could there be if the range were a little longer?
    pub ranged: bool,
    /// Arguments.
    pub arguments: Vec<Value>,
}

impl Call<'_> {
    /// Takes an argument that is a vector.
    pub fn vector(&mut self, index: usize) -> Vec<Row> {
        match self.arguments.get_mut(index) {
            Some(Value::Vector(rows)) => std::mem::take(rows),
            _ => Vec::new(),
        }
    }

    /// Takes an argument that is a scalar: one number for each step.
    pub fn scalar(&mut self, index: usize) -> Option<Vec<f64>> {
        match self.arguments.get_mut(index) {
            Some(Value::Scalar(values)) => Some(std::mem::take(values)),
            _ => None,
        }
    }

    /// An argument that is a text.
    pub fn text(&self, index: usize) -> &str {
        match self.arguments.get(index) {
            Some(Value::String(text)) => text,
            _ => "",
        }
    }
}

/// A function on whole vectors.
pub type VectorFunction = fn(&mut Call) -> Result<Value, Fault>;

/// What a name stands for.
#[derive(Clone, Copy)]
pub enum Function {
    /// On the windows of a range vector, series by series.
    Range(RangeFunction),
    /// On floats one by one; histograms are left out.
    Map(maps::Map),
    /// On whole values.
    Vector(VectorFunction),
}

/// The function of a name. `absent`, `absent_over_time` (as such), `info` and `timestamp` of a selector are known to
/// `evaluate` alone.
pub fn lookup(name: &str) -> Option<Function> {
    use RangeFunction as R;
    Some(match name {
        "rate" => Function::Range(R::Rate),
        "increase" => Function::Range(R::Increase),
        "delta" => Function::Range(R::Delta),
        "irate" => Function::Range(R::Irate),
        "idelta" => Function::Range(R::Idelta),
        "resets" => Function::Range(R::Resets),
        "changes" => Function::Range(R::Changes),
        "deriv" => Function::Range(R::Deriv),
        "predict_linear" => Function::Range(R::PredictLinear),
        "avg_over_time" => Function::Range(R::Avg),
        "sum_over_time" => Function::Range(R::Sum),
        "count_over_time" => Function::Range(R::Count),
        "min_over_time" => Function::Range(R::Min),
        "max_over_time" => Function::Range(R::Max),
        "first_over_time" => Function::Range(R::First),
        "last_over_time" => Function::Range(R::Last),
        "present_over_time" => Function::Range(R::Present),
        "absent_over_time" => Function::Range(R::Absent),
        "quantile_over_time" => Function::Range(R::Quantile),
        "stddev_over_time" => Function::Range(R::Stddev),
        "stdvar_over_time" => Function::Range(R::Stdvar),
        "mad_over_time" => Function::Range(R::Mad),
        "ts_of_first_over_time" => Function::Range(R::TimeOfFirst),
        "ts_of_last_over_time" => Function::Range(R::TimeOfLast),
        "ts_of_min_over_time" => Function::Range(R::TimeOfMin),
        "ts_of_max_over_time" => Function::Range(R::TimeOfMax),
        "double_exponential_smoothing" => Function::Range(R::DoubleExponential),
        "time" => Function::Vector(scalars::time),
        "pi" => Function::Vector(scalars::pi),
        "scalar" => Function::Vector(scalars::scalar),
        "vector" => Function::Vector(scalars::vector),
        "min_of" => Function::Vector(scalars::min_of),
        "max_of" => Function::Vector(scalars::max_of),
        "timestamp" => Function::Vector(scalars::timestamp),
        "start_timestamp" => Function::Vector(scalars::start_timestamp),
        "sort" => Function::Vector(sorting::sort),
        "sort_desc" => Function::Vector(sorting::sort_desc),
        "sort_by_label" => Function::Vector(sorting::sort_by_label),
        "sort_by_label_desc" => Function::Vector(sorting::sort_by_label_desc),
        "label_replace" => Function::Vector(labels::label_replace),
        "label_join" => Function::Vector(labels::label_join),
        name => {
            return maps::lookup(name)
                .map(Function::Map)
                .or_else(|| histogram::functions::lookup(name).map(Function::Vector));
        }
    })
}

/// May a function be used on a selector with extended ends? The fault says with which it may.
pub fn extension_allowed(function: RangeFunction, extension: Extension) -> Result<(), String> {
    use RangeFunction as R;
    let rates = matches!(function, R::Rate | R::Increase | R::Delta);
    match extension {
        Extension::Smoothed if !rates => Err(format!(
            "smoothed modifier can only be used with: delta, increase, rate - not with {}",
            name_of(function)
        )),
        Extension::Anchored if !rates && !matches!(function, R::Resets | R::Changes) => Err(format!(
            "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with {}",
            name_of(function)
        )),
        _ => Ok(()),
    }
}

fn name_of(function: RangeFunction) -> &'static str {
    use RangeFunction as R;
    match function {
        R::Rate => "rate",
        R::Increase => "increase",
        R::Delta => "delta",
        R::Irate => "irate",
        R::Idelta => "idelta",
        R::Resets => "resets",
        R::Changes => "changes",
        R::Deriv => "deriv",
        R::PredictLinear => "predict_linear",
        R::Avg => "avg_over_time",
        R::Sum => "sum_over_time",
        R::Count => "count_over_time",
        R::Min => "min_over_time",
        R::Max => "max_over_time",
        R::First => "first_over_time",
        R::Last => "last_over_time",
        R::Present => "present_over_time",
        R::Absent => "absent_over_time",
        R::Quantile => "quantile_over_time",
        R::Stddev => "stddev_over_time",
        R::Stdvar => "stdvar_over_time",
        R::Mad => "mad_over_time",
        R::TimeOfFirst => "ts_of_first_over_time",
        R::TimeOfLast => "ts_of_last_over_time",
        R::TimeOfMin => "ts_of_min_over_time",
        R::TimeOfMax => "ts_of_max_over_time",
        R::DoubleExponential => "double_exponential_smoothing",
    }
}

/// Why parameters are no good, if they are not.
pub fn invalid_parameters(function: RangeFunction, parameters: &[Vec<f64>]) -> Option<String> {
    if function != RangeFunction::DoubleExponential {
        return None;
    }
    let wrong = |value: &&f64| **value <= 0.0 || **value >= 1.0;
    [("smoothing factor", "sf"), ("trend factor", "tf")].iter().zip(parameters).find_map(|((what, short), values)| {
        let value = values.iter().find(wrong)?;
        Some(format!("invalid {what}. Expected: 0 < {short} < 1, got: {value:.6}"))
    })
}
