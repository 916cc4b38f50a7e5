"""The native syslog decoder against a slow one, over generated messages; and framing however a stream is cut."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import syslog as oracle
from tests.oracles.batches import rows

from nexus import _native

NOW = datetime(2027, 1, 1, 0, 30, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 10**9
FACILITIES = (
    "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock local0 local1 local2 local3 "
    "local4 local5 local6 local7"
).split()

priorities = st.integers(0, 191)
hosts = st.from_regex(r"[a-z][a-z0-9.-]{0,20}[a-z0-9]", fullmatch=True)
apps = st.from_regex(r"[a-z][a-z0-9_/-]{0,20}", fullmatch=True)
bodies = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80)
times = st.datetimes(datetime(2000, 1, 1), datetime(2026, 12, 31))
params = st.tuples(
    st.from_regex(r"[a-z]{1,3}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
)
elements = st.tuples(st.from_regex(r"[a-z]{1,6}@[0-9]{1,5}", fullmatch=True), st.lists(params, max_size=4))


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


@st.composite
def modern(draw: st.DrawFn) -> str:
    """An RFC 5424 message."""
    nil = st.just("-")
    when = draw(st.one_of(nil, times.map(lambda moment: moment.isoformat(timespec="microseconds") + "Z")))
    pid, msgid = draw(st.one_of(nil, st.integers(0, 99999).map(str))), draw(st.one_of(nil, apps))
    data = "".join(
        f"[{name}{''.join(f' {key}={chr(34)}{escaped(value)}{chr(34)}' for key, value in found)}]"
        for name, found in draw(st.lists(elements, max_size=3))
    )
    head = f"<{draw(priorities)}>1 {when} {draw(st.one_of(nil, hosts))} {draw(st.one_of(nil, apps))} {pid} {msgid} {data or '-'}"
    body = draw(bodies)
    return f"{head} {draw(st.sampled_from(['', chr(0xFEFF)]))}{body}" if body else head


@st.composite
def classic(draw: st.DrawFn) -> str:
    """An RFC 3164 message."""
    moment = draw(times)
    pid = draw(st.one_of(st.just(""), st.integers(1, 99999).map(lambda number: f"[{number}]")))
    stamp = f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S}"
    return f"<{draw(priorities)}>{stamp} {draw(hosts)} {draw(apps)}{pid}: {draw(bodies)}"


def framed(messages: list[bytes]) -> bytes:
    return b"".join(b"\1" + len(one).to_bytes(4, "little") + bytes(4) + one for one in messages)


def meaning(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the batch, as the oracle shows it."""
    attributes = {key: (kind, value) for (kind, key), value in row["attributes"].items()}
    pid = attributes.get("process.pid", attributes.get("syslog.procid", ("", "")))[1]
    resource = json.loads(row["resource"])
    data = {key: json.loads(value) if kind == "j" else [value] for key, (kind, value) in attributes.items() if "@" in key}
    return {
        "time": row["timestamp"],
        "severity": row["severity_number"],
        "facility": FACILITIES.index(attributes["syslog.facility"][1]),
        "host": resource.get("host.name", ""),
        "app": resource.get("service.name", ""),
        "pid": str(pid),
        "msgid": row["event_name"],
        "data": data,
        "body": row["body"],
    }


def nanoseconds(moment: datetime | None) -> int:
    if moment is None:
        return NOW_NS
    return int(moment.replace(microsecond=0).timestamp()) * 10**9 + moment.microsecond * 1000


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(modern(), classic()), min_size=1, max_size=20))
def test_messages_mean_what_the_slow_reader_says(messages: list[str]) -> None:
    decoded = _native.decode_syslog(framed([message.encode() for message in messages]), now_ns=NOW_NS)
    assert (decoded.accepted, decoded.rejected) == (len(messages), 0)
    for message, row in zip(messages, rows(decoded.batch), strict=True):
        expected = oracle.read(message, NOW)
        # A process id of leading zeros is a number all the same.
        expected["pid"] = str(int(expected["pid"])) if expected["pid"] else ""
        assert meaning(row) == {**expected, "time": nanoseconds(expected["time"])}, message


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(modern(), classic()).map(str.encode), max_size=8),
    st.sampled_from(["octets", "lines", "nuls"]),
    st.lists(st.integers(1, 60), min_size=1, max_size=10),
)
def test_a_stream_gives_its_messages_however_it_is_cut(messages: list[bytes], mode: str, cuts: list[int]) -> None:
    messages = [message.rstrip() for message in messages]
    stream = oracle.frame(messages, mode)
    framer = _native.SyslogFramer("192.0.2.1", 4096)
    at = number = 0
    body = b""
    while at < len(stream):
        size = cuts[number % len(cuts)]
        framer.feed(stream[at : at + size])
        body += framer.take()[0]
        at, number = at + size, number + 1
    framer.finish()
    last, _, truncated = framer.take()
    decoded = _native.decode_syslog(body + last, now_ns=NOW_NS)
    assert truncated == 0
    whole = _native.decode_syslog(framed(messages), now_ns=NOW_NS)
    assert [row["body"] for row in rows(decoded.batch)] == [row["body"] for row in rows(whole.batch)]
