//! OpenTelemetry's names as Prometheus has them. Source: OpenTelemetry's specification of Prometheus compatibility, and
//! Prometheus' `translation_strategy`.

use std::borrow::Cow;

/// What becomes of names, as Prometheus calls its four ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Letters, digits, `_` (and `:`) only; unit and kind at the end of the name.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// Letters, digits, `_` (and `:`) only.
    UnderscoreEscapingWithoutSuffixes,
    /// As they are, with unit and kind at the end.
    NoUtf8EscapingWithSuffixes,
    /// As they are.
    NoTranslation,
}

impl Strategy {
    /// By Prometheus' name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "UnderscoreEscapingWithSuffixes" => Self::UnderscoreEscapingWithSuffixes,
            "UnderscoreEscapingWithoutSuffixes" => Self::UnderscoreEscapingWithoutSuffixes,
            "NoUTF8EscapingWithSuffixes" => Self::NoUtf8EscapingWithSuffixes,
            "NoTranslation" => Self::NoTranslation,
            _ => return None,
        })
    }

    fn escapes(self) -> bool {
        matches!(self, Self::UnderscoreEscapingWithSuffixes | Self::UnderscoreEscapingWithoutSuffixes)
    }

    fn suffixes(self) -> bool {
        matches!(self, Self::UnderscoreEscapingWithSuffixes | Self::NoUtf8EscapingWithSuffixes)
    }
}

/// What a name's end depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffix {
    /// A sum that only grows: `total`.
    Counter,
    /// A gauge: `ratio` when its unit is 1.
    Gauge,
    /// Anything else.
    None,
}

/// The name of a metric.
pub fn metric_name(name: &str, unit: &str, suffix: Suffix, strategy: Strategy) -> String {
    if !strategy.suffixes() {
        return if strategy.escapes() { escaped(name) } else { name.to_owned() };
    }
    let (main, per) = units(unit);
    let end = match suffix {
        Suffix::Counter => "total",
        Suffix::Gauge if unit == "1" => "ratio",
        _ => "",
    };
    if strategy.escapes() {
        compliant(name, &clean(&main), &clean(&per), end)
    } else {
        suffixed(name, &main, &per, end)
    }
}

/// The unit in words, as metadata have it.
pub fn unit_name(unit: &str, strategy: Strategy) -> String {
    if !strategy.suffixes() {
        return unit.to_owned();
    }
    let (main, per) = units(unit);
    let (main, per) = if strategy.escapes() { (clean(&main), clean(&per)) } else { (main, per) };
    match (main.as_str(), per.as_str()) {
        (main, "") => main.to_owned(),
        ("", per) => format!("per_{per}"),
        (main, per) => format!("{main}_per_{per}"),
    }
}

/// The name of a label.
pub fn label_name(name: &str, strategy: Strategy) -> Cow<'_, str> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !strategy.escapes() || name.is_empty() {
        return Cow::Borrowed(name);
    }
    let bytes = name.as_bytes();
    let prefix = if bytes[0].is_ascii_digit() {
        "key_"
    } else if bytes[0] == b'_' && bytes.get(1) != Some(&b'_') {
        "key"
    } else {
        ""
    };
    if prefix.is_empty() && bytes.iter().all(|&byte| good(byte)) {
        return Cow::Borrowed(name);
    }
    let rest = name.chars().map(|c| if c.is_ascii() && good(c as u8) { c } else { '_' });
    Cow::Owned(prefix.chars().chain(rest).collect())
}

/// Runs of what may not be in a name become one underscore; those at its ends go.
fn escaped(name: &str) -> String {
    let tokens =
        name.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).filter(|token| !token.is_empty());
    not_a_digit_first(tokens.collect::<Vec<_>>().join("_"))
}

fn compliant(name: &str, main: &str, per: &str, end: &str) -> String {
    let mut tokens: Vec<&str> =
        name.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':')).filter(|token| !token.is_empty()).collect();
    if !main.is_empty() && !tokens.contains(&main) {
        tokens.push(main);
    }
    if !per.is_empty() && !tokens.contains(&per) {
        tokens.extend(["per", per]);
    }
    if !end.is_empty() {
        tokens.retain(|token| *token != end);
        tokens.push(end);
    }
    not_a_digit_first(tokens.join("_"))
}

