"""Slow twin of `crates/nexus-core/src/template.rs`: skeletons, and templates out of skeletons."""

from __future__ import annotations

import re

MAX_BYTES = 1024

WORD = rb"[0-9A-Za-z\x80-\xff]"
MASK = b"<*>"
JOINTS = b" ,:;./-_+%#@~"
SPACE = b" \t\n\x0c\r"
MONTHS = b"jan feb mar apr may jun jul aug sep oct nov dec".split()
WEEKDAYS = b"mon tue wed thu fri sat sun".split()
UNITS = b"ns us ms s sec secs b kb mb gb tb kib mib gib tib bytes am pm min".split()

HEX_WORD = re.compile(rb"[a-f]{2,}(?!" + WORD + rb")")
JOINED = re.compile(rb"[-:]{1,2}(?![-:])")
DATE_AFTER_WEEKDAY = re.compile(rb",? (?:\*|(?:" + rb"|".join(MONTHS) + rb")(?!" + WORD + rb"))")


def skeleton(body: bytes) -> bytes:
    """The body in lower case with `*` for every word that holds a digit; empty when the body is too long."""
    return b"" if len(body) > MAX_BYTES else _skeleton(body)


def _skeleton(text: bytes) -> bytes:
    def word(match: re.Match[bytes]) -> bytes:
        return b"*" if re.search(rb"[0-9]", match[0]) else match[0].lower()

    return re.sub(WORD + rb"+", word, text)


def template(body: bytes) -> bytes:
    """Template of a body (valid UTF-8)."""
    return _Masker(_skeleton(body[:MAX_BYTES].decode("utf-8", "ignore").encode())).run()


class _Masker:
    """Walks over a skeleton once; `out` is the template so far."""

    def __init__(self, skeleton: bytes) -> None:
        self.text = skeleton
        self.out = b""
        self.mask_end = -1  # where the last mask ends, while only joints follow it
        self.open_quotes: set[bytes] = set()
        self.no_query_before = 0

    def run(self) -> bytes:
        at = 0
        while at < len(self.text):
            at = self.step(at)
        self.drop_repeated()
        return self.out.removesuffix(b" ")

    def step(self, at: int) -> int:
        byte = self.text[at : at + 1]
        word = re.compile(rb"(?:" + WORD + rb")+").match(self.text, at)
        after_word = at > 0 and re.match(WORD, self.text[at - 1 : at]) is not None
        if byte == b"*":
            self.mask()
            return at + 1
        if word:
            self.word(word[0], word.end())
            return word.end()
        if byte in (b'"', b"`") or (byte == b"'" and not after_word):
            return self.quoted(at, byte)
        if byte == b"=" and after_word:
            return self.value(at)
        if byte == b"?" and at >= self.no_query_before:
            return self.query(at)
        if byte == b"@":
            return self.email(at)
        self.separator(byte)
        return at + 1

    def mask(self) -> None:
        if self.mask_end >= 0:
            self.out = self.out[: self.mask_end]
            return
        if re.search(rb"(?:^|[^0-9A-Za-z\x80-\xff>])[-+]$|^[-+]$", self.out, re.DOTALL) and self.out[-1:] in b"-+":
            self.out = self.out[:-1]
        self.out += MASK
        self.mask_end = len(self.out)

    def plain(self, text: bytes) -> None:
        self.out += text
        self.mask_end = -1

    def separator(self, byte: bytes) -> None:
        if byte in SPACE:
            self.drop_repeated()
            if self.out and not self.out.endswith(b" "):
                self.out += b" "
            return
        self.out += byte
        if byte not in JOINTS:
            self.mask_end = -1

    def drop_repeated(self) -> None:
        found = re.fullmatch(rb"(.*[ (\[{]|)([^ ]*<\*>),? \2(,?)", self.out, re.DOTALL)
        if found:
            self.out = found[1] + found[2]
            self.mask_end = len(self.out)
            self.out += found[3]

    def word(self, word: bytes, end: int) -> None:
        since_mask = self.out[self.mask_end :] if self.mask_end >= 0 else None
        unit = word in UNITS and since_mask in (b"", b" ")
        is_hex = re.fullmatch(rb"[a-f]{2,}", word) is not None
        hex_group = is_hex and (since_mask in (b"-", b":", b"::") or self.leads_to_mask(end))
        month = word in MONTHS and re.compile(rb" {1,2}\*").match(self.text, end)
        weekday = word in WEEKDAYS and DATE_AFTER_WEEKDAY.match(self.text, end)
        if unit or hex_group or month or weekday:
            self.mask()
        else:
            self.plain(word)

    def leads_to_mask(self, at: int) -> bool:
        for _ in range(8):
            joint = JOINED.match(self.text, at)
            if not joint:
                return False
            if self.text[joint.end() : joint.end() + 1] == b"*":
                return True
            group = HEX_WORD.match(self.text, joint.end())
            if not group:
                return False
            at = group.end()
        return False

    def quoted(self, at: int, quote: bytes) -> int:
        body = {b'"': rb'(?:\\.|[^"\\]|\\$)*?"', b"`": rb"[^`]*?`", b"'": rb".*?'(?!" + WORD + rb")"}[quote]
        found = None if quote in self.open_quotes else re.compile(body, re.DOTALL).match(self.text, at + 1)
        if not found:
            self.open_quotes.add(quote)
            self.separator(quote)
            return at + 1
        if quote == b'"' and re.compile(rb" *:").match(self.text, found.end()):
            self.plain(self.text[at : found.end()])
        else:
            self.plain(quote)
            self.mask()
            self.plain(quote)
        return found.end()

    def value(self, at: int) -> int:
        self.separator(b"=")
        found = re.compile(rb"(?![=\[{(])[^ \t\n\x0c\r,;)\]}\"'`&|<>]+").match(self.text, at + 1)
        if not found:
            return at + 1
        self.mask()
        return found.end()

    def query(self, at: int) -> int:
        self.separator(b"?")
        end = re.compile(rb"[^ \t\n\x0c\r\"'`)\]}<>]*").match(self.text, at + 1).end()  # type: ignore[union-attr]
        if b"=" not in self.text[at + 1 : end]:
            self.no_query_before = end
            return at + 1
        self.mask()
        return end

    def email(self, at: int) -> int:
        domain = re.compile(rb"(?=\*|" + WORD + rb")(?:[*._-]|" + WORD + rb")*").match(self.text, at + 1)
        name = domain[0].rstrip(b".") if domain else b""
        local = re.search(rb"(?:[<*>.\-_+]|" + WORD + rb")+$", self.out)
        if not local or b"." not in name:
            self.separator(b"@")
            return at + 1
        self.out = self.out[: local.start()]
        if self.mask_end > len(self.out) or any(byte not in JOINTS for byte in self.out[max(self.mask_end, 0) :]):
            self.mask_end = -1
        self.mask()
        return at + 1 + len(name)
