"""Arguments of the Prometheus API: query string and form together; times, durations, limits and selectors as Prometheus
reads them, with its words for what is wrong. Times are ms since the epoch."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

from nexus.errors import InvalidRequest, QuerySyntaxError
from nexus.query.plan import LabelMatcher, SeriesScan
from nexus.query.promql import parse, parse_selector
from nexus.query.promql.ast import Expr, Matcher
from nexus.query.promql.check import needs_value
from nexus.query.promql.lexer import parse_duration, quote
from nexus.query.promql.lower import matchers_of
from nexus.server.call import Call

MIN_TIME: Final = -9_223_372_036_854
MAX_TIME: Final = 9_223_372_036_854
"""The times there can be: those of 64 bits of ns."""
MAX_POINTS: Final = 11_000
MAX_FIELDS: Final = 1000
MAX_EXPRESSIONS: Final = 50
"""Regular expressions in the selectors of a request."""
SHORT: Final = 2000
MANY: Final = 8
"""Letters and expressions of a query that is parsed at once."""

_NS: Final = 10**9
_LONGEST: Final = (1 << 63) - 1
_TIME: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_FLOAT: Final = re.compile(r"[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?", re.ASCII)


def invalid(name: str, reason: object) -> InvalidRequest:
    """What Prometheus says of a wrong parameter; a place in a query text is kept."""
    message = f'invalid parameter "{name}": {reason.message if isinstance(reason, InvalidRequest) else reason}'
    if isinstance(reason, QuerySyntaxError):
        return QuerySyntaxError(message, offset=reason.offset, length=reason.length, hint=reason.hint)
    return InvalidRequest(message)


class Arguments:
    """The arguments of one request."""

    def __init__(self, pairs: tuple[tuple[str, str], ...], now_ns: int) -> None:
        self._pairs = pairs
        self.now = now_ns // 10**6

    @classmethod
    def of(cls, call: Call) -> Arguments:
        """From the form of a POST and the query string, the form first. Raises `InvalidRequest`."""
        pairs: tuple[tuple[str, str], ...] = ()
        if call.body:
            try:
                pairs = tuple(parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
            except (ValueError, UnicodeDecodeError) as error:
                raise InvalidRequest("error parsing form values: the form cannot be read") from error
        return cls(pairs + call.query, call.services.now_ns())

    def text(self, name: str) -> str:
        """The first value of an argument, empty when it is not there."""
        return next((value for key, value in self._pairs if key == name), "")

    def all(self, name: str) -> list[str]:
        """Every value of an argument."""
        return [value for key, value in self._pairs if key == name]

    def time(self, name: str, default: int | None = None) -> int:
        """A point in time; without a default it must be there."""
        text = self.text(name)
        if not text and default is not None:
            return default
        try:
            return time_of(text)
        except InvalidRequest as error:
            optional = f"invalid time value for '{name}': " if default is not None else ""
            raise invalid(name, optional + error.message) from error

    def duration(self, name: str) -> int:
        """A duration in ns."""
        try:
            return duration_of(self.text(name))
        except InvalidRequest as error:
            raise invalid(name, error) from error

    def limit(self) -> int:
        """`limit`; 0 is none."""
        text = self.text("limit")
        if not text:
            return 0
        if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
            raise invalid("limit", f"strconv.Atoi: parsing {quote(text[:40])}: invalid syntax")
        if int(text) < 0:
            raise invalid("limit", "limit must be non-negative")
        return int(text)

    def number(self, name: str, default: int) -> int:
        """A whole number."""
        text = self.text(name)
        if not text:
            return default
        if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
            raise InvalidRequest(f"{name} must be a number")
        return int(text)

    def boolean(self, name: str, default: bool) -> bool:
        """A truth value, as Go reads one."""
        text = self.text(name)
        if not text:
            return default
        if text in ("1", "t", "T", "TRUE", "true", "True"):
            return True
        if text in ("0", "f", "F", "FALSE", "false", "False"):
            return False
        raise InvalidRequest(f"invalid {name} {quote(text[:40])}: must be boolean")

    def query(self, name: str = "query") -> tuple[Expr, str]:
        """A PromQL query and its tree."""
        text = self.text(name)
        try:
            return parse(text), text
        except QuerySyntaxError as error:
            raise invalid(name, error) from error

    async def parsed(self) -> tuple[Expr, str]:
        """As `query`; a long one does not hold up others."""
        text = self.text("query")
        if len(text) <= SHORT and text.count("~") <= MANY:
            return self.query()
        return await asyncio.to_thread(self.query)

    def range(self, *, start: int = MIN_TIME, end: int = MAX_TIME) -> tuple[int, int]:
        """`start` and `end`, or everything."""
        return self.time("start", start), self.time("end", end)

    def matchers(self, *, required: bool = False, name: str = "match[]") -> tuple[tuple[LabelMatcher, ...], ...]:
        """The selectors of a request. As Prometheus does, faults name the parameter where it must be there."""
        texts = self.all(name)
        if required and not texts:
            raise InvalidRequest(f"no {name} parameter provided")
        if sum(text.count("~") for text in texts) > MAX_EXPRESSIONS:
            raise InvalidRequest(f"the selectors have more than {MAX_EXPRESSIONS} regular expressions")
        found = []
        for text in texts:
            try:
                matchers = parse_selector(text)
            except QuerySyntaxError as error:
                raise invalid(name, error) if required else error from error
            if not any(map(needs_value, matchers)):
                reason = InvalidRequest(f"{name} must contain at least one non-empty matcher")
                raise invalid(name, reason) if required else reason
            found.append(matchers_of(matchers))
        return tuple(found)

    def scan(self, *, required: bool = False) -> SeriesScan:
        """The series that a request is about."""
        start, end = self.range()
        return SeriesScan(self.matchers(required=required), start, end)


def selector(text: str, name: str) -> tuple[Matcher, ...]:
    """Matchers of a selector. Raises `InvalidRequest` that names the parameter."""
    try:
        return parse_selector(text)
    except QuerySyntaxError as error:
        raise invalid(name, error) from error


def time_of(text: str) -> int:
    """A point in time: seconds as a number, or RFC 3339. Raises `InvalidRequest`."""
    if _FLOAT.fullmatch(text):
        seconds = float(text.replace("_", ""))
        if abs(seconds) < 1e15:
            return min(max(round(seconds * 1000), MIN_TIME), MAX_TIME)
    elif (found := _TIME.fullmatch(text)) is not None:
        year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
        try:
            moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        except ValueError:
            raise InvalidRequest(f"cannot parse {quote(text)} to a valid timestamp") from None
        shift = (int(hours) * 60 + int(minutes)) * 60 * (1 if sign == "+" else -1) if sign else 0
        ms = int((fraction or "0")[:3].ljust(3, "0"))
        since = (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
        return min(max((int(since) - shift) * 1000 + ms, MIN_TIME), MAX_TIME)
    # Clients ask so for everything: what Prometheus' own bounds look like.
    elif text.startswith(("-292", "+292", "292")):
        return MIN_TIME if text.startswith("-") else MAX_TIME
    raise InvalidRequest(f"cannot parse {quote(text[:80])} to a valid timestamp")


def duration_of(text: str) -> int:
    """A duration in ns: seconds as a number, or with units. Raises `InvalidRequest`."""
    if _FLOAT.fullmatch(text):
        ns = float(text.replace("_", "")) * _NS
        if abs(ns) > _LONGEST:
            raise InvalidRequest(f"cannot parse {quote(text[:80])} to a valid duration. It overflows int64")
        return int(ns)
    try:
        return parse_duration(text)
    except ValueError:
        raise InvalidRequest(f"cannot parse {quote(text[:80])} to a valid duration") from None
