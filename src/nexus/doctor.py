"""`nexus doctor`: looks at the configuration, the machine and the data directory, and says what to do.

Every check is a function from the configuration to a finding; a check that fails itself is a finding too. Nothing is
changed, except that opening the engine repairs what an unclean stop left, as `nexus up` would.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from nexus import __version__, runtime
from nexus.config import Config, ListenerConfig, TlsConfig, load
from nexus.errors import ConfigError, NexusError
from nexus.model.units import Size
from nexus.pipeline.receivers.tls import TlsFiles, expiry, server_context

Level = Literal["ok", "warn", "fail"]

MIN_OPEN_FILES: Final = 4096
GOOD_OPEN_FILES: Final = 16_384
MIN_MEMORY: Final = 1 << 30
GOOD_MEMORY: Final = 2 << 30
LOW_DISK: Final = 5 << 30
EARLIEST_CLOCK: Final = 1_767_225_600  # 2026-01-01: no release is older
TIMEOUT: Final = 5.0
CERTIFICATE_DAYS: Final = 21
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what to do about it."""

    check: str
    level: Level
    message: str
    todo: str = ""


Check = Callable[[Config], Iterator[Finding]]


def run(file: Path | None, *, as_json: bool) -> int:
    """Print the findings as they come; 0 when nothing fails, otherwise 1."""
    findings = []
    for finding in examine(file):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        failed = sum(finding.level == "fail" for finding in findings)
        warned = sum(finding.level == "warn" for finding in findings)
        print(f"{failed} failed, {warned} to look at" if failed or warned else "All is well.")
    return 1 if any(finding.level == "fail" for finding in findings) else 0


def examine(file: Path | None) -> Iterator[Finding]:
    """Every finding, in order. Without a right configuration there is only that one."""
    try:
        loaded = load(file=file)
    except ConfigError as error:
        yield Finding("configuration", "fail", error.message, error.hint)
        return
    source = str(loaded.file) if loaded.file else "no file"
    yield Finding("configuration", "ok", f"{source}, {len(loaded.sources)} values set")
    for check in CHECKS:
        name = check.__name__.strip("_").replace("_", " ")
        try:
            yield from check(loaded.config)
        except Exception as error:
            yield Finding(name, "fail", f"the check itself failed: {error}", "Report this with the message.")


def native_module(config: Config) -> Iterator[Finding]:
    """The native module loads and is of this version."""
    try:
        from nexus import _native
    except ImportError as error:
        yield Finding("native module", "fail", f"does not load: {error}", "Run `make setup`, or install the wheel again.")
        return
    found = _native.version()
    if found != __version__:
        yield Finding("native module", "warn", f"is {found}, Nexus is {__version__}", "Run `make setup`.")
    else:
        yield Finding("native module", "ok", f"version {found}")


def web_ui(config: Config) -> Iterator[Finding]:
    """The UI is built."""
    if (Path(__file__).parent / "server" / "static" / "index.html").is_file():
        yield Finding("web UI", "ok", "built")
    else:
        yield Finding("web UI", "warn", "is not built: the API works, the browser shows nothing", "Run `make setup`.")


def clock(config: Config) -> Iterator[Finding]:
    """The clock is plausible and goes forward."""
    now = time.time()
    if now < EARLIEST_CLOCK:
        yield Finding("clock", "fail", "is in the past", "Set the clock; records without a time get this one.")
        return
    synchronised = Path("/run/systemd/timesync/synchronized")
    if Path("/run/systemd/timesync").is_dir() and not synchronised.exists():
        yield Finding("clock", "warn", "is not synchronised", "Turn on time synchronisation (timedatectl set-ntp true).")
    else:
        yield Finding("clock", "ok", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)))


