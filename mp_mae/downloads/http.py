"""One request for a file, or for the rest of one, and what the server says to it."""

import email.utils
import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any
from urllib.parse import urlsplit

from mp_mae.errors import UserError

_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""What a server says that may answer later."""
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long servers are waited for."""

    timeout_s: float = 60.0
    """Silence after which a connection is given up."""
    attempts: int = 6
    """In a row that bring no byte more than there were."""
    pause_s: float = 1.0
    """Before the second attempt; twice as long before each further one."""
    longest_s: float = 600.0
    """A server that asks to be left alone for longer is believed, and the command ends."""


class PassingError(Exception):
    """The next attempt may succeed. The message says what happened."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        """What the server asks for, if it does."""


class MissingError(UserError):
    """The server says that there is no such file."""


class RangeError(Exception):
    """The server has nothing from that byte on."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A file, or the rest of one, that a server begins to send."""

    start: int
    """Number of the first byte that comes."""
    size: int | None
    """Of the whole file in bytes; None: the server does not say."""
    tag: str | None
    """Changes when the file does (ETag, else the time of its last change); None: the server does not say."""
    sha256: str | None
    """Of the whole file, where the place publishes it with the file, as the Hugging Face hub does."""
    stream: http.client.HTTPResponse

    def read(self, most: int) -> bytes:
        """Bytes that have come; none at the end, whether or not that is the end of the file. Raises PassingError."""
        try:
            return self.stream.read1(most)
        except (OSError, http.client.HTTPException) as error:
            raise PassingError(_why(error)) from None


@contextmanager
def ask(url: str, start: int, patience: Patience) -> Iterator[Answer]:
    """Ask for a file from a byte on. Follows redirections to http and https, never from https to http.

    Raises:
        PassingError: no connection, a timeout, or a server that is busy.
        RangeError: the file ends before that byte.
        MissingError: there is no such file.
        UserError: any other refusal, an address that is no http, or a web page in place of the file.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise UserError(f"{url}: files are fetched by http and https alone. Correct the address")
    headers = {"Accept-Encoding": "identity", "User-Agent": "mp-mae-bench"}
    if start:
        headers["Range"] = f"bytes={start}-"
    redirections = _Redirections()
    try:
        response = _opener(redirections).open(urllib.request.Request(url, headers=headers), timeout=patience.timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(url, error) from None
    except (http.client.InvalidURL, ValueError) as error:  # of a port that is no number, say
        raise UserError(f"{url}: is no address ({error}). Correct it") from None
    except (OSError, http.client.HTTPException) as error:
        raise PassingError(_why(error)) from None
    with response:
        yield _understand(url, response, redirections.linked, start)


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Remembers what the hub says of a file before it sends elsewhere for its bytes."""

    def __init__(self) -> None:
        self.linked: dict[str, str] = {}

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """The next request. Raises HTTPError where nothing is fetched from."""
        old, new = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if new not in ("http", "https") or (old, new) == ("https", "http"):
            raise urllib.error.HTTPError(newurl, code, "", headers, fp)
        for name in ("X-Linked-Etag", "X-Linked-Size"):
            if headers.get(name):
                self.linked.setdefault(name, headers[name].removeprefix("W/").strip('"'))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(redirections: _Redirections) -> urllib.request.OpenerDirector:
    """Knows http and https, and no files of this machine."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        redirections,
    ):
        opener.add_handler(handler)
    return opener


def _understand(url: str, response: Any, linked: dict[str, str], asked: int) -> Answer:
    headers: Message = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        raise UserError(f"{url}: is sent packed ({headers['Content-Encoding']}), which was not asked for. Try a mirror")
    if headers.get_content_type() == "text/html" and not url.endswith(".html"):
        raise UserError(f"{url}: a web page came in place of the file. Open the address in a browser, or try a mirror")
    length = headers.get("Content-Length", "")
    n_coming = int(length) if length.isdecimal() else None
    start, size = 0, n_coming
    if response.status == 206:
        found = _RANGE.fullmatch(headers.get("Content-Range", ""))
        if found is None or (n_coming is not None and n_coming != int(found[2]) - int(found[1]) + 1):
            raise PassingError(f"asked for the bytes from {asked:,} on, the server sends others than it says")
        start, size = int(found[1]), None if found[3] == "*" else int(found[3])
    elif response.status != 200:
        raise UserError(f"{url}: the server answers {response.status} {response.reason} and sends no file")
    linked_tag, linked_size = linked.get("X-Linked-Etag"), linked.get("X-Linked-Size", "")
    if size is None and linked_size.isdecimal():
        size = int(linked_size)
    return Answer(
        start=start,
        size=size,
        tag=linked_tag or headers.get("ETag") or headers.get("Last-Modified"),
        sha256=linked_tag if linked_tag and _SHA256.fullmatch(linked_tag) else None,
        stream=response,
    )


def _refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    said = f"{error.code} {error.reason}".strip()
    if error.code == 416:
        return RangeError(said)
    if error.code in _PASSING:
        return PassingError(f"the server says {said}", _retry_after(error.headers.get("Retry-After")))
    if 300 <= error.code < 400:
        return UserError(f"{url}: redirects to {error.url}, which is not followed. Give another place by --base-url")
    if error.code in (404, 410):
        return MissingError(
            f"{url}: is not there ({said}). Look where it is published, and give the place by --base-url"
        )
    if error.code in (401, 403):
        return UserError(f"{url}: is not given to everybody ({said}). Fetch it by hand, or give a mirror by --base-url")
    return UserError(f"{url}: the server says {said}. Give another place by --base-url")


def _retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After, which is a number of them or a date; None if it is neither."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _why(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "the server says nothing more"
    return f"the connection failed ({cause or type(cause).__name__})"
