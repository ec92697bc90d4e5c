"""The kinds of database, one module each. Adding one: its module, its line here, its migrations, its SQL overrides."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from dbsvc.engine.errors import ConfigurationError

if TYPE_CHECKING:
    from dbsvc.engine.db.dialect import Dialect
    from dbsvc.engine.settings import Settings

#: URL scheme → module with a class ``Driver(url, settings, name=…, create=…)``
SCHEMES = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql", "citus": "citus"}
#: A database that is made in no time, where a file is said.
SCRATCH = "sqlite:///{path}"


def all_families() -> dict[str, tuple[str, ...]]:
    """Return the kinds of database, and of each its family."""
    return {name: import_module(f".{name}", __name__).Driver.family for name in dict.fromkeys(SCHEMES.values())}


def families() -> dict[str, tuple[str, ...]]:
    """Return the kinds of database that inherit from no other, and of each its family. What is made for these holds for all."""
    return {name: family for name, family in all_families().items() if len(family) == 1}


def dialect_for(url: str, settings: Settings, *, name: str, create: bool) -> Dialect[Any]:
    """Return the dialect of a database URL. Raises ConfigurationError."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise ConfigurationError(f"DATABASE_URL must begin with one of: {known}")
    module = import_module(f".{SCHEMES[scheme]}", __name__)
    return cast("Dialect[Any]", module.Driver(url, settings, name=name, create=create))