def open_files(config: Config) -> Iterator[Finding]:
    """Enough files may be open at a time."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    todo = f"Raise it: ulimit -n {GOOD_OPEN_FILES}, or LimitNOFILE in the service unit."
    if soft == resource.RLIM_INFINITY or soft >= GOOD_OPEN_FILES:
        yield Finding("open files", "ok", f"limit {soft}")
    elif soft >= MIN_OPEN_FILES or hard >= GOOD_OPEN_FILES:
        yield Finding("open files", "warn", f"the limit is {soft}; busy installations need more", todo)
    else:
        yield Finding("open files", "fail", f"the limit is {soft}, at least {MIN_OPEN_FILES} are needed", todo)


def memory(config: Config) -> Iterator[Finding]:
    """There is enough memory for engine and process."""
    available = _available_memory()
    text = f"{available / (1 << 30):.1f} GiB available"
    if available < MIN_MEMORY:
        yield Finding("memory", "fail", text, "Nexus needs 1 GiB at least, 2 GiB for steady work.")
    elif available < GOOD_MEMORY:
        yield Finding("memory", "warn", text, "2 GiB are better; storage.memory_bytes caps the engine.")
    elif config.storage.memory_bytes > available:
        yield Finding(
            "memory",
            "warn",
            f"{text}, but storage.memory_bytes is {Size(config.storage.memory_bytes)}",
            "Lower storage.memory_bytes.",
        )
    else:
        yield Finding("memory", "ok", text)


def disk_space(config: Config) -> Iterator[Finding]:
    """There is room where the data lies, and it may be written."""
    place = _existing(config.data_path)
    if not os.access(place, os.W_OK):
        yield Finding("disk", "fail", f"{place} may not be written", "Choose another data_dir, or change its owner.")
        return
    usage = shutil.disk_usage(place)
    reserve = int(config.storage.disk_reserve_bytes) or min(max(512 << 20, usage.total // 100), 8 << 30)
    text = f"{usage.free / (1 << 30):.1f} GiB free at {place}"
    if usage.free <= reserve:
        yield Finding(
            "disk",
            "fail",
            f"{text}; ingest is refused below {reserve / (1 << 30):.1f} GiB",
            "Free space, shorten retention.logs, or lower storage.disk_reserve_bytes.",
        )
    elif usage.free < reserve + LOW_DISK:
        yield Finding("disk", "warn", text, "Free space, or shorten retention.logs.")
    else:
        yield Finding("disk", "ok", text)


def ports(config: Config) -> Iterator[Finding]:
    """The ports are free, or Nexus itself has them."""
    running = runtime.read(config.data_path)
    wanted = (
        ("http.port", config.http.host, config.http.port, "http_port"),
        ("otlp.grpc_port", config.otlp_host, config.otlp.grpc_port, "otlp_grpc_port"),
        ("otlp.http_port", config.otlp_host, config.otlp.http_port, "otlp_http_port"),
    )
    for name, host, port, key in wanted:
        if port == 0:
            yield Finding("ports", "ok", f"{name} is picked at the start")
        elif running and running.get(key) == port:
            yield Finding("ports", "ok", f"{name} {port} is served by the running Nexus (pid {running['pid']})")
        elif problem := _bind_problem(host, port):
            variable = "NEXUS_" + name.upper().replace(".", "_")
            yield Finding(
                "ports", "fail", f"{name} {host}:{port} {problem}", f"Stop what uses it, or set {name} ({variable})."
            )
        else:
            yield Finding("ports", "ok", f"{name} {host}:{port} is free")


def listeners(config: Config) -> Iterator[Finding]:
    """The listeners for senders without credentials: their ports, and their certificates."""
    running = runtime.read(config.data_path)
    served = [(one["receiver"], one["port"]) for one in running.get("listeners", [])] if running else []
    found = [(f"syslog_{one.protocol}", one) for one in config.receivers.syslog]
    for receiver, one in [*found, *((f"forward_{one.protocol}", one) for one in config.receivers.forward)]:
        host = one.host or config.http.host
        kind = socket.SOCK_DGRAM if receiver == "syslog_udp" else socket.SOCK_STREAM
        if one.port == 0:
            yield Finding("listeners", "ok", f"{receiver}: the port is picked at the start")
        elif (receiver, one.port) in served:
            yield Finding("listeners", "ok", f"{receiver} {one.port} is served by the running Nexus")
        elif problem := _bind_problem(host, one.port, kind):
            todo = "Stop what uses it, choose another port, or grant the right to bind ports below 1024."
            yield Finding("listeners", "fail", f"{receiver} {host}:{one.port} {problem}", todo)
        else:
            yield Finding("listeners", "ok", f"{receiver} {host}:{one.port} is free")
        if one.certificate:
            yield _certificate(receiver, one)


def _certificate(receiver: str, one: ListenerConfig) -> Finding:
    return _judged("listeners", receiver, TlsFiles(one.certificate, one.key, one.client_ca))


def tls(config: Config) -> Iterator[Finding]:
    """The certificates of the HTTP and OTLP ports: they can be used, key and certificate belong together, and they last."""
    ports: list[tuple[str, TlsConfig]] = [("http.tls", config.http.tls)]
    if config.otlp.tls.certificate:
        ports.append(("otlp.tls", config.otlp.tls))
    for name, one in ports:
        if one.certificate:
            yield _judged("tls", name, TlsFiles(one.certificate, one.key, one.client_ca, one.min_version))


def _judged(check: str, name: str, files: TlsFiles) -> Finding:
    """What is to be said about a port's certificate."""
    try:
        server_context(files.certificate, files.key, files.client_ca, files.min_version)
        ends = expiry(files.certificate)
    except ConfigError as error:
        return Finding(check, "fail", f"{name}: {error.message}", error.hint)
    except (OSError, ValueError, IndexError) as error:
        return Finding(check, "warn", f"{name}: cannot tell when {files.certificate} ends: {error}")
    days = (ends.timestamp() - time.time()) / 86_400
    text = f"{name}: {files.certificate} is valid until {ends:%Y-%m-%d}"
    todo = "Renew it; Nexus reads it again by itself, or on SIGHUP."
    if days < 0:
        return Finding(check, "fail", f"{name}: {files.certificate} ended on {ends:%Y-%m-%d}", todo)
    return Finding(check, "warn" if days < CERTIFICATE_DAYS else "ok", text, todo)


