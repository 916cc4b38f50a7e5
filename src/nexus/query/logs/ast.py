"""Syntax tree of the search language: frozen nodes, compared by meaning and not by place.

Every node carries the half-open range of characters it was read from (`span`), which equality ignores. Trees are kept
in one normal form, made by `conjunction` and `disjunction`: an `And` holds no `And`, an `Or` no `Or`, and both hold at
least two parts. `printer.print_query` turns a tree into text that parses back into an equal tree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as member

from nexus.query.plan import CompareOp

Span = tuple[int, int]


# ------------------------------------------------------------------------------------------------------------ matchers


@dataclass(frozen=True, slots=True)
class Text:
    """A word or a phrase, bare or in quotes: `timeout`, `"connection refused"`."""

    value: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text with `*` in it: the pieces between the stars, two or more, inner ones not empty; `conn*` is ('conn', '')."""

    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Regex:
    """`/expression/`; `pattern` is RE2 with its slashes unescaped."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """An operator and a literal: `>=500`, `!=ok`, `="exactly this"`."""

    op: CompareOp
    value: str


@dataclass(frozen=True, slots=True)
class Range:
    """`[low TO high]`, with `{` or `}` for an end that is left out and None for an open one."""

    low: str | None
    high: str | None
    includes_low: bool = True
    includes_high: bool = True


@dataclass(frozen=True, slots=True)
class Present:
    """`*` as a value: the field is there."""


Matcher = Text | Pattern | Regex | Comparison | Range | Present


# --------------------------------------------------------------------------------------------------------------- nodes


@dataclass(frozen=True, slots=True)
class Everything:
    """`*`, or an empty query."""

    span: Span = member(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Term:
    """A matcher, over the named field or (None) over the body, or over the field of the group it stands in."""

    field: str | None
    match: Matcher
    span: Span = member(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Group:
    """`field:( ... )`: the terms inside name no field and are read over this one."""

    field: str
    inner: Node
    span: Span = member(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class And:
    """Every part matches."""

    parts: tuple[Node, ...]
    span: Span = member(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Or:
    """Some part matches."""

    parts: tuple[Node, ...]
    span: Span = member(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not match."""

    part: Node
    span: Span = member(default=(0, 0), compare=False, repr=False)


Node = Everything | Term | Group | And | Or | Not


def conjunction(parts: Iterable[Node]) -> Node:
    """The normal form of `a AND b AND ...`; none of them means everything."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, And) else (part,))
    if not flat:
        return Everything()
    return flat[0] if len(flat) == 1 else And(tuple(flat), (flat[0].span[0], flat[-1].span[1]))


def disjunction(parts: Iterable[Node]) -> Node:
    """The normal form of `a OR b OR ...`; `parts` holds at least one."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Or) else (part,))
    return flat[0] if len(flat) == 1 else Or(tuple(flat), (flat[0].span[0], flat[-1].span[1]))
