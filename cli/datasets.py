"""``dbsvc datasets``: what can be loaded, and datasets of one's own."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from dbsvc.cli import commands, completion, output

if TYPE_CHECKING:
    from dbsvc.engine.reports.datasets import ColumnContract

app = commands.group(
    help="What can be loaded: the datasets, built in and of your project.",
    invoke_without_command=True,
    epilog=commands.examples(
        "dbsvc datasets                               what there is",
        "dbsvc datasets show usage                    what its files may hold",
        "dbsvc datasets new meters --from sample.csv  one of your own",
    ),
)

Name = Annotated[
    str,
    typer.Argument(metavar="DATASET", autocompletion=completion.datasets, help="The name of a dataset.", show_default=False),
]


@app.callback()
def _datasets(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_datasets()


@app.command("list", cls=commands.Command, epilog=commands.examples("dbsvc datasets list"))
def list_datasets() -> None:
    """List the datasets that are in use, each after those it depends on."""
    from dbsvc.engine.reports import datasets

    with output.connect() as db:
        output.show("", datasets.list_datasets(db.statements), ["dataset", "format", "key", "declared_in"])


@app.command("dbt", cls=commands.Command, epilog=commands.examples("dbsvc datasets dbt > models/sources.yml"))
def write_dbt_sources() -> None:
    """Write sources.yml for dbt: the tables and views that others may rely on, those of your project included."""
    from dbsvc.engine.reports.dbt import write_sources

    with output.connect() as db:
        print(output.printable(write_sources(db.statements)), end="")


@app.command(
    "show", cls=commands.Command, epilog=commands.examples("dbsvc datasets show usage", "dbsvc datasets show usage --sql")
)
def show_dataset(
    name: Name,
    sql: Annotated[bool, typer.Option("--sql", help="Show the SQL that comes of it, for your database.")] = False,
) -> None:
    """Show what a file of a dataset may hold: its columns, their types and limits, the reasons of rejects."""
    from dbsvc.engine.reports import datasets

    with output.connect() as db:
        found = datasets.show_dataset(db.statements, name)
    if output.results_are_json():
        output.objects([{key: value for key, value in asdict(found).items() if sql or key != "statements"}])
        return
    if sql:
        for statement, text in found.statements.items():
            output.paragraph(f"-- {statement}\n{text}\n")
        return
    output.say(f"{found.origin}: {found.format}, into {found.table}, one row a {', '.join(found.key)}.")
    if found.stored != found.table:
        output.say(f"{found.table} is a view of {found.stored}: rows lie there that a reader must not see yet.")
    rows = [
        {
            "column": column.column if column.column == column.written else f"{column.column} ({column.written})",
            "holds": _holds(column),
            "reasons of rejects": " ".join(column.reasons),
        }
        for column in found.columns
    ]
    output.table("", rows, ["column", "holds", "reasons of rejects"])
    if found.rules:
        output.say("Beside it, rules.sql says what is about several columns.")


@app.command(
    "profile", cls=commands.Command, epilog=commands.examples("dbsvc datasets profile export.csv > dbsvc/profiles/export.toml")
)
def propose_profile(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A file that cannot be read as it is; packed or not.", show_default=False)
    ],
) -> None:
    """Write a profile that may fit a file, to be checked by you and put into the folder profiles of your project."""
    from dbsvc.engine.settings import read_settings
    from dbsvc.engine.sources.proposal import propose_for
    from dbsvc.engine.sources.urls import shown_name

    with output.connect() as db:
        found = propose_for(file, db.statements.datasets.values(), read_settings().max_unpacked)
    sys.stdout.buffer.write(found.as_toml(shown_name(file)).encode())


@app.command(
    "new", cls=commands.Command, epilog=commands.examples("dbsvc datasets new meters --from sample.csv --key meter_id,day")
)
def new_dataset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="How it, and its table, are called.", show_default=False)],
    sample: Annotated[
        str, typer.Option("--from", metavar="FILE", help="Some of its records: CSV or JSON lines.", show_default=False)
    ],
    key: Annotated[
        str, typer.Option(metavar="COLUMNS", help="The columns that tell records apart, as a,b; by default by the sample.")
    ] = "",
) -> None:
    """Declare a dataset of your own: write its first files into your project, as a sample shows it."""
    from dbsvc.engine.scaffold import make_dataset
    from dbsvc.engine.settings import read_settings
    from dbsvc.engine.sources.urls import shown_name

    made = make_dataset(name, sample, read_settings(), [part.strip() for part in key.split(",") if part.strip()])
    if output.results_are_json():
        output.objects([asdict(made)])
        return
    for file in made.files:
        output.headline(file)
    if made.notes:
        output.say("")
        output.say("Look at this:")
    for note in made.notes:
        output.say(f"- {note}")
    output.say("")
    output.say(f"Then: `dbsvc db migrate`, and `dbsvc ingest {shown_name(sample)}`.")


@app.command("check", cls=commands.Command, epilog=commands.examples("dbsvc datasets check"))
def check_project() -> None:
    """Check your project without a database: declarations, profiles, statements; migrations are tried out in a new one."""
    from dbsvc.engine import project_check
    from dbsvc.engine.project import find_project
    from dbsvc.engine.settings import read_settings

    project = find_project(read_settings().project)
    if project is None:
        output.say("There is no project: `dbsvc datasets new NAME --from FILE` makes one, DBSVC_PROJECT names another folder.")
        return
    found = project_check.check_project(project)
    if output.results_are_json():
        output.objects([asdict(found)])
    else:
        for problem in found.problems:
            output.headline(problem)
        datasets, migrations = len(found.datasets), len(found.migrations)
        if not found.problems:
            own = f"{datasets} dataset{'s' * (datasets != 1)} and {migrations} migration{'s' * (migrations != 1)}"
            output.say(f"{project.folder} is fine: {own} of its own.")
    if found.problems:
        raise typer.Exit(1)


def _holds(column: ColumnContract) -> str:
    limits = [f"{name} = {str(value).lower() if isinstance(value, bool) else value}" for name, value in column.limits.items()]
    return ", ".join([column.type, *(["optional"] if column.optional else []), *limits])
