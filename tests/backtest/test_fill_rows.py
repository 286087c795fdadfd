"""Rows of a file of fills: what is read, and what is said of a wrong cell."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backtest.fill_rows import OPTIONAL, REQUIRED, CellError, read_row
from trading.types import Side

GOOD = {
    "traded_at": "2026-09-28T08:15:00Z",
    "wallet": "0x" + "A" * 40,
    "condition_id": "m",
    "token_id": "m-yes",
    "side": "buy",
    "price": "0.5",
    "size": "100",
}
AT = datetime(2026, 9, 28, 8, 15, tzinfo=UTC)


def test_the_needed_columns_are_enough() -> None:
    row = read_row(2, GOOD)
    assert row.traded_at == AT
    assert row.wallet == "0x" + "a" * 40
    assert row.name == row.wallet
    assert row.side is Side.BUY
    assert row.transaction_hash == "line 2"
    assert row.payout is None
    assert row.quote is None
    assert row.is_taker is None
    assert row.market.tick_size == Decimal("0.01")
    assert row.market.min_size == 5
    assert row.market.fees.rate == 0
    assert row.market.fees.exponent == 1


def test_every_column_is_read() -> None:
    more = {
        "transaction_hash": "0xabc",
        "log_index": "7",
        "is_taker": "false",
        "name": "kestrel",
        "question": "Will it?",
        "outcome": "Yes",
        "category": "news",
        "ends_at": "2026-09-28T09:00:00+00:00",
        "resolved_at": "1790590000",
        "payout": "1",
        "tick_size": "0.001",
        "min_size": "1",
        "fee_rate": "0.07",
        "fee_exponent": "2",
        "best_bid": "0.49",
        "best_ask": "0.5",
        "bid_size": "10",
        "ask_size": "20",
    }
    assert set(more) == set(OPTIONAL)
    assert set(GOOD) == set(REQUIRED)
    row = read_row(3, {**GOOD, **more})
    assert row.log_index == 7
    assert row.is_taker is False
    assert row.name == "kestrel"
    assert row.market.resolved_at == datetime.fromtimestamp(1790590000, UTC)
    assert row.payout == 1
    assert row.quote is not None
    assert row.quote.ask_size == 20
    assert row.market.fees.exponent == 2


@pytest.mark.parametrize("text", ["1790583300", "1790583300000", "2026-09-28T10:15:00+02:00"])
def test_times_are_read_in_every_form(text: str) -> None:
    assert read_row(2, {**GOOD, "traded_at": text}).traded_at == AT


WRONG = [
    ("traded_at", "2026-09-28T08:15:00", "with its zone"),
    ("traded_at", "yesterday", "with its zone"),
    ("traded_at", "9" * 30, "with its zone"),
    ("traded_at", "", "with its zone"),
    ("wallet", "0x12", "40 hexadecimal"),
    ("wallet", "0x" + "g" * 40, "40 hexadecimal"),
    ("condition_id", " ", "1 to 500 characters"),
    ("token_id", "x" * 501, "1 to 500 characters"),
    ("side", "HOLD", "BUY or SELL"),
    ("price", "1", "between 0 and 1"),
    ("price", "0", "between 0 and 1"),
    ("price", "half", "between 0 and 1"),
    ("price", "NaN", "between 0 and 1"),
    ("price", "1E-30", "between 0 and 1"),
    ("size", "-1", "positive number"),
    ("size", "Infinity", "positive number"),
    ("size", "1e15", "positive number"),
    ("log_index", "-1", "whole number"),
    ("log_index", "1.5", "whole number"),
    ("is_taker", "maybe", "true or false"),
    ("tick_size", "0.03", "one of 0.0001"),
    ("fee_rate", "1", "fee rate"),
    ("fee_rate", "-0.1", "fee rate"),
]


@pytest.mark.parametrize(("column", "text", "expected"), WRONG)
def test_a_wrong_cell_is_named_with_what_was_expected(
    column: str, text: str, expected: str
) -> None:
    with pytest.raises(CellError, match=f"column {column}: expected .*{expected}") as error:
        read_row(2, {**GOOD, column: text})
    assert error.value.column == column


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"payout": "1"}, "column resolved_at: expected payout and resolved_at both"),
        ({"resolved_at": "1790590000"}, "column payout: expected payout and resolved_at both"),
        ({"payout": "1.1", "resolved_at": "1790590000"}, "column payout: expected a payout"),
        ({"payout": "1", "resolved_at": "1790583300"}, "column traded_at: expected a time before"),
        ({"best_bid": "0.4"}, "best_bid, best_ask, bid_size and ask_size together"),
        (
            {"best_bid": "0.5", "best_ask": "0.5", "bid_size": "1", "ask_size": "1"},
            "column best_ask: expected more than the best bid",
        ),
    ],
)
def test_cells_that_do_not_go_together_are_refused(more: dict[str, str], expected: str) -> None:
    with pytest.raises(CellError, match=expected):
        read_row(2, {**GOOD, **more})
