"""The session with the database is set, not assumed; surroundings that are broken are named; reading makes nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from dbsvc import (
    ConfigurationError,
    Database,
    DatabaseError,
    UnavailableError,
    UnusableError,
    connect,
    migrate,
)
from dbsvc.engine import checks
from tests.helpers import load, usage_csv, whole, write
from tests.helpers.cli import GOOD, Cli, Ran, obey_file_modes
from tests.helpers.server import Server

NAMES = ("Müller", "Café", "משה", "O'Neill \\ Söhne", "Zoë 漢字 🏷️")
BILLS = [(f"{n + 27}/10/2021", n, "EUR", name, f"{n}.12345678", "0.1") for n, name in enumerate(NAMES)]
USAGE = usage_csv([*BILLS, ("31/11/2021", 9, "EUR", "é\\", 1, "")]).decode()
PLANTS = "plant_id,name,location,timezone\nP1,Süd,,Asia/Kolkata\n"
INVERTERS = "inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\nI1,P1,,,5.5,2020-01-02\n"
EVENTS = "".join(
    f'{{"event_id":"e{n}","plant_id":"P1","inverter_id":"I1","event_time":"2025-04-01T{n:02}:30:00.123456+05:30",'
    f'"ac_power":{power},"ac_power_unit":"kW","energy_wh_total":{1000 + n * 700}.1,"temperature_c":{power},"source":"é"}}\n'
    for n, power in enumerate([0.1, 1.123456789012345, 3.3333333333333335, 2.2, 1e-7])
)

pytestmark = pytest.mark.slow  # it starts many processes

#: What a role, a database or the environment may set, and what we store, read, or fail at must not notice.
DISTURBED = {
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "escape_string_warning": "off",
    "bytea_output": "escape",
    "datestyle": "SQL, MDY",
    "intervalstyle": "sql_standard",
    "timezone": "Asia/Kolkata",
    "timezone_abbreviations": "India",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "quote_all_identifiers": "on",
    "transform_null_equals": "on",
    "xmloption": "document",
    "xmlbinary": "hex",
    "synchronous_commit": "off",
    "statement_timeout": "50",
    "transaction_timeout": "200",
    "lock_timeout": "1",
    "idle_in_transaction_session_timeout": "1",
    "idle_session_timeout": "1000",
    "exit_on_error": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "client_min_messages": "debug1",
    "check_function_bodies": "off",
    "default_statistics_target": "1",
    "work_mem": "64",
    "temp_buffers": "100",
    "maintenance_work_mem": "1024",
    "jit_above_cost": "0",
    "debug_parallel_query": "on",
    "plan_cache_mode": "force_generic_plan",
    "join_collapse_limit": "1",
    "enable_hashagg": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_partition_pruning": "off",
    "synchronize_seqscans": "off",
    "constraint_exclusion": "on",
    "cursor_tuple_fraction": "1",
    "default_toast_compression": "pglz",
    "tcp_keepalives_idle": "7200",
    "client_connection_check_interval": "0",
    "vacuum_truncate": "off",
}
#: What is left to whoever sets it: speed, logs, maintenance, where data lies, features that nothing of ours uses; and locales,
#: of which a server may have a single one.
LEFT_ALONE = re.compile(
    r"application_name|.*_cost|.*_cost_\w+|enable_\w+|geqo\w*|jit\w*|debug_\w+|log_\w+|trace_\w+|vacuum_\w+|wal_\w+|gin_\w+|lc_\w+"
    r"|min_parallel_\w+|max_parallel_\w+|parallel_\w+|\w+_io_concurrency|io_\w+|tcp_\w+|backend_flush_after|commit_siblings"
    r"|createrole_self_grant|default_(table_access_method|tablespace|text_search_config)|temp_tablespaces|effective_cache_size"
    r"|file_copy_method|from_collapse_limit|hash_mem_multiplier|icu_validation_level|local_preload_libraries"
    r"|logical_decoding_work_mem|md5_password_warnings|password_encryption|scram_iterations|recursive_worktable_factor"
    r"|restrict_nonsystem_relation_kind|stats_fetch_consistency|row_security|search_path|transaction_\w+|seed|role"
    r"|session_authorization|is_superuser|bonjour\w*|replacement_sort_tuples|old_snapshot_threshold|ssl_\w+"
)


def contents(db: Database) -> dict[str, list[str]]:
    """All tables as they are stored; without the moments at which something was done."""
    with db.snapshot() as tx:
        tables = [row["table_name"] for row in tx.run("schema/tables").rows]
        rows = {table: tx.execute('SELECT * FROM :"table"', table=table).rows for table in tables if "yoyo" not in table}
    done = re.compile(
        r"(registered|published|staged|checked|released|discarded|rejected|received|asked|fetched)_at|seconds|source|stream"
    )
    return {
        table: sorted(repr([value for name, value in row.items() if not done.fullmatch(name)]) for row in found)
        for table, found in rows.items()
        if table != "check_results"
    }


def load_all(url: str, folder: Path) -> tuple[dict[str, list[str]], list[tuple[str, Any]]]:
    """What is stored of a file of each kind, and what the checks say."""
    with connect(url) as db:
        migrate(db)
        for name, text in (("u.csv", USAGE), ("p.csv", PLANTS), ("i.csv", INVERTERS), ("t.jsonl", EVENTS)):
            load(db, write(folder / name, text.encode()), max_rejected_share=1.0)
        found = checks.run(db, checks.load_checks(db.statements), 28)
        return contents(db), [(result.check.name, result.findings) for result in found]


@pytest.fixture(scope="module")
def undisturbed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """What the files give with a server's own defaults."""
    return load_all(server.create(), tmp_path_factory.mktemp("files"))


