//! Histograms as text: in answers of the Prometheus API, and as values of labels.

use crate::encode::{go_general, number};
use nexus_series::histogram::{Bucket, Histogram};
use std::fmt::Write;

/// Appends `{"count":"…","sum":"…","buckets":[[rule,"lower","upper","count"],…]}`, buckets without observations left out.
/// The rule says which bounds are within: 0 the upper, 1 the lower, 2 none, 3 both.
pub fn write(one: &Histogram, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"count\":");
    number(out, one.count);
    out.extend_from_slice(b",\"sum\":");
    number(out, one.sum);
    let mut head = &b",\"buckets\":["[..];
    for bucket in one.buckets().filter(|bucket| bucket.count != 0.0) {
        let rule = match (bucket.lower_inclusive, bucket.upper_inclusive) {
            (false, true) => b'0',
            (true, false) => b'1',
            (false, false) => b'2',
            (true, true) => b'3',
        };
        out.extend_from_slice(head);
        out.extend_from_slice(&[b'[', rule]);
        for value in [bucket.lower, bucket.upper, bucket.count] {
            out.push(b',');
            number(out, value);
        }
        out.push(b']');
        head = b",";
    }
    out.extend_from_slice(if head == b"," { b"]}" } else { b"}" });
}

/// A histogram as a label of `count_values` shows it: `{count:3, sum:4, [-2,-1):1, (1,2]:2}`.
pub fn text(one: &Histogram) -> String {
    let mut out = format!("{{count:{}, sum:{}", general(one.count, None), general(one.sum, None));
    let zero = one.zero_bucket();
    let negative = one.negative_buckets().rev();
    let buckets = negative.chain((one.zero_count != 0.0).then_some(zero)).chain(one.positive_buckets());
    for Bucket { lower, upper, lower_inclusive, upper_inclusive, count } in buckets.filter(|bucket| bucket.count != 0.0)
    {
        let (open, close) = (if lower_inclusive { '[' } else { '(' }, if upper_inclusive { ']' } else { ')' });
        let [lower, upper, count] = [lower, upper, count].map(|value| general(value, None));
        let _ = write!(out, ", {open}{lower},{upper}{close}:{count}");
    }
    out.push('}');
    out
}

/// A number as Go's `%g` writes it, or `%.Ng` with a precision.
pub(super) fn general(value: f64, precision: Option<usize>) -> String {
    let Some(precision) = precision.filter(|_| value.is_finite()) else { return go_general(value) };
    // Rounded to that many digits, the shortest digits are those.
    let rounded = format!("{value:.*e}", precision.max(1) - 1);
    let shortest = go_general(rounded.parse().unwrap_or(value));
    match rounded.split_once('e') {
        Some((digits, exponent)) if exponent.parse().is_ok_and(|exponent: i32| exponent >= precision as i32) => {
            let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
            format!("{digits}e+{exponent:0>2}")
        }
        _ => shortest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_series::histogram::Span;

    #[test]
    fn histograms_as_the_api_writes_them() {
        let one = Histogram {
            count: 7.0,
            sum: 1e-7,
            zero_count: 1.0,
            zero_threshold: 0.001,
            positive_spans: vec![Span { offset: 0, length: 3 }],
            positive: vec![2.0, 0.0, 3.0],
            negative_spans: vec![Span { offset: 1, length: 1 }],
            negative: vec![1.0],
            ..Histogram::default()
        };
        let mut out = Vec::new();
        write(&one, &mut out);
        let buckets = r#"[[1,"-2","-1","1"],[3,"-0.001","0.001","1"],[0,"0.5","1","2"],[0,"2","4","3"]]"#;
        let expected = format!("{{\"count\":\"7\",\"sum\":\"1e-07\",\"buckets\":{buckets}}}");
        assert_eq!(String::from_utf8_lossy(&out), expected);
        out.clear();
        write(&Histogram::default(), &mut out);
        assert_eq!(out, br#"{"count":"0","sum":"0"}"#);
        assert_eq!(text(&one), "{count:7, sum:1e-07, [-2,-1):1, [-0.001,0.001]:1, (0.5,1]:2, (2,4]:3}");
    }

    #[test]
    fn numbers_as_go_writes_them() {
        assert_eq!([0.001_234, 12.0, 1234.0].map(|value| general(value, Some(2))), ["0.0012", "12", "1.2e+03"]);
    }
}
