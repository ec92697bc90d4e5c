"""dbsvc: load files into a SQL database exactly once. ``from dbsvc import connect`` is where to begin."""

from pathlib import Path as _Path

if _Path(__file__).with_name("engine").is_file():  # git wrote where a link leads to into a file
    raise ImportError(
        "This checkout has files where src/dbsvc needs symbolic links: allow links (on Windows: Developer Mode), "
        "then run `git config core.symlinks true && git checkout -f -- src`."
    )

from dbsvc.engine import *  # noqa: F403
from dbsvc.engine import __all__ as __all__
