//! Native histograms as protocols send them: checked, brought to a resolution that is kept, made of other buckets.
//!
//! Source: Prometheus' specification of native histograms. Exponential schemas -4 ..= 8 are kept; finer ones, up to 52,
//! become 8. The store's counts are floats, which hold integers up to 2^53 exactly.

use super::MAX_BUCKETS;
use nexus_series::histogram::{CUSTOM_BUCKETS, Histogram, Span};
use nexus_series::is_stale;
use std::fmt;

/// Finest and coarsest resolution that is kept.
pub const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;
const FINEST: i32 = 52;

/// Why a histogram is refused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HistogramFault {
    /// A schema that is not known.
    Schema(i32),
    /// A span after the first that goes back.
    SpanOffset(i32),
    /// Spans that do not have as many buckets as there are counts.
    Buckets {
        /// Positive or negative.
        side: &'static str,
        /// By the spans.
        spans: u64,
        /// Counts given.
        counts: usize,
    },
    /// More than [`MAX_BUCKETS`].
    TooMany(usize),
    /// A count below zero, or none at all (NaN).
    Negative(f64),
    /// Buckets that have more observations than the histogram, or not all of them.
    Count {
        /// The histogram's.
        count: f64,
        /// The buckets'.
        buckets: f64,
    },
    /// Custom bounds that are not ascending and finite.
    Bounds,
    /// Custom bounds where none may be, or negative buckets or a zero bucket besides custom ones.
    Custom,
    /// A bucket beyond those that there can be.
    Index(i64),
}

impl fmt::Display for HistogramFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(schema) => write!(f, "the histogram has schema {schema}; -4 to 52 and -53 are known"),
            Self::SpanOffset(offset) => {
                write!(f, "a span of the histogram begins {offset} buckets after the one before it")
            }
            Self::Buckets { side, spans, counts } => {
                write!(f, "the histogram's {side} spans have {spans} buckets, but {counts} counts follow")
            }
            Self::TooMany(buckets) => write!(f, "the histogram has {buckets} buckets, {MAX_BUCKETS} are allowed"),
            Self::Negative(count) => write!(f, "the histogram has a bucket with {count} observations"),
            Self::Count { count, buckets } => {
                write!(f, "the histogram counts {count} observations, its buckets {buckets}")
            }
            Self::Bounds => f.write_str("the histogram's custom bounds are not finite and ascending"),
            Self::Custom => f.write_str("custom bounds go with positive buckets alone, and with schema -53"),
            Self::Index(index) => write!(f, "the histogram has a bucket with the index {index}"),
        }
    }
}

/// Check a histogram and bring it to a schema that is kept. `whole`: its counts were integers, so they must add up.
pub fn accept(mut histogram: Histogram, whole: bool) -> Result<Histogram, HistogramFault> {
    if is_stale(histogram.sum) {
        return Ok(Histogram { sum: histogram.sum, hint: histogram.hint, ..Histogram::default() });
    }
    check(&histogram, whole)?;
    if histogram.schema > *SCHEMAS.end() {
        reduce(&mut histogram, *SCHEMAS.end());
    }
    Ok(histogram)
}

