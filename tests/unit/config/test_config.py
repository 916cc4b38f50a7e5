"""Configuration: precedence, errors that name the nearest key, units, reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.config import Config, load, options, reloaded, shown
from nexus.errors import ConfigError


def test_defaults_are_those_of_the_structs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load({})
    assert loaded.config == Config()
    assert loaded.sources == {}
    assert loaded.config.http.port == 8080
    assert loaded.config.retention.days() == {"logs": 30, "metrics": 30, "traces": 30}


def test_environment_goes_before_file_and_file_before_default(tmp_path: Path) -> None:
    file = tmp_path / "nexus.yaml"
    file.write_text("http: {port: 9000, host: 0.0.0.0}\nretention: {logs: 90d}\n")
    loaded = load({"NEXUS_HTTP_PORT": "9001", "NEXUS_CONFIG": str(file)})
    assert loaded.config.http.port == 9001
    assert loaded.config.http.host == "0.0.0.0"
    assert loaded.config.retention.logs.days == 90
    assert loaded.config.otlp.http_port == 4318
    assert loaded.sources == {"http.port": "NEXUS_HTTP_PORT", "http.host": str(file), "retention.logs": str(file)}


def test_a_file_in_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nexus.yaml").write_text("durability: fsync\n")
    assert load({}).config.durability == "fsync"


def test_an_empty_file_is_right(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("# nothing\nhttp:\n")
    assert load({}, file).config == Config()


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("NEXUS_SELF_TELEMETRY", "off", ("self_telemetry",), False),
        ("NEXUS_SELF_TELEMETRY", "ON", ("self_telemetry",), True),
        ("NEXUS_TENANTS_AUTO_CREATE", "0", ("tenants", "auto_create"), False),
        ("NEXUS_RETENTION_LOGS", "0", ("retention", "logs"), 0),
        ("NEXUS_RETENTION_TRACES", "36h", ("retention", "traces"), 36 * 3600),
        ("NEXUS_INGEST_QUEUE_BYTES", "1GiB", ("ingest", "queue_bytes"), 1 << 30),
        ("NEXUS_HTTP_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2", ("http", "trusted_proxies"), ["10.0.0.1", "10.0.0.2"]),
        ("NEXUS_BOOTSTRAP_ADMIN_PASSWORD", " with blanks ", ("bootstrap", "admin_password"), " with blanks "),
        ("NEXUS_LOG_LEVEL", "debug", ("log", "level"), "debug"),
    ],
)
def test_every_kind_of_value_has_a_text_form(variable: str, text: str, path: tuple[str, ...], value: object) -> None:
    config: object = load({variable: text}).config
    for part in path:
        config = getattr(config, part)
    assert config == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("htp: {port: 1}", "no key `htp`. Did you mean `http`?"),
        ("http: {prot: 1}", "no key `http.prot`. Did you mean `http.port`?"),
        ("queue_bytes: 1", "no key `queue_bytes`. Did you mean `ingest.queue_bytes`?"),
        ("http: 8080", "`http` holds keys of its own, not 8080."),
        ("http: {port: many}", "`http.port`"),
        ("http: {port: 70000}", "`http.port`"),
        ("retention: {logs: soon}", "'soon' is not a duration"),
        ("ingest: {queue_bytes: 3 apples}", "'3 apples' is not a size"),
        ("durability: perhaps", "`durability`"),
        ("receivers: {sylog: []}", "no key `receivers.sylog`. Did you mean `receivers.syslog`?"),
        (
            "receivers: {syslog: [{protcol: udp}]}",
            "no key `receivers.syslog[0].protcol`. Did you mean `receivers.syslog[0].protocol`?",
        ),
        ("receivers: {syslog: [{zzz: udp}]}", "Its keys are tenant, networks,"),
        ("receivers: {syslog: [udp]}", "`receivers.syslog[0]` holds keys of its own, not 'udp'."),
        ("receivers: {syslog: udp}", "`receivers.syslog` is a list of entries with keys of their own, not 'udp'."),
        ("receivers: {syslog: [{protocol: udp, tenant: a}]}", "missing required field `networks`"),
        ("receivers: {syslog: [{protocol: udp, tenant: a, networks: []}]}", "`receivers.syslog[0].networks`"),
        ("receivers: {syslog: [{protocol: udp, tenant: a, networks: [all]}]}", "'all', which is no network"),
        ("receivers: {syslog: [{protocol: udp, tenant: a/b, networks: [10.0.0.0/8]}]}", "is not a tenant name"),
        ("receivers: {syslog: [{protocol: tls, tenant: a, networks: [10.0.0.0/8]}]}", "protocol tls needs a `certificate`"),
        ("receivers: {syslog: [{protocol: tcp, tenant: a, networks: [10.0.0.0/8], key: x}]}", "write protocol: tls"),
        ("receivers: {syslog: [{protocol: tcp, tenant: a, networks: [10.0.0.0/8], timezone: Mars}]}", "`timezone` 'Mars'"),
        ("receivers: {forward: [{tenant: a, networks: [10.0.0.0/8], users: [{username: u, password: p}]}]}", "`shared_key`"),
        ("receivers: {forward: [{tenant: a, networks: [10.0.0.0/8], users: [{name: u}]}]}", "users[0].name`. Did you mean"),
        ("- a list", "must hold keys and values"),
        ("a: [", "is not YAML"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "nexus.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load({}, file)
    assert message in str(caught.value)
    assert "nexus.yaml" in str(caught.value)


def test_mistakes_in_the_environment_are_named() -> None:
    with pytest.raises(ConfigError, match=r"NEXUS_HTP_PORT is not a setting\. Did you mean NEXUS_HTTP_PORT\?"):
        load({"NEXUS_HTP_PORT": "1"})
    with pytest.raises(ConfigError, match=r"`http.port` \(from NEXUS_HTTP_PORT\)"):
        load({"NEXUS_HTTP_PORT": "many"})


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(ConfigError, match="there is no configuration file"):
        load({"NEXUS_CONFIG": "/nowhere/nexus.yaml"})


@pytest.mark.parametrize(
    "variable",
    [
        "NEXUS_URL",
        "NEXUS_TOKEN",
        "NEXUS_BIN",
        "NEXUS_SERVICE_HOST",
        "NEXUS_PORT",
        "NEXUS_PORT_8080_TCP_ADDR",
        "NEXUS_TEST_X",
    ],
)
def test_variables_of_others_are_left_alone(variable: str) -> None:
    assert load({variable: "whatever"}).sources == {}


def test_environment_names_are_unique_and_documented() -> None:
    every = list(options())
    assert len({option.variable for option in every}) == len(every)
    assert all(option.description for option in every)
    names = {option.variable for option in every}
    assert names >= {
        "NEXUS_DATA_DIR", "NEXUS_HTTP_HOST", "NEXUS_HTTP_PORT", "NEXUS_OTLP_GRPC_PORT", "NEXUS_OTLP_HTTP_PORT",
        "NEXUS_RETENTION_LOGS", "NEXUS_RETENTION_METRICS", "NEXUS_RETENTION_TRACES", "NEXUS_LOG_LEVEL",
        "NEXUS_SELF_TELEMETRY", "NEXUS_BOOTSTRAP_ADMIN_PASSWORD", "NEXUS_BOOTSTRAP_TOKEN",
    }  # fmt: skip


def test_secrets_are_not_shown() -> None:
    loaded = load({"NEXUS_BOOTSTRAP_TOKEN": "very-secret", "NEXUS_HTTP_PORT": "1"})
    rows = {option.name: (text, source) for option, text, source in shown(loaded)}
    assert rows["bootstrap.token"] == ("********", "NEXUS_BOOTSTRAP_TOKEN")
    assert rows["http.port"] == ("1", "NEXUS_HTTP_PORT")
    assert rows["otlp.http_port"] == ("4318", "default")
    assert "very-secret" not in str(rows)


def test_a_reload_takes_what_it_can() -> None:
    current = load({}).config
    fresh = load({"NEXUS_LOG_LEVEL": "debug", "NEXUS_HTTP_PORT": "1", "NEXUS_RETENTION_LOGS": "7d"}).config
    merged, taken, waiting = reloaded(current, fresh)
    assert sorted(taken) == ["log.level", "retention.logs"]
    assert waiting == ["http.port"]
    assert (merged.log.level, merged.retention.logs.days, merged.http.port) == ("debug", 7, 8080)


def test_listeners_come_from_file_and_environment(tmp_path: Path) -> None:
    file = tmp_path / "nexus.yaml"
    file.write_text(
        "receivers:\n  syslog:\n    - {protocol: udp, tenant: a, networks: [10.0.0.0/8], max_message_bytes: 64KiB}\n"
    )
    text = '[{"tenant": "b", "networks": ["::/0"], "shared_key": "hush", "users": [{"username": "u", "password": "hush"}]}]'
    loaded = load({"NEXUS_RECEIVERS_FORWARD": text}, file)
    (syslog,), (forward,) = loaded.config.receivers.syslog, loaded.config.receivers.forward
    assert (syslog.tenant, syslog.port, syslog.max_message_bytes) == ("a", 514, 64 << 10)
    assert (forward.tenant, forward.port, forward.users[0].username) == ("b", 24224, "u")
    rows = {option.name: (text, source) for option, text, source in shown(loaded)}
    assert "protocol: udp" in rows["receivers.syslog"][0]
    assert rows["receivers.forward"][1] == "NEXUS_RECEIVERS_FORWARD"
    assert "hush" not in str(rows)
    _, taken, waiting = reloaded(Config(), loaded.config)
    assert (taken, waiting) == ([], ["receivers.syslog", "receivers.forward"])


def test_mistakes_in_lists_of_the_environment_are_named() -> None:
    with pytest.raises(ConfigError, match=r"NEXUS_RECEIVERS_SYSLOG: there is no key `receivers.syslog\[0\].prot`"):
        load({"NEXUS_RECEIVERS_SYSLOG": '[{"prot": "udp"}]'})
    with pytest.raises(ConfigError, match="NEXUS_RECEIVERS_SYSLOG is not YAML"):
        load({"NEXUS_RECEIVERS_SYSLOG": "[{"})
