"""The engine's conformance suite: the same test bodies on every dialect. Calling code cannot tell which one it is."""

from __future__ import annotations

import datetime
import itertools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsvc import (
    CancelledError,
    ConfigurationError,
    ContentionError,
    Database,
    DatabaseError,
    DbsvcError,
    IntegrityError,
    MalformedCsvError,
    StatementError,
    Transaction,
    UnavailableError,
    connect,
)
from tests.helpers.citus import at_most
from tests.helpers.server import driver


class Oops(BaseException):
    """What nobody expects."""


@pytest.fixture
def notes(db: Database) -> Database:
    """A database with a table ``notes``."""
    with db.transaction() as tx:
        tx.execute(
            "CREATE TABLE notes (id integer PRIMARY KEY, title text NOT NULL, done boolean, due date, "
            "CHECK (title <> 'forbidden'))"
        )
    return db


def add(tx: Transaction, *ids: int) -> None:
    for id_ in ids:
        tx.execute("INSERT INTO notes (id, title) VALUES (:id, :title)", id=id_, title=f"note {id_}")


def fail(tx: Transaction, id_: int, error: BaseException | type[BaseException] = Oops) -> None:
    """Write a note, and fail."""
    add(tx, id_)
    raise error


def ids(db: Database) -> list[int]:
    with db.transaction() as tx:
        return [row["id"] for row in tx.execute("SELECT id FROM notes ORDER BY id").rows]


def titles(db: Database) -> dict[int, str]:
    with db.transaction() as tx:
        return {row["id"]: row["title"] for row in tx.execute("SELECT id, title FROM notes").rows}


# --- transactions


def test_a_transaction_commits(notes: Database, url: str) -> None:
    with notes.transaction() as tx:
        add(tx, 1, 2)
    with connect(url) as other:
        assert ids(other) == [1, 2]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, Oops])
def test_any_exception_rolls_back(notes: Database, error: type[BaseException]) -> None:
    with pytest.raises(error), notes.transaction() as tx:
        fail(tx, 1, error)
    assert ids(notes) == []


def test_nobody_sees_an_open_transaction(notes: Database, url: str) -> None:
    with notes.transaction() as tx:
        add(tx, 1)
        # SQLite's transactions queue up; a plain reader does not
        seen: list[Any] = []
        reader = threading.Thread(target=lambda: seen.append(ids(notes)))
        reader.start()
        time.sleep(0.05)
        assert seen in ([], [[]])
        add(tx, 2)
    reader.join()
    assert seen[0] in ([], [1, 2])


@pytest.mark.parametrize("nest", [lambda db, tx: tx.transaction(), lambda db, tx: db.transaction()])
def test_a_nested_transaction_is_a_savepoint(notes: Database, nest: Callable[..., Any]) -> None:
    with notes.transaction() as tx:
        add(tx, 1)
        with pytest.raises(Oops), nest(notes, tx) as inner:
            fail(inner, 2)
        with nest(notes, tx) as inner:
            add(inner, 3)
            with pytest.raises(IntegrityError), nest(notes, inner) as innermost:
                add(innermost, 4, 1)
            add(inner, 5)
        with nest(notes, tx) as inner:
            add(inner, 6)
    assert ids(notes) == [1, 3, 5, 6]


def test_a_nested_transaction_ends_with_the_outer_one(notes: Database) -> None:
    with pytest.raises(Oops), notes.transaction() as tx, tx.transaction() as inner:
        fail(inner, 1)
    assert ids(notes) == []


def test_what_was_reported_as_committed_is_there(notes: Database) -> None:
    """An error that is caught within the transaction, without a savepoint."""
    try:
        with notes.transaction() as tx:
            add(tx, 1)
            with pytest.raises(IntegrityError):
                add(tx, 1)
    except DatabaseError:
        assert ids(notes) == []
    else:
        assert ids(notes) == [1]


def test_after_an_error_that_ends_the_transaction_nothing_more_is_written(notes: Database, dialect: str) -> None:
    """SQLite ends the whole transaction when the disk is full; what follows must not commit by itself."""
    if dialect != "sqlite":
        pytest.skip("other databases keep a failed transaction open")

    def work(tx: Transaction) -> None:
        tx.execute("PRAGMA max_page_count = 100")
        add(tx, 1)
        with pytest.raises(UnavailableError), tx.transaction():
            tx.insert_rows("notes", ["id", "title"], ((n, "x" * 5000) for n in range(10, 1000)))
        add(tx, 2)

    with pytest.raises(DatabaseError), notes.transaction() as tx:
        work(tx)
    assert ids(notes) == []


# --- statements and parameters


