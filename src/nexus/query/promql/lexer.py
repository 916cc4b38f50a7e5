"""Text of PromQL to tokens, one after the other: what a character means depends on whether a brace or bracket is open.

The text is read as bytes of UTF-8 (one character of `Lexer.text` each), because Prometheus counts columns so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.errors import QuerySyntaxError
from nexus.query.promql.functions import AGGREGATIONS

MAX_LENGTH: Final = 128 << 10

OPERATOR_WORDS: Final = frozenset({"and", "or", "unless", "atan2"})
KEYWORDS: Final = frozenset(
    {"offset", "smoothed", "anchored", "by", "without", "on", "ignoring", "group_left", "group_right", "bool"}
    | {"fill", "fill_left", "fill_right"}
)
PREPROCESSORS: Final = frozenset({"start", "end", "step", "range", "max_of", "min_of"})
OF_DURATIONS: Final = frozenset({"step", "range", "max_of", "min_of"})

_SPACE: Final = re.compile(r"[ \t\n\r]+")
_COMMENT: Final = re.compile(r"#[^\r\n]*")
_WORD: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LETTERS: Final = re.compile(r"[A-Za-z_]+", re.ASCII)
_DIGITS: Final = r"[0-9](?:_?[0-9])*"
_NUMBER: Final = re.compile(
    rf"0[xX](?:_?[0-9a-fA-F])+|(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?", re.ASCII
)
_DURATION: Final = re.compile(r"[0-9]*\.?[0-9]*[smhdwy]s?(?:[0-9]+[smhdw]s?)*", re.ASCII)
_OPERATORS: Final = re.compile(r"==|!=|<=|>=|</|>/|[-+*/%^<>@=]")
_MATCH_OPERATORS: Final = re.compile(r"=~|!~|!=|=")
_DECIMAL: Final = frozenset("0123456789")
_ALNUM: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_CODES: Final = {"x": (2, 16), "u": (4, 16), "U": (8, 16)}
_UNITS: Final = {
    "y": (0, 365 * 86_400 * 10**9), "w": (1, 7 * 86_400 * 10**9), "d": (2, 86_400 * 10**9), "h": (3, 3600 * 10**9),
    "m": (4, 60 * 10**9), "s": (5, 10**9), "ms": (6, 10**6),
}  # fmt: skip
_PART: Final = re.compile(r"([0-9]+)([^0-9]+)")


class Kind(Enum):
    """Kinds of tokens; the value is what Prometheus' errors call it, where they do."""

    IDENTIFIER = "identifier"
    METRIC_IDENTIFIER = "metric identifier"
    STRING = "string"
    NUMBER = "number"
    DURATION = "duration"
    OPERATOR = "op"
    AGGREGATION = "aggr"
    KEYWORD = "keyword"
    PREPROCESSOR = "preprocessor"
    PUNCTUATION = "punctuation"
    END = "end of input"


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its text as written, what it says (lower case for words of the language, a string without quotes), and
    where it is (bytes)."""

    kind: Kind
    text: str
    value: str
    start: int
    end: int

    def described(self) -> str:
        """As errors show it."""
        match self.kind:
            case Kind.END:
                return "end of input"
            case Kind.IDENTIFIER | Kind.METRIC_IDENTIFIER:
                return f'{self.kind.value} "{self.text}"'
            case Kind.KEYWORD:
                return f"<{self.text}>"
            case Kind.OPERATOR if self.text != "=":
                return f"<op:{self.text}>"
            case Kind.AGGREGATION:
                return f"<aggr:{self.text}>"
        prefix = f"{self.kind.value} " if self.kind in (Kind.STRING, Kind.NUMBER, Kind.DURATION) else ""
        if len(self.text) > 10:
            return f"{prefix}{quote(original(self.text[:10]))}..."
        return prefix + quote(original(self.text))


def original(text: str) -> str:
    """The text of characters that are bytes."""
    return text.encode("latin-1").decode(errors="replace")


def quote(text: str) -> str:
    """A string literal, as Go quotes."""
    shown = []
    for character in text:
        code = ord(character)
        if character in '\\"':
            shown.append("\\" + character)
        elif character in "\a\b\f\n\r\t\v":
            shown.append("\\" + "abtnvfr"[code - 7])
        elif character == " " or character.isprintable():
            shown.append(character)
        elif code < 0x80:
            shown.append(f"\\x{code:02x}")
        else:
            shown.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(shown) + '"'


def fault(text: str, start: int, message: str, end: int = 0) -> QuerySyntaxError:
    """An error at a place (bytes), as Prometheus words it: line and column count from 1."""
    where = "unknown position"
    offset = length = 0
    if text:
        raw = text.encode(errors="surrogatepass")
        start = min(max(start, 0), len(raw))
        where = f"{raw.count(10, 0, start) + 1}:{start - raw.rfind(10, 0, start)}"
        offset = len(raw[:start].decode(errors="replace"))
        length = max(len(raw[start : max(end, start)].decode(errors="replace")), 1)
    return QuerySyntaxError(f"{where}: parse error: {message}", offset=offset, length=length)


class Lexer:
    """Gives the tokens of a text; raises `QuerySyntaxError`."""

    def __init__(self, source: str) -> None:
        self.source = source
        if len(source) > MAX_LENGTH:
            raise fault(source[:1], 0, f"the query is longer than {MAX_LENGTH} characters")
        try:
            self.text = source.encode().decode("latin-1")
        except UnicodeEncodeError as error:
            raise fault(source, 0, "invalid UTF-8 rune") from error
        self.at = 0
        self._parens = 0
        self._brace = self._bracket = self._colon = self._of_duration = False

    def next(self) -> Token:
        """The next token; at the end, one of kind END again and again."""
        while self.at < len(self.text):
            found = _SPACE.match(self.text, self.at)
            if found is None and not self._of_duration:
                found = _COMMENT.match(self.text, self.at)
            if found is None:
                break
            self.at = found.end()
        if self._brace:
            return self._in_braces()
        if self._of_duration:
            return self._in_brackets()
        return self._statement()

    # ------------------------------------------------------------------------------------------------------- the modes

    def _statement(self) -> Token:
        at = self.at
        character = self._here()
        if not character:
            if self._parens:
                raise self._fault(at, "unclosed left parenthesis")
            if self._bracket:
                raise self._fault(at, "unclosed left bracket")
            return Token(Kind.END, "", "", at, at)
        if character in ",()[]{":
            return self._punctuation(character)
        if character in _DECIMAL or (character == "." and self._here(1) in _DECIMAL):
            return self._number()
        if character in "\"'`":
            return self._string()
        if character in _ALNUM or character == ":":
            return self._word() if not self._bracket else self._word_in_brackets()
        if character == "=" and self._here(1) == "~":
            raise self._fault(at, "unexpected character after '=': '~'")
        if character == "!" and self._here(1) != "=":
            raise self._fault(at, f"unexpected character after '!': {self._shown(at + 1)}")
        if found := _OPERATORS.match(self.text, at):
            return self._token(Kind.OPERATOR, found[0])
        raise self._fault(at, f"unexpected character: {self._shown(at)}")

    def _in_braces(self) -> Token:
        at = self.at
        character = self._here()
        if not character:
            raise self._fault(at, "unexpected end of input inside braces")
        if found := _NAME.match(self.text, at):
            return self._token(Kind.IDENTIFIER, found[0])
        if character == ",":
            return self._token(Kind.PUNCTUATION, ",")
        if character in "\"'`":
            return self._string()
        if found := _MATCH_OPERATORS.match(self.text, at):
            return self._token(Kind.OPERATOR, found[0])
        if character == "!":
            raise self._fault(at, f"unexpected character after '!' inside braces: {self._shown(at + 1)}")
        if character == "{":
            raise self._fault(at, "unexpected left brace '{'")
        if character == "}":
            self._brace = False
            return self._token(Kind.PUNCTUATION, "}")
        raise self._fault(at, f"unexpected character inside braces: {self._shown(at)}")

    def _in_brackets(self) -> Token:
        """Before the first number of a range: only what durations are made of."""
        at = self.at
        character = self._here()
        if not character:
            raise self._fault(at, "unexpected end of input in duration expression")
        if character == "]":
            self._bracket = self._colon = self._of_duration = False
            return self._token(Kind.PUNCTUATION, "]")
        if character == ":":
            if self.text[:at].rstrip(" \t\r\n").endswith("["):
                raise self._fault(at + 1, "unexpected colon before duration in duration expression")
            if self._colon:
                raise self._fault(at + 1, "unexpected repeated colon in duration expression")
            self._colon = True
            return self._token(Kind.PUNCTUATION, ":")
        if character in "(),":
            return self._punctuation(character)
        if character in "+-*/%^":
            return self._token(Kind.OPERATOR, character)
        if (word := _LETTERS.match(self.text, at)) and word[0].lower() in OF_DURATIONS:
            return self._token(Kind.PREPROCESSOR, word[0])
        if character in _DECIMAL or (character == "." and self._here(1) in _DECIMAL):
            self._of_duration = False
            return self._number()
        raise self._fault(at, f"unexpected character in duration expression: {self._shown(at)}")

    # ------------------------------------------------------------------------------------------------------ the tokens

    def _punctuation(self, character: str) -> Token:
        token = Token(Kind.PUNCTUATION, character, character, self.at, self.at + 1)
        match character:
            case "(":
                self._parens += 1
            case ")":
                self._parens -= 1
                if self._parens < 0:
                    raise self._fault(token.end, "unexpected right parenthesis ')'")
            case "{":
                self._brace = True
            case "[":
                if self._bracket:
                    raise self._fault(token.start, "unexpected left bracket '['")
                self._bracket = self._of_duration = True
                self._colon = False
            case "]":
                if not self._bracket:
                    raise self._fault(token.start, "unexpected right bracket ']'")
                self._bracket = False
        self.at = token.end
        return token

    def _word(self) -> Token:
        found = _WORD.match(self.text, self.at)
        assert found is not None
        word = found[0]
        lowered = word.lower()
        if lowered in OPERATOR_WORDS:
            return self._token(Kind.OPERATOR, word)
        if lowered in AGGREGATIONS:
            return self._token(Kind.AGGREGATION, word)
        if lowered in PREPROCESSORS:
            return self._token(Kind.PREPROCESSOR, word)
        if lowered in KEYWORDS:
            after = _SPACE.match(self.text, found.end())
            behind = self.text[after.end() if after else found.end() :][:1]
            # A metric may be called fill.
            kind = Kind.IDENTIFIER if lowered.startswith("fill") and behind != "(" else Kind.KEYWORD
            return self._token(kind, word)
        if lowered in ("inf", "nan"):
            return self._token(Kind.NUMBER, word)
        return self._token(Kind.METRIC_IDENTIFIER if ":" in word else Kind.IDENTIFIER, word)

    def _word_in_brackets(self) -> Token:
        at = self.at
        if self._here() == ":":
            if self._colon:
                raise self._fault(at, "unexpected colon ':'")
            self._colon = True
            return self._token(Kind.PUNCTUATION, ":")
        word = _LETTERS.match(self.text, at)
        if word and word[0].lower() in OF_DURATIONS:
            return self._token(Kind.PREPROCESSOR, word[0])
        raise self._fault(at, f"unexpected character: {self._shown(at)}, expected ':'")

    def _number(self) -> Token:
        for kind, pattern in ((Kind.NUMBER, _NUMBER), (Kind.DURATION, _DURATION)):
            found = pattern.match(self.text, self.at)
            if found and found[0] and self.text[found.end() : found.end() + 1] not in _ALNUM | {"."}:
                return self._token(kind, found[0])
        found = _NUMBER.match(self.text, self.at)
        end = found.end() if found else self.at + 1
        end += self.text[end : end + 1] in (".", "_", "e", "E")
        raise self._fault(self.at, f"bad number or duration syntax: {quote(self.text[self.at : end])}")

    def _string(self) -> Token:
        start, mark = self.at, self.text[self.at]
        pieces: list[str] = []
        at = start + 1
        while True:
            end = at
            while end < len(self.text) and self.text[end] != mark and (mark == "`" or self.text[end] not in "\\\n"):
                end += 1
            pieces.append(self.text[at:end])
            if end >= len(self.text):
                raise self._fault(start, "unterminated raw string" if mark == "`" else "unterminated quoted string")
            if self.text[end] == mark:
                break
            if self.text[end] == "\n":
                raise self._fault(start, "unterminated quoted string")
            at = self._escape(start, end + 1, mark, pieces)
        self.at = end + 1
        return Token(Kind.STRING, self.text[start : self.at], original("".join(pieces)), start, self.at)

    def _escape(self, start: int, at: int, mark: str, pieces: list[str]) -> int:
        """Read what follows a backslash; answers with where it ends."""
        letter = self.text[at : at + 1]
        if not letter:
            raise self._fault(start, "escape sequence not terminated")
        if letter in _ESCAPES or letter == mark:
            pieces.append(_ESCAPES.get(letter, letter))
            return at + 1
        if letter in "01234567":
            length, base = 3, 8
        elif letter in _CODES:
            length, base = _CODES[letter]
            at += 1
        else:
            raise self._fault(start, f"unknown escape sequence {self._coded(at)}")
        digits = self.text[at : at + length]
        for place, digit in enumerate(digits):
            if digit not in "0123456789abcdefABCDEF"[: 8 if base == 8 else None]:
                raise self._fault(start, f"illegal character {self._coded(at + place)} in escape sequence")
        if len(digits) < length:
            raise self._fault(start, "escape sequence not terminated")
        code = int(digits, base)
        if code > (255 if letter not in "uU" else 0x10FFFF) or 0xD800 <= code < 0xE000:
            raise self._fault(start, "escape sequence is an invalid Unicode code point")
        pieces.append(chr(code) if letter not in "uU" else chr(code).encode().decode("latin-1"))
        return at + length

    def _token(self, kind: Kind, text: str) -> Token:
        start, self.at = self.at, self.at + len(text)
        words = kind in (Kind.OPERATOR, Kind.AGGREGATION, Kind.KEYWORD, Kind.PREPROCESSOR)
        return Token(kind, text, text.lower() if words else text, start, self.at)

    def _here(self, ahead: int = 0) -> str:
        return self.text[self.at + ahead : self.at + ahead + 1]

    def _rune(self, at: int) -> str:
        return self.text[at : at + 4].encode("latin-1").decode(errors="ignore")[:1] or "\ufffd"

    def _shown(self, at: int) -> str:
        character = self._rune(at)
        return "'\\''" if character == "'" else "'\"'" if character == '"' else f"'{quote(character)[1:-1]}'"

    def _coded(self, at: int) -> str:
        character = self._rune(at)
        code = f"U+{ord(character):04X}"
        return f"{code} '{character}'" if character.isprintable() else code

    def _fault(self, at: int, message: str) -> QuerySyntaxError:
        return fault(self.source, at, message, len(self.text))


def parse_duration(text: str) -> int:
    """A duration in ns: units from the largest to the smallest, each once. Raises `ValueError` with Prometheus' sentence."""
    if text == "0":
        return 0
    if not text:
        raise ValueError("empty duration string")
    at, last, total = 0, -1, 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None or len(found[1]) > 20:
            raise ValueError(f"not a valid duration string: {quote(text)}")
        if (unit := _UNITS.get(found[2])) is None:
            raise ValueError(f"unknown unit {quote(found[2])} in duration {quote(text)}")
        if unit[0] <= last:
            raise ValueError(f"not a valid duration string: {quote(text)}")
        last = unit[0]
        total += int(found[1]) * unit[1]
        at = found.end()
    if total >= 1 << 63:
        raise ValueError("duration out of range")
    return total


def parse_number(text: str) -> float:
    """A number token's value. Raises `ValueError` with Prometheus' sentence."""
    lowered = text.lower()
    if lowered in ("inf", "nan"):
        return float(lowered)
    if lowered.startswith("0x"):
        value = int(lowered, 16)
        if value >= 1 << 63:
            raise ValueError(f'error parsing number: strconv.ParseFloat: parsing "{text}": invalid syntax')
        return float(value)
    digits = lowered.replace("_", "")
    if digits.isdigit() and digits[0] == "0" and not set(digits) & {"8", "9"}:
        value = int(digits, 8)
        return float(value) if value < 1 << 63 else float(digits)
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f'error parsing number: strconv.ParseFloat: parsing "{text}": value out of range')
    return number
