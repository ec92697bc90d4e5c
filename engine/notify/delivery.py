"""Sending a message to a receiver: within a few seconds, and never to another host than it names."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlsplit

from dbsvc.engine.errors import ConfigurationError
from dbsvc.engine.notify.messages import Notice, Place, as_text, write
from dbsvc.engine.notify.receivers import Receiver, load_apprise

MOST = 100  # notices of a message
_LARGEST = 64 * 2**10  # bytes of an answer that are looked at
#: Answers after which the same request may succeed.
_PASSING = (408, 425, 429)


@dataclass(frozen=True)
class Failure:
    """Why a message was not taken."""

    because: str
    #: whether it may be taken in a moment
    passing: bool = True
    #: whether it may have been taken all the same
    perhaps: bool = False
    #: for how many seconds the receiver wants to be left alone
    pause: float = 0.0


@dataclass(frozen=True)
class Message:
    """What one receiver is told."""

    receiver: Receiver
    notices: Sequence[Notice]

    @property
    def is_full(self) -> bool:
        """Whether there may be more to tell."""
        return len(self.notices) == MOST


def send_all(messages: Sequence[Message], place: Place, seconds: float) -> list[Failure | None]:
    """Send all at the same time, within these seconds; return why each failed, or None if it was taken.

    Looking up a name, connecting, a server that answers byte by byte: nothing takes longer. What is under way then is
    not waited for, and was perhaps taken.
    """
    from dbsvc.engine.fx.providers import http  # noqa: F401  # what takes long to import does so before the clock runs

    late = _late(seconds)
    results: list[Failure | None] = [late] * len(messages)

    def run(number: int, message: Message) -> None:
        results[number] = _send(message, place, seconds)

    threads = [Thread(target=run, args=(number, message), daemon=True) for number, message in enumerate(messages)]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(results)


def _send(message: Message, place: Place, seconds: float) -> Failure | None:
    send: Callable[[Message, Place, float], Failure | None] = _apprise if message.receiver.form == "apprise" else _post
    try:
        return send(message, place, seconds)
    except Exception as error:  # of a library: what it says may hold the URL
        return Failure(f"{type(error).__name__}: check its URL and the network", perhaps=True)


def _late(seconds: float) -> Failure:
    # it is at work on it: the same again would not be faster
    return Failure(f"it did not answer within {seconds:.3g} seconds", passing=False, perhaps=True)


def _post(message: Message, place: Place, seconds: float) -> Failure | None:
    import httpx

    from dbsvc.engine.fx.providers.http import find_proxy, seconds_until

    receiver = message.receiver
    body = write(receiver.form, message.notices, place)
    timeout = {**dict.fromkeys(("read", "write", "pool"), seconds), "connect": seconds / 2}
    headers = {"Content-Type": "application/json", "User-Agent": "dbsvc"}
    # the transport alone: a client follows redirects if told to, and logs the URL, which is a secret
    request = httpx.Request("POST", receiver.url, content=body, headers=headers, extensions={"timeout": timeout})
    if request.url.userinfo:
        request = next(httpx.BasicAuth(request.url.username, request.url.password).auth_flow(request))
    try:
        proxy = find_proxy(receiver.url, "set HTTPS_PROXY to one that is, or NO_PROXY")
    except ConfigurationError as error:
        return Failure(str(error).rstrip("."), passing=False)
    is_tls = receiver.url.startswith("https")  # reading the authorities takes a while
    with httpx.HTTPTransport(verify=is_tls, proxy=proxy or None) as transport:
        try:
            response = transport.handle_request(request)
            answer = b"".join(_first(response.iter_raw(4096)))
            response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:  # nothing was sent
            return Failure(_reason(error))
        except httpx.TimeoutException:
            return _late(seconds)
        except httpx.TransportError as error:
            return Failure(_reason(error), perhaps=True)
    status = response.status_code
    if 300 <= status < 400:
        host = urlsplit(response.headers.get("location", "")).hostname or "elsewhere"
        return Failure(
            f"it redirects to {host} (HTTP {status}), which is not followed: give the URL that answers", passing=False
        )
    if not 200 <= status < 300:
        passing = status in _PASSING or status >= 500
        pause = seconds_until(response.headers.get("retry-after", "")) or 0.0
        return Failure(f"it answers HTTP {status}", passing, pause=pause)
    if receiver.form == "teams" and b"failed with error" in answer:  # it says 200, and tells of another status
        return Failure("Teams took it, and could not deliver it")
    return None


def _first(parts: object) -> list[bytes]:
    """Return the beginning of an answer; the rest is nobody's to read."""
    found: list[bytes] = []
    for part in parts:  # type: ignore[attr-defined]
        found.append(part)
        if sum(map(len, found)) >= _LARGEST:
            break
    return found


def _reason(error: BaseException) -> str:
    """Return what the operating system or the TLS layer said, without the URL."""
    import os
    import ssl

    deeper: BaseException | None = error
    while deeper:
        if isinstance(deeper, ssl.SSLError):
            return f"its certificate or TLS is refused ({deeper.reason or 'SSL'})"
        if isinstance(deeper, OSError) and deeper.errno and deeper.errno > 0:
            return f"it cannot be reached ({os.strerror(deeper.errno)})"
        deeper = deeper.__cause__ or deeper.__context__
    return f"it cannot be reached ({type(error).__name__})"


def _apprise(message: Message, place: Place, seconds: float) -> Failure | None:
    library = load_apprise()
    told = library.Apprise()
    told.add(message.receiver.url)
    title, text = as_text(message.notices, place)
    taken = told.notify(title=title, body=text, body_format=library.NotifyFormat.TEXT)
    return None if taken else Failure("Apprise could not deliver it", passing=False, perhaps=True)
