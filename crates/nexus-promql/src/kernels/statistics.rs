//! Sums, means, spreads, quantiles of floats.

use super::compensated;
use std::cmp::Ordering;

/// Sum that keeps what rounding loses.
pub fn sum(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0, 0.0);
    for &value in values {
        (sum, lost) = compensated(value, sum, lost);
    }
    if sum.is_infinite() { sum } else { sum + lost }
}

/// A mean that grows value by value: sum by count as long as the sum does not overflow, an incremental mean from then on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mean {
    sum: f64,
    lost: f64,
    running: f64,
    incremental: bool,
    /// Number of values.
    pub count: f64,
}

impl Mean {
    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            (self.sum, self.lost) = (value, 0.0);
            return;
        }
        if !self.incremental {
            let (sum, lost) = compensated(value, self.sum, self.lost);
            if !sum.is_infinite() {
                (self.sum, self.lost) = (sum, lost);
                return;
            }
            self.become_incremental(self.count - 1.0);
        }
        let kept = (self.count - 1.0) / self.count;
        (self.running, self.lost) = compensated(value / self.count, kept * self.running, kept * self.lost);
    }

    fn become_incremental(&mut self, count: f64) {
        self.incremental = true;
        self.running = self.sum / count;
        self.lost /= count;
    }

    /// Adds what another mean has seen, after what this one has seen.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = *other;
            return;
        }
        if !self.incremental && !other.incremental {
            let (sum, lost) = compensated(other.sum, self.sum, self.lost + other.lost);
            if !sum.is_infinite() {
                (self.sum, self.lost) = (sum, lost);
                self.count += other.count;
                return;
            }
        }
        let mut other = *other;
        for one in [&mut *self, &mut other] {
            if !one.incremental {
                one.become_incremental(one.count);
            }
        }
        let count = self.count + other.count;
        let (kept, added) = (self.count / count, other.count / count);
        (self.running, self.lost) =
            compensated(added * other.running, kept * self.running, kept * self.lost + added * other.lost);
        self.count = count;
    }

    /// The mean.
    pub fn value(&self) -> f64 {
        if self.incremental { self.running + self.lost } else { self.sum / self.count + self.lost / self.count }
    }
}

/// Mean.
pub fn average(values: &[f64]) -> f64 {
    let mut mean = Mean::default();
    for &value in values {
        mean.add(value);
    }
    mean.value()
}

/// The extreme value; NaN only when there is nothing else.
pub fn extreme(values: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    let mut best = values[0];
    for &value in values {
        if better(value, best) || best.is_nan() {
            best = value;
        }
    }
    best
}

/// Time of the last extreme value, in seconds.
pub fn time_of(times: &[i64], values: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    let (mut best, mut at) = (values[0], times[0]);
    for (&time, &value) in times.iter().zip(values) {
        if better(value, best) || best.is_nan() {
            (best, at) = (value, time);
        }
    }
    at as f64 / 1000.0
}

/// Mean and squared deviations of values one after the other (Welford), with what rounding loses kept apart, operation by
/// operation as in Prometheus: so it is the same number where nearly all of it is rounding, too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    pub(super) count: f64,
    pub(super) mean: (f64, f64),
    pub(super) squares: (f64, f64),
}

impl Spread {
    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - (self.mean.0 + self.mean.1);
        self.mean = compensated(delta / self.count, self.mean.0, self.mean.1);
        let step = delta * (value - (self.mean.0 + self.mean.1));
        self.squares = compensated(step, self.squares.0, self.squares.1);
    }

    /// Population variance.
    pub fn variance(&self) -> f64 {
        (self.squares.0 + self.squares.1) / self.count
    }
}

/// Population variance.
pub fn variance(values: &[f64]) -> f64 {
    let mut spread = Spread::default();
    for &value in values {
        spread.add(value);
    }
    spread.variance()
}

/// Order in which NaN is the smallest.
#[inline]
pub fn nan_first(left: &f64, right: &f64) -> Ordering {
    left.partial_cmp(right).unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
}

/// A quantile, interpolated between neighbours. Reorders the values. No values: NaN.
pub fn quantile(q: f64, values: &mut [f64]) -> f64 {
    let (lower, weight) = match rank(q, values.len()) {
        Ok(rank) => rank,
        Err(answer) => return answer,
    };
    let (_, &mut low, rest) = values.select_nth_unstable_by(lower, nan_first);
    let high = rest.iter().copied().min_by(nan_first).unwrap_or(low);
    low * (1.0 - weight) + high * weight
}

/// Number of the value below a quantile, and the weight of the next one; or the answer where there is no such value.
pub fn rank(q: f64, count: usize) -> Result<(usize, f64), f64> {
    if count == 0 || q.is_nan() {
        return Err(f64::NAN);
    }
    if q < 0.0 {
        return Err(f64::NEG_INFINITY);
    }
    if q > 1.0 {
        return Err(f64::INFINITY);
    }
    let rank = q * (count - 1) as f64;
    Ok(((rank.floor() as usize).min(count - 1), rank - rank.floor()))
}

/// Median absolute deviation from the median.
pub fn median_deviation(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut values = values.to_vec();
    let median = quantile(0.5, &mut values);
    for value in &mut values {
        *value = (*value - median).abs();
    }
    quantile(0.5, &mut values)
}
