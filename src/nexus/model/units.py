"""Durations and sizes as people write them in configuration: `30d`, `1h30m`, `64MiB`.

`Duration` is seconds (a float), `Size` is bytes (an int); both print back in the unit that fits.
"""

from __future__ import annotations

import re
from typing import Final, Self

_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])")
_BYTES: Final = {
    "": 1, "B": 1,
    "K": 1 << 10, "KIB": 1 << 10, "KB": 1000,
    "M": 1 << 20, "MIB": 1 << 20, "MB": 1000**2,
    "G": 1 << 30, "GIB": 1 << 30, "GB": 1000**3,
    "T": 1 << 40, "TIB": 1 << 40, "TB": 1000**4,
}  # fmt: skip
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


class Duration(float):
    """A span of time in seconds. Zero is written `0`."""

    @classmethod
    def parse(cls, text: str | int | float) -> Self:
        """Read `90s`, `1h30m`, `30d`, `2w`, `1y` (365 days); a bare number is seconds. Raises `ValueError`."""
        if isinstance(text, bool):
            raise ValueError(f"{text!r} is not a duration; write it like 30d, 12h or 90s")
        if isinstance(text, int | float):
            seconds = float(text)
        else:
            compact = text.strip().replace(" ", "")
            parts = _DURATION.findall(compact)
            if parts and "".join(number + unit for number, unit in parts) == compact:
                seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
            elif re.fullmatch(r"\d+(\.\d+)?", compact):
                seconds = float(compact)
            else:
                raise ValueError(f"{text!r} is not a duration; write it like 30d, 12h or 90s")
        if not 0 <= seconds < 1e12:
            raise ValueError(f"{text!r} is not a duration; it must not be negative nor longer than 30,000 years")
        return cls(seconds)

    @property
    def days(self) -> int:
        """Whole days, rounded up."""
        return int(-(-self // 86400))

    def __str__(self) -> str:
        """The largest unit that divides it."""
        for unit in ("d", "h", "m", "s"):
            if self and self % _SECONDS[unit] == 0:
                return f"{int(self / _SECONDS[unit])}{unit}"
        return f"{self * 1000:g}ms" if self else "0"


class Size(int):
    """A number of bytes."""

    @classmethod
    def parse(cls, text: str | int | float) -> Self:
        """Read `64MiB` (1024-based), `64MB` (1000-based), `1.5G` or a bare number of bytes. Raises `ValueError`."""
        if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
            return cls(text)
        match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
        factor = _BYTES.get(match[2].upper()) if match else None
        if match is None or factor is None:
            raise ValueError(f"{text!r} is not a size; write it like 64MiB, 1.5GB or 1048576")
        return cls(round(float(match[1]) * factor))

    def __str__(self) -> str:
        """The largest 1024-based unit that divides it."""
        for unit, factor in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
            if self and self % factor == 0:
                return f"{self // factor}{unit}"
        return str(int(self))
