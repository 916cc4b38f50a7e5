//! Lines of OpenMetrics: name, labels, value, seconds.

use super::Labels;
use nexus_promql::source::Samples;
use nexus_series::NAME;
use std::io::Write;

/// Appends a line for each float.
pub fn write(labels: &Labels, samples: &Samples, out: &mut Vec<u8>) {
    let mut front = Vec::new();
    let name = labels.iter().find(|(name, _)| *name == NAME).map_or("", |(_, value)| value);
    let plain = is_plain(name, true);
    if plain {
        front.extend_from_slice(name.as_bytes());
    }
    let mut first = true;
    let mut begin = |front: &mut Vec<u8>| {
        front.push(if first { b'{' } else { b',' });
        first = false;
    };
    if !plain && !name.is_empty() {
        begin(&mut front);
        quoted(&mut front, name);
    }
    for (label, value) in labels.iter().filter(|(label, _)| *label != NAME) {
        begin(&mut front);
        if is_plain(label, false) {
            front.extend_from_slice(label.as_bytes());
        } else {
            quoted(&mut front, label);
        }
        front.push(b'=');
        quoted(&mut front, value);
    }
    if front.last() != Some(&b'{') && front.contains(&b'{') {
        front.push(b'}');
    } else if front.is_empty() {
        front.extend_from_slice(b"{}");
    }
    for (&time, &value) in samples.timestamps.iter().zip(&samples.values) {
        out.extend_from_slice(&front);
        out.push(b' ');
        number(out, value);
        out.push(b' ');
        seconds(out, time);
        out.push(b'\n');
    }
}

fn is_plain(name: &str, metric: bool) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || metric && byte == b':';
    !name.is_empty() && letter(name.as_bytes()[0]) && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn number(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if value != 0.0 && !(1e-5..1e17).contains(&value.abs()) {
        write!(out, "{value:e}").expect("memory takes all");
    } else {
        write!(out, "{value}").expect("memory takes all");
    }
}

fn seconds(out: &mut Vec<u8>, time: i64) {
    let sign = if time < 0 { "-" } else { "" };
    let (whole, rest) = (time.unsigned_abs() / 1000, time.unsigned_abs() % 1000);
    write!(out, "{sign}{whole}.{rest:03}").expect("memory takes all");
}
