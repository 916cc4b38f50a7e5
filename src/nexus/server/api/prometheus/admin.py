"""The administrator's doors of the Prometheus API, when the configuration has them on (`metrics.admin_api`)."""

from __future__ import annotations

from starlette.responses import Response

from nexus.query import policy
from nexus.query.plan import ReadSeries
from nexus.server.api.nexus_v1.asking import ask
from nexus.server.api.prometheus.answers import PrometheusError, nothing
from nexus.server.api.prometheus.arguments import Arguments
from nexus.server.bounds import limits_of
from nexus.server.call import Call
from nexus.server.queries import checked_id


async def delete_series(call: Call) -> Response:
    """Remove samples of series for good."""
    _check_on(call)
    call.check_sees_all("deleting series")
    plan = ReadSeries(Arguments.of(call).scan(required=True))
    query_id = checked_id("")
    # How long a query may look back does not limit what is removed.
    scoped = policy.scope(
        plan,
        tenant=call.tenant,
        limits=limits_of(call.services.config().query, call.meter),
        query_id=query_id,
    )
    await ask(call, query_id, call.services.metrics.erase(call.tenant, scoped))
    return nothing()


async def clean_tombstones(call: Call) -> Response:
    """Deleted samples are gone when the deletion answers: there is nothing left to clean."""
    _check_on(call)
    return nothing()


def _check_on(call: Call) -> None:
    if not call.services.config().metrics.admin_api:
        raise PrometheusError("unavailable", 503, "admin APIs disabled")
