use super::*;

fn exponential(schema: i32, offset: i32, counts: &[f64]) -> Histogram {
    Histogram {
        schema,
        count: counts.iter().sum(),
        sum: 1.0,
        positive_spans: vec![Span { offset, length: counts.len() as u32 }],
        positive: counts.to_vec(),
        ..Histogram::default()
    }
}

fn custom(bounds: &[f64], counts: &[f64]) -> Histogram {
    Histogram { custom_values: bounds.to_vec(), ..exponential(CUSTOM_BUCKETS, 0, counts) }
}

fn dense(one: &Histogram) -> Vec<(i32, f64)> {
    one.positive_indexed().filter(|(_, count)| *count != 0.0).collect()
}

#[test]
fn buckets_come_from_both_ends() {
    let one = Histogram {
        zero_threshold: 0.5,
        zero_count: 2.0,
        positive_spans: vec![
            Span { offset: 0, length: 1 },
            Span { offset: 1, length: 0 },
            Span { offset: 1, length: 2 },
        ],
        positive: vec![1.0, 2.0, 3.0],
        negative_spans: vec![Span { offset: -1, length: 2 }],
        negative: vec![4.0, 5.0],
        ..Histogram::default()
    };
    let ascending: Vec<_> = one.buckets().map(|bucket| (bucket.lower, bucket.upper, bucket.count)).collect();
    let expected =
        [(-1.0, -0.5, 5.0), (-0.5, -0.5, 4.0), (-0.5, 0.5, 2.0), (0.5, 1.0, 1.0), (4.0, 8.0, 2.0), (8.0, 16.0, 3.0)];
    assert_eq!(ascending, expected);
    let mut descending: Vec<_> = one.buckets().rev().map(|bucket| (bucket.lower, bucket.upper, bucket.count)).collect();
    descending.reverse();
    assert_eq!(descending, expected);
    let mut ends = one.positive_indexed();
    assert_eq!(
        (ends.next(), ends.next_back(), ends.next(), ends.next_back()),
        (Some((0, 1.0)), Some((4, 3.0)), Some((3, 2.0)), None)
    );
}

#[test]
fn sums_meet_at_the_lower_resolution() {
    let mut fine = exponential(1, -1, &[1.0, 2.0, 3.0, 4.0]);
    let coarse = exponential(0, 0, &[10.0, 20.0]);
    fine.add(&coarse).unwrap();
    assert_eq!(fine.schema, 0);
    assert_eq!(dense(&fine), [(0, 13.0), (1, 27.0)]);
    fine.subtract(&coarse).unwrap();
    assert_eq!(dense(&fine), [(0, 3.0), (1, 7.0)]);
    assert_eq!(fine.add(&custom(&[1.0], &[1.0])), Err(MixedSchemas));
}

#[test]
fn zero_buckets_widen_to_the_end_of_a_bucket() {
    let mut narrow = exponential(0, 0, &[1.0, 2.0, 4.0]);
    let wide = Histogram { zero_threshold: 1.5, zero_count: 5.0, count: 5.0, ..Histogram::default() };
    let added = narrow.add(&wide).unwrap();
    assert_eq!(added, Added::default());
    assert_eq!((narrow.zero_threshold, narrow.zero_count), (2.0, 8.0));
    assert_eq!(dense(&narrow), [(2, 4.0)]);
    let mut wide = wide;
    wide.add(&exponential(0, 0, &[1.0, 2.0, 4.0])).unwrap();
    assert!(wide.same(&Histogram { count: 12.0, sum: 1.0, ..narrow }));
}

#[test]
fn different_custom_bounds_keep_those_in_common() {
    let mut one = custom(&[1.0, 2.0, 5.0], &[1.0, 2.0, 3.0, 4.0]);
    let added = one.add(&custom(&[2.0, 3.0, 5.0], &[10.0, 20.0, 30.0, 40.0])).unwrap();
    assert!(added.bounds_reconciled);
    assert_eq!(one.custom_values, [2.0, 5.0]);
    assert_eq!(dense(&one), [(0, 13.0), (1, 53.0), (2, 44.0)]);
}

#[test]
fn hints_of_sums() {
    use ResetHint::{Gauge, NotReset, Reset, Unknown};
    for (one, two, hint, collision) in [
        (Reset, Reset, Reset, false),
        (Reset, NotReset, Unknown, true),
        (Reset, Unknown, Unknown, false),
        (NotReset, Gauge, Gauge, false),
    ] {
        let mut sum = Histogram { hint: one, ..Histogram::default() };
        let added = sum.add(&Histogram { hint: two, ..Histogram::default() }).unwrap();
        assert_eq!((sum.hint, added.reset_collision), (hint, collision));
    }
}

#[test]
fn kahan_sums_keep_what_rounding_loses() {
    let mut sum = HistogramSum::new(exponential(0, 0, &[1e16]));
    for _ in 0..10 {
        sum.add(&exponential(0, 0, &[1.0, 0.5])).unwrap();
    }
    let sum = sum.finish();
    assert_eq!(dense(&sum), [(0, 1e16 + 10.0), (1, 5.0)]);
    assert_eq!(sum.count, 1e16 + 15.0);
}

#[test]
fn resets_are_found() {
    let before = exponential(1, 0, &[1.0, 2.0, 0.0, 3.0]);
    assert!(!exponential(1, 0, &[1.0, 2.0, 0.0, 3.0]).is_reset_after(&before));
    assert!(!exponential(0, 0, &[1.0, 2.0, 3.0]).is_reset_after(&before));
    assert!(exponential(1, 0, &[1.0, 1.0, 9.0, 3.0]).is_reset_after(&before));
    assert!(exponential(1, 0, &[9.0, 9.0]).is_reset_after(&before));
    assert!(exponential(2, 0, &[9.0; 9]).is_reset_after(&before));
    let sure = Histogram { hint: ResetHint::NotReset, ..exponential(1, 0, &[1.0]) };
    assert!(!sure.is_reset_after(&before));
    assert_eq!(exponential(1, 0, &[1.0]).hint_after(&before), ResetHint::Reset);
    let wide = Histogram { zero_threshold: 1.2, zero_count: 4.0, ..exponential(1, 1, &[2.0, 0.0, 9.0]) };
    assert!(wide.is_reset_after(&before));
    assert!(!custom(&[2.0], &[3.0, 9.0]).is_reset_after(&custom(&[1.0, 2.0], &[1.0, 2.0, 9.0])));
    assert!(custom(&[2.0], &[2.0, 19.0]).is_reset_after(&custom(&[1.0, 2.0], &[1.0, 2.0, 9.0])));
}

#[test]
fn trimming_keeps_a_part() {
    let mut one = custom(&[0.0, 10.0], &[0.0, 8.0, 2.0]);
    one.trim(5.0, true);
    assert_eq!(dense(&one), [(1, 4.0)]);
    assert_eq!((one.count, one.sum), (4.0, 10.0));
    let mut one = exponential(0, 1, &[4.0, 4.0]);
    one.trim(8f64.sqrt(), false);
    assert_eq!(one.positive.iter().sum::<f64>(), one.count);
    assert!((one.positive[0] - 2.0).abs() < 1e-9);
    let before = exponential(0, 1, &[4.0, 4.0]);
    let mut same = before.clone();
    same.trim(100.0, true);
    assert_eq!(same, before);
}
