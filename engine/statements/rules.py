"""What statements may use: the parameters of each phase, and what a check must say of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dbsvc.engine.errors import StatementError
from dbsvc.engine.statements.statement import Statement

#: The phases of a load that each dataset has of its own, and the parameters of their statements.
DATASET_PHASES: Mapping[str, frozenset[str]] = {
    "session": frozenset(),
    "land": frozenset({"landed"}),
    "validate": frozenset({"landed"}),
    "stage": frozenset({"landed", "staged", "load_id", "first_line", "last_line"}),
    "control_total": frozenset({"staged", "load_id"}),
    "partition": frozenset({"load_id", "staged", "records", "month_records"}),
    "fast_path": frozenset({"table", "columns", "rows"}),
    "identity": frozenset({"staged"}),
}
#: Those that a dataset may do without.
OPTIONAL = ("session", "control_total", "partition", "fast_path", "identity")

#: The folders of statements that all loads share: ``exchange`` is the short way to publish what has no row to compare with;
#: ``find_duplicates`` and ``dedupe`` leave a key once in the file; ``merge`` and ``replay`` are how the last delivery wins and
#: the loser is kept.
LOAD_FOLDERS = ("staging", "exchange", "find_duplicates", "dedupe", "merge", "replay")

#: What the shared phases, and a dataset's own that derive from its table, are given.
MERGED: frozenset[str] = frozenset(
    {
        *("staged", "load_id", "dataset", "table", "history", "key", "key_text", "columns", "precedence", "partition_by"),
        "key_names",
        *("staged_columns", "staged_values", "stored_values", "assignments"),
        *("staged_key", "stored_key", "past_key", "newest_key"),
        "max_contradicting_share",
    }
)

#: How what a provider of exchange rates answered is stored, and the parameters of every statement.
STORE_RATES: frozenset[str] = frozenset({"allow_provisional", "accept"})

#: What a check may use besides its own thresholds, and what its leading comment must say.
CHECK: frozenset[str] = frozenset({"since", "today"})
CHECK_HEADER = ("title", "severity", "do", "runbook")

#: The audits of every load, and the parameters they may use.
AUDIT: frozenset[str] = frozenset(
    {
        *("load_id", "staged", "max_rejected_share", "small_file", "total_factor", "total_min_loads"),
        "max_contradicting_share",
    }
)

#: A check's threshold: its name, its default, and what it means.
THRESHOLD = re.compile(r"^-- :(\w+) = ([\d.]+): (.+)$")


def allowed_in_check(check: Statement) -> frozenset[str]:
    """Return the parameters a check may use. Raises StatementError when its leading comment lacks something."""
    if lacking := [name for name in CHECK_HEADER if name not in check.header]:
        raise StatementError(f"{check.origin}:1: a check must say its {', '.join(lacking)}")
    if check.header["severity"] not in ("warning", "critical"):
        raise StatementError(f"{check.origin}:1: the severity of a check is warning or critical")
    return CHECK | {found[1] for line in check.comment if (found := THRESHOLD.match(line))}
