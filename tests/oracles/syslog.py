"""A slow reader of RFC 5424 and RFC 3164 messages that follow their grammar, and of RFC 6587 framing: with regular expressions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

_SD_PARAM = r'[^=\s\]"]+="(?:[^"\\]|\\.)*"'
_SD = rf'\[[^=\s\]"]+(?: {_SD_PARAM})*\]'
_RFC5424 = re.compile(
    r"<(?P<pri>\d{1,3})>1 (?P<time>\S+) (?P<host>\S+) (?P<app>\S+) (?P<pid>\S+) (?P<msgid>\S+) "
    rf"(?P<data>-|(?:{_SD})+)(?: (?P<body>.*))?",
    re.DOTALL,
)
_RFC3164 = re.compile(
    r"<(?P<pri>\d{1,3})>(?P<month>[A-Z][a-z]{2}) (?P<day>[ \d]\d) (?P<clock>\d\d:\d\d:\d\d) "
    r"(?P<host>\S+) (?P<app>[A-Za-z][\w/-]*)(?:\[(?P<pid>\d+)\])?: ?(?P<body>.*)",
    re.DOTALL,
)
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_SEVERITIES = [21, 19, 18, 17, 13, 10, 9, 5]


def read(text: str, now: datetime) -> dict[str, Any]:
    """What a message means: time (None for now), severity number, facility, host, app, pid, msgid, data, body."""
    text = text.rstrip("\0\t\n\f\r ")
    if found := _RFC5424.fullmatch(text):
        nil = {
            name: "" if value in (None, "-") and name != "body" else value or "" for name, value in found.groupdict().items()
        }
        return {
            **_common(int(found["pri"])),
            "time": datetime.fromisoformat(nil["time"].replace("Z", "+00:00")) if nil["time"] else None,
            "host": nil["host"],
            "app": nil["app"],
            "pid": nil["pid"],
            "msgid": nil["msgid"],
            "data": _data(nil["data"]),
            "body": nil["body"].removeprefix("\ufeff").removeprefix(" "),
        }
    found = _RFC3164.fullmatch(text)
    assert found, text
    return {
        **_common(int(found["pri"])),
        "time": _with_year(found, now),
        "host": found["host"],
        "app": found["app"],
        "pid": found["pid"] or "",
        "msgid": "",
        "data": {},
        "body": found["body"],
    }


def _common(pri: int) -> dict[str, Any]:
    return {"severity": _SEVERITIES[pri % 8], "facility": pri // 8}


def _data(text: str) -> dict[str, list[str]]:
    params: dict[str, list[str]] = {}
    for element in re.findall(_SD, text):
        name = re.match(r'\[([^=\s\]"]+)', element)
        assert name
        for key, value in re.findall(r'([^=\s\]"\[]+)="((?:[^"\\]|\\.)*)"', element[len(name[0]) :]):
            params.setdefault(f"{name[1]}.{key}", []).append(re.sub(r'\\(["\\\]])', r"\1", value))
    return params


def _with_year(found: re.Match[str], now: datetime) -> datetime:
    """The latest year in which the day exists and that is no more than two days ahead."""
    month = _MONTHS.index(found["month"]) + 1
    hour, minute, second = map(int, found["clock"].split(":"))
    for year in range(now.year + 1, now.year - 9, -1):
        try:
            moment = datetime(year, month, int(found["day"]), hour, minute, second, tzinfo=UTC)
        except ValueError:
            continue
        if moment <= now + timedelta(days=2):
            return moment
    raise AssertionError(found[0])


def frame(messages: list[bytes], mode: str) -> bytes:
    """A stream of the messages: `octets`, `lines` or `nuls`."""
    if mode == "octets":
        return b"".join(b"%d %s" % (len(message), message) for message in messages)
    end = b"\n" if mode == "lines" else b"\0"
    return b"".join(message + end for message in messages)