def key_file(config: Config) -> Iterator[Finding]:
    """The key file is there, nobody else can read it, and it does not lie beside what it protects."""
    from nexus.security.audit.checkpoint_file import FILE
    from nexus.security.vault import Vault

    path = config.key_path
    if not path.exists() and not (config.data_path / FILE).exists():
        # Nothing was signed here yet.
        yield Finding("key file", "ok", f"{path} will be made at the first start")
        return
    try:
        Vault(path, must_exist=True)
    except ConfigError as error:
        yield Finding("key file", "fail", error.message, error.hint)
        return
    if path.is_relative_to(config.data_path):
        yield Finding("key file", "ok", f"{path}; security.key_file can put it elsewhere, so that stolen data is of no use")
    else:
        yield Finding("key file", "ok", f"{path}")


def exposure(config: Config) -> Iterator[Finding]:
    """Nothing is open to the network without a thought."""
    todo = "Set {0}.certificate, or put a TLS proxy in front and name it in http.trusted_proxies."
    places: list[tuple[str, str, str, TlsConfig]] = [("http.host", config.http.host, "http.tls", config.http.tls)]
    if config.otlp.host:
        places.append(("otlp.host", config.otlp.host, "otlp.tls", config.otlp_tls))
    for name, host, section, files in places:
        if host not in _LOOPBACK and not config.http.trusted_proxies and not files.certificate:
            text = f"{name} is {host}: passwords and keys cross the network in clear"
            yield Finding("exposure", "warn", text, todo.format(section))


def storage(config: Config) -> Iterator[Finding]:
    """The engine opens on the data directory, or the running Nexus is ready."""
    running = runtime.read(config.data_path)
    if running:
        yield _ask_running(running)
        return
    if not config.data_path.exists():
        yield Finding("storage", "ok", f"{config.data_path} will be made at the first start")
        return
    from nexus import components

    try:
        pending = components.migrate(config, dry_run=True)
    except NexusError as error:
        yield Finding("storage", "fail", error.message, error.hint)
        return
    if pending:
        yield Finding("storage", "ok", f"the engine opens; {len(pending)} migration statements run at the next start")
    else:
        yield Finding("storage", "ok", "the engine opens, the format is current")


