"""The shop's services and what happens in them. Pure: a request in, spans and lines out; randomness is handed in.

One customer request walks through several services as one trace. During an incident the database pool of `payments` runs
dry: payments time out, `checkout` fails, `gateway` answers 502, and the queue of `shipping` drains. Now and then a new
version of `checkout` is out for some minutes that asks the database for each item of an order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random

from demo.journey import Attributes, Conditions, Failure, Journey, Line, Measure, Severity, Span

SERVICES: dict[str, str] = {
    "gateway": "2.14.1",
    "catalog": "1.9.0",
    "cart": "1.22.3",
    "checkout": "3.4.0",
    "payments": "3.1.7",
    "shipping": "0.8.12",
    "mail": "1.3.0",
}
"""Service name to version."""
SLOW_CHECKOUT = "3.5.0"
"""The version of `checkout` that is slower."""

PRODUCTS = ("espresso-cup", "french-press", "grinder", "kettle", "filter-paper", "scale", "moka-pot", "beans-1kg")
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1")
CARD_PROVIDER = "api.cardprovider.example"
MAIL_SERVER = "smtp.mailer.example"
POOL_SIZE = 50


def conditions(elapsed: float, *, incident_every: float, deploy_every: float) -> Conditions:
    """What holds `elapsed` seconds after the start: an incident in the last quarter of its turn, the slow `checkout` in the
    middle third of its."""
    slow = 1 / 3 < elapsed % deploy_every / deploy_every < 2 / 3
    versions = SERVICES | ({"checkout": SLOW_CHECKOUT} if slow else {})
    return Conditions(elapsed % incident_every > incident_every * 0.75, versions)


def request(random: Random, now: Conditions) -> Span:
    """One customer's doing: its root span."""
    dice = random.random()
    journey = Journey(random, now)
    if dice < 0.62:
        browse(journey)
    elif dice < 0.86:
        add_to_cart(journey)
    else:
        buy(journey)
    assert journey.root is not None
    return journey.root


def browse(journey: Journey) -> None:
    """A customer looks at a product."""
    product = journey.random.choice(PRODUCTS)
    with (
        _visit(journey, "GET", "/products/{product}", f"/products/{product}"),
        journey.call("catalog", "GET", "/catalog/{product}", f"/catalog/{product}", product=product),
    ):
        journey.redis("GET", f"product:{product}")
        if journey.random.random() < 0.8:
            journey.say("debug", f"cache hit for product {product}")
        else:
            journey.say("debug", f"cache miss for product {product}")
            journey.query("SELECT * FROM products WHERE slug = $1", 4)
            journey.redis("SETEX", f"product:{product}")
        with journey.span("catalog", "render product", product=product):
            journey.work(3)


def add_to_cart(journey: Journey) -> None:
    """A customer fills the cart."""
    random = journey.random
    product, cart, quantity = random.choice(PRODUCTS), f"{random.getrandbits(32):08x}", random.randint(1, 4)
    with (
        _visit(journey, "POST", "/cart/items", status=201),
        journey.call("cart", "POST", "/carts/{cart}/items", f"/carts/{cart}/items", cart__id=cart, product=product),
    ):
        journey.redis("HGETALL", f"cart:{cart}")
        with journey.call("catalog", "GET", "/stock/{product}", f"/stock/{product}", product=product):
            journey.query("SELECT stock FROM products WHERE slug = $1", 3)
        if random.random() < 0.04:
            journey.say("warn", f"product {product} is low on stock: {random.randint(1, 5)} left")
        journey.redis("HSET", f"cart:{cart}")
        about: Attributes = {"cart__id": cart, "product": product, "quantity": quantity}
        journey.say("info", f"added {quantity} x {product} to cart {cart}", **about)


def buy(journey: Journey) -> None:
    """A customer pays; in an incident most payments fail for want of a database connection."""
    random = journey.random
    order, amount = random.randint(100_000, 999_999), round(random.lognormvariate(3.6, 0.7), 2)
    items = random.randint(1, 6)
    about: Attributes = {"order__id": order, "amount": amount, "currency": "EUR"}
    sent: list[Span] = []
    with (
        _visit(journey, "POST", "/checkout"),
        journey.call("checkout", "POST", "/orders", order__id=order),
    ):
        with journey.call("cart", "GET", "/carts/{cart}", f"/carts/{random.getrandbits(32):08x}"):
            journey.redis("HGETALL", f"cart:{order}")
        _price(journey, items)
        journey.say("info", f"order {order} placed, total {amount} EUR", **about)
        try:
            _pay(journey, order, amount, about)
        except Failure as failure:
            if failure.status >= 500:
                journey.say("error", f"payment for order {order} failed: upstream timed out", **about)
                raise Failure("UpstreamTimeout", f"payment for order {order} failed", 502) from failure
            raise
        journey.query("INSERT INTO orders VALUES ($1, $2, $3)", 5)
        sent.append(journey.publish("orders.placed", str(order)))
    for message in sent:
        _ship(journey, order, message)


