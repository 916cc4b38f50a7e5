//! Skeletons and templates: what stays of a message when its variable parts are taken out. Stateless, so the same message
//! has the same template on every machine and for ever (within one [`TEMPLATE_VERSION`]).
//!
//! The **skeleton** is exact, for searching: the body in ASCII lower case in which every maximal run of word bytes
//! (`0-9A-Za-z` and bytes from 0x80) that holds an ASCII digit is replaced by `*`. All else stays, so a word without a digit
//! is in the body if and only if it is in the skeleton. Bodies longer than [`MAX_SKELETON_BYTES`] have none (it is empty).
//!
//! The **template** is the skeleton masked further, for grouping: `<*>` stands for
//! * runs with a digit: numbers, ids, times, versions, IPs, UUIDs; a sign before them and a unit after them go too;
//! * groups of hex letters that hang on such a run by `-` or `:` (UUIDs, MAC and IPv6 addresses);
//! * names of months and weekdays before a number;
//! * what is in quotes, unless it is a key of a JSON object; the value in `key=value`; a URL's query; e-mail addresses.
//!
//! Words before a number stay (`user-<*>`, `/api/<*>/orders`): to merge templates later is easy, to split them is not.
//! Neighbouring masks become one, as do neighbouring tokens that are equal and end in a mask; runs of white space become one
//! space. The template id is the xxh3-64 of the template. Only the first [`MAX_SKELETON_BYTES`] bytes of a body take part.

use crate::dictionary::Dictionary;

/// Version of the rules. Ids of different versions do not compare.
pub const TEMPLATE_VERSION: u32 = 1;

/// Bytes of the longest body that has a skeleton, and of the part of a body that its template is made from.
pub const MAX_SKELETON_BYTES: usize = 1024;

const OTHER: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;

/// Class of each byte.
const CLASS: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = if b.is_ascii_digit() {
            DIGIT
        } else if b.is_ascii_alphabetic() || b >= 0x80 {
            LETTER
        } else {
            OTHER
        };
        byte += 1;
    }
    table
};

fn is_word(byte: u8) -> bool {
    CLASS[byte as usize] != OTHER
}

/// Room for a skeleton.
#[derive(Debug)]
struct SkeletonBuffer {
    bytes: [u8; MAX_SKELETON_BYTES + 1],
}

impl SkeletonBuffer {
    /// Skeleton of a text of at most [`MAX_SKELETON_BYTES`].
    fn fill(&mut self, text: &[u8]) -> &[u8] {
        let out = &mut self.bytes;
        let (mut end, mut run, mut digits) = (0, 0, OTHER);
        for &byte in text {
            let class = CLASS[byte as usize];
            if class == OTHER {
                if digits & DIGIT != 0 {
                    out[run] = b'*';
                    end = run + 1;
                }
                digits = OTHER;
                out[end] = byte;
                end += 1;
                run = end;
            } else {
                digits |= class;
                out[end] = byte.to_ascii_lowercase();
                end += 1;
            }
        }
        if digits & DIGIT != 0 {
            out[run] = b'*';
            end = run + 1;
        }
        &out[..end]
    }
}

/// Skeletons of a batch and their template ids. Skeleton 0 is the empty one.
#[derive(Debug, Clone)]
pub struct Skeletons {
    dictionary: Dictionary<1>,
    templates: Vec<u64>,
}

impl Default for Skeletons {
    fn default() -> Self {
        let mut dictionary = Dictionary::default();
        dictionary.intern([b""]);
        Self { dictionary, templates: vec![xxhash_rust::xxh3::xxh3_64(b"")] }
    }
}

impl Skeletons {
    /// Id of another batch's skeleton, new or known here.
    pub(crate) fn adopt(&mut self, other: &Self, id: u32) -> u32 {
        let own = self.dictionary.intern([other.get(id)]);
        if own as usize == self.templates.len() {
            self.templates.push(other.templates[id as usize]);
        }
        own
    }

