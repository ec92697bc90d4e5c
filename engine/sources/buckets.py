"""What the URL of a bucket names: an object, all that a wildcard matches, or what lies in a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from dbsvc.engine.errors import InputMissingError
from dbsvc.engine.sources.clouds import list_all, list_folder
from dbsvc.engine.sources.urls import Url

_MAGIC = re.compile("[*?[]")


@dataclass
class Objects:
    """The keys that a URL names; whether it is a folder, and which folders that has."""

    keys: list[str]
    is_folder: bool = False
    folders: list[str] = field(default_factory=list)
    #: keys that cannot be read: those that it names, and others that lie there
    odd: list[str] = field(default_factory=list)
    odd_beside: list[str] = field(default_factory=list)


def find_objects(url: Url) -> Objects:
    """Return what a URL names. Raises InputMissingError for a wildcard that matches nothing, and a folder that is not there.

    A wildcard matches as on this machine: ``*`` within one part of a key, ``**`` any folders, and none a leading dot.
    """
    if url.key and not url.key.endswith("/"):
        if not _MAGIC.search(url.key):
            return Objects([url.key])
        found = Objects([])
        _match(url, found)
        if not (found.keys or found.odd):
            found.keys = _find_literal(url)
        return found
    folder = list_folder(url)
    if url.key and not (folder.objects or folder.folders or folder.odd):
        raise InputMissingError(f"{url.shown}: nothing lies in this folder.")
    within = len(url.key.strip("/").split("/")) + 1 if url.key else 1
    odd = [key for key in folder.odd if len(key.split("/")) == within]
    return Objects(folder.objects, True, folder.folders, odd, [key for key in folder.odd if key not in odd])


def _match(url: Url, into: Objects) -> None:
    """Find the keys that a wildcard matches, folder by folder; where it says ``**`` all are looked at at once."""
    pattern = url.key.split("/")
    literal = next(at for at, part in enumerate(pattern) if _MAGIC.search(part))
    folders = ["/".join(pattern[:literal])]
    if "**" in pattern:
        listed = [list_all(url.beside(folders[0]))]
    else:
        for length in range(literal + 1, len(pattern)):
            found = [key for folder in folders for key in list_folder(url.beside(folder)).folders]
            folders = [key for key in found if _fits(pattern[:length], key.split("/"))]
        listed = [list_folder(url.beside(folder)) for folder in folders]
    into.keys = [key for one in listed for key in one.objects if _fits(pattern, key.split("/"))]
    odd = dict.fromkeys(key for one in listed for key in one.odd)
    into.odd = [key for key in odd if _fits(pattern, key.split("/"))]
    into.odd_beside = [key for key in odd if key not in into.odd]


def _fits(pattern: list[str], parts: list[str]) -> bool:
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == "**":
        rest = pattern[1:] or ["*"]
        return _fits(rest, parts) or (not parts[0].startswith(".") and _fits(pattern, parts[1:]))
    hidden = parts[0].startswith(".") and not pattern[0].startswith(".")
    return not hidden and fnmatchcase(parts[0], pattern[0]) and _fits(pattern[1:], parts[1:])


def _find_literal(url: Url) -> list[str]:
    """Return the key itself if an object is called so, brackets and all."""
    folder = url.beside(url.key.rpartition("/")[0])
    if url.key in list_folder(folder).objects:
        return [url.key]
    raise InputMissingError(f"{url.shown}: it matches no object.")
