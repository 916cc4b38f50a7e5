"""What runs on Node: the browser tests of the web UI in Chromium, and the OpenTelemetry JavaScript SDK."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, PASSWORD, TOKEN, NexusProcess, wait_for

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
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    wait_for("the records", lambda: nexus.count(f"run:{run}") == 50)
    assert nexus.count(f"run:{run} service:js-shop level:error order:>=10 express:true amount:<45") == 4
    assert nexus.count(f'run:{run} resource.host.name:node-js "order 42 placed"') == 1


# Each group takes about a minute, with a server of its own.
GROUPS = {
    "first steps": ("1-session", "2-start", "3-search", "4-facets", "5-histogram"),
    "rows and shell": ("6-rows", "7-shell", "8-states", "9-pages"),
    "live and patterns": ("10-live", "11-patterns", "12-context", "13-views"),
    "operating": ("14-pipelines", "15-data"),
    "metrics": ("19-metrics", "20-targets"),
    "traces and services": ("21-traces", "22-services"),
    "people and roles": ("16-access", "17-identity", "18-administration"),
    "accessibility": ("a11y",),
    "accessibility of metrics": ("axe-metrics",),
    "accessibility of traces": ("axe-traces",),
    "pictures": ("shots",),
}


def test_every_spec_is_in_a_group() -> None:
    files = {path.stem for path in (ROOT / "ui/e2e/specs").glob("*.mjs")}
    named = [word for words in GROUPS.values() for word in words]
    assert {file for file in files if not any(file.startswith(word) for word in named)} == set()


SCRAPED = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: nexus
    authorization: {credentials: %s}
    relabel_configs:
      - {target_label: zone, replacement: eu}
    static_configs:
      - targets: ["127.0.0.1:%d"]
  - job_name: gone
    static_configs:
      - targets: ["127.0.0.1:9"]
"""
"""Nexus itself, and a target that is not there."""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; set CHROMIUM to its path")
@pytest.mark.parametrize("group", [name for name in GROUPS if name != "pictures"])
def test_web_ui_in_a_browser(launch: Launch, group: str, tmp_path: Path) -> None:
    """The specs of ui/e2e pass against a fresh server. Pictures are taken by hand."""
    scraped = tmp_path / "prometheus.yml"
    scraped.write_text("scrape_configs: []\n")
    nexus = launch("browser", NEXUS_SELF_TELEMETRY="off", NEXUS_SCRAPE_FILE=str(scraped))
    scraped.write_text(SCRAPED % (TOKEN, nexus.port))
    assert nexus.request("POST", f"{API}/targets/reload").status == 200
    done = subprocess.run(
        ["node", "e2e/run.mjs", *GROUPS[group]],
        cwd=ROOT / "ui",
        env={
            **os.environ,
            "NEXUS_URL": f"http://127.0.0.1:{nexus.port}",
            "NEXUS_PASSWORD": PASSWORD,
            "CHROMIUM": str(CHROMIUM),
        },
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
