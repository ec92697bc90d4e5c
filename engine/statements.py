"""Named SQL statements: loaded from files, chosen by dialect, checked before the first one runs.

A folder is a phase, a file is a statement. ``20_merge.citus.sql`` is taken on Citus, else the parent dialect's
``20_merge.postgresql.sql``, else the portable ``20_merge.sql``. In the text ``:name`` is a value and ``:"name"`` an identifier.
A line ``-- key: value`` in the leading comment is the statement's header.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import takewhile
from typing import Any

from dbsvc.engine.errors import StatementError

#: The statements that the engine calls by name.
ENGINE: Mapping[str, tuple[str, ...]] = {
    "session": (
        *("begin", "begin_snapshot", "commit", "rollback", "savepoint", "release_savepoint", "rollback_to_savepoint"),
        *("configure", "open", "blockers"),
    ),
    "rows": ("copy", "insert", "create_incoming", "upsert_incoming", "drop_incoming"),
    "schema": ("tables", "applied_migrations", "lock", "count_rows"),
    "report": ("newest_days", "hold_bills"),
    "identity": (
        *("create_strangers", "drop_strangers", "find_chunks", "find_in_chunk", "unstage"),
        *("keep_quarantine", "drop_quarantine", "find_in_quarantine"),
    ),
    "fx": ("needed_rates", "stored_rates", "unavailable_rates", "currencies", "create_quotes", "quote_outcomes", "drop_quotes"),
    "monitoring": ("anything_stored", "newest_days", "failing_since"),
    "trace": ("bill", "bill_in_usd", "reading", "reading_events"),
    "revenue": (
        *("by", "by_product", "missing_rates", "used_rates"),
        *("quarantined", "unpublished_loads", "staged_bills"),
    ),
    "ledger": (
        *("find_load", "find_checkpoints", "draw_load_id", "add_load", "add_redelivery", "add_stream", "add_sample"),
        *("share_load", "lock_load", "lock_dataset"),
        *("claim_chunk", "await_chunk", "count_chunks", "clear_chunk_rejects", "clear_rejects", "finish_chunk"),
        *("forget_lost_chunks", "forget_chunks", "forget_rejects", "restart_load", "renumber_load"),
        *("replaced_since", "replaced_unseen", "replaced_from"),
        *("loads_with_rejects", "chunks_with_rejects", "chunk_rejects", "publish_more"),
        *("count_read", "add_to_total", "hold_load", "release_load", "publish_load", "discard_load"),
        *("brought_keys", "waiting_rejects"),
        "past_records",
        *("list_loads", "open_loads", "show_load", "count_reasons", "list_rejects", "export_rejects"),
    ),
}

#: The phases of a load that each dataset has of its own, and the parameters the engine gives to every statement of each.
PHASES: Mapping[str, frozenset[str]] = {
    "receive": frozenset({"raw"}),
    "judge": frozenset({"raw"}),
    "stage": frozenset({"raw", "staged", "load_id", "first_line", "last_line"}),
    "measure": frozenset({"staged", "load_id"}),
    "split": frozenset({"load_id", "staged", "records", "month_records"}),
    "plain": frozenset({"table", "columns", "rows"}),
    "identity": frozenset({"staged"}),
}
#: Those that a dataset may do without: what nobody measures, splits by months, stages as it is, or asks whose it is.
OPTIONAL = ("measure", "split", "plain", "identity")

#: The phases that all datasets share, in the order they run; ``merge`` is how the last delivery wins and the loser is kept, and
#: ``merge/exchange`` the short way there for what has no row to compare with.
MERGE = ("open", "exchange", "repeats", "contradictions", "dedupe", "publish", "finish", "settle", "close")

#: What the shared phases, and a dataset's own that derive from its table, are given.
MERGED: frozenset[str] = frozenset(
    {
        *("staged", "load_id", "dataset", "table", "history", "key", "key_text", "columns", "precedence", "partition_by"),
        "key_names",
        *("staged_columns", "staged_values", "stored_values", "assignments"),
        *("staged_key", "stored_key", "past_key", "newest_key"),
    }
)

#: How what a provider of exchange rates answered is stored, and the parameters of every statement.
STORE_RATES: frozenset[str] = frozenset({"allow_provisional", "accept"})

#: What a check may use besides its own thresholds, and what its leading comment must say.
CHECK: frozenset[str] = frozenset({"since", "today"})
CHECK_HEADER = ("title", "severity", "do", "runbook")

#: The audits of every load, and the parameters they may use.
AUDIT: frozenset[str] = frozenset(
    {
        *("load_id", "staged", "max_rejected_share", "small_file", "total_factor", "total_min_loads"),
        "max_contradicting_share",
    }
)

_TOKEN = re.compile(
    r"""(?P<skip>'(?:[^']|'')*' | --[^\n]* | /\*.*?\*/ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | ::)
      | :"(?P<identifier>\w+)" | (?P<quoted>"[^"]*") | :(?P<value>[A-Za-z_]\w*)
      | (?P<open>['"] | /\*)""",
    re.VERBOSE | re.DOTALL,
)
_HEADER = re.compile(r"^-- (\w+): (.+)$")
#: A check's threshold: its name, its default, and what it means.
THRESHOLD = re.compile(r"^-- :(\w+) = ([\d.]+): (.+)$")

Identifier = str | tuple[str, ...] | list[str] | dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Statement:
    """One SQL statement and where it stands."""

    name: str
    text: str
    origin: str = "<string>"

    def __post_init__(self) -> None:
        for token in _TOKEN.finditer(self.text):
            if token["open"]:
                line = self.text.count("\n", 0, token.start()) + 1
                raise StatementError(f"{self.origin}:{line}: {token['open']} is opened and never closed")

    @cached_property
    def header(self) -> dict[str, str]:
        """The ``-- key: value`` lines of the leading comment."""
        return {match[1]: match[2].strip() for line in self.comment if (match := _HEADER.match(line))}

    @property
    def comment(self) -> list[str]:
        """The lines of the leading comment."""
        return list(takewhile(lambda line: line.startswith("--"), self.text.splitlines()))

    @cached_property
    def parameters(self) -> dict[str, int]:
        """Every parameter, value or identifier, and the line it first stands on."""
        found: dict[str, int] = {}
        for token in _TOKEN.finditer(self.text):
            if name := token["value"] or token["identifier"]:
                found.setdefault(name, self.text.count("\n", 0, token.start()) + 1)
        return found

    @cached_property
    def values(self) -> frozenset[str]:
        """The parameters that travel as values."""
        return frozenset(token["value"] for token in _TOKEN.finditer(self.text) if token["value"])

    def bind(self, parameters: Mapping[str, object]) -> dict[str, Any]:
        """Return those of the parameters that travel as values."""
        return {name: parameters[name] for name in self.values}

    def render(
        self,
        placeholder: Callable[[str], str],
        identifiers: Mapping[str, object],
        escape: Callable[[str], str] = str,
    ) -> str:
        """Return the text in a driver's style: values as placeholders, identifiers quoted in place, all else escaped."""
        parts, position = [], 0
        for token in _TOKEN.finditer(self.text):
            parts.append(escape(self.text[position : token.start()]))
            if token["value"]:
                parts.append(placeholder(token["value"]))
            else:
                parts.append(escape(quote(identifiers[token["identifier"]]) if token["identifier"] else token[0]))
            position = token.end()
        return "".join([*parts, escape(self.text[position:])])


def quote(identifier: object) -> str:
    """Quote a name ``"a"``, a path ``"a"."b"`` (tuple), several names (list) or assignments ``"a" = "x"."a"`` (dict)."""
    match identifier:
        case str():
            return '"' + identifier.replace('"', '""') + '"'
        case tuple():
            return ".".join(quote(part) for part in identifier)
        case list():
            return ", ".join(quote(part) for part in identifier)
        case dict():
            return ", ".join(f"{quote(left)} = {quote(right)}" for left, right in identifier.items())
    raise TypeError(f"not an identifier: {identifier!r}")


class Statements:
    """The statements of one dialect. ``family`` is the dialect's name, then its parents', nearest first."""

    def __init__(self, family: tuple[str, ...], root: Traversable | None = None) -> None:
        self.root = root or files("dbsvc").joinpath("sql")
        self._family = family
        self._by_name: dict[str, Statement] = {}
        self.datasets: dict[str, str] = {}
        for folder in sorted(self.root.iterdir(), key=lambda entry: entry.name):
            if not folder.is_dir():
                continue
            description = folder.joinpath("dataset.toml")
            if description.is_file():
                self.datasets[folder.name] = _read(description)
            self._load(folder, folder.name)
        self._check()

    def __getitem__(self, name: str) -> Statement:
        """Return the statement of that name. Raises StatementError if there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            raise StatementError(f"{self.root}/{name}.sql:1: no such statement for {self._family[0]}") from None

    @property
    def names(self) -> list[str]:
        """The names of all statements, sorted."""
        return sorted(self._by_name)

    def phase(self, folder: str) -> list[Statement]:
        """Return the statements of a phase, in the order of their names."""
        return [self._by_name[name] for name in self.names if name.rpartition("/")[0] == folder]

    def derivations(self, dataset: str) -> list[str]:
        """Return the phases that bring up to date what is derived from the dataset's table."""
        return list(tomllib.loads(self.datasets[dataset]).get("derive", []))

    def fingerprint(self, dataset: str) -> str:
        """Return a digest of the dataset's rules: its description, all its statements, and those it shares."""
        digest = hashlib.sha256(self.datasets[dataset].encode())
        rules = [f"{folder}/" for folder in (dataset, "audit", "merge", *self.derivations(dataset))]
        for name in self.names:
            if name.startswith(tuple(rules)):
                digest.update(f"\0{name}\0{self._by_name[name].text}".encode())
        return digest.hexdigest()[:16]

    def _load(self, folder: Traversable, path: str) -> None:
        variants: dict[str, dict[str, Traversable]] = {}
        for entry in folder.iterdir():
            if entry.is_dir():
                self._load(entry, f"{path}/{entry.name}")
            elif entry.name.endswith(".sql"):
                name, _, dialect = entry.name.removesuffix(".sql").partition(".")
                variants.setdefault(name, {})[dialect] = entry
        for name, by_dialect in variants.items():
            for dialect in (*self._family, ""):
                if file := by_dialect.get(dialect):
                    text = _read(file).strip()
                    if not text.startswith("--"):
                        raise StatementError(f"{file}:1: must begin with a comment that says what the rule is")
                    self._by_name[f"{path}/{name}"] = Statement(f"{path}/{name}", text, str(file))
                    break

    def _check(self) -> None:
        used = {f"{folder}/{name}" for folder, names in ENGINE.items() for name in names}
        for name in sorted(used - self._by_name.keys()):
            raise StatementError(f"{self.root}/{name}.sql:1: the engine needs this statement for {self._family[0]}")
        phases = {f"merge/{phase}": MERGED for phase in MERGE}
        phases["merge/contradictions"] = MERGED | {"max_contradicting_share"}
        phases |= {f"{dataset}/{phase}": allowed for dataset in self.datasets for phase, allowed in PHASES.items()}
        phases |= {folder: MERGED for dataset in self.datasets for folder in self.derivations(dataset)}
        phases["fx/store"] = STORE_RATES
        for folder in phases:
            if not self.phase(folder) and not folder.endswith(OPTIONAL):
                raise StatementError(f"{self.root}/{folder}:1: no statement for {self._family[0]}")
        audits = ["audit", *(f"{dataset}/audit" for dataset in self.datasets)]
        phases |= dict.fromkeys(audits, AUDIT)
        for name in sorted(self._by_name.keys() - used):
            statement, allowed = self._by_name[name], phases.get(name.rpartition("/")[0])
            if name.startswith("checks/"):
                allowed = _allowed_in_check(statement)
            if allowed is None:
                raise StatementError(f"{statement.origin}:1: nothing uses this statement")
            for parameter, line in statement.parameters.items():
                if parameter not in allowed:
                    raise StatementError(f"{statement.origin}:{line}: no parameter :{parameter} here, only {_listed(allowed)}")


def _allowed_in_check(check: Statement) -> frozenset[str]:
    """Return the parameters a check may use. Raises StatementError when its leading comment lacks something."""
    if lacking := [name for name in CHECK_HEADER if name not in check.header]:
        raise StatementError(f"{check.origin}:1: a check must say its {', '.join(lacking)}")
    if check.header["severity"] not in ("warning", "critical"):
        raise StatementError(f"{check.origin}:1: the severity of a check is warning or critical")
    return CHECK | {found[1] for line in check.comment if (found := THRESHOLD.match(line))}


def _read(file: Traversable) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise StatementError(f"{file}:{line}: not UTF-8 text") from error
    except OSError as error:
        raise StatementError(f"{file}:1: cannot be read: {error.strerror}") from error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f":{name}" for name in sorted(names)) or "none"
