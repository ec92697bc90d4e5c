"""Named SQL statements: loaded from files, chosen by dialect, checked.

A project's are read and checked before the first one runs; those that come with the program when they are used, for tests and
``dbsvc datasets check`` check all of them, and no command uses more than a part.

A folder is a phase, a file is a statement. ``20_merge.postgresql.sql`` is taken on PostgreSQL, and on what inherits
from it and has no such file of its own; else the portable ``20_merge.sql``. A line ``-- key: value`` in the leading comment
belongs to the statement's header.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain
from pathlib import Path

from dbsvc.engine.columns import FOLDER as TYPES
from dbsvc.engine.columns import ColumnType, read_types
from dbsvc.engine.datasets import Dataset
from dbsvc.engine.declarations import place, read_declarations
from dbsvc.engine.errors import ConfigurationError, StatementError
from dbsvc.engine.origins import FILE, Origins, read_origins
from dbsvc.engine.project import OVERLAID, Project
from dbsvc.engine.statements import contract, rules
from dbsvc.engine.statements.portable import FOLDER, Functions
from dbsvc.engine.statements.statement import Statement
from dbsvc.engine.toml import parse, read_text
from dbsvc.engine.words import or_nearest


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
        said = self.absent(name)
        raise ConfigurationError(said if said.endswith("?") else f"{said}.")

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
        self._files: dict[str, Traversable] = {}
        for folder in self.root.iterdir():
            if folder.is_dir():
                self._files |= self._choose(folder, folder.name)
        own: dict[str, Traversable] = {}
        for name in OVERLAID:
            if project and (folder := project.path(name)).is_dir():
                own |= self._choose(folder, name)
        self._files |= own
        self._declarations, self._unused = self._find_declarations()
        self._files = {name: file for name, file in self._files.items() if _dataset_of(name) not in self._unused}
        told = {f"datasets/{name}/rules" for name in self._declarations}
        parts = [name for name in self._files if name in told or name.startswith(f"{contract.FOLDER}/")]
        self._parts = {name: self._files.pop(name) for name in parts}
        self._phases: dict[str, list[str]] = {}
        for name in sorted(self._files):
            self._phases.setdefault(name.rpartition("/")[0], []).append(name)
        self._read = cache(self._read_file)
        self._contract = cache(self._derive)
        if root:
            self.check()
        elif project:
            self._check({*own, *(name for name, file in self._declarations.items() if project.holds(str(file)))})

    @cached_property
    def types(self) -> dict[str, ColumnType]:
        """What columns may be."""
        return read_types(self.root.joinpath(TYPES), self._family)

    @cached_property
    def datasets(self) -> Declared:
        """The datasets that are declared and in use. Raises StatementError for a declaration that is wrong."""
        used = {name: (str(file), read_text(file)) for name in self.declared if (file := self._declarations[name])}
        behind_view = self._functions.expand("/*:stored*/", FOLDER)
        datasets = Declared(read_declarations(used, self.types, self._unused, behind_view))
        datasets.unused = self._unused
        return datasets

    @cached_property
    def _functions(self) -> Functions:
        return Functions(self._family, self.root.joinpath(FOLDER))

    @property
    def declared(self) -> list[str]:
        """The names of the datasets that are declared and in use, of which no declaration is read."""
        return [name for name in self._declarations if name not in self._unused]

    def check(self) -> None:
        """Look for what is wrong with any statement or declaration, also those that come with the program.

        Raises StatementError with file and line.
        """
        self._check({*self._files, *self._parts, *self._declarations})

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
        return sorted(chain(self._files, *map(self._contract, self.datasets)))

    def phase(self, folder: str) -> list[Statement]:
        """Return the statements of a phase, in the order of their names."""
        return [self._read(name) for name in self._phases.get(folder, ())]

    def derivations(self, dataset: str) -> tuple[list[str], list[str]]:
        """Return the phases that bring up to date what is derived from the dataset's table: its own, and those of others.

        Its own follow every change. Others' follow changes of rows that were stored before: what depends on new ones comes
        later.
        """
        own = [f"datasets/{dataset}/derive/{phase}" for phase in self.datasets[dataset].derive]
        others = list(self.datasets.values())
        return own, [f"datasets/{of.name}/derive/{phase}" for of in others for phase in of.derive_after.get(dataset, ())]

    def origins(self, dataset: str) -> dict[str, Origins]:
        """Return what is derived from a dataset, and what its columns are made of, as far as its folder says it."""
        roots = [self.project.folder] if self.project else []
        for root in (*roots, self.root):
            file = root.joinpath("datasets", dataset, FILE)
            if file.is_file():
                return read_origins(self.datasets[dataset], self.datasets, str(file), read_text(file))
        return {}

    def fingerprint(self, dataset: str, profile: str = "") -> str:
        """Return a digest of the rules a load of the dataset goes by: its declaration, its statements, those it shares.

        ``profile`` is the text of the profile that its file is read by.
        """
        types = {column.type.name: column.type.text for column in self.datasets[dataset].columns.values()}
        digest = hashlib.sha256("\0".join([self.datasets[dataset].text, *types.values()]).encode())
        digest.update(profile.encode())
        own = f"datasets/{dataset}/"
        other = tuple(
            f"{own}{folder}/" for folder in ("derive", "checks", "lineage", "newest_day", "rebuild", "report", contract.LINEAGE)
        )
        folders = tuple(f"{folder}/" for folder in ("load", *chain(*self.derivations(dataset))))
        for name in sorted({*self._files, *self._contract(dataset)}):
            if name.startswith(folders) or (name.startswith(own) and not name.startswith(other)):
                digest.update(f"\0{name}\0{self[name].text}".encode())
        return digest.hexdigest()[:16]

    def tables_left_out(self) -> set[str]:
        """Return the tables of the datasets that are not in use, if they are there."""
        left_out = [self._declarations[name] for name in self._unused]
        told = [parse(str(file), read_text(file)) for file in left_out if file.is_file()]
        derived = [each for declared in told for each in declared.get("rebuild", {}).values()]
        tables = [str(each.get("table")) for each in (*told, *derived)]
        return {f"{table}{ending}" for table in tables for ending in ("", "_stored", "_history")}

    def scaffold(self, folder: str, dataset: Dataset) -> list[str]:
        """Return what makes a dataset's tables, or takes them back: the statements of a folder, filled."""
        wanted = [each for each in self.phase(folder) if dataset.placed or contract.ONLY not in each.header]
        texts = [(contract.scaffold(dataset, each.text), each.origin) for each in wanted]
        return [self._functions.expand(text, origin).rstrip() for text, origin in texts]

    def _find_declarations(self) -> tuple[dict[str, Traversable], dict[str, str]]:
        """Return the file of each declaration, and the datasets that are not in use."""
        files: dict[str, Traversable] = {}
        for root in (self.root, *([self.project.folder] if self.project else [])):
            parent = root.joinpath("datasets")
            folders = sorted(parent.iterdir(), key=lambda entry: entry.name) if parent.is_dir() else []
            for folder in folders:
                file = folder.joinpath("dataset.toml")
                if folder.is_dir() and (file.is_file() or folder.name not in files):
                    files[folder.name] = file
        return files, self.project.unused(files) if self.project else {}

    def _find(self, name: str) -> Statement | None:
        """Return the statement of that name, if there is one."""
        folder, _, rest = name.partition("/")
        dataset, _, rest = rest.partition("/")
        if folder == "datasets" and rest.startswith(contract.FOLDER) and dataset in self.datasets:
            return self._contract(dataset).get(name)
        return self._read(name) if name in self._files else None

    def _derive(self, name: str) -> dict[str, Statement]:
        """Return a dataset's statements, made of what its declaration says of its columns: when they are asked for."""
        found = {}
        dataset, own = self.datasets[name], f"datasets/{name}/rules"
        told = self._read(own) if own in self._parts else None
        templates = {path: self._read(path) for path in self._parts if path.startswith(f"{contract.FOLDER}/")}
        for path, text in contract.derive(dataset, templates, told).items():
            origin = templates[path].origin if path in templates else told.origin if told else dataset.origin
            statement = Statement(f"datasets/{name}/{path}", self._functions.expand(text, origin), origin)
            _refuse_others(statement, rules.CONTRACT)
            found[statement.name] = statement
        return found

    def _choose(self, folder: Traversable, path: str) -> dict[str, Traversable]:
        """Return the files of the statements below a folder, by their names."""
        chosen: dict[str, Traversable] = {}
        variants: dict[str, dict[str, Traversable]] = {}
        for entry in folder.iterdir():
            if entry.name.endswith(".sql"):
                name, _, dialect = entry.name.removesuffix(".sql").partition(".")
                variants.setdefault(name, {})[dialect] = entry
            elif entry.is_dir():
                chosen |= self._choose(entry, f"{path}/{entry.name}")
        for name, by_dialect in variants.items():
            if file := next((by_dialect[dialect] for dialect in (*self._family, "") if dialect in by_dialect), None):
                chosen[f"{path}/{name}"] = file
        return chosen

    def _read_file(self, name: str) -> Statement:
        file = self._files.get(name) or self._parts[name]
        text = read_text(file).strip()
        if not text.startswith("--"):
            raise StatementError(f"{file}:1: must begin with a comment that says what the rule is")
        if not name.startswith(_TEMPLATES):
            text = self._functions.expand(text, str(file))
        return Statement(name, text, str(file))

    def _check(self, names: Collection[str]) -> None:
        """See that each phase has statements, and that what has these names fits: statements, and datasets."""
        phases = {f"load/{folder}": rules.MERGED for folder in rules.LOAD_FOLDERS}
        placing = ("make_way", "leave_place", "replay", "update_rows", *rules.PLACE_FOLDERS)
        phases |= dict.fromkeys((f"load/{folder}" for folder in placing), rules.PLACED)
        phases |= dict.fromkeys(rules.SEEN_FOLDERS, rules.SEEN)
        phases["load/merge"] = rules.MERGED | {"max_contradicting_share"}
        phases["fx/store"] = rules.STORE_RATES
        own: dict[str, frozenset[str]] = {}
        for dataset in self.datasets:
            self._check_derivations(self.datasets[dataset])
            own |= {f"datasets/{dataset}/{phase}": allowed for phase, allowed in rules.DATASET_PHASES.items()}
            phases |= dict.fromkeys(chain(*self.derivations(dataset)), rules.MERGED)
            phases |= {f"datasets/{dataset}/rebuild/{name}": rules.REBUILD for name in self.datasets[dataset].rebuild}
        for folder in phases:
            optional = folder.removeprefix("load/") in rules.PLACE_FOLDERS or folder in rules.SEEN_FOLDERS
            if not self._phases.get(folder) and not optional:
                raise StatementError(f"{self.root}/{folder}:1: no statement for {self._family[0]}")
        phases |= own  # which a dataset may do without
        self._check_together(rules.SEEN_FOLDERS)
        for dataset in self.datasets:
            self._check_together([f"datasets/{dataset}/{phase}" for phase in rules.PAIR])
        phases |= dict.fromkeys(["load/audit", *(f"datasets/{dataset}/audit" for dataset in self.datasets)], rules.AUDIT)
        folders = ["checks", *(f"datasets/{dataset}/checks" for dataset in self.datasets)]
        checks = [*chain.from_iterable(self._phases.get(folder, ()) for folder in folders)]
        if any(name in names for name in checks):  # one says something of others of its name
            names = {*names, *checks}
        named: dict[str, Statement] = {}
        for check in checks if names else ():
            named.setdefault(check.rpartition("/")[2], self._read(check))
        for name, file in sorted(self._files.items()):
            folder = name.rpartition("/")[0]
            if folder.endswith("/rebuild"):
                continue  # run by its name
            if folder not in phases and folder not in folders and name.startswith("datasets/"):
                raise StatementError(f"{file}:1: nothing uses this statement")
            if name in names:
                statement = self._read(name)
                if name.startswith("datasets/") and folder.endswith("/report"):
                    rules.charts_of(statement)
                if folder.endswith("/lineage") and name.startswith("datasets/"):
                    self._check_word(self.datasets[_dataset_of(name)], statement, f"{folder}/rows/{name.rpartition('/')[2]}")
                allowed = rules.allowed_in_check(statement, named) if folder in folders else phases.get(folder)
                if allowed is not None:  # else it is run by its name
                    _refuse_others(statement, allowed)
        for dataset in self.datasets:
            if dataset in names or f"datasets/{dataset}/rules" in names:
                self._contract(dataset)
            if dataset in names or (self.project and self.project.path("datasets", dataset, FILE).is_file()):
                self.origins(dataset)

    def _check_word(self, dataset: Dataset, statement: Statement, rows: str) -> None:
        """See that a word of ``dbsvc lineage`` has a key: the dataset's own, or one that says which of its rows it is about."""
        key = [name.strip() for name in statement.header.get("key", "").split(",")]
        values = [name.strip() for name in statement.header.get("values", "").split(",") if name.strip()]
        for name in (*key, *values):
            if name not in dataset.columns:
                raise StatementError(f"{statement.origin}:1: key and values name columns: {or_nearest(name, dataset.columns)}")
        if tuple(key) != dataset.key and rows not in self._files:
            raise StatementError(
                f"{statement.origin}:1: the key is not that of {dataset.name}, so {rows}.sql must find its rows"
            )

    def _check_together(self, folders: Collection[str]) -> None:
        """See that all of these phases have statements, or none has: one without the others does half of something."""
        there = [folder for folder in folders if folder in self._phases]
        for missing in [folder for folder in folders if folder not in self._phases] if there else []:
            file = self._files[self._phases[there[0]][0]]
            raise StatementError(f"{file}:1: {missing} has no statement for {self._family[0]} beside it")

    def _check_derivations(self, dataset: Dataset) -> None:
        """See that each phase that a declaration names has statements."""
        named: dict[tuple[str, ...], tuple[str, ...]] = {("derive",): dataset.derive}
        named |= {("derive_after", other): phases for other, phases in dataset.derive_after.items()}
        named |= {("rebuild", name): (derived.phase,) for name, derived in dataset.rebuild.items()}
        for keys, phases in named.items():
            for phase in phases:
                if not self._phases.get(f"datasets/{dataset.name}/derive/{phase}"):
                    raise StatementError(f"{place(dataset, *keys)}: derive/{phase} has no statement for {self._family[0]}")


def _dataset_of(name: str) -> str:
    """Return the dataset that a statement belongs to; an empty text if it is none's own."""
    folder, _, rest = name.partition("/")
    return rest.partition("/")[0] if folder == "datasets" else ""


def _refuse_others(statement: Statement, allowed: Collection[str]) -> None:
    """See that a statement uses no other parameters. Those that a key is given by have numbers, or names of columns."""
    for parameter, line in statement.parameters.items():
        numbered = allowed in (rules.REBUILD, rules.CONTRACT) or "/lineage/" in statement.name
        if parameter not in allowed and not (parameter.startswith(rules.NUMBERED) and numbered):
            raise StatementError(f"{statement.origin}:{line}: no parameter :{parameter} here, only {_listed(allowed)}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f":{name}" for name in sorted(names)) or "none"
