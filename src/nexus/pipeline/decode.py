"""From bytes as sent to a batch: decompression and decoding in the native module, in threads when they are long.

The native module releases the GIL, so bodies are decoded in parallel and the event loop goes on. Small bodies are
decoded where they are: a thread would cost more than they do.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from nexus.errors import InvalidRequest, UnsupportedEncoding
from nexus.model.batch import Decoded
from nexus.pipeline.body import too_large

INLINE_BYTES: Final = 64 << 10
ENCODINGS: Final = ("gzip", "zstd", "deflate", "snappy")

P = ParamSpec("P")
R = TypeVar("R")
Decode = Callable[[bytes], Decoded]


class Undecodable(InvalidRequest):
    """The body as a whole is not what it should be."""

    code = "undecodable"


class BadEncoding(InvalidRequest):
    """The body is not what its Content-Encoding says."""

    code = "bad_encoding"


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo the content encoding, never producing more than `limit` bytes.

    Raises `UnsupportedEncoding` (415), `BadEncoding` (400), `PayloadTooLarge` (413).
    """
    import nexus._native as _native

    name = encoding.strip().lower()
    if name in ("", "identity", "none"):
        if len(body) > limit:
            raise too_large(limit)
        return body
    try:
        return _native.decompress(body, "gzip" if name == "x-gzip" else name, limit)
    except _native.UnknownEncoding as error:
        raise UnsupportedEncoding(
            f"the content encoding {encoding[:40]!r} is not known here.", hint=f"Use one of {', '.join(ENCODINGS)}."
        ) from error
    except _native.TooLarge as error:
        raise too_large(limit) from error
    except _native.BadEncoding as error:
        raise BadEncoding(f"the body is not {name}, though its Content-Encoding says so: {error}.") from error


def decode(body: bytes, decoder: Decode) -> Decoded:
    """Run a native decoder. Raises `Undecodable` when the whole body makes no sense."""
    import nexus._native as _native

    try:
        return decoder(body)
    except _native.DecodeError as error:
        raise Undecodable(f"the body cannot be decoded: {error}.") from error


def fingerprint(body: bytes) -> int:
    """What tells two payloads apart under one idempotency key."""
    import nexus._native as _native

    return int(_native.fingerprint(body))


class DecodePool:
    """The threads that decode."""

    def __init__(self, threads: int = 0) -> None:
        """`threads` 0 is one per CPU."""
        self._executor = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="nexus-decode")

    async def run(self, size: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do the work here when it is about few bytes, in a thread otherwise."""
        if size <= INLINE_BYTES:
            return work(*args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Wait for what runs and end the threads."""
        self._executor.shutdown(wait=True)


def describe(errors: list[tuple[int, str]], rejected: int, what: str) -> str:
    """One sentence about rejected records, for protocols that have room for no more."""
    if not rejected:
        return ""
    shown = "; ".join(f"{what} {number}: {message}" for number, message in errors[:3])
    more = f" (and {rejected - min(len(errors), 3)} more)" if rejected > min(len(errors), 3) else ""
    return f"{rejected} rejected: {shown}{more}"


def native_module() -> Any:
    """The native module, imported late: it is not needed to print a version."""
    import nexus._native as _native

    return _native
