"""Passkeys in Chromium with a virtual authenticator (WebAuthn domain of the DevTools protocol)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.e2e.conftest import Launch
from tests.e2e.nexus_process import API, PASSWORD

pytestmark = pytest.mark.e2e
UI = Path(__file__).parents[2] / "ui"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; set CHROMIUM to its path")
def test_passkeys_in_a_browser(launch: Launch) -> None:
    nexus = launch("passkeys")
    url = f"http://localhost:{nexus.port}"
    done = subprocess.run(
        ["node", "e2e/passkeys.mjs"],
        cwd=UI,
        env={**os.environ, "NEXUS_URL": url, "NEXUS_PASSWORD": PASSWORD, "CHROMIUM": str(CHROMIUM)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found = json.loads(done.stdout)
    assert found["options"]["passkeys"] is True
    assert found["login"]["authenticated"] is True
    assert found["added"]["passkey"]["name"] == "Virtual", found["added"]
    assert len(found["added"]["recovery_codes"]) == 10
    assert found["stored"] == [{"rpId": "localhost", "resident": True}]
    assert found["out"]["authenticated"] is False

    assert (found["alone"]["authenticated"], found["alone"]["username"]) == (True, "admin"), found["alone"]
    assert (found["cookie"]["httpOnly"], found["cookie"]["sameSite"]) == (True, "Strict")
    assert [one["method"] for one in found["profile"]["sessions"] if one["current"]] == ["passkey"]
    assert found["profile"]["passkeys"][0]["last_used"]
    assert found["replayed"]["status"] == found["otherChallenge"]["status"] == 401

    assert found["password"]["authenticated"] is False
    assert found["password"]["challenge"]["methods"] == ["passkey", "recovery"]
    assert found["second"]["authenticated"] is True, found["second"]
    assert found["unverified"] == {"refused": "NotAllowedError"}

    by_address = found["byAddress"]
    assert by_address["options"]["passkeys"] is False
    assert "does not know its own address" in by_address["options"]["passkeys_reason"]
    assert (by_address["begin"]["status"], by_address["begin"]["error"]["code"]) == (403, "passkeys_off")
    audit = nexus.get(f"{API}/audit?limit=100").body.decode()
    assert "second_factor.added" in audit
    assert "password+passkey" in audit
