//! Bounds of buckets: powers of 2^(2^-schema), or those that are given.

use super::CUSTOM_BUCKETS;
use std::sync::LazyLock;

/// Square root of two, rounded down as Prometheus' bounds have it.
const ROOT_OF_TWO: f64 = std::f64::consts::SQRT_2.next_down();

/// 2^(i/256) / 2 for i below 256: mantissas of all bounds of schemas 0 ..= 8. Each schema puts a bound after each of the
/// schema below it, one multiplication further: the last bits are those that other tools print.
static MANTISSAS: LazyLock<[f64; 256]> = LazyLock::new(|| {
    let mut table = [0.5; 256];
    let mut distance = 256;
    while distance > 1 {
        let half = distance / 2;
        let factor = if half == 128 { ROOT_OF_TWO } else { (half as f64 / 256.0).exp2() };
        for at in (0..256).step_by(distance) {
            table[at + half] = table[at] * factor;
        }
        distance = half;
    }
    table
});

/// The upper bound of a bucket of positive observations, and so the lower bound of the next.
///
/// Custom buckets: bound -1 is -Inf, the one after the last is +Inf. The exponential bucket that ends where numbers end has
/// the greatest number as its bound, because +Inf has a bucket of its own.
pub fn bound(index: i32, schema: i32, custom_values: &[f64]) -> f64 {
    if schema == CUSTOM_BUCKETS {
        return match usize::try_from(index) {
            Ok(position) => custom_values.get(position).copied().unwrap_or(f64::INFINITY),
            Err(_) => f64::NEG_INFINITY,
        };
    }
    let (mantissa, exponent) = if schema <= 0 {
        (0.5, (i64::from(index) << (-schema).min(31)) + 1)
    } else {
        let schema = schema.min(8);
        let position = (index & ((1 << schema) - 1)) << (8 - schema);
        (MANTISSAS[position as usize], i64::from(index >> schema) + 1)
    };
    if mantissa == 0.5 && exponent == 1025 {
        return f64::MAX;
    }
    scaled(mantissa, exponent)
}

/// `mantissa` (0.5 to 1) times a power of two, rounded once.
fn scaled(mantissa: f64, exponent: i64) -> f64 {
    let power = |exponent: i64| f64::from_bits(((exponent + 1023) as u64) << 52);
    match exponent {
        1025.. => f64::INFINITY,
        1024 => mantissa * 2.0 * power(1023),
        -1021..1024 => mantissa * power(exponent),
        -1080..-1021 => (mantissa * power(-1000)) * power((exponent + 1000).max(-1022)),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_powers() {
        assert_eq!(bound(0, 0, &[]), 1.0);
        assert_eq!(bound(3, 0, &[]), 8.0);
        assert_eq!(bound(-2, 0, &[]), 0.25);
        assert_eq!(bound(1, -2, &[]), 16.0);
        assert_eq!(bound(1, 1, &[]), ROOT_OF_TWO);
        for index in 0..256 {
            let exact = (f64::from(index) / 256.0).exp2();
            assert!((bound(index, 8, &[]) / exact - 1.0).abs() < 1e-15);
        }
        assert_eq!(bound(8, 3, &[]), 2.0);
        assert_eq!(bound(1024, 0, &[]), f64::MAX);
        assert_eq!(bound(1025, 0, &[]), f64::INFINITY);
        assert_eq!(bound(64, -4, &[]), f64::MAX);
        assert_eq!(bound(262_144, 8, &[]), f64::MAX);
        assert_eq!(bound(-1074, 0, &[]), f64::from_bits(1));
        assert_eq!(bound(-1022, 0, &[]), f64::MIN_POSITIVE);
        assert_eq!(bound(i32::MIN, -4, &[]), 0.0);
    }

    #[test]
    fn custom_bounds_are_given() {
        let values = [1.0, 2.5];
        assert_eq!(
            [-1, 0, 1, 2].map(|index| bound(index, CUSTOM_BUCKETS, &values)),
            [f64::NEG_INFINITY, 1.0, 2.5, f64::INFINITY]
        );
    }
}
