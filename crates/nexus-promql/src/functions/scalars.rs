//! Functions that make scalars, and those that make vectors of nothing but the time.

use super::Call;
use super::maps::{greater, smaller};
use crate::control::Fault;
use crate::value::{Row, Value, is_nothing};

/// `time()`: of the step, in seconds.
pub fn time(call: &mut Call) -> Result<Value, Fault> {
    Ok(Value::Scalar((0..call.grid.count).map(|step| call.grid.time(step) as f64 / 1000.0).collect()))
}

/// `pi()`
pub fn pi(call: &mut Call) -> Result<Value, Fault> {
    Ok(Value::Scalar(vec![std::f64::consts::PI; call.grid.count]))
}

/// `scalar(v)`: the only float of a step, or NaN.
pub fn scalar(call: &mut Call) -> Result<Value, Fault> {
    let rows = call.vector(0);
    let one = |step: usize| {
        let mut values = rows.iter().map(|row| row.floats[step]).filter(|&value| !is_nothing(value));
        match (values.next(), values.next()) {
            (Some(value), None) => value,
            _ => f64::NAN,
        }
    };
    Ok(Value::Scalar((0..call.grid.count).map(one).collect()))
}

/// `vector(s)`: a series without labels.
pub fn vector(call: &mut Call) -> Result<Value, Fault> {
    let floats = call.scalar(0).unwrap_or_default();
    Ok(Value::Vector(vec![Row { labels: [].into(), drop_name: false, floats, histograms: Vec::new() }]))
}

fn both(call: &mut Call, choose: fn(f64, f64) -> f64) -> Value {
    let (left, right) = (call.scalar(0).unwrap_or_default(), call.scalar(1).unwrap_or_default());
    Value::Scalar(left.into_iter().zip(right).map(|(left, right)| choose(left, right)).collect())
}

/// `min_of(a, b)`
pub fn min_of(call: &mut Call) -> Result<Value, Fault> {
    Ok(both(call, smaller))
}

/// `max_of(a, b)`
pub fn max_of(call: &mut Call) -> Result<Value, Fault> {
    Ok(both(call, greater))
}

/// `timestamp(v)` of something else than a selector: the time of the step.
pub fn timestamp(call: &mut Call) -> Result<Value, Fault> {
    let mut rows = call.vector(0);
    for row in &mut rows {
        for step in 0..call.grid.count {
            if row.has(step) {
                row.floats[step] = call.grid.time(step) as f64 / 1000.0;
            }
        }
        row.histograms.clear();
        row.drop_name = true;
    }
    Ok(Value::Vector(rows))
}

/// `start_timestamp(v)` of what is no selector: values that were computed have no start time.
pub fn start_timestamp(_: &mut Call) -> Result<Value, Fault> {
    Ok(Value::Vector(Vec::new()))
}
