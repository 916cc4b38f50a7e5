"""Prometheus' language of PromQL tests (promqltest): reads a script into commands.

    load 5m                                    series with a value every 5m from time 0; load_with_nhcb also makes native
      a{b="c"} 1+1x5                           histograms with custom buckets of classic ones
    clear                                      forgets everything
    eval instant at 10m QUERY                  and the series, or the number, that it answers
      {b="c"} 3
    eval range from 0 to 10m step 5m QUERY
      {b="c"} 1 2 3

Below `eval`, `expect fail|warn|info|no_warn|no_info|ordered [msg: TEXT|regex: PATTERN]`, `expect string "TEXT"` and
`expect range vector from 0 to 5m step 1m`. Old forms: `eval_fail`, `eval_warn`, `eval_info`, `eval_ordered`,
`expected_fail_message`, `expected_fail_regexp`. Language: https://prometheus.io/docs (unit testing rules) and the README of
promqltest.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.conformance.promql.series import Labels, Value, number, parse_series

from nexus.query.promql.lexer import parse_duration

_INSTANT = re.compile(r"eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)")
_RANGE = re.compile(r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+?)\s+to\s+(.+?)\s+step\s+(.+?)\s+(.+)")
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?")
_RANGE_VECTOR = re.compile(r"expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)")


@dataclass
class Load:
    """Values every `step` ms, from time 0; start times of samples as offsets from them in ms."""

    step: int
    nhcb: bool
    series: list[tuple[Labels, list[Value]]] = field(default_factory=list)
    starts: dict[Labels, list[int | None]] = field(default_factory=dict)


@dataclass
class Clear:
    """Forget everything."""


@dataclass
class Pattern:
    """What a message must be, or match; anything when neither is said."""

    message: str | None = None
    regex: str | None = None

    def fits(self, text: str) -> bool:
        """Is this the message?"""
        if self.regex is not None:
            return re.search(self.regex, text) is not None
        return self.message is None or self.message == text


@dataclass
class Eval:
    """A query with what it must answer. Times are ms."""

    line: int
    query: str
    start: int
    end: int
    step: int
    instant: bool
    expects: dict[str, list[Pattern]] = field(default_factory=dict)
    series: dict[Labels, list[Value]] = field(default_factory=dict)
    scalar: float | None = None
    string: str | None = None
    matrix: tuple[int, int, int] | None = None

    @property
    def fails(self) -> bool:
        """Must it fail?"""
        return "fail" in self.expects


Command: TypeAlias = "Load | Clear | Eval"


def ms(text: str) -> int:
    """A duration in ms; a number alone is 0 or seconds."""
    negative, text = text.startswith("-"), text.strip().lstrip("-")
    found = 0 if text == "0" else parse_duration(text) // 10**6
    return -found if negative else found


def read(text: str) -> Iterator[Command]:
    """The commands of a script."""
    lines = [line.strip() for line in text.splitlines()]
    lines = ["" if line.startswith("#") else line for line in lines]
    at = 0
    while at < len(lines):
        line = lines[at]
        end = at + 1
        if line:
            word = re.split(r"[\t ]+", line)[0].lower()
            if word == "clear":
                yield Clear()
            else:
                while end < len(lines) and lines[end]:
                    end += 1
                if word.startswith("load"):
                    yield _load(line, lines[at + 1 : end])
                elif word.startswith("eval"):
                    yield _eval(line, lines[at + 1 : end], at + 1)
                else:
                    raise ValueError(f"line {at + 1}: no command: {line}")
        at = end


def _load(head: str, lines: list[str]) -> Load:
    found = re.fullmatch(r"load(?:_(with_nhcb))?\s+(.+?)", head)
    if not found:
        raise ValueError(f"not a load: {head}")
    load = Load(ms(found[2]), bool(found[1]))
    starts: list[int | None] | None = None
    for line in lines:
        if re.match(r"\S+@st\s", line):
            _, _, rest = line.partition("@st")
            starts = list(_starts(rest))
            continue
        labels, values = parse_series(line)
        load.series.append((labels, values))
        if starts is not None:
            load.starts[labels] = starts
            starts = None
    return load


def _starts(text: str) -> Iterator[int | None]:
    for item in text.split():
        found = re.fullmatch(r"([+-]?\d+[a-z]*?)(?:([+-]\d+[a-z]*?))?(?:x(\d+))?", item)
        if item.startswith("_"):
            yield from [None] * int(item[2:] or 1)
        elif found:
            value, step = ms(found[1].lstrip("+")), ms((found[2] or "0").lstrip("+"))
            for index in range(int(found[3] or 0) + 1):
                yield value + index * step
        else:
            raise ValueError(f"not a start time: {item}")


def _eval(head: str, lines: list[str], line: int) -> Eval:
    if found := _INSTANT.fullmatch(head):
        mode, at, query = found.groups()
        case = Eval(line, query, ms(at), ms(at), 0, instant=True)
    elif found := _RANGE.fullmatch(head):
        mode, start, end, step, query = found.groups()
        case = Eval(line, query, ms(start), ms(end), ms(step), instant=False)
    else:
        raise ValueError(f"line {line}: not an evaluation: {head}")
    if mode:
        case.expects.setdefault(mode, []).append(Pattern())
    for one in lines:
        if _expectation(case, one):
            continue
        try:
            case.scalar = number(one)
        except ValueError:
            labels, values = parse_series(one)
            case.series[labels] = values
    return case


def _expectation(case: Eval, line: str) -> bool:
    if line.startswith("expected_fail_message"):
        case.expects["fail"] = [Pattern(message=line.removeprefix("expected_fail_message").strip())]
    elif line.startswith("expected_fail_regexp"):
        case.expects["fail"] = [Pattern(regex=line.removeprefix("expected_fail_regexp").strip())]
    elif found := _RANGE_VECTOR.fullmatch(line):
        case.matrix = (ms(found[1]), ms(found[2]), ms(found[3]))
        case.start = case.end = case.matrix[1]
    elif line.startswith("expect string "):
        case.string = _unquoted(line.removeprefix("expect string ").strip())
    elif found := _EXPECT.fullmatch(line):
        kind, form, text = found.groups()
        text = text.strip() if text else None
        case.expects.setdefault(kind, []).append(
            Pattern(**({"message" if form == "msg" else "regex": text} if form else {}))
        )
    else:
        return False
    return True


def _unquoted(text: str) -> str:
    return text[1:-1] if text.startswith("`") else str(ast.literal_eval(text))
