"""YAML as structs, the way Prometheus reads its files: keys that are not known and keys that come twice are errors, numbers
may stand where texts belong. Errors name the line and the path. Pure.

A struct is read by its annotations: structs, lists, maps, texts, numbers, booleans, and types with a `parse`. A field
annotated with `Any` is taken as it is. `rename` of `RENAMED` (`global` is no name in Python) is heeded.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from nexus.errors import ConfigError

MAX_DEPTH: Final = 40
_BINARY: Final = "tag:yaml.org,2002:binary"
_TRUE: Final = frozenset({"true", "yes", "on", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "n"})
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


class Wrong(Exception):
    """What is wrong with a document, and on which line."""

    def __init__(self, message: str, line: int, *, hint: str = "") -> None:
        """`line` from 1."""
        super().__init__(message)
        self.message = message
        self.line = line
        self.hint = hint


def compose(text: str, name: str) -> Any:
    """The document as nodes, None when it is empty. Raises `ConfigError`."""
    import yaml

    try:
        return yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise ConfigError(f"{name}{where} is not YAML: {problem}.") from None


def read(text: str, kind: Any, name: str) -> Any:
    """A text as a value of this type; `name` is that of the file, for messages. Raises `ConfigError`."""
    node = compose(text, name)
    try:
        return convert(node, kind, ()) if node is not None else kind()
    except Wrong as error:
        raise located(error, name) from None


def located(error: Wrong, name: str) -> ConfigError:
    """The error with the name of its file."""
    return ConfigError(f"{name}, line {error.line}: {error.message}.", hint=error.hint)


def convert(node: Any, kind: Any, path: tuple[str, ...]) -> Any:
    """A node as a value of a type. Raises `Wrong`."""
    if len(path) > MAX_DEPTH:
        raise Wrong("the document is nested too deeply", _line(node))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return convert(node, arguments[0], path)
    if origin in (Union, types.UnionType):
        if _is_null(node):
            return None
        return convert(node, next(one for one in arguments if one is not type(None)), path)
    if kind is Any:
        return plain(node, path)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _struct(node, kind, path)
    if origin is list:
        if _is_null(node):
            return []
        if not _is(node, "sequence"):
            raise Wrong(f"{_shown(path)} must be a list", _line(node))
        for number, item in enumerate(node.value):
            if _is_null(item) and arguments[0] is not str:
                raise Wrong(f"{_shown((*path, f'[{number}]'))} is empty", _line(item))
        return [convert(item, arguments[0], (*path, f"[{number}]")) for number, item in enumerate(node.value)]
    if origin is dict:
        if _is_null(node):
            return {}
        return {key: convert(value, arguments[1], (*path, key)) for key, value in _pairs(node, path)}
    return _scalar(node, kind, path)


def plain(node: Any, path: tuple[str, ...] = ()) -> Any:
    """A node as lists, dicts and texts. Raises `Wrong`."""
    if len(path) > MAX_DEPTH:
        raise Wrong("the document is nested too deeply", _line(node))
    if _is(node, "mapping"):
        return {key: plain(value, (*path, key)) for key, value in _pairs(node, path)}
    if _is(node, "sequence"):
        return [plain(item, (*path, f"[{number}]")) for number, item in enumerate(node.value)]
    return None if _is_null(node) else node.value


@cache
def _fields(kind: type[Struct]) -> dict[str, tuple[str, Any]]:
    hints = get_type_hints(kind, include_extras=True)
    return {info.encode_name: (info.name, hints[info.name]) for info in msgspec.structs.fields(kind)}


def _struct(node: Any, kind: type[Struct], path: tuple[str, ...]) -> Any:
    if _is_null(node):
        return _made(kind, {}, node, path)
    known = _fields(kind)
    values: dict[str, Any] = {}
    for key, value in _pairs(node, path):
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.6)
            hint = f"Did you mean `{near[0]}`?" if near else f"Its keys are {', '.join(sorted(known)[:40])}."
            raise Wrong(f"{_shown(path)} has no key `{key}`", _line(value), hint=hint)
        name, annotation = known[key]
        if _is_null(value):
            # A key without a value is the default.
            continue
        values[name] = convert(value, annotation, (*path, key))
    return _made(kind, values, node, path)


def _made(kind: type[Struct], values: dict[str, Any], node: Any, path: tuple[str, ...]) -> Any:
    try:
        return kind(**values)
    except TypeError:
        missing = [info.encode_name for info in msgspec.structs.fields(kind) if info.required and info.name not in values]
        raise Wrong(f"{_shown(path)} needs {' and '.join(f'`{name}`' for name in missing)}", _line(node)) from None
    except ValueError as error:
        raise Wrong(f"{_shown(path)}: {error}", _line(node)) from None


def _pairs(node: Any, path: tuple[str, ...]) -> list[tuple[str, Any]]:
    if not _is(node, "mapping"):
        raise Wrong(f"{_shown(path)} must hold keys and values", _line(node))
    found: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key, value in node.value:
        if not _is(key, "scalar") or key.tag == _BINARY:
            raise Wrong(f"{_shown(path)} has a key that is no text", _line(key))
        if key.tag == "tag:yaml.org,2002:merge":
            for one in value.value if _is(value, "sequence") else [value]:
                for name, inner in _pairs(one, (*path, "<<")):
                    merged.setdefault(name, inner)
            continue
        if key.value in found:
            raise Wrong(f"{_shown(path)} has the key `{key.value}` twice", _line(key))
        found[key.value] = value
    return list({**merged, **found}.items())


def _scalar(node: Any, kind: Any, path: tuple[str, ...]) -> Any:
    if not _is(node, "scalar") or node.tag == _BINARY:
        raise Wrong(f"{_shown(path)} must be a single text or number", _line(node))
    text = "" if _is_null(node) else node.value
    try:
        return _parsers(kind)(text)
    except ValueError as error:
        raise Wrong(f"{_shown(path)}: {error}", _line(node)) from None


@cache
def _parsers(kind: Any) -> Callable[[str], Any]:
    if kind is str:
        return str
    if kind is bool:
        return _boolean
    if kind is int:
        return _integer
    if kind is float:
        return _number
    if get_origin(kind) is Literal:
        return lambda text: _choice(text, get_args(kind))
    return kind.parse  # type: ignore[no-any-return]


def _boolean(text: str) -> bool:
    lower = text.lower()
    if lower in _TRUE or lower in _FALSE:
        return lower in _TRUE
    raise ValueError(f"{text[:40]!r} is neither true nor false")


def _integer(text: str) -> int:
    try:
        number = int(text.replace("_", ""), 0)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a whole number") from None
    if not 0 <= number < 1 << 63:
        raise ValueError(f"{text[:40]!r} is out of range")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number") from None


def _choice(text: str, choices: tuple[str, ...]) -> str:
    if text in choices:
        return text
    raise ValueError(f"{text[:60]!r} is none of {', '.join(choices)}")


def _is(node: Any, kind: str) -> bool:
    return bool(node is not None and node.id == kind)


def _is_null(node: Any) -> bool:
    return node is None or (node.id == "scalar" and node.style is None and node.value in _NULLS)


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1 if node is not None else 1


def _shown(path: tuple[str, ...]) -> str:
    if not path:
        return "the file"
    return f"`{'.'.join(path).replace('.[', '[')}`"
