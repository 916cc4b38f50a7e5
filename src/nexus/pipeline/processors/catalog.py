"""Every processor with its options, for people: the source of `GET pipelines/processors` and of the reference page.

The work is done in `crates/nexus-core/src/process`, one file a processor, which checks the options; here is what they mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

OptionType = Literal["string", "integer", "number", "boolean", "duration", "list", "map", "query", "choice"]


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a processor; a `choice` is one of `choices`."""

    name: str
    type: OptionType
    description: str
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor that steps may name. `example` is a whole step."""

    type: str
    title: str
    description: str
    options: tuple[Option, ...]
    example: dict[str, Any] = field(default_factory=dict)


_ON_FAILURE: Final = Option(
    "on_failure",
    "choice",
    "What becomes of a record that the step cannot do its work on: it passes unchanged, it is dropped, or it "
    "passes with the "
    "attribute `nexus.pipeline_error`. It is counted in any case.",
    "keep",
    choices=("keep", "drop", "tag"),
)
_REMOVE_SOURCE: Final = Option("remove_source", "boolean", "Remove the field once it was read.", False)
_OVERWRITE: Final = Option("overwrite", "boolean", "Replace values that are there already.", True)


def _extract(*own: Option) -> tuple[Option, ...]:
    return (
        Option("field", "string", "The field that holds the text.", "body"),
        *own,
        Option("prefix", "string", "Goes before the names of the attributes that are found.", ""),
        _OVERWRITE,
        _REMOVE_SOURCE,
        _ON_FAILURE,
    )


_CONVERT: Final = Option("convert", "boolean", "Numbers and booleans become such, instead of texts.", True)

PROCESSORS: Final[tuple[Processor, ...]] = (
    Processor(
        "parse_json",
        "Parse JSON",
        "Reads a JSON object. Its members become attributes with their types; nested objects are flattened "
        "with dots, arrays "
        "stay JSON, nulls are left out.",
        _extract(),
        {"type": "parse_json", "options": {"prefix": "app.", "remove_source": False}},
    ),
    Processor(
        "parse_logfmt",
        "Parse logfmt",
        'Reads `key=value key="quoted value" flag`. A word without a value is true.',
        _extract(_CONVERT),
        {"type": "parse_logfmt", "when": "service:api"},
    ),
    Processor(
        "parse_key_value",
        "Parse keys and values",
        "Reads pairs with separators of your own.",
        _extract(
            Option("pair_separator", "string", "What is between two pairs.", " "),
            Option("key_value_separator", "string", "What is between key and value.", "="),
            Option("trim", "string", "Characters to take off both ends of keys and values.", "\"'"),
            _CONVERT,
        ),
        {"type": "parse_key_value", "options": {"pair_separator": ";", "key_value_separator": ":"}},
    ),
    Processor(
        "parse_regex",
        "Parse by regular expression",
        "Matches the text; each named group becomes the field of its name: `(?P<status>\\d+)` an attribute, "
        "`(?P<body>.*)` the "
        "message, `(?P<resource.zone>\\S+)` a resource attribute. There is no look-around and no back-reference, so that no "
        "expression takes longer than the text is long.",
        _extract(
            Option("pattern", "string", "The expression (RE2 syntax), with named groups.", required=True),
            Option("types", "map", "Types of groups: int, float, bool or text."),
        ),
        {
            "type": "parse_regex",
            "options": {"pattern": r"^(?P<severity>\w+) took (?P<duration>\d+) ms", "types": {"duration": "int"}},
        },
    ),
    Processor(
        "parse_grok",
        "Parse by grok",
        "Matches the text with named patterns: `%{IP:client.address} %{NUMBER:bytes:int}`. Names of fields "
        "mean what they mean "
        "in Parse by regular expression.",
        _extract(
            Option("patterns", "list", "Patterns; the first that matches counts.", required=True),
            Option("definitions", "map", "Patterns of your own by name; they go before the built-in ones."),
        ),
        {"type": "parse_grok", "options": {"patterns": ["%{COMBINEDAPACHELOG}"]}},
    ),
    Processor(
        "parse_timestamp",
        "Parse the time",
        "Reads the time of the record from a field.",
        (
            Option("field", "string", "The field that holds the time.", required=True),
            Option(
                "formats",
                "list",
                "Formats to try in order: `auto` (RFC 3339, or a number since 1970 by magnitude), `unix`, "
                "`unix_ms`, `unix_us`, "
                "`unix_ns`, or parts such as `%d/%b/%Y:%H:%M:%S %z` (%Y %y %m %b %d %H %I %p %M %S %f %z %Z %a %s %F %T). "
                "Without a year it is the last such day.",
                ["auto"],
            ),
            Option("timezone", "string", "Offset of times without one, such as +02:00.", "+00:00"),
            Option(
                "target", "choice", "Which time is set.", "timestamp", choices=("timestamp", "observed_timestamp")
            ),
            _REMOVE_SOURCE,
            _ON_FAILURE,
        ),
        {"type": "parse_timestamp", "options": {"field": "ts", "formats": ["%Y-%m-%d %H:%M:%S,%f"], "remove_source": True}},
    ),
    Processor(
        "parse_severity",
        "Parse the severity",
        "Reads the severity of the record from a field: the usual names, OpenTelemetry's numbers, or words of your own.",
        (
            Option("field", "string", "The field that holds the severity.", required=True),
            Option("words", "map", "Words of your own, with the severity that each means."),
            Option("numbers", "choice", "What numbers mean.", "otel", choices=("otel", "syslog", "pino")),
            _REMOVE_SOURCE,
            _ON_FAILURE,
        ),
        {"type": "parse_severity", "options": {"field": "lvl", "words": {"ACHTUNG": "warn"}, "remove_source": True}},
    ),
    Processor(
        "multiline",
        "Join lines",
        "Joins records that belong together, such as the lines of a stack trace: records of one stream (resource, scope, "
        "`keys`) that follow one another within one delivery. It never waits for the next delivery, because an "
        "acknowledgement "
        "means that the records are stored: senders should not cut within a record.",
        (
            Option("start", "string", "Expression of lines that begin a record; give this one or `continue`."),
            Option("continue", "string", "Expression of lines that belong to the one before."),
            Option("keys", "list", "Fields that tell streams apart, besides the resource."),
            Option("max_lines", "integer", "Lines of one record.", 500),
            Option("max_bytes", "integer", "Bytes of one record.", 1 << 20),
            Option("separator", "string", "Goes between the lines.", "\n"),
            _ON_FAILURE,
        ),
        {"type": "multiline", "options": {"start": r"^\d{4}-\d\d-\d\d"}},
    ),
    Processor(
        "rename",
        "Rename fields",
        "Gives fields other names. A value that does not fit its new place stays.",
        (Option("fields", "map", "Old names to new ones.", required=True), _OVERWRITE, _ON_FAILURE),
        {"type": "rename", "options": {"fields": {"msg": "body", "usr": "user.name"}}},
    ),
    Processor(
        "set",
        "Set fields",
        "Gives fields values: numbers, booleans, or texts in which `${field}` stands for another field; alone it copies the "
        "value with its type. Fields are read before any is written.",
        (Option("fields", "map", "Fields and their values.", required=True), _OVERWRITE, _ON_FAILURE),
        {"type": "set", "options": {"fields": {"deployment.environment.name": "prod", "route": "${method} ${path}"}}},
    ),
    Processor(
        "drop",
        "Drop records or fields",
        "Drops the records that reach it (restrict it with `when` or `query`); with `fields`, those fields of them.",
        (
            Option("query", "query", "Which records."),
            Option("fields", "list", "Fields to drop instead of whole records."),
            _ON_FAILURE,
        ),
        {"type": "drop", "options": {"query": "severity:debug"}},
    ),
    Processor(
        "keep",
        "Keep records or attributes",
        "Keeps the records that match and drops the others; with `attributes`, drops all attributes but those.",
        (
            Option("query", "query", "Which records stay."),
            Option("attributes", "list", "Attributes that stay; `http.*` keeps all that begin so."),
            _ON_FAILURE,
        ),
        {"type": "keep", "options": {"attributes": ["http.*", "user.id"]}},
    ),
    Processor(
        "route",
        "Route",
        "Sends records to another tenant, where they are stored as they are and leave this pipeline; or marks them with a "
        "retention class in the attribute `nexus.retention`, which retention rules can select.",
        (
            Option("tenant", "string", "A tenant that `pipelines.route_tenants` of the configuration allows."),
            Option("retention", "string", "Value of the attribute `nexus.retention`."),
            _ON_FAILURE,
        ),
        {"type": "route", "when": "audit", "options": {"retention": "audit"}},
    ),
    Processor(
        "sample",
        "Sample",
        "Keeps a share of the records. By a field, all records with one value stay or go together, on every server alike; "
        "records without it are chosen at random.",
        (
            Option("ratio", "number", "The share that stays, 0 to 1.", required=True),
            Option("field", "string", "Decides by the value of this field; empty for pure chance.", "trace_id"),
            _ON_FAILURE,
        ),
        {"type": "sample", "when": "severity:info", "options": {"ratio": 0.1}},
    ),
    Processor(
        "throttle",
        "Throttle",
        "Lets so many records a second through, for each value of its keys.",
        (
            Option("rate", "number", "Records a second.", required=True),
            Option("burst", "number", "Records at once after a quiet spell; `rate` unless given."),
            Option("keys", "list", "Fields; each combination of their values has a rate of its own."),
            Option("max_keys", "integer", "Combinations remembered; those beyond share one rate.", 10_000),
            _ON_FAILURE,
        ),
        {"type": "throttle", "options": {"rate": 100, "burst": 1000, "keys": ["service", "template_id"]}},
    ),
    Processor(
        "dedupe",
        "Remove duplicates",
        "Lets the first of equal records through and drops those that follow within a time; the next one after "
        "that says how "
        "many there were. A record counts as seen once it is stored, so a delivery that failed loses nothing when it comes "
        "again.",
        (
            Option("keys", "list", "Fields in which records are equal.", ["service", "severity", "body"]),
            Option("window", "duration", "The time, from the first one on.", "60s"),
            Option("max_keys", "integer", "Different records remembered; those beyond pass.", 10_000),
            Option("count_attribute", "string", "Attribute with their number; empty for none.", "dedupe.count"),
            _ON_FAILURE,
        ),
        {"type": "dedupe", "options": {"keys": ["service", "template_id"], "window": "5m"}},
    ),
    Processor(
        "redact",
        "Redact",
        "Replaces what must not be stored: card numbers (with their check digit), e-mail addresses, JSON Web "
        "Tokens, API keys "
        "that can be known by their form, values that are called secret (`password=...`, `Authorization: "
        "Bearer ...`, attributes "
        "of such a name), and patterns of your own. It looks at the message, the event name, attributes, "
        "values within JSON and "
        "the resource, but not at names of attributes.",
        (
            Option("fields", "list", "Only these fields; everything unless given."),
            Option(
                "detect",
                "list",
                "What to look for.",
                ["card", "email", "jwt", "api_key", "secret"],
                choices=("card", "email", "jwt", "api_key", "secret"),
            ),
            Option("patterns", "map", "Names and expressions of your own."),
            Option("replacement", "string", "What is put there, 128 bytes at most; {name} is what was found.", "[{name}]"),
            _ON_FAILURE,
        ),
        {"type": "redact", "options": {"detect": ["card", "email"], "patterns": {"order": r"\bORD-\d{6}\b"}}},
    ),
    Processor(
        "derive_metrics",
        "Derive metrics",
        "Counts records, or values in them, as they are stored. The records pass unchanged. The metric appears as "
        "`nexus_derived_<name>` among the tenant's metrics, every 15 seconds, and with the label `tenant` at /metrics.",
        (
            Option("name", "string", "Name of the metric: letters, digits and _.", required=True),
            Option(
                "kind", "choice", "What it is.", "counter", choices=("counter", "gauge", "histogram")
            ),
            Option("field", "string", "Field with the value; a counter without one counts records."),
            Option("labels", "map", "Labels, each with the field that gives its value."),
            Option("buckets", "list", "Upper bounds of a histogram's buckets, ascending.",
                   [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]),
            Option("max_series", "integer", "Combinations of label values; others count as `other`. At most 1000.", 100),
            Option("description", "string", "What it means.", "Derived from log records."),
            _ON_FAILURE,
        ),
        {
            "type": "derive_metrics",
            "options": {"name": "checkout_seconds", "kind": "histogram", "field": "took", "labels": {"status": "status"}},
        },
    ),
)  # fmt: skip

BY_TYPE: Final = {processor.type: processor for processor in PROCESSORS}


def options_of(kind: str, types: Iterable[str]) -> list[str]:
    """Names of a processor's options that have one of these types; none for a processor that there is not."""
    found = BY_TYPE.get(kind)
    return [option.name for option in found.options if option.type in types] if found else []
