"""Syntax tree of LogQL: frozen nodes, compared by meaning. `printer.print_query` turns a tree into text that parses back
into an equal tree. Durations are integer nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# ------------------------------------------------------------------------------------------------------------- selectors


@dataclass(frozen=True, slots=True)
class Matcher:
    """`name op "value"`; `op` is `=`, `!=`, `=~` or `!~`; expressions match the whole value."""

    name: str
    op: str
    value: str


# ---------------------------------------------------------------------------------------------------------------- stages


@dataclass(frozen=True, slots=True)
class Needle:
    """What a line filter looks for: text, or (`ip`) addresses."""

    value: str
    ip: bool = False


@dataclass(frozen=True, slots=True)
class LineFilter:
    """`|= "a" or "b"`; `op` is one of `|=`, `!=`, `|~`, `!~`, `|>`, `!>`. Negated, no needle may be found."""

    op: str
    needles: tuple[Needle, ...]


@dataclass(frozen=True, slots=True)
class JsonParser:
    """`| json`, or with (label, path) pairs; a path is keys and indexes."""

    wanted: tuple[tuple[str, tuple[str | int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class LogfmtParser:
    """`| logfmt`, or with (label, key) pairs."""

    wanted: tuple[tuple[str, str], ...] = ()
    strict: bool = False
    keep_empty: bool = False


@dataclass(frozen=True, slots=True)
class RegexpParser:
    """`| regexp "..."`."""

    pattern: str


@dataclass(frozen=True, slots=True)
class PatternParser:
    """`| pattern "..."`."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Unpack:
    """`| unpack`."""


@dataclass(frozen=True, slots=True)
class TextFilter:
    """A label against a text, as `Matcher`."""

    name: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class NumberFilter:
    """A label against a number, a duration (ns) or a size (bytes); `op` is `==`, `!=`, `>`, `>=`, `<`, `<=`."""

    name: str
    op: str
    value: float
    unit: Literal["number", "duration", "bytes"] = "number"


@dataclass(frozen=True, slots=True)
class IpFilter:
    """A label that holds an address; `op` is `=` or `!=`."""

    name: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class AndFilter:
    """Both."""

    left: LabelFilter
    right: LabelFilter


@dataclass(frozen=True, slots=True)
class OrFilter:
    """Either."""

    left: LabelFilter
    right: LabelFilter


LabelFilter = TextFilter | NumberFilter | IpFilter | AndFilter | OrFilter


@dataclass(frozen=True, slots=True)
class LabelStage:
    """`| label filter`."""

    filter: LabelFilter


@dataclass(frozen=True, slots=True)
class LineFormat:
    """`| line_format "template"`."""

    template: str


@dataclass(frozen=True, slots=True)
class LabelFormat:
    """`| label_format name=source, name="template"`: (name, text, whether the text is a template)."""

    formats: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class Decolorize:
    """`| decolorize`."""


@dataclass(frozen=True, slots=True)
class Target:
    """A label of `drop` or `keep`, perhaps only when its value matches (`op` is empty otherwise)."""

    name: str
    op: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """`| drop a, b="x"`."""

    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """`| keep a, b="x"`."""

    targets: tuple[Target, ...]


Stage = (
    LineFilter
    | JsonParser
    | LogfmtParser
    | RegexpParser
    | PatternParser
    | Unpack
    | LabelStage
    | LineFormat
    | LabelFormat
    | Decolorize
    | Drop
    | Keep
)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """A selector and its pipeline."""

    matchers: tuple[Matcher, ...]
    stages: tuple[Stage, ...] = ()


# --------------------------------------------------------------------------------------------------------------- metrics


@dataclass(frozen=True, slots=True)
class Unwrap:
    """`| unwrap label`, `| unwrap duration(label)`, with the label filters behind it."""

    label: str
    conversion: str = ""
    filters: tuple[LabelFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class Grouping:
    """`by (a, b)` or `without (a, b)`."""

    without: bool
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RangeAggregation:
    """`op(param, selector [range] offset ...) by (...)`."""

    op: str
    query: LogQuery
    range: int
    offset: int = 0
    unwrap: Unwrap | None = None
    parameter: float | None = None
    grouping: Grouping | None = None


@dataclass(frozen=True, slots=True)
class VectorAggregation:
    """`op by (...) (k, expression)`."""

    op: str
    inner: Metric
    grouping: Grouping | None = None
    parameter: int | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """`on (...)` or `ignoring (...)`, with `group_left (...)` or `group_right (...)`."""

    on: bool
    labels: tuple[str, ...]
    card: Literal["", "left", "right"] = ""
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right`."""

    op: str
    left: Metric
    right: Metric
    as_bool: bool = False
    matching: Matching | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True, slots=True)
class Vector:
    """`vector(1)`."""

    value: float


@dataclass(frozen=True, slots=True)
class LabelReplace:
    """`label_replace(expression, "target", "replacement", "source", "regex")`."""

    inner: Metric
    target: str
    replacement: str
    source: str
    regex: str


Metric = RangeAggregation | VectorAggregation | Binary | Number | Vector | LabelReplace
Query = LogQuery | Metric