def name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def known_settings(server: Server) -> dict[str, str]:
    with psycopg.connect(server.admin_url) as connection:
        return dict(connection.execute("SELECT lower(name), name FROM pg_settings WHERE context = 'user'").fetchall())


def test_every_setting_of_a_session_was_thought_of(server: Server) -> None:
    """One that a new server brings fails here, and is then set by us, or left alone for a reason."""
    unknown = [name for name in known_settings(server) if name not in DISTURBED and not LEFT_ALONE.fullmatch(name)]
    assert unknown == []


@contextmanager
def disturbing(server: Server, url: str, how: str, settings: dict[str, str]) -> Iterator[str]:
    """Set defaults for the sessions with a database; yields the URL to use."""
    known = known_settings(server)
    settings = {name: value for name, value in settings.items() if name in known}
    if how == "options":
        options = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())
        yield f"{url}{'&' if '?' in url else '?'}options={quote(options)}"
        return
    role = f"dbsvc_role_{os.getpid()}"
    if how == "role":
        server.execute(f"CREATE ROLE {role} LOGIN SUPERUSER")
    whom = f"ROLE {role}" if how == "role" else f"DATABASE {name_of(url)}"
    try:
        for name, value in settings.items():
            server.execute(f"ALTER {whom} SET {name} TO {', '.join(repr(part) for part in value.split(', '))}")
        yield re.sub(r"://[^@/]*@", f"://{role}@", url) if how == "role" else url
    finally:
        if how == "role":
            server.execute(f"DROP DATABASE {name_of(url)} WITH (FORCE)")
            server.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize("how", ["role", "database", "options"])
def test_no_default_changes_what_is_stored(server: Server, undisturbed: tuple[Any, Any], tmp_path: Path, how: str) -> None:
    """The schema is made under the same defaults: the migrator has a session like all others."""
    with disturbing(server, server.create(migrated=False), how, DISTURBED) as url:
        assert load_all(url, tmp_path) == undisturbed


