//! Quantiles and fractions of histograms, native and classic. Values within a bucket are spread evenly: on a logarithmic
//! scale in exponential buckets, else on a linear one.

use nexus_series::histogram::{Bucket, Histogram};
use std::cmp::Ordering;

/// What the NaNs that a native histogram observed mean for its quantile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nans {
    /// There are none, or they do not matter.
    None,
    /// The result is NaN because of them.
    Result,
    /// They count as the highest values.
    Skew,
}

/// The quantile of a native histogram.
pub fn native_quantile(q: f64, one: &Histogram) -> (f64, Nans) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, Nans::None);
    }
    if q > 1.0 {
        return (f64::INFINITY, Nans::None);
    }
    if one.count == 0.0 || q.is_nan() {
        return (f64::NAN, Nans::None);
    }
    let nans = one.sum.is_nan();
    let upwards = nans || q < 0.5;
    let mut rank = if upwards { q * one.count } else { (1.0 - q) * one.count };
    let mut buckets = one.buckets();
    let mut next = || if upwards { buckets.next() } else { buckets.next_back() };
    let mut bucket = Bucket { lower: 0.0, upper: 0.0, lower_inclusive: false, upper_inclusive: false, count: 0.0 };
    let mut count = 0.0;
    while let Some(found) = next() {
        bucket = found;
        if found.count == 0.0 {
            continue;
        }
        count += found.count;
        if count >= rank {
            break;
        }
    }
    if one.is_custom() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return (bucket.upper, Nans::None);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return (bucket.lower, Nans::None);
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        narrow_zero(&mut bucket, one);
    }
    count = count.min(one.count);
    if count < rank {
        return if nans { (f64::NAN, Nans::Result) } else { (bucket.upper, Nans::None) };
    }
    rank = if upwards { rank - (count - bucket.count) } else { count - rank };
    let mut skew = Nans::None;
    if nans {
        let mut all = count;
        while let Some(found) = next() {
            all += found.count;
            bucket = found;
        }
        if all < one.count {
            skew = Nans::Skew;
        }
    }
    let part = rank / bucket.count;
    if one.is_custom() || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return (bucket.lower + (bucket.upper - bucket.lower) * part, skew);
    }
    let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
    let value = if bucket.lower > 0.0 {
        (lower + (upper - lower) * part).exp2()
    } else {
        -(upper + (lower - upper) * (1.0 - part)).exp2()
    };
    (value, skew)
}

/// The zero bucket of a histogram without negative buckets begins at zero, without positive ones it ends there.
fn narrow_zero(bucket: &mut Bucket, one: &Histogram) {
    match (one.negative.is_empty(), one.positive.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
}

/// The part of a native histogram's observations between two values, and whether there are NaNs that are in no part.
pub fn native_fraction(lower: f64, upper: f64, one: &Histogram) -> (f64, bool) {
    if one.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, false);
    }
    if lower >= upper {
        return (0.0, false);
    }
    let (mut count, mut rank) = (0.0, 0.0);
    let mut ranks = [None, None];
    let mut buckets = one.buckets();
    for mut bucket in buckets.by_ref() {
        count += bucket.count;
        let zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if zero {
            narrow_zero(&mut bucket, one);
        }
        for (found, value) in ranks.iter_mut().zip([lower, upper]) {
            if found.is_some() {
                continue;
            }
            if bucket.lower >= value {
                *found = Some(rank);
            } else if bucket.upper > value {
                let linear = one.is_custom() || zero;
                *found = Some(if linear && bucket.lower == f64::NEG_INFINITY {
                    bucket.count
                } else {
                    rank + bucket.count * bucket.part_below(value, linear)
                });
            }
        }
        if let [Some(_), Some(_)] = ranks {
            break;
        }
        rank += bucket.count;
    }
    let mut nans = false;
    if one.sum.is_nan() {
        count += buckets.map(|bucket| bucket.count).sum::<f64>();
        nans = count < one.count;
    } else {
        count = one.count;
    }
    let [low, high] = ranks.map(|rank| within(rank, count));
    ((high - low) / one.count, nans)
}

/// A bucket of a classic histogram: upper bound and what was counted up to it.
pub type Classic = (f64, f64);

/// Where counts of classic buckets had to be lifted because they shrank with growing bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lifted {
    /// Lowest and highest bound where.
    pub bounds: (f64, f64),
    /// The greatest difference.
    pub difference: f64,
}

/// Relative differences of neighbours below this come from arithmetic.
const SMALL: f64 = 1e-12;

/// The quantile of classic buckets in any order (they are put in order).
pub fn classic_quantile(q: f64, buckets: &mut Vec<Classic>) -> (f64, Option<Lifted>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if !order(buckets) {
        return (f64::NAN, None);
    }
    let lifted = lift(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].1;
    if last == 0 || observations == 0.0 {
        return (f64::NAN, lifted);
    }
    let rank = q * observations;
    let at = buckets[..last].partition_point(|(_, count)| count.partial_cmp(&rank).is_none_or(Ordering::is_lt));
    let value = if at == last {
        buckets[last - 1].0
    } else if at == 0 && buckets[0].0 <= 0.0 {
        buckets[0].0
    } else {
        let (start, before) = if at > 0 { buckets[at - 1] } else { (0.0, 0.0) };
        start + (buckets[at].0 - start) * ((rank - before) / (buckets[at].1 - before))
    };
    (value, lifted)
}

