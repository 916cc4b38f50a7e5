"""From what discovery finds to the targets of a job. Pure but for the native relabelling.

Labels that begin with two underscores steer: `__address__`, `__scheme__`, `__metrics_path__`, `__param_<name>`,
`__scrape_interval__`, `__scrape_timeout__`, and three about histograms; the others end up on every series.
`__meta_` labels are gone after relabelling.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from nexus.pipeline.discovery.group import ADDRESS, Group
from nexus.pipeline.scrape.config import Job
from nexus.pipeline.scrape.values import Span

Labels = tuple[tuple[str, str], ...]
_PARAM: Final = "__param_"
NATIVE: Final = "__scrape_native_histograms__"
CLASSIC: Final = "__always_scrape_classic_histograms__"
CONVERT: Final = "__convert_classic_histograms_to_nhcb__"


@dataclass(frozen=True, slots=True)
class Target:
    """Something to scrape. `labels` are those of its series, `discovered` those before relabelling; times in ms."""

    key: bytes
    labels: Labels
    discovered: Labels
    url: str
    interval: int
    timeout: int
    native_histograms: bool
    classic_histograms: bool
    convert_histograms: bool

    @property
    def phase(self) -> int:
        """Where in the interval it is scraped, ms: spread evenly, and the same after a restart."""
        return int.from_bytes(self.key[:8], "big") % self.interval


@dataclass(frozen=True, slots=True)
class Dropped:
    """A target that relabelling drops, by its labels before."""

    discovered: Labels


@dataclass(frozen=True, slots=True)
class Wrong:
    """A target that cannot be scraped as its labels are, and why."""

    discovered: Labels
    reason: str


def base_labels(job: Job, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of a target before relabelling."""
    keys = job.keys
    found = {
        "job": job.name,
        "__scrape_interval__": str(job.interval),
        "__scrape_timeout__": str(job.timeout),
        "__metrics_path__": keys.metrics_path,
        "__scheme__": keys.scheme,
        NATIVE: _truth(job.native_histograms),
        CLASSIC: _truth(job.classic_histograms),
        CONVERT: _truth(job.convert_histograms),
    }
    found.update({f"{_PARAM}{name}": values[0] for name, values in keys.params.items() if values})
    found.update({name: value for name, value in labels.items() if value})
    return found


def targets_of(job: Job, groups: Iterable[Group], relabel: Any) -> tuple[list[Target], list[Dropped], list[Wrong]]:
    """The targets of the groups, each once; what relabelling drops; what is wrong. `relabel` is the job's native rules."""
    targets: dict[bytes, Target] = {}
    dropped: list[Dropped] = []
    wrong: list[Wrong] = []
    for group in groups:
        for labels in group.targets:
            found = target_of(job, {**group.labels, **labels}, relabel)
            if isinstance(found, Target):
                targets.setdefault(found.key, found)
            elif isinstance(found, Dropped):
                dropped.append(found)
            else:
                wrong.append(found)
    return list(targets.values()), dropped, wrong


def target_of(job: Job, labels: Mapping[str, str], relabel: Any) -> Target | Dropped | Wrong:
    """One target."""
    discovered = tuple(sorted(base_labels(job, labels).items()))
    kept = relabel.apply(list(discovered))
    if kept is None:
        return Dropped(discovered)
    found = {name: value for name, value in kept if not name.startswith("__meta_")}
    address = found.get(ADDRESS, "")
    if not address:
        return Wrong(discovered, "no address")
    if "/" in address:
        return Wrong(discovered, f"{address[:100]!r} is not a valid hostname")
    scheme = found.get("__scheme__", "http")
    if scheme not in ("http", "https"):
        return Wrong(discovered, f"the scheme {scheme[:20]!r} is neither http nor https")
    try:
        interval = Span.parse(found.get("__scrape_interval__", str(job.interval)))
        timeout = Span.parse(found.get("__scrape_timeout__", str(job.timeout)))
    except ValueError as error:
        return Wrong(discovered, str(error))
    if not interval or not timeout or timeout > interval:
        return Wrong(discovered, f"the interval {interval} and the timeout {timeout} do not fit each other")
    histograms = tuple(found.get(name, "false") for name in (NATIVE, CLASSIC, CONVERT))
    if set(histograms) - {"true", "false"}:
        return Wrong(discovered, "a label about histograms is neither true nor false")
    if any("\udc80" <= character <= "\udfff" for value in found.values() for character in value):
        return Wrong(discovered, "a label value is not UTF-8")
    found.setdefault("instance", address)
    url = _url(job, scheme, address, found)
    shown = tuple(sorted((name, value) for name, value in found.items() if value and not name.startswith("__")))
    key = hashlib.blake2b(
        repr((shown, url, int(interval), int(timeout), histograms)).encode("utf-8", "replace"), digest_size=16
    ).digest()
    native, classic, convert = (text == "true" for text in histograms)
    return Target(key, shown, discovered, url, int(interval), int(timeout), native, classic, convert)


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _url(job: Job, scheme: str, address: str, labels: Mapping[str, str]) -> str:
    params: dict[str, list[str]] = {name: list(values) for name, values in job.keys.params.items()}
    for name, value in labels.items():
        if name.startswith(_PARAM):
            params[name.removeprefix(_PARAM)] = [value, *params.get(name.removeprefix(_PARAM), [])[1:]]
    path, _, inline = labels.get("__metrics_path__", "/metrics").partition("?")
    query = "&".join(filter(None, (inline, urlencode(params, doseq=True))))
    slash = "" if path.startswith("/") else "/"
    return f"{scheme}://{address}{slash}{path}{'?' if query else ''}{query}"