def _price(journey: Journey, items: int) -> None:
    """The new version asks for one price at a time."""
    with journey.span("checkout", "price order", items=items):
        if journey.conditions.versions["checkout"] == SLOW_CHECKOUT:
            for _ in range(3 * items):
                journey.query("SELECT amount FROM prices WHERE product = $1", 14)
                journey.work(4)
        else:
            journey.query("SELECT product, amount FROM prices WHERE product = ANY($1)", 6, rows=items)
        journey.work(2)


def _pay(journey: Journey, order: int, amount: float, about: Attributes) -> None:
    random = journey.random
    with journey.call("payments", "POST", "/payments", order__id=order):
        with journey.span("payments", "acquire connection", pool__size=POOL_SIZE) as waiting:
            if journey.conditions.incident and random.random() < 0.85:
                waited = random.randint(4_000, 5_100)
                journey.now += waited / 1000
                message = (
                    f"could not acquire a database connection after {waited} ms: "
                    f"pool exhausted ({POOL_SIZE}/{POOL_SIZE} in use)"
                )
                facts: Attributes = {"db__system": "postgresql", "pool__in_use": POOL_SIZE, "exception__type": "PoolTimeout"}
                journey.say("error", message, **about, **facts)
                waiting.attributes["pool.in_use"] = POOL_SIZE
                raise Failure("PoolTimeout", message, 504)
            journey.work(0.2)
        journey.query("INSERT INTO payments VALUES ($1, $2, $3)", 4)
        began = journey.now
        with journey.external(CARD_PROVIDER, "POST", "/v2/charges", 90) as charge:
            if random.random() < 0.02:
                charge.attributes["http.response.status_code"] = 402
                declined = f"card declined for order {order}: insufficient funds"
            else:
                declined = ""
        if declined:
            journey.say("warn", declined, **about)
            raise Failure("CardDeclined", declined, 402)
        journey.query("UPDATE payments SET state = 'captured' WHERE id = $1", 4)
        took = 1000 * (journey.now - began)
        journey.say("info", f"captured {amount} EUR for order {order} in {took:.0f} ms", **about)


def _ship(journey: Journey, order: int, message: Span) -> None:
    """What follows from an order, after the customer was answered."""
    carrier = journey.random.choice(("DHL", "GLS", "UPS"))
    with journey.consume("shipping", message, 40):
        journey.query("INSERT INTO parcels VALUES ($1, $2)", 5)
        with journey.span("shipping", "print label", carrier=carrier):
            journey.work(60)
        journey.say("info", f"parcel for order {order} handed to carrier {carrier}", order__id=order, carrier=carrier)
        shipped = journey.publish("parcels.shipped", str(order))
    with journey.consume("mail", shipped, 25):
        with journey.span("mail", "render mail", template="parcel-shipped"):
            journey.work(8)
        with journey.external(MAIL_SERVER, "POST", "/send", 110):
            pass
        journey.query("UPDATE outbox SET sent = now() WHERE order_id = $1", 3)
        journey.say("info", f"told the customer of order {order} about parcel by {carrier}", order__id=order)


@contextmanager
def _visit(journey: Journey, method: str, route: str, path: str = "", status: int = 200) -> Iterator[None]:
    """A request as the gateway sees it: its span, and the line of its access log. Failures end here."""
    region = journey.random.choice(REGIONS)
    with suppress(Failure), journey.serve("gateway", method, route, path, client__region=region) as span:
        span.attributes["http.response.status_code"] = status
        journey.work(1.5)
        try:
            yield
        except Failure as failure:
            status = failure.status
            raise
        finally:
            journey.work(0.8)
            took = 1000 * (journey.now - span.start)
            severity: Severity = "error" if status >= 500 else "warn" if status >= 400 else "info"
            facts: Attributes = {
                "http__request__method": method,
                "http__route": route,
                "http__response__status_code": status,
                "duration_ms": round(took, 2),
                "client__region": region,
            }
            journey.say(severity, f"{method} {path or route} {status} {took:.1f}ms", **facts)


def housekeeping(random: Random, now: Conditions) -> Iterator[Line | Measure]:
    """What services say and measure when nobody asks them."""
    in_use = POOL_SIZE if now.incident else random.randint(4, 22)
    waiting = random.randint(20, 60) if now.incident else 0
    yield Line(
        "payments",
        "warn" if in_use > 45 else "debug",
        f"connection pool: {in_use} of {POOL_SIZE} in use, {waiting} waiting",
        attributes={"pool.in_use": in_use},
    )
    pool: Attributes = {"db.client.connection.pool.name": "payments"}
    for state, count in (("used", in_use), ("idle", POOL_SIZE - in_use)):
        labels = pool | {"db.client.connection.state": state}
        yield Measure("payments", "db.client.connection.count", "{connection}", "gauge", count, labels)
    yield Measure("payments", "db.client.connection.pending_requests", "{request}", "gauge", waiting, pool)
    backlog = random.randint(0, 2) if now.incident else random.randint(3, 25)
    yield Measure(
        "shipping", "shop.shipping.queue", "{message}", "gauge", backlog, {"messaging.destination.name": "orders.placed"}
    )
    if random.random() < 0.2:
        yield Line(
            "catalog",
            "info",
            f"search index refreshed: {random.randint(7_900, 8_100)} products in {random.randint(200, 900)} ms",
        )
    if random.random() < 0.01:
        yield Line("shipping", "fatal", "label printer driver crashed: segmentation fault, restarting")
