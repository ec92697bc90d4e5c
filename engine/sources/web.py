"""Pages of the web as objects: over https, and over http on this machine."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import cache
from threading import Thread
from typing import TypeVar

import httpx
import tenacity

from dbsvc.engine.errors import ChangedError, InputMissingError, StoreBusyError, StoreError, StoreRefusedError
from dbsvc.engine.settings import read_settings
from dbsvc.engine.sources.stores import GO_ON, OWN_AUTHORITY, Pin, Seen
from dbsvc.engine.sources.urls import Url, is_loopback

T = TypeVar("T")

_MOST_REDIRECTS = 5
#: Answers after which the same request may succeed.
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_BUSY = (429, 503)
#: What is heard of a server that answers TLS with something else, or with a version that is refused: it will not pass.
_NO_TLS = re.compile(r"wrong version number|record layer failure|unsupported protocol|protocol version|http request", re.I)
_LONGEST_PAUSE = 10.0  # seconds
_GRACE = 1.0  # seconds: who is silent at the end is called so, and not slow
_BLOCK = 2**20  # bytes: what is read at a time of what cannot be asked for in parts


class _PassingError(Exception):
    """What may be over soon, and what it will be called if it is not."""

    def __init__(self, error: StoreError, pause: float = 0) -> None:
        super().__init__(str(error))
        self.error = error
        self.pause = pause


class WebStore:
    """A page of the web: a ``Store``."""

    def __init__(self, url: Url) -> None:
        self._url = url
        settings = read_settings()
        self._client = _client(settings.store_timeout)
        self._silent, self._deadline = settings.store_timeout, settings.store_deadline

    def look(self, most: int) -> Seen:
        """Return the page as it is now, and its beginning."""
        return self._retried(lambda until: self._look(most, until))

    def _look(self, most: int, until: float) -> Seen:
        response = self._ask(until, 0, most)
        if response.status_code == 416:  # there is not even a first byte
            response.close()
            return Seen(_pin(response, 0), b"")
        if response.status_code == 206:
            size, sent = _find_size(response), _find_range(response)
            if size is not None and _pin(response, size).shown and sent == (0, min(most, size)):
                return Seen(_pin(response, size), self._read(response, min(most, size), until))
            response.close()  # not the bytes that were asked for, or nothing would tell whether they are the same next time
            response = self._ask(until)
            if response.status_code != 200:  # a part, though all was asked for
                response.close()
                raise self._other_bytes()
        size = int(response.headers.get("content-length", -1)) if response.status_code == 200 else -1
        if 0 <= size <= most:
            return Seen(_pin(response, size), self._read(response, size, until), iter(()))
        rest = self._stream(response)
        head = next(rest, b"")
        return Seen(_pin(response, max(size, 0)), head, rest)

    def fetch(self, pin: Pin, start: int, end: int) -> bytes:
        """Return bytes of the page that was pinned. Raises ChangedError if another one has its name by now."""
        return self._retried(lambda until: self._fetch(pin, start, end, until))

    def _fetch(self, pin: Pin, start: int, end: int, until: float) -> bytes:
        response = self._ask(until, start, end)
        size = _find_size(response)
        if response.status_code == 416 or size not in (None, pin.size) or _pin(response, pin.size) != pin:
            response.close()
            raise ChangedError(self._url.shown)
        if response.status_code != 206:
            response.close()
            raise StoreError(f"{self._url.shown}: the server answers no range any more ({response.status_code}). {GO_ON}.")
        if _find_range(response) != (start, end):
            response.close()
            raise self._other_bytes()
        return self._read(response, end - start, until)

    def _ask(self, until: float, start: int = 0, end: int = 0) -> httpx.Response:
        """Return the answer to a request for these bytes, or for all, without its body. Raises for what is no answer."""
        shown = self._url.shown
        headers = {"Range": f"bytes={start}-{end - 1}"} if end else {}
        try:
            request = self._client.build_request("GET", self._url.whole, headers=headers)
            for _ in range(_MOST_REDIRECTS + 1):
                response = self._send(request, until)
                if response.next_request is None:
                    break
                response.close()
                before, request = request, response.next_request
                safe = request.url.scheme == "https" or before.url.scheme == "http"
                if not safe or (request.url.scheme == "http" and not is_loopback(request.url.host)):
                    raise StoreRefusedError(f"{shown}: it is redirected to {_host(request)} without https, and was not read.")
            else:
                raise StoreRefusedError(
                    f"{shown}: it is redirected more than {_MOST_REDIRECTS} times, last to {_host(request)}."
                )
        except (httpx.TransportError, httpx.InvalidURL, httpx.RemoteProtocolError, UnicodeError) as error:
            raise self._explain(error) from error
        if response.status_code in (200, 206, 416):
            return response
        response.close()
        raise self._refusal(response)

    def _send(self, request: httpx.Request, until: float) -> httpx.Response:
        """Return the answer, if its headers come in time: a client only knows how long nothing at all may come."""
        came: Future[httpx.Response] = Future()

        def send() -> None:
            try:
                came.set_result(self._client.send(request, stream=True))
            except BaseException as error:
                came.set_exception(error)

        Thread(target=send, daemon=True).start()
        try:
            return came.result(max(until - time.monotonic(), self._silent + _GRACE))
        except TimeoutError:
            came.add_done_callback(lambda late: None if late.exception() else late.result().close())
            raise self._too_slow("no whole answer") from None

    def _refusal(self, response: httpx.Response) -> Exception:
        shown, code = self._url.shown, response.status_code
        said = f"{code} {response.reason_phrase}".strip()
        if code in (404, 410):
            return InputMissingError(
                f"{shown}: there is no such page ({said}). A wildcard works in s3://, gs:// and az:// only."
            )
        if code in (401, 403, 407):
            return StoreRefusedError(
                f"{shown}: the server refuses access ({said}): a signature may have expired, or rights miss."
            )
        if code not in _PASSING:
            return StoreError(f"{shown}: the server answers {said}, and nothing was read.")
        kind = StoreBusyError if code in _BUSY else StoreError
        wait = response.headers.get("retry-after", "")
        return _PassingError(
            kind(f"{shown}: the server answers {said}, for {self._deadline:g} s now. {GO_ON}."),
            float(wait) if wait.isdigit() else 0,
        )

    def _read(self, response: httpx.Response, size: int, until: float) -> bytes:
        """Return all of a body that must be so long, and come in time."""
        data = bytearray()
        try:
            for part in response.iter_raw():
                data += part
                if len(data) > size:
                    raise self._other_bytes()
                if time.monotonic() > until and len(data) < size:
                    raise self._too_slow(f"{len(data)} of {size} bytes")
        except httpx.TransportError as error:
            raise self._explain(error) from error
        finally:
            response.close()
        if len(data) != size:
            raise _PassingError(self._cut_off())
        return bytes(data)

    def _stream(self, response: httpx.Response) -> Iterator[bytes]:
        """Yield a body, of which nothing can be asked for again."""
        promised, got = response.headers.get("content-length"), 0
        block, since = bytearray(), time.monotonic()
        try:
            for part in response.iter_raw():
                block += part
                got += len(part)
                if len(block) >= _BLOCK:
                    yield bytes(block)
                    block, since = bytearray(), time.monotonic()
                elif time.monotonic() > since + self._deadline:
                    raise self._too_slow(f"{len(block)} bytes")
            yield bytes(block)
        except httpx.TransportError as error:
            found = self._explain(error)
            raise (found.error if isinstance(found, _PassingError) else found) from error
        finally:
            response.close()
        if promised not in (None, str(got)):
            raise self._cut_off()

    def _too_slow(self, came: str) -> StoreError:
        return StoreError(
            f"{self._url.shown}: the server is too slow: {came} came in {self._deadline:g} s (DBSVC_STORE_DEADLINE). {GO_ON}."
        )

    def _other_bytes(self) -> StoreError:
        return StoreError(f"{self._url.shown}: the server sends other bytes than it was asked for, and none of them are used.")

    def _cut_off(self) -> StoreError:
        return StoreError(f"{self._url.shown}: the server ends too early, before all bytes that it promised. {GO_ON}.")

    def _explain(self, error: Exception) -> Exception:
        shown, why = self._url.shown, _reason(error)
        if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | UnicodeError):
            return StoreRefusedError(f"{shown}: the URL, or where it is redirected to, is malformed.")
        if "certificate" in why.lower():
            return StoreRefusedError(
                f"{shown}: the server's certificate cannot be verified ({why}), so nothing was read. {OWN_AUTHORITY}."
            )
        if _NO_TLS.search(why):
            return StoreRefusedError(f"{shown}: the server speaks no TLS that we know ({why}), so nothing was read.")
        if isinstance(error, httpx.ProxyError):
            return _PassingError(
                StoreError(f"{shown}: the proxy does not let us through ({why}): see HTTPS_PROXY and NO_PROXY.")
            )
        return _PassingError(StoreError(f"{shown}: the server cannot be reached, or was silent ({why}). {GO_ON}."))

    def _retried(self, ask: Callable[[float], T]) -> T:
        """Ask until the deadline, which each try is told."""
        until = time.monotonic() + self._deadline
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_PassingError),
            stop=tenacity.stop_before_delay(self._deadline),
            wait=_pause,
            reraise=True,
        )
        try:
            return retrying(ask, until)
        except _PassingError as passing:
            raise passing.error from passing


def _pause(state: tenacity.RetryCallState) -> float:
    """Return how long to wait: each time longer, and at least as long as we are asked to."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.pause if isinstance(error, _PassingError) else 0
    return max(min(asked, _LONGEST_PAUSE), random.uniform(0.05, min(0.2 * 2**state.attempt_number, _LONGEST_PAUSE)))


