"""Text of TraceQL to tokens. Comments are those of Go. Offsets count characters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.errors import QuerySyntaxError
from nexus.query.traces.ast import Attribute, Field, Intrinsic, Scope
from nexus.query.traces.names import INTRINSICS, SCOPES, SCOPES_OF_INTRINSICS, SHORT, nearest

MAX_LENGTH: Final = 128 << 10

_SPACE: Final = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)+", re.S)
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DURATION: Final = re.compile(r"(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|[smhdwy]))+", re.ASCII)
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|[smhdwy])", re.ASCII)
_INTRINSIC: Final = re.compile(rf"({'|'.join(SCOPES_OF_INTRINSICS)}):([A-Za-z_]\w*)?", re.ASCII)
_ATTRIBUTE: Final = re.compile(rf"(parent\.)?(?:({'|'.join(SCOPES)})?\.|(?<=parent\.))")
_OPERATORS: Final = re.compile(r"&>>|&<<|!>>|!<<|&&|\|\||&>|&<|&~|!>|!<|!~|!=|>>|<<|>=|<=|=~|==|[-+*/%^=<>~!|{}(),]")
_NAME_END: Final = re.compile(r"[\s{}()=~!<>&|^,\"]")
_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}
_CODES: Final = {"x": (2, 16), "u": (4, 16), "U": (8, 16)}
_UNITS: Final = {
    "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9,
    "d": 86_400 * 10**9, "w": 7 * 86_400 * 10**9, "y": 365 * 86_400 * 10**9,
}  # fmt: skip
_LARGEST: Final = (1 << 63) - 1


class Kind(Enum):
    """Kinds of tokens; the value is what errors call it."""

    FIELD = "field"
    WORD = "word"
    STRING = "string"
    INTEGER = "integer"
    FLOAT = "number"
    DURATION = "duration"
    OPERATOR = "operator"
    END = "end of query"


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its text as written, what it says (a field, a text without quotes, a number, ns of a duration) and where it
    is."""

    kind: Kind
    text: str
    value: str | int | float | Field
    start: int
    end: int

    def described(self) -> str:
        """As errors show it."""
        if self.kind is Kind.END:
            return "the end of the query"
        text = self.text if len(self.text) <= 40 else self.text[:40] + "..."
        return text if self.kind is Kind.STRING else f"`{text}`"


def fault(text: str, start: int, message: str, end: int = 0, hint: str = "") -> QuerySyntaxError:
    """An error at a place, with line and column in the sentence: they count from 1."""
    start = min(max(start, 0), len(text))
    line = text.count("\n", 0, start) + 1
    column = start - (text.rfind("\n", 0, start) + 1) + 1
    length = max(min(end, len(text)) - start, 0)
    return QuerySyntaxError(
        f"TraceQL, line {line}, column {column}: {message}", offset=start, length=length or int(start < len(text)), hint=hint
    )


def tokens(text: str) -> list[Token]:
    """The tokens of a text; the last one is of kind END. Raises `QuerySyntaxError`."""
    if len(text) > MAX_LENGTH:
        raise fault(text[:1], 0, f"the query is longer than {MAX_LENGTH} characters.")
    found: list[Token] = []
    at = 0
    while True:
        if space := _SPACE.match(text, at):
            at = space.end()
        if at >= len(text):
            found.append(Token(Kind.END, "", "", len(text), len(text)))
            return found
        token = _next(text, at)
        found.append(token)
        at = token.end


def _next(text: str, at: int) -> Token:
    character = text[at]
    if character in '"`':
        return _string(text, at)
    if character.isdecimal() or (character == "." and text[at + 1 : at + 2].isdecimal()):
        return _number(text, at)
    if (found := _INTRINSIC.match(text, at)) is not None:
        return _intrinsic(text, found)
    if (found := _ATTRIBUTE.match(text, at)) is not None or text.startswith("parent.", at):
        return _attribute(text, at)
    if (found := _WORD.match(text, at)) is not None:
        return Token(Kind.WORD, found[0], found[0], at, found.end())
    if text.startswith("/*", at):
        raise fault(text, at, "the comment does not end.", at + 2, "Comments end with */.")
    if (found := _OPERATORS.match(text, at)) is not None:
        if found[0] == "==":
            raise fault(text, at, "`==` is no operator.", at + 2, "Write = to compare.")
        return Token(Kind.OPERATOR, found[0], found[0], at, found.end())
    hint = {"'": 'Texts are written in double quotes: "text".', "&": "Write && for and.", ":": ""}.get(character, "")
    raise fault(text, at, f"`{character}` means nothing here.", at + 1, hint)


def _number(text: str, at: int) -> Token:
    duration = _DURATION.match(text, at)
    if duration is not None and not text[duration.end() : duration.end() + 1].isalnum():
        return Token(Kind.DURATION, duration[0], _ns(text, duration), at, duration.end())
    found = _NUMBER.match(text, at)
    if found is None:
        raise fault(text, at, f"`{text[at]}` is no digit.", at + 1)
    written, end = found[0], found.end()
    if text[end : end + 1].isalpha() or text[end : end + 1] == "_":
        unit = _WORD.match(text, end)
        shown = unit[0] if unit else text[end]
        hint = "Units of durations are ns, us, ms, s, m, h, d, w, y."
        raise fault(text, end, f"`{shown}` is no unit of a duration.", end + len(shown), hint)
    if written[:2] in ("0x", "0X") or written.isdigit():
        value = int(written, 0) if written[:2] in ("0x", "0X") else int(written)
        if value > _LARGEST + 1:
            raise fault(text, at, f"{written} does not fit into 64 bits.", end, "Write it as a number with a point.")
        return Token(Kind.INTEGER, written, value, at, end)
    return Token(Kind.FLOAT, written, float(written), at, end)