def test_named_statements_and_their_counts(db: Database) -> None:
    with db.transaction() as tx:
        assert tx.run("ledger/draw_load_id").rows == [{"load_id": 1}]
        result = tx.run("schema/count_rows", table="currencies")
        assert result.row_count == 1
        assert result.rows[0]["row_count"] > 150
        with pytest.raises(StatementError, match="no such statement"):
            tx.run("ledger/nonsense")


def test_row_counts(notes: Database) -> None:
    with notes.transaction() as tx:
        assert tx.execute("INSERT INTO notes (id, title) VALUES (1, 'a'), (2, 'b')").row_count == 2
        assert tx.execute("UPDATE notes SET title = 'c'").row_count == 2
        assert tx.execute("UPDATE notes SET title = 'c' WHERE id = 9").row_count == 0
        assert tx.execute("DELETE FROM notes WHERE id = 1 RETURNING id, title").rows == [{"id": 1, "title": "c"}]
        assert tx.execute("SELECT count(*) AS records FROM notes").count == 1
        assert tx.execute("DELETE FROM notes").count == 1


def test_identifiers_are_quoted(db: Database) -> None:
    table, column = 'we"ird table :x', "Col umn"
    with db.transaction() as tx:
        tx.execute('CREATE TABLE :"table" (id integer, :"column" text)', table=table, column=column)
        tx.execute('INSERT INTO :"table" (:"column") VALUES (:v)', table=table, column=column, v="it")
        assert tx.execute('SELECT :"column" FROM :"table"', table=table, column=column).rows == [{column: "it"}]
        assert tx.insert_rows(table, ["id", column], [(1, "a")]) == 1
        assert tx.copy_csv(table, ["id", column], b"2,b\n") == 1
        assert tx.run("schema/count_rows", table=table).rows == [{"row_count": 3}]


def test_identifiers_with_a_percent_sign(db: Database) -> None:
    with db.transaction() as tx:
        tx.execute('CREATE TABLE :"table" (id integer)', table="100 %s")
        tx.execute('INSERT INTO :"table" (id) VALUES (:v)', table="100 %s", v=1)
        assert tx.execute('SELECT id FROM :"table" WHERE id = :v', table="100 %s", v=1).rows == [{"id": 1}]


@pytest.mark.parametrize("parameters", [{}, {"x": 1, "y": 2}, {"y": 1}])
def test_missing_and_odd_parameters(db: Database, parameters: dict[str, int]) -> None:
    with db.transaction() as tx, pytest.raises(TypeError, match="parameters missing or not used"):
        tx.execute("SELECT :x AS x", **parameters)


def test_text_that_only_looks_like_a_parameter(db: Database) -> None:
    sql = """
    -- a comment with :a, 50 % of it, an unclosed ' and "
    SELECT ':b, 50 % it''s' AS text, /* :c ' */ :v AS value, 7 % 4 AS "a:rest %s"
    """
    expected = {"text": ":b, 50 % it's", "value": "v", "a:rest %s": 3}
    with db.transaction() as tx:
        assert tx.execute(sql, v="v").rows == [expected]
        assert tx.execute(sql.replace(":v", "'v'")).rows == [expected]
        assert tx.execute("SELECT id FROM (SELECT 1 AS id) AS t WHERE '100%' LIKE '100%' AND id = :i", i=1).rows


def test_casts(db: Database, dialect: str) -> None:
    if dialect == "sqlite":
        pytest.skip("a cast with :: is PostgreSQL's")
    with db.transaction() as tx:
        assert tx.execute("SELECT '7'::int + :x::int AS n, $tag$ :y $tag$ AS quoted", x="1").rows == [
            {"n": 8, "quoted": " :y "}
        ]


# --- values

TEXTS = ["", " ", "plain", 'it\'s "quoted"', "a,b\tc\\N\\.", "line\nline\r\n", "ünïcödé 漢字 🏷️", "NULL", "\\x00", "'; --"]


@pytest.mark.parametrize("how", ["execute", "insert_rows", "upsert_rows"])
def test_values_come_back_as_they_went(db: Database, how: str) -> None:
    columns = ("id", "big", "title", "done", "due")
    rows: list[tuple[Any, ...]] = [
        *((n, 2**62 - n, title, n % 2 == 0, datetime.date(2021, 1, 1 + n)) for n, title in enumerate(TEXTS)),
        (100, -(2**63), "all missing", None, None),
        (101, 2**63 - 1, "extreme dates", True, datetime.date(1, 1, 1)),
        (102, 0, "extreme dates", False, datetime.date(9999, 12, 31)),
    ]
    with db.transaction() as tx:
        tx.execute("CREATE TABLE everything (id integer PRIMARY KEY, big bigint, title text, done boolean, due date)")
        if how == "insert_rows":
            assert tx.insert_rows("everything", columns, rows) == len(rows)
        elif how == "upsert_rows":
            assert tx.upsert_rows("everything", columns, ["id"], rows) == len(rows)
        else:
            for row in rows:
                tx.execute(
                    "INSERT INTO everything VALUES (:id, :big, :title, :done, :due)",
                    **dict(zip(columns, row, strict=True)),
                )
    with db.transaction() as tx:
        found = tx.execute("SELECT * FROM everything ORDER BY id").rows
    assert [tuple(row.values()) for row in found] == rows
    assert [[type(value) for value in row.values()] for row in found] == [[type(v) for v in row] for row in rows]


