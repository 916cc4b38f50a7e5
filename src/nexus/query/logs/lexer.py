"""Characters to tokens of the search language.

The parser pulls tokens one at a time and says where it stands, because the same characters mean different things in
different places: `>=500` is an operator behind `status:` and plain text elsewhere. Offsets count characters from 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from nexus.errors import QuerySyntaxError
from nexus.query.logs.ast import Comparison, Matcher, Pattern, Present, Range, Regex, Text
from nexus.query.logs.regex import check_regex
from nexus.query.plan import CompareOp

MAX_CHARACTERS: Final = 16 * 1024
KEYWORDS: Final = frozenset({"AND", "OR", "NOT"})

_OPERATORS: Final = (">=", "<=", "!=", ">", "<", "=")
_RANGE_SEPARATOR: Final = re.compile(r"\s+TO\s+")


class Kind(Enum):
    """What a token is."""

    END = auto()
    OPEN = auto()
    CLOSE = auto()
    AND = auto()
    OR = auto()
    NOT = auto()
    FIELD = auto()  # `text` is the name; the colon belongs to the token
    MATCH = auto()  # `match` is set


class Place(Enum):
    """Where in the grammar the next token stands."""

    QUERY = auto()  # a term, an operator or a parenthesis
    VALUE = auto()  # directly behind `field:`
    GROUP = auto()  # within `field:( ... )`


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the half-open range of characters it was read from."""

    kind: Kind
    start: int
    end: int
    text: str = ""
    match: Matcher | None = None


