//! The text of a series, `name{label="value"}`, taken apart.

use std::borrow::Cow;

/// Labels in the order of the text; the name is among them as `__name__`. Values may be empty.
pub type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// A label as an item in braces, or the name of the metric (quoted, without a value).
enum Item<'a> {
    Label(Cow<'a, str>, Cow<'a, str>),
    Name(Cow<'a, str>),
}

/// The text without escapes: backslash, newline, and quotes where `quotes` says so. Other backslashes stay.
pub fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut chars = text[first..].chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('"') if quotes => out.push('"'),
            // A backslash at the end is one, too.
            Some('\\') | None => out.push('\\'),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    Cow::Owned(out)
}

/// Is this a byte of a metric name after its first?
#[inline]
pub fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

/// Where the text of the series ends that a line begins with: after its name or its closing brace.
pub fn end_of_series(line: &[u8], blanks: bool) -> Result<usize, String> {
    let mut at = line.iter().position(|&byte| !is_name_byte(byte)).unwrap_or(line.len());
    if line.first().is_some_and(u8::is_ascii_digit) {
        return Err("a metric name cannot begin with a digit".into());
    }
    let end = at;
    while blanks && matches!(line.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    if line.get(at) != Some(&b'{') {
        return if end > 0 { Ok(end) } else { Err(unexpected(line, 0, "a metric name")) };
    }
    at += 1;
    loop {
        // A newline ends the search, a backslash is none of a series: so that of many lines which are none each is looked at
        // twice at most. Within quotes both may stand.
        let Some(found) = line[at..].iter().position(|byte| matches!(byte, b'"' | b'}' | b'\n' | b'\\')) else {
            looked_at(line.len() - at);
            return Err("the labels have no closing brace".into());
        };
        looked_at(found + 1);
        at += found + 1;
        match line[at - 1] {
            b'}' => return Ok(at),
            b'"' => at = end_of_quoted(line, at)?,
            b'\\' => return Err("a backslash outside of quotes".into()),
            _ => return Err("the labels have no closing brace".into()),
        }
    }
}

/// Counts the bytes that the search for the end of a series looks at, for a test.
#[inline]
#[cfg_attr(not(test), allow(unused_variables))]
fn looked_at(bytes: usize) {
    #[cfg(test)]
    tests::LOOKED_AT.with(|count| count.set(count.get() + bytes));
}

/// The place after the closing quote; `at` is the one after the opening quote.
fn end_of_quoted(line: &[u8], mut at: usize) -> Result<usize, String> {
    loop {
        let Some(found) = memchr::memchr2(b'"', b'\\', &line[at..]) else {
            looked_at(line.len() - at);
            return Err("a quoted text is not closed".into());
        };
        looked_at(found + 1);
        at += found + 1;
        if line[at - 1] == b'"' {
            return Ok(at);
        }
        at = (at + 1).min(line.len());
    }
}

fn unexpected(text: &[u8], at: usize, wanted: &str) -> String {
    match text.get(at) {
        None | Some(b'\n') => format!("expected {wanted}, but the line ends"),
        Some(_) => {
            let shown = String::from_utf8_lossy(&text[at..text.len().min(at + 20)]);
            format!("expected {wanted}, found {:?}", shown.lines().next().unwrap_or(""))
        }
    }
}

/// A reader of the text of one series, or of the labels of an exemplar.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    blanks: bool,
}

