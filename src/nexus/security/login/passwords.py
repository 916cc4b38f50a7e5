"""Which passwords are good enough, and how they are stored. Pure but for the bundled list, which is read once.

Rules as in NIST SP 800-63B, 5.1.1.2: 12 to 1024 characters of any kind, no demands on their mixture, no expiry, but
nothing that guessers try first. What that is, is not a list of whole passwords: a password is cut into the parts that
guessers put together (`words/common.txt`, some 4,000 words that leaked passwords are made of, with capitals, leet and
backwards; years; walks over the alphabet and the keyboard; repetitions; what is known of the user), each part costs
as much as it takes to guess, and the cheapest way to put the password together must cost enough. `P@ssw0rd2024!`,
`qwertyuiop123`, `abcabcabcabc` cost too little; three or four unusual words, or twelve characters by chance, do not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from nexus.errors import InvalidRequest
from nexus.security import secrets

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 1024
"""Characters after normalisation (NFKC)."""
ENOUGH: Final = 6.5
"""What a password must cost at least; a letter by chance costs 1, a word of the list 2."""
PRODUCT: Final = "nexus"

_WORD: Final = 2.0
_CHEAP: Final = 1.0
_DIGIT: Final = 0.45
_SHORTEST_WORD: Final = 4
_SHORTEST_KNOWN: Final = 3
_LONGEST_UNIT: Final = 32
_GLANCE: Final = 96
_TAIL: Final = 4
"""Digits and signs that people put before and after a word."""

_HINT: Final = "Take three or four unusual words, or let a password manager make one."
_REASONS: Final = {
    "word": "it is made of common passwords and what is mostly added to them",
    "known": "it is made of your name, your address or the name of this product",
    "walk": "it follows the alphabet or the keyboard",
    "repeat": "it repeats itself",
    "digits": "digits alone are guessed quickly",
}


@dataclass(frozen=True, slots=True)
class Verified:
    """Was the password right, and when the stored hash is not as one would be made today: the one to store."""

    right: bool
    fresh_hash: str = ""


def check(password: str, known: Iterable[str] = ()) -> None:
    """Raise `InvalidRequest` with the reason when a new password is not good enough. `known`: names and addresses of
    the user."""
    if reason := weakness(password, known):
        raise InvalidRequest(f"the password is not good enough: {reason}.", hint=_HINT)


def weakness(password: str, known: Iterable[str] = ()) -> str:
    """Why a new password is not good enough, without a word of it; empty when it is."""
    if any("\ud800" <= letter <= "\udfff" for letter in password):
        return "it holds characters that are none"
    text = secrets.normalised(password)
    if len(text) < MIN_LENGTH:
        return f"it has {len(text)} characters, {MIN_LENGTH} are the least"
    if len(text) > MAX_LENGTH:
        return f"it has more than {MAX_LENGTH} characters"
    folded, context = _folded(text), _context(known)
    # Whoever types more than this has mostly earned enough by then, and the whole takes a while.
    if re.sub(r"[\W_]+", "", folded) in _words():
        return _REASONS["word"]
    cost, kind = _cheapest(folded[:_GLANCE], context)
    if cost < ENOUGH and len(folded) > _GLANCE:
        cost, kind = _cheapest(folded, context)
    return _REASONS[kind] if cost < ENOUGH else ""


def verify(stored: str | None, password: str) -> Verified:
    """Does the password belong to the hash? None (nobody, or nobody who may log in so) takes as long. Call it in a
    thread."""
    usable = password if len(password) <= MAX_LENGTH else ""
    if not secrets.verify_password(stored or None, usable) or not stored:
        return Verified(False)
    return Verified(True, secrets.hash_password(usable) if secrets.outdated(stored) else "")


# -------------------------------------------------------------------------------------------------- cheapest composition


@cache
def _words() -> frozenset[str]:
    text = files("nexus.security.login").joinpath("words/common.txt").read_text("ascii")
    return frozenset(text.split())


def word_count() -> int:
    """How many words the bundled list has."""
    return len(_words())


def _folded(text: str) -> str:
    """Without capitals and accents; as many characters as before, but for accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _context(known: Iterable[str]) -> frozenset[str]:
    """Parts of names and addresses that are long enough to stand out."""
    parts = {PRODUCT}
    for name in known:
        folded = _folded(name)
        parts.update((folded, *re.split(r"[\W_]+", folded), re.sub(r"[\W_]+", "", folded)))
    return frozenset(part for part in parts if len(part) >= _SHORTEST_KNOWN)


# 1 and ! stand for i as well as for l.
_LEET: Final = (
    str.maketrans("4@3105$7+896|!2", "aaeiossttbggliz"),
    str.maketrans("4@3105$7+896|!2", "aaelossttbggllz"),
)


