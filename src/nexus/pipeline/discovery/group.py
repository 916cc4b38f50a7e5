"""What discovery finds: groups of targets. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec import Struct

ADDRESS: Final = "__address__"
MAX_TARGETS: Final = 200_000
"""Targets of one answer."""


@dataclass(frozen=True, slots=True)
class Group:
    """Label sets of targets, and labels that all of them get. `source` names where the group is from: a newer one with the
    same source replaces it."""

    source: str
    targets: tuple[Mapping[str, str], ...]
    labels: Mapping[str, str] = field(default_factory=dict)


class WrittenGroup(Struct):
    """A group as files and servers write it."""

    targets: list[str] = []
    labels: dict[str, str] = {}


def sanitized(name: str) -> str:
    """A text as part of a label name."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def written(document: Any, source: str, labels: Mapping[str, str]) -> list[Group]:
    """Groups of a document of files or servers; each gets `labels` besides. Raises `ValueError`."""
    try:
        found = msgspec.convert(document, list[WrittenGroup], strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    if sum(len(group.targets) for group in found) > MAX_TARGETS:
        raise ValueError(f"there are more than {MAX_TARGETS} targets")
    return [
        Group(f"{source}:{number}", tuple({ADDRESS: address} for address in group.targets), {**group.labels, **labels})
        for number, group in enumerate(found)
    ]
