"""kill -9 under load, a few rounds of what `make soak` does for long."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def soaked(script: str, *options: str) -> str:
    """What a soak says that found nothing wrong."""
    command = [sys.executable, str(BENCHMARKS / script), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.e2e
@pytest.mark.parametrize("options", [["--rounds", "4"], ["--rounds", "2", "--fsync"]], ids=["commit", "fsync"])
def test_nothing_acknowledged_is_lost_or_doubled(options: list[str]) -> None:
    """Through every receiver, with retries under their idempotency keys."""
    said = soaked("soak_kill.py", *options)
    assert re.search(r"^lost +0$", said, re.M) and re.search(r"^duplicated +0$", said, re.M)
    acknowledged = re.search(r"^acknowledged +([\d,]+) records", said, re.M)
    assert acknowledged and int(acknowledged[1].replace(",", "")) > 1000


@pytest.mark.e2e
@pytest.mark.parametrize(
    "options",
    [["--rounds", "4"], ["--rounds", "2", "--fsync"], ["--rounds", "4", "--sampling"]],
    ids=["commit", "fsync", "sampling"],
)
def test_no_acknowledged_span_is_lost_or_doubled(options: list[str]) -> None:
    """Through every receiver of traces that takes idempotency keys."""
    said = soaked("soak_traces.py", *options)
    assert re.search(r"^lost +0$", said, re.M) and re.search(r"^duplicated +0$", said, re.M)
    acknowledged = re.search(r"^acknowledged +([\d,]+) records", said, re.M)
    assert acknowledged and int(acknowledged[1].replace(",", "")) > 1000


@pytest.mark.e2e
def test_no_scrape_is_lost_or_doubled() -> None:
    """But for those that were under way."""
    said = soaked("soak_scrape.py", "--rounds", "2")
    assert re.search(r"^lost +0$", said, re.M) and re.search(r"^duplicated +0$", said, re.M)


@pytest.mark.e2e
def test_nothing_erased_comes_back() -> None:
    """And nothing else goes; removed tenants stay away."""
    said = soaked("soak_erase.py", "--rounds", "2")
    erased = re.search(r"^erased +[\d,]+ samples in (\d+) erasures", said, re.M)
    assert erased and int(erased[1]) > 0
