"""Records answers of a real Prometheus: `PROMETHEUS_BIN=... python -m tests.conformance.promql.record`.

The queries are those of the generator; answers that are long are left out, because the file is kept in the repository.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tests.conformance.promql.compare import Answer
from tests.conformance.promql.dataset import END, START, dataset
from tests.conformance.promql.generator import Generator
from tests.conformance.promql.reference import Prometheus
from tests.conformance.promql.wire import request

FILE = Path(__file__).parent / "recorded.json.gz"
QUERIES = 500
LONGEST = 1_500
"""Characters of an answer."""
PIECE = 40
"""Series in a request."""


def times(number: int) -> tuple[int, int, int]:
    """When the query of a number is asked: start, end and step in ms; every third is an instant."""
    if number % 3 == 0:
        at = START + 2_400_000 + number % 7 * 1000
        return at, at, 0
    return START + 1_200_000 + number % 11 * 1000, END - 600_000, (0, 97_000, 60_000)[number % 3]


def few(number: int) -> tuple[int, int, int]:
    """As `times`, a few steps only."""
    start, _, step = times(number)
    return start, start + 3 * step, step


def recorded() -> tuple[str, list[tuple[str, tuple[int, int, int], Answer]]]:
    """Version of the Prometheus that was asked, and queries with their times and answers."""
    content = json.loads(gzip.decompress(FILE.read_bytes()))
    return content["version"], [(query, tuple(when), Answer(*answer)) for query, when, answer in content["answers"]]


def _version_of_source() -> str:
    """A Prometheus that was built by hand does not know its version; its source does (`PROMETHEUS_SOURCE`)."""
    return Path(os.environ["PROMETHEUS_SOURCE"], "VERSION").read_text().strip()


def main() -> None:
    """Ask and write."""
    generator = Generator(2026)
    answers: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        server = Prometheus(os.environ["PROMETHEUS_BIN"], Path(folder)).start()
        try:
            data = dataset()
            for start in range(0, len(data), PIECE):
                server.write(request(data[start : start + PIECE]))
            number = 0
            while len(answers) < QUERIES:
                number += 1
                query, when = generator.query(), few(number)
                answer = server.ask(query, *when)
                if len(json.dumps(answer.data)) <= LONGEST:
                    answers.append([query, when, [answer.data, answer.warnings, answer.infos, answer.error]])
            content = {"version": server.version() or _version_of_source(), "answers": answers}
        finally:
            server.stop()
    FILE.write_bytes(gzip.compress(json.dumps(content).encode(), 9, mtime=0))
    print(f"{len(answers)} answers of Prometheus {content['version']}, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
