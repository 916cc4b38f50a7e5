"""Secrets of the configuration: kept elsewhere, opened at load, and shown nowhere. New SECRET options are covered by themselves."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
import yaml
from msgspec import Struct

from nexus import cli, doctor
from nexus.config import Config, Masked, Option, item_struct, kind_of, load, options, shown
from nexus.errors import ConfigError
from nexus.secret_values import CONTEXT, secret_hint, secrets_in, structs_in
from nexus.security.vault import Vault

MARKER = "hunter2-of-the-test"

# What entries of lists need besides their secrets.
NEEDED: dict[str, Any] = {
    "tenant": "a", "networks": ["10.0.0.0/8"], "username": "u", "issuer": "https://id.example", "url": "https://a.example/v1/logs",
    "otlp_url": "https://a.example",
}  # fmt: skip


def document(secret: str = MARKER) -> dict[str, Any]:
    """A configuration with every secret option set, those within entries of lists, too."""
    raw: dict[str, Any] = {}
    for option in options():
        value = secrets_of(option, secret)
        if value is not None:
            holder = raw
            for part in option.path[:-1]:
                holder = holder.setdefault(part, {})
            holder[option.path[-1]] = value
    return raw


def secrets_of(option: Option, secret: str) -> Any:
    """A value of the option that holds the secret, None when it can hold none."""
    if item := item_struct(option.type):
        entries = list(entries_of(item, secret, whole=option.secret))
        for entry in entries:
            if "tenant" in entry:
                # Two lists may be of different tenants only.
                entry["tenant"] = ".".join(option.path)
        return entries or None
    return value_of(option.type, secret) if option.secret else None


def entries_of(struct: type[Struct], secret: str, *, whole: bool) -> Iterator[dict[str, Any]]:
    hints = get_type_hints(struct, include_extras=True)
    if whole or any(secret_hint(hint) for hint in hints.values()):
        entry = {}
        for info in msgspec.structs.fields(struct):
            if secret_hint(hints[info.name]):
                entry[info.name] = value_of(hints[info.name], secret)
            elif info.required:
                entry[info.name] = NEEDED.get(info.name) or value_of(hints[info.name], "x")
        yield entry


def value_of(annotated: Any, text: str) -> Any:
    kind = kind_of(annotated)
    if item := item_struct(annotated):
        return list(entries_of(item, text, whole=True))
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    return {list: [text], dict: {"key": text}}.get(get_origin(kind) or kind, text)


def structs() -> set[type[Struct]]:
    found: set[type[Struct]] = {Config}
    todo = [Config]
    while todo:
        for hint in get_type_hints(todo.pop(), include_extras=True).values():
            for struct in structs_in(hint):
                if struct not in found:
                    found.add(struct)
                    todo.append(struct)
    return found


def test_the_document_of_the_test_holds_every_secret() -> None:
    assert {name for _, _, name in secrets_in(document(), Config)} >= {
        "bootstrap.admin_password",
        "bootstrap.token",
        "receivers.forward[0].shared_key",
        "receivers.forward[0].users[0].password",
    }
    secret = sum(secret_hint(hint) for struct in structs() for hint in get_type_hints(struct, include_extras=True).values())
    assert len(list(secrets_in(document(), Config))) >= secret


def test_no_listing_and_no_repr_shows_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "nexus.yaml"
    file.write_text(yaml.safe_dump(document()))
    loaded = load({}, file)
    assert MARKER in json.dumps(msgspec.to_builtins(loaded.config, enc_hook=str))
    for _, text, _ in shown(loaded):
        assert MARKER not in text
    for text in (repr(loaded), repr(loaded.config), str(loaded.config), f"{loaded.config.receivers}"):
        assert MARKER not in text and "********" in text
    assert cli.run(["config", "show", "--config", str(file)]) == 0
    assert cli.run(["config", "check", "--config", str(file)]) == 0
    output = capsys.readouterr()
    assert MARKER not in output.out + output.err and "********" in output.out


def test_what_holds_a_secret_has_a_repr_that_does_not() -> None:
    for struct in structs():
        if any(secret_hint(hint) for hint in get_type_hints(struct, include_extras=True).values()):
            assert issubclass(struct, Masked), f"{struct.__name__} must be Masked"


def test_the_doctor_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "nexus.yaml"
    raw = document()
    raw["data_dir"] = str(tmp_path / "data")
    file.write_text(yaml.safe_dump(raw))
    monkeypatch.setattr(doctor, "CHECKS", [check for check in doctor.CHECKS if check.__name__ != "storage"])
    with caplog.at_level(logging.DEBUG):
        findings = list(doctor.examine(file))
    assert len(findings) > 5
    assert MARKER not in repr(findings) + caplog.text


WRONG = [
    f"bootstrap: {MARKER}",
    f"bootstrap: [{MARKER}]",
    f"bootstrap: {{token: [{MARKER}]}}",
    f"bootstrap: {{token: {{a: {MARKER}}}}}",
    f"receivers: {MARKER}",
    f"receivers: {{forward: {MARKER}}}",
    f"receivers: {{forward: [{MARKER}]}}",
    f"receivers: {{forward: [[{MARKER}]]}}",
    f"receivers: {{forward: [{{tenant: a, networks: [10.0.0.0/8], shared_key: [{MARKER}]}}]}}",
    f"receivers: {{forward: [{{tenant: a, networks: [10.0.0.0/8], shared_key: {MARKER}, users: {MARKER}}}]}}",
    f"receivers: {{forward: [{{tenant: a, networks: [10.0.0.0/8], users: [{{username: a, password: {MARKER}}}]}}]}}",
    f"receivers: {{forward: [{{tenant: a, networks: [10.0.0.0/8], shared_key: {MARKER}, port: 99999}}]}}",
    f"bootstrap: {{token: {MARKER}}}\nhttp: {{port: x}}",
    f"bootstrap: {{token: {MARKER}}}\nhtpt: {{}}",
    f"bootstrap: {{token: '{MARKER}}}",
    f"bootstrap: {{token: *{MARKER}}}",
    f"bootstrap: {{token: !{MARKER} x}}",
    f"bootstrap: {{token: {MARKER}: x}}",
    f"bootstrap: [{{token: {MARKER}\nhttp: 3",
    f"%{MARKER}",
    f"bootstrap: {{token: &{MARKER} &{MARKER} x}}",
    f"bootstrap:\n  token: @{MARKER}",
    f"bootstrap:\n  token: |{MARKER}\n   x",
    f"bootstrap:\n  token: 'sealed:{MARKER}'",
    f"bootstrap:\n  token: 'sealed:1:0:{MARKER}'",
]


@pytest.mark.parametrize("text", WRONG)
def test_errors_do_not_quote_them(tmp_path: Path, text: str) -> None:
    file = tmp_path / "nexus.yaml"
    Vault(tmp_path / "nexus.key")
    file.write_text(f"{text}\ndata_dir: {tmp_path}\n")
    with pytest.raises(ConfigError) as caught:
        load({}, file)
    error: BaseException | None = caught.value
    while error is not None:
        # What a traceback shows, too.
        assert MARKER not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize(
    "value", [MARKER, f"[{MARKER}]", f"[{{tenant: '{MARKER}", f"*{MARKER}", f"[{{shared_key: !{MARKER}}}]"]
)
def test_errors_of_the_environment_do_not_quote_them(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"NEXUS_RECEIVERS_FORWARD": value})
    assert MARKER not in str(caught.value)


def test_sealed_values_are_opened(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "keys" / "nexus.key")
    file = tmp_path / "nexus.yaml"
    raw = document(vault.seal(MARKER, CONTEXT)) | {"security": {"key_file": str(vault.key_file)}}
    file.write_text(yaml.safe_dump(raw))
    assert MARKER not in file.read_text()
    plain = document()
    plain["security"] = raw["security"]
    expected = msgspec.convert(plain, Config)
    assert load({}, file).config == expected
    # The environment, too; the key file in the data directory is the default.
    vault = Vault(tmp_path / "nexus.key")
    sealed = vault.seal(MARKER, CONTEXT)
    loaded = load({"NEXUS_BOOTSTRAP_TOKEN": sealed, "NEXUS_DATA_DIR": str(tmp_path)})
    assert loaded.config.bootstrap.token == MARKER


def test_what_was_sealed_for_something_else_is_refused(tmp_path: Path) -> None:
    sealed = Vault(tmp_path / "nexus.key").seal(MARKER, "totp:alice")
    with pytest.raises(ConfigError, match=r"`bootstrap.token` cannot be opened: .* another purpose"):
        load({"NEXUS_BOOTSTRAP_TOKEN": sealed, "NEXUS_DATA_DIR": str(tmp_path)})


def test_a_sealed_value_without_its_key_file_is_an_error(tmp_path: Path) -> None:
    sealed = Vault(tmp_path / "other").seal(MARKER, CONTEXT)
    with pytest.raises(ConfigError, match="is not there"):
        load({"NEXUS_BOOTSTRAP_TOKEN": sealed, "NEXUS_DATA_DIR": str(tmp_path)})
    assert not (tmp_path / "nexus.key").exists()


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    environment = {"NEXUS_BOOTSTRAP_TOKEN": f"file:{file}"}
    for content, value in (
        (MARKER, MARKER),
        (f"{MARKER}\n", MARKER),
        (f"{MARKER}\r\n", MARKER),
        (f" {MARKER}\n\n", f" {MARKER}\n"),
    ):
        file.write_bytes(content.encode())
        assert load(environment).config.bootstrap.token == value
    for wrong in (b"", b"\n", MARKER.encode() + b"\xff", b"x" * 70_000):
        file.write_bytes(wrong)
        with pytest.raises(ConfigError, match=r"`bootstrap.token` cannot be read from") as caught:
            load(environment)
        assert MARKER not in str(caught.value)
    file.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        load(environment)
    with pytest.raises(ConfigError, match="is not a file"):
        load({"NEXUS_BOOTSTRAP_TOKEN": f"file:{tmp_path}"})
    with pytest.raises(ConfigError, match="not absolute"):
        load({"NEXUS_BOOTSTRAP_TOKEN": "file:secret"})


def test_other_values_are_not_opened() -> None:
    assert load({"NEXUS_HTTP_HOST": "file:/etc/hostname"}).config.http.host == "file:/etc/hostname"


def test_the_doctor_looks_at_the_key_file(tmp_path: Path) -> None:
    config = load({"NEXUS_DATA_DIR": str(tmp_path)}).config
    (finding,) = doctor.key_file(config)
    assert finding.level == "ok" and "will be made" in finding.message
    Vault(config.key_path)
    (finding,) = doctor.key_file(config)
    assert finding.level == "ok" and "elsewhere" in finding.message
    config.key_path.chmod(0o644)
    (finding,) = doctor.key_file(config)
    assert finding.level == "fail" and "chmod 600" in finding.todo
    config.key_path.unlink()
    (tmp_path / "audit-checkpoints.jsonl").touch()
    (finding,) = doctor.key_file(config)
    assert finding.level == "fail" and "is not there" in finding.message
