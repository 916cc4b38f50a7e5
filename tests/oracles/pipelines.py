"""Slow twin of `crates/nexus-core/src/process` for steps that are easily said: records are dictionaries, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nexus.pipeline.spec import PipelineSpec, StepSpec


def run(pipelines: Sequence[PipelineSpec], records: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """The records that come out, and how many were dropped. Queries are single words, asked of `body`."""
    left = [dict(record) for record in records]
    dropped = 0
    for pipeline in pipelines:
        members = [matches(pipeline.when, record) for record in left]
        for step in pipeline.steps:
            after, still = [], []
            for record, member in zip(left, members, strict=True):
                new = apply(step, record) if member and matches(step.when, record) else record
                if new is None:
                    dropped += 1
                else:
                    after.append(new)
                    still.append(member)
            left, members = after, still
    return left, dropped


def matches(query: str, record: dict[str, Any]) -> bool:
    """Does the body hold the word?"""
    return not query or query in record.get("body", "").split()


def apply(step: StepSpec, record: dict[str, Any]) -> dict[str, Any] | None:
    """What a step makes of a record; None when it is dropped."""
    options = step.options
    match step.type:
        case "set":
            given = {name: record[value[2:-1]] if reference(value) else value for name, value in options["fields"].items()
                     if not reference(value) or value[2:-1] in record}  # fmt: skip
            old = {} if options.get("overwrite", True) else record
            return {**record, **given, **{name: old[name] for name in given if name in old}}
        case "rename":
            after = dict(record)
            for old, new in options["fields"].items():
                if old in record:
                    after[new] = record[old]
                    after.pop(old, None)
            return after
        case "drop" if "fields" in options:
            return {name: value for name, value in record.items() if name not in options["fields"]}
        case "drop":
            return None if matches(options["query"], record) else record
        case "keep" if "attributes" in options:
            return {name: value for name, value in record.items() if name == "body" or name in options["attributes"]}
        case "keep":
            return record if matches(options["query"], record) else None
    raise AssertionError(step.type)


def reference(value: Any) -> bool:
    """Is it another field's name?"""
    return isinstance(value, str) and value.startswith("${")
