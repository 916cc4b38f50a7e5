//! Tests of texts: words and phrases that stand where words do, and wildcards. All take linear time, whatever the text.

use memchr::memmem::Finder;

/// Bytes of words: ASCII letters and digits, and whatever lies beyond ASCII.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Text that begins and ends where words do or beside them, in lower case.
#[derive(Debug)]
pub(super) struct Bounded {
    finder: Finder<'static>,
    /// A word may not go on before it.
    before: bool,
    /// Nor behind it.
    after: bool,
    /// It holds nothing else than a part of a word.
    word: bool,
    /// For each of its prefixes how much of it is a beginning again, after Knuth, Morris and Pratt. Empty: not needed.
    borders: Vec<u32>,
}

impl Bounded {
    /// From text in any case, to be placed where a word may begin and end.
    pub(super) fn new(text: &str) -> Self {
        Self::with_ends(text, true, true)
    }

    /// `before`, `after`: does it matter what lies on that side?
    fn with_ends(text: &str, before: bool, after: bool) -> Self {
        let text = text.to_ascii_lowercase();
        let text = text.as_bytes();
        let before = before && text.first().copied().is_some_and(is_word);
        let after = after && text.last().copied().is_some_and(is_word);
        let word = before && after && text.iter().copied().all(is_word);
        let borders = if (before || after) && !word { borders(text) } else { Vec::new() };
        Self { finder: Finder::new(text).into_owned(), before, after, word, borders }
    }

    /// Is it in this lower-case text?
    pub(super) fn found_in(&self, text: &[u8]) -> bool {
        self.find(text, 0).is_some()
    }

    /// Where it ends first, from a place on.
    fn find(&self, text: &[u8], mut from: usize) -> Option<usize> {
        let length = self.finder.needle().len();
        loop {
            let start = from + self.finder.find(&text[from..])?;
            let end = start + length;
            if self.stands(text, start, end) {
                return Some(end);
            }
            if !self.word {
                return self.find_slowly(text, start);
            }
            // The word it was found in holds it in no other place.
            from = end + text[end..].iter().position(|&byte| !is_word(byte))?;
        }
    }

    fn stands(&self, text: &[u8], start: usize, end: usize) -> bool {
        let goes_on_before = self.before && start > 0 && is_word(text[start - 1]);
        let goes_on_after = self.after && text.get(end).copied().is_some_and(is_word);
        !goes_on_before && !goes_on_after
    }

    /// Places may overlap here.
    fn find_slowly(&self, text: &[u8], from: usize) -> Option<usize> {
        let needle = self.finder.needle();
        let mut matched = 0;
        for (at, &byte) in text.iter().enumerate().skip(from) {
            while matched > 0 && needle[matched] != byte {
                matched = self.borders[matched - 1] as usize;
            }
            matched += usize::from(needle[matched] == byte);
            if matched == needle.len() {
                let end = at + 1;
                if self.stands(text, end - matched, end) {
                    return Some(end);
                }
                matched = self.borders[matched - 1] as usize;
            }
        }
        None
    }
}

fn borders(text: &[u8]) -> Vec<u32> {
    let mut borders = vec![0; text.len()];
    let mut matched = 0_usize;
    for at in 1..text.len() {
        while matched > 0 && text[matched] != text[at] {
            matched = borders[matched - 1] as usize;
        }
        matched += usize::from(text[matched] == text[at]);
        borders[at] = matched as u32;
    }
    borders
}

/// Pieces with any text between them that are the whole of a text: SQL's LIKE.
#[derive(Debug)]
pub(super) struct Pieces {
    first: Vec<u8>,
    inner: Vec<Finder<'static>>,
    last: Vec<u8>,
}

impl Pieces {
    /// At least two pieces.
    pub(super) fn new(pieces: &[String]) -> Self {
        let bytes = |piece: &String| piece.as_bytes().to_vec();
        let inner = pieces.iter().skip(1).take(pieces.len().saturating_sub(2));
        Self {
            first: pieces.first().map(bytes).unwrap_or_default(),
            inner: inner.map(|piece| Finder::new(piece.as_bytes()).into_owned()).collect(),
            last: pieces.last().map(bytes).unwrap_or_default(),
        }
    }

