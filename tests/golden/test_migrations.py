"""The schema as the embedded engine and as a cluster get it. Cluster: rendered, not run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nexus.storage.clickhouse.migrate import EMBEDDED, Rendering, migrations, plan


@pytest.mark.parametrize(("name", "rendering"), [("embedded", EMBEDDED), ("cluster", Rendering(cluster="nexus"))])
def test_rendering(golden: Callable[[str, str], None], name: str, rendering: Rendering) -> None:
    """All statements from an empty store on."""
    golden(f"migrations/{name}.sql", "".join(f"{statement};\n\n" for statement in plan(migrations(), rendering)))
