"""The one shape of errors."""

from __future__ import annotations

from msgspec import Struct


class ErrorBody(Struct, omit_defaults=True):
    """What went wrong. `position` points into the query text (characters); `hint` is the next step."""

    code: str
    message: str
    hint: str = ""
    position: Position | None = None
    query_id: str = ""


class Position(Struct):
    offset: int
    length: int


class ErrorAnswer(Struct):
    error: ErrorBody
