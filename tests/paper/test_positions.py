from hypothesis import given
from hypothesis import strategies as st

from paper.fills import PublicFill, public_fills
from paper.model import MICROS, Market, Side
from paper.positions import Holding, HoldingStatus, hold
from paper.redemption import Redemption
from tests.paper.told_venue import CONDITION, HASH, NOW, WHALE, YES, ToldVenue, a_trade

SIZES = st.integers(1, 1_000).map(lambda cents: cents * 10_000)
PRICES = st.integers(1, 99).map(lambda cents: cents * 10_000)


def fill(side: Side, shares: int, price: int, at: int = NOW) -> PublicFill:
    [one] = public_fills(
        a_trade(makers=(), side=side, size=shares * MICROS, price=price, matched_at=at, fee=100)
    )
    return one


def replay(
    *fills: PublicFill, payouts: tuple[int, int] | None = None, paid: Redemption | None = None
) -> Holding:
    venue = ToldVenue()
    if payouts is not None:
        venue.resolve(payouts)
    [holding] = hold(fills, venue.market_of, lambda _wallet, _token: paid)
    return holding


def redemption(payout: int) -> Redemption:
    return Redemption(WHALE, CONDITION, YES, "Up", 10 * MICROS, payout, NOW + 9, HASH)


def test_what_was_bought_is_held_at_its_mean_price() -> None:
    holding = replay(fill(Side.BUY, 10, 400_000, NOW - 5), fill(Side.BUY, 30, 600_000))
    assert (holding.size, holding.cost) == (40 * MICROS, 22 * MICROS)
    assert holding.average_price == 550_000
    assert (holding.first_at, holding.last_at) == (NOW - 5, NOW)
    assert (holding.fees, holding.token_id) == (200, YES)
    assert holding.status is HoldingStatus.OPEN


def test_a_sale_realises_its_part_of_the_cost() -> None:
    holding = replay(fill(Side.BUY, 10, 400_000), fill(Side.SELL, 4, 700_000))
    assert (holding.size, holding.cost) == (6 * MICROS, 2_400_000)
    assert holding.realised_pnl == 4 * 300_000


def test_a_holding_sold_out_is_closed() -> None:
    holding = replay(fill(Side.BUY, 10, 400_000), fill(Side.SELL, 10, 300_000))
    assert (holding.status, holding.realised_pnl) == (HoldingStatus.CLOSED, -1_000_000)


def test_what_was_never_seen_bought_costs_nothing() -> None:
    holding = replay(fill(Side.SELL, 10, 300_000))
    assert (holding.size, holding.realised_pnl, holding.average_price) == (0, 3_000_000, 0)


def test_a_resolved_holding_waits_to_be_redeemed() -> None:
    holding = replay(fill(Side.BUY, 10, 400_000), payouts=(MICROS, 0))
    assert (holding.status, holding.payout) == (HoldingStatus.REDEEMABLE, MICROS)


def test_a_redemption_closes_a_holding() -> None:
    bought = fill(Side.BUY, 10, 400_000)
    won = replay(bought, payouts=(MICROS, 0), paid=redemption(10 * MICROS))
    assert (won.status, won.realised_pnl, won.last_at) == (
        HoldingStatus.CLOSED,
        6_000_000,
        NOW + 9,
    )
    lost = replay(bought, payouts=(0, MICROS), paid=redemption(0))
    assert lost.realised_pnl == -4_000_000


def test_nothing_is_redeemed_where_nothing_was_held() -> None:
    sold = (fill(Side.BUY, 10, 400_000), fill(Side.SELL, 10, 400_000))
    holding = replay(*sold, payouts=(MICROS, 0), paid=redemption(0))
    assert (holding.redemption, holding.realised_pnl) == (None, 0)


def test_fills_of_unknown_tokens_are_left_out() -> None:
    def unknown(_token: str) -> Market | None:
        return None

    assert hold([fill(Side.BUY, 1, 400_000)], unknown, lambda _w, _t: None) == []


@given(st.lists(st.tuples(st.sampled_from(Side), SIZES, PRICES), max_size=20))
def test_profit_and_cost_left_account_for_all_cash(moves: list[tuple[Side, int, int]]) -> None:
    holding = Holding(WHALE, ToldVenue().listed[0], 0, is_invented=True)
    cash = 0
    for side, size, price in moves:
        [one] = public_fills(a_trade(makers=(), side=side, size=size, price=price, fee=0))
        holding.take(one)
        cash += one.cost if side is Side.SELL else -one.cost
    assert holding.realised_pnl - holding.cost == cash
    assert holding.size >= 0
    assert holding.cost >= 0
