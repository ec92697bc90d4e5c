"""Who is told: a URL says where, and in which form. It is a secret, and is shown by its host alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from dbsvc.engine.errors import ConfigurationError
from dbsvc.engine.settings import Settings, keep_secret
from dbsvc.engine.sources.urls import is_loopback

#: Words before ``https``, joined by ``+``: a form, or that it may be http.
FORMS = ("webhook", "slack", "teams")
_INSECURE = "insecure"
_URL = re.compile(r"([a-z][a-z0-9.+-]*)://(\S+)", re.IGNORECASE)
#: Hosts that are told in a form of their own.
_HOSTS = {
    "slack": re.compile(r"hooks\.slack(-gov)?\.com"),
    "teams": re.compile(r"(.+\.webhook\.office\.com|outlook\.office(365)?\.com|.+\.logic\.azure\.com|.+\.powerplatform\.com)"),
}


@dataclass(frozen=True)
class Receiver:
    """Somebody who is told."""

    #: ``webhook``, ``slack``, ``teams``, or ``apprise`` for what that one knows
    form: str
    url: str = field(repr=False)
    #: its name for people, without what is secret: a scheme, and a host if that is no secret
    shown: str
    #: what identifies it in the database
    digest: str


def read_receivers(settings: Settings, given: Iterable[str] = ()) -> list[Receiver]:
    """Return the receivers that a command and DBSVC_NOTIFY name, each once, in an order that is the same for everybody.

    Raises ConfigurationError for a URL that is none, or whose messages anybody could read on their way.
    """
    urls = [*given, *settings.notify.split()]
    for url in urls:
        _keep_secret(url.strip())
    found = {receiver.digest: receiver for receiver in map(_read, urls)}
    return [found[digest] for digest in sorted(found)]


def _read(written: str) -> Receiver:
    written = written.strip()
    match = _URL.fullmatch(written)
    if not (match and written.isprintable()):
        raise ConfigurationError("A receiver of notifications is named by a URL, such as https://hooks.example.com/alerts.")
    *words, scheme = match[1].lower().split("+")
    digest = hashlib.sha256(written.encode(errors="surrogateescape")).hexdigest()
    if scheme not in ("http", "https"):
        return Receiver("apprise", _apprise(written, match[1].lower()), f"{match[1].lower()}://…", digest)
    if odd := [word for word in words if word not in (*FORMS, _INSECURE)]:
        known = ", ".join(f"{form}+https" for form in FORMS)
        raise ConfigurationError(f"{odd[0]}+{scheme}:// is no form of notifications, only {known}, or insecure+http.")
    url = f"{scheme}://{match[2]}"
    parts = _split(url)
    host = parts.hostname or ""
    if scheme == "http" and _INSECURE not in words and not is_loopback(host):
        raise ConfigurationError(
            f"http://{_host(parts)}: notifications over http can be read on their way, and so can the URL; use https, or write "
            "insecure+http:// if that may be."
        )
    told = [word for word in words if word in FORMS]
    form = told[0] if told else next((name for name, hosts in _HOSTS.items() if hosts.fullmatch(host)), "webhook")
    return Receiver(form, url, f"{scheme}://{_host(parts)}", digest)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        named = re.fullmatch(r"[\w.-]+|[\da-f:.]+", parts.hostname or "", re.IGNORECASE) and parts.port != 0
    except ValueError:  # a port beyond all ports, brackets that do not match
        named = False
    if not named:
        raise ConfigurationError("The URL of a receiver of notifications names no host that can be: https://HOST[:PORT]/PATH.")
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    at = f"[{host}]" if ":" in host else host
    return f"{at}:{parts.port}" if parts.port else at


def _apprise(url: str, scheme: str) -> str:
    """Return a URL that Apprise understands. Raises ConfigurationError for another, and if there is no Apprise."""
    if get_close_matches(scheme, ("https", "http"), n=1, cutoff=0.75):
        raise ConfigurationError(f"{scheme}:// is no scheme of notifications; did you mean https?")
    library = load_apprise()
    if library is None:
        raise ConfigurationError(
            f"{scheme}:// is none of https, slack+https and teams+https; others take Apprise: pip install 'dbsvc[notify]'."
        )
    if library.Apprise.instantiate(url) is None:
        raise ConfigurationError(
            f"{scheme}://…: Apprise does not understand this URL of a receiver; its documentation says how they are written."
        )
    return url


def load_apprise() -> Any:
    """Return Apprise, which takes a while to import; None if it is not installed."""
    import logging

    try:
        import apprise
    except ImportError:
        return None
    logging.getLogger("apprise").addHandler(logging.NullHandler())  # what it says may hold the URL
    return apprise


def _keep_secret(url: str) -> None:
    """Let nothing of a URL be shown that lets others write to its receiver: user, path, and what in it is no word."""
    rest = url.partition("://")[2]
    user, _, place = rest.rpartition("@")
    path = place.partition("/")[2]
    parts = [part for part in re.split(r"[/?&=#]", path) if len(part) >= _LONG and re.search(r"\d", part)]
    for secret in (url, rest, user, *user.split(":"), f"/{path}" if path else "", *parts):
        keep_secret(secret)
        keep_secret(unquote(secret))


_LONG = 16  # characters: shorter parts of a path are words
