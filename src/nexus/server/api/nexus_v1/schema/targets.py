"""Shapes of scrape targets."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class TargetInfo(Struct):
    """A target: `labels` are those of its series, `discovered` those before relabelling; `last_scrape` is empty before the
    first one, `last_error` says why it failed, or what was not stored."""

    id: str
    pool: str
    url: str
    health: Literal["up", "down", "unknown"]
    labels: dict[str, str]
    discovered: dict[str, str]
    last_error: str
    last_scrape: str
    last_duration_ms: float
    samples: int
    samples_kept: int
    series_added: int
    body_bytes: int


class TargetPool(Struct):
    """The targets of a scrape job; `error` says why discovery fails, `dropped` counts targets that relabelling drops."""

    name: str
    interval_ms: int
    timeout_ms: int
    discovery: list[str]
    up: int
    down: int
    unknown: int
    dropped: int
    error: str
    targets: list[TargetInfo]


class TargetsAnswer(Struct):
    """`GET targets`. `file` is the prometheus.yml, empty when the configuration is inline; `error` is why it could not be
    loaded the last time, while the one before goes on."""

    configured: bool
    file: str
    loaded_at: str
    error: str
    may_reload: bool
    pools: list[TargetPool]


class RelabelStep(Struct):
    """What a rule did; `after` is null when it dropped the target."""

    number: int
    action: str
    rule: dict[str, Any]
    before: dict[str, str]
    after: dict[str, str] | None


class RelabelAnswer(Struct):
    """`GET targets/relabel`. `dropped_by` is the number of the rule that dropped the target, 0 when none did."""

    steps: list[RelabelStep]
    dropped_by: int


class DroppedTarget(Struct):
    """A target that a rule dropped."""

    id: str
    discovered: dict[str, str]
    dropped_by: int


class DroppedTargetsAnswer(Struct):
    """`GET targets/dropped`: the first of them, and how many there are."""

    targets: list[DroppedTarget]
    total: int


class ReloadAnswer(Struct):
    """`POST targets/reload`."""

    loaded_at: str
    pools: int
    targets: int
