"""Objects of S3 and what speaks as it does, of Google Cloud Storage and of Azure, by obstore."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from dbsvc.engine.errors import (
    ChangedError,
    DbsvcError,
    ExtraMissingError,
    InputError,
    InputMissingError,
    StoreBusyError,
    StoreError,
    StoreRefusedError,
)
from dbsvc.engine.settings import read_settings
from dbsvc.engine.sources.aws import find_profile
from dbsvc.engine.sources.odd_keys import OddKeyError
from dbsvc.engine.sources.stores import GO_ON, OWN_AUTHORITY, Part, Pin, Seen
from dbsvc.engine.sources.urls import Url
from dbsvc.engine.sources.variables import is_server, refuse_unusable

T = TypeVar("T")

_MOST_RETRIES = 100  # before them the deadline is over
#: Variables that may name a store's endpoint.
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL", "STORAGE_EMULATOR_HOST"),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
#: The clouds' own servers; and by what another one of Azure's is meant.
_SERVERS = {"gs": "https://storage.googleapis.com", "az": "https://{}.blob.core.windows.net"}
_ELSEWHERE = ("AZURE_STORAGE_USE_EMULATOR", "AZURE_USE_FABRIC_ENDPOINT")
_REGION = re.compile(r"[\w-]+", re.ASCII)
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_AUTHORITIES = ("AWS_CA_BUNDLE", "SSL_CERT_FILE")
_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_PUBLIC = {"s3": "AWS_SKIP_SIGNATURE", "gs": "GOOGLE_SKIP_SIGNATURE", "az": "AZURE_SKIP_SIGNATURE"}
_NO_CREDENTIALS = re.compile(
    r"169\.254\.169\.254|metadata\.google|metadata/identity|latest/api/token|missing credential|Account must be specified",
    re.IGNORECASE,
)
#: What the library says of a key that it cannot hold, and of the listing that this is in.
_ODD_KEY = re.compile(r'[Pp]ath "(.*?)"(?: contained empty path segment|: Encountered illegal character)', re.DOTALL)
#: What fails before a request is sent, for a setting is wrong: it will not pass.
_UNSENT = re.compile(r"builder error|token file")
#: What is heard of a server that answers TLS with something else.
_NO_TLS = re.compile(r"InvalidContentType|InvalidMessage\(")
_WHY = {
    r"connection refused": "connection refused",
    r"dns error|failed to lookup": "its name is not known",
    r"connection reset|IncompleteMessage|end of file before message length|closed before message": "it ends too early",
    r"TimedOut|timed out|timeout": "no answer in time",
}


class CloudStore:
    """One object of a bucket: a ``Store``."""

    def __init__(self, url: Url) -> None:
        self._url = url
        with _explained(url):
            self._store = _open(url)

    def look(self, most: int) -> Seen:
        """Return the object as it is now, and its beginning."""
        if not self._url.key or "//" in f"/{self._url.key}":
            raise InputError(
                f"{self._url.shown}: an object is named by its key, of which no part between two slashes is empty."
            )
        return _ask(self._url, lambda store: self._look(store, most))

    def _look(self, store: Any, most: int) -> Seen:
        import obstore

        try:
            found = obstore.get(store, self._url.key, options={"range": (0, most)})
        except obstore.exceptions.BaseError as error:
            if _status(error) != 416:  # there is not even a first byte
                raise
            return Seen(_pin(obstore.head(store, self._url.key)), b"")
        pin = _pin(found.meta)
        return Seen(pin, bytes(self._read(found, min(most, pin.size))))

    def fetch(self, pin: Pin, start: int, end: int) -> Part:
        """Return bytes of the object that was pinned. Raises ChangedError if another one has its name by now."""
        import obstore

        options: dict[str, Any] = {"range": (start, end)}
        if pin.version:
            options["version"] = pin.version
        elif pin.etag:
            options["if_match"] = pin.etag
        with _explained(self._url):
            found = obstore.get(self._store, self._url.key, options=options)
            if _pin(found.meta) != pin:
                raise ChangedError(self._url.shown)
            return self._read(found, end - start)

    def _read(self, found: Any, size: int) -> Part:
        """Return all of a body that must be so long; what breaks off is asked for again by the library."""
        part = memoryview(found.bytes())
        if len(part) != size:
            raise StoreError(f"{self._url.shown}: the store sends less than it promises. {GO_ON}.")
        return part


@dataclass(frozen=True)
class Folder:
    """What lies under a prefix that ends in a slash, and not deeper: keys of objects, and of folders without the slash.

    Odd keys are those that cannot be read.
    """

    objects: list[str]
    folders: list[str]
    odd: list[str]


def list_folder(url: Url) -> Folder:
    """Return what lies in the folder that a URL names."""
    import_store(url)
    import obstore

    prefix = url.key.strip("/")
    try:
        found = _ask(url, lambda store: obstore.list_with_delimiter(store, prefix or None), listing=True)
    except OddKeyError as error:
        keys, odd = _list_exactly(url, error)
        begin = len(prefix) + 1 if prefix else 0
        within = dict.fromkeys(key[: key.index("/", begin)] for key in keys if "/" in key[begin:])
        return Folder([key for key in keys if "/" not in key[begin:]], [*within], odd)
    keys = [str(one["path"]) for one in found["objects"]]
    odd = [f"{prefix}/" for one in found["objects"] if one["path"] == prefix and one["size"]]
    return Folder([key for key in keys if key != prefix], [str(key) for key in found["common_prefixes"]], odd)


def list_all(url: Url) -> Folder:
    """Return the keys of all objects under the folder that a URL names."""
    import_store(url)
    import obstore

    try:
        found = _ask(url, lambda store: obstore.list(store, url.key.strip("/") or None).collect(), listing=True)
    except OddKeyError as error:
        keys, odd = _list_exactly(url, error)
        return Folder(keys, [], odd)
    keys, odd = [*dict.fromkeys(str(one["path"]) for one in found)], []
    folders = {folder for key in keys for folder in accumulate(key.split("/")[:-1], "{}/{}".format)}
    if len(keys) < len(found) or not all(one["size"] for one in found) or not folders.isdisjoint(keys):
        # a slash at the end of a key, which the library leaves out: it marks a folder, or cannot be read
        with suppress(DbsvcError):
            keys, odd = _list_exactly(url, OddKeyError(url.shown, ""))
    return Folder(keys, [], odd)


def _list_exactly(url: Url, error: OddKeyError) -> tuple[list[str], list[str]]:
    """Return all keys of objects under a folder, and the odd ones. Raises the error where only the library can ask."""
    import obstore

    from dbsvc.engine.sources.odd_keys import list_with_odd
    from dbsvc.engine.sources.web import make_client

    if url.scheme != "s3":
        return _list_by_relay(url, error)
    settings = read_settings()
    patience = (settings.store_timeout, settings.store_deadline, 0)
    prefix = f"{folder}/" if (folder := url.key.strip("/")) else ""

    def sign(query: str) -> str:
        store = _open_bucket(url.scheme, url.bucket, *patience, query)
        if os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("1", "true"):
            return f"{store.config['endpoint']}list"
        return str(obstore.sign(store, "GET", "list", timedelta(seconds=settings.store_deadline)))

    with make_client(settings.store_timeout, _find_authority()) as client, _explained(url, listing=True):
        return list_with_odd(url, prefix, sign, client)


def _list_by_relay(url: Url, error: OddKeyError) -> tuple[list[str], list[str]]:
    """Return the same of Google and Azure. Raises the error where it cannot be told where their server is."""
    import obstore

    from dbsvc.engine.sources.relay import relaying
    from dbsvc.engine.sources.web import make_client

    endpoint = _find_server(url.scheme)
    if not endpoint:
        raise error
    settings = read_settings()
    with (
        make_client(settings.store_timeout, _find_authority()) as client,
        relaying(endpoint, url.bucket, client) as relay,
        _explained(url, listing=True),
    ):
        store = _open_bucket.__wrapped__(
            url.scheme, url.bucket, settings.store_timeout, settings.store_deadline, _MOST_RETRIES, relay=relay.url
        )
        try:
            found = obstore.list(store, url.key.strip("/") or None).collect()
        except obstore.exceptions.BaseError as failed:
            raise relay.error or failed from failed
    prefix = f"{folder}/" if (folder := url.key.strip("/")) else ""
    return [key for one in found if (key := str(one["path"])).startswith(prefix)], [*dict.fromkeys(relay.odd)]


def _find_server(scheme: str) -> str:
    """Return the URL of Google's or Azure's server; nothing if it cannot be told."""
    if endpoint := _find_endpoint(scheme, {})[1]:
        return endpoint
    account = os.environ.get("AZURE_STORAGE_ACCOUNT_NAME", "")
    is_elsewhere = any(os.environ.get(name, "").lower() in ("1", "true") for name in _ELSEWHERE)
    return "" if scheme == "az" and (is_elsewhere or not account) else _SERVERS[scheme].format(account)


def _find_authority() -> str | None:
    """Return the file with the certificate of an authority of one's own."""
    return next((os.environ[name] for name in _AUTHORITIES if os.environ.get(name)), None)


