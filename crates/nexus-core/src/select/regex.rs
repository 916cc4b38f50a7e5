//! Regular expressions in RE2's grammar, as the engine's `match` takes them, on the `regex` crate.
//!
//! Both are linear, and their grammars are near: an expression is written anew in the other's spelling. What differs:
//! `\d \s \w \b` and classes in brackets know ASCII only, `\s` is without the vertical tab, brackets have no set operations,
//! `\Q..\E`, octal escapes, `\C`. The dot matches line ends unless `(?-s)`.
//!
//! Source: <https://github.com/google/re2/wiki/Syntax>.

use super::FilterError;
use nexus_series::pattern::check_size;
use regex::bytes::{Regex, RegexBuilder};
use std::fmt::Write;

/// Memory that a lazily built automaton may take, in each thread that uses it.
const DFA_BYTES: usize = 1 << 20;

/// A compiled expression, found anywhere in a text.
#[derive(Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// From an expression of RE2; `size_limit` bounds its program in bytes.
    pub(super) fn new(expression: &str, size_limit: usize) -> Result<Self, FilterError> {
        check_size(expression).map_err(|error| FilterError(format!("regular expression: {error}")))?;
        let mut builder = RegexBuilder::new(&translate(expression)?);
        builder.dot_matches_new_line(true).size_limit(size_limit).dfa_size_limit(DFA_BYTES);
        builder.build().map(Self).map_err(|error| FilterError(format!("regular expression: {error}")))
    }

    /// Is it found in this text?
    pub(super) fn found_in(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }
}

/// Names of classes in brackets, as in `[[:alpha:]]`.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// What matches no character.
const NOTHING: &str = r"[^\x{0}-\x{10FFFF}]";

/// An RE2 expression in the spelling of the `regex` crate.
fn translate(expression: &str) -> Result<String, FilterError> {
    let mut translator =
        Translator { input: expression, at: 0, out: String::with_capacity(2 * expression.len()), flags: String::new() };
    while translator.at < expression.len() {
        translator.step()?;
    }
    translator.flush();
    Ok(translator.out)
}

/// `out` is complete but for `flags`, which are held back: an operator behind them repeats what stands before them.
struct Translator<'a> {
    input: &'a str,
    at: usize,
    out: String,
    flags: String,
}

/// What stands in brackets, or an escape.
enum Member {
    Character(u32),
    /// A class in the other spelling.
    Set(String),
}

type Result<T, E = FilterError> = std::result::Result<T, E>;

