"""What happens in the demo's shop: one trace a request, in which causes and times make sense."""

from __future__ import annotations

from random import Random

import pytest
from demo.journey import Conditions, Measure, Span, measures
from demo.services import SERVICES, SLOW_CHECKOUT, conditions, housekeeping, request

CALM = Conditions(False, SERVICES)
INCIDENT = Conditions(True, SERVICES)
RELEASED = Conditions(False, SERVICES | {"checkout": SLOW_CHECKOUT})


def requests(now: Conditions, count: int = 400) -> list[Span]:
    random = Random(7)
    return [request(random, now) for _ in range(count)]


def pairs(root: Span) -> list[tuple[Span, Span]]:
    return [(parent, child) for parent in root.walk() for child in parent.children]


@pytest.mark.parametrize("now", [CALM, INCIDENT, RELEASED], ids=["calm", "incident", "released"])
def test_causes_and_times_make_sense(now: Conditions) -> None:
    for root in requests(now):
        assert (root.service, root.kind, root.start) == ("gateway", "server", 0.0)
        for span in root.walk():
            assert span.end >= span.start
            assert all(span.start <= line.at <= span.end and line.service == span.service for line in span.lines)
            assert span.version == now.versions[span.service]
            assert span.exception is None or span.failure
        for parent, child in pairs(root):
            if child.kind == "consumer":
                assert parent.kind == "producer" and child.start > parent.end and child.linked
                continue
            assert parent.start <= child.start and child.end <= parent.end
            if child.service != parent.service:
                assert (parent.kind, child.kind) == ("client", "server")
                assert parent.attributes["http.response.status_code"] == child.attributes["http.response.status_code"]


def test_the_same_seed_makes_the_same_requests() -> None:
    assert requests(CALM, 50) == requests(CALM, 50)


def test_every_service_and_every_peer_is_seen() -> None:
    spans = [span for root in requests(CALM) for span in root.walk()]
    assert {span.service for span in spans} == set(SERVICES)
    assert {span.kind for span in spans} == {"internal", "server", "client", "producer", "consumer"}
    peers = {str(span.attributes.get("server.address")) for span in spans if span.kind in ("client", "producer")}
    assert {"postgres", "redis", "kafka", "api.cardprovider.example", "smtp.mailer.example"} <= peers


def test_an_incident_is_seen_in_spans_and_lines() -> None:
    bought = [root for root in requests(INCIDENT) if root.name == "POST /checkout"]
    failed = [root for root in bought if root.attributes["http.response.status_code"] == 502]
    assert len(failed) > len(bought) / 2
    for root in failed:
        assert root.failure and root.end > 4
        thrown = [span for span in root.walk() if span.exception]
        assert [(span.service, span.exception and span.exception.kind) for span in thrown] == [
            ("checkout", "UpstreamTimeout"),
            ("payments", "PoolTimeout"),
        ]
        said = {line.service: line for span in root.walk() for line in span.lines if line.severity == "error"}
        assert set(said) == {"gateway", "checkout", "payments"}
        assert "pool exhausted" in said["payments"].body and said["payments"].attributes["pool.in_use"] == 50
        assert not any(span.service in ("shipping", "mail") for span in root.walk())
    assert not any(root.attributes["http.response.status_code"] == 502 for root in requests(CALM))


def test_a_declined_card_is_not_a_failed_server() -> None:
    declined = [r for r in requests(CALM, 4_000) if r.attributes["http.response.status_code"] == 402]
    assert declined
    for root in declined:
        assert not root.failure
        for span in root.walk():
            assert span.exception is None
            assert not (span.kind == "server" and span.failure)


def test_the_new_version_of_checkout_is_slower() -> None:
    def middle(now: Conditions) -> float:
        took = sorted(
            r.end for r in requests(now) if r.attributes["http.response.status_code"] == 200 and "checkout" in r.name
        )
        return took[len(took) // 2]

    assert middle(RELEASED) > 2 * middle(CALM)


def test_incidents_and_releases_come_and_go() -> None:
    def at(second: float) -> tuple[bool, str]:
        now = conditions(second, incident_every=240, deploy_every=600)
        return now.incident, now.versions["checkout"]

    assert at(0) == (False, SERVICES["checkout"])
    assert at(200) == (True, SERVICES["checkout"])
    assert at(250) == (False, SLOW_CHECKOUT)
    assert at(500) == (False, SERVICES["checkout"])


def test_what_is_measured() -> None:
    (root,) = requests(CALM, 1)
    (measured,) = measures(root)
    assert (measured.name, measured.instrument, measured.value) == ("http.server.request.duration", "histogram", root.end)
    assert measured.attributes["http.response.status_code"] in (200, 201)

    def pool(now: Conditions) -> dict[str, float]:
        items = [item for item in housekeeping(Random(3), now) if isinstance(item, Measure)]
        return {str(item.attributes.get("db.client.connection.state", item.name)): item.value for item in items}

    assert pool(INCIDENT)["used"] == 50 and pool(INCIDENT)["db.client.connection.pending_requests"] >= 20
    assert pool(CALM)["used"] < 25 and pool(CALM)["db.client.connection.pending_requests"] == 0