def _ns(text: str, found: re.Match[str]) -> int:
    total = 0
    for number, unit in _PART.findall(found[0]):
        whole, _, rest = number.partition(".")
        total += int(whole or 0) * _UNITS[unit]
        if rest:
            total += int(rest) * _UNITS[unit] // 10 ** len(rest)
    if total > _LARGEST:
        raise fault(text, found.start(), f"the duration {found[0]} is longer than 292 years.", found.end())
    return total


def duration_ns(text: str) -> int | None:
    """The ns of a duration as TraceQL writes them, or None when it is none."""
    found = _DURATION.fullmatch(text)
    return None if found is None else _ns(text, found)


def _intrinsic(text: str, found: re.Match[str]) -> Token:
    name = found[0]
    if name in INTRINSICS:
        return Token(Kind.FIELD, name, Intrinsic(name, pos=found.span()), *found.span())
    scope = found[1]
    known = tuple(one for one in INTRINSICS if one.startswith(f"{scope}:"))
    said = found[2] or ""
    hint = nearest(said, tuple(one.partition(":")[2] for one in known))
    if not hint:
        hint = f"The scope {scope} has {', '.join(known)}."
        if said and scope in SCOPES:
            hint = f"{hint} An attribute is written with a point: {scope}.{said}"
    raise fault(text, found.start(), f"there is no field {name}.", found.end(), hint)


def _attribute(text: str, at: int) -> Token:
    start, parent, scope = at, False, ""
    if text.startswith("parent.", at):
        parent, at = True, at + 7
    for one in SCOPES:
        if text.startswith(f"{one}.", at) and not (parent and one not in ("span", "resource")):
            scope, at = one, at + len(one) + 1
            break
    else:
        if not parent:
            at += 1
    name, end, quoted = _name(text, at)
    if not name:
        shown = text[start:end]
        raise fault(text, start, f"`{shown}` lacks the name of an attribute.", max(end, start + 1))
    pos = (start, end)
    field: Field
    if parent and not scope and not quoted and name in SHORT and name != "parent":
        field = Intrinsic(SHORT[name], parent=True, pos=pos)
    else:
        field = Attribute(_scope(scope), name, parent, pos)
    return Token(Kind.FIELD, text[start:end], field, start, end)


def _scope(name: str) -> Scope:
    match name:
        case "span" | "resource" | "event" | "link" | "instrumentation":
            return name
    return ""


def _name(text: str, at: int) -> tuple[str, int, bool]:
    """The name of an attribute, where it ends, and whether a part of it was in quotes."""
    pieces: list[str] = []
    quoted = False
    while at < len(text):
        if text[at] == '"':
            piece, at = _quoted(text, at)
            pieces.append(piece)
            quoted = True
            continue
        found = _NAME_END.search(text, at)
        end = found.start() if found else len(text)
        if end == at:
            break
        pieces.append(text[at:end])
        at = end
    return "".join(pieces), at, quoted


def _quoted(text: str, start: int) -> tuple[str, int]:
    pieces: list[str] = []
    at = start + 1
    while at < len(text):
        character = text[at]
        if character == '"':
            return "".join(pieces), at + 1
        if character == "\\":
            at += 1
            character = text[at : at + 1]
            if character not in ('"', "\\"):
                raise fault(text, at - 1, 'names of attributes know the escapes \\" and \\\\ only.', at + 1)
        pieces.append(character)
        at += 1
    raise fault(text, start, "the quotes of the name are not closed.", len(text), 'Write a " behind the name.')


def _string(text: str, start: int) -> Token:
    mark = text[start]
    if mark == "`":
        end = text.find("`", start + 1)
        if end < 0:
            raise fault(text, start, "the text is not closed.", len(text), "Write a ` behind it.")
        return Token(Kind.STRING, text[start : end + 1], text[start + 1 : end], start, end + 1)
    pieces: list[str] = []
    at = start + 1
    while at < len(text) and text[at] != '"':
        if text[at] == "\n":
            break
        if text[at] != "\\":
            pieces.append(text[at])
            at += 1
            continue
        at = _escape(text, at, pieces)
    if text[at : at + 1] != '"':
        raise fault(text, start, "the text is not closed.", at, 'Write a " behind it.')
    return Token(Kind.STRING, text[start : at + 1], "".join(pieces), start, at + 1)


def _escape(text: str, at: int, pieces: list[str]) -> int:
    """Read an escape at a backslash; answers with where it ends."""
    letter = text[at + 1 : at + 2]
    if letter in _ESCAPES and letter:
        pieces.append(_ESCAPES[letter])
        return at + 2
    if letter in _CODES and letter:
        length, base = _CODES[letter]
        digits = text[at + 2 : at + 2 + length]
        try:
            code = int(digits, base) if len(digits) == length and digits.isalnum() else -1
        except ValueError:
            code = -1
        if 0 <= code < 0x110000 and not 0xD800 <= code < 0xE000:
            pieces.append(chr(code))
            return at + 2 + length
    elif letter and letter in "01234567" and re.fullmatch("[0-3][0-7]{2}", text[at + 1 : at + 4]):
        pieces.append(chr(int(text[at + 1 : at + 4], 8)))
        return at + 4
    hint = "In regular expressions write the backslash twice, or the text in backquotes."
    raise fault(text, at, f"`\\{letter}` is no escape sequence.", at + 1 + len(letter), hint)
