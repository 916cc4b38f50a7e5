"""Searching names of metrics and labels, and values of labels (experimental in Prometheus 3): NDJSON, batch by batch, and a
line at the end that says whether there was more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.errors import InvalidRequest
from nexus.query.plan import ListLabelNames, ListLabelValues, ListMetadata, SeriesPlan, SeriesScan
from nexus.query.promql.lexer import quote
from nexus.server.api.prometheus.arguments import Arguments
from nexus.server.api.prometheus.asking import answered
from nexus.server.call import Call

MEDIA: Final = "application/x-ndjson; charset=utf-8"
MAX_TERMS: Final = 32
MAX_LIMIT: Final = 10_000
_HOUR: Final = 3_600_000
_DEFAULT: Final = 100
_ALGORITHMS: Final = ("subsequence", "jarowinkler")


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for: words, how alike a value must be (0 to 1), and the order of what is found."""

    scan: SeriesScan
    terms: tuple[str, ...]
    threshold: float
    fuzzy: bool
    case: bool
    order: str
    descending: bool
    score: bool
    limit: int
    batch: int

    @classmethod
    def of(cls, arguments: Arguments, what: str) -> Search:
        """Raises `InvalidRequest`."""
        start, end = arguments.range(start=arguments.now - _HOUR, end=arguments.now)
        if end < start:
            raise InvalidRequest("end timestamp must not be before start timestamp")
        terms = arguments.all("search[]")
        if len(terms) > MAX_TERMS:
            raise InvalidRequest(f"too many search[] terms: got {len(terms)}, maximum is {MAX_TERMS}")
        threshold = arguments.text("fuzz_threshold") or "0"
        if not threshold.isascii() or not threshold.isdigit() or not 0 <= int(threshold[:4]) <= 100:
            raise InvalidRequest(f"invalid fuzz_threshold {quote(threshold[:40])}: must be 0-100")
        algorithm = arguments.text("fuzz_alg") or _ALGORITHMS[0]
        if algorithm not in _ALGORITHMS:
            shown = f"[{' '.join(_ALGORITHMS)}]"
            raise InvalidRequest(f"unsupported fuzz_alg {quote(algorithm[:40])}: must be one of {shown}")
        case, score = arguments.boolean("case_sensitive", True), arguments.boolean("include_score", False)
        order, direction = arguments.text("sort_by"), arguments.text("sort_dir")
        if direction and not order:
            raise InvalidRequest("sort_dir is only valid when sort_by is set")
        if direction and order == "score":
            raise InvalidRequest("sort_dir is not supported for sort_by=score")
        if direction not in ("", "asc", "dsc"):
            raise InvalidRequest(f'invalid sort_dir {quote(direction[:40])}: must be "asc" or "dsc"')
        if order == "score" and not terms:
            raise InvalidRequest("sort_by=score requires search[] to be set")
        if order not in ("", "alpha", "score"):
            raise InvalidRequest(f'invalid sort_by {quote(order[:40])} for {what}: must be "alpha" or "score"')
        return cls(
            SeriesScan(arguments.matchers(), start, end),
            tuple(term if case else term.lower() for term in terms if term),
            int(threshold) / 100,
            algorithm != _ALGORITHMS[0],
            case,
            order,
            direction == "dsc",
            score,
            min(_positive(arguments, "limit"), MAX_LIMIT),
            min(_positive(arguments, "batch_size"), MAX_LIMIT),
        )

    def found(self, values: Iterable[str]) -> list[tuple[str, float]]:
        """Values (which come sorted) that match a word, with how well they do, in order; one more than the limit."""
        scored = [(value, score) for value in values if (score := self.of_value(value)) > 0]
        if self.order == "score":
            scored.sort(key=lambda one: -one[1])
        elif self.descending:
            scored.reverse()
        return scored[: self.limit + 1]

    def of_value(self, value: str) -> float:
        """How well a value matches, 0 (not) to 1."""
        if not self.terms:
            return 1.0
        shown = value if self.case else value.lower()
        return max(self._of_term(shown, term) for term in self.terms)

    def _of_term(self, value: str, term: str) -> float:
        if value.startswith(term):
            return 1.0
        at = value.find(term)
        if self.fuzzy:
            if at >= 0:
                return 1.0 - 0.9 * at / max(len(value) - len(term), 1)
            score = alike(value, term) if self.threshold else 0.0
        else:
            score = subsequence(value, term)
        return score if score > 0 and score >= self.threshold else 0.0


