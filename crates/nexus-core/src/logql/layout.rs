//! Times in Go's layouts (`2006-01-02T15:04:05Z07:00`), written and read.

use nexus_series::calendar::{date_of, day_of_date};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Parts of layouts, longer ones before those they begin with.
const PARTS: [&str; 32] = [
    "January", "Monday", "2006", "Z07:00", "-07:00", "Z0700", "-0700", "Jan", "Mon", "MST", "002", "-07", "01", "02",
    "03", "04", "05", "06", "15", "PM", "pm", "_2", "Z07", "1", "2", "3", "4", "5", ".0", ",0", ".9", ",9",
];

fn next_part(layout: &str) -> Option<(&'static str, usize)> {
    let part = PARTS.iter().find(|part| layout.starts_with(**part))?;
    if matches!(*part, ".0" | ",0" | ".9" | ",9") {
        let digit = part.as_bytes()[1];
        let count = layout.bytes().skip(1).take_while(|&byte| byte == digit).count();
        // A fraction is not followed by further digits.
        if layout.as_bytes().get(count + 1).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        return Some((part, count + 1));
    }
    Some((part, part.len()))
}

struct Civil {
    year: i64,
    month: i64,
    day: i64,
    seconds: i64,
    weekday: i64,
}

fn civil(seconds: i64) -> Civil {
    let days = seconds.div_euclid(86_400);
    let (year, month, day) = date_of(days);
    Civil { year, month, day, seconds: seconds.rem_euclid(86_400), weekday: (days + 4).rem_euclid(7) }
}

/// Write a time (ns since the epoch) in a zone (seconds east of UTC).
pub(crate) fn format(ns: i64, offset: i64, layout: &str) -> String {
    let at = civil(ns.div_euclid(1_000_000_000) + offset);
    let fraction = ns.rem_euclid(1_000_000_000);
    let (hour, minute, second) = (at.seconds / 3600, at.seconds / 60 % 60, at.seconds % 60);
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    let month = MONTHS[(at.month - 1).clamp(0, 11) as usize];
    let weekday = DAYS[at.weekday.clamp(0, 6) as usize];
    let mut out = String::new();
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        let Some((part, length)) = next_part(rest) else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        let zone = |colon: &str, minutes: bool| {
            let size = offset.abs();
            let sign = if offset < 0 { '-' } else { '+' };
            let tail = if minutes { format!("{colon}{:02}", size / 60 % 60) } else { String::new() };
            format!("{sign}{:02}{tail}", size / 3600)
        };
        let shown = match part {
            "January" => month.to_owned(),
            "Jan" => month[..3].to_owned(),
            "Monday" => weekday.to_owned(),
            "Mon" => weekday[..3].to_owned(),
            "2006" => format!("{:04}", at.year),
            "06" => format!("{:02}", at.year.rem_euclid(100)),
            "01" => format!("{:02}", at.month),
            "1" => at.month.to_string(),
            "02" => format!("{:02}", at.day),
            "_2" => format!("{:2}", at.day),
            "2" => at.day.to_string(),
            "002" => format!("{:03}", day_of_date(at.year, at.month, at.day) - day_of_date(at.year, 1, 1) + 1),
            "15" => format!("{hour:02}"),
            "03" => format!("{twelve:02}"),
            "3" => twelve.to_string(),
            "04" => format!("{minute:02}"),
            "4" => minute.to_string(),
            "05" => format!("{second:02}"),
            "5" => second.to_string(),
            "PM" => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            "pm" => if hour < 12 { "am" } else { "pm" }.to_owned(),
            "MST" if offset == 0 => "UTC".to_owned(),
            "Z07:00" | "Z0700" | "Z07" if offset == 0 => "Z".to_owned(),
            "Z07:00" | "-07:00" => zone(":", true),
            "MST" | "Z0700" | "-0700" => zone("", true),
            "Z07" | "-07" => zone("", false),
            ".0" | ",0" => format!("{}{}", &part[..1], &format!("{fraction:09}")[..(length - 1).min(9)]),
            _ => {
                let digits = format!("{fraction:09}")[..(length - 1).min(9)].trim_end_matches('0').to_owned();
                if digits.is_empty() { digits } else { format!("{}{digits}", &part[..1]) }
            }
        };
        out.push_str(&shown);
        rest = &rest[length..];
    }
    out
}

