"""A position of ours from its first fill to its end."""

from decimal import Decimal

from backtest.lots import Lot
from tests.backtest.past import WHALE, a_market, after, levels
from tests.backtest.test_records import a_copy
from trading.exits import ExitRead
from trading.rules import ExitRules
from trading.types import ExitReason, Price, Side, Usd

RULES = ExitRules()
MARKET = a_market()


def a_lot() -> Lot:
    lot = Lot(WHALE, MARKET.token_ids[0], MARKET, after(0))
    realised = lot.add(a_copy(), RULES)
    assert realised == Decimal("-0.1")
    return lot


def a_read(bid: str, at: float, fault: str = "") -> ExitRead:
    return ExitRead(Price(Decimal(bid)), after(at), fault)


def test_what_is_bought_counts_at_cost_until_it_is_marked() -> None:
    lot = a_lot()
    assert lot.size == 30
    assert lot.claim.cost == lot.bid_value == Decimal("15.2")
    lot.mark = Price(Decimal("0.6"))
    assert lot.bid_value == 18
    held = lot.outcome(None)
    assert held.pnl == Decimal(18) - Decimal("15.3")
    assert held.realised == Decimal("-0.1")
    assert held.cost == Decimal("15.3")


def test_a_sale_realises_and_the_payout_the_rest() -> None:
    lot = a_lot()
    sale = a_copy(
        key="order 2",
        side=Side.SELL,
        levels=levels(("0.60", "15")),
        cost=Usd(Decimal(9)),
        fee=Usd(Decimal(0)),
        reason=ExitReason.WHALE_EXIT,
    )
    assert lot.add(sale, RULES) == Decimal("1.4")
    assert lot.redeem(Price(Decimal(1))) == Decimal(15) - Decimal("7.6")
    outcome = lot.outcome(after(99))
    assert lot.is_over
    assert outcome.left_by is ExitReason.RESOLUTION
    assert outcome.pnl == outcome.realised == 9 + 15 - Decimal("15.3")
    assert outcome.sold == 9
    assert outcome.bought == Decimal("15.2")


def test_buying_more_moves_the_levels_but_not_what_was_reached() -> None:
    lot = a_lot()
    for at in (1, 3, 5):
        assert lot.look(a_read("0.60", at), RULES) is None
    assert lot.levels is not None
    trailing, stop = lot.levels.trailing_stop, lot.levels.stop_loss
    assert trailing == Decimal("0.57")
    lot.add(a_copy(key="order 3", levels=levels(("0.40", "30")), cost=Usd(Decimal(12))), RULES)
    assert lot.levels.trailing_stop == trailing
    assert lot.levels.high_water == Decimal("0.60")
    assert lot.levels.stop_loss is not None
    assert stop is not None
    assert lot.levels.stop_loss < stop


def test_levels_are_named_by_their_reasons() -> None:
    lot = a_lot()
    assert lot.levels is not None
    assert lot.level(ExitReason.STOP_LOSS) == lot.levels.stop_loss
    assert lot.level(ExitReason.TAKE_PROFIT) == lot.levels.take_profit
    assert lot.level(ExitReason.WHALE_EXIT) is None
    assert Lot(WHALE, MARKET.token_ids[0], MARKET, after(0)).level(ExitReason.STOP_LOSS) is None


def test_a_read_that_may_not_be_trusted_changes_nothing() -> None:
    lot = a_lot()
    before = lot.levels
    assert lot.look(a_read("0.01", 1, "crossed"), RULES) is None
    assert lot.look(a_read("0.01", 9, "crossed"), RULES) is None
    assert lot.levels == before
