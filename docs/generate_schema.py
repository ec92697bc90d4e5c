"""Write docs/reference/schema.md and its diagram, of the catalogs of both databases and of what tables and columns mean.

Migrations are applied to scratch databases; ``just docs`` runs it after the other pages, for it starts a PostgreSQL. A test
fails when a page is not what this would write, and names tables and columns without a meaning.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from dbsvc import Database, connect, migrate
from dbsvc.engine.reports.meanings import read_meanings
from dbsvc.engine.statements.catalog import Statements

REFERENCE = Path(__file__).parent / "reference"
GROUPS = {
    "usage": "Usage",
    "rates": "Exchange rates and revenue",
    "telemetry": "Plants, inverters, telemetry",
    "ledger": "The ledger",
    "quarantine": "The quarantine",
    "housekeeping": "Checks, notifications, housekeeping",
}
_POSTGRESQL = {
    "tables": """
        SELECT relname AS table_name, relkind = 'v' AS is_view FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
        ORDER BY relname""",
    "columns": """
        SELECT attname AS column_name, format_type(atttypid, atttypmod) AS type, attnotnull AS is_required FROM pg_attribute
        WHERE attrelid = cast(:table AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum""",
    "keys": """
        SELECT attname AS column_name FROM pg_constraint, unnest(conkey) WITH ORDINALITY AS key (attnum, nth), pg_attribute
        WHERE conrelid = cast(:table AS regclass) AND contype = 'p' AND attrelid = conrelid AND pg_attribute.attnum = key.attnum
        ORDER BY nth""",
    "references": """
        SELECT attname AS column_name, cast(confrelid AS regclass)::text AS target
        FROM pg_constraint, unnest(conkey) AS key (attnum), pg_attribute
        WHERE conrelid = cast(:table AS regclass) AND contype = 'f' AND attrelid = conrelid AND pg_attribute.attnum = key.attnum
        ORDER BY attname""",
}
_SQLITE = {
    "tables": """
        SELECT name AS table_name, type = 'view' AS is_view FROM sqlite_master
        WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name""",
    "columns": """SELECT name AS column_name, lower(type) AS type, "notnull" AS is_required FROM pragma_table_xinfo(:table)""",
    "keys": "SELECT name AS column_name FROM pragma_table_xinfo(:table) WHERE pk > 0 ORDER BY pk",
    "references": """SELECT "from" AS column_name, "table" AS target FROM pragma_foreign_key_list(:table) ORDER BY 1""",
}
QUERIES = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE}


@dataclass
class Table:
    """A table or view of a database."""

    is_view: bool
    #: column → its type
    types: dict[str, str] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    key: list[str] = field(default_factory=list)
    #: column → the table that it refers to
    references: dict[str, str] = field(default_factory=dict)


Catalog = dict[str, Table]


def read_catalog(db: Database) -> Catalog:
    """Return the tables and views of a migrated database, but for those of the migrator."""
    queries, found = QUERIES[db.dialect.family[0]], Catalog()
    with db.snapshot() as tx:
        for row in tx.execute(queries["tables"]).rows:
            name = str(row["table_name"])
            if "yoyo" in name:
                continue
            table = found[name] = Table(bool(row["is_view"]))
            columns = tx.execute(queries["columns"], table=name).rows
            table.types = {each["column_name"]: each["type"] for each in columns}
            table.key = [each["column_name"] for each in tx.execute(queries["keys"], table=name).rows]
            table.required = {each["column_name"] for each in columns if each["is_required"]} | set(table.key)
            table.references = {
                each["column_name"]: each["target"] for each in tx.execute(queries["references"], table=name).rows
            }
    return found


def find_faults(catalogs: Mapping[str, Catalog]) -> list[str]:
    """Return what is not said of tables and columns, and what is said of none."""
    meanings = read_meanings()
    there = {
        name: {column for catalog in catalogs.values() for column in catalog.get(name, Table(False)).types}
        for catalog in catalogs.values()
        for name in catalog
    }
    faults = [f"{name}: no meaning" for name in there if name not in meanings]
    for name, meaning in meanings.items():
        columns = there.get(name, set())
        faults += [] if columns else [f"{name}: there is no such table"]
        faults += [f"{name}.{column}: no meaning" for column in sorted(columns) if not meaning.of_column(column)]
        faults += [f"{name}.{column}: there is no such column" for column in sorted(set(meaning.columns) - columns)]
        if meaning.public:
            faults += [f"{name}.{column}: not named, though public" for column in sorted(columns - set(meaning.columns))]
    return faults


def page(catalogs: Mapping[str, Catalog]) -> str:
    """Return the page."""
    meanings = read_meanings()
    lines = [
        "# The schema",
        "",
        "Every table and view, made by the migrations. Others may rely on those that are marked *public*; the rest may change.",
        "A project's datasets have two tables each: their own and a history. `dbsvc datasets dbt` writes the public ones, and",
        "a project's, as [sources of dbt](../how-to/lineage.md#dbt). A type with ? may be null.",
        "",
        "![The tables and what they refer to: each line leads from a column to the table that it names](schema.svg)",
        "",
    ]
    for group, title in GROUPS.items():
        lines += [f"## {title}", ""]
        for name, meaning in meanings.items():
            if meaning.group == group:
                lines += _table(name, catalogs)
    return "\n".join(lines)


def _table(name: str, catalogs: Mapping[str, Catalog]) -> Iterator[str]:
    meaning = read_meanings()[name]
    both = {dialect: catalog.get(name, Table(False)) for dialect, catalog in catalogs.items()}
    any_of = next(table for table in both.values() if table.types)
    kind = "view" if any_of.is_view else "table"
    yield f"### {name}\n\n{kind}{', *public*' if meaning.public else ''}. {meaning.says}\n"
    yield "| column | PostgreSQL | SQLite | meaning |\n| --- | --- | --- | --- |"
    refer = references(catalogs)
    for column in dict.fromkeys(column for table in both.values() for column in table.types):
        types = [both[dialect].types.get(column, "") for dialect in ("postgresql", "sqlite")]
        required = any_of.is_view or any(column in table.required for table in both.values())
        notes = [meaning.of_column(column) or ""]
        notes += ["key"] if any(column in table.key for table in both.values()) else []
        notes += [f"[{target}](#{target})"] if (target := refer.get((name, column))) else []
        shown = [f"`{each}`{'' if required else '?'}" if each else "" for each in types]
        yield f"| `{column}` | {shown[0]} | {shown[1]} | {'; '.join(notes)} |"
    yield ""


def references(catalogs: Mapping[str, Catalog]) -> dict[tuple[str, str], str]:
    """Return which column refers to which table: by a foreign key, or by what a dataset declares."""
    found = {
        (name, column): target
        for catalog in catalogs.values()
        for name, table in catalog.items()
        for column, target in table.references.items()
    }
    datasets = Statements(("sqlite",)).datasets
    for dataset in datasets.values():
        for column in dataset.columns.values():
            if target := column.told.get("table") or (datasets[column.told["to"]].table if "to" in column.told else None):
                found.setdefault((dataset.table, column.name), str(target))
        found[dataset.table, "load_id"] = "loads"
    return dict(sorted(found.items()))


_WIDTH, _ROW, _GAP, _BETWEEN = 215, 15, 22, 90


def diagram(catalogs: Mapping[str, Catalog]) -> str:
    """Return the diagram: a box a table with its key and what refers to others, a column of boxes a group, lines between."""
    meanings, refer = read_meanings(), references(catalogs)
    boxes: dict[str, tuple[int, int, list[str]]] = {}
    height = 0
    for nth, group in enumerate(GROUPS):
        x, y = 10 + nth * (_WIDTH + _BETWEEN), 40
        for name, meaning in meanings.items():
            if meaning.group == group:
                tables = [catalog[name] for catalog in catalogs.values() if name in catalog]
                keys = [column for table in tables for column in table.key]
                rows = list(dict.fromkeys([*keys, *(column for table, column in refer if table == name)]))
                boxes[name] = (x, y, rows)
                y += _ROW * (len(rows) + 1) + _GAP
        height = max(height, y)
    width = len(GROUPS) * (_WIDTH + _BETWEEN) - _BETWEEN + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="t">',
        '<title id="t">The tables, their keys, and what refers to what</title>',
        "<style>text{font:11px sans-serif;fill:#222}.h{font-weight:bold}.g{font-size:13px}rect{fill:#fff;stroke:#666}"
        ".n{fill:#e8eef7}path{fill:none;stroke:#3b6ea5;stroke-opacity:.6}"
        "@media (prefers-color-scheme:dark){text{fill:#ddd}rect{fill:#1e1e1e;stroke:#888}"
        ".n{fill:#2b3648}path{stroke:#8ab4e8}}</style>",
    ]
    lines += [
        f'<text class="g h" x="{10 + nth * (_WIDTH + _BETWEEN)}" y="24">{escape(title)}</text>'
        for nth, title in enumerate(GROUPS.values())
    ]
    lines += [
        _line(boxes[name], boxes[name][2].index(column), boxes[target])
        for (name, column), target in refer.items()
        if name in boxes and target in boxes and target != name
    ]
    for name, (x, y, rows) in boxes.items():
        lines.append(f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_ROW * (len(rows) + 1) + 4}"/>')
        lines.append(f'<rect class="n" x="{x}" y="{y}" width="{_WIDTH}" height="{_ROW + 2}"/>')
        lines.append(f'<text class="h" x="{x + 5}" y="{y + 12}">{escape(name)}</text>')
        lines += [f'<text x="{x + 5}" y="{y + _ROW * (nth + 1) + 12}">{escape(row)}</text>' for nth, row in enumerate(rows)]
    return "\n".join([*lines, "</svg>", ""])


def _line(box: tuple[int, int, list[str]], row: int, target: tuple[int, int, list[str]]) -> str:
    """Return a line from a column to a table: from the side that is nearer."""
    y, end = box[1] + _ROW * (row + 1) + 8, target[1] + 8
    if box[0] == target[0]:
        x = box[0] + _WIDTH
        return f'<path d="M{x} {y}C{x + 40} {y} {x + 40} {end} {x} {end}"/>'
    right = target[0] > box[0]
    x, to = (box[0] + _WIDTH, target[0]) if right else (box[0], target[0] + _WIDTH)
    bend = 45 if right else -45
    return f'<path d="M{x} {y}C{x + bend} {y} {to - bend} {end} {to} {end}"/>'


def pages(catalogs: Mapping[str, Catalog]) -> dict[Path, str]:
    """Return the page and the diagram, as they should be."""
    return {REFERENCE / "schema.md": page(catalogs), REFERENCE / "schema.svg": diagram(catalogs)}


def main() -> None:
    """Write what is not current."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.helpers.server import start_server

    catalogs = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for dialect, url in (("postgresql", start_server(stack).create()), ("sqlite", f"sqlite:///{folder}/scratch.db")):
            with connect(url) as db:
                migrate(db)
                catalogs[dialect] = read_catalog(db)
    for fault in find_faults(catalogs):
        print(f"sql/schema/meanings.toml: {fault}", file=sys.stderr)
    for path, text in pages(catalogs).items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path.relative_to(Path.cwd())}", file=sys.stderr)


if __name__ == "__main__":
    main()