#[allow(clippy::float_cmp)] // Integers below 2^53, which are exact.
fn check(histogram: &Histogram, whole: bool) -> Result<(), HistogramFault> {
    let custom = histogram.schema == CUSTOM_BUCKETS;
    if !custom && !(*SCHEMAS.start()..=FINEST).contains(&histogram.schema) {
        return Err(HistogramFault::Schema(histogram.schema));
    }
    let buckets = histogram.positive.len() + histogram.negative.len() + histogram.custom_values.len();
    if buckets > MAX_BUCKETS || histogram.positive_spans.len() + histogram.negative_spans.len() > MAX_BUCKETS {
        return Err(HistogramFault::TooMany(buckets));
    }
    check_spans("positive", &histogram.positive_spans, histogram.positive.len())?;
    check_spans("negative", &histogram.negative_spans, histogram.negative.len())?;
    if custom {
        let bounds = &histogram.custom_values;
        if bounds.iter().any(|bound| !bound.is_finite()) || bounds.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(HistogramFault::Bounds);
        }
        if !histogram.negative_spans.is_empty() || histogram.zero_count != 0.0 || histogram.zero_threshold != 0.0 {
            return Err(HistogramFault::Custom);
        }
        let last: i64 =
            histogram.positive_spans.iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum();
        let first = histogram.positive_spans.first().map_or(0, |span| i64::from(span.offset));
        if first < 0 || last > bounds.len() as i64 + 1 {
            return Err(HistogramFault::Index(if first < 0 { first } else { last - 1 }));
        }
    } else if !histogram.custom_values.is_empty() {
        return Err(HistogramFault::Custom);
    }
    let counts = || histogram.positive.iter().chain(&histogram.negative).chain([&histogram.zero_count]);
    if let Some(&count) = counts().chain([&histogram.count]).find(|count| count.is_nan() || **count < 0.0) {
        return Err(HistogramFault::Negative(count));
    }
    // Counts that are floats come from arithmetic and need not add up.
    if whole {
        let in_buckets: f64 = counts().sum();
        // Observations that are no numbers are in no bucket, and make the sum NaN.
        let fits = if histogram.sum.is_nan() { in_buckets <= histogram.count } else { in_buckets == histogram.count };
        if !fits {
            return Err(HistogramFault::Count { count: histogram.count, buckets: in_buckets });
        }
    }
    Ok(())
}

fn check_spans(side: &'static str, spans: &[Span], counts: usize) -> Result<(), HistogramFault> {
    if let Some(span) = spans.iter().skip(1).find(|span| span.offset < 0) {
        return Err(HistogramFault::SpanOffset(span.offset));
    }
    let buckets: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    if buckets != counts as u64 {
        return Err(HistogramFault::Buckets { side, spans: buckets, counts });
    }
    let last: i64 = spans.iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum();
    if i32::try_from(last).is_err() {
        return Err(HistogramFault::Index(last - 1));
    }
    Ok(())
}

/// Make an exponential histogram coarser: to a smaller schema.
pub fn reduce(histogram: &mut Histogram, schema: i32) {
    let by = histogram.schema - schema;
    if by <= 0 {
        return;
    }
    for (spans, counts) in [
        (&mut histogram.positive_spans, &mut histogram.positive),
        (&mut histogram.negative_spans, &mut histogram.negative),
    ] {
        let merged = indexed(spans, counts).map(|(index, count)| (merged_index(index, by), count));
        (*spans, *counts) = sparse(merged.collect::<Vec<_>>().into_iter());
    }
    histogram.schema = schema;
}

/// The bucket, `by` schemas coarser, that holds what a bucket of Prometheus' numbering (upper bound base^index) holds.
fn merged_index(index: i64, by: i32) -> i64 {
    let by = by.min(62);
    ((index - 1) >> by) + 1
}

/// Index and count of each bucket.
pub fn indexed<'a>(spans: &'a [Span], counts: &'a [f64]) -> impl Iterator<Item = (i64, f64)> + 'a {
    let mut at = 0;
    let indexes = spans.iter().flat_map(move |span| {
        at += i64::from(span.offset);
        let from = at;
        at += i64::from(span.length);
        from..at
    });
    indexes.zip(counts.iter().copied())
}

