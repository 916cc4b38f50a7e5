"""Small protobuf messages, read and written by hand: requests of query APIs, and answers that are no bulk of records (those
are native code's).

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from nexus.errors import InvalidRequest

Value = str | int | float | bool | None

# ----------------------------------------------------------------------------------------------------------------- reading


def fields(body: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of the fields of a message; those of fixed size as bytes. Raises `InvalidRequest`."""
    at = 0
    while at < len(body):
        key, at = _varint(body, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(body, at)
            yield number, value
            continue
        if wire == 2:
            length, at = _varint(body, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise InvalidRequest("the request is not protobuf.")
        if at + length > len(body):
            raise InvalidRequest("the request ends in the middle of a field.")
        yield number, body[at : at + length]
        at += length


class Message:
    """A message by the numbers of its fields: a field that is not there has its default."""

    def __init__(self, body: bytes) -> None:
        """Raises `InvalidRequest` for what is not protobuf."""
        self._fields: dict[int, list[int | bytes]] = {}
        for number, value in fields(body):
            self._fields.setdefault(number, []).append(value)

    def text(self, number: int) -> str:
        """A string. Raises `InvalidRequest`."""
        return _text(self.bytes(number))

    def bytes(self, number: int) -> bytes:
        """Bytes, or a message."""
        found = self._fields.get(number)
        return found[-1] if found and isinstance(found[-1], bytes) else b""

    def integer(self, number: int) -> int:
        """An unsigned number, or a signed one's two's complement: see `signed`."""
        found = self._fields.get(number)
        return found[-1] if found and isinstance(found[-1], int) else 0

    def texts(self, number: int) -> dict[str, str]:
        """A map of strings."""
        found: dict[str, str] = {}
        for entry in self._fields.get(number, ()):
            if isinstance(entry, bytes):
                pair = Message(entry)
                found[pair.text(1)] = pair.text(2)
        return found

    def nanoseconds(self, number: int) -> int | None:
        """A `google.protobuf.Timestamp` or `Duration` in ns; None when it is not there."""
        if number not in self._fields:
            return None
        time = Message(self.bytes(number))
        return signed(time.integer(1)) * 10**9 + signed(time.integer(2))


def packed(value: bytes) -> Iterator[int]:
    """Numbers of a packed field. Raises `InvalidRequest`."""
    at = 0
    while at < len(value):
        number, at = _varint(value, at)
        yield number


def signed(value: int) -> int:
    """An int64 of its bits."""
    return value - (1 << 64) if value >> 63 else value


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if at >= len(body):
            raise InvalidRequest("the request ends in the middle of a number.")
        value |= (body[at] & 0x7F) << shift
        at += 1
        if not body[at - 1] & 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise InvalidRequest("the request has a number that is too long.")


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("a text of the request is not UTF-8.") from None


# ----------------------------------------------------------------------------------------------------------------- writing


def varint(value: int) -> bytes:
    """A number that is not negative."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def integer(number: int, value: int) -> bytes:
    """A field with a number; nothing for 0."""
    return varint(number << 3) + varint(value & 0xFFFF_FFFF_FFFF_FFFF) if value else b""


def double(number: int, value: float) -> bytes:
    """A field with a double; nothing for 0."""
    return varint(number << 3 | 1) + struct.pack("<d", value) if value != 0 else b""


def fixed64(number: int, value: int) -> bytes:
    """A field with a number of eight bytes; nothing for 0."""
    return varint(number << 3 | 1) + struct.pack("<Q", value & 0xFFFF_FFFF_FFFF_FFFF) if value else b""


def message(number: int, body: bytes) -> bytes:
    """A field with a message, also an empty one."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def text(number: int, value: str) -> bytes:
    """A field with a text; nothing for an empty one."""
    return message(number, value.encode()) if value else b""


def texts(number: int, values: list[str]) -> bytes:
    """A repeated field of texts."""
    return b"".join(message(number, value.encode()) for value in values)


def key_values(number: int, values: Mapping[str, Value]) -> bytes:
    """A repeated field of OpenTelemetry's `KeyValue`. A value that is not there is the text `nil`, as Tempo has it."""
    return b"".join(message(number, text(1, key) + message(2, _any(value))) for key, value in values.items())


def _any(value: Value) -> bytes:
    if value is None:
        return message(1, b"nil")
    if isinstance(value, bool):
        return varint(2 << 3) + varint(int(value))
    if isinstance(value, int):
        return varint(3 << 3) + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, float):
        return varint(4 << 3 | 1) + struct.pack("<d", value)
    return message(1, value.encode())
