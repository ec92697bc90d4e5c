"""``dbsvc doctor`` finds what is wrong, says what to do, and leaves everything as it was; ``dbsvc config`` shows no secret."""

from __future__ import annotations

import socket
from pathlib import Path
from threading import Thread

import pytest

from dbsvc.engine import Database
from dbsvc.engine.doctor import Finding, State, diagnose
from dbsvc.engine.settings import list_settings
from tests.helpers import load, usage_csv, write
from tests.helpers.cli import Cli
from tests.helpers.crash import everything


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Only what a test sets is set; nobody answers where rates are."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CURRENCYLAYER_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CURRENCYLAYER_ACCESS_KEY", "aSecretKey")
    return monkeypatch


def by_about() -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in diagnose():
        found.setdefault(finding.about, []).append(finding)
    return found


def test_a_database_that_is_well(db: Database, url: str, dialect: str, settings: pytest.MonkeyPatch) -> None:
    settings.setenv("DATABASE_URL", url)
    before = everything(db)
    found = by_about()
    assert everything(db) == before
    assert {finding.state for about in found if about != "fx" for finding in found[about]} == {State.OK}
    own = ["nodes", "shards"] if dialect == "citus" else []
    about = ["python", "locale", "settings", "project", "database", "clock", "schema"]
    about += [*own, "rights", "notifications", "room", "fx"]
    assert list(found) == about
    assert "UTF" in found["database"][0].says
    assert [finding.state for finding in found["fx"]] == [State.WARNING]
    assert list(Path().iterdir()) == []


def test_a_schema_that_is_behind(db: Database, url: str, tmp_path: Path, settings: pytest.MonkeyPatch) -> None:
    settings.setenv("DATABASE_URL", url)
    load(db, write(tmp_path / "usage.csv", usage_csv([("2021-10-01", 1, "USD", "a", 1, 0)])))
    with db.transaction() as tx:
        tx.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0022%'")
    (schema,) = by_about()["schema"]
    assert (schema.state, schema.do) == (State.WRONG, "`dbsvc db migrate`")


@pytest.mark.one_database
def test_somebody_writes(db: Database, url: str, settings: pytest.MonkeyPatch) -> None:
    settings.setenv("DATABASE_URL", url)
    with db.transaction() as tx:
        tx.run("doctor/try_insert")
        (rights,) = by_about()["rights"]
    assert rights.state is State.WARNING


def test_no_database_is_made(empty_url: str, settings: pytest.MonkeyPatch) -> None:
    settings.setenv("DATABASE_URL", empty_url)
    found = by_about()
    assert State.WRONG not in {finding.state for findings in found.values() for finding in findings}
    assert (found["schema"] if "schema" in found else found["database"])[0].state is State.WARNING
    assert not empty_url.startswith("sqlite") or not Path(empty_url.removeprefix("sqlite:///")).exists()


def test_the_provider_is_sent_nothing(settings: pytest.MonkeyPatch) -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.setenv("CURRENCYLAYER_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")

        def answer() -> None:
            with server.accept()[0] as connection:
                received.append(connection.recv(100))

        listening = Thread(target=answer)
        listening.start()
        assert [finding.state for finding in by_about()["fx"]] == [State.OK]
        listening.join(10)
    assert received == [b""]


def test_settings_and_where_they_come_from(settings: pytest.MonkeyPatch) -> None:
    write(Path(".env"), b"# here\nDATABASE_URL=postgresql://u:pa%40ss@127.0.0.1:1/x\nDBSVC_CHECK_DAYS=many\n")
    Path(".env").chmod(0o644)
    shown = {one.variable: one for one in list_settings()}
    assert shown["DATABASE_URL"].value == "postgresql://u:***@127.0.0.1:1/x"
    assert (shown["DATABASE_URL"].origin, shown["CURRENCYLAYER_BASE_URL"].origin) == (".env:2", "environment")
    assert (shown["DBSVC_CHECK_DAYS"].value, shown["DBSVC_LOCK_SECONDS"].origin) == ("many", "default")
    assert shown["CURRENCYLAYER_ACCESS_KEY"].value == "(set)"
    wrong = [finding for finding in diagnose() if finding.state is State.WRONG]
    assert [finding.says for finding in wrong] == [".env:3: The setting DBSVC_CHECK_DAYS must be a whole number above 0."]
    write(Path(".env"), b"DATABASE_URL=postgresql://u:pa%40ss@127.0.0.1:1/x\n")
    found = by_about()
    assert [finding.do for finding in found["settings"]] == ["", "`chmod 600 .env`"]
    assert found["database"][0].state is State.WRONG
    assert "pa" not in "".join(one.says for findings in found.values() for one in findings if one.about != "python").split(":")


@pytest.mark.parametrize(
    ("variable", "value", "about"),
    [
        ("CURRENCYLAYER_PROXY", "http://proxy:99999", "settings"),
        ("CURRENCYLAYER_BASE_URL", f"https://{'a' * 70}.com", "fx"),
        ("HTTP_PROXY", "http://proxy:99999", "fx"),
        ("TMPDIR", "/no/such/folder", "room"),
    ],
)
def test_it_outlives_what_it_is_to_diagnose(settings: pytest.MonkeyPatch, variable: str, value: str, about: str) -> None:
    settings.delenv("NO_PROXY", raising=False)
    settings.delenv("no_proxy", raising=False)
    if variable == "HTTP_PROXY":
        settings.setenv("CURRENCYLAYER_BASE_URL", "http://rates.invalid")
    settings.setenv(variable, value)
    assert {finding.state for finding in by_about()[about]} & {State.WARNING, State.WRONG}


def test_what_was_found_is_said_whatever_ends_it(cli: Cli) -> None:
    spoilt = "import dbsvc.engine.doctor as d; d._look_at_fx = lambda: iter([1 / 0])\n"
    cli.write("sitecustomize.py", spoilt.encode())
    for form in ("json", "table"):
        ran = cli("doctor", "-o", form, env={"PYTHONPATH": str(cli.folder)})
        assert ran.code == 1
        assert b"schema" in ran.out or b"database" in ran.out


def test_the_commands(cli: Cli) -> None:
    ran = cli("doctor", env={"CURRENCYLAYER_BASE_URL": "http://127.0.0.1:1"})
    assert ran.code == 0
    assert {row["state"] for row in ran.objects} == {"ok", "warning"}
    cli.write(".env", b"DBSVC_LOCK_SECONDS=soon\n")
    assert cli("doctor", "-o", "table").code == 1
    shown = cli("config", "show")
    assert shown.code == 78
    assert {"setting": "DBSVC_LOCK_SECONDS", "value": "soon", "origin": ".env:1"} in shown.objects
