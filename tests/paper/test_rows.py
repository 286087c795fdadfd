"""Tests of shapes that whole requests do not show."""

import dataclasses
from decimal import Decimal

import pytest

from paper.model import MICROS, Dialect, TradeStatus
from paper.rows import (
    book_row,
    clob_market_row,
    market_row,
    page_row,
    refused_row,
    submitted_row,
    trade_row,
)
from paper.venue import SubmitResult
from paper.wire import Json
from tests.paper.still_venue import a_book, a_market
from tests.paper.test_rest_account import a_trade


def test_what_was_matched_is_told_in_dollars_and_shares() -> None:
    row = submitted_row(SubmitResult("0x1", "matched", 5_000_000, 11_627_900, ("t1", "t2")))
    assert (row["makingAmount"], row["takingAmount"]) == ("5", "11.6279")
    assert (row["tradeIDs"], row["status"], row["success"]) == (["t1", "t2"], "matched", True)
    assert "transactionsHashes" not in row


def test_a_refused_leg_is_a_success_without_an_id() -> None:
    row = refused_row("no")
    assert (row["success"], row["orderID"], row["errorMsg"]) == (True, "", "no")
    assert set(row) == set(submitted_row(SubmitResult("0x1", "live", 0, 0, ())))


def test_a_books_hash_changes_with_the_book() -> None:
    market = a_market()
    one, same = book_row(a_book(), market), book_row(a_book(), market)
    other = book_row(dataclasses.replace(a_book(), at=5), market)
    assert one["hash"] == same["hash"] != other["hash"]


def test_fees_and_ticks_are_numbers_without_noise() -> None:
    market = dataclasses.replace(
        a_market(), tick_size=2_500, fee_rate=Decimal("0.055"), fee_exponent=2
    )
    row = clob_market_row(market)
    assert row["mts"] == 0.0025
    assert row["fd"] == {"r": 0.055, "e": 2, "to": True}


def test_a_void_market_pays_half_and_has_no_winner() -> None:
    half = (MICROS // 2, MICROS // 2)
    row = market_row(dataclasses.replace(a_market(dialect=Dialect.CLOB_V2), payouts=half), half)
    assert row["is_50_50_outcome"] is True
    tokens = row["tokens"]
    assert isinstance(tokens, list)
    assert [token["winner"] for token in tokens] == [False, False]


def test_a_maker_reads_the_takers_head() -> None:
    row = trade_row(a_trade(1, "taker-key", "maker-key"), "maker-key")
    assert (row["owner"], row["trader_side"]) == ("taker-key", "MAKER")


def test_a_page_counts_its_rows() -> None:
    rows: list[dict[str, Json]] = [{"a": 1}]
    page = page_row(iter(rows), limit=5, next_cursor="LTE=")
    assert page == {"data": [{"a": 1}], "next_cursor": "LTE=", "limit": 5, "count": 1}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "MATCHED"),
        ({"is_broadcast": False}, "MATCHED_NOT_BROADCASTED"),
        ({"is_prefixed": True}, "TRADE_STATUS_MATCHED"),
        ({"status": TradeStatus.FAILED, "is_prefixed": True}, "TRADE_STATUS_FAILED"),
        ({"status": TradeStatus.MINED, "is_broadcast": False}, "MINED"),
    ],
)
def test_a_trades_status_is_written_bare_or_prefixed(
    changes: dict[str, object], status: str
) -> None:
    trade = a_trade(1, "key", "")
    trade.status = TradeStatus.MATCHED
    for name, value in changes.items():
        setattr(trade, name, value)
    assert trade_row(trade, "key")["status"] == status
