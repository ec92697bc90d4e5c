"""Who is told what, and when: every change once, nothing twice, nothing lost, whatever the receiver does."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

import dbsvc
from dbsvc import ConfigurationError, Database, InputError, connect
from dbsvc.engine.checks import CheckResult, load_checks
from dbsvc.engine.fx.providers.http import find_proxy
from dbsvc.engine.housekeeping.prune import prune
from dbsvc.engine.loads.ingested import FileOutcome, IngestedFile
from dbsvc.engine.loads.operations import discard, release
from dbsvc.engine.notify.messages import Notice, Place, as_text, write
from dbsvc.engine.notify.notices import Turn, begin, tell_of_checks, tell_of_loads
from dbsvc.engine.notify.receivers import read_receivers
from dbsvc.engine.notify.undelivered import Undelivered, find_undelivered
from dbsvc.engine.settings import Settings
from tests.helpers import load, query, usage_csv
from tests.helpers.check_case import bills
from tests.helpers.cli import DBSVC, Cli
from tests.helpers.receiver import Told, told

ONCE = Settings(notify_seconds=3)  # there is no time for a second try
BRIEF = Settings(notify_seconds=0.5)
LONG = datetime(2026, 11, 20, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Told]:
    with told() as found:
        yield found


def observe(db: Database, url: str, settings: Settings = ONCE, **states: str) -> None:
    """Tell what checks with these names found."""
    checks = {check.name: check for check in load_checks(db.statements)}
    found = [
        CheckResult(checks[name], state, None if state == "unknown" else int(state != "ok"), since=LONG, error="no such table")
        for name, state in states.items()
    ]
    tell_of_checks(db, settings, read_receivers(settings, [url]), found)


def undelivered(db: Database) -> list[Undelivered]:
    with db.snapshot() as tx:
        return find_undelivered(tx)


def test_every_change_is_told_once(db: Database, receiver: Told) -> None:
    for state in ("ok", "warning", "warning", "critical", "unknown", "unknown", "warning", "ok", "ok", "critical"):
        observe(db, receiver.url, bills_orphaned=state)
    assert receiver.notices == [
        ("bills_orphaned", "warning", "new"),
        ("bills_orphaned", "critical", "worse"),
        ("bills_orphaned", "unknown", "better"),
        ("bills_orphaned", "warning", "better"),
        ("bills_orphaned", "ok", "healed"),
        ("bills_orphaned", "critical", "new"),
    ]
    observe(db, receiver.url, bills_orphaned="ok")
    assert query(db, "SELECT subject FROM notices") == []  # what is over, and was told, is not kept


@pytest.mark.one_database
def test_what_it_says(db: Database, receiver: Told) -> None:
    observe(db, receiver.url, replace(ONCE, runbook_url="https://wiki.example.com/RUNBOOK"), bills_orphaned="critical")
    ((message,), (path, headers)) = receiver.messages, receiver.requests[0]
    (notice,) = message["notices"]
    assert (message["schema"], message["database"]) == ("dbsvc.notification/1", db.dialect.label)
    assert notice["since"] == "2026-11-20T03:04:05Z"
    assert notice["runbook"] == "https://wiki.example.com/RUNBOOK#bills_orphaned"
    (check,) = [check for check in load_checks(db.statements) if check.name == "bills_orphaned"]
    assert (notice["do"], notice["was"], notice["dataset"]) == (check.todo, None, "usage")
    assert notice["what"] == f"{check.title}: 1 found"
    assert (path, headers["Content-Type"]) == ("/services/T0/hidden-1234567890", "application/json")


@pytest.mark.one_database
def test_each_receiver_is_told(db: Database, receiver: Told) -> None:
    observe(db, receiver.url, bills_orphaned="critical")
    observe(db, f"{receiver.url}/second", bills_orphaned="critical", loads_held="warning")
    assert receiver.notices == [
        ("bills_orphaned", "critical", "new"),
        ("bills_orphaned", "critical", "new"),
        ("loads_held", "warning", "new"),
    ]


@pytest.mark.parametrize(
    ("status", "headers", "because"),
    [
        (500, {}, "it answers HTTP 500"),
        (429, {"Retry-After": "3600"}, "it answers HTTP 429"),
        pytest.param(404, {}, "it answers HTTP 404", marks=pytest.mark.long),
        (307, {"Location": "http://127.0.0.2:9/hidden-1234567890"}, "it redirects to 127.0.0.2 (HTTP 307)"),
    ],
)
@pytest.mark.one_database
def test_what_is_not_taken_stays_owed(
    db: Database, receiver: Told, status: int, headers: dict[str, str], because: str, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.usual, receiver.headers = status, headers
    with caplog.at_level(logging.WARNING, "dbsvc"):
        observe(db, receiver.url, bills_orphaned="critical")
    (logged,) = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert logged["event"] == "not_notified"
    assert because in logged["because"]
    assert "hidden" not in str(logged)
    (owed,) = undelivered(db)
    assert (owed.receiver, owed.notices) == (f"http://127.0.0.1:{receiver.port}", 1)
    assert because in str(owed.because)
    receiver.usual, receiver.headers = 200, {}
    receiver.messages.clear()
    observe(db, receiver.url, loads_held="ok")  # a run of other checks
    assert receiver.notices == [("bills_orphaned", "critical", "new")]


@pytest.mark.one_database
def test_it_is_tried_again_in_the_same_run(db: Database, receiver: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: 0.01)
    receiver.answers = [503, 500]
    observe(db, receiver.url, Settings(), bills_orphaned="critical")
    assert len(receiver.messages) == 3
    assert query(db, "SELECT told FROM notices") == [("critical",)]


def test_trouble_that_is_over_before_it_could_be_told_is_not_told(db: Database, receiver: Told) -> None:
    receiver.usual = 403
    observe(db, receiver.url, bills_orphaned="critical")
    receiver.usual = 200
    receiver.messages.clear()
    observe(db, receiver.url, bills_orphaned="ok")
    assert receiver.notices == []
    assert query(db, "SELECT subject FROM notices") == []


@pytest.mark.one_database
def test_one_that_wants_to_be_left_alone_keeps_nothing_from_others(
    db: Database, receiver: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: 0.01)
    receiver.answers = [503, 500]
    checks = {check.name: check for check in load_checks(db.statements)}
    with told() as other:
        other.usual, other.headers = 429, {"Retry-After": "3600"}
        receivers = read_receivers(Settings(), [other.url, receiver.url])
        tell_of_checks(db, Settings(), receivers, [CheckResult(checks["loads_held"], "warning", 1)])
    assert (len(other.messages), len(receiver.messages)) == (1, 3)
    assert len(undelivered(db)) == 1


@pytest.mark.one_database
def test_what_was_taken_too_late_is_sent_once_in_a_run_and_heals(db: Database, receiver: Told) -> None:
    receiver.waits = 1
    observe(db, receiver.url, BRIEF, bills_orphaned="critical")
    receiver.waits = 0
    observe(db, receiver.url, bills_orphaned="ok")
    assert receiver.notices == [("bills_orphaned", "critical", "new"), ("bills_orphaned", "ok", "healed")]
    assert query(db, "SELECT subject FROM notices") == []


def test_who_waited_for_a_lock_takes_nothing_over(db: Database, receiver: Told) -> None:
    """Who is to end the other's attempt may have waited for it, too."""
    receiver.usual = 403
    observe(db, receiver.url, bills_orphaned="critical")
    query(db, "UPDATE receivers SET attempt = 'theirs 5' RETURNING 1")
    turn = Turn(read_receivers(ONCE, [receiver.url])[0], other="theirs 5", seen_at=time.monotonic() - 6)
    assert turn.is_left_behind
    waited, now = (partial(begin, turns=[turn], attempt="ours 5", asked_at=time.monotonic() - ago) for ago in (2, 0))
    assert db.run_transaction(waited) == ([], {turn.receiver.digest: "theirs 5"})
    assert len(db.run_transaction(now)[0]) == 1


