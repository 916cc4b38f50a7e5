"""Metric families of the names of series: parts of histograms and summaries are one. The rules are those of
`answers/catalog.rs`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

_ENDINGS: Final = ("_bucket", "_count", "_sum", "_created", "_gcount", "_gsum")


@dataclass(slots=True)
class Family:
    """`kind` is what is known when nobody has said it; `parts` are names of series, sorted."""

    name: str
    kind: str = ""
    parts: list[str] = field(default_factory=list)


def families(names: Iterable[str], said: Callable[[str], str]) -> list[Family]:
    """The families of all names, by name. `said` tells the kind of exactly that name, "" when there is none."""
    there = set(names)
    found: dict[str, Family] = {}
    for name in sorted(there):
        family, kind = _family_of(name, said, there) or (name, "")
        one = found.setdefault(family, Family(family))
        one.kind = one.kind or kind
        one.parts.append(name)
    return sorted(found.values(), key=lambda one: one.name)


def _family_of(name: str, said: Callable[[str], str], there: set[str]) -> tuple[str, str] | None:
    if said(name) not in ("", "unknown"):
        return None
    ending = next((one for one in _ENDINGS if name.endswith(one)), "")
    family = name.removesuffix(ending)
    if not ending or not family:
        return None
    kind = said(family)
    if kind in ("histogram", "gaugehistogram"):
        return family, kind
    if kind == "summary":
        return None if ending == "_bucket" else (family, kind)
    if kind == "counter" and ending == "_created" and f"{family}_total" in there:
        return f"{family}_total", kind
    if kind not in ("", "unknown") or not {f"{family}_count", f"{family}_sum"} <= there:
        return None
    if f"{family}_bucket" in there:
        return family, "histogram"
    return (family, "summary") if family in there else None