impl<'a> Reader<'a> {
    fn skip_blanks(&mut self) {
        while self.blanks && matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, wanted: &str) -> Result<(), String> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected(wanted)) }
    }

    fn unexpected(&self, wanted: &str) -> String {
        unexpected(self.text.as_bytes(), self.at, wanted)
    }

    fn name(&mut self, colons: bool) -> &'a str {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest
            .iter()
            .position(|&byte| !(byte.is_ascii_alphanumeric() || byte == b'_' || (colons && byte == b':')))
            .unwrap_or(rest.len());
        let name = &self.text[self.at..self.at + length];
        self.at += length;
        name
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, String> {
        self.expect(b'"', "a quoted text")?;
        let end = end_of_quoted(self.text.as_bytes(), self.at)?;
        let text = unescape(&self.text[self.at..end - 1], true);
        self.at = end;
        Ok(text)
    }

    fn item(&mut self) -> Result<Item<'a>, String> {
        let name = if self.peek() == Some(b'"') {
            let name = self.quoted()?;
            self.skip_blanks();
            if self.peek() != Some(b'=') {
                return Ok(Item::Name(name));
            }
            name
        } else {
            if self.peek().is_none_or(|byte| !(byte.is_ascii_alphabetic() || byte == b'_')) {
                return Err(self.unexpected("a label name"));
            }
            Cow::Borrowed(self.name(false))
        };
        self.skip_blanks();
        self.expect(b'=', "=")?;
        self.skip_blanks();
        Ok(Item::Label(name, self.quoted()?))
    }

    /// Labels in braces; the opening one is next.
    fn labels(&mut self, name: &mut Option<Cow<'a, str>>, labels: &mut Labels<'a>) -> Result<(), String> {
        self.expect(b'{', "{")?;
        self.skip_blanks();
        while !self.take(b'}') {
            match self.item()? {
                Item::Label(label, value) => labels.push((label, value)),
                Item::Name(text) if name.is_none() => *name = Some(text),
                Item::Name(text) => return Err(format!("the metric has two names, {:?} and {text:?}", name.as_ref())),
            }
            self.skip_blanks();
            if !self.take(b',') {
                self.expect(b'}', ", or }")?;
                return Ok(());
            }
            self.skip_blanks();
        }
        Ok(())
    }
}

fn utf8(text: &[u8]) -> Result<&str, String> {
    simdutf8::basic::from_utf8(text).map_err(|_| "the labels are not UTF-8".to_owned())
}

/// The labels of a series' text; `blanks` allows spaces and tabs between tokens (not in OpenMetrics).
pub fn parse_series(text: &[u8], blanks: bool) -> Result<Labels<'_>, String> {
    let mut reader = Reader { text: utf8(text)?, at: 0, blanks };
    let mut labels = Labels::with_capacity(8);
    let bare = reader.name(true);
    let mut name = (!bare.is_empty()).then_some(Cow::Borrowed(bare));
    reader.skip_blanks();
    if reader.peek().is_some() {
        reader.labels(&mut name, &mut labels)?;
    }
    if let Some(name) = name {
        labels.push((nexus_series::NAME.into(), name));
    }
    check_names(&labels)?;
    Ok(labels)
}

/// The labels of an exemplar, `{...}` at the start of the text, and the place after them.
pub fn parse_exemplar_labels(text: &[u8]) -> Result<(Labels<'_>, usize), String> {
    let mut reader = Reader { text: utf8(text)?, at: 0, blanks: false };
    let (mut name, mut labels) = (None, Labels::new());
    reader.labels(&mut name, &mut labels)?;
    if let Some(name) = name {
        return Err(format!("the exemplar has the name {name:?}"));
    }
    check_names(&labels)?;
    Ok((labels, reader.at))
}

/// A name of a metric at the start of a text, bare or quoted, and the place after it.
pub fn parse_name(text: &str) -> Result<(Cow<'_, str>, usize), String> {
    let mut reader = Reader { text, at: 0, blanks: true };
    if reader.peek() == Some(b'"') {
        let name = reader.quoted()?;
        return Ok((name, reader.at));
    }
    let name = reader.name(true);
    if name.is_empty() || name.as_bytes()[0].is_ascii_digit() {
        return Err(unexpected(text.as_bytes(), 0, "a metric name"));
    }
    Ok((Cow::Borrowed(name), reader.at))
}

