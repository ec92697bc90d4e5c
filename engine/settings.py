"""Settings: from the environment, then from ``.env`` in the working directory, then the defaults here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, unquote, unquote_plus, urlsplit

from decouple import Config

from dbsvc.engine import dotenv
from dbsvc.engine.errors import ConfigurationError
from dbsvc.engine.project import find_project


@dataclass(frozen=True)
class Settings:
    """What can be configured; the comments become docs/reference/settings.md."""

    #: the database: `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://user:password@host:port/name`
    database_url: str = field(default="sqlite:///var/data.db", repr=False)
    #: the project, a folder of datasets, checks, migrations and profiles of your own; by default `./dbsvc` if it is there
    project: str = ""
    #: a load is held if a larger share of its records is rejected (of files under 100 records: more than half)
    max_rejected_share: float = 0.05
    #: a load is held if a larger share of its records contradicts another record of the file (one pair is allowed in any file)
    max_contradicting_share: float = 0.05
    #: a load is held if its total is this many times above or below the median of the recent loads
    total_factor: int = 10
    #: how many recent loads there must be for that
    total_min_loads: int = 5
    #: size of a chunk, the unit of restart and of sharing, in bytes
    chunk_bytes: int = 8 * 2**20
    #: the most that a packed file, or a file of an archive, may unpack to, in GB
    max_unpacked_gb: float = 64
    #: seconds that an object store or a web server may be silent until a request is tried again
    store_timeout: float = 20
    #: seconds that all tries of one request may take: fewer than DBSVC_FREEZE_SECONDS, for a chunk is claimed meanwhile
    store_deadline: float = 50
    #: how many records a load must bring to be placed before it is published; where a table has months: how many a month
    month_records: int = 10_000
    #: how many seconds each of 8 tries waits for others' transactions; longer behind one of ours, or (SQLite) while others end
    lock_seconds: int = 30
    #: PostgreSQL: after how many seconds a transaction is taken away from an instance that froze
    freeze_seconds: int = 60
    #: where a database has nodes: URLs of those to stage records through, apart from each other by blanks; else those it knows
    stage_urls: str = field(default="", repr=False)
    #: the access key of CurrencyLayer, for `dbsvc fx`
    currencylayer_access_key: str = field(default="", repr=False)
    #: the path of a file that holds the key, instead of the key itself
    currencylayer_access_key_file: str = ""
    #: where to ask; `http://api.currencylayer.com` for plans without https: the key then travels in the clear
    currencylayer_base_url: str = "https://api.currencylayer.com"
    #: the proxy to ask through
    currencylayer_proxy: str = field(default="", repr=False)
    #: seconds that one request may take, from connecting to the last byte
    currencylayer_timeout: float = 10
    #: seconds that all tries of a request may take, with the pauses in between
    currencylayer_deadline: float = 60
    #: why the access key must not be sent where these settings say; empty if it may
    currencylayer_distrust: str = field(default="", repr=False)
    #: what is logged: `debug` (every step and statement), `info`, `warning`, `error`; else `info`, on a terminal `warning`
    log_level: str = ""
    #: how many days `dbsvc check` looks back from the newest day of the data
    check_days: int = 28
    #: who is told by commands that have `--notify` when something breaks, and when it is over: URLs with blanks between them
    notify: str = field(default="", repr=False)
    #: seconds that telling them may add to a run, or a few more while another instance tells; what is not taken stays owed
    notify_seconds: float = 15
    #: where your people read the RUNBOOK: notifications link to its sections
    runbook_url: str = "RUNBOOK.md"

    @property
    def max_unpacked(self) -> int:
        """The most that a packed file may unpack to, in bytes."""
        return int(self.max_unpacked_gb * 10**9)

    def read_access_key(self) -> str:
        """Return CurrencyLayer's access key. Raises ConfigurationError if there is none."""
        key, origin, path = self.currencylayer_access_key, _KEY, self.currencylayer_access_key_file
        if not key and not path:
            raise ConfigurationError(f"There is no access key: set {_KEY}, or {_KEY}_FILE to the path of a file that holds it.")
        if self.currencylayer_distrust:
            raise ConfigurationError(self.currencylayer_distrust)
        if not key:
            origin = f"{_KEY}_FILE: {path}"
            try:
                key = Path(path).read_text(errors="replace").strip()
            except OSError as error:
                raise ConfigurationError(f"{origin} cannot be read: {error.strerror}.") from error
            _keys_read.add(key)
        if not (key.isascii() and key.isprintable() and key and " " not in key):
            raise ConfigurationError(f"{origin} must hold an access key and no more: letters and digits, no blanks.")
        return key


