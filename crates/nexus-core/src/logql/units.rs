//! Numbers, durations, sizes and addresses as labels and literals hold them.

use std::net::IpAddr;

/// A number as Go reads one.
pub(crate) fn number(text: &str) -> Option<f64> {
    let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
    if plain.is_empty() || plain.starts_with(['+', '-']) {
        return None;
    }
    let lower = plain.to_ascii_lowercase();
    if matches!(lower.as_str(), "inf" | "infinity" | "nan") {
        return lower.parse::<f64>().ok().map(|value| if text.starts_with('-') { -value } else { value });
    }
    if let Some(digits) = lower.strip_prefix("0x") {
        let value = u64::from_str_radix(digits, 16).ok()? as f64;
        return Some(if text.starts_with('-') { -value } else { value });
    }
    text.parse().ok()
}

/// A duration (`1h30m`, `-1.5s`, `100ms`, `1d`, `1w`) in nanoseconds.
pub(crate) fn duration(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0.0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let amount: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        total += amount * unit(&rest[..letters])?;
        rest = &rest[letters..];
    }
    Some(sign * total)
}

fn unit(name: &str) -> Option<f64> {
    Some(match name {
        "ns" => 1.0,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        "d" => 86_400e9,
        "w" => 7.0 * 86_400e9,
        "y" => 365.0 * 86_400e9,
        _ => return None,
    })
}

/// A size (`1.5KB`, `20 MiB`, `42`) in bytes.
pub(crate) fn bytes(text: &str) -> Option<f64> {
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',')).count();
    let amount: f64 = text[..digits].replace(',', "").parse().ok()?;
    let factor = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" | "k" => 1e3,
        "mb" | "m" => 1e6,
        "gb" | "g" => 1e9,
        "tb" | "t" => 1e12,
        "pb" | "p" => 1e15,
        "eb" | "e" => 1e18,
        "kib" | "ki" => 1024.0,
        "mib" | "mi" => 1_048_576.0,
        "gib" | "gi" => 1_073_741_824.0,
        "tib" | "ti" => 1_099_511_627_776.0,
        "pib" | "pi" => 1_125_899_906_842_624.0,
        "eib" | "ei" => 1_152_921_504_606_846_976.0,
        _ => return None,
    };
    Some((amount * factor).trunc())
}

/// A float as Prometheus writes samples: shortest, without exponent.
pub(crate) fn format_float(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else if value == 0.0 && value.is_sign_negative() {
        "-0".to_owned()
    } else {
        format!("{value}")
    }
}

/// Addresses that `ip("...")` takes: one, a range `a-b`, or a CIDR prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IpMatcher {
    low: u128,
    high: u128,
    v4: bool,
}

impl IpMatcher {
    /// Read a pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("ip: invalid pattern {text:?}: expected an address, a range a-b or a prefix a/n");
        let address = |part: &str| part.trim().parse::<IpAddr>().map_err(|_| wrong());
        if let Some((prefix, length)) = text.split_once('/') {
            let base = address(prefix)?;
            let bits: u32 = length.trim().parse().map_err(|_| wrong())?;
            let width = if base.is_ipv4() { 32 } else { 128 };
            if bits > width {
                return Err(wrong());
            }
            let free = width - bits;
            let mask = if free == 128 { u128::MAX } else { (1_u128 << free) - 1 };
            let number = value(base);
            return Ok(Self { low: number & !mask, high: number | mask, v4: base.is_ipv4() });
        }
        if let Some((from, to)) = text.split_once('-') {
            let (from, to) = (address(from)?, address(to)?);
            if from.is_ipv4() != to.is_ipv4() || value(from) > value(to) {
                return Err(wrong());
            }
            return Ok(Self { low: value(from), high: value(to), v4: from.is_ipv4() });
        }
        let one = address(text)?;
        Ok(Self { low: value(one), high: value(one), v4: one.is_ipv4() })
    }

    /// Is the text an address of the set? None when it is no address.
    pub fn is_match(&self, text: &str) -> Option<bool> {
        text.trim().parse().ok().map(|address| self.holds(address))
    }

    /// Does a line hold an address of the set?
    pub fn is_found(&self, line: &str) -> bool {
        let part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
        line.as_bytes().split(|&byte| !part(byte)).any(|run| {
            let run = std::str::from_utf8(run).unwrap_or("");
            run.len() >= 3 && self.found_in(run)
        })
    }

    fn found_in(&self, run: &str) -> bool {
        let trimmed = run.trim_matches('.');
        let trimmed = if trimmed.ends_with("::") { trimmed } else { trimmed.trim_end_matches(':') };
        if trimmed.parse().is_ok_and(|address| self.holds(address)) {
            return true;
        }
        // An IPv4 address with a port, or behind a name that is hexadecimal by chance.
        self.v4 && trimmed.split(':').any(|piece| piece.trim_matches('.').parse().is_ok_and(|a| self.holds(a)))
    }

    fn holds(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.v4 && (self.low..=self.high).contains(&value(address))
    }
}

fn value(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => u32::from(four).into(),
        IpAddr::V6(six) => six.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(duration("1h30m"), Some(5400e9));
        assert_eq!(duration("1.5s"), Some(1.5e9));
        assert_eq!(duration("-2ms"), Some(-2e6));
        assert_eq!(duration("5"), None);
        assert_eq!(duration("5x"), None);
        assert_eq!(bytes("1.5KB"), Some(1500.0));
        assert_eq!(bytes("20 MiB"), Some(20.0 * 1_048_576.0));
        assert_eq!(bytes("x"), None);
        assert_eq!(number("0x10"), Some(16.0));
        assert_eq!(number("1e3"), Some(1000.0));
        assert_eq!(number("ten"), None);
        assert_eq!(format_float(1e21), "1000000000000000000000");
        assert_eq!(format_float(0.1), "0.1");
        assert_eq!(format_float(f64::NEG_INFINITY), "-Inf");
    }

    #[test]
    fn addresses() {
        let net = IpMatcher::parse("192.168.4.0/24").unwrap();
        assert_eq!(net.is_match("192.168.4.7"), Some(true));
        assert_eq!(net.is_match("192.168.5.7"), Some(false));
        assert_eq!(net.is_match("host"), None);
        assert!(net.is_found("from 192.168.4.9:8080 to x"));
        assert!(!net.is_found("from 192.168.5.9"));
        assert!(IpMatcher::parse("10.0.0.1-10.0.0.9").unwrap().is_found("at 10.0.0.5."));
        assert!(IpMatcher::parse("2001:db8::/32").unwrap().is_found("[2001:db8::1]"));
        assert!(IpMatcher::parse("10.0.0").is_err());
        assert!(IpMatcher::parse("10.0.0.9-10.0.0.1").is_err());
    }
}
