//! Read the time of a record from a field: RFC 3339, numbers since the epoch, or a format of one's own.

use crate::process::field::{Field, Source, Value};
use crate::process::rows::Rows;
use crate::process::spec::{Options, SpecError};
use crate::process::{Change, Context, Processor, State};
use crate::time;
use nexus_series::calendar::{date_of, day_of_date, days_of_month};

const DAY_SECONDS: i64 = 86_400;

/// See the module text.
#[derive(Debug)]
pub struct ParseTimestamp {
    field: Field,
    target: Field,
    formats: Vec<Format>,
    /// Seconds east of Greenwich of times without a zone.
    offset: i64,
    remove_source: bool,
}

#[derive(Debug)]
enum Format {
    Auto,
    /// Nanoseconds of the unit.
    Unix(i64),
    Parts(Vec<Part>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Year,
    YearOfCentury,
    Month,
    MonthName,
    Day,
    Hour,
    Hour12,
    Minute,
    Second,
    Fraction,
    HalfDay,
    Zone,
    ZoneName,
    WeekDay,
    Epoch,
    Spaces,
    Literal(u8),
}

impl ParseTimestamp {
    /// From options: `field`, `target`, `formats`, `timezone`, `remove_source`.
    pub fn new(options: &Options<'_>) -> Result<Self, SpecError> {
        let mut formats = Vec::new();
        for text in options.texts("formats")? {
            formats.push(match text {
                "auto" | "rfc3339" => Format::Auto,
                "unix" => Format::Unix(1_000_000_000),
                "unix_ms" => Format::Unix(1_000_000),
                "unix_us" => Format::Unix(1000),
                "unix_ns" => Format::Unix(1),
                text => Format::Parts(parts(text).map_err(|message| SpecError::new("formats", message))?),
            });
        }
        if formats.is_empty() {
            formats.push(Format::Auto);
        }
        let zone = options.text("timezone")?.unwrap_or("+00:00");
        let offset = match zone.as_bytes() {
            b"UTC" | b"Z" => Some(0),
            text => match zone_offset(text) {
                Some((offset, [])) => Some(offset),
                _ => None,
            },
        };
        let target = match options.choice("target", &["timestamp", "observed_timestamp"], "timestamp")? {
            "timestamp" => Field::Timestamp,
            _ => Field::ObservedTimestamp,
        };
        let field = super::spec::field("field", options.required_text("field")?)?;
        let remove_source = options.flag("remove_source", false)?;
        if remove_source && !field.writable() {
            return Err(SpecError::new("remove_source", "cannot remove this field"));
        }
        Ok(Self {
            field,
            target,
            formats,
            offset: offset.ok_or_else(|| SpecError::new("timezone", format!("is {zone:?}: write it like +02:00")))?,
            remove_source,
        })
    }

