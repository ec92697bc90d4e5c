"""What packs a file: its first bytes tell, whatever its name says. It is unpacked as a stream, a block at a time."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from dbsvc.engine.errors import InputError
from dbsvc.engine.sources.spool import Stream, read_at

if TYPE_CHECKING:
    from dbsvc.engine.sources.columnar import Table

_KINDS = tuple(
    (kind, re.compile(start, re.DOTALL))
    for kind, start in (
        ("gzip", rb"\x1f\x8b"),
        ("zstd", rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
        ("bzip2", rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
        ("xz", rb"\xfd7zXZ\0"),
        ("zip", rb"PK(\x03\x04|\x05\x06|\x07\x08)"),
        ("Parquet", rb"PAR1"),
    )
)
#: How many bytes tell.
START = 10
#: These can be read at any position only.
BY_POSITION = ("zip", "Parquet")
#: These are read here and there: one that is far is fetched as a whole first.
HERE_AND_THERE = ("Parquet",)
_SUFFIXES = {
    "gz": "gzip",
    "gzip": "gzip",
    "zst": "zstd",
    "zstd": "zstd",
    "bz2": "bzip2",
    "xz": "xz",
    "zip": "zip",
    "parquet": "Parquet",
    "csv": "text",
    "jsonl": "text",
    "ndjson": "text",
}
_PACKED = re.compile(r"\.(gz|gzip|zst|bz2|xz|zip)$", re.IGNORECASE)
_BLOCK = 2**18  # bytes
#: What unpacking may take of memory: what `zstd -19` and `xz -9` need, and little more. zstd: as a power of two.
_MEMORY, _MEMORY_LOG = 80 * 2**20, 26


@dataclass(frozen=True)
class Unpacked:
    """The content of a packed file, how long it will be at least, if that is known beforehand, and its table if it is one."""

    stream: Stream
    promised: int = 0
    table: Table | None = None


def find_packing(start: bytes) -> str | None:
    """Return what packs a file that begins so; None if nothing does that can be unpacked here."""
    return next((kind for kind, pattern in _KINDS if pattern.match(start)), None)


def without_suffix(name: str) -> str:
    """Return a file's name without the ending that says what packs it."""
    return _PACKED.sub("", name)


def find_wrong_name(name: str, packing: str | None) -> str | None:
    """Return what is wrong about the name of a file, if it says otherwise than the first bytes."""
    said, found = _SUFFIXES.get(name.rpartition(".")[2].lower()), packing or "text"
    return f"its name says {said}, its first bytes say {found}" if said and said != found else None


def unpack(packing: str, file: BinaryIO, source: str, member: str | None, *, whole: bool) -> Unpacked:
    """Open what is packed. ``whole`` says that the file lies on this machine, ``member`` which one of an archive."""
    if packing == "zip":
        from dbsvc.engine.sources.archive import open_member

        return open_member(file, source, member)
    if packing == "Parquet":
        from dbsvc.engine.sources.columnar import Table

        table = Table(file, source)
        return Unpacked(table, table=table)
    stream = _OPENERS[packing](file, source)
    return Unpacked(stream, _promise(packing, file) if whole else 0)


def _promise(packing: str, file: BinaryIO) -> int:
    """Return what the packed data itself says of its length: gzip of its last part, modulo 4 GiB; zstd of its first one."""
    if packing == "gzip":
        end = os.fstat(file.fileno()).st_size
        return int.from_bytes(read_at(file, max(0, end - 4), 4), "little")
    if packing == "zstd":
        zstd = _import_zstd()
        try:
            return zstd.get_frame_info(read_at(file, 0, 18)).decompressed_size or 0
        except zstd.ZstdError:
            return 0
    return 0


class _Decompressor(Protocol):
    """What the modules that unpack have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end of the packed data was found."""

    @property
    def needs_input(self) -> bool:
        """Whether more packed data is needed to go on."""

    @property
    def unused_data(self) -> bytes:
        """What follows the end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return no more than so much of what comes out."""


class _Decompressed:
    """What comes out of packed data, which may be several ones that were joined, with NULs behind."""

    def __init__(
        self, kind: str, source: str, file: BinaryIO, make: Callable[[], _Decompressor], errors: tuple[type[Exception], ...]
    ) -> None:
        self._kind = kind
        self._source = source
        self._file = file
        self._make = make
        self._errors = errors
        self._one = make()

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end. Raises InputError for what is damaged or cut off."""
        while True:
            data = b""
            if self._one.eof:
                data = self._one.unused_data.lstrip(b"\0")
                while not data and (block := self._file.read(_BLOCK)):
                    data = block.lstrip(b"\0")
                if not data:
                    return b""
                self._one = self._make()
            elif self._one.needs_input and not (data := self._file.read(_BLOCK)):
                raise self._damaged("it ends too early")
            try:
                found = self._one.decompress(data, size)
            except self._errors as error:
                if "memory" in str(error).lower():
                    raise InputError(
                        f"{self._source}: unpacking it takes too much memory; pack it with a smaller window (zstd -19, xz -9)."
                    ) from error
                raise self._damaged(str(error)) from error
            if found:
                return found

    def _damaged(self, why: str) -> InputError:
        return InputError(f"{self._source}: the {self._kind} data is damaged or cut off ({why}).")


def _open_gzip(file: BinaryIO, source: str) -> Stream:
    from isal import igzip_lib

    def make() -> _Decompressor:
        return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)

    return _Decompressed("gzip", source, file, make, (cast(type[Exception], igzip_lib.IsalError),))


def _open_zstd(file: BinaryIO, source: str) -> Stream:
    zstd = _import_zstd()

    def make() -> _Decompressor:
        options = {zstd.DecompressionParameter.window_log_max: _MEMORY_LOG}
        return cast(_Decompressor, zstd.ZstdDecompressor(options=options))

    return _Decompressed("zstd", source, file, make, (zstd.ZstdError,))


def _open_bzip2(file: BinaryIO, source: str) -> Stream:
    import bz2

    return _Decompressed("bzip2", source, file, bz2.BZ2Decompressor, (OSError, ValueError))


def _open_xz(file: BinaryIO, source: str) -> Stream:
    import lzma

    def make() -> _Decompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)

    return _Decompressed("xz", source, file, make, (lzma.LZMAError,))


_OPENERS = {"gzip": _open_gzip, "zstd": _open_zstd, "bzip2": _open_bzip2, "xz": _open_xz}


def _import_zstd() -> Any:
    """Return the module that Python has from 3.14 on, or its copy for older ones."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
