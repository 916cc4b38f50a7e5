"""What a term of the search language means in the plan."""

from __future__ import annotations

import pytest

from nexus.errors import QuerySyntaxError
from nexus.query.logs import lower, parse
from nexus.query.plan import (
    All,
    And,
    Compare,
    CompareOp,
    Exists,
    Field,
    FieldKind,
    Not,
    Or,
    Phrase,
    Predicate,
    Regex,
    Wildcard,
    Word,
)

NOW = 1_800_000_000_000_000_000
BODY = Field(FieldKind.COLUMN, "body")
SEVERITY = Field(FieldKind.COLUMN, "severity")
STATUS = Field(FieldKind.ATTRIBUTE, "status")


def column(name: str) -> Field:
    return Field(FieldKind.COLUMN, name)


def meaning(text: str) -> Predicate:
    return lower(parse(text).root, now_ns=NOW)


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        ("", All()),
        ("timeout", Word("timeout")),
        ("Ошибка", Word("Ошибка")),
        ("user-123", Phrase("user-123")),
        ('"connection refused"', Phrase("connection refused")),
        ("body:timeout", Word("timeout")),
        ('message:"a b"', Phrase("a b")),
        ('body:=" a"', Compare(BODY, CompareOp.EQ, " a")),
        ('body:""', Compare(BODY, CompareOp.EQ, "")),
        ("conn*", Wildcard(BODY, ("conn", ""))),
        ("/a.c/", Regex(BODY, "a.c")),
        ("a -b", And((Word("a"), Not(Word("b"))))),
        ("service:API", Compare(column("service"), CompareOp.EQ, "API")),
        ("SERVICE:API", Compare(column("service"), CompareOp.EQ, "API")),
        ("service.name:x", Compare(column("service"), CompareOp.EQ, "x")),
        ("level:ERROR", Compare(SEVERITY, CompareOp.EQ, "error")),
        ("Level:>=Warning", Compare(SEVERITY, CompareOp.GE, "warn")),
        (
            "level:(error OR fatal)",
            Or((Compare(SEVERITY, CompareOp.EQ, "error"), Compare(SEVERITY, CompareOp.EQ, "fatal"))),
        ),
        ("severity_number:17", Compare(column("severity_number"), CompareOp.EQ, 17)),
        ("status:500", Compare(STATUS, CompareOp.EQ, "500")),
        ("status:>=500", Compare(STATUS, CompareOp.GE, "500")),
        ("status:!=500", Compare(STATUS, CompareOp.NE, "500")),
        ("status:{1 TO 5]", And((Compare(STATUS, CompareOp.GT, "1"), Compare(STATUS, CompareOp.LE, "5")))),
        ("status:[* TO *]", Exists(STATUS)),
        ("status:*", Exists(STATUS)),
        ("-status:*", Not(Exists(STATUS))),
        ("attributes.level:x", Compare(Field(FieldKind.ATTRIBUTE, "level"), CompareOp.EQ, "x")),
        ("resource.team:x", Compare(Field(FieldKind.RESOURCE, "team"), CompareOp.EQ, "x")),
        ("host.name:x", Compare(Field(FieldKind.ANYWHERE, "host.name"), CompareOp.EQ, "x")),
        ("pod:x*", Wildcard(Field(FieldKind.ANYWHERE, "pod"), ("x", ""))),
        (
            "trace_id:4BF92F35-77B34DA6-A3CE929D-0E0E4736",
            Compare(column("trace_id"), CompareOp.EQ, "4bf92f3577b34da6a3ce929d0e0e4736"),
        ),
        ("trace_id:a3ce929d0e0e4736", Compare(column("trace_id"), CompareOp.EQ, "0" * 16 + "a3ce929d0e0e4736")),
        ("trace_id:4BF9*", Wildcard(column("trace_id"), ("4bf9", ""))),
        ("template_id:00000000000000ff", Compare(column("template_id"), CompareOp.EQ, "00000000000000ff")),
        ("timestamp:>2026-01-01", Compare(column("timestamp"), CompareOp.GT, 1_767_225_600_000_000_000)),
        ("timestamp:<now-1s", Compare(column("timestamp"), CompareOp.LT, NOW - 1_000_000_000)),
    ],
)
def test_lowers(text: str, predicate: Predicate) -> None:
    assert meaning(text) == predicate


@pytest.mark.parametrize(
    ("text", "offset", "length", "message"),
    [
        ("a level:oops", 2, 10, "'oops' is not a severity"),
        ("trace_id:xyz", 0, 12, "not a trace_id"),
        ("trace_id:>4bf92f3577b34da6a3ce929d0e0e4736", 0, 42, "has no order"),
        ("span_id:*ab", 0, 11, "hex digits before the star"),
        ("trace_id:/a/", 0, 12, "cannot be matched with a regular expression"),
        ("timestamp:yesterday", 0, 19, "cannot read"),
        ("severity_number:high", 0, 20, "not a severity number"),
        ("attributes:x", 0, 12, "is a map"),
        ("level:(error OR nope)", 16, 4, "'nope' is not a severity"),
    ],
)
def test_nonsense_is_refused_where_it_stands(text: str, offset: int, length: int, message: str) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        meaning(text)
    assert message in caught.value.message
    assert (caught.value.offset, caught.value.length) == (offset, length)
    assert caught.value.hint