/// Read a time that is written in a layout; `zone` is what holds when the text names none. (ns, seconds east of UTC).
#[allow(clippy::too_many_lines)] // One arm a part.
pub(crate) fn parse(layout: &str, text: &str, zone: i64) -> Option<(i64, i64)> {
    let (mut year, mut month, mut day) = (1_i64, 1_i64, 1_i64);
    let (mut hour, mut minute, mut second, mut fraction) = (0_i64, 0_i64, 0_i64, 0_i64);
    let mut offset = zone;
    let mut afternoon = None;
    let mut rest = layout;
    let mut value = text;
    while let Some(c) = rest.chars().next() {
        let Some((part, length)) = next_part(rest) else {
            value = value.strip_prefix(c)?;
            rest = &rest[c.len_utf8()..];
            continue;
        };
        rest = &rest[length..];
        match part {
            "January" | "Jan" => {
                let short = part == "Jan";
                let wanted = |name: &&str| {
                    value
                        .get(..if short { 3 } else { name.len() })
                        .is_some_and(|v| v.eq_ignore_ascii_case(&name[..if short { 3 } else { name.len() }]))
                };
                let index = MONTHS.iter().position(wanted)?;
                month = index as i64 + 1;
                value = &value[if short { 3 } else { MONTHS[index].len() }..];
            }
            "Monday" | "Mon" => {
                let size = |name: &str| if part == "Mon" { 3 } else { name.len() };
                let name = DAYS.iter().find(|name| {
                    value.get(..size(name)).is_some_and(|v| v.eq_ignore_ascii_case(&name[..size(name)]))
                })?;
                value = &value[size(name)..];
            }
            "2006" => year = digits(&mut value, 4, 4)?,
            "06" => {
                let short = digits(&mut value, 2, 2)?;
                year = if short >= 69 { 1900 + short } else { 2000 + short };
            }
            "01" => month = digits(&mut value, 2, 2)?,
            "1" => month = digits(&mut value, 1, 2)?,
            "02" => day = digits(&mut value, 2, 2)?,
            "_2" | "2" => {
                value = value.trim_start();
                day = digits(&mut value, 1, 2)?;
            }
            "002" => {
                month = 1;
                day = digits(&mut value, 3, 3)?;
            }
            "15" | "03" => hour = digits(&mut value, 2, 2)?,
            "3" => hour = digits(&mut value, 1, 2)?,
            "04" => minute = digits(&mut value, 2, 2)?,
            "4" => minute = digits(&mut value, 1, 2)?,
            "05" | "5" => {
                second = digits(&mut value, if part == "05" { 2 } else { 1 }, 2)?;
                // A fraction may follow seconds without being in the layout.
                if !rest.starts_with(['.', ',']) && value.starts_with(['.', ',']) {
                    fraction = read_fraction(&mut value)?;
                }
            }
            "PM" | "pm" => {
                let word = value.get(..2)?.to_ascii_lowercase();
                afternoon = Some(match word.as_str() {
                    "am" => false,
                    "pm" => true,
                    _ => return None,
                });
                value = &value[2..];
            }
            "MST" => {
                let length = value.bytes().take_while(u8::is_ascii_uppercase).count();
                if length < 3 {
                    return None;
                }
                if &value[..length] == "UTC" {
                    offset = 0;
                }
                value = &value[length..];
            }
            ".0" | ",0" | ".9" | ",9" => {
                if value.starts_with(['.', ',']) {
                    fraction = read_fraction(&mut value)?;
                } else if part.ends_with('0') {
                    return None;
                }
            }
            _ => {
                if part.starts_with('Z') && value.starts_with('Z') {
                    value = &value[1..];
                    offset = 0;
                } else {
                    let sign = match value.as_bytes().first()? {
                        b'+' => 1,
                        b'-' => -1,
                        _ => return None,
                    };
                    value = &value[1..];
                    let hours = digits(&mut value, 2, 2)?;
                    if part.ends_with(":00") {
                        value = value.strip_prefix(':')?;
                    }
                    let minutes = if part.ends_with("00") { digits(&mut value, 2, 2)? } else { 0 };
                    offset = sign * (hours * 3600 + minutes * 60);
                }
            }
        }
    }
    if let Some(afternoon) = afternoon {
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let valid = (1..=12).contains(&month) && (1..=366).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !valid || !value.is_empty() {
        return None;
    }
    let seconds =
        day_of_date(year, month, 1).checked_add(day - 1)?.checked_mul(86_400)? + hour * 3600 + minute * 60 + second;
    Some(((seconds - offset).checked_mul(1_000_000_000)?.checked_add(fraction)?, offset))
}

fn digits(text: &mut &str, least: usize, most: usize) -> Option<i64> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    let number = text[..count].parse().ok()?;
    *text = &text[count..];
    Some(number)
}

fn read_fraction(text: &mut &str) -> Option<i64> {
    let rest = &text[1..];
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    let padded = format!("{:0<9}", &rest[..count.min(9)]);
    *text = &rest[count..];
    padded.parse().ok()
}

/// The offset of a zone by name; `UTC`, `Local` (which is UTC here) and `+02:00` forms.
pub(crate) fn zone(name: &str) -> Option<i64> {
    if matches!(name, "" | "UTC" | "GMT" | "Local" | "Etc/UTC" | "Z") {
        return Some(0);
    }
    let mut rest = name.strip_prefix(['+', '-'])?;
    let hours = digits(&mut rest, 2, 2)?;
    let mut rest = rest.strip_prefix(':').unwrap_or(rest);
    let minutes = if rest.is_empty() { 0 } else { digits(&mut rest, 2, 2)? };
    rest.is_empty().then_some(if name.starts_with('-') { -1 } else { 1 } * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        let ns = 1_700_000_000_123_000_000;
        assert_eq!(format(ns, 0, "2006-01-02T15:04:05.000Z07:00"), "2023-11-14T22:13:20.123Z");
        assert_eq!(format(ns, 7200, "Mon Jan _2 03:04PM -0700"), "Wed Nov 15 12:13AM +0200");
        assert_eq!(parse("2006-01-02T15:04:05Z07:00", "2023-11-14T22:13:20.123Z", 0), Some((ns, 0)));
        assert_eq!(
            parse("02/Jan/2006:15:04:05 -0700", "15/Nov/2023:00:13:20 +0200", 0),
            Some((1_700_000_000_000_000_000, 7200))
        );
        assert_eq!(parse("2006-01-02", "2023-13-01", 0), None);
        assert_eq!(parse("2006-01-02", "x", 0), None);
        assert_eq!(zone("-05:30"), Some(-19_800));
        assert_eq!(zone("Mars/North"), None);
    }
}
