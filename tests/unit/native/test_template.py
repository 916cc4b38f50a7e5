"""Templates: the native masks against their slow twin, and that they group what belongs together."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.oracles import template as oracle

from nexus import _native

WORDS = r"""
    GET error Took connection é 日本 user sun Mon may Dec ab dead beef cafe add s ms KB bytes pm 5 42 -7 +3 0x1f 1.2.3.4
    2026-01-02 3f2a1b00-abcd-4e5f-8a9b-deadbeef0001 00:1a:ab:cd:ef:02 fe80::1 v1 user-12 blk_99 a@b.c bob@example.com
    root@host k=v k= k=7 q="x y" it's 'z' `q` ?a=b ?x /api/v1 "key": "a\"b" \ \" ' ` = ? @ @. . , : ; ( ) [ ] { } < > | &
    # % ~ - + * _ / :: -- ==
"""
PIECES = st.sampled_from([*WORDS.split(), " ", "  ", "\t", "\n", "\x0b", "\x00", "\x1f", "\x85", "\u2003"])
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=25).map("".join) | st.text(max_size=60)


def _check(text: str) -> None:
    template, number = _native.mask_template(text)
    assert template.encode() == oracle.template(text.encode())
    assert number == _native.fingerprint(template.encode())


@settings(max_examples=500, deadline=None)
@given(TEXTS)
@example("'a'b'c' 'd")
@example("\\'\"\\")
@example('"\\')
def test_masks_are_those_of_the_twin(text: str) -> None:
    _check(text)


@settings(max_examples=50, deadline=None)
@given(st.lists(PIECES, min_size=300, max_size=600).map("".join))
def test_long_texts(text: str) -> None:
    _check(text)


def test_only_the_beginning_counts() -> None:
    head = "word " * 300
    assert _native.mask_template(head + "one")[1] == _native.mask_template(head + "two three")[1]


def test_linear_on_hostile_text() -> None:
    for piece in ("'a ", '"', "?a", "a@", "ab-", "a=[", "may  ", "x=", "``'", '\\"'):
        _check(piece * 2000)


def test_groups_like_lines_and_keeps_unlike_ones_apart() -> None:
    def ids(*lines: str) -> int:
        return len({_native.mask_template(line)[1] for line in lines})

    assert ids("took 5 ms", "took 1.25 s", "took 900us") == 1
    assert ids("GET /api/v1/users/1 200 5ms", "GET /api/v1/users/77 404 1.5s") == 1
    assert ids("GET /users/1", "GET /orders/1") == 2
    assert ids("from 10.0.0.1:80", "from 192.168.1.22:45678") == 1
    assert ids("id 3f2a1b00-abcd-4e5f-8a9b-deadbeef0001", "id 11111111-2222-3333-4444-555555555555") == 1
    assert ids("user=alice state=ok", "user=bob state=failed") == 1
    assert ids('opened "a.txt"', 'opened "some other.txt"') == 1
    assert ids("connection opened", "connection closed") == 2
