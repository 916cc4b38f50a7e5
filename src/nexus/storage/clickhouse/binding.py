"""The engine's native module, loaded without the Python package around it.

`import chdb` opens an in-memory engine and imports pyarrow and numpy: 0.25 s and 47 MB of memory (17 MB of it private)
that nothing here needs. Only the extension file of that package is loaded, under its own name, because an extension must
not be initialised twice in a process.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol, cast

_FILE: Final = "_chdb.abi3.so"
_MODULE: Final = "chdb._chdb"
_lock = threading.Lock()
_module: ModuleType | None = None


class RawResult(Protocol):
    """A finished query. Counts of storage are what was read from tables."""

    def has_error(self) -> bool: ...
    def error_message(self) -> str: ...
    def bytes(self) -> bytes: ...
    def elapsed(self) -> float: ...
    def rows_written(self) -> int: ...
    def storage_rows_read(self) -> int: ...
    def storage_bytes_read(self) -> int: ...


class RawConnection(Protocol):
    """A connection: serial, errors are `RuntimeError` with the engine's text. Releases the GIL while it works."""

    def query(self, query_str: str, format: str = ..., *, params: dict[str, Any] = ...) -> RawResult: ...
    def close(self) -> None: ...


def connect(connection_string: str) -> RawConnection:
    """Open a connection; the first one of the process starts the engine."""
    return cast(RawConnection, _load().connect(connection_string))


def _load() -> ModuleType:
    global _module
    with _lock:
        if _module is None:
            _module = sys.modules.get(_MODULE) or _load_extension()
            # Signals belong to the process: without this the engine takes over SIGSEGV and friends.
            _module.set_signal_handlers_enabled(0)
        return _module


def _load_extension() -> ModuleType:
    package = importlib.machinery.PathFinder.find_spec("chdb")
    if package is None or not package.submodule_search_locations:
        raise ImportError("the package chdb-core is not installed", name="chdb")
    path = str(Path(package.submodule_search_locations[0]) / _FILE)
    loader = importlib.machinery.ExtensionFileLoader(_MODULE, path)
    spec = importlib.util.spec_from_loader(_MODULE, loader)
    if spec is None:
        raise ImportError(f"cannot load {path}", name="_chdb", path=path)
    # The engine brings its own allocator; it must not be mixed with one that is preloaded globally.
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
    try:
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        # Whoever imports the package later gets this module.
        sys.modules[_MODULE] = module
    finally:
        sys.setdlopenflags(flags)
    return module
