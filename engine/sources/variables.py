"""Variables that the stores' library reads: refused here if it would panic over them, and write its own lines."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

#: What they begin with, by the store.
_BEGIN = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}
#: Which of them name a server; become a part of a URL; are sent as they are. Others of a cloud are not its business.
_SERVER = re.compile(
    r"AWS_(ENDPOINT(_URL(_S3|_STS)?)?|METADATA_ENDPOINT|CONTAINER_CREDENTIALS_FULL_URI)"
    r"|GOOGLE_BASE_URL|AZURE_(STORAGE_|MSI_|IDENTITY_)?ENDPOINT"
)
_PART = re.compile(r"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI|AZURE_(STORAGE_)?(TENANT_ID|AUTHORITY_ID|AUTHORITY_HOST)")
_SENT = re.compile(
    r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|(SESSION_)?TOKEN|(DEFAULT_)?REGION|ROLE_ARN|ROLE_SESSION_NAME)|GOOGLE_BEARER_TOKEN"
    r"|AZURE_STORAGE_(ACCOUNT_NAME|(ACCOUNT|ACCESS|MASTER|SAS)_KEY|(SAS_)?TOKEN)|AZURE_(STORAGE_)?CLIENT_(ID|SECRET)"
)
_CONTROL = re.compile(r"[\0-\x1f\x7f]")
_URL = re.compile(r"https?://([\w.-]+|\[[\da-fA-F:.]+\])(:(\d{1,5}))?(/[!-~]*)?", re.ASCII)
_VISIBLE = re.compile(r"[!-~]*")


def refuse_unusable(scheme: str, more: Mapping[str, object]) -> None:
    """Raise ValueError for a variable of a cloud, or what a profile says ``more``, that the library cannot use."""
    given = {name: value for name, value in os.environ.items() if name.startswith(_BEGIN[scheme])}
    sent = {name: value for name, value in given.items() if _SENT.fullmatch(name)}
    for name, value in [*sent.items(), *((f"{name} of the profile", text) for name, text in more.items())]:
        if isinstance(value, str) and _CONTROL.search(value):
            raise ValueError(f"{name} has a character that it may not have, perhaps a line end")
    for name, value in given.items():
        if _SERVER.fullmatch(name) and not is_server(value):
            raise ValueError(f"{name} is no URL of a server: https://host, or http://host:port")
        if _PART.fullmatch(name) and not _VISIBLE.fullmatch(value):
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