    /// The skeleton with this id.
    pub fn get(&self, id: u32) -> &[u8] {
        self.dictionary.get(id, 0)
    }

    /// Number of skeletons.
    pub fn len(&self) -> usize {
        self.dictionary.len()
    }

    /// Never: the empty skeleton is always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Bytes held.
    pub fn num_bytes(&self) -> usize {
        self.dictionary.num_bytes() + 8 * self.templates.len()
    }
}

/// Computes skeletons and template ids; keeps its buffers between bodies.
#[derive(Debug)]
pub struct Templater {
    buffer: Box<SkeletonBuffer>,
    template: Vec<u8>,
}

impl Default for Templater {
    fn default() -> Self {
        let buffer = Box::new(SkeletonBuffer { bytes: [0; MAX_SKELETON_BYTES + 1] });
        Self { buffer, template: Vec::new() }
    }
}

impl Templater {
    /// Skeleton id and template id of a body (valid UTF-8).
    pub fn add(&mut self, body: &[u8], skeletons: &mut Skeletons) -> (u32, u64) {
        if body.len() > MAX_SKELETON_BYTES {
            return (0, self.template_id(body));
        }
        let skeleton = self.buffer.fill(body);
        let id = skeletons.dictionary.intern([skeleton]);
        if id as usize == skeletons.templates.len() {
            self.template.clear();
            mask(skeleton, &mut self.template);
            skeletons.templates.push(xxhash_rust::xxh3::xxh3_64(&self.template));
        }
        (id, skeletons.templates[id as usize])
    }

    /// Template of a body (valid UTF-8).
    pub fn template(&mut self, body: &[u8]) -> &[u8] {
        let mut end = body.len().min(MAX_SKELETON_BYTES);
        while end < body.len() && body[end] & 0xC0 == 0x80 {
            end -= 1;
        }
        self.template.clear();
        mask(self.buffer.fill(&body[..end]), &mut self.template);
        &self.template
    }

    /// Template id of a body (valid UTF-8).
    pub fn template_id(&mut self, body: &[u8]) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.template(body))
    }
}

/// Template text and id of a message.
pub fn mask_template(text: &str) -> (String, u64) {
    let mut templater = Templater::default();
    let template = templater.template(text.as_bytes());
    (String::from_utf8_lossy(template).into_owned(), xxhash_rust::xxh3::xxh3_64(template))
}

const MASK: &[u8] = b"<*>";
const MONTHS: [&[u8]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const WEEKDAYS: [&[u8]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];
const UNITS: [&[u8]; 19] = [
    b"ns", b"us", b"ms", b"s", b"sec", b"secs", b"b", b"kb", b"mb", b"gb", b"tb", b"kib", b"mib", b"gib", b"tib",
    b"bytes", b"am", b"pm", b"min",
];

/// The masked text so far.
struct Masked<'o> {
    out: &'o mut Vec<u8>,
    /// End of the last mask when only white space and [`JOINTS`] follow it.
    mask_end: Option<usize>,
    /// Quotes that were left open: further ones of their kind are plain, which keeps masking linear.
    open_quotes: [bool; 3],
    /// Up to here no question mark begins a query.
    no_query_before: usize,
}

/// Bytes over which neighbouring masks become one.
const JOINTS: &[u8] = b" ,:;./-_+%#@~";

