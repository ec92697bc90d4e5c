"""The contract of a dataset, as statements: the columns of its declaration, put into the files of ``sql/contract``.

What stands there as ``/*:name*/`` is a list that is made of the columns and their types. A dataset's ``rules.sql``, which says
what no type can, looks at landed records, and at those that took the fast path once they are staged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from dbsvc.engine.columns import Column
from dbsvc.engine.datasets import Dataset
from dbsvc.engine.errors import StatementError
from dbsvc.engine.statements.statement import Statement, quote
from dbsvc.engine.words import SQL_WORDS

#: where the statements stand, of which each dataset gets its own
FOLDER = "contract"
#: those of them that tell where a row came from
LINEAGE = f"{FOLDER}/lineage"
#: The statement that validates where amounts may be negative, as a profile says.
VALIDATE_SIGNED = "validate_signed"
#: where what makes a dataset's tables stands
SCAFFOLD = "scaffold"
#: a header line of a statement there: it is for those datasets alone whose rows are placed
ONLY = "only"
_CLAUSE = re.compile(r"/\*:(\w+)\*/")
_RECORDS = ':"validated"'
_VALIDATE = f"{FOLDER}/validate"
#: a header line of ``rules.sql``: no record that matches the patterns can break these rules
KEPT = "fast_path"


def derive(dataset: Dataset, templates: Mapping[str, Statement], rules: Statement | None) -> dict[str, str]:
    """Return the texts of a dataset's own statements, by their names. ``templates``: the files of ``sql/contract``."""
    texts = {name: template.text for name, template in templates.items()}
    columns = list(dataset.columns.values())
    lists = {
        "landed": _list(f"{quote(column.name)} landed_type NOT NULL" for column in columns),
        **_validations(columns),
        "wrong": _list(quote(f"{column.name}_wrong") for column in columns),
        "any_wrong": "".join(f"{quote(f'{column.name}_wrong')} IS NOT NULL\n    OR " for column in columns),
        "columns": _list(quote(column.name) for column in columns),
        "stored": _list(column.stored(quote(column.name)) for column in columns),
        "key": " || ' ' ".join(f"|| cast(validated.{quote(name)} AS text)" for name in dataset.key),
        "key_columns": _list(f"validated.{quote(name)}" for name in dataset.key),
        "key_records": _read_key(dataset, texts[_VALIDATE]),
        "key_samples": _read_samples(dataset, texts[_VALIDATE]),
        "sampled_key": _list(f"{dataset.columns[name].stored(quote(name))} AS {quote(name)}" for name in dataset.key),
        "is_key": " ".join(f"AND {quote(name)} = :key_{nth}" for nth, name in enumerate(dataset.key, 1)),
        "versions": _list(f"versions.{quote(column.name)} AS {quote(f'{column.name}_value')}" for column in columns),
        "fast_values": _list(map(_fast_value, columns)),
        "staged": _list(part for column in columns for part in (quote(column.name), _given(column, "IS NOT NULL"))),
        "not_null": _not_null(columns),
    }
    if dataset.partition_by:
        lists["sampled_day"] = f"{dataset.columns[dataset.partition_by].value('written')} AS day,"
    lists["any_doubt"] = "".join(f"\n        OR ({when})" for column in columns for _, when in _doubts(column))
    needed = {"unstage_doubts": lists["any_doubt"], "10_partition": dataset.partition_by, "place": dataset.placed}
    lacking = {name for name, there in {**needed, "10_span": dataset.placed}.items() if not there}
    filled = {name: _fill(text, lists) for name, text in texts.items() if name.removeprefix(f"{FOLDER}/") not in lacking}
    if (signed := [column.signed() for column in columns]) != columns:
        filled[f"{FOLDER}/{VALIDATE_SIGNED}"] = _fill(texts[_VALIDATE], lists | _validations(signed))
    about_rules, unstage, staged = (filled.pop(f"{FOLDER}/{name}") for name in ("rules", "unstage_broken", "staged_records"))
    if rules:
        lists["any_broken"] = "".join(f"\n    OR {quote(name)} IS NOT NULL" for name in _named(rules, columns))
        lists["rules"] = rules.text
        filled[f"{FOLDER}/rules_landed"] = landed = _fill(about_rules, lists)
        if rules.header.get(KEPT) != "kept by the patterns":
            broken = _bare_query(landed).replace(_RECORDS, f"({_bare_query(staged)})")
            filled[f"{FOLDER}/unstage_broken"] = _fill(unstage, {"broken": broken})
    return filled


def _bare_query(text: str) -> str:
    return re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)


def _validations(columns: list[Column]) -> dict[str, str]:
    """Return what validation makes of columns, step by step."""
    return {
        "looked_at": _list(part for column in columns for part in _look(column)),
        "typed": _list(part for column in columns for part in _type(column)),
        "validated": _list(part for column in columns for part in _validate(column)),
    }


def _read_key(dataset: Dataset, validate: str) -> str:
    """Return what validates the columns of the key, of parameters instead of landed records."""
    texts = [f"cast(:key_{nth} AS text) /*:byte_order*/ AS {quote(name)}" for nth, name in enumerate(dataset.key, 1)]
    return _validate_key(dataset, validate, f"SELECT {', '.join(texts)}, 1 AS line_in_chunk, '' AS fault")


