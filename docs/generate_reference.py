"""Write the generated parts of docs/reference: what stands between ``<!-- generated -->`` and ``<!-- /generated -->``.

``just docs`` runs it. All of it is read from the code, from ``sql/`` and from the declarations of the datasets; a test fails
when a page is not what this would write.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import cached_property, partial
from itertools import takewhile
from pathlib import Path
from runpy import run_path
from typing import Any

import typer

import dbsvc
from dbsvc.cli import main
from dbsvc.engine import checks, errors, settings
from dbsvc.engine.columns import Column
from dbsvc.engine.db.dialects import all_families
from dbsvc.engine.reports import dbt
from dbsvc.engine.reports.datasets import reasons_of
from dbsvc.engine.statements.catalog import Statements

REFERENCE = Path(__file__).parent / "reference"
SQL = Path(__file__).parent.parent / "sql"
BEGIN, END = "<!-- generated -->\n", "<!-- /generated -->\n"


def commands() -> str:
    """Every command, as ``--help`` shows it on 80 columns."""
    return "\n".join(
        f"## {context.command_path}\n\n```text\n{context.command.get_help(context).strip()}\n```\n" for context in _contexts()
    )


def _contexts(command: Any = None, name: str = "dbsvc", parent: Any = None) -> Iterator[Any]:
    """Yield a context of 80 columns of each command that is shown."""
    command = command or typer.main.get_command(main.app)
    context = typer.Context(command, info_name=name, parent=parent, terminal_width=80, **command.context_settings)
    yield context
    for child in getattr(command, "commands", {}).values():
        if not child.hidden:
            yield from _contexts(child, child.name, context)


def manual() -> str:
    """Return the manual page."""
    codes = {"0": ["Done."], "1": ["Anything else went wrong."], "2": ["The command line is not understood."]}
    for code, _, meaning in _exit_rows():
        if code != "1":
            codes.setdefault(code, []).append(meaning)
    codes |= {"130, 143": ["Stopped by SIGINT or SIGTERM; the same command goes on where it was."]}
    status = [(code, " ".join(meanings)) for code, meanings in codes.items()]
    write: Callable[..., str] = run_path(str(Path(__file__).with_name("manual_page.py")))["write"]
    return write(_contexts(), [(name, meaning) for name, _, meaning in _setting_rows()], status)


def setting_table() -> str:
    """Every setting, its default, and the comment on its field."""
    rows = [(f"`{name}`", f"`{default}`" if default != "" else "", meaning) for name, default, meaning in _setting_rows()]
    return _table(("setting", "default", "meaning"), rows)


def _setting_rows() -> list[tuple[str, Any, str]]:
    comments = _field_comments(settings.Settings)
    defaults = {field.name: field.default for field in dataclasses.fields(settings.Settings)}
    return [(variable, defaults[name], comments[name]) for name, (variable, _) in settings.VARIABLES.items()]


def _field_comments(kind: type) -> dict[str, str]:
    """Return what the ``#:`` lines before each field say; a field without takes those of the field before."""
    found: dict[str, str] = {}
    said: list[str] = []
    last = ""
    for line in inspect.getsource(kind).splitlines():
        if comment := re.match(r"\s+#: (.*)", line):
            said.append(comment[1])
        elif field := re.match(r"    (\w+): ", line):
            last = " ".join(said) or last
            found[field[1]] = last
            said = []
    return found


def json_lines() -> str:
    """Show what each command writes with ``--output json``: the kinds of lines, and the keys of each."""
    declared = tomllib.loads((REFERENCE.parent / "json.toml").read_text())
    rows = [
        (f"`dbsvc {command}`", ", ".join(f"[{kind}](#{kind})" for kind in kinds))
        for command, kinds in declared["commands"].items()
    ]
    return "\n".join([_table(("command", "lines"), rows), *(_kind(name, kind) for name, kind in declared["kinds"].items())])


def _kind(name: str, kind: dict[str, Any]) -> str:
    says = kind.pop("says")
    like = [f"The keys of [{other}](#{other}), and:\n" for other in kind.pop("like", [])]
    kind.pop("without", None)
    rows = []
    for key, told in kind.items():
        of, _, meaning = told.partition(": ")
        words = [of.rstrip("?"), *(["or null"] if of.endswith("?") else []), *(["may be missing"] if key.endswith("?") else [])]
        rows.append((f"`{key.strip().rstrip('?')}`", ", ".join(words).replace(", or", " or"), meaning))
    return "\n".join([f"## {name}\n", f"{says}\n", *like, _table(("key", "type", "meaning"), rows)])


def exit_codes() -> str:
    """Every error, its exit code, and whether trying again can help."""
    rows = [(f"[{code}](../../RUNBOOK.md#{code})", f"`{kind}`", meaning) for code, kind, meaning in _exit_rows()]
    return _table(("exit code", "error", "meaning"), rows)


