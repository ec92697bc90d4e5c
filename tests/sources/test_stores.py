"""Objects of stores and of the web: read as files are, one of all that had their name, and nothing secret is shown."""

from __future__ import annotations

import glob
import gzip
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dbsvc import Database
from dbsvc.engine import settings
from dbsvc.engine.errors import DbsvcError, ExtraMissingError, InputError, InputMissingError, StoreRefusedError
from dbsvc.engine.loads.plan import plan
from dbsvc.engine.settings import Settings
from dbsvc.engine.sources.file import SourceFile
from dbsvc.engine.sources.folders import Source, find_sources
from dbsvc.engine.sources.odd_keys import written
from dbsvc.engine.sources.urls import find_url, is_folder, shown_name
from tests.helpers import bills, kept, load, processes, query, usage_csv
from tests.helpers.bucket_server import Buckets, Handler, serving
from tests.helpers.cli import Cli
from tests.helpers.growing import ON_ONE, events, following, ids, know, run, words
from tests.helpers.processes import Instance

pytest.importorskip("obstore", reason="takes the extra cloud: pip install 'dbsvc[cloud]'")
from dbsvc.engine.sources import clouds, web
from dbsvc.engine.sources.relay import relaying, without_odd
from dbsvc.engine.sources.variables import refuse_unusable

