"""The embedded store's native engine as the runner's stack: remote write decoder, log, head, index, evaluator."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conformance.promql.compare import Answer
from tests.conformance.promql.series import Labels
from tests.conformance.promql.wire import Samples, request, request_with_starts

from nexus import _native

TENANT = "conformance"
TIMEOUT_MS = 60_000


class NativeStack:
    """An engine in a folder; `clear` goes on with a fresh one in the next folder."""

    def __init__(self, folder: Path) -> None:
        """Opens the first engine."""
        self._folder = folder
        self._number = 0
        self._engine = self._open()

    def _open(self) -> _native.MetricsEngine:
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir(parents=True)
        return _native.MetricsEngine(str(folder))

    def clear(self) -> None:
        """Forget all samples."""
        self._engine.close()
        self._engine = self._open()

    def load(self, series: list[tuple[Labels, Samples]], starts: dict[Labels, dict[int, int]]) -> None:
        """Take samples."""
        if starts:
            self._take(_native.decode_remote_write_v2(request_with_starts(series, starts)))
        else:
            self.write(request(series))

    def write(self, body: bytes) -> None:
        """Take a remote write request (1.0)."""
        self._take(_native.decode_remote_write_v1(body))

    def _take(self, decoded: _native.DecodedMetrics) -> None:
        assert not decoded.errors, decoded.errors
        appended = self._engine.append(TENANT, decoded.batch, _native.MetricLimits(), now_ms=1 << 42)
        assert not appended.refusals, appended.refusals

    def run(self, program: bytes) -> Answer:
        """Answer a query from the head."""
        try:
            run = self._engine.query(TENANT, program, b"{}")
            assert run.needs() == []
            data, warnings, infos, _ = run.run(TIMEOUT_MS)
        except _native.MetricQueryError as error:
            return Answer(None, [], [], str(error))
        return Answer(json.loads(data), warnings, infos)

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()
