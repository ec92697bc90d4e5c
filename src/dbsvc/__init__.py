"""dbsvc: load files into a SQL database exactly once.

``dbsvc.ingest``, ``check``, ``fx``, ``revenue`` and the others do what the commands of these names do, and return what they
show; ``dbsvc.aio`` has the same to be awaited. ``connect`` opens the database itself.
"""

from importlib import import_module as _import_module
from pathlib import Path as _Path
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _Path(__file__).with_name("engine").is_file():  # git wrote where a link leads to into a file
    raise ImportError(
        "This checkout has files where src/dbsvc needs symbolic links: allow links (on Windows: Developer Mode), "
        "then run `git config core.symlinks true && git checkout -f -- src`."
    )

if _TYPE_CHECKING:
    from dbsvc import aio as aio
    from dbsvc.engine import CancelledError as CancelledError
    from dbsvc.engine import ConfigurationError as ConfigurationError
    from dbsvc.engine import ContentionError as ContentionError
    from dbsvc.engine import Database as Database
    from dbsvc.engine import DatabaseError as DatabaseError
    from dbsvc.engine import DbsvcError as DbsvcError
    from dbsvc.engine import InputError as InputError
    from dbsvc.engine import InputMissingError as InputMissingError
    from dbsvc.engine import IntegrityError as IntegrityError
    from dbsvc.engine import MalformedCsvError as MalformedCsvError
    from dbsvc.engine import Result as Result
    from dbsvc.engine import StatementError as StatementError
    from dbsvc.engine import Transaction as Transaction
    from dbsvc.engine import UnavailableError as UnavailableError
    from dbsvc.engine import UnusableError as UnusableError
    from dbsvc.engine import connect as connect
    from dbsvc.engine import migrate as migrate
    from dbsvc.engine.api import check as check
    from dbsvc.engine.api import discard as discard
    from dbsvc.engine.api import dismiss as dismiss
    from dbsvc.engine.api import fx as fx
    from dbsvc.engine.api import ingest as ingest
    from dbsvc.engine.api import lineage as lineage
    from dbsvc.engine.api import load as load
    from dbsvc.engine.api import loads as loads
    from dbsvc.engine.api import rejects as rejects
    from dbsvc.engine.api import release as release
    from dbsvc.engine.api import report as report
    from dbsvc.engine.api import retry as retry
    from dbsvc.engine.api import revenue as revenue
    from dbsvc.engine.api import revert as revert
    from dbsvc.engine.api import status as status
    from dbsvc.engine.checks import Check as Check
    from dbsvc.engine.checks import Checked as Checked
    from dbsvc.engine.checks import CheckResult as CheckResult
    from dbsvc.engine.errors import ChangedError as ChangedError
    from dbsvc.engine.errors import ExtraMissingError as ExtraMissingError
    from dbsvc.engine.errors import GoneError as GoneError
    from dbsvc.engine.errors import HeldError as HeldError
    from dbsvc.engine.errors import LockedError as LockedError
    from dbsvc.engine.errors import NoRatesError as NoRatesError
    from dbsvc.engine.errors import NoRoomError as NoRoomError
    from dbsvc.engine.errors import ProfileError as ProfileError
    from dbsvc.engine.errors import ProviderBusyError as ProviderBusyError
    from dbsvc.engine.errors import ProviderError as ProviderError
    from dbsvc.engine.errors import SourceError as SourceError
    from dbsvc.engine.errors import SpoolError as SpoolError
    from dbsvc.engine.errors import StoreBusyError as StoreBusyError
    from dbsvc.engine.errors import StoreError as StoreError
    from dbsvc.engine.errors import StoreRefusedError as StoreRefusedError
    from dbsvc.engine.errors import UnrecognisedError as UnrecognisedError
    from dbsvc.engine.errors import UsageError as UsageError
    from dbsvc.engine.fx.fetched import Fetched as Fetched
    from dbsvc.engine.loads.ingested import FileOutcome as FileOutcome
    from dbsvc.engine.loads.ingested import Ingested as Ingested
    from dbsvc.engine.loads.ingested import IngestedFile as IngestedFile
    from dbsvc.engine.loads.ingested import LeftOut as LeftOut
    from dbsvc.engine.loads.ingested import Replacement as Replacement
    from dbsvc.engine.loads.model import Dismissed as Dismissed
    from dbsvc.engine.loads.model import Load as Load
    from dbsvc.engine.loads.model import LoadStatus as LoadStatus
    from dbsvc.engine.loads.model import Replaced as Replaced
    from dbsvc.engine.loads.model import Retried as Retried
    from dbsvc.engine.loads.model import RetriedLoads as RetriedLoads
    from dbsvc.engine.loads.revert import Reverted as Reverted
    from dbsvc.engine.log import Event as Event
    from dbsvc.engine.notify.undelivered import Undelivered as Undelivered
    from dbsvc.engine.progress import Progress as Progress
    from dbsvc.engine.reports.lineage import Lineage as Lineage
    from dbsvc.engine.reports.loads import LoadDetails as LoadDetails
    from dbsvc.engine.reports.loads import LoadList as LoadList
    from dbsvc.engine.reports.rejects import Reason as Reason
    from dbsvc.engine.reports.rejects import Reject as Reject
    from dbsvc.engine.reports.rejects import Rejects as Rejects
    from dbsvc.engine.reports.report import Report as Report
    from dbsvc.engine.reports.revenue import By as By
    from dbsvc.engine.reports.revenue import Revenue as Revenue
    from dbsvc.engine.reports.revenue import Uncounted as Uncounted
    from dbsvc.engine.reports.status import Status as Status
    from dbsvc.engine.settings import Settings as Settings
    from dbsvc.engine.settings import read_settings as read_settings