def test_who_is_named_no_more_is_pruned(db: Database, receiver: Told) -> None:
    for url in (receiver.url, f"{receiver.url}/gone"):
        observe(db, url, bills_orphaned="critical")
    (gone,) = read_receivers(ONCE, [f"{receiver.url}/gone"])
    query(db, f"UPDATE receivers SET named_at = '2026-01-01 00:00:00+00:00' WHERE receiver = '{gone.digest}' RETURNING 1")
    assert prune(db, datetime.now(UTC).date())["notices"] == 1
    for table in ("notices", "receivers"):
        assert [one for (one,) in query(db, f"SELECT receiver FROM {table}")] != [gone.digest]
        assert query(db, f"SELECT count(*) FROM {table}") == [(1,)]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "https://user:word@hooks.example.com/x"])
def test_no_proxy_sees_what_is_for_this_machine_or_excepted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "hooks.example.com")
    assert find_proxy(url) == ""


@contextmanager
def hanging() -> Iterator[str]:
    """It takes what comes, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/hidden-1234567890"


@pytest.mark.one_database
def test_who_hangs_holds_up_nobody(db: Database, receiver: Told) -> None:
    """The other receivers are told, and the run ends."""
    checks = {check.name: check for check in load_checks(db.statements)}
    with hanging() as url:
        receivers = read_receivers(ONCE, [url, receiver.url])
        tell_of_checks(db, ONCE, receivers, [CheckResult(checks["loads_held"], "warning", 1)])
    assert receiver.notices == [("loads_held", "warning", "new")]
    assert [(one.notices, one.because) for one in undelivered(db)] == [(1, "it did not answer within 3 seconds")]


def test_what_was_sent_may_be_another_state_by_then(db: Database, receiver: Told) -> None:
    """No transaction is open while a message is sent, so others write. It is noted what was sent, and what is now is owed."""

    def heal() -> None:
        query(db, "UPDATE notices SET state = 'ok' RETURNING 1")

    receiver.then = heal
    observe(db, receiver.url, bills_orphaned="critical")
    receiver.then = lambda: None
    assert query(db, "SELECT state, told FROM notices") == [("ok", "critical")]
    observe(db, receiver.url, bills_orphaned="ok")
    assert receiver.notices == [("bills_orphaned", "critical", "new"), ("bills_orphaned", "ok", "healed")]


@pytest.mark.one_database
def test_a_server_that_drips_holds_up_nobody(db: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while True:
                    try:
                        connection.sendall(b"HTTP/1.1 200 OK\r\nX: " if not connection.recv(0) else b"a")
                    except OSError:
                        return
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        observe(db, f"http://127.0.0.1:{server.getsockname()[1]}/", BRIEF, loads_held="warning")
        assert time.monotonic() - started < 5
    assert query(db, "SELECT told FROM notices") == [("perhaps",)]


def test_of_several_at_once_one_tells(url: str, receiver: Told) -> None:
    receiver.waits = 0.3
    ready = threading.Barrier(3)

    def run() -> None:
        with connect(url) as db:
            ready.wait()
            observe(db, receiver.url, Settings(), loads_held="warning", bills_orphaned="critical")

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(receiver.notices) == [("bills_orphaned", "critical", "new"), ("loads_held", "warning", "new")]


@pytest.mark.slow
def test_who_is_killed_between_sending_and_noting_is_not_the_last_to_tell(cli_on: Cli, receiver: Told) -> None:
    cli_on("ingest", cli_on.write("gap.csv", bills({"day": "2021-10-01"}, {"day": "2021-10-03"})))
    env = cli_on.env({"DBSVC_NOTIFY": receiver.url})
    command = [*DBSVC, "check", "--only", "bill_days_missing"]
    running = subprocess.Popen(command, cwd=cli_on.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    receiver.then = lambda: os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGKILL
    receiver.then = lambda: None
    assert len(receiver.messages) == 1
    for _ in range(2):
        assert cli_on("check", "--only", "bill_days_missing", env={"DBSVC_NOTIFY": receiver.url}).code == 1
    assert receiver.notices == [("bill_days_missing", "warning", "new")] * 2
    first, second = (message["notices"][0]["id"] for message in receiver.messages)
    assert first == second  # so a receiver can tell


# --- loads


def failed(source: str) -> IngestedFile:
    return IngestedFile.failed(source, InputError(f"{source}: it cannot be read."))


def loaded(source: str) -> IngestedFile:
    return IngestedFile(source, FileOutcome.PUBLISHED)


def hold(db: Database, path: Any) -> int:
    """A load that is held: most of its records are rejected."""
    path.write_bytes(usage_csv([("2021-10-01", n, "QQQ" if n else "USD", "a", 1, 0) for n in range(5)]))
    return load(db, path).load.load_id


def test_held_and_failed_loads(db: Database, receiver: Told, tmp_path: Any) -> None:
    receivers = read_receivers(ONCE, [receiver.url])
    first = hold(db, tmp_path / "held.csv")
    for _ in range(2):
        tell_of_loads(db, ONCE, receivers, [failed("odd.csv")])
    assert receiver.notices == [("odd.csv", "failed", "new"), (str(first), "held", "new")]
    assert [notice["runbook"] for notice in receiver.messages[0]["notices"]] == ["RUNBOOK.md#65", "RUNBOOK.md#held"]
    receiver.messages.clear()
    discard(db, first)
    tell_of_loads(db, ONCE, receivers, [loaded("odd.csv"), loaded("other.csv")])
    assert receiver.notices == [("odd.csv", "ok", "healed"), (str(first), "ok", "healed")]
    assert query(db, "SELECT subject FROM notices") == []


def test_functions_tell_and_what_is_decided_is_told_at_once(db: Database, receiver: Told, tmp_path: Any) -> None:
    rows = [("2021-10-01", n, "QQQ" if n else "USD", "a", 1, 0) for n in range(5)]
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_bytes(usage_csv([*rows, ("2021-10-02", 1, "USD", name, 1, 0)]))
    settings = replace(Settings(), notify=receiver.url)
    paths = [tmp_path / name for name in ("a.csv", "b.csv")]
    loads = [file.load for file in dbsvc.ingest(*paths, database=db, settings=settings).files]
    held = dbsvc.ingest(tmp_path / "c.csv", database=db, notify=receiver.url).files[0].load  # the settings name nobody
    dbsvc.check(database=db, only="loads_held", notify=[receiver.url])
    numbers = [str(one.load_id) for one in (*loads, held) if one]
    found = [("loads_held", "warning", "new")]
    assert receiver.notices == [*((number, "held", "new") for number in numbers), *found]
    receiver.messages.clear()
    dbsvc.release(int(numbers[0]), database=db, settings=settings)
    assert receiver.notices == [(numbers[0], "ok", "healed")]
    dbsvc.discard(int(numbers[1]), database=db, notify=receiver.url)
    assert receiver.notices[1:] == [(numbers[1], "ok", "healed")]
    dbsvc.retry(int(numbers[2]), database=db, notify=receiver.url)  # it is held still
    assert len(receiver.notices) == 2


def test_a_released_load_is_healed_whoever_runs_next(db: Database, receiver: Told, tmp_path: Any) -> None:
    load_id = hold(db, tmp_path / "held.csv")
    tell_of_loads(db, ONCE, read_receivers(ONCE, [receiver.url]), [])
    release(db, load_id)
    observe(db, receiver.url, loads_held="ok")
    assert receiver.notices == [(str(load_id), "held", "new"), (str(load_id), "ok", "healed")]


@pytest.mark.one_database
def test_a_name_of_any_length(db: Database, receiver: Told) -> None:
    long = "\u202e<b>&" * 2500
    names = [f"s3://bucket/{long}{end}.csv" for end in "ab"]
    receivers = read_receivers(ONCE, [receiver.url])
    for _ in range(2):
        tell_of_loads(db, ONCE, receivers, list(map(failed, names)))
    assert len(receiver.notices) == 2
    tell_of_loads(db, ONCE, receivers, list(map(loaded, names)))
    assert [change for _, _, change in receiver.notices] == ["new", "new", "healed", "healed"]


# --- on the command line


def test_the_command_line(cli: Cli, receiver: Told) -> None:
    cli("ingest", cli.write("gap.csv", bills({"day": "2021-10-01"}, {"day": "2021-10-03"})))
    only, nobody = ("check", "--only", "bill_days_missing"), "http://127.0.0.1:1/hidden-1234567890"
    without = cli(*only, "--no-record")
    refused = cli(*only, "--no-record", "--notify", receiver.url)
    assert (refused.code, receiver.messages) == (3, [])
    ran = cli(*only, "--notify", receiver.url, env={"DBSVC_NOTIFY": f"{receiver.url} {nobody}"})
    assert ran.code == without.code == 1
    assert receiver.notices == [("bill_days_missing", "warning", "new")]
    logged = {line["event"]: line for line in ran.logs}
    assert logged["notified"]["receiver"] == f"http://127.0.0.1:{receiver.port}"
    assert logged["not_notified"]["because"].startswith("it cannot be reached (Connection refused)")
    assert b"hidden" not in ran.out + ran.err
    shown, told = cli("status", "-o", "json"), cli("status", "-o", "table")
    (owed,) = shown.objects[0]["undelivered"]
    assert (owed["receiver"], owed["notices"], owed["because"][:22]) == ("http://127.0.0.1:1", 1, "it cannot be reached (")
    assert b"http://127.0.0.1:1 was not told of 1 change since" in told.out + told.err
    doctor = cli("doctor", "-o", "json", env={"DBSVC_NOTIFY": nobody})
    assert b"http://127.0.0.1:1 was not told of 1 change since" in doctor.out
    assert b"DBSVC_NOTIFY does not name it" in cli("doctor", "-o", "json").out
    assert b"hidden" not in shown.out + told.out + told.err + doctor.out + doctor.err
    pruned = cli("db", "prune", "--before", f"{datetime.now(UTC):%Y-%m-%d}", "--yes", "-o", "json")
    assert {row["table"]: row["pruned"] for row in pruned.objects}["notices"] == 0  # it is of today
    receiver.messages.clear()
    held = cli.write("held.csv", usage_csv([("2021-11-01", n, "QQQ" if n else "USD", "a", 1, 0) for n in range(5)]))
    refused = cli("ingest", held, "--notify", "http://hooks.example.com/hidden-1234567890")
    assert (refused.code, cli("loads").objects[0]["load_id"]) == (78, 1)
    ran = cli("ingest", held, "absent.csv", "--notify", receiver.url)
    assert ran.code == 66
    assert receiver.notices == [("absent.csv", "failed", "new"), ("2", "held", "new")]
    cli("loads", "discard", "2", "--yes", "--notify", receiver.url)
    assert receiver.notices[2:] == [("2", "ok", "healed")]
    shown = cli("config", "show", env={"DBSVC_NOTIFY": receiver.url})
    assert b"hidden" not in shown.out + shown.err


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("hooks.example.com/hidden-1234567890", "is named by a URL"),
        ("http://hooks.example.com/hidden-1234567890", "use https, or write insecure+http://"),
        ("mail+https://hooks.example.com/hidden-1234567890", "mail+https:// is no form"),
        ("https:///hidden-1234567890", "names no host"),
        ("https://host:99999/hidden-1234567890", "names no host"),
        ("htps://hooks.example.com/hidden-1234567890", "did you mean https?"),
        ("https://hooks.example.com/hid den", "is named by a URL"),
        ("", "is named by a URL"),
    ],
)
def test_what_is_no_receiver_is_refused_before_anything_is_done(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_receivers(Settings(), [url])
    assert says in str(refused.value)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("https://hooks.example.com/alerts", "webhook"),
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("webhook+https://hooks.slack.com/services/T/B/x", "webhook"),
        ("slack+https://chat.example.com/hooks/x", "slack"),
        ("slack+insecure+http://mattermost:8065/hooks/x", "slack"),
        ("https://firm.webhook.office.com/webhookb2/x", "teams"),
        ("https://prod-1.westeurope.logic.azure.com:443/workflows/x", "teams"),
        ("https://hooks.slack.com.example.com/x", "webhook"),
        ("http://[::1]:80/x", "webhook"),
    ],
)
def test_the_form_is_told_by_the_url(url: str, form: str) -> None:
    (receiver,) = read_receivers(Settings(notify=url), [url])
    assert receiver.form == form


@pytest.mark.one_database
def test_apprise(db: Database, receiver: Told) -> None:
    pytest.importorskip("apprise", reason="pip install -e '.[notify]' enables this")
    with pytest.raises(ConfigurationError, match="does not understand"):
        read_receivers(Settings(), ["slack://hidden"])
    url = f"json://127.0.0.1:{receiver.port}/hidden-1234567890"
    observe(db, url, Settings(), bills_orphaned="critical")
    observe(db, url, Settings(), bills_orphaned="critical")
    (message,) = receiver.messages
    assert "critical: check bills_orphaned" in message["message"]


# --- forms

PLACE = Place("sqlite:///var/data.db", "https://wiki.example.com/RUNBOOK")
HELD = Notice(
    "load", "17", "held", None, LONG, LONG, "usage", "a.csv: <b>5 of 9</b> rejected", "Look: `dbsvc loads show 17`", "held"
)
ODD = Notice(
    "check",
    "bills_orphaned",
    "critical",
    "warning",
    LONG,
    LONG,
    "usage",
    "@here \u202e*x*\n" * 300,
    "Ask _them_.",
    "bills_orphaned",
)
HEALED = Notice("file", "b.csv", "ok", "failed", LONG, LONG, None, "b.csv is cut off.", "Run it again.", "65")


@pytest.mark.parametrize("form", ["slack", "teams"])
def test_what_people_read(form: str, snapshot: SnapshotAssertion) -> None:
    assert json.dumps(json.loads(write(form, [HELD, ODD, HEALED], PLACE)), indent=1, ensure_ascii=False) == snapshot


def test_what_people_read_as_text(snapshot: SnapshotAssertion) -> None:
    assert "\n".join(as_text([HELD, ODD, HEALED], PLACE)) == snapshot


def test_a_webhook_is_not_sent_more_than_a_chat() -> None:
    (told,) = json.loads(write("webhook", [replace(ODD, todo="x" * 601)], PLACE))["notices"]
    assert (told["what"], told["do"]) == (ODD.what[:600] + "\u2026", "x" * 600 + "\u2026")


TEXTS = st.text(max_size=3000)
NOTICES = st.builds(
    Notice,
    st.sampled_from(["check", "load", "file"]),
    TEXTS,
    st.sampled_from(["ok", "warning", "unknown", "critical", "held", "failed"]),
    st.sampled_from([None, "ok", "warning", "critical", "held"]),
    st.just(LONG),
    st.just(LONG),
    st.one_of(st.none(), TEXTS),
    TEXTS,
    TEXTS,
    st.just("held"),
)


@given(told=st.lists(NOTICES, min_size=1, max_size=5), times=st.integers(1, 40), form=st.sampled_from(["slack", "teams"]))
def test_a_message_is_short_enough_for_a_chat(told: list[Notice], times: int, form: str) -> None:
    body = write(form, (told * times)[:100], PLACE)
    assert len(body) <= 28_000
    message = json.loads(body)
    if form == "slack":
        assert len(message["blocks"]) <= 50
        assert all(len(block["text"]["text"]) <= 3000 for block in message["blocks"] if block["type"] == "section")
