"""The ledger of idempotency tokens, on a real database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from nexus.storage.api import Token
from nexus.storage.clickhouse.ingest_db import FILE, IngestDatabase
from nexus.storage.clickhouse.tokens import Entry, TokenLedger, digest_of

BIG = 2**64 - 1


@pytest.fixture
def database(tmp_path: Path) -> Iterator[IngestDatabase]:
    """A new database."""
    made = IngestDatabase(tmp_path)
    yield made
    made.close()


def ledger_on(database: IngestDatabase, **options: int) -> TokenLedger:
    """A ledger with the defaults of the store."""
    return TokenLedger(database, **{"hours": 24, "max_tokens": 1000, **options})


def entry(key: str, days: tuple[int, ...] = (7,), fingerprint: int = BIG) -> Entry:
    """A batch of 3 records."""
    return Entry(digest_of("t", Token(key, 0)), fingerprint, 3, b'{"accepted":3}', days)


def test_a_completed_token_is_known(database: IngestDatabase) -> None:
    """With everything its replay needs."""
    ledger = ledger_on(database)
    one = entry("a")
    ledger.begin(5, [one], [])
    assert ledger.find(one.digest).missing == {7}
    ledger.complete(5)
    known = ledger.find(one.digest)
    assert (known.fingerprint, known.records, known.reply, known.missing) == (BIG, 3, b'{"accepted":3}', frozenset())
    assert ledger.find(entry("b").digest) is None


def test_tenants_do_not_share_tokens() -> None:
    """Nor can one be made up that looks like another tenant's."""
    assert digest_of("a", Token("b\0c", 1)) != digest_of("a\0b", Token("d", 1))
    assert digest_of("a", Token("k", 1)) != digest_of("b", Token("k", 1))
    assert digest_of("a", Token("k", 1)) == digest_of("a", Token("k", 2))


def test_after_a_stop_the_table_decides(database: IngestDatabase) -> None:
    """Stored: complete. Not stored: forgotten. Partly: the rest is missing and the token kept."""
    ledger = ledger_on(database)
    whole, none, half = entry("whole", (7, 8)), entry("none", (7, 9)), entry("half", (8, 9))
    ledger.begin(5, [whole, half], [])
    ledger.begin(6, [none], [])
    asked: list[tuple[list[int], list[int]]] = []

    def ask(commits: list[int], days: list[int]) -> set[tuple[int, int]]:
        asked.append((sorted(commits), sorted(days)))
        return {(5, 7), (5, 8)}

    assert ledger.settle_all(ask) == 2
    assert asked == [([5, 6], [7, 8, 9])]
    assert ledger.find(whole.digest).missing == frozenset()
    assert ledger.find(none.digest) is None
    rest = ledger.find(half.digest)
    assert rest.missing == {9} and rest.commits == frozenset()
    assert ledger.settle_all(ask) == 0, "what is settled is not asked again"


def test_a_retry_completes_what_is_missing(database: IngestDatabase) -> None:
    """Under a new commit, keeping the first receipt."""
    ledger = ledger_on(database)
    half = entry("half", (8, 9))
    ledger.begin(5, [half], [])
    ledger.settle([5], {(5, 8)})
    ledger.begin(6, [], [half.digest])
    assert ledger.find(half.digest).commits == {6}
    ledger.complete(6)
    assert ledger.find(half.digest).missing == frozenset()


def test_tokens_are_kept_for_their_time_only(database: IngestDatabase) -> None:
    """Older ones are unknown at once, and removed by the next purge."""
    ledger = ledger_on(database, hours=1)
    with patch("nexus.storage.clickhouse.tokens.time.time", return_value=time.time() - 3601):
        ledger.begin(1, [entry("old")], [])
        ledger.complete(1)
    ledger.begin(2, [entry("new")], [])
    ledger.complete(2)
    assert ledger.find(entry("old").digest) is None
    assert ledger.purge() == 1 and ledger.evicted == 0
    assert ledger.find(entry("new").digest) is not None


def test_too_many_tokens_make_the_oldest_go(database: IngestDatabase) -> None:
    """Counted, and not one more than needed."""
    ledger = ledger_on(database, max_tokens=10)
    now = time.time()
    for number in range(15):
        with patch("nexus.storage.clickhouse.tokens.time.time", return_value=now - 100 + number):
            ledger.begin(number + 1, [entry(str(number))], [])
            ledger.complete(number + 1)
    assert ledger.purge() == 5 and ledger.evicted == 5
    assert [ledger.find(entry(str(number)).digest) is not None for number in range(15)] == [False] * 5 + [True] * 10


def test_tokens_survive_a_restart(tmp_path: Path) -> None:
    """What was committed is there for the next process."""
    first = IngestDatabase(tmp_path)
    assert first.is_new
    ledger = ledger_on(first)
    ledger.begin(1, [entry("a")], [])
    ledger.complete(1)
    # Not closed: as after a kill.
    second = IngestDatabase(tmp_path)
    assert not second.is_new
    assert ledger_on(second).find(entry("a").digest) is not None
    second.close()
    first.close()


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    """The store starts without tokens, and what was there is kept for a look."""
    (tmp_path / FILE).write_bytes(b"this is not a database, by far not" * 100)
    database = IngestDatabase(tmp_path)
    assert database.is_new
    assert [path.name.startswith(FILE) for path in (tmp_path / "quarantine").iterdir()] == [True]
    database.close()
