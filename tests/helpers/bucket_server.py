"""A small server on loopback that speaks as S3 does, and as a web server does, and fails as it is told to."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

PAGE = 1000


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server
    #: bytes of the next body that are left out
    cut = 0

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Be silent."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        buckets = self.server.buckets
        parts = urlsplit(self.path)
        path, self.query = unquote(parts.path), {name: values[0] for name, values in parse_qs(parts.query).items()}
        buckets.requests.append((self.command, self.path, self.headers.get("range")))
        buckets.headers.append(dict(self.headers))
        if buckets.fault and buckets.fault(self):
            return
        bucket, _, key = path.removeprefix("/").partition("/")
        if bucket not in buckets.objects:
            self.answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        elif not key:
            self.list_objects(bucket)
        else:
            self.send_object(buckets.objects[bucket].get(key, []))

    def list_objects(self, bucket: str) -> None:
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter")
        keys, folders = [], set()
        for key in sorted(self.server.buckets.objects[bucket]):
            if key.startswith(prefix) and key > self.query.get("continuation-token", ""):
                folder, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
                if found:
                    folders.add(prefix + folder + found)
                else:
                    keys.append(key)
        page, more = keys[:PAGE], keys[PAGE:]
        coded = self.query.get("encoding-type") == "url"
        listed = "<EncodingType>url</EncodingType>" if coded else ""
        listed += "".join(
            f"<Contents><Key>{quote(key) if coded else escape(key)}</Key><LastModified>2026-11-26T13:00:00.000Z</LastModified>"
            f"<ETag>&quot;{etag(found)}&quot;</ETag><Size>{len(found)}</Size></Contents>"
            for key in page
            for found in [self.server.buckets.objects[bucket][key][-1]]
        )
        listed += "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in sorted(folders))
        if more:
            listed += f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
        self.answer(
            200, f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{listed}</ListBucketResult>".encode()
        )

    def send_object(self, versions: list[bytes]) -> None:
        buckets = self.server.buckets
        version = int(self.query.get("versionId", len(versions))) if buckets.versioned else len(versions)
        if not 1 <= version <= len(versions):
            self.answer(404, b"" if self.command == "HEAD" else b"<Error><Code>NoSuchKey</Code></Error>")
            return
        content = versions[version - 1]
        tag = f'"{etag(content)}"'
        headers = {"ETag": tag, "Last-Modified": "Thu, 26 Nov 2026 13:00:00 GMT"} if buckets.validators else {}
        if buckets.versioned:
            headers["x-amz-version-id"] = str(version)
        if self.headers.get("if-match", tag) != tag:
            self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>", headers)
            return
        wanted = self.headers.get("range") if buckets.ranges else None
        if wanted is None:
            self.answer(200, content, headers)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last) + 1, len(content))
        if start >= len(content):
            self.answer(
                416, b"<Error><Code>InvalidRange</Code></Error>", headers | {"Content-Range": f"bytes */{len(content)}"}
            )
            return
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        self.answer(206, memoryview(content)[start:end], headers)

    def answer(self, code: int, body: bytes | memoryview = b"", headers: dict[str, str] | None = None) -> None:
        """Send an answer; after one of which bytes are left out the connection ends."""
        cut, self.cut = self.cut, 0
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            if self.command != "HEAD":
                self.wfile.write(body[: len(body) - cut])
        if cut:
            self.reset()

    def reset(self) -> None:
        """End the connection in the middle."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class Server(ThreadingHTTPServer):
    """The server."""

    daemon_threads = True
    request_queue_size = 100
    buckets: Buckets


@dataclass
class Buckets:
    """What the server holds, and how it behaves."""

    url: str = ""
    #: bucket → key → versions
    objects: dict[str, dict[str, list[bytes]]] = field(default_factory=lambda: {"bucket": defaultdict(list)})
    versioned: bool = False
    #: whether it answers ranges, and says what tells an object from the next one of its name
    ranges: bool = True
    validators: bool = True
    #: answers in its stead, and returns that it did
    fault: Callable[[Handler], bool] | None = None
    #: how many blocks were sent of an answer without an end
    blocks: int = 0
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def put(self, key: str, content: bytes) -> str:
        """Write an object; returns its URL."""
        self.objects["bucket"][key].append(content)
        return f"s3://bucket/{key}"

    def hold(self, folder: Path) -> None:
        """Hold the files of a folder as a bucket of deliveries."""
        files = sorted(folder.glob("*.*"))
        kept = {f"nightly/{file.name}": [file.read_bytes()] for file in files}
        self.objects["deliveries"] = defaultdict(list, kept | {"live/telemetry.jsonl": kept["nightly/telemetry.jsonl"]})

    def web(self, key: str) -> str:
        """The same object as a page of the web."""
        return f"{self.url}/bucket/{key}"

    @property
    def env(self) -> dict[str, str]:
        """What a process has to know of the server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-bucket",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def use(self, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
        """Let this process use the server."""
        for name, value in (self.env | more).items():
            monkeypatch.setenv(name, value)


@lru_cache(64)
def etag(content: bytes) -> str:
    """What tells contents apart."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Buckets]:
    """Serve an empty bucket; over TLS with a certificate (and its key in the same file)."""
    with Server(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        server.buckets = Buckets(f"{scheme}://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server.buckets
        finally:
            server.shutdown()
