"""Fields as keys of a GROUP BY, and the texts of such keys. Pure text."""

from __future__ import annotations

from typing import Final

from nexus.query.plan import Field, FieldKind
from nexus.storage.clickhouse import fields
from nexus.storage.clickhouse.catalog import Catalog

SEVERITY: Final = Field(FieldKind.COLUMN, "severity")


def group_key(field: Field, catalog: Catalog) -> str:
    """What to group by: as close to the stored column as possible."""
    if field == SEVERITY:
        return "severity_number"
    if field.kind is FieldKind.COLUMN:
        return field.name
    if field.kind is FieldKind.RESOURCE:
        return fields.resource_token(field.name)
    if field.kind is FieldKind.ATTRIBUTE:
        ways = fields.attribute(field.name, catalog)
        if len(ways) == 1 and catalog.column(field.name, ways[0].type) is not None:
            return ways[0].value
        return fields.attribute_text(field.name, catalog)
    return fields.text(field, catalog)


def shown_text(field: Field, name: str) -> str:
    """The text of a group key called `name`."""
    if field == SEVERITY:
        return fields.severity_name(name)
    if field.kind is FieldKind.RESOURCE:
        return fields.token_text(name)
    if field.kind is FieldKind.COLUMN and field.name in ("trace_id", "span_id", "template_id"):
        return fields.TEXT_COLUMNS[field.name].replace(field.name, name)
    return name
