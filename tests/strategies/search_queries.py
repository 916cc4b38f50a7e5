"""Hypothesis strategies for texts of the search language that find something among the records of `tests.oracles.records`."""

from __future__ import annotations

from hypothesis import strategies as st
from tests.oracles.records import KEYS, SERVICES, TEXTS, TRACES, WORDS

from nexus.query.fields import name_of
from nexus.query.logs import quote
from nexus.query.plan import Field, FieldKind

_words = st.sampled_from([*WORDS, "pay", "fail", "payment failed", "failed, retry", "user", "42", "time", "pad", "école"])
_values = st.sampled_from([*TEXTS, "0", "200", "499.5", "false", "GET", "api", "4611686018427387905", "1e30", "-0"])
_literal_values = st.one_of(_values, _values, _words).map(lambda text: quote(text) if text else '""')
_pieces = st.sampled_from(
    ["", "pay", "FAIL", "ed", "user", "4", "2", "rder-1", "t f", "É", "col", "a*", "%", "_", "[i", "/", "5", "{"]
)
_severities = st.sampled_from(["error", "WARN", "unset", "fatal", "trace"])
_patterns = st.sampled_from(
    ["pay.*failed", "(?i)ERROR|timeout", "^payment", "[0-9]+$", r"\bre", "É.*", r"5.0", "e.", "^GET$", "l{1}e", r"\{id\}"]
)


def _escaped(piece: str) -> str:
    return "".join(c if c.isalnum() else f"\\{c}" for c in piece)


_wildcards = st.lists(_pieces, min_size=2, max_size=3).filter(any).map(lambda ps: "*".join(map(_escaped, ps)))
_operators = st.sampled_from(["", "=", "!=", "<", "<=", ">", ">="])
_names = st.sampled_from(
    [
        *(name_of(Field(FieldKind.ATTRIBUTE, key)) for key in KEYS),
        *("host.name", "resource.team", "resource.status", 'resource.q"k', "resource.missing", "missing", "retries"),
        *("service", "event_name", "scope_name"),
    ]
).map(quote)


def _field_terms() -> st.SearchStrategy[str]:
    matcher = st.one_of(
        st.tuples(_operators, _literal_values).map("".join),
        st.tuples(_operators, _literal_values).map("".join),
        _wildcards,
        _patterns.map(lambda pattern: f"/{pattern.replace('/', chr(92) + '/')}/"),
        st.just("*"),
        st.tuples(_values.filter(bool), _values.filter(bool)).map(lambda ends: f"[{quote(ends[0])} TO {quote(ends[1])}}}"),
    )
    ids = st.sampled_from([trace for trace in TRACES if trace] + ["f" * 32, "a3ce929d0e0e4736"])
    return st.one_of(
        st.tuples(_names, matcher).map(":".join),
        st.tuples(_names, matcher).map(":".join),
        st.tuples(_operators, _severities).map(lambda pair: f"level:{pair[0]}{pair[1]}"),
        st.sampled_from(["level:*", "level:*r*", "severity_number:>=9", "severity_number:!=9", "trace_id:*", "span_id:*"]),
        st.sampled_from(
            ["trace_id:4bf92f*", "template_id:00*", "template_id:0000000000000001", "span_id:!=0000000000000002", "body:*"]
        ),
        ids.map(lambda digits: f"trace_id:{digits}"),
        ids.map(lambda digits: f"trace_id:!={digits.rjust(32, '0')}"),
        st.sampled_from(SERVICES).map(lambda service: f"service:{quote(service) if service else chr(34) * 2}"),
    )


def _terms() -> st.SearchStrategy[str]:
    return st.one_of(
        _words.map(quote),
        _words.map(quote),
        _wildcards,
        _patterns.map(lambda pattern: f"/{pattern.replace('/', chr(92) + '/')}/"),
        _words.map(lambda text: f"body:={quote(text)}"),
        _field_terms(),
        _field_terms(),
    )


queries = st.recursive(
    _terms(),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]} {pair[1]}"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} OR {pair[1]})"),
        inner.map(lambda text: f"NOT ({text})"),
    ),
    max_leaves=4,
)
