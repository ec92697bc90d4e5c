"""What statements may use: the parameters of each phase, and what a check must say of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dbsvc.engine.errors import StatementError
from dbsvc.engine.statements.statement import Statement

#: What the statements that are made of a declaration are given: they are run by name.
CONTRACT: frozenset[str] = frozenset(
    {
        *("landed", "validated", "staged", "staged_name", "table", "columns", "rows", "load_id", "first_line", "last_line"),
        *("records", "month_records", "partition_by", "history", "stored_key", "sampled_key"),
    }
)

#: The phases that a dataset may have of its own, or do without, and the parameters of their statements.
DATASET_PHASES: Mapping[str, frozenset[str]] = {
    "control_total": frozenset({"staged", "load_id"}),
    "identity": frozenset({"staged"}),
    "index": frozenset(),
    "lineage": frozenset(),
    "lineage/rows": frozenset(),
    "newest_day": frozenset(),
    "report": frozenset({"since", "until", "most"}),
    "unindex": frozenset(),
}
#: Phases of a dataset that a database has both of, or neither.
PAIR = ("unindex", "index")

#: The folders of statements that all loads share: ``make_way``, ``leave_place`` and ``withdraw`` take unpublished rows out of
#: their place; ``repeated``, ``find_duplicates`` and ``dedupe`` leave a key once in the file; ``merge`` and ``replay`` are how
#: the last delivery wins and the loser is kept.
LOAD_FOLDERS = (
    *("staging", "make_way", "leave_place", "withdraw", "repeated", "find_duplicates", "dedupe", "merge", "gather", "replay"),
    *("revert", "empty", "update_rows", "keep/deliveries"),
)
#: Those that a database may do without: how a session reads dates; how staged rows are spread; an index of staged lines;
#: staging by months, which are placed as partitions, or compared month by month; how that is planned; or, without partitions,
#: inserting what there is nothing to compare with, in the order that it came in if that will do; whether more rows
#: come than are stored. And where a merge keeps what it finds.
PLACE_FOLDERS = (
    *("session", "spread", "number", "log", "split", "split_month", "vacant", "order"),
    *(f"place/{step}" for step in ("find", "lock", "key", "analyze", "detach", "set_aside", "attach", "take_over")),
    *(f"place/{step}" for step in ("missing", "known", "create", "planned", "plan", "mark")),
    *("analyze", "plan", "seek", "by_month", "outgrow"),
    *(f"keep/{step}" for step in ("changes", "delivered", "reverted", "spread")),
)

#: What hides a merge until it is shown, where it is not seen at one moment: a database has all of these, or none.
SEEN_FOLDERS = (
    *("load/merge_number", "load/update_seen", "load/mark_inserted", "load/withdraw_seen", "load/sweep_later", "load/conceal"),
    *("ledger/unseen", "ledger/doubts", "ledger/reveal", "ledger/sweep", "ledger/begin_merge"),
)

#: What the shared phases, and a dataset's own that derive from its table, are given.
MERGED: frozenset[str] = frozenset(
    {
        *("staged", "load_id", "dataset", "table", "history", "key", "columns", "precedence", "partition_by"),
        *("key_names", "by_day", "digest_format"),
        *("staged_columns", "staged_values", "stored_values", "assignments"),
        *("staged_key", "stored_key", "past_key", "newest_key"),
        *("kept_changes", "kept_delivered", "kept_deliveries"),
    }
)

#: What finds a batch of what is derived, to be rebuilt: how many rows at most, and ``after_…``, where the batch before ended.
REBUILD: frozenset[str] = frozenset({"most"})
#: How parameters begin that there are as many of as a key has columns.
NUMBERED = ("after_", "key_")

#: What placing is given besides: a month, and another load.
PLACED: frozenset[str] = MERGED | {
    *("staged_name", "stored_name", "table_name", "rest", "month", "partition", "partition_name", "first_day", "next_day"),
    *("others_load_id", "others_staged", "schema", "months_function", "months", "replaced"),
    *("kept", "named"),
}

#: What hiding a merge, and showing it, is given besides.
SEEN: frozenset[str] = PLACED | {"merge_no", "status", "becomes", "seen", "stored", "takes_away"}

#: How what a provider of exchange rates answered is stored, and the parameters of every statement.
STORE_RATES: frozenset[str] = frozenset({"allow_provisional", "accept"})

#: What a check may use besides its own thresholds, and what its leading comment must say.
CHECK: frozenset[str] = frozenset({"since", "today"})
CHECK_HEADER = ("title", "severity", "do", "runbook")

#: What a check may use besides that runs for each dataset.
CHECK_OF_EACH: frozenset[str] = frozenset(
    {
        *("dataset", "table", "stored", "history", "key", "past_key", "stored_key", "columns", "digest_format"),
        "is_digested",
        *("table_name", "history_name", "has_precedence", "is_registry"),
    }
)

#: The kinds of charts, and by how many columns each is drawn.
CHARTS: Mapping[str, int] = {"columns": 1, "bars": 1, "heat": 2, "gaps": 2}
#: What a statement of the report says is missing: which column counts it, whether rejects count it already, what
#: it is, and what one types about it.
MISSING = re.compile(r"^-- missing (\w+)( \(in rejects\))?: ([^;]+)(?:; (.+))?$")

#: The audits of every load, and the parameters they may use.
AUDIT: frozenset[str] = frozenset(
    {
        *("load_id", "staged", "max_rejected_share", "small_file", "total_factor", "total_min_loads"),
        "max_contradicting_share",
    }
)

#: A check's threshold: its name, its default, and what it means. Where it begins with ``<dataset>_``, each dataset has its own,
#: and the query is given that of its dataset, without these words.
THRESHOLD = re.compile(r"^-- :(<dataset>_)?(\w+) = ([\d.]+): (.+)$")


def runs_for_each(check: Statement) -> bool:
    """Whether a check runs for each dataset. Raises StatementError when it is for each of something else."""
    each = check.header.get("for each")
    if each not in (None, "dataset"):
        raise StatementError(f"{check.origin}:1: a check runs for each dataset, not for each {each}")
    return each is not None


def allowed_in_check(check: Statement, named: Mapping[str, Statement]) -> frozenset[str]:
    """Return the parameters a check may use. ``named``: the checks by their names, those of all datasets before others.

    Raises StatementError when its leading comment lacks something, or its name is taken.
    """
    same = named[check.name.rpartition("/")[2]]
    replaced = check.header.get("instead of")
    if replaced is not None and not (replaced in named and runs_for_each(named[replaced])):
        raise StatementError(f"{check.origin}:1: no check {replaced} runs for each dataset")
    if same is not check and not runs_for_each(same):
        raise StatementError(
            f"{check.origin}:1: there is a check of that name, which does not run for each dataset: {same.origin}"
        )
    if lacking := [name for name in CHECK_HEADER if name not in same.header]:
        raise StatementError(f"{check.origin}:1: a check must say its {', '.join(lacking)}")
    if same.header["severity"] not in ("warning", "critical"):
        raise StatementError(f"{check.origin}:1: the severity of a check is warning or critical")
    thresholds = {found[2] for line in same.comment if (found := THRESHOLD.match(line))}
    return CHECK | thresholds | (CHECK_OF_EACH if runs_for_each(same) else frozenset())


def charts_of(statement: Statement) -> list[tuple[str, tuple[str, ...]]]:
    """Return the charts that a statement of the report is drawn as: the kind of each, and by which columns.

    Raises StatementError when its leading comment does not say so.
    """
    said = statement.header.get("chart", "")
    if not statement.header.get("title") or not said:
        raise StatementError(f"{statement.origin}:1: what the report shows must say its title and its chart")
    charts = []
    for each in said.split(";"):
        kind, _, columns = each.strip().partition(" by ")
        by = tuple(column.strip() for column in columns.split(",") if column.strip())
        if CHARTS.get(kind) != len(by):
            kinds = ", ".join(f"{name} by {' and '.join(['a column'] * number)}" for name, number in CHARTS.items())
            raise StatementError(f"{statement.origin}:1: no chart {each.strip()!r}, only {kinds}")
        charts.append((kind, by))
    return charts
