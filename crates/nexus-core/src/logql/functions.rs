//! The functions of templates that LogQL documents.

use super::entry::Entry;
use super::json::Json;
use super::layout;
use super::template::{Regexes, Val, go_float, show, truth};
use super::units;
use std::cmp::Ordering;

const NAMES: &[&str] = &[
    "ToLower",
    "ToUpper",
    "Replace",
    "Trim",
    "TrimLeft",
    "TrimRight",
    "TrimPrefix",
    "TrimSuffix",
    "TrimSpace",
    "lower",
    "upper",
    "title",
    "trunc",
    "substr",
    "contains",
    "hasPrefix",
    "hasSuffix",
    "indent",
    "nindent",
    "replace",
    "repeat",
    "trim",
    "trimAll",
    "trimSuffix",
    "trimPrefix",
    "alignLeft",
    "alignRight",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "count",
    "add",
    "sub",
    "mul",
    "div",
    "mod",
    "addf",
    "subf",
    "mulf",
    "divf",
    "max",
    "min",
    "maxf",
    "minf",
    "ceil",
    "floor",
    "round",
    "int",
    "float64",
    "toString",
    "default",
    "fromJson",
    "b64enc",
    "b64dec",
    "urlencode",
    "urldecode",
    "now",
    "date",
    "toDate",
    "toDateInZone",
    "unixEpoch",
    "unixEpochMillis",
    "unixEpochNanos",
    "unixToTime",
    "duration",
    "duration_seconds",
    "bytes",
    "__line__",
    "__timestamp__",
    "and",
    "or",
    "not",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "len",
    "index",
    "slice",
    "print",
    "println",
    "printf",
    "urlquery",
    "html",
    "js",
];

/// Is there such a function?
pub(crate) fn known(name: &str) -> bool {
    NAMES.contains(&name)
}

struct Arguments<'v> {
    name: &'v str,
    given: &'v [Val],
}

impl Arguments<'_> {
    fn value(&self, at: usize) -> Result<&Val, String> {
        self.given
            .get(at)
            .ok_or_else(|| format!("template: wrong number of args for {}: {}", self.name, self.given.len()))
    }

    fn text(&self, at: usize) -> Result<String, String> {
        Ok(match self.value(at)? {
            Val::Nil => String::new(),
            value => show(value),
        })
    }

    fn int(&self, at: usize) -> Result<i64, String> {
        Ok(int_of(self.value(at)?))
    }

    fn float(&self, at: usize) -> Result<f64, String> {
        Ok(float_of(self.value(at)?))
    }

    fn time(&self, at: usize) -> Result<(i64, i64), String> {
        match self.value(at)? {
            Val::Time(ns, offset) => Ok((*ns, *offset)),
            other => Err(format!("template: {}: {} is not a time", self.name, show(other))),
        }
    }
}

fn int_of(value: &Val) -> i64 {
    match value {
        Val::Int(number) => *number,
        Val::Float(number) => *number as i64,
        Val::Bool(value) => i64::from(*value),
        Val::Text(text) => {
            let text = text.trim();
            text.parse().unwrap_or_else(|_| units::number(text).unwrap_or(0.0) as i64)
        }
        _ => 0,
    }
}

fn float_of(value: &Val) -> f64 {
    match value {
        Val::Int(number) => *number as f64,
        Val::Float(number) => *number,
        Val::Bool(value) => f64::from(u8::from(*value)),
        Val::Text(text) => units::number(text.trim()).unwrap_or(0.0),
        _ => 0.0,
    }
}

