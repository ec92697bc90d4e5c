"""dbsvc: load files into a SQL database exactly once. ``from dbsvc import connect`` is where to begin."""

from pathlib import Path as _Path

if _Path(__file__).with_name("engine").is_file():  # git wrote a link's target into a file
    raise ImportError(
        "This checkout has no symbolic links, which src/dbsvc needs: enable them in the system (on Windows: Developer Mode), "
        "then run `git config core.symlinks true && git checkout -f -- src`, or clone again with `git clone -c core.symlinks=true`."
    )

from dbsvc.engine import *  # noqa: E402, F403
from dbsvc.engine import __all__ as __all__  # noqa: E402
