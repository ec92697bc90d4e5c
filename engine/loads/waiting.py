"""Who waits in quarantine for what a load brought: events of an inverter that nobody knew, until its registry came."""

from __future__ import annotations

from collections import Counter
from functools import cache, partial

from dbsvc.engine.db.database import Database
from dbsvc.engine.errors import InputError
from dbsvc.engine.loads.ledger import find_profile
from dbsvc.engine.loads.model import Load
from dbsvc.engine.sources.formats import FIELDS_BEGIN, rows
from dbsvc.engine.sources.header import header_of

#: How many rejects are looked at, the newest first: a quarantine may be large, and this is for a hint.
MOST = 10_000


def find_waiting(db: Database, load: Load) -> Counter[int]:
    """Return the loads that have rejects which name what a published load brought, in order, and how many each.

    Rejects wait for a dataset when one that depends on it gave them the reason that it is awaited by. Only the newest 10,000
    are looked at.
    """
    brought = db.statements.datasets[load.dataset]
    waiting = Counter[int]()
    if brought.awaited_by is None or not load.inserted + load.updated:
        return waiting
    with db.snapshot() as tx:
        known = {
            tuple(map(str, row.values()))
            for row in tx.run("ledger/brought_keys", table=brought.table, key=list(brought.key), load_id=load.load_id).rows
        }
        profile_of = cache(partial(find_profile, tx))
        for dataset in db.statements.datasets.values():
            if brought.name in dataset.depends_on and set(brought.key) <= dataset.columns.keys():
                found = tx.stream("ledger/waiting_rejects", dataset=dataset.name, reason=brought.awaited_by, most=MOST)
                for reject in found:
                    try:
                        header = header_of(dataset, reject["header"], "the header", profile_of(reject["load_id"]))
                    except InputError:  # the dataset has got other columns since, and cannot be retried
                        continue
                    places = [FIELDS_BEGIN + header.columns.index(column) for column in brought.key]
                    records = rows(header.format, reject["raw_record"], header.names)
                    waiting[reject["load_id"]] += any(tuple(record[at] for at in places) in known for record in records)
    return Counter(dict(sorted((+waiting).items())))
