"""kill -9 while samples are erased and tenants removed, many times: nothing erased comes back, nothing else is lost.

One thread writes samples, one erases small ranges of a few series, one fills tenants and removes them; each repeats what was
not acknowledged. The process is killed at random moments and started again on the same data. After every start, and at the
end, all samples are compared with what was acknowledged: only those of an erasure without an answer may be there or not.

Run ``python benchmarks/soak_erase.py --rounds 50 [--fsync]``. Exit code 0 means that all of this is so.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from soak_kill import API, BASE_MS, Server, SoakError, remote_write_body, run

SERIES: Final = 60
BATCH: Final = 20
"""Samples of each series in a request."""
STEP_MS: Final = 60_000
BEGIN_MS: Final = BASE_MS - 3 * 86_400_000
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
GIVE_UP: Final = 300.0

Key = tuple[int, int]
"""Series, and time in ms."""


@dataclass
class Model:
    """What must be there, and what may. Guarded by its lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    there: set[Key] = field(default_factory=set)
    perhaps: set[Key] = field(default_factory=set)
    frontier: int = BEGIN_MS
    """Everything before it is written."""
    written: int = 0
    erased: int = 0
    erasures: int = 0
    removed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Worker(threading.Thread):
    """Does one thing after the other until told to stop; what was begun is finished, whatever happens to the server."""

    def __init__(self, name: str, step: Callable[[Worker], None], server: Server, model: Model, seed: int) -> None:
        super().__init__(name=name, daemon=True)
        self._step = step
        self.server = server
        self.model = model
        self.random = random.Random(seed)
        self.enough = threading.Event()
        self.number = 0

    def run(self) -> None:
        """See the class text."""
        try:
            while not self.enough.is_set():
                self._step(self)
                self.number += 1
        except SoakError as error:
            with self.model.lock:
                self.model.faults.append(f"{self.name}: {error}")

    def until_done(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        """Send a request until it is acknowledged. Raises `SoakError`."""
        give_up = time.monotonic() + GIVE_UP
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, answer = self.server.request(method, path, body, headers)
                if status // 100 == 2:
                    return answer
                if status not in (429, 503):
                    raise SoakError(f"{method} {path} answered {status}: {answer[:300]!r}")
            if time.monotonic() > give_up:
                raise SoakError(f"{method} {path} was not acknowledged in {GIVE_UP:g} s")
            time.sleep(0.02 + 0.05 * self.random.random())


def _value(series: int, at: int) -> float:
    return float((at - BEGIN_MS) // STEP_MS * 100 + series)


def write(worker: Worker) -> None:
    """The next samples of all series."""
    model = worker.model
    if model.frontier > BASE_MS - BATCH * STEP_MS:
        worker.enough.wait(0.1)
        return
    times = [model.frontier + STEP_MS * number for number in range(BATCH)]
    body = remote_write_body(
        ((("__name__", "soak_kept"), ("n", str(series))), [(at, _value(series, at)) for at in times])
        for series in range(SERIES)
    )
    added = {(series, at) for series in range(SERIES) for at in times}
    with model.lock:
        model.perhaps |= added
    worker.until_done("POST", "/api/v1/write", *body)
    with model.lock:
        model.perhaps -= added
        model.there |= added
        model.written += len(added)
        model.frontier += STEP_MS * BATCH
    worker.enough.wait(0.1)


def erase(worker: Worker) -> None:
    """A range of a few series."""
    model = worker.model
    with model.lock:
        frontier = model.frontier
    if frontier == BEGIN_MS:
        worker.enough.wait(0.02)
        return
    chosen = worker.random.sample(range(SERIES), worker.random.choice((1, 1, 3, 8)))
    start = worker.random.randrange(BEGIN_MS, frontier)
    end = min(start + worker.random.choice((0, 5, 90, 600)) * STEP_MS, frontier - 1)
    gone = {(series, at) for series in chosen for at in range(BEGIN_MS, frontier, STEP_MS) if start <= at <= end}
    with model.lock:
        model.perhaps |= gone & model.there
        model.there -= gone
    names = "|".join(map(str, chosen))
    form = urlencode({"match[]": f'soak_kept{{n=~"{names}"}}', "start": start / 1000, "end": end / 1000}).encode()
    worker.until_done("POST", "/api/v1/admin/tsdb/delete_series", form, FORM)
    with model.lock:
        model.erased += len(gone & model.perhaps)
        model.perhaps -= gone
        model.erasures += 1


def remove(worker: Worker) -> None:
    """A tenant of its own, filled and removed."""
    tenant = f"doomed-{worker.number}"
    labels = (("__name__", "soak_doomed"), ("secret", f"marker-{tenant}-value"))
    times = [BEGIN_MS + STEP_MS * number for number in range(300)]
    body, headers = remote_write_body([(labels, [(at, 1.0) for at in times])])
    worker.until_done("POST", "/api/v1/write", body, {**headers, "X-Scope-OrgID": tenant})
    if worker.random.random() < 0.5:
        # So that some of it is in the tables.
        worker.enough.wait(0.5)
    confirmed = json.dumps({"confirm": tenant}).encode()
    worker.until_done("POST", f"{API}/tenants/{tenant}/delete", confirmed, {"Content-Type": "application/json"})
    give_up = time.monotonic() + GIVE_UP
    while (state := json.loads(worker.until_done("GET", f"{API}/tenants/{tenant}/deletion", b"", {}))["state"]) != "done":
        if state == "failed" or time.monotonic() > give_up:
            raise SoakError(f"the removal of {tenant} is {state}")
        time.sleep(0.05)
    with worker.model.lock:
        worker.model.removed.append(tenant)


def check(server: Server, model: Model) -> None:
    """Compare what is stored with the model. No worker runs meanwhile but for what it repeats."""
    with model.lock:
        frontier, must, may = model.frontier, set(model.there), set(model.perhaps)
        removed = list(model.removed[-20:])
    found: set[Key] = set()
    for labels, samples in server.samples("soak_kept[7d]", BASE_MS / 1000):
        series = int(labels["n"])
        for seconds, value in samples:
            at = round(seconds * 1000)
            if value != _value(series, at):
                raise SoakError(f"series {series} has {value} at {at}, not {_value(series, at)}")
            if (series, at) in found:
                raise SoakError(f"series {series} has two samples at {at}")
            found.add((series, at))
    with model.lock:
        # What was acknowledged while the query ran.
        moved = model.there ^ must
        may |= model.perhaps | moved
        must &= model.there
    if lost := must - found:
        raise SoakError(f"{len(lost)} samples are lost, as {sorted(lost)[:3]}")
    if back := {one for one in found - must - may if one[1] < frontier}:
        raise SoakError(f"{len(back)} erased samples are there, as {sorted(back)[:3]}")
    for tenant in removed:
        if server.samples("soak_doomed[7d]", BASE_MS / 1000, tenant):
            raise SoakError(f"the removed tenant {tenant} has samples")


def _on_disk(folder: Path, marker: bytes) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and marker in path.read_bytes()]


def soak(rounds: int, folder: Path, *, fsync: bool, seed: int) -> int:
    """Run it all; the exit code."""
    choose, model = random.Random(seed), Model()
    server = Server(folder / "data", fsync=fsync, settings={"NEXUS_METRICS_ADMIN_API": "true"})
    seconds = server.start()
    steps = (write, erase, remove)
    workers = [Worker(step.__name__, step, server, model, seed + n) for n, step in enumerate(steps)]
    for worker in workers:
        worker.start()
    began = time.monotonic()
    try:
        for number in range(1, rounds + 1):
            # On a slow machine an erasure takes longer, too.
            time.sleep(choose.uniform(0.05, max(2.5, seconds)))
            server.kill()
            seconds = server.start()
            check(server, model)
            if number % 10 == 0 or number == rounds:
                print(f"  round {number}: {model.erasures} erasures, {len(model.removed)} tenants", file=sys.stderr)
    finally:
        for worker in workers:
            worker.enough.set()
        for worker in workers:
            worker.join(2 * GIVE_UP)
    check(server, model)
    if model.perhaps:
        model.faults.append(f"{len(model.perhaps)} samples were never acknowledged")
    code = server.stop()
    left = {tenant: _on_disk(folder / "data", f"marker-{tenant}-value".encode()) for tenant in model.removed}
    print(f"rounds        {rounds} in {time.monotonic() - began:.0f} s ({'fsync' if fsync else 'commit'})")
    print(f"written       {model.written:,} samples")
    print(f"erased        {model.erased:,} samples in {model.erasures} erasures; {len(model.there):,} are left")
    print(f"removed       {len(model.removed)} tenants")
    faults = model.faults + [f"{tenant} is on disk: {paths[:2]}" for tenant, paths in left.items() if paths]
    for fault in faults[:10]:
        print(f"fault         {fault}")
    if code != 0:
        print(f"fault         the last stop ended with code {code}")
    return 1 if faults or code else 0


def main() -> int:
    """Parse arguments, run in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    return run(parser, 50, lambda given, folder: soak(given.rounds, folder, fsync=given.fsync, seed=given.seed))


if __name__ == "__main__":
    sys.exit(main())
