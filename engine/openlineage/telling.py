"""What happens to a load is told to OpenLineage, if its variables ask for it. Else nothing is imported, asked or written.

What becomes of it changes nothing of a load: events are made and sent by a thread of their own, which nobody waits for.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType

from dbsvc.engine.datasets import Dataset
from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import CancelledError, DbsvcError
from dbsvc.engine.loads.model import Load, LoadStatus
from dbsvc.engine.log import event
from dbsvc.engine.origins import Origins

START, RUNNING, COMPLETE, FAIL, ABORT = "START", "RUNNING", "COMPLETE", "FAIL", "ABORT"
_ENDS = {LoadStatus.PUBLISHED: COMPLETE, LoadStatus.HELD: FAIL, LoadStatus.DISCARDED: ABORT, LoadStatus.REVERTED: ABORT}


@dataclass(frozen=True)
class Moment:
    """What there is to tell of a load at one moment."""

    #: ``START``, ``RUNNING``, ``COMPLETE``, ``FAIL`` or ``ABORT``
    kind: str
    at: datetime
    dataset: Dataset
    #: the file's name
    source: str
    #: None if it came to no load
    load: Load | None
    #: what catalogs call the database, and the schema in it
    namespace: str
    within: tuple[str, ...]
    #: how many rejects broke each rule; None if that is not known yet
    broken: Mapping[str, int] | None = None
    #: the version of the object that was read
    version: str | None = None
    error: str | None = None
    #: what is derived from the dataset, by tables
    derived: Mapping[str, Origins] = field(default_factory=dict)


def is_wanted() -> bool:
    """Whether the environment names somebody to tell."""
    if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    return any(
        name in ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG") or name.startswith("OPENLINEAGE__TRANSPORT")
        for name, value in os.environ.items()
        if value.strip()
    )


def tell(db: Database, kind: str, dataset: Dataset, source: str, load: Load | None = None, error: str | None = None) -> None:
    """Tell what happens to a load. Never raises, and returns at once."""
    if not is_wanted():
        return
    try:
        from dbsvc.engine.openlineage.sending import put

        put(_describe(db, kind, dataset, source, load, error))
    except CancelledError:
        raise
    except Exception as failure:  # of whatever kind: the load goes on
        event("openlineage", logging.WARNING, warning=f"What happens to loads is not told: {failure}")


def tell_end(db: Database, load: Load, source: str | None = None) -> None:
    """Tell how a load ended: published, held, or given up. One that goes on has not ended."""
    if load.status in _ENDS and load.dataset in db.statements.datasets:
        error = load.held_because if load.status is LoadStatus.HELD else None
        tell(db, _ENDS[load.status], db.statements.datasets[load.dataset], source or load.source, load, error)


class Telling:
    """Tells of one file as it is loaded: that its load begins, goes on, ends; or that it failed."""

    def __init__(self, db: Database, dataset: Dataset, source: str, *, silent: bool = False) -> None:
        self._db = db
        self._dataset = dataset
        self._source = source
        self._silent = silent
        self._load: Load | None = None

    def __enter__(self) -> Telling:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Tell of an error. Who is stopped has not failed: somebody goes on with the load."""
        if isinstance(error, DbsvcError) and not isinstance(error, CancelledError) and not self._silent:
            tell(self._db, FAIL, self._dataset, self._source, self._load, str(error))

    def begins(self, load: Load) -> None:
        """Tell that a load begins, or is gone on with. Of one that is known nothing is told."""
        self._silent = self._silent or not load.is_unfinished
        self._tell(START, load)

    def goes_on(self, load: Load) -> None:
        """Tell that all of it is staged and audited, if it is."""
        if load.status is LoadStatus.STAGED:
            self._tell(RUNNING, load)

    def ends(self, load: Load) -> None:
        """Tell how it ended."""
        if not self._silent:
            tell_end(self._db, load, self._source)

    def _tell(self, kind: str, load: Load) -> None:
        self._load = load
        if not self._silent:
            tell(self._db, kind, self._dataset, self._source, load)


def _describe(db: Database, kind: str, dataset: Dataset, source: str, load: Load | None, error: str | None) -> Moment:
    from dbsvc.engine.reports.rejects import count_broken_rules

    broken = version = None
    with db.snapshot() as tx:
        schema = str(tx.run("lineage/schema_name").rows[0]["schema_name"])
        if load:
            version = next((row["version"] for row in tx.run("ledger/find_version", load_id=load.load_id).rows), None)
    if load and kind in (COMPLETE, FAIL):
        broken = count_broken_rules(db, load.load_id)
    namespace, catalog = db.dialect.address
    within = tuple(filter(None, (catalog, schema)))
    derived = db.statements.origins(dataset.name)
    return Moment(kind, datetime.now(UTC), dataset, source, load, namespace, within, broken, version, error, derived)
