"""Sends the shop's traces, logs and metrics to Nexus over OTLP until stopped: `make demo`, or `python -m demo.shop --help`.

Every few minutes an incident begins, and a slower version of `checkout` is out for a while.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from random import Random

from demo.sending import Shop
from demo.services import SLOW_CHECKOUT, conditions, housekeeping, request


def run(shop: Shop, random: Random, *, rate: float, seconds: float, incident_every: float, deploy_every: float) -> None:
    """Send about `rate` requests a second for `seconds` (0: for ever)."""
    started, shown, kept = time.monotonic(), 0.0, 0.0
    while not seconds or time.monotonic() - started < seconds:
        elapsed = time.monotonic() - started
        now = conditions(elapsed, incident_every=incident_every, deploy_every=deploy_every)
        shop.send(request(random, now))
        if elapsed >= kept:
            kept = elapsed + 1
            for item in housekeeping(random, now):
                shop.tell(item)
        if elapsed - shown >= 5:
            shown = elapsed
            states = ", incident under way" if now.incident else ""
            states += f", checkout {SLOW_CHECKOUT} is out" if now.versions["checkout"] == SLOW_CHECKOUT else ""
            print(f"{shop.spans:,} spans and {shop.lines:,} log records sent{states}", flush=True)
        time.sleep(random.expovariate(rate))


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--endpoint", default=os.environ.get("NEXUS_OTLP_ENDPOINT", "http://127.0.0.1:4317"))
    parser.add_argument("--token", default=os.environ.get("NEXUS_TOKEN", os.environ.get("NEXUS_BOOTSTRAP_TOKEN", "")))
    parser.add_argument("--rate", type=float, default=40.0, help="customer requests a second")
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after this long; 0 runs until Ctrl-C")
    parser.add_argument("--incident-every", type=float, default=240.0, help="seconds from one incident to the next")
    parser.add_argument("--deploy-every", type=float, default=600.0, help="seconds from one slow release to the next")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    if not options.token:
        print("no API key: create one in the web UI (Get started) and run NEXUS_TOKEN=... make demo", file=sys.stderr)
        return 2
    random = Random(options.seed)
    shop = Shop(options.endpoint, options.token, random)
    try:
        run(
            shop,
            random,
            rate=options.rate,
            seconds=options.seconds,
            incident_every=options.incident_every,
            deploy_every=options.deploy_every,
        )
    except KeyboardInterrupt:
        print("stopping: sending what is waiting")
    finally:
        shop.close()
    print(f"{shop.spans:,} spans and {shop.lines:,} log records sent")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
