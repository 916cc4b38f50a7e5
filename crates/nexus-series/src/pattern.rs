//! What regular expressions of strangers may cost before they are compiled.
//!
//! The compiler bounds its program, but not the syntax tree before it: a class of Unicode is a kilobyte and more there, for
//! the two characters that name it, and long alternations take longer than in proportion to their length.

/// Longest expression, in bytes.
pub const MAX_BYTES: usize = 64 << 10;
/// Most escapes that name a class (`\p{L}`, `\w`, `\S`).
pub const MAX_CLASSES: usize = 2048;

/// Say what is too large about an expression.
pub fn check_size(pattern: &str) -> Result<(), String> {
    if pattern.len() > MAX_BYTES {
        return Err(format!("the expression is longer than {MAX_BYTES} bytes"));
    }
    let mut bytes = pattern.bytes();
    let mut classes = 0;
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && matches!(bytes.next(), Some(b'p' | b'P' | b'w' | b'W' | b'd' | b'D' | b's' | b'S')) {
            classes += 1;
        }
    }
    if classes > MAX_CLASSES {
        return Err(format!("the expression has more than {MAX_CLASSES} classes such as \\w or \\p{{L}}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_much_is_refused_before() {
        check_size(&"a".repeat(MAX_BYTES)).unwrap();
        assert!(check_size(&"a".repeat(MAX_BYTES + 1)).unwrap_err().contains("longer"));
        check_size(&r"\PP".repeat(MAX_CLASSES)).unwrap();
        check_size(&r"\\w".repeat(MAX_CLASSES + 1)).unwrap();
        assert!(check_size(&r"\PP".repeat(MAX_CLASSES + 1)).unwrap_err().contains("classes"));
    }
}
