"""Keys that the stores' library cannot hold: it then refuses the whole listing, so S3 is asked for this page by page.

The library still signs each request, with whatever credentials it found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlencode
from xml.etree import ElementTree

from dbsvc.engine.errors import InputError, StoreError
from dbsvc.engine.sources.stores import GO_ON
from dbsvc.engine.sources.urls import Url

_CONTROL = re.compile(r"[\0-\x1f\x7f]")


class OddKeyError(InputError):
    """A key cannot be read."""

    def __init__(self, shown: str, key: str) -> None:
        super().__init__(
            f"{shown}: a key with a control character, or with nothing, . or .. between slashes, cannot be read: "
            f"{written(key)}. Rename it."
        )


def written(key: str) -> str:
    """Return a key as it can be shown."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], key)


def is_odd(key: str) -> bool:
    """Whether the library cannot hold a key."""
    parts = key.removesuffix("/").split("/")
    return not {"", ".", ".."}.isdisjoint(parts) or _CONTROL.search(key) is not None


def list_with_odd(url: Url, prefix: str, sign: Callable[[str], str], timeout: float) -> tuple[list[str], list[str]]:
    """Return the keys that begin with a prefix, then the odd ones among them.

    ``sign`` returns the URL that asks the bucket for what a query says.
    """
    found = [key for page in _pages(url, prefix, sign, timeout) for key in page]
    odd = [key for key in found if is_odd(key)]
    return [key for key in found if not is_odd(key)], odd


def _pages(url: Url, prefix: str, sign: Callable[[str], str], timeout: float) -> Iterator[list[str]]:
    import httpx

    token: str | None = None
    while True:
        asked = {"list-type": "2", "encoding-type": "url", "prefix": prefix}
        if token:
            asked["continuation-token"] = token
        try:
            response = httpx.get(sign(urlencode(asked)), timeout=timeout)
            page = ElementTree.fromstring(response.raise_for_status().content)
        except (httpx.HTTPError, ElementTree.ParseError) as error:
            why = type(error).__name__
            raise StoreError(f"{url.shown}: the store does not list it as it should ({why}). {GO_ON}.") from error
        is_coded = page.findtext("{*}EncodingType") == "url"
        keys = [one.text or "" for one in page.iterfind("{*}Contents/{*}Key")]
        yield [unquote(key.replace("+", " ")) if is_coded else key for key in keys]
        token = page.findtext("{*}NextContinuationToken")
        if not token:
            return
