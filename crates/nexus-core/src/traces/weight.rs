//! How many spans one stands for: what sampling has left its mark about in the trace state.
//!
//! OpenTelemetry's consistent probability sampling writes `ot=th:T`: of the 56 bits of randomness those below T were left
//! out, so that a span was kept with probability 1 - T / 2^56. T has up to 14 hex digits; zeros at its end are left out.

/// Digits of a threshold.
const DIGITS: usize = 14;

/// 1 / the probability with which a span with this W3C trace state was kept; 1 when it does not say.
pub fn weight_of(trace_state: &[u8]) -> f32 {
    threshold(trace_state).map_or(1.0, |threshold| {
        let all = 1_u64 << (4 * DIGITS);
        (all as f64 / (all - threshold) as f64) as f32
    })
}

fn threshold(trace_state: &[u8]) -> Option<u64> {
    let ours = trace_state.split(|&byte| byte == b',').find_map(|member| member.trim_ascii().strip_prefix(b"ot="))?;
    let digits = ours.split(|&byte| byte == b';').find_map(|pair| pair.strip_prefix(b"th:"))?;
    if digits.is_empty() || digits.len() > DIGITS || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let number = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some(number << (4 * (DIGITS - digits.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_weights() {
        for (state, weight) in [
            ("", 1.0),
            ("ot=th:0", 1.0),
            ("ot=th:8", 2.0),
            ("vendor=x, ot=rv:6e6d1a75832a2f;th:c", 4.0),
            ("ot=th:fd70a4", 99.999_96),
            ("ot=th:fffffffffffff8", 9_007_199_254_740_992.0),
            ("ot=th:ffffffffffffff", 72_057_594_037_927_940.0),
            ("ot=th:", 1.0),
            ("ot=th:g", 1.0),
            ("ot=th:000000000000001", 1.0),
            ("foot=th:8", 1.0),
        ] {
            assert!(
                (weight_of(state.as_bytes()) / weight - 1.0).abs() < 1e-4,
                "{state}: {}",
                weight_of(state.as_bytes())
            );
        }
    }
}
