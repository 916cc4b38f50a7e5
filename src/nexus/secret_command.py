"""`nexus secret`: seals values for the configuration, and exchanges the keys."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from nexus import runtime
from nexus.config import key_file, load, sealed_secrets
from nexus.errors import ConfigError, InvalidRequest
from nexus.secret_values import CONTEXT
from nexus.security.vault import Vault


def seal(file: Path | None) -> int:
    """Read a secret from standard input, without showing it, and print it sealed. Raises `ConfigError`."""
    vault = _vault(file)
    if sys.stdin.isatty():
        text = getpass.getpass("Secret: ", stream=sys.stderr)
    else:
        text = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not text:
        raise InvalidRequest("there is nothing to seal.", hint="Write the secret to standard input.")
    print(vault.seal(text, CONTEXT))
    return 0


def rotate(file: Path | None, *, forget: bool, only_forget: bool) -> int:
    """Make new keys and seal with them what is stored. Raises `ConfigError` while Nexus runs."""
    from nexus import components
    from nexus.security import rotation
    from nexus.security.vault import open_vault

    config = load(file=file).config
    if running := runtime.read(config.data_path):
        raise ConfigError(
            f"Nexus is running on {config.data_path} as pid {running['pid']}.", hint="Stop it, then try again."
        )
    in_config = sealed_secrets(file=file)
    metadata = components.open_metadata(config)
    try:
        vault = open_vault(config.key_path, metadata)
        if only_forget:
            print(f"{rotation.forget_old(metadata, vault, in_config)} old keys were removed.")
            return 0
        done = rotation.rotate(metadata, vault, forget=forget, in_config=in_config)
    finally:
        metadata.close()
    print(f"New keys are in {vault.key_file}; {done.resealed} stored values were sealed anew.")
    if forget:
        print(f"{done.forgotten} old keys were removed.")
    for name in in_config:
        print(f"`{name}` is sealed with an old key: seal it anew with `nexus secret seal`.")
    return 0


def _vault(file: Path | None) -> Vault:
    """The vault of the configuration; before the first start it is made here."""
    path = key_file(file=file)
    if path.exists():
        return Vault(path)
    # Nothing sealed can be in the configuration yet, or this fails and says so.
    from nexus import components
    from nexus.security.vault import open_vault

    config = load(file=file).config
    if not config.data_path.exists():
        return Vault(path)
    metadata = components.open_metadata(config)
    try:
        return open_vault(path, metadata)
    finally:
        metadata.close()
