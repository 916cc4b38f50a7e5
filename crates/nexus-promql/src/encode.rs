//! Answers as JSON of the Prometheus HTTP API, numbers written as Go writes them.

use crate::evaluate::Evaluator;
use crate::histogram;
use crate::labels::Names;
use crate::value::{Grid, Points, Row, Value, is_nothing};
use nexus_series::symbols::Label;

/// The answer of a query.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// `{"resultType": ..., "result": ...}`.
    pub data: Vec<u8>,
    /// Warnings, each once.
    pub warnings: Vec<String>,
    /// Infos, each once.
    pub infos: Vec<String>,
    /// Samples looked at.
    pub samples: u64,
    /// Most samples in memory at a time.
    pub peak: u64,
    /// Samples that were read.
    pub read: u64,
}

/// Writes a value as the API's `data`.
pub fn encode(evaluator: &Evaluator, value: &Value, grid: Grid, instant: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let names = &evaluator.names;
    let (kind, time) = match value {
        Value::Scalar(_) if instant => ("scalar", true),
        Value::String(_) => ("string", true),
        Value::Vector(_) if instant => ("vector", false),
        _ => ("matrix", false),
    };
    out.extend_from_slice(br#"{"resultType":""#);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(br#"","result":["#);
    if time {
        timestamp(&mut out, grid.start);
        out.push(b',');
    }
    match value {
        Value::Scalar(values) if instant => number(&mut out, values[0]),
        Value::Scalar(values) => {
            let row = Row { labels: [].into(), drop_name: false, floats: values.clone(), histograms: Vec::new() };
            series(&mut out, names, &row, grid);
        }
        Value::String(text) => string(&mut out, text),
        Value::Vector(rows) => {
            for (index, row) in rows.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                if instant { sample(&mut out, names, row, grid) } else { series(&mut out, names, row, grid) }
            }
        }
        Value::Matrix(all) => {
            for (index, one) in all.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                points(&mut out, names, one);
            }
        }
    }
    out.extend_from_slice(b"]}");
    out
}

/// A series of an instant vector.
fn sample(out: &mut Vec<u8>, names: &Names, row: &Row, grid: Grid) {
    metric(out, names, &row.labels);
    if let Some(one) = row.histogram(0) {
        out.extend_from_slice(br#","histogram":["#);
        timestamp(out, grid.start);
        out.push(b',');
        histogram::encode::write(one, out);
    } else {
        out.extend_from_slice(br#","value":["#);
        timestamp(out, grid.start);
        out.push(b',');
        number(out, row.floats[0]);
    }
    out.extend_from_slice(b"]}");
}

/// A series of a range query.
fn series(out: &mut Vec<u8>, names: &Names, row: &Row, grid: Grid) {
    metric(out, names, &row.labels);
    let floats = row.floats.iter().enumerate().filter(|(_, value)| !is_nothing(**value));
    list(out, "values", floats, |out, (step, &value)| {
        timestamp(out, grid.time(step));
        out.push(b',');
        number(out, value);
    });
    let histograms = row.histograms.iter().enumerate().filter_map(|(step, one)| Some((step, one.as_ref()?)));
    list(out, "histograms", histograms, |out, (step, one)| {
        timestamp(out, grid.time(step));
        out.push(b',');
        histogram::encode::write(one, out);
    });
    out.push(b'}');
}

/// A series of a range vector.
fn points(out: &mut Vec<u8>, names: &Names, points: &Points) {
    metric(out, names, &points.labels);
    let samples = &points.samples;
    list(out, "values", samples.timestamps.iter().zip(&samples.values), |out, (&time, &value)| {
        timestamp(out, time);
        out.push(b',');
        number(out, value);
    });
    list(out, "histograms", samples.histograms.iter(), |out, (time, one)| {
        timestamp(out, *time);
        out.push(b',');
        histogram::encode::write(one, out);
    });
    out.push(b'}');
}

/// `,"name":[[...],[...]]`, or nothing at all without items.
fn list<T>(out: &mut Vec<u8>, name: &str, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    let mut first = true;
    for item in items {
        if first {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":[");
        } else {
            out.push(b',');
        }
        first = false;
        out.push(b'[');
        write(out, item);
        out.push(b']');
    }
    if !first {
        out.push(b']');
    }
}

/// `{"metric":{...}`, left open.
fn metric(out: &mut Vec<u8>, names: &Names, labels: &[Label]) {
    out.extend_from_slice(br#"{"metric":{"#);
    for (index, &(name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(out, names.text(name));
        out.push(b':');
        string(out, names.text(value));
    }
    out.push(b'}');
}

/// A JSON string.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(text.as_bytes());
    } else {
        for byte in text.bytes() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                other => out.push(other),
            }
        }
    }
    out.push(b'"');
}

