"""Settings of the servers that hold a tenant's data instead of an embedded store."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nexus.config import TraceBackendConfig, TracesConfig, VictoriaMetricsConfig

TRACES = {"tenant": "a", "url": "http://h:1/base", "otlp_url": "https://h:2"}
METRICS = {"tenant": "a", "url": "http://h:1"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"url": "h:1"}, "addresses are written like"),
        ({"url": "http://h?x=1"}, "addresses are written like"),
        ({"url": "http://user:secret@h"}, "addresses hold no credentials"),
        ({"token": "t", "username": "u"}, "either `token` or `username`"),
        ({"tenant": "a b"}, "tenant"),
        ({"tenat": "a"}, "tenat"),
    ],
)
@pytest.mark.parametrize(("kind", "good"), [(TraceBackendConfig, TRACES), (VictoriaMetricsConfig, METRICS)])
def test_what_is_wrong_is_named(kind: type[Any], good: dict[str, str], given: dict[str, str], sentence: str) -> None:
    msgspec.convert(good, kind)
    with pytest.raises(msgspec.ValidationError, match=sentence) as refused:
        msgspec.convert({**good, **given}, kind)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        (TraceBackendConfig, {**TRACES, "otlp_url": "ftp://h"}, "addresses are written like"),
        (TraceBackendConfig, {**TRACES, "org": "a\nb"}, "`org` is a line"),
        (VictoriaMetricsConfig, {**METRICS, "query_url": "h"}, "addresses are written like"),
        (TracesConfig, {"jaeger": [TRACES], "tempo": [TRACES]}, "the same tenant"),
    ],
)
def test_each_has_checks_of_its_own(kind: type[Any], given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        msgspec.convert(given, kind)


def test_secrets_are_not_shown() -> None:
    shown = repr(msgspec.convert({**TRACES, "token": "hidden-token"}, TraceBackendConfig))
    assert "hidden-token" not in shown
    assert "https://h:2" in shown
