"""``dbsvc db backup …``: what keeps a database in order over the years."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbsvc.cli import output


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write. It gets its name when it is whole.", show_default=False)],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if there is one.")] = False,
) -> None:
    """Copy a SQLite database into one file, consistent beside whoever writes. A server's is backed up by pg_dump."""
    from dbsvc.engine.housekeeping.backup import back_up

    with output.connect() as db, output.progress(file.name, "pages") as progress:
        size = output.interruptible(db, lambda: back_up(db, file, overwrite=overwrite, progress=progress))
        output.show("", [{"database": db.dialect.label, "file": str(file), "bytes": size}], ["database", "file", "bytes"])