/// Call a function. The error is the line's `__error_details__`.
#[allow(clippy::too_many_lines)] // One arm a function.
pub(crate) fn call(name: &str, given: &[Val], entry: &Entry<'_>, regexes: &Regexes) -> Result<Val, String> {
    let args = Arguments { name, given };
    let ints = || given.iter().map(int_of);
    let floats = || given.iter().map(float_of);
    let cut = |at: usize| args.text(at).map(|set| move |c: char| set.contains(c));
    Ok(match name {
        "__line__" => Val::Text(entry.line.to_string()),
        "__timestamp__" => Val::Time(entry.timestamp, 0),
        "lower" | "ToLower" => Val::Text(args.text(0)?.to_lowercase()),
        "upper" | "ToUpper" => Val::Text(args.text(0)?.to_uppercase()),
        "title" => Val::Text(title(&args.text(0)?)),
        "Replace" => {
            let (text, old, new) = (args.text(0)?, args.text(1)?, args.text(2)?);
            let count = args.int(3)?;
            bounded(&text, &old, &new)?;
            Val::Text(match usize::try_from(count) {
                Ok(count) => text.replacen(&old, &new, count),
                Err(_) => text.replace(&old, &new),
            })
        }
        "replace" => {
            let (old, new, text) = (args.text(0)?, args.text(1)?, args.text(2)?);
            bounded(&text, &old, &new)?;
            Val::Text(text.replace(&old, &new))
        }
        "trim" | "TrimSpace" => Val::Text(args.text(0)?.trim().to_owned()),
        "Trim" => Val::Text(args.text(0)?.trim_matches(cut(1)?).to_owned()),
        "trimAll" => Val::Text(args.text(1)?.trim_matches(cut(0)?).to_owned()),
        "TrimLeft" => Val::Text(args.text(0)?.trim_start_matches(cut(1)?).to_owned()),
        "TrimRight" => Val::Text(args.text(0)?.trim_end_matches(cut(1)?).to_owned()),
        "TrimPrefix" => Val::Text(without_prefix(&args.text(0)?, &args.text(1)?)),
        "trimPrefix" => Val::Text(without_prefix(&args.text(1)?, &args.text(0)?)),
        "TrimSuffix" => Val::Text(without_suffix(&args.text(0)?, &args.text(1)?)),
        "trimSuffix" => Val::Text(without_suffix(&args.text(1)?, &args.text(0)?)),
        "trunc" => Val::Text(trunc(args.int(0)?, &args.text(1)?)),
        "substr" => Val::Text(substr(args.int(0)?, args.int(1)?, &args.text(2)?)),
        "contains" => Val::Bool(args.text(1)?.contains(&args.text(0)?)),
        "hasPrefix" => Val::Bool(args.text(1)?.starts_with(&args.text(0)?)),
        "hasSuffix" => Val::Bool(args.text(1)?.ends_with(&args.text(0)?)),
        "indent" | "nindent" => {
            let pad = " ".repeat(args.int(0)?.clamp(0, 1000) as usize);
            let body = format!("{pad}{}", args.text(1)?.replace('\n', &format!("\n{pad}")));
            Val::Text(if name == "nindent" { format!("\n{body}") } else { body })
        }
        "repeat" => {
            let (count, text) = (args.int(0)?.clamp(0, 1 << 20) as usize, args.text(1)?);
            if count.saturating_mul(text.len()) > 1 << 20 {
                return Err("template: repeat makes more than 1 MiB".to_owned());
            }
            Val::Text(text.repeat(count))
        }
        "alignLeft" | "alignRight" => Val::Text(align(args.int(0)?, &args.text(1)?, name == "alignRight")),
        "regexReplaceAll" => {
            let (regex, text) = (regexes.get(&args.text(0)?)?, args.text(1)?);
            Val::Text(regex.replace_all(&text, args.text(2)?.as_str()).into_owned())
        }
        "regexReplaceAllLiteral" => {
            let (regex, text) = (regexes.get(&args.text(0)?)?, args.text(1)?);
            Val::Text(regex.replace_all(&text, ::regex::NoExpand(&args.text(2)?)).into_owned())
        }
        "count" => Val::Int(regexes.get(&args.text(0)?)?.find_iter(&args.text(1)?).count() as i64),
        "add" => Val::Int(ints().fold(0, i64::wrapping_add)),
        "sub" => Val::Int(args.int(0)?.wrapping_sub(args.int(1)?)),
        "mul" => Val::Int(ints().fold(1, i64::wrapping_mul)),
        "div" => Val::Int(args.int(0)?.checked_div(args.int(1)?).ok_or("template: integer divide by zero")?),
        "mod" => Val::Int(args.int(0)?.checked_rem(args.int(1)?).ok_or("template: integer divide by zero")?),
        "addf" => Val::Float(floats().sum()),
        "subf" => Val::Float(floats().skip(1).fold(args.float(0)?, |sum, number| sum - number)),
        "mulf" => Val::Float(floats().product()),
        "divf" => Val::Float(floats().skip(1).fold(args.float(0)?, |sum, number| sum / number)),
        "max" => Val::Int(ints().max().unwrap_or(0)),
        "min" => Val::Int(ints().min().unwrap_or(0)),
        "maxf" => Val::Float(floats().fold(args.float(0)?, f64::max)),
        "minf" => Val::Float(floats().fold(args.float(0)?, f64::min)),
        "ceil" => Val::Float(args.float(0)?.ceil()),
        "floor" => Val::Float(args.float(0)?.floor()),
        "round" => {
            let factor = 10_f64.powi(args.int(1)?.clamp(-300, 300) as i32);
            Val::Float((args.float(0)? * factor).round() / factor)
        }
        "int" => Val::Int(args.int(0)?),
        "float64" => Val::Float(args.float(0)?),
        "toString" => Val::Text(args.text(0)?),
        "default" => {
            let value = args.value(1).unwrap_or(&Val::Nil);
            if truth(value) { value.clone() } else { args.value(0)?.clone() }
        }
        "fromJson" => Json::parse(&args.text(0)?).map_or(Val::Nil, of_json),
        "b64enc" => Val::Text(encode_base64(args.text(0)?.as_bytes())),
        "b64dec" => Val::Text(super::json::lossy(&decode_base64(&args.text(0)?).ok_or("illegal base64 data")?)),
        "urlencode" | "urlquery" => Val::Text(encode_url(&args.text(0)?)),
        "urldecode" => Val::Text(decode_url(&args.text(0)?)?),
        "now" => {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            Val::Time(since.map_or(0, |passed| passed.as_nanos() as i64), 0)
        }
        "date" => {
            let (ns, offset) = match args.value(1)? {
                Val::Time(ns, offset) => (*ns, *offset),
                other => (int_of(other).saturating_mul(1_000_000_000), 0),
            };
            Val::Text(layout::format(ns, offset, &args.text(0)?))
        }
        "toDate" => {
            let (ns, offset) = layout::parse(&args.text(0)?, &args.text(1)?, 0).unwrap_or((0, 0));
            Val::Time(ns, offset)
        }
        "toDateInZone" => {
            let zone = args.text(1)?;
            let offset =
                layout::zone(&zone).ok_or_else(|| format!("unknown time zone {zone}: use UTC or an offset"))?;
            let (ns, offset) = layout::parse(&args.text(0)?, &args.text(2)?, offset).unwrap_or((0, offset));
            Val::Time(ns, offset)
        }
        "unixEpoch" => Val::Text((args.time(0)?.0.div_euclid(1_000_000_000)).to_string()),
        "unixEpochMillis" => Val::Text((args.time(0)?.0.div_euclid(1_000_000)).to_string()),
        "unixEpochNanos" => Val::Text(args.time(0)?.0.to_string()),
        "unixToTime" => {
            let text = args.text(0)?;
            let number: i64 = text.trim().parse().map_err(|_| format!("unable to parse time '{text}'"))?;
            let factor = match text.trim().trim_start_matches('-').len() {
                5 => 86_400_000_000_000,
                10 => 1_000_000_000,
                13 => 1_000_000,
                16 => 1_000,
                19 => 1,
                _ => return Err(format!("unable to parse time '{text}'")),
            };
            Val::Time(number.checked_mul(factor).ok_or("time out of range")?, 0)
        }
        "duration" | "duration_seconds" => {
            let text = args.text(0)?;
            let ns = units::duration(&text).ok_or_else(|| format!("time: invalid duration {text:?}"))?;
            Val::Float(ns / 1e9)
        }
        "bytes" => {
            let text = args.text(0)?;
            Val::Float(units::bytes(&text).ok_or_else(|| format!("unhandled size name: {text:?}"))?)
        }
        "not" => Val::Bool(!truth(args.value(0)?)),
        "eq" => {
            let first = args.value(0)?;
            Val::Bool(given[1..].iter().any(|other| order(first, other) == Some(Ordering::Equal)))
        }
        "ne" => Val::Bool(order(args.value(0)?, args.value(1)?) != Some(Ordering::Equal)),
        "lt" | "le" | "gt" | "ge" => {
            let way = order(args.value(0)?, args.value(1)?).ok_or("template: incompatible types for comparison")?;
            Val::Bool(match name {
                "lt" => way.is_lt(),
                "le" => way.is_le(),
                "gt" => way.is_gt(),
                _ => way.is_ge(),
            })
        }
        "len" => Val::Int(match args.value(0)? {
            Val::Text(text) => text.len(),
            Val::List(items) => items.len(),
            Val::Map(members) => members.len(),
            other => return Err(format!("template: len of {}", show(other))),
        } as i64),
        "index" => given.iter().skip(1).try_fold(args.value(0)?.clone(), |value, key| match (&value, key) {
            (Val::Map(members), key) => {
                let key = show(key);
                Ok(members.iter().find(|(name, _)| *name == key).map_or(Val::Nil, |(_, value)| value.clone()))
            }
            (Val::List(items), key) => usize::try_from(int_of(key))
                .ok()
                .and_then(|at| items.get(at).cloned())
                .ok_or_else(|| "template: index out of range".to_owned()),
            (Val::Text(text), key) => usize::try_from(int_of(key))
                .ok()
                .and_then(|at| text.as_bytes().get(at))
                .map(|byte| Val::Int(i64::from(*byte)))
                .ok_or_else(|| "template: index out of range".to_owned()),
            _ => Err("template: can't index item".to_owned()),
        })?,
        "slice" => {
            let text = args.text(0)?;
            let from = if given.len() > 1 { args.int(1)? } else { 0 };
            let to = if given.len() > 2 { args.int(2)? } else { text.len() as i64 };
            let range = usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0);
            Val::Text(text.get(range).ok_or("template: slice out of range")?.to_owned())
        }
        "print" => Val::Text(given.iter().map(show).collect::<Vec<_>>().concat()),
        "println" => Val::Text(given.iter().map(show).collect::<Vec<_>>().join(" ") + "\n"),
        "printf" => Val::Text(printf(&args.text(0)?, &given[1..])?),
        "html" => Val::Text(escape_html(&args.text(0)?)),
        "js" => Val::Text(args.text(0)?.replace('\\', "\\\\").replace('\'', "\\'").replace('"', "\\\"")),
        _ => return Err(format!("template: function {name:?} not defined")),
    })
}

