//! Base64 as OTLP/JSON carries bytes: read in both alphabets, padded or not; written in the standard one, padded.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Append the base64 text of `bytes`.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let symbol = |bits: u32, shift: u32| ALPHABET[(bits >> shift) as usize & 63];
    let mut chunks = bytes.chunks_exact(3);
    for chunk in &mut chunks {
        let bits = u32::from_be_bytes([0, chunk[0], chunk[1], chunk[2]]);
        out.extend_from_slice(&[symbol(bits, 18), symbol(bits, 12), symbol(bits, 6), symbol(bits, 0)]);
    }
    match *chunks.remainder() {
        [a] => {
            let bits = u32::from(a) << 16;
            out.extend_from_slice(&[symbol(bits, 18), symbol(bits, 12), b'=', b'=']);
        }
        [a, b] => {
            let bits = u32::from(a) << 16 | u32::from(b) << 8;
            out.extend_from_slice(&[symbol(bits, 18), symbol(bits, 12), symbol(bits, 6), b'=']);
        }
        _ => {}
    }
}

/// Append the bytes that `text` stands for; None, with some bytes appended, when it is no base64.
pub fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let symbols = match text {
        [symbols @ .., b'=', b'='] | [symbols @ .., b'='] if text.len().is_multiple_of(4) => symbols,
        symbols => symbols,
    };
    for chunk in symbols.chunks(4) {
        let mut bits = 0_u32;
        for &symbol in chunk {
            bits = bits << 6 | value(symbol)?;
        }
        let bytes = (bits << (6 * (4 - chunk.len()))).to_be_bytes();
        match chunk.len() {
            1 => return None,
            symbols => out.extend_from_slice(&bytes[1..symbols]),
        }
    }
    Some(())
}

fn value(symbol: u8) -> Option<u32> {
    let value = match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode(text.as_bytes(), &mut out).map(|()| out)
    }

    #[test]
    fn round_trips() {
        for length in 0..50_usize {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 37 + 250) as u8).collect();
            let mut text = Vec::new();
            encode(&bytes, &mut text);
            assert_eq!(decoded(std::str::from_utf8(&text).unwrap()), Some(bytes));
        }
    }

    #[test]
    fn both_alphabets_and_no_padding() {
        assert_eq!(decoded("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(decoded("-_8"), Some(vec![0xfb, 0xff]));
        for wrong in ["a", "ab=", "a=b=", "ab c", "====", "ab==="] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }
}