def subsequence(value: str, term: str) -> float:
    """Are the letters of a word in a value in their order? Then how much of it lies together and near the start, up to 1."""
    at, together, last, first = 0, 0, -2, -1
    for letter in term:
        at = value.find(letter, at)
        if at < 0:
            return 0.0
        first = at if first < 0 else first
        together += at == last + 1
        last = at
        at += 1
    return (1 + together) / (len(term) + 0.5 * first + 0.1 * max(len(value) - len(term), 0) + 1)


def alike(left: str, right: str) -> float:
    """Jaro-Winkler similarity, 0 to 1 (Winkler 1990, prefixes of up to 4 letters)."""
    if left == right:
        return 1.0
    if not left or not right:
        return 0.0
    reach = max(max(len(left), len(right)) // 2 - 1, 0)
    taken = [False] * len(right)
    matched: list[str] = []
    for place, letter in enumerate(left):
        for other in range(max(place - reach, 0), min(place + reach + 1, len(right))):
            if not taken[other] and right[other] == letter:
                taken[other] = True
                matched.append(letter)
                break
    if not matched:
        return 0.0
    mirrored = [letter for letter, used in zip(right, taken, strict=True) if used]
    swaps = sum(a != b for a, b in zip(matched, mirrored, strict=True)) / 2
    count = len(matched)
    jaro = (count / len(left) + count / len(right) + (count - swaps) / count) / 3
    prefix = 0
    for a, b in zip(left[:4], right[:4], strict=False):
        if a != b:
            break
        prefix += 1
    return jaro + prefix * 0.1 * (1 - jaro)


async def metric_names(call: Call) -> Response:
    """Names of metrics, with their metadata when that is wanted."""
    arguments = Arguments.of(call)
    search = Search.of(arguments, "metric_names")
    described: dict[str, list[dict[str, str]]] = {}
    if arguments.boolean("include_metadata", False):
        described = msgspec.json.decode((await answered(call, ListMetadata(limit_per_metric=1))).data)

    def shown(name: str) -> dict[str, Any]:
        told = described.get(name, [])
        about = {key: told[0].get(key, "") for key in ("type", "help", "unit")} if told else {}
        return {"name": name, **{key: value for key, value in about.items() if value}}

    return await _searched(call, search, ListLabelValues("__name__", search.scan), shown)


async def label_names(call: Call) -> Response:
    """Names of labels."""
    search = Search.of(Arguments.of(call), "label_names")
    return await _searched(call, search, ListLabelNames(search.scan), lambda name: {"name": name})


async def label_values(call: Call) -> Response:
    """Values of a label."""
    arguments = Arguments.of(call)
    search = Search.of(arguments, "label_values")
    if not (label := arguments.text("label")):
        raise InvalidRequest('missing required parameter "label"')
    return await _searched(call, search, ListLabelValues(label, search.scan), lambda value: {"value": value})


async def _searched(call: Call, search: Search, plan: SeriesPlan, shown: Callable[[str], dict[str, Any]]) -> Response:
    answer = await answered(call, plan)
    found = search.found(msgspec.json.decode(answer.data, type=list[str]))
    lines = b"".join(_lines(search, found, shown, answer.warnings))
    return Response(lines, media_type=MEDIA)


def _lines(
    search: Search, found: list[tuple[str, float]], shown: Callable[[str], dict[str, Any]], warnings: list[str]
) -> Iterator[bytes]:
    kept = found[: search.limit]
    for at in range(0, max(len(kept), 1), search.batch):
        batch = [
            shown(value) | ({"score": round(score, 6)} if search.score else {})
            for value, score in kept[at : at + search.batch]
        ]
        line: dict[str, Any] = {"results": batch}
        if warnings and not at:
            line["warnings"] = warnings
        yield msgspec.json.encode(line) + b"\n"
    yield msgspec.json.encode({"status": "success", "has_more": len(found) > len(kept)}) + b"\n"


def _positive(arguments: Arguments, name: str) -> int:
    text = arguments.text(name)
    if not text:
        return _DEFAULT
    if not text.isascii() or not text.isdigit() or int(text[:18]) <= 0:
        raise InvalidRequest(f"invalid {name} {quote(text[:40])}: must be a positive integer")
    return int(text[:18])
