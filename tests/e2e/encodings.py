"""Content encodings written out by hand, so that tests need no codec: valid frames that do not compress, and bombs."""

from __future__ import annotations

ZSTD_BLOCK = 128 << 10


def snappy(body: bytes) -> bytes:
    """A raw snappy block of literals."""
    out = bytearray()
    length = len(body)
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    out.append(length)
    for start in range(0, len(body), 60):
        piece = body[start : start + 60]
        out.append((len(piece) - 1) << 2)
        out += piece
    return bytes(out)


def zstd(body: bytes) -> bytes:
    """A zstd frame of raw blocks."""
    pieces = [body[start : start + ZSTD_BLOCK] for start in range(0, len(body), ZSTD_BLOCK)] or [b""]
    return _frame([(0, len(piece), piece) for piece in pieces])


def zstd_bomb(size: int) -> bytes:
    """A zstd frame of about four bytes per 128 KiB of blanks."""
    return _frame([(1, ZSTD_BLOCK, b" ")] * (size // ZSTD_BLOCK))


def _frame(blocks: list[tuple[int, int, bytes]]) -> bytes:
    out = bytearray(b"\x28\xb5\x2f\xfd\x00\x38")
    for number, (kind, size, content) in enumerate(blocks, 1):
        last = number == len(blocks)
        out += (size << 3 | kind << 1 | last).to_bytes(3, "little") + content
    return bytes(out)
