"""A copy of the engine's table definitions outside the engine, and what it is good for.

A power cut can leave a definition (`engine/store/.../logs.sql`) empty or cut off. The engine then refuses to start, and
when the file is missing it starts without the table although the data is there. So the definitions are copied to
`schema.json` after every change; before a start each is compared by its shape, and a damaged or missing one is moved to
`quarantine/` and written anew from the copy. Data is never touched.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Final

from nexus.storage.clickhouse.datadir import write_synced

log = logging.getLogger(__name__)

MANIFEST: Final = "schema.json"
_PATTERNS: Final = ("metadata/*.sql", "store/*/*/*.sql")


def read_definitions(engine: Path) -> dict[str, str]:
    """Definition texts by path relative to the engine's directory."""
    found = (path for pattern in _PATTERNS for path in engine.glob(pattern))
    return {str(path.relative_to(engine)): path.read_text(errors="replace") for path in sorted(found)}


def save(data_dir: Path) -> None:
    """Copy the definitions to the manifest, durably. Called after each change, before data relies on it."""
    definitions = read_definitions(data_dir / "engine")
    damaged = [name for name, text in definitions.items() if not is_whole(text)]
    if damaged:
        raise ValueError(f"the definition {damaged[0]} is damaged")
    write_synced(data_dir / MANIFEST, json.dumps(definitions, indent=1).encode())


def load(data_dir: Path) -> dict[str, str]:
    """The saved definitions; empty when there are none."""
    try:
        content = json.loads((data_dir / MANIFEST).read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        log.error("the copy of the table definitions, %s, is not readable and is ignored", data_dir / MANIFEST)
        return {}
    return {str(name): str(text) for name, text in content.items()}


def is_whole(text: str) -> bool:
    """Whether a definition has a beginning, an end, and every bracket and quote closed."""
    if not text.startswith("ATTACH ") or not text.endswith("\n") or "\0" in text:
        return False
    depth, quoted, position = 0, "", 0
    while position < len(text):
        character = text[position]
        if quoted:
            if character == "\\":
                position += 1
            elif character == quoted:
                quoted = ""
        elif character in "'`\"":
            quoted = character
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        position += 1
    return depth == 0 and not quoted and "ENGINE" in text


def repair(data_dir: Path, *, differing: bool = False) -> list[str]:
    """Put back definitions that are damaged or missing, and move away damaged ones that have no copy.

    With `differing` those that are not equal to their copy count as damaged: for a start that failed all the same.
    Returns what was done, a sentence each; files are moved to `quarantine/`, never removed.
    """
    engine = data_dir / "engine"
    saved = load(data_dir)
    done: list[str] = []
    for pattern in _PATTERNS:
        for path in engine.glob(pattern):
            name = str(path.relative_to(engine))
            text = path.read_text(errors="replace")
            if is_whole(text) and not (differing and name in saved and saved[name] != text):
                continue
            moved = _quarantine(data_dir, path)
            done.append(f"the damaged definition {name} was moved to {moved}")
    for name, text in saved.items():
        path = engine / name
        if not path.exists() and (engine / "metadata").exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_synced(path, text.encode())
            done.append(f"the definition {name} was written anew from {MANIFEST}")
    return done


def _quarantine(data_dir: Path, path: Path) -> str:
    folder = data_dir / "quarantine"
    folder.mkdir(exist_ok=True)
    target = folder / f"{path.name}.{int(time.time() * 1000)}"
    path.replace(target)
    return str(target.relative_to(data_dir))
