"""Asking a provider over HTTP: bounded in time, tried again where that can help, with a secret that only the provider sees."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import tenacity

from dbsvc.engine.errors import ConfigurationError, ProviderBusyError, ProviderError
from dbsvc.engine.log import event
from dbsvc.engine.sources.urls import is_loopback

T = TypeVar("T")

_ATTEMPTS = 3  # every one may cost quota
_BACKOFF = tenacity.wait_exponential(multiplier=0.5) + tenacity.wait_random(0, 0.5)  # seconds
_CONNECT_TIMEOUT = 5.0  # seconds
_LARGEST = 16 * 2**20  # bytes: a year of all currencies is a quarter of that


@dataclass(frozen=True)
class Answer:
    """What came back: the content is the JSON in it, decimals exact, or None if it is no JSON."""

    status: int
    content: Any
    media_type: str
    #: how long the provider wants us to wait, in seconds
    retry_after: float | None


class Client:
    """Asks one API. The secret parameters are added below everything that logs a URL or keeps it in an exception."""

    def __init__(
        self,
        name: str,
        base_url: str,
        secret: Mapping[str, str],
        *,
        proxy: str,
        timeout: float,
        deadline: float,
        pause: Callable[[float], None],
    ) -> None:
        self.name = name
        self.requests = 0
        self._base_url = base_url
        self._secret = secret
        self._proxy = proxy or find_proxy(base_url)
        self._timeout = timeout
        self._deadline = deadline
        self._pause = pause

    def get(self, path: str, params: Mapping[str, str], read: Callable[[Answer], T]) -> T:
        """Ask, and return what ``read`` makes of the answer. What is raised as retryable is tried again, if time is left."""
        give_up = time.monotonic() + self._deadline
        last_start = self._deadline - self._timeout / 2  # a try that is bound to be cut off would cost quota for nothing

        def attempt() -> T:
            seconds = min(self._timeout, give_up - time.monotonic())
            return read(self._ask(path, params, seconds))

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: getattr(error, "retryable", False)),
            stop=tenacity.stop_after_attempt(_ATTEMPTS) | tenacity.stop_before_delay(last_start),
            wait=_wait,
            sleep=self._pause,
            before_sleep=_log,
            reraise=True,
        )
        return retrying(attempt)

    def _ask(self, path: str, params: Mapping[str, str], seconds: float) -> Answer:
        self.requests += 1
        try:
            return asyncio.run(self._send(path, params, seconds))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise ProviderError(
                f"{self.name} did not answer within {seconds:.3g} seconds: run the same command again later.",
                retryable=True,
                lasting=True,
            ) from error
        except httpx.TransportError as error:
            reason = _reason(error)
            raise ProviderError(
                f"{self.name} could not be asked at {self._base_url} ({reason}): check the network, then run the same command "
                "again.",
                retryable=True,
                lasting=True,
            ) from error
        except httpx.DecodingError as error:
            raise ProviderError(f"{self.name} answered something that cannot be unpacked: {error}.") from error

    async def _send(self, path: str, params: Mapping[str, str], seconds: float) -> Answer:
        transport = _Secretive(self._secret, self._proxy)
        timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_TIMEOUT))
        # the outer timeout is for all of it: a server that drips would never exceed one that is for each byte
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(transport=transport, timeout=timeout) as client,
            client.stream("GET", f"{self._base_url}/{path}", params=params) as response,
        ):
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > _LARGEST:
                    raise ProviderError(f"{self.name} answered more than {_LARGEST:,} bytes: ask for fewer days.")
        headers = response.headers
        media_type = headers.get("content-type", "").partition(";")[0]
        return Answer(response.status_code, _decode(bytes(body)), media_type, seconds_until(headers.get("retry-after", "")))

    def refuse(self, answer: Answer, hint: str) -> NoReturn:
        """Raise what an answer means that does not explain itself; ``hint`` says what to check."""
        if answer.status == 429:
            raise ProviderBusyError(busy(self.name, "HTTP 429", answer.retry_after), retry_after=answer.retry_after)
        if answer.status >= 500:
            raise ProviderError(
                f"{self.name} is out of order (HTTP {answer.status}): run the same command again later.",
                retryable=True,
                retry_after=answer.retry_after,
            )
        if answer.status in (401, 403):
            raise ConfigurationError(
                f"{self.name} does not let us in (HTTP {answer.status}): check the access key, and {hint}."
            )
        if answer.status == 407:
            raise ConfigurationError("The proxy asks who we are: put user and password into its URL, CURRENCYLAYER_PROXY.")
        if answer.status == 200 and answer.media_type.endswith("json"):
            raise ProviderError(f"{self.name} answered damaged JSON: run the same command again later.")
        what = f"HTTP {answer.status}" if answer.status != 200 else "something else than JSON"
        kind = f" of type {answer.media_type}" if answer.media_type.isprintable() and answer.content is None else ""
        raise ProviderError(f"{self.name} answered {what}{kind}: {hint}.")


class _Secretive(httpx.AsyncHTTPTransport):
    """Adds the secret parameters to what is sent. The request that httpx logs, and puts into exceptions, is without them."""

    def __init__(self, secret: Mapping[str, str], proxy: str) -> None:
        super().__init__(proxy=proxy or None)
        self._secret = secret

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_merge_params(dict(self._secret))
        sent = httpx.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions)
        return await super().handle_async_request(sent)


def busy(name: str, why: str, retry_after: float | None) -> str:
    """Return the sentence for a provider that asks us to slow down."""
    when = "later" if retry_after is None else f"in {retry_after:,.0f} seconds"
    return f"{name} asks us to slow down ({why}): run the same command again {when}."


def _reason(error: BaseException) -> str:
    """Return what the operating system said, which the layers above it leave out."""
    deeper: BaseException | None = error
    while deeper:
        if isinstance(deeper, OSError) and deeper.errno and deeper.errno > 0:
            return os.strerror(deeper.errno)
        deeper = deeper.__cause__ or deeper.__context__
    return str(error) or type(error).__name__


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked: float | None = getattr(error, "retry_after", None)
    if asked is not None:
        return asked
    return _BACKOFF(state)


def _log(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    event("retry", attempt=state.attempt_number, because=str(error), pause=round(state.upcoming_sleep, 3))


def find_proxy(url: str, otherwise: str = "set CURRENCYLAYER_PROXY to one that is") -> str:
    """Return the proxy that the environment names for a URL; empty if it is asked directly."""
    parts = urlsplit(url)
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all") or ""
    if not proxy or is_loopback(parts.hostname or "") or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not proxy.startswith(("http://", "https://")):
        raise ConfigurationError(f"The proxy of the environment (ALL_PROXY) is not asked by HTTP: {otherwise}.")
    return proxy


def _decode(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def seconds_until(written: str) -> float | None:
    """Return the seconds that a Retry-After header asks for; None if it asks for none that make sense."""
    if re.fullmatch(r"\d{1,9}", written.strip()):
        return float(written)
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(written) - datetime.now(UTC)).total_seconds())
    return None
