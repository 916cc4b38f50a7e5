"""New keys: what is stored is sealed with them, nothing is lost, and old keys go only when nothing needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.errors import ConfigError, SealBroken
from nexus.security.login.logins import totp_context
from nexus.security.rotation import forget_old, rotate
from nexus.security.vault import Vault, known_keys, open_vault
from nexus.storage.metadata.api import User
from nexus.storage.metadata.sqlite import SqliteMetadata


@pytest.fixture
def metadata(tmp_path: Path) -> Iterator[SqliteMetadata]:
    store = SqliteMetadata(tmp_path)
    yield store
    store.close()


@pytest.fixture
def vault(metadata: SqliteMetadata, tmp_path: Path) -> Vault:
    vault = open_vault(tmp_path / "nexus.key", metadata)
    for name in ("alice", "bob", "carol"):
        secret = "" if name == "carol" else vault.seal(f"secret of {name}", totp_context(name))
        metadata.put_user(User(name, "", 1, totp=secret))
    return vault


def secrets(metadata: SqliteMetadata, vault: Vault) -> list[str]:
    return [vault.unseal(user.totp, totp_context(user.name)) for user in metadata.list_users() if user.totp]


def test_second_factors_are_sealed_anew(metadata: SqliteMetadata, vault: Vault, tmp_path: Path) -> None:
    done = rotate(metadata, vault, forget=True, in_config={})
    assert (done.resealed, done.forgotten) == (2, 1)
    again = open_vault(tmp_path / "nexus.key", metadata)
    assert secrets(metadata, again) == ["secret of alice", "secret of bob"]
    assert again.old_keys == () and known_keys(metadata) == list(again.key_ids)


def test_old_keys_stay_while_the_configuration_needs_them(metadata: SqliteMetadata, vault: Vault) -> None:
    sealed = {"bootstrap.token": vault.seal("x", "config")}
    with pytest.raises(ConfigError, match=r"`bootstrap.token` is sealed"):
        rotate(metadata, vault, forget=True, in_config=sealed)
    assert vault.old_keys == (), "nothing was done"
    assert rotate(metadata, vault, forget=False, in_config=sealed).forgotten == 0
    with pytest.raises(ConfigError, match=r"`bootstrap.token` is sealed"):
        forget_old(metadata, vault, sealed)
    assert vault.unseal(sealed["bootstrap.token"], "config") == "x"
    assert forget_old(metadata, vault, {"bootstrap.token": vault.seal("x", "config")}) == 1
    assert secrets(metadata, vault) == ["secret of alice", "secret of bob"]


def test_a_value_that_cannot_be_opened_stops_it_and_keeps_the_old_keys(metadata: SqliteMetadata, vault: Vault) -> None:
    metadata.put_user(User("mallory", "", 1, totp=vault.seal("x", "totp:somebody else")))
    with pytest.raises(SealBroken):
        rotate(metadata, vault, forget=True, in_config={})
    assert len(vault.old_keys) == 1
    metadata.delete_user("mallory")
    assert secrets(metadata, vault) == ["secret of alice", "secret of bob"]


def test_a_key_file_of_another_installation_is_refused(metadata: SqliteMetadata, vault: Vault, tmp_path: Path) -> None:
    vault.key_file.unlink()
    with pytest.raises(ConfigError, match="is not there"):
        open_vault(vault.key_file, metadata)
    Vault(vault.key_file)
    with pytest.raises(ConfigError, match="is another one than before"):
        open_vault(vault.key_file, metadata)