def _exit_rows() -> list[tuple[str, str, str]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.DbsvcError)]
    return [
        (str(kind.exit_code), kind.__name__, _first_line(kind))
        for kind in sorted(kinds, key=lambda kind: (kind.exit_code, kind.__name__))
    ]


def dataset(path: Path) -> str:
    """One dataset: what its ``dataset.toml`` declares, and the reasons that its SQL gives to rejects."""
    text = path.read_text()
    declared = tomllib.loads(text)
    about = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ")).split(". ")[0]
    facts = [
        ("declaration", f"`{path.relative_to(SQL.parent)}`: {about}."),
        ("format", {"csv": "CSV", "jsonl": "JSON lines"}.get(declared["format"], declared["format"])),
        ("table", f"`{declared['table']}`, and `{declared['table']}_history` for what was replaced"),
        ("key", _code(declared["key"])),
        ("after", _code(declared["depends_on"]) or "nothing"),
        ("grows", "yes: a later run reads what was appended" if declared.get("grows") else "no"),
        ("derives", _code(declared.get("derive", [])) or "nothing"),
    ]
    own = _reasons(path.parent)
    columns = [
        (
            f"`{name}`",
            f"`{column.written}`",
            _meaning(column),
            "".join(f"`{reason}`<br>" for reason in _reasons_of(column, own)),
        )
        for name, column in Statements(("sqlite",)).datasets[path.parent.name].columns.items()
    ]
    heading = ("column", "name in the file", "type", "reasons of rejects")
    return "\n".join([_table(("", ""), facts), _table(heading, columns).replace("<br> |", " |")])


def _meaning(column: Column) -> str:
    """Return the type of a column, and the limits it sets itself."""
    told = [f"`{name} = {value}`" for name, value in column.told.items()]
    return ", ".join([f"[{column.type.name}](../types.md#{column.type.name})", *told])


def _reasons_of(column: Column, own: list[str]) -> list[str]:
    """Return the reasons of rejects that are about a column: of its type, and those that the dataset's own SQL names."""
    stems = (f"{column.name}_", f"{column.name.removesuffix('_id')}_of_", f"{column.name.removesuffix('_id')}_unknown")
    return list(dict.fromkeys([*reasons_of(column), *(reason for reason in own if reason.startswith(stems))]))


def types() -> str:
    """Every type of a column: its comment, its limits, its reasons, and how it is stored."""
    parts = []
    for name, kind in Statements(("sqlite",)).types.items():
        stored = Statements(("postgresql",)).types[name].storage.text
        reasons = ", ".join(dict.fromkeys(f"`{rule.reason}`" for rule in kind.wrong))
        storage = f"Stored as `{stored}`, on SQLite `{kind.storage.text}`."
        parts.append(f"## {name}\n\n{kind.says}\n\n{storage} Reasons: {reasons or 'none'}.\n")
        limits = [
            (f"`{limit}`", about.says, "" if about.default is None else f"`{about.default}`".lower())
            for limit, about in kind.limits.items()
        ]
        if limits:
            parts.append(_table(("limit", "meaning", "default"), limits))
    return "\n".join(parts)


_REASON = re.compile(
    r"'[ ]?([a-z]\w*_(?:missing|invalid|negative|not_positive|too_large|too_long|too_old|in_future|impossible|unknown"
    r"|without_zone|of_another_\w+))'"
)


def _reasons(folder: Path) -> list[str]:
    """Return the reasons that the SQL of a dataset names, in the order of its files."""
    texts = [path.read_text() for path in [*folder.glob("rules.sql"), *sorted(folder.glob("identity/*.sql"))]]
    return list(dict.fromkeys(reason for text in texts for reason in _REASON.findall(text)))


def check_sections() -> str:
    """Every check, as the header of its SQL file says it."""
    known: dict[str, dict[str, checks.Check]] = {}
    for dialect, family in all_families().items():
        for check in checks.load_checks(Statements(family)):
            known.setdefault(check.name, {})[dialect] = check
    return "\n".join(_check(next(iter(known[name].values())), list(known[name])) for name in sorted(known))


def _check(check: checks.Check, dialects: list[str]) -> str:
    of = f"dataset `{check.dataset}`" if check.dataset else "all datasets"
    if set(dialects) != set(all_families()):
        of = f"only on {', '.join(dialects)}"
    parts = [
        f"## {check.name}\n",
        f"**{check.title}** · {check.severity} · {of} · [RUNBOOK](../../RUNBOOK.md#{check.runbook})\n",
        f"{check.meaning}\n",
        f"*What to do*: {check.todo}.\n",
    ]
    if check.thresholds:
        rows = [(f"`{check.setting(name)}`", default, meaning) for name, (default, meaning) in check.thresholds.items()]
        parts.append(_table(("threshold", "default", "meaning"), rows))
    return "\n".join(parts)


