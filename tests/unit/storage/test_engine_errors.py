"""The engine's error texts: taken apart, and told to people."""

from __future__ import annotations

import pytest

from nexus.errors import InvalidRequest, LimitExceeded, NexusError, Overloaded, StorageError
from nexus.storage.clickhouse.errors import EngineError, parse_engine_error, query_error


@pytest.mark.parametrize(
    ("text", "code", "name", "message"),
    [
        ("Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", "Unknown table."),
        (
            "Code: 164. DB::Exception: Code: 164. DB::Exception: Cannot modify. (READONLY) (version 26.9.2.1). (READONLY)",
            164,
            "READONLY",
            "Cannot modify. (READONLY) (version 26.9.2.1).",
        ),
        ("Code: 1. DB::Exception: two\nlines (X)", 1, "X", "two\nlines"),
        ("something else", 0, "", "something else"),
        ("", 0, "", "the engine failed without a message"),
    ],
)
def test_texts_are_taken_apart(text: str, code: int, name: str, message: str) -> None:
    """Code, name and message without decoration."""
    error = parse_engine_error(text)
    assert (error.code, error.name, error.message) == (code, name, message)


def told(code: int, message: str, *, user_sql: bool = False) -> NexusError:
    """What the caller of a query with a limit of 30 s hears."""
    return query_error(EngineError(code, "X", message), seconds=30, user_sql=user_sql)


def test_limits_say_what_by_how_much_and_what_to_do() -> None:
    """Time, memory, result."""
    slow = told(159, "Timeout exceeded: elapsed 30012.5 ms, maximum: 30000.000 ms.")
    assert isinstance(slow, LimitExceeded) and "30 seconds" in slow.message and "30012.5 ms" in slow.message
    assert "time range" in slow.hint
    big = told(241, "Query memory limit exceeded: would use 34.07 MiB (attempt to ...), maximum: 19.07 MiB: While ...")
    assert isinstance(big, LimitExceeded) and "34.07 MiB" in big.message and "19.07 MiB" in big.message
    long = told(396, "Limit for result exceeded, max bytes: 9.77 KiB, current bytes: 988.31 KiB.")
    assert isinstance(long, LimitExceeded) and "988.31 KiB" in long.message and "9.77 KiB" in long.message


def test_reading_too_much_says_how_much() -> None:
    """Unless that would tell of records that the caller does not see."""
    text = "Limit for {0} (controlled by 'max_{0}_to_read' setting) exceeded, max {0}: {1}, current {0}: {2}."
    rows = told(158, text.format("rows", "5.00", "1.20 thousand"))
    assert isinstance(rows, LimitExceeded)
    assert rows.message == "the query reads more than it may: 1.20 thousand records so far, the limit is 5."
    size = told(307, text.format("bytes", "10.00 B", "2.34 KiB: While executing MergeTreeSelect"))
    assert size.message == "the query reads more than it may: 2.34 KiB so far, the limit is 10.00 B."
    hidden = query_error(EngineError(158, "X", rows.message), seconds=30, user_sql=False, restricted=True)
    assert hidden.message == "the query reads more than it may."


def test_a_full_engine_is_no_fault_of_the_query() -> None:
    """Memory of the whole engine: try again."""
    assert isinstance(told(241, "(total) memory limit exceeded: would use 6 GiB, maximum: 5.9 GiB"), Overloaded)


@pytest.mark.parametrize("before", ["`x`. In scope", "`x`: In scope", "`x` in query scope:", "`x`. In scope\n"])
def test_the_statement_that_runs_is_not_told(before: str) -> None:
    """It holds the tenant, the row policy, and which fields are masked."""
    text = f"Unknown identifier {before} SELECT x FROM nexus.logs PREWHERE (tenant = 'shop') AND (service = 'bank')"
    assert told(47, text, user_sql=True).message == "Unknown identifier `x`."


def test_mistakes_in_user_sql_are_the_users() -> None:
    """And those in compiled SQL are not, but for regular expressions."""
    assert isinstance(told(47, "Unknown identifier `x`. In scope SELECT x", user_sql=True), InvalidRequest)
    assert isinstance(told(47, "Unknown identifier `x`"), StorageError)
    assert isinstance(told(427, "OptimizedRegularExpression: cannot compile re2: ("), InvalidRequest)
    assert isinstance(told(40, "Checksum doesn't match", user_sql=True), StorageError)


def test_disk_and_load() -> None:
    """What the writer asks."""
    assert EngineError(243, "NOT_ENOUGH_SPACE", "Cannot reserve 10 MiB").no_space
    assert EngineError(75, "CANNOT_WRITE", "write failed: No space left on device").no_space
    assert EngineError(252, "TOO_MANY_PARTS", "").busy
    assert not EngineError(60, "", "").busy
