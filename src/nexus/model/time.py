"""Points in time as integer nanoseconds since the Unix epoch, and the texts that people write for them.

Accepted: epoch numbers in seconds, milliseconds, microseconds or nanoseconds (told apart by magnitude), RFC 3339, and
forms relative to now. Results outside 1970-01-01 .. 2262-04-11 do not fit the store and raise `InvalidRequest`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from nexus.errors import InvalidRequest

MAX_TIME: Final = 2**63 - 1
NS_PER_SECOND: Final = 1_000_000_000
NS_PER_HOUR: Final = 3600 * NS_PER_SECOND
NS_PER_DAY: Final = 24 * NS_PER_HOUR


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Half-open range of timestamps in ns; None is open."""

    start: int | None = None
    end: int | None = None


_UNIT_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": NS_PER_SECOND,
    "m": 60 * NS_PER_SECOND,
    "h": NS_PER_HOUR,
    "d": NS_PER_DAY,
    "w": 7 * NS_PER_DAY,
}
_RELATIVE: Final = re.compile(r"now(?:(?P<sign>[+-])(?P<amount>(?:\d+(?:ns|us|ms|[smhdw]))+))?")
_AMOUNT: Final = re.compile(r"(\d+)(ns|us|ms|[smhdw])")
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?(Z|z|[+-]\d\d:?\d\d)?"
)
_HINT: Final = "Use epoch numbers, RFC 3339 such as 2026-01-31T12:00:00Z, or a relative form such as now-15m."


def epoch_to_ns(number: int | float | Decimal) -> int:
    """Read an epoch number: the largest of seconds, ms, us and ns in which it lies before 2262-04-11."""
    exact = Decimal(str(number)) if isinstance(number, float) else Decimal(number)
    for factor in (NS_PER_SECOND, 1_000_000, 1_000):
        if abs(exact) * factor <= MAX_TIME:
            return int(exact * factor)
    return int(exact)


def parse_time(value: str | int | float, *, now_ns: int) -> int:
    """Read one point in time; see the module text for what is accepted. Raises `InvalidRequest`."""
    if isinstance(value, str):
        result = _parse_text(value.strip(), now_ns)
    elif value != value or value in (float("inf"), float("-inf")):
        result = None
    else:
        result = epoch_to_ns(value)
    if result is None:
        raise InvalidRequest(f"cannot read {value!r} as a time.", hint=_HINT)
    if not 0 <= result <= MAX_TIME:
        raise InvalidRequest(f"the time {value!r} lies outside 1970-01-01 .. 2262-04-11.", hint=_HINT)
    return result


def _parse_text(text: str, now_ns: int) -> int | None:
    if match := _RELATIVE.fullmatch(text):
        return _relative(match, now_ns)
    if match := _RFC3339.fullmatch(text):
        return _rfc3339(match)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return epoch_to_ns(number) if number.is_finite() else None


def _relative(match: re.Match[str], now_ns: int) -> int:
    if not match["sign"]:
        return now_ns
    distance = sum(int(count) * _UNIT_NS[unit] for count, unit in _AMOUNT.findall(match["amount"]))
    # Further back than 1970 means "from the beginning" to whoever types now-100y; further ahead means "no end".
    moved = now_ns - distance if match["sign"] == "-" else now_ns + distance
    return min(max(moved, 0), MAX_TIME)


def _rfc3339(match: re.Match[str]) -> int | None:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), min(int(second or 0), 59), tzinfo=UTC
        )
    except ValueError:
        return None
    seconds = int(moment.timestamp()) + (1 if second == "60" else 0)
    if second and int(second) > 60:
        return None
    if zone and zone not in "Zz":
        digits = zone[1:].replace(":", "")
        offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    return seconds * NS_PER_SECOND + int((fraction or "").ljust(9, "0") or 0)


def format_time(ns: int) -> str:
    """RFC 3339 in UTC with as many fractional digits as the value needs (0, 3, 6 or 9)."""
    seconds, fraction = divmod(ns, NS_PER_SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for digits in (0, 3, 6, 9):
        unit = 10 ** (9 - digits)
        if fraction % unit == 0:
            return f"{text}.{fraction // unit:0{digits}d}Z" if digits else f"{text}Z"
    raise AssertionError("unreachable")
