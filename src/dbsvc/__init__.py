"""dbsvc: load files into a SQL database exactly once. ``from dbsvc import connect`` is where to begin."""

from pathlib import Path as _Path
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _Path(__file__).with_name("engine").is_file():  # git wrote where a link leads to into a file
    raise ImportError(
        "This checkout has files where src/dbsvc needs symbolic links: allow links (on Windows: Developer Mode), "
        "then run `git config core.symlinks true && git checkout -f -- src`."
    )

from dbsvc import engine as _engine
from dbsvc.engine import __all__ as __all__

if _TYPE_CHECKING:
    from dbsvc.engine import *  # noqa: F403


def __getattr__(name: str) -> _Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_engine, name)
