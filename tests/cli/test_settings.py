"""A setting is understood, or refused with file and line: never is a default used beside one that was meant."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsvc import ConfigurationError, connect
from dbsvc.engine import dotenv
from dbsvc.engine.checks import load_checks, threshold_settings
from dbsvc.engine.settings import Settings, read_secrets, read_settings
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import ROOT

CASES = ROOT.parent / "shared" / "cases"
URL = "sqlite:///meant.db"
LINE = f"DATABASE_URL={URL}\n".encode()
SHARE = b"DBSVC_MAX_REJECTED_SHARE=0.5\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own, and none of the environment's settings."""
    for name in os.environ:
        if name.startswith(("DATABASE_URL", "DBSVC_", "CURRENCYLAYER_", "PGPASSWORD")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(content: bytes) -> Settings:
    Path(".env").write_bytes(content)
    return read_settings()


@pytest.mark.parametrize(
    "content",
    [
        LINE,
        LINE.rstrip(),
        b"\xef\xbb\xbf" + LINE,
        LINE.decode().encode("utf-16"),
        b"\xfe\xff" + LINE.decode().encode("utf-16-be"),
        LINE.decode().encode("utf-32"),
        LINE.replace(b"\n", b"\r\n"),
        LINE.replace(b"\n", b"\r") + b"# more\r",
        b"export " + LINE,
        b"  export\tDATABASE_URL = sqlite:///meant.db  \n",
        b"DATABASE_URL='sqlite:///meant.db'\n",
        b'DATABASE_URL="sqlite:///meant.db" # production\n',
        "# Schlüssel\n\n  # more\n".encode() + LINE,
        b"POSTGRES_PASSWORD=${other}; `thing` # said\nPOSTGRES_PASSWORD=again\n" + LINE,
    ],
)
def test_what_is_understood(content: bytes) -> None:
    assert read(content).database_url == URL


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (LINE + "# Schlüssel\n".encode("cp1252"), 2),
        (LINE.decode().encode("utf-16-le"), 1),
        (b"# \0\n" + LINE, 1),
        (b"\n" + LINE + b"GeheimWort\n", 3),
        (b"DATABASE_URL: GeheimWort\n", 1),
        (b"DATABASE URL=GeheimWort\n", 1),
        (b"# a\n\xef\xbb\xbf" + LINE, 2),
        (b"DATABASE_URL='GeheimWort\n", 1),
        (b"DATABASE_URL=GeheimWort'\nDATABASE_URL=x\n", 2),
        (LINE + b"\n" + LINE, 3),
        (b"DATABASE_URL=sqlite:///a.db # GeheimWort\n", 1),
        (b"export DATABASE_URL=sqlite:///a.db; export GeheimWort=1\n", 1),
        (b"DATABASE_URL=sqlite:///${GeheimWort}/a.db\n", 1),
        (b'DATABASE_URL="sqlite:///$(GeheimWort)/a.db"\n', 1),
        (b"DATABASE_URL=sqlite:///a.db DBSVC_TOTAL_FACTOR=GeheimWort\n", 1),
        (LINE + b"DBSVC_TOTAL_FACTOR=\n", 2),
        (LINE + b"DBSVC_TOTAL_FACTOR=GeheimWort\n", 2),
        (LINE + b"DBSVC_MAX_REJECTED_SHARE=0_1\n", 2),
        (LINE + "DBSVC_TOTAL_FACTOR=٣\n".encode(), 2),
        (LINE + "DBSVC_LOCK_SECONDS=3\u200b\n".encode(), 2),
        (LINE + b"DBSVC_MAX_REJECT_SHARE=0.5\n", 2),
        (LINE + b"dbsvc_max_rejected_share=0.5\n", 2),
        (LINE + b"DBSVC_CHECK_BILLS_CHANGED_NOTHING=1\n", 2),
        (LINE + b"CURRENCYLAYER_KEY=GeheimWort\n", 2),
        (LINE + b"CURRENCY_LAYER_ACCESS_KEY=GeheimWort\n", 2),
        (b"# a\nDATABSE_URL=sqlite:///GeheimWort.db\n", 2),
        (b"database_url=sqlite:///GeheimWort.db\n", 1),
        (b"DATABASE_URI=sqlite:///GeheimWort.db\n", 1),
        (b"DBSVC_DATABASE_URL=sqlite:///GeheimWort.db\n", 1),
    ],
)
def test_what_is_refused_with_file_and_line(content: bytes, line: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"^\.env:{line}: [^\n]+$") as refused:
        read(content)
    assert "Geheim" not in str(refused.value)
    with pytest.raises(ConfigurationError):
        connect()
    assert read_secrets() is not None


