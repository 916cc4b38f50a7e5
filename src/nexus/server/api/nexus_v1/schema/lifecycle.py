"""Shapes of what happens to stored records: retention, deletion, and who did it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from nexus.server.api.nexus_v1.schema.logs import Time

Days = Annotated[int, Meta(ge=0, le=36_500)]


class RetentionRule(Struct, forbid_unknown_fields=True):
    """Records that match `query` are kept for `days` days; 0 keeps them for ever."""

    query: Annotated[str, Meta(min_length=1, max_length=16_384)]
    days: Days


class RetentionRequest(Struct, forbid_unknown_fields=True):
    """`PUT retention`: the whole policy of the tenant. The first rule that matches a record counts, `days` counts for the
    others; `days` None is what the configuration says. It is applied to stored records, too, in the background."""

    rules: Annotated[list[RetentionRule], Meta(max_length=50)] = []
    days: Days | None = None


class RetentionAnswer(Struct):
    """`GET retention`. `default_days` is what the configuration says. `applying` while stored records are being changed,
    with `parts_left` parts to go."""

    rules: list[RetentionRule]
    days: int | None
    default_days: int
    applying: bool
    parts_left: int


class MetricRollup(Struct, forbid_unknown_fields=True):
    """Windows (`5m`, `1h`) that are kept of samples, for `days` days; 0 keeps them for ever."""

    window: Literal["5m", "1h"]
    days: Days


class MetricRetentionRule(Struct, forbid_unknown_fields=True):
    """Samples of series that `selector` (as in PromQL: `{job="api"}`) finds are kept for `days` days, 0 keeps them for ever;
    their `rollups` longer, each at least as long as the samples and as shorter windows."""

    selector: Annotated[str, Meta(min_length=1, max_length=16_384)]
    days: Days
    rollups: Annotated[list[MetricRollup], Meta(max_length=2)] = []


class MetricRetentionRequest(Struct, forbid_unknown_fields=True):
    """`PUT retention/metrics`: the whole policy of the tenant. The first rule whose selector finds a series counts, `days`
    and `rollups` count for the others; `days` None is what the configuration says. Stored samples follow in the background,
    when the rollups of them are made."""

    rules: Annotated[list[MetricRetentionRule], Meta(max_length=50)] = []
    days: Days | None = None
    rollups: Annotated[list[MetricRollup], Meta(max_length=2)] = []


class MetricRetentionAnswer(Struct):
    """`GET retention/metrics`; fields as those of `GET retention`."""

    rules: list[MetricRetentionRule]
    days: int | None
    rollups: list[MetricRollup]
    default_days: int
    applying: bool
    parts_left: int


class DeletionRequest(Struct, forbid_unknown_fields=True):
    """`POST logs/deletions`: delete the records that match, for good. `dry_run` only counts them. Records that arrive later
    are not deleted."""

    query: Annotated[str, Meta(min_length=1, max_length=16_384)]
    from_: Time | None = field(name="from", default=None)
    to: Time | None = None
    reason: Annotated[str, Meta(max_length=1000)] = ""
    dry_run: bool = False


class SpanDeletionRequest(DeletionRequest, forbid_unknown_fields=True):
    """`POST traces/deletions`: the same for spans; `query` is one spanset filter of TraceQL."""


class Deletion(Struct):
    """`state`: `counted` (dry run), `running`, `verifying` (nothing is found any more, old files are being removed), `done`
    (no file on disk holds the records), `failed`. From `verifying` on no query finds them. `from` and `to` in ns."""

    id: str
    query: str
    from_: str = field(name="from")
    to: str
    reason: str
    requested_by: str
    state: Literal["counted", "running", "verifying", "done", "failed"]
    records: int
    parts_total: int
    parts_left: int
    created_at: str
    finished_at: str
    error: str


class DeletionList(Struct):
    """Newest first."""

    deletions: list[Deletion]
