"""Nexus' own metrics and logs.

Metrics: a small registry of counters, gauges and histograms, rendered as Prometheus text 0.0.4. Label sets are bounded
per instrument; what comes beyond is counted under the label value `other`, so that no sender can grow them.
Logs: the standard library's, `nexus.*`, written to standard error by a thread of their own as text or JSON. Fields go
into `extra={"fields": {...}}`.
"""

from __future__ import annotations

import atexit
import bisect
import contextlib
import json
import logging
import logging.handlers
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from nexus.model.time import format_time

MAX_SERIES: Final = 1000
OTHER: Final = "other"
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Labels = tuple[str, ...]


# ------------------------------------------------------------------------------------------------------------ metrics


@dataclass(frozen=True, slots=True)
class Point:
    """One number of a snapshot: metric name, kind (`counter` or `gauge`), labels and value."""

    name: str
    kind: str
    labels: dict[str, str]
    value: float


class _Instrument:
    kind: str

    def __init__(self, name: str, help_text: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.help = help_text
        self.labels = tuple(labels)
        self._lock = threading.Lock()
        self._values: dict[Labels, Any] = {}

    def _key(self, labels: Labels) -> Labels:
        # Called with the lock held.
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {labels}")
        if labels in self._values or len(self._values) < MAX_SERIES:
            return labels
        return (OTHER,) * len(self.labels)

    def points(self) -> Iterator[Point]:
        """The current numbers."""
        with self._lock:
            values = list(self._values.items())
        for labels, value in values:
            yield Point(self.name, self.kind, dict(zip(self.labels, labels, strict=True)), value)


class Counter(_Instrument):
    """A number that only grows."""

    kind = "counter"

    def add(self, amount: float = 1, *labels: str) -> None:
        """Add to the series with these label values."""
        with self._lock:
            key = self._key(labels)
            self._values[key] = self._values.get(key, 0) + amount

    def value(self, *labels: str) -> float:
        """The series' number, 0 when it does not exist."""
        return float(self._values.get(labels, 0))

    def total(self, *prefix: str) -> float:
        """Sum over all series whose first label values are these."""
        with self._lock:
            return float(sum(value for labels, value in self._values.items() if labels[: len(prefix)] == prefix))


class Gauge(_Instrument):
    """A number that goes up and down; set, or read by a function when it is asked for."""

    kind = "gauge"

    def __init__(
        self, name: str, help_text: str, labels: Sequence[str] = (), read: Callable[[], float] | None = None
    ) -> None:
        """`read` makes an unlabelled gauge whose value is computed on demand."""
        super().__init__(name, help_text, labels)
        self._read = read

    def set(self, value: float, *labels: str) -> None:
        """Set the series with these label values."""
        with self._lock:
            self._values[self._key(labels)] = value

    def points(self) -> Iterator[Point]:
        """The current numbers; a reading function that fails yields none."""
        if self._read is None:
            yield from super().points()
            return
        with contextlib.suppress(Exception):
            yield Point(self.name, self.kind, {}, float(self._read()))


class Histogram(_Instrument):
    """Counts of observations in buckets, with their sum."""

    kind = "histogram"

    def __init__(self, name: str, help_text: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS) -> None:
        """`buckets` are upper bounds, ascending; the one without a bound is added."""
        super().__init__(name, help_text, labels)
        self.buckets = tuple(buckets)

    def observe(self, value: float, *labels: str) -> None:
        """Count one observation."""
        with self._lock:
            key = self._key(labels)
            state = self._values.get(key)
            if state is None:
                state = self._values[key] = [0.0] + [0] * (len(self.buckets) + 1)
            state[0] += value
            state[1 + bisect.bisect_left(self.buckets, value)] += 1

    @contextlib.contextmanager
    def time(self, *labels: str) -> Iterator[None]:
        """Observe how many seconds the block took."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.observe(time.perf_counter() - began, *labels)

    def points(self) -> Iterator[Point]:
        """Cumulative buckets, sum and count, as Prometheus names them."""
        with self._lock:
            values = [(labels, list(state)) for labels, state in self._values.items()]
        for labels, (total, *counts) in values:
            named = dict(zip(self.labels, labels, strict=True))
            running = 0
            for bound, count in zip((*self.buckets, float("inf")), counts, strict=True):
                running += count
                yield Point(f"{self.name}_bucket", "counter", {**named, "le": _number(bound)}, running)
            yield Point(f"{self.name}_sum", "counter", named, total)
            yield Point(f"{self.name}_count", "counter", named, running)


class Derived(_Instrument):
    """A metric that pipelines derive from records: any labels, after `tenant`. Those of one name share their kind."""

    def __init__(self, name: str, kind: str, help_text: str, buckets: Sequence[float] = ()) -> None:
        """`kind` is counter, gauge or histogram; `buckets` are a histogram's upper bounds."""
        super().__init__(name, help_text)
        self.kind = kind
        self.buckets = tuple(buckets)

    def merge(
        self,
        tenant: str,
        kind: str,
        buckets: Sequence[float],
        series: Sequence[tuple[Sequence[tuple[str, str]], int, float, float, Sequence[int]]],
    ) -> bool:
        """Add (labels, count, sum, last value, counts by bucket) of each series; False when kind or buckets are others."""
        if (kind, tuple(buckets)) != (self.kind, self.buckets):
            return False
        with self._lock:
            for labels, count, total, last, counts in series:
                key: Any = (("tenant", tenant), *labels)
                if key not in self._values and len(self._values) >= MAX_SERIES:
                    key = (("tenant", OTHER),)
                state = self._values.setdefault(key, [0.0] * (2 + len(counts)))
                state[0] += count
                state[1] = last if kind == "gauge" else state[1] + total
                for place, number in enumerate(counts, 2):
                    state[place] += number
        return True

    def forget(self, tenant: str) -> None:
        """Drop the numbers of a tenant."""
        with self._lock:
            known: dict[Any, list[float]] = self._values
            for key in [key for key in known if key[0] == ("tenant", tenant)]:
                del known[key]

    def points(self) -> Iterator[Point]:
        """The current numbers."""
        with self._lock:
            known: dict[Any, list[float]] = self._values
            values = [(dict(labels), list(state)) for labels, state in known.items()]
        for labels, (count, total, *counts) in values:
            if self.kind != "histogram":
                yield Point(self.name, self.kind, labels, total)
                continue
            running = 0.0
            for bound, number in zip((*self.buckets, float("inf")), counts, strict=True):
                running += number
                yield Point(f"{self.name}_bucket", "counter", {**labels, "le": _number(bound)}, running)
            yield Point(f"{self.name}_sum", "counter", labels, total)
            yield Point(f"{self.name}_count", "counter", labels, count)


InstrumentT = TypeVar("InstrumentT", bound=_Instrument)


class Registry:
    """All instruments of a process. Asking for a name again gives the same instrument."""

    def __init__(self) -> None:
        """Start empty."""
        self._instruments: dict[str, _Instrument] = {}

    def counter(self, name: str, help_text: str, *labels: str) -> Counter:
        """Make or find a counter."""
        return self._find(Counter(name, help_text, labels))

    def gauge(self, name: str, help_text: str, *labels: str, read: Callable[[], float] | None = None) -> Gauge:
        """Make or find a gauge."""
        return self._find(Gauge(name, help_text, labels, read))

    def histogram(self, name: str, help_text: str, *labels: str, buckets: Sequence[float] = SECONDS) -> Histogram:
        """Make or find a histogram."""
        return self._find(Histogram(name, help_text, labels, buckets))

    def derived(self, name: str, kind: str, help_text: str, buckets: Sequence[float] = ()) -> Derived:
        """Make or find a metric that pipelines derive; beyond 1,000 of them they share one that takes nothing."""
        name = f"nexus_derived_{name}"
        if (
            name not in self._instruments
            and sum(name.startswith("nexus_derived_") for name in self._instruments) >= MAX_SERIES
        ):
            return Derived(name, "none", help_text)
        return self._find(Derived(name, kind, help_text, buckets))

    def _find(self, instrument: InstrumentT) -> InstrumentT:
        found = self._instruments.setdefault(instrument.name, instrument)
        if type(found) is not type(instrument) or found.labels != instrument.labels:
            raise ValueError(f"the metric {instrument.name} exists with another kind or other labels")
        return found

    def points(self) -> Iterator[Point]:
        """A snapshot of every number."""
        for instrument in self._instruments.values():
            yield from instrument.points()

    def families(self) -> Iterator[tuple[str, str, str, list[Point]]]:
        """(name, kind, help, points) of every instrument."""
        for instrument in list(self._instruments.values()):
            yield instrument.name, instrument.kind, instrument.help, list(instrument.points())

    def render(self, *, derived: bool = True) -> bytes:
        """Prometheus text exposition format 0.0.4; without what pipelines derive, if so wanted."""
        lines: list[str] = []
        for instrument in list(self._instruments.values()):
            if derived or not isinstance(instrument, Derived):
                lines += _exposed(instrument, instrument.points())
        return ("\n".join(lines) + "\n").encode()

    def render_derived(self) -> dict[str, bytes]:
        """What pipelines derive, by tenant, without the label that names it; in the same format."""
        lines: dict[str, list[str]] = {}
        for instrument in list(self._instruments.values()):
            if not isinstance(instrument, Derived):
                continue
            of_tenant: dict[str, list[Point]] = {}
            for point in instrument.points():
                tenant = point.labels["tenant"]
                rest = {name: value for name, value in point.labels.items() if name != "tenant"}
                if tenant != OTHER or rest:
                    of_tenant.setdefault(tenant, []).append(Point(point.name, point.kind, rest, point.value))
            for tenant, points in of_tenant.items():
                lines.setdefault(tenant, []).extend(_exposed(instrument, points))
        return {tenant: ("\n".join(found) + "\n").encode() for tenant, found in lines.items()}

    def forget_tenant(self, tenant: str) -> None:
        """A tenant is gone, with what was derived of its records."""
        for instrument in list(self._instruments.values()):
            if isinstance(instrument, Derived):
                instrument.forget(tenant)


def _exposed(instrument: _Instrument, points: Iterable[Point]) -> list[str]:
    return [
        f"# HELP {instrument.name} {_escape_help(instrument.help)}",
        f"# TYPE {instrument.name} {instrument.kind}",
        *(f"{point.name}{_labels(point.labels)} {_number(point.value)}" for point in points),
    ]


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


def process_metrics(registry: Registry) -> None:
    """Register the usual metrics of this process (Linux: from /proc)."""
    page = os.sysconf("SC_PAGE_SIZE")
    started = time.time()
    registry.gauge("process_start_time_seconds", "Start of the process.", read=lambda: started)
    registry.gauge("process_cpu_seconds_total", "CPU time, user and system.", read=time.process_time)
    registry.gauge(
        "process_resident_memory_bytes",
        "Resident memory.",
        read=lambda: int(Path("/proc/self/statm").read_text().split()[1]) * page,
    )
    registry.gauge("process_open_fds", "Open files.", read=lambda: sum(1 for _ in Path("/proc/self/fd").iterdir()))
    registry.gauge("process_threads", "Threads of Python.", read=threading.active_count)


# --------------------------------------------------------------------------------------------------------------- logs

LogSink = Callable[[logging.LogRecord], None]


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {key}={_brief(value)}" for key, value in _fields(record).items())
        text = f"{_time(record)} {record.levelname.lower():<7} {_one_line(record.getMessage())}{fields}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        document = {
            "timestamp": _time(record),
            "severity": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document, default=str, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return getattr(record, "fields", None) or {}


def _time(record: logging.LogRecord) -> str:
    return format_time(int(record.created * 1e6) * 1000)


def _brief(value: Any) -> str:
    text = str(value)
    return json.dumps(_one_line(text), ensure_ascii=False) if not text or not _BARE.fullmatch(text) else text


_BARE: Final = re.compile(r"[^\s\"=\\\x00-\x1f\x7f-\x9f]+")
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _one_line(text: str) -> str:
    """The text with what would begin another line, move the cursor or turn the direction written out: a stranger may have
    chosen it."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class _BoundedQueueHandler(logging.handlers.QueueHandler):
    """Hands records to the writing thread; drops and counts them when that is far behind."""

    def __init__(self, waiting: queue.Queue[Any]) -> None:
        super().__init__(waiting)
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        # Formatting belongs to the writing thread; only what may change meanwhile is settled here.
        record.message = record.getMessage()
        record.args = None
        record.msg = record.message
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


class _SinkHandler(logging.Handler):
    def __init__(self, sink: LogSink) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        self._sink(record)


class Logging:
    """The set-up of the process' logging: a queue, a writing thread, and optionally a sink for self telemetry."""

    def __init__(self, level: str, style: str, stream: Any = None) -> None:
        """Start the thread. `style` is `auto`, `text` or `json`; `stream` is standard error unless given."""
        stream = sys.stderr if stream is None else stream
        text = style == "text" or (style == "auto" and stream.isatty())
        writer = logging.StreamHandler(stream)
        writer.setFormatter(_TextFormatter() if text else _JsonFormatter())
        waiting: queue.Queue[Any] = queue.Queue(10_000)
        self._handler = _BoundedQueueHandler(waiting)
        self._listener = logging.handlers.QueueListener(waiting, writer)
        self._sink: _SinkHandler | None = None
        self._root = logging.getLogger()
        self._root.handlers[:] = [self._handler]
        self.set_level(level)
        # Libraries speak only when something is wrong.
        for name in ("asyncio", "grpc", "uvicorn", "sqlglot", "concurrent"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._listener.start()
        atexit.register(self.close)

    @property
    def dropped(self) -> int:
        """Lines that were not written because writing was too slow."""
        return self._handler.dropped

    def set_level(self, level: str) -> None:
        """Change the least severe level of everything `nexus.*`."""
        self._root.setLevel(logging.INFO)
        logging.getLogger("nexus").setLevel(level.upper())

    def attach(self, sink: LogSink) -> None:
        """Also hand every record to `sink`, which must neither block nor raise."""
        self._sink = _SinkHandler(sink)
        self._root.addHandler(self._sink)

    def detach(self) -> None:
        """Stop handing records to the sink."""
        if self._sink:
            self._root.removeHandler(self._sink)
            self._sink = None

    def close(self) -> None:
        """Write what waits and stop the thread; later records are written directly."""
        atexit.unregister(self.close)
        if self._handler in self._root.handlers:
            self._root.handlers[:] = list(self._listener.handlers)
            self._listener.stop()


def log_fields(**fields: Any) -> dict[str, Any]:
    """The `extra` argument that carries structured fields: `log.info("stored", extra=log_fields(records=3))`."""
    return {"fields": fields}
