//! Native histograms made coarser: fewer, wider buckets.

use nexus_series::histogram::{CUSTOM_BUCKETS, Histogram, Span};

const COARSEST: i32 = -4;

/// The finest schema whose buckets grow by at least this factor.
pub fn schema_for(factor: f64) -> i32 {
    if factor <= 1.0 {
        return 8;
    }
    let floor = -factor.log2().log2();
    floor.floor().clamp(f64::from(COARSEST), 8.0) as i32
}

/// Make a histogram coarse enough for a least growth (0: any) and a number of buckets (0: any). The error says that it cannot
/// be.
pub fn fit(histogram: &mut Histogram, min_factor: f64, limit: usize) -> Result<(), String> {
    let standard = histogram.schema != CUSTOM_BUCKETS;
    if standard && min_factor > 1.0 {
        let schema = schema_for(min_factor);
        if histogram.schema > schema {
            reduce(histogram, schema);
        }
    }
    while limit > 0 && histogram.positive.len() + histogram.negative.len() > limit {
        if !standard || histogram.schema <= COARSEST {
            return Err(format!(
                "native_histogram_bucket_limit exceeded: a histogram has {} buckets, {limit} are allowed",
                histogram.positive.len() + histogram.negative.len()
            ));
        }
        let schema = histogram.schema - 1;
        reduce(histogram, schema);
    }
    Ok(())
}

fn reduce(histogram: &mut Histogram, schema: i32) {
    let steps = histogram.schema - schema;
    (histogram.positive_spans, histogram.positive) = merged(&histogram.positive_spans, &histogram.positive, steps);
    (histogram.negative_spans, histogram.negative) = merged(&histogram.negative_spans, &histogram.negative, steps);
    histogram.schema = schema;
}

/// Buckets `2^steps` of which become one: bucket `i` goes to `ceil(i / 2^steps)`.
fn merged(spans: &[Span], counts: &[f64], steps: i32) -> (Vec<Span>, Vec<f64>) {
    let (mut out_spans, mut out): (Vec<Span>, Vec<f64>) = (Vec::new(), Vec::new());
    let (mut index, mut at) = (0_i64, 0);
    let mut last = None;
    for span in spans {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            let target = ((index - 1) >> steps.min(62)) + 1;
            match last {
                Some(before) if before == target => *out.last_mut().expect("there is one") += counts[at],
                Some(before) if before + 1 == target => {
                    out_spans.last_mut().expect("there is one").length += 1;
                    out.push(counts[at]);
                }
                _ => {
                    let offset = target - last.map_or(0, |before| before + 1);
                    out_spans.push(Span { offset: offset as i32, length: 1 });
                    out.push(counts[at]);
                }
            }
            last = Some(target);
            index += 1;
            at += 1;
        }
    }
    (out_spans, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_merged() {
        let mut histogram = Histogram {
            schema: 1,
            positive_spans: vec![Span { offset: -1, length: 3 }, Span { offset: 2, length: 2 }],
            positive: vec![1.0, 2.0, 3.0, 4.0, 5.0],
            ..Histogram::default()
        };
        // Indexes -1, 0, 1, 4, 5 become 0, 0, 1, 2, 3.
        fit(&mut histogram, 0.0, 4).unwrap();
        assert_eq!(histogram.schema, 0);
        assert_eq!(histogram.positive_spans, [Span { offset: 0, length: 4 }]);
        assert_eq!(histogram.positive, [3.0, 3.0, 4.0, 5.0]);
        assert!(fit(&mut histogram, 0.0, 1).unwrap_err().contains("bucket_limit"));
    }

    #[test]
    fn growth_has_a_schema() {
        for factor in [1.0, 1.1, 1.189, 2.0, 2.1, 4.0, 1e9] {
            let found = schema_for(factor);
            // A bucket of that schema grows by at least the factor, but for the coarsest.
            assert!(2.0_f64.powf(2.0_f64.powi(-found)) >= factor || found == COARSEST, "{factor} {found}");
            assert!(found == 8 || 2.0_f64.powf(2.0_f64.powi(-found - 1)) < factor, "{factor} {found}");
        }
    }
}
