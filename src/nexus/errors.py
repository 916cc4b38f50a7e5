"""Every error that Nexus raises on purpose, as one tree.

    NexusError
    ├── InvalidRequest          400  the request is wrong
    │   ├── QuerySyntaxError    400  ... at a place in the query text
    │   ├── TargetRefused       400  ... it names an address that Nexus does not ask
    │   └── KeptElsewhere       400  ... what it is about is kept by a backend, not by Nexus
    ├── Unauthenticated         401  no credentials, or wrong ones
    ├── PermissionDenied        403  known, but not allowed
    │   ├── TenantDeleted       403  ... because the tenant is being removed
    │   └── MaskedField         403  ... to ask for the values of a field
    ├── NotFound                404
    ├── Conflict                409  somebody else changed it meanwhile
    ├── PayloadTooLarge         413
    ├── UnsupportedEncoding     415
    ├── TokenReused             422  an idempotency key came back with another payload
    ├── LimitExceeded           422  a query used more than it may
    ├── QueryError              422  a query cannot be answered, which shows only while it runs
    ├── NotTallied              422  counts do not tell, records have to be read; never reaches a client
    ├── TooManyAttempts         429  wait before trying again
    │   └── RateLimited         429  a limit that somebody set on a tenant, key, user or address
    ├── Unavailable             503  not now: `retry_after` says when
    │   ├── Overloaded          503  a bounded queue is full, or the process is draining
    │   ├── DiskFull            503  writing stopped; reading goes on
    │   ├── QueryTimeout        503  a query of metrics took longer than it may
    │   ├── StorageError        503  the engine failed
    │   │   └── SealBroken      503  what was stored sealed cannot be opened
    │   └── TargetFailed        503  a server that Nexus asked did not answer as it should
    └── ConfigError                  the configuration is wrong; never reaches a client

A message is one sentence saying what was attempted and what is wrong; `hint` is the next step. Both are shown to users,
so neither holds a secret. `code` is a bounded vocabulary: it is what programs and counters look at.
"""

from __future__ import annotations

from typing import ClassVar


class NexusError(Exception):
    """Base of the tree: `code` for programs, `message` and `hint` for people, `http_status` for the wire."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Store the sentence and the next step."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The sentence and the next step, for a terminal or a log line."""
        return f"{self.message} {self.hint}" if self.hint else self.message


class InvalidRequest(NexusError):
    """The request cannot be understood or does not make sense."""

    code = "invalid_request"
    http_status = 400


class QuerySyntaxError(InvalidRequest):
    """A query text is wrong at `offset` (characters from 0), over `length` characters (at least 0)."""

    code = "query_syntax"

    def __init__(self, message: str, *, offset: int = 0, length: int = 0, hint: str = "") -> None:
        """Store the place beside the sentence."""
        super().__init__(message, hint=hint)
        self.offset = offset
        self.length = length


class TargetRefused(InvalidRequest):
    """An address that Nexus was told to ask is not one that it asks: see `nexus.outgoing.targets`."""

    code = "target_refused"


class KeptElsewhere(InvalidRequest):
    """What the request is about is a matter of the backend that keeps it."""

    code = "kept_elsewhere"


class Unauthenticated(NexusError):
    """No credentials, or none that are valid."""

    code = "unauthenticated"
    http_status = 401


class PermissionDenied(NexusError):
    """The caller is known and may not do this; `by` is who it was, where that is known."""

    code = "permission_denied"
    http_status = 403
    by: object = None


class TenantDeleted(PermissionDenied):
    """The tenant is being removed: nothing enters it any more."""

    code = "tenant_deleted"


class MaskedField(PermissionDenied):
    """A query asks for values that are masked for its asker. `offset` and `length` are the place in its text (characters);
    `length` is 0 when that is not known."""

    code = "masked_field"

    def __init__(self, message: str, *, offset: int = 0, length: int = 0, hint: str = "") -> None:
        """Store the place beside the sentence."""
        super().__init__(message, hint=hint)
        self.offset = offset
        self.length = length


class NotFound(NexusError):
    """There is no such thing, or not for this caller."""

    code = "not_found"
    http_status = 404


class Conflict(NexusError):
    """What was to be changed is not what the caller thinks it is: somebody else was faster."""

    code = "conflict"
    http_status = 409


class PayloadTooLarge(NexusError):
    """The body is larger than the limit, before or after decompression."""

    code = "payload_too_large"
    http_status = 413


class UnsupportedEncoding(NexusError):
    """The body's content encoding or type is not one that is understood here."""

    code = "unsupported_encoding"
    http_status = 415


class TokenReused(NexusError):
    """An idempotency key was used before for another payload."""

    code = "token_reused"
    http_status = 422


class LimitExceeded(NexusError):
    """A query needs more time, memory or rows than it may use; the hint says what to narrow."""

    code = "limit_exceeded"
    http_status = 422


class QueryError(NexusError):
    """A query of metrics cannot be answered, which shows only while it runs: its data do not fit what it does with them."""

    code = "query_failed"
    http_status = 422


class NotTallied(NexusError):
    """A tally cannot group by a label: whoever asked reads the records instead."""

    code = "not_tallied"
    http_status = 422


class TooManyAttempts(NexusError):
    """Tried too often; `retry_after` is in seconds."""

    code = "too_many_attempts"
    http_status = 429

    def __init__(self, message: str, *, retry_after: float = 1.0, hint: str = "") -> None:
        """Store the wait beside the sentence."""
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class RateLimited(TooManyAttempts):
    """More than a limit lets through: nothing of the request was done. `name` is the limit's, `scope` whom it limits;
    `headers` tell programs about it."""

    code = "rate_limited"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float = 1.0,
        hint: str = "",
        scope: str = "",
        name: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Store which limit it was."""
        super().__init__(message, retry_after=retry_after, hint=hint)
        self.scope = scope
        self.name = name
        self.headers = headers or {}


class Unavailable(NexusError):
    """Cannot be done now; the same request may succeed after `retry_after` seconds."""

    code = "unavailable"
    http_status = 503

    def __init__(self, message: str, *, retry_after: float = 1.0, hint: str = "") -> None:
        """Store the wait beside the sentence."""
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Overloaded(Unavailable):
    """A bounded queue is full, or the process is draining."""

    code = "overloaded"


class DiskFull(Unavailable):
    """There is no room for more data; queries go on."""

    code = "disk_full"

    def __init__(self, message: str, *, retry_after: float = 30.0, hint: str = "") -> None:
        """Ask for a longer wait than an overload does: a disk is not emptied in a second."""
        super().__init__(message, retry_after=retry_after, hint=hint)


class QueryTimeout(Unavailable):
    """A query of metrics took longer than it may."""

    code = "query_timeout"


class StorageError(Unavailable):
    """The storage engine failed to do what it was asked."""

    code = "storage_error"


class TargetFailed(Unavailable):
    """A server that Nexus asked was not there, or its answer was none."""

    code = "target_failed"


class SealBroken(StorageError):
    """A stored value was altered, or its key is lost: see `security.vault`."""

    code = "seal_broken"


class ConfigError(NexusError):
    """The configuration is wrong, or the environment does not allow to start."""

    code = "config"