impl Masked<'_> {
    fn mask(&mut self) {
        if let Some(end) = self.mask_end {
            self.out.truncate(end);
            return;
        }
        if let [.., before, b'-' | b'+'] | [before @ (b'-' | b'+')] = self.out[..]
            && !is_word(before)
            && before != b'>'
        {
            self.out.pop();
        }
        self.out.extend_from_slice(MASK);
        self.mask_end = Some(self.out.len());
    }

    fn word(&mut self, word: &[u8]) {
        self.out.extend_from_slice(word);
        self.mask_end = None;
    }

    fn separator(&mut self, byte: u8) {
        if byte.is_ascii_whitespace() {
            self.drop_repeated();
            if !self.out.is_empty() && self.out.last() != Some(&b' ') {
                self.out.push(b' ');
            }
        } else {
            self.out.push(byte);
            if !JOINTS.contains(&byte) {
                self.mask_end = None;
            }
        }
    }

    /// Drop the last token when it is that before it again and ends in a mask: `blk_<*> blk_<*>` becomes `blk_<*>`, and
    /// commas do not matter. So lists of any length have one template.
    fn drop_repeated(&mut self) {
        let comma = self.out.ends_with(b"<*>,");
        if !comma && !self.out.ends_with(MASK) {
            return;
        }
        let end = self.out.len() - usize::from(comma);
        let Some(space) = self.out.iter().rposition(|&byte| byte == b' ') else { return };
        let (before, token) = (&self.out[..space], &self.out[space + 1..end]);
        let before = before.strip_suffix(b",").unwrap_or(before);
        if before.strip_suffix(token).is_some_and(|rest| rest.last().is_none_or(|byte| b" ([{".contains(byte))) {
            let end = before.len();
            self.out.truncate(end);
            self.mask_end = Some(end);
            if comma {
                self.out.push(b',');
            }
        }
    }

    /// What follows the last mask, if only joints do.
    fn since_mask(&self) -> Option<&[u8]> {
        self.mask_end.map(|end| &self.out[end..])
    }
}

/// Length of the run of bytes at the start of `text` that `want`.
fn run(text: &[u8], want: impl Fn(u8) -> bool) -> usize {
    text.iter().position(|&byte| !want(byte)).unwrap_or(text.len())
}

fn is_hex_letters(word: &[u8]) -> bool {
    word.len() > 1 && word.iter().all(|byte| (b'a'..=b'f').contains(byte))
}

/// Append the template of a skeleton.
fn mask(skeleton: &[u8], out: &mut Vec<u8>) {
    let mut masked = Masked { out, mask_end: None, open_quotes: [false; 3], no_query_before: 0 };
    let mut at = 0;
    while let Some(&byte) = skeleton.get(at) {
        let rest = &skeleton[at..];
        at += match byte {
            b'*' => {
                masked.mask();
                1
            }
            byte if is_word(byte) => {
                let length = run(rest, is_word);
                mask_word(&mut masked, &rest[..length], &rest[length..]);
                length
            }
            b'"' | b'`' => mask_quoted(&mut masked, rest, |_| true),
            b'\'' if at == 0 || !is_word(skeleton[at - 1]) => {
                mask_quoted(&mut masked, rest, |after| !after.first().copied().is_some_and(is_word))
            }
            b'=' if at > 0 && is_word(skeleton[at - 1]) => mask_value(&mut masked, rest),
            b'?' if at >= masked.no_query_before => mask_query(&mut masked, rest, at),
            b'@' => mask_email(&mut masked, rest),
            _ => {
                masked.separator(byte);
                1
            }
        };
    }
    masked.drop_repeated();
    if masked.out.last() == Some(&b' ') {
        masked.out.pop();
    }
}

/// A word without a digit, and what follows it.
fn mask_word(masked: &mut Masked<'_>, word: &[u8], after: &[u8]) {
    let before = masked.since_mask();
    let unit = UNITS.contains(&word) && matches!(before, Some(b"" | b" "));
    let hex_group = is_hex_letters(word) && (matches!(before, Some(b"-" | b":" | b"::")) || leads_to_mask(after));
    if unit || hex_group || is_date_name(word, after) {
        masked.mask();
    } else {
        masked.word(word);
    }
}