GOOD = usage_csv([("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(1, 4)])
LARGE = usage_csv([("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(1, 150_000)])
SIGNATURE = "X-Amz-Signature=0123456789abcdef0123456789abcdef"


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Buckets]:
    """A server with an empty bucket, which this process uses."""
    with serving() as found:
        use(found, monkeypatch)
        yield found


def use(buckets: Buckets, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    buckets.use(monkeypatch, **({"DBSVC_STORE_TIMEOUT": "20", "DBSVC_STORE_DEADLINE": "50"} | more))
    clouds._open_bucket.cache_clear()
    web._client.cache_clear()


def places(buckets: Buckets, key: str, content: bytes) -> list[str]:
    """The same object, as one of a bucket and as a page of the web."""
    return [buckets.put(key, content), buckets.web(key)]


def read(source: str, **limits: int) -> bytes:
    with SourceFile(source, **limits) as file:
        return file.read(0, 2**30)


def refused(source: str) -> DbsvcError:
    with pytest.raises(DbsvcError) as raised:
        read(source)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(shown_name(source))
    return raised.value


# Names ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("s3://bucket/a b/ü#?.csv", "s3://bucket/a b/ü#?.csv"),
        ("S3A://bucket/x.csv", "s3://bucket/x.csv"),
        ("https://me:pass@host.example:8443/a/b.csv?sig=abc#part", "https://host.example:8443/a/b.csv"),
        ("http://127.0.0.1:80/x%20y.csv", "http://127.0.0.1:80/x%20y.csv"),
        ("a/b.csv", "a/b.csv"),
        ("C:/b.csv", "C:/b.csv"),
        ("ftp://me:pass@host/x?secret", "ftp://host/x"),
        ("https://[::1/x?secret", "https://[::1/x"),
        ("s3://AKIAKEY:abcdEFGH/ijklSECRET@bucket/x.csv", "s3://bucket/x.csv"),
        ("s3://AKIAKEY:abcdEFGH/x.csv", "s3://AKIAKEY/x.csv"),
        ("https://user:pa/ssSECRET@localhost/x", "https://localhost/x"),
        ("https://user:12/ssSECRET@localhost/x", "https://localhost/x"),
        ("https://user:12?ssSECRET@localhost/x", "https://localhost/x"),
        ("https://user:p@ss/SECRET@localhost/x?sig=1", "https://localhost/x"),
        ("https:/host/x?sig=SECRET", "https:/host/x"),
        ("https:host/x?sig=SECRET", "https:host/x"),
        ("file://me:SECRET@host/x", "file://host/x"),
        ("https://host/me@home/x.csv?sig=1@2", "https://host/me@home/x.csv"),
        ("s3://bucket/me@home/x.csv", "s3://bucket/me@home/x.csv"),
        ("me@home?.csv", "me@home?.csv"),
    ],
)
def test_what_is_shown_of_a_name(source: str, shown: str) -> None:
    assert shown_name(source) == shown


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("ftp://host/x", "begin with s3, gs, az, https or file"),
        ("http://host.example/x", "use https"),
        ("s3://", "names a bucket"),
        ("s3:///x", "names a bucket"),
        ("s3://AKIA:secret@bucket/x", "does not belong into a URL"),
        ("https:///x", "names no host"),
        ("https://host:port/x", "malformed"),
        ("file://server/x", "names no host"),
        ("file:///%00", "no NUL byte"),
        ("s3://AKIAKEY:abcdEFGH/ij/secret@bucket/x.csv", "does not belong into a URL"),
        ("s3://AKIAKEY:secret/x.csv", "names a bucket"),
        ("https://user:pa/secret@localhost/x", "malformed"),
        ("https://user:12/secret@localhost/x", "malformed"),
        ("https:/host/x?sig=secret", "begins with https://"),
        ("S3:/bucket/x", "begins with s3://"),
    ],
)
def test_a_url_that_cannot_be_read_is_refused(source: str, why: str) -> None:
    (found,) = find_sources([source]).sources
    assert found.error is not None
    assert found.error.exit_code == 2
    assert why in str(found.error)
    assert "secret" not in str(found.error)


def test_what_cannot_be_a_name_is_in_no_other_ones_way(tmp_path: Path, db: Database) -> None:
    (tmp_path / "usage.csv").write_bytes(GOOD)
    bad, good = ["file:///%00", "https://xn--/x.csv"], str(tmp_path / "usage.csv")
    planned = plan(db, find_sources([*bad, good]).sources, Settings())
    assert [str(one.error) for one in planned if one.error] == [
        "file:///%00: a path has no NUL byte (%00).",
        "https://xn--/x.csv: the URL, or where it is redirected to, is malformed.",
    ]
    assert [one.path for one in planned if not one.error] == [good]


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "of 100% ü.csv"
    path.write_bytes(GOOD)
    url = path.as_uri()
    assert is_folder(tmp_path.as_uri())
    assert not is_folder(url)
    assert [is_folder(f"s3://bucket{key}") for key in ("", "/", "/in/", "/in")] == [True, True, True, False]
    assert not is_folder("https://host/x?sig=/")
    assert "%20" in url
    assert read(url) == GOOD
    assert [source.path for source in find_sources([url, tmp_path.as_uri() + "/*.csv"]).sources] == [str(path)]


KEYS = ["a.csv", "b-10.csv", "b-9.csv", ".hidden.csv", "x.part", "in/c.csv", "in/deep/d.csv", "in/.no/e.csv", "out/a[1].csv"]


@pytest.mark.parametrize(
    "pattern",
    [
        "*.csv",
        "*",
        "b-?.csv",
        "b-[19]*.csv",
        "*/c*",
        "*/*/*.csv",
        "**/*.csv",
        "in/**/*.csv",
        "in/**",
        "out/a[1].csv",
        ".h*",
        "",
        "in/",
    ],
)
def test_wildcards_match_as_on_this_machine(
    buckets: Buckets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    for key in KEYS:
        buckets.put(key, GOOD)
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(GOOD)
    here = find_sources(
        [glob.escape(str(tmp_path)) + f"/{pattern}" if pattern and pattern != "in/" else f"{tmp_path}/{pattern}"]
    )
    there = find_sources([f"s3://bucket/{pattern}"])
    files = [os.path.relpath(source.path, tmp_path) for source in here.sources if source.error is None]
    assert [source.path.removeprefix("s3://bucket/") for source in there.sources if source.error is None] == files
    assert [source.named for source in there.sources] == [source.named for source in here.sources]
    assert [type(source.error) for source in there.sources] == [type(source.error) for source in here.sources]


def test_folders_know_their_files(buckets: Buckets) -> None:
    for key in ("hid/.a.csv", "in/b.csv", "in/deep/c.csv"):
        buckets.put(key, GOOD)
    found = find_sources(["s3://bucket/hid/", "s3://bucket/in/", "s3://bucket/in/b.csv"])
    assert found.folders == {"s3://bucket/hid/": [], "s3://bucket/in/": ["s3://bucket/in/b.csv"]}


def test_what_is_not_there(buckets: Buckets) -> None:
    buckets.put("in/a.csv", GOOD)
    for source in ("s3://bucket/none*", "s3://bucket/none/", "s3://bucket/none/*/x.csv", "s3://nobody/*", "s3://nobody/"):
        (found,) = find_sources([source]).sources
        assert isinstance(found.error, InputMissingError), source
    for source in ("s3://bucket/none.csv", "s3://bucket/in", "s3://nobody/x.csv", buckets.web("none.csv")):
        assert refused(source).exit_code == 66
    assert "bucket nobody" in str(refused("s3://nobody/x.csv"))
    assert "folder ends in a slash" in str(refused("s3://bucket/in"))


ODD = ["dd//odd.csv", "dd/./odd.csv", "a/../odd.csv", "dd/odd\n.csv", "dd/\x01.csv", "dd/\x7f", "//", "./x.csv", "dd/é//ü.csv"]


def test_odd_keys_stand_in_no_other_ones_way(buckets: Buckets) -> None:
    good = [f"dd/{number:04}.csv" for number in range(1, 1100)] + ["dd/in/x.csv", "a/b c+d%20.csv"]
    for key in (*good, *ODD):
        buckets.put(key, b"")
    everything = find_sources(["s3://bucket/**"])
    assert [source.path for source in everything.sources if not source.error] == [f"s3://bucket/{key}" for key in sorted(good)]
    told = [str(source.error) for source in everything.sources if source.error]
    told += [key for keys in everything.left_out.values() for key in keys]
    assert [key for key in ODD if not any(written(key) in said for said in told)] == []
    for source, errors in (("s3://bucket/dd/", 3), ("s3://bucket/dd/*.csv", 2)):
        found = find_sources([source])
        assert [one.path for one in found.sources if not one.error] == [f"s3://bucket/{key}" for key in good[:1099]]
        assert [one.error.exit_code for one in found.sources if one.error] == [65] * errors
        assert "dd//odd.csv" in found.left_out[source, "named as nothing can be read"]
    buckets.objects["bucket"] = {key: [GOOD] for key in ("dd/a.csv", "dd/./odd.csv")}
    assert [one.path for one in find_sources(["s3://bucket/dd"]).sources] == ["s3://bucket/dd"]


def list_as_azure(handler: Handler) -> bool:
    """Answer as Azure does, three objects a page."""
    objects = handler.server.buckets.objects["bucket"]
    asked = handler.query
    if asked.get("comp") != "list":
        return False
    found, folders = [], set()
    for key in sorted(objects):
        within, deeper, _ = key.removeprefix(asked.get("prefix", "")).partition("/")
        if key.startswith(asked.get("prefix", "")):
            if deeper and "delimiter" in asked:
                folders.add(f"{asked.get('prefix', '')}{within}/")
            else:
                found.append(key)
    begin = int(asked.get("marker", 0))
    names = [f'<Name Encoded="true">{quote(key)}</Name>' if "\x01" in key else f"<Name>{key}</Name>" for key in found]
    of = "<Last-Modified>Thu, 26 Nov 2026 13:00:00 GMT</Last-Modified><Content-Length>1</Content-Length><Content-Type/>"
    blobs = "".join(f"<Blob>{name}<Properties>{of}</Properties></Blob>" for name in names[begin : begin + 3])
    blobs += "".join(f"<BlobPrefix><Name>{folder}</Name></BlobPrefix>" for folder in sorted(folders))
    more = f"<NextMarker>{begin + 3}</NextMarker>" if begin + 3 < len(found) else ""
    handler.answer(200, f"<EnumerationResults><Blobs>{blobs}</Blobs>{more}</EnumerationResults>".encode())
    return True


@pytest.mark.parametrize(("scheme", "fault"), [("gs", None), ("az", list_as_azure)])
def test_odd_keys_of_other_stores_stand_in_no_other_ones_way(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch, scheme: str, fault: Callable[[Handler], bool] | None
) -> None:
    account = {"AZURE_STORAGE_ENDPOINT": buckets.url, "AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_ACCOUNT_KEY": "a2V5"}
    use(buckets, monkeypatch, GOOGLE_BASE_URL=buckets.url, GOOGLE_SKIP_SIGNATURE="true", **account)
    buckets.fault = fault
    for key in ("dd/a.csv", "dd/b.csv", "dd/in/", "dd/in/c.csv", "dd//odd.csv", "dd/./odd.csv", "dd/\x01.csv", "e/f.csv"):
        buckets.put(key, b"x")
    folder, everything = (find_sources([f"{scheme}://bucket/{name}"]) for name in ("dd/", "**"))
    good = [f"{scheme}://bucket/{key}" for key in ("dd/a.csv", "dd/b.csv", "dd/in/c.csv", "e/f.csv")]
    assert [one.path for one in folder.sources if not one.error] == good[:2]
    assert [one.error.exit_code for one in folder.sources if one.error] == [65]
    beside = folder.left_out[f"{scheme}://bucket/dd/", "named as nothing can be read"]
    assert beside == ["dd/./odd.csv", "dd//odd.csv", "dd/in/"]  # the last has content
    assert [one.path for one in everything.sources if not one.error] == good
    assert any(r"dd/\x01.csv" in str(one.error) for one in everything.sources)


def test_a_listing_without_odd_keys_asks_no_proxy_for_this_machine(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy"), buckets.url) | {"NO_PROXY": "", "no_proxy": ""}
    use(buckets, monkeypatch, GOOGLE_BASE_URL="http://store.example", GOOGLE_SKIP_SIGNATURE="true", **proxies)
    for key in ("a.csv", "in//odd.csv"):
        buckets.put(key, b"x")
    assert find_sources(["gs://bucket/**"]).sources[0].path == "gs://bucket/a.csv"
    assert {path.partition("/bucket")[0] for _, path, _ in buckets.requests} == {"http://store.example"}


def test_a_token_is_asked_for_by_the_proxy(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    proxies = dict.fromkeys(("ALL_PROXY", "all_proxy"), buckets.url) | {"NO_PROXY": "", "no_proxy": ""}
    hosts = {"AZURE_STORAGE_ENDPOINT": "http://store.example", "AZURE_AUTHORITY_HOST": "http://login.example"}
    who = {f"AZURE_{name}": "x" for name in ("STORAGE_ACCOUNT_NAME", "CLIENT_ID", "CLIENT_SECRET", "TENANT_ID")}
    use(buckets, monkeypatch, **proxies, **hosts, **who)

    def post(handler: Handler) -> None:
        handler.rfile.read(int(handler.headers["content-length"]))
        handler.do_GET()

    def fault(handler: Handler) -> bool:
        if "login.example" in handler.path:
            handler.answer(200, b'{"access_token": "t", "expires_in": 3600}')
            return True
        return list_as_azure(handler)

    monkeypatch.setattr(Handler, "do_POST", post, raising=False)
    buckets.fault = fault
    for key in ("a.csv", "in//odd.csv"):
        buckets.put(key, b"x")
    assert find_sources(["az://bucket/**"]).sources[0].path == "az://bucket/a.csv"
    assert [path.split("/")[2] for _, path, _ in buckets.requests] == ["login.example", "store.example"] * 2


def test_a_relay_lists_one_bucket_and_nothing_else(buckets: Buckets) -> None:
    with web.make_client(5) as client, relaying("http://127.0.0.1:1", "bucket", client) as relay:
        host = relay.url.removeprefix("http://")
        for path in (f"@{buckets.url.removeprefix('http://')}/bucket", "/other", "/bucket/key", buckets.web("")):
            connection = HTTPConnection(host)
            connection.request("GET", path)
            assert connection.getresponse().status == 404
            connection.close()
    assert buckets.requests == []


def test_a_reference_to_no_character_is_none() -> None:
    name = "<Blob><Name>{}</Name><Content-Length>0</Content-Length></Blob>"
    page = "".join(map(name.format, ("a&#1114112;&amp;lt;", "b&#x1;", "c&#10;", "<![CDATA[d//&amp;]]>", "e/")))
    assert without_odd(page) == (name.format("a&#1114112;&amp;lt;"), ["b\x01", "c\n", "d//&amp;"])


def test_the_server_of_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    assert clouds._find_server("gs") == "https://storage.googleapis.com"
    assert clouds._find_server("az") == ""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "deliveries")
    assert clouds._find_server("az") == "https://deliveries.blob.core.windows.net"
    monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "true")
    assert clouds._find_server("az") == ""


def test_variables_that_the_library_does_not_read_are_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_CREDENTIALS", "GOOGLE_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT_KEY", "AWS_NOTE"):
        monkeypatch.setenv(name, '{\n  "a": 1\n}')
    for name in ("AZURE_SERVICEBUS_ENDPOINT", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.setenv(name, "sb://host/")
    for scheme in ("s3", "gs", "az"):
        refuse_unusable(scheme, {})


@pytest.mark.parametrize("more", [{}, {"in//odd.csv": [GOOD]}])
def test_a_slash_at_the_end_of_what_has_content_is_odd(buckets: Buckets, more: dict[str, list[bytes]]) -> None:
    buckets.objects["bucket"] = {"in/": [GOOD], "in/a.csv": [GOOD], "in/a.csv/": [GOOD], **more}
    found = find_sources(["s3://bucket/**"]).sources
    assert [one.path for one in found if not one.error] == ["s3://bucket/in/a.csv"]
    assert {one.path for one in found if one.error} == {f"s3://bucket/{key}" for key in ("in/", "in/a.csv/", *more)}
    assert "s3://bucket/in/" in [one.path for one in find_sources(["s3://bucket/in/"]).sources if one.error]


def test_empty_objects_take_one_more_listing(buckets: Buckets) -> None:
    buckets.objects["bucket"] = {f"{number}.csv": [b""] for number in range(100)} | {"1.csv/": [b""]}
    paths = [f"s3://bucket/{number}.csv" for number in range(100)]
    assert [one.path for one in find_sources(["s3://bucket/**"]).sources] == paths
    assert len(buckets.requests) == 2

    def refuse(handler: Handler) -> bool:
        if is_second := "encoding-type" in handler.query:
            handler.answer(403)
        return is_second

    buckets.fault = refuse
    assert [one.path for one in find_sources(["s3://bucket/**"]).sources] == paths


def test_what_marks_a_folder_is_no_object(buckets: Buckets) -> None:
    for key, content in (("in/", b""), ("in/sub/", b""), ("in/sub/a.csv", GOOD), ("in/none/", b""), ("in/empty.csv", b"")):
        buckets.put(key, content)
    found = [source.path for source in find_sources(["s3://bucket/**"]).sources]
    assert found == ["s3://bucket/in/empty.csv", "s3://bucket/in/sub/a.csv"]


def test_ten_thousand_keys_in_natural_order(buckets: Buckets) -> None:
    for number in range(10_000):
        buckets.put(f"in/usage-{number}.csv", b"")
    started = time.process_time()  # that of the server included
    found = find_sources(["s3://bucket/in/*.csv"]).sources
    assert time.process_time() - started < 3
    assert [source.path for source in found] == [f"s3://bucket/in/usage-{number}.csv" for number in range(10_000)]


@ON_ONE
def test_an_object_that_vanishes_is_in_no_other_ones_way(buckets: Buckets, db: Database) -> None:
    for name in "abc":
        buckets.put(f"{name}.csv", GOOD)
    found = find_sources(["s3://bucket/*.csv"])
    del buckets.objects["bucket"]["b.csv"]
    planned = plan(db, found.sources, Settings())
    assert [(one.source[-5:], one.error and one.error.exit_code) for one in planned] == [
        ("b.csv", 66),
        ("a.csv", None),
        ("c.csv", None),
    ]


# Bytes ----------------------------------------------------------------------------------------------------------------------


def test_any_range_from_any_thread(buckets: Buckets) -> None:
    content = random.Random(1).randbytes(5_000_000)
    for source in places(buckets, "x", content):
        with SourceFile(source) as file:
            assert (file.size, file.can_grow, file.passes_by) == (len(content), True, False)
            wrong: list[tuple[int, int]] = []

            def look(seed: int, file: SourceFile = file, wrong: list[tuple[int, int]] = wrong) -> None:
                chosen = random.Random(seed)
                for _ in range(20):
                    start, size = chosen.randrange(len(content) + 9), chosen.choice([1, 4096, 2**20, 3_000_000])
                    if file.read(start, size) != content[start : start + size]:
                        wrong.append((start, size))

            threads = [threading.Thread(target=look, args=(seed,)) for seed in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert wrong == []


def test_a_pass_asks_for_each_byte_once(buckets: Buckets) -> None:
    content = random.Random(1).randbytes(9_000_000)
    with SourceFile(buckets.put("x", content)) as file:
        got = b"".join(file.read(start, 1_234_567) for start in range(0, len(content), 1_234_567))
    assert got == content
    asked = [tuple(map(int, wanted.removeprefix("bytes=").split("-"))) for *_, wanted in buckets.requests if wanted]
    assert sum(last - first + 1 for first, last in asked) <= len(content) + 2 * 2**20  # the beginning comes twice


def test_nothing_is_an_empty_object(buckets: Buckets) -> None:
    for source in places(buckets, "empty.csv", b""):
        with SourceFile(source) as file:
            assert (file.size, file.read(0, 10)) == (0, b"")


@pytest.mark.parametrize("ranges", [True, False])
def test_what_is_packed_is_spooled_as_it_comes(buckets: Buckets, ranges: bool) -> None:
    buckets.ranges = ranges
    content = gzip.compress(LARGE, 1)
    for source in places(buckets, "usage.csv.gz", content) if ranges else places(buckets, "usage.csv.gz", content)[1:]:
        with SourceFile(source) as file:
            assert (file.packing, file.can_grow) == ("gzip", False)
            assert file.read(0, 100) == LARGE[:100]
            assert os.fstat(kept(file)).st_size <= 2 * 2**20
            assert file.read(0, 2**30) == LARGE


def test_an_archive_is_like_a_folder(buckets: Buckets) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("usage-10.csv", "usage-9.csv"):
            archive.writestr(name, GOOD + name.encode())
    for source in places(buckets, "in/all.zip", packed.getvalue()):
        found = [one.path for one in find_sources([source]).sources]
        assert found == [f"{source}/usage-9.csv", f"{source}/usage-10.csv"]
        assert [read(path)[-12:] for path in found] == [b"\nusage-9.csv", b"usage-10.csv"]
        assert refused(f"{source}/none.csv").exit_code == 66
    page = buckets.web("in/all.zip")
    found = [one.path for one in find_sources([f"{page}?{SIGNATURE}"]).sources]
    assert found == [f"{page}/usage-9.csv?{SIGNATURE}", f"{page}/usage-10.csv?{SIGNATURE}"]
    buckets.requests.clear()
    assert read(found[0]).endswith(b"usage-9.csv")
    assert {SIGNATURE in path for _, path, _ in buckets.requests} == {True}
    buckets.put("odd.zip/x.csv", GOOD)  # a folder that is called so
    assert read("s3://bucket/odd.zip/x.csv") == GOOD


def test_a_server_without_ranges_or_validators_is_read_as_a_stream(buckets: Buckets) -> None:
    _, page = places(buckets, "usage.csv", LARGE)
    for buckets.ranges, buckets.validators in ((False, True), (True, False), (False, False)):
        with SourceFile(page) as file:
            assert file.can_grow is False
            assert file.read(5, 100) == LARGE[5:105]
            assert file.read(0, 2**30) == LARGE


# One of all that had its name ------------------------------------------------------------------------------------------------


def test_another_object_is_not_mixed_in(buckets: Buckets) -> None:
    for source in places(buckets, "usage.csv", LARGE):
        with SourceFile(source) as file:
            file.read(0, 10)
            buckets.put("usage.csv", LARGE.replace(b"USD", b"EUR"))
            with pytest.raises(InputError, match=r"usage.csv changed while it was being read; nothing of it was published"):
                file.read(0, 2**30)
        buckets.put("usage.csv", LARGE)


def test_a_version_is_read_to_its_end(buckets: Buckets) -> None:
    buckets.versioned = True
    with SourceFile(buckets.put("usage.csv", LARGE)) as file:
        assert file.version == "1"
        buckets.put("usage.csv", b"another one")
        assert file.read(0, 2**30) == LARGE
        buckets.objects["bucket"]["usage.csv"].clear()
        with pytest.raises(InputMissingError):
            file.read(2 * 2**20, 2**20)


@ON_ONE
def test_a_load_stops_when_its_object_changes_and_begins_again(buckets: Buckets, db: Database) -> None:
    content = LARGE[: LARGE.index(b"\n", 5 * 2**19) + 1]
    source, other = buckets.put("usage.csv", content), content.replace(b"USD", b"EUR")

    def overwrite(_: Handler) -> bool:
        if len(buckets.requests) == 4:
            buckets.put("usage.csv", other)
        return False

    buckets.fault = overwrite
    with pytest.raises(InputError, match="changed while"):
        load(db, source, chunk_bytes=2**20)
    assert bills(db) == []
    assert load(db, source, chunk_bytes=2**20).load.status == "published"
    assert query(db, "SELECT DISTINCT currency FROM bills") == [("EUR",)]


def test_rejects_name_the_object_and_its_version(buckets: Buckets, db: Database) -> None:
    from dbsvc.engine.reports.rejects import list_rejects

    source = buckets.put("usage.csv", GOOD + b"x,9,USD,A,1,0\n")
    outcome = load(db, source, max_rejected_share=1)
    (row,) = list_rejects(db, None, 10)
    with SourceFile(source) as file:
        assert (row["source"], row["version"]) == (source, file.version)
    same = load(db, buckets.web("usage.csv") + "?" + SIGNATURE)
    assert (same.load.load_id, same.already) == (outcome.load.load_id, True)


def test_an_object_that_is_known_by_its_version_is_not_read_again(buckets: Buckets, db: Database) -> None:
    content = usage_csv([("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(30_000)])  # more than its beginning

    def asked(**how: Any) -> tuple[int, bool, int]:
        buckets.requests.clear()
        outcome = load(db, source, **how)
        return outcome.load.load_id, outcome.already, len(buckets.requests)

    source = buckets.put("usage.csv", content)
    assert asked()[:2] == (1, False)
    assert asked() == (1, True, 1)
    buckets.put("usage.csv", content.replace(b"name 1,", b"name one,"))
    assert asked()[:2] == (2, False)
    buckets.put("usage.csv", content)  # its ETag is what it was, as are its bytes
    assert asked() == (1, True, 1)
    load_id, already, requests = asked(again=True)
    assert (load_id, already, requests > 1) == (3, False, True)
    buckets.versioned = True
    buckets.objects["bucket"]["usage.csv"] = [GOOD]
    assert asked()[:2] == (4, False)
    assert asked() == (4, True, 1)
    buckets.validators = buckets.versioned = False
    buckets.objects["bucket"]["usage.csv"] = [content]
    assert asked()[1:] == (True, asked()[2])  # nothing tells it from others: it is read
    assert asked()[2] > 1


@ON_ONE
def test_a_growing_object_is_read_on(buckets: Buckets, db: Database) -> None:
    know(db, "i1")
    source = buckets.put("t.jsonl", events(range(3)))
    assert words(run(db, source)) == [(1, "published")]
    buckets.put("t.jsonl", events(range(5)) + b'{"half')
    (more,) = run(db, source)
    assert (more.load.load_id, more.load.read, more.scan.waiting) == (2, 2, 6)
    assert ids(db) == [f"e{number}" for number in range(5)]
    outcomes = following(db, source, idle=0.5)
    buckets.put("t.jsonl", events(range(6)))
    assert words(outcomes) == [(3, "published")]
    assert ids(db) == [f"e{number}" for number in range(6)]


@ON_ONE
def test_an_object_that_grows_while_it_is_read_is_read_on(buckets: Buckets, db: Database) -> None:
    know(db, "i1")
    source, whole = buckets.put("t.jsonl", events(range(7_000))), events(range(7_500))

    def grow(_: Handler) -> bool:
        if len(buckets.requests) == 4:
            buckets.put("t.jsonl", whole)
        return False

    buckets.fault = grow
    run(db, source, chunk_bytes=2**18)
    assert query(db, "SELECT count(*) FROM inverter_telemetry_raw") == [(7_500,)]
    assert {status for (status,) in query(db, "SELECT status FROM loads")} == {"published"}


# What goes wrong ------------------------------------------------------------------------------------------------------------


def answer(code: int) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(code, b"<Error><Code>SlowDown</Code></Error>" if code == 503 else b"")


def cut_off(handler: Handler) -> None:
    handler.cut = 1000
    handler.send_object([LARGE])


FAULTS: dict[str, Callable[[Handler], None]] = {
    "a reset": lambda handler: handler.reset(),
    "no answer in time": lambda handler: time.sleep(0.6),
    "too few bytes": cut_off,
    "500": answer(500),
    "502": answer(502),
    "slow down": answer(503),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_passes_is_tried_again(buckets: Buckets, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    if fault == "no answer in time":
        use(buckets, monkeypatch, DBSVC_STORE_TIMEOUT="0.4")
    failed: list[str] = []

    def fail(handler: Handler) -> bool:
        if len(failed) < 2 and len(buckets.requests) > 1:
            failed.append(handler.path)
            FAULTS[fault](handler)
            return True
        return False

    for source in places(buckets, "usage.csv", LARGE):
        buckets.requests.clear()
        failed.clear()
        buckets.fault = fail
        assert read(source) == LARGE
        assert failed


@pytest.mark.parametrize(
    ("fault", "code", "why"),
    [
        ("a reset", 69, ""),
        ("no answer in time", 69, "no answer in time"),
        ("too few bytes", 69, ""),
        ("slow down", 75, "503"),
        ("401", 78, "401"),
        ("403", 78, "403"),
        ("404", 66, ""),
        ("400", None, ""),
    ],
)
def test_what_stays_is_said_in_one_sentence(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch, fault: str, code: int | None, why: str
) -> None:
    use(buckets, monkeypatch, DBSVC_STORE_TIMEOUT="0.4", DBSVC_STORE_DEADLINE="1")
    do = FAULTS[fault] if fault in FAULTS else answer(int(fault))
    buckets.fault = lambda handler: do(handler) is None
    for source in places(buckets, "usage.csv", LARGE):
        started = time.monotonic()
        error = refused(source)
        assert code is None or error.exit_code == code, error
        assert why in str(error)
        assert time.monotonic() - started < 30


def test_a_server_without_tls_is_said_at_once(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    buckets.put("usage.csv", GOOD)
    secure = buckets.url.replace("http", "https")
    use(buckets, monkeypatch, AWS_ENDPOINT_URL=secure)
    started = time.monotonic()
    for source in ("s3://bucket/usage.csv", f"{secure}/bucket/usage.csv"):
        error = refused(source)
        assert error.exit_code == 78
        assert "no TLS" in str(error)
    assert time.monotonic() - started < 20  # and not until the deadline


def test_a_store_that_is_not_there(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    use(buckets, monkeypatch, AWS_ENDPOINT_URL="http://127.0.0.1:1", DBSVC_STORE_DEADLINE="0.5")
    for source in ("s3://bucket/x.csv", "http://127.0.0.1:1/x.csv"):
        error = refused(source)
        assert error.exit_code == 69
        assert "refused" in str(error)


def send_others(handler: Handler) -> bool:
    """Send the first bytes, whatever was asked for, and say so."""
    if wanted := handler.headers.get("range"):
        first, last = map(int, wanted.removeprefix("bytes=").split("-"))
        part = LARGE[: last - first + 1]
        handler.answer(206, part, {"ETag": '"x"', "Content-Range": f"bytes 0-{len(part) - 1}/{len(LARGE)}"})
    return wanted is not None


def send_more(handler: Handler) -> bool:
    """Say what was asked for, and send without an end."""
    if wanted := handler.headers.get("range"):
        first, last = map(int, wanted.removeprefix("bytes=").split("-"))
        end = min(last + 1, len(LARGE))
        handler.send_response(206)
        for name, value in {"ETag": '"x"', "Content-Range": f"bytes {first}-{end - 1}/{len(LARGE)}"}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(2**27))
        handler.end_headers()
        for sent in range(128):
            try:
                handler.wfile.write(bytes(2**20))
            except OSError:
                break
            handler.server.buckets.blocks = sent
        handler.close_connection = True
    return wanted is not None


@pytest.mark.parametrize("fault", [send_others, send_more])
def test_other_bytes_than_those_asked_for_are_not_used(buckets: Buckets, fault: Callable[[Handler], bool]) -> None:
    page = places(buckets, "usage.csv", LARGE)[1]
    buckets.fault = fault
    error = refused(page)
    assert "other bytes than it was asked for" in str(error)
    assert error.exit_code == 69
    assert buckets.blocks < 64  # of 128: it hung up


def test_a_range_of_another_place_at_the_beginning_is_not_used(buckets: Buckets) -> None:
    def shift(handler: Handler) -> bool:
        if wanted := handler.headers.get("range"):
            headers = {"ETag": '"x"', "Content-Range": f"bytes 1-{len(GOOD) - 1}/{len(GOOD)}"}
            handler.answer(206, GOOD[1:], headers)
        return wanted is not None

    page = places(buckets, "usage.csv", GOOD)[1]
    buckets.fault = shift
    assert read(page) == GOOD  # all of it is asked for instead

    def send_part(handler: Handler) -> bool:
        handler.answer(206, GOOD[1:], {"Content-Range": f"bytes 1-{len(GOOD) - 1}/{len(GOOD)}"})
        return True

    buckets.fault = send_part
    assert "other bytes than it was asked for" in str(refused(page))


def test_objects_are_looked_at_a_few_at_a_time(buckets: Buckets, db: Database) -> None:
    sources = [Source(buckets.put(f"{number}.csv", GOOD + b"\n" * number), True) for number in range(20)]
    busy, most = Counter[bool](), Counter[bool]()

    def wait(_: Handler) -> bool:
        busy[True] += 1
        most[True] = max(most[True], busy[True])
        time.sleep(0.05)
        busy[True] -= 1
        return False

    buckets.fault = wait
    assert [planned.path for planned in plan(db, sources, Settings())] == [source.path for source in sources]
    assert 1 < most[True] <= 8


@pytest.mark.parametrize("slow", ["headers", "body", "stream"])
def test_a_server_that_drips_is_given_up_at_the_deadline(buckets: Buckets, monkeypatch: pytest.MonkeyPatch, slow: str) -> None:
    use(buckets, monkeypatch, DBSVC_STORE_TIMEOUT="0.5", DBSVC_STORE_DEADLINE="0.6")
    size = f"Content-Length: {len(GOOD)}\r\n"
    status = f'HTTP/1.1 206 Partial\r\nETag: "x"\r\nContent-Range: bytes 0-{len(GOOD) - 1}/{len(GOOD)}\r\n{size}\r\n'
    answers = {"headers": (b"", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40), "body": (status.encode(), GOOD)}
    answers["stream"] = (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", GOOD)

    def drip(handler: Handler) -> bool:
        at_once, rest = answers[slow]
        handler.close_connection = True
        with suppress(OSError):
            handler.wfile.write(at_once)
            for byte in rest[:40]:
                handler.wfile.write(bytes([byte]))
                time.sleep(0.1)
        return True

    page = places(buckets, "usage.csv", GOOD)[1]
    buckets.fault = drip
    started = time.monotonic()
    error = refused(page)
    assert error.exit_code == 69
    assert "too slow" in str(error)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("source", "variables", "why"),
    [
        ("s3://b/x.csv", {"AWS_ENDPOINT_URL": "notaurl"}, "AWS_ENDPOINT_URL"),
        ("s3://b/x.csv", {"AWS_ENDPOINT_URL": "http://a b"}, "AWS_ENDPOINT_URL"),
        ("s3://b/x.csv", {"AWS_ENDPOINT_URL": "ftp://host"}, "AWS_ENDPOINT_URL"),
        ("s3://b/x.csv", {"AWS_ENDPOINT_URL": "http://host:99999"}, "AWS_ENDPOINT_URL"),
        ("s3://b/*.csv", {"AWS_REGION": "eu west 1"}, "AWS_REGION"),
        ("s3://b/x.csv", {"AWS_ACCESS_KEY_ID": "key\n"}, "AWS_ACCESS_KEY_ID has a character"),
        ("s3://b/x.csv", {"AWS_SESSION_TOKEN": "\x01"}, "AWS_SESSION_TOKEN has a character"),
        ("s3://b/x.csv", {"AWS_METADATA_ENDPOINT": "here"}, "AWS_METADATA_ENDPOINT is no URL"),
        ("s3://b/x.csv", {"AWS_ENDPOINT_URL": ""}, "AWS_ENDPOINT_URL is no URL"),
        ("s3://b/x.csv", {"AWS_ENDPOINT_URL": "http://xn--a"}, "AWS_ENDPOINT_URL is no URL"),
        ("az://b/x.csv", {"AZURE_STORAGE_TENANT_ID": "a b"}, "AZURE_STORAGE_TENANT_ID has a character"),
        ("gs://b/x.csv", {"GOOGLE_BASE_URL": "http://"}, "GOOGLE_BASE_URL"),
        ("gs://b/x.csv", {"GOOGLE_APPLICATION_CREDENTIALS": "/nope.json"}, "/nope.json"),
        ("az://b/x.csv", {"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_ACCOUNT_KEY": "notbase64=="}, "Invalid Access Key"),
        ("az://b/*.csv", {"AZURE_STORAGE_ACCOUNT_NAME": "a b", "AZURE_STORAGE_ACCOUNT_KEY": "aGVsbG8="}, "domain name"),
        ("s3://b/x.csv", {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nope", "AWS_ROLE_ARN": "arn:x", "AWS_ACCESS_KEY_ID": ""}, "/nope"),
    ],
)
def test_a_wrong_setting_is_said_and_other_sources_are_read(
    buckets: Buckets,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    source: str,
    variables: dict[str, str],
    why: str,
) -> None:
    use(buckets, monkeypatch, DBSVC_STORE_DEADLINE="1", **variables)
    if variables.get("AWS_ACCESS_KEY_ID") == "":
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
    (tmp_path / "usage.csv").write_bytes(GOOD)
    found, other = find_sources([source, str(tmp_path / "usage.csv")]).sources
    error = found.error or refused(source)
    assert isinstance(error, StoreRefusedError), error
    assert error.exit_code == 78
    assert why in str(error)
    assert "\n" not in str(error)
    assert read(other.path) == GOOD
    assert buckets.requests == []
    assert capfd.readouterr().err == ""  # no panic of the library


def test_google_is_asked_as_well(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    use(buckets, monkeypatch, GOOGLE_BASE_URL=buckets.url, GOOGLE_SKIP_SIGNATURE="true")
    for key in ("in/a-10.csv", "in/a-9.csv"):
        buckets.put(key, GOOD)
    found = [source.path for source in find_sources(["gs://bucket/in/*.csv"]).sources]
    assert found == ["gs://bucket/in/a-9.csv", "gs://bucket/in/a-10.csv"]
    assert [read(path) for path in found] == [GOOD, GOOD]
    assert refused("gs://bucket/none.csv").exit_code == 66


def test_a_bucket_elsewhere(buckets: Buckets) -> None:
    def redirect(handler: Handler) -> bool:
        handler.answer(301, b"<Error><Code>PermanentRedirect</Code></Error>", {"x-amz-bucket-region": "eu-west-1"})
        return True

    buckets.fault = redirect
    error = refused("s3://bucket/x.csv")
    assert error.exit_code == 78
    assert "AWS_REGION" in str(error)


def test_without_credentials(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance has none either: its own address answers 404."""
    use(buckets, monkeypatch, AWS_METADATA_ENDPOINT=buckets.url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    error = refused("s3://bucket/x.csv")
    assert error.exit_code == 78
    assert "AWS_SKIP_SIGNATURE" in str(error)
    use(buckets, monkeypatch, AWS_SKIP_SIGNATURE="true")
    assert read(buckets.put("usage.csv", GOOD)) == GOOD


def test_a_redirect_is_followed_without_credentials(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    page = places(buckets, "usage.csv", GOOD)[1].replace("http://", "http://me:password@")
    there = buckets.web("usage.csv").replace("127.0.0.1", "localhost")
    targets = {"/away": there, "/plain": "http://host.example/x?token=secret", "/round": "/round"}

    def redirect(handler: Handler) -> bool:
        if target := targets.get(handler.path.partition("?")[0]):
            handler.answer(302, b"", {"Location": target})
        return target is not None

    buckets.fault = redirect
    away = page.replace("/bucket/usage.csv", "/away")
    assert read(away) == GOOD
    sent = {headers["Host"].partition(":")[0]: headers.get("Authorization") for headers in buckets.headers}
    assert sent["127.0.0.1"].startswith("Basic ")  # type: ignore[union-attr]
    assert sent["localhost"] is None
    error = refused(away.replace("/away", "/plain"))
    assert "redirected to http://host.example without https" in str(error)
    assert "more than 5 times" in str(refused(away.replace("/away", "/round")))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of an authority of our own, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("takes openssl, to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    of = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
    subprocess.run([*make.split(), *of, "-keyout", "key", "-out", "certificate"], cwd=folder, check=True, capture_output=True)
    (folder / "both").write_text((folder / "key").read_text() + (folder / "certificate").read_text())
    return folder


def test_a_certificate_is_verified(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(certificate / "both") as buckets:
        use(buckets, monkeypatch)
        for source in places(buckets, "usage.csv", GOOD):
            error = refused(source)
            assert error.exit_code == 78
            assert "certificate cannot be verified" in str(error)
        use(buckets, monkeypatch, SSL_CERT_FILE=str(certificate / "certificate"))
        for source in places(buckets, "usage.csv", GOOD):
            assert read(source) == GOOD
        monkeypatch.delenv("SSL_CERT_FILE")
        google = {"GOOGLE_BASE_URL": buckets.url, "GOOGLE_SKIP_SIGNATURE": "true"}
        use(buckets, monkeypatch, AWS_CA_BUNDLE=str(certificate / "certificate"), **google)
        buckets.put("in//odd.csv", GOOD)
        for scheme in ("s3", "gs"):  # listed by way of another client
            assert find_sources([f"{scheme}://bucket/**"]).sources[0].path == f"{scheme}://bucket/usage.csv"
        with monkeypatch.context() as patch:
            make_client = web.make_client
            patch.setattr(web, "make_client", lambda timeout, _: make_client(timeout))
            for scheme in ("s3", "gs"):
                assert "certificate cannot be verified" in str(find_sources([f"{scheme}://bucket/**"]).sources[0].error)
        monkeypatch.delenv("AWS_CA_BUNDLE")
        use(buckets, monkeypatch, SSL_CERT_FILE="/nowhere")
        for source in places(buckets, "usage.csv", GOOD):
            with pytest.raises(StoreRefusedError):
                read(source)


def test_a_proxy_of_the_environment_is_asked(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = buckets.url.replace("http://", "http://me:password@")
    use(
        buckets,
        monkeypatch,
        NO_PROXY="",
        no_proxy="",
        HTTP_PROXY=proxy,
        http_proxy=proxy,
        AWS_ENDPOINT_URL="http://store.example",
    )

    def refuse(handler: Handler) -> bool:
        handler.answer(407)
        return True

    buckets.fault = refuse
    for source in ("s3://bucket/x.csv", "http://127.0.0.1:1/x.csv"):
        assert "password" not in (said := str(refused(source)))
        assert source.startswith("http") or "; HTTP_PROXY names a proxy" in said
        assert "://" in buckets.requests[-1][1]


def test_without_the_package(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    for source in ("s3://bucket/x.csv", "s3://bucket/*.csv", "gs://bucket/x.csv", "az://bucket/x.csv"):
        (found,) = find_sources([source]).sources
        error = found.error or refused(source)
        assert isinstance(error, ExtraMissingError)
        assert error.exit_code == 78
        assert "pip install 'dbsvc[cloud]'" in str(error)
    assert read(places(buckets, "usage.csv", GOOD)[1]) == GOOD  # the web takes none


def test_keys_of_a_profile(buckets: Buckets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").write_text("[nightly]\naws_access_key_id = theirs\naws_secret_access_key = of-a-profile\n")
    (tmp_path / "config").write_text(
        f"[profile nightly]\nregion = eu-west-1\nendpoint_url = {buckets.url}\n[profile sso]\nsso_session = work\n"
    )
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    use(buckets, monkeypatch, **files)
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.delenv(name)
    source = buckets.put("usage.csv", GOOD)
    monkeypatch.setenv("AWS_PROFILE", "nightly")
    assert read(source) == GOOD
    assert "Credential=theirs/" in buckets.headers[-1]["authorization"]
    assert "/eu-west-1/" in buckets.headers[-1]["authorization"]
    assert "of-a-profile" not in settings.redact("of-a-profile", [])
    for name, why in (("sso", "takes boto3"), ("nobody", "no profile nobody")):
        clouds._open_bucket.cache_clear()
        monkeypatch.setenv("AWS_PROFILE", name)
        with pytest.raises(StoreRefusedError, match=why):
            read(source)


# As people type it ----------------------------------------------------------------------------------------------------------


def test_nothing_secret_is_shown(buckets: Buckets, cli: Cli) -> None:
    """Neither what signs a URL, nor a password in it: in messages, logs, results, the ledger."""
    page = places(buckets, "usage.csv", GOOD + b"x,9,USD,A,1,0\n")[1].replace("http://", "http://me:hidden-password@")
    gone = buckets.web("none.csv").replace("http://", "http://me:hidden-password@")
    secrets = (b"0123456789abcdef0123", b"hidden-password", b"secret-of-the-bucket", b"signature-of-another", b"of-a-slip")
    slips = ["s3://AKIA:part/of-a-slip@bucket/x.csv", "https://me:pa/of-a-slip@localhost/x", "https:/localhost/x?sig=of-a-slip"]
    env: dict[str, Any] = {"env": buckets.env}
    ran = [
        cli("ingest", f"{page}?{SIGNATURE}", f"{gone}?{SIGNATURE}", "s3://bucket/none.csv", "--log-format", "json", **env),
        cli("ingest", f"{page}?X-Amz-Signature=signature-of-another", "--debug", **env),
        cli("ingest", "--follow", "--idle", "0", f"{page}?{SIGNATURE}", "--debug", **env),
        cli("datasets", "new", "orders", "--from", f"{page}?{SIGNATURE}", **env),
        cli("rejects", **env),
        cli("ingest", *slips, "--debug", **env),
        cli("ingest", "--dry-run", *slips, **env),
    ]
    for one in ran:
        for secret in secrets:
            assert secret not in one.out + one.err
    assert [one.code for one in ran[:2]] == [66, 0]
    assert ran[1].objects[0]["outcome"] == "already published"
    stored = (cli.folder / "var" / "data.db").read_bytes()
    assert not any(secret in stored for secret in secrets)
    assert buckets.web("usage.csv").encode() in stored


@pytest.mark.slow  # it starts and kills processes
@pytest.mark.one_database
@pytest.mark.parametrize(("rows", "patience"), [(20_000, 60), pytest.param(14_000_000, 7200, marks=pytest.mark.long)])  # 500 MB
def test_two_killed_instances_share_an_object(buckets: Buckets, url: str, rows: int, patience: int) -> None:
    content = usage_csv(("2021-10-01", n, "USD", f"name {n}", n, 0) for n in range(1, rows))
    source = buckets.put("usage.csv", content)
    env: dict[str, Any] = {**buckets.env, "DBSVC_CHUNK_BYTES": min(len(content) // 20, 8 * 2**20)}

    def await_staged(instance: Instance, times: int) -> None:
        until = time.monotonic() + patience
        while len(instance.logged("staged")) < times and instance.process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.02)

    for _ in range(2):
        with Instance(url, "ingest", source, **env) as one, Instance(url, "ingest", source, **env) as other:
            await_staged(one, 2)
            await_staged(other, 1)
            one.kill(signal.SIGKILL)
            other.kill(signal.SIGKILL)
    with Instance(url, "ingest", source, **env) as one, Instance(url, "ingest", source, **env) as other:
        assert (one.await_end(patience), other.await_end(patience)) == (0, 0)
    assert processes.query(url, "SELECT status FROM loads") == [("published",)]
    assert processes.query(url, "SELECT count(*) FROM bills") == [(rows - 1,)]


def test_a_web_url_is_no_bucket() -> None:
    url = find_url("https://host/x*.csv")
    assert url is not None
    assert url.is_web
