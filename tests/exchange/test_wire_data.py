"""Rows of the Data API and of the activity socket."""

from decimal import Decimal

import pytest

from exchange.polymarket.wire import parse
from exchange.polymarket.wire_data import ActivityRow, ClosedPositionRow, LeaderRow, read_data_page
from exchange.port import WireError
from tests.exchange.samples import CONDITION, TX, WHALE, YES, activity_row


def test_an_activity_row_is_read_in_both_spellings() -> None:
    from_socket = parse(ActivityRow, activity_row())
    from_api = parse(
        ActivityRow,
        {
            "proxy_wallet": WHALE,
            "token_id": YES,
            "side": "BUY",
            "size": 5,
            "price": Decimal("0.6"),
            "timestamp": 1795348800,
            "transaction_hash": TX,
        },
    )
    assert from_socket.model_dump(exclude={"price"}) == from_api.model_dump(exclude={"price"})
    assert from_socket.wallet == WHALE


@pytest.mark.parametrize(
    "change", [{"size": 0}, {"price": 1}, {"proxyWallet": "0x1"}, {"side": ""}, {"asset": None}]
)
def test_a_fill_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(WireError):
        parse(ActivityRow, activity_row(**change))


def test_a_leader_says_whether_it_is_invented() -> None:
    row = {"user_id": WHALE, "rank": "1", "pnl": "12.5", "volume": 3, "user_name": None}
    assert parse(LeaderRow, row).invented is False
    assert parse(LeaderRow, {**row, "invented": True}).invented is True


def test_the_cost_of_a_closed_position_is_what_went_in() -> None:
    row = {"proxy_wallet": WHALE, "condition_id": CONDITION, "realized_pnl": "-1082.5533"}
    assert parse(ClosedPositionRow, row).cost == 0
    assert parse(ClosedPositionRow, {**row, "total_cost_usdc": 7}).cost == 7
    assert parse(ClosedPositionRow, {**row, "entry_cost_usdc": 5, "total_cost_usdc": 7}).cost == 5


def test_pages_name_the_next_cursor() -> None:
    page = {"data": [{}], "pagination": {"limit": 1, "has_more": True, "next_cursor": "abc"}}
    assert read_data_page(page) == (({},), "abc")
    assert read_data_page({"data": [], "pagination": {"next_cursor": None}}) == ((), "")
    assert read_data_page({"data": []}) == ((), "")
