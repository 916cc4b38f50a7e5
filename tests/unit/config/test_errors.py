"""The error tree: every class has a code of its own, and what is drawn is what there is."""

from __future__ import annotations

import importlib
import pkgutil

import nexus
from nexus import errors
from nexus.errors import NexusError

for _module in pkgutil.walk_packages(nexus.__path__, "nexus."):
    if not _module.name.endswith("__main__"):
        importlib.import_module(_module.name)


def _classes(root: type[NexusError]) -> list[type[NexusError]]:
    return [root, *(below for child in root.__subclasses__() for below in _classes(child))]


def test_codes_are_unique_and_statuses_sensible() -> None:
    classes = _classes(NexusError)
    assert len({one.code for one in classes}) == len(classes)
    assert all(
        one.http_status in (400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 421, 422, 429, 500, 503) for one in classes
    )


def test_the_drawing_names_every_class() -> None:
    drawn = errors.__doc__ or ""
    for one in _classes(NexusError):
        if one.__module__ == "nexus.errors":
            assert one.__name__ in drawn


def test_message_and_hint() -> None:
    error = errors.Overloaded("the queue is full.", retry_after=3, hint="Wait.")
    assert str(error) == "the queue is full. Wait."
    assert (error.message, error.hint, error.retry_after, error.http_status) == ("the queue is full.", "Wait.", 3, 503)
    assert errors.QuerySyntaxError("no.", offset=3, length=2).offset == 3
