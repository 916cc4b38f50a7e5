"""Commands for a running Nexus about logs and pipelines, as the parser of the command line knows them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from nexus.options import Tenant, Token, Url

_Order = Literal["desc", "asc"]


def ingest(
    source: str = "-",
    /,
    *,
    url: Url = "",
    token: Token = "",
    tenant: Tenant = "",
    format: Literal["auto", "json", "text", "openmetrics", "tsdb"] = "auto",
    service: str = "",
    stream_fields: str = "",
    batch_bytes: str = "4MiB",
) -> int:
    """Send logs or metrics, from a file or standard input, to a running Nexus.

    Parameters
    ----------
    source
        A file; - or nothing is standard input. For tsdb the directory of a Prometheus database, or one of its blocks.
    format
        json: one JSON object a line. text: every line is a record. openmetrics: samples, with their times. tsdb: blocks of
        a Prometheus database. auto: blocks for a directory that has some, openmetrics for names that end in .om,
        .openmetrics or .prom, else whatever the first line looks like.
    service
        Service of text lines; without it the name of the file.
    stream_fields
        Fields of JSON lines that become resource attributes, comma-separated.
    batch_bytes
        Size of a request.
    """
    from nexus import ingest as command

    return command.run(
        source,
        url=url,
        token=token,
        tenant=tenant,
        style=format,
        service=service,
        stream_fields=stream_fields,
        batch_bytes=batch_bytes,
    )


def search(
    query: str = "",
    /,
    *,
    from_: str = "now-1h",
    to: str = "",
    limit: int = 100,
    order: _Order = "desc",
    format: Literal["text", "json"] = "text",
    url: Url = "",
    token: Token = "",
    tenant: Tenant = "",
) -> int:
    """Print the records that match.

    Parameters
    ----------
    query
        Search language; nothing matches everything.
    from_
        Start of the range: an epoch number, RFC 3339, or a relative form such as now-15m; 0 is the beginning.
    to
        End of the range; without it there is none.
    limit
        The most records.
    order
        desc: newest first. asc: oldest first.
    format
        text: time, severity, service, body. json: whole records, one a line.
    """
    from nexus import logs_command as command

    return command.search(
        query, url=url, token=token, tenant=tenant, start=from_, end=to, limit=limit, format=format, order=order
    )


def tail(
    query: str = "",
    /,
    *,
    backlog: int = 10,
    rate: int = 2000,
    format: Literal["text", "json"] = "text",
    url: Url = "",
    token: Token = "",
    tenant: Tenant = "",
) -> int:
    """Print records that match as they come, until it is interrupted.

    Parameters
    ----------
    query
        Search language; nothing matches everything.
    backlog
        How many stored records come first.
    rate
        The most records a second; what goes beyond is left out and counted.
    format
        text: time, severity, service, body. json: whole records, one a line.
    """
    from nexus import logs_command as command

    return command.tail(query, url=url, token=token, tenant=tenant, format=format, backlog=backlog, rate=rate)


def export(
    query: str = "",
    /,
    *,
    output: str = "-",
    format: Literal["ndjson", "csv", "parquet"] = "ndjson",
    columns: str = "",
    from_: str = "now-1h",
    to: str = "",
    limit: int = 1_000_000,
    order: _Order = "desc",
    spreadsheet: bool = False,
    url: Url = "",
    token: Token = "",
    tenant: Tenant = "",
) -> int:
    """Write the records that match to a file.

    Parameters
    ----------
    query
        Search language; nothing matches everything.
    output
        A file, which is there when all of it is; - is standard output.
    format
        ndjson, csv or parquet.
    columns
        Names, comma-separated; attributes.key and resource.key are columns, too. Nothing is all of them.
    from_
        Start of the range: an epoch number, RFC 3339, or a relative form such as now-15m; 0 is the beginning.
    to
        End of the range; without it there is none.
    limit
        The most records.
    order
        desc: newest first. asc: oldest first.
    spreadsheet
        Put an apostrophe before CSV values that a spreadsheet would run as a formula.
    """
    from nexus import logs_command as command

    return command.export(
        query,
        url=url,
        token=token,
        tenant=tenant,
        start=from_,
        end=to,
        limit=limit,
        format=format,
        order=order,
        columns=columns,
        output=output,
        spreadsheet=spreadsheet,
    )


def push(file: Path, /, *, url: Url = "", token: Token = "", tenant: Tenant = "") -> int:
    """Make the pipelines of a file those of a tenant.

    Parameters
    ----------
    file
        YAML file.
    """
    from nexus import pipeline_command

    return pipeline_command.push(file, url=url, token=token, tenant=tenant)


def pull(*, url: Url = "", token: Token = "", tenant: Tenant = "") -> int:
    """Print the pipelines of a tenant as a file."""
    from nexus import pipeline_command

    return pipeline_command.pull(url=url, token=token, tenant=tenant)
