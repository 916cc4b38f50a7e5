"""The key file, what is sealed with its keys, and what is signed.

Sealed is what the metadata or the configuration must hold and no reader of a stolen copy may have: AES-256-GCM (NIST SP
800-38D) with a random nonce of 96 bits. The purpose (`context`) is authenticated with it, so that what was sealed as one
thing opens as no other. Signed are the checkpoints of the audit log: Ed25519 (RFC 8032).

    sealed:1:<id of the key>:<base64url of nonce, ciphertext and tag>
    <id of the key>:<base64url of the signature>

The key file is JSON with every key there was, the newest last: it seals and signs, older ones still open and verify. It
belongs to the user Nexus runs as, mode 0600, and others may not read it. It is made at the first start only; when something
was sealed with a key that is not there any more, that is an error and never a new key. `cryptography` takes 30 ms to load:
it comes with the first use.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nexus.errors import ConfigError, SealBroken

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from nexus.storage.metadata.api import MetadataStore

FILE: Final = "nexus.key"
"""Name of the key file in the data directory, where `security.key_file` names no other."""
SETTING: Final = "security.keys"
"""Setting in the metadata with the ids of the keys in use."""
PREFIX: Final = "sealed:"
MAX_TEXT: Final = 1 << 20
"""The longest text that is sealed, in bytes of UTF-8."""

_VERSION: Final = "1"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_DIGITS: Final = 32
_MAX_FILE: Final = 1 << 20
_NEW: Final = "Restore the key file from a backup. What was sealed with it cannot be opened without it."


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the file: 32 random bytes and how sealed texts and signatures name them. Its text shows no bytes."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        """The name alone."""
        return f"Key({self.id!r})"


@dataclass(frozen=True)
class Keys:
    """What a key file holds: the keys that seal and those that sign, the newest last."""

    sealing: tuple[Key, ...]
    signing: tuple[Key, ...]


class Vault:
    """Seals and signs with the keys of a file. Any thread may call; nothing is kept of what passes through."""

    def __init__(self, key_file: Path, *, must_exist: bool = False) -> None:
        """Read the key file; make it when it is not there, unless it `must_exist`. Raises `ConfigError`."""
        self.key_file = key_file
        if not must_exist and not key_file.exists():
            with suppress(FileExistsError):
                _create(key_file, encode_keys(Keys((new_key(),), (new_key(),))))
        self._keys = read_keys(key_file)

    # -------------------------------------------------------------------------------------------------------- sealing

    def seal(self, text: str, context: str) -> str:
        """The text, sealed for a purpose (`totp:alice`). Raises `ValueError` when it is too long."""
        data = text.encode("utf-8")
        if len(data) > MAX_TEXT:
            raise ValueError(f"no more than {MAX_TEXT} bytes are sealed")
        key = self._keys.sealing[-1]
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._ciphers[key.id].encrypt(nonce, data, _associated(key.id, context))
        return f"{PREFIX}{_VERSION}:{key.id}:{_encoded(sealed)}"

    def unseal(self, sealed: str, context: str) -> str:
        """The text that was sealed for this purpose. Raises `SealBroken`."""
        key_id, data = _parts(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealBroken(f"a value was sealed with the key {key_id}, which {self.key_file} does not hold.", hint=_NEW)
        from cryptography.exceptions import InvalidTag

        try:
            return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _associated(key_id, context)).decode("utf-8")
        except (InvalidTag, UnicodeDecodeError) as error:
            raise SealBroken(
                "a sealed value was altered, or sealed for another purpose.", hint="Set it anew, or restore a backup."
            ) from error

    def current(self, sealed: str) -> bool:
        """Is it sealed with the newest key? False for what was sealed before a rotation. Raises `SealBroken`."""
        return _parts(sealed)[0] == self._keys.sealing[-1].id

    # -------------------------------------------------------------------------------------------------------- signing

    def sign(self, message: bytes) -> str:
        """A signature of the message by the newest key."""
        key = self._keys.signing[-1]
        return f"{key.id}:{_encoded(self._signers[key.id].sign(message))}"

    def verify(self, message: bytes, signature: str) -> bool:
        """Is this a signature of the message by a key of the file?"""
        from cryptography.exceptions import InvalidSignature

        key_id, _, text = signature.partition(":")
        signer = self._signers.get(key_id)
        if signer is None:
            return False
        try:
            signer.public_key().verify(_decoded(text), message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def tag(self, text: str) -> str:
        """A short proof that this Nexus wrote the text, `<id of the key>.<hex>`: HMAC-SHA-256, cut to 128 bits, with a key
        made from the newest signing key. It takes a microsecond; only whoever has the key can check it."""
        key = self._keys.signing[-1]
        return f"{key.id}.{_mac(self._tagging[key.id], text)}"

    def tagged(self, text: str, tag: str) -> bool:
        """Is this the tag of the text by a key of the file?"""
        key_id, _, mac = tag.partition(".")
        key = self._tagging.get(key_id)
        return key is not None and hmac.compare_digest(_mac(key, text), mac)

    def public_keys(self) -> dict[str, str]:
        """The public halves of the signing keys by id, base64url: with them others verify signatures."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return {
            name: _encoded(signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
            for name, signer in self._signers.items()
        }

    # ------------------------------------------------------------------------------------------------------ key file

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Every key of the file: what the metadata remembers, so that a lost file is noticed."""
        return tuple(key.id for key in (*self._keys.sealing, *self._keys.signing))

    def rotate(self) -> None:
        """Add a new key to seal and one to sign; the older ones stay. Raises `ConfigError` when it cannot be written."""
        self._replace(Keys((*self._keys.sealing, new_key()), (*self._keys.signing, new_key())))

    @property
    def old_keys(self) -> tuple[str, ...]:
        """Sealing keys that only open."""
        return tuple(key.id for key in self._keys.sealing[:-1])

    def forget(self) -> None:
        """Remove the old sealing keys, when nothing is sealed with them any more. The signing keys stay: old checkpoints are
        verified with them. Raises `ConfigError`."""
        if self.old_keys:
            self._replace(Keys(self._keys.sealing[-1:], self._keys.signing))

    def _replace(self, keys: Keys) -> None:
        # Followed, so that a key file that is a link stays one.
        path = self.key_file.resolve()
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        _create(fresh, encode_keys(keys))
        try:
            os.replace(fresh, path)
            _sync_folder(path.parent)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise ConfigError(f"cannot write the key file {path}: {error.strerror}.") from error
        self._keys = keys
        for name in ("_ciphers", "_signers", "_tagging"):
            self.__dict__.pop(name, None)

    @cached_property
    def _ciphers(self) -> dict[str, AESGCM]:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return {key.id: AESGCM(key.secret) for key in self._keys.sealing}

    @cached_property
    def _tagging(self) -> dict[str, bytes]:
        return {key.id: hmac.digest(key.secret, b"nexus tags", "sha256") for key in self._keys.signing}

    @cached_property
    def _signers(self) -> dict[str, Ed25519PrivateKey]:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return {key.id: Ed25519PrivateKey.from_private_bytes(key.secret) for key in self._keys.signing}


def open_vault(key_file: Path, metadata: MetadataStore) -> Vault:
    """The vault of an installation. The metadata remember its keys: a file that is lost, or another one, is noticed here.

    Raises `ConfigError`.
    """
    known = known_keys(metadata)
    vault = Vault(key_file, must_exist=bool(known))
    if lost := [name for name in known if name not in vault.key_ids]:
        raise ConfigError(f"the key file {key_file} is another one than before: it lacks the key {lost[0]}.", hint=_NEW)
    if list(vault.key_ids) != known:
        remember(metadata, vault.key_ids)
    return vault


def known_keys(metadata: MetadataStore) -> list[str]:
    """Ids of the keys that this installation uses."""
    found = metadata.get_setting(SETTING)
    return found.split() if found else []


def remember(metadata: MetadataStore, key_ids: Iterable[str]) -> None:
    """Note which keys are in use. Raises `StorageError`."""
    metadata.put_setting(SETTING, " ".join(key_ids))


def is_sealed(text: str) -> bool:
    """Does the text say that it is sealed?"""
    return text.startswith(PREFIX)


def new_key() -> Key:
    """A random key."""
    return Key(secrets.token_hex(4), secrets.token_bytes(_KEY_BYTES))


def encode_keys(keys: Keys) -> bytes:
    """The content of a key file."""
    document = {
        "what": "Keys of Nexus. Keep a copy where the data is not; without it nothing sealed can be opened.",
        "version": 1,
        "sealing": [{"id": key.id, "key": _encoded(key.secret)} for key in keys.sealing],
        "signing": [{"id": key.id, "key": _encoded(key.secret)} for key in keys.signing],
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def decode_keys(content: bytes) -> Keys:
    """Read the content of a key file. Raises `ValueError` that shows none of it."""
    try:
        document = json.loads(content)
        if document["version"] != 1:
            raise ValueError("it is of a newer version of Nexus")
        keys = Keys(_key_list(document["sealing"]), _key_list(document["signing"]))
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError):
        # Without the cause: a JSON error carries the document.
        raise ValueError("it is no key file") from None
    if not keys.sealing or not keys.signing:
        raise ValueError("it holds no keys")
    return keys


def read_keys(path: Path) -> Keys:
    """The keys of a file that others cannot read. Raises `ConfigError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise ConfigError(f"the key file {path} is not there.", hint=_NEW) from error
    except OSError as error:
        raise ConfigError(f"cannot read the key file {path}: {error.strerror}.") from error
    try:
        _check_mode(path, os.fstat(descriptor))
        content = os.read(descriptor, _MAX_FILE)
    finally:
        os.close(descriptor)
    try:
        return decode_keys(content)
    except ValueError as error:
        raise ConfigError(f"the key file {path} cannot be used: {error}.", hint=_NEW) from error


def _check_mode(path: Path, status: os.stat_result) -> None:
    """Refuse a file that others can read or that is not ours. A file of root that is ours by its group alone is how
    orchestrators mount secrets."""
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"the key file {path} is not a file.")
    mode, user = stat.S_IMODE(status.st_mode), os.geteuid()
    if status.st_uid not in (user, 0):
        raise ConfigError(
            f"the key file {path} belongs to another user (uid {status.st_uid}).", hint=f"Run `chown {user} {path}`."
        )
    mounted = status.st_uid == 0 and user != 0
    if mode & (0o037 if mounted else 0o077):
        raise ConfigError(f"the key file {path} can be read by others (mode {mode:04o}).", hint=f"Run `chmod 600 {path}`.")


def _create(path: Path, content: bytes) -> None:
    """Write a file that nobody else can read, whole or not at all. Raises `ConfigError`, `FileExistsError`."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            # A link, unlike a renaming, replaces nothing: of two that start at a time one makes the file.
            os.link(fresh, path)
        finally:
            fresh.unlink()
        _sync_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise ConfigError(
            f"cannot make the key file {path}: {error.strerror}.", hint="Choose another place with security.key_file."
        ) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _key_list(entries: Any) -> tuple[Key, ...]:
    keys = tuple(Key(str(entry["id"]), _decoded(entry["key"])) for entry in entries)
    if any(len(key.secret) != _KEY_BYTES or not key.id.isalnum() for key in keys):
        raise ValueError("a key in it is damaged")
    return keys


def _parts(sealed: str) -> tuple[str, bytes]:
    """Id of the key, and nonce with ciphertext. Raises `SealBroken`."""
    fields = sealed.split(":")
    if len(fields) != 4 or fields[0] + ":" != PREFIX or fields[1] != _VERSION or not fields[2].isalnum():
        raise SealBroken("a sealed value is not written as Nexus writes them.", hint="`nexus secret seal` makes them.")
    try:
        data = _decoded(fields[3])
    except ValueError:
        data = b""
    if len(data) < _NONCE_BYTES + 16:
        raise SealBroken("a sealed value was cut off or altered.", hint="Set it anew, or restore a backup.")
    return fields[2], data


def _associated(key_id: str, context: str) -> bytes:
    """What is authenticated beside the text. The context comes last, so no two pairs give the same bytes."""
    return f"nexus-sealed:{_VERSION}:{key_id}:{context}".encode()


def _mac(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()[:_TAG_DIGITS]


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """Raises `ValueError` for what is no base64url, or not the one way to write it."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError, AttributeError, TypeError) as error:
        raise ValueError("it is not base64url") from error
    if _encoded(data) != text:
        raise ValueError("it is not base64url")
    return data
