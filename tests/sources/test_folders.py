"""Folders, globs, packed and piped files: every file fails alone, nothing is passed over in silence."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import random
import re
import socket
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsvc import Database
from dbsvc.engine.errors import InputError, InputMissingError, NoRoomError, SpoolError
from dbsvc.engine.loads.plan import plan
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.folders import find_sources, natural_key
from dbsvc.engine.sources.header import read_header
from dbsvc.engine.sources.names import looks_like_delivery
from dbsvc.engine.sources.oddities import find_kind
from dbsvc.engine.sources.packed import find_packing
from dbsvc.engine.sources.scan import scan
from dbsvc.engine.statements.catalog import Statements
from tests.helpers import HEADER, ROOT, bills, kept, usage_csv, write
from tests.helpers.cli import DBSVC, Cli, summary

GOOD = usage_csv([("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(1, 4)])
EVENT = (
    b'{"event_id":"e1","plant_id":"p1","inverter_id":"i1","event_time":"2025-06-20T10:00:00Z",'
    b'"ac_power":1,"ac_power_unit":"W"}\n'
)

pytestmark = pytest.mark.slow  # it starts many processes
CASES = ROOT.parent / "shared" / "cases"

#: what is delivered by mistake; what the sentence says of it
ODD: dict[str, tuple[bytes, str]] = {
    "semicolons.csv": (
        HEADER.replace(",", ";").encode() + b"\n31.10.2021;1;EUR;M\xfcller;1.234,56;0,50\n",
        r'`delimiter = ";"`, `decimal = ","`, `thousands = "."`, `date = "day_first"`\. `dbsvc datasets profile ',
    ),
    "tabs.tsv": (GOOD.replace(b",", b"\t"), r'`delimiter = "\\t"`'),
    "BARS.CSV": (GOOD.replace(b",", b"|"), r'`delimiter = "\|"`'),
    "sep.csv": (b"sep=,\n" + GOOD, "`skip_lines = 1`"),
    "preamble.csv": (b"Billing report;;\nGenerated,2021-11-01\n\n" + GOOD, "`skip_lines = 3`"),
    "renamed.csv": (
        GOOD.replace(b"Date_", b"Date"),
        r"lacks column\(s\): 'Date_', and has unknown column\(s\): 'Date'.*`\[names\] \"Date\" = \"Date_\"`",
    ),
    "trailing.csv": (GOOD.replace(b"\n", b",\n"), "its header ends in a delimiter.*`trailing_delimiter = true`"),
    "utf16.csv.gz": (gzip.compress(GOOD.decode().encode("utf-16")), 'UTF-16.*`encoding = "utf-16"`'),
    "cr.csv": (GOOD.replace(b"\n", b"\r"), "CR alone"),
    "foreign.csv": (b"Datum,Nummer\n1,2\n", "that of no dataset"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n\0\0", "not a text file|not UTF-8"),
    "empty.CSV": (b"", "the file is empty"),
    "blank.csv.gz": (gzip.compress(b"\n\n"), "nothing but blank lines"),
    "other.jsonl": (b'{"a": 1}\n', "none of its first lines"),
    "array.json": (b"[\n" + EVENT.replace(b"\n", b",\n") + b"]", "one array"),
    "nulls.ndjson": (bytes(5000), "nothing but NULs"),
    "rotated.jsonl.1": (b"rubbish\n", "that of no dataset"),
}


# The order of files --------------------------------------------------------------------------------------------------------


PIECES = ["a", "B", "-", ".", " ", "é", "0", "1", "9", "10", "007", "9" * 30]


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=6), max_size=8))
def test_natural_order(names: list[list[str]]) -> None:
    """Against a plain model: whole numbers are numbers, a dot goes before all else, what is equal is told by its bytes."""

    def model(name: str) -> tuple[list[int | str], str]:
        parts = re.split("([0-9]+)", name)
        return [int(part) if part.isdecimal() else part.replace(".", "\0") for part in parts], name

    texts = ["".join(parts) for parts in names]
    expected = sorted(texts, key=model)
    random.Random(len(texts)).shuffle(texts)
    assert sorted(texts, key=natural_key) == expected


@pytest.mark.parametrize(
    "ordered",
    [
        ["usage-9.csv", "usage-10.csv", "usage-100.csv"],
        [
            "usage.csv",
            "usage (1).csv",
            "usage (2).csv",
            "usage (10).csv",
            "usage-1.csv",
            "usage-1-fixed.csv",
            "usage-2.csv",
        ],
        ["2021-9-30.csv", "2021-10-1.csv", "2021-10-01.csv.gz"],
        ["v1.9.csv", "v1.10.csv", f"v{'9' * 5000}.csv", f"v1{'0' * 5000}.csv"],
        ["a", "a1", "a01b2", "a1b10", "b"],
    ],
)
def test_natural_order_by_example(ordered: list[str]) -> None:
    shuffled = random.Random(1).sample(ordered, len(ordered))
    assert sorted(shuffled, key=natural_key) == ordered


def test_the_last_of_a_folder_wins(cli_on: Cli, db: Database) -> None:
    for n in (2, 9, 10):
        for folder in ("in", "by_glob/deep"):
            cli_on.write(f"{folder}/usage-{n}.csv", usage_csv([("2021-10-01", len(folder), "USD", f"file {n}", n, 0)]))
    for arguments in (["in"], ["by_glob/*/usage-*.csv"]):
        ran = cli_on("ingest", *arguments)
        assert [Path(report["source"]).name for report in ran.objects[:-1]] == ["usage-2.csv", "usage-9.csv", "usage-10.csv"]
    assert [row[2] for row in bills(db)] == ["file 10", "file 10"]
    # several arguments are taken in the order given
    for n in (2, 9, 10):
        cli_on.write(f"again-{n}.csv", usage_csv([("2021-10-01", 5, "USD", f"again {n}", n, 0)]))
    cli_on("ingest", "again-10.csv", "again-9.csv", "again-2.csv")
    assert bills(db)[1][2] == "again 2"


# What is in a folder -------------------------------------------------------------------------------------------------------


def test_what_is_unfinished_is_left_out(cli: Cli) -> None:
    left_out = ["x.csv~", "x.csv.part", "x.csv.tmp", "x.csv.filepart", "x.csv.crdownload", ".x.csv.swp", "x.csv.PARTIAL"]
    left_out += ["~$x.csv", "#x.csv#", ".x.csv.Gh3d2", "x.csv.lock", "x.csv.bak"]
    for n, name in enumerate(left_out):
        cli.write(f"in/{name}", usage_csv([("2021-10-01", n + 100, "USD", "unfinished", 1, 1)]))
    cli.write("in/deeper/y.csv", GOOD)
    ran = cli("ingest", "in")
    assert (ran.code, summary(ran)["files"]) == (0, 0)
    told = {line["why"]: line["names"] for line in ran.logs if line["event"] == "left_out"}
    assert sorted(told["hidden or unfinished"]) == sorted(left_out)
    assert told["folders within"] == ["deeper"]
    assert {"empty", "nothing_to_load"} <= {line["event"] for line in ran.logs}
    cli.write("in/x.csv", GOOD)
    ran = cli("ingest", "in/*", "in")
    assert (ran.code, summary(ran)["inserted"]) == (0, 3)
    assert b"12 left out (hidden or unfinished): " in cli("--output", "table", "ingest", "in").out
    # one that is named is loaded, a glob that finds nothing else is a mistake
    assert summary(cli("ingest", "in/x.csv.part"))["inserted"] == 1
    assert cli("ingest", "in/*.part").code == 66


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "README.txt", b"Put files into in/.\n")
    ran = Cli(tmp_path)("--output", "table", "ingest", "in")
    assert ran.code == 0
    assert ran.out.decode() == "in: there is no file to load in this folder.\nThere was nothing to load.\n"
    assert Cli(tmp_path)("ingest", "").code == 66
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("name", ODD)
def test_what_looks_like_a_delivery_is_one(tmp_path: Path, sqlite_template: Path, name: str) -> None:
    """Named or found in a folder: it fails, says why, and the other files are loaded."""
    content, says = ODD[name]
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / name, content)
    with SourceFile(str(folder / name)) as delivery, pytest.raises(InputError, match=says) as raised:
        read_header(delivery, Statements(("sqlite",)).datasets.values())
    assert "\n" not in str(raised.value)
    assert looks_like_delivery(name)


def test_every_file_fails_alone(cli_on: Cli, db: Database) -> None:
    folder = cli_on.folder / "in"
    for name, (content, _) in ODD.items():
        cli_on.write(f"in/{name}", content)
    cli_on.write("in/README.txt", b"Bring milk.\n")
    cli_on.write("in/letter.pdf", b"%PDF-1.4\n\xff\xff")
    cli_on.write("in/zz.csv", GOOD)
    write(Path(os.fsdecode(bytes(folder) + b"/caf\xe9.csv")), GOOD.replace(b"2021", b"2022"))
    write(Path(os.fsdecode(bytes(folder) + b"/caf\xe9.txt")), b"milk\n")
    (folder / "link.csv").symlink_to("nowhere.csv")
    os.mkfifo(folder / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket.csv"))
        ran = cli_on("ingest", "in", "nowhere", "zz/*.csv")
    assert ran.code == 65
    reports = {report["source"]: report for report in ran.objects[:-1]}
    failed = {source for source, report in reports.items() if report["outcome"] == "failed"}
    assert failed == {f"in/{name}" for name in ODD} | {"in/caf\\xe9.csv", "in/link.csv", "nowhere", "zz/*.csv"}
    assert {source for source, report in reports.items() if report["outcome"] == "skipped"} == {
        "in/README.txt",
        "in/letter.pdf",
        "in/caf\\xe9.txt",
    }
    assert {reports[name]["exit_code"] for name in ("in/link.csv", "nowhere", "zz/*.csv")} == {66}
    assert (reports["in/zz.csv"]["outcome"], len(bills(db))) == ("published", 3)
    (left_out,) = [line for line in ran.logs if line["event"] == "left_out"]
    assert sorted(left_out["names"]) == ["pipe.csv", "socket.csv"]


@pytest.mark.skipif(os.getuid() != 0, reason="another user is needed, who may not read")
def test_what_may_not_be_read_fails_alone(tmp_path: Path) -> None:
    """As nobody, and by the functions: what the interpreter needs may lie where nobody may go."""
    for name in ("open/a.csv", "open/b.csv", "closed/c.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, GOOD)
    (tmp_path / "open/a.csv").chmod(0)
    (tmp_path / "closed").chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o555)
    arguments = [str(tmp_path / name) for name in ("open", "closed", "closed/c.csv")]
    os.seteuid(65534)
    try:
        found = find_sources(arguments).sources
        assert [type(source.error) for source in found] == [type(None), type(None), InputMissingError, InputMissingError]
        with pytest.raises(InputMissingError, match="permission denied"):
            SourceFile(found[0].path)
        with SourceFile(found[1].path) as delivery:
            assert delivery.size == len(GOOD)
    finally:
        os.seteuid(0)


def test_a_file_that_vanishes_fails_alone(db: Database, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name, GOOD)
    found = find_sources([str(tmp_path / "[ab].csv")])
    (tmp_path / "a.csv").unlink()
    planned = plan(db, found.sources, Settings())
    assert [(Path(one.source).name, getattr(one.error, "exit_code", 0)) for one in planned] == [("a.csv", 66), ("b.csv", 0)]


@pytest.mark.parametrize(
    ("name", "delivery"),
    [
        *[
            (name, True)
            for name in ("a.csv", "A.CSV", "a.Csv.GZ", "a.jsonl.1", "a.csv.2021-10-01", "a.csv.zip.gpg", "a.tsv.zst")
        ],
        *[(name, False) for name in ("README", "csv", "a.csv.md5", "a.pdf", "a.txt.gz", "1.2", "", "jsonl.txt")],
    ],
)
def test_which_names_look_like_deliveries(name: str, delivery: bool) -> None:
    assert looks_like_delivery(f"some.csv/{name}") is delivery


# Packed files --------------------------------------------------------------------------------------------------------------


def packed() -> dict[str, tuple[bytes, str]]:
    """Files that are packed in a way that we do not unpack, and how."""
    tarred, workbook, document = io.BytesIO(), io.BytesIO(), io.BytesIO()
    for file, member in ((workbook, "xl/workbook.xml"), (document, "word/document.xml")):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("[Content_Types].xml", "")
            archive.writestr(member, "")
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("usage.csv"), io.BytesIO(b""))
    return {
        "xlsx": (workbook.getvalue(), "workbook"),
        "tar": (tarred.getvalue(), "with tar"),
        "tgz": (gzip.compress(tarred.getvalue()), "with tar within gzip"),
        "gz.gz": (gzip.compress(gzip.compress(GOOD)), "with gzip within gzip; unpack it once"),
        "zip.xz": (lzma.compress(b"PK\3\4" + bytes(100)), "with zip within xz; unpack it once"),
        "csv.lzma": (lzma.compress(GOOD, lzma.FORMAT_ALONE), "with lzma; unpack it, or gzip it"),
        "csv.lz4": (b"\x04\x22\x4d\x18\x64\x40\xa7", "with lz4"),
        "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "with 7-Zip"),
        "rar": (b"Rar!\x1a\7\1\0", "with rar"),
        "csv.Z": (b"\x1f\x9d\x90\x44", "with compress"),
    }


def test_what_packs_a_file_is_named(cli: Cli) -> None:
    for suffix, (content, _) in packed().items():
        cli.write(f"in/usage.{suffix}", content)
        cli.write(f"in/without_suffix_{suffix.replace('.', '_')}", content)
    ran = cli("ingest", "in", stdin=b"")
    assert ran.code == 65
    because = {report["source"]: (report["because"], report["exit_code"]) for report in ran.objects[:-1]}
    assert len(because) == 2 * len(packed())
    for suffix, (_, kind) in packed().items():
        for name in (f"in/usage.{suffix}", f"in/without_suffix_{suffix.replace('.', '_')}"):
            sentence, code = because[name]
            assert (kind in sentence, code) == (True, 65), (name, sentence)


def test_text_is_not_packed() -> None:
    for text in (
        b"BZh,Bill_ID\n",
        b"PK,a\n",
        b"7z,a\n",
        b"Rar!\n",
        b"PAR,\n",
        b"Obj,a\n",
        b"ORC,a\n",
        b"(x)\n",
        b"]x\n",
        GOOD,
        EVENT,
    ):
        assert find_kind(text) is None
        assert find_packing(text) is None


# What is spooled -----------------------------------------------------------------------------------------------------------


def test_a_packed_file_is_unpacked_only_as_far_as_it_is_read(tmp_path: Path) -> None:
    """A header and then a line that goes on for ever: it is not unpacked to its end to know that."""
    path = write(tmp_path / "usage.csv.gz", gzip.compress(GOOD + b"x" * (300 * 2**20), 1))
    with SourceFile(str(path)) as delivery:
        header = read_header(delivery, Statements(("sqlite",)).datasets.values())
        assert os.fstat(kept(delivery)).st_size <= 2 * 2**20
        with pytest.raises(InputError, match="goes on for more than 16 MiB"):
            scan(delivery, header, 8 * 2**20)
        assert os.fstat(kept(delivery)).st_size <= 40 * 2**20


def test_a_full_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never filled; the sentence says how much room is needed."""
    content = GOOD + random.Random(1).randbytes(10 * 2**20).hex().encode()
    path = write(tmp_path / "usage.csv.gz", gzip.compress(content, 1))
    free = [15 * 2**20]

    class System:
        f_frsize = 1
        f_blocks = 100 * 2**20

        @property
        def f_bavail(self) -> int:
            return free[0]

    def pwrite(descriptor: int, data: bytes, position: int) -> int:
        free[0] -= len(data)
        return written(descriptor, data, position)

    written = os.pwrite
    monkeypatch.setattr(os, "pwrite", pwrite)
    monkeypatch.setattr(os, "fstatvfs", lambda descriptor: System())
    with SourceFile(str(path)) as delivery, pytest.raises(NoRoomError, match=r"needs more than 21 MB in .*TMPDIR") as raised:
        delivery.read(0, len(content))
    assert raised.value.exit_code == 75
    assert free[0] >= 5 * 2**20
    # what is small always finds its place, and NULs take none
    free[0] = 7 * 2**20
    with SourceFile(str(write(tmp_path / "small.gz", gzip.compress(GOOD)))) as delivery:
        assert delivery.read(0, 9999) == GOOD
    with SourceFile(str(write(tmp_path / "hole.gz", gzip.compress(bytes(50 * 2**20) + GOOD)))) as delivery:
        assert delivery.end_of_hole(0) == 50 * 2**20
        assert delivery.read(50 * 2**20, 9999) == GOOD
        assert os.fstat(kept(delivery)).st_blocks * 512 <= 2 * 2**20


