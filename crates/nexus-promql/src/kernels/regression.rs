//! `deriv`, `predict_linear` and `double_exponential_smoothing`.

/// Least squares: slope per second, and the value at `at` (ms). Times and values are taken as differences to the first,
/// times then to their mean: nothing large is left to cancel, and equal values have slope 0.
fn line(times: &[i64], values: &[f64], at: i64) -> (f64, f64) {
    let (count, first) = (values.len() as f64, values[0]);
    let elapsed = |time: i64| (time - times[0]) as f64;
    let center = times.iter().map(|&time| elapsed(time)).sum::<f64>() / count;
    let (mut sum, mut squares, mut products) = (0.0, 0.0, 0.0);
    for (&time, &value) in times.iter().zip(values) {
        let (x, y) = (elapsed(time) - center, value - first);
        sum += y;
        squares += x * x;
        products += x * y;
    }
    if !sum.is_finite() {
        // No line goes through infinity.
        return (f64::NAN, f64::NAN);
    }
    let slope = products / squares;
    (slope * 1000.0, first + sum / count + slope * (elapsed(at) - center))
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
