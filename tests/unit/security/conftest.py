"""What tests of logging in share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.security.people import People


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Alice, and everything that logging in takes."""
    made = People(tmp_path)
    yield made
    made.metadata.close()