def read_settings() -> Settings:
    """Read the settings. Raises ConfigurationError for a value that cannot be, and for a name that nobody reads.

    >>> from dataclasses import replace
    >>> settings = replace(dbsvc.read_settings(), database_url="sqlite:///example.db", check_days=7)
    >>> dbsvc.check(settings=settings, only=["loads_held"]).state
    'ok'
    """
    given = _read()
    given.refuse_unknown()
    found = {name: given.read(variable, cast) for name, (variable, cast) in VARIABLES.items() if variable in given}
    if os.environ.get(f"{_KEY}_FILE", "").strip() and not os.environ.get(_KEY, "").strip():
        found.pop("currencylayer_access_key", None)  # the environment goes before .env
    settings = replace(Settings(), **found)
    given.refuse_stray_password(settings.database_url)
    return replace(settings, currencylayer_distrust=given.distrust(settings))


@dataclass(frozen=True)
class Shown:
    """A setting as somebody may see it: without secrets, and where it comes from."""

    variable: str
    value: str
    #: ``environment``, the line of ``.env``, or ``default``
    origin: str
    #: whether it holds what nobody is to see
    is_secret: bool


def list_settings() -> list[Shown]:
    """Return every setting as it is written, whether it can be or not, then the thresholds of checks that are given.

    Raises ConfigurationError for a ``.env`` that cannot be read.
    """
    given, secrets = _read(), read_secrets()
    about = {field.name: field for field in fields(Settings)}
    found = []
    for name, (variable, _) in VARIABLES.items():
        written = given.written(variable) if variable in given else str(about[name].default)
        value = "(set)" if variable in (_KEY, _NOTIFY) and written else redact(written, secrets)
        found.append(Shown(variable, value, given.origin(variable), is_secret=value != written))
    others = [name for name in given.names() if name.startswith("DBSVC_CHECK_") and name not in {one.variable for one in found}]
    return found + [Shown(name, given.written(name), given.origin(name), is_secret=False) for name in others]


def read_number(variable: str, default: str) -> int | float:
    """Read a threshold. Raises ConfigurationError for what is no number."""
    given = _read()

    def number(written: str) -> int | float:
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", written):
            raise ValueError(f"a number, such as {default}")
        return float(written) if "." in written else int(written)

    return number(default) if variable not in given else given.read(variable, number)


def read_log_level() -> str:
    """Return what is to be logged; an empty text if that is not said. What cannot be is refused with the other settings."""
    with suppress(ConfigurationError):
        return str(_read().read("DBSVC_LOG_LEVEL", _log_level))
    return ""


def _read() -> _Given:
    return _Given(dotenv.read(_is_ours, needed="DATABASE_URL" not in os.environ))


