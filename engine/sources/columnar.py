"""Parquet files, read as text: each column becomes what a source would write, exactly, and keeps the same contract.

Days and times as in RFC 3339, decimals with all their places, a float in the fewest digits that are it alone, nothing for null.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, BinaryIO

from dbsvc.engine.errors import ExtraMissingError, InputError

#: What is read at once: no more rows, and no more bytes as the file stores them.
_ROWS, _BYTES = 1024, 2 * 2**20
#: The longest text and list that the file's own description may hold.
_LONGEST_TEXT, _LONGEST_LIST = 16 * 2**20, 10**6
_FRACTION = re.compile(r"\.?0+$")
Texts = Sequence[str | None]


class Table:
    """A Parquet file as a stream of text: CSV, or JSON lines if ``as_objects`` is set before the first byte is read."""

    def __init__(self, file: BinaryIO, source: str) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise ExtraMissingError(
                f"{source}: to read a Parquet file takes pyarrow, which is not installed: pip install 'dbsvc[parquet]'."
            ) from None
        self._source = source
        self._arrow = pyarrow
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())  # the others keep what was freed
        with self._refusing():
            self._parquet = parquet.ParquetFile(
                file,
                buffer_size=2**18,
                pre_buffer=False,
                memory_map=False,
                thrift_string_size_limit=_LONGEST_TEXT,
                thrift_container_size_limit=_LONGEST_LIST,
                page_checksum_verification=True,
            )
            schema = self._parquet.schema_arrow
        self.as_objects = False
        #: the names of its columns
        self.names: list[str] = list(schema.names)
        self._writers = [self._find_writer(field.name, field.type) for field in schema]
        #: whether a value of the column is written in JSON as it is
        self._bare = [_is_number(pyarrow, field.type) for field in schema]
        self._blocks: Iterator[bytes] | None = None
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        self._blocks = self._blocks or self._write()
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._rest = block
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def _write(self) -> Iterator[bytes]:
        write = self._write_objects if self.as_objects else self._write_csv
        if not self.as_objects:
            yield self._write_csv([[name] for name in self.names])
        with self._refusing():
            rows = max(1, min(_ROWS, _BYTES // (_find_widest(self._parquet.metadata) + 1)))
            for batch in self._parquet.iter_batches(batch_size=rows, use_threads=False):
                yield write([of(column) for of, column in zip(self._writers, batch.columns, strict=True)])

    def _write_csv(self, columns: list[Texts]) -> bytes:
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows(zip(*columns, strict=True))
        return written.getvalue().encode(errors="surrogateescape")

    def _write_objects(self, columns: list[Texts]) -> bytes:
        cells = [
            [f"{json.dumps(name, ensure_ascii=False)}:{_as_json(text, bare)}" for text in texts]
            for name, texts, bare in zip(self.names, columns, self._bare, strict=True)
        ]
        return "".join(f"{{{','.join(row)}}}\n" for row in zip(*cells, strict=True)).encode(errors="surrogateescape")

    def _find_writer(self, name: str, of: Any) -> Callable[[Any], Texts]:
        """Return what turns a column of a type into texts. Raises InputError for a type that no text of one field has."""
        arrow, types = self._arrow, self._arrow.types
        if types.is_dictionary(of):
            write = self._find_writer(name, of.value_type)
            return lambda column: write(column.cast(of.value_type))
        if types.is_null(of):
            return lambda column: [None] * len(column)
        if types.is_string(of) or types.is_large_string(of) or types.is_string_view(of):
            return self._write_texts
        if types.is_binary(of) or types.is_large_binary(of) or types.is_fixed_size_binary(of) or types.is_binary_view(of):
            return _write_bytes
        if types.is_integer(of) or types.is_boolean(of) or types.is_date(of):
            return self._write_plain
        if types.is_decimal(of) or types.is_float32(of) or types.is_float64(of):
            return self._write_numbers
        if types.is_float16(of):
            return lambda column: self._write_numbers(column.cast(arrow.float32()))
        if types.is_time(of):
            return lambda column: [text and _trimmed(text) for text in self._write_plain(column)]
        if types.is_timestamp(of):
            zone = "Z" if of.tz else ""
            stored = arrow.timestamp(of.unit)  # in UTC, if it is of a zone
            return lambda column: [
                text and _trimmed(text.replace(" ", "T")) + zone for text in self._write_plain(column.cast(stored))
            ]
        raise InputError(f"{self._source}: its column '{name}' is of the type {of}, which is no single value; flatten it.")

    def _write_plain(self, column: Any) -> Texts:
        return list(column.cast(self._arrow.string()).to_pylist())

    def _write_texts(self, column: Any) -> Texts:
        try:
            return list(column.to_pylist())
        except UnicodeDecodeError:  # such a record is rejected, with its very bytes
            return _write_bytes(column.cast(self._arrow.large_binary()))

    def _write_numbers(self, column: Any) -> Texts:
        """Without an exponent, which money is not written with."""
        return [text and (f"{Decimal(text):f}" if "e" in text or "E" in text else text) for text in self._write_plain(column)]

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except (self._arrow.ArrowException, OSError, ValueError, OverflowError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{self._source}: the Parquet data is damaged or cut off ({why}).") from error


def _find_widest(metadata: Any) -> int:
    """Return how many bytes a row takes in the file before it is packed, where it takes most on average."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    return max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)


def _write_bytes(column: Any) -> Texts:
    return [None if value is None else value.decode(errors="surrogateescape") for value in column.to_pylist()]


def _trimmed(moment: str) -> str:
    """Return a time without zeros at the end of its fraction."""
    return _FRACTION.sub("", moment) if "." in moment else moment


def _is_number(arrow: Any, of: Any) -> bool:
    types = arrow.types
    value = of.value_type if types.is_dictionary(of) else of
    return bool(types.is_integer(value) or types.is_floating(value) or types.is_decimal(value) or types.is_boolean(value))


def _as_json(text: str | None, bare: bool) -> str:
    if text is None:
        return "null"
    if bare and text.lstrip("-")[:1] not in ("i", "n", "N"):  # no number at all
        return text
    return json.dumps(text, ensure_ascii=False)
