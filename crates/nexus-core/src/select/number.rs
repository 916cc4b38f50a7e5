//! Numbers as comparisons see them: exact across integers and floats, and texts that read as numbers.

use std::cmp::Ordering;

/// The number that a comparison names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Within 64 bits, with or without sign.
    Int(i128),
    Float(f64),
}

impl Number {
    /// An integer against this; None beside NaN.
    pub(super) fn order_int(self, value: i64) -> Option<Ordering> {
        match self {
            Self::Int(number) => Some(i128::from(value).cmp(&number)),
            Self::Float(number) => order_float_int(number, i128::from(value)).map(Ordering::reverse),
        }
    }

    /// A float against this; None beside NaN.
    pub(super) fn order_float(self, value: f64) -> Option<Ordering> {
        match self {
            Self::Int(number) => order_float_int(value, number),
            Self::Float(number) => value.partial_cmp(&number),
        }
    }

    /// As nanoseconds since the epoch, within what a timestamp can be.
    pub(super) fn timestamp(self) -> i64 {
        match self {
            Self::Int(number) => number.clamp(0, i128::from(i64::MAX)) as i64,
            Self::Float(number) => (number as i64).max(0),
        }
    }
}

/// A float against an integer of at most 65 bits.
fn order_float_int(float: f64, int: i128) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // Saturates far outside of what `int` can be.
    let whole = float.trunc();
    Some((whole as i128).cmp(&int).then_with(|| float.partial_cmp(&whole).unwrap_or(Ordering::Equal)))
}

/// The number that a stored text reads as: `toFloat64OrNull` of the engine, which takes what Rust takes.
pub(super) fn read_float(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Append a float as the engine's `toString` prints it: shortest digits, without exponent from 1e-6 up to 1e21.
pub(super) fn write_float_text(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        let text: &[u8] = if value.is_nan() { b"nan" } else { b"inf" };
        if value == f64::NEG_INFINITY {
            out.push(b'-');
        }
        out.extend_from_slice(text);
        return;
    }
    let scientific = format!("{value:e}");
    let (_, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    if exponent.parse::<i32>().is_ok_and(|exponent| (-6..21).contains(&exponent)) {
        out.extend_from_slice(value.to_string().as_bytes());
    } else {
        out.extend_from_slice(scientific.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats_compare_exactly() {
        let beyond = (1_i64 << 53) + 1;
        assert_eq!(Number::Float(9_007_199_254_740_992.0).order_int(beyond), Some(Ordering::Greater));
        assert_eq!(Number::Int(i128::from(beyond)).order_float(9_007_199_254_740_992.0), Some(Ordering::Less));
        assert_eq!(Number::Int(500).order_float(500.0), Some(Ordering::Equal));
        assert_eq!(Number::Int(500).order_float(499.5), Some(Ordering::Less));
        assert_eq!(Number::Int(-3).order_float(-3.5), Some(Ordering::Less));
        assert_eq!(Number::Int(0).order_float(f64::INFINITY), Some(Ordering::Greater));
        assert_eq!(Number::Int(0).order_float(f64::NAN), None);
        assert_eq!(Number::Float(1e300).order_int(i64::MAX), Some(Ordering::Less));
        assert_eq!(Number::Float(0.5).order_int(0), Some(Ordering::Less));
        assert_eq!(Number::Float(-0.5).order_int(0), Some(Ordering::Greater));
        assert_eq!(Number::Float(-1e30).timestamp(), 0);
        assert_eq!(Number::Float(1e30).timestamp(), i64::MAX);
    }

    #[test]
    fn texts_read_as_the_engine_reads_them() {
        for text in
            ["5", "+5", "-5", "5.", ".5", "-.5", "1e5", "1E+5", "007", "inf", "-Infinity", "NaN", "1e0000000005"]
        {
            assert!(read_float(text.as_bytes()).is_some(), "{text}");
        }
        for text in ["", ".", "-", "+-5", " 5", "5 ", "e5", "1e", "0x10", "1_000", "5\n", "nano", "in", "1d"] {
            assert!(read_float(text.as_bytes()).is_none(), "{text}");
        }
        assert_eq!(read_float(b"1e400"), Some(f64::INFINITY));
    }

    #[test]
    fn floats_print_as_the_engine_prints_them() {
        for (value, text) in [
            (500.0, "500"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e21"),
            (1.5e21, "1.5e21"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (0.000_001_234, "0.000001234"),
            (1.5e300, "1.5e300"),
            (9_223_372_036_854_775_807.0, "9223372036854776000"),
            (5e-324, "5e-324"),
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let mut out = Vec::new();
            write_float_text(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
