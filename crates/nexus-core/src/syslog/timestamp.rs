//! Times of syslog messages: those that leave out the year or the zone, and how these are made up for.

use crate::time;
use nexus_series::calendar::{date_of, day_of_date, days_of_month};

const SECOND_NS: i64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;
/// A time without a year is never further ahead than this: clocks and zones are wrong by less.
const AHEAD_SECONDS: i64 = 2 * DAY_SECONDS;
/// Years that are looked back for a day that exists, February 29 that is.
const YEARS_BACK: i64 = 8;

/// The local time of senders that do not name their zone: from when (Unix seconds) which offset (seconds east) holds.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    changes: Vec<(i64, i64)>,
}

impl Zone {
    /// By its changes; without any it is UTC. Before the first one its offset holds too.
    pub fn new(mut changes: Vec<(i64, i64)>) -> Self {
        for change in &mut changes {
            change.1 = change.1.clamp(-DAY_SECONDS, DAY_SECONDS);
        }
        changes.sort_unstable();
        Self { changes }
    }

    /// Unix seconds of a local time in seconds. Of the two that an hour set back has, the later one.
    pub fn to_utc(&self, local: i64) -> i64 {
        let found = self.changes.iter().rev().find(|(from, offset)| local.saturating_sub(*offset) >= *from);
        local.saturating_sub(found.or(self.changes.first()).map_or(0, |change| change.1))
    }

    fn to_local(&self, utc: i64) -> i64 {
        let found = self.changes.iter().rev().find(|(from, _)| utc >= *from);
        utc.saturating_add(found.or(self.changes.first()).map_or(0, |change| change.1))
    }
}

/// What surrounds the message: when it was received, and where.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Nanoseconds since the epoch.
    pub now_ns: i64,
    /// Zone of times without one.
    pub zone: &'a Zone,
}

/// A BSD time (`Nov 25 16:11:00`, with a year, a fraction and a zone where there are any, with Cisco's mark) or an ISO one
/// at the beginning of a text: nanoseconds since the epoch and what follows the time and its colon.
pub fn leading<'a>(text: &'a [u8], context: Context<'_>) -> Option<(i64, &'a [u8])> {
    match text {
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', ..] => iso(text, context),
        [b'*' | b'.', rest @ ..] => bsd(rest, context),
        _ => bsd(text, context),
    }
}

fn iso<'a>(text: &'a [u8], context: Context<'_>) -> Option<(i64, &'a [u8])> {
    let end = |from: usize| memchr::memchr(b' ', &text[from..]).map_or(text.len(), |at| from + at);
    let mut stop = end(0);
    if stop == 10 {
        stop = end(11.min(text.len()));
    }
    let stamp = text[..stop].strip_suffix(b":").unwrap_or(&text[..stop]);
    if stamp.len() < 16 {
        return None;
    }
    let ns = time::parse(stamp).ok()?;
    let zoned = stamp[10..].iter().any(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'));
    let ns = if zoned { ns } else { localised(ns / SECOND_NS, ns % SECOND_NS, context)? };
    Some((ns, text[stop..].trim_ascii_start()))
}

fn localised(local: i64, fraction: i64, context: Context<'_>) -> Option<i64> {
    let ns = context.zone.to_utc(local).checked_mul(SECOND_NS)?.checked_add(fraction)?;
    (ns >= 0).then_some(ns)
}

/// Digits of a text, one after the other.
struct Scanner<'a>(&'a [u8]);

