"""What every benchmark shares: child processes and their CPU time and memory, disk use, HTTP, results.

Everything is read from ``/proc`` (Linux). CPU time is that of the whole process tree of a server, including children
that have ended, and nothing else: the load comes from another process.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

REPOSITORY: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = Path(__file__).resolve().parent / "results"
_TICK: Final = os.sysconf("SC_CLK_TCK")


class BenchmarkError(Exception):
    """A measurement that cannot be made: a server that does not start, an answer that is wrong."""


@dataclass(frozen=True)
class Memory:
    """Resident memory of a process tree in MB (10^6 bytes): all of it, and the part that no file backs."""

    rss_mb: float
    anonymous_mb: float


def free_ports(count: int) -> list[int]:
    """Different loopback ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


def process_tree(pid: int) -> list[int]:
    """The process and its living descendants."""
    tree = [pid]
    for parent in tree:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                tree += map(int, (task / "children").read_text().split())
    return tree


def cpu_seconds(pid: int) -> float:
    """User and system time of the process tree so far, with that of children already waited for."""
    total = 0
    for member in process_tree(pid):
        with contextlib.suppress(OSError):
            after_name = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, after_name[11:15]))
    return total / _TICK


def _kilobytes(text: str, keys: Iterable[str]) -> list[int]:
    values = {name: rest.split()[0] for name, _, rest in (line.partition(":") for line in text.splitlines()) if rest.strip()}
    return [int(values.get(key, 0)) for key in keys]


def memory(pid: int, *, exact: bool = True) -> Memory:
    """Memory of the process tree: from ``smaps_rollup`` when exact, else from the cheaper ``status``."""
    name, keys = ("smaps_rollup", ("Rss", "Anonymous")) if exact else ("status", ("VmRSS", "RssAnon"))
    rss = anonymous = 0
    for member in process_tree(pid):
        with contextlib.suppress(OSError):
            values = _kilobytes(Path(f"/proc/{member}/{name}").read_text(), keys)
            rss += values[0]
            anonymous += values[1]
    return Memory(rss * 1024 / 1e6, anonymous * 1024 / 1e6)


