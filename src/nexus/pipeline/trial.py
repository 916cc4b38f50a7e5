"""Pipelines tried out: what each step does to given records, and the tests that pipelines carry. Nothing is stored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from nexus.errors import InvalidRequest
from nexus.pipeline.compiling import compiled
from nexus.pipeline.spec import PipelineSpec, PipelineTest
from nexus.query.fields import resolve
from nexus.query.plan import FieldKind

MAX_RECORDS: Final = 100
_ABSENT: Final = object()


@dataclass(slots=True)
class Change:
    """What a step did to a record: `changed` has (before, after) as JSON, None for a field that was not there."""

    pipeline: str
    step: int
    outcome: str
    changed: dict[str, tuple[bytes | None, bytes | None]]
    message: str = ""

    def document(self) -> dict[str, Any]:
        """For encoding."""
        null = msgspec.Raw(b"null")
        changed = {
            name: [null if value is None else msgspec.Raw(value) for value in pair] for name, pair in self.changed.items()
        }
        return {
            "pipeline": self.pipeline,
            "step": self.step,
            "outcome": self.outcome,
            "changed": changed,
            "message": self.message,
        }


@dataclass(slots=True)
class Trial:
    """One record: as it was, and what came of it, by tenant (empty: its own), as JSON."""

    before: bytes
    after: list[tuple[str, bytes]] = field(default_factory=list)
    steps: list[Change] = field(default_factory=list)


def tried(native: Any, batch: Any, *, now_ns: int, seed: int = 0, limit: int = MAX_RECORDS) -> list[Trial]:
    """What `nexus._native.Pipelines` do to the records of a batch; of the first `limit` of them. None is no pipelines."""
    import nexus._native as _native

    trials = [Trial(record) for _, _, record in _native.render_batch(batch, None, limit)]
    if native is None:
        for trial in trials:
            trial.after.append(("", trial.before))
        return trials
    traced = native.trace(batch, now_ns=now_ns, seed=seed)
    parts = [("", traced.processed.batch, traced.origins)]
    parts += [
        (tenant, part, origins)
        for (tenant, part), origins in zip(traced.processed.routed, traced.routed_origins, strict=True)
    ]
    for tenant, part, origins in parts:
        # Rows keep their order, so those of the first records come first.
        wanted = sum(1 for origin in origins if origin < len(trials))
        if wanted:
            rendered = _native.render_batch(part, None, wanted)
            for origin, (_, _, record) in zip(origins, rendered, strict=False):
                trials[origin].after.append((tenant, record))
    for row, pipeline, step, outcome, fields, message in traced.changes:
        if row < len(trials):
            changed = {name: (before, after) for name, before, after in fields}
            trials[row].steps.append(Change(pipeline, step, outcome, changed, message))
    return trials


def batch_of_lines(records: Sequence[dict[str, Any]], now_ns: int) -> Any:
    """A batch of records as JSON lines have them. Raises `InvalidRequest` for one that is none."""
    import nexus._native as _native

    body = b"\n".join(msgspec.json.encode(record) for record in records)
    decoded = _native.decode_json_lines(body, now_ns=now_ns)
    if decoded.rejected:
        number, message = decoded.errors[0]
        raise InvalidRequest(f"record {number} is none: {message}.")
    return decoded.batch


def batch_of_stored(records: Sequence[bytes]) -> Any:
    """A batch of records as a search gives them, in the same order."""
    import nexus._native as _native

    documents = [msgspec.json.decode(record) for record in records]
    resources = []
    for document in documents:
        record = {
            "timeUnixNano": document["timestamp"],
            "observedTimeUnixNano": document["observed_timestamp"],
            "severityNumber": document["severity_number"],
            "severityText": document["severity"] if document["severity_number"] else "",
            "body": {"stringValue": document["body"]},
            "traceId": document["trace_id"],
            "spanId": document["span_id"],
            "eventName": document["event_name"],
            "attributes": _attributes(document["attributes"]),
        }
        scope = {"name": document["scope_name"], "version": document["scope_version"]}
        resources.append(
            {
                "resource": {"attributes": _attributes(document["resource"])},
                "scopeLogs": [{"scope": scope, "logRecords": [record]}],
            }
        )
    body = msgspec.json.encode({"resourceLogs": resources})
    decoded = _native.decode_otlp_logs_json(body, now_ns=0)
    if decoded.rejected:
        raise InvalidRequest(f"a stored record cannot be read again: {decoded.errors[0][1]}.")
    return decoded.batch


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any_value(value)} for key, value in values.items()]


def _any_value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int() if -(2**63) <= value < 2**63:
            return {"intValue": str(value)}
        case int() | float():
            return {"doubleValue": float(value)}
        case str():
            return {"stringValue": value}
        case list():
            return {"arrayValue": {"values": [_any_value(one) for one in value]}}
        case dict():
            return {"kvlistValue": {"values": _attributes(value)}}
    return {}


# -------------------------------------------------------------------------------------------------------------- tests


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test and how it differs from what it expects; it passes when there is nothing to say."""

    pipeline: str
    test: str
    differences: tuple[str, ...]