def test_bytes_decimals_and_times(db: Database) -> None:
    if "citus" in db.dialect.family:
        pytest.skip("on Citus nobody inserts bills by hand: its views take no rows")
    raw, where = bytes(range(256)), ("load_id", "line_no")
    amounts = Decimal("123456789012345.12345678"), Decimal("0.00000000")
    with db.transaction() as tx:
        add_load(tx)
        tx.insert_rows("rejects", ["load_id", "line_no", "reasons", "raw_record"], [(1, 1, "why", raw)])
        tx.insert_rows(
            "bills",
            ["bill_date", "bill_id", "customer_name", "currency", "product1_revenue", "product2_revenue", *where],
            [(datetime.date(2021, 10, 31), 7, "Zoë", "USD", *amounts, 1, 2)],
        )
    with db.transaction() as tx:
        assert tx.execute("SELECT raw_record FROM rejects").rows == [{"raw_record": raw}]
        assert tx.execute("SELECT raw_record FROM rejects WHERE raw_record = :raw", raw=raw).row_count == 1
        bill = tx.execute("SELECT * FROM bills_stored").rows[0]
        load = tx.run("ledger/show_load", load_id=1).rows[0]
    assert (bill["product1_revenue"], bill["product2_revenue"]) == amounts
    assert bill["bill_date"] == datetime.date(2021, 10, 31)
    assert load["registered_at"].tzinfo is not None
    assert abs(load["registered_at"] - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=1)
    assert load["released"] is False


def test_a_sqlite_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 38, 5))
    with pytest.raises(ConfigurationError, match=r"3\.39 or newer is needed"):
        connect("sqlite:///x.db")


def add_load(tx: Transaction) -> None:
    """Register load 1."""
    tx.run("ledger/draw_load_id")
    tx.run("ledger/add_load", load_id=1, dataset="usage", source="x", sha256="0", bytes=1, header=b"", rules="r")


def test_returning_gives_the_same_types_as_select(notes: Database) -> None:
    with notes.transaction() as tx:
        returned = tx.execute(
            "INSERT INTO notes VALUES (1, 'a', :done, :due) RETURNING *", done=True, due=datetime.date(2021, 1, 31)
        ).rows
        assert returned == tx.execute("SELECT * FROM notes").rows


def test_a_number_that_no_column_holds(notes: Database) -> None:
    with pytest.raises(DatabaseError), notes.transaction() as tx:
        tx.execute("INSERT INTO notes (id, title) VALUES (:id, 'too big')", id=2**64)


def test_a_value_of_a_type_that_no_database_knows(notes: Database) -> None:
    with pytest.raises(DatabaseError), notes.transaction() as tx:
        tx.execute("INSERT INTO notes (id, title) VALUES (1, :title)", title=object())


# --- batches


def test_insert_rows_of_a_generator(notes: Database) -> None:
    with notes.transaction() as tx:
        assert tx.insert_rows("notes", ["id", "title"], ((n, f"n {n}") for n in range(100_000))) == 100_000
        assert tx.insert_rows("notes", ["id", "title"], []) == 0
        total = tx.execute("SELECT count(*) AS n, min(id) AS low, max(id) AS high FROM notes").rows
    assert total == [{"n": 100_000, "low": 0, "high": 99_999}]


def test_a_batch_is_one_step(notes: Database) -> None:
    def failing() -> Iterator[tuple[int, str]]:
        yield 1, "a"
        raise Oops

    with notes.transaction() as tx:
        with pytest.raises(Oops), tx.transaction():
            tx.insert_rows("notes", ["id", "title"], failing())
        with pytest.raises(IntegrityError), tx.transaction():
            tx.insert_rows("notes", ["id", "title"], [(2, "b"), (3, "forbidden")])
        with pytest.raises(Oops), tx.transaction():
            tx.upsert_rows("notes", ["id", "title"], ["id"], failing())
        with pytest.raises(IntegrityError), tx.transaction():
            tx.upsert_rows("notes", ["id", "title"], ["id"], [(2, "b"), (3, "forbidden")])
        tx.upsert_rows("notes", ["id", "title"], ["id"], [(4, "d")])
    assert titles(notes) == {4: "d"}