@pytest.mark.long
@pytest.mark.parametrize("setting", DISTURBED)
def test_no_single_default_changes_what_is_stored(
    server: Server, undisturbed: tuple[Any, Any], tmp_path: Path, setting: str
) -> None:
    with disturbing(server, server.create(), "database", {setting: DISTURBED[setting]}) as url:
        assert load_all(url, tmp_path) == undisturbed


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGTZ", "Asia/Kolkata"),
        ("PGDATESTYLE", "SQL, MDY"),
        ("PGOPTIONS", "-c client_encoding=LATIN1 -c default_transaction_read_only=on -c extra_float_digits=-15"),
    ],
)
def test_no_environment_changes_what_is_stored(
    server: Server, undisturbed: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    url = server.create()
    monkeypatch.setenv(variable, value)
    assert load_all(url, tmp_path) == undisturbed


def test_statements_take_as_long_as_they_take(server: Server) -> None:
    settings = {"statement_timeout": "30", "transaction_timeout": "60", "idle_in_transaction_session_timeout": "30"}
    with disturbing(server, server.create(), "database", settings) as url, connect(url) as db, db.transaction() as tx:
        tx.execute("SELECT pg_sleep(0.1)")
        time.sleep(0.1)
        assert tx.execute("SELECT 1 AS n").rows == [{"n": 1}]


def test_the_search_path_of_the_url(server: Server, undisturbed: tuple[Any, Any], tmp_path: Path) -> None:
    url = server.create(migrated=False)
    ours = f"{url}{'&' if '?' in url else '?'}options={quote('-c search_path=team')}"
    with pytest.raises(UnusableError, match="search path names no schema that exists"), connect(ours) as db:
        migrate(db)
    server.execute(f"ALTER DATABASE {name_of(url)} SET search_path = elsewhere")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA team")
    assert load_all(ours, tmp_path)[0] == undisturbed[0]
    with psycopg.connect(url) as connection:
        (places,) = connection.execute("SELECT array_agg(DISTINCT schemaname) FROM pg_tables WHERE tablename ~ 'bills|yoyo'")
    assert places == (["team"],)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_a_server_encoding_that_cannot_hold_every_name(server: Server, encoding: str) -> None:
    name = f"dbsvc_enc_{os.getpid()}"
    server.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        with pytest.raises(UnusableError, match=f"stores texts as {encoding}") as caught, connect(server.url(name)) as db:
            migrate(db)
        assert caught.value.exit_code == 78
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "wide.db")) as other:
        other.execute("PRAGMA encoding = 'UTF-16'")
        other.execute("CREATE TABLE t (c)")
    with pytest.raises(UnusableError, match="stores texts as UTF-16"), connect(f"sqlite:///{tmp_path}/wide.db") as db:
        migrate(db)


def test_keys_that_are_not_checked(server: Server) -> None:
    settings = "session_replication_role"
    url = server.create()
    server.execute(f"ALTER DATABASE {name_of(url)} SET {settings} = replica")
    with pytest.raises(UnusableError, match=f"{settings} = replica"), connect(url) as db, db.transaction():
        pass


def test_policies_that_would_hide_rows(server: Server, reader: Callable[[str], str]) -> None:
    url = server.create()
    with connect(url) as db, db.transaction() as tx:
        tx.execute("ALTER TABLE loads ENABLE ROW LEVEL SECURITY")
    with pytest.raises(UnusableError, match="row-level security"), connect(reader(url)) as db, db.snapshot() as tx:
        tx.run("schema/count_rows", table="loads")


# --- a pooler


