"""What can go wrong, and whether trying again can help.

    DbsvcError                 one clear sentence, and what to do next
    ├── ConfigurationError     a setting, or the program and the database's schema, do not fit       exit 78
    ├── SourceError            a file cannot be loaded; others can
    │   ├── InputMissingError      no such file                                                       exit 66
    │   ├── StoreError             an object store or a web server does not answer                    exit 69
    │   │   ├── StoreBusyError     ... or asks us to slow down                                        exit 75
    │   │   └── StoreRefusedError  ... or refuses us: rights, certificates; a ConfigurationError, too exit 78
    │   ├── SpoolError             what is packed or piped cannot be kept aside while it is read      exit 78
    │   │   └── NoRoomError        ... because there is too little room for it                        exit 75
    │   └── InputError             the file, or what was asked for, cannot be accepted                exit 65
    │       ├── UsageError         ... because nothing is called so                                   exit 2
    │       ├── ChangedError       ... because it changed while it was being read
    │       ├── ExtraMissingError  ... before a package is installed                                  exit 78
    │       ├── UnrecognisedError  ... because it is of no dataset we know
    │       ├── ProfileError       ... because no profile, two, or a wrong one is for it; a ConfigurationError, too exit 78
    │       └── NoRatesError       ... because the provider does not have such exchange rates
    ├── HeldError              a load is held, and whoever called wants no less than an error            exit 65
    ├── ProviderError          the provider of exchange rates cannot be asked, or answered wrongly   exit 69
    │   └── ProviderBusyError  ... or asks us to slow down                              retryable    exit 75
    ├── StatementError         a SQL file is missing, unused or unreadable (file:line)               exit 1
    └── DatabaseError          the database refused; the driver's own error is ``__cause__``         exit 1
        ├── IntegrityError     a constraint of the schema said no
        ├── CancelledError     we were told to stop
        ├── MalformedCsvError  bytes for the bulk copy have other fields than announced
        ├── UnusableError      not set up for us: rights, names, encodings; a ConfigurationError, too     exit 78
        ├── UnavailableError   unreachable, shutting down or full                       retryable*   exit 69
        ├── GoneError          what we worked on was deleted by somebody                              exit 75
        └── ContentionError    deadlock, serialization failure                          retryable    exit 75
            └── LockedError    a lock of a server was not free in time

``retryable`` says whether the same transaction, run again, can succeed. (*) A full database is not retried.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbsvc.engine.fx.fetched import Fetched
    from dbsvc.engine.fx.providers import Quote
    from dbsvc.engine.loads.ingested import Ingested
    from dbsvc.engine.loads.model import RetriedLoads


class DbsvcError(Exception):
    """Any error of dbsvc: its text is one clear sentence for the person who reads it."""

    exit_code = 1
    retryable = False
    #: the whole result of the function that raised it, if others of its files, loads or rates came to an end
    ingested: Ingested | None = None
    retried: RetriedLoads | None = None
    fetched: Fetched | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how it gets to another process, whatever it is made of."""
        return _remake, (type(self), self.args), self.__dict__


def _remake(kind: type[DbsvcError], args: tuple[Any, ...]) -> DbsvcError:
    return kind.__new__(kind, *args)


class Stopped(BaseException):
    """Work was stopped by whoever wants it: not for them, who are told why, but for all that is on the way to them."""


def raise_first(errors: Sequence[DbsvcError], name: str, result: object) -> None:
    """Raise the first of these errors, if there are any, with the whole result; what the others say are its notes."""
    if errors:
        first, *others = errors
        setattr(first, name, result)
        for other in others:
            if str(other) not in getattr(first, "__notes__", ()):
                first.add_note(str(other))
        raise first


class ConfigurationError(DbsvcError):
    """A setting is wrong, or the database's schema is not the program's."""

    exit_code = 78


class SourceError(DbsvcError):
    """A file cannot be loaded, and stands in no other file's way."""


class InputMissingError(SourceError):
    """There is no such file."""

    exit_code = 66


class StoreError(SourceError):
    """An object store or a web server does not answer, or not as it should."""

    exit_code = 69


class StoreBusyError(StoreError):
    """A store asks us to slow down."""

    exit_code = 75


class StoreRefusedError(StoreError, ConfigurationError):
    """A store refuses us, or we do not trust it: somebody has to configure one of both."""

    exit_code = 78


class SpoolError(SourceError):
    """What is packed or piped cannot be kept aside while it is read."""

    exit_code = 78


class NoRoomError(SpoolError):
    """There is too little room for it."""

    exit_code = 75


class InputError(SourceError):
    """The input cannot be accepted as a whole."""

    exit_code = 65


class UsageError(InputError):
    """Nothing is called so."""

    exit_code = 2


class ChangedError(InputError):
    """Something else has the file's name by now than what was read so far."""

    def __init__(self, source: str, reader: str = "it was being read") -> None:
        super().__init__(
            f"{source} changed while {reader}; nothing of it was published. Run the same command again to load it as it is now."
        )


class ExtraMissingError(InputError):
    """To read the file takes a package that is not installed."""

    exit_code = 78


class UnrecognisedError(InputError):
    """The file is of no dataset we know."""


class ProfileError(ConfigurationError, InputError):
    """A profile is not understood, or does not fit a file."""

    exit_code = 78


class NoRatesError(InputError):
    """The provider does not have all of what was asked.

    ``reason`` is what it said: ``no_rates``, ``date_refused``, or ``currency_unknown`` on any day. ``currencies`` are those it
    named, if it did.
    """

    def __init__(self, message: str, *, reason: str, currencies: Collection[str] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.currencies = frozenset(currencies)


class HeldError(DbsvcError):
    """Nothing of a load is seen until somebody decides: it is held or discarded, or all of its records were rejected."""

    exit_code = 65


class ProviderError(DbsvcError):
    """A provider of exchange rates cannot be reached, refuses, or answered something that cannot be used."""

    exit_code = 69

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        lasting: bool = False,
        usable: Sequence[Quote] | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        #: whatever else is asked now will fail as well
        self.lasting = lasting
        #: what of the answer makes sense, if that is not nothing at all
        self.usable = usable
        #: how long the provider wants us to wait, in seconds
        self.retry_after = retry_after


class ProviderBusyError(ProviderError):
    """A provider asks us to slow down."""

    exit_code = 75

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, retryable=True, retry_after=retry_after, lasting=True)


class StatementError(DbsvcError):
    """A SQL file or a declaration is missing, unused or not understood."""

    exit_code = 78


class DatabaseError(DbsvcError):
    """The database refused a statement."""


class IntegrityError(DatabaseError):
    """A constraint of the schema was violated."""


class CancelledError(DatabaseError):
    """The statement was cancelled because the process was told to stop."""


class MalformedCsvError(DatabaseError):
    """Bytes given to the bulk copy do not have the announced number of fields."""


class UnusableError(DatabaseError, ConfigurationError):
    """The database cannot be used as it is, until somebody configures it or us otherwise."""


class UnavailableError(DatabaseError):
    """The database cannot be reached, or has no room: try again later."""

    exit_code = 69

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class GoneError(DatabaseError):
    """What we worked on is there no more: somebody deleted it."""

    exit_code = 75


class ContentionError(DatabaseError):
    """Somebody else was in the way: a lock, a deadlock, a serialization failure."""

    exit_code = 75
    retryable = True


class LockedError(ContentionError):
    """A lock of a server, held by somebody else, was not free in time."""
