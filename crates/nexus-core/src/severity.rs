//! Severity: OpenTelemetry's numbers (1-24), the six names they fall into, and the names that people write.

/// The normalised names, by group of four numbers. `unset` is number 0.
pub const NAMES: [&str; 7] = ["unset", "trace", "debug", "info", "warn", "error", "fatal"];

/// Index into [`NAMES`] of an OpenTelemetry severity number. Numbers above 24 are unset.
pub fn name_index(number: u8) -> usize {
    match number {
        1..=24 => usize::from((number - 1) / 4) + 1,
        _ => 0,
    }
}

/// Normalised name of an OpenTelemetry severity number.
pub fn name(number: u8) -> &'static str {
    NAMES[name_index(number)]
}

/// OpenTelemetry number of a severity as written in a log: names without case, common synonyms, OpenTelemetry's
/// `INFO2` forms, single letters. 0 when it is none of them.
pub fn number_of_text(text: &[u8]) -> u8 {
    let mut lower = [0_u8; 16];
    let text = text.trim_ascii();
    if text.is_empty() || text.len() > lower.len() {
        return 0;
    }
    let lower = &mut lower[..text.len()];
    lower.copy_from_slice(text);
    lower.make_ascii_lowercase();
    let (word, step) = match lower {
        [word @ .., digit @ b'2'..=b'4'] => (&*word, *digit - b'1'),
        word => (&*word, 0),
    };
    let base = match word {
        b"trace" | b"trc" => 1,
        b"debug" | b"dbg" => 5,
        b"info" | b"inf" => 9,
        b"warn" | b"wrn" => 13,
        b"error" => 17,
        b"fatal" | b"ftl" => 21,
        _ if step > 0 => 0,
        b"t" | b"verbose" | b"finest" | b"finer" | b"silly" => 1,
        b"d" | b"fine" | b"config" => 5,
        b"i" | b"information" | b"informational" | b"log" | b"default" => 9,
        b"notice" => 10,
        b"w" | b"warning" => 13,
        b"e" | b"err" | b"severe" | b"failure" => 17,
        b"c" | b"crit" | b"critical" => 18,
        b"alert" => 19,
        b"f" | b"emerg" | b"emergency" | b"panic" => 21,
        _ => 0,
    };
    if base == 0 { 0 } else { base + step }
}

/// OpenTelemetry number of a syslog severity (0 emergency to 7 debug), as OpenTelemetry's appendix maps them.
pub fn number_of_syslog(code: i64) -> u8 {
    match code {
        0 => 21,
        1 => 19,
        2 => 18,
        3 => 17,
        4 => 13,
        5 => 10,
        6 => 9,
        7 => 5,
        _ => 0,
    }
}

/// OpenTelemetry number of a numeric `level` as bunyan and pino write it: 10 trace, 20 debug, ... 60 fatal.
pub fn number_of_pino(level: i64) -> u8 {
    match level {
        10 => 1,
        20 => 5,
        30 => 9,
        40 => 13,
        50 => 17,
        60 => 21,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fall_into_names() {
        let names: Vec<_> = [0, 1, 4, 5, 9, 12, 13, 17, 20, 21, 24, 25, 255].map(name).to_vec();
        assert_eq!(
            names,
            [
                "unset", "trace", "trace", "debug", "info", "info", "warn", "error", "error", "fatal", "fatal",
                "unset", "unset"
            ]
        );
    }

    #[test]
    fn names_and_synonyms() {
        for (text, number) in [
            ("INFO", 9),
            (" Warning ", 13),
            ("warn", 13),
            ("WARN3", 15),
            ("err", 17),
            ("crit", 18),
            ("CRITICAL", 18),
            ("emerg", 21),
            ("alert", 19),
            ("panic", 21),
            ("notice", 10),
            ("Information", 9),
            ("verbose", 1),
            ("err2", 0),
            ("4", 0),
            ("", 0),
            ("high", 0),
            ("a very long severity text", 0),
        ] {
            assert_eq!(number_of_text(text.as_bytes()), number, "{text}");
        }
    }
}
