//! `deriv`, `predict_linear` and `double_exponential_smoothing`.

use super::compensated;

/// Sums for a line by least squares, each with what rounding loses: of times (s after a time of choice), values, their
/// products and the squares of times. Operation by operation as in Prometheus: so the line is the same where nearly all of it
/// is rounding, too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    pub(super) sums: [(f64, f64); 4],
}

impl Sums {
    /// Adds a point.
    #[inline]
    pub fn add(&mut self, x: f64, y: f64) {
        for ((sum, lost), value) in self.sums.iter_mut().zip([x, y, x * y, x * x]) {
            (*sum, *lost) = compensated(value, *sum, *lost);
        }
    }

    /// Slope, and value at the time of choice, of the line through so many points.
    pub fn line(&self, count: usize) -> (f64, f64) {
        let count = count as f64;
        let [x, y, products, squares] = self.sums.map(|(sum, lost)| sum + lost);
        let slope = (products - x * y / count) / (squares - x * x / count);
        (slope, y / count - slope * x / count)
    }
}

/// The line of values that are all the same; none where they are not.
#[inline]
pub fn level(values: &[f64]) -> Option<(f64, f64)> {
    let first = values[0];
    if values[1..].iter().any(|&value| value != first) {
        return None;
    }
    // No line goes through infinity.
    Some(if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) })
}

/// Slope per second, and the value at `at` (ms).
fn line(times: &[i64], values: &[f64], at: i64) -> (f64, f64) {
    level(values).unwrap_or_else(|| {
        let mut sums = Sums::default();
        times.iter().zip(values).for_each(|(&time, &value)| sums.add((time - at) as f64 / 1000.0, value));
        sums.line(values.len())
    })
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
