"""What runs on Node: the browser tests of the web UI in Chromium, and the OpenTelemetry JavaScript SDK."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import PASSWORD, TOKEN, NexusProcess, wait_for

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.parametrize("format", ["protobuf", "json"])
def test_opentelemetry_javascript_sdk(nexus: NexusProcess, format: str) -> None:
    """Fifty records of the real SDK arrive with their types."""
    run = f"js-{format}"
    done = subprocess.run(
        ["node", "send.mjs", f"http://127.0.0.1:{nexus.otlp_port}", TOKEN, format, run],
        cwd=ROOT / "tests/e2e/javascript",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    wait_for("the records", lambda: nexus.count(f"run:{run}") == 50)
    assert nexus.count(f"run:{run} service:js-shop level:error order:>=10 express:true amount:<45") == 4
    assert nexus.count(f'run:{run} resource.host.name:node-js "order 42 placed"') == 1


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; set CHROMIUM to its path")
def test_web_ui_in_a_browser(launch: Launch) -> None:
    """Every spec of ui/e2e passes against a fresh server."""
    nexus = launch("browser", NEXUS_SELF_TELEMETRY="off")
    done = subprocess.run(
        ["node", "e2e/run.mjs"],
        cwd=ROOT / "ui",
        env={
            **os.environ,
            "NEXUS_URL": f"http://127.0.0.1:{nexus.port}",
            "NEXUS_PASSWORD": PASSWORD,
            "CHROMIUM": str(CHROMIUM),
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