@pytest.mark.parametrize("row", [(1,), (1, "a", True)])
def test_a_row_of_another_width(notes: Database, row: tuple[Any, ...]) -> None:
    with pytest.raises(DatabaseError), notes.transaction() as tx:
        tx.insert_rows("notes", ["id", "title"], [row])


def test_upsert_rows(notes: Database) -> None:
    columns = ("id", "title")
    with notes.transaction() as tx:
        assert tx.upsert_rows("notes", columns, ["id"], [(1, "a"), (2, "b")]) == 2
        assert tx.upsert_rows("notes", columns, ["id"], iter([(2, "B"), (3, "c")])) == 2
        assert tx.upsert_rows("notes", columns, ["id"], []) == 0
    assert titles(notes) == {1: "a", 2: "B", 3: "c"}


def test_upsert_leaves_other_columns_alone(notes: Database) -> None:
    with notes.transaction() as tx:
        tx.insert_rows("notes", ["id", "title", "done"], [(1, "a", True)])
        tx.upsert_rows("notes", ["id", "title"], ["id"], [(1, "A")])
        assert tx.execute("SELECT title, done FROM notes").rows == [{"title": "A", "done": True}]


def test_of_several_rows_with_one_key_the_last_wins(notes: Database) -> None:
    with notes.transaction() as tx:
        rows = [(n % 10, f"{n}") for n in range(1000)]
        assert tx.upsert_rows("notes", ["id", "title"], ["id"], rows) == 10
    assert titles(notes) == {n: f"{990 + n}" for n in range(10)}


def test_upsert_of_nothing_but_keys(db: Database) -> None:
    with db.transaction() as tx:
        tx.execute("CREATE TABLE pairs (a integer, b text, PRIMARY KEY (a, b))")
        tx.upsert_rows("pairs", ["a", "b"], ["a", "b"], [(1, "x"), (1, "y"), (1, "x")])
        tx.upsert_rows("pairs", ["b", "a"], ["a", "b"], [("y", 1), ("z", 2)])
        assert [tuple(row.values()) for row in tx.execute("SELECT a, b FROM pairs ORDER BY a, b").rows] == [
            (1, "x"),
            (1, "y"),
            (2, "z"),
        ]


@settings(max_examples=at_most(20))
@given(batches=st.lists(st.lists(st.tuples(st.integers(0, 5), st.text("ab'\\\n漢", max_size=3)), max_size=8), max_size=4))
def test_upserts_are_like_writing_one_row_after_the_other(
    fresh_url: Callable[[], str], batches: list[list[tuple[int, str]]]
) -> None:
    with connect(fresh_url()) as db:
        with db.transaction() as tx:
            tx.execute("CREATE TABLE notes (id integer PRIMARY KEY, title text)")
            for batch in batches:
                tx.upsert_rows("notes", ["id", "title"], ["id"], batch)
        assert titles(db) == dict(itertools.chain.from_iterable(batches))


# --- bulk copy of bytes


def copied(db: Database, data: bytes, columns: tuple[str, ...] = ("a", "b")) -> list[tuple[str, ...]]:
    """What is in a table of texts after ``data`` was copied into it."""
    with db.transaction() as tx:
        names = {f"c{n}": name for n, name in enumerate(columns)}
        typed = ", ".join(f':"{key}" text NOT NULL' for key in names)
        tx.execute(f"CREATE TABLE copies (place integer, {typed})", **names)
        count = tx.copy_csv("copies", columns, data)
        found = [tuple(row.values())[1:] for row in tx.execute("SELECT * FROM copies").rows]
    assert count == len(found)
    return found


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b"", []),
        (b"1,x\n2,y\n", [("1", "x"), ("2", "y")]),
        (b',""\n"",\n', [("", ""), ("", "")]),
        (b'"a,b","line\nline"\n"it\'s ""so""",\\N\n', [("a,b", "line\nline"), ('it\'s "so"', "\\N")]),
        ('" ü ", 漢🏷️\n'.encode(), [(" ü ", " 漢🏷️")]),
        (b"NULL,null\n\\.,\\.\n", [("NULL", "null"), ("\\.", "\\.")]),
        (b'"cr\r","cr\r\n"\n', [("cr\r", "cr\r\n")]),
    ],
)
def test_copy_csv(db: Database, data: bytes, records: list[tuple[str, ...]]) -> None:
    assert copied(db, data) == records