def _reason(error: Exception) -> str:
    kinds: dict[type[Exception], str] = {httpx.ConnectTimeout: "no connection in time", httpx.ReadTimeout: "no answer in time"}
    text = str(error).splitlines()[0] if str(error) else ""
    text = re.sub(r"^\[(Errno -?\d+|SSL: \w+)\] *| \(_ssl\.c:\d+\)$", "", text)
    return kinds.get(type(error)) or text or type(error).__name__


def _host(request: httpx.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode().rpartition('@')[2]}"


def _pin(response: httpx.Response, size: int) -> Pin:
    etag = response.headers.get("etag")
    return Pin(size, etag, modified=None if etag else response.headers.get("last-modified"))


def _find_size(response: httpx.Response) -> int | None:
    found = re.fullmatch(r"bytes (?:\d+-\d+|\*)/(\d+)", response.headers.get("content-range", ""))
    return int(found[1]) if found else None


def _find_range(response: httpx.Response) -> tuple[int, int] | None:
    """Return where the bytes of an answer start and end, as it says itself."""
    found = re.match(r"bytes (\d+)-(\d+)/", response.headers.get("content-range", ""))
    return (int(found[1]), int(found[2]) + 1) if found else None


@cache
def _client(timeout: float) -> httpx.Client:
    return make_client(timeout)


def make_client(timeout: float, authority: str | None = None) -> httpx.Client:
    """Return what asks a server, which may show a certificate of an authority of one's own, too."""
    try:
        context = httpx.create_ssl_context()
        if authority:
            context.load_verify_locations(authority)
        headers = {"Accept-Encoding": "identity", "User-Agent": "dbsvc"}
        return httpx.Client(verify=context, timeout=timeout, headers=headers)
    except (OSError, ValueError, httpx.InvalidURL) as error:
        raise StoreRefusedError(f"SSL_CERT_FILE, AWS_CA_BUNDLE, or a variable of a proxy, cannot be used: {error}.") from error
