"""`nexus logs search|tail|export`: records on a terminal, as they come, or in a file. Over HTTP, as any client.

Text is one line a record: time (UTC), severity, service, body; further lines of a body are indented, and what could steer a
terminal is written out. Colours are for terminals only, and not with NO_COLOR.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

from nexus.errors import InvalidRequest, NexusError
from nexus.model.time import format_time
from nexus.remote import Remote, RemoteFailed, refusal, remote, unreachable

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
_BLOCK: Final = 1 << 18
_COLOURS: Final = {"trace": "2", "debug": "2", "info": "32", "warn": "33", "error": "31", "fatal": "1;31"}
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_INDENT: Final = " " * 4

# -------------------------------------------------------------------------------------------------------------- search


def search(
    query: str,
    *,
    url: str,
    token: str,
    tenant: str,
    start: str,
    end: str,
    limit: int,
    format: str,
    order: str,
) -> int:
    """Print what is found. Raises `NexusError`."""
    place = remote(url, token, tenant)
    document = _request(query, start, end, limit=limit, order=order, format="ndjson")
    return quietly(lambda: _print_lines(_lines(place.post("logs/export", document), place), printer(format)))


def _print_lines(lines: Iterator[bytes], show: Callable[[bytes], None]) -> int:
    for line in lines:
        show(line)
    sys.stdout.flush()
    return 0


def _lines(response: http.client.HTTPResponse, place: Remote) -> Iterator[bytes]:
    """Lines of an NDJSON answer, whose last one may be an error."""
    try:
        for line in response:
            if line.startswith(b'{"error":'):
                raise refusal(503, line)
            if not line.endswith(b"\n"):
                raise RemoteFailed("the answer ended in the middle of a record.", hint="Try again.")
            yield line
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(place.url.netloc, error) from error
    finally:
        response.close()


def _request(query: str, start: str, end: str, **more: Any) -> dict[str, Any]:
    times = {name: value for name, value in (("from", start), ("to", end)) if value}
    return {"query": query, **times, **more}


def quietly(work: Callable[[], int]) -> int:
    """Run it; who reads the output may stop reading whenever he likes (`| head`)."""
    try:
        return work()
    except BrokenPipeError:
        # Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


# ---------------------------------------------------------------------------------------------------------------- text


def printer(format: str) -> Callable[[bytes], None]:
    """Prints one encoded record on standard output."""
    if format == "json":
        return lambda line: _write(line if line.endswith(b"\n") else line + b"\n")
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return lambda line: _write((render(json.loads(line), colours=colours) + "\n").encode("utf-8", "replace"))


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)


def render(record: dict[str, Any], *, colours: bool = False) -> str:
    """A record as text for people. Pure."""
    severity = str(record.get("severity", ""))
    shown = "" if severity == "unset" else severity.upper()
    level = f"{shown:5}"
    if colours and severity in _COLOURS:
        level = f"\x1b[{_COLOURS[severity]}m{level}\x1b[0m"
    service = safe(str(record.get("service", ""))).replace("\n", "\\n") or "-"
    first, *more = str(record.get("body", "")).splitlines() or [""]
    lines = [f"{_time(record)} {level} {service}  {safe(first)}", *(_INDENT + safe(line) for line in more)]
    return "\n".join(lines)


def _time(record: dict[str, Any]) -> str:
    """RFC 3339 with milliseconds: columns that line up."""
    ns = int(record.get("timestamp", 0))
    seconds = format_time(ns - ns % 1_000_000_000)
    return f"{seconds[:-1]}.{ns // 1_000_000 % 1000:03}Z"


def safe(text: str) -> str:
    """Text without characters that steer a terminal."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


# ---------------------------------------------------------------------------------------------------------------- tail


