"""The script language of these tests: traces to store, queries, and what they must answer.

    trace T1                                       the spans that follow, children indented below their parents
    a: GET / @shop 0s 100ms server error {"span.n": 1, "resource.env": "prod", "message": "no",
    ... "scope": ["otel", "1.0"], "events": [["exception", "5ms", {"type": "IO"}]], "links": [["T1", "a", {}]]}
      b: SELECT @db 10ms 50ms client               label: name @service start duration [kind] [status] [fields]
      c^gone: x @db 1s 1s                          a span whose parent has another label (or none: gone)
    search [limit=N] [spans=N] QUERY
      T1 a b                                       traces, newest match first; spans of a spanset by start
      T1 a {"count()": 1, "by(name)": "GET /"}     what the set says of itself, all of it when there is any
      + c                                          another spanset of the same trace
      T1 a(n=1, name="x")                          fields that are told of a span
    spans QUERY                                    spans that the query is about (a scan), in order of labels
      a b
    range START END STEP QUERY                     values at START, START + STEP ...; _ where there is none
      {"resource.service.name": "db"} 1 _ 3
    instant START END QUERY
      {} 3
    fails QUERY
      part of the message
    prints QUERY
      canonical text

A kind is `internal` and a status `unset` when it is not said. Times are offsets from `START`. `#` begins a comment. A line
that begins with `...` goes on from the line before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.oracles.spans import Event, Link, Span

from nexus.query.trace_plan import KINDS, STATUSES
from nexus.query.traces.lexer import duration_ns

START = 1_795_478_400 * 10**9
"""Time 0s of the scripts."""

_SPAN = re.compile(
    r"(?P<indent> *)(?P<label>\w+)(?:\^(?P<parent>\w+))?: (?P<name>.*?) @(?P<service>\S*) (?P<start>\S+) (?P<duration>\S+)"
    r"(?P<words>(?: [a-z]+)*)(?: (?P<fields>\{.*\}))?"
)
_OPTION = re.compile(r"(limit|spans)=(\d+)\s+")


@dataclass
class Case:
    """One query with what it must answer."""

    place: str
    kind: str
    query: str
    options: dict[str, int]
    times: list[int] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)


@dataclass
class Script:
    """A file: its spans, what they are called, and its cases."""

    spans: list[Span] = field(default_factory=list)
    labels: dict[bytes, str] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)


def scripts(folder: Path) -> list[Path]:
    """All scripts."""
    return sorted(folder.glob("*.test"))


def time_of(text: str) -> int:
    """An offset in ns; negative ones begin with a minus."""
    ns = duration_ns(text.removeprefix("-"))
    assert ns is not None, text
    return -ns if text.startswith("-") else ns


def trace_id(name: str) -> bytes:
    """The id of a trace by its name."""
    return name.encode().rjust(16, b"\1")


def span_id(label: str) -> bytes:
    """The id of a span by its label."""
    return label.encode().rjust(8, b"\2")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("..."):
            found[-1] = found[-1][0], f"{found[-1][1]} {line.removeprefix('...').strip()}"
        elif line.strip() and not line.startswith("#"):
            found.append((number, line.rstrip()))
    yield from found


def read(path: Path, tenant: str) -> Script:
    """A script, whose spans are of a tenant."""
    script = Script()
    trace = ""
    above: list[tuple[int, str]] = []
    for number, line in _lines(path):
        place = f"{path.name}:{number}"
        word, _, rest = line.partition(" ")
        if word == "trace":
            trace, above = rest, []
        elif word in ("search", "spans", "range", "instant", "fails", "prints"):
            script.cases.append(_case(place, word, rest))
        elif (found := _SPAN.fullmatch(line)) is not None and not script.cases:
            indent = len(found["indent"])
            while above and above[-1][0] >= indent:
                above.pop()
            parent = found["parent"] or (above[-1][1] if above else "")
            above.append((indent, found["label"]))
            span = _span(found, trace, parent, tenant)
            script.spans.append(span)
            script.labels[span.span_id] = found["label"]
        else:
            assert script.cases, place
            script.cases[-1].expected.append(line.strip())
    return script


def _case(place: str, kind: str, rest: str) -> Case:
    options: dict[str, int] = {}
    while kind == "search" and (option := _OPTION.match(rest)):
        options[option[1]] = int(option[2])
        rest = rest[option.end() :]
    times: list[int] = []
    for _ in range({"range": 3, "instant": 2}.get(kind, 0)):
        time, _, rest = rest.partition(" ")
        times.append(time_of(time))
    return Case(place, kind, rest, options, times)


def _span(found: re.Match[str], trace: str, parent: str, tenant: str) -> Span:
    fields: dict[str, Any] = json.loads(found["fields"] or "{}")
    start = START + time_of(found["start"])
    span = Span(
        trace_id(trace),
        span_id(found["label"]),
        span_id(parent) if parent else bytes(8),
        start,
        time_of(found["duration"]),
        found["name"],
        found["service"],
        1,
        tenant=tenant,
    )
    for word in found["words"].split():
        if word in KINDS:
            span.kind = KINDS.index(word)
        else:
            span.status = STATUSES.index(word)
    if span.service:
        span.resource["service.name"] = span.service
    for name, value in fields.items():
        place, _, key = name.partition(".")
        match place:
            case "span":
                span.attributes[key] = value
            case "resource":
                span.resource[key] = value
            case "scope":
                span.scope = (value[0], value[1])
                span.scope_attributes = value[2] if len(value) > 2 else {}
            case "events":
                span.events = [Event(start + time_of(at), name, held) for name, at, held in value]
            case "links":
                span.links = [Link(trace_id(of), span_id(to), held) for of, to, held in value]
            case "message":
                span.message = value
            case "weight":
                span.weight = value
    return span
