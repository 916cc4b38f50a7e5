//! Functions on floats one by one: mathematics and dates. Histograms are left out, names go.

use super::Call;
use crate::value::{NOTHING, Row, Value, is_nothing};
use nexus_series::calendar::{date_of, days_of_month};
use std::f64::consts::{LN_2, LN_10, PI};

/// A function on floats one by one.
#[derive(Clone, Copy)]
pub enum Map {
    /// Of the value alone.
    Plain(fn(f64) -> f64),
    /// Of a time in seconds; without an argument, of the step's time.
    Date(fn(i128) -> f64),
    /// `clamp(v, min, max)`
    Clamp,
    /// `clamp_min(v, min)`
    ClampMin,
    /// `clamp_max(v, max)`
    ClampMax,
    /// `round(v, to = 1)`
    Round,
}

/// Hyperbolic sine and cosine far from zero, without the sign: half of the exponential, which overflows a little before they
/// do, as in Prometheus.
fn grown(value: f64) -> Option<f64> {
    (value.abs() > 21.0).then(|| value.abs().exp() * 0.5)
}

/// The function of a name.
pub fn lookup(name: &str) -> Option<Map> {
    Some(match name {
        "abs" => Map::Plain(f64::abs),
        "ceil" => Map::Plain(f64::ceil),
        "floor" => Map::Plain(f64::floor),
        "exp" => Map::Plain(f64::exp),
        "sqrt" => Map::Plain(f64::sqrt),
        "ln" => Map::Plain(f64::ln),
        "log2" => Map::Plain(log2),
        "log10" => Map::Plain(|value| log2(value) * (LN_2 / LN_10)),
        "sin" => Map::Plain(f64::sin),
        "cos" => Map::Plain(f64::cos),
        "tan" => Map::Plain(f64::tan),
        "asin" => Map::Plain(f64::asin),
        "acos" => Map::Plain(f64::acos),
        "atan" => Map::Plain(f64::atan),
        "sinh" => Map::Plain(|value| grown(value).map_or_else(|| value.sinh(), |size| size.copysign(value))),
        "cosh" => Map::Plain(|value| grown(value).unwrap_or_else(|| value.cosh())),
        "tanh" => Map::Plain(f64::tanh),
        "asinh" => Map::Plain(f64::asinh),
        "acosh" => Map::Plain(f64::acosh),
        "atanh" => Map::Plain(f64::atanh),
        "rad" => Map::Plain(|value| value * PI / 180.0),
        "deg" => Map::Plain(|value| value * 180.0 / PI),
        "sgn" => Map::Plain(|value| {
            if value < 0.0 {
                -1.0
            } else if value > 0.0 {
                1.0
            } else {
                value
            }
        }),
        "clamp" => Map::Clamp,
        "clamp_min" => Map::ClampMin,
        "clamp_max" => Map::ClampMax,
        "round" => Map::Round,
        "minute" => Map::Date(|time| (time.rem_euclid(3600) / 60) as f64),
        "hour" => Map::Date(|time| (time.rem_euclid(86400) / 3600) as f64),
        "day_of_week" => Map::Date(|time| (time.div_euclid(86400) + 4).rem_euclid(7) as f64),
        "day_of_month" => Map::Date(|time| Date::of(time).day as f64),
        "day_of_year" => Map::Date(|time| Date::of(time).day_of_year() as f64),
        "days_in_month" => Map::Date(|time| Date::of(time).days_in_month() as f64),
        "month" => Map::Date(|time| Date::of(time).month as f64),
        "year" => Map::Date(|time| Date::of(time).year as f64),
        _ => return None,
    })
}

/// Binary logarithm as Go computes it: of the fraction, with the exponent added (`log10` is made of it, and not exact).
fn log2(value: f64) -> f64 {
    if value.is_subnormal() {
        return log2(value * 2f64.powi(54)) - 54.0;
    }
    if !value.is_finite() || value <= 0.0 {
        return value.ln();
    }
    let bits = value.to_bits();
    let exponent = (bits >> 52) as i64 - 1022;
    let fraction = f64::from_bits((bits & ((1 << 52) - 1)) | (1022 << 52));
    if fraction == 0.5 { (exponent - 1) as f64 } else { fraction.ln() * (1.0 / LN_2) + exponent as f64 }
}

/// The smaller number, as Go's `math.Min`: NaN wins, but for -Inf.
pub fn smaller(left: f64, right: f64) -> f64 {
    if left == f64::NEG_INFINITY || right == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if left.is_nan() || right.is_nan() {
        f64::NAN
    } else if left == 0.0 && right == 0.0 {
        if left.is_sign_negative() { left } else { right }
    } else {
        left.min(right)
    }
}

