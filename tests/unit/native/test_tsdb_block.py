"""Blocks of Prometheus' database, made by its own promtool, are read as they were written."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nexus import _native

PROMTOOL = os.environ.get("PROMTOOL_BIN") or shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: set PROMTOOL_BIN, or install it")
START = 1_700_000_000


def openmetrics() -> tuple[str, dict[str, list[tuple[int, float]]]]:
    """An exposition with times, and what it holds by series."""
    rng = random.Random(7)
    series: dict[str, list[tuple[int, float]]] = {}
    lines = []
    for family in range(5):
        lines.append(f"# TYPE metric_{family} gauge")
        for number in range(8):
            name = f'metric_{family}{{host="h{number}",zone="größe"}}'
            value, points = 0.0, []
            for step in range(150):
                value = rng.choice([value, value + rng.randrange(9), rng.uniform(-1e9, 1e9), float("inf")])
                time = START + 15 * step + rng.choice([0, 0, 0.001, 7])
                points.append((round(time * 1000), value))
                lines.append(f"{name} {value!r} {time}")
            series[name] = points
    return "\n".join([*lines, "# EOF", ""]), series


def blocks(tmp_path: Path) -> list[Path]:
    source = tmp_path / "data.om"
    source.write_text(openmetrics()[0])
    out = tmp_path / "blocks"
    assert PROMTOOL
    subprocess.run(
        [PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", str(source), str(out)], check=True, capture_output=True
    )
    return sorted(path.parent for path in out.glob("*/index"))


def read(path: Path, size: int) -> tuple[dict[str, list[tuple[int, float]]], list[Any]]:
    block = _native.TsdbBlock(str(path))
    found: dict[str, list[tuple[int, float]]] = {}
    errors: list[Any] = []
    while (decoded := block.next(size)) is not None:
        errors += decoded.errors
        made = _native.encode_remote_write(decoded.batch, version=1, max_series=1 << 20, compress=False)
        body = made[0][0] if made else b""
        for name, points in samples(body).items():
            found.setdefault(name, []).extend(points)
    assert block.progress[0] <= block.progress[1]
    return found, errors


def samples(body: bytes) -> dict[str, list[tuple[int, float]]]:
    """Series of a remote write request, read without any code of ours that is under test here."""
    found: dict[str, list[tuple[int, float]]] = {}
    for field, series in fields(body):
        if field != 1:
            continue
        labels, points = {}, []
        for inner, content in fields(series):
            if inner == 1:
                pair = dict(fields(content))
                labels[pair[1].decode()] = pair[2].decode()
            elif inner == 2:
                pair = dict(fields(content))
                points.append((pair.get(2, 0), pair.get(1, 0.0)))
        name = labels.pop("__name__")
        found[
            f"{name}{{{','.join(f'{label}={json.dumps(value, ensure_ascii=False)}' for label, value in labels.items())}}}"
        ] = points
    return found


def fields(message: bytes) -> list[tuple[int, Any]]:
    import struct

    at, found = 0, []

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(message):
        tag = varint()
        content: Any
        match tag & 7:
            case 0:
                content = varint()
            case 1:
                content = struct.unpack("<d", message[at : at + 8])[0]
                at += 8
            case _:
                length = varint()
                content = message[at : at + length]
                at += length
        found.append((tag >> 3, content))
    return found


@needs_promtool
@pytest.mark.parametrize("size", [1, 1000, 1 << 30])
def test_a_block_is_read_whole(tmp_path: Path, size: int) -> None:
    made = blocks(tmp_path)
    found: dict[str, list[tuple[int, float]]] = {}
    for path in made:
        series, errors = read(path, size)
        assert errors == []
        for name, points in series.items():
            found.setdefault(name, []).extend(points)
    expected = openmetrics()[1]
    assert set(found) == set(expected)
    for name, points in expected.items():
        # Of two samples at one time Prometheus keeps the first.
        kept = dict(reversed(points))
        assert dict(found[name]) == kept


@needs_promtool
def test_broken_blocks_cost_what_is_broken(tmp_path: Path) -> None:
    path = blocks(tmp_path)[0]
    whole, _ = read(path, 1 << 30)
    file = next((path / "chunks").iterdir())
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    damaged, errors = read(path, 1 << 30)
    assert errors and "of file 000001" in errors[0][1]
    assert sum(map(len, damaged.values())) < sum(map(len, whole.values()))
    file.unlink()
    assert read(path, 1 << 30)[0] == {}
    index = (path / "index").read_bytes()
    rng = random.Random(3)
    for _ in range(200):
        broken = bytearray(index)
        for _ in range(rng.randrange(1, 6)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        (path / "index").write_bytes(broken[: rng.randrange(len(broken) + 1)] if rng.random() < 0.3 else broken)
        try:
            read(path, 1 << 30)
        except _native.DecodeError as error:
            assert "Prometheus block" in str(error)
    with pytest.raises(FileNotFoundError):
        _native.TsdbBlock(str(tmp_path))
