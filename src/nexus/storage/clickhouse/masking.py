"""The table as somebody sees it for whom fields are masked: a subquery with the columns of `nexus.logs`, `MASK` in the place
of masked values.

Everything that a scan asks stands outside of it, so that conditions, keys, identity hashes and users' SQL know the masked
values and no others. A masked attribute is text, whatever it was: it leaves the map or the column of its own type. Ids
are bytes and become empty. In a resource, members of a masked name are masked at any depth; `crates/nexus-core/src/mask.rs`
does the same to live records, to the byte, so that a record has one id on both ways.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from nexus import _native
from nexus.query.plan import MASK, Field, FieldKind, Scoped
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.catalog import TYPES, Catalog
from nexus.storage.clickhouse.literals import identifier, json_string, quote

TABLE: Final = "nexus.logs"
_SAME: Final = ("tenant", "hour", "timestamp", "observed_timestamp", "severity", "severity_number")
_TEXTS: Final = {
    "service": "LowCardinality(String)",
    "body": "String",
    "event_name": "LowCardinality(String)",
    "scope_name": "LowCardinality(String)",
    "scope_version": "LowCardinality(String)",
}
_SIZES: Final = {"trace_id": 16, "span_id": 8}
_VIRTUAL: Final = ("_part_offset",)
_EMPTY: Final = "CAST(map(), 'Map(String, String)')"
_TEMPLATE: Final = _native.mask_template(MASK)[1]
"""Of a body that is masked."""


def known_to(scoped: Scoped, catalog: Catalog) -> Catalog:
    """The catalog as far as it concerns what a scoped plan sees: masked attributes may lie in the map of texts, and what a
    masked body says no skeleton does."""
    if not scoped.masked:
        return catalog
    texts = {(field.name, "s") for field in scoped.masked if field.kind is FieldKind.ATTRIBUTE}
    return dataclasses.replace(
        catalog,
        in_maps=None if catalog.in_maps is None else catalog.in_maps | texts,
        plain=None if masks_body(scoped) else catalog.plain,
    )


def masks_body(scoped: Scoped) -> bool:
    """Is the message masked, and with it its skeleton and template?"""
    return Field(FieldKind.COLUMN, "body") in scoped.masked


def source(scoped: Scoped, catalog: Catalog, choice: str, text: str) -> str:
    """What to read from instead of the table: the records that a WHERE or PREWHERE chooses, masked. It has the columns whose
    names occur in `text`, which is what is asked of it: planning all of them takes a while."""
    names = [*_SAME, *_TEXTS, *_SIZES, "skeleton", "template_id", "resource", *fields.ALL_MAPS.values()]
    names += [column.name for column in catalog.columns]
    return changed_source(TABLE, (*names, *_VIRTUAL), dict(_changed(scoped, catalog)), choice, text)


def changed_source(table: str, every: Iterable[str], changed: Mapping[str, str], choice: str, text: str) -> str:
    """A subquery of those of `every` column of a table that occur in `text`, some of them `changed`."""
    names = [name for name in every if name in text] or ["tenant"]
    numbers = {name: f"_m{number}" for number, name in enumerate(changed)}
    # Two levels, because the engine lets an alias hide the column of the same name from the conditions.
    inner = [f"{changed[name]} AS {numbers[name]}" if name in changed else identifier(name) for name in names]
    outer = [f"{numbers[name]} AS {identifier(name)}" if name in changed else identifier(name) for name in names]
    return f"(SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {table} {choice}))"


def _changed(scoped: Scoped, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Columns that are not what they were, with what they are."""
    by_kind = {kind: sorted(field.name for field in scoped.masked if field.kind is kind) for kind in FieldKind}
    for name in by_kind[FieldKind.COLUMN]:
        if name in _TEXTS:
            yield name, f"CAST(if({name} = '', '', {quote(MASK)}), '{_TEXTS[name]}')"
        elif name in _SIZES:
            yield name, f"toFixedString('', {_SIZES[name]})"
    if masks_body(scoped):
        yield "skeleton", "CAST('', 'LowCardinality(String)')"
        yield "template_id", f"if(body = '', template_id, toUInt64({_TEMPLATE}))"
    if names := by_kind[FieldKind.RESOURCE]:
        yield "resource", _resource(names)
    if names := by_kind[FieldKind.ATTRIBUTE]:
        yield from masked_attributes(names, catalog)


def _resource(names: list[str]) -> str:
    return f"CAST({masked_object('resource', names)}, 'LowCardinality(String)')"


def masked_object(text: str, names: list[str]) -> str:
    """An object as JSON, with the mask in the place of members of these names at any depth."""
    for name in names:
        key = json_string(name)
        text = f"replaceRegexpAll({text}, {quote(member(key))}, {quote(_replacement(key))})"
    # What is left of them are arrays and objects within which there are others: no expression finds their ends.
    nested = quote("(?:" + "|".join(re.escape(json_string(name)) for name in names) + "):[\\[{]")
    shown = "{" + ",".join(f"{json_string(name)}:{json_string(MASK)}" for name in names) + "}"
    return f"if(match({text}, {nested}), {quote(shown)}, {text})"


def member(key: str) -> str:
    """The expression that finds a member of this name (as JSON) and its value, unless that has arrays or objects within."""
    text = r'"(?:[^"\\]|\\.)*"'
    return re.escape(key) + rf':(?:{text}|[^"\[{{,}}\]]+|[\[{{](?:{text}|[^"\[\]{{}}])*[\]}}])'


def _replacement(key: str) -> str:
    return key.replace("\\", "\\\\") + f':"{MASK}"'


def masked_attributes(names: list[str], catalog: Catalog) -> Iterator[tuple[str, str]]:
    """The maps and the columns of attributes that hold masked ones."""
    ways = {name: fields.attribute(name, catalog) for name in names}
    listed = ", ".join(map(quote, names))
    for type in TYPES:
        held = fields.ALL_MAPS[type]
        yield held, _texts(listed, ways, catalog) if type == "s" else f"mapFilter((k, v) -> k NOT IN ({listed}), {held})"
    for column in catalog.columns:
        if column.key not in ways:
            continue
        here = " OR ".join(way.presence for way in ways[column.key])
        shown = f"if({here}, {quote(MASK)}, NULL)" if column.type == "s" else "NULL"
        yield column.name, f"CAST({shown}, {quote(column.column_type)})"


def _texts(listed: str, ways: dict[str, list[fields.Attribute]], catalog: Catalog) -> str:
    """The map of texts: masked values of its own, and those of other types that have no column for texts."""
    text = f"mapApply((k, v) -> (k, if(k IN ({listed}), {quote(MASK)}, v)), {fields.ALL_MAPS['s']})"
    for name, found in ways.items():
        others = [way.presence for way in found if way.type != "s"]
        if others and catalog.column(name, "s") is None:
            added = f"if({' OR '.join(others)}, map({quote(name)}, {quote(MASK)}), {_EMPTY})"
            text = f"mapUpdate(CAST({text}, 'Map(String, String)'), {added})"
    return f"CAST({text}, 'Map(LowCardinality(String), String)')"
