"""Keys that the stores' library cannot hold: it then refuses the whole listing, so S3 is asked for this page by page.

The library still signs each request, with whatever credentials it found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlencode
from xml.etree import ElementTree

from dbsvc.engine.errors import InputError, StoreError
from dbsvc.engine.sources.stores import GO_ON
from dbsvc.engine.sources.urls import Url

if TYPE_CHECKING:
    import httpx

_CONTROL = re.compile(r"[\0-\x1f\x7f]")


class OddKeyError(InputError):
    """A key cannot be read."""

    def __init__(self, shown: str, key: str) -> None:
        super().__init__(
            f"{shown}: a key with a control character, with nothing, . or .. between slashes, or with a slash at its end "
            f"and content, cannot be read: {written(key)}. Rename it."
        )


def written(key: str) -> str:
    """Return a key as it can be shown."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], key)


def is_odd(key: str, has_content: bool) -> bool:
    """Whether the library cannot hold a key. It leaves out a slash at the end, so only what marks a folder may have one."""
    parts = key.removesuffix("/").split("/")
    return not {"", ".", ".."}.isdisjoint(parts) or _CONTROL.search(key) is not None or (has_content and key.endswith("/"))


def list_with_odd(url: Url, prefix: str, sign: Callable[[str], str], client: httpx.Client) -> tuple[list[str], list[str]]:
    """Return the keys of objects that begin with a prefix, then the odd ones among them.

    ``sign`` returns the URL that asks the bucket for what a query says.
    """
    found = list(_entries(url, prefix, sign, client))
    good = [key for key, has_content in found if not key.endswith("/") and not is_odd(key, has_content)]
    return good, [key for key, has_content in found if is_odd(key, has_content)]


def _entries(url: Url, prefix: str, sign: Callable[[str], str], client: httpx.Client) -> Iterator[tuple[str, bool]]:
    """Yield each key, and whether its object has any content."""
    token: str | None = None
    while True:
        asked = {"list-type": "2", "encoding-type": "url", "prefix": prefix}
        if token:
            asked["continuation-token"] = token
        response = client.get(sign(urlencode(asked)))
        if response.status_code != 200:
            raise OSError(f"status code: {response.status_code} {response.text}")
        try:
            page = ElementTree.fromstring(response.content)
        except ElementTree.ParseError as error:
            raise StoreError(f"{url.shown}: the store does not list it as it should ({error}). {GO_ON}.") from error
        is_coded = page.findtext("{*}EncodingType") == "url"
        for entry in page.iterfind("{*}Contents"):
            key = entry.findtext("{*}Key", "")
            yield unquote(key.replace("+", " ")) if is_coded else key, entry.findtext("{*}Size", "0").strip("0") != ""
        token = page.findtext("{*}NextContinuationToken")
        if not token:
            return