impl Scanner<'_> {
    fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let digits = self.0.iter().take(max + 1).take_while(|byte| byte.is_ascii_digit()).count();
        if !(min..=max).contains(&digits) {
            return None;
        }
        let value = self.0[..digits].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        self.0 = &self.0[digits..];
        Some(value)
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        (first == wanted).then_some(())
    }

    fn blanks(&mut self) -> Option<()> {
        let rest = self.0.trim_ascii_start();
        let moved = rest.len() < self.0.len();
        self.0 = rest;
        moved.then_some(())
    }

    fn month(&mut self) -> Option<i64> {
        const MONTHS: &[u8; 36] = b"janfebmaraprmayjunjulaugsepoctnovdec";
        let (name, rest) = self.0.split_first_chunk::<3>()?;
        let name = name.map(|byte| byte.to_ascii_lowercase());
        let found = MONTHS.as_chunks::<3>().0.iter().position(|month| *month == name)?;
        self.0 = rest;
        Some(found as i64 + 1)
    }

    /// A year that is not the beginning of something else.
    fn year(&mut self) -> Option<i64> {
        let mut ahead = Scanner(self.0);
        let year = ahead.number(4, 4)?;
        if !(1970..2262).contains(&year) || !matches!(ahead.0.first(), None | Some(b' ' | b':')) {
            return None;
        }
        self.0 = ahead.0;
        Some(year)
    }

    /// Nanoseconds of a fraction, 0 when there is none.
    fn fraction(&mut self) -> i64 {
        let [b'.' | b',', digits @ ..] = self.0 else { return 0 };
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return 0;
        }
        self.0 = &digits[count..];
        let kept = &digits[..count.min(9)];
        kept.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')) * 10_i64.pow(9 - kept.len() as u32)
    }

    /// The name of a zone: does it mean UTC? Other abbreviations mean several zones; they are passed over when a colon
    /// follows, as Cisco writes it.
    fn zone(&mut self) -> bool {
        let rest = self.0.trim_ascii_start();
        let letters = rest.iter().take(6).take_while(|byte| byte.is_ascii_uppercase()).count();
        let (name, after) = rest.split_at(letters);
        let utc = matches!(name, b"UTC" | b"GMT" | b"Z");
        let ends = match after.first() {
            Some(b':') => (1..=5).contains(&letters),
            Some(b' ') | None => utc,
            _ => false,
        };
        if ends {
            self.0 = after;
        }
        ends && utc
    }
}

fn bsd<'a>(text: &'a [u8], context: Context<'_>) -> Option<(i64, &'a [u8])> {
    let mut scan = Scanner(text);
    let mut year = scan.year();
    if year.is_some() {
        scan.blanks()?;
    }
    let month = scan.month()?;
    scan.blanks()?;
    let day = scan.number(1, 2)?;
    scan.blanks()?;
    if year.is_none() {
        year = scan.year();
        if year.is_some() {
            scan.blanks()?;
        }
    }
    let hour = scan.number(1, 2)?;
    scan.byte(b':')?;
    let minute = scan.number(2, 2)?;
    scan.byte(b':')?;
    let second = scan.number(2, 2)?;
    let fraction = scan.fraction();
    if hour > 23 || minute > 59 || second > 60 || day < 1 {
        return None;
    }
    if year.is_none() {
        let mut ahead = Scanner(scan.0);
        if ahead.blanks().is_some()
            && let Some(found) = ahead.year()
        {
            year = Some(found);
            scan = ahead;
        }
    }
    let utc = Zone::default();
    let context = if scan.zone() { Context { zone: &utc, ..context } } else { context };
    let ([b':', rest @ ..] | rest @ ([] | [b' ' | b'\t', ..])) = scan.0 else { return None };
    let of_day = hour * 3600 + minute * 60 + second;
    let ns = match year {
        Some(year) if day <= days_of_month(year, month) => {
            localised(day_of_date(year, month, day) * DAY_SECONDS + of_day, fraction, context)?
        }
        Some(_) => return None,
        None => without_year(month, day, of_day, fraction, context)?,
    };
    Some((ns, rest.trim_ascii_start()))
}