@pytest.fixture
def pooler(server: Server, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Start PgBouncer in a mode; returns the URL of a database of the server through it."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if not program:
        pytest.skip("no PgBouncer: install Debian's package pgbouncer, or put it on the PATH")
    folder = re.search(r"[?&]host=(/[^&]+)", server.admin_url)
    if not folder:
        pytest.skip("PgBouncer is tried with a server of our own, reached by a socket")
    started: list[subprocess.Popen[bytes]] = []
    ours = Path(folder[1]) / f"pooler{os.getpid()}"
    ours.mkdir(mode=0o777)
    ours.chmod(0o777)

    def start(mode: str) -> str:
        url = server.create(migrated=False)
        (ours / "ini").write_text(
            f"[databases]\n* = host={folder[1]} user=postgres\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = {ours}\n"
            f"listen_port = 6432\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = 4\n"
        )
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        started.append(subprocess.Popen([program, "-q", *user, str(ours / "ini")], stderr=subprocess.DEVNULL))
        for _ in range(200):
            if (ours / ".s.PGSQL.6432").exists():
                break
            time.sleep(0.02)
        return f"postgresql://postgres@/{name_of(url)}?host={ours}&port=6432"

    yield start
    for process in started:
        process.send_signal(signal.SIGKILL)
        process.wait()
    shutil.rmtree(ours)


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_behind_a_pooler(
    server: Server, pooler: Callable[[str], str], undisturbed: tuple[Any, Any], tmp_path: Path, mode: str
) -> None:
    url = pooler(mode)
    for setting in ("datestyle", "extra_float_digits", "bytea_output", "timezone", "default_transaction_read_only"):
        server.execute(f"ALTER DATABASE {name_of(url)} SET {setting} = '{DISTURBED[setting].replace(', ', ',')}'")
    assert load_all(url, tmp_path) == undisturbed
    with connect(url) as db, db.snapshot() as tx:  # nothing is left with the sessions that others will get
        assert tx.execute("SELECT 1 AS n FROM pg_locks WHERE locktype = 'advisory'").rows == []
        assert tx.execute("SELECT 1 AS n FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'").rows == []


def test_a_pooler_that_lends_sessions_for_statements(pooler: Callable[[str], str]) -> None:
    with pytest.raises(UnusableError, match="pool_mode to transaction"), connect(pooler("statement")) as db:
        migrate(db)


# --- who waits for whom, and how long


class Warnings:
    """What is logged meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.came = threading.Event()
        monkeypatch.setattr("dbsvc.engine.db.watch.event", self._keep)
        monkeypatch.setattr("dbsvc.engine.db.watch.TICK", 0.05)

    def _keep(self, name: str, _level: int, /, **fields: Any) -> None:
        self.seen.append((name, fields))
        self.came.set()


def write_one(db: Database) -> None:
    with db.transaction() as tx:
        tx.execute("UPDATE datasets SET dataset = dataset WHERE dataset = 'usage'")


def test_who_waits_says_for_whom(url: str, dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings = Warnings(monkeypatch)
    with connect(url, name="dbsvc first") as first, connect(url, name="dbsvc second") as second:
        with first.transaction() as tx:
            tx.execute("UPDATE datasets SET dataset = dataset WHERE dataset = 'usage'")
            second.watch.patience = 0.1
            waiting = threading.Thread(target=write_one, args=(second,))
            waiting.start()
            assert warnings.came.wait(10)
        waiting.join()
    name, fields = warnings.seen[0]
    expected = f"dbsvc first {os.getpid()}@{socket.gethostname()}"[:63] if dialect != "sqlite" else "write lock of sqlite:///"
    assert name == "waiting"
    assert expected in fields["behind"][0]


def test_a_statement_that_takes_long_waits_for_nobody(db: Database, dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if dialect == "sqlite":
        pytest.skip("SQLite cannot sleep")
    warnings = Warnings(monkeypatch)
    db.watch.patience = 0.1
    with db.transaction() as tx:
        tx.execute("SELECT pg_sleep(0.5)")
    assert warnings.seen == []


@contextmanager
def forwarded(server: Server) -> Iterator[int]:
    """A port that leads to the server's socket."""
    folder = re.search(r"[?&]host=(/[^&]+)", server.admin_url)
    if not folder:
        pytest.skip("the server is reached by TCP as it is")

    def pump(source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(f"{folder[1]}/.s.PGSQL.5432")
            for pair in ((client, upstream), (upstream, client)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no such option")
def test_a_server_that_falls_silent_is_noticed(server: Server) -> None:
    with forwarded(server) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        for more, expected in (("", (1, 10, 25_000)), ("?keepalives_idle=77&tcp_user_timeout=5000", (1, 77, 5000))):
            with (
                connect(url + more) as db,
                db.connection() as connection,
                socket.socket(fileno=os.dup(connection.fileno())) as ours,
            ):
                found = (
                    ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                    ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                    ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                )
            assert found == expected


# --- a database that cannot be used yet


@pytest.fixture
def reader(server: Server) -> Iterator[Callable[[str], str]]:
    """Returns the URL for a role that may only read."""
    role = f"dbsvc_reader_{os.getpid()}"
    server.execute(f"CREATE ROLE {role} LOGIN")
    urls: list[str] = []

    def url_for(url: str) -> str:
        urls.append(url)
        with psycopg.connect(url) as connection:
            connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}".encode())
        return re.sub(r"://[^@/]*@", f"://{role}@", url)

    yield url_for
    for url in urls:
        with psycopg.connect(url) as connection:
            connection.execute(f"DROP OWNED BY {role}".encode())
    server.execute(f"DROP ROLE {role}")


SOCKET = "postgresql://postgres@/postgres?host={folder}"
CAUSES = {
    "no database": ("{url_of_nothing}", UnusableError, 'database "nothing" does not exist. Create that database'),
    "no role": ("{url_of_nobody}", UnusableError, 'role "nobody_of_ours" does not exist. Correct the user'),
    "no server": ("postgresql://u@127.0.0.1:1/x", UnavailableError, "is not reachable: Connection refused"),
    "no socket": ("postgresql://u@/x?host={tmp}", UnavailableError, "is not reachable"),
    "no folder": ("postgresql://u@/x?host=/no/where", UnusableError, "there is no folder /no/where"),
    "SSL": ("{tcp}?sslmode=require", UnusableError, "SSL was required. Correct sslmode"),
    "option": ("{tcp}?options=-cnonsense%3D1", UnusableError, 'unrecognized configuration parameter "nonsense"'),
}


@pytest.mark.parametrize("case", CAUSES)
def test_a_server_that_lets_nobody_in(server: Server, tmp_path: Path, case: str) -> None:
    url, kind, says = CAUSES[case]
    with forwarded(server) as port:
        url = url.format(
            url_of_nothing=server.url("nothing"),
            url_of_nobody=re.sub(r"://[^@/]*@", "://nobody_of_ours@", server.url("postgres")),
            tcp=f"postgresql://postgres@127.0.0.1:{port}/postgres",
            tmp=tmp_path,
        )
        with pytest.raises(kind, match=re.escape(says)) as caught, connect(url) as db, db.snapshot():
            pass
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, DatabaseError)
    assert caught.value.retryable == (kind is UnavailableError)


def test_a_role_that_may_not_make_tables(server: Server, reader: Callable[[str], str]) -> None:
    url = reader(server.create(migrated=False))
    with pytest.raises(UnusableError, match=r"permission denied for schema public.*Grant") as caught, connect(url) as db:
        migrate(db)
    assert isinstance(caught.value, ConfigurationError)
    assert isinstance(caught.value, DatabaseError)


READING = [
    "loads",
    "loads show 1",
    "rejects",
    "status",
    "revenue",
    "trace bill 2021-10-01 1",
    "fx --missing --dry-run",
    "db status",
]


def test_a_role_that_can_only_read_reads(server: Server, reader: Callable[[str], str], tmp_path: Path) -> None:
    url = server.create()
    assert Cli(tmp_path, url)("ingest", write(tmp_path / "u.csv", GOOD).name).code == 0
    cli = Cli(tmp_path, reader(url))
    for command in READING:
        assert cli(*command.split()).code == 0, command
    ran = cli("check", "--only", "loads_held")
    assert (ran.code, ran.out[:3], b"results_not_kept" in ran.err) == (0, b"OK:", True)
    assert_checks_without_a_record(Cli(tmp_path, url), cli)
    ran = cli("ingest", write(tmp_path / "more.csv", GOOD + whole(b"2021-10-02,1,USD,a,1,1") + b"\n").name)
    assert (ran.code, "permission denied" in ran.error) == (78, True)


def assert_checks_without_a_record(owner: Cli, reader: Cli) -> None:
    """Who may only read is told what who may write is, since when included, and leaves nothing, not even a warning."""

    def told(ran: Ran) -> list[dict[str, Any]]:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in ran.objects]

    gap = usage_csv([("2021-10-04", 1, "EUR", "a", 1, 1)])
    assert owner("ingest", owner.write("gap.csv", gap)).code == 0
    every = ("check", "--output", "json")
    before = told(owner(*every, "--no-record"))
    kept = owner(*every)
    ran = reader(*every, "--no-record")
    assert (ran.code, told(ran)) == (kept.code, told(kept))
    assert [row["check"] for row in told(kept) if row.get("findings")] == [
        row["check"] for row in before if row.get("findings")
    ]
    assert b"results_not_kept" not in ran.err


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_file_that_can_only_be_read_is_read(tmp_path: Path, journal: str) -> None:
    cli = Cli(tmp_path)
    assert cli("ingest", write(tmp_path / "u.csv", GOOD).name).code == 0
    with closing(sqlite3.connect(tmp_path / "var" / "data.db")) as other:
        other.execute(f"PRAGMA journal_mode = {journal}")
    (tmp_path / "var" / "data.db").chmod(0o444)
    (tmp_path / "var").chmod(0o555)
    try:
        for command in READING:
            assert cli(*command.split(), preexec_fn=obey_file_modes).code == 0, command
        assert cli("check", "--only", "loads_held", preexec_fn=obey_file_modes).code == 0
        ran = cli("check", "--only", "loads_held", "--no-record", preexec_fn=obey_file_modes)
        assert (ran.code, b"results_not_kept" in ran.err) == (0, False)
    finally:
        (tmp_path / "var").chmod(0o755)
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["data.db"]