    fn read(&self, value: Value<'_>, now_ns: i64) -> Option<i64> {
        let text = value.to_text();
        let text = text.trim_ascii();
        self.formats.iter().find_map(|format| match format {
            Format::Auto => match time::parse(text).ok() {
                // A time of day without zone is one of the zone given.
                Some(ns) if self.offset != 0 && text.get(4) == Some(&b'-') && !has_zone(text) => {
                    ns.checked_sub(self.offset * 1_000_000_000).filter(|ns| *ns >= 0)
                }
                other => other,
            },
            Format::Unix(unit) => epoch(text, *unit),
            Format::Parts(parts) => parsed(parts, text, self.offset, now_ns),
        })
    }
}

impl Processor for ParseTimestamp {
    fn process(&self, rows: &mut Rows, _: &mut State, context: &Context) -> Change {
        let batch = rows.batch();
        let source = Source::new(&self.field, &batch);
        let mut scratch = Vec::new();
        for &row in rows.selected().iter() {
            let row = row as usize;
            let Some(value) = source.get(&batch, row, &mut scratch) else {
                rows.fail(row, "the field is not there");
                continue;
            };
            match self.read(value, context.now_ns) {
                Some(ns) if rows.set_time(row, &self.target, ns) => {
                    if self.remove_source {
                        rows.remove(row, &self.field);
                    }
                }
                Some(_) => rows.fail(row, "the batch spans too many days"),
                None => rows.fail(row, "the text is no time of these formats"),
            }
        }
        Change::None
    }
}

/// Does a time such as `2026-06-01T12:00:00+02:00` say its zone?
fn has_zone(text: &[u8]) -> bool {
    let tail = text.get(11..).unwrap_or_default();
    tail.iter().any(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-' | b'U'))
}

/// A number of units, with fraction, to nanoseconds.
fn epoch(text: &[u8], unit: i64) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut ns = whole.parse::<i64>().ok()?.checked_mul(unit)?;
    let mut digit_unit = unit;
    for digit in fraction.bytes() {
        digit_unit /= 10;
        ns = ns.checked_add(i64::from(digit - b'0') * digit_unit)?;
    }
    Some(ns)
}

fn parts(format: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut bytes = format.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            parts.push(if byte == b' ' { Part::Spaces } else { Part::Literal(byte) });
            continue;
        }
        match bytes.next() {
            Some(b'Y') => parts.push(Part::Year),
            Some(b'y') => parts.push(Part::YearOfCentury),
            Some(b'm') => parts.push(Part::Month),
            Some(b'b' | b'B' | b'h') => parts.push(Part::MonthName),
            Some(b'd' | b'e') => parts.push(Part::Day),
            Some(b'H' | b'k') => parts.push(Part::Hour),
            Some(b'I' | b'l') => parts.push(Part::Hour12),
            Some(b'M') => parts.push(Part::Minute),
            Some(b'S') => parts.push(Part::Second),
            Some(b'f' | b'L' | b'N') => parts.push(Part::Fraction),
            Some(b'p') => parts.push(Part::HalfDay),
            Some(b'z') => parts.push(Part::Zone),
            Some(b'Z') => parts.push(Part::ZoneName),
            Some(b'a' | b'A') => parts.push(Part::WeekDay),
            Some(b's') => parts.push(Part::Epoch),
            Some(b'T') => {
                let colon = Part::Literal(b':');
                parts.extend([Part::Hour, colon.clone(), Part::Minute, colon, Part::Second]);
            }
            Some(b'F') => {
                let dash = Part::Literal(b'-');
                parts.extend([Part::Year, dash.clone(), Part::Month, dash, Part::Day]);
            }
            Some(b'%') => parts.push(Part::Literal(b'%')),
            Some(other) => return Err(format!("holds %{}, which is not known", char::from(other))),
            None => return Err("ends with %".to_owned()),
        }
    }
    if parts.is_empty() { Err("holds an empty format".to_owned()) } else { Ok(parts) }
}

#[derive(Default)]
struct Civil {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    fraction: i64,
    afternoon: Option<bool>,
    offset: Option<i64>,
    epoch: Option<i64>,
}

fn parsed(parts: &[Part], text: &[u8], offset: i64, now_ns: i64) -> Option<i64> {
    let mut civil = Civil::default();
    let mut rest = text;
    for part in parts {
        rest = take(part, rest, &mut civil)?;
    }
    if !rest.trim_ascii().is_empty() {
        return None;
    }
    let ns = |seconds: i64| seconds.checked_mul(1_000_000_000)?.checked_add(civil.fraction).filter(|ns| *ns >= 0);
    if let Some(seconds) = civil.epoch {
        return ns(seconds);
    }
    let hour = match civil.afternoon {
        Some(afternoon) => civil.hour % 12 + if afternoon { 12 } else { 0 },
        None => civil.hour,
    };
    let offset = civil.offset.unwrap_or(offset);
    let today = now_ns / 1_000_000_000 + offset;
    let at = |year: i64, month: i64, day: i64| {
        if !(1..=12).contains(&month) || day < 1 || day > days_of_month(year, month) {
            return None;
        }
        Some(day_of_date(year, month, day) * DAY_SECONDS + hour * 3600 + civil.minute * 60 + civil.second)
    };
    let seconds = match (civil.year, civil.month, civil.day) {
        (Some(year), month, day) => at(year, month.unwrap_or(1), day.unwrap_or(1))?,
        (None, Some(month), day) => {
            // Without a year it is the last such day: records of December come in January. A day ahead is a clock.
            let year = year_of(today);
            let seconds = at(year, month, day.unwrap_or(1));
            match seconds {
                Some(seconds) if seconds <= today + DAY_SECONDS => seconds,
                _ => at(year - 1, month, day.unwrap_or(1))?,
            }
        }
        (None, None, _) => {
            let seconds = today - today.rem_euclid(DAY_SECONDS) + hour * 3600 + civil.minute * 60 + civil.second;
            if seconds > today + DAY_SECONDS / 2 { seconds - DAY_SECONDS } else { seconds }
        }
    };
    ns(seconds - offset)
}

