"""A connection that breaks, wherever it does: it is lost, which a retry can help, and nothing else."""

from __future__ import annotations

from contextlib import suppress

import psycopg
import pytest
from psycopg import errors

from dbsvc import (
    ContentionError,
    Database,
    DatabaseError,
    IntegrityError,
    MalformedCsvError,
    Transaction,
    UnavailableError,
    connect,
)
from tests.helpers.breaking import MANNERS, Break, Way
from tests.helpers.server import Server

ROWS = b"".join(b"%d,%s\n" % (n, b"x" * 1000) for n in range(10, 200))
IDS = [1, 2, 3, *range(10, 200)]


@pytest.fixture(scope="module")
def notes_url(server: Server) -> str:
    """A database with a table ``notes``."""
    url = server.create()
    with connect(url) as db, db.transaction() as tx:
        tx.execute("CREATE TABLE notes (id integer PRIMARY KEY, title text NOT NULL)")
    return url


def work(tx: Transaction) -> None:
    """Do all kinds of things, some of which fail as they should."""
    tx.execute("DELETE FROM notes")
    tx.insert_rows("notes", ["id", "title"], [(1, "a"), (2, "b")])
    with suppress(IntegrityError), tx.transaction():
        tx.execute("INSERT INTO notes (id, title) VALUES (1, 'again')")
    with suppress(MalformedCsvError):
        tx.copy_csv("notes", ["id", "title"], b"4\n")
    tx.copy_csv("notes", ["id", "title"], ROWS)
    assert len(list(tx.stream("schema/tables"))) == tx.sample("schema/tables", 1).count
    tx.execute("INSERT INTO notes (id, title) VALUES (3, 'c')")


def ids(db: Database) -> list[int]:
    return db.run_transaction(lambda tx: [row["id"] for row in tx.execute("SELECT id FROM notes ORDER BY id").rows])


#: the manners that say least of what became of the work: CI tries these
DOUBTFUL = [("unanswered", False), ("answered", True), ("lost", False)]


@pytest.mark.parametrize(
    ("when", "said"), [pytest.param(*how, marks=[] if how in DOUBTFUL else pytest.mark.long) for how in MANNERS]
)
def test_a_connection_may_break_at_any_moment(notes_url: str, monkeypatch: pytest.MonkeyPatch, when: str, said: bool) -> None:
    monkeypatch.setattr(Database, "pause", lambda _db, _seconds: None)
    with Way(notes_url) as way, connect(way.url) as db:
        db.run_transaction(work)
        moments = way.sent
    assert moments > 20
    for at in range(1, moments + 1):
        with Way(notes_url, Break(at, when, said)) as way, connect(way.url) as db:
            db.run_transaction(work)
            assert ids(db) == IDS
            assert db.retries == way.broken, at


#: What the driver may raise, and what that is: with no code it is the driver that says it, and with one the server.
SAID = {
    "lost": (psycopg.OperationalError("the connection is lost"), UnavailableError, True),
    "a failure of no kind": (psycopg.DatabaseError("server closed the connection unexpectedly"), UnavailableError, True),
    "no answer": (psycopg.InternalError("got no result from the query"), UnavailableError, True),
    "08P01": (errors.ProtocolViolation("server conn crashed?"), UnavailableError, True),
    "08006": (errors.ConnectionFailure("connection failure"), UnavailableError, True),
    "57P01": (errors.AdminShutdown("terminating connection"), UnavailableError, True),
    "53200": (errors.OutOfMemory("out of shared memory"), UnavailableError, False),
    "53300": (errors.TooManyConnections("sorry, too many clients already"), UnavailableError, True),
    "58030": (errors.IoError("could not read block 0"), UnavailableError, False),
    "40003": (errors.StatementCompletionUnknown("who knows"), ContentionError, True),
    "40P01": (errors.DeadlockDetected("deadlock detected"), ContentionError, True),
    "moved": (errors.InternalError_("could not open relation with OID 16385"), ContentionError, True),
    "a bug of the server": (errors.InternalError_("unrecognized node type: 1"), DatabaseError, False),
    "a bug of ours": (
        psycopg.ProgrammingError("the query has 2 placeholders but 1 parameters were passed"),
        DatabaseError,
        False,
    ),
    "23505": (errors.UniqueViolation("duplicate key"), IntegrityError, False),
}


@pytest.mark.parametrize("case", SAID)
def test_what_an_error_of_the_driver_is(notes_url: str, case: str) -> None:
    error, kind, retryable = SAID[case]
    with connect(notes_url) as db:
        found = db.dialect.translate(error)
    assert type(found) is kind
    assert found is not None
    assert found.retryable == retryable


@pytest.mark.parametrize(
    "error", [ValueError("too many values to unpack"), IndexError(), SAID["23505"][0], SAID["a bug of ours"][0]]
)
def test_whatever_a_lost_connection_gives_is_that_it_is_lost(notes_url: str, error: Exception) -> None:
    """The driver may count two answers where it wants one."""
    with connect(notes_url) as db, db.connection() as connection:
        assert not isinstance(db.dialect.translate(error, connection), UnavailableError)
        connection.close()
        with pytest.raises(UnavailableError) as caught, db.calling(connection):
            raise error
    assert caught.value.retryable