/// The part of a classic histogram's observations between two values.
pub fn classic_fraction(lower: f64, upper: f64, buckets: &mut Vec<Classic>) -> f64 {
    if !order(buckets) {
        return f64::NAN;
    }
    let count = buckets[buckets.len() - 1].1;
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut start = if buckets[0].0 <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    let mut rank = 0.0;
    let mut ranks = [None, None];
    for &(end, up_to) in buckets.iter() {
        for (found, value) in ranks.iter_mut().zip([lower, upper]) {
            if found.is_some() {
                continue;
            }
            if start >= value {
                *found = Some(rank);
            } else if end > value {
                *found = Some(if start == f64::NEG_INFINITY {
                    up_to
                } else {
                    rank + (up_to - rank) * (value - start) / (end - start)
                });
            }
        }
        (start, rank) = (end, up_to);
    }
    let [low, high] = ranks.map(|rank| within(rank, count));
    (high - low) / count
}

/// A rank that was found, up to the count of all.
fn within(rank: Option<f64>, count: f64) -> f64 {
    rank.filter(|rank| rank.is_nan() || *rank <= count).unwrap_or(count)
}

/// Sorts buckets and adds up those of one bound; false when there is none up to +Inf.
fn order(buckets: &mut Vec<Classic>) -> bool {
    buckets.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
    if buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
        return false;
    }
    buckets.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    true
}

/// Makes counts grow with bounds: tiny differences are taken away, decreases are lifted.
fn lift(buckets: &mut [Classic]) -> Option<Lifted> {
    let mut lifted: Option<Lifted> = None;
    let mut previous = buckets.first()?.1;
    for (bound, count) in buckets.iter_mut().skip(1) {
        if *count == previous {
            continue;
        }
        if almost(previous, *count, SMALL) {
            *count = previous;
        } else if *count < previous {
            let difference = previous - *count;
            *count = previous;
            let all = lifted.get_or_insert(Lifted { bounds: (*bound, *bound), difference });
            all.bounds = (all.bounds.0.min(*bound), all.bounds.1.max(*bound));
            all.difference = all.difference.max(difference);
        } else {
            previous = *count;
        }
    }
    lifted
}

/// Are two numbers equal within a relative error? Near zero, where relative errors mean nothing, within that much of the
/// smallest normal number.
fn almost(one: f64, two: f64, error: f64) -> bool {
    if one.is_nan() && two.is_nan() {
        return true;
    }
    let sum = one.abs() + two.abs();
    let difference = (one - two).abs();
    if one == 0.0 || two == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < error * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < error
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_series::histogram::{CUSTOM_BUCKETS, Span};

    fn native(schema: i32, counts: &[f64], custom: &[f64]) -> Histogram {
        Histogram {
            schema,
            count: counts.iter().sum(),
            positive_spans: vec![Span { offset: 0, length: counts.len() as u32 }],
            positive: counts.to_vec(),
            custom_values: custom.to_vec(),
            ..Histogram::default()
        }
    }

    #[test]
    fn quantiles_of_exponential_buckets_lie_on_a_logarithmic_scale() {
        let one = native(0, &[0.0, 4.0, 4.0], &[]);
        assert_eq!(native_quantile(0.25, &one), (2f64.sqrt(), Nans::None));
        assert!((native_quantile(0.75, &one).0 - 8f64.sqrt()).abs() < 1e-12);
        assert_eq!(native_quantile(2.0, &one).0, f64::INFINITY);
        let middle = native_fraction(2f64.sqrt(), 8f64.sqrt(), &one).0;
        assert!((middle - 0.5).abs() < 1e-12);
    }

    #[test]
    fn quantiles_of_custom_buckets_lie_on_a_line() {
        let one = native(CUSTOM_BUCKETS, &[2.0, 2.0, 4.0], &[10.0, 20.0]);
        assert_eq!(native_quantile(0.125, &one).0, 5.0);
        assert_eq!(native_quantile(0.9, &one).0, 20.0);
        assert_eq!(native_fraction(5.0, 15.0, &one).0, 0.25);
    }

    #[test]
    fn nans_are_the_highest() {
        let mut one = native(0, &[4.0], &[]);
        (one.sum, one.count) = (f64::NAN, 8.0);
        assert_eq!(native_quantile(0.25, &one).1, Nans::Skew);
        let (value, nans) = native_quantile(0.75, &one);
        assert!(value.is_nan() && nans == Nans::Result);
        assert_eq!(native_fraction(f64::NEG_INFINITY, f64::INFINITY, &one), (0.5, true));
    }

    #[test]
    fn classic_buckets_are_put_in_order() {
        let mut buckets = vec![(f64::INFINITY, 9.0), (1.0, 4.0), (2.0, 3.0), (4.0, 8.0)];
        let (value, lifted) = classic_quantile(0.5, &mut buckets);
        assert_eq!(value, 2.25);
        assert_eq!(lifted, Some(Lifted { bounds: (2.0, 2.0), difference: 1.0 }));
        assert!(classic_quantile(0.5, &mut vec![(1.0, 4.0)]).0.is_nan());
        assert_eq!(classic_fraction(0.5, 4.0, &mut vec![(1.0, 4.0), (4.0, 8.0), (f64::INFINITY, 8.0)]), 0.75);
    }
}