def disk_bytes(folder: Path) -> int:
    """Apparent size of all files below the folder; files linked twice count once, vanishing files not at all."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                stat = Path(parent, name).lstat()
                if (stat.st_dev, stat.st_ino) not in seen:
                    seen.add((stat.st_dev, stat.st_ino))
                    total += stat.st_size
    return total


class Server:
    """A server under test as a child process in a session of its own, its output in a log file in its folder."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path, ready: str) -> None:
        """Prepare the process; ``ready`` is the URL that answers 200 once the server takes requests."""
        self.command = list(command)
        self.environment = dict(environment)
        self.folder = folder
        self.ready = ready
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 120.0) -> float:
        """Start and wait until ready; the seconds that took."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder.parent / f"{self.folder.name}.log"
        began = time.monotonic()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.folder.parent,
            )
        while time.monotonic() - began < timeout:
            if self.process.poll() is not None:
                raise BenchmarkError(f"{self.command[0]} ended with {self.process.returncode}:\n{_tail(log)}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if get(self.ready)[0] == 200:
                    return time.monotonic() - began
            time.sleep(0.01)
        self.stop()
        raise BenchmarkError(f"{self.command[0]} was not ready after {timeout:.0f} s:\n{_tail(log)}")

    @property
    def pid(self) -> int:
        """The id of the running process."""
        if self.process is None or self.process.poll() is not None:
            raise BenchmarkError(
                f"{self.command[0]} is not running:\n{_tail(self.folder.parent / f'{self.folder.name}.log')}"
            )
        return self.process.pid

    def stop(self, timeout: float = 60.0) -> None:
        """Ask the process to end, and end it after the timeout; what it started goes with it."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process = None

    def wait_idle(self, quiet: float = 5.0, share: float = 0.03, timeout: float = 300.0) -> None:
        """Wait until the process tree has used less than ``share`` of one core for ``quiet`` seconds."""
        deadline = time.monotonic() + timeout
        samples = [(time.monotonic(), cpu_seconds(self.pid))]
        while time.monotonic() < deadline:
            time.sleep(0.5)
            now = (time.monotonic(), cpu_seconds(self.pid))
            samples.append(now)
            earlier = [sample for sample in samples if sample[0] <= now[0] - quiet]
            if earlier:
                if (now[1] - earlier[-1][1]) / (now[0] - earlier[-1][0]) < share:
                    return
                samples = samples[len(earlier) - 1 :]
        raise BenchmarkError(f"{self.command[0]} was not idle after {timeout:.0f} s")

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the server."""
        self.stop()


def _tail(path: Path, lines: int = 20) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return ""


class MemoryCurve:
    """Samples the memory of a process tree from a thread, twice a second, while the block runs."""

    def __init__(self, pid: int, interval: float = 0.5) -> None:
        """Sample the process ``pid`` and what it starts."""
        self.samples: list[Memory] = []
        self._pid = pid
        self._interval = interval
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._done.wait(self._interval):
            self.samples.append(memory(self._pid, exact=False))

    def __enter__(self) -> Self:
        """Start sampling."""
        self.samples.append(memory(self._pid, exact=False))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop sampling."""
        self._done.set()
        self._thread.join()

    @property
    def peak(self) -> Memory:
        """The highest figure of each kind."""
        return Memory(max(s.rss_mb for s in self.samples), max(s.anonymous_mb for s in self.samples))

    def growth(self) -> float:
        """The highest resident memory in the last third of the time over that in the first third."""
        third = max(1, len(self.samples) // 3)
        return max(s.rss_mb for s in self.samples[-third:]) / max(s.rss_mb for s in self.samples[:third])


class Http:
    """One keep-alive connection to a loopback port; every call reads the whole response."""

    def __init__(self, port: int, headers: Mapping[str, str] | None = None, timeout: float = 120.0) -> None:
        """Connect on first use."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._headers = dict(headers or {})

    def request(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of a response that must be a success."""
        status, payload = self.try_request(method, path, body, headers)
        if status >= 300:
            reason = payload[:500].decode(errors="replace")
            raise BenchmarkError(f"{method} {path.partition('?')[0]}: {status} {reason}")
        return payload

    def try_request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of a response; a connection that the server closed in between is opened again."""
        for attempt in (1, 2):
            try:
                self._connection.request(method, path, body, {**self._headers, **(headers or {})})
                response = self._connection.getresponse()
                return response.status, response.read()
            except (http.client.HTTPException, OSError) as error:
                self._connection.close()
                if attempt == 2 or not isinstance(error, ConnectionError):
                    what = f"{method} {path.partition('?')[0]}: {type(error).__name__}: {error}"
                    raise BenchmarkError(what) from error
        raise AssertionError

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def get(url: str, timeout: float = 5.0) -> tuple[int, bytes]:
    """Status and body of one GET to a loopback URL on a connection of its own."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=timeout)
    try:
        connection.request("GET", f"/{path}")
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A temporary folder below ``parent`` that is removed in the end."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def exclusive(lock: Path | None) -> Iterator[None]:
    """Hold a lock file while measuring, so that jobs on a shared machine take turns."""
    if lock is None:
        yield
        return
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def find_binary(variable: str, *candidates: str) -> str | None:
    """The program named by an environment variable, or the first candidate that exists or is on the PATH."""
    for candidate in (os.environ.get(variable, ""), *candidates):
        found = shutil.which(candidate) if candidate else None
        if found:
            return str(Path(found).absolute())
    return None


@dataclass(frozen=True)
class Series:
    """Repeated measurements of one thing: their median and how far they spread."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Highest minus lowest, over the median."""
        return (max(self.values) - min(self.values)) / self.median if self.median else 0.0

    def to_json(self) -> dict[str, Any]:
        """Median, spread and values."""
        return {"median": self.median, "spread": round(self.spread, 4), "values": list(self.values)}


def repeat(runs: int, measure: Callable[[], float]) -> Series:
    """Measure ``runs`` times."""
    return Series(tuple(measure() for _ in range(runs)))


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive values."""
    return statistics.geometric_mean(values)


@dataclass
class Row:
    """A line of the result table. ``limit`` is the target; ``at_most`` says on which side of it a ratio must be."""

    name: str
    unit: str
    nexus: Series | None = None
    rival: Series | None = None
    limit: float | None = None
    at_most: bool = True
    absolute: bool = False
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    rivals: dict[str, Series] = field(default_factory=dict)
    """Where there are several rivals: each by its name. `rival` is then the one to be compared with."""

    @property
    def ratio(self) -> float | None:
        """Nexus over the rival, of the medians."""
        if self.nexus is None or self.rival is None or not self.rival.median:
            return None
        return self.nexus.median / self.rival.median

    @property
    def target(self) -> str:
        """The target as text."""
        if self.limit is None:
            return "-"
        return f"{'<=' if self.at_most else '>='} {self.limit:g} {self.unit if self.absolute else 'x rival'}"

    @property
    def verdict(self) -> str:
        """``pass``, ``miss``, or why there is none."""
        value = (self.nexus.median if self.nexus else None) if self.absolute else self.ratio
        if self.limit is None:
            return self.note or "-"
        if value is None:
            return self.note or "not measured"
        return "pass" if (value <= self.limit if self.at_most else value >= self.limit) else "miss"

    def cells(self, rivals: Sequence[str]) -> list[str]:
        """The line as text, column by column, with a column for each rival."""
        ratio = self.ratio
        return [
            f"{self.name} [{self.unit}]",
            _cell(self.nexus),
            *(_cell(self.rivals.get(name) if len(rivals) > 1 else self.rival) for name in rivals),
            f"{ratio:.2f}" if ratio is not None else "-",
            self.target,
            self.verdict,
        ]

    def to_json(self) -> dict[str, Any]:
        """Everything about the line."""
        return asdict(self) | {
            "nexus": self.nexus and self.nexus.to_json(),
            "rival": self.rival and self.rival.to_json(),
            "rivals": {name: series.to_json() for name, series in self.rivals.items()},
            "ratio": self.ratio,
            "target": self.target,
            "verdict": self.verdict,
        }


def _cell(series: Series | None) -> str:
    if series is None:
        return "-"
    value = series.median
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{text} ±{series.spread / 2:.0%}" if len(series.values) > 1 else text


def print_table(rows: Sequence[Row], *rivals: str) -> None:
    """Print the rows as an aligned table."""
    table = [["row", "Nexus", *rivals, "ratio", "target", "verdict"], *(row.cells(rivals) for row in rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for number, line in enumerate(table):
        print(" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            print("-|-".join("-" * width for width in widths))


def machine_class() -> str:
    """Cores and memory, without a name."""
    total = _kilobytes(Path("/proc/meminfo").read_text(), ("MemTotal",))[0]
    return f"{os.cpu_count()}-core {round(total / 2**20)} GiB Linux"


def commit() -> str:
    """The commit of the work tree, marked when it has changes; ``unknown`` outside a repository."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.strip()

    try:
        # No index refresh: a benchmark must not write to the repository.
        changed = git("--no-optional-locks", "status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def write_results(name: str, rows: Sequence[Row], about: Mapping[str, Any]) -> Path:
    """Write ``results/<name>.json``; rows measured earlier and not now are kept with their own commit and date."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    stamp = {"commit": commit(), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    kept: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        kept = {row["name"]: row for row in json.loads(path.read_text())["rows"]}
    fresh = {row.name: row.to_json() | stamp for row in rows}
    path.write_text(
        json.dumps(
            {"benchmark": name, "machine": machine_class(), **about, "rows": list({**kept, **fresh}.values())}, indent=1
        )
        + "\n"
    )
    return path
