//! Classes of durations: four an octave, one byte that searches, heatmaps and quantiles read instead of eight.
//!
//! Class 0 is 0 ns. With d in ns, `octave` = floor(log2 d) and `quarter` the two bits below the top one of d, the class is
//! 1 + 4 * octave + quarter, 255 at most: a class is between 14 % and 25 % wide. Classes 2 to 4 and 6 and 8 hold nothing.

/// The class of a duration in ns.
#[inline]
pub fn class_of(duration: u64) -> u8 {
    if duration == 0 {
        return 0;
    }
    let octave = duration.ilog2();
    let quarter = if octave >= 2 { duration >> (octave - 2) } else { duration << (2 - octave) } & 3;
    (1 + 4 * octave + quarter as u32).min(u32::from(u8::MAX)) as u8
}

/// Durations of a class in ns: the shortest, and the one that all are shorter than (the longest there is for class 255).
pub fn bounds_of(class: u8) -> (u64, u64) {
    let low = |class: u32| {
        let (octave, quarter) = ((class - 1) / 4, u128::from((class - 1) % 4));
        u64::try_from(((4 + quarter) << octave).div_ceil(4)).unwrap_or(u64::MAX)
    };
    match class {
        0 => (0, 1),
        u8::MAX => (low(255), u64::MAX),
        _ => (low(u32::from(class)), low(u32::from(class) + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_within_the_bounds_of_its_class() {
        let mut state = 1_u64;
        let edges = (0..64).flat_map(|octave| {
            let power = 1_u64 << octave;
            [power - 1, power, power + 1, power + power / 4, power + power / 2, power + (power / 4) * 3]
        });
        let random = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> (state % 64)
        });
        for duration in edges.chain([u64::MAX]).chain((0..5000).chain(random.take(20_000).collect::<Vec<_>>())) {
            let class = class_of(duration);
            let (low, high) = bounds_of(class);
            assert!(low <= duration && (duration < high || class == u8::MAX), "{duration}: {class} {low} {high}");
        }
    }

    #[test]
    fn classes_by_hand() {
        for (duration, class) in [(0, 0), (1, 1), (2, 5), (3, 7), (4, 9), (5, 10), (7, 12), (8, 13), (9, 13), (10, 14)]
        {
            assert_eq!(class_of(duration), class, "{duration}");
        }
        assert_eq!(class_of(1_000_000), 1 + 4 * 19 + 3);
        assert_eq!(class_of(u64::MAX), 255);
    }

    #[test]
    fn bounds_meet() {
        for class in 0..u8::MAX {
            assert_eq!(bounds_of(class).1, bounds_of(class + 1).0, "{class}");
        }
    }
}
