"""The real engine with the real table, in a process of its own: there can be one engine in a process."""

from __future__ import annotations

import multiprocessing
import re
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

SCHEMA = Path("src/nexus/storage/clickhouse/schema/0001_logs.sql")


class Engine:
    """`nexus.logs` as the first migration makes it, with further columns, in a fresh directory."""

    def __init__(self, directory: Path, columns: dict[str, str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, str(directory), columns), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pipe.send(None)
        self._process.join(60)

    def insert(self, *blocks: bytes) -> int:
        """Rows written by one insert of these blocks."""
        return int(self._ask(list(blocks)))

    def query(self, sql: str, output: str = "Native") -> bytes:
        """The encoded answer."""
        return bytes(self._ask((sql, output)))

    def _ask(self, request: object) -> bytes:
        self._pipe.send(request)
        answer = self._pipe.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer  # type: ignore[no-any-return]


def _serve(pipe: Connection, directory: str, columns: dict[str, str]) -> None:
    import chdb

    connection = chdb.connect(directory)
    connection.query("CREATE DATABASE nexus ENGINE = Atomic")
    sql = SCHEMA.read_text().format(on_cluster="", engine="MergeTree")
    more = "".join(f"    {name} {kind},\n" for name, kind in columns.items())
    connection.query(
        re.sub(r"storage_policy = '\w+', ", "", sql.replace("    commit_id ", more + "    commit_id ")).strip(" \n;")
    )
    while (request := pipe.recv()) is not None:
        try:
            if isinstance(request, list):
                inserter = connection.send_insert("INSERT INTO nexus.logs", "Native")
                for block in request:
                    inserter.append(block)
                pipe.send(inserter.finish().rows_written)
            else:
                pipe.send(connection.query(*request).bytes())
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")
    connection.close()