def sql_functions() -> str:
    """Every small function of ``sql/functions``: its comment, and its text on each database."""
    parts = []
    for path in sorted((SQL / "functions").glob("*.toml")):
        parts.append(f"## {path.stem}\n")
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if name := re.match(r'\["(.+)"\]', line):
                said = [text[2:] for text in takewhile(lambda text: text.startswith("# "), reversed(lines[:number]))][::-1]
                texts = tomllib.loads(path.read_text())[name[1]]
                written = "".join(f"-- {dialect}\n{text}\n" for dialect, text in texts.items())
                parts.append(f"`{name[1]}` {' '.join(said)}".strip() + f"\n\n```sql\n{written}```\n")
    return "\n".join(parts)


def python() -> str:
    """Name what is public in the package, with signatures and docstrings."""
    public = [(name, value) for name in dbsvc.__all__ if not inspect.ismodule(value := getattr(dbsvc, name))]
    kinds = [(name, value) for name, value in public if not (isinstance(value, type) and issubclass(value, Exception))]
    parts = [
        _member("## class" if isinstance(value, type) else "##", name, value)
        for name, value in sorted(kinds, key=lambda item: (isinstance(item[1], type), item[0]))
    ]
    tree = inspect.cleandoc(errors.__doc__ or "").partition("\n\n")[2]
    return "\n".join([*parts, f"## Errors\n\n```text\n{tree}\n```\n"])


def _member(level: str, name: str, value: Any) -> str:
    parts = [f"{level} {name}\n"]
    if not isinstance(value, type):
        text, _, example = (inspect.getdoc(value) or "").partition("\n\n>>> ")
        shown = f"```pycon\n>>> {example}\n```\n" if example else ""
        return "\n".join([*parts, f"```text\n{name}{_signature(value)}\n```\n", f"{_marked(text)}\n", shown])
    parts.append(f"{_marked(inspect.getdoc(value) or '')}\n")
    if dataclasses.is_dataclass(value):
        parts += [_fields(value)]
    elif issubclass(value, StrEnum):
        parts += [f"{_code([each.value for each in value])}\n"]
    for member, of in vars(value).items():
        if not member.startswith("_") and isinstance(of, property | cached_property):
            getter: Any = of.fget if isinstance(of, property) else of.func
            parts.append(f"- `{member}`: {_indented(getter)}\n")
        elif not member.startswith("_") and inspect.isfunction(of):
            parts.append(f"- `{member}{_signature(of)}`: {_indented(of)}\n")
    return "\n".join(parts)


def _fields(kind: type) -> str:
    """Return the fields of a result, with their types and what is said of them."""
    comments, last, lines = _field_comments(kind), "", []
    for field in dataclasses.fields(kind):
        said = comments.get(field.name, "")
        lines.append(f"- `{field.name}: {field.type}`" + (f": {_marked(said)}" if said not in ("", last) else ""))
        last = said
    return "\n".join(lines) + "\n"


def _marked(text: str) -> str:
    return text.replace("``", "`")


def _signature(function: Callable[..., Any]) -> str:
    text = re.sub(r"<function (\w+) at 0x\w+>", r"\1", str(inspect.signature(inspect.unwrap(function))))
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text).replace("(self, ", "(").replace("(self)", "()")


def _indented(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").replace("\n", "\n    ").replace("    \n", "\n").replace("``", "`")


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0]


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def pages() -> dict[Path, str]:
    """Return every page with a generated part, as it should be."""
    parts: dict[str, Callable[[], str]] = {
        "commands.md": commands,
        "settings.md": setting_table,
        "exit-codes.md": exit_codes,
        "json.md": json_lines,
        "checks.md": check_sections,
        "python.md": python,
        "sql-functions.md": sql_functions,
        "types.md": types,
    }
    for path in sorted(SQL.rglob("dataset.toml")):
        parts[f"datasets/{path.parent.name}.md"] = partial(dataset, path)
    found = {}
    for name, part in parts.items():
        page = REFERENCE / name
        text = page.read_text() if page.exists() else f"# {page.stem}\n\n"
        before, _, rest = text.partition(BEGIN)
        found[page] = f"{before}{BEGIN}\n{part()}\n{END}{rest.partition(END)[2]}"
    found[REFERENCE / "dbsvc.1"] = manual()
    found[SQL.parent / "deploy" / "dbt" / "sources.yml"] = dbt.write_sources(Statements(("sqlite",)))
    return found


if __name__ == "__main__":
    for page, text in pages().items():
        if not page.exists() or page.read_text() != text:
            page.write_text(text)
            print(f"wrote {page.relative_to(Path.cwd())}", file=sys.stderr)
