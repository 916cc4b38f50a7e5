//! `deriv`, `predict_linear` and `double_exponential_smoothing`.

use super::compensated;

/// Least squares: slope per second, and the value at `at` (ms).
#[expect(clippy::float_cmp, reason = "only values that do not differ at all are a flat line")]
fn line(times: &[i64], values: &[f64], at: i64) -> (f64, f64) {
    let count = values.len() as f64;
    let mut sums = [(0.0, 0.0); 4];
    for (&time, &value) in times.iter().zip(values) {
        let x = (time - at) as f64 / 1000.0;
        for (sum, addend) in sums.iter_mut().zip([x, value, x * value, x * x]) {
            *sum = compensated(addend, sum.0, sum.1);
        }
    }
    if values.iter().all(|&value| value == values[0]) {
        return if values[0].is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, values[0]) };
    }
    let [x, y, xy, xx] = sums.map(|(sum, lost)| sum + lost);
    let covariance = xy - x * y / count;
    let variance = xx - x * x / count;
    let slope = covariance / variance;
    (slope, y / count - slope * x / count)
}

/// Slope per second.
pub fn deriv(times: &[i64], values: &[f64]) -> Option<f64> {
    (values.len() >= 2).then(|| line(times, values, times[0]).0)
}

/// Value `seconds` after `now` (ms).
pub fn predict(times: &[i64], values: &[f64], now: i64, seconds: f64) -> Option<f64> {
    (values.len() >= 2).then(|| {
        let (slope, value) = line(times, values, now);
        slope * seconds + value
    })
}

/// Holt's linear method.
pub fn double_exponential(values: &[f64], smoothing: f64, trending: f64) -> Option<f64> {
    let &[first, second, ..] = values else { return None };
    let (mut before, mut smooth, mut trend) = (0.0, first, second - first);
    for (index, &value) in values.iter().enumerate().skip(1) {
        if index > 1 {
            trend = trending * (smooth - before) + (1.0 - trending) * trend;
        }
        let next = smoothing * value + (1.0 - smoothing) * (smooth + trend);
        (before, smooth) = (smooth, next);
    }
    Some(smooth)
}
