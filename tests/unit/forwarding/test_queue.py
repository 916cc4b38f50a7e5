"""Bodies that wait on disk: in order, whole or not at all, bounded, and there after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.errors import DiskFull, Overloaded
from nexus.storage.forwarding.queue import BodyQueue


def drained(queue: BodyQueue) -> list[tuple[bytes, int]]:
    found = []
    while (body := queue.first()) is not None:
        found.append((body.path.read_bytes(), body.records))
        queue.done(body)
    return found


def test_order_survives_a_restart(tmp_path: Path) -> None:
    queue = BodyQueue(tmp_path / "queue", 1 << 20, "VictoriaMetrics", fsync=True)
    for number in range(20):
        queue.put(b"%d" % number, number)
    first = queue.first()
    assert first is not None
    queue.done(first)
    queue.done(first)
    again = BodyQueue(tmp_path / "queue", 1 << 20, "VictoriaMetrics", fsync=False)
    assert (len(again), again.records, again.size) == (19, sum(range(1, 20)), sum(len(str(n)) for n in range(1, 20)))
    again.put(b"last", 7)
    assert drained(again) == [(b"%d" % number, number) for number in range(1, 20)] + [(b"last", 7)]
    assert list((tmp_path / "queue").iterdir()) == [] and again.size == 0


def test_what_was_not_finished_is_not_there(tmp_path: Path) -> None:
    queue = BodyQueue(tmp_path, 1 << 20, "VictoriaMetrics", fsync=False)
    queue.put(b"whole", 1)
    (tmp_path / "00000000000000000009-5.part").write_bytes(b"ha")
    (tmp_path / "something else").write_bytes(b"?")
    again = BodyQueue(tmp_path, 1 << 20, "VictoriaMetrics", fsync=False)
    assert drained(again) == [(b"whole", 1)]
    assert {path.name for path in tmp_path.iterdir()} == {"something else"}


def test_a_full_queue_refuses(tmp_path: Path) -> None:
    queue = BodyQueue(tmp_path, 10, "VictoriaMetrics", fsync=False)
    queue.put(b"12345678", 1)
    with pytest.raises(Overloaded, match="queue is full"):
        queue.put(b"123", 1)
    queue.put(b"12", 1)
    assert queue.size == 10
    queue.clear()
    queue.put(b"1234567890", 1)


def test_a_folder_that_cannot_be_written_loses_nothing_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = BodyQueue(tmp_path, 100, "VictoriaMetrics", fsync=False)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(DiskFull, match="No space left"):
        queue.put(b"123", 1)
    monkeypatch.undo()
    assert (queue.size, len(queue), list(tmp_path.iterdir())) == (0, 0, [])
