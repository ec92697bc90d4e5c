"""Exact decimals: the engine's own functions give what PostgreSQL's give, digit by digit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, Inexact

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbsvc import Database, connect
from dbsvc.engine.functions.decimals import Sum, add, divide, multiply, plain
from tests.helpers.server import Server

NUMBERS = st.one_of(
    st.decimals(0, 10**15, places=8), st.decimals(0, 10**8, places=20), st.decimals(-(10**20), 10**20, allow_nan=False)
).map(lambda number: format(number, "f"))


@pytest.fixture(scope="module")
def postgresql(server: Server) -> Iterator[Database]:
    with connect(server.create()) as db:
        yield db


def ask(db: Database, expression: str, **values: object) -> str:
    with db.snapshot() as tx:
        return str(tx.execute(f"SELECT CAST({expression} AS text) AS x", **values).rows[0]["x"])


@example(left="0.00000000", right="-1")
@given(left=NUMBERS, right=NUMBERS)
def test_sums_and_products(postgresql: Database, left: str, right: str) -> None:
    assert add(left, right) == ask(postgresql, "CAST(:a AS numeric) + CAST(:b AS numeric)", a=left, b=right)
    assert multiply(left, right) == ask(postgresql, "CAST(:a AS numeric) * CAST(:b AS numeric)", a=left, b=right)


@given(numbers=st.lists(st.one_of(st.none(), NUMBERS), max_size=10))
def test_sums_of_rows(postgresql: Database, numbers: list[str | None]) -> None:
    total = Sum()
    for number in numbers:
        total.step(number)
    asked = ask(postgresql, "(SELECT sum(n) FROM unnest(CAST(:numbers AS numeric[])) AS n)", numbers=numbers)
    assert str(total.finalize()) == asked


@given(number=NUMBERS)
def test_plain(postgresql: Database, number: str) -> None:
    assert plain(Decimal(number)) == ask(postgresql, "trim_scale(CAST(:a AS numeric))", a=number)


@pytest.mark.parametrize(
    ("dividend", "divisor", "places", "quotient"),
    [("1", "3", 5, "0.33333"), ("2", "3", 5, "0.66667"), ("1", "8", 2, "0.13"), ("1", "3.2", 20, "0.3125"), ("5", "1", 3, "5")],
)
def test_quotients(dividend: str, divisor: str, places: int, quotient: str) -> None:
    assert divide(dividend, divisor, places) == quotient


def test_nothing() -> None:
    assert (add(None, "1"), add("1", None), multiply(None, "1"), multiply("1", None)) == (None, None, None, None)


def test_what_does_not_fit_is_not_rounded() -> None:
    with pytest.raises(Inexact):
        add("1", f"0.{'0' * 2000}1")
