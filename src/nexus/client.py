"""The client behind `nexus ingest`: lines of a file or stream become batches, batches become acknowledged requests.

Every batch carries an idempotency key, so that one whose answer was lost can be sent again without being stored twice.
Text lines become records: the line is the body, a leading timestamp that names its year is the time, a severity word
near the start is the severity. Lines without a time take the one of the line before, a nanosecond later.
"""

from __future__ import annotations

import http.client
import json
import re
import secrets
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from nexus.errors import InvalidRequest, NexusError, Unauthenticated
from nexus.model.time import parse_time

MAX_LINE_BYTES: Final = 32 << 20
ATTEMPTS: Final = 12
LONGEST_PAUSE: Final = 30.0
TIMEOUT: Final = 120.0


class IngestFailed(NexusError):
    """The server does not take the records."""

    code = "ingest_failed"


# ------------------------------------------------------------------------------------------------------------ records


def looks_like_json(line: bytes) -> bool:
    """Is this line a JSON object?"""
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


_LEADING_TIME: Final = re.compile(
    r"[\[(<]?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)(?![\d:])"
)
_APACHE_TIME: Final = re.compile(r"\[\w{3} (\w{3}) (\d\d?) (\d\d:\d\d:\d\d)(\.\d{1,9})? (\d{4})\]")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)
}
_SEVERITY: Final = re.compile(
    r"(?<![\w.-])(?:(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)"
    r"|[\[<](trace|debug|info|notice|warn|warning|error|crit|critical|fatal)[\]>])(?![\w.-])"
)
_SEVERITY_WITHIN: Final = 120


def leading_time(line: str) -> int | None:
    """Nanoseconds of a timestamp at the start of the line that names its year; without a zone it is UTC."""
    if match := _LEADING_TIME.match(line):
        text = match[1]
    elif (match := _APACHE_TIME.match(line)) and match[1] in _MONTHS:
        text = f"{match[5]}-{_MONTHS[match[1]]:02d}-{int(match[2]):02d}T{match[3]}{match[4] or ''}"
    else:
        return None
    try:
        return parse_time(text, now_ns=0)
    except InvalidRequest:
        return None


def severity_word(line: str) -> str:
    """A severity in capitals or brackets near the start of the line, or nothing."""
    match = _SEVERITY.search(line, 0, _SEVERITY_WITHIN)
    return (match[1] or match[2]).lower() if match else ""


class TextRecords:
    """Turns text lines into JSON records, in order."""

    def __init__(self, service: str, now_ns: int) -> None:
        """`now_ns` is the time of lines that carry none and follow none that does."""
        self._service = service
        self._last = now_ns

    def __call__(self, line: bytes) -> bytes:
        """The record of one line, encoded."""
        text = line.rstrip(b"\r\n").decode("utf-8", "replace")
        found = leading_time(text)
        self._last = found if found is not None else self._last + 1
        record = {"_time": str(self._last), "_msg": text, "service": self._service}
        if severity := severity_word(text):
            record["level"] = severity
        return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"


# ------------------------------------------------------------------------------------------------------------ batches


@dataclass(slots=True)
class Batch:
    """Lines to send together: `first_line` is the number in the input of the first one, from 1."""

    first_line: int
    lines: list[int] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    read: int = 0

    def add(self, number: int, record: bytes, read: int) -> None:
        """Add a line's record; `read` is what it took up in the input."""
        self.lines.append(number)
        self.body += record
        self.read += read


def batches(
    lines: Iterable[bytes | None], convert: Callable[[bytes], bytes] | None, batch_bytes: int, max_age: float
) -> Iterator[Batch]:
    """Group lines into batches of about `batch_bytes`. None among the lines means that none is there at the moment: a
    batch older than `max_age` seconds then goes out. Blank lines are left out."""
    batch = Batch(1)
    began = time.monotonic()
    for number, line in _numbered(lines):
        if line is not None and line.strip():
            if not batch.lines:
                batch, began = Batch(number), time.monotonic()
            record = convert(line) if convert else line if line.endswith(b"\n") else line + b"\n"
            batch.add(number, record, len(line))
        if batch.lines and (len(batch.body) >= batch_bytes or time.monotonic() - began >= max_age):
            yield batch
            batch = Batch(number + 1)
    if batch.lines:
        yield batch


