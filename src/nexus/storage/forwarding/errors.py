"""What can be wrong with a backend."""

from __future__ import annotations

from nexus.errors import InvalidRequest, StorageError


class Away(StorageError):
    """The backend cannot be reached, or says that it will be able to later."""

    code = "backend_away"


class Refused(InvalidRequest):
    """The backend does not take a body, and never will."""

    code = "backend_refused"
