"""The built web UI: hashed files for ever, index.html for UI routes, a strict content security policy.

Files are found once, at the start, so a path can only ever name one of them. `x.br` and `x.gz` beside `x` are its
compressed forms. index.html carries the style nonce of the response, which is new each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.responses import Response

NONCE_PLACEHOLDER: Final = b"__CSP_NONCE__"
IMMUTABLE: Final = "public, max-age=31536000, immutable"
REVALIDATE: Final = "no-cache"
UI_PATHS: Final = re.compile(
    r"/(login|logs|metrics|traces(/[\w-]+)?|services(/[^/]+)?|start|query|targets|pipelines|profile|v/[\w-]+"
    r"|settings(/[\w/-]*)?)?/?"
)
SHARED_PATHS: Final = frozenset({"/", "/metrics"})
"""Pages of the UI for those who accept HTML, and something else for programs."""
_HASHED: Final = re.compile(r"/assets/.*[-.][A-Za-z0-9_-]{8,}\.\w+")
_DECLINED: Final = re.compile(r";q=0(\.0*)?$")
_ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
_TYPES: Final = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml",
                 ".woff2": "font/woff2", ".json": "application/json", ".webmanifest": "application/manifest+json",
                 ".html": "text/html", ".txt": "text/plain", ".ico": "image/x-icon"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the UI."""

    path: Path
    content_type: str
    etag: str
    cache: str
    variants: Mapping[str, Path]


class StaticFiles:
    """The files of a built UI; empty when it is not built."""

    def __init__(self, directory: Path) -> None:
        """Find the files below the directory."""
        self._assets: dict[str, Asset] = {}
        self._index: bytes | None = None
        if directory.is_dir():
            self._find(directory)

    @property
    def built(self) -> bool:
        """Is there a UI?"""
        return self._index is not None

    def _find(self, directory: Path) -> None:
        files = {
            path
            for path in directory.rglob("*")
            if path.is_file() and not path.relative_to(directory).parts[0].startswith(".")
        }
        for path in files:
            name = "/" + path.relative_to(directory).as_posix()
            if path.suffix in (".br", ".gz") and path.with_suffix("") in files:
                continue
            if name == "/index.html":
                self._index = path.read_bytes()
                continue
            self._assets[name] = _asset(name, path, files)

    async def file(self, path: str, headers: Mapping[str, str]) -> Response | None:
        """The answer to a request for a file, or None when there is no such file."""
        asset = self._assets.get(path)
        if asset is None:
            return None
        answer_headers = {"Cache-Control": asset.cache, "ETag": asset.etag, "Vary": "Accept-Encoding"}
        if asset.etag in headers.get("if-none-match", ""):
            return Response(status_code=304, headers=answer_headers)
        encoding, source = _negotiated(asset, headers.get("accept-encoding", ""))
        if encoding:
            answer_headers["Content-Encoding"] = encoding
        content = await asyncio.to_thread(source.read_bytes)
        return Response(content, 200, answer_headers, asset.content_type)

    def index(self) -> Response | None:
        """index.html with a nonce of its own, or None when the UI is not built."""
        if self._index is None:
            return None
        nonce = secrets.token_urlsafe(18)
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": ui_policy(nonce)}
        return Response(self._index.replace(NONCE_PLACEHOLDER, nonce.encode()), 200, headers, "text/html; charset=utf-8")


def ui_policy(nonce: str) -> str:
    """The content security policy of the UI."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def takes_html(headers: Mapping[str, str]) -> bool:
    """Would the client take a page? A program that asks for JSON must not get one."""
    accepted = headers.get("accept", "*/*")
    return "text/html" in accepted or "*/*" in accepted


def _asset(name: str, path: Path, files: set[Path]) -> Asset:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:20]
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    variants = {
        encoding: path.with_name(path.name + suffix)
        for encoding, suffix in _ENCODINGS
        if path.with_name(path.name + suffix) in files
    }
    return Asset(path, kind, f'"{digest}"', IMMUTABLE if _HASHED.fullmatch(name) else REVALIDATE, variants)


def _negotiated(asset: Asset, accepted: str) -> tuple[str, Path]:
    offered = {
        part.partition(";")[0].strip() for part in accepted.lower().split(",") if not _DECLINED.search(part.replace(" ", ""))
    }
    for encoding, path in asset.variants.items():
        if encoding in offered:
            return encoding, path
    return "", asset.path