def tail(
    query: str,
    *,
    url: str,
    token: str,
    tenant: str,
    format: str,
    backlog: int,
    rate: int,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Print records as they come, for ever. Raises `NexusError` when the server refuses."""
    place = remote(url, token, tenant)
    subscription = {"type": "subscribe", "id": "tail", "topic": "logs", "query": query, "backlog": backlog, "rate": rate}
    follower = _Follower(place, subscription, printer(format), sleep)
    return quietly(follower.run)


class _Follower:
    """A subscription that is made again when its connection is lost."""

    def __init__(
        self, place: Remote, subscription: dict[str, Any], show: Callable[[bytes], None], sleep: Callable[[float], None]
    ) -> None:
        self._place = place
        self._subscription = subscription
        self._show = show
        self._sleep = sleep
        self._pause = FIRST_PAUSE
        self._lost: float | None = None

    def run(self) -> int:
        while True:
            reason = self._connection()
            if self._lost is None:
                self._lost = time.monotonic()
            _tell(f"the connection is lost ({reason}); trying again in {self._pause:g} s")
            self._sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _connection(self) -> str:
        """One connection to its end; why it ended."""
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
        from websockets.sync.client import connect

        url = self._place.url
        scheme = "wss" if url.scheme == "https" else "ws"
        try:
            with connect(
                f"{scheme}://{url.netloc}{self._place.path('live')}",
                additional_headers=self._place.headers,
                user_agent_header=None,
                compression=None,
                max_size=None,
                proxy=None,
            ) as socket:
                socket.send(json.dumps(self._subscription))
                for message in socket:
                    if reason := self._take(json.loads(message)):
                        return reason
        except InvalidStatus as error:
            if error.response.status_code in (400, 401, 403, 404):
                raise refusal(error.response.status_code, bytes(error.response.body or b"")) from None
            return f"status {error.response.status_code}"
        except (ConnectionClosed, InvalidHandshake, TimeoutError, EOFError) as error:
            return str(error) or type(error).__name__
        except BrokenPipeError:
            raise
        except OSError as error:
            return error.strerror or str(error)
        return "the server closed it"

    def _take(self, message: dict[str, Any]) -> str:
        """Handle a message; why to connect anew, if so."""
        match message["type"]:
            case "subscribed":
                if self._lost is not None:
                    seconds = time.monotonic() - self._lost
                    _tell(f"connected again; records of about {seconds:.0f} s are not shown: nexus logs search finds them")
                self._lost, self._pause = None, FIRST_PAUSE
                # What is stored already has been shown.
                self._subscription = {**self._subscription, "backlog": 0}
            case "records":
                if dropped := int(message.get("dropped", 0)):
                    _tell(f"{dropped} records were left out: they came too fast")
                for record in message.get("records", ()):
                    self._show(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
                sys.stdout.flush()
            case "error":
                error = message.get("error") or {}
                text = str(error.get("message", "the server ended the subscription."))
                if error.get("code") in ("invalid_request", "query_syntax"):
                    raise InvalidRequest(text, hint=str(error.get("hint", "")))
                return text
            case "ended":
                return "the server ended it"
        return ""


def _tell(text: str) -> None:
    print(f"nexus: {text}.", file=sys.stderr, flush=True)


# -------------------------------------------------------------------------------------------------------------- export


def export(
    query: str,
    *,
    url: str,
    token: str,
    tenant: str,
    start: str,
    end: str,
    limit: int,
    format: str,
    order: str,
    columns: str,
    output: str,
    spreadsheet: bool,
) -> int:
    """Write a file, or standard output. Raises `NexusError`; then no file is left that looks whole."""
    place = remote(url, token, tenant)
    names = [name.strip() for name in columns.split(",") if name.strip()]
    document = _request(query, start, end, limit=limit, order=order, format=format, columns=names, spreadsheet=spreadsheet)
    if output == "-":
        if format == "parquet" and sys.stdout.isatty():
            raise InvalidRequest("a Parquet file does not belong on a terminal.", hint="Name a file with --output.")
        return quietly(lambda: _copied(place, document, sys.stdout.buffer))
    target = Path(output)
    partial = target.with_name(target.name + ".part")
    try:
        with partial.open("wb") as file:
            _copied(place, document, file)
        partial.replace(target)
    except (NexusError, KeyboardInterrupt, OSError):
        partial.unlink(missing_ok=True)
        raise
    print(f"{target.stat().st_size:,} bytes in {target}", file=sys.stderr)
    return 0


def _copied(place: Remote, document: dict[str, Any], file: BinaryIO | IO[bytes]) -> int:
    response = place.post("logs/export", document)
    last = b""
    with _Progress() as progress:
        try:
            while block := response.read1(_BLOCK):
                file.write(block)
                progress.advance(len(block))
                last = (last + block)[-_BLOCK:]
            file.flush()
        except BrokenPipeError:
            raise
        except http.client.HTTPException as error:
            raise RemoteFailed("the export ended in the middle.", hint="The server's log says why; try again.") from error
        except (ConnectionError, TimeoutError) as error:
            raise unreachable(place.url.netloc, error) from error
        finally:
            response.close()
    ending = last.rstrip(b"\n").rpartition(b"\n")[2]
    if document["format"] == "ndjson" and ending.startswith(b'{"error":'):
        raise refusal(503, ending)
    return 0


class _Progress:
    """Bytes so far, on a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> _Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("exporting"),
                DownloadColumn(),
                TransferSpeedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("exporting", total=None)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, size: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, advance=size)