@pytest.mark.parametrize("ids", [(1, 2), (1, 1)], ids=["copied", "failed"])
def test_constraints_are_asked_again_after_copying(notes: Database, ids: tuple[int, ...]) -> None:
    """A bulk copy of what surely keeps them may leave them unasked; whatever comes next does not."""
    with notes.transaction() as tx:
        with suppress(IntegrityError), tx.transaction():
            tx.copy_batches("rows/copy", "notes", ["id", "title", "due"], [(id_, b"a,2021-10-31\n") for id_ in ids], [])
        with pytest.raises(IntegrityError), tx.transaction():
            tx.execute("INSERT INTO notes (id, title) VALUES (7, 'forbidden')")


@pytest.mark.parametrize("lengths", [[1], [199, 1], [200], [450], [3, 1, 1, 450, 2, 199, 201, 600, 5], [1] * 210 + [405]])
def test_records_of_batches_are_numbered(db: Database, lengths: list[int]) -> None:
    """However long the batches are, and whatever lies between them."""
    batches, expected, line = [], [], 5
    for length in lengths:
        batches.append((line, b"".join(b"%d%% %%d %%,%d\n" % (n, n) for n in range(line, line + length))))
        expected += [(n, 7, 8, f"{n}% %d %", str(n)) for n in range(line, line + length)]
        line += length + len(expected) % 3
    with db.transaction() as tx:
        tx.execute("CREATE TABLE numbered (line_no integer, one integer, two integer, a text, b text)")
        columns = ["line_no", "one", "two", "a", "b"]
        assert tx.copy_batches("rows/copy", "numbered", columns, batches, [7, 8]) == len(expected)
        assert [tuple(row.values()) for row in tx.execute("SELECT * FROM numbered ORDER BY line_no").rows] == expected


@pytest.mark.one_database
def test_who_waits_while_others_take_turns_does_not_give_up(tmp_path: Path) -> None:
    """On SQLite nobody queues: on a machine that is busy another one may be faster again and again."""
    path, held = tmp_path / "turns.db", threading.Event()
    with connect(f"sqlite:///{path}", lock_seconds=1) as db:
        with db.transaction() as tx:
            tx.execute("CREATE TABLE turns (turn integer)")

        def take_turns() -> None:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                for _ in range(4):  # with hardly a moment in between
                    other.execute("BEGIN IMMEDIATE")
                    other.execute("INSERT INTO turns VALUES (1)")
                    held.set()
                    time.sleep(0.4)
                    other.execute("COMMIT")

        with ThreadPoolExecutor(1) as pool:
            taking = pool.submit(take_turns)
            held.wait()
            db.run_transaction(lambda tx: tx.execute("INSERT INTO turns VALUES (2)"), attempts=1)
            taking.result()


def test_copy_csv_of_one_column(db: Database) -> None:
    assert copied(db, b'a\n""\n"b\nc"\n', ("a",)) == [("a",), ("",), ("b\nc",)]


def test_copy_csv_of_a_mark_that_ends_some_copies(db: Database) -> None:
    assert copied(db, b"a\n\\.\nb\n", ("a",)) == [("a",), ("\\.",), ("b",)]


def test_copy_csv_of_megabytes(db: Database) -> None:
    record = b'%d,"a ""quoted"", field"\n'
    for quoted in (False, True):
        data = b"".join(record % n if quoted else b"%d,plain\n" % n for n in range(60_000))
        with db.transaction() as tx:
            tx.execute('CREATE TABLE :"table" (a text, b text)', table=f"many_{quoted}")
            assert tx.copy_csv(f"many_{quoted}", ["a", "b"], data) == 60_000
            many = tx.execute('SELECT DISTINCT b FROM :"table"', table=f"many_{quoted}").rows
        assert many == [{"b": 'a "quoted", field' if quoted else "plain"}]


@pytest.mark.parametrize(
    "bad",
    [b"3\n", b"3,c,d\n", b"3,c\n4\n5,d,e\n", b'"3",c,"d"\n', b'3,"open\n', b"3,\xff\n", b'3,"\xff"\n', b"x\ny,1,2\nz,3\n"],
)
def test_malformed_csv_copies_nothing(notes: Database, bad: bytes) -> None:
    with notes.transaction() as tx:
        tx.execute("CREATE TABLE copies (a text, b text)")
        tx.copy_csv("copies", ["a", "b"], b"1,a\n")
        with pytest.raises(MalformedCsvError):
            tx.copy_csv("copies", ["a", "b"], b"2,b\n" + bad)
        tx.copy_csv("copies", ["a", "b"], b"4,d\n")
    with notes.transaction() as tx:
        assert [row["a"] for row in tx.execute("SELECT a FROM copies ORDER BY a").rows] == ["1", "4"]


