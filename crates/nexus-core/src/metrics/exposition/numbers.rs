//! Numbers as exposition formats write them.

use nexus_series::NORMAL_NAN;
use std::fmt::Write;

/// A value: what Go's `ParseFloat` took before hexadecimal and underscores. NaN has the bits of an ordinary one.
#[inline]
pub fn value(text: &[u8]) -> Option<f64> {
    if let Some(number) = short_integer(text) {
        return Some(number);
    }
    let text = std::str::from_utf8(text).ok()?;
    let number: f64 = text.parse().ok()?;
    if number.is_nan() {
        // A sign before NaN is none of the format's.
        return text.starts_with(['n', 'N']).then_some(f64::from_bits(NORMAL_NAN));
    }
    Some(number)
}

/// Up to 15 digits, which are exact.
#[inline]
fn short_integer(text: &[u8]) -> Option<f64> {
    if text.is_empty() || text.len() > 15 {
        return None;
    }
    let mut number = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    Some(number as f64)
}

/// A timestamp of the text format: whole milliseconds.
pub fn milliseconds(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A timestamp of OpenMetrics, seconds with a fraction, in milliseconds.
pub fn seconds(text: &[u8]) -> Option<i64> {
    let number = value(text)? * 1000.0;
    (number.is_finite() && number.abs() < 9.2e18).then_some(number as i64)
}

/// A number as OpenMetrics writes bounds and quantiles: `1` is `1.0`.
pub fn canonical(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation has an exponent");
    let power: i32 = exponent.parse().expect("a number");
    // As Go's shortest %g, with which le and quantile of every Prometheus client are written.
    if !(-4..6).contains(&power) {
        let sign = if power < 0 { '-' } else { '+' };
        let mut text = mantissa.to_owned();
        let _ = write!(text, "e{sign}{:02}", power.abs());
        return text;
    }
    let mut text = format!("{number}");
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

/// The canonical form of a bound or quantile, the text itself when it is no number.
pub fn canonical_text(text: &str) -> String {
    match text.trim_start_matches('+').parse::<f64>() {
        Ok(number) if !text.is_empty() => canonical(number),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (text, wanted) in [
            ("1", Some(1.0)),
            ("-1.5e3", Some(-1500.0)),
            ("+Inf", Some(f64::INFINITY)),
            ("-inf", Some(f64::NEG_INFINITY)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("123456789012345678901234567890", Some(123_456_789_012_345_678_901_234_567_890.0)),
            ("", None),
            ("-nan", None),
            ("0x1", None),
            ("1_0", None),
            ("1 ", None),
        ] {
            assert_eq!(value(text.as_bytes()), wanted, "{text:?}");
        }
        assert_eq!(value(b"NaN").unwrap().to_bits(), NORMAL_NAN);
        assert_eq!(seconds(b"1.5"), Some(1500));
        assert_eq!(seconds(b"NaN"), None);
        assert_eq!(milliseconds(b"-7"), Some(-7));
    }

    #[test]
    fn bounds() {
        for (number, wanted) in [
            (1.0, "1.0"),
            (0.0, "0.0"),
            (-1.0, "-1.0"),
            (0.005, "0.005"),
            (2.5, "2.5"),
            (1e5, "100000.0"),
            (1e6, "1e+06"),
            (1e-5, "1e-05"),
            (1_234_567.0, "1.234567e+06"),
            (10_485_760.0, "1.048576e+07"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(canonical(number), wanted);
        }
        assert_eq!(canonical_text("+Inf"), "+Inf");
        assert_eq!(canonical_text("1"), "1.0");
        assert_eq!(canonical_text("x"), "x");
    }
}
