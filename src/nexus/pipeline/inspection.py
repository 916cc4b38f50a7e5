"""`?debug=1`: what would become of a delivery. Receivers know nothing of it.

The server opens an `inspecting` block around the receiver's work; within it, in whatever task, `Topology.deliver` decodes
and processes, notes here what would be stored, and stores nothing. What the receiver answers is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import msgspec

from nexus.model.batch import Decoded, DecodedMetrics, DecodedSpans
from nexus.pipeline.pipelines import Work
from nexus.pipeline.trial import MAX_RECORDS, tried

HEADER: Final = "x-nexus-debug"
ARGUMENT: Final = "debug"
_TRUE: Final = frozenset({"1", "true", "yes", "on"})

INSPECTION: ContextVar[Inspection | None] = ContextVar("inspection", default=None)


class Inspection:
    """Collects what deliveries of one request would store."""

    def __init__(self, retention_days: Callable[[str], int]) -> None:
        """`retention_days` of a tenant's records; 0 is for ever."""
        self._retention_days = retention_days
        self.deliveries = 0
        self._accepted = 0
        self._rejected = 0
        self._errors: list[dict[str, Any]] = []
        self._records: list[dict[str, Any]] = []
        self._series: list[msgspec.Raw] = []
        self._metrics = False
        self._spans: list[msgspec.Raw] = []
        self._traces = False

    def note_metrics(self, tenant: str, decoded: DecodedMetrics) -> None:
        """Add a delivery of metrics."""
        self.deliveries += 1
        self._metrics = True
        self._accepted += decoded.batch.num_samples
        self._rejected += decoded.rejected
        self._errors += [{"line": number, "message": message} for number, message in decoded.errors]
        room = MAX_RECORDS - len(self._series)
        self._series += [msgspec.Raw(series) for series in decoded.batch.render(room)] if room > 0 else []

    def note_spans(self, decoded: DecodedSpans) -> None:
        """Add a delivery of spans. Any thread may call."""
        self.deliveries += 1
        self._traces = True
        self._accepted += decoded.accepted
        self._rejected += decoded.rejected
        self._errors += [{"line": number, "message": message} for number, message in decoded.errors]
        room = MAX_RECORDS - len(self._spans)
        self._spans += [msgspec.Raw(span) for span in decoded.batch.render(room)] if room > 0 else []

    def note(self, tenant: str, decoded: Decoded, work: Work | None) -> None:
        """Add a delivery. Any thread may call."""
        import nexus._native as _native

        self.deliveries += 1
        self._accepted += decoded.accepted
        self._rejected += decoded.rejected
        self._errors += [{"line": number, "message": message} for number, message in decoded.errors]
        room = MAX_RECORDS - len(self._records)
        if not decoded.accepted or room <= 0:
            return
        now_ns = work.now_ns if work else 0
        for trial in tried(work.native if work else None, decoded.batch, now_ns=now_ns, limit=room):
            target, stored = trial.after[0] if trial.after else (tenant, None)
            template = _native.mask_template(msgspec.json.decode(stored)["body"])[0] if stored else ""
            self._records.append(
                {
                    "stored": msgspec.Raw(stored) if stored else None,
                    "tenant": target or tenant,
                    "steps": [step.document() for step in trial.steps],
                    "template": template,
                    "retention_days": self._retention_days(target or tenant),
                }
            )

    def answer(self) -> bytes:
        """What the caller is told."""
        return msgspec.json.encode(
            {
                "accepted": self._accepted,
                "rejected": self._rejected,
                "errors": self._errors[:MAX_RECORDS],
                "records": self._records,
                **({"series": self._series} if self._metrics else {}),
                **({"spans": self._spans} if self._traces else {}),
            }
        )


def wanted(headers: Mapping[str, str], query: tuple[tuple[str, str], ...]) -> bool:
    """Does a request ask to be inspected?"""
    given = next((value for name, value in query if name == ARGUMENT), headers.get(HEADER, ""))
    return given.strip().lower() in _TRUE


@contextmanager
def inspecting(inspection: Inspection) -> Iterator[None]:
    """Nothing that is delivered inside is stored."""
    token = INSPECTION.set(inspection)
    try:
        yield
    finally:
        INSPECTION.reset(token)
