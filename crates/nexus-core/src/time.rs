//! Times as people write them, to nanoseconds since the Unix epoch, exactly (no floating point on the way).

use crate::origins::DAY_NS;
use nexus_series::calendar::{day_of_date, days_of_month};

/// Why a text is no time that can be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeError {
    /// Neither RFC 3339 nor a number.
    Unreadable,
    /// A time, but outside of 1970-01-01 to 2262-04-11.
    OutOfRange,
}

/// What was expected, for messages.
pub const EXPECTED: &str =
    "RFC 3339 such as 2026-01-31T23:59:59.123Z, or a number of seconds, ms, us or ns since 1970-01-01";

const SECOND_NS: i128 = 1_000_000_000;

/// Read RFC 3339 or an epoch number. RFC 3339 may have a space or `t` for `T`, a comma for the point, any number of
/// fraction digits (beyond the ninth they are cut), `Z`, `+01:00`, `+0100`, `+01` or nothing (UTC) at its end; seconds or
/// the whole time of day may be left out.
pub fn parse(text: &[u8]) -> Result<i64, TimeError> {
    let text = text.trim_ascii();
    match text {
        [_, _, _, _, b'-', ..] => rfc3339(text),
        _ => epoch(text),
    }
}

/// Read a decimal number of seconds, milliseconds, microseconds or nanoseconds: the largest of these units in which it
/// lies before 2262-04-11. Fractions and exponents are exact; digits below a nanosecond are cut.
pub fn epoch(text: &[u8]) -> Result<i64, TimeError> {
    if let Some(number) = small_integer(text) {
        return Ok(number * unit_of(number));
    }
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut digits: i128 = 0;
    let mut scale: i32 = 0;
    let mut seen_digit = false;
    let mut seen_point = false;
    let mut rest = unsigned;
    while let [byte, tail @ ..] = rest {
        match byte {
            b'0'..=b'9' => {
                seen_digit = true;
                if digits < 10_i128.pow(36) {
                    digits = digits * 10 + i128::from(byte - b'0');
                    scale -= i32::from(seen_point);
                } else if !seen_point {
                    return Err(TimeError::OutOfRange);
                }
            }
            b'.' if !seen_point => seen_point = true,
            b'e' | b'E' if seen_digit => {
                scale = scale.saturating_add(exponent(tail).ok_or(TimeError::Unreadable)?);
                break;
            }
            _ => return Err(TimeError::Unreadable),
        }
        rest = tail;
    }
    if !seen_digit {
        return Err(TimeError::Unreadable);
    }
    if negative && digits != 0 {
        return Err(TimeError::OutOfRange);
    }
    scaled(digits, scale)
}

/// An integer of up to 18 digits without sign.
fn small_integer(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// Nanoseconds of the largest unit in which `number` can be stored.
fn unit_of(number: i64) -> i64 {
    const BILLION: i64 = 1_000_000_000;
    [BILLION, 1_000_000, 1000].into_iter().find(|unit| number <= i64::MAX / unit).unwrap_or(1)
}

fn exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_i32, |sum, digit| sum.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
    Some(if negative { -value } else { value })
}

/// `digits * 10^scale` of the unit that fits, in nanoseconds.
fn scaled(digits: i128, scale: i32) -> Result<i64, TimeError> {
    if digits == 0 {
        return Ok(0);
    }
    for unit in [9, 6, 3, 0] {
        let shift = scale.saturating_add(unit);
        let ns = if shift >= 0 {
            10_i128.checked_pow(shift.unsigned_abs().min(60)).and_then(|factor| digits.checked_mul(factor))
        } else {
            Some(10_i128.checked_pow(shift.unsigned_abs()).map_or(0, |factor| digits / factor))
        };
        if let Some(ns) = ns.and_then(|ns| i64::try_from(ns).ok()) {
            return Ok(ns);
        }
    }
    Err(TimeError::OutOfRange)
}

/// Two digits.
fn two(text: &[u8]) -> Option<i64> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => Some(i64::from((tens - b'0') * 10 + (ones - b'0'))),
        _ => None,
    }
}

/// The digits of a text of a known form; anything that is no digit makes the sum invalid.
struct Digits<'a> {
    text: &'a [u8; 20],
    valid: bool,
}

impl Digits<'_> {
    fn two(&mut self, at: usize) -> i64 {
        let (tens, ones) = (self.text[at].wrapping_sub(b'0'), self.text[at + 1].wrapping_sub(b'0'));
        self.valid &= tens < 10 && ones < 10;
        i64::from(tens) * 10 + i64::from(ones)
    }
}

/// The form that machines write, `2026-01-31T23:59:59.123456789Z` with or without fraction, before 2200.
fn machine_form(text: &[u8]) -> Option<i64> {
    let (head, tail) = text.split_first_chunk::<20>()?;
    let mut digits = Digits { text: head, valid: true };
    let year = digits.two(0) * 100 + digits.two(2);
    let (month, day) = (digits.two(5), digits.two(8));
    let (hour, minute, second) = (digits.two(11), digits.two(14), digits.two(17));
    let marks = [head[4], head[7], head[10], head[13], head[16]] == *b"--T::";
    let in_range = (1970..2200).contains(&year) && hour < 24 && minute < 60 && second < 60;
    let date = (1..=12).contains(&month) && day > 0 && (day <= 28 || day <= days_of_month(year, month));
    if !(digits.valid && marks && in_range && date) {
        return None;
    }
    let fraction = match (head[19], tail) {
        (b'Z', []) => 0,
        (b'.', [fraction @ .., b'Z']) if (1..=9).contains(&fraction.len()) => {
            let mut sum = 0;
            for byte in fraction {
                if !byte.is_ascii_digit() {
                    return None;
                }
                sum = sum * 10 + i64::from(byte - b'0');
            }
            sum * POWERS_OF_TEN[9 - fraction.len()]
        }
        _ => return None,
    };
    let seconds = day_of_date(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1_000_000_000 + fraction)
}

