"""`nexus.runtime.json` in the data directory: where the running process listens; removed at its stop."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any, Final

FILE: Final = "nexus.runtime.json"


def write(data_dir: Path, facts: dict[str, Any]) -> None:
    """Write the facts (`url`, ports) with this process' pid, whole or not at all."""
    path = data_dir / FILE
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({"pid": os.getpid(), **facts}, indent=2) + "\n")
    temporary.chmod(0o600)
    temporary.replace(path)


def read(data_dir: Path) -> dict[str, Any] | None:
    """The facts, or None when no process of that pid runs."""
    try:
        facts: dict[str, Any] = json.loads((data_dir / FILE).read_text())
        os.kill(int(facts["pid"]), 0)
    except PermissionError:
        return facts
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return facts


def remove(data_dir: Path) -> None:
    """Remove it, when it is this process' own; no error when it is gone."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads((data_dir / FILE).read_text())["pid"] == os.getpid():
            (data_dir / FILE).unlink()
