"""Page cursors and record ids as opaque, URL-safe text."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Final

from nexus.errors import InvalidRequest
from nexus.model.time import MAX_TIME
from nexus.query.plan import Cursor

_LAYOUT: Final = struct.Struct(">qQi")


def encode_cursor(position: tuple[int, int, int] | None) -> str:
    """The text of a position; empty for none."""
    if position is None:
        return ""
    return base64.urlsafe_b64encode(_LAYOUT.pack(*position)).rstrip(b"=").decode()


def decode_cursor(text: str) -> Cursor | None:
    """The position of a text; None for an empty one. Raises `InvalidRequest`."""
    if not text:
        return None
    try:
        timestamp, mark, skip = _LAYOUT.unpack(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, struct.error):
        raise InvalidRequest("the cursor is not one of ours.", hint="Take it from next_cursor of an answer.") from None
    if not 0 <= timestamp <= MAX_TIME or skip < -1:
        raise InvalidRequest("the cursor is not one of ours.", hint="Take it from next_cursor of an answer.")
    return Cursor(timestamp, mark, skip)