def test_no_folder_for_temporary_files(cli: Cli) -> None:
    """What needs none is loaded."""
    cli.write("in/a.csv.gz", gzip.compress(GOOD))
    cli.write("in/b.csv", GOOD)
    ran = cli("ingest", "in", env={"TMPDIR": "/nowhere"})
    assert (ran.code, summary(ran)["published"], summary(ran)["failed"]) == (78, 1, 1)
    assert "TMPDIR" in ran.error
    assert SpoolError.exit_code == 78


def test_a_file_larger_than_the_limit_of_the_process(cli: Cli) -> None:
    cli.write("a.csv.gz", gzip.compress(GOOD + random.Random(1).randbytes(6 * 2**20).hex().encode()))
    ran = cli("ingest", "a.csv.gz", wrapper=("prlimit", "--fsize=4194304"))
    assert ran.code == 75
    assert "TMPDIR" in ran.error


def test_damaged_packed_files_lose_nothing(cli: Cli) -> None:
    large = usage_csv([("2021-10-01", n, "USD", os.urandom(40).hex(), n, 0) for n in range(30_000)])
    whole = gzip.compress(large, 1)
    cli.write("in/cut.csv.gz", whole[:-20])
    cli.write("in/trailing.csv.gz", whole + b"rubbish")
    cli.write("in/bits.csv.gz", whole[:-2000] + bytes(10) + whole[-1990:])
    cli.write("in/z.csv.gz", gzip.compress(GOOD[:90]) + gzip.compress(GOOD[90:]) + bytes(512))
    ran = cli("ingest", "in")
    assert ran.code == 65
    assert summary(ran) == {**summary(ran), "published": 1, "failed": 3, "inserted": 3}
    assert [row["load_id"] for row in cli("loads").objects] == [1]


