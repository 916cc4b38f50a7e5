"""Changes of a resource (RFC 7644, section 3.5.2), and the ways in which providers write them. Pure.

A change works on the attributes that a client may write, as they would be in a PUT; what comes out is checked like one.
Tolerated, because providers send it: operations in any case, names with dots and URNs within a value without a path, values
of `remove`, a single value where there may be several, and `add` at a value that is not there yet.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nexus.server.api.scim.errors import ScimError
from nexus.server.api.scim.filters import Path, bare_name, equalities, matches, parse_path

MAX_OPERATIONS: Final = 1000
MAX_VALUES: Final = 20_000

_READ_ONLY: Final = frozenset({"id", "meta", "schemas", "groups"})


@dataclass(frozen=True, slots=True)
class Shape:
    """What a resource has: names as they are written by their lower-case form, `several` those with several values, and
    `ignored` attributes of the standard that are not kept here."""

    names: Mapping[str, str]
    several: frozenset[str]
    ignored: frozenset[str]

    def known(self, attribute: str) -> str:
        """The name as it is written, empty for what is not kept. Raises `ScimError` (`invalidPath`)."""
        if attribute in self.names:
            return self.names[attribute]
        if attribute in self.ignored or attribute.startswith("urn:"):
            return ""
        raise ScimError("invalidPath", f"there is no attribute {attribute[:60]!r}.")


def apply(resource: Mapping[str, Any], operations: Any, shape: Shape) -> dict[str, Any]:
    """The resource after the operations; the one given stays as it is. Raises `ScimError`."""
    if not isinstance(operations, list) or not operations:
        raise ScimError("invalidSyntax", "a change has a list of Operations.")
    if len(operations) > MAX_OPERATIONS:
        raise ScimError("tooMany", f"a change has at most {MAX_OPERATIONS} operations.")
    changed = copy.deepcopy(dict(resource))
    for operation in operations:
        if not isinstance(operation, dict):
            raise ScimError("invalidSyntax", "an operation is an object.")
        given = {name.lower(): value for name, value in operation.items()}
        kind = given.get("op")
        if not isinstance(kind, str) or kind.lower() not in ("add", "replace", "remove"):
            raise ScimError("invalidSyntax", "an operation is add, replace or remove.")
        path = given.get("path") or ""
        if not isinstance(path, str):
            raise ScimError("invalidPath", "a path is a text.")
        if "value" not in given and kind.lower() != "remove":
            raise ScimError("invalidValue", f"{kind} needs a value.")
        _change(changed, kind.lower(), path, given.get("value"), shape)
    return changed


def _change(resource: dict[str, Any], kind: str, text: str, value: Any, shape: Shape) -> None:
    if text:
        _at(resource, kind, parse_path(text), value, shape)
        return
    if kind == "remove":
        raise ScimError("noTarget", "remove needs a path.")
    if not isinstance(value, dict):
        raise ScimError("invalidValue", "without a path the value is an object.")
    for name, inner in value.items():
        if bare_name(name) not in _READ_ONLY:
            _at(resource, kind, parse_path(name), inner, shape)


def _at(resource: dict[str, Any], kind: str, path: Path, value: Any, shape: Shape) -> None:
    if path.attribute in _READ_ONLY:
        raise ScimError("mutability", f"{path.attribute} cannot be changed.")
    name = shape.known(path.attribute)
    if not name:
        return
    if name in shape.several:
        resource[name] = _several(resource.get(name) or [], kind, path, value)
        if len(resource[name]) > MAX_VALUES:
            raise ScimError("tooMany", f"{name} has at most {MAX_VALUES} values.")
    elif path.which is not None:
        raise ScimError("invalidPath", f"{name} has one value only.")
    elif path.part:
        inner = resource.get(name)
        whole = dict(inner) if isinstance(inner, dict) else {}
        _set(whole, path.part, None if kind == "remove" else value)
        resource[name] = whole
    elif kind == "remove":
        resource.pop(name, None)
    elif isinstance(value, dict) and isinstance(resource.get(name), dict):
        resource[name] = {**resource[name], **value}
    else:
        resource[name] = value


def _several(values: list[Any], kind: str, path: Path, value: Any) -> list[Any]:
    if path.which is not None:
        return _selected(values, kind, path, value)
    if path.part:
        for one in values:
            if isinstance(one, dict):
                _set(one, path.part, None if kind == "remove" else value)
        return values
    given = value if isinstance(value, list) else [] if value is None else [value]
    given = [one if isinstance(one, dict) else {"value": one} for one in given]
    if kind == "replace":
        return given
    keys = {_key(one) for one in given}
    if kind == "remove":
        return [one for one in values if _key(one) not in keys] if given else []
    fresh = {_key(one): one for one in given}
    return [*(one for one in values if _key(one) not in fresh), *fresh.values()]


def _selected(values: list[Any], kind: str, path: Path, value: Any) -> list[Any]:
    assert path.which is not None
    chosen = [one for one in values if isinstance(one, dict) and matches(one, path.which, path.attribute)]
    if kind == "remove" and not path.part:
        return [one for one in values if not any(one is other for other in chosen)]
    if not chosen and kind == "add" and (fixed := equalities(path.which)):
        chosen = [fixed]
        values = [*values, fixed]
    if not chosen and kind != "remove":
        raise ScimError("noTarget", "no value matches the path.")
    for one in chosen:
        if path.part:
            _set(one, path.part, None if kind == "remove" else value)
        elif isinstance(value, dict):
            one.update(value)
        else:
            raise ScimError("invalidValue", "the value is an object.")
    return values


def _set(whole: dict[str, Any], part: str, value: Any) -> None:
    """Set a part by its name without case; None removes it."""
    name = next((name for name in whole if name.lower() == part), part)
    if value is None:
        whole.pop(name, None)
    else:
        whole[name] = value


def _key(value: Any) -> str:
    """What two values are the same by."""
    return str(value.get("value", "")) if isinstance(value, dict) else str(value)
