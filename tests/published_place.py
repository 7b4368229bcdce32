"""A place on this machine that publishes files over HTTP, and behaves as badly as it is told to."""

import hashlib
import io
import re
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with the answer to one request."""

    status: int | None = None
    """Sent in place of the file."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Besides or instead of the usual ones."""
    cut: int | None = None
    """Bytes of the body after which the connection is closed."""
    stall: int | None = None
    """Bytes of the body after which nothing comes for a while."""
    body: bytes | None = None
    """Sent as if it were the file."""
    ignore_range: bool = False
    tag: str | None = None
    """ETag; empty: none."""


class Place:
    """Serves `files` (path -> content) on the loopback interface. Use as a context."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.files = dict(files or {})
        self.faults: defaultdict[str, list[Fault]] = defaultdict(list)
        """By path: one a request, from the first on; a request without is answered as it should be."""
        self.always: dict[str, Fault] = {}
        """By path: of every request."""
        self.requests: list[tuple[str, str | None]] = []
        """Path and Range of each."""
        self.over = threading.Event()
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def ranges(self, path: str) -> list[str | None]:
        """Range of each request for a file, without those that only looked."""
        return [asked for name, asked in self.requests if name == path]

    def answer(self, handler: Any) -> None:
        path = handler.path
        asked = handler.headers.get("Range")
        self.requests.append((path, asked))
        fault = self.faults[path].pop(0) if self.faults[path] else self.always.get(path, Fault())
        content = self.files.get(path) if fault.body is None else fault.body
        if content is None and fault.status is None:
            fault = Fault(status=404)
        if fault.status is not None:
            handler.send_response(fault.status)
            for name, value in {"Content-Length": "0", **fault.headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            return
        assert content is not None
        found = re.fullmatch(r"bytes=(\d+)-", asked or "")
        start = int(found[1]) if found and not fault.ignore_range else 0
        if start >= len(content) and start:
            handler.send_response(416)
            handler.end_headers()
            return
        tag = fault.tag if fault.tag is not None else hashlib.sha256(content).hexdigest()[:8]
        usual = {"Content-Length": str(len(content) - start), **({"ETag": f'"{tag}"'} if tag else {})}
        if start:
            usual["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.send_response(206 if start else 200)
        for name, value in (usual | dict(fault.headers)).items():
            handler.send_header(name, value)
        handler.end_headers()
        self._send(handler, content[start:], fault)

    def _send(self, handler: Any, body: bytes, fault: Fault) -> None:
        try:
            if fault.stall is not None:
                handler.wfile.write(body[: fault.stall])
                handler.wfile.flush()
                self.over.wait(30)
            else:
                handler.wfile.write(body[: fault.cut])
        except OSError:  # whoever asked is gone
            pass
        handler.close_connection = True


def zipped(files: Mapping[str, bytes | str], **modes: int) -> bytes:
    """A zip archive. modes: name with `/` and `.` as `_` -> what a file of Unix is, such as stat.S_IFLNK."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, time.gmtime(1e9)[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = modes.get(re.sub(r"\W", "_", name), 0) << 16
            archive.writestr(info, content)
    return packed.getvalue()
