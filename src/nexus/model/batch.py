"""The batches that travel from decoder to store: their shape as protocols. The native module implements them."""

from __future__ import annotations

from typing import Protocol


class LogBatch(Protocol):
    """A columnar batch of log records, immutable once decoded."""

    @property
    def num_rows(self) -> int:
        """Number of records."""
        ...

    @property
    def num_bytes(self) -> int:
        """Bytes held by the columns."""
        ...

    def services(self) -> list[tuple[str, int, int]]:
        """Service, records, bytes."""
        ...


class Decoded(Protocol):
    """What a decoder made of a body. `errors` are (line or record number from 1, sentence), the first 100."""

    @property
    def batch(self) -> LogBatch:
        """The records that were understood."""
        ...

    @property
    def accepted(self) -> int:
        """Records in the batch."""
        ...

    @property
    def rejected(self) -> int:
        """Records that were not understood."""
        ...

    @property
    def errors(self) -> list[tuple[int, str]]:
        """Why, for the first 100 of them."""
        ...


class SpanBatch(Protocol):
    """A columnar batch of spans, immutable once decoded."""

    @property
    def num_rows(self) -> int:
        """Number of spans."""
        ...

    @property
    def num_bytes(self) -> int:
        """Bytes held by the columns."""
        ...

    def services(self) -> list[tuple[str, int, int]]:
        """Service, spans, bytes."""
        ...

    def render(self, limit: int) -> list[bytes]:
        """The first `limit` spans, each a JSON object, for people to look at."""
        ...


class DecodedSpans(Protocol):
    """What a decoder made of a body. `errors` are (span number from 1, sentence), the first 100."""

    @property
    def batch(self) -> SpanBatch:
        """The spans that were understood."""
        ...

    @property
    def accepted(self) -> int:
        """Spans in the batch."""
        ...

    @property
    def rejected(self) -> int:
        """Spans that were not understood."""
        ...

    @property
    def errors(self) -> list[tuple[int, str]]:
        """Why, for the first 100 of them."""
        ...


class MetricBatch(Protocol):
    """Metrics of one tenant, columnar, immutable once decoded: series, samples, exemplars, metadata."""

    @property
    def num_series(self) -> int:
        """Number of series."""
        ...

    @property
    def num_samples(self) -> int:
        """Float samples and histograms."""
        ...

    @property
    def num_bytes(self) -> int:
        """Bytes held in memory, nearly."""
        ...

    @property
    def is_empty(self) -> bool:
        """Is there nothing at all in it, no metadata either?"""
        ...

    def render(self, limit: int) -> list[bytes]:
        """The first `limit` series, each a JSON object of its labels and samples, for people to look at."""
        ...


class DecodedMetrics(Protocol):
    """What a decoder made of a body. `errors` are (line or record number from 1, sentence), the first 100."""

    @property
    def batch(self) -> MetricBatch:
        """What was understood."""
        ...

    @property
    def rejected(self) -> int:
        """Samples that were not understood."""
        ...

    @property
    def errors(self) -> list[tuple[int, str]]:
        """Why, for the first 100 of them."""
        ...
