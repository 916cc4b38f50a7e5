"""Arguments of Jaeger's HTTP APIs: times in microseconds or milliseconds, durations as Go writes them, tags. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from nexus.errors import InvalidRequest
from nexus.model.time import MAX_TIME, NS_PER_DAY, TimeRange
from nexus.query.trace_plan import FindTraces
from nexus.query.traces.forms import jaeger_search
from nexus.query.traces.lexer import duration_ns
from nexus.query.traces.lower import lower_search
from nexus.query.traces.printer import print_query
from nexus.server.api.tracing.asking import MAX_TRACES

US: Final = 1_000
MS: Final = 1_000_000
DEFAULT_LIMIT: Final = 100
DEFAULT_RANGE: Final = 2 * NS_PER_DAY
"""How far back a search looks that names no start, as Jaeger's does."""


class Arguments:
    """The arguments of one request."""

    def __init__(self, pairs: tuple[tuple[str, str], ...], now_ns: int) -> None:
        self._pairs = pairs
        self.now_ns = now_ns

    def text(self, *names: str) -> str:
        """The first value of the first of these that is there; nothing when none is."""
        return next((found for name in names if (found := self._first(name))), "")

    def _first(self, name: str) -> str:
        return next((value for key, value in self._pairs if key == name), "")

    def all(self, name: str) -> list[str]:
        """Every value of a repeated argument."""
        return [value for key, value in self._pairs if key == name and value]

    def integer(self, name: str, default: int) -> int:
        """A whole number."""
        return integer(self._first(name), name, default)

    def time(self, name: str, unit: int, default: int) -> int:
        """A point in time in ns, from one in units since the epoch."""
        text = self._first(name)
        if not text:
            return default
        number = integer(text, name, 0) * unit
        if not 0 <= number <= MAX_TIME:
            raise unparsable(name, f"{text[:40]} lies outside 1970-01-01 .. 2262-04-11")
        return number

    def boolean(self, name: str) -> bool:
        """A truth value as Go reads one."""
        text = self._first(name)
        if text in ("", "0", "f", "F", "false", "FALSE", "False"):
            return False
        if text in ("1", "t", "T", "true", "TRUE", "True"):
            return True
        raise unparsable(name, f'strconv.ParseBool: parsing "{text[:40]}": invalid syntax')

    def range(self) -> TimeRange:
        """`start` and `end` in us; `lookback` is what lies between them when `start` is not given."""
        end = self.time("end", US, self.now_ns)
        start = self.time("start", US, -1)
        if start < 0:
            lookback = duration_ns(self._first("lookback")) or DEFAULT_RANGE
            start = max(end - lookback, 0)
        if start > end:
            raise InvalidRequest("'start' lies after 'end'")
        return TimeRange(start, min(end + 1, MAX_TIME))

    def hint(self) -> tuple[int | None, int | None]:
        """When a trace was, if `start` and `end` (us) are given."""
        found = [self.time(name, US, -1) for name in ("start", "end")]
        return (found[0], found[1]) if min(found) >= 0 else (None, None)


def integer(text: str, name: str, default: int) -> int:
    """A whole number of at most 18 digits."""
    if not text:
        return default
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text)
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):
        raise unparsable(name, f'strconv.ParseInt: parsing "{text[:40]}": invalid syntax')
    return sign * int(digits)


def unparsable(name: str, reason: str) -> InvalidRequest:
    """An argument that cannot be read, as Jaeger says it."""
    return InvalidRequest(f"unable to parse param '{name}': {reason}")


def tags_of(arguments: Arguments) -> dict[str, str]:
    """Tags from `tag=key:value` and from JSON in `tags`. Raises `InvalidRequest`."""
    found: dict[str, str] = {}
    for pair in arguments.all("tag"):
        key, colon, value = pair.partition(":")
        if not colon:
            raise InvalidRequest(f"malformed 'tag' parameter, expecting key:value, received: {pair[:80]}")
        found[key] = value
    for text in arguments.all("tags"):
        found |= json_tags(text, "tags")
    return found


def json_tags(text: str, name: str) -> dict[str, str]:
    """Tags as a JSON object; numbers and booleans are read as the texts that they are. Raises `InvalidRequest`."""
    try:
        tags: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(f"malformed '{name}' parameter, cannot unmarshal JSON: {error}") from error
    if not isinstance(tags, dict):
        raise InvalidRequest(f"malformed '{name}' parameter, expecting a JSON object")
    return {
        str(key): value if isinstance(value, str) else msgspec.json.encode(value).decode() for key, value in tags.items()
    }


def search(
    time: TimeRange,
    limit: int,
    *,
    service: str,
    operation: str,
    tags: dict[str, str],
    shortest: str,
    longest: str,
) -> FindTraces:
    """A search in the words of Jaeger. Raises `InvalidRequest`."""
    if not 0 < limit <= MAX_TRACES:
        raise InvalidRequest(f"search depth must be greater than 0 and less than {MAX_TRACES + 1}")
    query = jaeger_search(service, operation, tags, shortest, longest)
    return lower_search(query, print_query(query), time, limit=limit, spans_per_trace=0)


def find_traces(arguments: Arguments) -> FindTraces:
    """The search of a request of the older API."""
    return search(
        arguments.range(),
        arguments.integer("limit", DEFAULT_LIMIT),
        service=arguments.text("service"),
        operation=arguments.text("operation"),
        tags=tags_of(arguments),
        shortest=arguments.text("minDuration"),
        longest=arguments.text("maxDuration"),
    )
