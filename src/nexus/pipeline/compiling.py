"""From what people write to what the native module runs: queries are lowered, durations become seconds, names are checked.

Pure. Errors are `InvalidRequest` (or `QuerySyntaxError`) whose sentence names pipeline, step and option.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from nexus.errors import InvalidRequest, QuerySyntaxError
from nexus.model.units import Duration
from nexus.pipeline.processors.catalog import BY_TYPE, options_of
from nexus.pipeline.spec import PipelineSpec, StepSpec
from nexus.query.encode import encode_predicate
from nexus.query.logs import lower, parse

MAX_PIPELINES: Final = 100
MAX_SPEC_BYTES: Final = 1 << 20


class BadPipeline(InvalidRequest):
    """A pipeline cannot be used; `pipeline` and `step` (from 0) say which, None for neither."""

    code = "bad_pipeline"

    def __init__(self, message: str, *, pipeline: int | None = None, step: int | None = None, hint: str = "") -> None:
        """Store the place beside the sentence."""
        super().__init__(message, hint=hint)
        self.pipeline = pipeline
        self.step = step


def native_spec(pipelines: Sequence[PipelineSpec], route_tenants: Collection[str] | None) -> bytes:
    """The specification for `nexus._native.Pipelines`. `route_tenants` are those that records may be routed to; None allows
    any, for tests. Raises `BadPipeline`."""
    names: set[str] = set()
    encoded: list[dict[str, Any]] = []
    for number, pipeline in enumerate(pipelines):
        if pipeline.name in names:
            raise BadPipeline(f"two pipelines are called {pipeline.name!r}.", pipeline=number)
        names.add(pipeline.name)
        steps = [_step(pipeline, number, place, step, route_tenants) for place, step in enumerate(pipeline.steps)]
        when = _query(pipeline.when, f"pipeline {pipeline.name!r}: `when`", number, None)
        encoded.append({"name": pipeline.name, "when": when, "enabled": pipeline.enabled, "steps": steps})
    return msgspec.json.encode(encoded)


def compiled(pipelines: Sequence[PipelineSpec], route_tenants: Collection[str] | None = None, previous: Any = None) -> Any:
    """`nexus._native.Pipelines` of these pipelines. Raises `BadPipeline`."""
    import nexus._native as _native

    spec = native_spec(pipelines, route_tenants)
    try:
        return _native.Pipelines(spec, previous)
    except ValueError as error:
        text = str(error)
        place = _place(text, pipelines)
        raise BadPipeline(f"{text}.", pipeline=place[0], step=place[1], hint=_hint(place, pipelines)) from None


def _step(
    pipeline: PipelineSpec, number: int, place: int, step: StepSpec, route_tenants: Collection[str] | None
) -> dict[str, Any]:
    where = f"pipeline {pipeline.name!r}, step {place + 1}"
    if step.type not in BY_TYPE:
        near = difflib.get_close_matches(step.type, list(BY_TYPE), 1, 0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(BY_TYPE)}."
        raise BadPipeline(f"{where}: there is no processor {step.type!r}.", pipeline=number, step=place, hint=hint)
    options = dict(step.options)
    for name in options_of(step.type, ("query",)):
        if isinstance(options.get(name), str):
            options[name] = _query(options[name], f"{where}: `{name}`", number, place)
    for name in options_of(step.type, ("duration",)):
        if name in options:
            try:
                options[name] = float(Duration.parse(options[name]))
            except (ValueError, AttributeError) as error:
                raise BadPipeline(f"{where}: `{name}`: {error}.", pipeline=number, step=place) from None
    if step.type == "drop" and step.enabled and not (step.when or step.options.get("query") or step.options.get("fields")):
        raise BadPipeline(
            f"{where} would drop every record.", pipeline=number, step=place, hint="Say which with `when` or `query`."
        )
    target = options.get("tenant") if step.type == "route" else None
    if target and route_tenants is not None and target not in route_tenants:
        raise BadPipeline(
            f"{where}: records may not be routed to the tenant {target!r}.",
            pipeline=number,
            step=place,
            hint="`pipelines.route_tenants` of the configuration names the tenants that are allowed.",
        )
    when = _query(step.when, f"{where}: `when`", number, place)
    return {"type": step.type, "options": options, "when": when, "enabled": step.enabled}


def _query(text: str, where: str, pipeline: int, step: int | None) -> str:
    """The encoded predicate of a query; empty for one that matches everything."""
    if not text.strip():
        return ""
    try:
        return encode_predicate(lower(parse(text).root)).decode()
    except QuerySyntaxError as error:
        message = f"{where}: {error.message} (at character {error.offset + 1})"
        raise BadPipeline(message, pipeline=pipeline, step=step, hint=error.hint) from None


def _place(text: str, pipelines: Sequence[PipelineSpec]) -> tuple[int | None, int | None]:
    """Where the native module's sentence says that the mistake is."""
    for number, pipeline in enumerate(pipelines):
        start = f"pipeline `{pipeline.name}`"
        if text.startswith((f"{start}:", f"{start}, step ")):
            rest = text.removeprefix(f"{start}, step ")
            step = rest.partition(":")[0]
            return number, int(step) - 1 if rest != text and step.isdigit() else None
    return None, None


def _hint(place: tuple[int | None, int | None], pipelines: Sequence[PipelineSpec]) -> str:
    if place[0] is None or place[1] is None:
        return ""
    processor = BY_TYPE[pipelines[place[0]].steps[place[1]].type]
    return f"{processor.title} has the options {', '.join(option.name for option in processor.options)}."
