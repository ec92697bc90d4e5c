"""A project: a team's own folder of datasets, checks, migrations and profiles, which add to the built-in ones or overlay them.

``DBSVC_PROJECT`` names it, by default ``./dbsvc`` if it is there. Its ``project.toml``, which it may do without, says which of
the datasets are in use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dbsvc.engine.errors import ConfigurationError, StatementError
from dbsvc.engine.toml import Kind, check_keys, line_of, parse, read_text
from dbsvc.engine.words import or_nearest

#: Where it is, unless a setting says otherwise.
USUAL = "dbsvc"
#: What it may hold that is overlaid: the same path is taken instead of the built-in file.
OVERLAID = ("checks", "datasets")
_FOLDERS = (*OVERLAID, "migrations", "profiles")
_FILE = "project.toml"
_NAMES = Kind("a list of datasets", lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value))
_KINDS = {"datasets": _NAMES, "without": _NAMES}
#: What tells a program, or a checkout of it, from a project of the usual name.
_PROGRAM = ("__init__.py", "pyproject.toml")


@dataclass(frozen=True)
class Project:
    """A team's folder. It is compared by where it is, not by what it holds."""

    #: as it is named, for messages
    folder: Path
    #: where it is, from whichever folder one looks
    place: Path
    #: its ``project.toml``
    text: str = field(default="", repr=False)

    def path(self, *parts: str) -> Path:
        """Return where something of it is."""
        return self.folder.joinpath(*parts)

    def holds(self, origin: str) -> bool:
        """Whether a file is one of the project's."""
        return Path(origin).absolute().is_relative_to(self.place)

    def unused(self, known: Collection[str]) -> dict[str, str]:
        """Return the datasets that are not in use, and where that is said. ``known``: all there are."""
        file = str(self.path(_FILE))
        told = _read(file, self.text)
        for key in _KINDS:
            for name in told.get(key, ()):
                if name not in known:
                    raise StatementError(f"{file}:{line_of(self.text, key)}: there is no dataset {or_nearest(name, known)}")
        (key,) = told or ("without",)
        left_out = {*told.get("without", ())} if "datasets" not in told else {*known} - {*told["datasets"]}
        return dict.fromkeys(left_out, f"{file}:{line_of(self.text, key)}")


def find_project(named: str) -> Project | None:
    """Return the project that a setting names, or the one of the usual name. Raises ConfigurationError if it is no folder."""
    folder = Path(named or USUAL)
    if not folder.is_dir():
        if named:
            raise ConfigurationError(f"DBSVC_PROJECT names {named}, which is no folder. `dbsvc datasets new` makes a project.")
        return None
    if not named and any(folder.joinpath(name).exists() for name in _PROGRAM):
        return None
    try:
        for entry in sorted(folder.iterdir()):
            if entry.is_dir() and entry.name not in _FOLDERS and (near := get_close_matches(entry.name, _FOLDERS, n=1)):
                raise StatementError(f"{entry}:1: a project has no folder {entry.name}; did you mean {near[0]}?")
        file = folder.joinpath(_FILE)
        text = read_text(file) if file.exists() else ""
    except OSError as error:
        raise ConfigurationError(f"The project {folder} cannot be read: {error.strerror} ({error.filename}).") from error
    return Project(folder, folder.absolute(), text)


def _read(file: str, text: str) -> Mapping[str, Any]:
    """Read a ``project.toml``."""
    told = parse(file, text)
    check_keys(told, _KINDS, "there is", lambda problem, key: StatementError(f"{file}:{line_of(text, key)}: {problem}"))
    if len(told) > 1:
        raise StatementError(f"{file}:{line_of(text, 'without')}: datasets says which are in use, so nothing is without")
    return told
