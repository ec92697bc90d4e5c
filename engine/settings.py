"""Settings: from the environment, then from ``.env`` in the working directory, then the defaults here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from decouple import Config, RepositoryEmpty, RepositoryEnv, UndefinedValueError

from dbsvc.engine.errors import ConfigurationError


@dataclass(frozen=True)
class Settings:
    """What can be configured; the README lists the names in the environment."""

    database_url: str = field(default="sqlite:///var/data.db", repr=False)
    #: share of rejected records (0 to 1) above which a load is held
    max_rejected_share: float = 0.05
    #: a load is held when its total is this many times above or below the median of the recent loads
    total_factor: int = 10
    #: ... of which there must be at least so many
    total_min_loads: int = 5
    #: size of a chunk, the unit of restart and of sharing, in bytes
    chunk_bytes: int = 8 * 2**20
    #: how many records a month a load must bring to be staged by months, which a database with partitions can exchange
    month_records: int = 10_000
    #: how long a try to get at an embedded database waits for another process's transaction, in seconds
    lock_seconds: int = 30
    #: CurrencyLayer: the access key, or else a file that holds it; where to ask, and through which proxy
    currencylayer_access_key: str = field(default="", repr=False)
    currencylayer_access_key_file: str = ""
    currencylayer_base_url: str = "https://api.currencylayer.com"
    currencylayer_proxy: str = field(default="", repr=False)
    #: how long one request may take, and all tries of it with the pauses in between, in seconds
    currencylayer_timeout: float = 10
    currencylayer_deadline: float = 60
    #: how far back the checks look, in days
    check_days: int = 28

    def read_access_key(self) -> str:
        """Return CurrencyLayer's access key. Raises ConfigurationError if there is none."""
        key, origin, path = self.currencylayer_access_key, _KEY, self.currencylayer_access_key_file
        if not key and not path:
            raise ConfigurationError(f"There is no access key: set {_KEY}, or {_KEY}_FILE to the path of a file that holds it.")
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
    """Read the settings. Raises ConfigurationError for a value that cannot be."""
    config = _configuration()
    found: dict[str, Any] = {}
    for name, (variable, cast) in _VARIABLES.items():
        try:
            written = config(variable)
            if written.strip() or cast is _text:
                found[name] = cast(written)
        except UndefinedValueError:
            continue
        except ValueError as error:
            raise ConfigurationError(f"The setting {variable} must be {error}.") from None
    if os.environ.get(f"{_KEY}_FILE", "").strip() and not os.environ.get(_KEY, "").strip():
        found.pop("currencylayer_access_key", None)  # the environment goes before .env
    return replace(Settings(), **found)


def read_number(variable: str, default: str) -> int | float:
    """Read a threshold. Raises ConfigurationError for what is no number."""
    written = str(_configuration()(variable, default=default)).strip()
    if not re.fullmatch(r"\d{1,12}(\.\d{1,6})?", written):
        raise ConfigurationError(f"The setting {variable} must be a number, such as {default}.")
    return float(written) if "." in written else int(written)


def _configuration() -> Config:
    env_file = Path.cwd() / ".env"
    return Config(RepositoryEnv(env_file) if env_file.is_file() else RepositoryEmpty())


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("a database URL, such as sqlite:///var/data.db")
    return value.strip()


def _share(value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError("a number from 0 to 1, such as 0.05 for 5 %")
    return share


def _positive(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise ValueError("a whole number above 0")
    return int(value)


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 3600:
        raise ValueError("a number of seconds, such as 10")
    return seconds


def _api_url(value: str) -> str:
    url = value.strip().rstrip("/")
    with suppress(ValueError):  # a port beyond all ports
        if _API_URL.fullmatch(url) and urlsplit(url).port != 0:
            return url
    raise ValueError("the URL of an API, such as https://api.currencylayer.com")


def _proxy(value: str) -> str:
    if value.strip() and not re.fullmatch(r"https?://(\S*@)?[^/?#@\s]+/?", value.strip()):
        raise ValueError("the URL of a proxy, such as http://user:password@proxy:3128")
    return value.strip()


_KEY = "CURRENCYLAYER_ACCESS_KEY"
_API_URL = re.compile(r"https?://([\w.-]+|\[[\da-fA-F:]+\])(:\d{1,5})?(/[^?#\s]*)?")

_VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "database_url": ("DATABASE_URL", _text),
    "max_rejected_share": ("DBSVC_MAX_REJECTED_SHARE", _share),
    "total_factor": ("DBSVC_TOTAL_FACTOR", _positive),
    "total_min_loads": ("DBSVC_TOTAL_MIN_LOADS", _positive),
    "chunk_bytes": ("DBSVC_CHUNK_BYTES", _positive),
    "month_records": ("DBSVC_MONTH_RECORDS", _positive),
    "lock_seconds": ("DBSVC_LOCK_SECONDS", _positive),
    "check_days": ("DBSVC_CHECK_DAYS", _positive),
    "currencylayer_access_key": (_KEY, str.strip),
    "currencylayer_access_key_file": (f"{_KEY}_FILE", str.strip),
    "currencylayer_base_url": ("CURRENCYLAYER_BASE_URL", _api_url),
    "currencylayer_proxy": ("CURRENCYLAYER_PROXY", _proxy),
    "currencylayer_timeout": ("CURRENCYLAYER_TIMEOUT", _seconds),
    "currencylayer_deadline": ("CURRENCYLAYER_DEADLINE", _seconds),
}


def read_secrets() -> set[str]:
    """Return what must appear in no output: passwords and access keys, as written and encoded, also of malformed settings."""
    config = _configuration()
    found = _forms(config(_KEY, default="").strip())
    for variable in ("DATABASE_URL", "CURRENCYLAYER_BASE_URL", "CURRENCYLAYER_PROXY"):
        found |= _passwords_in(config(variable, default=""))
    return found


#: Keys that were read from files, which may be pipes: they can be read once.
_keys_read: set[str] = set()


def _forms(key: str) -> set[str]:
    return {form for form in (key, quote(key, safe=""), quote_plus(key)) if form}


def _passwords_in(url: str) -> set[str]:
    found = re.findall(r"://[^:@]*:(.*)@", url) + re.findall(r"[?&]password=([^&#]*)", url)
    return {secret for raw in found for secret in (raw, unquote(raw)) if secret}


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` without the secrets, and the keys that were read. A short one only counts where it is a word."""
    known = {*secrets, *(form for key in _keys_read for form in _forms(key))}
    for secret in sorted(known, key=len, reverse=True):
        pattern = re.escape(secret) if len(secret) >= _LONG else rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = re.sub(pattern, "***", text)
    return text


_LONG = 8  # characters: nothing else will look like a secret by chance
