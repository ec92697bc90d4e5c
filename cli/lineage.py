"""``dbsvc lineage``: where a value came from."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbsvc.cli import commands, completion, output
from dbsvc.cli.database import open_database

if TYPE_CHECKING:
    from dbsvc.engine.reports.lineage import Lineage


class _Words(commands.Group):
    """The commands, and the words that datasets of a project declare besides."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or that of a word."""
        if cmd_name not in self.commands:
            self._add_words()
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, then the words."""
        self._add_words()
        return super().list_commands(ctx)

    def summaries(self) -> list[tuple[str, str]]:
        """Return the commands of it that a person is shown, each with what it is for."""
        self._add_words()
        return super().summaries()

    def _add_words(self) -> None:
        for word, columns in _words().items():
            if word not in self.commands:
                self.commands[word] = _of_word(word, columns)


app = commands.group(
    _Words,
    help="Where a value came from: file, line, load, rules, earlier versions.",
    no_args_is_help=True,
    epilog=commands.examples(
        "dbsvc lineage row plants P1", "dbsvc lineage bill 2021-10-02 17", "dbsvc lineage reading INV-7 2025-04-01T06:00:00Z"
    ),
)

_AMOUNTS = ["product1_revenue", "product2_revenue", "product1_usd", "product2_usd", "rate"]
_ORIGIN = ["state", "load_id", "source", "line_no"]


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc lineage bill 2021-10-02 17"))
def bill(
    date: Annotated[
        datetime, typer.Argument(metavar="DATE", formats=["%Y-%m-%d"], help="The bill's date.", show_default=False)
    ],
    bill_id: Annotated[int, typer.Argument(metavar="BILL", help="The bill's id.", show_default=False)],
) -> None:
    """Show every version of a bill, where each came from, and what the bill is in USD at which rate."""
    from dbsvc.engine.reports.lineage import trace_word

    with open_database() as db:
        found = trace_word(db, "bill", [f"{date:%Y-%m-%d}", str(bill_id)])
    _show_with_values(f"bill {bill_id} of {date:%Y-%m-%d}", found)


@app.command(cls=commands.Command, epilog=commands.examples("dbsvc lineage reading INV-7 2025-04-01T06:00:00Z"))
def reading(
    inverter_id: Annotated[str, typer.Argument(metavar="INVERTER", help="The inverter's id.", show_default=False)],
    time: Annotated[
        str,
        typer.Argument(metavar="TIME", help="The moment, as 2025-04-01T06:00:00Z; UTC if it has no zone.", show_default=False),
    ],
) -> None:
    """Show every version of the events that carried a reading, where each came from, and the reading itself."""
    from dbsvc.engine.reports.lineage import trace_word

    try:
        datetime.fromisoformat(time)
    except ValueError as error:
        raise typer.BadParameter("The moment must be a time such as 2025-04-01T06:00:00Z.") from error
    with open_database() as db:
        found = trace_word(db, "reading", [inverter_id, time])
    _show_with_values(f"reading of {inverter_id} at {time}", found)


@app.command(
    cls=commands.Command,
    context_settings={"ignore_unknown_options": True},  # a key may be negative
    epilog=commands.examples("dbsvc lineage row usage 2021-10-02 17", "dbsvc lineage row plants P1"),
)
def row(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", autocompletion=completion.datasets, help="The dataset.", show_default=False)
    ],
    key: Annotated[list[str], typer.Argument(metavar="KEY...", help="The values of its key, in order.", show_default=False)],
) -> None:
    """Show every version of a row of any dataset, where each came from, and open rejects of its key."""
    from dbsvc.engine.reports.lineage import trace_row

    with open_database() as db:
        found = trace_row(db, dataset, key)
    if output.results_are_json():
        _objects(found)
        return
    versions = [{**version, "replaced_by": version["replaced_by_load_id"]} for version in found.versions]
    output.table(f"{dataset} {' '.join(key)}", versions, [*_ORIGIN, "published_at", "replaced_by"])
    rows = [
        {"field": name, "value": value, "before": found.replaced.get(name)} for name, value in found.current["values"].items()
    ]
    output.table("", rows, ["field", "value", "before"])
    _show_rest(found)


def _words() -> dict[str, tuple[str, ...]]:
    """Return the words that datasets declare, and the columns of the key of each; none if they cannot be read."""
    from dbsvc.engine.db.connect import connect
    from dbsvc.engine.reports.lineage import list_words

    with suppress(Exception), connect(create=False) as db:
        return list_words(db.statements)
    return {}


def _of_word(word: str, columns: tuple[str, ...]) -> Any:
    """Return the command of a word."""
    holder = commands.group()
    named = f"{', '.join(columns)}"

    @holder.command(
        word,
        cls=commands.Command,
        context_settings={"ignore_unknown_options": True},
        help=f"Show every version of a {word}, where each came from, and what is made of it. Its key: {named}.",
    )
    def show(
        key: Annotated[
            list[str], typer.Argument(metavar="KEY...", help="The values of its key, in order.", show_default=False)
        ],
    ) -> None:
        from dbsvc.engine.reports.lineage import trace_word

        with open_database() as db:
            found = trace_word(db, word, key)
        _show_with_values(f"{word} {' '.join(key)}", found)

    return typer.main.get_command(holder)


def _show_with_values(what: str, found: Lineage) -> None:
    versions = [{**version["values"], **version} for version in found.versions]
    if output.results_are_json():
        _objects(replace(found, versions=versions))
        return
    output.table(what, versions, [*_ORIGIN, *found.values], right=_AMOUNTS)
    origin = {name: found.current[name] for name in ("published_at", "rules", "sha256")}
    facts = {**(found.results[0] if found.results else {}), **origin}
    output.record("", {name: value for name, value in facts.items() if value is not None}, right=_AMOUNTS)
    _show_rest(found)


def _objects(found: Lineage) -> None:
    for kind, rows in (("version", found.versions), ("result", found.results), ("reject", found.rejects)):
        output.objects({"kind": kind, **row} for row in rows)
    if found.left_out:
        output.objects([{"kind": "rest", "older_versions": found.left_out}])


def _show_rest(found: Lineage) -> None:
    if found.left_out:
        output.say(f"{found.left_out:,} older versions are not shown.")
    if found.rejects:
        output.table("open rejects of this key", found.rejects, ["load_id", "source", "line_no", "reasons"])
