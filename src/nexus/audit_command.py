"""`nexus audit verify`: says whether the audit log is what Nexus wrote, and if not, which entries are not."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

from nexus import runtime
from nexus.config import load
from nexus.remote import remote

SHOWN: Final = 20


def verify(file: Path | None, *, every: bool, as_json: bool, url: str, token: str) -> int:
    """Print the report; 0 when the log is sound, otherwise 1. Raises `ConfigError`, `StorageError`."""
    if not url and (running := runtime.read(load(file=file).config.data_path)):
        url = running["url"]
    report = _ask(url, token) if url else _examine(file)
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        _print(report, every)
    return 0 if report["sound"] else 1


def _ask(url: str, token: str) -> dict[str, Any]:
    with remote(url, token, "").post("audit/verify", {}) as response:
        report: dict[str, Any] = json.load(response)
    return report


def _examine(file: Path | None) -> dict[str, Any]:
    """Read the data directory. Nothing in it is changed but what opening the metadata migrates."""
    from nexus import components
    from nexus.security.audit.checkpoint_file import CheckpointFile
    from nexus.security.audit.ledger import Ledger
    from nexus.security.vault import Vault

    config = load(file=file).config
    vault = Vault(config.key_path, must_exist=True)
    metadata = components.open_metadata(config)
    began = time.perf_counter()
    try:
        found = Ledger(metadata, time.time_ns, vault, CheckpointFile(config.data_path)).examine()
    finally:
        metadata.close()
    problems = [{"number": problem.number, "problem": problem.text} for problem in found.problems]
    if found.more:
        problems.append({"number": 0, "problem": f"{found.more} more problems are not listed"})
    return {
        "sound": found.sound,
        "records": found.records,
        "first": found.first,
        "last": found.last,
        "checkpoints": found.checkpoints,
        "problems": problems,
        "seconds": round(time.perf_counter() - began, 3),
        "old": found.old,
        "unsigned": found.unsigned,
    }


def _print(report: dict[str, Any], every: bool) -> None:
    shown = report["problems"] if every else report["problems"][:SHOWN]
    for problem in shown:
        where = f"entry {problem['number']}: " if problem["number"] else ""
        print(f"{where}{problem['problem']}")
    if len(shown) < len(report["problems"]):
        print(f"... {len(report['problems']) - len(shown)} more; --all prints them")
    span = f", {report['first']} to {report['last']}" if report["records"] else ""
    print(f"{report['records']} entries{span}; {report['checkpoints']} signed checkpoints; {report['seconds']} s")
    if report.get("old"):
        print(f"{report['old']} of them are from before the chain; nothing protects those.")
    if report.get("unsigned"):
        print(f"{report['unsigned']} at the end were not signed yet when Nexus stopped; the next start signs them.")
    print("The audit log is sound." if report["sound"] else "THE AUDIT LOG IS NOT SOUND.")