def metric_log(config: Config) -> Iterator[Finding]:
    """Samples of metrics that wait in the log are few, as they are when they get into the tables."""
    folder = config.data_path / "metrics"
    files = [path.stat() for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
    size, limit = sum(file.st_size for file in files), int(config.metrics.log_bytes)
    text = f"{size / 2**20:,.0f} MiB of samples wait in {len(files)} files, of {limit / 2**20:,.0f} MiB at most"
    if size > limit // 2:
        todo = "The server's log says what keeps them from being stored; beyond the limit ingest stops with a 503."
        yield Finding("metric log", "warn", text, todo)
    else:
        yield Finding("metric log", "ok", text)


def scraping(config: Config) -> Iterator[Finding]:
    """The scrape configuration can be read."""
    from nexus.pipeline.scrape.config import parse, read, yaml_text

    settings = config.scrape
    if not settings.file and not settings.configs:
        return
    try:
        if settings.file:
            found = read(Path(settings.file).expanduser().absolute())
        else:
            found = parse(yaml_text({"scrape_configs": settings.configs}), "scrape.configs", Path.cwd())
    except ConfigError as error:
        yield Finding("scraping", "fail", error.message, error.hint or "Nexus does not start with it.")
        return
    yield Finding("scraping", "ok", f"{settings.file or 'scrape.configs'}, {len(found.jobs)} jobs")
    for warning in found.warnings:
        yield Finding("scraping", "warn", warning, "See the guide on replacing Prometheus.")


def metadata(config: Config) -> Iterator[Finding]:
    """The database of users, keys and settings can be reached and read, and is not newer than this program."""
    from nexus import components

    try:
        found = components.metadata_state(config)
    except ConfigError as error:
        yield Finding("metadata", "fail", error.message, error.hint)
        return
    if found.version == 0:
        yield Finding("metadata", "ok", f"{found.where}: will be made at the first start")
    elif found.version < found.current:
        text = f"{found.where}: version {found.version}, the next start brings it to {found.current}"
        yield Finding("metadata", "ok", text)
    else:
        yield Finding("metadata", "ok", f"{found.where}: version {found.version}, current")


CHECKS: Final[tuple[Check, ...]] = (
    native_module,
    web_ui,
    clock,
    open_files,
    memory,
    disk_space,
    ports,
    listeners,
    tls,
    key_file,
    exposure,
    storage,
    metric_log,
    scraping,
    metadata,
)


def _ask_running(running: dict[str, object]) -> Finding:
    url = f"{running['url']}/-/ready"
    try:
        # It is this machine that is asked, by an address that no certificate is for, and nothing secret is said.
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(url, timeout=TIMEOUT, context=context) as response:
            response.read()
    except urllib.error.HTTPError as error:
        return Finding("storage", "fail", f"pid {running['pid']} is not ready: {error.read()[:300]!r}", "See its log.")
    except OSError as error:
        return Finding(
            "storage", "fail", f"pid {running['pid']} does not answer at {url}: {error}", "See its log, or restart it."
        )
    return Finding("storage", "ok", f"pid {running['pid']} is ready at {running['url']}")


def _bind_problem(host: str, port: int, kind: int = socket.SOCK_STREAM) -> str:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind, protocol) as sock:
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "is in use"
        return f"cannot be used: {error.strerror or error}"
    return ""


def _available_memory() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    available = total
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            available = int(line.split()[1]) * 1024
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (text := limit.read_text().strip()).isdigit():
        available = min(available, int(text))
    return available


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


_WIDTH: Final = 13
_MARKS: Final = {"ok": ("ok  ", "32"), "warn": ("WARN", "33"), "fail": ("FAIL", "31")}


def _print(finding: Finding) -> None:
    mark, colour = _MARKS[finding.level]
    shown = f"\033[{colour}m{mark}\033[0m" if sys.stdout.isatty() else mark
    print(f"{shown}  {finding.check.ljust(_WIDTH)}  {finding.message}", flush=True)
    if finding.todo and finding.level != "ok":
        print(f"      {' ' * _WIDTH}  -> {finding.todo}", flush=True)