def run_tests(pipelines: Sequence[PipelineSpec], now_ns: int | None = None) -> list[TestResult]:
    """Run every test of every pipeline, each with its own pipeline alone. Raises `BadPipeline`."""
    now = time.time_ns() if now_ns is None else now_ns
    results = []
    for pipeline in pipelines:
        native = compiled([msgspec.structs.replace(pipeline, enabled=True)])
        results += [TestResult(pipeline.name, test.name, tuple(_differences(native, test, now))) for test in pipeline.tests]
    return results


def failed_tests(pipelines: Sequence[PipelineSpec]) -> list[str]:
    """The tests that fail, as sentences."""
    return [
        f"test {result.test!r} of pipeline {result.pipeline!r}: {'; '.join(result.differences)}"
        for result in run_tests(pipelines)
        if result.differences
    ]


def _differences(native: Any, test: PipelineTest, now_ns: int) -> list[str]:
    try:
        batch = batch_of_lines(test.input, now_ns)
    except InvalidRequest as error:
        return [f"input {error.message}"]
    # A fork remembers nothing of the test before.
    trials = tried(native.fork(), batch, now_ns=now_ns, limit=max(1, len(test.input)))
    found = [(tenant, msgspec.json.decode(record)) for trial in trials for tenant, record in trial.after]
    said: list[str] = []
    if len(found) != len(test.output):
        said.append(f"{len(found)} records came out, {len(test.output)} are expected")
    for number, (expected, (tenant, record)) in enumerate(zip(test.output, found, strict=False), 1):
        for name, value in expected.items():
            said += [f"record {number}: {line}" for line in _compare(name, value, {**record, "tenant": tenant})]
    return said


def _compare(name: str, expected: Any, record: dict[str, Any]) -> list[str]:
    if name in ("attributes", "resource") and isinstance(expected, dict):
        return [line for key, value in expected.items() for line in _compare(f"{name}.{key}", value, record)]
    actual = _value(name, record)
    if expected is None:
        return [] if actual in (_ABSENT, "") else [f"`{name}` is {_shown(actual)}, but should not be there"]
    if actual is _ABSENT:
        return [f"`{name}` is not there, but should be {_shown(expected)}"]
    if _same(name, actual, expected):
        return []
    return [f"`{name}` is {_shown(actual)}, but should be {_shown(expected)}"]


def _same(name: str, actual: Any, expected: Any) -> bool:
    if name in ("timestamp", "observed_timestamp", "_time"):
        from nexus.model.time import parse_time

        try:
            return int(actual) == parse_time(expected, now_ns=0)
        except InvalidRequest:
            return False
    # In Python `True == 1`, in a record it does not.
    return bool(actual == expected) and isinstance(actual, bool) == isinstance(expected, bool)


def _value(name: str, record: dict[str, Any]) -> Any:
    if name == "tenant":
        return record["tenant"]
    found = resolve(name)
    if found.kind is FieldKind.COLUMN:
        return record.get(found.name, _ABSENT)
    places = {FieldKind.ATTRIBUTE: ("attributes",), FieldKind.RESOURCE: ("resource",)}
    for place in places.get(found.kind, ("attributes", "resource")):
        if found.name in record[place]:
            return record[place][found.name]
    return _ABSENT


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()