/// Read one part; what is left of the text.
fn take<'t>(part: &Part, text: &'t [u8], civil: &mut Civil) -> Option<&'t [u8]> {
    let spaced = |text: &'t [u8]| if let [b' ', rest @ ..] = text { rest } else { text };
    match part {
        Part::Literal(byte) => text.strip_prefix(std::slice::from_ref(byte)),
        Part::Spaces => (text.first() == Some(&b' ')).then(|| text.trim_ascii_start()),
        Part::Year => digits(text, 4, 4).map(|(year, rest)| {
            civil.year = Some(year);
            rest
        }),
        Part::YearOfCentury => digits(text, 2, 2).map(|(year, rest)| {
            civil.year = Some(if year < 70 { 2000 + year } else { 1900 + year });
            rest
        }),
        Part::Month => digits(text, 1, 2).map(|(month, rest)| {
            civil.month = Some(month);
            rest
        }),
        Part::MonthName => {
            let (month, rest) = name(text, &MONTHS)?;
            civil.month = Some(month + 1);
            Some(rest)
        }
        Part::Day => digits(spaced(text), 1, 2).map(|(day, rest)| {
            civil.day = Some(day);
            rest
        }),
        Part::Hour | Part::Hour12 => {
            let (hour, rest) = digits(spaced(text), 1, 2)?;
            civil.hour = hour;
            (hour < 24).then_some(rest)
        }
        Part::Minute => {
            let (minute, rest) = digits(text, 1, 2)?;
            civil.minute = minute;
            (minute < 60).then_some(rest)
        }
        Part::Second => {
            let (second, rest) = digits(text, 1, 2)?;
            civil.second = second;
            (second <= 60).then_some(rest)
        }
        Part::Fraction => {
            let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let kept = &text[..count.min(9)];
            civil.fraction = kept.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
            civil.fraction *= 10_i64.pow(9 - kept.len() as u32);
            (count > 0).then_some(&text[count..])
        }
        Part::HalfDay => {
            let (half, rest) = name(text, &["am", "pm"])?;
            civil.afternoon = Some(half == 1);
            Some(rest)
        }
        Part::Zone => {
            if let Some(rest) = text.strip_prefix(b"Z") {
                civil.offset = Some(0);
                return Some(rest);
            }
            let (offset, rest) = zone_offset(text)?;
            civil.offset = Some(offset);
            Some(rest)
        }
        Part::ZoneName => {
            let count = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            if matches!(&text[..count], b"UTC" | b"GMT" | b"Z") {
                civil.offset = Some(0);
                return Some(&text[count..]);
            }
            // Other abbreviations have several meanings.
            None
        }
        Part::WeekDay => name(text, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]).map(|(_, rest)| rest),
        Part::Epoch => digits(text, 1, 12).map(|(seconds, rest)| {
            civil.epoch = Some(seconds);
            rest
        }),
    }
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Which word the text begins with (its first letters count; the rest of the word is skipped).
fn name<'t>(text: &'t [u8], names: &[&str]) -> Option<(i64, &'t [u8])> {
    let letters = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (word, rest) = text.split_at(letters);
    let at = names
        .iter()
        .position(|name| word.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes())))?;
    Some((at as i64, rest))
}