const POWERS_OF_TEN: [i64; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

fn rfc3339(text: &[u8]) -> Result<i64, TimeError> {
    if let Some(ns) = machine_form(text) {
        return Ok(ns);
    }
    let civil = read_civil(text).ok_or(TimeError::Unreadable)?;
    let ns = i128::from(civil.days) * i128::from(DAY_NS)
        + i128::from(civil.second_of_day - civil.offset) * SECOND_NS
        + i128::from(civil.fraction);
    match i64::try_from(ns) {
        Ok(ns) if ns >= 0 => Ok(ns),
        _ => Err(TimeError::OutOfRange),
    }
}

struct Civil {
    days: i64,
    second_of_day: i64,
    fraction: i64,
    offset: i64,
}

fn read_civil(text: &[u8]) -> Option<Civil> {
    let year = two(text)? * 100 + two(text.get(2..)?)?;
    let month = two(text.get(5..)?)?;
    if text.get(7) != Some(&b'-') {
        return None;
    }
    let day = two(text.get(8..)?)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_of_month(year, month) {
        return None;
    }
    let days = day_of_date(year, month, day);
    let Some((separator, time)) = text.get(10..)?.split_first() else {
        return Some(Civil { days, second_of_day: 0, fraction: 0, offset: 0 });
    };
    if !matches!(separator, b'T' | b't' | b' ') || time.get(2) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (two(time)?, two(time.get(3..)?)?);
    let mut rest = time.get(5..)?;
    let mut second = 0;
    let mut fraction = 0;
    if let [b':', tail @ ..] = rest {
        second = two(tail)?;
        rest = &tail[2..];
        if let [b'.' | b',', tail @ ..] = rest {
            let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            let kept = &tail[..digits.min(9)];
            fraction = kept.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
            fraction *= 10_i64.pow(9 - kept.len() as u32);
            rest = &tail[digits..];
        }
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(Civil { days, second_of_day: hour * 3600 + minute * 60 + second, fraction, offset: offset(rest)? })
}

/// Seconds east of Greenwich.
fn offset(text: &[u8]) -> Option<i64> {
    let text = if let [b' ', rest @ ..] = text { rest } else { text };
    let (sign, rest) = match text {
        [] | [b'Z' | b'z'] | b"UTC" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let hours = two(rest)?;
    let minutes = match &rest[2..] {
        [] => 0,
        [b':', minutes @ ..] | minutes if minutes.len() == 2 => two(minutes)?,
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str, ns: i64) {
        assert_eq!(parse(text.as_bytes()), Ok(ns), "{text}");
    }

    #[test]
    fn rfc3339_forms() {
        ok("1970-01-01T00:00:00Z", 0);
        ok("2026-06-01T12:00:00.123456789Z", 1_780_315_200_123_456_789);
        ok("2026-06-01T12:00:00.1234567899999Z", 1_780_315_200_123_456_789);
        ok("2026-06-01 14:00:00,5+02:00", 1_780_315_200_500_000_000);
        ok("2026-06-01t12:00z", 1_780_315_200_000_000_000);
        ok("2026-06-01T10:30:00-0130", 1_780_315_200_000_000_000);
        ok("2026-06-01T13:00:00+01", 1_780_315_200_000_000_000);
        ok("2026-06-01 12:00:00 UTC", 1_780_315_200_000_000_000);
        ok("2026-06-01", 1_780_315_200_000_000_000 - 12 * 3_600_000_000_000);
        ok("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000);
        ok("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000);
        ok("2262-04-11T23:47:16.854775807Z", i64::MAX);
    }

    #[test]
    fn epochs_by_magnitude() {
        ok("0", 0);
        ok("1780315200", 1_780_315_200_000_000_000);
        ok("1780315200.123456789", 1_780_315_200_123_456_789);
        ok("1.7803152001234567899e9", 1_780_315_200_123_456_789);
        ok("1780315200123", 1_780_315_200_123_000_000);
        ok("1780315200123.5", 1_780_315_200_123_500_000);
        ok("1780315200123456", 1_780_315_200_123_456_000);
        ok(" 1780315200123456789 ", 1_780_315_200_123_456_789);
        ok("9223372036854775807", i64::MAX);
        ok("9223372036", 9_223_372_036_000_000_000);
        ok("9223372037", 9_223_372_037_000_000);
        ok("-0", 0);
        ok("0e999999999999", 0);
        ok("1e-400", 0);
    }

    #[test]
    fn refused() {
        for text in
            ["", "now", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-06-01T24:00:00Z", "1e", "1.2.3", "+"]
        {
            assert_eq!(parse(text.as_bytes()), Err(TimeError::Unreadable), "{text}");
        }
        for text in ["-1", "1969-12-31T23:59:59Z", "2262-04-11T23:47:16.854775808Z", "9223372036854775808", "1e400"] {
            assert_eq!(parse(text.as_bytes()), Err(TimeError::OutOfRange), "{text}");
        }
        let digits = "9".repeat(200_000);
        assert_eq!(parse(digits.as_bytes()), Err(TimeError::OutOfRange));
    }
}
