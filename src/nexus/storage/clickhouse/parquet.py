"""Parquet, a row group a page. Loading the library takes 0.3 s and 50 MB, so this module is imported with the first export.

The file's columns are fixed by its first answer; later pages are cast to them.
"""

from __future__ import annotations

import io
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from nexus.storage.clickhouse.catalog import Catalog

COMPRESSION: Final = "zstd"


class ParquetEncoder:
    """An `Encoder`: Arrow streams of the engine in, pieces of a file out."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._writer: Any = None

    def begin(self, answer: bytes) -> bytes:
        """The magic number. The schema is that of the answer."""
        with pa.ipc.open_stream(answer) as reader:
            schema = reader.schema
        self._schema = schema
        self._writer = pq.ParquetWriter(self._sink, schema, compression=COMPRESSION)
        return self._sink.taken()

    def page(self, answer: bytes, catalog: Catalog) -> tuple[bytes, int]:
        """A row group."""
        with pa.ipc.open_stream(answer) as reader:
            table = reader.read_all()
        if not table.num_rows:
            return b"", 0
        self._writer.write_table(table.cast(self._schema), row_group_size=table.num_rows)
        return self._sink.taken(), int(table.num_rows)

    def end(self) -> bytes:
        """The footer."""
        self._writer.close()
        return self._sink.taken()


class _Sink(io.RawIOBase):
    """A file that is only written, and whose bytes are taken away as they come."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