def _cheapest(text: str, context: frozenset[str]) -> tuple[float, str]:
    """The least cost of putting the text together, and the kind of part that covers most of it."""
    size = len(text)
    spellings = (text, *(text.translate(table) for table in _LEET))
    backwards = tuple(spelling[::-1] for spelling in spellings)
    words = _words()
    longest = max(max(map(len, words)), max(map(len, context), default=0))
    walks, repetitions = _walks(text), _repetitions(text)
    # Per position: cost up to there, and how many characters each kind of part covers.
    nothing: dict[str, int] = {}
    best = [(0.0, nothing), *[(float("inf"), nothing)] * size]

    def offer(start: int, end: int, cost: float, kind: str) -> None:
        total = best[start][0] + cost
        if total < best[end][0]:
            covered = dict(best[start][1])
            covered[kind] = covered.get(kind, 0) + end - start
            best[end] = (total, covered)

    for start in range(size):
        offer(start, start + 1, _DIGIT if text[start].isdigit() else 1.0, "digits" if text[start].isdigit() else "other")
        for end in range(start + _SHORTEST_KNOWN, min(size, start + longest) + 1):
            spelled = [spelling[start:end] for spelling in spellings]
            spelled += [spelling[size - end : size - start] for spelling in backwards]
            if any(part in context for part in spelled):
                offer(start, end, _CHEAP, "known")
            elif end - start >= _SHORTEST_WORD and any(part in words for part in spelled):
                offer(start, end, _WORD, "word")
        for end in range(start + 3, walks[start] + 1):
            offer(start, end, _CHEAP, "walk")
        if re.match(r"(19|20)\d\d", text[start : start + 4]):
            offer(start, start + 4, _CHEAP, "word")
        if start == 0 or start >= size - _TAIL:
            ends = range(2, _TAIL + 1) if start == 0 else (size - start,)
            for length in ends:
                around = text[max(start - 1, 0) : start] + text[start + length : start + length + 1]
                whole = text[start : start + length].isdigit() and around.isdigit()
                if start + length <= size and not whole and not any(map(str.isalpha, text[start : start + length])):
                    tail = text[start : start + length]
                    offer(start, start + length, _CHEAP, "digits" if tail.isdigit() else "word")
        for unit, end in repetitions.get(start, ()):
            inner = _CHEAP if unit == 1 else _cheapest(text[start : start + unit], context)[0] + _CHEAP
            offer(start, end, inner, "repeat")
    cost, covered = best[size]
    covered.pop("other", None)
    return cost, max(covered, key=lambda kind: (covered[kind], kind), default="repeat")


def _repetitions(text: str) -> dict[int, list[tuple[int, int]]]:
    """Where something begins that stands there at least twice, a single character thrice: its length, and where it ends."""
    found: dict[int, list[tuple[int, int]]] = {}
    for unit in range(1, min(_LONGEST_UNIT, len(text) // 2) + 1):
        start = 0
        while start < len(text) - unit:
            end = start + unit
            while end < len(text) and text[end] == text[end - unit]:
                end += 1
            word = text[start : start + unit]
            # Not of units that repeat themselves: they are found by what they repeat.
            if end - start >= max(3, 2 * unit) and (word + word).find(word, 1) == unit:
                found.setdefault(start, []).append((unit, end))
            start = max(start + 1, end - unit + 1)
    return found


_LAYOUTS: Final = (
    ("1234567890", "qwertyuiop", "asdfghjkl;", "zxcvbnm,./"),
    ("1234567890", "qwertzuiop", "asdfghjkl", "yxcvbnm,.-"),
    ("1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn,;:!"),
    ("!@#$%^&*()", "789", "456", "123"),
)


@cache
def _places() -> tuple[dict[str, tuple[int, int]], ...]:
    grids = [
        {key: (column, line) for line, keys in enumerate(layout) for column, key in enumerate(keys)} for layout in _LAYOUTS
    ]
    alphabet = {chr(code): (code, 0) for code in (*range(ord("a"), ord("z") + 1), *range(ord("0"), ord("9") + 1))}
    return (*grids, alphabet)


def _walks(text: str) -> list[int]:
    """For each position where the longest straight walk ends that begins there: over a keyboard, the alphabet, the
    digits."""
    ends = list(range(len(text)))
    for places in _places():
        start = 0
        while start < len(text) - 2:
            end, step = start, None
            while end + 1 < len(text):
                here, there = places.get(text[end]), places.get(text[end + 1])
                if here is None or there is None:
                    break
                move = (there[0] - here[0], there[1] - here[1])
                if max(abs(move[0]), abs(move[1])) != 1 or (step is not None and move != step):
                    break
                end, step = end + 1, move
            for position in range(start, end - 1):
                ends[position] = max(ends[position], end + 1)
            start = max(end, start + 1)
    return ends
