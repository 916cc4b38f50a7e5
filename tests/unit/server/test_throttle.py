"""Classes of doors: from the whole route table, so that a new door has one."""

from __future__ import annotations

from typing import Any

from nexus.components import http_receivers, otlp_receivers
from nexus.security.limits.catalogue import EndpointClass
from nexus.security.permissions import READING
from nexus.server.app import main_routes
from nexus.server.routes import BASE, WEBSOCKET, receiver_routes
from nexus.server.throttle import class_of

NOTHING: Any = None
ROUTES = [
    *main_routes(http_receivers(NOTHING, NOTHING, NOTHING)),
    *receiver_routes(otlp_receivers(NOTHING, NOTHING, NOTHING)),
]


def test_every_door_with_something_behind_it_has_a_class() -> None:
    free = {route.path for route in ROUTES if class_of(route) is None}
    assert {"/-/healthy", "/-/ready"} <= free
    assert all(route.public for route in ROUTES if class_of(route) is None)
    assert not [path for path in free if path.startswith(f"{BASE}/")]


def test_classes_follow_what_a_door_is_for() -> None:
    for route in ROUTES:
        kind = class_of(route)
        if route.receiver is not None:
            assert kind is EndpointClass.INGEST
        elif route.method == WEBSOCKET:
            assert kind is EndpointClass.LIVE
        elif route.path.startswith(f"{BASE}/auth/"):
            assert kind is EndpointClass.AUTH
        elif route.permission in READING:
            assert kind is EndpointClass.QUERY
    assert {class_of(route) for route in ROUTES} == {None, *EndpointClass}