# --- reading makes nothing


@pytest.mark.parametrize(
    "command", [*READING, "rejects export 1", "loads release 1", "loads discard 1", "rejects retry", "check"]
)
def test_commands_that_read_make_nothing(tmp_path: Path, command: str) -> None:
    ran = Cli(tmp_path)(*command.split())
    assert list(tmp_path.iterdir()) == []
    if command == "db status":
        assert (ran.code, {row["state"] for row in ran.objects}) == (0, {"pending"})
    elif command == "check":
        assert (ran.code, ran.out[:30]) == (3, b"UNKNOWN: There is no database ")
    else:
        assert (ran.code, ran.error.startswith("There is no database ")) == (78, True)


@pytest.mark.parametrize("command", ["loads", "status", "check", "db status"])
def test_commands_that_read_make_no_schema(tmp_path: Path, empty_url: str, dialect: str, command: str) -> None:
    if dialect == "sqlite":
        (tmp_path / "empty.db").touch()
    ran = Cli(tmp_path, empty_url)(*command.split())
    if command == "db status":
        assert (ran.code, {row["state"] for row in ran.objects}) == (0, {"pending"})
    else:
        assert ran.code == (3 if command == "check" else 78)
        assert b"no tables of ours" in ran.out + ran.err
    if dialect == "sqlite":
        assert (tmp_path / "empty.db").stat().st_size == 0
    with connect(empty_url, create=False) as db, db.snapshot() as tx:
        assert tx.run("schema/tables").rows == []


def test_a_check_of_nothing_is_unknown(tmp_path: Path, url: str) -> None:
    ran = Cli(tmp_path, url)("check")
    assert (ran.code, ran.out[:32]) == (3, b"UNKNOWN: Nothing was ever loaded")


def test_a_database_is_made_only_if_it_may_be(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/some/where/data.db"
    with pytest.raises(UnusableError, match="There is no database"), connect(url, create=False) as db, db.snapshot():
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_new_database_is_ours_alone(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    there.chmod(0o755)
    before = os.umask(0)
    try:
        with connect(f"sqlite:///{there}/some/where/data.db") as db:
            migrate(db)
            with db.transaction():
                found = {path.name: oct(path.stat().st_mode & 0o777) for path in there.rglob("*")}
    finally:
        os.umask(before)
    assert found == {
        "some": "0o700",
        "where": "0o700",
        **{f"data.db{suffix}": "0o600" for suffix in ("", "-wal", "-shm")},
    }
    assert oct(there.stat().st_mode & 0o777) == "0o755"