def test_pipes_are_read_once(cli: Cli) -> None:
    """What a shell's <(…) gives: it can be opened and read once only; registries still come first."""
    cli.write("plants.csv", b"plant_id,name,location,timezone\np1,A,B,Asia/Jerusalem\n")
    cli.write("inverters.csv", b"inverter_id,plant_id,vendor,model,capacity_kw,commissioned_at\ni1,p1,V,M,100,\n")
    cli.write("t.jsonl", EVENT)
    command = f"{' '.join(DBSVC)} --output json ingest <(gzip < t.jsonl) - <(cat plants.csv)"
    ran = subprocess.run(
        ["bash", "-c", command],
        cwd=cli.folder,
        env=cli.env({}),
        input=(cli.folder / "inverters.csv").read_bytes(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.count(b'"outcome": "published"') == 3, ran.stdout
    assert ran.stdout.count(b'"rejected": 0') >= 3


@pytest.mark.long
def test_devices_and_closed_inputs(cli: Cli) -> None:
    for name in ("/dev/zero", "/dev/null"):
        assert "a device" in cli("ingest", name).error
    ran = cli("ingest", "-", wrapper=("sh", "-c", 'exec "$@" <&-', "sh"))
    assert ran.code == 66
    assert "standard input is closed" in ran.error
