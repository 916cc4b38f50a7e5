"""Date math: `now-1h/d`, `2026-01-31||+1d`, epoch numbers and RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from nexus.errors import InvalidRequest
from nexus.model.time import MAX_TIME, NS_PER_SECOND, parse_time

_STEP: Final = re.compile(r"([+-]\d*|/)([yMwdhHms])")
_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3600, "H": 3600, "m": 60, "s": 1}
_INTERVAL: Final = re.compile(r"(-?\d{1,20})(ms|s|m|h|d|w|micros|nanos)")
_INTERVAL_NS: Final = {
    "nanos": 1,
    "micros": 1_000,
    "ms": 1_000_000,
    **{unit: seconds * NS_PER_SECOND for unit, seconds in _UNITS.items()},
}
CALENDAR: Final = {
    "1m": "minute",
    "minute": "minute",
    "1h": "hour",
    "hour": "hour",
    "1d": "day",
    "day": "day",
    "1w": "week",
    "week": "week",
    "1M": "month",
    "month": "month",
    "1q": "quarter",
    "quarter": "quarter",
    "1y": "year",
    "year": "year",
}
"""Calendar intervals, to their units."""


def read_date(value: object, *, now_ns: int, up: bool = False, format: str = "") -> int:
    """A moment in ns. `up` rounds `/d` up to the last ns of the day; a number is in ms, unless `format` says seconds.

    Raises `InvalidRequest`.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidRequest(f"{value!r} is not a date.")
    text = str(value).strip()
    year = isinstance(value, str) and "epoch" not in format and re.fullmatch(r"\d{4}", text) is not None
    if re.fullmatch(r"-?\d+(\.\d+)?", text) and not year:
        factor = NS_PER_SECOND if "epoch_second" in format else 1_000_000
        whole, _, fraction = text.partition(".")
        ns = int(whole) * factor + (int(fraction[:9].ljust(9, "0")) * factor // 10**9 if fraction else 0)
        return min(max(ns, 0), MAX_TIME)
    if text.startswith("now"):
        base, math = now_ns, text[3:]
    else:
        date, _, math = text.partition("||")
        padded = (
            f"{date}-01-01" if re.fullmatch(r"\d{4}", date) else f"{date}-01" if re.fullmatch(r"\d{4}-\d\d", date) else date
        )
        base = parse_time(padded, now_ns=now_ns)
    moment = datetime.fromtimestamp(base // NS_PER_SECOND, UTC)
    nanos, position = base % NS_PER_SECOND, 0
    try:
        for match in _STEP.finditer(math):
            if match.start() != position:
                break
            position = match.end()
            if match[1] == "/":
                moment, nanos = _floor(moment, match[2]), 0
                if up:
                    moment, nanos = _add(moment, 1, match[2]) - timedelta(seconds=1), NS_PER_SECOND - 1
            else:
                moment = _add(moment, int(match[1] if len(match[1]) > 1 else f"{match[1]}1"), match[2])
    except (ValueError, OverflowError):
        raise InvalidRequest(f"the date {text[:60]!r} lies outside the calendar.") from None
    if position != len(math):
        raise InvalidRequest(f"cannot read the date {text[:60]!r}.", hint="For example now-1h, now/d, or RFC 3339.")
    return min(max(int(moment.timestamp()) * NS_PER_SECOND + nanos, 0), MAX_TIME)


def read_interval(text: object) -> int:
    """A length of time such as `30s` in ns. Raises `InvalidRequest`."""
    match = _INTERVAL.fullmatch(str(text).strip())
    if match is None:
        raise InvalidRequest(f"{str(text)[:60]!r} is not an interval.", hint="For example 30s, 5m, 1h, 1d.")
    length = int(match[1]) * _INTERVAL_NS[match[2]]
    if abs(length) > MAX_TIME // 2:
        raise InvalidRequest(f"the interval {str(text)[:60]!r} is too long.")
    return length


def _floor(moment: datetime, unit: str) -> datetime:
    moment = moment.replace(microsecond=0)
    match unit:
        case "y":
            return moment.replace(month=1, day=1, hour=0, minute=0, second=0)
        case "M":
            return moment.replace(day=1, hour=0, minute=0, second=0)
        case "w":
            return moment.replace(hour=0, minute=0, second=0) - timedelta(days=moment.weekday())
        case "d":
            return moment.replace(hour=0, minute=0, second=0)
        case "h" | "H":
            return moment.replace(minute=0, second=0)
        case "m":
            return moment.replace(second=0)
        case _:
            return moment


def _add(moment: datetime, number: int, unit: str) -> datetime:
    if unit not in "yM":
        return moment + timedelta(seconds=number * _UNITS[unit])
    months = moment.year * 12 + moment.month - 1 + number * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    after = datetime(year + (month == 11), (month + 1) % 12 + 1, 1, tzinfo=UTC)
    last = (after - timedelta(days=1)).day
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))
