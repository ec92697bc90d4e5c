"""How long does an object of a bucket take, compared with the same file on this machine, and how much do two instances share?

`python bench/objects.py` loads the same bills from a file, from an object, and from the object by two instances at the same
time, each by one job, in turn, into a fresh database. The store is a process of our own on loopback that answers ranges from
the file by `sendfile`, so that the cores are left to the loads; DBSVC_BENCH_S3_URL names another one that speaks as S3 does and
asks for no rights (`moto_server`), whose bucket `bench` is made and filled. Prints a table of medians, of clock and cores.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
from common import Measured, Target, bench, expect, ingest, say
from generate import write_usage

from dbsvc import connect, migrate

_KEY = "usage.csv"
#: 500 MB
_ROWS = 7_600_000
HEADER = (
    "| database | MB | read from | seconds | ratio | core s | ratio | peak MB |",
    "|---|--:|---|--:|--:|--:|--:|--:|",
)


class _Handler(BaseHTTPRequestHandler):
    """Ranges of one file, under any name."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Be silent."""

    def do_GET(self) -> None:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        with open(sys.argv[2], "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start, end = (int(found[1]), min(int(found[2]) + 1, size)) if found else (0, size)
            self.send_response(206 if found else 200)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
            self.send_header("Content-Length", str(end - start))
            self.send_header("ETag", '"1"')
            self.send_header("Last-Modified", "Thu, 26 Nov 2026 13:00:00 GMT")
            self.end_headers()
            while start < end:
                start += os.sendfile(self.wfile.fileno(), file.fileno(), start, end - start)


def _serve() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


def compare(target: Target, folder: Path, rows: int, repeat: int) -> Iterator[str]:
    """Load the file, the object, and the object by two."""
    file = folder / f"usage-{rows}.csv"
    if not file.exists():
        say(f"Making a file of {rows:,} bills")
        write_usage(file, rows)
    server = subprocess.Popen([sys.executable, __file__, "--serve", file], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    url = server.stdout.readline().strip()
    if other := os.environ.get("DBSVC_BENCH_S3_URL"):
        url = other
        _fill(url, file)
    os.environ |= {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"
    }  # fmt: skip
    try:
        ways = {"the file": Measured(target), "the object": Measured(target), "the object, two instances": Measured(target)}
        for _ in range(repeat):
            for way, measured in ways.items():
                source = str(file) if way == "the file" else f"s3://bench/{_KEY}"
                where = target.create()
                with connect(where) as db:
                    migrate(db)
                command = [*map(str, ingest()), source, "--jobs", "1"]
                if way.endswith("instances"):
                    _run_two(measured, command, where)
                else:
                    measured.run(command, where)
                expect(where, "bills", rows)
                say(f"{target.name} {way}: {measured.seconds[-1]:.1f} s, {measured.busy[-1]:.1f} core s")
        plain = ways["the file"]
        for way, measured in ways.items():
            busy = statistics.median(measured.busy)
            yield (
                f"| {target.name} | {file.stat().st_size / 1e6:,.0f} | {way} | {measured.median:.1f} "
                f"| {measured.median / plain.median:.2f} | {busy:.1f} | {busy / statistics.median(plain.busy):.2f} "
                f"| {measured.peak_mb:.0f} |"
            )
    finally:
        server.kill()
        server.wait()


def _fill(url: str, file: Path) -> None:
    """Put the file into a bucket of a server that asks for no rights."""
    signed = "AWS4-HMAC-SHA256 Credential=key/20261126/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
    headers = {"Authorization": signed, "Content-Type": "binary/octet-stream"}
    httpx.put(f"{url}/bench", headers=headers).raise_for_status()
    with file.open("rb") as content:
        size = {"Content-Length": str(file.stat().st_size)}
        httpx.put(f"{url}/bench/{_KEY}", headers=headers | size, content=content, timeout=600).raise_for_status()


def _run_two(measured: Measured, command: list[str], where: str) -> None:
    """Run a command twice at the same time; add how long both took, what they cost, and the peak of the larger."""
    each = [Measured(), Measured()]
    assert measured.target
    served, begun = measured.target.busy(), time.perf_counter()
    threads = [Thread(target=one.run, args=(command, where)) for one in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    measured.seconds.append(time.perf_counter() - begun)
    measured.served.append(measured.target.busy() - served)
    measured.busy.append(sum(one.busy[0] for one in each) + measured.served[-1])
    measured.peak_mb = max(measured.peak_mb, *(one.peak_mb for one in each))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        _serve()
    bench("Compare loading an object with loading the same file.", compare, rows=[_ROWS], header=HEADER)
