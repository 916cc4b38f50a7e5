"""What the engine's errors mean: its codes, and their translation into `nexus.errors`."""

from __future__ import annotations

import re
from typing import Final

from nexus.errors import InvalidRequest, LimitExceeded, NexusError, Overloaded, StorageError

_PATTERN: Final = re.compile(r"Code: (\d+)\. DB::(?:\w+)?Exception: (.*?)(?: \((\w+)\))?(?: \(version [^)]*\))?\s*$", re.S)
_PREFIX: Final = re.compile(r"^(?:Code: \d+\. )?DB::(?:\w+)?Exception: ")

CANNOT_PARSE_TEXT: Final = 6
BAD_ARGUMENTS: Final = 36
TOO_MANY_ROWS: Final = 158
TIMEOUT_EXCEEDED: Final = 159
READONLY: Final = 164
MEMORY_LIMIT_EXCEEDED: Final = 241
NOT_ENOUGH_SPACE: Final = 243
TOO_MANY_PARTS: Final = 252
TOO_MANY_BYTES: Final = 307
QUERY_WAS_CANCELLED: Final = 394
RESULT_TOO_LARGE: Final = 396
CANNOT_COMPILE_REGEXP: Final = 427

_NO_SPACE_TEXT: Final = "No space left on device"
# Codes that say that the engine, not the statement, is at fault.
_ENGINE_CODES: Final = frozenset({1, 3, 6, 33, 40, 49, 74, 75, 76, 107, 117, 210, 226, 228, 233, 243, 271, 481, 999, 1001})


class EngineError(Exception):
    """An error of the engine: its numeric `code`, symbolic `name` and text without decoration."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} ({self.name or 'code'} {self.code})"

    @property
    def no_space(self) -> bool:
        """The disk is full."""
        return self.code == NOT_ENOUGH_SPACE or _NO_SPACE_TEXT in self.message

    @property
    def busy(self) -> bool:
        """Trying later may help: too many parts, or no memory left in the whole engine."""
        return self.code in (TOO_MANY_PARTS, MEMORY_LIMIT_EXCEEDED)

    @property
    def cancelled(self) -> bool:
        """The query was killed."""
        return self.code == QUERY_WAS_CANCELLED


def parse_engine_error(text: str) -> EngineError:
    """Take the engine's text apart; a text of another shape keeps code 0."""
    match = _PATTERN.search(text)
    if match is None:
        return EngineError(0, "", text.strip() or "the engine failed without a message")
    message = match[2].strip()
    while found := _PREFIX.match(message):
        message = message[found.end() :]
    return EngineError(int(match[1]), match[3] or "", message)


_SCOPE: Final = re.compile(r"[\s.:,]+In (?:query )?scope\b", re.I)
_SIZES: Final = re.compile(r"would use ([\d.]+ \w+).*?maximum: ([\d.]+ \w+)", re.S)
_ELAPSED: Final = re.compile(r"elapsed ([\d.]+) (m?s\w*)", re.S)
_RESULT: Final = re.compile(r"max (rows|bytes): ([^,]+), current \w+: (.+?)\.?$", re.S)
_READ: Final = re.compile(r"max (?:rows|bytes): ([^,]+), current (?:rows|bytes): ([^:]+?)\.?(?:: .*)?$", re.S)
_NARROW: Final = "Narrow the time range, add a filter on service or severity, or ask for fewer rows."


def query_error(error: EngineError, *, seconds: float, user_sql: bool, restricted: bool = False) -> NexusError:
    """What a failed query tells its caller. `seconds` is the time limit; `user_sql`: the caller wrote the statement;
    `restricted`: the caller does not see every record, so how many were read is not told."""
    if error.code == TIMEOUT_EXCEEDED:
        found = _ELAPSED.search(error.message)
        after = f" (stopped after {found[1]} {found[2]})" if found else ""
        return LimitExceeded(f"the query needs more than its {seconds:g} seconds{after}.", hint=_NARROW)
    if error.code == MEMORY_LIMIT_EXCEEDED:
        found = _SIZES.search(error.message)
        size = f": it would need {found[1]}, the limit is {found[2]}" if found else ""
        if "(total)" in error.message or "Query memory limit" not in error.message:
            return Overloaded(f"the engine has no memory left for this query{size}.", retry_after=2.0, hint=_NARROW)
        hint = "Narrow the time range, group by a field with fewer values, or select fewer columns."
        return LimitExceeded(f"the query needs more memory than it may use{size}.", hint=hint)
    if error.code == RESULT_TOO_LARGE:
        found = _RESULT.search(error.message)
        size = f": {found[3]} {found[1]} so far, the limit is {found[2]}" if found else ""
        return LimitExceeded(f"the result is larger than it may be{size}.", hint="Add a LIMIT, or aggregate.")
    if error.code in (TOO_MANY_ROWS, TOO_MANY_BYTES):
        found = None if restricted else _READ.search(error.message)
        what = " records" if error.code == TOO_MANY_ROWS else ""
        size = f": {_plain(found[2])}{what} so far, the limit is {_plain(found[1])}" if found else ""
        return LimitExceeded(f"the query reads more than it may{size}.", hint=_NARROW)
    if error.cancelled:
        return LimitExceeded("the query was cancelled.", hint="Run it again when that was not intended.")
    own = error.code not in _ENGINE_CODES or error.code == CANNOT_PARSE_TEXT
    if error.code and own and (user_sql or error.code == CANNOT_COMPILE_REGEXP):
        return InvalidRequest(_sentence(error.message))
    return StorageError(f"the query failed: {_sentence(error.message)}", hint="The server's log has the details.")


def _plain(number: str) -> str:
    return number.removesuffix(".00")


def _sentence(text: str) -> str:
    # The scope is the statement as it runs, with the tenant, the row policy and the masks in it.
    text = _SCOPE.split(text, maxsplit=1)[0].split(": while executing")[0].strip().rstrip(".:")
    return f"{text[:500]}."
