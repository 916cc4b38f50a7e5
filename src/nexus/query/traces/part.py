"""A part of one trace: the spans that meet a condition, and their relatives up and down the tree. Pure.

Relatives of one, two and more steps are what TraceQL's operators of structure find, so that the part is a query like others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.errors import InvalidRequest
from nexus.query.traces.ast import Filter, Pipeline, Query
from nexus.query.traces.lexer import fault
from nexus.query.traces.parser import parse
from nexus.query.traces.printer import print_expression

MAX_STEPS: Final = 8
"""Steps up or down that can be counted; beyond are all of them."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which spans of a trace: those that meet `condition`, and relatives of so many steps (-1: all)."""

    condition: str
    ancestors: int = 0
    descendants: int = 0

    def query(self, trace_id: bytes) -> Query:
        """The part of this trace as a query. Raises `QuerySyntaxError`, `InvalidRequest`."""
        for steps in (self.ancestors, self.descendants):
            if steps > MAX_STEPS:
                raise InvalidRequest(f"at most {MAX_STEPS} steps up or down can be asked for.", hint="-1 is all of them.")
        of_trace = f"trace:id = `{trace_id.hex()}`"
        inner = _condition(self.condition)
        chosen = f"{{ {of_trace} && ({inner}) }}" if inner else f"{{ {of_trace} }}"
        every = f"{{ {of_trace} }}"
        found = [
            chosen,
            *_relatives(chosen, every, "<", self.ancestors),
            *_relatives(chosen, every, ">", self.descendants),
        ]
        return parse(" || ".join(f"({one})" for one in found) if len(found) > 1 else chosen)


def _condition(text: str) -> str:
    query = parse(text)
    if not (isinstance(query.body, Pipeline) and len(query.body.stages) == 1 and isinstance(query.body.stages[0], Filter)):
        raise fault(text, 0, "a part of a trace is told by one condition.", len(text), "Write { status = error }.")
    where = query.body.stages[0].where
    return print_expression(where) if where is not None else ""


def _relatives(chosen: str, every: str, op: str, steps: int) -> list[str]:
    """What lies up (`<`) or down (`>`) of the chosen spans."""
    if steps < 0:
        return [f"{chosen} {op}{op} {every}"]
    found = []
    reached = chosen
    for _ in range(steps):
        reached = f"({reached} {op} {every})"
        found.append(reached)
    return found
