"""Own metrics and logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from nexus.telemetry import MAX_SERIES, Logging, Registry, log_fields


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], _ = handlers, root.setLevel(level)


def test_render_is_prometheus_text() -> None:
    registry = Registry()
    registry.counter("a_total", "Things.", "tenant").add(2, 'we"ird\\\n')
    registry.gauge("b", "A number.", read=lambda: 1.5)
    histogram = registry.histogram("c_seconds", "Times.", buckets=(0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7):
        histogram.observe(value)
    assert registry.render().decode() == (
        "# HELP a_total Things.\n# TYPE a_total counter\n"
        'a_total{tenant="we\\"ird\\\\\\n"} 2\n'
        "# HELP b A number.\n# TYPE b gauge\nb 1.5\n"
        "# HELP c_seconds Times.\n# TYPE c_seconds histogram\n"
        'c_seconds_bucket{le="0.1"} 2\nc_seconds_bucket{le="1"} 3\nc_seconds_bucket{le="+Inf"} 4\n'
        "c_seconds_sum 7.65\nc_seconds_count 4\n"
    )


def test_labels_are_bounded() -> None:
    counter = Registry().counter("a_total", "Things.", "name")
    for number in range(MAX_SERIES + 50):
        counter.add(1, str(number))
    assert counter.value("other") == 50
    assert counter.total() == MAX_SERIES + 50


def test_an_instrument_is_found_again_but_not_with_other_labels() -> None:
    registry = Registry()
    assert registry.counter("a", "x", "l") is registry.counter("a", "x", "l")
    with pytest.raises(ValueError, match="other labels"):
        registry.counter("a", "x", "m")
    with pytest.raises(ValueError, match="has the labels"):
        registry.counter("a", "x", "l").add(1)


def test_a_gauge_that_cannot_be_read_is_left_out() -> None:
    registry = Registry()
    registry.gauge("broken", "x", read=lambda: 1 / 0)
    assert list(registry.points()) == []


@pytest.mark.usefixtures("restored")
def test_logs_are_json_lines_with_fields() -> None:
    stream = io.StringIO()
    logs = Logging("info", "json", stream)
    logging.getLogger("nexus.test").info("stored %d", 3, extra=log_fields(tenant="a b"))
    logging.getLogger("nexus.test").debug("not shown")
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        logging.getLogger("nexus.test").exception("failed")
    logs.close()
    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (first["severity"], first["message"], first["tenant"]) == ("info", "stored 3", "a b")
    assert "RuntimeError: boom" in second["exception"]


@pytest.mark.usefixtures("restored")
def test_logs_as_text_and_a_sink() -> None:
    stream = io.StringIO()
    logs = Logging("warning", "text", stream)
    taken: list[logging.LogRecord] = []
    logs.attach(taken.append)
    logging.getLogger("nexus.test").warning("careful", extra=log_fields(reason="a b"))
    logs.set_level("debug")
    logging.getLogger("nexus.test").debug("now shown")
    logs.detach()
    logging.getLogger("nexus.test").error("not taken")
    logs.close()
    lines = stream.getvalue().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        'warning careful reason="a b"', "debug   now shown", "error   not taken",
    ]  # fmt: skip
    assert [record.getMessage() for record in taken] == ["careful", "now shown"]