    /// Are they this text?
    pub(super) fn match_all_of(&self, text: &[u8]) -> bool {
        let Some(rest) = text.strip_prefix(&self.first[..]) else { return false };
        let Some(mut rest) = rest.strip_suffix(&self.last[..]) else { return false };
        for piece in &self.inner {
            match piece.find(rest) {
                Some(at) => rest = &rest[at + piece.needle().len()..],
                None => return false,
            }
        }
        true
    }
}

/// A wildcard over the body, in lower case: pieces that are not open begin or end where words do.
#[derive(Debug)]
pub(super) struct BodyWildcard(Vec<Bounded>);

impl BodyWildcard {
    /// At least two pieces, in any case.
    pub(super) fn new(pieces: &[String]) -> Self {
        let last = pieces.len().saturating_sub(1);
        let piece = |(at, piece): (usize, &String)| Bounded::with_ends(piece, at == 0, at == last);
        Self(pieces.iter().enumerate().map(piece).collect())
    }

    /// Is it in this lower-case text?
    pub(super) fn found_in(&self, text: &[u8]) -> bool {
        self.0.iter().try_fold(0, |from, piece| piece.find(text, from)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrase(text: &str, body: &str) -> bool {
        Bounded::new(text).found_in(body.to_ascii_lowercase().as_bytes())
    }

    fn wildcard(pieces: &[&str], body: &str) -> bool {
        let pieces: Vec<String> = pieces.iter().map(|&piece| piece.to_owned()).collect();
        BodyWildcard::new(&pieces).found_in(body.to_ascii_lowercase().as_bytes())
    }

    #[test]
    fn phrases_stand_where_words_do() {
        assert!(phrase("Payment failed", "the payment FAILED."));
        assert!(!phrase("payment failed", "prepayment failed"));
        assert!(!phrase("payment failed", "payment failedover"));
        assert!(phrase("a", "ba ab a"));
        assert!(phrase("->", "a->b"));
        assert!(phrase("日本", "日本 語"));
        assert!(!phrase("日本", "日本語"));
        assert!(phrase("-aa", "-aaa-aa"));
        assert!(phrase("a-a", "xa-a-a"));
        assert!(phrase("a\nb", "a\nB"));
        assert!(phrase("", ""));
        assert!(phrase("ab-ab", "xab-ab-ab"));
        assert!(!phrase("ab-ab", "xab-ab-abx"));
    }

    #[test]
    fn a_text_of_almosts_takes_linear_time() {
        let phrase = format!("{}-a", "-aa".repeat(2000));
        let body = "-aa".repeat(1_000_000);
        assert!(!Bounded::new(&phrase).found_in(body.as_bytes()));
    }

    #[test]
    fn wildcards() {
        assert!(wildcard(&["conn", ""], "Connection lost"));
        assert!(!wildcard(&["conn", ""], "disconnected"));
        assert!(wildcard(&["", "time", ""], "runtimes"));
        assert!(wildcard(&["order", "failed"], "order 7\nhas failed"));
        assert!(!wildcard(&["order", "failed"], "reorder failed"));
        assert!(!wildcard(&["order", "failed"], "order failedover"));
        assert!(wildcard(&["", ""], ""));
        assert!(wildcard(&["É", ""], "É"));
        assert!(!wildcard(&["É", ""], "é"));
    }

    #[test]
    fn pieces_are_the_whole_text() {
        let matches = |pieces: &[&str], text: &str| {
            let pieces: Vec<String> = pieces.iter().map(|&piece| piece.to_owned()).collect();
            Pieces::new(&pieces).match_all_of(text.as_bytes())
        };
        assert!(matches(&["a", "a"], "aa"));
        assert!(!matches(&["a", "a"], "a"));
        assert!(matches(&["a", "b", "b", "c"], "abbc"));
        assert!(!matches(&["a", "b", "b", "c"], "abc"));
        assert!(matches(&["", ".", ""], "a.b"));
        assert!(!matches(&["ab", "bc"], "abc"));
    }
}
