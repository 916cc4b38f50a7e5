"""Is a regular expression one that the engine (RE2) takes? Answered without the engine, with the place of the problem.

RE2 has no backreferences and no look-around, which is why a match takes linear time. `check_regex` knows RE2's grammar;
a test compares it with the engine on generated expressions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_REPEAT: Final = 1000
MAX_DEPTH: Final = 100

_REPEAT: Final = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_FLAGS: Final = re.compile(r"[imsU]*(?:-[imsU]+)?(?=[:)])")
_NAME: Final = re.compile(r"<(\w+)>", re.ASCII)
_HEX: Final = re.compile(r"x(?:[0-9A-Fa-f]{2}|\{([0-9A-Fa-f]+)\})")
_PROPERTY: Final = re.compile(r"[pP](?:([A-Z])|\{\^?([A-Za-z_]+)\})")
_POSIX: Final = re.compile(r"\[:(.*?):\]", re.S)
_POSIX_NAMES: Final = frozenset(
    {"alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word"}
    | {"xdigit"}
)
_PROPERTIES: Final = re.compile(
    "Any|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?|C[cfos]?|Arabic|Armenian|Bengali|Cherokee|Common|Cyrillic|"
    "Devanagari|Ethiopic|Georgian|Greek|Gujarati|Gurmukhi|Han|Hangul|Hebrew|Hiragana|Inherited|Kannada|Katakana|Khmer|Lao|"
    "Latin|Malayalam|Mongolian|Myanmar|Oriya|Sinhala|Syriac|Tamil|Telugu|Thaana|Thai|Tibetan"
)
_UNSUPPORTED_GROUPS: Final = (
    ("(?=", "look-ahead"),
    ("(?!", "look-ahead"),
    ("(?<=", "look-behind"),
    ("(?<!", "look-behind"),
    ("(?>", "an atomic group"),
    ("(?P=", "a backreference"),
    ("(?P>", "recursion"),
    ("(?R", "recursion"),
    ("(?(", "a conditional"),
    ("(?#", "a comment"),
    ("(?|", "a branch reset"),
)
_HINT: Final = "Expressions follow RE2: no look-around and no backreferences; combine terms with AND, OR and NOT instead."


@dataclass(frozen=True, slots=True)
class RegexProblem:
    """What is wrong with an expression and where (characters from its start)."""

    message: str
    offset: int
    length: int = 1
    hint: str = _HINT


def check_regex(pattern: str) -> RegexProblem | None:
    """The first problem of an expression, or None when RE2 takes it."""
    try:
        _Checker(pattern).check()
    except _Found as found:
        return found.problem
    return None


class _Found(Exception):
    def __init__(self, problem: RegexProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class _Checker:
    """A walk over the expression that keeps, per open group, what may be repeated and how often it already is."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.names: set[str] = set()
        # One entry per open group: its offset and the greatest repetition inside it so far.
        self.groups: list[tuple[int, int]] = []
        self.greatest = 1  # greatest nested repetition in the group being read
        self.item: int | None = None  # repetition inside the item that an operator would repeat; None: there is no item
        self.repeated = False  # the item already has an operator

    def check(self) -> None:
        while self.at < len(self.pattern):
            self._step(self.pattern[self.at])
        if self.groups:
            raise self._problem("this parenthesis is not closed.", self.groups[-1][0])

    def _problem(self, message: str, offset: int, length: int = 1) -> _Found:
        return _Found(RegexProblem(message, offset, length))

    def _step(self, character: str) -> None:
        if character == "(":
            self._open()
        elif character == ")":
            self._close()
        elif character == "|":
            self.at += 1
            self.item = None
            self.repeated = False
        elif character in "*+?":
            self._repeat(self.at, 1, 1)
        elif character == "{" and (match := _REPEAT.match(self.pattern, self.at)):
            self._counted(match)
        elif character == "[":
            self._class()
            self._put()
        elif character == "\\":
            self._escape(in_class=False)
            self._put()
        else:
            self.at += 1
            self._put()

    def _put(self, repetition: int = 1) -> None:
        self.item = repetition
        self.repeated = False

    # --------------------------------------------------------------------------------------------------------- groups

    def _open(self) -> None:
        start = self.at
        if len(self.groups) >= MAX_DEPTH:
            raise self._problem(f"parentheses are nested more than {MAX_DEPTH} deep.", start)
        self.at += 1
        if self.pattern.startswith("?", self.at) and self._flags_or_name(start):
            return
        self.groups.append((start, self.greatest))
        self.greatest = 1
        self.item = None
        self.repeated = False

    def _flags_or_name(self, start: int) -> bool:
        """Read what follows `(?`; True when it was flags for the rest of the group, which open nothing."""
        for text, name in _UNSUPPORTED_GROUPS:
            if self.pattern.startswith(text, start):
                raise self._problem(f"{name} is not supported.", start, len(text))
        self.at += 1
        name_at = self.at + 1 if self.pattern.startswith("P<", self.at) else self.at
        if self.pattern.startswith("<", name_at):
            match = _NAME.match(self.pattern, name_at)
            if match is None:
                raise self._problem("a group name is letters, digits and _.", start, name_at - start + 1)
            if match[1] in self.names:
                raise self._problem(f"the group name {match[1]!r} is used twice.", match.start(1), len(match[1]))
            self.names.add(match[1])
            self.at = match.end()
            return False
        flags = _FLAGS.match(self.pattern, self.at)
        if flags is None:
            raise self._problem("unknown flags; i, m, s and U are known.", start, 2)
        self.at = flags.end() + 1
        self.repeated = False
        return self.pattern[flags.end()] == ")"

    def _close(self) -> None:
        if not self.groups:
            raise self._problem("this parenthesis was never opened.", self.at)
        self.at += 1
        _, outer = self.groups.pop()
        inside = self.greatest
        self.greatest = max(outer, inside)
        self._put(inside)

    # ----------------------------------------------------------------------------------------------------- repetition

    def _counted(self, match: re.Match[str]) -> None:
        low = int(match[1])
        high = low if match[2] is None else int(match[3]) if match[3] else low
        if low > MAX_REPEAT or high > MAX_REPEAT:
            raise self._problem(f"a repetition may count to {MAX_REPEAT}.", match.start(), len(match[0]))
        if match[3] and high < low:
            raise self._problem("the repetition counts downwards.", match.start(), len(match[0]))
        self._repeat(match.start(), len(match[0]), max(low, high))

    def _repeat(self, start: int, length: int, times: int) -> None:
        if self.item is None:
            raise self._problem("there is nothing to repeat.", start, length)
        if self.repeated:
            raise self._problem("a repetition cannot be repeated.", start, length)
        total = self.item * max(times, 1)
        if total > MAX_REPEAT:
            raise self._problem(f"nested repetitions multiply to more than {MAX_REPEAT}.", start, length)
        self.greatest = max(self.greatest, total)
        self.at = start + length
        if self.pattern.startswith("?", self.at):
            self.at += 1
        self.item = total
        self.repeated = True

    # ------------------------------------------------------------------------------------------------ escapes, classes

    def _escape(self, *, in_class: bool) -> bool:
        """Read an escape; True when it stands for one character (so that it may end a range)."""
        start = self.at
        self.at += 1
        if self.at >= len(self.pattern):
            raise self._problem("a backslash at the end escapes nothing.", start)
        character = self.pattern[self.at]
        if not in_class and character == "Q":
            end = self.pattern.find("\\E", self.at)
            self.at = len(self.pattern) if end < 0 else end + 2
            return False
        if character in "dDsSwW":
            self.at += 1
            return False
        if not in_class and character in "AzbBC":
            self.at += 1
            return False
        if character in "pP":
            return self._property(start)
        if character == "x":
            return self._hexadecimal(start)
        if character in "01234567":
            return self._octal(start, character)
        if character in "afnrtv" or (character < "\x80" and not character.isalnum()):
            self.at += 1
            return True
        message = f"\\{character} is not an escape."
        if character in "89":
            message = "backreferences are not supported."
        raise self._problem(message, start, 2)

    def _property(self, start: int) -> bool:
        match = _PROPERTY.match(self.pattern, self.at)
        if match is None or not _PROPERTIES.fullmatch(match[1] or match[2]):
            raise self._problem("unknown Unicode property; for example \\pL or \\p{Greek}.", start, 2)
        self.at = match.end()
        return False

    def _hexadecimal(self, start: int) -> bool:
        match = _HEX.match(self.pattern, self.at)
        if match is None or (match[1] and int(match[1], 16) > 0x10FFFF):
            raise self._problem("\\x is followed by two hexadecimal digits, or by {...}.", start, 2)
        self.at = match.end()
        return True

    def _octal(self, start: int, character: str) -> bool:
        following = self.pattern[self.at + 1 : self.at + 2]
        if character != "0" and following not in tuple("01234567"):
            raise self._problem("backreferences are not supported.", start, 2)
        end = self.at + 1
        while end < len(self.pattern) and end < self.at + 3 and self.pattern[end] in "01234567":
            end += 1
        self.at = end
        return True

    def _class(self) -> None:
        start = self.at
        self.at += 1
        if self.pattern.startswith("^", self.at):
            self.at += 1
        first = True
        while first or not self.pattern.startswith("]", self.at):
            if self.at >= len(self.pattern):
                raise self._problem("this bracket is not closed.", start)
            self._class_member(start)
            first = False
        self.at += 1

    def _class_member(self, start: int) -> None:
        if match := _POSIX.match(self.pattern, self.at):
            if match[1].removeprefix("^") not in _POSIX_NAMES:
                raise self._problem(f"unknown class {match[0]}.", match.start(), len(match[0]))
            self.at = match.end()
            return
        begin = self.at
        low = self._class_character(start)
        if low is None or not self.pattern.startswith("-", self.at) or self.pattern.startswith("-]", self.at):
            return
        if self.at + 1 >= len(self.pattern):
            raise self._problem("this bracket is not closed.", start)
        self.at += 1
        high = self._class_character(start)
        if high is None or high < low:
            raise self._problem("this range of characters is not one.", begin, self.at - begin)

    def _class_character(self, start: int) -> int | None:
        """Read one member; its code, or None when it is a set."""
        if self.at >= len(self.pattern):
            raise self._problem("this bracket is not closed.", start)
        begin = self.at
        if self.pattern[begin] != "\\":
            self.at += 1
            return ord(self.pattern[begin])
        if not self._escape(in_class=True):
            return None
        return _code(self.pattern[begin + 1 : self.at])


def _code(escape: str) -> int:
    """Code point of a single-character escape, without its backslash."""
    if escape[0] == "x":
        return int(escape.strip("x{}"), 16)
    if escape[0] in "01234567":
        return int(escape, 8)
    return ord(dict(zip("afnrtv", "\a\f\n\r\t\v", strict=True)).get(escape, escape))
