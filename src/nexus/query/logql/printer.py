"""Syntax tree of LogQL to text: `parse(print_query(tree)) == tree`."""

from __future__ import annotations

import re

from nexus.query.logql.ast import (
    AndFilter,
    Binary,
    Decolorize,
    Drop,
    Grouping,
    IpFilter,
    JsonParser,
    Keep,
    LabelFilter,
    LabelFormat,
    LabelReplace,
    LabelStage,
    LineFilter,
    LineFormat,
    LogfmtParser,
    LogQuery,
    Matcher,
    Needle,
    Number,
    NumberFilter,
    OrFilter,
    PatternParser,
    Query,
    RangeAggregation,
    RegexpParser,
    Stage,
    Target,
    TextFilter,
    Unpack,
    Unwrap,
    Vector,
    VectorAggregation,
)

_UNITS = (("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1))
_PLAIN = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", '"': '\\"'}


def print_query(query: Query) -> str:
    """Print a tree as canonical text."""
    match query:
        case LogQuery():
            return _log(query)
        case RangeAggregation():
            return _range(query)
        case VectorAggregation(op, inner, grouping, parameter):
            head = op + (_grouping(grouping) if grouping else "")
            first = "" if parameter is None else f"{parameter}, "
            return f"{head}({first}{print_query(inner)})"
        case Binary():
            return _binary(query)
        case Number(value):
            return number(value)
        case Vector(value):
            return f"vector({number(value)})"
        case LabelReplace(inner, target, replacement, source, regex):
            texts = ", ".join(quote(text) for text in (target, replacement, source, regex))
            return f"label_replace({print_query(inner)}, {texts})"


def print_selector(matchers: tuple[Matcher, ...]) -> str:
    """A stream selector."""
    return "{" + ", ".join(f"{one.name}{one.op}{quote(one.value)}" for one in matchers) + "}"


def quote(text: str) -> str:
    """A string literal."""
    return '"' + re.sub(r'[\x00-\x1f\x7f\\"]', lambda found: _PLAIN.get(found[0]) or f"\\x{ord(found[0]):02x}", text) + '"'


def duration(ns: int) -> str:
    """A duration literal."""
    parts = []
    for unit, length in _UNITS:
        count, ns = divmod(ns, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def number(value: float) -> str:
    """A number literal."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def _log(query: LogQuery) -> str:
    return " ".join([print_selector(query.matchers), *(_stage(stage) for stage in query.stages)])


def _range(query: RangeAggregation) -> str:
    body = _log(query.query)
    if query.unwrap is not None:
        body += " " + _unwrap(query.unwrap)
    body += f" [{duration(query.range)}]"
    if query.offset:
        body += f" offset {'-' if query.offset < 0 else ''}{duration(abs(query.offset))}"
    first = "" if query.parameter is None else f"{number(query.parameter)}, "
    return f"{query.op}({first}{body})" + (_grouping(query.grouping) if query.grouping else "")


def _unwrap(unwrap: Unwrap) -> str:
    shown = f"{unwrap.conversion}({unwrap.label})" if unwrap.conversion else unwrap.label
    return " ".join([f"| unwrap {shown}", *(f"| {_filter(one)}" for one in unwrap.filters)])


def _grouping(grouping: Grouping) -> str:
    return f" {'without' if grouping.without else 'by'} ({', '.join(grouping.labels)}) "


def _binary(query: Binary) -> str:
    words = [_operand(query.left), query.op]
    if query.as_bool:
        words.append("bool")
    if (matching := query.matching) is not None:
        words.append(f"{'on' if matching.on else 'ignoring'} ({', '.join(matching.labels)})")
        if matching.card:
            words.append(f"group_{matching.card} ({', '.join(matching.include)})")
    return " ".join([*words, _operand(query.right)])


def _operand(query: Query) -> str:
    # A negative number would read as a subtraction behind some operators.
    bare = not isinstance(query, Binary) and not (isinstance(query, Number) and query.value < 0)
    return print_query(query) if bare else f"({print_query(query)})"


def _stage(stage: Stage) -> str:
    match stage:
        case LineFilter(op, needles):
            return f"{op} {' or '.join(_needle(needle) for needle in needles)}"
        case JsonParser(wanted):
            return "| json" + _wanted((name, _path(path)) for name, path in wanted)
        case LogfmtParser(wanted, strict, keep_empty):
            flags = (" --strict" if strict else "") + (" --keep-empty" if keep_empty else "")
            return f"| logfmt{flags}" + _wanted(wanted)
        case RegexpParser(pattern):
            return f"| regexp {quote(pattern)}"
        case PatternParser(pattern):
            return f"| pattern {quote(pattern)}"
        case Unpack():
            return "| unpack"
        case LabelStage(one):
            return f"| {_filter(one)}"
        case LineFormat(template):
            return f"| line_format {quote(template)}"
        case LabelFormat(formats):
            shown = (f"{name}={quote(text) if template else text}" for name, text, template in formats)
            return f"| label_format {', '.join(shown)}"
        case Decolorize():
            return "| decolorize"
        case Drop(targets):
            return f"| drop {', '.join(_target(target) for target in targets)}"
        case Keep(targets):
            return f"| keep {', '.join(_target(target) for target in targets)}"


def _needle(needle: Needle) -> str:
    return f"ip({quote(needle.value)})" if needle.ip else quote(needle.value)


def _wanted(pairs: object) -> str:
    shown = ", ".join(f"{name}={quote(source)}" for name, source in pairs)  # type: ignore[attr-defined]
    return f" {shown}" if shown else ""


def _path(path: tuple[str | int, ...]) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_]\w*", step, re.ASCII):
            text += f".{step}" if text else step
        else:
            text += f"[{quote(step)}]"
    return text


def _target(target: Target) -> str:
    return f"{target.name}{target.op}{quote(target.value)}" if target.op else target.name


def _filter(one: LabelFilter, inside: bool = False) -> str:
    match one:
        case TextFilter(name, op, value):
            return f"{name}{op}{quote(value)}"
        case NumberFilter(name, op, value, unit):
            shown = number(value)
            if unit == "duration":
                shown = ("-" if value < 0 else "") + duration(abs(int(value)))
            elif unit == "bytes":
                shown = f"{int(value)}B"
            return f"{name} {op} {shown}"
        case IpFilter(name, op, value):
            return f"{name}{op}ip({quote(value)})"
        case AndFilter(left, right):
            text = f"{_filter(left, True)} and {_filter(right, True)}"
        case OrFilter(left, right):
            text = f"{_filter(left, True)} or {_filter(right, True)}"
    return f"({text})" if inside else text
