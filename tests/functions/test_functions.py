"""Small functions under one name on every database: the same answers, and how a statement uses them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from dbsvc import Database, StatementError
from dbsvc.engine.statements.portable import Functions

FOLDER = Path(str(files("dbsvc"))) / "sql/functions"

ANSWERS: dict[str, tuple[str, Any]] = {
    "a day later": ("add_days('2021-02-28', 1)", "2021-03-01"),
    "a day earlier": ("add_days('2024-03-01', -1)", "2024-02-29"),
    "days of a setting": ("add_days(:day, -:seven)", "2021-09-24"),
    "half a day later": ("add_days('2021-03-01', 0.5)", "2021-03-01"),
    "half a day earlier": ("add_days('2021-03-01', -0.5)", "2021-02-28"),
    "no day": ("add_days(NULL, 1)", None),
    "seconds": ("epoch_seconds(:time)", 86401),
    "hours ago": ("epoch_seconds(current_timestamp) - epoch_seconds(hours_ago(1.5))", 5400),
    "whole": ("whole(:money_type)", 12),
    "whole of a float": ("whole(12.99)", 12),
    "whole quotient": ("whole_div(7, 2)", 3),
    "whole quotient below zero": ("whole_div(-7, 2)", -3),
    "whole quotient of nothing": ("whole_div(7, NULL)", None),
    "sum": ("decimal_add(:money_type, :rate)", Decimal("13.11111111111111111111")),
    "difference": ("decimal_sub(:rate, :money_type)", Decimal("-12.87888888888888888889")),
    "product": ("decimal_mul(:money_type, :rate)", Decimal("1.50886388888888888887445")),
    "product with nothing": ("decimal_mul(:money_type, NULL)", None),
    "quotient": ("decimal_div(1, 3, 20)", Decimal("0.33333333333333333333")),
    "quotient, half away from zero": ("decimal_div(:money_type, 1, 1)", Decimal("13")),
    "half of one": ("decimal_div(1, 2, 0)", Decimal("1")),
    "sum of many": (
        "(SELECT decimal_sum(x) FROM (SELECT :money_type AS x UNION ALL SELECT :rate) AS t)",
        Decimal("13.11111111111111111111"),
    ),
    "plain": ("decimal_plain(:money_type)", Decimal("12.995")),
    "digits": ("CASE WHEN is_digits('0123') THEN 1 ELSE 0 END", 1),
    "not only digits": ("CASE WHEN is_digits('12a') THEN 1 ELSE 0 END", 0),
    "no digits": ("CASE WHEN is_digits('') THEN 1 ELSE 0 END", 0),
}
VALUES = {
    "day": datetime(2021, 10, 1).date(),
    "seven": 7,
    "time": datetime(1970, 1, 2, 0, 0, 1, 900_000, tzinfo=UTC),
    "money_type": Decimal("12.99500000"),
    "rate": Decimal("0.11611111111111111111"),
}


def test_every_database_gives_the_same_answers(db: Database) -> None:
    functions = Functions(db.dialect.family, FOLDER)
    with db.transaction() as tx:
        for case, (expression, expected) in ANSWERS.items():
            values = {name: value for name, value in VALUES.items() if f":{name}" in expression}
            (row,) = tx.execute(functions.expand(f"SELECT {expression} AS answer", case), **values).rows
            answer = row["answer"]
            if expected is not None:
                answer = type(expected)(str(answer))
            assert answer == expected, case


# --- how a statement uses them


@pytest.fixture
def functions(tmp_path: Path) -> Functions:
    (tmp_path / "some.toml").write_text(
        """
        ["later(day, days)"]
        sqlite = "date({day}, {days} || ' days')"
        ["things()"]
        sqlite = '''(
            SELECT 1
        )'''
        [money_type]
        sqlite = "decimal_text"
        ["/*:locked*/"]
        sqlite = ""
        """
    )
    return Functions(("sqlite",), tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("later(a, 1) > later(b.day, -:days)", "date(a, 1 || ' days') > date(b.day, (-:days) || ' days')"),
        ("later(later(a, 1), f(b, ','))", "date(date(a, 1 || ' days'), f(b, ',') || ' days')"),
        ("SELECT * FROM things() AS t", "SELECT * FROM ( SELECT 1 ) AS t"),
        ("a money_type, b money_type_back, t.money_type", "a decimal_text, b money_type_back, t.money_type"),
        ("SELECT 1 /*:locked*/", "SELECT 1 "),
        ("SELECT later, t.later(1) -- later(1\n, 'later(x)', \"later(\", /* later( */ :later", None),
    ],
)
def test_what_is_written(functions: Functions, text: str, expected: str | None) -> None:
    assert functions.expand(text, "x.sql") == (text if expected is None else expected)


def test_lines_stay_where_they_are(functions: Functions) -> None:
    text = "SELECT later(\n    a,\n    later(b,\n 1)\n),\n:b"
    expanded = functions.expand(text, "x.sql")
    assert expanded.count("\n") == text.count("\n")
    assert expanded.endswith(",\n:b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- rule\nSELECT 1 /*:lokced*/", r"x\.sql:2: no such fragment /\*:lokced\*/, only /\*:locked\*/"),
        ("-- rule\n\nSELECT later(a)", r"x\.sql:3: later\(day, days\) is given 1 arguments"),
        ("SELECT later(a, b", r"x\.sql:1: later\( is opened and never closed"),
        ("SELECT later(a, -- why\n b)", r"x\.sql:1: later: no comment among its arguments"),
    ],
)
def test_what_is_wrong_with_a_statement(functions: Functions, text: str, message: str) -> None:
    with pytest.raises(StatementError, match=message):
        functions.expand(text, "x.sql")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[later", r"bad\.toml:1: not TOML: Expected"),
        ('[later]\npostgresql = "x"', r"bad\.toml:1: later .*has no text for sqlite"),
        ('["later(a) b"]\nsqlite = "x"', r"bad\.toml:1: later\(a\) b is not named as a function is"),
        ('["later(a)"]\nsqlite = "{b}"', r"bad\.toml:1: later\(a\) has no parameter b"),
    ],
)
def test_what_is_wrong_with_a_function(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(StatementError, match=message):
        Functions(("sqlite",), tmp_path)