class _Given:
    """What the environment and ``.env`` say, and where they say it."""

    def __init__(self, lines: Mapping[str, dotenv.Line]) -> None:
        self._lines = lines
        self._config = Config({name: line.value for name, line in lines.items()})

    def __contains__(self, variable: str) -> bool:
        return variable in os.environ or variable in self._lines

    def names(self) -> list[str]:
        """Return the names of all that is set."""
        return sorted({*self._lines, *os.environ})

    def origin(self, variable: str) -> str:
        """Return where a setting comes from."""
        if variable in os.environ:
            return "environment"
        return f".env:{self._lines[variable].number}" if variable in self._lines else "default"

    def written(self, variable: str) -> str:
        """Return a setting as it is written; an empty text if it is not."""
        return str(self._config(variable, default=""))

    def read(self, variable: str, cast: Callable[[str], Any]) -> Any:
        """Return a setting's value."""
        written = self.written(variable).strip()
        try:
            if not written.isprintable():
                raise ValueError("a text of characters that can be seen")
            return cast(written)
        except ValueError as error:
            raise ConfigurationError(f"{self._where(variable)}The setting {variable} must be {error}.") from None

    def refuse_unknown(self) -> None:
        """Raise ConfigurationError for a name that is meant for us, and that nobody reads."""
        known = {variable for variable, _ in VARIABLES.values()}
        odd = sorted({*self._lines, *os.environ} - known, key=lambda name: (name not in self._lines, name))
        odd = [name for name in odd if self._means_us(name, known)]
        if any(name.upper().startswith("DBSVC_") for name in odd):  # else the checks need not be read
            from dbsvc.engine.checks import threshold_settings

            known |= threshold_settings(find_project(self.written("DBSVC_PROJECT").strip()))
        for name in odd:
            if name not in known:
                nearest = get_close_matches(name.upper(), known, n=1, cutoff=0.6)
                hint = f"did you mean {nearest[0]}?" if nearest else "docs/reference/settings.md lists all settings."
                where = self._where(name) if name in self._lines else "In the environment: "
                raise ConfigurationError(f"{where}{name} is no setting of dbsvc: {hint}")

    def _means_us(self, name: str, known: Iterable[str]) -> bool:
        if name.startswith(_NOT_SETTINGS):
            return False
        likely = known if "DATABASE_URL" not in self else [other for other in known if other != "DATABASE_URL"]
        return _is_ours(name) or bool(get_close_matches(name.upper(), likely, n=1, cutoff=_NEAR))

    def refuse_stray_password(self, url: str) -> None:
        """Raise ConfigurationError if ``.env`` says to whom the database's password of the environment goes.

        A password file names its hosts itself.
        """
        if not (self._is_from_file("DATABASE_URL") and os.environ.get("PGPASSWORD")):
            return
        with suppress(ValueError):  # what is no URL is refused where it is used
            parts = urlsplit(url)
            query = parse_qs(parts.query)
            named = parts.hostname or query.keys() & {"host", "hostaddr", "service"}
            if named and not (parts.password or "password" in query):
                raise ConfigurationError(
                    f"{self._where('DATABASE_URL')}DATABASE_URL says to whom PGPASSWORD goes, which is from the environment: "
                    "set DATABASE_URL there, too, or put the password into it."
                )

    def distrust(self, settings: Settings) -> str:
        """Return why the access key must not be sent where the settings say; empty if it may.

        What names where it goes must come from where it comes from: a ``.env`` may lie in somebody else's folder. The
        environment may say where a key of ``.env`` goes: whoever sets it runs us.
        """
        urls = {"CURRENCYLAYER_BASE_URL": settings.currencylayer_base_url, "CURRENCYLAYER_PROXY": settings.currencylayer_proxy}
        usual = (Settings.currencylayer_base_url, Settings.currencylayer_proxy)
        named = next((name for name, url in urls.items() if self._is_from_file(name) and url not in usual), None)
        path = settings.currencylayer_access_key_file
        if named is None:
            return ""
        if any(os.environ.get(name, "").strip() for name in (_KEY, f"{_KEY}_FILE")):
            origin = "from the environment"
        elif not settings.currencylayer_access_key and path and not _is_here(path):
            origin = "from a file outside of this folder"
        else:
            return ""
        return (
            f"{self._where(named)}{named} says where the access key goes, which comes {origin}: set {named} in the environment."
        )

    def _is_from_file(self, variable: str) -> bool:
        return variable in self._lines and variable not in os.environ

    def _where(self, variable: str) -> str:
        return f".env:{self._lines[variable].number}: " if self._is_from_file(variable) else ""


