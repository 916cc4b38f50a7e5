"""Fields of the plan as SQL expressions over `nexus.logs`. Pure text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nexus.query.fields import SEVERITIES
from nexus.query.plan import Field, FieldKind
from nexus.storage.clickhouse.attributes import MAPS
from nexus.storage.clickhouse.catalog import TYPES, Catalog
from nexus.storage.clickhouse.literals import identifier, quote

ALL_MAPS: Final = {**MAPS, "j": "attributes_json"}
TYPE_NAMES: Final = {"s": "string", "i": "int", "f": "float", "b": "bool", "j": "json"}

_NAMES: Final = ", ".join(quote(name) for name in SEVERITIES)

TEXT_COLUMNS: Final = {
    "timestamp": "toString(timestamp)",
    "observed_timestamp": "toString(observed_timestamp)",
    "service": "service",
    "severity": "severity",
    "severity_number": "toString(severity_number)",
    "body": "body",
    "trace_id": "if(trace_id = toFixedString('', 16), '', lower(hex(trace_id)))",
    "span_id": "if(span_id = toFixedString('', 8), '', lower(hex(span_id)))",
    "event_name": "event_name",
    "template_id": "leftPad(lower(hex(template_id)), 16, '0')",
    "scope_name": "scope_name",
    "scope_version": "scope_version",
}
"""Text form of each column, '' when there is nothing."""

PRESENCE: Final = {
    "timestamp": "1",
    "observed_timestamp": "1",
    "severity": "severity_number != 0",
    "severity_number": "severity_number != 0",
    "trace_id": "trace_id != toFixedString('', 16)",
    "span_id": "span_id != toFixedString('', 8)",
    "template_id": "1",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One way a record may hold an attribute: its type letter, whether it does, and the value."""

    type: str
    presence: str
    value: str

    @property
    def text(self) -> str:
        """The value as text."""
        return self.value if self.type in "sj" else f"toString({self.value})"


def attribute(key: str, catalog: Catalog) -> list[Attribute]:
    """The ways records of this store may hold an attribute; empty when none ever did."""
    ways = []
    for type in TYPES:
        if (column := catalog.column(key, type)) is not None:
            name = identifier(column.name)
            ways.append(Attribute(type, f"isNotNull({name})", name))
        elif catalog.may_be_in_maps(key, type):
            source, literal = ALL_MAPS[type], quote(key)
            ways.append(Attribute(type, f"mapContains({source}, {literal})", f"{source}[{literal}]"))
    return ways


def attribute_text(key: str, catalog: Catalog) -> str:
    """The attribute as Nullable text, whatever its type; NULL when the record has none."""
    ways = attribute(key, catalog)
    if not ways:
        return "CAST(NULL, 'Nullable(String)')"
    if len(ways) == 1 and catalog.column(key, ways[0].type) is not None:
        return ways[0].text
    branches = ", ".join(f"{way.presence}, {way.text}" for way in ways)
    return f"multiIf({branches}, NULL)"


def attribute_number(key: str, catalog: Catalog) -> str:
    """The attribute as a Nullable number; text that reads as one counts."""
    numeric = {"i": "{0}", "f": "{0}", "b": "toUInt8({0})", "s": "toFloat64OrNull({0})"}
    ways = [way for way in attribute(key, catalog) if way.type in numeric]
    if not ways:
        return "CAST(NULL, 'Nullable(Float64)')"
    values = [numeric[way.type].format(way.value) for way in ways]
    if len(ways) == 1 and catalog.column(key, ways[0].type) is not None:
        return values[0]
    branches = ", ".join(f"{way.presence}, toFloat64({value})" for way, value in zip(ways, values, strict=True))
    return f"multiIf({branches}, NULL)"


def resource_token(key: str) -> str:
    """The resource attribute as a JSON list of one (`["text"]`, `[5]`), '' when there is none.

    The functions that read JSON by key run once per row; this one runs once per distinct resource.
    """
    return json_token("resource", key)


def json_token(text: str, key: str) -> str:
    """The same of a member of any object in JSON."""
    if not key:
        return "''"  # the path below cannot name it
    return f"JSON_QUERY({text}, {quote(f'$.{json_name(key)}')})"


def json_value(text: str, key: str) -> str:
    """The same member as text where it is a text, unescaped; of other types something or other."""
    return f"JSON_VALUE({text}, {quote(f'$.{json_name(key)}')})"


def json_name(key: str) -> str:
    """A key as a path names it."""
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def token_text(token: str) -> str:
    """The text of a resource token, '' when there is none."""
    return f"JSONExtractString({token}, 1)"


def resource_text(key: str) -> str:
    """The resource attribute as text, '' when there is none."""
    return token_text(resource_token(key))


def text(field: Field, catalog: Catalog) -> str:
    """Any field as text for grouping and display, '' when the record has none."""
    if field.kind is FieldKind.COLUMN:
        return TEXT_COLUMNS[field.name]
    if field.kind is FieldKind.RESOURCE:
        return resource_text(field.name)
    own = f"ifNull({attribute_text(field.name, catalog)}, '')"
    if field.kind is FieldKind.ATTRIBUTE:
        return own
    return f"if({own} != '', {own}, {resource_text(field.name)})"


def presence(field: Field, catalog: Catalog) -> str:
    """Whether a record has the field."""
    if field.kind is FieldKind.COLUMN:
        return PRESENCE.get(field.name, f"{field.name} != ''")
    ways: list[str] = []
    if field.kind is not FieldKind.RESOURCE:
        ways += [way.presence for way in attribute(field.name, catalog)]
    if field.kind is not FieldKind.ATTRIBUTE:
        ways.append(f"{resource_token(field.name)} != ''")
    return "(" + " OR ".join(ways) + ")" if ways else "0"


def severity_name(number: str) -> str:
    """The normalised severity of a severity number expression."""
    return f"transform(intDiv({number} + 3, 4), [0, 1, 2, 3, 4, 5, 6], [{_NAMES}], 'unset')"


def attributes_map(catalog: Catalog) -> str:
    """All attributes as one Map(String, String)."""
    maps = []
    for letter, source in ALL_MAPS.items():
        if letter not in catalog.map_types:
            continue
        value = "v" if letter in "sj" else "toString(v)"
        maps.append(f"mapApply((k, v) -> (toString(k), {value}), {source})")
    result = "CAST(map(), 'Map(String, String)')"
    if catalog.columns:
        pairs = ", ".join(
            f"({quote(c.key)}, ifNull(toString({identifier(c.name)}), ''), isNotNull({identifier(c.name)}))"
            for c in catalog.columns
        )
        kept = f"arrayFilter(p -> p.3, [{pairs}])"
        result = f"mapFromArrays(arrayMap(p -> p.1, {kept}), arrayMap(p -> p.2, {kept}))"
    for part in maps:
        result = f"mapUpdate({part}, {result})"
    return result