fn suffixed(name: &str, main: &str, per: &str, end: &str) -> String {
    let mut name = name.to_owned();
    let mut append = |suffix: String| {
        if suffix.is_empty() {
            return;
        }
        // What ends so already is not said twice, whatever stands between.
        if let Some(before) = name.strip_suffix(&suffix)
            && let Some(last) = before.chars().next_back()
            && before.len() > last.len_utf8()
        {
            name.truncate(before.len() - last.len_utf8());
        }
        name.push('_');
        name.push_str(&suffix);
    };
    append(main.to_owned());
    append(if per.is_empty() { String::new() } else { format!("per_{per}") });
    append(end.to_owned());
    name
}

fn not_a_digit_first(name: String) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// The unit before and after a slash, in words. What is in braces is a remark.
fn units(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let word = |unit: &str, of: fn(&str) -> Option<&'static str>| {
        let unit = unit.trim();
        if unit.contains(['{', '}']) { String::new() } else { of(unit).unwrap_or(unit).to_owned() }
    };
    (word(main, main_unit), word(per, per_unit))
}

fn main_unit(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tibibytes",
        "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "TBy" => "terabytes",
        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "1" => "",
        "%" => "percent",
        _ => return None,
    })
}

fn per_unit(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "s" => "second",
        "m" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" => "week",
        "mo" => "month",
        "y" => "year",
        _ => return None,
    })
}

fn clean(unit: &str) -> String {
    let tokens = unit.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':')).filter(|token| !token.is_empty());
    tokens.collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_suffixes() {
        let name = |name, unit, suffix| metric_name(name, unit, suffix, Strategy::UnderscoreEscapingWithSuffixes);
        for (given, unit, suffix, expected) in [
            ("http.server.duration", "s", Suffix::None, "http_server_duration_seconds"),
            ("http.server.duration", "ms", Suffix::None, "http_server_duration_milliseconds"),
            ("http.server.requests", "{request}", Suffix::Counter, "http_server_requests_total"),
            ("requests_total", "1", Suffix::Counter, "requests_total"),
            ("total.requests", "", Suffix::Counter, "requests_total"),
            ("system.io", "By/s", Suffix::Gauge, "system_io_bytes_per_second"),
            ("system.memory.bytes", "By", Suffix::Gauge, "system_memory_bytes"),
            ("cpu.utilization", "1", Suffix::Gauge, "cpu_utilization_ratio"),
            ("cpu.utilization", "%", Suffix::Gauge, "cpu_utilization_percent"),
            ("2xx", "", Suffix::None, "_2xx"),
            ("a--b__c.", "", Suffix::None, "a_b_c"),
            ("a:b", "", Suffix::None, "a:b"),
            ("x", "foo/bar", Suffix::None, "x_foo_per_bar"),
            ("x", "{a}/s", Suffix::None, "x_per_second"),
            ("größe", "", Suffix::None, "gr_e"),
        ] {
            assert_eq!(name(given, unit, suffix), expected, "{given} {unit}");
        }
    }

    #[test]
    fn other_strategies() {
        let of = |strategy| metric_name("http.server.größe", "By", Suffix::Counter, strategy);
        assert_eq!(of(Strategy::NoTranslation), "http.server.größe");
        assert_eq!(of(Strategy::UnderscoreEscapingWithoutSuffixes), "http_server_gr_e");
        assert_eq!(of(Strategy::NoUtf8EscapingWithSuffixes), "http.server.größe_bytes_total");
        let kept = metric_name("x.total", "", Suffix::Counter, Strategy::NoUtf8EscapingWithSuffixes);
        assert_eq!(kept, "x_total");
        for name in [
            "UnderscoreEscapingWithSuffixes",
            "UnderscoreEscapingWithoutSuffixes",
            "NoUTF8EscapingWithSuffixes",
            "NoTranslation",
        ] {
            assert!(Strategy::from_name(name).is_some());
        }
        assert_eq!(Strategy::from_name("none"), None);
    }

    #[test]
    fn labels() {
        for (given, expected) in [
            ("http.method", "http_method"),
            ("ok_1", "ok_1"),
            ("1st", "key_1st"),
            ("_private", "key_private"),
            ("__meta", "__meta"),
            ("a.-b", "a__b"),
            ("é", "_"),
        ] {
            assert_eq!(label_name(given, Strategy::default()), expected);
            assert_eq!(label_name(given, Strategy::NoTranslation), given);
        }
    }
}
