//! RE2's syntax for the `regex` crate: both match in linear time, but `\d`, `\w`, `\s` and `\b` are ASCII in RE2, a brace
//! that counts nothing is itself, and `[`, `&&`, `~~`, `--` mean nothing inside a class.

use nexus_series::pattern::check_size;
use regex::{Regex, RegexBuilder};

const SIZE_LIMIT: usize = 4 << 20;

/// Compile an RE2 expression; `whole` anchors it at both ends.
pub(crate) fn compile(pattern: &str, whole: bool) -> Result<Regex, String> {
    check_size(pattern).map_err(|error| format!("error parsing regexp: {error}"))?;
    let translated = translate(pattern);
    let text = if whole { format!("^(?s:{translated})$") } else { translated };
    RegexBuilder::new(&text)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| format!("error parsing regexp: {pattern:?}: {error}"))
}

fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '\\' => rest = escape(after, false, &mut out),
            '[' => rest = class(after, &mut out),
            '{' if !counts(after) => {
                out.push_str("\\{");
                rest = after;
            }
            '}' => {
                out.push('}');
                rest = after;
            }
            '{' => {
                // A repetition: as it is, up to its end.
                let end = after.find('}').map_or(after.len(), |at| at + 1);
                out.push('{');
                out.push_str(&after[..end]);
                rest = &after[end..];
            }
            _ => {
                out.push(c);
                rest = after;
            }
        }
    }
    // A closing brace alone is a literal for both, but the crate wants it escaped only in some places: it does not mind.
    out
}

/// Does what follows a brace make it a repetition?
fn counts(rest: &str) -> bool {
    let Some(end) = rest.find('}') else { return false };
    let (low, high) = rest[..end].split_once(',').unwrap_or((&rest[..end], ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

/// After a backslash; the rest after the escape.
fn escape<'a>(rest: &'a str, in_class: bool, out: &mut String) -> &'a str {
    let Some(c) = rest.chars().next() else {
        out.push('\\');
        return rest;
    };
    let after = &rest[c.len_utf8()..];
    let set = match c {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => "\\t\\n\\x0c\\r ",
        'D' => "^0-9",
        'W' => "^0-9A-Za-z_",
        'S' => "^\\t\\n\\x0c\\r ",
        _ => "",
    };
    if !set.is_empty() {
        if in_class && !set.starts_with('^') {
            out.push_str(set);
        } else {
            out.push('[');
            out.push_str(set);
            out.push(']');
        }
        return after;
    }
    match c {
        'b' | 'B' if !in_class => {
            out.push_str("(?-u:\\");
            // Without Unicode `\B` may match inside a character, which a text has no place for.
            if c == 'B' {
                out.truncate(out.len() - "(?-u:\\".len());
                out.push_str("\\B");
            } else {
                out.push_str("b)");
            }
            after
        }
        'Q' if !in_class => {
            let end = after.find("\\E").unwrap_or(after.len());
            out.push_str(&regex::escape(&after[..end]));
            after.get(end + 2..).unwrap_or("")
        }
        'E' => after,
        'C' => {
            out.push_str("(?s:.)");
            after
        }
        '0'..='7' => {
            let digits = rest.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
            let code = u32::from_str_radix(&rest[..digits], 8).unwrap_or(0);
            out.extend(["\\x{", &format!("{code:x}"), "}"]);
            &rest[digits..]
        }
        _ if c.is_ascii_punctuation() && !matches!(c, '<' | '>') => {
            out.push('\\');
            out.push(c);
            after
        }
        '<' | '>' => {
            out.push(c);
            after
        }
        _ => {
            out.push('\\');
            out.push(c);
            after
        }
    }
}

/// After the bracket of a class; the rest after its end.
fn class<'a>(rest: &'a str, out: &mut String) -> &'a str {
    out.push('[');
    let mut rest = rest;
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    if let Some(after) = rest.strip_prefix(']') {
        out.push_str("\\]");
        rest = after;
    }
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            ']' => {
                out.push(']');
                return after;
            }
            '\\' => rest = escape(after, true, out),
            '[' if after.starts_with(':') && after.contains(":]") => {
                let end = after.find(":]").map_or(after.len(), |at| at + 2);
                out.push('[');
                out.push_str(&after[..end]);
                rest = &after[end..];
            }
            '[' | '&' | '~' => {
                out.push('\\');
                out.push(c);
                rest = after;
            }
            '-' if after.starts_with('-') => {
                out.push_str("\\-");
                rest = after;
            }
            _ => {
                out.push(c);
                rest = after;
            }
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_re2() {
        let matches = |pattern: &str, text: &str| compile(pattern, false).unwrap().is_match(text);
        assert!(matches(r"^\d+$", "12"));
        assert!(!matches(r"^\d+$", "\u{0663}"));
        assert!(matches("a{b", "a{b"));
        assert!(matches("a{,2}", "a{,2}"));
        assert!(matches("^a{2,3}$", "aaa"));
        assert!(matches(r"\Qa.b\E+", "a.b"));
        assert!(matches("[[]", "["));
        assert!(matches("[a&&b]", "&"));
        assert!(matches(r"[\w.]+@", "a.b@"));
        assert!(matches(r"\bcat\b", "a cat."));
        assert!(matches(r"[[:alpha:]]", "x"));
        assert!(!matches("a.b", "a\nb"));
        assert!(compile("a.b", true).unwrap().is_match("a\nb"));
        assert!(!compile("a", true).unwrap().is_match("ab"));
        assert!(compile("(", false).is_err());
    }
}
