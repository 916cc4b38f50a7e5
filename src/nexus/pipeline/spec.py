"""What a pipeline is, as people write it: shapes shared by the configuration's file, the API and the command line."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct


class StepSpec(Struct, forbid_unknown_fields=True):
    """One step: a processor by `type`, with its `options` (see `GET pipelines/processors`). `when` is a query in the search
    language; records that do not match pass by."""

    type: str
    options: dict[str, Any] = {}
    when: str = ""
    name: str = ""
    enabled: bool = True


class PipelineTest(Struct, forbid_unknown_fields=True):
    """`input` are records as JSON lines have them; `output` what must come of them, in order; of each output only the fields
    that are named are compared. Dropped records are not in the output."""

    name: str
    input: list[dict[str, Any]]
    output: list[dict[str, Any]]


class PipelineSpec(Struct, forbid_unknown_fields=True):
    """Records that match `when` go through the steps in order."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern="^[A-Za-z0-9_.-]+$")]
    steps: Annotated[list[StepSpec], Meta(max_length=100)] = []
    when: str = ""
    description: str = ""
    enabled: bool = True
    tests: list[PipelineTest] = []
