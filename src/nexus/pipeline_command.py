"""`nexus pipeline`: run the tests that pipelines carry, without a server; send a tenant's pipelines, and fetch them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from nexus.errors import InvalidRequest
from nexus.remote import Remote, remote


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
    place = remote(url, token, tenant)
    current = _ask(place, "GET")
    _ask(place, "PUT", {"pipelines": msgspec.to_builtins(specs), "version": current["version"]})
    print(f"{len(specs)} pipelines are in force.")
    return 0


def pull(*, url: str, token: str, tenant: str) -> int:
    """Print a tenant's pipelines as a file. Raises `NexusError`."""
    import yaml

    answer = _ask(remote(url, token, tenant), "GET")
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


def _ask(place: Remote, method: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.json.decode(place.ask(method, "pipelines", document).read())
    return answer