fn bounded(text: &str, old: &str, new: &str) -> Result<(), String> {
    let most = if old.is_empty() { text.len() + 1 } else { text.len() / old.len() };
    if most.saturating_mul(new.len()) > 4 << 20 { Err("template: replace makes too much".to_owned()) } else { Ok(()) }
}

fn title(text: &str) -> String {
    let mut first = true;
    text.chars()
        .flat_map(|c| {
            let up = first && c.is_alphabetic();
            first = !c.is_alphanumeric() && c != '_' && c != '\'';
            if up { c.to_uppercase().collect::<Vec<_>>() } else { vec![c] }
        })
        .collect()
}

fn without_prefix(text: &str, prefix: &str) -> String {
    text.strip_prefix(prefix).unwrap_or(text).to_owned()
}

fn without_suffix(text: &str, suffix: &str) -> String {
    text.strip_suffix(suffix).unwrap_or(text).to_owned()
}

fn trunc(count: i64, text: &str) -> String {
    let size = count.unsigned_abs() as usize;
    if count >= 0 {
        text.chars().take(size).collect()
    } else {
        let length = text.chars().count();
        text.chars().skip(length.saturating_sub(size)).collect()
    }
}

fn substr(start: i64, end: i64, text: &str) -> String {
    let from = usize::try_from(start).unwrap_or(0);
    match usize::try_from(end) {
        Ok(end) => text.chars().take(end).skip(from).collect(),
        Err(_) => text.chars().skip(from).collect(),
    }
}

