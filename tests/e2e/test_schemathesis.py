"""Every door of the API description gets what its description allows, and what it does not: nothing is answered with a 500.

The description is made of the whole route table, doors of other protocols included. Rounds go on until the time is up;
`NEXUS_SOAK_SECONDS` gives it more than the normal suite has.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.errors import SchemathesisError
from tests.e2e.nexus_process import TOKEN, NexusProcess

from nexus import __version__
from nexus.components import http_receivers
from nexus.server.app import main_routes
from nexus.server.openapi import describe
from nexus.server.routes import WEBSOCKET

pytestmark = pytest.mark.e2e

SECONDS = float(os.environ.get("NEXUS_SOAK_SECONDS", "20"))
NOTHING: Any = None
ROUTES = [
    replace(route, described=True)
    for route in main_routes(http_receivers(NOTHING, NOTHING, NOTHING))
    if route.method != WEBSOCKET
]
DEFECTS = ("a request failed", "a delivery failed", "Traceback")
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@schemathesis.serializer(
    "application/vnd.fdo.journal", "application/x-protobuf", "application/x-thrift", "application/vnd.apache.thrift.binary"
)
def raw(_context: Any, value: Any) -> bytes:
    """Entries of journald and messages of protobuf are bytes like any other here."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NexusProcess]:
    """A Nexus for this alone: what comes may change and delete."""
    limits = '[{"scope": "address", "name": "auth_requests", "value": 0}]'
    process = NexusProcess(tmp_path_factory.mktemp("schemathesis") / "data", NEXUS_LIMITS_DEFAULTS=limits).start()
    yield process
    process.stop()


def test_no_door_answers_with_a_defect(victim: NexusProcess) -> None:
    schema = schemathesis.openapi.from_dict(describe(ROUTES, __version__))
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == len({(route.method, route.path) for route in ROUTES})
    until = time.monotonic() + SECONDS
    failures: dict[str, str] = {}
    answers: Counter[tuple[str, int]] = Counter()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        session.trust_env = False
        for number in range(1_000_000):
            for place, operation in enumerate(operations):
                if number and time.monotonic() > until:
                    break
                if operation.label not in failures:
                    mode = MODES[(number + place) % 2] if number else MODES[0]
                    explore(victim, session, operation, mode, number, answers, failures)
            if time.monotonic() > until:
                break
    assert not failures, "\n".join(failures.values())
    # It was let in, everywhere, and was not only told that its requests are wrong.
    assert {label for label, _ in answers} == {operation.label for operation in operations}
    assert not [label for label, status in answers if status == 401 and "/auth/" not in label]
    assert len({label for label, status in answers if status < 300}) > len(operations) / 3, answers
    written = victim.output()
    assert not [defect for defect in DEFECTS if defect in written], written[-5000:]


def explore(
    victim: NexusProcess,
    session: requests.Session,
    operation: Any,
    mode: GenerationMode,
    number: int,
    answers: Counter[tuple[str, int]],
    failures: dict[str, str],
) -> None:
    """A few requests to one door."""

    @seed(number)
    @settings(
        max_examples=1 if number == 0 else 4,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        response = case.call(base_url=f"http://127.0.0.1:{victim.port}", session=session, timeout=60)
        answers[operation.label, response.status_code] += 1
        if response.status_code >= 500 and (response.status_code != 503 or "failed" in response.text):
            failures[operation.label] = (
                f"{operation.label}: {response.status_code} {response.text[:300]}\n{case.as_curl_command()}"
            )

    try:
        run()
    except (SchemathesisError, Unsatisfiable, requests.RequestException, UnicodeError, ValueError) as error:
        # What cannot be generated (a door without anything to get wrong) or sent is none of the server's faults.
        if isinstance(error, requests.Timeout):
            failures[operation.label] = f"{operation.label}: no answer in time"