# --- streams


@pytest.fixture
def rejects(db: Database) -> Database:
    """A database with 50 000 rejects in load 1."""
    with db.transaction() as tx:
        add_load(tx)
        rows = ((1, n, "why", b"%d" % n) for n in range(50_000))
        tx.insert_rows("rejects", ["load_id", "line_no", "reasons", "raw_record"], rows)
    return db


def test_stream(rejects: Database) -> None:
    with rejects.transaction() as tx:
        rows = tx.stream("ledger/export_rejects", load_id=1)
        assert next(rows) == {"raw_record": b"0"}
        assert tx.run("schema/count_rows", table="rejects").rows == [{"row_count": 50_000}]
        assert [int(row["raw_record"]) for row in rows] == list(range(1, 50_000))
        assert list(tx.stream("ledger/export_rejects", load_id=2)) == []


def test_a_stream_may_be_left(rejects: Database) -> None:
    with rejects.transaction() as tx:
        next(tx.stream("ledger/export_rejects", load_id=1))
        left = tx.stream("ledger/export_rejects", load_id=1)
        next(left)
    with rejects.transaction() as tx:
        tx.execute("DELETE FROM rejects")


def test_two_streams_at_once(rejects: Database) -> None:
    with rejects.transaction() as tx:
        first, second = (tx.stream("ledger/export_rejects", load_id=1) for _ in range(2))
        assert all(a == b for a, b in zip(first, second, strict=True))


def test_wrong_parameters_of_a_stream(db: Database) -> None:
    with db.transaction() as tx:
        for parameters in ({}, {"load_id": 1, "odd": 2}):
            with pytest.raises(TypeError, match="parameters missing or not used"):
                next(tx.stream("ledger/export_rejects", **parameters))


# --- threads


def test_threads(notes: Database) -> None:
    def work(thread: int) -> None:
        for n in range(25):
            with notes.transaction() as tx:
                add(tx, thread * 100 + n)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert ids(notes) == [thread * 100 + n for thread in range(8) for n in range(25)]


def test_a_thread_does_not_nest_in_anothers_transaction(notes: Database) -> None:
    def work() -> None:
        with notes.transaction() as tx:
            add(tx, 2)

    def fail_meanwhile(pool: ThreadPoolExecutor) -> None:
        with notes.transaction() as tx:
            pool.submit(work)
            time.sleep(0.1)
            fail(tx, 1)

    with ThreadPoolExecutor(1) as pool, pytest.raises(Oops):
        fail_meanwhile(pool)
    assert ids(notes) == [2]


def test_the_first_connection_to_a_file_that_somebody_writes_waits(tmp_path: Path) -> None:
    """Two processes that start at the same instant: neither has made the file a write-ahead one yet."""

    def look() -> None:
        with connect(f"sqlite:///{tmp_path}/new.db") as db, db.transaction():
            pass

    with ThreadPoolExecutor(1) as pool, closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        future = pool.submit(look)
        time.sleep(0.3)
        other.execute("COMMIT")
        future.result(10)


def test_connections_are_pooled(notes: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("another connection")

    monkeypatch.setattr(notes.dialect, "connect", refuse)
    assert ids(notes) == ids(notes) == []


# --- errors


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO notes (id, title) VALUES (1, 'twice')",
        "INSERT INTO notes (id, title) VALUES (2, NULL)",
        "INSERT INTO notes (id, title) VALUES (2, 'forbidden')",
        "INSERT INTO load_chunks (load_id, chunk_no, byte_start, byte_end, first_line, sha256) "
        "VALUES (99, 1, 0, 1, 1, 'no such load')",
    ],
)
def test_constraints(notes: Database, sql: str) -> None:
    with notes.transaction() as tx:
        add(tx, 1)
    with pytest.raises(IntegrityError) as caught, notes.transaction() as tx:
        tx.execute(sql)
    assert not caught.value.retryable
    assert isinstance(caught.value.__cause__, Exception)
    assert not isinstance(caught.value.__cause__, DbsvcError)
    assert ids(notes) == [1]


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT * FROM no_such_table", "SELECT no_such_column FROM notes"])
def test_bad_sql(notes: Database, sql: str) -> None:
    with pytest.raises(DatabaseError) as caught, notes.transaction() as tx:
        tx.execute(sql)
    assert type(caught.value) is DatabaseError
    assert not caught.value.retryable
    assert caught.value.__cause__ is not None
    assert "\n" not in str(caught.value)


