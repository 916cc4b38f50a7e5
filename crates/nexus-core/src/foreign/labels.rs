//! A Loki stream's labels as text, `{app="shop", env="prod"}`: names, `=`, and values in Go's quotes.

/// Labels of one stream, in order.
pub type Labels = Vec<(Vec<u8>, Vec<u8>)>;

/// Bytes of a stream's labels as text.
const MAX_LABEL_BYTES: usize = 64 << 10;

/// Read labels; the error says what was expected where.
pub fn parse(text: &[u8]) -> Result<Labels, String> {
    if text.len() > MAX_LABEL_BYTES {
        return Err(format!("labels of {} bytes are larger than {MAX_LABEL_BYTES}", text.len()));
    }
    let mut parser = Parser { text, position: 0 };
    parser
        .labels()
        .map_err(|expected| format!("cannot read the labels: expected {expected} at column {}", parser.position + 1))
}

struct Parser<'a> {
    text: &'a [u8],
    position: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.position) {
            self.position += 1;
        }
        self.text.get(self.position).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    fn labels(&mut self) -> Result<Labels, &'static str> {
        let mut labels = Labels::new();
        if !self.take(b'{') {
            return Err("'{'");
        }
        while !self.take(b'}') {
            if !labels.is_empty() && !self.take(b',') {
                return Err("',' or '}'");
            }
            if self.take(b'}') {
                break;
            }
            let name = self.name()?;
            if !self.take(b'=') {
                return Err("'='");
            }
            labels.push((name, self.quoted()?));
        }
        if self.peek().is_some() { Err("nothing after '}'") } else { Ok(labels) }
    }

    fn name(&mut self) -> Result<Vec<u8>, &'static str> {
        match self.peek() {
            Some(b'"') => return self.quoted(),
            Some(byte) if !byte.is_ascii_digit() => {}
            _ => return Err("a label name"),
        }
        let rest = &self.text[self.position..];
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-' | b'/');
        let length = rest.iter().take_while(|byte| word(byte)).count();
        self.position += length;
        if length == 0 { Err("a label name") } else { Ok(rest[..length].to_vec()) }
    }

    fn quoted(&mut self) -> Result<Vec<u8>, &'static str> {
        const UNCLOSED: &str = "the end of a string";
        let quote = self.peek();
        let start = self.position + 1;
        match quote {
            Some(b'`') => {
                let end = memchr::memchr(b'`', &self.text[start..]).ok_or(UNCLOSED)?;
                self.position = start + end + 1;
                Ok(self.text[start..start + end].to_vec())
            }
            Some(b'"') => {
                self.position = start;
                let mut value = Vec::new();
                loop {
                    let rest = &self.text[self.position..];
                    match rest.first() {
                        None => return Err(UNCLOSED),
                        Some(b'"') => {
                            self.position += 1;
                            // Escapes of single bytes may have made what is no text.
                            return Ok(String::from_utf8_lossy(&value).into_owned().into_bytes());
                        }
                        Some(b'\\') => self.position += escape(rest, &mut value).ok_or("an escape of Go")?,
                        Some(&byte) => {
                            value.push(byte);
                            self.position += 1;
                        }
                    }
                }
            }
            _ => Err("a string in quotes"),
        }
    }
}

/// Append what an escape at the start of `text` stands for; its length.
fn escape(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let plain = match *text.get(1)? {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        byte @ (b'\\' | b'"' | b'\'') => byte,
        b'x' => {
            out.push(digits(text.get(2..4)?, 16)? as u8);
            return Some(4);
        }
        b'0'..=b'7' => {
            out.push(u8::try_from(digits(text.get(1..4)?, 8)?).ok()?);
            return Some(4);
        }
        letter @ (b'u' | b'U') => {
            let end = if letter == b'u' { 6 } else { 10 };
            let character = char::from_u32(digits(text.get(2..end)?, 16)?)?;
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(end);
        }
        _ => return None,
    };
    out.push(plain);
    Some(2)
}

fn digits(text: &[u8], radix: u32) -> Option<u32> {
    text.iter().try_fold(0_u32, |sum, &byte| sum.checked_mul(radix)?.checked_add(char::from(byte).to_digit(radix)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<(String, String)>, String> {
        let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ok(parse(text.as_bytes())?.into_iter().map(|(name, value)| (text_of(name), text_of(value))).collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn labels_are_read() {
        for (text, expected) in [
            ("{}", pairs(&[])),
            (r#"{app="shop"}"#, pairs(&[("app", "shop")])),
            (r#" { a = "1" ,b="x\"y\\\n\t" , } "#, pairs(&[("a", "1"), ("b", "x\"y\\\n\t")])),
            (
                r#"{a="\u00e9\U0001F600\x41\101", b=`raw\n`, "c.d"="e"}"#,
                pairs(&[("a", "é😀AA"), ("b", "raw\\n"), ("c.d", "e")]),
            ),
            (r#"{a="\xff"}"#, pairs(&[("a", "\u{fffd}")])),
            ("{a=\"é\"}", pairs(&[("a", "é")])),
        ] {
            assert_eq!(parsed(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (text, error) in [
            ("", "expected '{' at column 1"),
            ("{", "expected a label name at column 2"),
            ("{a}", "expected '=' at column 3"),
            ("{a=b}", "expected a string in quotes at column 4"),
            ("{a=\"b}", "expected the end of a string at column 7"),
            ("{a=`b}", "expected the end of a string at column 4"),
            ("{a=\"\\q\"}", "expected an escape of Go at column 5"),
            ("{a=\"\\u12\"}", "expected an escape of Go at column 5"),
            ("{a=\"b\" c=\"d\"}", "expected ',' or '}' at column 8"),
            ("{a=\"b\"}x", "expected nothing after '}' at column 8"),
            ("{1a=\"b\"}", "expected a label name at column 2"),
            ("{a!=\"b\"}", "expected '=' at column 3"),
        ] {
            assert_eq!(parsed(text), Err(format!("cannot read the labels: {error}")), "{text}");
        }
    }
}