impl Translator<'_> {
    fn rest(&self) -> &str {
        &self.input[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn error<T>(&self, what: &str) -> Result<T> {
        Err(FilterError(format!("regular expression: {what} before byte {}", self.at)))
    }

    fn flush(&mut self) {
        self.out.push_str(&self.flags);
        self.flags.clear();
    }

    fn step(&mut self) -> Result<()> {
        if let Some(counted) = self.repetition() {
            self.out.push_str(&counted);
            return Ok(());
        }
        let Some(character) = self.next() else { return Ok(()) };
        let flags = character == '(' && self.rest().starts_with('?');
        if !flags && !matches!(character, '*' | '+' | '?') {
            self.flush();
        }
        match character {
            '*' | '+' | '?' | '|' | ')' | '^' | '$' | '.' => self.out.push(character),
            '(' => return self.group(),
            '[' => return self.class(),
            '\\' => return self.escape(),
            _ => push_character(&mut self.out, u32::from(character)),
        }
        Ok(())
    }

    /// `{2}`, `{2,}`, `{2,5}`; anything else in braces is text.
    fn repetition(&mut self) -> Option<String> {
        let inside = self.rest().strip_prefix('{')?;
        let end = inside.find('}')?;
        let (low, high) = inside[..end].split_once(',').unwrap_or((&inside[..end], "0"));
        let digits = |text: &str| text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
        if low.is_empty() || !digits(low) || !digits(high) {
            return None;
        }
        let counted = format!("{{{}}}", &inside[..end]);
        self.at += counted.len();
        Some(counted)
    }

    /// Behind `(`.
    fn group(&mut self) -> Result<()> {
        if !self.eat("?") {
            self.out.push_str("(?:");
            return Ok(());
        }
        if self.eat("P<") || self.eat("<") {
            let Some(end) = self.rest().find('>') else { return self.error("unknown group") };
            if !self.rest()[..end].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') || end == 0 {
                return self.error("unknown group");
            }
            self.at += end + 1;
            self.flush();
            self.out.push_str("(?:");
            return Ok(());
        }
        let (mut on, mut off, mut negative) = (String::new(), String::new(), false);
        loop {
            match self.next() {
                Some('-') if !negative => negative = true,
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    on.retain(|known| known != flag);
                    off.retain(|known| known != flag);
                    if negative { &mut off } else { &mut on }.push(flag);
                }
                Some(end @ (')' | ':')) => {
                    let off = if off.is_empty() { off } else { format!("-{off}") };
                    if end == ':' {
                        self.flush();
                        let _ = write!(self.out, "(?{on}{off}:");
                    } else if !(on.is_empty() && off.is_empty()) {
                        let _ = write!(self.flags, "(?{on}{off})");
                    }
                    return Ok(());
                }
                _ => return self.error("unknown flags"),
            }
        }
    }

    /// Behind a backslash outside of brackets.
    fn escape(&mut self) -> Result<()> {
        if self.eat("Q") {
            let end = self.rest().find("\\E");
            let text = self.rest()[..end.unwrap_or(self.rest().len())].to_owned();
            self.at += text.len() + if end.is_some() { 2 } else { 0 };
            text.chars().for_each(|character| push_character(&mut self.out, u32::from(character)));
            return Ok(());
        }
        for (letter, meaning) in [("A", r"\A"), ("z", r"\z"), ("b", r"(?-u:\b)"), ("B", r"(?-u:\B)"), ("C", "(?s-u:.)")]
        {
            if self.eat(letter) {
                self.out.push_str(meaning);
                return Ok(());
            }
        }
        match self.escaped()? {
            Member::Character(code) => push_character(&mut self.out, code),
            Member::Set(set) => self.out.push_str(&set),
        }
        Ok(())
    }

    /// An escape that may also stand in brackets, behind its backslash.
    fn escaped(&mut self) -> Result<Member> {
        let Some(character) = self.next() else { return self.error("nothing is escaped") };
        let set = |text: &str| Ok(Member::Set(text.to_owned()));
        match character {
            'd' => set("[0-9]"),
            'D' => set("[^0-9]"),
            's' => set(r"[\t\n\x0c\r ]"),
            'S' => set(r"[^\t\n\x0c\r ]"),
            'w' => set("[0-9A-Za-z_]"),
            'W' => set("[^0-9A-Za-z_]"),
            'p' | 'P' => self.property(character == 'P'),
            'x' => self.hexadecimal(),
            '1'..='7' if !self.peek().is_some_and(|next| next.is_digit(8)) => self.error("a backreference"),
            '0'..='7' => Ok(Member::Character(self.octal(character))),
            'a' => Ok(Member::Character(7)),
            'f' => Ok(Member::Character(12)),
            'n' => Ok(Member::Character(10)),
            'r' => Ok(Member::Character(13)),
            't' => Ok(Member::Character(9)),
            'v' => Ok(Member::Character(11)),
            _ if character.is_ascii() && !character.is_ascii_alphanumeric() => {
                Ok(Member::Character(u32::from(character)))
            }
            _ => self.error("unknown escape"),
        }
    }

    fn property(&mut self, mut negated: bool) -> Result<Member> {
        let name = match self.next() {
            Some('{') => {
                let Some(end) = self.rest().find('}') else { return self.error("unknown property") };
                let name = self.rest()[..end].to_owned();
                self.at += end + 1;
                name
            }
            Some(letter) => letter.to_string(),
            None => return self.error("unknown property"),
        };
        let name = match name.strip_prefix('^') {
            Some(name) => {
                negated = !negated;
                name
            }
            None => &name,
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
            return self.error("unknown property");
        }
        let sign = if negated { "^" } else { "" };
        Ok(Member::Set(match name {
            // RE2 counts neither unassigned characters nor, in UTF-8, surrogates.
            "C" => format!(r"[{sign}\p{{Cc}}\p{{Cf}}\p{{Co}}]"),
            "Cs" => if negated { r"[\x{0}-\x{10FFFF}]" } else { NOTHING }.to_owned(),
            name => format!(r"[{sign}\p{{{name}}}]"),
        }))
    }

    fn hexadecimal(&mut self) -> Result<Member> {
        let digits = if self.eat("{") {
            let Some(end) = self.rest().find('}') else { return self.error("unknown escape") };
            let digits = self.rest()[..end].to_owned();
            self.at += end + 1;
            digits
        } else {
            let Some(digits) = self.rest().get(..2).map(str::to_owned) else { return self.error("unknown escape") };
            self.at += 2;
            digits
        };
        let code = u32::from_str_radix(&digits, 16).ok().filter(|&code| code <= 0x0010_FFFF);
        match code {
            Some(code) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(Member::Character(code)),
            _ => self.error("unknown escape"),
        }
    }

    /// Up to three octal digits.
    fn octal(&mut self, first: char) -> u32 {
        let mut code = first.to_digit(8).unwrap_or(0);
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|character| character.to_digit(8)) else { break };
            code = code * 8 + digit;
            self.at += 1;
        }
        code
    }

    /// Behind `[`.
    fn class(&mut self) -> Result<()> {
        let negated = self.eat("^");
        self.out.push_str(if negated { "[^" } else { "[" });
        let mut first = true;
        while first || !self.eat("]") {
            first = false;
            self.member()?;
        }
        self.out.push(']');
        Ok(())
    }

    fn member(&mut self) -> Result<()> {
        if let Some(inside) = self.rest().strip_prefix("[:")
            && let Some(end) = inside.find(":]")
        {
            let name = &inside[..end];
            if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                return self.error("unknown class");
            }
            let class = format!("[:{name}:]");
            self.at += class.len();
            self.out.push_str(&class);
            return Ok(());
        }
        let low = match self.class_member()? {
            Member::Set(set) => {
                self.out.push_str(&set);
                return Ok(());
            }
            Member::Character(code) => code,
        };
        let high = if self.rest().starts_with('-') && !self.rest().starts_with("-]") {
            self.at += 1;
            match self.class_member()? {
                Member::Character(high) if high >= low => high,
                _ => return self.error("this is no range"),
            }
        } else {
            low
        };
        push_range(&mut self.out, low, high);
        Ok(())
    }

    fn class_member(&mut self) -> Result<Member> {
        match self.next() {
            Some('\\') => self.escaped(),
            Some(character) => Ok(Member::Character(u32::from(character))),
            None => self.error("a bracket is not closed"),
        }
    }
}