class Lexer:
    """A cursor over one query text. Every method that reads moves `position` behind what it read."""

    def __init__(self, text: str) -> None:
        """Check what can be checked of the whole text. Raises `QuerySyntaxError`."""
        if len(text) > MAX_CHARACTERS:
            raise QuerySyntaxError(
                f"the query has {len(text)} characters, more than the {MAX_CHARACTERS} allowed.",
                offset=MAX_CHARACTERS,
                length=len(text) - MAX_CHARACTERS,
                hint="Shorten it; a long list of alternatives may become one wildcard or one /regex/.",
            )
        for offset, character in enumerate(text):
            if "\ud800" <= character <= "\udfff":
                raise QuerySyntaxError("half of a surrogate pair is not a character.", offset=offset, length=1)
        self.text = text
        self.position = 0

    def next(self, place: Place) -> Token:
        """Read one token. Raises `QuerySyntaxError`."""
        if place is not Place.VALUE:
            self._skip_space()
        start = self.position
        character = self._peek()
        if place is Place.VALUE and (not character or character.isspace() or character == ")"):
            raise self.error("a value is missing behind the colon.", start - 1, start, _MISSING_VALUE_HINT)
        if not character:
            return Token(Kind.END, start, start)
        if character == "(":
            return self._single(Kind.OPEN)
        if character == ")":
            token = self._single(Kind.CLOSE)
            self._require_boundary("a closing parenthesis")
            return token
        if place is not Place.VALUE and character in "-!" and not (place is Place.GROUP and self._at("!=")):
            return self._sign(character, place)
        if character == '"':
            return self._quoted(start, place)
        if character == "/" and (regex := self._regex(start)) is not None:
            return regex
        if place is not Place.QUERY and (matcher := self._operator() or self._range()) is not None:
            self._require_boundary("a value")
            return Token(Kind.MATCH, start, self.position, match=matcher)
        return self._bare(start, place)

    def error(self, message: str, start: int, end: int, hint: str = "") -> QuerySyntaxError:
        """An error over a range of characters, as far as it lies in the text."""
        return QuerySyntaxError(message, offset=start, length=max(min(end, len(self.text)) - start, 0), hint=hint)

    # ------------------------------------------------------------------------------------------------------- scanning

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _at(self, text: str) -> bool:
        return self.text.startswith(text, self.position)

    def _skip_space(self) -> None:
        while self._peek().isspace():
            self.position += 1

    def _single(self, kind: Kind) -> Token:
        self.position += 1
        return Token(kind, self.position - 1, self.position)

    def _sign(self, character: str, place: Place) -> Token:
        token = self._single(Kind.NOT)
        following = self._peek()
        second_sign = following in ("-", "!") and not (place is Place.GROUP and self._at("!="))
        if not following or following.isspace() or following == ")" or second_sign:
            raise self.error(
                f"nothing follows the {character!r} that could be left out.",
                token.start,
                token.end,
                'Write -word or NOT (a OR b); to find the sign itself, quote it: "--flag".',
            )
        return token

    def _require_boundary(self, what: str) -> None:
        following = self._peek()
        if following and not following.isspace() and following != ")":
            raise self.error(
                f"{following!r} directly follows {what}.",
                self.position,
                self.position + 1,
                "Put a space between them, or quotes around text that belongs together.",
            )

    def _quoted(self, start: int, place: Place) -> Token:
        value = self._quoted_text()
        if place is not Place.VALUE and self._peek() == ":":
            return self._field(start, value, place)
        self._require_boundary("a closing quote")
        if not value and place is Place.QUERY:
            raise self.error("the phrase is empty.", start, self.position, "Put text between the quotes.")
        return Token(Kind.MATCH, start, self.position, match=Text(value))

    def _quoted_text(self) -> str:
        """Read from an opening quote to behind the closing one; only `\\"` and `\\\\` are escapes."""
        start = self.position
        self.position += 1
        pieces: list[str] = []
        while character := self._peek():
            self.position += 1
            if character == '"':
                return "".join(pieces)
            if character == "\\" and self._peek() in ('"', "\\"):
                character = self._peek()
                self.position += 1
            pieces.append(character)
        raise self.error("the quote is not closed.", start, start + 1, 'Add a closing "; inside quotes write \\" and \\\\.')

    def _regex(self, start: int) -> Token | None:
        """`/.../` up to the first unescaped slash, when a boundary follows it; a path like /api/v1 is none."""
        position = start + 1
        pieces: list[str] = []
        offsets: list[int] = []
        while position < len(self.text) and self.text[position] != "/":
            offsets.append(position)
            if self.text[position] == "\\" and position + 1 < len(self.text):
                escaped = self.text[position + 1]
                pieces.append("/" if escaped == "/" else "\\" + escaped)
                if escaped != "/":
                    offsets.append(position + 1)
                position += 2
            else:
                pieces.append(self.text[position])
                position += 1
        end = position + 1
        if position >= len(self.text) or not (end == len(self.text) or self.text[end].isspace() or self.text[end] == ")"):
            return None
        pattern = "".join(pieces)
        if not pattern:
            raise self.error("the regular expression is empty.", start, end, 'To find slashes, quote them: "//".')
        if problem := check_regex(pattern):
            where = offsets[problem.offset] if problem.offset < len(offsets) else position
            raise self.error(problem.message, where, where + max(problem.length, 1), problem.hint)
        self.position = end
        return Token(Kind.MATCH, start, end, match=Regex(pattern))

    def _operator(self) -> Comparison | None:
        operator = next((op for op in _OPERATORS if self._at(op)), None)
        start = self.position
        if operator is None:
            if self._peek() in "~!":
                raise self.error(f"{self._peek()!r} is not an operator.", start, start + 1, _OPERATOR_HINT)
            return None
        self.position += len(operator)
        following = self._peek()
        if not following or following.isspace() or following == ")":
            raise self.error(f"a value is missing behind {operator}.", start, self.position, "For example status:>=500.")
        if following in "<>=!~":
            raise self.error(f"{operator + following!r} is not an operator.", start, self.position + 1, _OPERATOR_HINT)
        return Comparison(CompareOp(operator), self._literal(")"))

    def _range(self) -> Range | None:
        start = self.position
        opening = self._peek()
        if opening not in "[{":
            return None
        self.position += 1
        self._skip_space()
        low = self._range_end()
        separator = _RANGE_SEPARATOR.match(self.text, self.position)
        if separator is None:
            raise self.error("this is not a range.", start, self.position, _RANGE_HINT)
        self.position = separator.end()
        high = self._range_end()
        self._skip_space()
        closing = self._peek()
        if not closing or closing not in "]}":
            raise self.error("the range is not closed.", start, self.position, _RANGE_HINT)
        self.position += 1
        return Range(low, high, opening == "[", closing == "]")

    def _range_end(self) -> str | None:
        start = self.position
        value = self._literal("]}")
        if self.position == start:
            raise self.error("an end of the range is missing.", start, start + 1, _RANGE_HINT)
        return None if self.text[start : self.position] == "*" else value

    def _literal(self, stops: str) -> str:
        """A bare or quoted literal in which stars are ordinary."""
        if self._peek() == '"':
            return self._quoted_text()
        pieces = []
        while (character := self._peek()) and not character.isspace() and character not in stops and character != '"':
            pieces.append(self._unescaped())
        return "".join(pieces)

    def _unescaped(self) -> str:
        """One character, or two for a backslash that escapes nothing."""
        character = self._peek()
        self.position += 1
        if character != "\\":
            return character
        following = self._peek()
        if not following or following.isalnum():
            return character
        self.position += 1
        return following

    def _bare(self, start: int, place: Place) -> Token:
        pieces: list[str] = [""]
        while (character := self._peek()) and not character.isspace() and character not in '()"':
            if character == ":" and place is not Place.VALUE:
                break
            if character == "*":
                pieces.append("")
                self.position += 1
            else:
                pieces[-1] += self._unescaped()
        if self._peek() == ":" and place is not Place.VALUE:
            if len(pieces) > 1:
                raise self.error(
                    "a field name holds no wildcard.",
                    start,
                    self.position,
                    'Name one field; quote a name with a star: "a*b":x.',
                )
            return self._field(start, pieces[0], place)
        if self._peek() in ("(", '"'):
            self._require_boundary("a word")
        raw = self.text[start : self.position]
        if raw in KEYWORDS and place is not Place.VALUE:
            return Token(Kind[raw], start, self.position)
        return Token(Kind.MATCH, start, self.position, match=_text_or_pattern(pieces))

    def _field(self, start: int, name: str, place: Place) -> Token:
        end = self.position
        self.position += 1
        if not name:
            raise self.error("the field name is empty.", start, self.position, "Write name:value.")
        if place is Place.GROUP:
            raise self.error(
                f"the field {name!r} stands inside the group of another field.",
                start,
                end,
                'Close the group first; quote text that holds a colon: "12:30".',
            )
        return Token(Kind.FIELD, start, self.position, text=name)


def _text_or_pattern(pieces: list[str]) -> Matcher:
    if len(pieces) == 1:
        return Text(pieces[0])
    inner = [piece for piece in pieces[1:-1] if piece]
    if not inner and not pieces[0] and not pieces[-1]:
        return Present()
    return Pattern((pieces[0], *inner, pieces[-1]))


_MISSING_VALUE_HINT: Final = 'Write field:value, field:* for any value, or quote text that holds a colon: "error: x".'
_OPERATOR_HINT: Final = 'Operators are = != < <= > >=; for the rest write field:/regex/, -field:value, or quote: field:"~x".'
_RANGE_HINT: Final = 'Write field:[100 TO 200], {100 TO 200} without the ends, [100 TO *], or quote text: field:"[x]".'
