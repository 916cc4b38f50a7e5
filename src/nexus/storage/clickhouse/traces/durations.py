"""Classes of durations, as `nexus-core/src/traces/duration.rs` defines them: 0 is no duration; above it four an octave, by
the two bits below the top one. A class compares as its durations do, so that one byte leaves out most spans. Pure."""

from __future__ import annotations

from typing import Final

LAST: Final = 255


def class_of(ns: int) -> int:
    """The class of a duration."""
    if ns <= 0:
        return 0
    octave = ns.bit_length() - 1
    return min(1 + 4 * octave + ((ns << 2 >> octave) & 3), LAST)


def bounds_of(number: int) -> tuple[int, int]:
    """The durations of a class as [low, high)."""
    return _low(number), _low(number + 1)


def _low(number: int) -> int:
    """The smallest duration that lies in a class or a higher one."""
    if number <= 0:
        return 0
    if number > LAST:
        return 1 << 64
    octave, quarter = divmod(number - 1, 4)
    # Octaves of fewer than four durations do not have every class.
    return -(-((4 + quarter) << octave) // 4)