/// Spans and counts of buckets that come in ascending order; those of one index are added, gaps of up to two empty buckets
/// are written out, as they are smaller than a span.
pub fn sparse(buckets: impl Iterator<Item = (i64, f64)>) -> (Vec<Span>, Vec<f64>) {
    let (mut spans, mut counts): (Vec<Span>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut next = 0_i64;
    for (index, count) in buckets {
        let gap = index - next;
        match spans.last_mut() {
            Some(_) if gap == -1 => {
                *counts.last_mut().expect("a bucket before this one") += count;
                continue;
            }
            Some(span) if gap <= 2 => {
                counts.extend(std::iter::repeat_n(0.0, gap as usize));
                span.length += gap as u32 + 1;
            }
            _ => spans.push(Span { offset: gap as i32, length: 1 }),
        }
        counts.push(count);
        next = index + 1;
    }
    (spans, counts)
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    fn of(schema: i32, buckets: &[(i64, f64)]) -> Histogram {
        let (positive_spans, positive) = sparse(buckets.iter().copied());
        let count = buckets.iter().map(|(_, count)| count).sum();
        Histogram { schema, count, sum: 1.0, positive_spans, positive, ..Histogram::default() }
    }

    /// Slow and plain: each bucket's upper bound as a power of two says where it goes.
    fn reduced_slowly(buckets: &[(i64, f64)], from: i32, to: i32) -> Vec<(i64, f64)> {
        let mut sums = std::collections::BTreeMap::new();
        for &(index, count) in buckets {
            let exponent = index as f64 / f64::from(from).exp2();
            *sums.entry((exponent * f64::from(to).exp2()).ceil() as i64).or_insert(0.0) += count;
        }
        sums.into_iter().collect()
    }

    #[test]
    fn reducing_adds_what_falls_together() {
        let buckets: Vec<(i64, f64)> =
            (-37..41).filter(|index| index % 7 != 3).map(|index| (index, index as f64 + 40.0)).collect();
        for to in -4..8 {
            let mut histogram = of(8, &buckets);
            reduce(&mut histogram, to);
            let found: Vec<_> =
                indexed(&histogram.positive_spans, &histogram.positive).filter(|(_, count)| *count != 0.0).collect();
            assert_eq!(found, reduced_slowly(&buckets, 8, to), "schema {to}");
        }
    }

    #[test]
    fn finer_schemas_become_8() {
        let fine = of(10, &[(1, 1.0), (4, 2.0), (5, 4.0)]);
        let kept = accept(fine, true).unwrap();
        assert_eq!(kept.schema, 8);
        assert_eq!(indexed(&kept.positive_spans, &kept.positive).collect::<Vec<_>>(), [(1, 3.0), (2, 4.0)]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let good = of(3, &[(1, 1.0), (9, 2.0)]);
        assert_eq!(accept(good.clone(), true), Ok(good.clone()));
        let with = |change: &dyn Fn(&mut Histogram)| {
            let mut histogram = good.clone();
            change(&mut histogram);
            accept(histogram, true).unwrap_err().to_string()
        };
        for (message, found) in [
            ("the histogram has schema 53; -4 to 52 and -53 are known", with(&|h| h.schema = 53)),
            ("the histogram has schema -5; -4 to 52 and -53 are known", with(&|h| h.schema = -5)),
            (
                "a span of the histogram begins -1 buckets after the one before it",
                with(&|h| h.positive_spans[1].offset = -1),
            ),
            (
                "the histogram's positive spans have 5 buckets, but 2 counts follow",
                with(&|h| h.positive_spans[0].length = 4),
            ),
            ("the histogram has a bucket with -1 observations", with(&|h| h.positive[0] = -1.0)),
            ("the histogram counts 4 observations, its buckets 3", with(&|h| h.count = 4.0)),
            ("custom bounds go with positive buckets alone, and with schema -53", with(&|h| h.custom_values.push(1.0))),
            ("the histogram has a bucket with the index 2147483649", with(&|h| h.positive_spans[1].offset = i32::MAX)),
            ("the histogram has a bucket with the index 9", with(&|h| h.schema = CUSTOM_BUCKETS)),
        ] {
            assert_eq!(found, message);
        }
        let mut floats = good.clone();
        floats.count = 2.5;
        assert!(accept(floats, false).is_ok());
    }

    #[test]
    fn a_stale_histogram_has_nothing_else() {
        let mut stale = of(99, &[(1, -1.0)]);
        stale.sum = f64::from_bits(nexus_series::STALE_NAN);
        let kept = accept(stale, true).unwrap();
        assert!(is_stale(kept.sum) && kept.positive.is_empty());
    }

    #[test]
    fn custom_buckets() {
        let mut histogram = of(CUSTOM_BUCKETS, &[(0, 1.0), (2, 1.0)]);
        histogram.custom_values = vec![0.5, 1.0];
        assert!(accept(histogram.clone(), true).is_ok());
        histogram.custom_values = vec![1.0, 0.5];
        assert_eq!(accept(histogram, true), Err(HistogramFault::Bounds));
    }
}
