"""prometheus.yml: what it means, what is refused and how, and that Prometheus' own files are read alike."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from nexus.config import Config
from nexus.config import ScrapeConfig as ScrapeSettings
from nexus.doctor import scraping
from nexus.errors import ConfigError
from nexus.pipeline.scrape.config import Job, ScrapeConfig, parse, read, shown_job, yaml_text
from nexus.pipeline.scrape.loop import accept_header, next_tick


def parsed(text: str) -> ScrapeConfig:
    return parse(text, "prometheus.yml", Path("/etc/prometheus"))


def job(text: str, top: str = "") -> Job:
    return parsed(f"{top}\nscrape_configs:\n- job_name: j\n  {text}\n").jobs[0]


def test_defaults_and_what_global_says() -> None:
    found = job("metrics_path: /m", "global: {scrape_interval: 5s, sample_limit: 7, scrape_native_histograms: true}")
    assert (found.interval, found.timeout, found.sample_limit) == (5000, 5000, 7)
    assert found.protocols[0] == "PrometheusProto"
    plain = job("scrape_interval: 1m")
    assert (plain.interval, plain.timeout, plain.native_histograms, plain.utf8_names) == (60_000, 10_000, False, True)
    assert accept_header(plain) == (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
        "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
        "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    )
    legacy = job("metric_name_validation_scheme: legacy")
    assert (legacy.utf8_names, legacy.escaping) == (False, "underscores")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "scrape_intervall: 5s",
            "line 4: `scrape_configs[0]` has no key `scrape_intervall`. Did you mean `scrape_interval`?",
        ),
        ("scrape_interval: 5", "line 4: `scrape_configs[0].scrape_interval`: '5' is not a duration"),
        ("scheme: ftp", "line 4: `scrape_configs[0].scheme`: 'ftp' is none of http, https"),
        ("scrape_timeout: 2m", "`scrape_timeout` 2m is longer than `scrape_interval` 1m"),
        ("static_configs: [{targets: ['http://x']}]", "'http://x' is not a valid hostname"),
        ("static_configs: [{targets: ['x'], label: {}}]", "Did you mean `labels`?"),
        ("basic_auth: {username: a}\n  bearer_token: b", "at most one of"),
        (
            "relabel_configs: [{action: keep, regex: '('}]",
            "line 4: `scrape_configs[0].relabel_configs[0]`: rule 1: error parsing",
        ),
        ("scrape_protocols: [PrometheusText]", "is none of PrometheusProto"),
        ("file_sd_configs: [{files: ['*/x.yml']}]", "is not the path of a .json, .yml or .yaml file"),
        ("job_name: k", "has the key `job_name` twice"),
        ("proxy_url: socks5://x", "must be an http or https address"),
        ("honor_labels: maybe", "is neither true nor false"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        job(text)
    assert message in str(refused.value)


def test_two_jobs_of_one_name_and_no_yaml() -> None:
    with pytest.raises(ConfigError, match="two scrape jobs with the name 'a'"):
        parsed("scrape_configs: [{job_name: a}, {job_name: a}]")
    with pytest.raises(ConfigError, match="line 1 is not YAML"):
        parsed("scrape_configs: [")
    with pytest.raises(ConfigError, match="needs"):
        parsed("scrape_configs: [{job_name: a, oauth2: {client_id: x}}]")


def test_secrets_are_shown_nowhere() -> None:
    text = """
scrape_configs:
- job_name: j
  basic_auth: {username: me, password: geheim-1}
  http_headers: {X-Key: {secrets: [geheim-2]}}
  consul_sd_configs: [{server: c, token: geheim-3}]
  proxy_url: http://me:geheim-4@proxy:3128
