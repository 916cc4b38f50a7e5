"""`nexus traces sampling`: a tenant's rules of tail sampling, shown, set from a file, and tried on the last hour."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from nexus.errors import ConfigError
from nexus.options import Tenant, Token, Url

_MAX_FILE_BYTES: Final = 1 << 20
_PATH: Final = "traces/sampling"


def show(*, url: Url = "", token: Token = "", tenant: Tenant = "") -> int:
    """Print the rules of a tenant as a file."""
    import yaml

    print(yaml.safe_dump(_written(_asked("GET", _PATH, None, url, token, tenant)), sort_keys=False), end="")
    return 0


def set_(file: Path, /, *, url: Url = "", token: Token = "", tenant: Tenant = "") -> int:
    """Make the rules of a file those of a tenant.

    Parameters
    ----------
    file
        YAML file, as `show` prints it.
    """
    policy = _asked("PUT", _PATH, _read(file), url, token, tenant)
    print(f"{len(policy['rules'])} rules are in force; {policy['otherwise']:.6g} of the other traces are kept.")
    return 0


def preview(file: Path, /, *, url: Url = "", token: Token = "", tenant: Tenant = "") -> int:
    """Print what the rules of a file would have kept of the last hour.

    Parameters
    ----------
    file
        YAML file, as `show` prints it.
    """
    answer = _asked("POST", f"{_PATH}/preview", _read(file), url, token, tenant)
    rows = [*answer["rules"], {**answer, "name": "all"}]
    width = max(9, *(len(row["name"]) for row in rows))
    print(f"{'rule':{width}} {'traces':>12} {'kept':>12} {'spans':>12} {'kept':>12}")
    for row in rows:
        counts = (row["traces"], row["keptTraces"], row["spans"], row["keptSpans"])
        print(f"{row['name'] or 'otherwise':{width}} " + " ".join(f"{round(count):12,}" for count in counts))
    return 0


def _read(file: Path) -> dict[str, Any]:
    import yaml

    try:
        if file.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigError(f"{file} is larger than {_MAX_FILE_BYTES} bytes.")
        document = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {error}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{file} holds no rules.", hint="It is a map with `rules` and `otherwise`.")
    return document


def _written(policy: dict[str, Any]) -> dict[str, Any]:
    """A policy without what it does not say."""
    rules = [{key: value for key, value in rule.items() if value not in (None, "")} for rule in policy["rules"]]
    return {"rules": rules, "otherwise": policy["otherwise"]}


def _asked(method: str, path: str, document: dict[str, Any] | None, url: str, token: str, tenant: str) -> dict[str, Any]:
    from nexus.remote import remote

    answer: dict[str, Any] = msgspec.json.decode(remote(url, token, tenant).ask(method, path, document).read())
    return answer