fn push_character(out: &mut String, code: u32) {
    match char::from_u32(code) {
        Some(character) if character.is_ascii_alphanumeric() || !character.is_ascii() => out.push(character),
        Some(_) => {
            let _ = write!(out, "\\x{{{code:x}}}");
        }
        None => out.push_str(NOTHING),
    }
}

/// A range in brackets, without the surrogates in it.
fn push_range(out: &mut String, low: u32, high: u32) {
    let low = if (0xD800..0xE000).contains(&low) { 0xE000 } else { low };
    let high = if (0xD800..0xE000).contains(&high) { 0xD7FF } else { high };
    let _ = if low > high { write!(out, "{NOTHING}") } else { write!(out, "\\x{{{low:x}}}-\\x{{{high:x}}}") };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(expression: &str, text: &str) -> bool {
        let pattern = Pattern::new(expression, 4 << 20).unwrap_or_else(|error| panic!("{expression}: {error}"));
        pattern.found_in(text.as_bytes())
    }

    #[test]
    fn means_what_re2_means() {
        for (expression, text) in [
            ("a.b", "a\nb"),
            ("(?m)a$", "a\nb"),
            (r"(?i)É", "é"),
            ("(?i)k", "\u{212a}"),
            ("^$", ""),
            (r"\C", "é"),
            ("^.$", "é"),
            (r"^\pL$", "é"),
            (r"\p{^Greek}\P{^Greek}", "aα"),
            ("{", "{"),
            ("a{,2}", "a{,2}"),
            ("a{x}", "a{x}"),
            (r"^\Qa.b*\E+$", "a.b**"),
            ("(?U)a+", "a"),
            ("^a(?i)*B$", "aab"),
            ("(?ii-s)A", "a"),
            (r"[[:alpha:]&&]+$", "a&"),
            (r"^[!--]$", "-"),
            (r"^[]a]+$", "]a"),
            (r"^[^\D]$", "7"),
            (r"^[\w-]+$", "a_-"),
            (r"^[[a]+$", "[a"),
            (r"^[a-]+$", "a-"),
            (r"^[[:]+$", "[:"),
            (r"\x41\x{e9}\101", "AéA"),
            (r"(?P<name>a)(?<other>b)", "ab"),
            (r"\/\-\#", "/-#"),
            (r"[\t\x{D800}-\x{E001}]", "\u{E000}"),
            (r"a\z", "a"),
            (r"[\v]", "\u{b}"),
            ("()", ""),
            (r"\b", "a"),
            ("(?:a|)b", "b"),
        ] {
            assert!(found(expression, text), "{expression} in {text:?}");
        }
        for (expression, text) in [
            ("(?-s)a.b", "a\nb"),
            ("a$", "a\n"),
            (r"\w", "é"),
            (r"\bé", "é"),
            (r"^\C$", "é"),
            (r"[[:alpha:]]", "é"),
            (r"\s", "\u{b}"),
            (r"[\s]", "\u{b}"),
            (r"\s", "\u{a0}"),
            (r"\d", "٣"),
            (r"^[a&&b]$", ""),
            (r"\x{D800}", "a"),
            (r"\p{Cs}", "a"),
            (r"\pC", "\u{378}"),
        ] {
            assert!(!found(expression, text), "{expression} in {text:?}");
        }
    }

    #[test]
    fn what_re2_does_not_take_is_an_error() {
        for expression in [
            "(",
            ")",
            "[",
            "[a",
            "[b-a]",
            "[a--b]",
            "*",
            "(?=a)",
            "(?P=a)",
            "(?<n",
            r"\1",
            r"\8",
            r"\",
            r"\xz",
            r"\p{Nope}",
            "(?x)a",
            r"\e",
            r"\x{110000}",
            "[[:nope:]]",
            "[[:]x[:]]",
            r"\p",
        ] {
            assert!(Pattern::new(expression, 4 << 20).is_err(), "{expression}");
        }
    }

    #[test]
    fn size_is_bounded() {
        assert!(Pattern::new(r"(\pL{100}){1000}", 4 << 20).is_err());
        assert!(Pattern::new(&"(".repeat(10_000), 4 << 20).is_err());
    }
}
