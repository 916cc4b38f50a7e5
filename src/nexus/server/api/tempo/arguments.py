"""Arguments of Tempo's API: seconds or ns since the epoch, durations as Go writes them, limits. Pure."""

from __future__ import annotations

import re
from typing import Final

from nexus.errors import InvalidRequest
from nexus.model.time import MAX_TIME, NS_PER_HOUR, NS_PER_SECOND, TimeRange, parse_time
from nexus.query.traces.lexer import duration_ns

DEFAULT_LIMIT: Final = 20
DEFAULT_SPANS: Final = 3
MAX_LIMIT: Final = 1_500
MAX_SPANS: Final = 1_000
POINTS: Final = 60
"""About how many points a series has when no step is named."""
_FLOAT: Final = re.compile(r"\d*\.\d+")
_NUMBER: Final = re.compile(r"\d{1,19}")
_STEPS: Final = re.compile(r"-1|\d{1,9}", re.ASCII)
_SECONDS: Final = re.compile(r"\d{1,9}(\.\d+)?|\.\d+")


class Arguments:
    """The arguments of one request."""

    def __init__(self, pairs: tuple[tuple[str, str], ...], now_ns: int) -> None:
        self._pairs = pairs
        self.now_ns = now_ns

    def text(self, *names: str) -> str:
        """The first value of the first of these that is there; nothing when none is."""
        for name in names:
            if found := next((value for key, value in self._pairs if key == name), ""):
                return found
        return ""

    def number(self, name: str, default: int, most: int) -> int:
        """A positive whole number; what is above `most` is `most`."""
        text = self.text(name)
        if not text:
            return default
        if not _NUMBER.fullmatch(text):
            raise InvalidRequest(f'invalid {name}: strconv.Atoi: parsing "{text[:40]}": invalid syntax')
        if not int(text):
            raise InvalidRequest(f"invalid {name}: must be a positive number")
        return min(int(text), most)

    def time(self, name: str) -> int | None:
        """A point in time in ns: seconds, with a fraction or not, ns, or RFC 3339; None when it is not there."""
        text = self.text(name)
        if not text:
            return None
        try:
            if _FLOAT.fullmatch(text):
                found = round(float(text) * 1000) * 1_000_000
            elif _NUMBER.fullmatch(text):
                found = int(text) * NS_PER_SECOND if len(text) <= 10 else int(text)
            else:
                found = parse_time(text, now_ns=self.now_ns)
        except InvalidRequest:
            raise InvalidRequest(f'invalid {name}: strconv.ParseInt: parsing "{text[:40]}": invalid syntax') from None
        if not 0 <= found <= MAX_TIME:
            raise InvalidRequest(f"invalid {name}: {text[:40]} lies outside 1970-01-01 .. 2262-04-11")
        return found

    def range(self) -> TimeRange:
        """`start` and `end`; `since` (an hour) is what lies between them when `start` is not given. What began in the last
        second of a range in seconds belongs to it."""
        end = self.time("end")
        now = end if end is not None else self.now_ns
        since = self.duration("since") or NS_PER_HOUR
        start = self.time("start")
        if start is None:
            start = max(min(now, self.now_ns) - since, 0)
        if start > now:
            raise InvalidRequest(f"http parameter start must be before end. received start={start} end={now}")
        whole = end is not None and end % NS_PER_SECOND == 0
        return TimeRange(start, min(now + (NS_PER_SECOND if whole else 1), MAX_TIME))

    def duration(self, name: str) -> int | None:
        """A duration in ns: with units, or in seconds; None when it is not there."""
        text = self.text(name)
        if not text:
            return None
        found = round(float(text) * NS_PER_SECOND) if _SECONDS.fullmatch(text) else duration_ns(text)
        if found is None or found > MAX_TIME:
            raise InvalidRequest(f'cannot parse "{text[:40]}" to a valid duration')
        return found

    def boolean(self, name: str) -> bool:
        """A truth value as Go reads one; false when it is not there."""
        text = self.text(name)
        if text in ("", "0", "f", "F", "false", "FALSE", "False"):
            return False
        if text in ("1", "t", "T", "true", "TRUE", "True"):
            return True
        raise InvalidRequest(f'invalid value for {name}: strconv.ParseBool: parsing "{text[:40]}": invalid syntax')

    def steps(self, name: str, default: int) -> int:
        """How many steps; -1 is all."""
        text = self.text(name)
        if not text:
            return default
        if not _STEPS.fullmatch(text):
            raise InvalidRequest(f"invalid value for {name}: must be a whole number >= -1, not {text[:40]}")
        return int(text)

    def hint(self) -> tuple[int | None, int | None]:
        """When a trace was, if `start` and `end` are given."""
        return self.time("start"), self.time("end")


def aligned(start: int, end: int, step: int) -> tuple[int, int]:
    """The range of a metrics query in whole steps."""
    return start // step * step, -(-end // step) * step