/// Does a group of hex letters hang on a mask through `-` or `:`, over at most seven groups of its kind?
fn leads_to_mask(mut after: &[u8]) -> bool {
    for _ in 0..8 {
        let joint = run(after, |byte| matches!(byte, b'-' | b':'));
        after = &after[joint..];
        if joint == 0 || joint > 2 {
            return false;
        }
        if after.first() == Some(&b'*') {
            return true;
        }
        let word = run(after, is_word);
        if !is_hex_letters(&after[..word]) {
            return false;
        }
        after = &after[word..];
    }
    false
}

fn is_date_name(word: &[u8], after: &[u8]) -> bool {
    let spaces = run(after, |byte| byte == b' ');
    let number_follows = (1..=2).contains(&spaces) && after.get(spaces) == Some(&b'*');
    if MONTHS.contains(&word) {
        return number_follows;
    }
    if !WEEKDAYS.contains(&word) {
        return false;
    }
    let after = after.strip_prefix(b",").unwrap_or(after);
    match after.strip_prefix(b" ") {
        Some(next) => next.first() == Some(&b'*') || MONTHS.contains(&&next[..run(next, is_word)]),
        None => false,
    }
}

/// Text in quotes, from its opening quote; `closes` says whether a quote followed by that text is the closing one.
/// Gives the bytes consumed.
fn mask_quoted(masked: &mut Masked<'_>, text: &[u8], closes: impl Fn(&[u8]) -> bool) -> usize {
    let quote = text[0];
    let kind = b"\"'`".iter().position(|&byte| byte == quote).unwrap_or(0);
    let mut end = if masked.open_quotes[kind] { text.len() } else { 1 };
    loop {
        match text.get(end) {
            None => {
                masked.open_quotes[kind] = true;
                masked.separator(quote);
                return 1;
            }
            Some(b'\\') if quote == b'"' && end + 1 < text.len() => end += 2,
            Some(&byte) if byte == quote && closes(&text[end + 1..]) => break,
            Some(_) => end += 1,
        }
    }
    let after = &text[end + 1..];
    if quote == b'"' && after[run(after, |byte| byte == b' ')..].first() == Some(&b':') {
        masked.word(&text[..=end]);
    } else {
        masked.word(&[quote]);
        masked.mask();
        masked.word(&[quote]);
    }
    end + 1
}

/// The value of `key=value`, from its `=`. Gives the bytes consumed.
fn mask_value(masked: &mut Masked<'_>, text: &[u8]) -> usize {
    masked.separator(b'=');
    let value = &text[1..];
    if value.first().is_none_or(|byte| b"=[{(".contains(byte)) {
        return 1;
    }
    let length = run(value, |byte| !byte.is_ascii_whitespace() && !b",;)]}\"'`&|<>".contains(&byte));
    if length > 0 {
        masked.mask();
    }
    1 + length
}

/// A URL's query, from its `?`, which is at `at`. Gives the bytes consumed.
fn mask_query(masked: &mut Masked<'_>, text: &[u8], at: usize) -> usize {
    masked.separator(b'?');
    let query = &text[1..];
    let length = run(query, |byte| !byte.is_ascii_whitespace() && !b"\"'`)]}<>".contains(&byte));
    if query[..length].contains(&b'=') {
        masked.mask();
        return 1 + length;
    }
    masked.no_query_before = at + 1 + length;
    1
}