def test_which_errors_a_retry_can_help() -> None:
    assert ContentionError("locked").retryable
    assert UnavailableError("gone").retryable
    assert not UnavailableError("full", retryable=False).retryable
    others = (DatabaseError, IntegrityError, CancelledError, MalformedCsvError, StatementError, ConfigurationError)
    assert not any(kind("no").retryable for kind in others)


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/db", "sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_url_that_cannot_be(url: str) -> None:
    with pytest.raises(ConfigurationError):
        connect(url)


def test_an_unreachable_server_is_worth_a_retry() -> None:
    db = connect("postgresql://someone:s3cret@127.0.0.1:1/nowhere")  # pragma: allowlist secret
    with pytest.raises(UnavailableError) as caught, db.transaction():
        pass
    assert caught.value.retryable
    assert "s3cret" not in str(caught.value)


# --- retries


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Do not sleep between attempts; returns the pauses."""
    pauses: list[float] = []
    monkeypatch.setattr(Database, "pause", lambda _db, seconds: pauses.append(seconds))
    return pauses


def test_run_transaction_retries_the_whole(notes: Database, no_pauses: list[float]) -> None:
    def work(tx: Transaction) -> str:
        add(tx, 1)
        if len(no_pauses) < 2:
            raise ContentionError("in the way")
        return "done"

    assert notes.run_transaction(work) == "done"
    assert len(no_pauses) == notes.retries == 2
    assert no_pauses == sorted(no_pauses)
    assert ids(notes) == [1]


def test_who_reads_is_given_another_snapshot(notes: Database, no_pauses: list[float]) -> None:
    """Not where a server is away, nor for a part of what another one reads."""

    def work(_: Transaction) -> str:
        if len(no_pauses) < 2:
            raise ContentionError("replaced meanwhile")
        return "done"

    def find_it_away(_: Transaction) -> None:
        raise UnavailableError("away")

    assert notes.read(lambda _: notes.read(work)) == "done"
    assert len(no_pauses) == 2
    with pytest.raises(UnavailableError):
        notes.read(find_it_away)
    assert len(no_pauses) == 2


def test_run_transaction_gives_up(notes: Database, no_pauses: list[float]) -> None:
    with pytest.raises(UnavailableError):
        notes.run_transaction(lambda tx: fail(tx, 1, UnavailableError("away")), attempts=3)
    assert len(no_pauses) == 2
    assert max(no_pauses) <= 5
    assert ids(notes) == []


@pytest.mark.parametrize("error", [IntegrityError("no"), UnavailableError("full", retryable=False), ValueError("no"), Oops()])
def test_run_transaction_retries_nothing_else(notes: Database, no_pauses: list[float], error: BaseException) -> None:
    with pytest.raises(type(error)):
        notes.run_transaction(lambda tx: fail(tx, 1, error))
    assert no_pauses == []
    assert ids(notes) == []


def test_run_transaction_inside_another_leaves_the_retry_to_it(notes: Database, no_pauses: list[float]) -> None:
    attempts = itertools.count()

    def work(tx: Transaction) -> None:
        add(tx, 1)
        if next(attempts) == 0:
            raise ContentionError("in the way")

    notes.run_transaction(lambda tx: notes.run_transaction(work))
    assert len(no_pauses) == 1
    assert ids(notes) == [1]


# --- a connection that is lost (SQLite has none to lose)


@pytest.fixture
def remote(notes: Database, dialect: str) -> Database:
    """A database with a connection to lose."""
    if dialect == "sqlite":
        pytest.skip("a file has no connection to lose")
    return notes


def cut(tx: Transaction, url: str) -> None:
    """Have somebody else end this transaction's connection."""
    pid = tx.execute("SELECT pg_backend_pid() AS pid").rows[0]["pid"]
    with driver(url) as other:
        other.execute("SELECT pg_terminate_backend(%s::integer, 5000)", (pid,))


def test_a_lost_connection_is_unavailable(remote: Database, url: str) -> None:
    def work(tx: Transaction) -> None:
        add(tx, 1)
        cut(tx, url)
        add(tx, 2)

    with pytest.raises(UnavailableError) as caught, remote.transaction() as tx:
        work(tx)
    assert caught.value.retryable
    assert isinstance(caught.value.__cause__, psycopg.Error)
    assert ids(remote) == []


@pytest.mark.parametrize("where", ["statement", "commit", "copy", "stream", "savepoint"])
def test_run_transaction_survives_a_lost_connection(remote: Database, url: str, no_pauses: list[float], where: str) -> None:
    def work(tx: Transaction) -> None:
        add(tx, 1)
        if not no_pauses:
            cut(tx, url)
        if where == "statement":
            add(tx, 2)
        elif where == "copy":
            tx.insert_rows("notes", ["id", "title"], [(2, "b")])
        elif where == "stream":
            list(tx.stream("ledger/export_rejects", load_id=1))
        elif where == "savepoint":
            with tx.transaction():
                add(tx, 2)

    remote.run_transaction(work)
    assert len(no_pauses) == 1
    assert 1 in ids(remote)


