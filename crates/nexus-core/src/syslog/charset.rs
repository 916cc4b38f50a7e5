//! Text that is no UTF-8, as what it is said to be.

use std::borrow::Cow;

/// How bytes are read that are no UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// Bytes that are none become U+FFFD.
    #[default]
    Utf8,
    /// ISO 8859-1.
    Latin1,
    /// Windows' Western European code page.
    Windows1252,
}

const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

impl Charset {
    /// By its name in the configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "utf-8" => Some(Self::Utf8),
            "latin-1" => Some(Self::Latin1),
            "windows-1252" => Some(Self::Windows1252),
            _ => None,
        }
    }

    /// The text as it is when it is UTF-8, otherwise read with this charset.
    pub fn decode(self, text: &[u8]) -> Cow<'_, [u8]> {
        if simdutf8::basic::from_utf8(text).is_ok() {
            return Cow::Borrowed(text);
        }
        let decoded: String = match self {
            Self::Utf8 => String::from_utf8_lossy(text).into_owned(),
            Self::Latin1 => text.iter().map(|&byte| char::from(byte)).collect(),
            Self::Windows1252 => text
                .iter()
                .map(|&byte| match byte {
                    0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
                    _ => char::from(byte),
                })
                .collect(),
        };
        Cow::Owned(decoded.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_no_utf8_is_converted() {
        let read = |charset: Charset, text: &[u8]| String::from_utf8(charset.decode(text).into_owned()).unwrap();
        assert_eq!(read(Charset::Latin1, "é€".as_bytes()), "é€");
        assert_eq!(read(Charset::Latin1, b"\xe9\x80"), "é\u{80}");
        assert_eq!(read(Charset::Windows1252, b"\xe9 \x80\x9f"), "é €Ÿ");
        assert_eq!(read(Charset::Utf8, b"a\xe9b"), "a\u{fffd}b");
        assert_eq!(Charset::from_name("latin-1"), Some(Charset::Latin1));
        assert_eq!(Charset::from_name("x"), None);
    }
}
