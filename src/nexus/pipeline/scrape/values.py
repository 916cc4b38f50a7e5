"""Durations and sizes as Prometheus writes them. Pure.

Source: Prometheus' configuration documentation: `1h30m`, `100ms`, units in descending order; `15MB` in powers of 1024.
"""

from __future__ import annotations

import re
from typing import Final

_DURATION: Final = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_UNITS: Final = (365 * 86400000, 7 * 86400000, 86400000, 3600000, 60000, 1000, 1)
_NAMES: Final = ("y", "w", "d", "h", "m", "s", "ms")
_MAX_MS: Final = (1 << 63) // 1_000_000
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTPE]?)i?B?", re.ASCII | re.IGNORECASE)


class Span(int):
    """A duration in milliseconds."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read it. Raises `ValueError`."""
        text = text.strip()
        found = _DURATION.fullmatch(text)
        if text != "0" and (not text or found is None):
            raise ValueError(f"{text[:40]!r} is not a duration such as 15s or 1m30s")
        milliseconds = (
            sum(int(part) * unit for part, unit in zip(found.groups(), _UNITS, strict=True) if part) if found else 0
        )
        if milliseconds >= _MAX_MS:
            raise ValueError(f"the duration {text[:40]!r} is too long")
        return cls(milliseconds)

    @property
    def seconds(self) -> float:
        """In seconds."""
        return self / 1000

    def __str__(self) -> str:
        """As Prometheus writes it."""
        if not self:
            return "0s"
        left, parts = int(self), []
        for unit, name in zip(_UNITS, _NAMES, strict=True):
            # Years and weeks only when nothing is left: 90 days are no 12w6d.
            if name in ("y", "w") and left % unit:
                continue
            if count := left // unit:
                parts.append(f"{count}{name}")
                left -= count * unit
        return "".join(parts)

    def __repr__(self) -> str:
        """As Prometheus writes it."""
        return f"Span({self})"


class Bytes(int):
    """A size in bytes."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Bytes:
        """Read it; `KB` is 1024 bytes. Raises `ValueError`."""
        stripped = text.strip()
        found = _SIZE.fullmatch(stripped)
        if stripped == "0":
            return cls(0)
        if found is None or not stripped[-1:].upper().endswith("B"):
            raise ValueError(f"{text[:40]!r} is not a size such as 15MB")
        power = " KMGTPE".index(found[2].upper() or " ")
        return cls(int(float(found[1]) * 1024**power))

    def __str__(self) -> str:
        """The shortest form."""
        for power, unit in reversed(list(enumerate(("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")))):
            if self and not self % 1024**power:
                return f"{self // 1024**power}{unit}"
        return "0B"

    def __repr__(self) -> str:
        """The shortest form."""
        return f"Bytes({self})"