def _is_here(path: str) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath("."))


def _is_ours(name: str) -> bool:
    return name == "DATABASE_URL" or name.upper().startswith(("DBSVC_", "CURRENCYLAYER_"))


#: What the tests and the benches of this project read.
_NOT_SETTINGS = ("DBSVC_TEST_", "DBSVC_CHAOS_", "DBSVC_BENCH_")
_NEAR = 0.85  # how alike two names are, of which one is a slip of the pen


def _text(value: str) -> str:
    if not value:
        raise ValueError("a database URL, such as sqlite:///var/data.db")
    return value


def _share(value: str) -> float:
    if not (_NUMBER.fullmatch(value) and float(value) <= 1):
        raise ValueError("a number from 0 to 1, such as 0.05 for 5 %")
    return float(value)


def _positive(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", value) or int(value) == 0:
        raise ValueError("a whole number above 0")
    return int(value)


def _size(value: str) -> float:
    if not (_NUMBER.fullmatch(value) and float(value) > 0):
        raise ValueError("a number above 0, such as 64")
    return float(value)


def _seconds(value: str) -> float:
    if not (_NUMBER.fullmatch(value) and 0 < float(value) < 3600):
        raise ValueError("a number of seconds, such as 10")
    return float(value)


def _log_level(value: str) -> str:
    if value.lower() not in ("", *_LOG_LEVELS):
        raise ValueError(f"one of {', '.join(_LOG_LEVELS)}")
    return value.lower()


def _api_url(value: str) -> str:
    url = value.rstrip("/")
    with suppress(ValueError):  # a port beyond all ports
        if _API_URL.fullmatch(url) and urlsplit(url).port != 0:
            return url
    raise ValueError("the URL of an API, such as https://api.currencylayer.com")


def _proxy(value: str) -> str:
    with suppress(ValueError):  # a port beyond all ports
        if not value or (re.fullmatch(r"https?://(\S*@)?[^/?#@\s]+/?", value) and urlsplit(value).port != 0):
            return value
    raise ValueError("the URL of a proxy, such as http://user:password@proxy:3128")


def _urls(value: str, like: str = "https://hooks.example.com/alerts") -> str:
    if all(re.fullmatch(r"[A-Za-z][A-Za-z0-9.+-]*://\S+", url) for url in value.split()):
        return value
    raise ValueError(f"URLs, such as {like}, with blanks between them")


def _place(value: str) -> str:
    if value and not re.search(r"[\s#<>|]", value):
        return value
    raise ValueError("a URL or a path without blanks and without #, such as https://wiki.example.com/RUNBOOK")


_KEY = "CURRENCYLAYER_ACCESS_KEY"
_NOTIFY = "DBSVC_NOTIFY"
_LOG_LEVELS = ("debug", "info", "warning", "error")
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{0,12})?|\.[0-9]{1,12}")
_API_URL = re.compile(r"https?://([\w.-]+|\[[\da-fA-F:]+\])(:\d{1,5})?(/[^?#\s]*)?")

VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "database_url": ("DATABASE_URL", _text),
    "project": ("DBSVC_PROJECT", str),
    "max_rejected_share": ("DBSVC_MAX_REJECTED_SHARE", _share),
    "max_contradicting_share": ("DBSVC_MAX_CONTRADICTING_SHARE", _share),
    "total_factor": ("DBSVC_TOTAL_FACTOR", _positive),
    "total_min_loads": ("DBSVC_TOTAL_MIN_LOADS", _positive),
    "chunk_bytes": ("DBSVC_CHUNK_BYTES", _positive),
    "max_unpacked_gb": ("DBSVC_MAX_UNPACKED_GB", _size),
    "store_timeout": ("DBSVC_STORE_TIMEOUT", _seconds),
    "store_deadline": ("DBSVC_STORE_DEADLINE", _seconds),
    "month_records": ("DBSVC_MONTH_RECORDS", _positive),
    "lock_seconds": ("DBSVC_LOCK_SECONDS", _positive),
    "freeze_seconds": ("DBSVC_FREEZE_SECONDS", _positive),
    "stage_urls": ("DBSVC_STAGE_URLS", partial(_urls, like="scheme://user@worker:5432/name")),
    "log_level": ("DBSVC_LOG_LEVEL", _log_level),
    "check_days": ("DBSVC_CHECK_DAYS", _positive),
    "notify": (_NOTIFY, _urls),
    "notify_seconds": ("DBSVC_NOTIFY_SECONDS", _seconds),
    "runbook_url": ("DBSVC_RUNBOOK_URL", _place),
    "currencylayer_access_key": (_KEY, str),
    "currencylayer_access_key_file": (f"{_KEY}_FILE", str),
    "currencylayer_base_url": ("CURRENCYLAYER_BASE_URL", _api_url),
    "currencylayer_proxy": ("CURRENCYLAYER_PROXY", _proxy),
    "currencylayer_timeout": ("CURRENCYLAYER_TIMEOUT", _seconds),
    "currencylayer_deadline": ("CURRENCYLAYER_DEADLINE", _seconds),
}


def read_secrets() -> set[str]:
    """Return what must appear in no output: passwords and access keys, as written and encoded, also of malformed settings.

    Nothing of a ``.env`` that cannot be read is shown, so that it does not matter which secrets it holds.
    """
    given = _Given({})
    with suppress(ConfigurationError):
        given = _read()
    found = _forms(given.written(_KEY).strip()) | _forms(os.environ.get("PGPASSWORD", ""))
    found |= _forms(os.environ.get("OPENLINEAGE_API_KEY", ""))
    found |= {form for url in given.written(_NOTIFY).split() for form in _forms(url)}
    for variable in ("DATABASE_URL", "CURRENCYLAYER_BASE_URL", "CURRENCYLAYER_PROXY"):
        found |= _passwords_in(given.written(variable))
    for url in given.written("DBSVC_STAGE_URLS").split():
        found |= _passwords_in(url)
    return found


#: Keys that were read from files, which may be pipes: they can be read once; and what is secret in URLs of files.
_keys_read: set[str] = set()


def keep_secret(secret: str) -> None:
    """Let a secret appear in no output from now on."""
    if secret:
        _keys_read.add(secret)


def _forms(key: str) -> set[str]:
    return {form for form in (key, quote(key, safe=""), quote_plus(key)) if form}


def _passwords_in(url: str) -> set[str]:
    found = re.findall(r"://[^:@]*:(.*)@", url)
    for pair in re.split("[?&]", url)[1:]:
        name, _, value = pair.partition("=")
        if _SECRET_NAME.search(unquote(name)):
            found.append(value.partition("#")[0])
    return {secret for raw in found for secret in (raw, unquote(raw), unquote_plus(raw)) if secret}


#: Parameters of a URL that are secret, among them those of libpq: sslpassword, oauth_client_secret, scram_client_key.
_SECRET_NAME = re.compile(r"(password|passwd|secret|token|^scram_\w+_key)$", re.IGNORECASE)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` without the secrets, and the keys that were read. A short one only counts where it is a word."""
    known = {*secrets, *(form for key in _keys_read for form in _forms(key))}
    for secret in sorted(known, key=len, reverse=True):
        pattern = re.escape(secret) if len(secret) >= _LONG else rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = re.sub(pattern, "***", text)
    return text


_LONG = 8  # characters: nothing else will look like a secret by chance
