"""The client behind `nexus ingest`: lines to batches, text to records."""

from __future__ import annotations

import json

import pytest

from nexus.client import Sender, TextRecords, batches, leading_time, looks_like_json, severity_word
from nexus.errors import InvalidRequest
from nexus.model.time import parse_time


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("2026-01-31T12:00:00.5Z hello", "2026-01-31T12:00:00.5Z"),
        ("[2026-01-31 12:00:00,123] hello", "2026-01-31T12:00:00.123Z"),
        ("2015-07-29 17:41:44,747 - INFO  [QuorumPeer]", "2015-07-29T17:41:44.747Z"),
        ("2026-01-31T12:00:00+02:00 x", "2026-01-31T10:00:00Z"),
        ("[Sun Dec 04 04:47:44 2005] [notice] ok", "2005-12-04T04:47:44Z"),
    ],
)
def test_times_that_name_their_year(line: str, time: str) -> None:
    assert leading_time(line) == parse_time(time, now_ns=0)


@pytest.mark.parametrize(
    "line",
    [
        "Jun 14 15:16:01 combo sshd",
        "081109 203615 148 INFO",
        "17/06/09 20:10:40 INFO",
        "2026-99-99T00:00:00Z",
        "",
        "hello 2026-01-01T00:00:00Z",
    ],
)
def test_times_that_are_not_exact_are_left_alone(line: str) -> None:
    assert leading_time(line) is None


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("2015-07-29 17:41:44,747 - WARN  [x]", "warn"),
        ("[Sun Dec 04 04:47:44 2005] [error] mod_jk", "error"),
        ("081109 203615 148 INFO dfs.DataNode", "info"),
        ("no information here, an error happened", ""),
        ("INFORMATION", ""),
        ("x" * 130 + " ERROR", ""),
    ],
)
def test_severity_words(line: str, word: str) -> None:
    assert severity_word(line) == word


def test_text_lines_keep_their_order() -> None:
    convert = TextRecords("app", 1000)
    lines = [b"first", b"2026-01-31T12:00:00Z ERROR boom\r\n", b"  at x.py:1\n", b"\xff\xfe"]
    records = [json.loads(convert(line)) for line in lines]
    base = parse_time("2026-01-31T12:00:00Z", now_ns=0)
    assert [int(record["_time"]) for record in records] == [1001, base, base + 1, base + 2]
    assert records[1] == {"_time": str(base), "_msg": "2026-01-31T12:00:00Z ERROR boom", "service": "app", "level": "error"}
    assert records[3]["_msg"] == "\ufffd\ufffd"


def test_batches_by_size_with_line_numbers() -> None:
    lines = [b"aaaa\n", b"\n", b"bbbb\n", b"cccc", b"   \n", b"dddd\n"]
    made = list(batches(lines, None, 10, 60.0))
    assert [(batch.first_line, batch.lines, bytes(batch.body)) for batch in made] == [
        (1, [1, 3], b"aaaa\nbbbb\n"),
        (4, [4, 6], b"cccc\ndddd\n"),
    ]


def test_a_quiet_stream_is_flushed() -> None:
    made = batches([b"a\n", None, b"b\n"], None, 1 << 20, 0.0)
    assert bytes(next(made).body) == b"a\n"


def test_what_looks_like_json() -> None:
    assert looks_like_json(b' {"a": 1}\n')
    assert not looks_like_json(b"{broken")
    assert not looks_like_json(b"[1]")
    assert not looks_like_json(b"plain")


def test_addresses_that_are_none() -> None:
    for url in ("localhost:8080", "ftp://x", "http://"):
        with pytest.raises(InvalidRequest):
            Sender(url, "t")
