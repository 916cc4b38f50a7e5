"""Sends the shop's logs to Nexus over OTLP until stopped: `make demo`, or `python -m demo.shop --help`.

Each service has a logger provider of its own, as six real processes would. An incident begins every few minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from itertools import chain
from random import Random

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from demo.services import SERVICES, Line, add_to_cart, browse, buy, housekeeping

SEVERITIES = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warn": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "fatal": SeverityNumber.FATAL,
}


class Shop:
    """The services' loggers; `replicas` instances each."""

    def __init__(self, endpoint: str, token: str, random: Random, replicas: int = 2) -> None:
        """Open one exporter per instance. `endpoint` is the OTLP gRPC address."""
        self._random = random
        self._providers = {
            (service, n): LoggerProvider(
                Resource.create(
                    {
                        "service.name": service,
                        "service.version": version,
                        "service.namespace": "shop",
                        "service.instance.id": f"{service}-{n}",
                        "host.name": f"node-{n}",
                        "deployment.environment.name": "demo",
                    }
                )
            )
            for service, version in SERVICES.items()
            for n in range(replicas)
        }
        self._replicas = replicas
        for provider in self._providers.values():
            exporter = OTLPLogExporter(endpoint=endpoint, insecure=True, headers={"authorization": f"Bearer {token}"})
            provider.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=500))

    def say(self, lines: Iterator[Line], at_ns: int) -> int:
        """Emit the lines of one request under one trace id; returns how many."""
        trace_id, count = self._random.getrandbits(128), 0
        for line in lines:
            count += 1
            provider = self._providers[line.service, self._random.randrange(self._replicas)]
            severity = SEVERITIES[line.severity]
            provider.get_logger("shop", SERVICES[line.service]).emit(
                LogRecord(
                    timestamp=at_ns + int(line.delay * 1e9),
                    observed_timestamp=time.time_ns(),
                    trace_id=trace_id,
                    span_id=self._random.getrandbits(64),
                    severity_number=severity,
                    severity_text=severity.name,
                    body=line.body,
                    attributes=line.attributes,
                )
            )
        return count

    def close(self) -> None:
        """Send what is waiting."""
        for provider in self._providers.values():
            provider.shutdown()


def request(random: Random, *, incident: bool) -> Iterator[Line]:
    """One customer's doing."""
    dice = random.random()
    if dice < 0.62:
        return browse(random)
    if dice < 0.86:
        return add_to_cart(random)
    return buy(random, incident=incident)


def run(shop: Shop, random: Random, *, rate: float, seconds: float, incident_every: float) -> int:
    """Send about `rate` requests a second for `seconds` (0: for ever); returns the number of records."""
    started, records, shown = time.monotonic(), 0, 0.0
    while not seconds or time.monotonic() - started < seconds:
        elapsed = time.monotonic() - started
        incident = elapsed % incident_every > incident_every * 0.75
        lines = request(random, incident=incident)
        if random.random() < 0.02:
            lines = chain(lines, housekeeping(random, incident=incident))
        records += shop.say(lines, time.time_ns())
        if elapsed - shown >= 5:
            shown = elapsed
            print(f"{records:,} records sent{', incident under way' if incident else ''}", flush=True)
        time.sleep(random.expovariate(rate))
    return records


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint", default=os.environ.get("NEXUS_OTLP_ENDPOINT", "http://127.0.0.1:4317"))
    parser.add_argument("--token", default=os.environ.get("NEXUS_TOKEN", os.environ.get("NEXUS_BOOTSTRAP_TOKEN", "")))
    parser.add_argument("--rate", type=float, default=40.0, help="customer requests a second")
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after this long; 0 runs until Ctrl-C")
    parser.add_argument("--incident-every", type=float, default=240.0, help="seconds from one incident to the next")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    if not options.token:
        print("no API key: create one in the web UI (Get started) and run NEXUS_TOKEN=... make demo", file=sys.stderr)
        return 2
    random = Random(options.seed)
    shop = Shop(options.endpoint, options.token, random)
    try:
        sent = run(shop, random, rate=options.rate, seconds=options.seconds, incident_every=options.incident_every)
        print(f"{sent:,} records sent")
    except KeyboardInterrupt:
        print("stopping: sending what is waiting")
    finally:
        shop.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
