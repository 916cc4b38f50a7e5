"""The SQL of metrics, as text that reviewers read."""

from __future__ import annotations

from collections.abc import Callable

from nexus.storage.clickhouse.metrics import fetch, policies

DAY = 86_400_000
ROLLUPS = ((300, 90), (3600, 0))
IDS = bytes(range(16)), bytes(range(1, 17))
MANY = b"".join(bytes([number]) * 16 for number in range(9))


def test_reading(golden: Callable[[str, str], None]) -> None:
    """Chunks and exemplars: by metric, by series, by a set of ids, a part of a large answer."""
    want = fetch.Wanted("it's", 20_000 * DAY + 5, 20_001 * DAY + 7, ("up", "a'b"), b"")
    texts = [
        fetch.chunks_sql(want),
        fetch.chunks_sql(fetch.Wanted("t", 0, DAY - 1, ("up",), b"".join(IDS))),
        fetch.chunks_sql(fetch.Wanted("t", 0, DAY - 1, (), MANY)),
        *(fetch.chunks_sql(piece) for piece in fetch.pieces(want, 5 * fetch.PIECE_BYTES)),
        fetch.chunks_sql(fetch.Wanted("t", 0, DAY - 1, ("up",), b"", 3600)),
        fetch.samples_sql(fetch.Wanted("t", 0, DAY - 1, ("up",), b"", 300)),
        fetch.exemplars_sql(want),
    ]
    golden("sql/metrics_reading.sql", ";\n\n".join(texts) + ";\n")


def test_a_change_of_retention(golden: Callable[[str, str], None]) -> None:
    """Of a tenant with rules, and of everybody else."""
    own = policies.change_sql(
        "shop", [], (30, ROLLUPS), [(b"".join(IDS), (400, ())), (MANY, (0, ()))], policies.marker_of("shop")
    )
    rest = policies.change_sql(policies.EVERYBODY, ["shop", "it's"], (0, ()), [], policies.marker_of(policies.EVERYBODY))
    golden("sql/metrics_retention.sql", "".join(f"{sql};\n\n" for sql in (*own.values(), *rest.values())))