/// An e-mail address, from its `@`: the local part has been written already. Gives the bytes consumed.
fn mask_email(masked: &mut Masked<'_>, text: &[u8]) -> usize {
    let domain = &text[1..];
    let mut length = run(domain, |byte| is_word(byte) || b"*.-_".contains(&byte));
    while length > 0 && domain[length - 1] == b'.' {
        length -= 1;
    }
    let local = masked.out.iter().rev().take_while(|&&byte| is_word(byte) || b"<*>.-_+".contains(&byte)).count();
    let starts_with_word = domain.first().is_some_and(|&byte| byte == b'*' || is_word(byte));
    if local == 0 || !starts_with_word || !domain[..length].contains(&b'.') {
        masked.separator(b'@');
        return 1;
    }
    let start = masked.out.len() - local;
    masked.out.truncate(start);
    if masked.mask_end.is_some_and(|end| end > start) {
        masked.mask_end = None;
    }
    if !masked.out[masked.mask_end.unwrap_or(0)..].iter().all(|byte| JOINTS.contains(byte)) {
        masked.mask_end = None;
    }
    masked.mask();
    1 + length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skeleton(text: &str) -> String {
        let mut templater = Templater::default();
        String::from_utf8(templater.buffer.fill(text.as_bytes()).to_vec()).unwrap()
    }

    #[test]
    fn skeletons_are_exact() {
        for (text, expected) in [
            ("", ""),
            ("GET /Api/v1/Users/42 200", "get /api/*/users/* *"),
            ("10.0.0.1:80", "*.*.*.*:*"),
            ("größe7 Größe", "* größe"),
            ("a_1-b2", "a_*-*"),
            ("\0x\n", "\0x\n"),
        ] {
            assert_eq!(skeleton(text), expected);
        }
    }

    #[test]
    fn templates() {
        for (text, expected) in [
            ("", ""),
            ("  GET   /api/v1/users/42\t200 12.5 ms ", "get /api/<*>/users/<*>"),
            ("connected to 10.0.0.1:8080, pool size -5", "connected to <*>, pool size <*>"),
            ("id 3f2a1b00-abcd-4e5f-8a9b-deadbeef0001 done", "id <*> done"),
            ("id abcdefab-abcd-4e5f-8a9b-abcdefabcdef done", "id <*> done"),
            ("bad dead-end", "bad dead-end"),
            ("[Sun Dec  4 04:47:44 2005] [error] x", "[<*>] [error] x"),
            ("may fail", "may fail"),
            ("user 'bob' can't see \"x y\" or `z`", "user '<*>' can't see \"<*>\" or `<*>`"),
            (r#"{"level":"info","n":12}"#, r#"{"level":"<*>","n":<*>}"#),
            ("logname= uid=0 user=root rhost=a.b.c", "logname= uid=<*> user=<*> rhost=<*>"),
            ("GET /search?q=shoes&page=two HTTP/1.1", "get /search?<*> http/<*>"),
            ("why? because", "why? because"),
            ("mail to john.doe@example.com.", "mail to <*>."),
            ("root@host", "root@host"),
            ("block blk_-1608999687919862906 of size 91178", "block blk_<*> of size <*>"),
            ("delete blk_-1 blk_2, blk_33 (host-1, host-2, host-3)", "delete blk_<*> (host-<*>, host-<*>)"),
            ("a-1, a-2, a-3", "a-<*>"),
            ("b a-1 a-2 ", "b a-<*>"),
            ("retry 1, 2, 3 (of 4)", "retry <*> (of <*>)"),
            ("an \"open quote 1", "an \"open quote <*>"),
            ("0x1f at worker.go:77", "<*> at worker.go:<*>"),
        ] {
            assert_eq!(mask_template(text).0, expected, "{text}");
        }
    }

    #[test]
    fn long_bodies_are_cut_at_a_character() {
        let text = "é".repeat(1000);
        assert_eq!(mask_template(&text).0, "é".repeat(512));
        let text = format!("a{text}");
        assert_eq!(mask_template(&text).0.len(), 1023);
    }

    #[test]
    fn a_batch_knows_its_skeletons() {
        let mut templater = Templater::default();
        let mut skeletons = Skeletons::default();
        let (first, id) = templater.add(b"took 5 ms", &mut skeletons);
        assert_eq!(templater.add(b"took 77 ms", &mut skeletons), (first, id));
        assert_eq!(id, mask_template("took 5 ms").1);
        assert_eq!(skeletons.get(first), b"took * ms");
        let long = "x ".repeat(600);
        assert_eq!(templater.add(long.as_bytes(), &mut skeletons), (0, mask_template(&long).1));
        assert_eq!(templater.add(b"", &mut skeletons), (0, mask_template("").1));
    }
}
