"""Who is told what a command changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from dbsvc.cli import output

if TYPE_CHECKING:
    from dbsvc.engine import Database
    from dbsvc.engine.loads.ingested import IngestedFile
    from dbsvc.engine.notify.receivers import Receiver
    from dbsvc.engine.settings import Settings

Notify = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        help="Tell this receiver what changed: a webhook, Slack, Teams, or what Apprise knows. May be given again. A URL "
        "is a secret: rather set DBSVC_NOTIFY.",
        show_default=False,
    ),
]


class Teller:
    """Tells receivers which loads are held or are no more, after a command. Raises ConfigurationError for odd URLs at once."""

    def __init__(self, notify: list[str] | None, settings: Settings | None = None) -> None:
        from dbsvc.engine.notify.receivers import read_receivers
        from dbsvc.engine.settings import read_settings

        self._settings = settings or read_settings()
        self._receivers: list[Receiver] = read_receivers(self._settings, notify or [])

    def tell(self, db: Database, files: Iterable[IngestedFile] = ()) -> bool:
        """Tell them; return whether they took it. What becomes of it is logged."""
        if not self._receivers:
            return True
        from dbsvc.engine.notify.notices import tell_of_loads

        return output.interruptible(db, lambda: tell_of_loads(db, self._settings, self._receivers, files))
