"""What senders of JSON lines are told."""

from __future__ import annotations

from msgspec import Struct


class LineError(Struct):
    """A record that was refused; `line` counts from 1."""

    line: int
    message: str


class IngestAnswer(Struct):
    """How many records were stored and refused; `errors` are those of the first 100 refused."""

    accepted: int
    rejected: int
    errors: list[LineError] = []