remote_write: [{url: "http://x", basic_auth: {password: geheim-5}}]
"""
    config = parsed(text)
    shown = yaml_text(config.shown) + yaml_text(shown_job(config, "j")) + repr(config.jobs[0].keys) + repr(config.document)
    assert "geheim" not in shown
    assert "<secret>" in shown
    assert "username: me" in shown


def test_sections_of_others_are_kept_and_named() -> None:
    config = parsed(
        "rule_files: [a.yml]\nalerting: {alertmanagers: []}\nstorage: {tsdb: {}}\n"
        "scrape_configs: [{job_name: a, azure_sd_configs: [{subscription_id: x}]}]"
    )
    assert config.unused == ("alerting", "rule_files", "storage")
    assert config.warnings == ("the scrape job 'a' has azure_sd_configs, which finds nothing here",)


def test_included_files_and_paths(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "one.yml").write_text(
        "scrape_configs: [{job_name: b, bearer_token_file: token, file_sd_configs: [{files: [t.json]}]}]"
    )
    (tmp_path / "p.yml").write_text("scrape_config_files: ['jobs/*.yml']\nscrape_configs: [{job_name: a}]\nglobal: {}\n")
    config = read(tmp_path / "p.yml")
    assert [one.name for one in config.jobs] == ["a", "b"]
    keys = config.jobs[1].keys
    assert keys.bearer_token_file == str(tmp_path / "jobs" / "token")
    assert keys.file_sd_configs[0].files == [str(tmp_path / "jobs" / "t.json")]
    assert len(config.files) == 2
    (tmp_path / "jobs" / "one.yml").write_text("global: {}")
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path}/jobs/one.yml, line 1: the file has no key `global`")):
        read(tmp_path / "p.yml")


def test_the_doctor_looks_at_it(tmp_path: Path) -> None:
    path = tmp_path / "p.yml"
    config = Config(scrape=ScrapeSettings(file=str(path)))
    path.write_text("scrape_configs: [{job_name: a}, {job_name: b, gce_sd_configs: [{project: x}]}]")
    assert [(one.level, one.message) for one in scraping(config)] == [
        ("ok", f"{path}, 2 jobs"),
        ("warn", "the scrape job 'b' has gce_sd_configs, which finds nothing here"),
    ]
    path.write_text("scrape_config: []")
    (finding,) = scraping(config)
    assert finding.level == "fail"
    assert "line 1" in finding.message
    assert list(scraping(Config())) == []


def test_ticks_have_their_place_in_the_interval() -> None:
    assert next_tick(1000.0, 100, 30) == 1030
    assert next_tick(1030.0, 100, 30) == 1130
    assert next_tick(1029.9, 100, 30) == 1030


OTHERS = re.compile(
    r"(azure|remote_|otlp_|tracing|tsdb|eureka|marathon|outscale|puppet|uyuni|stackit|lightsail|alert|rules\.bad|empty_r[rw]"
    r"|aws_|ec2_role)"
)
"""Files about sections that Nexus keeps without reading them."""


@pytest.mark.skipif("PROMETHEUS_SOURCE" not in os.environ, reason="PROMETHEUS_SOURCE names no source of Prometheus")
def test_the_files_of_prometheus_itself() -> None:
    """What Prometheus takes is taken, what it refuses is refused, as far as it is about scraping."""
    differing = []
    files = sorted((Path(os.environ["PROMETHEUS_SOURCE"]) / "config" / "testdata").glob("*.yml"))
    assert len(files) > 150
    for path in files:
        try:
            read(path)
            good = True
        except ConfigError:
            good = False
        if good == (".bad." in path.name) and not (good and OTHERS.search(path.name)):
            differing.append(path.name)
    assert differing == []


@pytest.mark.skipif("PROMTOOL_BIN" not in os.environ, reason="PROMTOOL_BIN names no promtool")
def test_promtool_agrees(tmp_path: Path) -> None:
    path = tmp_path / "p.yml"
    for text in (
        "scrape_configs: [{job_name: a, scrape_interval: 5s, relabel_configs: [{action: hashmod, target_label: x, modulus: 8}]}]",
        "scrape_configs: [{job_name: a, scrape_interval: 5}]",
        "scrape_configs: [{job_name: a, relabel_configs: [{action: lowercase, target_label: x, replacement: y}]}]",
        "scrape_configs: [{job_name: a, honor_label: true}]",
        "global: {scrape_interval: 5s, scrape_timeout: 6s}",
        "scrape_configs: [{job_name: a, kubernetes_sd_configs: [{role: pods}]}]",
        "scrape_configs: [{job_name: a, dns_sd_configs: [{names: [x], type: A}]}]",
        "scrape_configs: [{job_name: a, static_configs: [{targets: [1, 2], labels: {a: 1, b: true}}]}]",
    ):
        path.write_text(text)
        checked = subprocess.run([os.environ["PROMTOOL_BIN"], "check", "config", str(path)], capture_output=True)
        try:
            read(path)
            good = True
        except ConfigError:
            good = False
        assert good == (checked.returncode == 0), (text, checked.stderr)
