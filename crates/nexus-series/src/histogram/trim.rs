//! The operators `</` and `>/`: what a histogram would be without the observations above or below a value.

use super::{Bucket, Histogram};

impl Histogram {
    /// Keeps the observations below `at` (`upper`, the operator `</`) or above it (`>/`). A bucket that `at` cuts keeps the
    /// part that interpolation gives. When anything goes, count and sum are estimated anew from the buckets' middles.
    pub fn trim(&mut self, at: f64, upper: bool) {
        let linear = self.is_custom();
        let (mut count, mut sum, mut changed) = (0.0, 0.0, false);
        let mut sides = [false, false];
        for positive in [true, false] {
            let buckets: Vec<Bucket> =
                if positive { self.positive_buckets().collect() } else { self.negative_buckets().collect() };
            let counts = if positive { &mut self.positive } else { &mut self.negative };
            for (bucket, kept) in buckets.iter().zip(counts).filter(|(bucket, _)| bucket.count != 0.0) {
                sides[usize::from(positive)] = true;
                let (inside, outside) = if upper {
                    (bucket.upper <= at, bucket.lower >= at)
                } else {
                    (bucket.lower >= at, bucket.upper <= at)
                };
                let (part, middle) = if inside {
                    (bucket.count, middle(bucket.lower, bucket.upper, positive, linear))
                } else if outside || at.is_nan() {
                    (0.0, 0.0)
                } else {
                    cut(bucket, at, upper, positive, linear)
                };
                count += part;
                sum += middle * part;
                if *kept != part {
                    *kept = part;
                    changed = true;
                }
            }
        }
        if self.zero_count > 0.0 {
            let (part, middle) = cut_zero(&self.zero_bucket(), at, upper, sides);
            changed |= self.zero_count != part;
            self.zero_count = part;
            count += part;
            sum += middle * part;
        }
        if changed {
            (self.count, self.sum) = (count, sum);
            self.compact();
        }
    }
}

/// (observations that stay, their middle) of the zero bucket. Without buckets on one side it ends at zero there.
fn cut_zero(zero: &Bucket, at: f64, upper: bool, [negative, positive]: [bool; 2]) -> (f64, f64) {
    let low = if positive && !negative { 0.0 } else { zero.lower };
    let high = if negative && !positive { 0.0 } else { zero.upper };
    let whole = (zero.count, f64::midpoint(low, high));
    match (at <= low, at >= high, upper) {
        (true, _, true) | (false, true, false) => (0.0, 0.0),
        (true, _, false) | (false, true, true) => whole,
        (_, _, true) => (zero.count * ((at - low) / (high - low)), f64::midpoint(low, at)),
        (_, _, false) => (zero.count * ((high - at) / (high - low)), f64::midpoint(at, high)),
    }
}

/// (observations that stay, their middle) of a bucket that the value cuts.
fn cut(bucket: &Bucket, at: f64, upper: bool, positive: bool, linear: bool) -> (f64, f64) {
    if bucket.lower == f64::NEG_INFINITY || bucket.upper == f64::INFINITY {
        return cut_endless(bucket, at, upper);
    }
    let below = if at <= bucket.lower {
        0.0
    } else if at >= bucket.upper {
        bucket.count
    } else {
        bucket.count * bucket.part_below(at, linear)
    };
    if upper {
        (below, middle(bucket.lower, at, positive, linear))
    } else {
        (bucket.count - below, middle(at, bucket.upper, positive, linear))
    }
}

/// Nothing is known about the spread of observations in a bucket without an end: it goes or stays whole, but where its
/// observations can be taken as above zero.
fn cut_endless(bucket: &Bucket, at: f64, upper: bool) -> (f64, f64) {
    let finite = |value: f64| if value.is_infinite() { 0.0 } else { value };
    let high = bucket.upper;
    if bucket.lower == f64::NEG_INFINITY {
        let above_zero = high > 0.0 && high != f64::INFINITY;
        return match upper {
            true if at >= high => (bucket.count, 0.0),
            true if at > 0.0 && above_zero => (bucket.count * at / high, at / 2.0),
            true if high <= 0.0 => (bucket.count, at),
            false if at == f64::NEG_INFINITY => (bucket.count, 0.0),
            false if at >= 0.0 && high > at && above_zero => {
                (bucket.count * (1.0 - at / high), f64::midpoint(at, high))
            }
            _ => (0.0, finite(high)),
        };
    }
    if !upper && at >= bucket.lower { (bucket.count, at) } else { (0.0, finite(bucket.lower)) }
}

/// The value that stands for all observations of a bucket: the arithmetic mean of custom bounds, else the geometric.
fn middle(lower: f64, upper: f64, positive: bool, linear: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        _ if linear => f64::midpoint(lower, upper),
        _ if positive => (lower * upper).abs().sqrt(),
        _ => -(lower * upper).abs().sqrt(),
    }
}
