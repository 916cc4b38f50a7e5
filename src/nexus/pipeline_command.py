"""`nexus pipeline`: run the tests that pipelines carry, without a server; send a tenant's pipelines, and fetch them."""

from __future__ import annotations

import http.client
import os
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from nexus.errors import ConfigError, InvalidRequest, NexusError, Unauthenticated

TIMEOUT: Final = 60.0
_PATH: Final = "/api/nexus/v1/pipelines"


class PipelineCommandFailed(NexusError):
    """The server did not do it."""

    code = "pipeline_command_failed"


def test(files: Sequence[Path]) -> int:
    """Run the tests of files and print what differs; 0 when all pass, 1 otherwise. Raises `ConfigError`."""
    from nexus.pipeline import specfile
    from nexus.pipeline.compiling import BadPipeline
    from nexus.pipeline.trial import run_tests

    if not files:
        raise InvalidRequest("no file is named.", hint="Write `nexus pipeline test pipelines.yaml`.")
    passed = failed = 0
    for file in files:
        specs, text = specfile.read(file)
        try:
            results = run_tests(specs)
        except BadPipeline as error:
            raise specfile.located(error, text, str(file)) from error
        for result in results:
            print(f"{'FAIL' if result.differences else 'ok  '} {file}: {result.pipeline}: {result.test}")
            for line in result.differences:
                print(f"       {line}")
            failed += bool(result.differences)
            passed += not result.differences
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def push(file: Path, *, url: str, token: str, tenant: str) -> int:
    """Make the pipelines of a file those of a tenant. Raises `NexusError`."""
    from nexus.pipeline import specfile
    from nexus.pipeline.compiling import BadPipeline, compiled

    specs, text = specfile.read(file)
    try:
        compiled(specs)
    except BadPipeline as error:
        raise specfile.located(error, text, str(file)) from error
    current = _ask("GET", url, token, tenant)
    wanted = {"pipelines": msgspec.to_builtins(specs), "version": current["version"]}
    _ask("PUT", url, token, tenant, msgspec.json.encode(wanted))
    print(f"{len(specs)} pipelines are in force.")
    return 0


def pull(*, url: str, token: str, tenant: str) -> int:
    """Print a tenant's pipelines as a file. Raises `NexusError`."""
    import yaml

    answer = _ask("GET", url, token, tenant)
    specs = [_brief(info["spec"]) for info in answer["pipelines"] if info["source"] == "tenant"]
    print(yaml.safe_dump(specs, sort_keys=False, allow_unicode=True), end="")
    return 0


def _brief(spec: dict[str, Any]) -> dict[str, Any]:
    """A pipeline without what says nothing."""

    def brief(values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value for name, value in values.items() if value not in ("", [], {}) and (name, value) != ("enabled", True)
        }

    # Tests keep empty outputs: that nothing comes out is what they say.
    return {**brief(spec), **({"steps": [brief(step) for step in spec["steps"]]} if spec["steps"] else {})}


def _ask(method: str, url: str, token: str, tenant: str, body: bytes | None = None) -> dict[str, Any]:
    from nexus.ingest import _address

    address = url or _address()
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequest(f"{address!r} is not an address of Nexus.", hint="Write it like http://127.0.0.1:8080.")
    token = token or os.environ.get("NEXUS_TOKEN") or os.environ.get("NEXUS_BOOTSTRAP_TOKEN") or ""
    tenant = tenant or os.environ.get("NEXUS_TENANT", "")
    headers = {"Content-Type": "application/json", "User-Agent": "nexus-pipeline"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"X-Scope-OrgID": tenant} if tenant else {}
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=TIMEOUT)
    try:
        connection.request(method, parts.path.rstrip("/") + _PATH, body, headers)
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise PipelineCommandFailed(f"{parts.netloc} cannot be reached: {error}.", hint="Is `nexus up` running?") from error
    finally:
        connection.close()
    return _answer(response.status, answer)


def _answer(status: int, body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        document = {}
    if status == 200:
        return document
    error = document.get("error", {})
    message, hint = error.get("message", f"HTTP status {status}."), error.get("hint", "")
    if status in (401, 403):
        raise Unauthenticated(
            f"the server refused: {message}", hint="Give an API key with pipelines:read and pipelines:write with --token."
        )
    if status == 400:
        raise ConfigError(f"the server refused: {message}", hint=hint)
    raise PipelineCommandFailed(f"the server refused: {message}", hint=hint)
