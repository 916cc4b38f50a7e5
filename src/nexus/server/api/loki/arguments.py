"""Arguments of Loki's API: query string and form together; times, durations, steps and limits as Loki reads them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from nexus.errors import InvalidRequest
from nexus.model.time import MAX_TIME, NS_PER_HOUR, NS_PER_SECOND, parse_time
from nexus.query.logql.lexer import DURATION, nanoseconds
from nexus.server.call import Call

DEFAULT_LIMIT: Final = 100
MAX_STEPS: Final = 11_000
_NUMBER: Final = re.compile(r"-?\d+")
_FLOAT: Final = re.compile(r"-?\d*\.\d+(?:[eE][+-]?\d+)?|-?\d+(?:\.\d*)?[eE][+-]?\d+|-?\d+\.")


class Arguments:
    """The arguments of one request."""

    def __init__(self, pairs: tuple[tuple[str, str], ...], now_ns: int) -> None:
        self._pairs = pairs
        self.now_ns = now_ns

    @classmethod
    def of(cls, call: Call) -> Arguments:
        """From the query string and, of a POST, the form. Raises `InvalidRequest`."""
        pairs = call.query
        if call.body:
            try:
                pairs += tuple(parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=1000))
            except (ValueError, UnicodeDecodeError) as error:
                raise InvalidRequest("the form cannot be read.") from error
        return cls(pairs, call.services.now_ns())

    def text(self, name: str, default: str = "") -> str:
        """An argument, or the default."""
        return next((value for key, value in self._pairs if key == name and value), default)

    def all(self, *names: str) -> list[str]:
        """Every value of a repeated argument."""
        return [value for key, value in self._pairs if key in names and value]

    def required(self, name: str) -> str:
        """An argument that must be there."""
        if not (value := self.text(name)):
            raise InvalidRequest(f"{name} is empty: the parameter is required.")
        return value

    def integer(self, name: str, default: int, *, least: int = 1) -> int:
        """A whole number."""
        text = self.text(name)
        if not text:
            return default
        if not _NUMBER.fullmatch(text) or len(text) > 18:
            raise InvalidRequest(f'{name}: strconv.Atoi: parsing "{text[:40]}": invalid syntax')
        if int(text) < least:
            raise InvalidRequest(f"{name} must be a positive value")
        return int(text)

    def time(self, name: str, default: int) -> int:
        """A point in time in ns: RFC 3339, float seconds, integer seconds (10 digits at most) or ns."""
        text = self.text(name)
        return time_of(text, self.now_ns) if text else default

    def duration(self, name: str) -> int | None:
        """A duration in ns, written with units or as seconds."""
        text = self.text(name)
        return duration_of(text, name) if text else None

    def range(self, since: int = NS_PER_HOUR) -> tuple[int, int]:
        """`start` and `end`; `since` (argument, or this default) is what lies between them when `start` is not given."""
        span = self.duration("since") or since
        end = self.time("end", self.now_ns)
        start = self.time("start", max(min(end, self.now_ns) - span, 0))
        if end < start:
            raise InvalidRequest(
                f"end timestamp must not be before or equal to start time: {end} is before {start}"
            )  # as Loki says it
        return start, end

    def step(self, start: int, end: int) -> int:
        """`step` in ns; a 250th of the range when it is not given. Raises `InvalidRequest` for too many steps."""
        step = self.duration("step")
        if step is None:
            step = max((end - start) // NS_PER_SECOND // 250, 1) * NS_PER_SECOND
        if step <= 0:
            raise InvalidRequest("zero or negative query resolution step widths are not accepted. Try a positive integer")
        if (end - start) // step > MAX_STEPS:
            raise InvalidRequest(
                "exceeded maximum resolution of 11,000 points per timeseries. Try increasing the value of the step parameter"
            )
        return step

    def forward(self) -> bool:
        """Is the oldest entry to come first?"""
        direction = self.text("direction", "backward").lower()
        if direction not in ("forward", "backward"):
            raise InvalidRequest(f"invalid direction '{direction[:40]}'")
        return direction == "forward"


def time_of(text: str, now_ns: int) -> int:
    """A point in time as Loki reads it. Raises `InvalidRequest`."""
    if _NUMBER.fullmatch(text) and len(text) <= 20:
        number = int(text)
        result = number * NS_PER_SECOND if len(text) <= 10 else number
    elif _FLOAT.fullmatch(text):
        result = round(float(text) * 1000) * 1_000_000
    else:
        result = parse_time(text, now_ns=now_ns)
    if not 0 <= result <= MAX_TIME:
        raise InvalidRequest(f"the time {text[:40]!r} lies outside 1970-01-01 .. 2262-04-11.")
    return result


def duration_of(text: str, name: str) -> int:
    """A duration with units, or seconds. Raises `InvalidRequest`."""
    if DURATION.fullmatch(text):
        return nanoseconds(text)
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not abs(seconds) < 1e10:
        raise InvalidRequest(f"{name}: cannot parse {text[:40]!r} to a valid duration")
    return round(seconds * NS_PER_SECOND)
