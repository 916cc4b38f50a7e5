"""The ledger of idempotency tokens: which batch came under which key, and which of its days are stored.

Before a commit its tokens are written down with the commit's id and each day of their batches as missing; after it the
days are struck off. One insert makes one part per day, so after a kill the table itself knows whether a commit's day is
there: `settle` asks it. A token none of whose days got stored is forgotten; one with some of them keeps the rest as
missing, and its retry stores only those. Batches without a token never come here.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.storage.api import Token
from nexus.storage.clickhouse.ingest_db import IngestDatabase
from nexus.storage.clickhouse.signal_tables import LOGS, SignalTable

_SIGN: Final = 1 << 63
_PURGE_ROWS: Final = 20_000

DaysOfCommits = Callable[[list[int], list[int]], set[tuple[int, int]]]
"""(commit ids, days) -> which (commit id, day) of them are in the table."""


def digest_of(tenant: str, token: Token) -> bytes:
    """What a token is known by: tenants do not share tokens, and keys may be of any length."""
    return hashlib.blake2b(f"{tenant}\0{token.key}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch with a token, about to be committed. `records` and `days` are those of the whole batch."""

    digest: bytes
    fingerprint: int
    records: int
    reply: bytes
    days: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a token. It is complete when no day is missing."""

    fingerprint: int
    records: int
    reply: bytes
    first_day: int
    """The UTC day on which it was first seen."""
    missing: frozenset[int] = frozenset()
    commits: frozenset[int] = frozenset()
    """Commits that tried the missing days and whose outcome is not settled."""


class TokenLedger:
    """The tokens of one table: the same key may come with logs and with spans. `evicted` counts tokens forgotten before
    their time because there were too many."""

    def __init__(self, database: IngestDatabase, table: SignalTable = LOGS, *, hours: int, max_tokens: int) -> None:
        self._database = database
        self._tokens = f"{table.prefix}tokens"
        self._missing = f"{table.prefix}missing"
        self._seconds = hours * 3600
        self._max = max_tokens
        self.evicted = 0

    def find(self, digest: bytes) -> Known | None:
        """Look a token up; None when it was never stored or is older than it is kept."""
        found = self._database.rows(
            f"SELECT fingerprint, records, reply, at FROM {self._tokens} WHERE digest = ? AND at > ?",
            (digest, int(time.time()) - self._seconds),
        )
        if not found:
            return None
        fingerprint, records, reply, at = found[0]
        missing = self._database.rows(f"SELECT day, commit_id FROM {self._missing} WHERE digest = ?", (digest,))
        days, commits = frozenset(day for day, _ in missing), frozenset(commit for _, commit in missing if commit)
        return Known(fingerprint % (2 * _SIGN), records, bytes(reply), at // 86400, days, commits)

    def begin(self, commit_id: int, entries: Sequence[Entry], retries: Iterable[bytes]) -> None:
        """Write down that a commit is about to store these tokens, and what earlier attempts left of `retries`."""
        now = int(time.time())
        with self._database.transaction() as write:
            write.executemany(f"DELETE FROM {self._missing} WHERE digest = ?", [(entry.digest,) for entry in entries])
            write.executemany(
                f"INSERT OR REPLACE INTO {self._tokens} VALUES (?, ?, ?, ?, ?, ?)",
                [(e.digest, _signed(e.fingerprint), e.records, now, len(e.days), e.reply) for e in entries],
            )
            write.executemany(
                f"INSERT INTO {self._missing} VALUES (?, ?, ?)",
                [(entry.digest, day, commit_id) for entry in entries for day in entry.days],
            )
            write.executemany(
                f"UPDATE {self._missing} SET commit_id = ? WHERE digest = ?", [(commit_id, digest) for digest in retries]
            )

    def complete(self, commit_id: int) -> None:
        """Everything of a commit is stored."""
        with self._database.transaction() as write:
            write.execute(f"DELETE FROM {self._missing} WHERE commit_id = ?", (commit_id,))

    def settle(self, commit_ids: list[int], stored: set[tuple[int, int]]) -> None:
        """Strike off the days of these commits that are stored, and forget tokens of theirs that have none."""
        with self._database.transaction() as write:
            touched = {
                digest
                for commit_id in commit_ids
                for (digest,) in write.execute(
                    f"SELECT DISTINCT digest FROM {self._missing} WHERE commit_id = ?", (commit_id,)
                )
            }
            write.executemany(f"DELETE FROM {self._missing} WHERE commit_id = ? AND day = ?", sorted(stored))
            write.executemany(f"UPDATE {self._missing} SET commit_id = 0 WHERE commit_id = ?", [(id,) for id in commit_ids])
            for digest in touched:
                self._forget_if_empty(write, digest)

    def settle_all(self, ask: DaysOfCommits) -> int:
        """After a start: settle every commit that was under way at the stop. Returns how many there were."""
        open_commits = self._database.rows(f"SELECT DISTINCT commit_id FROM {self._missing} WHERE commit_id != 0")
        commit_ids = [commit_id for (commit_id,) in open_commits]
        if commit_ids:
            days = [day for (day,) in self._database.rows(f"SELECT DISTINCT day FROM {self._missing} WHERE commit_id != 0")]
            self.settle(commit_ids, ask(commit_ids, days))
        return len(commit_ids)

    def purge(self) -> int:
        """Forget tokens that are old enough, and the oldest ones beyond the cap; returns how many."""
        limit = int(time.time()) - self._seconds
        gone = 0
        while removed := self._remove("at <= ?", limit, _PURGE_ROWS):
            gone += removed
        excess = self._database.rows(f"SELECT count(*) FROM {self._tokens}")[0][0] - self._max
        while excess > 0 and (removed := self._remove("at <= ?", int(time.time()) + 1, min(excess, _PURGE_ROWS))):
            self.evicted += removed
            excess -= removed
            gone += removed
        return gone

    def _remove(self, where: str, parameter: int, limit: int) -> int:
        with self._database.transaction() as write:
            old = write.execute(f"SELECT digest FROM {self._tokens} WHERE {where} ORDER BY at LIMIT ?", (parameter, limit))
            digests = old.fetchall()
            write.executemany(f"DELETE FROM {self._tokens} WHERE digest = ?", digests)
            write.executemany(f"DELETE FROM {self._missing} WHERE digest = ?", digests)
        return len(digests)

    def _forget_if_empty(self, write: sqlite3.Connection, digest: bytes) -> None:
        missing = write.execute(f"SELECT count(*) FROM {self._missing} WHERE digest = ?", (digest,)).fetchone()[0]
        days = write.execute(f"SELECT days FROM {self._tokens} WHERE digest = ?", (digest,)).fetchone()
        if days is None or missing == days[0]:
            write.execute(f"DELETE FROM {self._tokens} WHERE digest = ?", (digest,))
            write.execute(f"DELETE FROM {self._missing} WHERE digest = ?", (digest,))


def _signed(number: int) -> int:
    return number - 2 * _SIGN if number >= _SIGN else number
