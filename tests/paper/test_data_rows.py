from polymarket.models.data import Position, Resolution, Trade

from paper.data_rows import (
    approvals_row,
    holder_row,
    position_row,
    profile,
    resolution_row,
    trade_activity_row,
    trade_row,
)
from paper.fills import public_fills
from paper.model import MICROS
from paper.positions import Holding, HoldingStatus
from tests.paper.told_venue import CLIENT, CONDITION, NOW, WHALE, ToldVenue, a_market, a_trade


def a_holding(**changes: object) -> Holding:
    holding = Holding(WHALE, a_market(), 1, is_invented=True, first_at=NOW, last_at=NOW)
    for name, value in changes.items():
        setattr(holding, name, value)
    return holding


def test_only_invented_wallets_are_marked() -> None:
    assert profile("x", is_invented=True)["invented"] is True
    assert "invented" not in profile("", is_invented=False)


def test_a_fill_is_a_trade_and_an_activity() -> None:
    fill = next(iter(public_fills(a_trade())))
    row = trade_row(fill, a_market(), "invented-1")
    assert Trade.parse_response(row).wallet == WHALE
    activity = trade_activity_row(fill, a_market(), "invented-1")
    assert (activity["type"], activity["usdc_size"], activity["size"]) == ("TRADE", 4.4, 10)


def test_a_holding_without_purchases_has_no_percentages() -> None:
    row = position_row(a_holding(), 500_000, "")
    assert (row["percent_pnl"], row["avg_price"]) == (0, 0)
    assert Position.parse_response(row).outcome == "Down"


def test_a_redeemable_holding_says_so() -> None:
    row = position_row(a_holding(status=HoldingStatus.REDEEMABLE, size=MICROS), MICROS, "")
    assert (row["redeemable"], row["current_value"]) == (True, 1)


def test_a_holder_has_a_profit_only_when_priced() -> None:
    assert "total_pnl" not in holder_row(a_holding(), None, "")
    assert holder_row(a_holding(), 500_000, "")["total_pnl"] == 0


def test_payouts_are_micros_and_only_there_when_resolved() -> None:
    assert "payouts" not in resolution_row(a_market())
    row = resolution_row(ToldVenue().resolve((MICROS // 2, MICROS // 2)))
    assert row["payouts"] == [500_000, 500_000]
    assert Resolution.parse_response(row).condition_id == CONDITION


def test_every_allowance_is_granted() -> None:
    row = approvals_row(CLIENT)
    contracts = row["contracts"]
    assert isinstance(contracts, list)
    assert all(contract["approved"] for contract in contracts)
    pairs = [(contract["token"], contract["spender"]) for contract in contracts]
    assert len(pairs) == len(set(pairs))
