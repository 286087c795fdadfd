"""Rows of moves and holdings, as the venue's client reads them and as they may be broken."""

import pytest

from exchange.polymarket.wire import parse
from exchange.polymarket.wire_activity import HeldRow, KindRow, MoveRow
from exchange.port import WireError
from tests.exchange.samples import CONDITION, TX, WHALE, YES

MERGE = {
    "type": "MERGE",
    "proxy_wallet": WHALE.upper().replace("0X", "0x"),
    "condition_id": CONDITION,
    "usdc_size": "40.5",
    "timestamp": 1795348800,
    "transaction_hash": TX,
}


def test_a_set_is_worth_a_dollar_where_no_size_is_told() -> None:
    row = parse(MoveRow, MERGE)
    assert (str(row.size), row.wallet, row.token_id) == ("40.5", WHALE, "")
    assert str(parse(MoveRow, {**MERGE, "size": 41}).size) == "41"
    assert str(parse(MoveRow, {**MERGE, "size": None}).size) == "40.5"


def test_what_is_not_said_is_no_kind_and_no_basket() -> None:
    assert parse(KindRow, {}) == KindRow(type="", is_combo=False)


@pytest.mark.parametrize(
    "change",
    [{"proxy_wallet": "me"}, {"condition_id": None}, {"timestamp": "soon"}, {"usdc_size": -1}],
)
def test_a_move_that_is_broken_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(WireError):
        parse(MoveRow, {**MERGE, **change})


def test_a_holding_may_have_no_date_but_must_have_a_token() -> None:
    held = {"proxy_wallet": WHALE, "token_id": YES, "current_size": 7}
    assert parse(HeldRow, held).last_event_at is None
    with pytest.raises(WireError):
        parse(HeldRow, {**held, "token_id": ""})