def _read_samples(dataset: Dataset, validate: str) -> str:
    """Return what validates the keys that were kept of a load as its file has them, each numbered."""
    texts = [f"(sample.value ->> {nth}) /*:byte_order*/ AS {quote(name)}" for nth, name in enumerate(dataset.key, 1)]
    return _validate_key(
        dataset,
        validate,
        f"SELECT {', '.join(texts)}, cast(sample.value ->> 0 AS integer) AS line_in_chunk, '' AS fault "
        "FROM load_keys CROSS JOIN json_items(load_keys.keys) AS sample WHERE load_keys.load_id = :load_id",
    )


def _validate_key(dataset: Dataset, validate: str, records: str) -> str:
    """Return what validates the columns of the key, of these records instead of landed ones."""
    landed = f"({records}) AS landed"
    _, _, query = validate.partition(" AS\n")
    return _fill(query.replace(':"landed"', landed), _validations([dataset.columns[name].signed() for name in dataset.key]))


def scaffold(dataset: Dataset, text: str) -> str:
    """Return what makes a dataset's tables, and an example of a check."""
    dates = [_bare(column.name) for column in dataset.columns.values() if column.type.name == "date"]
    lists = {
        "title": dataset.title.capitalize(),
        "dataset": dataset.name,
        "table": _bare(dataset.table),
        "stored": _bare(dataset.stored),
        "names": _list(map(_bare, dataset.columns)),
        "columns": _list(_stored(column, dataset) for column in dataset.columns.values()),
        "key": ", ".join(map(_bare, dataset.key)),
        "condition": f"{dates[0]} > add_days(:today, 366)" if dates else "load_id < 0",
    }
    return re.sub(rf" *-- noqa: PRS$|^-- {ONLY}: .*\n", "", _fill(text, lists), flags=re.MULTILINE)


def _stored(column: Column, dataset: Dataset) -> str:
    """Return a column of a table, with its constraints."""
    name, storage = _bare(column.name), column.storage()
    order = " /*:byte_order*/" if column.name in dataset.key and storage == "text" else ""
    needed = "" if column.optional and column.default is None else " NOT NULL"
    checks = "".join(f" CHECK ({condition})" for condition in column.checks(name))
    return f"{name} {storage}{order}{needed}{checks}"


def _bare(name: str) -> str:
    """Return a name, in quotes if it is a word of SQL."""
    return quote(name) if name in SQL_WORDS else name


def _named(rules: Statement, columns: Iterable[Column]) -> list[str]:
    """Return the columns that a dataset's own rules give reasons for."""
    named = [column.name for column in columns if re.search(rf"\bAS {column.name}\b", rules.text)]
    if _RECORDS not in rules.text or not named:
        raise StatementError(f"{rules.origin}:1: rules look at {_RECORDS}, and return line_in_chunk and reasons by column")
    return named


def _look(column: Column) -> list[str]:
    """Return the text of a column, and what is wrong with it as such."""
    name, wrong = quote(column.name), quote(f"{column.name}_wrong")
    empty = (None if column.optional else "missing", _is_empty(name))
    return [name, f"{_case([empty, *column.wrong(name, '', of_text=True)])} AS {wrong}"]


def _type(column: Column) -> list[str]:
    """Return the value of a column as well: of a text that is wrong there is none."""
    name, wrong = quote(column.name), quote(f"{column.name}_wrong")
    default = "NULL" if column.default is None else "'" + column.default.replace("'", "''") + "'"
    value = f"CASE WHEN {_is_empty(name)} THEN {default} WHEN {wrong} IS NULL THEN {column.value(name)} END"
    return [name, wrong, f"{value} AS {quote(f'{column.name}_value')}"]


def _fast_value(column: Column) -> str:
    """Return the value of a column on the fast path, where nothing is an empty text, if the database does not know that."""
    name, value = quote(column.name), column.fast_value(quote(column.name))
    nothing = "''" if column.default == "" else "NULL"
    return f"CASE WHEN {_is_empty(name)} THEN {nothing} ELSE {value} END" if column.optional else value


def _validate(column: Column) -> list[str]:
    """Return the value of a column, whether its field holds anything, and what is wrong with it."""
    name, wrong, value = quote(column.name), quote(f"{column.name}_wrong"), quote(f"{column.name}_value")
    rules = column.wrong(name, value, of_text=False)
    validated = f"coalesce({wrong}, {_case([(None, _is_empty(name)), *rules])})" if rules else wrong
    return [f"{value} AS {name}", _given(column, "<> ''"), f"{validated} AS {wrong}"]


def _given(column: Column, when: str) -> str:
    return f"{quote(column.name)} {when} AS {quote(f'{column.name}_given')}"


def _doubts(column: Column) -> list[tuple[str, str]]:
    """Return the rules that no pattern of a column keeps, of what is staged."""
    name = quote(column.name)
    return column.wrong(name, name, of_text=False, kept=False)


def _is_empty(name: str) -> str:
    return f"{name} = ''"


def _case(rules: Iterable[tuple[str | None, str]]) -> str:
    branches = "".join(f" WHEN {when} THEN {'NULL' if reason is None else repr(reason)}" for reason, when in rules)
    return f"CASE{branches} END"


def _not_null(columns: Iterable[Column]) -> str:
    """Return the option of COPY that lets empty fields be empty texts, where their columns say so."""
    empty = ", ".join(quote(column.name) for column in columns if column.default == "")
    return f", FORCE_NOT_NULL ({empty})" if empty else ""


def _list(parts: Iterable[str]) -> str:
    return "".join(f"{part},\n    " for part in parts).rstrip()


def _fill(text: str, lists: Mapping[str, str]) -> str:
    return _CLAUSE.sub(lambda clause: lists.get(clause[1], clause[0]), text)
