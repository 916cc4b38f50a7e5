"""Series, names of labels, their values, and metadata of metric families."""

from __future__ import annotations

import re
from typing import Final

from starlette.responses import Response

from nexus.errors import InvalidRequest
from nexus.query.plan import ListLabelNames, ListLabelValues, ListMetadata, ListSeries
from nexus.query.promql.lexer import quote
from nexus.server.api.prometheus.answers import listed, success
from nexus.server.api.prometheus.arguments import Arguments
from nexus.server.api.prometheus.asking import answered
from nexus.server.call import Call

_ESCAPED: Final = re.compile(r"_(_|[0-9A-Fa-f]{1,6}_)")


async def series(call: Call) -> Response:
    """Label sets of series that selectors find."""
    arguments = Arguments.of(call)
    limit = arguments.limit()
    plan = ListSeries(arguments.scan(required=True), limit)
    return listed(await answered(call, plan, newest=True), limit)


async def labels(call: Call) -> Response:
    """Names of labels."""
    arguments = Arguments.of(call)
    limit = arguments.limit()
    return listed(await answered(call, ListLabelNames(arguments.scan(), limit), newest=True), limit)


async def label_values(call: Call) -> Response:
    """Values of a label."""
    arguments = Arguments.of(call)
    name = unescaped(call.parameters["name"])
    if not name:
        raise InvalidRequest(f"invalid label name: {quote(name)}")
    limit = arguments.limit()
    return listed(await answered(call, ListLabelValues(name, arguments.scan(), limit), newest=True), limit)


async def metadata(call: Call) -> Response:
    """Kind, help and unit of metric families."""
    arguments = Arguments.of(call)
    limit = arguments.number("limit", -1)
    each = arguments.number("limit_per_metric", -1)
    if limit == 0:
        return success(b"{}")
    answer = await answered(call, ListMetadata(arguments.text("metric"), max(limit, 0), max(each, 0)))
    return success(answer.data, answer.warnings, answer.infos)


def unescaped(name: str) -> str:
    """A label's name as clients write it in a path: `U__` and `_xx_` for what is no letter, digit or underscore, `__` for an
    underscore. What is not written so stands for itself."""
    if not name.startswith("U__"):
        return name
    found: list[str] = []
    at = 3
    while at < len(name):
        if name[at] != "_":
            found.append(name[at])
            at += 1
            continue
        match = _ESCAPED.match(name, at)
        if match is None:
            return name
        code = match[1]
        if code == "_":
            found.append("_")
        elif (point := int(code[:-1], 16)) <= 0x10FFFF and not 0xD800 <= point < 0xE000:
            found.append(chr(point))
        else:
            return name
        at = match.end()
    return "".join(found)
