"""Filters and paths of SCIM (RFC 7644, sections 3.4.2.2 and 3.5.2): a small parser, and what it means for a resource. Pure.

    userName eq "anna" and (active eq true or emails[type eq "work" and value co "@corp.example"])

Names of attributes and operators have no case; a name may begin with the URN of its schema. Texts are compared without case,
but for ids. An attribute that a resource does not have matches nothing but `ne` and `not`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from nexus.server.api.scim.errors import ScimError

MAX_FILTER: Final = 2000
MAX_DEPTH: Final = 30

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<punctuation>[()\[\]])|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>[^\s()\[\]"]+))""", re.VERBOSE
)
_NAME: Final = re.compile(r"[A-Za-z$][\w$-]*(\.[A-Za-z$][\w$-]*)?", re.ASCII)
_OPERATORS: Final = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
_EXACT: Final = frozenset({"id", "externalid", "members", "members.value", "groups", "groups.value"})


@dataclass(frozen=True, slots=True)
class Compare:
    """An attribute (lower case, with a dot before a part of it) and a value; operator `pr` has none."""

    attribute: str
    operator: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Both:
    """All of them."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Any of them."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: Filter


@dataclass(frozen=True, slots=True)
class Element:
    """An attribute with several values, of which one matches."""

    attribute: str
    inner: Filter


Filter = Compare | Both | Either | Not | Element


@dataclass(frozen=True, slots=True)
class Path:
    """What a change is about: an attribute, which of its values, which part of them. Names are in lower case."""

    attribute: str
    which: Filter | None = None
    part: str = ""


def parse_filter(text: str) -> Filter:
    """Read a filter. Raises `ScimError` (`invalidFilter`)."""
    reader = _Reader(text, "invalidFilter")
    found = reader.either(0)
    reader.end()
    return found


def parse_path(text: str) -> Path:
    """Read the path of a change. Raises `ScimError` (`invalidPath`)."""
    reader = _Reader(text, "invalidPath")
    attribute, _, part = reader.name().partition(".")
    if reader.peek() != "[":
        reader.end()
        return Path(attribute, None, part)
    if part:
        raise reader.wrong()
    reader.take()
    which = reader.either(0)
    reader.expect("]")
    if following := reader.take():
        if not following.startswith(".") or not _NAME.fullmatch(following[1:]) or "." in following[1:]:
            raise reader.wrong()
        part = following[1:].lower()
    reader.end()
    return Path(attribute, which, part)


def bare_name(text: str) -> str:
    """A name in lower case, without the URN of a schema of the core; other ones stay whole."""
    lowered = text.lower()
    for prefix in ("urn:ietf:params:scim:schemas:core:2.0:user:", "urn:ietf:params:scim:schemas:core:2.0:group:"):
        lowered = lowered.removeprefix(prefix)
    return lowered


def matches(resource: Mapping[str, Any], wanted: Filter, within: str = "") -> bool:
    """Does the resource match, or the value of its attribute `within`? Its names may have any case."""
    match wanted:
        case Both(parts):
            return all(matches(resource, part, within) for part in parts)
        case Either(parts):
            return any(matches(resource, part, within) for part in parts)
        case Not(inner):
            return not matches(resource, inner, within)
        case Element(attribute, inner):
            found = _get(resource, attribute)
            values = found if isinstance(found, list) else [] if found is None else [found]
            return any(isinstance(one, Mapping) and matches(one, inner, attribute) for one in values)
        case Compare(attribute, operator, value):
            found = list(_values(resource, attribute))
            whole = f"{within}.{attribute}" if within else attribute
            if operator == "pr":
                return bool(found)
            if operator == "ne":
                return not any(_compared(whole, "eq", one, value) for one in found)
            return any(_compared(whole, operator, one, value) for one in found)


def equalities(wanted: Filter) -> dict[str, Any]:
    """What a value has to be to match, when the filter says nothing but that: `type eq "work"`."""
    match wanted:
        case Compare(attribute, "eq", value) if "." not in attribute:
            return {attribute: value}
        case Both(parts):
            found: dict[str, Any] = {}
            for part in parts:
                found |= equalities(part)
            return found if len(found) == len(parts) else {}
    return {}


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, text: str, kind: str) -> None:
        self._kind = kind
        self._text = text
        if len(text) > MAX_FILTER:
            raise ScimError(kind, f"an expression has at most {MAX_FILTER} characters.")
        self._tokens: list[str] = []
        place = 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if found is None:
                raise self.wrong()
            self._tokens.append(found[found.lastgroup or 0])
            place = found.end()
        self._at = 0

    def wrong(self) -> ScimError:
        """The expression cannot be read."""
        return ScimError(self._kind, f"{self._text[:100]!r} cannot be read.", hint='Write it like userName eq "anna".')

    def peek(self) -> str:
        """The next token, empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self) -> str:
        """The next token, and go on."""
        found = self.peek()
        self._at += 1
        return found

    def expect(self, token: str) -> None:
        """Refuse another token."""
        if self.take() != token:
            raise self.wrong()

    def end(self) -> None:
        """Refuse what follows."""
        if self.peek():
            raise self.wrong()

    def name(self) -> str:
        """A name of an attribute, in lower case."""
        name = bare_name(self.take())
        bare = name.rpartition(":")[2] if name.startswith("urn:") else name
        if not _NAME.fullmatch(bare):
            raise self.wrong()
        return name

    def either(self, depth: int) -> Filter:
        """Parts with `or` between them."""
        parts = [self._both(depth)]
        while self.peek().lower() == "or":
            self.take()
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self, depth: int) -> Filter:
        parts = [self._one(depth)]
        while self.peek().lower() == "and":
            self.take()
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _one(self, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise ScimError(self._kind, "the expression is nested too deeply.")
        if self.peek() == "(":
            self.take()
            inner = self.either(depth + 1)
            self.expect(")")
            return inner
        if self.peek().lower() == "not" and self._at + 1 < len(self._tokens) and self._tokens[self._at + 1] == "(":
            self.take()
            self.take()
            inner = self.either(depth + 1)
            self.expect(")")
            return Not(inner)
        attribute = self.name()
        if self.peek() == "[":
            self.take()
            inner = self.either(depth + 1)
            self.expect("]")
            return Element(attribute, inner)
        operator = self.take().lower()
        if operator == "pr":
            return Compare(attribute, operator)
        if operator not in _OPERATORS:
            raise self.wrong()
        return Compare(attribute, operator, self._value(operator))

    def _value(self, operator: str) -> Any:
        token = self.take()
        if token[:1] not in '"-0123456789' and token.lower() not in ("true", "false", "null"):
            raise self.wrong()
        try:
            value = msgspec.json.decode(token if token.startswith('"') else token.lower())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.wrong() from error
        if operator in ("co", "sw", "ew") and not isinstance(value, str):
            raise self.wrong()
        if operator in ("gt", "ge", "lt", "le") and (value is None or isinstance(value, bool)):
            raise self.wrong()
        return value


def _get(resource: Mapping[str, Any], name: str) -> Any:
    return next((value for key, value in resource.items() if key.lower() == name), None)


def _values(resource: Mapping[str, Any], attribute: str) -> Iterator[Any]:
    """The values that an attribute has; of one with parts `value` stands for the whole."""
    name, _, part = attribute.partition(".")
    found = _get(resource, name)
    for one in found if isinstance(found, list) else [found]:
        value = _get(one, part or "value") if isinstance(one, Mapping) else one if not part else None
        if value is not None and value != "":
            yield value


_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda one, other: one == other,
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
    "co": lambda one, other: other in one,
    "sw": lambda one, other: one.startswith(other),
    "ew": lambda one, other: one.endswith(other),
}


def _compared(attribute: str, operator: str, found: Any, value: Any) -> bool:
    if isinstance(found, bool) or isinstance(value, bool) or value is None:
        return operator == "eq" and found is value
    if isinstance(found, str) and isinstance(value, str):
        if attribute.startswith("meta.") and operator not in ("co", "sw", "ew"):
            times = _instant(found), _instant(value)
            if times[0] is not None and times[1] is not None:
                return _ORDERS[operator](*times)
        if attribute not in _EXACT:
            found, value = found.casefold(), value.casefold()
        return _ORDERS[operator](found, value)
    if isinstance(found, int | float) and isinstance(value, int | float):
        return _ORDERS[operator](found, value)
    return False


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
