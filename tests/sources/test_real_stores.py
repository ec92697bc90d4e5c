"""The same against servers that others wrote: moto and SeaweedFS for S3, Azurite for Azure. `just stores` installs them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest

from dbsvc import Database
from dbsvc.engine.errors import InputError, InputMissingError, StoreRefusedError
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.folders import find_sources
from dbsvc.engine.sources.urls import find_url
from tests.helpers import ROOT, bills, load, query, usage_csv
from tests.helpers.growing import ON_ONE, events, ids, know, run, words

pytest.importorskip("obstore", reason="takes the extra cloud: pip install 'dbsvc[cloud]'")
import obstore

from dbsvc.engine.sources import clouds

pytestmark = pytest.mark.long  # the servers take long to install and to start

PLACES = [ROOT / "var" / "stores" / "bin", ROOT / "var" / "stores" / "node_modules" / ".bin"]
GOOD = usage_csv([("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(1, 4)])
LARGE = usage_csv([("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(1, 100_000)])
ACCOUNT = "devstoreaccount1"
#: that of every emulator, as its documentation says
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True)
class Kind:
    """A server: its program and options, what a process has to know of it, and how a bucket is made."""

    scheme: str
    program: str
    options: Callable[[int, Path], list[str]]
    env: Callable[[int], dict[str, str]]
    make: Callable[[int], None]
    checks_keys: bool = True


def make_bucket(port: int) -> None:
    url = find_url("s3://bucket-of-tests/x")
    assert url
    signed = obstore.sign(clouds._open(url), "PUT", "", timedelta(minutes=5))
    assert httpx.put(signed).status_code == 200


def make_container(port: int) -> None:
    date = formatdate(usegmt=True)
    text = (
        f"PUT{12 * chr(10)}x-ms-date:{date}\nx-ms-version:2023-11-03\n/{ACCOUNT}/{ACCOUNT}/bucket-of-tests\nrestype:container"
    )
    signature = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
    answer = httpx.put(
        f"http://127.0.0.1:{port}/{ACCOUNT}/bucket-of-tests?restype=container",
        headers={"x-ms-date": date, "x-ms-version": "2023-11-03", "Authorization": f"SharedKey {ACCOUNT}:{signature}"},
    )
    assert answer.status_code == 201, answer.text


def s3(port: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }


def azure(port: int) -> dict[str, str]:
    return {
        "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/{ACCOUNT}",
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
    }


def run_weed(port: int, folder: Path) -> list[str]:
    who = '[{"name": "tests", "credentials": [{"accessKey": "key", "secretKey": "secret"}], "actions": ["Admin"]}]'
    (folder / "s3.json").write_text(f'{{"identities": {who}}}')
    others = [f"-{name}.port={free_port()}" for name in ("master", "volume", "filer")]
    others += [f"-{name}.port.grpc={free_port()}" for name in ("master", "volume", "filer", "s3")]
    others += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
    here = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=100", "-master.volumeSizeLimitMB=1024"]
    return ["server", f"-dir={folder}", "-s3", f"-s3.port={port}", f"-s3.config={folder / 's3.json'}", *here, *others]


KINDS = {
    "moto": Kind("s3", "moto_server", lambda port, _: ["-H", "127.0.0.1", "-p", str(port)], s3, make_bucket, checks_keys=False),
    "seaweedfs": Kind("s3", "weed", run_weed, s3, make_bucket),
    "azurite": Kind(
        "az",
        "azurite-blob",
        lambda port, folder: [
            "--blobPort",
            str(port),
            "-l",
            str(folder),
            "--silent",
            "--skipApiVersionCheck",
            "--disableTelemetry",
        ],
        azure,
        make_container,
    ),
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def started(kind: Kind, folder: Path) -> Iterator[int]:
    path = os.pathsep.join([*map(str, PLACES), os.environ["PATH"]])
    program = shutil.which(kind.program, path=path)
    if program is None:
        pytest.skip(f"takes {kind.program}: `just stores` installs it")
    port = free_port()
    with (folder / "log").open("wb") as log:
        command = [program, *kind.options(port, folder)]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=os.environ | {"PATH": path})
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in kind.env(port).items():
                patch.setenv(name, value)
            clouds._open_bucket.cache_clear()
            until = time.monotonic() + 120
            while True:
                with suppress(AssertionError, httpx.TransportError):
                    kind.make(port)
                    break
                assert time.monotonic() < until, (folder / "log").read_text()[-2000:]
                time.sleep(0.5)
            yield port
    finally:
        process.kill()
        process.wait()
        clouds._open_bucket.cache_clear()


@dataclass(frozen=True)
class Real:
    """A server that runs."""

    kind: Kind

    def url(self, key: str) -> str:
        return f"{self.kind.scheme}://bucket-of-tests/{key}"

    def put(self, key: str, content: bytes) -> str:
        """Write an object; returns its URL."""
        url = find_url(self.url(key))
        assert url
        until = time.monotonic() + 60
        while True:
            try:
                obstore.put(clouds._open(url), key, content)
                return self.url(key)
            except obstore.exceptions.BaseError:  # it may still be starting
                assert time.monotonic() < until
                time.sleep(0.5)

    def remove(self, key: str) -> None:
        url = find_url(self.url(key))
        assert url
        obstore.delete(clouds._open(url), key)


@pytest.fixture(scope="module", params=KINDS)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    kind = KINDS[request.param]
    with started(kind, tmp_path_factory.mktemp("store")):
        yield Real(kind)


def test_wildcards_and_folders(real: Real) -> None:
    for key in ("in/usage-10.csv", "in/usage-9.csv", "in/odd ü#%20[1].csv", "in/deep/usage-1.csv", "in/.hidden.csv"):
        real.put(key, GOOD)
    found = find_sources([real.url("in/usage-*.csv"), real.url("in/**/usage-1.csv")])
    names = ["in/usage-9.csv", "in/usage-10.csv", "in/deep/usage-1.csv"]
    assert [source.path for source in found.sources] == [real.url(name) for name in names]
    found = find_sources([real.url("in/")])
    assert [source.path for source in found.sources] == [
        real.url(f"in/{name}") for name in ("odd ü#%20[1].csv", *(n[3:] for n in names[:2]))
    ]
    assert found.left_out[real.url("in/"), "folders within"] == ["deep"]
    for source in found.sources:
        with SourceFile(source.path) as file:
            assert file.read(0, 100) == GOOD[:100]
    (nothing,) = find_sources([real.url("in/none*")]).sources
    assert isinstance(nothing.error, InputMissingError)


@ON_ONE
def test_what_is_there_is_loaded_and_what_changes_is_not_mixed_in(real: Real, db: Database) -> None:
    source = real.put("usage.csv", LARGE)
    with SourceFile(source) as file:
        file.read(0, 10)
        before = file.version
        real.put("usage.csv", LARGE.replace(b"USD", b"EUR"))
        with pytest.raises(InputError, match="changed while it was being read"):
            file.read(0, 2**30)
    outcome = load(db, source, chunk_bytes=2**20)
    assert outcome.load.status == "published"
    assert query(db, "SELECT DISTINCT currency FROM bills") == [("EUR",)]
    assert len(bills(db)) == 99_999
    assert query(db, "SELECT version FROM load_versions") != [(before,)]
    assert load(db, source).already


@ON_ONE
def test_a_growing_object_is_read_on(real: Real, db: Database) -> None:
    know(db, "i1")
    source = real.put("t.jsonl", events(range(3)))
    assert words(run(db, source)) == [(1, "published")]
    real.put("t.jsonl", events(range(5)))
    (more,) = run(db, source)
    assert (more.load.load_id, more.load.read) == (2, 2)
    assert ids(db) == [f"e{number}" for number in range(5)]


def test_what_is_not_there_or_not_ours(real: Real, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in (real.url("none.csv"), f"{real.kind.scheme}://bucket-of-nobody/x.csv"):
        with pytest.raises(InputMissingError):
            SourceFile(source)
    (found,) = find_sources([f"{real.kind.scheme}://bucket-of-nobody/*"]).sources
    assert isinstance(found.error, InputMissingError)
    source = real.put("gone.csv", b"")
    with SourceFile(source) as file:
        assert (file.size, file.read(0, 1)) == (0, b"")
    real.remove("gone.csv")
    with pytest.raises(InputMissingError):
        SourceFile(source)
    if real.kind.checks_keys:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(b"wrong").decode())
        clouds._open_bucket.cache_clear()
        for ask in (lambda: SourceFile(real.url("usage.csv")), lambda: find_sources([real.url("*.csv")]).sources[0].error):
            try:
                error = ask()
            except StoreRefusedError as refused:
                error = refused
            assert isinstance(error, StoreRefusedError)
            assert "wrong" not in str(error)
        clouds._open_bucket.cache_clear()
