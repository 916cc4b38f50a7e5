"""Slow twin of `crates/nexus-core/src/time.rs`: times as people write them, in exact arithmetic."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction

LAST = 2**63 - 1

RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?: ?(Z|z|UTC|[+-]\d\d(?::?\d\d)?))?| )?", re.ASCII
)
NUMBER = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d+))?", re.ASCII)


class Unreadable(ValueError):
    """No time."""


class OutOfRange(ValueError):
    """A time that cannot be stored."""


def parse(text: str) -> int:
    """Nanoseconds since the epoch."""
    text = text.strip(" \t\n\x0c\r")
    if len(text.encode()) > 4 and text.encode()[4:5] == b"-":
        return _rfc3339(text)
    return epoch(text)


def epoch(text: str) -> int:
    """A number of the largest unit in which it can be stored."""
    match = NUMBER.fullmatch(text)
    if not match:
        raise Unreadable(text)
    exponent = max(-400, min(400, int(match[3] or 0)))
    value = Fraction(match[2].removesuffix(".") if not match[2].startswith(".") else "0" + match[2])
    if value and match[1] == "-":
        raise OutOfRange(text)
    value *= Fraction(10) ** exponent
    for unit in (10**9, 10**6, 10**3, 1):
        if int(value * unit) <= LAST:
            return int(value * unit)
    raise OutOfRange(text)


def _rfc3339(text: str) -> int:
    match = RFC3339.fullmatch(text)
    if not match or text.endswith(" "):
        raise Unreadable(text)
    year, month, day, hour, minute, second = (int(group or 0) for group in match.groups()[:6])
    zone = re.sub(r"[:Zz]|UTC", "", match[8] or "")
    offset = int(zone[1:3] or 0) * 3600 + int(zone[3:5] or 0) * 60 if zone else 0
    if hour > 23 or minute > 59 or second > 60 or int(zone[1:3] or 0) > 23 or int(zone[3:5] or 0) > 59:
        raise Unreadable(text)
    try:
        # Years before 1 and after 9999 are not dates in Python; they are out of range all the same.
        days = date(year or 4, month, day).toordinal() - date(1970, 1, 1).toordinal() - (0 if year else 366 * 4)
    except ValueError as error:
        raise Unreadable(text) from error
    seconds = days * 86400 + hour * 3600 + minute * 60 + second - (offset if zone[:1] == "+" else -offset)
    ns = seconds * 10**9 + int((match[7] or "")[:9].ljust(9, "0"))
    if not 0 <= ns <= LAST:
        raise OutOfRange(text)
    return ns
