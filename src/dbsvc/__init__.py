"""dbsvc: load files into a SQL database exactly once. ``from dbsvc import connect`` is where to begin."""

from dbsvc.engine import *  # noqa: F403
from dbsvc.engine import __all__ as __all__
