"""Settings: from the environment, then from ``.env`` in the working directory, then the defaults here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

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
    #: how long a try to get at an embedded database waits for another process's transaction, in seconds
    lock_seconds: int = 30


def read_settings() -> Settings:
    """Read the settings. Raises ConfigurationError for a value that cannot be."""
    env_file = Path.cwd() / ".env"
    config = Config(RepositoryEnv(env_file) if env_file.is_file() else RepositoryEmpty())
    found: dict[str, Any] = {}
    for name, (variable, cast) in _VARIABLES.items():
        try:
            found[name] = cast(config(variable))
        except UndefinedValueError:
            continue
        except ValueError as error:
            raise ConfigurationError(f"The setting {variable} must be {error}.") from None
    return replace(Settings(), **found)


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


_VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "database_url": ("DATABASE_URL", _text),
    "max_rejected_share": ("DBSVC_MAX_REJECTED_SHARE", _share),
    "total_factor": ("DBSVC_TOTAL_FACTOR", _positive),
    "total_min_loads": ("DBSVC_TOTAL_MIN_LOADS", _positive),
    "chunk_bytes": ("DBSVC_CHUNK_BYTES", _positive),
    "lock_seconds": ("DBSVC_LOCK_SECONDS", _positive),
}


def secrets_in(url: str) -> set[str]:
    """Return the passwords a database URL carries, as written and decoded, also when the URL is malformed."""
    found = re.findall(r"://[^:@]*:(.*)@", url) + re.findall(r"[?&]password=([^&#]*)", url)
    return {secret for raw in found for secret in (raw, unquote(raw)) if secret}


def redact(text: str, url: str) -> str:
    """Return ``text`` without the password that ``url`` carries."""
    for secret in sorted(secrets_in(url), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
    return text
