"""What a source is called: a path, or the URL of an object; and what of a URL may be shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from dbsvc.engine import settings
from dbsvc.engine.errors import UsageError

#: Stores that can be listed: what their URLs begin with, and what it is called here.
STORES = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "azure": "az"}
_WEB = ("http", "https")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
#: What was meant to be a URL: a slash misses.
_BROKEN = re.compile(r"(https?):/?(?!/)|(s3a?|gc?s|az|azure|file):/(?!/)", re.IGNORECASE)
_BUCKET = re.compile(r"[\w.-]+", re.ASCII)
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1", re.IGNORECASE)
_MEMBER = re.compile(r"(.+?\.zip)/(.+)", re.IGNORECASE | re.DOTALL)
#: What is secret in a query, at least, and long enough to be looked for in any text.
_LONG = 16


@dataclass(frozen=True)
class Url:
    """The URL of an object: s3, gs and az have a bucket and a key; of http and https ``whole`` is all that matters."""

    scheme: str
    bucket: str
    key: str
    whole: str

    @property
    def is_web(self) -> bool:
        """Whether it is a page of the web, which cannot be listed."""
        return self.scheme in _WEB

    @property
    def shown(self) -> str:
        """What can be stored and shown: no user, no password, no signature."""
        return f"{self.scheme}://{self.bucket}/{self.key}"

    def beside(self, key: str) -> Url:
        """Return the URL of another key of the bucket; of the web with the same signature."""
        if self.is_web:
            return Url(self.scheme, self.bucket, key, urlsplit(self.whole)._replace(path=f"/{key}").geturl())
        return Url(self.scheme, self.bucket, key, f"{self.scheme}://{self.bucket}/{key}")


def find_url(source: str) -> Url | None:
    """Return a source's URL; None if it is a path. Raises UsageError for a URL that cannot be read."""
    if broken := _BROKEN.match(source):
        raise UsageError(f"{_cut(source)}: the URL is malformed: it begins with {broken[0].rstrip('/').lower()}//.")
    found = _URL.match(source)
    if not found:
        return None
    scheme = found[1].lower()
    if scheme == "file":
        return None
    if scheme in _WEB:
        return _find_web(source, scheme)
    if scheme not in STORES:
        raise UsageError(f"{scheme}://: what is read are files, and URLs that begin with s3, gs, az, https or file.")
    bucket, _, key = found[2].partition("/")
    if _BUCKET.fullmatch(bucket):
        return Url(STORES[scheme], bucket, key, source)
    if "@" in found[2]:
        raise UsageError(f"{_cut(source)}: a user or a key does not belong into a URL; see docs/how-to/from-a-bucket.md.")
    raise UsageError(f"{scheme}://: a URL names a bucket, and what is in it: {scheme}://bucket/folder/file.csv.")


def _find_web(source: str, scheme: str) -> Url:
    try:
        parts = urlsplit(source)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError(f"{_cut(source)}: the URL is malformed.") from None
    if (port is not None or "@" in parts.netloc) and "@" in (parts.path.strip("/") or parts.query + parts.fragment):
        # nobody can tell where the password ends
        raise UsageError(
            f"{_cut(source)}: the URL is malformed: / and @ of a password are written %2F and %40, and so is an @ of the path."
        )
    _keep_secret(parts.query, parts.password)
    if not host:
        raise UsageError(f"{scheme}://: the URL names no host.")
    at = f"[{host}]" if ":" in host else host
    shown = f"{at}:{port}" if port else at
    if scheme == "http" and not _LOOPBACK.fullmatch(host):
        raise UsageError(f"http://{shown}: what is read over http can be changed on its way; use https.")
    return Url(scheme, shown, parts.path.removeprefix("/"), source)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    return _LOOPBACK.fullmatch(host) is not None


def _keep_secret(query: str, password: str | None) -> None:
    values = [part.partition("=")[2] for part in query.split("&")]
    for secret in [query, password or "", *(value for value in values if len(value) >= _LONG)]:
        settings.keep_secret(secret)


def as_path(source: str) -> str:
    """Return the path that a source of the scheme file names; any other source as it is."""
    found = _URL.match(source)
    if found and found[1].lower() == "file":
        host, slash, rest = found[2].partition("/")
        if host.lower() not in ("", "localhost") or not slash:
            raise UsageError("file://: a file URL names no host, and the whole path: file:///data/file.csv.")
        path = os.fsdecode(unquote(slash + rest, errors="surrogateescape").encode(errors="surrogateescape"))
    else:
        path = source
    if "\0" in path:
        raise UsageError(f"{_cut(source)}: a path has no NUL byte (%00).")
    return path


def is_far(source: str) -> bool:
    """Whether a source is asked for over the network."""
    try:
        return find_url(source) is not None
    except UsageError:
        return False


def is_folder(source: str) -> bool:
    """Whether a source is a folder, or the URL of one."""
    try:
        path, url = as_path(source), find_url(source)
    except UsageError:
        return False
    if url:
        return not url.is_web and (not url.key or url.key.endswith("/"))
    return os.path.isdir(path)


def name_member(archive: str, name: str) -> str:
    """Return what names a file of an archive, as if that were a folder; of the web with the signature of the archive."""
    url = find_url(archive)
    if url and url.is_web:
        return url.beside(f"{url.key}/{re.sub('[%?#]', lambda found: quote(found[0]), name)}").whole
    return f"{archive}/{name}"


def split_object(key: str) -> tuple[str, str | None]:
    """Return the archive and the member that a key may name, by the name of the archive."""
    found = _MEMBER.fullmatch(key)
    return (found[1], found[2]) if found else (key, None)


def is_text(source: str) -> bool:
    """Whether a source's name is UTF-8 text."""
    try:
        source.encode(errors="surrogateescape").decode()
    except UnicodeError:
        return False
    return True


def shown_name(source: str) -> str:
    """Return a source as text that can be stored and shown: of a URL nothing secret, of a path all bytes as UTF-8."""
    try:
        url = find_url(as_path(source))
        shown = url.shown if url else source
    except UsageError:
        shown = _cut(source)
    return shown.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _cut(source: str) -> str:
    """Return what is secret in no reading of a malformed URL: no query, and nothing before its last ``@``."""
    begin, slashes, rest = re.split("(:/*|$)", source, maxsplit=1)
    user, _, rest = rest.rpartition("@")
    rest, *query = re.split("[?#]", rest, maxsplit=1)
    for secret in (user, user.partition(":")[2], *query):
        settings.keep_secret(secret)
    # a host's port is a number, all else may be a password
    return begin + slashes + re.sub(r"^([^/:\[]*):[^/]*", lambda found: found[1], rest)
