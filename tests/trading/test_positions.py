"""What we hold and what it earned."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.scene import price, shares, usd
from trading.positions import (
    Holding,
    PositionFill,
    fold_position,
    resolution_pnl,
    resolve,
    unrealised_pnl,
)
from trading.types import OrderHash, Price, Settlement, Shares, Side, Usd

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CONFIRMED, MATCHED, FAILED = Settlement.CONFIRMED, Settlement.MATCHED, Settlement.FAILED


def fill(
    number: int,
    side: Side,
    size: str,
    at: str,
    fee: str = "0",
    settlement: Settlement = CONFIRMED,
) -> PositionFill:
    cost = Usd(Decimal(size) * Decimal(at))
    moment = AT + timedelta(seconds=number)
    order_hash = OrderHash(f"0x{number}")
    return PositionFill(
        f"t{number}", order_hash, side, shares(size), cost, usd(fee), settlement, moment
    )


def test_nothing_is_held_of_no_fills() -> None:
    figures = fold_position([])
    assert figures.settled == figures.provisional == Holding()
    assert figures.settled.avg_entry_price is None
    assert not figures.has_pending


def test_entries_are_averaged_without_fees() -> None:
    held = fold_position(
        [fill(1, Side.BUY, "10", "0.40", "0.05"), fill(2, Side.BUY, "30", "0.60", "0.07")]
    ).settled
    assert held.size == 40
    assert held.cost == 22
    assert held.avg_entry_price == Decimal("0.55")
    assert held.fees == Decimal("0.12")
    assert held.realised_pnl == Decimal("-0.12")


def test_a_sale_realises_its_distance_from_the_average_less_all_fees() -> None:
    held = fold_position(
        [
            fill(1, Side.BUY, "10", "0.40"),
            fill(2, Side.BUY, "10", "0.60", "0.10"),
            fill(3, Side.SELL, "5", "0.70", "0.05"),
        ]
    ).settled
    assert held.size == 15
    assert held.cost == Decimal("7.50")
    assert held.gross_pnl == 1
    assert held.realised_pnl == Decimal("0.85")
    assert held.cash_change == Decimal("-6.65")


def test_what_a_sale_realised_is_not_changed_by_later_purchases() -> None:
    first = [fill(1, Side.BUY, "10", "0.40"), fill(2, Side.SELL, "10", "0.60")]
    later = [*first, fill(3, Side.BUY, "10", "0.90")]
    assert fold_position(first).settled.realised_pnl == 2
    assert fold_position(later).settled.realised_pnl == 2
    assert fold_position(later).settled.avg_entry_price == Decimal("0.9")


def test_matched_is_provisional_and_confirmed_is_settled() -> None:
    figures = fold_position(
        [fill(1, Side.BUY, "10", "0.40"), fill(2, Side.BUY, "5", "0.40", settlement=MATCHED)]
    )
    assert figures.provisional.size == 15
    assert figures.settled.size == 10
    assert figures.has_pending


def test_a_failed_fill_is_taken_back() -> None:
    figures = fold_position(
        [fill(1, Side.BUY, "10", "0.40"), fill(2, Side.BUY, "5", "0.40", "1", FAILED)]
    )
    assert figures.provisional == figures.settled
    assert figures.settled.fees == 0


def test_the_same_fill_twice_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="each fill once"):
        fold_position([fill(1, Side.BUY, "10", "0.40"), fill(1, Side.BUY, "10", "0.40")])


def test_one_trade_may_hit_two_of_our_orders() -> None:
    one = fill(1, Side.BUY, "10", "0.40")
    figures = fold_position([one, replace(one, order_hash=OrderHash("0xother"))])
    assert figures.settled.size == 20


def test_at_the_same_time_purchases_come_first() -> None:
    bought, sold = fill(1, Side.BUY, "10", "0.40"), fill(2, Side.SELL, "10", "0.50")
    sold = replace(sold, matched_at=bought.matched_at)
    assert fold_position([sold, bought]).settled.realised_pnl == 1


def test_a_sale_confirmed_before_its_purchase_evens_out() -> None:
    early = fold_position([fill(2, Side.SELL, "10", "0.50")]).settled
    assert early.size == -10
    assert early.cost == 0
    assert early.avg_entry_price is None
    both = fold_position([fill(2, Side.SELL, "10", "0.50"), fill(3, Side.BUY, "15", "0.40")])
    assert both.settled.size == 5
    assert both.settled.cost == 2
    assert both.settled.realised_pnl == 1


def test_thirds_of_a_cost_are_cut_to_the_micro_unit_and_none_is_lost() -> None:
    fills = [fill(0, Side.BUY, "3", "0.33")]
    fills[0] = replace(fills[0], cost=usd("1"))
    fills += [fill(n, Side.SELL, "1", "0.40") for n in (1, 2, 3)]
    after_one = fold_position(fills[:2]).settled
    assert after_one.cost == Decimal("0.666667")
    done = fold_position(fills).settled
    assert done.size == done.cost == 0
    assert done.realised_pnl == Decimal("0.2")


@pytest.mark.parametrize(
    ("payout", "pnl"), [("1", Decimal(6)), ("0", Decimal(-4)), ("0.5", Decimal(1))]
)
def test_resolution_wins_loses_or_is_void(payout: str, pnl: Decimal) -> None:
    held = fold_position([fill(1, Side.BUY, "10", "0.40", "0.1")]).settled
    assert resolution_pnl(held, price(payout)) == pnl
    after = resolve(held, price(payout))
    assert after.size == after.cost == 0
    assert after.realised_pnl == pnl - Decimal("0.1")
    assert after.cash_change == after.realised_pnl


sizes = st.integers(1, 100_000).map(lambda n: Shares(Decimal(n) / 100))
prices = st.integers(1, 99).map(lambda cents: Price(Decimal(cents) / 100))
fees = st.integers(0, 200_000).map(lambda n: Usd(Decimal(n) / 100_000))


@st.composite
def histories(draw: st.DrawFn) -> list[PositionFill]:
    """Any fills at all: sales beyond what is held and failures among them."""
    return [
        PositionFill(
            f"t{n}",
            OrderHash(f"0x{n}"),
            draw(st.sampled_from(Side)),
            size,
            Usd(size * draw(prices)),
            draw(fees),
            draw(st.sampled_from([CONFIRMED, MATCHED, FAILED])),
            AT + timedelta(seconds=draw(st.integers(0, 5))),
        )
        for n, size in enumerate(draw(st.lists(sizes, max_size=12)))
    ]


def counted(fills: Sequence[PositionFill], *, settled: bool) -> list[PositionFill]:
    wanted = {CONFIRMED} if settled else {CONFIRMED, MATCHED}
    return [f for f in fills if f.settlement in wanted]


def cash_of(fills: Sequence[PositionFill]) -> Decimal:
    sold = sum((f.cost for f in fills if f.side is Side.SELL), Decimal(0))
    bought = sum((f.cost for f in fills if f.side is Side.BUY), Decimal(0))
    return sold - bought - sum((f.fee for f in fills), Decimal(0))


@settings(max_examples=300)
@given(fills=histories(), mark=prices)
def test_realised_and_unrealised_are_cash_and_value(fills: list[PositionFill], mark: Price) -> None:
    figures = fold_position(fills)
    for held, settled in ((figures.provisional, False), (figures.settled, True)):
        cash = cash_of(counted(fills, settled=settled))
        assert held.cash_change == cash
        assert held.realised_pnl + unrealised_pnl(held, mark) == cash + held.size * mark


@settings(max_examples=300)
@given(fills=histories(), payout=st.sampled_from(["0", "0.5", "1"]))
def test_after_resolution_all_that_was_earned_is_cash(
    fills: list[PositionFill], payout: str
) -> None:
    held = fold_position(fills).settled
    after = resolve(held, price(payout))
    cash = cash_of(counted(fills, settled=True)) + held.size * Decimal(payout)
    assert after.realised_pnl == after.cash_change == cash
    assert unrealised_pnl(after, price("0.5")) == 0


@given(fills=histories(), data=st.data())
def test_the_order_of_the_list_does_not_matter(
    fills: list[PositionFill], data: st.DataObject
) -> None:
    assert fold_position(data.draw(st.permutations(fills))) == fold_position(fills)


@given(size=sizes, entry=prices, mark=prices)
def test_yes_gains_what_no_loses(size: Shares, entry: Price, mark: Price) -> None:
    yes = Holding(size=size, cost=Usd(size * entry))
    no = Holding(size=size, cost=Usd(size * (1 - entry)))
    assert unrealised_pnl(yes, mark) == -unrealised_pnl(no, Price(1 - mark))
    assert (unrealised_pnl(no, Price(1 - mark)) > 0) is (mark < entry)
