"""Packed files: whatever packs one, it is the same delivery; what is wrong with it is one sentence, and nothing is lost."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import signal
import sys
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsvc import Database
from dbsvc.engine.errors import ConfigurationError, InputError, InputMissingError, NoRoomError
from dbsvc.engine.loads.plan import plan
from dbsvc.engine.settings import Settings, read_settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.folders import find_sources
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.packed import find_packing, find_wrong_name
from dbsvc.engine.sources.scan import scan
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import ROOT, bills, kept, load, processes, query, usage_csv, write
from tests.helpers.cli import Cli, summary
from tests.helpers.growing import ON_ONE, events, run
from tests.helpers.processes import Instance, succeed

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CASES = ROOT.parent / "shared" / "cases"
GOOD = usage_csv([("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(1, 4)])
OTHER = usage_csv([("2021-11-01", n, "USD", f"name {n}", n, 0) for n in range(1, 4)])
LARGE = usage_csv([("2021-10-01", n, "USD", os.urandom(20).hex(), n, 0) for n in range(3000)])
CHECKED = {int(zstd.CompressionParameter.checksum_flag): 1}  # as the command line tool does


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return made.getvalue()


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": lambda content: zstd.compress(content, options=CHECKED),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda content: zipped(("usage.csv", content)),
    "stored": lambda content: zipped(("usage.csv", content), method=zipfile.ZIP_STORED),
}
JOINED = ("gzip", "zstd", "bzip2", "xz")
every_form = pytest.mark.parametrize("form", FORMS)


def read(path: Path, **limits: int) -> bytes:
    """All that comes out of a file."""
    with SourceFile(str(path), **limits) as delivery:
        return delivery.read(0, 2**26)


def refused(path: Path, **limits: int) -> str:
    """Why a file cannot be read: one sentence, and exit code 65."""
    with pytest.raises(InputError) as raised:
        read(path, **limits)
    assert raised.value.exit_code == 65
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")
    return str(raised.value)


# One file -------------------------------------------------------------------------------------------------------------------


@every_form
def test_what_is_packed_is_read(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / "usage", FORMS[form](LARGE))
    with SourceFile(str(path)) as delivery:
        assert (delivery.packing or "", delivery.can_grow) == (form.replace("stored", "zip"), False)
        assert delivery.read(5, 20) == LARGE[5:25]
        assert delivery.read(0, 2**26) == LARGE
        assert delivery.size == len(LARGE)


@pytest.mark.parametrize("form", JOINED)
def test_packed_files_that_were_joined(tmp_path: Path, form: str) -> None:
    pack = FORMS[form]
    for between, behind in ((b"", b""), (b"", bytes(512)), (bytes(4), b"")):
        content = pack(LARGE[:1000]) + between + pack(b"") + pack(LARGE[1000:]) + behind
        assert read(write(tmp_path / "usage.csv", content)) == LARGE
    assert f"the {form} data is damaged" in refused(write(tmp_path / "usage.csv", pack(GOOD) + b"rubbish" * 9))
    assert f"the {form} data is damaged" in refused(write(tmp_path / "usage.csv", pack(GOOD) + pack(GOOD)[:-1]))


@every_form
def test_what_is_cut_off_or_damaged_is_refused(tmp_path: Path, form: str) -> None:
    whole = FORMS[form](LARGE)
    name = "zip" if form == "stored" else form
    for length in (12, 30, len(whole) // 2, len(whole) - 1):
        assert f"the {name} data is damaged or cut off" in refused(write(tmp_path / "usage.csv", whole[:length]))
    for place in (len(whole) // 3, len(whole) // 2):
        damaged = whole[:place] + bytes(byte ^ 0x55 for byte in whole[place : place + 9]) + whole[place + 9 :]
        assert f"the {name} data is damaged or cut off" in refused(write(tmp_path / "usage.csv", damaged))


@every_form
def test_a_bomb_is_refused(tmp_path: Path, form: str) -> None:
    """Before much of it is written."""
    path = write(tmp_path / "usage.csv", FORMS[form](GOOD * 20_000))
    with SourceFile(str(path), 2_000_000) as delivery:
        with pytest.raises(InputError, match=r"unpacks to more than 0.002 GB.*DBSVC_MAX_UNPACKED_GB"):
            delivery.read(0, 2**26)
        assert os.fstat(kept(delivery)).st_size <= 2_000_000
    assert len(read(path, max_unpacked=len(GOOD) * 20_000)) == len(GOOD) * 20_000


def test_what_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    greedy = {int(zstd.CompressionParameter.window_log): 28}
    assert "too much memory" in refused(write(tmp_path / "a", zstd.ZstdCompressor(options=greedy).compress(GOOD, 1)))
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**28}]
    assert "too much memory" in refused(write(tmp_path / "a", lzma.compress(GOOD, filters=filters)))
    assert read(write(tmp_path / "a", lzma.compress(GOOD, preset=9))) == GOOD


@pytest.mark.parametrize("form", ["zstd", "stored"])
def test_room_is_looked_for_before_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    class System:
        f_frsize = 1
        f_blocks = f_bavail = 10 * 2**20

    content = os.urandom(15 * 2**20).hex().encode()
    monkeypatch.setattr(os, "fstatvfs", lambda descriptor: System())
    with SourceFile(str(write(tmp_path / "usage.csv", FORMS[form](content)))) as delivery:
        delivery.read(0, 2**20)
        with pytest.raises(NoRoomError, match="more than 31 MB"):
            delivery.read(0, len(content))
        assert os.fstat(kept(delivery)).st_size < 2**21


@given(content=st.binary(max_size=2000), cuts=st.lists(st.integers(0, 2000), max_size=3), form=st.sampled_from(sorted(FORMS)))
def test_whatever_is_packed_comes_out(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cuts: list[int], form: str
) -> None:
    parts = [content]
    if form in JOINED:
        edges = [0, *sorted(cuts), len(content)]
        parts = [content[start:end] for start, end in pairwise(edges)]
    packed = b"".join(map(FORMS[form], parts))
    assert read(write(tmp_path_factory.getbasetemp() / f"whatever_{os.getpid()}", packed)) == content


@given(rows=st.lists(st.tuples(st.integers(1, 28), st.integers(1, 99), st.text("aé,\"' ", max_size=5)), min_size=1))
def test_whatever_packs_it_is_the_same_delivery(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, str]]
) -> None:
    content = usage_csv([(f"2021-10-{day:02}", n, "USD", name, n, 0) for day, n, name in rows])
    datasets = Statements(("sqlite",)).datasets.values()
    found = set()
    for pack in [bytes, *FORMS.values()]:
        path = write(tmp_path_factory.getbasetemp() / f"delivery_{os.getpid()}", pack(content))
        with SourceFile(str(path)) as delivery:
            scanned = scan(delivery, read_header(delivery, datasets), 100)
        found.add((scanned.sha256, tuple(scanned.chunks), scanned.lines, scanned.ending))
    assert len(found) == 1


@given(damage=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4), cut=st.integers(1, 400))
def test_whatever_damages_it_is_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]], cut: int
) -> None:
    for pack in FORMS.values():
        content = bytearray(pack(GOOD))
        for place, value in damage:
            content[place % len(content)] = value
        path = write(tmp_path_factory.getbasetemp() / f"damaged_{os.getpid()}", bytes(content[:cut]))
        with suppress(InputError, InputMissingError):  # nothing else
            read(path, max_unpacked=10**6)


def test_packed_and_plain_are_one_delivery(db: Database, tmp_path: Path) -> None:
    assert load(db, write(tmp_path / "usage.csv", GOOD)).load.inserted == 3
    for form, pack in FORMS.items():
        outcome = load(db, write(tmp_path / form, pack(GOOD)))
        assert (outcome.already, outcome.load.load_id) == (True, 1)
    assert len(bills(db)) == 3


@every_form
def test_a_packed_stream_is_read_as_a_whole(solar: Database, tmp_path: Path, form: str) -> None:
    """It does not grow: a last line without an end is a record. A copy of what was read brings the rest alone."""
    run(solar, write(tmp_path / "t.jsonl", events(range(5))))
    (outcome,) = run(solar, write(tmp_path / "t.jsonl.1", FORMS[form](events(range(8))[:-1])))
    assert (outcome.load.read, outcome.load.inserted) == (3, 3)


def test_the_cases(solar: Database) -> None:
    if not CASES.is_dir():
        pytest.skip("the cases are not there")
    paths = sorted(CASES.glob("19o.*"))
    assert len(paths) == 4
    assert [[(o.load.load_id, o.already, o.load.read) for o in run(solar, path)] for path in paths] == [
        *([(1, False, 1)], [(1, True, 1)], [(1, True, 1)]),
        [(2, False, 1)],  # its last line has no end, so these are other bytes
    ]


# Archives -------------------------------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_an_archive_is_a_folder(cli_on: Cli, db: Database) -> None:
    both = {n: usage_csv([("2021-10-01", 5, "USD", f"file {n}", n, 0), ("x", n, "", "", "", "")]) for n in (10, 9)}
    members = [(f"deep/usage-{n}.csv", content) for n, content in both.items()]
    hidden = [("__MACOSX/deep/._usage-9.csv", b"\0"), ("deep/.DS_Store", b""), ("deep/usage-9.csv~", GOOD), ("deep/", b"")]
    cli_on.write("in/many.zip", zipped(*members, *hidden, ("README.txt", b"Bring milk.\n")))
    cli_on.write("in/one.zip", zipped(("usage.csv", GOOD), ("__MACOSX/._usage.csv", b"\0")))
    ran = cli_on("ingest", "in", env={"DBSVC_MAX_REJECTED_SHARE": "1"})
    assert ran.code == 0
    outcomes = {report["source"]: report["outcome"] for report in ran.objects[:-1]}
    assert outcomes == {
        "in/many.zip/README.txt": "skipped",
        "in/many.zip/deep/usage-9.csv": "published",
        "in/many.zip/deep/usage-10.csv": "published",
        "in/one.zip": "published",
    }
    assert [row[2] for row in bills(db)][-1] == "file 10"
    told = {line["folder"]: line["names"] for line in ran.logs if line["event"] == "left_out"}
    assert told == {"in/many.zip": [name for name, _ in hidden[:3]], "in/one.zip": ["__MACOSX/._usage.csv"]}
    # a reject names the file of the archive and the line in it, and the file can be named, too
    assert query(db, "SELECT source, line_no FROM rejects INNER JOIN loads USING (load_id) ORDER BY load_id") == [
        ("in/many.zip/deep/usage-9.csv", 3),
        ("in/many.zip/deep/usage-10.csv", 3),
    ]
    again = cli_on("ingest", "--again", "in/many.zip/deep/usage-9.csv", env={"DBSVC_MAX_REJECTED_SHARE": "1"})
    assert (again.code, again.objects[0]["outcome"]) == (0, "published")
    assert [row[2] for row in bills(db)][-1] == "file 9"
    assert cli_on("ingest", "in/many.zip/nowhere.csv").code == 66
    assert cli_on("ingest", "in/many.zip/README.txt").code == 65


def test_members_come_in_the_order_of_their_datasets(cli: Cli) -> None:
    inverters = b"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\ni1,p1,V,M,100,\n"
    plants = b"plant_id,name,location,timezone\np1,A,B,Asia/Jerusalem\n"
    cli.write("all.zip", zipped(("a.jsonl", events([1])), ("b.csv", inverters), ("c.csv", plants)))
    ran = cli("ingest", "all.zip")
    assert [report["source"] for report in ran.objects[:-1]] == ["all.zip/c.csv", "all.zip/b.csv", "all.zip/a.jsonl"]
    assert summary(ran)["inserted"] == 3


def encrypted() -> bytes:
    """An archive whose member says that it is encrypted."""
    content = bytearray(zipped(("usage.csv", GOOD), ("other.csv", OTHER)))
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + flags] |= 1
    return bytes(content)


ODD = {
    "empty": (zipped(), "the archive is empty"),
    "nothing but hidden ones": (zipped(("__MACOSX/a", b"")), "the archive is empty"),
    "a way out": (zipped(("../usage.csv", GOOD)), "a member '../usage.csv'"),
    "a way out below": (zipped(("a/../../usage.csv", GOOD), ("b.csv", OTHER)), "a member 'a/../../usage.csv'"),
    "from the root": (zipped(("/etc/usage.csv", GOOD)), "a member '/etc/usage.csv'"),
    "a drive": (zipped(("C:\\usage.csv", GOOD)), "a member 'C:"),
    "a line in a name": (zipped(("a\nb.csv", GOOD)), "a member 'a\ufffdb.csv'"),
    "too many": (zipped(*((f"{'x' * 200}{n}", b"") for n in range(9000)), method=zipfile.ZIP_STORED), "too many members"),
    "another method": (zipped(("usage.csv", GOOD), method=zipfile.ZIP_LZMA), "by method 14"),
    "packed within": (zipped(("usage.csv.gz", gzip.compress(GOOD))), "packed with gzip within zip; unpack it once"),
    "an archive within": (zipped(("usage.zip", zipped(("usage.csv", GOOD)))), "packed with zip within zip; unpack it once"),
    "no delivery": (zipped(("README.txt", b"Bring milk.\n")), "the header is that of no dataset"),
    "no list": (zipped(("usage.csv", GOOD))[:-40], "damaged or cut off"),
}


@ON_ONE
@pytest.mark.parametrize("kind", ODD)
def test_odd_archives(db: Database, tmp_path: Path, kind: str) -> None:
    content, says = ODD[kind]
    (tmp_path / "in").mkdir()
    path = write(tmp_path / "in" / "usage.zip", content)
    planned = [one for argument in (path, path.parent) for one in plan(db, find_sources([str(argument)]).sources, Settings())]
    assert len(planned) == 2
    for one in planned:
        assert isinstance(one.error, InputError)
        assert (one.skipped, one.error.exit_code) == (False, 65)
        assert says in str(one.error)
        assert str(one.error).startswith(f"{path}: ")
        assert "\n" not in str(one.error)


def test_two_members_of_a_name(db: Database, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zipped(("usage.csv", GOOD), ("usage.csv", OTHER))
    (planned,) = plan(db, find_sources([str(write(tmp_path / "usage.zip", content))]).sources, Settings())
    assert "two members 'usage.csv'" in str(planned.error)


def test_members_fail_alone(cli: Cli) -> None:
    """One that is encrypted, one that is damaged, one that is too large."""
    cli.write("a.zip", encrypted())
    ran = cli("ingest", "a.zip")
    assert (ran.code, summary(ran)["published"], summary(ran)["failed"]) == (65, 1, 1)
    assert ran.error == "a.zip/usage.csv: it is encrypted; decrypt it."
    content = zipped(("a.csv", GOOD), ("b.csv", LARGE), ("c.csv", OTHER), method=zipfile.ZIP_STORED)
    cli.write("b.zip", content.replace(b"name 2", b"name 4", 1))
    ran = cli("ingest", "b.zip", env={"DBSVC_MAX_UNPACKED_GB": "0.00001"})
    because = {report["source"]: report.get("because", "") for report in ran.objects[:-1]}
    assert ran.code == 65
    assert "the zip data is damaged" in because["b.zip/a.csv"]
    assert "more than 1e-05 GB" in because["b.zip/b.csv"]
    assert because["b.zip/c.csv"] == ""


def test_piped_archives(tmp_path: Path) -> None:
    """What a pipe brings is spooled, and then unpacked."""
    for form, pack in FORMS.items():
        with piped(tmp_path / form, pack(LARGE)) as path:
            assert read(path) == LARGE
    with piped(tmp_path / "two", zipped(("a", GOOD), ("b", OTHER))) as path:
        assert "2 files are packed in it; save it" in refused(path)


@contextmanager
def piped(path: Path, content: bytes) -> Iterator[Path]:
    """A pipe by name, into which that is written once."""
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(path.write_bytes, content)
        yield path
        writing.result()


# Names, limits, kills -------------------------------------------------------------------------------------------------------


def test_wrong_names_are_said(cli: Cli) -> None:
    cli.write("in/a.csv.gz", zstd.compress(GOOD))
    cli.write("in/b.zip", OTHER)
    cli.write("in/c.csv.xz", b"\1" + lzma.compress(GOOD))
    cli.write("in/d.csv.gz", gzip.compress(GOOD.replace(b"2021", b"2022")))
    ran = cli("ingest", "in")
    reports = {report["source"]: report for report in ran.objects[:-1]}
    assert reports["in/a.csv.gz"]["wrong_name"] == "its name says gzip, its first bytes say zstd"
    assert "its name says xz, its first bytes say text." in reports["in/c.csv.xz"]["because"]
    assert "wrong_name" not in reports["in/d.csv.gz"]
    said = cli("--output", "table", "ingest", "in/b.zip").out.decode()
    assert "in/b.zip: its name says zip, its first bytes say text, so that is what it was read as." in " ".join(said.split())


@pytest.mark.parametrize(
    ("name", "packing", "wrong"),
    [
        *[(name, None, False) for name in ("a.csv", "a", "-", "a.jsonl.1", "a.txt")],
        *[("a.csv.gz", "gzip", False), ("a.CSV.ZST", "zstd", False), ("a", "xz", False), ("in.zip/a", None, False)],
        *[("a.csv.gz", None, True), ("a.csv", "gzip", True), ("a.zip", "gzip", True), ("a.parquet", None, True)],
    ],
)
def test_which_names_are_wrong(name: str, packing: str | None, wrong: bool) -> None:
    assert (find_wrong_name(name, packing) is not None) is wrong


@pytest.mark.parametrize("value", ["0", "-1", "64 GB", ""])
def test_a_limit_that_is_not_understood(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DBSVC_MAX_UNPACKED_GB", value)
    with pytest.raises(ConfigurationError, match="must be a number above 0, such as 64"):
        read_settings()


def test_text_is_not_packed() -> None:
    for text in (b"BZh,Bill_ID\n", b"PK,a\n", b"PAR,\n", b"(x)\n", b"", GOOD, events([1])):
        assert find_packing(text) is None


@pytest.mark.slow
@pytest.mark.one_database
@pytest.mark.parametrize("form", ["zstd", pytest.param("zip", marks=pytest.mark.long)])
def test_killed_while_it_is_unpacked(url: str, tmp_path: Path, form: str) -> None:
    """Nothing stays behind, and the next run's result is that of an undisturbed one."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    path = write(tmp_path / "usage.csv", FORMS[form](LARGE))
    for event in ("plan", "registered", "staged"):
        with Instance(url, "ingest", path, TMPDIR=temporary, DBSVC_CHUNK_BYTES=20_000) as instance:
            if event != "plan":
                instance.await_event(event)
            instance.kill(signal.SIGKILL)
            instance.await_end()
        assert list(temporary.iterdir()) == []
    succeed(url, "ingest", path, TMPDIR=temporary, DBSVC_CHUNK_BYTES="20000")
    counted = "SELECT count(*), sum(read), sum(inserted) FROM loads WHERE status = 'published'"
    assert processes.query(url, counted) == [(1, 3000, 3000)]


@pytest.mark.long
@ON_ONE
@every_form
def test_memory_is_bounded(url: str, tmp_path: Path, form: str) -> None:
    """Of more than 100 MB, packed with the largest windows that are unpacked."""
    wide = {int(zstd.CompressionParameter.window_log): 26, **CHECKED}
    widest: dict[str, Callable[[bytes], bytes]] = {
        "zstd": lambda content: zstd.compress(content, options=wide),
        "xz": lambda content: lzma.compress(content, preset=9),
        "gzip": lambda content: gzip.compress(content, 1),
    }
    rows = (("2021-10-01", n, "USD", f"name {n} {os.urandom(80).hex()}", n, 0) for n in range(520_000))
    content = usage_csv(rows)
    assert len(content) > 100 * 10**6
    path = write(tmp_path / "usage", {**FORMS, **widest}[form](content))
    assert processes.peak(url, "ingest", str(path)) < 200