/// Milliseconds as seconds; a fraction has three digits.
pub fn timestamp(out: &mut Vec<u8>, time: i64) {
    if time < 0 {
        out.push(b'-');
    }
    let time = time.unsigned_abs();
    whole(out, time / 1000);
    let fraction = time % 1000;
    if fraction != 0 {
        out.push(b'.');
        for digit in [fraction / 100, fraction / 10 % 10, fraction % 10] {
            out.push(b'0' + digit as u8);
        }
    }
}

/// A whole number.
fn whole(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// A number in quotes, as the API writes it.
pub fn number(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    let size = value.abs();
    if value.fract() == 0.0 && size < 9e15 && (size != 0.0 || value.is_sign_positive()) {
        if value < 0.0 {
            out.push(b'-');
        }
        whole(out, size as u64);
    } else if (1e-5..1e15).contains(&size) {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        if text.contains('e') {
            out.extend_from_slice(go_float(value).as_bytes());
        } else {
            out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
        }
    } else if size != 0.0 && value.is_finite() && !(1e-6..1e21).contains(&size) {
        out.extend_from_slice(Decimal::of(value).exponent().as_bytes());
    } else {
        out.extend_from_slice(go_float(value).as_bytes());
    }
    out.push(b'"');
}

/// A number as Go's `strconv.FormatFloat(value, 'f', -1, 64)` writes it.
pub fn go_float(value: f64) -> String {
    special(value).map_or_else(|| Decimal::of(value).plain(), str::to_owned)
}

/// A number as Go's `%g` writes it.
pub fn go_general(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let decimal = Decimal::of(value);
    if value != 0.0 && !(-3..=6).contains(&decimal.point) { decimal.exponent() } else { decimal.plain() }
}

/// A number as Go's `%v` writes it.
pub fn go_shortest(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let decimal = Decimal::of(value);
    if value != 0.0 && !(-3..=21).contains(&decimal.point) { decimal.exponent() } else { decimal.plain() }
}

fn special(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// The shortest digits of a finite number: `0.digits * 10^point`.
struct Decimal {
    negative: bool,
    digits: String,
    point: i32,
}

impl Decimal {
    fn of(value: f64) -> Self {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{before}{after}");
        let leading = all.len() - all.trim_start_matches('0').len();
        let digits = all.trim_matches('0').to_owned();
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let point = if digits.is_empty() { 1 } else { before.len() as i32 - leading as i32 + exponent };
        let digits = if digits.is_empty() { "0".to_owned() } else { digits };
        Self { negative: value.is_sign_negative(), digits, point }
    }

    fn plain(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let (digits, length) = (&self.digits, self.digits.len() as i32);
        if self.point <= 0 {
            format!("{sign}0.{}{digits}", "0".repeat((-self.point) as usize))
        } else if self.point >= length {
            format!("{sign}{digits}{}", "0".repeat((self.point - length) as usize))
        } else {
            let (before, after) = digits.split_at(self.point as usize);
            format!("{sign}{before}.{after}")
        }
    }

    fn exponent(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let (first, rest) = self.digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let exponent = self.point - 1;
        let direction = if exponent < 0 { '-' } else { '+' };
        format!("{sign}{first}{dot}{rest}e{direction}{:02}", exponent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_does() {
        let text = |value| {
            let mut out = Vec::new();
            number(&mut out, value);
            String::from_utf8(out).unwrap()
        };
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-12.5, "-12.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-07"),
            (1e-6, "0.000001"),
            (1.25e-5, "0.0000125"),
            (-0.000_123, "-0.000123"),
            (123_456_789.125, "123456789.125"),
            (999_999_999_999_999.9, "999999999999999.9"),
            (123_456_789_012_345_680.0, "123456789012345680"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(text(value), format!("\"{expected}\""));
        }
        assert_eq!(go_float(1e21), "1000000000000000000000");
        for (value, expected) in
            [(1e6, "1e+06"), (123_456.0, "123456"), (0.0001, "0.0001"), (0.00001, "1e-05"), (-1.5, "-1.5")]
        {
            assert_eq!(go_general(value), expected);
        }
    }

    #[test]
    fn times_are_seconds_with_three_digits() {
        for (time, expected) in
            [(0, "0"), (1_500, "1.500"), (1_007, "1.007"), (-20, "-0.020"), (1_435_781_430_781, "1435781430.781")]
        {
            let mut out = Vec::new();
            timestamp(&mut out, time);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
