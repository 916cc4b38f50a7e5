"""What the values of comparisons say: the number that one is or reads as, and its text."""

from __future__ import annotations

import math
import re
from typing import Final

from nexus.query.plan import Value

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,300}")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,300}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")


def number_of(value: Value) -> int | float | None:
    """The number that a value is or reads as, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            return None
        value = int(value) if _INTEGER.fullmatch(value) else float(value)
    return value if math.isfinite(value) else None


def text_of(value: Value) -> str:
    """The text that a value is or prints as."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
