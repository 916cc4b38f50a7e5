"""Shapes of pipelines: what is done to records between decoding and storing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from nexus.pipeline.processors.catalog import OptionType
from nexus.pipeline.spec import PipelineSpec as PipelineSpec
from nexus.pipeline.spec import PipelineTest as PipelineTest
from nexus.pipeline.spec import StepSpec as StepSpec
from nexus.server.api.nexus_v1.schema.logs import LogRecord


class PipelineInfo(Struct):
    """`source` `file` comes from the configuration and runs first, for every tenant; `tenant` was stored through the API."""

    spec: PipelineSpec
    source: Literal["file", "tenant"]


class PipelinesAnswer(Struct):
    """`GET pipelines`. In the order in which they run. `version` is what a `PUT` has to name."""

    pipelines: list[PipelineInfo]
    version: str


class PipelinesRequest(Struct, forbid_unknown_fields=True):
    """`PUT pipelines`: all pipelines of the tenant, in order. Refused with 409 when `version` is not the current one, and
    with 400 when a test fails. In force when it answers; no record is lost in between."""

    pipelines: Annotated[list[PipelineSpec], Meta(max_length=100)]
    version: str


class ProcessorOption(Struct):
    """`type`: string, integer, number, boolean, duration, list, map, query, or choice (one of `choices`)."""

    name: str
    type: OptionType
    description: str
    required: bool
    default: Any
    choices: list[str] = []


class ProcessorInfo(Struct):
    """A processor that steps may name."""

    type: str
    title: str
    description: str
    options: list[ProcessorOption]
    example: dict[str, Any]


class ProcessorsAnswer(Struct):
    """`GET pipelines/processors`."""

    processors: list[ProcessorInfo]


class PreviewRequest(Struct, forbid_unknown_fields=True):
    """`POST pipelines/preview`: what would these pipelines do to the newest `limit` stored records that match `query`, or to
    `records` (as JSON lines have them)? Nothing is stored."""

    pipelines: list[PipelineSpec]
    query: str = ""
    records: list[dict[str, Any]] = []
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class StepChange(Struct):
    """What one step did to one record: `changed` names the fields with values before and after (None: not there)."""

    pipeline: str
    step: int
    outcome: Literal["unchanged", "changed", "dropped", "routed", "failed"]
    changed: dict[str, list[Any]]
    message: str = ""


class PreviewRecord(Struct):
    """`after` are the records that come out: none when dropped. `steps` that did nothing are left out."""

    before: LogRecord
    after: list[LogRecord]
    steps: list[StepChange]


class PreviewAnswer(Struct):
    """`tests` are failures of the tests in the pipelines, as sentences."""

    records: list[PreviewRecord]
    tests: list[str]


class StepStatistics(Struct):
    """Since the start of the process. `seconds` is processing time."""

    pipeline: str
    step: int
    type: str
    records_in: int
    records_out: int
    dropped: int
    failed: int
    seconds: float


class PipelineStatisticsAnswer(Struct):
    """`GET pipelines/statistics`, of the tenant."""

    steps: list[StepStatistics]
