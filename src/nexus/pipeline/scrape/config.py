"""`prometheus.yml`, as Prometheus reads it. Sections that are not about scraping are kept for whoever uses them, and named.

`read` takes a file with those it includes, `parse` a text. Source: Prometheus' configuration documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from nexus.errors import ConfigError
from nexus.pipeline.discovery.config import DiscoveryKeys
from nexus.pipeline.scrape.http_config import HttpSettings, Quiet, masked
from nexus.pipeline.scrape.reading import Wrong, compose, convert, located, plain
from nexus.pipeline.scrape.relabel import RelabelRule
from nexus.pipeline.scrape.values import Bytes, Span

MAX_FILE_BYTES: Final = 16 << 20
Protocol = Literal[
    "PrometheusProto", "PrometheusText0.0.4", "PrometheusText1.0.0", "OpenMetricsText0.0.1", "OpenMetricsText1.0.0"
]
PROTOCOLS: Final[tuple[Protocol, ...]] = (
    "OpenMetricsText1.0.0", "OpenMetricsText0.0.1", "PrometheusText1.0.0", "PrometheusText0.0.4",
)  # fmt: skip
"""What is asked for where nothing else is configured, in order."""
Scheme = Literal["", "legacy", "utf8"]
Escaping = Literal["", "allow-utf-8", "underscores", "dots", "values"]

_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class GlobalConfig(Quiet, frozen=True):
    """Defaults of all jobs."""

    scrape_interval: Span | None = None
    scrape_timeout: Span | None = None
    scrape_protocols: list[Protocol] | None = None
    body_size_limit: Bytes | None = None
    sample_limit: int | None = None
    target_limit: int | None = None
    label_limit: int | None = None
    label_name_length_limit: int | None = None
    label_value_length_limit: int | None = None
    keep_dropped_targets: int | None = None
    metric_name_validation_scheme: Scheme = ""
    metric_name_escaping_scheme: Escaping = ""
    scrape_native_histograms: bool | None = None
    convert_classic_histograms_to_nhcb: bool | None = None
    always_scrape_classic_histograms: bool | None = None
    extra_scrape_metrics: bool | None = None
    scrape_failure_log_file: str = ""

    evaluation_interval: Span = Span(60_000)
    rule_query_offset: Span = Span(0)
    query_log_file: str = ""
    external_labels: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        check_samples(self)
        interval, timeout = self.scrape_interval or Span(60_000), self.scrape_timeout
        if timeout is not None and timeout > interval:
            raise ValueError("`scrape_timeout` is longer than `scrape_interval`")
        for name in self.external_labels:
            if not name or name == "__name__":
                raise ValueError(f"{name!r} is no label name for `external_labels`")


class JobKeys(DiscoveryKeys, frozen=True):
    """A scrape job as it is written; None is what `global` says."""

    scrape_interval: Span | None = None
    scrape_timeout: Span | None = None
    scrape_protocols: list[Protocol] | None = None
    body_size_limit: Bytes | None = None
    sample_limit: int | None = None
    target_limit: int | None = None
    label_limit: int | None = None
    label_name_length_limit: int | None = None
    label_value_length_limit: int | None = None
    keep_dropped_targets: int | None = None
    metric_name_validation_scheme: Scheme = ""
    metric_name_escaping_scheme: Escaping = ""
    scrape_native_histograms: bool | None = None
    convert_classic_histograms_to_nhcb: bool | None = None
    always_scrape_classic_histograms: bool | None = None
    extra_scrape_metrics: bool | None = None
    scrape_failure_log_file: str = ""
    job_name: str = ""
    honor_labels: bool = False
    honor_timestamps: bool = True
    track_timestamps_staleness: bool = False
    params: dict[str, list[str]] = {}
    fallback_scrape_protocol: Protocol | Literal[""] = ""
    metrics_path: str = "/metrics"
    scheme: Literal["http", "https"] = "http"
    enable_compression: bool = True
    native_histogram_bucket_limit: int = 0
    native_histogram_min_bucket_factor: float = 0.0
    relabel_configs: list[RelabelRule] = []
    metric_relabel_configs: list[RelabelRule] = []

    def __post_init__(self) -> None:
        """Check what a single value does not show."""
        if not self.job_name:
            raise ValueError("`job_name` is empty")
        self.check_http()
        check_samples(self)


def check_samples(keys: GlobalConfig | JobKeys) -> None:
    """Raise `ValueError` when values do not fit each other."""
    if keys.scrape_protocols is not None:
        if not keys.scrape_protocols:
            raise ValueError("`scrape_protocols` is empty")
        if len(set(keys.scrape_protocols)) < len(keys.scrape_protocols):
            raise ValueError("`scrape_protocols` names one twice")
    if keys.metric_name_validation_scheme == "legacy" and keys.metric_name_escaping_scheme == "allow-utf-8":
        raise ValueError("`metric_name_escaping_scheme` allow-utf-8 needs the validation scheme utf8")


class File(Quiet, frozen=True, rename={"globals": "global"}):
    """The whole file. What is `Any` is kept as it is."""

    globals: GlobalConfig = GlobalConfig()
    runtime: Any = None
    alerting: Any = None
    rule_files: list[str] = []
    scrape_config_files: list[str] = []
    scrape_configs: list[JobKeys] = []
    storage: Any = None
    tracing: Any = None
    remote_write: list[Any] = []
    remote_read: list[Any] = []
    otlp: Any = None


class Included(Quiet, frozen=True):
    """A file that `scrape_config_files` names."""

    scrape_configs: list[JobKeys] = []


@dataclass(frozen=True, slots=True)
class Job:
    """A scrape job with everything decided. Limits of 0 are none; times are ms."""

    name: str
    keys: JobKeys
    interval: Span
    timeout: Span
    protocols: tuple[Protocol, ...]
    body_size_limit: int
    sample_limit: int
    target_limit: int
    label_limit: int
    label_name_length_limit: int
    label_value_length_limit: int
    keep_dropped_targets: int
    utf8_names: bool
    escaping: str
    native_histograms: bool
    classic_histograms: bool
    convert_histograms: bool
    extra_metrics: bool
    fingerprint: bytes
    """What tells two configurations of a job apart."""


@dataclass(frozen=True, slots=True)
class ScrapeConfig:
    """A configuration ready to run: its jobs, the whole document without secrets (for the API), the files it is made of, and
    what of it is not used here."""

    jobs: tuple[Job, ...] = ()
    shown: dict[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    unused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    document: File = File()


def read(path: Path) -> ScrapeConfig:
    """A file and those it includes. Raises `ConfigError` that names file and line."""
    return parse(_text(path), str(path), path.parent, (path,))


def parse(text: str, name: str, base: Path, files: Iterable[Path] = ()) -> ScrapeConfig:
    """A text; `base` is where paths in it begin. Raises `ConfigError`."""
    node = compose(text, name)
    try:
        document: File = convert(node, File, ()) if node is not None else File()
        shown = plain(node) if node is not None else {}
    except Wrong as error:
        raise located(error, name) from None
    jobs = [(keys, base, name) for keys in document.scrape_configs]
    read_files = list(files)
    for pattern in document.scrape_config_files:
        for path in sorted(_matching(pattern, base)):
            inner = _text(path)
            try:
                included: Included = convert(compose(inner, str(path)), Included, ()) if inner.strip() else Included()
            except Wrong as error:
                raise located(error, str(path)) from None
            jobs += [(keys, path.parent, str(path)) for keys in included.scrape_configs]
            read_files.append(path)
    decided: dict[str, Job] = {}
    for keys, where, source in jobs:
        if keys.job_name in decided:
            raise ConfigError(f"{source}: there are two scrape jobs with the name {keys.job_name!r}.")
        try:
            decided[keys.job_name] = decide(absolute(keys, where), document.globals)
        except ValueError as error:
            raise ConfigError(f"{source}: in the scrape job {keys.job_name!r}: {error}.") from None
    sections = ("alerting", "rule_files", "remote_write", "remote_read", "storage", "tracing", "otlp", "runtime")
    warnings = [
        f"the scrape job {name!r} has {' and '.join(job.keys.unsupported())}, which finds nothing here"
        for name, job in decided.items()
        if job.keys.unsupported()
    ]
    if document.globals.scrape_failure_log_file or any(keys.scrape_failure_log_file for keys in document.scrape_configs):
        warnings.append("no `scrape_failure_log_file` is written: why scrapes fail is on the page of targets")
    return ScrapeConfig(
        tuple(decided.values()),
        masked(shown or {}),
        tuple(read_files),
        tuple(key for key in sections if getattr(document, key)),
        tuple(warnings),
        document,
    )


def decide(keys: JobKeys, defaults: GlobalConfig) -> Job:
    """A job with what `global` says in place of what it does not. Raises `ValueError`."""
    interval = keys.scrape_interval or defaults.scrape_interval or Span(60_000)
    timeout = keys.scrape_timeout
    if timeout is not None and timeout > interval:
        raise ValueError(f"`scrape_timeout` {timeout} is longer than `scrape_interval` {interval}")
    timeout = timeout or min(defaults.scrape_timeout or Span(10_000), interval, key=int)
    native = _either(keys.scrape_native_histograms, defaults.scrape_native_histograms)
    own = keys.scrape_protocols or defaults.scrape_protocols
    protocols = tuple(own) if own is not None else (("PrometheusProto", *PROTOCOLS) if native else PROTOCOLS)
    scheme = keys.metric_name_validation_scheme or defaults.metric_name_validation_scheme or "utf8"
    escaping = keys.metric_name_escaping_scheme or defaults.metric_name_escaping_scheme
    if scheme == "legacy":
        if keys.metric_name_escaping_scheme == "allow-utf-8":
            raise ValueError("`metric_name_escaping_scheme` allow-utf-8 needs the validation scheme utf8")
        escaping = "underscores" if escaping in ("", "allow-utf-8") else escaping
        for rule in (*keys.relabel_configs, *keys.metric_relabel_configs):
            rule.check_classic()
    return Job(
        name=keys.job_name,
        keys=keys,
        interval=interval,
        timeout=Span(timeout),
        protocols=protocols,
        body_size_limit=_limit(keys.body_size_limit, defaults.body_size_limit),
        sample_limit=_limit(keys.sample_limit, defaults.sample_limit),
        target_limit=_limit(keys.target_limit, defaults.target_limit),
        label_limit=_limit(keys.label_limit, defaults.label_limit),
        label_name_length_limit=_limit(keys.label_name_length_limit, defaults.label_name_length_limit),
        label_value_length_limit=_limit(keys.label_value_length_limit, defaults.label_value_length_limit),
        keep_dropped_targets=_limit(keys.keep_dropped_targets, defaults.keep_dropped_targets),
        utf8_names=scheme == "utf8",
        escaping=escaping or "allow-utf-8",
        native_histograms=native,
        classic_histograms=_either(keys.always_scrape_classic_histograms, defaults.always_scrape_classic_histograms),
        convert_histograms=_either(keys.convert_classic_histograms_to_nhcb, defaults.convert_classic_histograms_to_nhcb),
        extra_metrics=_either(keys.extra_scrape_metrics, defaults.extra_scrape_metrics),
        fingerprint=msgspec.json.encode((keys, defaults), enc_hook=int),
    )


_PATHS: Final = ("username_file", "password_file", "credentials_file", "client_secret_file", "bearer_token_file", "ca_file",
                 "cert_file", "key_file", "kubeconfig_file", "files")  # fmt: skip


def absolute(value: Any, base: Path) -> Any:
    """The struct with paths in it made absolute."""
    changes: dict[str, Any] = {}
    for name in value.__struct_fields__:
        found = getattr(value, name)
        if name in _PATHS and found:
            changes[name] = [str(base / one) for one in found] if isinstance(found, list) else str(base / found)
        elif isinstance(found, Struct):
            changes[name] = absolute(found, base)
        elif isinstance(found, list) and found and isinstance(found[0], HttpSettings | Quiet):
            changes[name] = [absolute(one, base) for one in found]
        elif isinstance(found, dict) and any(isinstance(one, Quiet) for one in found.values()):
            changes[name] = {key: absolute(one, base) for key, one in found.items()}
    changes = {name: new for name, new in changes.items() if new != getattr(value, name)}
    return msgspec.structs.replace(value, **changes) if changes else value


def yaml_text(document: Any) -> str:
    """A document as YAML."""
    import yaml

    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000) if document else ""


def shown_job(config: ScrapeConfig, name: str) -> dict[str, Any] | None:
    """A job as it is written, secrets masked; None when there is none of the name."""
    job = next((job for job in config.jobs if job.name == name), None)
    if job is None:
        return None
    written = next((one for one in config.shown.get("scrape_configs") or [] if one.get("job_name") == name), None)
    given = written or masked(msgspec.to_builtins(job.keys, enc_hook=str))
    decided = {
        "job_name": name,
        "scrape_interval": str(job.interval),
        "scrape_timeout": str(job.timeout),
        "scrape_protocols": list(job.protocols),
        "metrics_path": job.keys.metrics_path,
        "scheme": job.keys.scheme,
    }
    return {**decided, **{key: value for key, value in given.items() if value not in (None, [], {}, "")}}


def _either(own: bool | None, default: bool | None) -> bool:
    return bool(default if own is None else own)


def _limit(own: int | None, default: int | None) -> int:
    return int(own or default or 0)


def _matching(pattern: str, base: Path) -> list[Path]:
    if "*" in pattern.rpartition("/")[0]:
        raise ConfigError(f"`scrape_config_files` holds {pattern!r}, which has `*` in another place than its last part.")
    whole = base / pattern
    return list(whole.parent.glob(whole.name))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_FILE_BYTES} bytes.")
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}.") from error
