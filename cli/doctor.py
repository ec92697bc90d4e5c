"""``dbsvc doctor``: what is wrong with the installation, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from dbsvc.cli import commands, output

if TYPE_CHECKING:
    from dbsvc.engine.doctor import Finding

app = commands.group()

_EXAMPLES = commands.examples("dbsvc doctor            look at everything", "dbsvc doctor -o json    for a program")


@app.command(cls=commands.Command, epilog=_EXAMPLES)
def doctor() -> None:
    """Look at settings, database, schema, clocks, rights, room, project and the API of rates. 1 if anything is wrong.

    Nothing is created, and nothing is asked that costs quota; warnings leave the exit code at 0.
    """
    from dbsvc.engine.doctor import State, diagnose

    found: list[Finding] = []
    try:
        for finding in diagnose():
            found.append(finding)
            if output.results_are_json():
                output.objects([_row(finding)])
    finally:  # whatever ends it, what was found is said
        if not output.results_are_json():
            shown = [
                {**row, "found": f"{row['says'].rstrip('.')}. {row['do']}" if row["do"] else row["says"]}
                for row in map(_row, found)
            ]
            output.table("", shown, ["state", "about", "found"])
    wrong, warnings = (sum(finding.state is state for finding in found) for state in (State.WRONG, State.WARNING))
    if not (wrong or warnings):
        output.say("All is well.")
    else:
        output.say(f"{wrong:,} wrong, {warnings:,} to look at.")
    if wrong:
        raise typer.Exit(1)


def _row(finding: Finding) -> dict[str, str]:
    return {name: output.redact(str(value)) for name, value in asdict(finding).items()}