/// The greater number, as Go's `math.Max`: NaN wins, but for +Inf.
pub fn greater(left: f64, right: f64) -> f64 {
    -smaller(-left, -right)
}

/// Applies a function to a row. `scalars`: its other arguments, a number for each step.
pub fn apply(map: Map, scalars: &[Vec<f64>], row: &mut Row) {
    row.drop_name = true;
    row.histograms.clear();
    let each = |row: &mut Row, change: &dyn Fn(usize, f64) -> f64| {
        for (step, value) in row.floats.iter_mut().enumerate() {
            if !is_nothing(*value) {
                *value = change(step, *value);
            }
        }
    };
    let scalar = |index: usize, step: usize| scalars.get(index).map_or(f64::NAN, |values| values[step]);
    let clamped = |value: f64, least: f64, most: f64| {
        if most < least { NOTHING } else { greater(least, smaller(most, value)) }
    };
    match map {
        Map::Plain(function) => {
            row.floats.iter_mut().filter(|value| !is_nothing(**value)).for_each(|value| *value = function(*value));
        }
        Map::Date(function) => each(row, &|_, value| function(seconds(value))),
        Map::Clamp => each(row, &|step, value| clamped(value, scalar(0, step), scalar(1, step))),
        Map::ClampMin => each(row, &|step, value| clamped(value, scalar(0, step), f64::INFINITY)),
        Map::ClampMax => each(row, &|step, value| clamped(value, f64::NEG_INFINITY, scalar(0, step))),
        Map::Round => each(row, &|step, value| {
            let inverse = 1.0 / if scalars.is_empty() { 1.0 } else { scalar(0, step) };
            (value * inverse + 0.5).floor() / inverse
        }),
    }
}

/// A date function without an argument: of the step's time, one series without labels.
pub fn of_time(map: Map, call: &Call) -> Result<Value, crate::control::Fault> {
    let mut row = Row::new([].into(), call.grid.count);
    if let Map::Date(function) = map {
        for (step, value) in row.floats.iter_mut().enumerate() {
            *value = function(i128::from(call.grid.time(step) / 1000));
        }
    }
    Ok(Value::Vector(vec![row]))
}

/// A number as whole seconds. What is no such number is the time 2^63 s, as it is to Go on x86.
fn seconds(value: f64) -> i128 {
    let whole = value.trunc();
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole) { whole as i128 } else { 1 << 63 }
}

/// A day of the Gregorian calendar, UTC.
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// Of seconds since 1970.
    fn of(time: i128) -> Self {
        let (year, month, day) = date_of(time.div_euclid(86_400) as i64);
        Self { year, month, day }
    }

    fn days_in_month(&self) -> i64 {
        days_of_month(self.year, self.month)
    }

    fn day_of_year(&self) -> i64 {
        const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        BEFORE[self.month as usize - 1] + self.day + i64::from(self.month > 2 && days_of_month(self.year, 2) == 29)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let all = |time| {
            let date = Date::of(time);
            (date.year, date.month, date.day, date.day_of_year(), date.days_in_month())
        };
        assert_eq!(seconds(-1.5), -1);
        assert_eq!(seconds(f64::NAN), 1 << 63);
        assert_eq!(seconds(1e300), 1 << 63);
        assert_eq!(all(0), (1970, 1, 1, 1, 31));
        assert_eq!(all(-1), (1969, 12, 31, 365, 31));
        assert_eq!(all(951_782_400), (2000, 2, 29, 60, 29));
        assert_eq!(all(1_709_251_199), (2024, 2, 29, 60, 29));
        assert_eq!(all(1_735_603_200), (2024, 12, 31, 366, 31));
        assert_eq!(all(4_107_542_400), (2100, 3, 1, 60, 31));
    }

    #[test]
    fn logarithms_are_those_of_go() {
        assert_eq!(log2(8.0), 3.0);
        assert_eq!(log2(0.125), -3.0);
        assert_eq!(log2(5e-324), -1074.0);
        assert!(log2(-1.0).is_nan());
        assert_eq!(log2(0.0), f64::NEG_INFINITY);
        assert!((log2(10.0) - 10f64.log2()).abs() < 1e-15);
        assert_eq!(log2(1000.0) * (LN_2 / LN_10), 2.999_999_999_999_999_6);
    }

    #[test]
    fn nan_wins_but_for_infinity() {
        assert!(smaller(f64::NAN, 1.0).is_nan());
        assert_eq!(smaller(f64::NAN, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert_eq!(greater(f64::INFINITY, f64::NAN), f64::INFINITY);
        assert_eq!(greater(1.0, 2.0), 2.0);
        assert!(greater(0.0, -0.0).is_sign_positive());
    }
}
