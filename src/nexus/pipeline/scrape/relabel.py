"""Relabelling rules as they are written in a configuration. Pure but for the native compiler of expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

ACTIONS: Final = (
    "replace", "keep", "drop", "keepequal", "dropequal", "hashmod", "labelmap", "labeldrop", "labelkeep", "lowercase",
    "uppercase",
)  # fmt: skip
DEFAULT_REGEX: Final = "(.*)"
DEFAULT_REPLACEMENT: Final = "$1"
_NEED_TARGET: Final = frozenset({"replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"})
_CLASSIC: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TEMPLATE: Final = re.compile(r"(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+", re.ASCII)


class RelabelRule(Struct, forbid_unknown_fields=True, frozen=True):
    """One rule (`relabel_config`)."""

    source_labels: list[str] = []
    separator: str | None = None
    regex: str | None = None
    modulus: int = 0
    target_label: str = ""
    replacement: str | None = None
    action: str = "replace"

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        action = self.action.lower()
        if action not in ACTIONS:
            raise ValueError(f"unknown relabel action {self.action[:40]!r}; there are {', '.join(ACTIONS)}")
        if action in _NEED_TARGET and not self.target_label:
            raise ValueError(f"the action {action} needs a `target_label`")
        if action == "hashmod" and not self.modulus:
            raise ValueError("the action hashmod needs a `modulus` above 0")
        regex_set = self.regex not in (None, DEFAULT_REGEX)
        replacement_set = self.replacement not in (None, DEFAULT_REPLACEMENT)
        separator_set = self.separator not in (None, ";")
        if action in ("lowercase", "uppercase", "keepequal", "dropequal") and replacement_set:
            raise ValueError(f"the action {action} takes no `replacement`")
        if action in ("keepequal", "dropequal") and (regex_set or separator_set or self.modulus):
            raise ValueError(f"the action {action} takes `source_labels` and `target_label` only")
        if action in ("labeldrop", "labelkeep") and (
            self.source_labels or self.target_label or self.modulus or separator_set or replacement_set
        ):
            raise ValueError(f"the action {action} takes a `regex` only")
        if action == "labelmap" and not self.replacement_text:
            raise ValueError("the action labelmap needs a `replacement` that makes a label name")
        compiled([self], utf8_names=True)

    def check_classic(self) -> None:
        """Raise `ValueError` when a name is none of the classic scheme."""
        action = self.action.lower()
        if action in ("replace", "lowercase", "uppercase", "hashmod", "keepequal", "dropequal"):
            pattern = _TEMPLATE if action == "replace" else _CLASSIC
            if not pattern.fullmatch(self.target_label):
                raise ValueError(f"{self.target_label[:60]!r} is not a classic label name (`target_label`)")
        if action == "labelmap" and not _TEMPLATE.fullmatch(self.replacement_text):
            raise ValueError(f"{self.replacement_text[:60]!r} makes no classic label name (`replacement`)")

    @property
    def replacement_text(self) -> str:
        """With the default."""
        return DEFAULT_REPLACEMENT if self.replacement is None else self.replacement

    def given(self) -> tuple[list[str], str, str, int, str, str, str]:
        """As the native compiler takes it."""
        return (
            list(self.source_labels),
            ";" if self.separator is None else self.separator,
            DEFAULT_REGEX if self.regex is None else self.regex,
            self.modulus,
            self.target_label,
            self.replacement_text,
            self.action.lower(),
        )


def compiled(rules: Sequence[RelabelRule], *, utf8_names: bool) -> Any:
    """The rules as native ones (`nexus._native.Relabel`). Raises `ValueError` for an expression that is none."""
    import nexus._native as _native

    return _native.Relabel([rule.given() for rule in rules], utf8_names=utf8_names)
