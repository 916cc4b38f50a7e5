"""The key file, and what is sealed and signed with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.errors import ConfigError, SealBroken
from nexus.security.vault import Keys, Vault, decode_keys, encode_keys, is_sealed, new_key


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault(tmp_path_factory.mktemp("vault") / "nexus.key")


@settings(deadline=None)
@given(st.text(), st.text())
def test_what_was_sealed_opens_for_its_purpose(vault: Vault, text: str, context: str) -> None:
    sealed = vault.seal(text, context)
    assert is_sealed(sealed) and vault.unseal(sealed, context) == text
    assert vault.seal(text, context) != sealed
    with pytest.raises(SealBroken):
        vault.unseal(sealed, context + "x")


@settings(deadline=None)
@given(st.text(max_size=20), st.integers(0, 10**6), st.sampled_from("AB01-_:.="))
def test_no_character_of_it_can_change(vault: Vault, text: str, place: int, other: str) -> None:
    sealed = vault.seal(f"hunter2 {text}", "purpose")
    place %= len(sealed)
    other = "~" if other == sealed[place] else other
    for altered in (sealed[:place] + other + sealed[place + 1 :], sealed[:place], sealed + other):
        with pytest.raises(SealBroken) as caught:
            vault.unseal(altered, "purpose")
        assert "hunter2" not in str(caught.value)


@settings(deadline=None)
@given(st.binary(), st.binary(min_size=1))
def test_signatures(vault: Vault, message: bytes, more: bytes) -> None:
    signature = vault.sign(message)
    assert vault.verify(message, signature)
    assert not vault.verify(message + more, signature)
    for wrong in ("", ":", signature[:-1], signature + "A", "0" + signature, signature.partition(":")[2]):
        assert not vault.verify(message, wrong)


@settings(deadline=None)
@given(st.text(), st.text(min_size=1))
def test_tags(vault: Vault, text: str, more: str) -> None:
    tag = vault.tag(text)
    assert vault.tagged(text, tag) and not vault.tagged(text + more, tag)
    for wrong in ("", ".", tag[:-1], f"{tag}0", tag.partition(".")[2], f"0.{tag}"):
        assert not vault.tagged(text, wrong)


def test_the_file_is_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "nexus.key"
    first = Vault(path)
    assert path.stat().st_mode & 0o777 == 0o600
    again = Vault(path, must_exist=True)
    assert again.key_ids == first.key_ids
    assert again.unseal(first.seal("x", "y"), "y") == "x"
    assert again.verify(b"m", first.sign(b"m"))
    assert os.listdir(path.parent) == ["nexus.key"]


def test_of_many_that_start_at_a_time_one_makes_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = {vault.key_ids for vault in pool.map(lambda _: Vault(tmp_path / "nexus.key"), range(16))}
    assert len(ids) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o601])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "nexus.key"
    Vault(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        Vault(path)
    path.chmod(0o400)
    Vault(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nexus.key"
    Vault(path)
    os.chown(path, 12345, -1)
    with pytest.raises(ConfigError, match="chown"):
        Vault(path)


def test_a_lost_or_broken_file_is_never_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "nexus.key"
    with pytest.raises(ConfigError, match="is not there"):
        Vault(path, must_exist=True)
    assert not path.exists()
    secret = "c2VjcmV0"
    for content in (b"", b"{}", secret.encode(), b'{"version":2}', json.dumps({"version": 1, "sealing": [secret]}).encode()):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(ConfigError) as caught:
            Vault(path)
        assert secret not in str(caught.value)
        assert path.read_bytes() == content
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="not a file"):
        Vault(path)


def test_rotation_keeps_old_keys_until_they_are_forgotten(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "nexus.key")
    old, signature, tag = vault.seal("text", "purpose"), vault.sign(b"message"), vault.tag("text")
    vault.rotate()
    assert vault.unseal(old, "purpose") == "text" and not vault.current(old)
    new = vault.seal("text", "purpose")
    assert vault.current(new) and new.split(":")[2] != old.split(":")[2]
    assert vault.sign(b"message").split(":")[0] != signature.split(":")[0]
    assert (tmp_path / "nexus.key").stat().st_mode & 0o777 == 0o600
    again = Vault(tmp_path / "nexus.key")
    assert again.key_ids == vault.key_ids and len(again.key_ids) == 4
    assert again.old_keys == (old.split(":")[2],)
    again.forget()
    assert again.old_keys == ()
    again = Vault(tmp_path / "nexus.key")
    assert again.unseal(new, "purpose") == "text" and again.verify(b"message", signature)
    assert again.tagged("text", tag) and again.tag("text") != tag
    with pytest.raises(SealBroken, match="does not hold"):
        again.unseal(old, "purpose")


def test_another_key_file_opens_nothing(tmp_path: Path) -> None:
    sealed = Vault(tmp_path / "a").seal("text", "purpose")
    other = Vault(tmp_path / "b")
    with pytest.raises(SealBroken, match="does not hold"):
        other.unseal(sealed, "purpose")
    signature = Vault(tmp_path / "a").sign(b"m")
    assert not other.verify(b"m", signature)
    assert not other.tagged("text", Vault(tmp_path / "a").tag("text"))


def test_keys_do_not_show_themselves() -> None:
    key = new_key()
    keys = Keys((key,), (new_key(),))
    assert repr(key.secret) not in repr(keys)
    assert decode_keys(encode_keys(keys)) == keys


def test_public_keys_verify_outside(tmp_path: Path) -> None:
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    vault = Vault(tmp_path / "nexus.key")
    name, _, signature = vault.sign(b"message").partition(":")
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(vault.public_keys()[name] + "="))
    public.verify(base64.urlsafe_b64decode(signature + "=="), b"message")


def test_opening_a_vault_loads_no_cryptography(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from nexus.security.vault import Vault; Vault(Path(sys.argv[1])); "
    code += "sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "nexus.key")], check=False).returncode == 0