/// The latest year in which the time exists and is not ahead of now by more than [`AHEAD_SECONDS`].
fn without_year(month: i64, day: i64, of_day: i64, fraction: i64, context: Context<'_>) -> Option<i64> {
    let now = context.now_ns.div_euclid(SECOND_NS);
    let (this_year, ..) = date_of(context.zone.to_local(now).div_euclid(DAY_SECONDS));
    (this_year - YEARS_BACK..=this_year + 1).rev().filter(|&year| day <= days_of_month(year, month)).find_map(|year| {
        let local = day_of_date(year, month, day) * DAY_SECONDS + of_day;
        let ns = localised(local, fraction, context)?;
        (ns / SECOND_NS <= now + AHEAD_SECONDS).then_some(ns)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn at(text: &str) -> i64 {
        time::parse(text.as_bytes()).unwrap()
    }

    fn read(text: &str, now: &str, zone: &Zone) -> Option<(i64, String)> {
        leading(text.as_bytes(), Context { now_ns: at(now), zone })
            .map(|(ns, rest)| (ns, String::from_utf8_lossy(rest).into_owned()))
    }

    fn utc(text: &str, now: &str, expected: &str, rest: &str) {
        assert_eq!(read(text, now, &Zone::default()), Some((at(expected), rest.to_owned())), "{text}");
    }

    #[test]
    fn forms() {
        let now = "2026-06-15T12:00:00Z";
        utc("Jun  5 01:02:03 host x", now, "2026-06-05T01:02:03Z", "host x");
        utc("jun 15 1:02:03.5 host", now, "2026-06-15T01:02:03.5Z", "host");
        utc("*Mar  1 18:46:11.123 UTC: %SYS-5-X", now, "2026-03-01T18:46:11.123Z", "%SYS-5-X");
        utc(".Mar  1 18:46:11: %SYS-5-X", now, "2026-03-01T18:46:11Z", "%SYS-5-X");
        utc("Mar  1 2023 18:46:11: %ASA-6-1", now, "2023-03-01T18:46:11Z", "%ASA-6-1");
        utc("2023 Mar  1 18:46:11 CEST: %ETHPORT", now, "2023-03-01T18:46:11Z", "%ETHPORT");
        utc("Mar  1 18:46:11 2023 host a", now, "2023-03-01T18:46:11Z", "host a");
        utc("Mar  1 18:46:11 GMT host a", now, "2026-03-01T18:46:11Z", "host a");
        utc("Mar  1 18:46:11 WEB host a", now, "2026-03-01T18:46:11Z", "WEB host a");
        utc("2023-03-01T18:46:11.25+01:00 h", now, "2023-03-01T17:46:11.25Z", "h");
        utc("2023-03-01 18:46:11,250 h", now, "2023-03-01T18:46:11.25Z", "h");
        utc("Mar  1 18:46:11", now, "2026-03-01T18:46:11Z", "");
        for text in [
            "",
            "Mar",
            "Mar 32 01:02:03 x",
            "Feb 30 2024 01:02:03 x",
            "Mar 1 25:00:00",
            "Mar 1 01:02:03x",
            "2023-03-01 h",
        ] {
            assert_eq!(read(text, now, &Zone::default()), None, "{text}");
        }
    }

    #[test]
    fn the_year_is_inferred() {
        utc("Dec 31 23:59:59 h", "2027-01-01T00:00:05Z", "2026-12-31T23:59:59Z", "h");
        utc("Jan  1 00:00:01 h", "2026-12-31T23:59:58Z", "2027-01-01T00:00:01Z", "h");
        utc("Jan  3 00:00:01 h", "2026-12-31T23:59:58Z", "2026-01-03T00:00:01Z", "h");
        utc("Nov 25 00:00:00 h", "2026-06-01T00:00:00Z", "2025-11-25T00:00:00Z", "h");
        utc("Feb 29 12:00:00 h", "2027-06-01T00:00:00Z", "2024-02-29T12:00:00Z", "h");
    }

    #[test]
    fn local_times() {
        // Central Europe: winter time, summer time from 2026-03-29T01:00Z to 2026-10-25T01:00Z.
        let zone = Zone::new(vec![
            (0, HOUR),
            (at("2026-03-29T01:00:00Z") / SECOND_NS, 2 * HOUR),
            (at("2026-10-25T01:00:00Z") / SECOND_NS, HOUR),
        ]);
        for (text, expected) in [
            ("Jan 10 12:00:00 h", "2026-01-10T11:00:00Z"),
            ("Jul 10 12:00:00 h", "2026-07-10T10:00:00Z"),
            ("Mar 29 01:59:59 h", "2026-03-29T00:59:59Z"),
            ("Mar 29 03:00:00 h", "2026-03-29T01:00:00Z"),
            ("Oct 25 03:00:00 h", "2026-10-25T02:00:00Z"),
            ("Jul 10 12:00:00 UTC h", "2026-07-10T12:00:00Z"),
            ("2026-07-10T12:00:00 h", "2026-07-10T10:00:00Z"),
            ("2026-07-10T12:00:00Z h", "2026-07-10T12:00:00Z"),
        ] {
            assert_eq!(read(text, "2026-11-01T00:00:00Z", &zone), Some((at(expected), "h".to_owned())), "{text}");
        }
    }
}
