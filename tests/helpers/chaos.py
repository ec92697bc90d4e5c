"""Kill processes for as long as you like: `python tests/helpers/chaos.py --rows 2000000 --kills 100 --database both`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pytest


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Load files into a database while every process is killed at a random moment; the end must be that "
        "of undisturbed processes, and a reader must never see a part of a file."
    )
    parser.add_argument("--rows", type=int, default=200_000, help="records in each file")
    parser.add_argument("--kills", type=int, default=100, help="on each database")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--seed", type=int, help="of the random moments; it is printed")
    options = parser.parse_args()
    os.environ |= {"DBSVC_CHAOS_ROWS": str(options.rows), "DBSVC_CHAOS_KILLS": str(options.kills)}
    if options.seed is not None:
        os.environ["DBSVC_CHAOS_SEED"] = str(options.seed)
    test = f"{Path(__file__).parents[1] / 'loads' / 'test_chaos.py'}::test_killed_at_random"
    databases = ("sqlite", "postgresql") if options.database == "both" else (options.database,)
    sys.exit(pytest.main(["-s", "-p", "no:cacheprovider", *(f"{test}[{database}]" for database in databases)]))


if __name__ == "__main__":
    main()
