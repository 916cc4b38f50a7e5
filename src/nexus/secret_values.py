"""Secret values of the configuration that are kept elsewhere: sealed with the key file, or in a file of their own.

A value of an option marked SECRET may be written as `sealed:...` (`nexus secret seal` makes it) or `file:/absolute/path`.
Both are replaced by what they stand for while the configuration is loaded, before anything looks at it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from msgspec import Meta, Struct

from nexus.errors import ConfigError, SealBroken
from nexus.security.vault import is_sealed

CONTEXT: Final = "config"
"""What secrets of the configuration are sealed for."""
FILE: Final = "file:"
MAX_FILE: Final = 64 << 10

Unseal = Callable[[str], str]


def open_secrets(raw: dict[str, Any], struct: type[Struct], unseal: Unseal) -> None:
    """Replace, in an unchecked document for the struct, every secret that is kept elsewhere. Raises `ConfigError`."""
    for holder, key, name in secrets_in(raw, struct):
        holder[key] = open_secret(holder[key], name, unseal)


def open_secret(text: str, name: str, unseal: Unseal) -> str:
    """What the value of the option `name` stands for. Raises `ConfigError`."""
    if is_sealed(text):
        try:
            return unseal(text)
        except SealBroken as error:
            raise ConfigError(f"`{name}` cannot be opened: {error.message}", hint=error.hint) from None
    if text.startswith(FILE):
        return _read(text.removeprefix(FILE), name)
    return text


def secret_hint(annotated: Any) -> bool:
    """Is a field of this type marked SECRET?"""
    return any((meta.extra or {}).get("secret") for meta in get_args(annotated) if isinstance(meta, Meta))


def holds_secrets(struct: type[Struct]) -> bool:
    """Is anything in it, or within what it holds, marked SECRET?"""
    return any(
        secret_hint(hint) or any(map(holds_secrets, structs_in(hint)))
        for hint in get_type_hints(struct, include_extras=True).values()
    )


def structs_in(annotated: Any) -> Iterator[type[Struct]]:
    """The structs that a type is, or holds a list of."""
    if isinstance(annotated, type) and issubclass(annotated, Struct):
        yield annotated
    for inner in get_args(annotated):
        yield from structs_in(inner)


def secrets_in(raw: Any, struct: type[Struct], path: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any, str]]:
    """(holder, key, name of the option) of every text in a secret place of an unchecked document."""
    if not isinstance(raw, dict):
        return
    for name, annotated in get_type_hints(struct, include_extras=True).items():
        if name not in raw:
            continue
        here = (*path, name)
        if secret_hint(annotated):
            yield from _texts(raw, name, here)
            continue
        for inner in structs_in(annotated):
            if isinstance(raw[name], list):
                for number, entry in enumerate(raw[name]):
                    yield from secrets_in(entry, inner, (*path, f"{name}[{number}]"))
            else:
                yield from secrets_in(raw[name], inner, here)


def _texts(holder: Any, key: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, Any, str]]:
    value = holder[key]
    if isinstance(value, str):
        yield holder, key, ".".join(path)
    elif isinstance(value, dict):
        for inner in list(value):
            yield from _texts(value, inner, (*path, str(inner)))
    elif isinstance(value, list):
        for number in range(len(value)):
            yield from _texts(value, number, (*path[:-1], f"{path[-1]}[{number}]"))


def _read(path: str, name: str) -> str:
    """The text of a file, without the line end that editors put there."""
    if not Path(path).is_absolute():
        raise ConfigError(f"`{name}` names a file that is not absolute.", hint="Write it like file:/etc/nexus/password.")
    try:
        return _text(_content(path))
    except OSError as error:
        raise ConfigError(f"`{name}` cannot be read from {path}: {error.strerror}.") from error
    except UnicodeDecodeError:
        # Without the cause, which holds the bytes.
        raise ConfigError(f"`{name}` cannot be read from {path}: it is not UTF-8.") from None
    except ValueError as error:
        raise ConfigError(f"`{name}` cannot be read from {path}: {error}.") from error


def _content(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a file")
        return os.read(descriptor, MAX_FILE + 1)
    finally:
        os.close(descriptor)


def _text(content: bytes) -> str:
    if len(content) > MAX_FILE:
        raise ValueError(f"it is longer than {MAX_FILE} bytes")
    text = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError("it is empty")
    return text