@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_the_file_holds_the_line_that_is_meant_counts_or_all_is_refused(content: bytes) -> None:
    refusal = ""
    try:
        assert read(content + b"\n" + LINE).database_url == URL
    except ConfigurationError as refused:
        refusal = str(refused)
    assert re.match(r"\.env:\d+: |$", refusal)
    read_secrets()


@given(value=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, categories=("L", "N", "P", "S")), min_size=1))
def test_a_value_in_single_quotes_is_as_it_is_written(value: str) -> None:
    value = value.replace("'", "")
    Path(".env").write_text(f"A=1\nexport DATABASE_URL='{value}'\n", encoding="utf-8")
    assert dotenv.read(lambda name: True, needed=True)["DATABASE_URL"] == (value, 2)


def test_a_file_that_cannot_be_read() -> None:
    path = Path(".env")
    makers: list[Callable[[], None]] = [
        path.mkdir,
        lambda: os.symlink("x", path),
        lambda: os.symlink(path, path),
        lambda: os.mkfifo(path),
    ]
    for make in makers:
        make()
        with pytest.raises(ConfigurationError, match=r"^\.env "):
            read_settings()
        assert read_secrets() == set()
        path.rmdir() if path.is_dir() else path.unlink()
    path.write_text(" \n")
    with pytest.raises(ConfigurationError, match="is empty"):
        read_settings()
    path.write_text("# nothing is set\nOTHER=1\n")
    assert read_settings() == Settings()
    path.unlink()
    path.symlink_to("settings")
    Path("settings").write_bytes(LINE)
    assert read_settings().database_url == URL


