"""The script language of these tests: records to load, queries, and what they must answer.

    @ {"service.name": "shop"}                     resource of the records that follow
    10s error {"n": 1} | text of the line          a record: time, severity (- for none), attributes if any, body
    logs [limit=N] [forward] [interval=5s] [from=0s] [to=60s] QUERY
      10s {"label": "value", "gone": ""} | text    entries in order; labels named must have these values
    instant TIME QUERY
      {"label": "value"} 3                         all series with all their labels
    range START END STEP QUERY
      {"label": "value"} 1 _ 3                     a value for each step, _ for none
    fails QUERY
      part of the message
    prints QUERY
      canonical text

Times are offsets from `START`. A body or line in double quotes is a JSON string. `#` begins a comment. A query may go on in
lines that begin with `...`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nexus import _native
from nexus.query.logql.lexer import nanoseconds

START = 1_795_478_400 * 10**9
"""Time 0s of the scripts."""

_OPTION = re.compile(r"(limit|interval|from|to)=(\S+)\s+|(forward)\s+")
_SEVERITY = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}


@dataclass
class Case:
    """One query with what it must answer."""

    place: str
    kind: str
    query: str
    options: dict[str, str]
    expected: list[str] = field(default_factory=list)


@dataclass
class Script:
    """A file: its records as OTLP/JSON, and its cases."""

    records: bytes
    cases: list[Case]


def at(text: str) -> int:
    """A time of a script in ns since the epoch."""
    sign = -1 if text.startswith("-") else 1
    return START + sign * (nanoseconds(text.lstrip("-")) if text != "0" else 0)


def read(path: Path) -> Script:
    """Read a script."""
    resources: list[dict[str, Any]] = []
    cases: list[Case] = []
    for number, raw in enumerate(path.read_text().splitlines(), 1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        place = f"{path.name}:{number}"
        if raw.startswith("..."):
            cases[-1].query += "\n" + raw[3:].strip()
        elif raw.startswith("  "):
            cases[-1].expected.append(raw.strip())
        elif raw.startswith("@"):
            attributes = _attributes(json.loads(raw[1:]))
            resources.append({"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": []}]})
        elif re.match(r"-?\d", raw):
            resources[-1]["scopeLogs"][0]["logRecords"].append(_record(raw))
        else:
            cases.append(_case(raw, place))
    return Script(json.dumps({"resourceLogs": resources}).encode(), cases)


def _record(raw: str) -> dict[str, Any]:
    head, _, body = raw.partition(" | ")
    time, severity, *more = head.split(" ", 2)
    attributes = json.loads(more[0]) if more and more[0].strip() else {}
    record = {
        "timeUnixNano": str(at(time)),
        "severityNumber": _SEVERITY.get(severity, 0),
        "body": {"stringValue": _text(body)},
        "attributes": _attributes({key: value for key, value in attributes.items() if key not in ("traceId", "spanId")}),
    }
    return record | {key: attributes[key] for key in ("traceId", "spanId") if key in attributes}


def _text(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') and text.endswith('"') and len(text) > 1 else text


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    kinds: dict[type, Callable[[Any], dict[str, Any]]] = {
        str: lambda value: {"stringValue": value},
        bool: lambda value: {"boolValue": value},
        int: lambda value: {"intValue": str(value)},
        float: lambda value: {"doubleValue": value},
    }
    return [{"key": key, "value": kinds[type(value)](value)} for key, value in values.items()]


def _case(raw: str, place: str) -> Case:
    kind, _, rest = raw.partition(" ")
    options: dict[str, str] = {}
    if kind == "logs":
        while match := _OPTION.match(rest):
            options[match[1] or match[3]] = match[2] or "yes"
            rest = rest[match.end() :]
    elif kind in ("instant", "range"):
        names = ("at",) if kind == "instant" else ("start", "end", "step")
        for name in names:
            options[name], _, rest = rest.partition(" ")
    elif kind not in ("fails", "prints"):
        raise ValueError(f"{place}: what is {kind!r}?")
    return Case(place, kind, rest, options)


def batch(script: Script) -> Any:
    """The records of a script."""
    decoded = _native.decode_otlp_logs_json(script.records, now_ns=START)
    assert not decoded.rejected, decoded.errors
    return decoded.batch


# ------------------------------------------------------------------------------------------------------------- comparing


def compare_logs(case: Case, streams: list[dict[str, Any]], forward: bool) -> None:
    """Entries in order, with the labels that the script names."""
    entries = [
        (int(time), line, stream["stream"]) for stream in streams for time, line in (value[:2] for value in stream["values"])
    ]
    entries.sort(key=lambda entry: entry[0], reverse=not forward)
    shown = [f"{(time - START) / 1e9:g}s | {line}" for time, line, _ in entries]
    wanted = [_entry(line) for line in case.expected]
    assert shown == [f"{(time - START) / 1e9:g}s | {line}" for time, _, line in wanted], (case.place, entries)
    for (_, line, labels), (_, held, _) in zip(entries, wanted, strict=True):
        found = {name: labels.get(name, "") for name in held}
        assert found == held, (case.place, line, labels)


def _entry(text: str) -> tuple[int, dict[str, str], str]:
    head, _, line = text.partition("|")
    time, _, labels = head.strip().partition(" ")
    return at(time), json.loads(labels) if labels else {}, _text(line.strip())


def compare_series(case: Case, series: list[dict[str, Any]], steps: list[int]) -> None:
    """All series, whatever their order."""
    found = {json.dumps(one["metric"], sort_keys=True): _values(one, steps) for one in series}
    wanted = {}
    for text in case.expected:
        labels, end = json.JSONDecoder().raw_decode(text)
        wanted[json.dumps(labels, sort_keys=True)] = text[end:].split()
    assert sorted(found) == sorted(wanted), (case.place, found)
    for key, values in wanted.items():
        assert len(values) == len(steps), case.place
        for value, other in zip(found[key], values, strict=True):
            same = value == other or (
                "_" not in (value, other) and abs(float(value) - float(other)) <= 1e-9 * max(abs(float(other)), 1)
            )
            assert same, (case.place, key, found[key])


def _values(one: dict[str, Any], steps: list[int]) -> list[str]:
    samples = [one["value"]] if "value" in one else one["values"]
    held = {round(time * 1000): value for time, value in samples}
    return [held.get(step // 1_000_000, "_") for step in steps]


def steps_of(case: Case) -> list[int]:
    """Evaluation times of a metric query."""
    if case.kind == "instant":
        return [at(case.options["at"])]
    return list(range(at(case.options["start"]), at(case.options["end"]) + 1, nanoseconds(case.options["step"])))


def scripts(folder: Path) -> Iterator[Path]:
    """All scripts, by name."""
    yield from sorted(folder.glob("*.test"))