fn digits(text: &[u8], least: usize, most: usize) -> Option<(i64, &[u8])> {
    let count = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    let number = text[..count].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    (count >= least).then_some((number, &text[count..]))
}

/// `+0200`, `+02:00`, `+02`.
fn zone_offset(text: &[u8]) -> Option<(i64, &[u8])> {
    let (sign, rest) = match text {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = digits(rest, 2, 2)?;
    let after_colon = rest.strip_prefix(b":").unwrap_or(rest);
    let (minutes, rest) = digits(after_colon, 2, 2).unwrap_or((0, rest));
    (hours < 24 && minutes < 60).then_some((sign * (hours * 3600 + minutes * 60), rest))
}

/// The year of a number of seconds since the epoch.
fn year_of(seconds: i64) -> i64 {
    date_of(seconds.div_euclid(DAY_SECONDS)).0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-02T12:00:00Z
    const NOW: i64 = 1_767_355_200_000_000_000;

    fn read(format: &str, text: &str, offset: i64) -> Option<i64> {
        parsed(&parts(format).unwrap(), text.as_bytes(), offset, NOW)
    }

    #[test]
    fn formats_are_read_as_the_clock_means_them() {
        let expected = |text: &str| Some(time::parse(text.as_bytes()).unwrap());
        for (format, text, rfc) in [
            ("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z"),
            ("%Y-%m-%d %H:%M:%S,%f", "2026-06-01 12:00:00,123", "2026-06-01T12:00:00.123Z"),
            ("%b %e %H:%M:%S", "Dec 31 23:59:59", "2025-12-31T23:59:59Z"),
            ("%b %e %H:%M:%S", "Jan  2 11:00:00", "2026-01-02T11:00:00Z"),
            ("%b %e %T", "Jan  3 11:00:00", "2026-01-03T11:00:00Z"),
            ("%a %b %d %T.%f %Y", "Mon Jun 01 12:00:00.000005 2026", "2026-06-01T12:00:00.000005Z"),
            ("%m/%d/%y %I:%M:%S %p", "06/01/26 01:02:03 PM", "2026-06-01T13:02:03Z"),
            ("%F %T %Z", "2026-06-01 12:00:00 GMT", "2026-06-01T12:00:00Z"),
            ("%s.%f", "1780315200.5", "2026-06-01T12:00:00.5Z"),
            ("%H:%M:%S", "11:30:00", "2026-01-02T11:30:00Z"),
        ] {
            assert_eq!(read(format, text, 0), expected(rfc), "{format} {text}");
        }
        assert_eq!(read("%F %T", "2026-06-01 12:00:00", 7200), expected("2026-06-01T10:00:00Z"));
        for (format, text) in [
            ("%F", "2026-02-30"),
            ("%F", "2026-06-01 x"),
            ("%b %e", "Foo 1"),
            ("%T", "24:00:00"),
            ("%F %T %Z", "2026-06-01 12:00:00 CST"),
            ("%z", ""),
        ] {
            assert_eq!(read(format, text, 0), None, "{format} {text}");
        }
        assert!(parts("%Q").is_err());
        assert!(parts("%").is_err());
        assert!(parts("").is_err());
    }

    #[test]
    fn numbers_of_a_unit() {
        assert_eq!(epoch(b"1780315200", 1_000_000_000), Some(1_780_315_200_000_000_000));
        assert_eq!(epoch(b"1780315200.25", 1_000_000_000), Some(1_780_315_200_250_000_000));
        assert_eq!(epoch(b"5.12345", 1000), Some(5123));
        assert_eq!(epoch(b"99999999999999999999", 1), None);
        assert_eq!(epoch(b"9999999999999", 1_000_000_000), None);
        assert_eq!(epoch(b"", 1), None);
        assert_eq!(epoch(b"-1", 1), None);
    }

    #[test]
    fn years() {
        for (text, year) in [("1970-01-01", 1970), ("2024-12-31", 2024), ("2025-01-01", 2025), ("2262-01-01", 2262)] {
            assert_eq!(year_of(time::parse(text.as_bytes()).unwrap() / 1_000_000_000), year);
        }
    }
}
