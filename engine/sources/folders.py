"""What the arguments of a run name: the files to load, in which order, and what is left out of folders and globs."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import PurePath, PurePosixPath

from dbsvc.engine.errors import DbsvcError, InputMissingError, SourceError
from dbsvc.engine.sources.archive import Members, find_members, split_member
from dbsvc.engine.sources.file import open_origin
from dbsvc.engine.sources.names import is_unfinished
from dbsvc.engine.sources.packed import find_packing
from dbsvc.engine.sources.urls import Url, as_path, find_url, name_member, shown_name

_DIGITS = re.compile("([0-9]+)")


@dataclass(frozen=True)
class Source:
    """A file to load: whether it was named itself (or only found in a folder), and why it cannot even be looked at.

    ``archive`` is what it was found in, if that is one: itself, if that is all it holds.
    """

    path: str
    named: bool
    error: DbsvcError | None = None
    archive: str | None = None


@dataclass
class Found:
    """What arguments name."""

    sources: list[Source] = field(default_factory=list)
    #: a folder or glob, and why something in it is left out → what is
    left_out: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    #: folders in which there is nothing to load
    empty: list[str] = field(default_factory=list)
    #: a folder → the files in it, as they are shown
    folders: dict[str, list[str]] = field(default_factory=dict)

    def _add(self, argument: str, path: str, *, named: bool) -> None:
        """Add what was found for an argument, unless it is to be left out."""
        name = os.path.basename(path)
        try:
            mode = 0 if is_unfinished(name) else os.stat(path).st_mode
        except OSError as error:
            self.sources.append(Source(path, named, _missing(path, error)))
            return
        if stat.S_ISREG(mode):
            self.add_file(path, named=named)
        else:
            kind = "folders within" if stat.S_ISDIR(mode) else "pipes, sockets or devices"
            why = kind if mode else "hidden or unfinished"
            self.left_out[argument, why].append(shown_name(name))

    def add_objects(self, argument: str, url: Url) -> None:
        """Add what the URL of a bucket names: objects in natural order; folders in a folder are left out."""
        from dbsvc.engine.sources.buckets import find_objects
        from dbsvc.engine.sources.odd_keys import OddKeyError, written

        before = len(self.sources)
        found = find_objects(url)
        shown = url.shown
        for key in sorted(found.keys, key=lambda key: _path_key(PurePosixPath(key))):
            if is_unfinished(name := key.rpartition("/")[2]):
                self.left_out[shown, "hidden or unfinished"].append(name)
            else:
                self.add_file(argument if key == url.key else url.beside(key).whole, named=not found.is_folder)
        for key in found.odd:
            self.sources.append(Source(url.beside(key).whole, False, OddKeyError(shown, key)))
        if found.odd_beside:
            self.left_out[shown, "named as nothing can be read"] += map(written, found.odd_beside)
        if found.folders:
            self.left_out[shown, "folders within"] += [key.rpartition("/")[2] for key in found.folders]
        if found.is_folder:
            self._note_folder(shown, before)
        if len(self.sources) > before:
            return
        if found.is_folder:
            self.empty.append(shown)
        else:
            raise InputMissingError(f"{shown}: all that it matches is hidden or unfinished.")

    def _note_folder(self, shown: str, before: int) -> None:
        """Note which files were found in a folder: those since there were ``before`` of them."""
        self.folders[shown] = [shown_name(source.path) for source in self.sources[before:]]

    def add_file(self, path: str, *, named: bool) -> None:
        """Add a file; of an archive all that is delivered in it, in natural order."""
        try:
            members = _find_members(path)
        except DbsvcError as error:
            self.sources.append(Source(path, named, error))
            return
        if members is None:
            self.sources.append(Source(path, named))
            return
        if members.hidden:
            self.left_out[shown_name(path), "hidden or unfinished"] += members.hidden
        names = sorted(members.names, key=natural_key)
        paths = [name_member(path, name) for name in names] if len(names) > 1 else [path]
        self.sources += [Source(member, named, archive=path) for member in paths]


def find_sources(arguments: Iterable[str]) -> Found:
    """Return the files that arguments name: in the order of the arguments, those of a folder or glob in natural order.

    An argument is a file, an archive, a file of an archive (named as if that were a folder), a folder (its files, but none of
    its folders), a glob, a URL of any of these, or ``-``. What cannot be found or looked at is among them, with its error, and
    stands in no other file's way.
    """
    found = Found()
    for argument in arguments:
        before = len(found.sources)
        try:
            argument, url = as_path(argument), find_url(argument)
            if url and not url.is_web:
                found.add_objects(argument, url)
        except SourceError as problem:
            found.sources.append(Source(argument, True, problem))
            continue
        if url:
            if url.is_web:
                found.add_file(argument, named=True)
            continue
        if split_member(argument)[1]:
            found.sources.append(Source(argument, True))
            continue
        try:
            folder = argument != "-" and stat.S_ISDIR(os.stat(argument).st_mode)
            names = os.listdir(argument) if folder else []
        except OSError as error:
            matches = (
                sorted(glob.glob(argument, recursive=True), key=lambda match: _path_key(PurePath(match)))
                if glob.has_magic(argument)
                else []
            )
            for match in matches:
                found._add(argument, match, named=True)
            if len(found.sources) == before:
                found.sources.append(Source(argument, True, _missing(argument, error, left_out=bool(matches))))
            continue
        for name in sorted(names, key=natural_key):
            found._add(argument, os.path.join(argument, name), named=False)
        if not folder:
            found.add_file(argument, named=True)
            continue
        found._note_folder(shown_name(argument), before)
        if len(found.sources) == before:
            found.empty.append(argument)
    found.sources = _once(found.sources)
    return found


def natural_key(name: str) -> tuple[tuple[int | str, ...], str]:
    """Return what orders names as people count: ``usage-9.csv`` before ``usage-10.csv``.

    A name comes before the same with more to it (``usage.csv``, ``usage-2.csv``), so a dot goes before all else. Names that
    differ in leading zeros alone are ordered by them.
    """
    parts = _DIGITS.split(name)
    texts = [part.replace(".", "\0") for part in parts[::2]]
    numbers = [part.lstrip("0") for part in parts[1::2]]
    key: list[int | str] = [texts[0]]
    for number, text in zip(numbers, texts[1:], strict=True):
        key += [len(number), number, text]
    return tuple(key), name


def _find_members(path: str) -> Members | None:
    """Return what an archive holds; None for any other file, and for what cannot be opened, which is said later."""
    url = find_url(path)
    # what passes by is read once; of objects only the name is looked at, for to open each takes long
    if not (url.key.lower().endswith(".zip") if url else os.path.isfile(path)):
        return None
    try:
        origin, _ = open_origin(path)
    except SourceError:
        return None
    with closing(origin):
        is_archive = origin.has_positions and find_packing(origin.start) == "zip"
        return find_members(origin.stream(), shown_name(path)) if is_archive else None


def _path_key(path: PurePath) -> list[object]:
    return [natural_key(part) for part in path.parts]


def _once(sources: list[Source]) -> list[Source]:
    """Keep each file once, at its first place; it is named if any argument names it."""
    named = {source.path for source in sources if source.named}
    first = {source.path: source for source in reversed(sources)}
    return [replace(first[path], named=path in named) for path in dict.fromkeys(source.path for source in sources)]


def _missing(path: str, error: OSError, *, left_out: bool = False) -> InputMissingError:
    shown = shown_name(path)
    if left_out:
        return InputMissingError(f"{shown}: all that it matches is hidden, unfinished, or no file.")
    if os.path.islink(path) and isinstance(error, FileNotFoundError):
        return InputMissingError(f"{shown}: a link to something that is not there.")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InputMissingError(f"{shown}: no such file or folder.")
    return InputMissingError(f"{shown}: {(error.strerror or str(error)).lower()}.")
