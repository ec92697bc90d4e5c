"""Variables that the stores' library reads: refused here if it would panic over them, and write its own lines."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

#: What they begin with, by the store; which of them name a server, or a part of a path on one.
_BEGIN = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}
_SERVER = re.compile(r"_(ENDPOINT(_URL)?(_[A-Z0-9]+)?|BASE_URL|FULL_URI)$")
_PATH = re.compile(r"_(RELATIVE_URI|TENANT_ID)$")
_CONTROL = re.compile(r"[\0-\x1f\x7f]")
_URL = re.compile(r"https?://([\w.-]+|\[[\da-fA-F:.]+\])(:(\d{1,5}))?(/[!-~]*)?", re.ASCII)
_VISIBLE = re.compile(r"[!-~]*")


def refuse_unusable(scheme: str, more: Mapping[str, object]) -> None:
    """Raise ValueError for a variable of a cloud, or what a profile says ``more``, that the library cannot use."""
    given = {name: value for name, value in os.environ.items() if name.startswith(_BEGIN[scheme])}
    for name, value in [*given.items(), *((f"{name} of the profile", text) for name, text in more.items())]:
        if isinstance(value, str) and _CONTROL.search(value):
            raise ValueError(f"{name} has a character that it may not have, perhaps a line end")
    for name, value in given.items():
        if _SERVER.search(name) and not is_server(value):
            raise ValueError(f"{name} is no URL of a server: https://host, or http://host:port")
        if _PATH.search(name) and not _VISIBLE.fullmatch(value):
            raise ValueError(f"{name} has a character that it may not have")


def is_server(text: str) -> bool:
    """Whether a text is the URL of a server, as the library takes it."""
    found = _URL.fullmatch(text)
    if not found or int(found[3] or 0) > 65535:
        return False
    try:
        found[1].encode().decode("idna")
    except UnicodeError:
        return False
    return True