fn align(count: i64, text: &str, right: bool) -> String {
    let width = count.clamp(0, 1 << 16) as usize;
    let length = text.chars().count();
    if length >= width {
        return if right { text.chars().skip(length - width).collect() } else { text.chars().take(width).collect() };
    }
    let pad = " ".repeat(width - length);
    if right { format!("{pad}{text}") } else { format!("{text}{pad}") }
}

fn order(left: &Val, right: &Val) -> Option<Ordering> {
    match (left, right) {
        (Val::Int(left), Val::Int(right)) | (Val::Time(left, _), Val::Time(right, _)) => Some(left.cmp(right)),
        (Val::Int(_) | Val::Float(_), Val::Int(_) | Val::Float(_)) => float_of(left).partial_cmp(&float_of(right)),
        (Val::Text(left), Val::Text(right)) => Some(left.cmp(right)),
        (Val::Bool(left), Val::Bool(right)) => Some(left.cmp(right)),
        (Val::Nil, Val::Nil) => Some(Ordering::Equal),
        _ => None,
    }
}

fn of_json(json: Json) -> Val {
    match json {
        Json::Null => Val::Nil,
        Json::Bool(value) => Val::Bool(value),
        Json::Number(text) => Val::Float(text.parse().unwrap_or(f64::NAN)),
        Json::Text(text) => Val::Text(text),
        Json::List(items) => Val::List(items.into_iter().map(of_json).collect()),
        Json::Object(members) => Val::Map(members.into_iter().map(|(key, value)| (key, of_json(value))).collect()),
    }
}