/// Each name may come once.
fn check_names(labels: &Labels<'_>) -> Result<(), String> {
    let twice = if labels.len() <= 16 {
        labels
            .iter()
            .enumerate()
            .find(|(at, label)| labels[..*at].iter().any(|other| other.0 == label.0))
            .map(|found| found.1)
    } else {
        let mut seen = hashbrown::HashSet::<&str, foldhash::fast::RandomState>::default();
        labels.iter().find(|label| !seen.insert(&label.0))
    };
    match twice {
        Some((name, _)) => Err(format!("the label {name:?} is there twice")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        pub static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
    }

    fn parsed(text: &str, blanks: bool) -> Result<Vec<(String, String)>, String> {
        let end = end_of_series(text.as_bytes(), blanks)?;
        let labels = parse_series(&text.as_bytes()[..end], blanks)?;
        Ok(labels.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    #[allow(clippy::unnecessary_wraps)]
    fn owned(labels: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        Ok(labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn series_are_taken_apart() {
        assert_eq!(parsed("up 1", true), owned(&[("__name__", "up")]));
        assert_eq!(
            parsed("a:b { c = \"d\" , e=\"}\\\"\\n\\\\\\x\", } 1", true),
            owned(&[("c", "d"), ("e", "}\"\n\\\\x"), ("__name__", "a:b")])
        );
        assert_eq!(
            parsed("{\"my.metric\",\"la bel\"=\"v\"} 1", false),
            owned(&[("la bel", "v"), ("__name__", "my.metric")])
        );
        assert_eq!(parsed("{a=\"\"} 1", false), owned(&[("a", "")]));
        for (text, message) in [
            ("a{b=\"c\"", "the labels have no closing brace"),
            ("a{b=\"c\"\n} 1", "the labels have no closing brace"),
            ("a{\nb=\"c\"} 1", "the labels have no closing brace"),
            ("a{\\\"b\"=\"c\"} 1", "a backslash outside of quotes"),
            ("a{b=\"c\"\\} 1", "a backslash outside of quotes"),
            ("a{b=\"c}", "a quoted text is not closed"),
            ("a{b=c} 1", "expected a quoted text, found \"c}\""),
            ("a{1=\"c\"} 1", "expected a label name, found \"1=\\\"c\\\"}\""),
            ("a{b=\"1\",b=\"2\"} 1", "the label \"b\" is there twice"),
            ("a{b=\"1\" c=\"2\"} 1", "expected , or }, found \"c=\\\"2\\\"}\""),
            ("1a 1", "a metric name cannot begin with a digit"),
            ("- 1", "expected a metric name, found \"- 1\""),
        ] {
            assert_eq!(parsed(text, true), Err(message.to_owned()), "{text}");
        }
        assert!(parsed("a{b=\"c\", d=\"e\"} 1", false).is_err());
    }

    #[test]
    fn quoted_texts_hold_newlines_and_backslashes() {
        assert_eq!(
            parsed("a{b=\"1\n2\\\n}\",\"c\nd\"=\"\\\\\"} 1", true),
            owned(&[("b", "1\n2\\\n}"), ("c\nd", "\\"), ("__name__", "a")])
        );
    }

    /// Each line that is none must not be searched to the end of the body.
    #[test]
    fn many_lines_without_an_end_are_looked_at_in_linear_time() {
        for line in [
            "a{\"",
            "a{",
            "a{\"\"",
            "h_{le=\"1\"\t+54",
            "a{\\\"",
            "a{b=\"\\",
            "a{b=\"\\\"",
            "{\"a\",\"",
            "a{b=\"1\",",
            "a{b=\"}",
        ] {
            let body = format!("{line}\n").repeat(2000) + "}";
            LOOKED_AT.set(0);
            let (mut lines, mut rest) = (0, body.as_bytes());
            while let Some(end) = memchr::memchr(b'\n', rest) {
                lines += usize::from(end_of_series(rest, true).is_err());
                rest = &rest[end + 1..];
            }
            assert!(LOOKED_AT.get() <= 3 * body.len(), "{line}: {} of {} bytes", LOOKED_AT.get(), body.len());
            assert!(lines >= 1, "{line}");
        }
    }
}