def _numbered(lines: Iterable[bytes | None]) -> Iterator[tuple[int, bytes | None]]:
    number = 0
    for line in lines:
        number += line is not None
        yield number, line


# ------------------------------------------------------------------------------------------------------------- sender


@dataclass(slots=True)
class Result:
    """What the server said to a batch; line numbers are those of the input."""

    accepted: int
    rejected: int
    errors: list[tuple[int, str]]


class Poster:
    """Posts bodies over one connection, again when that may help."""

    def __init__(
        self,
        url: str,
        path: str,
        content_type: str,
        token: str = "",
        tenant: str = "",
        on_wait: Callable[[str, float], None] = lambda reason, seconds: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`on_wait` hears why and how long it waits. Raises `InvalidRequest` for a URL that is none."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidRequest(f"{url!r} is not an address of Nexus.", hint="Write it like http://127.0.0.1:8080.")
        self._parts = parts
        self._path = parts.path.rstrip("/") + path
        self._headers = {"Content-Type": content_type, "User-Agent": "nexus-ingest"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        if tenant:
            self._headers["X-Scope-OrgID"] = tenant
        self._on_wait = on_wait
        self._sleep = sleep
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, Any, bytes]:
        """Status, headers and body of the answer that is none for now. Raises `IngestFailed`."""
        pause = 0.25
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status, answered, answer = self._request(body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                reason, wait = f"{self._parts.netloc} cannot be reached: {error or type(error).__name__}", pause
            else:
                if status not in (429, 502, 503, 504):
                    return status, answered, answer
                reason, wait = refusal_message(answer, status), _retry_after(answered, pause)
            if attempt == ATTEMPTS:
                raise IngestFailed(
                    f"gave up after {ATTEMPTS} attempts: {reason}", hint="Check that `nexus up` runs and its log."
                )
            self._on_wait(reason, wait)
            self._sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _request(self, body: bytes, headers: dict[str, str]) -> tuple[int, Any, bytes]:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            self._connection = kind(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT)
        self._connection.request("POST", self._path, body, {**self._headers, **headers})
        response = self._connection.getresponse()
        return response.status, response.headers, response.read()


class Sender:
    """Sends batches of log records."""

    def __init__(
        self,
        url: str,
        token: str,
        tenant: str = "",
        stream_fields: str = "",
        on_wait: Callable[[str, float], None] = lambda reason, seconds: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Arguments as those of `Poster`."""
        query = {"_stream_fields": stream_fields} if stream_fields else {}
        path = "/api/nexus/v1/ingest/logs"
        if query:
            path += "?" + urllib.parse.urlencode(query)
        self._poster = Poster(url, path, "application/x-ndjson", token, tenant, on_wait, sleep)
        self._run = secrets.token_hex(8)

    def send(self, batch: Batch) -> Result:
        """Send until it is acknowledged. Raises `IngestFailed`, `Unauthenticated`."""
        status, _, body = self._poster.post(bytes(batch.body), {"Idempotency-Key": f"{self._run}-{batch.first_line}"})
        return self._result(status, body, batch)

    def close(self) -> None:
        """Close the connection."""
        self._poster.close()

    def _result(self, status: int, body: bytes, batch: Batch) -> Result:
        if status in (401, 403):
            raise Unauthenticated(
                f"the server refused: {refusal_message(body, status)}",
                hint="Give an API key with --token or NEXUS_TOKEN; it needs the permission logs:write.",
            )
        try:
            answer = json.loads(body)
            errors = [(batch.lines[error["line"] - 1], error["message"]) for error in answer["errors"]]
            return Result(answer["accepted"], answer["rejected"], errors)
        except (ValueError, KeyError, TypeError, IndexError):
            raise IngestFailed(
                f"the server refused lines {batch.lines[0]} to {batch.lines[-1]}: {refusal_message(body, status)}"
            ) from None


def refusal_message(body: bytes, status: int) -> str:
    """What an answer in the native API's shape says."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {status}."


def _retry_after(headers: Any, otherwise: float) -> float:
    text = headers.get("Retry-After", "")
    return min(float(text), LONGEST_PAUSE) if text.isdigit() else otherwise