__all__ = [
    "By",
    "CancelledError",
    "ChangedError",
    "Check",
    "CheckResult",
    "Checked",
    "ConfigurationError",
    "ContentionError",
    "Database",
    "DatabaseError",
    "DbsvcError",
    "Dismissed",
    "Event",
    "ExtraMissingError",
    "Fetched",
    "FileOutcome",
    "GoneError",
    "HeldError",
    "Ingested",
    "IngestedFile",
    "InputError",
    "InputMissingError",
    "IntegrityError",
    "LeftOut",
    "Lineage",
    "Load",
    "LoadDetails",
    "LoadList",
    "LoadStatus",
    "LockedError",
    "MalformedCsvError",
    "NoRatesError",
    "NoRoomError",
    "ProfileError",
    "Progress",
    "ProviderBusyError",
    "ProviderError",
    "Reason",
    "Reject",
    "Rejects",
    "Replaced",
    "Replacement",
    "Report",
    "Result",
    "Retried",
    "RetriedLoads",
    "Revenue",
    "Reverted",
    "Settings",
    "SourceError",
    "SpoolError",
    "StatementError",
    "Status",
    "StoreBusyError",
    "StoreError",
    "StoreRefusedError",
    "Transaction",
    "UnavailableError",
    "Uncounted",
    "Undelivered",
    "UnrecognisedError",
    "UnusableError",
    "UsageError",
    "aio",
    "check",
    "connect",
    "discard",
    "dismiss",
    "fx",
    "ingest",
    "lineage",
    "load",
    "loads",
    "migrate",
    "read_settings",
    "rejects",
    "release",
    "report",
    "retry",
    "revenue",
    "revert",
    "status",
]

#: where they are defined, if they are no errors
_HOMES = {
    "engine": "Database Result Transaction connect migrate",
    "engine.api": "check discard dismiss fx ingest lineage load loads rejects release report retry revenue revert status",
    "engine.checks": "Check CheckResult Checked",
    "engine.fx.fetched": "Fetched",
    "engine.loads.ingested": "FileOutcome Ingested IngestedFile LeftOut Replacement",
    "engine.loads.model": "Dismissed Load LoadStatus Replaced Retried RetriedLoads",
    "engine.loads.revert": "Reverted",
    "engine.log": "Event",
    "engine.notify.undelivered": "Undelivered",
    "engine.progress": "Progress",
    "engine.reports.lineage": "Lineage",
    "engine.reports.loads": "LoadDetails LoadList",
    "engine.reports.rejects": "Reason Reject Rejects",
    "engine.reports.report": "Report",
    "engine.reports.revenue": "By Revenue Uncounted",
    "engine.reports.status": "Status",
    "engine.settings": "Settings read_settings",
}


def __getattr__(name: str) -> _Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "aio":
        return _import_module("dbsvc.aio")
    home = next((home for home, names in _HOMES.items() if name in names.split()), "engine.errors")
    found = globals()[name] = getattr(_import_module(f"{__name__}.{home}"), name)
    return found
