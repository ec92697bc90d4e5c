"""``.env`` in the working directory, read strictly: what is meant as a setting is understood, or refused with file and line.

No message shows more of a line than its name: the rest may be a secret.
"""

from __future__ import annotations

import codecs
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

from dbsvc.engine.errors import ConfigurationError

_PATH = Path(".env")
#: What stands at the start of files that editors and shells of Windows write. UTF-32's begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_END = re.compile(r"\r\n|\r|\n")
_SETTING = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*)")
_QUOTED = re.compile(r"""(['"])(.*?)\1(?:\s+#.*)?""")
#: What shells and other readers of such files take for more than plain text.
_UNCLEAR = {
    "": re.compile(r"\s(#|export\b|[A-Za-z_]\w*=)|;(\s|$)|\$[{(]|`|\\$"),
    '"': re.compile(r"""\\|\$[{(]|`|\""""),
    "'": re.compile("'"),
}


class Line(NamedTuple):
    """A setting's value, and the line it stands on."""

    value: str
    number: int


def read(ours: Callable[[str], bool], *, needed: bool) -> dict[str, Line]:
    """Return what ``.env`` sets; nothing if there is none. ``ours`` says whether a name concerns us.

    Raises ConfigurationError for what cannot be read, for a line that is no setting, for a value of ours that can be
    understood in two ways, and if the file is ``needed``, but blank: somebody failed to write it.
    """
    found: dict[str, Line] = {}
    content = _content()
    if content is None:
        return found
    if needed and not content.strip():
        raise ConfigurationError(f"{_PATH} is empty: write the settings into it, or take it away.")
    for number, text in enumerate(_LINE_END.split(_decode(content)), 1):
        line = text.strip()
        if not line or line.startswith("#"):
            continue
        setting = _SETTING.fullmatch(line)
        if not setting:
            _refuse(number, "this is no setting: write NAME=value, or # in front of a comment")
        name, written = setting.groups()
        quoted = _QUOTED.fullmatch(written)
        if written[:1] in ("'", '"') and not quoted:
            _refuse(number, f"the quote that {name} begins with does not end with the line")
        quote, value = quoted.groups() if quoted else ("", written)
        if ours(name):
            if name in found:
                _refuse(number, f"{name} is set already, in line {found[name].number}: take one of them out")
            if _UNCLEAR[quote].search(value):
                _refuse(number, f"what {name} is set to is not clear: put it into single quotes, and a comment on its own line")
        found[name] = Line(value, number)
    return found


def _refuse(number: int, sentence: str) -> NoReturn:
    """Raise what is wrong with a line."""
    raise ConfigurationError(f"{_PATH}:{number}: {sentence}.")


def _content() -> bytes | None:
    try:
        _PATH.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{_PATH} cannot be looked for: {error.strerror}.") from error
    try:
        if not stat.S_ISREG(_PATH.stat().st_mode):
            raise ConfigurationError(f"{_PATH} is no file: put the settings into a file of that name, or take it away.")
        return _PATH.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{_PATH} cannot be read ({error.strerror}): correct that, or remove it.") from error


def _decode(content: bytes) -> str:
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, errors="replace")
        _refuse(len(_LINE_END.split(before)), "this is not UTF-8: save the file as UTF-8")
    if "\0" in text:
        _refuse(len(_LINE_END.split(text.partition("\0")[0])), "there are NUL characters: save the file as UTF-8")
    return text