def test_names_in_the_environment_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, meant in (
        ("DBSVC_MAX_REJECT_SHARE", "DBSVC_MAX_REJECTED_SHARE"),
        ("dbsvc_total_factor", "DBSVC_TOTAL_FACTOR"),
        ("CURRENCYLAYER_BASEURL", "CURRENCYLAYER_BASE_URL"),
        ("DBSVC_CHECK_BILLS_IDENTICAL_MIN_SHAR", "DBSVC_CHECK_"),
        ("DATABSE_URL", "DATABASE_URL"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, "GeheimWort")
            with pytest.raises(ConfigurationError, match=rf"{name} is no setting of dbsvc: did you mean {meant}") as refused:
                connect(URL)
            assert "Geheim" not in str(refused.value)
    monkeypatch.setenv("DBSVC_TEST_ANYTHING", "1")
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_URI", "somebody else's, and harmless beside ours")
    assert read_settings().database_url == URL


def test_every_threshold_is_a_known_name(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {check.setting(name) for check in load_checks(Statements(("sqlite",))) for name in check.thresholds}
    assert known
    assert known <= threshold_settings()
    for name in known:
        monkeypatch.setenv(name, "1")
    read_settings()


def test_an_empty_value_in_the_environment_is_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_bytes(LINE + SHARE)
    monkeypatch.setenv("DBSVC_MAX_REJECTED_SHARE", "")
    with pytest.raises(ConfigurationError, match=r"^The setting DBSVC_MAX_REJECTED_SHARE must be"):
        read_settings()


@pytest.mark.parametrize("case", ["bom", "cp1252", "export", "typo"])
def test_the_cases(case: str) -> None:
    path = CASES / f"03_env_{case}.env"
    if not path.exists():
        pytest.skip("the cases are not here")
    if case in ("bom", "export"):
        assert read(path.read_bytes()).database_url == "postgresql://bar@127.0.0.1:25431/c03"
    else:
        with pytest.raises(ConfigurationError, match=r"^\.env:[12]: "):
            read(path.read_bytes())


@pytest.mark.parametrize(("command", "code"), [("status", 78), ("db status", 78), ("check", 3), ("fx --missing", 78)])
def test_every_command_stops(command: str, code: int) -> None:
    Path(".env").write_bytes(b"export DBSVC_MAX_REJECT_SHARE=0.5\n")
    ran = subprocess.run([sys.executable, "-m", "dbsvc", *command.split()], capture_output=True, check=False)
    assert ran.returncode == code
    assert b".env:1: DBSVC_MAX_REJECT_SHARE is no setting of dbsvc" in ran.stdout + ran.stderr
    assert b"Traceback" not in ran.stderr
    assert os.listdir() == [".env"]


# Where secrets go ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CURRENCYLAYER_BASE_URL", "CURRENCYLAYER_PROXY"])
def test_a_file_of_settings_does_not_say_where_a_key_of_others_goes(
    name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "key"
    for path in (elsewhere, tmp_path / "key"):
        path.write_text("GeheimWort")
    where = f"{name}=http://evil.example\n".encode()
    refusal = rf"^\.env:1: {name} says where the access key goes.*: set {name} in the environment\.$"

    for key in (f"FILE={elsewhere}", "FILE=../key"):
        settings = read(where + f"CURRENCYLAYER_ACCESS_KEY_{key}\n".encode())
        with pytest.raises(ConfigurationError, match=refusal):
            settings.read_access_key()
    assert read(where + b"CURRENCYLAYER_ACCESS_KEY_FILE=key\n").read_access_key() == "GeheimWort"
    both = where + b"CURRENCYLAYER_ACCESS_KEY=GeheimWort\n"
    assert read(both).read_access_key() == "GeheimWort"

    for variable, value in (("CURRENCYLAYER_ACCESS_KEY", "x"), ("CURRENCYLAYER_ACCESS_KEY_FILE", str(elsewhere))):
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            for content in (where, both):
                settings = read(content)  # what asks nobody goes on
                with pytest.raises(ConfigurationError, match=refusal):
                    settings.read_access_key()
            assert read(b"CURRENCYLAYER_BASE_URL=https://api.currencylayer.com\n").read_access_key()
            patch.setenv(name, "http://ours.example")
            assert read(where).read_access_key()


def test_a_file_of_settings_does_not_say_to_whom_a_password_of_the_environment_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "GeheimWort")
    for url in ("postgresql://u@evil.example/x", "postgresql:///x?host=evil.example", "postgresql://u@evil.example,b:5/x"):
        with pytest.raises(ConfigurationError, match=r"^\.env:1: DATABASE_URL says to whom PGPASSWORD goes"):
            read(f"DATABASE_URL={url}\n".encode())
        monkeypatch.setenv("DATABASE_URL", url)
        assert read(LINE).database_url == url
        monkeypatch.delenv("DATABASE_URL")
    for url in ("postgresql://u:own@h/x", "postgresql://u@h/x?password=own", "postgresql:///x", URL):
        assert read(f"DATABASE_URL={url}\n".encode()).database_url == url
    assert "GeheimWort" in read_secrets()


@pytest.mark.parametrize(
    "query",
    [
        "password=a%40b",
        "x=1&sslpassword=a@b",
        "PassWord=a%40b",
        "ssl%70assword=a@b",
        "oauth_client_secret=a@b",
        "scram_client_key=a@b",
    ],
)
def test_secrets_of_the_query_are_secret(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:p@h/x?{query}&application_name=shown")
    found = read_secrets()
    assert "a@b" in found
    assert "shown" not in found
