"""New keys for what is stored sealed. Nexus does not run meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nexus.errors import ConfigError
from nexus.security.login.logins import totp_context
from nexus.security.vault import Vault, is_sealed, remember
from nexus.storage.metadata.api import MetadataStore


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: how many stored values were sealed anew, and how many old keys were removed."""

    resealed: int
    forgotten: int


def rotate(metadata: MetadataStore, vault: Vault, *, forget: bool, in_config: dict[str, str]) -> Rotated:
    """Make new keys and seal with them what is stored; with `forget` the old ones are removed then.

    `in_config` are the sealed values of the configuration by option, which only people can exchange. Raises `ConfigError`
    when one of them needs an old key that is to be removed, `SealBroken` when a stored value cannot be opened.
    """
    if forget and in_config:
        raise ConfigError(
            f"old keys cannot be removed: `{min(in_config)}` is sealed with one of them.",
            hint="Rotate without --forget, seal the values of the configuration anew, then run --forget alone.",
        )
    vault.rotate()
    remember(metadata, vault.key_ids)
    resealed = reseal(metadata, vault)
    return Rotated(resealed, forget_old(metadata, vault, in_config) if forget else 0)


def reseal(metadata: MetadataStore, vault: Vault) -> int:
    """Seal with the newest key what is stored under older ones; how many values. Raises `SealBroken`."""
    count = 0
    for user in metadata.list_users():
        if is_sealed(user.totp) and not vault.current(user.totp):
            context = totp_context(user.name)
            metadata.put_user(replace(user, totp=vault.seal(vault.unseal(user.totp, context), context)))
            count += 1
    return count


def forget_old(metadata: MetadataStore, vault: Vault, in_config: dict[str, str]) -> int:
    """Remove the keys that nothing is sealed with; how many. Raises `ConfigError` when one of them is needed."""
    for name, sealed in sorted(in_config.items()):
        if not vault.current(sealed):
            raise ConfigError(
                f"old keys cannot be removed: `{name}` is sealed with one of them.",
                hint="Seal it anew: `nexus secret seal`.",
            )
    reseal(metadata, vault)
    old = vault.old_keys
    # The metadata first: what they remember must be in the file, whenever this is interrupted.
    remember(metadata, [name for name in vault.key_ids if name not in old])
    vault.forget()
    return len(old)