/// Go's `Sprintf`, the verbs that make sense of texts and numbers.
fn printf(format: &str, given: &[Val]) -> Result<String, String> {
    let mut out = String::new();
    let mut values = given.iter();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let length = rest.find(|c: char| c.is_ascii_alphabetic() || c == '%').ok_or("template: bad format")?;
        let (flags, verb) = (&rest[..length], rest.as_bytes()[length]);
        rest = &rest[length + 1..];
        if verb == b'%' {
            out.push('%');
            continue;
        }
        let Some(value) = values.next() else {
            out.push_str("%!");
            out.push(char::from(verb));
            out.push_str("(MISSING)");
            continue;
        };
        let size = flags.trim_start_matches(['-', '+', ' ', '#']);
        let zeros = size.starts_with('0');
        let (width, precision) =
            size.split_once('.').map_or((size, None), |(width, precision)| (width, Some(precision)));
        let width: usize = width.parse().unwrap_or(0).min(1000);
        let precision: Option<usize> = precision.map(|text| text.parse().unwrap_or(0).min(100));
        let mut shown = match verb {
            b'd' => int_of(value).to_string(),
            b'x' => match value {
                Val::Int(number) => format!("{number:x}"),
                other => hex(show(other).as_bytes()),
            },
            b'f' | b'F' => format!("{:.*}", precision.unwrap_or(6), float_of(value)),
            b'e' => format!("{:.*e}", precision.unwrap_or(6), float_of(value)),
            b'g' => go_float(float_of(value)),
            b'q' => format!("{:?}", show(value)),
            b't' | b'v' => show(value),
            b's' => precision.map_or_else(|| show(value), |most| show(value).chars().take(most).collect()),
            b'c' => char::from_u32(int_of(value) as u32).unwrap_or('\u{fffd}').to_string(),
            _ => return Err(format!("template: printf does not know %{}", char::from(verb))),
        };
        if flags.contains('+') && matches!(verb, b'd' | b'f' | b'e' | b'g') && !shown.starts_with('-') {
            shown.insert(0, '+');
        }
        let pad = width.saturating_sub(shown.chars().count());
        if flags.starts_with('-') {
            out.push_str(&shown);
            out.push_str(&" ".repeat(pad));
        } else if zeros && matches!(verb, b'd' | b'f' | b'x') {
            let sign = usize::from(shown.starts_with(['-', '+']));
            out.push_str(&shown[..sign]);
            out.push_str(&"0".repeat(pad));
            out.push_str(&shown[sign..]);
        } else {
            out.push_str(&" ".repeat(pad));
            out.push_str(&shown);
        }
    }
    out.push_str(rest);
    Ok(out)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn encode_base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0_u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let index = (word >> (18 - 6 * at) & 63) as usize;
            out.push(if at <= chunk.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    out
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut word, mut bits) = (0_u32, 0);
    for byte in text.bytes() {
        let value = ALPHABET.iter().position(|&letter| letter == byte)? as u32;
        word = word << 6 | value;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
            word &= (1 << bits) - 1;
        }
    }
    Some(out)
}

fn encode_url(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' ' => out.push('+'),
            _ if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') => {
                out.push(char::from(byte));
            }
            _ => {
                out.push('%');
                out.push_str(&hex(&[byte]).to_uppercase());
            }
        }
        out
    })
}

fn decode_url(text: &str) -> Result<String, String> {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => {
                let code = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                out.push(code.ok_or_else(|| format!("invalid URL escape in {text:?}"))?);
                at += 2;
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    Ok(super::json::lossy(&out))
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#34;").replace('\'', "&#39;")
}
