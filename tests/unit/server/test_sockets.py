"""Live sockets are bounded by tenant."""

from __future__ import annotations

import contextlib

import pytest

from nexus.errors import Overloaded
from nexus.server.sockets import MAX_SOCKETS, Sockets


def test_a_tenant_has_so_many_sockets() -> None:
    sockets = Sockets()
    with contextlib.ExitStack() as open_ones:
        for _ in range(MAX_SOCKETS):
            open_ones.enter_context(sockets.entered("t"))
        with pytest.raises(Overloaded), sockets.entered("t"):
            pass
        with sockets.entered("other"):
            assert len(sockets) == MAX_SOCKETS + 1
    assert len(sockets) == 0
    with sockets.entered("t"):
        assert len(sockets) == 1