def test_an_expected_error_is_none_when_it_cannot_be_taken_back(remote: Database, url: str, no_pauses: list[float]) -> None:
    """The connection is lost between an error inside a savepoint, which is expected, and taking back what was inside."""

    def work(tx: Transaction) -> None:
        with suppress(IntegrityError), tx.transaction():
            if not no_pauses:
                cut(tx, url)
            raise IntegrityError("as expected")
        add(tx, 1)

    remote.run_transaction(work)
    assert len(no_pauses) == 1
    assert ids(remote) == [1]


@pytest.mark.parametrize("error", [ContentionError("in the way"), Oops(), KeyboardInterrupt()])
def test_other_errors_stay_what_they_are(remote: Database, url: str, error: BaseException) -> None:
    def work(tx: Transaction) -> None:
        with tx.transaction():
            cut(tx, url)
            raise error

    with pytest.raises(type(error)) as caught, remote.transaction() as tx:
        work(tx)
    assert caught.value is error


def test_connections_that_died_in_the_pool(remote: Database, url: str, no_pauses: list[float]) -> None:
    with ThreadPoolExecutor(4) as pool:
        barrier = threading.Barrier(4)

        def work(_: int) -> None:
            with remote.transaction():
                barrier.wait()

        list(pool.map(work, range(4)))
    with driver(url) as other:
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        other.execute(f"SELECT pg_terminate_backend(pid, 5000) {others}".encode())
    remote.run_transaction(lambda tx: add(tx, 1))
    assert ids(remote) == [1]


# --- interruption


@pytest.fixture
def forever(dialect: str) -> str:
    """A statement that takes longer than anyone may take to stop."""
    if dialect != "sqlite":
        return "SELECT pg_sleep(20)"
    return "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000000) SELECT max(i) FROM n"


def test_interrupt(notes: Database, url: str, forever: str, no_pauses: list[float]) -> None:
    running = threading.Event()

    def work(tx: Transaction) -> None:
        add(tx, 1)
        running.set()
        tx.execute(forever)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(notes.run_transaction, work)
        running.wait()
        running.clear()
        assert not running.wait(0.2)  # the long statement runs by now
        notes.interrupt()
        with pytest.raises(CancelledError):
            future.result(5)
    assert no_pauses == []
    with pytest.raises(CancelledError), notes.transaction():
        pass
    with connect(url) as other:
        assert ids(other) == []


def test_interrupt_while_waiting_for_somebody_elses_lock(notes: Database, url: str) -> None:
    with notes.transaction() as tx:
        add(tx, 1)

    def update(tx: Transaction) -> None:
        tx.execute("UPDATE notes SET title = 'ours'")

    with connect(url) as other, ThreadPoolExecutor(1) as pool:
        with other.transaction() as tx:
            tx.execute("UPDATE notes SET title = 'theirs'")
            future = pool.submit(notes.run_transaction, update)
            threading.Event().wait(0.3)
            notes.interrupt()
            with pytest.raises(CancelledError):
                future.result(5)
        assert titles(other) == {1: "theirs"}


def test_an_interrupt_between_statements_starts_no_more(notes: Database, url: str) -> None:
    def work(tx: Transaction) -> None:
        add(tx, 1)
        notes.interrupt()
        add(tx, 2)

    with pytest.raises(CancelledError), notes.transaction() as tx:
        work(tx)
    with connect(url) as other:
        assert ids(other) == []


def test_a_sample_keeps_the_first_rows_and_counts_all(db: Database) -> None:
    with db.transaction() as tx:
        rows = ((f"c{n:05}", datetime.datetime(2021, 10, 1, tzinfo=datetime.UTC), "ok", 0, 0.0) for n in range(30_000))
        tx.insert_rows("check_results", ["check_name", "checked_at", "state", "findings", "seconds"], rows)
        tx.execute("UPDATE check_results SET state = 'warning', findings = 1")
        found = tx.sample("reports/failing_since", 3)
        assert (len(found.rows), found.row_count) == (3, 30_000)
        assert tx.sample("reports/failing_since", 0).row_count == 30_000
        assert tx.execute("SELECT count(*) AS n FROM check_results").rows == [{"n": 30_000}]  # and goes on
        with pytest.raises(TypeError, match="parameters missing or not used: nonsense"):
            tx.sample("reports/failing_since", 3, nonsense=1)
