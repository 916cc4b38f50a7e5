"""The shop's services and what they log. Pure: a request in, log lines out; randomness is handed in.

One customer request walks through several services under one trace id. During an incident the database pool of
`payments` runs dry: payments time out, `checkout` fails, `gateway` answers 502, and the queue of `shipping` drains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Literal

Severity = Literal["debug", "info", "warn", "error", "fatal"]
Attribute = str | int | float | bool

SERVICES: dict[str, str] = {
    "gateway": "2.14.1",
    "catalog": "1.9.0",
    "cart": "1.22.3",
    "checkout": "3.4.0",
    "payments": "3.1.7",
    "shipping": "0.8.12",
}
"""Service name to version."""

PRODUCTS = ("espresso-cup", "french-press", "grinder", "kettle", "filter-paper", "scale", "moka-pot", "beans-1kg")
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1")


@dataclass(frozen=True, slots=True)
class Line:
    """One log record to be: which service says what, `delay` seconds after the request began."""

    service: str
    severity: Severity
    body: str
    delay: float = 0.0
    attributes: dict[str, Attribute] = field(default_factory=dict)


def browse(random: Random) -> Iterator[Line]:
    """A customer looks at a product."""
    product, duration = random.choice(PRODUCTS), random.lognormvariate(2.3, 0.6)
    yield Line("catalog", "debug", f"cache {'hit' if random.random() < 0.8 else 'miss'} for product {product}", 0.001)
    yield _access(random, "GET", f"/products/{product}", 200, duration)


def add_to_cart(random: Random) -> Iterator[Line]:
    """A customer fills the cart."""
    product, cart = random.choice(PRODUCTS), f"{random.getrandbits(32):08x}"
    quantity = random.randint(1, 4)
    if random.random() < 0.04:
        yield Line("cart", "warn", f"product {product} is low on stock: {random.randint(1, 5)} left", 0.002)
    yield Line(
        "cart",
        "info",
        f"added {quantity} x {product} to cart {cart}",
        0.004,
        {"cart.id": cart, "product": product, "quantity": quantity},
    )
    yield _access(random, "POST", "/cart/items", 201, random.lognormvariate(2.6, 0.5))


def buy(random: Random, *, incident: bool) -> Iterator[Line]:
    """A customer pays; in an incident most payments fail for want of a database connection."""
    order, amount = random.randint(100_000, 999_999), round(random.lognormvariate(3.6, 0.7), 2)
    about: dict[str, Attribute] = {"order.id": order, "amount": amount, "currency": "EUR"}
    yield Line("checkout", "info", f"order {order} placed, total {amount} EUR", 0.003, about)
    if incident and random.random() < 0.85:
        waited = random.randint(4_000, 5_100)
        yield Line(
            "payments",
            "error",
            f"could not acquire a database connection after {waited} ms: pool exhausted (50/50 in use)",
            waited / 1000,
            about | {"db.system": "postgresql", "pool.in_use": 50, "exception.type": "PoolTimeout"},
        )
        yield Line("checkout", "error", f"payment for order {order} failed: upstream timed out", waited / 1000, about)
        yield _access(random, "POST", "/checkout", 502, float(waited))
        return
    if random.random() < 0.02:
        yield Line("payments", "warn", f"card declined for order {order}: insufficient funds", 0.08, about)
        yield _access(random, "POST", "/checkout", 402, random.lognormvariate(4.4, 0.4))
        return
    duration = random.lognormvariate(4.6, 0.4)
    yield Line("payments", "info", f"captured {amount} EUR for order {order} in {duration:.0f} ms", 0.1, about)
    carrier = random.choice(("DHL", "GLS", "UPS"))
    yield Line("shipping", "info", f"parcel for order {order} handed to carrier {carrier}", 0.2)
    yield _access(random, "POST", "/checkout", 200, duration)


def housekeeping(random: Random, *, incident: bool) -> Iterator[Line]:
    """What services say when nobody asks them."""
    in_use = 50 if incident else random.randint(4, 22)
    yield Line(
        "payments",
        "warn" if in_use > 45 else "debug",
        f"connection pool: {in_use} of 50 in use, {random.randint(20, 60) if incident else 0} waiting",
        attributes={"pool.in_use": in_use},
    )
    if random.random() < 0.2:
        yield Line(
            "catalog",
            "info",
            f"search index refreshed: {random.randint(7_900, 8_100)} products in {random.randint(200, 900)} ms",
        )
    if random.random() < 0.01:
        yield Line("shipping", "fatal", "label printer driver crashed: segmentation fault, restarting")


def _access(random: Random, method: str, route: str, status: int, duration_ms: float) -> Line:
    severity: Severity = "error" if status >= 500 else "warn" if status >= 400 else "info"
    return Line(
        "gateway",
        severity,
        f"{method} {route} {status} {duration_ms:.1f}ms",
        duration_ms / 1000,
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "duration_ms": round(duration_ms, 2),
            "client.region": random.choice(REGIONS),
        },
    )
