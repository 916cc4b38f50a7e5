"""kill -9 under load, a few rounds of what `make soak` does for long."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parents[2] / "benchmarks" / "soak_kill.py"


@pytest.mark.e2e
@pytest.mark.parametrize("options", [["--rounds", "4"], ["--rounds", "2", "--fsync"]], ids=["commit", "fsync"])
def test_nothing_acknowledged_is_lost_or_doubled(options: list[str]) -> None:
    """Through every receiver, with retries under their idempotency keys."""
    done = subprocess.run([sys.executable, str(SOAK), *options], capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^lost +0$", done.stdout, re.M) and re.search(r"^duplicated +0$", done.stdout, re.M)
    acknowledged = re.search(r"^acknowledged +([\d,]+) records", done.stdout, re.M)
    assert acknowledged and int(acknowledged[1].replace(",", "")) > 1000
