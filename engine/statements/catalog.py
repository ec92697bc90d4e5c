"""Named SQL statements: loaded from files, chosen by dialect, checked before the first one runs.

A folder is a phase, a file is a statement. ``20_merge.citus.sql`` is taken on Citus, else the parent dialect's
``20_merge.postgresql.sql``, else the portable ``20_merge.sql``. A line ``-- key: value`` in the leading comment belongs
to the statement's header.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain
from pathlib import Path

from dbsvc.engine.columns import FOLDER as TYPES
from dbsvc.engine.columns import read_types
from dbsvc.engine.datasets import Dataset
from dbsvc.engine.declarations import place, read_declarations
from dbsvc.engine.errors import ConfigurationError, StatementError
from dbsvc.engine.project import OVERLAID, Project
from dbsvc.engine.statements import contract, rules
from dbsvc.engine.statements.portable import FOLDER, Functions
from dbsvc.engine.statements.statement import Statement
from dbsvc.engine.toml import parse, read_text


def find_folder(name: str) -> Traversable:
    """Return a folder that comes with the package; in a checkout the one at its top, which one edits."""
    folder = files("dbsvc").joinpath(name)
    return folder.resolve() if isinstance(folder, Path) else folder


#: Folders of texts with places to be filled.
_TEMPLATES = (contract.FOLDER, contract.SCAFFOLD)
_OF_KEYS = (rules.REBUILD, rules.CONTRACT)


@cache
def load_statements(family: tuple[str, ...], project: Project | None = None) -> Statements:
    """Return the statements of a dialect and a project. Nobody changes them, so a process reads and checks them once."""
    return Statements(family, project=project)


class Declared(dict[str, Dataset]):
    """The datasets that are declared and in use, by their names, each after those it depends on."""

    #: those that are not in use, and where that is said
    unused: Mapping[str, str]

    def __missing__(self, name: str) -> Dataset:
        raise ConfigurationError(f"{self.absent(name)}.")

    def absent(self, name: str) -> str:
        """Say that a dataset is not declared, or not in use, without a full stop."""
        if said := self.unused.get(name):
            return f"The dataset {name} is not in use: {said} leaves it out"
        return f"The dataset {name} is declared nowhere: is DBSVC_PROJECT the right folder, and datasets/{name} still in it?"


class Statements:
    """The statements of one dialect. ``family`` is the dialect's name, then its parents', nearest first.

    What a project says is taken instead of the built-in file of the same path.
    """

    def __init__(self, family: tuple[str, ...], root: Traversable | None = None, project: Project | None = None) -> None:
        self.root = root or find_folder("sql")
        self.project = project
        self._family = family
        self._functions = Functions(family, self.root.joinpath(FOLDER))
        self._by_name: dict[str, Statement] = {}
        for folder in self.root.iterdir():
            if folder.is_dir():
                self._load(folder, folder.name)
        for name in OVERLAID:
            if project and (own := project.path(name)).is_dir():
                self._load(own, name)
        #: what columns may be
        self.types = read_types(self.root.joinpath(TYPES), family)
        self.datasets = self._declare()
        self._templates = {name: self._by_name.pop(name) for name in [*self._by_name] if name.startswith(f"{contract.FOLDER}/")}
        self._rules = {name: self._by_name.pop(f"datasets/{name}/rules", None) for name in self.datasets}
        self._contract = cache(self._derive)
        self._phases: dict[str, list[Statement]] = {}
        for name, statement in sorted(self._by_name.items()):
            self._phases.setdefault(name.rpartition("/")[0], []).append(statement)
        self._check()

    def __getitem__(self, name: str) -> Statement:
        """Return the statement of that name. Raises StatementError if there is none."""
        if found := self._find(name):
            return found
        raise StatementError(f"{self.root}/{name}.sql:1: no such statement for {self._family[0]}")

    def __contains__(self, name: str) -> bool:
        """Whether there is a statement of that name."""
        return self._find(name) is not None

    @property
    def names(self) -> list[str]:
        """The names of all statements, sorted."""
        return sorted(chain(self._by_name, *map(self._contract, self.datasets)))

    def phase(self, folder: str) -> list[Statement]:
        """Return the statements of a phase, in the order of their names."""
        return self._phases.get(folder, [])

    def derivations(self, dataset: str) -> tuple[list[str], list[str]]:
        """Return the phases that bring up to date what is derived from the dataset's table: its own, and those of others.

        Its own follow every change. Others' follow changes of rows that were stored before: what depends on new ones comes
        later.
        """
        own = [f"datasets/{dataset}/derive/{phase}" for phase in self.datasets[dataset].derive]
        others = list(self.datasets.values())
        return own, [f"datasets/{of.name}/derive/{phase}" for of in others for phase in of.derive_after.get(dataset, ())]

    def fingerprint(self, dataset: str, profile: str = "") -> str:
        """Return a digest of the rules a load of the dataset goes by: its declaration, its statements, those it shares.

        ``profile`` is the text of the profile that its file is read by.
        """
        types = {column.type.name: column.type.text for column in self.datasets[dataset].columns.values()}
        digest = hashlib.sha256("\0".join([self.datasets[dataset].text, *types.values()]).encode())
        digest.update(profile.encode())
        own = f"datasets/{dataset}/"
        other = tuple(f"{own}{folder}/" for folder in ("derive", "checks", "newest_day", "rebuild", contract.LINEAGE))
        folders = tuple(f"{folder}/" for folder in ("load", *chain(*self.derivations(dataset))))
        for name, statement in sorted({**self._by_name, **self._contract(dataset)}.items()):
            if name.startswith(folders) or (name.startswith(own) and not name.startswith(other)):
                digest.update(f"\0{name}\0{statement.text}".encode())
        return digest.hexdigest()[:16]

    def tables_left_out(self) -> set[str]:
        """Return the tables of the datasets that are not in use, if they are there."""
        told = [parse(str(file), read_text(file)) for file in self._left_out if file.is_file()]
        derived = [each for declared in told for each in declared.get("rebuild", {}).values()]
        tables = [str(each.get("table")) for each in (*told, *derived)]
        return {f"{table}{ending}" for table in tables for ending in ("", "_stored", "_history")}

    def scaffold(self, folder: str, dataset: Dataset) -> list[str]:
        """Return what makes a dataset's tables, or takes them back: the statements of a folder, filled."""
        texts = [(contract.scaffold(dataset, each.text), each.origin) for each in self.phase(folder)]
        return [self._functions.expand(text, origin).rstrip() for text, origin in texts]

    def _declare(self) -> Declared:
        """Read the declarations of those datasets that are in use; forget the statements of the others."""
        files: dict[str, Traversable] = {}
        for root in (self.root, *([self.project.folder] if self.project else [])):
            parent = root.joinpath("datasets")
            folders = sorted(parent.iterdir(), key=lambda entry: entry.name) if parent.is_dir() else []
            for folder in folders:
                file = folder.joinpath("dataset.toml")
                if folder.is_dir() and (file.is_file() or folder.name not in files):
                    files[folder.name] = file
        unused = self.project.unused(files) if self.project else {}
        self._by_name = {
            name: statement
            for name, statement in self._by_name.items()
            if not (name.startswith("datasets/") and name.split("/")[1] in unused)
        }
        self._left_out = [file for name, file in files.items() if name in unused]
        used = {name: (str(file), read_text(file)) for name, file in files.items() if name not in unused}
        datasets = Declared(read_declarations(used, self.types, unused))
        datasets.unused = unused
        return datasets

    def _find(self, name: str) -> Statement | None:
        """Return the statement of that name, if there is one."""
        folder, _, rest = name.partition("/")
        dataset, _, rest = rest.partition("/")
        if folder == "datasets" and rest.startswith(contract.FOLDER) and dataset in self.datasets:
            return self._contract(dataset).get(name)
        return self._by_name.get(name)

    def _derive(self, name: str) -> dict[str, Statement]:
        """Return a dataset's statements, made of what its declaration says of its columns: when they are asked for."""
        found = {}
        dataset, told = self.datasets[name], self._rules[name]
        for path, text in contract.derive(dataset, self._templates, told).items():
            origin = self._templates[path].origin if path in self._templates else told.origin if told else dataset.origin
            statement = Statement(f"datasets/{name}/{path}", self._functions.expand(text, origin), origin)
            _refuse_others(statement, rules.CONTRACT)
            found[statement.name] = statement
        return found

    def _load(self, folder: Traversable, path: str) -> None:
        variants: dict[str, dict[str, Traversable]] = {}
        for entry in folder.iterdir():
            if entry.name.endswith(".sql"):
                name, _, dialect = entry.name.removesuffix(".sql").partition(".")
                variants.setdefault(name, {})[dialect] = entry
            elif entry.is_dir():
                self._load(entry, f"{path}/{entry.name}")
        for name, by_dialect in variants.items():
            for dialect in (*self._family, ""):
                if file := by_dialect.get(dialect):
                    text = read_text(file).strip()
                    if not text.startswith("--"):
                        raise StatementError(f"{file}:1: must begin with a comment that says what the rule is")
                    if not path.startswith(_TEMPLATES):
                        text = self._functions.expand(text, str(file))
                    self._by_name[f"{path}/{name}"] = Statement(f"{path}/{name}", text, str(file))
                    break

    def _check(self) -> None:
        """See that each phase has statements, and that each of these uses only what it is given."""
        phases = {f"load/{folder}": rules.MERGED for folder in rules.LOAD_FOLDERS}
        placing = ("make_way", "leave_place", "replay", *rules.PLACE_FOLDERS)
        phases |= dict.fromkeys((f"load/{folder}" for folder in placing), rules.PLACED)
        phases["load/merge"] = rules.MERGED | {"max_contradicting_share"}
        phases["fx/store"] = rules.STORE_RATES
        for dataset in self.datasets:
            self._check_derivations(self.datasets[dataset])
            phases |= {f"datasets/{dataset}/{phase}": allowed for phase, allowed in rules.DATASET_PHASES.items()}
            phases |= dict.fromkeys(chain(*self.derivations(dataset)), rules.MERGED)
            phases |= {f"datasets/{dataset}/rebuild/{name}": rules.REBUILD for name in self.datasets[dataset].rebuild}
        for folder in phases:
            optional = folder.startswith("datasets/") and folder.rpartition("/")[2] in rules.OPTIONAL
            optional |= folder.removeprefix("load/") in rules.PLACE_FOLDERS
            if not self.phase(folder) and not optional:
                raise StatementError(f"{self.root}/{folder}:1: no statement for {self._family[0]}")
        phases |= dict.fromkeys(["load/audit", *(f"datasets/{dataset}/audit" for dataset in self.datasets)], rules.AUDIT)
        checks = ["checks", *(f"datasets/{dataset}/checks" for dataset in self.datasets)]
        named: dict[str, Statement] = {}
        for check in chain(*map(self.phase, checks)):
            named.setdefault(check.name.rpartition("/")[2], check)
        for name, statement in sorted(self._by_name.items()):
            folder = name.rpartition("/")[0]
            if folder.endswith("/rebuild"):
                continue  # run by its name
            allowed = rules.allowed_in_check(statement, named) if folder in checks else phases.get(folder)
            if allowed is None:
                if name.startswith("datasets/"):
                    raise StatementError(f"{statement.origin}:1: nothing uses this statement")
                continue  # run by its name
            _refuse_others(statement, allowed)
        if self.project:  # it may be wrong, which is to be told before anything is done
            for dataset, rule in self._rules.items():
                files = [self.datasets[dataset].origin, *([rule.origin] if rule else [])]
                if any(map(self.project.holds, files)):
                    self._contract(dataset)

    def _check_derivations(self, dataset: Dataset) -> None:
        """See that each phase that a declaration names has statements."""
        named: dict[tuple[str, ...], tuple[str, ...]] = {("derive",): dataset.derive}
        named |= {("derive_after", other): phases for other, phases in dataset.derive_after.items()}
        named |= {("rebuild", name): (derived.phase,) for name, derived in dataset.rebuild.items()}
        for keys, phases in named.items():
            for phase in phases:
                if not self.phase(f"datasets/{dataset.name}/derive/{phase}"):
                    raise StatementError(f"{place(dataset, *keys)}: derive/{phase} has no statement for {self._family[0]}")


def _refuse_others(statement: Statement, allowed: Collection[str]) -> None:
    """See that a statement uses no other parameters. Those that a key is given by have numbers, or names of columns."""
    for parameter, line in statement.parameters.items():
        if parameter not in allowed and not (
            parameter.startswith(rules.NUMBERED) and allowed in (rules.REBUILD, rules.CONTRACT)
        ):
            raise StatementError(f"{statement.origin}:{line}: no parameter :{parameter} here, only {_listed(allowed)}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f":{name}" for name in sorted(names)) or "none"