def import_store(url: Url) -> None:
    """Raise ExtraMissingError if the package is not there that reads stores."""
    try:
        import obstore  # noqa: F401
    except ImportError:
        raise ExtraMissingError(
            f"{url.shown}: to read from a bucket takes obstore, which is not installed: pip install 'dbsvc[cloud]'."
        ) from None


def _ask(url: Url, ask: Callable[[Any], T], *, listing: bool = False) -> T:
    """Ask a store once, so that what will not pass is said at once: certificates, credentials; then with patience."""
    try:
        with _explained(url, listing=listing):
            return ask(_open(url, most_retries=0))
    except StoreRefusedError:
        raise
    except StoreError:
        with _explained(url, listing=listing):
            return ask(_open(url))


def _open(url: Url, most_retries: int = _MOST_RETRIES) -> Any:
    import_store(url)
    settings = read_settings()
    return _open_bucket(url.scheme, url.bucket, settings.store_timeout, settings.store_deadline, most_retries)


@cache
def _open_bucket(
    scheme: str, bucket: str, silent: float, deadline: float, most_retries: int, query: str = "", relay: str = ""
) -> Any:
    """Return a bucket; with a ``query``, one whose signed URLs ask S3 for that; with a ``relay``, one that is asked by it."""
    from obstore import exceptions
    from obstore.store import AzureStore, GCSStore, S3Store

    config: dict[str, Any] = find_profile() if scheme == "s3" else {}
    variable, endpoint = _find_endpoint(scheme, config)
    endpoint = relay or endpoint
    if (scheme == "gs" and endpoint) or relay:
        config["base_url" if scheme == "gs" else "endpoint"] = endpoint
    if endpoint and not is_server(endpoint):
        raise ValueError(f"{variable} is no URL of a server: https://host, or http://host:port")
    refuse_unusable(scheme, config)
    regions = [config.get("region"), *(os.environ.get(name) for name in _REGIONS)] if scheme == "s3" else []
    if any(region and not _REGION.fullmatch(region) for region in regions):
        raise ValueError("AWS_REGION, or region of the profile, is no name of a region")
    if query:  # in front of what is signed, so that this is the value of a parameter that nobody reads
        region = next(filter(None, regions), "us-east-1")
        by_host = endpoint and os.environ.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() in ("1", "true")
        at = (endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/") + ("" if by_host else f"/{bucket}")
        config |= {"endpoint": f"{at}?{query}&x-id=", "virtual_hosted_style_request": True}
    plain = endpoint.startswith("http://") or os.environ.get("AZURE_STORAGE_USE_EMULATOR", "").lower() in ("1", "true")
    client: dict[str, Any] = {
        "allow_http": plain,
        "connect_timeout": timedelta(seconds=min(silent, 5)),
        "read_timeout": timedelta(seconds=silent),
        "timeout": timedelta(seconds=deadline),
        "user_agent": "dbsvc",
    }
    if relay:  # it is asked by no proxy; to say so takes one, which still has to be asked for tokens
        proxy = next((os.environ[name] for name in _PROXIES if "HTTP_" not in name.upper() and os.environ.get(name)), None)
        others = os.environ.get("NO_PROXY") or os.environ.get("no_proxy", "")
        client |= {"proxy_url": proxy or relay, "proxy_excludes": f"127.0.0.1,{others if proxy else '*'}"}
    if authority := _find_authority():
        try:
            client["root_certificate"] = Path(authority).read_text()
        except (OSError, UnicodeError) as error:
            raise StoreRefusedError(f"{authority}: the authority's certificate cannot be read: {error}.") from error
    retry: dict[str, Any] = {
        "max_retries": most_retries,
        "retry_timeout": timedelta(seconds=deadline),
        "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=10), "base": 2},
    }
    kind: Any = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[scheme]
    try:
        return kind(bucket, client_options=client, retry_config=retry, **config)
    except exceptions.BaseError as error:  # no request was sent yet: a setting is wrong
        raise ValueError(str(error)) from error


def _find_endpoint(scheme: str, config: dict[str, Any]) -> tuple[str, str]:
    """Return what names the server of a store, and its URL; none if it is the cloud's own."""
    variable = next((name for name in _ENDPOINTS[scheme] if os.environ.get(name)), None)
    endpoint = os.environ[variable] if variable else str(config.get("endpoint", ""))
    if scheme == "gs" and endpoint and "://" not in endpoint:
        endpoint = f"http://{endpoint}"
    return variable or "endpoint_url", endpoint


def _pin(meta: Any) -> Pin:
    etag, version = meta["e_tag"], meta["version"]
    return Pin(meta["size"], etag, version, None if etag or version else str(meta["last_modified"]))


def _status(error: BaseException) -> int | None:
    found = re.search(r"status code: (\d{3})", str(error))
    return int(found[1]) if found else None


@contextmanager
def _explained(url: Url, *, listing: bool = False) -> Iterator[None]:
    """Say in one sentence what a store or its library says, and nothing that may be secret."""
    try:
        yield
    except DbsvcError:
        raise
    except (OSError, ValueError) as error:
        raise _explain(url, error, listing) from error
    except BaseException as error:
        library = type(error).__module__.partition(".")[0]
        if library == "pyo3_runtime":  # its Rust panicked: no Exception, so that the run would end
            why = ValueError("a region, an endpoint or a key has characters that it may not have")
            raise _explain(url, why, listing) from error
        if library not in ("obstore", "httpx"):
            raise
        raise _explain(url, error, listing) from error


def _explain(url: Url, error: BaseException, listing: bool) -> DbsvcError:
    text, status, shown, scheme = str(error), _status(error), url.shown, url.scheme
    said = re.search(r"<Code>(\w+)</Code>", text)
    code = said[1] if said else ""
    answer = f"{status or ''} {code}".strip()
    if code in ("NoSuchBucket", "ContainerNotFound") or (status == 404 and listing):
        return InputMissingError(f"{shown}: there is no bucket {url.bucket}.")
    if isinstance(error, FileNotFoundError) or status == 404:
        return InputMissingError(f"{shown}: there is no such object (any more); the URL of a folder ends in a slash.")
    if status == 412:
        return ChangedError(url.shown)
    if _NO_CREDENTIALS.search(text):
        return StoreRefusedError(
            f"{shown}: no credentials were found: set {_KEYS[scheme]}, give the instance a role, or set {_PUBLIC[scheme]}=true "
            "for what is public."
        )
    if status in (401, 403):
        return StoreRefusedError(
            f"{shown}: the store refuses access ({answer}): see whether the credentials are right, and may read and list it."
        )
    if status in (301, 302, 307, 308) or "redirect" in text.lower():
        return StoreRefusedError(
            f"{shown}: the bucket is elsewhere ({answer or 'redirected'}): set its region (AWS_REGION) or its endpoint."
        )
    if re.search(r"certificate|UnknownIssuer|InvalidCertificate", text):
        return StoreRefusedError(f"{shown}: the store's certificate cannot be verified, so nothing was read. {OWN_AUTHORITY}.")
    if _NO_TLS.search(text):
        return StoreRefusedError(f"{shown}: the server at the store's endpoint speaks no TLS: https:// there is to be http://.")
    if odd := _ODD_KEY.search(text):
        return OddKeyError(shown, odd[1])
    if isinstance(error, ValueError) or status == 400 or _UNSENT.search(text):
        why = answer or next(iter(text.splitlines()), "")
        return StoreRefusedError(
            f"{shown}: the store cannot be asked so ({why}): see docs/reference/settings.md on its settings."
        )
    kind = StoreBusyError if status in (429, 503) else StoreError
    why = answer or next((said for pattern, said in _WHY.items() if re.search(pattern, text, re.IGNORECASE)), "no answer")
    proxy = next((f"; {one} names a proxy" for one in _PROXIES if os.environ.get(one)), "")
    return kind(f"{shown}: the store does not answer as it should ({why}{proxy}). {GO_ON}.")
